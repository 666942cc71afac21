//! Savepoints that did not come about leave nothing behind. Nobody will ever refer
//! to their folders, so that they can be deleted at any time; but tasks that have
//! been told late still write to them. So again with each late answer, and a last
//! time when all tasks have ended. Checkpoints need nothing of this: they are swept.

use super::Coordinator;
use streamjob_checkpoint::Slot;
use streamjob_core::CheckpointId;

impl Coordinator {
    /// It was given up. Never to be called of one that may exist.
    pub(super) fn discard(&mut self, id: CheckpointId, slot: Slot) {
        self.discarded.insert(id, slot);
        self.discard_late(id);
    }

    /// A task has answered for a checkpoint, perhaps too late.
    pub(super) fn discard_late(&self, id: CheckpointId) {
        let Some(slot) = self.discarded.get(&id).cloned() else { return };
        self.background.run("discard", move || match slot.discard() {
            Ok(0) => {}
            Ok(files) => tracing::debug!("deleted {files} files of a savepoint that did not come about"),
            Err(e) => tracing::warn!("what was written of savepoint {} stays: {e}", slot.location),
        });
    }

    /// No task writes any more.
    pub(super) fn discard_last(&mut self) {
        for id in self.discarded.keys() {
            self.discard_late(*id);
        }
        self.discarded.clear();
    }
}
