//! How a job ends or starts again: input done, stopped, suspended, failed.

use super::checkpoints::{completed, failure};
use super::rescale::{Wanted, overtaken};
use super::{Coordinator, Ending, SUSPEND_MS, StorageResult};
use crate::coordinator::JobOutcome;
use crate::coordinator::attempt::Attempt;
use crate::view::Request;
use crossbeam_channel::RecvTimeoutError;
use std::time::{Duration, Instant};
use streamjob_api::JobState;
use streamjob_checkpoint::coordinator::RequestKind;
use streamjob_checkpoint::{Kind, Publish};
use streamjob_core::{Domain, Error, StopMode};
use streamjob_engine::deploy::TaskCommand;

/// Between two heartbeats of a loop that waits.
const BEAT: Duration = Duration::from_secs(10);
/// How long the end of a job waits for storage work under way.
const STORAGE_WAIT: Duration = Duration::from_secs(30);

/// What the job stops behind is complete, but it did not stop as it should: nothing falls back silently.
pub(super) fn stopped_badly(error: Error, kind: Kind, path: &str) -> JobOutcome {
    let error = error.context(format!("{} {path} is complete, but the job failed while stopping", kind.word()));
    JobOutcome::Failed(error.fix(format!("start from it: --from {path}")))
}

impl Coordinator {
    /// All input is done and all results are emitted: one more checkpoint publishes them.
    pub(super) fn input_done(&mut self) -> Option<JobOutcome> {
        if matches!(self.ending, Ending::No) {
            self.ending = Ending::Final(None);
            return self.request_final();
        }
        None
    }

    /// The job was about to end or to start its tasks again, and does not: its input may have ended meanwhile.
    pub(super) fn carry_on(&mut self) -> Option<JobOutcome> {
        self.ending = Ending::No;
        if self.attempt.as_ref().is_some_and(Attempt::all_ended) { self.input_done() } else { None }
    }

    pub(super) fn request_final(&mut self) -> Option<JobOutcome> {
        match self.decisions.request(RequestKind::Checkpoint, self.ticks()) {
            Ok((_, actions)) => self.perform(actions),
            Err(refusal) => {
                self.failed(Error::internal(format!("the final checkpoint was refused: {}", refusal.message)))
            }
        }
    }

    pub(super) fn suspend(&mut self) -> Option<JobOutcome> {
        if !matches!(self.ending, Ending::No) {
            return None;
        }
        let now = self.ticks();
        match self.decisions.request(RequestKind::Checkpoint, now) {
            Ok((request, actions)) => {
                self.ending = Ending::Suspend { deadline_ms: now + SUSPEND_MS, request: Some(request) };
                self.perform(actions)
            }
            Err(_) => Some(JobOutcome::Suspended { checkpoint: None }),
        }
    }

    /// A checkpoint while the job runs, however much there is to upload; then the one behind which it stops, which is short.
    /// If the first one fails, the job goes on.
    pub(super) fn stop_behind_checkpoint(&mut self, trigger: String, mode: StopMode) -> Option<JobOutcome> {
        match self.decisions.request(RequestKind::Checkpoint, self.ticks()) {
            Ok((request, actions)) => {
                self.triggers.insert(request, trigger);
                self.stops_next.insert(request, mode);
                self.perform(actions)
            }
            Err(refusal) => {
                self.view.close_trigger(&trigger, failure(refusal.reason, &refusal.message));
                None
            }
        }
    }

    /// The last checkpoint's output is out: let the tasks end.
    pub(super) fn all_published(&mut self) -> Option<JobOutcome> {
        let latest = self.view.checkpoints().latest.completed.and_then(|c| c.external_path);
        let (outcome, command) = match std::mem::replace(&mut self.ending, Ending::No) {
            Ending::Final(_) => (JobOutcome::Finished { checkpoint: latest }, TaskCommand::Finish),
            Ending::Stop { behind: Some((kind, location)), drain, .. } => {
                (JobOutcome::Stopped { kind, location, drained: drain }, TaskCommand::Finish)
            }
            Ending::Suspend { .. } => return Some(JobOutcome::Suspended { checkpoint: latest }),
            Ending::Rescale(wanted) => return self.rescale_now(wanted),
            other => {
                self.ending = other;
                return None;
            }
        };
        self.ending = Ending::Told(outcome);
        if let Some(attempt) = &self.attempt {
            attempt.deployment().send(command);
        }
        None
    }

    /// The job failed: start it again, or give up.
    pub(super) fn failed(&mut self, mut error: Error) -> Option<JobOutcome> {
        // A start that fails is a failure like any other. In a loop, for storage may be away for days.
        loop {
            if let Some(outcome) = self.await_restart(error) {
                return Some(outcome);
            }
            match self.start_tasks() {
                Ok(outcome) => return outcome,
                Err(e) => error = e,
            }
        }
    }

