//! Tasks start again where they run better: at another parallelism, or without a
//! worker that is to end. A checkpoint first, or the latest one when none can be
//! taken. A rescale is refused, with the job untouched, when the workers have too
//! few slots.

use super::{Coordinator, Ending};
use crate::coordinator::JobOutcome;
use crate::coordinator::run::checkpoints::failure;
use std::time::Instant;
use streamjob_api::{FailureCause, JobState, RescaleOutcome, TriggerOutcome};
use streamjob_checkpoint::coordinator::{RequestId, RequestKind};
use streamjob_core::Error;

/// A new start that waits for its checkpoint.
pub(super) struct Wanted {
    /// Where the outcome is filed, when a client asked for it.
    pub trigger: Option<String>,
    /// New number of subtasks.
    pub parallelism: u32,
    /// Its checkpoint.
    pub request: RequestId,
}

/// A new start whose tasks do not all run yet.
pub(super) struct Rescaling {
    trigger: Option<String>,
    from: u32,
    stopped: Instant,
}

impl Coordinator {
    /// A client wants another parallelism.
    pub(super) fn rescale(&mut self, trigger: String, parallelism: u32, workers: Option<u32>) -> Option<JobOutcome> {
        if parallelism == self.parallelism {
            self.view.close_trigger(&trigger, done(parallelism, parallelism, 0));
            return None;
        }
        if let Err(e) = self.can_rescale(parallelism) {
            self.view.close_trigger(&trigger, refused(&e));
            return None;
        }
        self.settings.deployer.keep(workers);
        match self.decisions.request(RequestKind::Checkpoint, self.ticks()) {
            Ok((request, actions)) => {
                self.ending = Ending::Rescale(Wanted { trigger: Some(trigger), parallelism, request });
                self.perform(actions)
            }
            Err(refusal) => {
                let error = failure(refusal.reason, &refusal.message);
                self.without_checkpoint(Some(trigger), parallelism, error)
            }
        }
    }

    /// A client wants another parallelism while no tasks run: they start at it.
    pub(super) fn rescale_next_start(&mut self, trigger: String, parallelism: u32, workers: Option<u32>) {
        if parallelism == self.parallelism {
            self.view.close_trigger(&trigger, done(parallelism, parallelism, 0));
            return;
        }
        if let Err(e) = self.can_rescale(parallelism) {
            self.view.close_trigger(&trigger, refused(&e));
            return;
        }
        self.settings.deployer.keep(workers);
        let from = std::mem::replace(&mut self.parallelism, parallelism);
        tracing::info!("the tasks start at parallelism {parallelism} instead of {from}");
        let next = Rescaling { trigger: Some(trigger), from, stopped: Instant::now() };
        self.refuse_rescaling(&Error::transient(format!(
            "another rescale, to {parallelism}, came before the tasks ran"
        )));
        self.rescaling = Some(next);
    }

    /// The rescale that waits for its tasks does not come about.
    pub(super) fn refuse_rescaling(&mut self, error: &Error) {
        if let Some(Rescaling { trigger: Some(trigger), .. }) = self.rescaling.take() {
            self.view.close_trigger(&trigger, refused(error));
        }
    }

    fn can_rescale(&self, parallelism: u32) -> Result<(), Error> {
        let max = self.settings.max_parallelism;
        if parallelism == 0 || parallelism > max {
            return Err(Error::user(format!("parallelism {parallelism} is not from 1 to the max parallelism, {max}"))
                .fix("give a parallelism in that range; max parallelism can only be raised while no state exists"));
        }
        if !matches!(self.ending, Ending::No) {
            return Err(Error::transient("the job is about to end or to rescale").fix("try again"));
        }
        match self.settings.deployer.missing(self.slots(parallelism)?) {
            Some(missing) => Err(Error::transient(missing).fix("start more workers first")),
            None => Ok(()),
        }
    }

    /// A worker is to end: its tasks go on elsewhere, without a row being read twice if a checkpoint can be taken in time.
    /// If not, the worker is lost like any other.
    pub(super) fn move_off(&mut self, worker: &str) -> Option<JobOutcome> {
        if !matches!(self.ending, Ending::No) {
            return None;
        }
        let Ok((request, actions)) = self.decisions.request(RequestKind::Checkpoint, self.ticks()) else {
            // Its tasks are just being started.
            self.leaving = Some(worker.to_string());
            return None;
        };
        tracing::info!("a checkpoint, then the tasks on worker {worker} go on elsewhere");
        self.ending = Ending::Rescale(Wanted { trigger: None, parallelism: self.parallelism, request });
        self.perform(actions)
    }

    /// The checkpoint failed: the latest retained one serves a rescale, if there is one.
    pub(super) fn without_checkpoint(
        &mut self,
        trigger: Option<String>,
        parallelism: u32,
        failed: TriggerOutcome,
    ) -> Option<JobOutcome> {
        self.ending = Ending::No;
        let Some(trigger) = trigger else { return self.carry_on() };
        let latest = self.view.checkpoints().latest;
        if latest.completed.is_none() && latest.restored.is_none() {
            self.view.close_trigger(&trigger, failed);
            return self.carry_on();
        }
        tracing::warn!("no new checkpoint to rescale from; the latest one is taken");
        self.redeploy(Some(trigger), parallelism)
    }

    /// Its checkpoint is published.
    pub(super) fn rescale_now(&mut self, wanted: Wanted) -> Option<JobOutcome> {
        self.redeploy(wanted.trigger, wanted.parallelism)
    }

    fn redeploy(&mut self, trigger: Option<String>, parallelism: u32) -> Option<JobOutcome> {
        let from = std::mem::replace(&mut self.parallelism, parallelism);
        if from != parallelism {
            tracing::info!("rescaling from {from} to {parallelism}");
        }
        self.view.set_state(JobState::Restarting, self.now());
        self.rescaling = Some(Rescaling { trigger, from, stopped: Instant::now() });
        if let Some(outcome) = self.tear_down(&Error::transient("the tasks start again elsewhere")) {
            return Some(outcome);
        }
        self.start_tasks().unwrap_or_else(|e| self.failed(e))
    }

    /// All tasks run: reports a rescale.
    pub(super) fn rescaled(&mut self) {
        let Some(Rescaling { trigger, from, stopped }) = self.rescaling.take() else { return };
        let outage = u64::try_from(stopped.elapsed().as_millis()).unwrap_or(u64::MAX);
        let Some(trigger) = trigger else {
            return tracing::info!("the tasks were moved: {outage} ms without tasks");
        };
        tracing::info!("rescaled from {from} to {}: {outage} ms without tasks", self.parallelism);
        self.view.close_trigger(&trigger, done(from, self.parallelism, outage));
    }
}

fn done(from: u32, to: u32, outage_ms: u64) -> TriggerOutcome {
    TriggerOutcome { rescale: Some(RescaleOutcome { from, to, outage_ms }), ..TriggerOutcome::default() }
}

fn refused(error: &Error) -> TriggerOutcome {
    let failure = FailureCause { class: "RESCALE_REFUSED".into(), message: error.to_string() };
    TriggerOutcome { failure: Some(failure), ..TriggerOutcome::default() }
}

/// The outcome of a rescale that the job's failure overtook.
pub(super) fn overtaken(error: &Error) -> TriggerOutcome {
    refused(&Error::transient("the job failed before it could be rescaled").caused_by(error.to_string()))
}
