//! The coordinator's loop: task events, requests of clients, results of storage
//! work and the passing of time go in; commands to tasks and storage work come out.

mod adopt;
mod background;
mod checkpoints;
mod discard;
mod doubt;
mod endings;
mod rescale;
mod slots;

use super::JobOutcome;
use super::attempt::Attempt;
use super::ledger::{Ledger, Written};
use super::names::Names;
use super::snapshots::Collected;
use crate::restart::Restarts;
use crate::settings::JobSettings;
use crate::view::{JobView, Request};
use checkpoints::failure;
use crossbeam_channel::{Receiver, Sender, select, unbounded};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};
use streamjob_api::{FailureCause, JobState, TriggerOutcome};
use streamjob_checkpoint::coordinator::{
    Action, Config, Coordinator as Decisions, FailureReason, RequestId, RequestKind,
};
use streamjob_checkpoint::lineage::{Publish, Slot};
use streamjob_checkpoint::{CheckpointWriter, Kind};
use streamjob_core::{CheckpointId, Domain, Error, Result, StopMode};
use streamjob_engine::deploy::{DeployRequest, TaskCommand, TaskEvent, TaskId};
use streamjob_state::SnapshotFormat;

/// Longest wait for an event, so that figures are fresh.
const TICK: Duration = Duration::from_millis(100);
/// How long a final checkpoint may take when the process is asked to end.
const SUSPEND_MS: i64 = 30_000;

/// Runs one job to its end.
pub struct Coordinator {
    settings: Arc<JobSettings>,
    /// Milliseconds on a clock that nobody sets: what is due, too old or too often goes by it. Records bear the wall clock's.
    ticks: Box<dyn Fn() -> i64 + Send>,
    decisions: Decisions<TaskId>,
    ledger: Option<Ledger>,
    names: Names,
    view: JobView,
    requests: Receiver<Request>,
    restarts: Restarts,
    events: (Sender<TaskEvent>, Receiver<TaskEvent>),
    storage: (Sender<StorageDone>, Receiver<StorageDone>),
    /// Outcomes of storage work that was waited for; looked at in their turn.
    deferred: VecDeque<StorageResult>,
    /// Why the last checkpoint failed.
    declined: Option<Error>,
    /// A checkpoint that may or may not exist: storage is asked before tasks start.
    doubt: Option<doubt::Doubt>,
    attempt: Option<Attempt>,
    attempt_id: String,
    pending: BTreeMap<CheckpointId, Pending>,
    /// Savepoints that were given up while tasks may still write to them.
    discarded: BTreeMap<CheckpointId, Slot>,
    background: background::Background,
    /// More than one checkpoint may be under way.
    overlapping: bool,
    triggers: HashMap<RequestId, String>,
    /// Checkpoints behind whose completion a stop is asked for.
    stops_next: HashMap<RequestId, StopMode>,
    ending: Ending,
    /// Subtasks now; the settings' until the job is rescaled.
    parallelism: u32,
    rescaling: Option<rescale::Rescaling>,
    /// A worker that is to end, when all tasks run.
    leaving: Option<String>,
}

/// Why and how the job is about to end.
enum Ending {
    /// It is not.
    No,
    /// Input is done: this checkpoint is the last one, once it completes.
    Final(Option<CheckpointId>),
    /// Stops behind a savepoint or checkpoint that was requested, then completed at this location.
    Stop { request: RequestId, behind: Option<(Kind, String)>, drain: bool },
    /// A last checkpoint, by this time, then the end.
    Suspend { deadline_ms: i64, request: Option<RequestId> },
    /// It is not, but starts again at another parallelism.
    Rescale(rescale::Wanted),
    /// The tasks have been told; this is the outcome when they are through.
    Told(JobOutcome),
}

struct Pending {
    kind: Kind,
    stop: Option<StopMode>,
    drained: bool,
    triggered_ms: i64,
    /// Whose tasks write it; another one may run when the last of it is written down.
    attempt: String,
    parallelism: u32,
    slot: Slot,
    writer: Arc<CheckpointWriter>,
    collected: Collected,
    /// Set when it exists.
    written: Option<Written>,
}

