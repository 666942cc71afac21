//! What the outside sees of a running job: the coordinator writes it, REST and
//! the command line read it; requests go the other way as messages.

mod checkpoints;
mod failures;
mod pulse;
mod read;
mod status;
mod tasks;
mod triggers;

pub use failures::KEPT as FAILURES_KEPT;
pub use pulse::{Pulse, StorageWait};
pub use tasks::{Rates, Tasks};
pub use triggers::Filed;

use crate::control::pool::WorkerInfo;
use checkpoints::CheckpointLog;
use crossbeam_channel::Sender;
use failures::{Failures, Place};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use streamjob_api::{
    CheckpointConfig, CheckpointInfo, JobState, Preflight, RescaleOutcome, RestoredCheckpoint, ServerConfig,
    TriggerKind, TriggerOutcome, TriggerStatus,
};
use streamjob_core::{CheckpointId, Error, JobId, OperatorUid, StopMode};
use streamjob_engine::deploy::{OperatorStatus, TaskEvent, TaskId, TaskSnapshot, VertexInfo};
use tokio::sync::watch;
use triggers::Triggers;

/// What a client asks the coordinator for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// A checkpoint now.
    Checkpoint {
        /// Where the outcome is filed.
        trigger: String,
    },
    /// A savepoint, and perhaps an end behind it.
    Savepoint {
        /// Where the outcome is filed.
        trigger: String,
        /// Folder; default: the job's own.
        target: Option<String>,
        /// Stop behind it.
        stop: Option<StopMode>,
    },
    /// An end behind a checkpoint.
    StopBehindCheckpoint {
        /// Where the outcome is filed.
        trigger: String,
        /// Whether event time ends before it.
        mode: StopMode,
    },
    /// Begin, where the coordinator stands by.
    Go {
        /// Where the outcome is filed.
        trigger: String,
        /// What to start from, as [`RestoreFrom`](streamjob_checkpoint::restore::RestoreFrom) reads it.
        from: String,
    },
    /// Go on at another parallelism.
    Rescale {
        /// Where the outcome is filed.
        trigger: String,
        /// Subtasks of every operator that has no parallelism of its own.
        parallelism: u32,
        /// How many workers will stay; all when absent.
        workers: Option<u32>,
    },
    /// Stop now, keeping checkpoints by the retention rule.
    Cancel,
    /// Take a final checkpoint and end, so that the next start goes on from it.
    Suspend,
}

/// Shared view of a job. Cheap to clone.
#[derive(Clone)]
pub struct JobView {
    inner: Arc<Mutex<Inner>>,
    requests: Sender<Request>,
    version: Arc<watch::Sender<u64>>,
    pulse: Pulse,
    settings: Arc<ViewSettings>,
    /// When the status was last asked for; `i64::MIN` for never.
    asked_ms: Arc<AtomicI64>,
}

struct Inner {
    job_id: JobId,
    generation: u64,
    /// Changes since the start.
    changes: u32,
    state: JobState,
    timestamps: BTreeMap<JobState, i64>,
    modified_ms: i64,
    ended_ms: Option<i64>,
    restarts: u64,
    /// Of the next deployment, and of the present one.
    parallelism: (u32, u32),
    slots_wanted: u32,
    failure: Option<String>,
    /// The task whose failure is being handled.
    failing: Option<TaskId>,
    failures: Failures,
    tasks: Tasks,
    checkpoints: CheckpointLog,
    triggers: Triggers,
    rescale: Option<RescaleOutcome>,
    workers: Vec<WorkerInfo>,
    standing_by: Option<Preflight>,
}

/// What does not change while the job runs.
#[derive(Debug, Clone)]
pub struct ViewSettings {
    /// Job name.
    pub name: String,
    /// Which form of the job its owner wants.
    pub revision: String,
    /// Start of the process, milliseconds since the epoch.
    pub started_ms: i64,
    /// Number of subtasks at first.
    pub parallelism: u32,
    /// Number of key groups.
    pub max_parallelism: u32,
    /// Operators with a parallelism of their own.
    pub fixed: BTreeSet<OperatorUid>,
    /// Digest of the plan.
    pub plan_digest: String,
    /// What happens after a failure, in words.
    pub restart_strategy: String,
    /// Checkpoint settings.
    pub checkpoints: CheckpointConfig,
    /// Version and options.
    pub config: ServerConfig,
    /// First part of the names of Prometheus metrics.
    pub metrics_prefix: String,
}

