//! A checkpoint of which nobody knows whether it exists: storage failed at the
//! last steps of publishing it. The tasks start again from what storage then says
//! is the newest one; until storage answers, starts are tried again.

use super::checkpoints::failure;
use super::endings::stopped_badly;
use super::{Coordinator, StorageResult};
use crate::coordinator::JobOutcome;
use streamjob_checkpoint::coordinator::FailureReason;
use streamjob_checkpoint::{Kind, Publish};
use streamjob_core::{CheckpointId, Error, Result};

/// What is to be found out.
pub(super) struct Doubt {
    /// What the job was to stop behind, if it was that: its kind and location.
    stop: Option<(Kind, String)>,
}

impl Coordinator {
    /// Storage gave no answer: the checkpoint is neither complete nor given up. Nothing of it is deleted, and no task hears
    /// of it, for what tasks would discard may be part of a checkpoint.
    pub(super) fn doubt(&mut self, id: CheckpointId, error: &Error) {
        let reason = FailureReason::JobFailoverRegion;
        let message = format!("whether checkpoint {id} exists is not known: {}", error.chain());
        let request = self.decisions.finalize_unknown(id);
        let pending = self.pending.remove(&id);
        if let Some(pending) = &pending {
            self.report_failed(id, pending, reason, &message);
        }
        if let Some(request) = request {
            self.close(request, failure(reason, &message));
        }
        let stop = pending.filter(|p| p.stop.is_some()).map(|p| (p.kind, p.slot.location));
        self.doubt = Some(Doubt { stop });
    }

    /// Before tasks start: what storage says is the truth. An error leaves the doubt, to be settled by the next start.
    pub(super) fn settle_doubt(&mut self) -> Result<Option<JobOutcome>> {
        let Some(Doubt { stop }) = &self.doubt else { return Ok(None) };
        let ledger = self.ledger.as_mut().ok_or_else(|| Error::internal("started while storage work is under way"))?;
        let waits = self.view.pulse().storage_wait();
        ledger.reclaim(&self.settings)?;
        drop(waits);
        self.view.set_identity(ledger.job_id().clone(), ledger.generation());
        self.names = ledger.names();
        self.decisions.skip_past(ledger.next_id().saturating_sub(1));
        let exists = stop.clone().filter(|(_, path)| ledger.restores_from().as_ref() == Some(path));
        self.doubt = None;
        Ok(exists.map(|(kind, path)| {
            let error = Error::transient("checkpoint storage did not answer when it was written down");
            stopped_badly(error, kind, &path)
        }))
    }

    /// Waits for storage work under way. What it published is looked at in its turn; the job's outcome when this
    /// coordinator is out of power.
    pub(super) fn await_storage(&mut self) -> Option<JobOutcome> {
        let _waits = self.view.pulse().storage_wait();
        while self.ledger.is_none() {
            let done = self.storage.1.recv().ok()?;
            self.ledger = Some(*done.ledger);
            let StorageResult { id, outcome, written } = done.result;
            match outcome {
                Publish::Fenced(e) => {
                    self.pending.remove(&id);
                    return Some(JobOutcome::Failed(e));
                }
                Publish::Unknown(e) => self.doubt(id, &e),
                // Without its outcome the checkpoint would count as under way for ever, and no other would begin.
                outcome => self.deferred.push_back(StorageResult { id, outcome, written }),
            }
        }
        None
    }
}