/// Storage work ended.
struct StorageDone {
    ledger: Box<Ledger>,
    result: StorageResult,
}

struct StorageResult {
    id: CheckpointId,
    outcome: Publish,
    written: Option<Written>,
}

impl Coordinator {
    /// Ready to run.
    pub fn new(
        settings: JobSettings,
        config: Config,
        ledger: Ledger,
        view: JobView,
        requests: Receiver<Request>,
    ) -> Self {
        let began = Instant::now();
        Self {
            ticks: Box::new(move || i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX)),
            overlapping: config.max_concurrent > 1,
            decisions: Decisions::new(config, ledger.next_id()),
            restarts: Restarts::new(settings.restart_strategy()),
            parallelism: settings.parallelism,
            rescaling: None,
            leaving: None,
            settings: Arc::new(settings),
            names: ledger.names(),
            ledger: Some(ledger),
            view,
            requests,
            events: unbounded(),
            storage: unbounded(),
            deferred: VecDeque::new(),
            declined: None,
            doubt: None,
            attempt: None,
            attempt_id: String::new(),
            pending: BTreeMap::new(),
            discarded: BTreeMap::new(),
            background: background::Background::default(),
            triggers: HashMap::new(),
            stops_next: HashMap::new(),
            ending: Ending::No,
        }
    }

    /// Runs until the job has ended.
    pub fn run(mut self) -> JobOutcome {
        let outcome = match self.ledger.as_ref().and_then(Ledger::finished_already) {
            Some(checkpoint) => JobOutcome::AlreadyFinished { checkpoint },
            None => self.drive(),
        };
        self.end(outcome)
    }

    /// Leaves nothing under way, and tells who asks how it came out.
    fn end(mut self, outcome: JobOutcome) -> JobOutcome {
        match self.attempt.take() {
            // Where tasks can go on without this process they do, until the next one takes them over.
            Some(attempt) if matches!(outcome, JobOutcome::Suspended { .. }) => attempt.detach(),
            Some(attempt) => {
                attempt.deployment().send(TaskCommand::Cancel);
                self.refresh(&attempt);
                attempt.join();
            }
            None => {}
        }
        self.settle_storage();
        if !matches!(outcome, JobOutcome::Suspended { .. }) {
            self.discard_unfinished();
        }
        let waits = self.view.pulse().storage_wait();
        if matches!(outcome, JobOutcome::Canceled)
            && self.settings.delete_on_cancel()
            && let Some(Err(e)) = self.ledger.as_mut().map(|l| l.delete_checkpoints(self.settings.clock.now_ms()))
        {
            tracing::warn!("checkpoints could not be deleted: {e}");
        }
        drop(waits);
        let state = match &outcome {
            JobOutcome::Failed(e) => {
                self.view.set_failure(e, self.restarts.total(), self.now());
                JobState::Failed
            }
            JobOutcome::Canceled => JobState::Canceled,
            JobOutcome::Suspended { .. } => JobState::Canceled,
            _ => JobState::Finished,
        };
        self.view.set_state(state, self.now());
        outcome
    }

    /// For records.
    fn now(&self) -> i64 {
        self.settings.clock.now_ms()
    }

    /// For decisions.
    fn ticks(&self) -> i64 {
        (self.ticks)()
    }

    fn drive(&mut self) -> JobOutcome {
        if let Some(outcome) = self.begin() {
            return outcome;
        }
        loop {
            self.view.pulse().beat();
            let wait = self.wait();
            let outcome = select! {
                recv(self.events.1) -> event => event.ok().and_then(|e| self.on_event(e)),
                recv(self.requests) -> request => request.ok().and_then(|r| self.on_request(r)),
                recv(self.storage.1) -> done => done.ok().and_then(|d| self.on_storage(d)),
                default(wait) => None,
            };
            if let Some(outcome) = outcome.or_else(|| self.on_time()) {
                return outcome;
            }
        }
    }

    fn wait(&self) -> Duration {
        let due = self.decisions.next_deadline().map_or(i64::MAX, |at| (at - self.ticks()).max(0));
        Duration::from_millis(u64::try_from(due).unwrap_or(0)).min(TICK)
    }

    fn on_time(&mut self) -> Option<JobOutcome> {
        if let Some(attempt) = self.attempt.take() {
            self.refresh(&attempt);
            self.attempt = Some(attempt);
        }
        if let Ending::Suspend { deadline_ms, .. } = self.ending
            && self.ticks() >= deadline_ms
        {
            tracing::warn!("no checkpoint within {SUSPEND_MS} ms; the next start goes on from the one before");
            return Some(JobOutcome::Suspended { checkpoint: None });
        }
        while let Some(result) = self.deferred.pop_front() {
            if let Some(outcome) = self.on_published(result) {
                return Some(outcome);
            }
        }
        // What fails by the passing of time has no error behind it.
        self.declined = None;
        let actions = self.decisions.tick(self.ticks());
        self.perform(actions)
    }

    fn refresh(&self, attempt: &Attempt) {
        self.view.set_tasks(attempt.deployment().vertices(), attempt.deployment().status(), self.now());
    }

    /// Waits for slots and deploys. The job's outcome when it ends over that; an error is a failure of the job.
    fn start_tasks(&mut self) -> Result<Option<JobOutcome>> {
        if let Some(outcome) = self.settle_doubt()? {
            return Ok(Some(outcome));
        }
        if let Some(outcome) = self.await_slots()? {
            return Ok(Some(outcome));
        }
        self.deploy().map(|()| None)
    }

    fn deploy(&mut self) -> Result<()> {
        let now = self.now();
        let ledger = self.ledger.as_mut().ok_or_else(|| Error::internal("deployed while storage work is under way"))?;
        let waits = self.view.pulse().storage_wait();
        ledger.check_in_power()?;
        let (restore, reader) = ledger.restore()?;
        drop(waits);
        if let Some(restored) = ledger.restored(now) {
            self.view.restored(restored);
        }
        self.attempt_id = uuid::Uuid::new_v4().simple().to_string();
        ledger.add_attempt(&self.attempt_id);
        // Events of an older attempt must not be taken for this one's.
        self.events = unbounded();
        let origin = ledger.origin();
        let s = &self.settings;
        let request = DeployRequest {
            graph: s.graph.clone(),
            job: s.name.clone(),
            job_id: ledger.job_id().clone(),
            parallelism: self.parallelism,
            max_parallelism: s.max_parallelism,
            attempt: self.attempt_id.clone(),
            backend: s.backend.clone(),
            work_dir: s.work_dir.clone(),
            memory_budget: s.memory_budget(),
            restore,
            restore_store: Arc::new(reader),
            clock: s.clock.clone(),
            aligned: s.aligned(),
            chaining: s.options.bool("pipeline.operator-chaining.enabled"),
            linger: s.linger(),
            events: self.events.0.clone(),
            share: None,
        };
        let attempt = Attempt::new(s.deployer.deploy(request, origin)?);
        self.decisions.set_tasks(attempt.tasks().iter().copied());
        self.view.deployed(attempt.deployment().vertices(), self.parallelism, now);
        self.attempt = Some(attempt);
        Ok(())
    }

    fn on_event(&mut self, event: TaskEvent) -> Option<JobOutcome> {
        self.view.task_event(&event, self.settings.clock.now_ms());
        let attempt = self.attempt.as_mut()?;
        match event {
            TaskEvent::Running(task) => {
                if attempt.running(task) {
                    self.view.set_state(JobState::Running, self.now());
                    tracing::info!("all tasks are running");
                    self.rescaled();
                    let actions = self.decisions.tasks_running(true, self.ticks());
                    let outcome = self.perform(actions);
                    let leaving = self.leaving.take();
                    return outcome.or_else(|| leaving.and_then(|worker| self.move_off(&worker)));
                }
                None
            }
            TaskEvent::Ended(task) => {
                if attempt.ended(task) {
                    return self.input_done();
                }
                None
            }
            TaskEvent::Snapshot { task, checkpoint, result } => self.on_snapshot(task, checkpoint, result),
            TaskEvent::Published(task, checkpoint) => {
                if attempt.published(task, checkpoint) {
                    return self.all_published();
                }
                None
            }
            TaskEvent::Finished(task) => {
                if attempt.finished(task) {
                    // When they were told to, this ends the job with its outcome.
                    return self.failed(Error::internal("all tasks ended without being told to"));
                }
                None
            }
            TaskEvent::Failed(task, error) => {
                let vertex = attempt.deployment().vertices().get(task.vertex);
                let (name, parallelism) = vertex.map_or(("", 1), |v| (v.name.as_str(), v.parallelism));
                let error = error.context(format!("{name} ({}/{parallelism})", task.subtask + 1));
                self.failed(error)
            }
            // When all is published already, this ends the job with its outcome.
            TaskEvent::PeerLost(error) => self.failed(error),
            TaskEvent::Leaving(worker) => self.move_off(&worker),
        }
    }

    fn on_request(&mut self, request: Request) -> Option<JobOutcome> {
        match request {
            Request::Cancel => {
                self.view.set_state(JobState::Cancelling, self.now());
                Some(JobOutcome::Canceled)
            }
            Request::Suspend => self.suspend(),
            Request::Rescale { trigger, parallelism, workers } => self.rescale(trigger, parallelism, workers),
            Request::Go { trigger, .. } => {
                let cause = FailureCause { class: "RUNS_ALREADY".into(), message: "the job runs here already".into() };
                self.view.close_trigger(&trigger, TriggerOutcome { failure: Some(cause), ..TriggerOutcome::default() });
                None
            }
            Request::Checkpoint { trigger } => self.request(trigger, RequestKind::Checkpoint),
            Request::StopBehindCheckpoint { trigger, mode } => self.stop_behind_checkpoint(trigger, mode),
            Request::Savepoint { trigger, target, stop } => {
                let target = target.or_else(|| self.settings.savepoint_dir.clone());
                // Said at once, before other checkpoints are given up for it.
                if let Err(e) = self.names.savepoint(target.as_deref()) {
                    self.view.close_trigger(&trigger, failure(FailureReason::IoException, &e.to_string()));
                    return None;
                }
                self.request(trigger, RequestKind::Savepoint { target, format: SnapshotFormat::Canonical, stop })
            }
        }
    }

    fn request(&mut self, trigger: String, kind: RequestKind) -> Option<JobOutcome> {
        let stops = kind.stop();
        if stops.is_some() && !matches!(self.ending, Ending::No) {
            let message = "the job is about to end or to start its tasks again";
            self.view.close_trigger(&trigger, failure(FailureReason::CheckpointCoordinatorSuspend, message));
            return None;
        }
        match self.decisions.request(kind, self.ticks()) {
            Ok((request, actions)) => {
                self.triggers.insert(request, trigger);
                if let Some(mode) = stops {
                    self.ending = Ending::Stop { request, behind: None, drain: mode == StopMode::Drain };
                }
                self.perform(actions)
            }
            Err(refusal) => {
                self.view.close_trigger(&trigger, failure(refusal.reason, &refusal.message));
                None
            }
        }
    }

    fn perform(&mut self, actions: Vec<Action>) -> Option<JobOutcome> {
        for action in actions {
            let outcome = match action {
                Action::Trigger { id, kind, .. } => self.trigger(id, kind),
                Action::Finalize { id } => self.finalize(id),
                Action::Complete { id, notify, request } => self.complete(id, notify, request),
                Action::Abort { id, reason, message, request } => self.abort(id, reason, &message, request),
                Action::Refuse { request, reason } => {
                    self.close(request, failure(reason, reason.text()));
                    None
                }
                Action::FailJob { message } => {
                    let error = too_many_failures(message, self.declined.take().as_ref());
                    self.failed(error)
                }
            };
            if outcome.is_some() {
                return outcome;
            }
        }
        None
    }
}

/// The job's failure after more failed checkpoints than are tolerated. `message` tells the last one already; what
/// only the user can change stays the user's.
fn too_many_failures(message: String, cause: Option<&Error>) -> Error {
    let error = match cause.map(Error::domain) {
        Some(Domain::User) => Error::user(message),
        _ => Error::transient(message),
    };
    match cause.and_then(Error::nearest_fix) {
        Some(fix) => error.fix(fix),
        None => error,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests;