impl JobView {
    /// A job that is about to start.
    pub fn new(settings: ViewSettings, requests: Sender<Request>) -> Self {
        let inner = Inner {
            job_id: JobId::from_random(0),
            generation: 0,
            changes: 0,
            state: JobState::Created,
            timestamps: BTreeMap::from([(JobState::Created, settings.started_ms)]),
            modified_ms: settings.started_ms,
            ended_ms: None,
            restarts: 0,
            parallelism: (settings.parallelism, 0),
            slots_wanted: 0,
            failure: None,
            failing: None,
            failures: Failures::default(),
            tasks: Tasks::default(),
            checkpoints: CheckpointLog::default(),
            triggers: Triggers::default(),
            rescale: None,
            workers: Vec::new(),
            standing_by: None,
        };
        Self {
            inner: Arc::new(Mutex::new(inner)),
            requests,
            version: Arc::new(watch::Sender::new(0)),
            pulse: Pulse::default(),
            settings: Arc::new(settings),
            asked_ms: Arc::new(AtomicI64::new(i64::MIN)),
        }
    }

    /// Changes something that the status tells.
    fn change<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        let mut inner = self.inner.lock();
        let result = change(&mut inner);
        inner.changes = inner.changes.wrapping_add(1);
        self.version.send_replace(inner.version());
        result
    }

    /// What does not change.
    pub fn settings(&self) -> &ViewSettings {
        &self.settings
    }

    /// The heartbeat of the coordinator's loop.
    pub fn pulse(&self) -> &Pulse {
        &self.pulse
    }

    /// Sends a request to the coordinator. False when the job has ended.
    pub fn request(&self, request: Request) -> bool {
        !self.state().is_terminal() && self.requests.send(request).is_ok()
    }

    /// Files a trigger under a client's id.
    pub fn open_trigger(&self, id: &str, kind: TriggerKind) -> Filed {
        let filed = self.inner.lock().triggers.file(id, kind);
        // A retry changes nothing.
        if filed == Filed::New {
            self.change(|_| ());
        }
        filed
    }

    /// The outcome of a trigger.
    pub fn close_trigger(&self, id: &str, outcome: TriggerOutcome) {
        self.change(|inner| {
            let rescale = outcome.rescale;
            if inner.triggers.close(id, outcome) && rescale.is_some_and(|r| r.from != r.to) {
                inner.rescale = rescale;
            }
        });
    }

    /// What was asked for under an id and how far it is; `None` for an unknown id.
    pub fn trigger(&self, id: &str) -> Option<(TriggerKind, TriggerStatus)> {
        self.inner.lock().triggers.status(id)
    }

    /// How far a trigger is; `None` for an unknown id.
    pub fn trigger_status(&self, id: &str) -> Option<TriggerStatus> {
        self.trigger(id).map(|(_, status)| status)
    }

    /// Job id and generation, once claimed.
    pub fn set_identity(&self, job_id: JobId, generation: u64) {
        self.change(|inner| {
            inner.job_id = job_id;
            inner.generation = generation;
            inner.standing_by = None;
        });
    }

    /// Waits to take the job over: ready, although it holds no generation.
    pub fn set_standing_by(&self, preflight: Preflight) {
        // That the same holds for a newer checkpoint is no news.
        let answer = |p: &Preflight| Preflight {
            checked_at: 0,
            checkpoint: None,
            location: p.location.as_ref().map(|_| String::new()),
            ..p.clone()
        };
        if self.inner.lock().standing_by.as_ref().map(answer) != Some(answer(&preflight)) {
            self.change(|inner| inner.standing_by = Some(preflight));
        }
    }

    /// Generation, and whether the process stands by.
    pub fn power(&self) -> (u64, bool) {
        let inner = self.inner.lock();
        (inner.generation, inner.standing_by.is_some())
    }

    /// Moves to another state. One that is the last fails every trigger without outcome.
    pub fn set_state(&self, state: JobState, now_ms: i64) {
        self.change(|inner| {
            inner.state = state;
            inner.timestamps.insert(state, now_ms);
            inner.modified_ms = now_ms;
            inner.ended_ms = state.is_terminal().then_some(now_ms);
            match state {
                JobState::Running => inner.tasks.all_running(now_ms),
                JobState::Restarting | JobState::Canceled | JobState::Finished | JobState::Failed => {
                    inner.tasks.all_stopped(now_ms);
                    inner.parallelism.1 = 0;
                }
                JobState::Created | JobState::Failing | JobState::Cancelling => {}
            }
            if state.is_terminal() {
                inner.triggers.fail_open("the job has ended");
            }
        });
    }

    /// Current state.
    pub fn state(&self) -> JobState {
        self.inner.lock().state
    }

    /// The job failed: what is being handled or ended it.
    pub fn set_failure(&self, error: &Error, restarts: u64, now_ms: i64) {
        self.change(|inner| {
            let failing = inner.failing.take();
            let endpoint = failing.and_then(|task| inner.tasks.figures(task)).and_then(|f| f.endpoint.clone());
            let place = Place {
                task: failing.map(|task| inner.tasks.name(task)),
                worker: endpoint.as_deref().and_then(|e| inner.worker_at(e)),
                endpoint,
            };
            inner.failure = Some(error.to_string());
            inner.restarts = restarts;
            inner.failures.add(error, place, now_ms);
        });
    }

    /// The next deployment has this parallelism and takes so many slots.
    pub fn set_wanted(&self, parallelism: u32, slots: u32) {
        self.change(|inner| {
            inner.parallelism.0 = parallelism;
            inner.slots_wanted = slots;
        });
    }

    /// Tasks were deployed.
    pub fn deployed(&self, vertices: &[VertexInfo], parallelism: u32, now_ms: i64) {
        self.change(|inner| {
            inner.parallelism = (parallelism, parallelism);
            inner.failing = None;
            inner.tasks.deployed(vertices, now_ms);
        });
    }

    /// Something happened to a task.
    pub fn task_event(&self, event: &TaskEvent, now_ms: i64) {
        let mut inner = self.inner.lock();
        if let TaskEvent::Failed(task, _) = event {
            inner.failing = Some(*task);
        }
        inner.tasks.event(event, now_ms);
    }

    /// New figures of the running tasks.
    pub fn set_tasks(&self, vertices: &[VertexInfo], operators: Vec<OperatorStatus>, now_ms: i64) {
        self.inner.lock().tasks.set(vertices, operators, now_ms);
    }

    /// Figures of the operators as last set.
    pub fn operators(&self) -> Vec<OperatorStatus> {
        self.inner.lock().tasks.operators().to_vec()
    }

    /// Looks at the tasks.
    pub fn with_tasks<T>(&self, look: impl FnOnce(&Tasks) -> T) -> T {
        look(&self.inner.lock().tasks)
    }

    /// Who is there. Counts as a change when someone came, went, or runs something else.
    pub fn set_workers(&self, workers: Vec<WorkerInfo>) {
        let facts = |w: &WorkerInfo| (w.name.clone(), w.slots, w.free, w.exchange.clone(), w.leaving);
        let mut inner = self.inner.lock();
        let same =
            inner.workers.len() == workers.len() && inner.workers.iter().map(facts).eq(workers.iter().map(facts));
        inner.workers = workers;
        drop(inner);
        if !same {
            self.change(|_| ());
        }
    }

    /// Who is there.
    pub fn workers(&self) -> Vec<WorkerInfo> {
        self.inner.lock().workers.clone()
    }

    /// State was restored.
    pub fn restored(&self, restored: RestoredCheckpoint) {
        self.change(|inner| inner.checkpoints.restored(restored));
    }

    /// A checkpoint was triggered.
    pub fn checkpoint_started(&self, info: CheckpointInfo) {
        let mut inner = self.inner.lock();
        let parallelism = inner.tasks.vertices().iter().map(|v| v.parallelism).collect();
        inner.checkpoints.started(info, parallelism);
    }

    /// One more task answered.
    pub fn checkpoint_acknowledged(&self, id: CheckpointId, task: TaskId, snapshot: &TaskSnapshot, now_ms: i64) {
        self.inner.lock().checkpoints.acknowledged(id, task, snapshot, now_ms);
    }

    /// A checkpoint ended.
    pub fn checkpoint_ended(&self, info: CheckpointInfo) {
        self.change(|inner| inner.checkpoints.ended(info));
    }

    /// Checkpoints of coordinators before this one.
    pub fn checkpoints_found(&self, infos: Vec<CheckpointInfo>) {
        if !infos.is_empty() {
            self.change(|inner| inner.checkpoints.found(infos));
        }
    }
}

impl Inner {
    /// Never that of a coordinator of another generation.
    fn version(&self) -> u64 {
        (self.generation << 32) | u64::from(self.changes)
    }

    fn worker_at(&self, endpoint: &str) -> Option<String> {
        self.workers.iter().find(|w| w.exchange == endpoint).map(|w| w.name.clone())
    }
}
