//! The coordinator's loop: task events, requests of clients, results of storage
//! work and the passing of time go in; commands to tasks and storage work come out.

use super::JobOutcome;
use super::attempt::Attempt;
use super::ledger::{Finished, Ledger, Written};
use super::snapshots::Collected;
use crate::restart::Restarts;
use crate::settings::JobSettings;
use crate::view::{JobView, Request};
use crossbeam_channel::{Receiver, Sender, select, unbounded};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;
use streamjob_api::{CheckpointInfo, CheckpointStatus, FailureCause, JobState, TriggerOutcome};
use streamjob_checkpoint::coordinator::{Action, Config, Coordinator as Decisions, FailureReason, RequestId, RequestKind, materialize_message};
use streamjob_checkpoint::lineage::{Publish, Slot};
use streamjob_checkpoint::{CheckpointWriter, Kind};
use streamjob_core::{Barrier, BarrierKind, CheckpointId, Domain, Error, Result, StopMode};
use streamjob_engine::deploy::{DeployRequest, TaskCommand, TaskEvent, TaskId, TaskSnapshot};
use streamjob_state::{SnapshotFormat, SnapshotStore};

/// Longest wait for an event, so that figures are fresh.
const TICK: Duration = Duration::from_millis(100);
/// How long a final checkpoint may take when the process is asked to end.
const SUSPEND_MS: i64 = 30_000;

/// Runs one job to its end.
pub struct Coordinator {
    settings: Arc<JobSettings>,
    decisions: Decisions<TaskId>,
    ledger: Option<Ledger>,
    view: JobView,
    requests: Receiver<Request>,
    restarts: Restarts,
    events: (Sender<TaskEvent>, Receiver<TaskEvent>),
    storage: (Sender<StorageDone>, Receiver<StorageDone>),
    deferred: Option<StorageResult>,
    /// Why a task declined, when only the user can change it.
    user_error: Option<Error>,
    attempt: Option<Attempt>,
    attempt_id: String,
    pending: BTreeMap<CheckpointId, Pending>,
    triggers: HashMap<RequestId, String>,
    ending: Ending,
}

/// Why and how the job is about to end.
enum Ending {
    /// It is not.
    No,
    /// Input is done: this checkpoint is the last one, once it completes.
    Final(Option<CheckpointId>),
    /// Stops behind a savepoint that was requested, then completed at this location.
    Stop(Option<String>),
    /// A last checkpoint, by this time, then the end.
    Suspend { deadline_ms: i64, request: Option<RequestId> },
    /// The tasks have been told; this is the outcome when they are through.
    Told(JobOutcome),
}

