//! Where checkpoints and savepoints go. Names only, nothing is asked of storage:
//! a barrier never waits for storage work, which holds the ledger.

use streamjob_checkpoint::lineage::{Lineage, Slot};
use streamjob_core::{CheckpointId, Result};

/// See the module.
pub struct Names {
    lineage: Lineage,
}

impl Names {
    /// In this lineage.
    pub fn new(lineage: Lineage) -> Self {
        Self { lineage }
    }

    /// Where checkpoint `id` goes.
    pub fn checkpoint(&self, id: CheckpointId, attempt: &str) -> Slot {
        self.lineage.checkpoint(id, attempt)
    }

    /// Where a new savepoint goes. Errors (User) for a target that is no place.
    pub fn savepoint(&self, target: Option<&str>) -> Result<Slot> {
        self.lineage.savepoint(target)
    }
}