    /// Ends the tasks and waits as long as the restart strategy says. The job's outcome when it does not start again.
    fn await_restart(&mut self, error: Error) -> Option<JobOutcome> {
        if let Some(outcome) = self.await_stop() {
            return Some(outcome);
        }
        match std::mem::replace(&mut self.ending, Ending::No) {
            Ending::Told(outcome) => return Some(outcome),
            Ending::Rescale(Wanted { trigger: Some(trigger), .. }) => {
                self.view.close_trigger(&trigger, overtaken(&error));
            }
            Ending::Stop { behind: Some((kind, path)), .. } => {
                return Some(stopped_badly(error, kind, &path));
            }
            // The process is asked to end, and it does. The next start goes on from the checkpoint before.
            Ending::Suspend { .. } => return Some(JobOutcome::Suspended { checkpoint: None }),
            _ => {}
        }
        // What the user must change does not get better by trying again.
        if error.domain() == Domain::User {
            return Some(JobOutcome::Failed(error));
        }
        self.view.set_state(JobState::Failing, self.now());
        let delay = match self.restarts.on_failure(self.ticks()) {
            Ok(delay) => delay,
            Err(why) => return Some(JobOutcome::Failed(error.context(format!("the job gives up: {why}")))),
        };
        tracing::warn!("the job failed and starts again in {} ms: {error}", delay.as_millis());
        self.view.set_failure(&error, self.restarts.total(), self.now());
        self.view.set_state(JobState::Restarting, self.now());
        if let Some(outcome) = self.tear_down(&error) {
            return Some(outcome);
        }
        self.pause(delay)
    }

    /// What the job stops behind may just be written down: it is not gone back on once it exists.
    fn await_stop(&mut self) -> Option<JobOutcome> {
        let Ending::Stop { request, behind: None, .. } = self.ending else { return None };
        if let Some(outcome) = self.await_storage() {
            return Some(outcome);
        }
        let written = self.deferred.iter().filter(|r| matches!(r.outcome, Publish::Done)).map(|r| r.id);
        let (id, pending) =
            written.filter_map(|id| Some((id, self.pending.get(&id)?))).find(|(_, p)| p.stop.is_some())?;
        let (kind, location) = (pending.kind, pending.slot.location.clone());
        if let Ending::Stop { behind, .. } = &mut self.ending {
            *behind = Some((kind, location.clone()));
        }
        self.close(request, completed(id, location));
        None
    }

    pub(super) fn tear_down(&mut self, error: &Error) -> Option<JobOutcome> {
        // Storage work first: what it publishes is what the job restarts from.
        if let Some(outcome) = self.await_storage() {
            return Some(outcome);
        }
        if let Some(attempt) = self.attempt.take() {
            attempt.deployment().send(TaskCommand::Cancel);
            attempt.join();
        }
        let actions = self.decisions.fail_over(&error.to_string());
        let outcome = self.perform(actions);
        self.discard_last();
        outcome
    }

    /// The job has ended: what storage work still publishes is reported, for it is what the next start goes on from.
    pub(super) fn settle_storage(&mut self) {
        let _waits = self.view.pulse().storage_wait();
        while self.ledger.is_none() {
            match self.storage.1.recv_timeout(STORAGE_WAIT) {
                Ok(done) => {
                    self.ledger = Some(*done.ledger);
                    self.deferred.push_back(done.result);
                }
                Err(_) => {
                    tracing::warn!("checkpoint storage does not answer; its last work is left as it is");
                    break;
                }
            }
        }
        let now = self.now();
        for StorageResult { id, outcome, written } in std::mem::take(&mut self.deferred) {
            // Whether it exists or nobody knows: it is not to be discarded.
            let pending = self.pending.remove(&id);
            if let (Publish::Done, Some(written), Some(pending)) = (outcome, written, pending) {
                self.report_complete(id, &pending, &written, now);
            }
        }
    }

    /// The job has ended and so have its tasks: savepoints under way will never be complete.
    pub(super) fn discard_unfinished(&mut self) {
        if self.ledger.is_some() {
            let open = std::mem::take(&mut self.pending).into_iter().filter(|(_, p)| p.kind.is_savepoint());
            self.discarded.extend(open.map(|(id, p)| (id, p.slot)));
        }
        if !self.discarded.is_empty() {
            self.discard_last();
            self.background.settle(STORAGE_WAIT);
        }
    }

    /// A client's request while no tasks run: it can end the wait, and everything else is answered.
    pub(super) fn while_waiting(&mut self, request: Request) -> Option<JobOutcome> {
        match request {
            Request::Cancel => Some(JobOutcome::Canceled),
            Request::Suspend => Some(JobOutcome::Suspended { checkpoint: None }),
            Request::Rescale { trigger, parallelism, workers } => {
                self.rescale_next_start(trigger, parallelism, workers);
                None
            }
            other => self.on_request(other),
        }
    }

    /// Waits before a restart; a cancel ends the wait.
    pub(super) fn pause(&mut self, delay: Duration) -> Option<JobOutcome> {
        let until = Instant::now() + delay;
        loop {
            self.view.pulse().beat();
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            match self.requests.recv_timeout(left.min(BEAT)) {
                Ok(request) => {
                    if let Some(outcome) = self.while_waiting(request) {
                        return Some(outcome);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
    }
}