struct Pending {
    kind: Kind,
    stop: Option<StopMode>,
    drained: bool,
    triggered_ms: i64,
    slot: Slot,
    writer: Arc<CheckpointWriter>,
    collected: Collected,
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
        Self {
            decisions: Decisions::new(config, ledger.next_id()),
            restarts: Restarts::new(settings.restart_strategy()),
            settings: Arc::new(settings),
            ledger: Some(ledger),
            view,
            requests,
            events: unbounded(),
            storage: unbounded(),
            deferred: None,
            user_error: None,
            attempt: None,
            attempt_id: String::new(),
            pending: BTreeMap::new(),
            triggers: HashMap::new(),
            ending: Ending::No,
        }
    }

    /// Runs until the job has ended.
    pub fn run(mut self) -> JobOutcome {
        let outcome = match self.ledger.as_ref().and_then(Ledger::finished_already) {
            Some(checkpoint) => JobOutcome::AlreadyFinished { checkpoint },
            None => self.drive(),
        };
        if let Some(attempt) = self.attempt.take() {
            attempt.deployment().send(TaskCommand::Cancel);
            self.refresh(&attempt);
            attempt.join();
        }
        if matches!(outcome, JobOutcome::Canceled) && self.settings.delete_on_cancel() {
            if let Some(Err(e)) = self.ledger.as_mut().map(|l| l.delete_checkpoints(self.settings.clock.now_ms())) {
                tracing::warn!("checkpoints could not be deleted: {e}");
            }
        }
        let state = match &outcome {
            JobOutcome::Failed(e) => {
                self.view.set_failure(Some(e.to_string()), self.restarts.total());
                JobState::Failed
            }
            JobOutcome::Canceled => JobState::Canceled,
            JobOutcome::Suspended { .. } => JobState::Canceled,
            _ => JobState::Finished,
        };
        self.view.fail_open_triggers("the job has ended");
        self.view.set_state(state, self.now());
        outcome
    }

    fn now(&self) -> i64 {
        self.settings.clock.now_ms()
    }

    fn drive(&mut self) -> JobOutcome {
        if let Err(e) = self.deploy() {
            if let Some(outcome) = self.failed(e) {
                return outcome;
            }
        }
        loop {
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
        let due = self.decisions.next_deadline().map_or(i64::MAX, |at| (at - self.now()).max(0));
        Duration::from_millis(u64::try_from(due).unwrap_or(0)).min(TICK)
    }

    fn on_time(&mut self) -> Option<JobOutcome> {
        if let Some(attempt) = self.attempt.take() {
            self.refresh(&attempt);
            self.attempt = Some(attempt);
        }
        if let Ending::Suspend { deadline_ms, .. } = self.ending {
            if self.now() >= deadline_ms {
                tracing::warn!("no checkpoint within {SUSPEND_MS} ms; the next start goes on from the one before");
                return Some(JobOutcome::Suspended { checkpoint: None });
            }
        }
        if let Some(outcome) = self.deferred.take().and_then(|r| self.on_published(r)) {
            return Some(outcome);
        }
        let actions = self.decisions.tick(self.now());
        self.perform(actions)
    }

    fn refresh(&self, attempt: &Attempt) {
        self.view.set_tasks(attempt.deployment().vertices(), attempt.deployment().status());
    }

    fn deploy(&mut self) -> Result<()> {
        let ledger = self.ledger.as_ref().ok_or_else(|| Error::internal("deployed while storage work is under way"))?;
        let (restore, reader) = ledger.restore()?;
        if let Some(restored) = ledger.restored(self.now()) {
            self.view.restored(restored);
        }
        self.attempt_id = uuid::Uuid::new_v4().simple().to_string();
        ledger.add_attempt(&self.attempt_id);
        // Events of an older attempt must not be taken for this one's.
        self.events = unbounded();
        let s = &self.settings;
        let deployment = streamjob_engine::deploy_local(DeployRequest {
            graph: s.graph.clone(),
            job: s.name.clone(),
            parallelism: s.parallelism,
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
        })?;
        let attempt = Attempt::new(deployment);
        self.decisions.set_tasks(attempt.tasks().iter().copied());
        self.attempt = Some(attempt);
        Ok(())
    }

    fn on_event(&mut self, event: TaskEvent) -> Option<JobOutcome> {
        let attempt = self.attempt.as_mut()?;
        match event {
            TaskEvent::Running(task) => {
                if attempt.running(task) {
                    let now = self.now();
                    self.view.set_state(JobState::Running, now);
                    tracing::info!("all tasks are running");
                    let actions = self.decisions.tasks_running(true, now);
                    return self.perform(actions);
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
                    return match std::mem::replace(&mut self.ending, Ending::No) {
                        Ending::Told(outcome) => Some(outcome),
                        _ => self.failed(Error::internal("all tasks ended without being told to")),
                    };
                }
                None
            }
            TaskEvent::Failed(task, error) => {
                let name = attempt.deployment().vertices().get(task.vertex).map_or_else(String::new, |v| v.name.clone());
                self.failed(error.context(format!("{name} ({}/…)", task.subtask + 1)))
            }
        }
    }

    fn on_snapshot(&mut self, task: TaskId, id: CheckpointId, result: Result<TaskSnapshot>) -> Option<JobOutcome> {
        match result {
            Ok(snapshot) => {
                if let Some(pending) = self.pending.get_mut(&id) {
                    pending.collected.add(task, snapshot);
                }
                self.view.checkpoint_acknowledged(id);
                let (_, actions) = self.decisions.ack(&task, id);
                self.perform(actions)
            }
            Err(error) => {
                let vertices = self.attempt.as_ref().map(|a| a.deployment().vertices().to_vec()).unwrap_or_default();
                let vertex = vertices.get(task.vertex);
                let name = vertex.map_or("", |v| v.name.as_str());
                let parallelism = vertex.map_or(1, |v| v.parallelism);
                let message = materialize_message(id, name, task.subtask, parallelism, &error);
                if error.domain() == Domain::User {
                    self.user_error = Some(error);
                }
                let now = self.now();
                let actions = self.decisions.decline(id, FailureReason::CheckpointAsyncException, &message, now);
                self.perform(actions)
            }
        }
    }

    /// All input is done and all results are emitted: one more checkpoint publishes them.
    fn input_done(&mut self) -> Option<JobOutcome> {
        if matches!(self.ending, Ending::No) {
            self.ending = Ending::Final(None);
            return self.request_final();
        }
        None
    }

    fn request_final(&mut self) -> Option<JobOutcome> {
        let now = self.now();
        match self.decisions.request(RequestKind::Checkpoint, now) {
            Ok((_, actions)) => self.perform(actions),
            Err(refusal) => {
                self.failed(Error::internal(format!("the final checkpoint was refused: {}", refusal.message)))
            }
        }
    }

    fn on_request(&mut self, request: Request) -> Option<JobOutcome> {
        match request {
            Request::Cancel => {
                self.view.set_state(JobState::Cancelling, self.now());
                Some(JobOutcome::Canceled)
            }
            Request::Suspend => self.suspend(),
            Request::Checkpoint { trigger } => self.request(trigger, RequestKind::Checkpoint),
            Request::Savepoint { trigger, target, stop } => {
                let target = target.or_else(|| self.settings.savepoint_dir.clone());
                self.request(trigger, RequestKind::Savepoint { target, format: SnapshotFormat::Canonical, stop })
            }
        }
    }

    fn suspend(&mut self) -> Option<JobOutcome> {
        if !matches!(self.ending, Ending::No) {
            return None;
        }
        let now = self.now();
        match self.decisions.request(RequestKind::Checkpoint, now) {
            Ok((request, actions)) => {
                self.ending = Ending::Suspend { deadline_ms: now + SUSPEND_MS, request: Some(request) };
                self.perform(actions)
            }
            Err(_) => Some(JobOutcome::Suspended { checkpoint: None }),
        }
    }

    fn request(&mut self, trigger: String, kind: RequestKind) -> Option<JobOutcome> {
        let stops = matches!(&kind, RequestKind::Savepoint { stop: Some(_), .. });
        let now = self.now();
        match self.decisions.request(kind, now) {
            Ok((request, actions)) => {
                self.triggers.insert(request, trigger);
                if stops && matches!(self.ending, Ending::No) {
                    self.ending = Ending::Stop(None);
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
                Action::Trigger { id, kind, request } => self.trigger(id, kind, request),
                Action::Finalize { id } => self.finalize(id),
                Action::Complete { id, notify, request } => self.complete(id, notify, request),
                Action::Abort { id, reason, message, request } => self.abort(id, reason, &message, request),
                Action::Refuse { request, reason } => {
                    self.close(request, failure(reason, reason.text()));
                    None
                }
                Action::FailJob { message } => match self.user_error.take() {
                    Some(error) => Some(JobOutcome::Failed(error.context(message))),
                    None => self.failed(Error::transient(message)),
                },
            };
            if outcome.is_some() {
                return outcome;
            }
        }
        None
    }

    fn trigger(&mut self, id: CheckpointId, kind: RequestKind, request: Option<RequestId>) -> Option<JobOutcome> {
        let now = self.now();
        match self.open_checkpoint(id, &kind, now) {
            Ok(command) => {
                let (is_savepoint, tasks) = (matches!(kind, RequestKind::Savepoint { .. }), self.task_count());
                self.view.checkpoint_started(info(id, is_savepoint, now, tasks));
                if let Some(attempt) = &self.attempt {
                    if attempt.all_ended() && matches!(self.ending, Ending::Final(_)) {
                        self.ending = Ending::Final(Some(id));
                    }
                    attempt.deployment().send(command);
                }
                let _ = request;
                None
            }
            Err(e) => {
                let actions = self.decisions.trigger_failed(id, FailureReason::IoException, &e.to_string(), now);
                self.perform(actions)
            }
        }
    }

    fn open_checkpoint(&mut self, id: CheckpointId, kind: &RequestKind, now: i64) -> Result<TaskCommand> {
        // Storage work holds the ledger; a slot is asked for by name only, so wait for it.
        if self.ledger.is_none() {
            self.await_storage();
        }
        let ledger = self.ledger.as_ref().ok_or_else(|| Error::transient("checkpoint storage does not answer"))?;
        let (slot, kind, stop, format) = match kind {
            RequestKind::Checkpoint => {
                let format = SnapshotFormat::RocksDb;
                (ledger.checkpoint_slot(id, &self.attempt_id), Kind::Checkpoint, None, format)
            }
            RequestKind::Savepoint { target, format, stop } => {
                let kind = if stop.is_some() { Kind::StopSavepoint } else { Kind::Savepoint };
                (ledger.savepoint_slot(target.as_deref())?, kind, *stop, *format)
            }
        };
        let writer = Arc::new(slot.writer(self.settings.placement()?));
        let ended = self.attempt.as_ref().is_some_and(Attempt::all_ended);
        let barrier = Barrier {
            id,
            timestamp_ms: now,
            kind: if kind.is_savepoint() { BarrierKind::Savepoint } else { BarrierKind::Checkpoint },
            stop,
        };
        let store: Arc<dyn SnapshotStore> = writer.clone();
        let drained = ended || stop == Some(StopMode::Drain);
        self.pending.insert(
            id,
            Pending { kind, stop, drained, triggered_ms: now, slot, writer, collected: Collected::default() },
        );
        Ok(TaskCommand::Trigger { barrier, store, format })
    }

    fn task_count(&self) -> u32 {
        self.attempt.as_ref().map_or(0, |a| u32::try_from(a.tasks().len()).unwrap_or(u32::MAX))
    }

    fn finalize(&mut self, id: CheckpointId) -> Option<JobOutcome> {
        if self.ledger.is_none() {
            self.await_storage();
        }
        let (Some(mut ledger), Some(pending)) = (self.ledger.take(), self.pending.get_mut(&id)) else {
            return self.failed(Error::internal(format!("checkpoint {id} cannot be written down")));
        };
        let finished = Finished {
            id,
            kind: pending.kind,
            drained: pending.drained,
            triggered_ms: pending.triggered_ms,
            attempt: self.attempt_id.clone(),
            slot: pending.slot.clone(),
            collected: std::mem::take(&mut pending.collected),
        };
        let (writer, settings, done) = (pending.writer.clone(), self.settings.clone(), self.storage.0.clone());
        let others: Vec<CheckpointId> = self.decisions.pending().filter(|other| *other != id).collect();
        let next_id = self.decisions.next_id();
        let work = move || {
            let (outcome, written) = ledger.publish(&settings, &writer, finished, &others);
            let sweeper = matches!(outcome, Publish::Done).then(|| ledger.sweeper());
            let _ = done.send(StorageDone { ledger: Box::new(ledger), result: StorageResult { id, outcome, written } });
            if let Some(sweeper) = sweeper {
                sweeper.sweep(&others, next_id, settings.clock.now_ms());
            }
        };
        if let Err(e) = std::thread::Builder::new().name("storage".into()).spawn(work) {
            return Some(JobOutcome::Failed(Error::transient("cannot start a storage thread").caused_by(e)));
        }
        None
    }

    /// Waits for storage work under way; its outcome is looked at in its turn.
    fn await_storage(&mut self) {
        if let Ok(done) = self.storage.1.recv() {
            self.ledger = Some(*done.ledger);
            self.deferred = Some(done.result);
        }
    }

    fn on_storage(&mut self, done: StorageDone) -> Option<JobOutcome> {
        self.ledger = Some(*done.ledger);
        self.on_published(done.result)
    }

    fn on_published(&mut self, result: StorageResult) -> Option<JobOutcome> {
        let StorageResult { id, outcome, written } = result;
        let now = self.now();
        match outcome {
            Publish::Done => {
                if let (Some(written), Some(pending)) = (written, self.pending.get(&id)) {
                    self.report_complete(id, pending, &written, now);
                }
                let actions = self.decisions.completed(id, now);
                self.perform(actions)
            }
            Publish::Taken(e) | Publish::Failed(e) => {
                let actions = self.decisions.finalize_failed(id, &e.to_string(), now);
                self.perform(actions)
            }
            Publish::Fenced(e) => Some(JobOutcome::Failed(e)),
            Publish::Unknown(e) => {
                let reclaimed = self.ledger.take().map(|l| l.reclaim(&self.settings));
                match reclaimed {
                    Some(Ok(ledger)) => {
                        self.view.set_identity(ledger.job_id().clone(), ledger.generation());
                        self.ledger = Some(ledger);
                        self.failed(e)
                    }
                    Some(Err(again)) => Some(JobOutcome::Failed(again)),
                    None => Some(JobOutcome::Failed(e)),
                }
            }
        }
    }

    fn report_complete(&self, id: CheckpointId, pending: &Pending, written: &Written, now: i64) {
        let duration = u64::try_from(now - pending.triggered_ms).unwrap_or(0);
        tracing::info!(
            "{} {id} completed in {duration} ms: {} bytes of state, {} bytes uploaded, {}",
            if pending.kind.is_savepoint() { "savepoint" } else { "checkpoint" },
            written.sizes.state,
            written.sizes.uploaded,
            written.location
        );
        let mut info = info(id, pending.kind.is_savepoint(), pending.triggered_ms, self.task_count());
        info.status = CheckpointStatus::Completed;
        info.num_acknowledged_subtasks = info.num_subtasks;
        info.end_to_end_duration = Some(duration);
        info.state_size = Some(written.sizes.state);
        info.checkpointed_size = Some(written.sizes.uploaded);
        info.external_path = Some(written.location.clone());
        self.view.checkpoint_ended(info);
    }

    fn complete(&mut self, id: CheckpointId, notify: bool, request: Option<RequestId>) -> Option<JobOutcome> {
        let pending = self.pending.remove(&id)?;
        self.user_error = None;
        let location = pending.slot.location.clone();
        if let Some(request) = request {
            let outcome =
                TriggerOutcome { checkpoint_id: Some(id), location: Some(location.clone()), failure: None };
            // A stop is done when the job has ended.
            if pending.stop.is_none() {
                self.close(request, outcome);
            }
        }
        let ends = match &mut self.ending {
            Ending::Final(Some(last)) => *last == id,
            Ending::Stop(savepoint) if pending.stop.is_some() => {
                *savepoint = Some(location.clone());
                true
            }
            Ending::Suspend { request: wanted, .. } => request.is_some() && request == *wanted,
            _ => false,
        };
        let attempt = self.attempt.as_mut()?;
        if ends {
            attempt.await_published(id);
        }
        if notify {
            attempt.deployment().send(TaskCommand::Complete(id));
        }
        if let Some(trigger) = request.filter(|_| pending.stop.is_some()).and_then(|r| self.triggers.remove(&r)) {
            let outcome = TriggerOutcome { checkpoint_id: Some(id), location: Some(location), failure: None };
            self.view.close_trigger(&trigger, outcome);
        }
        None
    }

    /// The last checkpoint's output is out: let the tasks end.
    fn all_published(&mut self) -> Option<JobOutcome> {
        let latest = self.view.checkpoints().latest.completed.and_then(|c| c.external_path);
        let (outcome, command) = match std::mem::replace(&mut self.ending, Ending::No) {
            Ending::Final(_) => (JobOutcome::Finished { checkpoint: latest }, TaskCommand::Finish),
            Ending::Stop(Some(savepoint)) => (JobOutcome::Stopped { savepoint }, TaskCommand::Finish),
            Ending::Suspend { .. } => (JobOutcome::Suspended { checkpoint: latest }, TaskCommand::Cancel),
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

    fn abort(
        &mut self,
        id: CheckpointId,
        reason: FailureReason,
        message: &str,
        request: Option<RequestId>,
    ) -> Option<JobOutcome> {
        tracing::warn!("checkpoint {id} failed: {}: {message}", reason.text());
        if let Some(attempt) = &self.attempt {
            attempt.deployment().send(TaskCommand::Abort(id));
        }
        if let Some(request) = request {
            self.close(request, failure(reason, message));
        }
        let pending = self.pending.remove(&id)?;
        let mut info = info(id, pending.kind.is_savepoint(), pending.triggered_ms, self.task_count());
        info.status = CheckpointStatus::Failed;
        info.failure_message = Some(format!("{}: {message}", reason.text()));
        self.view.checkpoint_ended(info);
        match &self.ending {
            Ending::Stop(None) if pending.stop.is_some() => {
                // Tasks may have stopped behind the barrier already: the job goes on by a restart.
                self.ending = Ending::No;
                self.failed(Error::transient(format!("stop with savepoint failed: {message}")))
            }
            Ending::Final(Some(last)) if *last == id => {
                self.ending = Ending::Final(None);
                if reason.counted() { self.request_final() } else { None }
            }
            Ending::Suspend { .. } => Some(JobOutcome::Suspended { checkpoint: None }),
            _ => None,
        }
    }

    fn close(&mut self, request: RequestId, outcome: TriggerOutcome) {
        if let Some(trigger) = self.triggers.remove(&request) {
            self.view.close_trigger(&trigger, outcome);
        }
    }

    /// The job failed: start it again, or give up.
    fn failed(&mut self, error: Error) -> Option<JobOutcome> {
        match std::mem::replace(&mut self.ending, Ending::No) {
            Ending::Told(outcome) => return Some(outcome),
            Ending::Stop(Some(path)) => {
                return Some(JobOutcome::Failed(
                    error
                        .context(format!("savepoint {path} is complete, but the job failed while stopping"))
                        .fix(format!("start from it: --from {path}")),
                ));
            }
            _ => {}
        }
        // What the user must change does not get better by trying again.
        if error.domain() == Domain::User {
            return Some(JobOutcome::Failed(error));
        }
        self.view.set_state(JobState::Failing, self.now());
        let delay = match self.restarts.on_failure(self.now()) {
            Ok(delay) => delay,
            Err(why) => return Some(JobOutcome::Failed(error.context(format!("the job gives up: {why}")))),
        };
        tracing::warn!("the job failed and starts again in {} ms: {error}", delay.as_millis());
        self.view.set_failure(Some(error.to_string()), self.restarts.total());
        self.view.set_state(JobState::Restarting, self.now());
        if let Some(outcome) = self.tear_down(&error) {
            return Some(outcome);
        }
        if let Some(outcome) = self.pause(delay) {
            return Some(outcome);
        }
        match self.deploy() {
            Ok(()) => None,
            Err(e) => self.failed(e),
        }
    }

    fn tear_down(&mut self, error: &Error) -> Option<JobOutcome> {
        // Storage work first: what it publishes is what the job restarts from.
        while self.ledger.is_none() {
            let done = self.storage.1.recv().ok()?;
            self.ledger = Some(*done.ledger);
            if let Publish::Fenced(e) = done.result.outcome {
                return Some(JobOutcome::Failed(e));
            }
        }
        if let Some(attempt) = self.attempt.take() {
            attempt.deployment().send(TaskCommand::Cancel);
            attempt.join();
        }
        let actions = self.decisions.fail_over(&error.to_string());
        self.perform(actions)
    }

    /// Waits before a restart; a cancel ends the wait.
    fn pause(&mut self, delay: Duration) -> Option<JobOutcome> {
        let until = self.now() + i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
        loop {
            let left = u64::try_from(until - self.now()).unwrap_or(0);
            if left == 0 {
                return None;
            }
            match self.requests.recv_timeout(Duration::from_millis(left)) {
                Ok(Request::Cancel) => return Some(JobOutcome::Canceled),
                Ok(Request::Suspend) => return Some(JobOutcome::Suspended { checkpoint: None }),
                Ok(other) => {
                    self.on_request(other);
                }
                Err(_) => return None,
            }
        }
    }
}

fn info(id: CheckpointId, is_savepoint: bool, triggered_ms: i64, tasks: u32) -> CheckpointInfo {
    CheckpointInfo {
        id,
        status: CheckpointStatus::InProgress,
        is_savepoint,
        trigger_timestamp: triggered_ms,
        end_to_end_duration: None,
        state_size: None,
        checkpointed_size: None,
        num_subtasks: tasks,
        num_acknowledged_subtasks: 0,
        external_path: None,
        failure_message: None,
    }
}

fn failure(reason: FailureReason, message: &str) -> TriggerOutcome {
    let cause = FailureCause { class: reason.name().to_string(), message: message.to_string() };
    TriggerOutcome { failure: Some(cause), ..TriggerOutcome::default() }
}
