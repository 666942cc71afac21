//! What the outside sees of a running job: the coordinator writes it, REST and
//! the command line read it; requests go the other way as messages.

use crossbeam_channel::Sender;
use parking_lot::Mutex;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use streamjob_api::{
    CheckpointConfig, CheckpointCounts, CheckpointInfo, CheckpointStatus, Checkpoints, FailureCause, JobDetails,
    JobState, JobSummary, LatestCheckpoints, Progress, QueueStatus, RestoredCheckpoint, ServerConfig, TriggerOutcome,
    TriggerStatus, VertexDetails, VertexMetrics,
};
use streamjob_core::{JobId, StopMode};
use streamjob_engine::deploy::{OperatorStatus, VertexInfo};

/// Checkpoints that the history keeps.
const HISTORY: usize = 10;
/// Outcomes of triggers that are remembered.
const TRIGGERS: usize = 1000;

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
    /// Go on at another parallelism.
    Rescale {
        /// Where the outcome is filed.
        trigger: String,
        /// Subtasks of every operator that has no parallelism of its own.
        parallelism: u32,
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
}

struct Inner {
    job_id: JobId,
    name: String,
    state: JobState,
    started_ms: i64,
    ended_ms: Option<i64>,
    restarts: u64,
    generation: u64,
    max_parallelism: u32,
    failure: Option<String>,
    vertices: Vec<VertexInfo>,
    operators: Vec<OperatorStatus>,
    counts: CheckpointCounts,
    latest: LatestCheckpoints,
    history: VecDeque<CheckpointInfo>,
    triggers: BTreeMap<String, Option<TriggerOutcome>>,
    trigger_order: VecDeque<String>,
    checkpoint_config: CheckpointConfig,
    config: ServerConfig,
}

/// What does not change while the job runs.
pub struct ViewSettings {
    /// Job name.
    pub name: String,
    /// Start of the process, milliseconds since the epoch.
    pub started_ms: i64,
    /// Number of key groups.
    pub max_parallelism: u32,
    /// Checkpoint settings.
    pub checkpoints: CheckpointConfig,
    /// Version and options.
    pub config: ServerConfig,
}

impl JobView {
    /// A job that is about to start.
    pub fn new(settings: ViewSettings, requests: Sender<Request>) -> Self {
        let inner = Inner {
            job_id: JobId::from_random(0),
            name: settings.name,
            state: JobState::Created,
            started_ms: settings.started_ms,
            ended_ms: None,
            restarts: 0,
            generation: 0,
            max_parallelism: settings.max_parallelism,
            failure: None,
            vertices: Vec::new(),
            operators: Vec::new(),
            counts: CheckpointCounts::default(),
            latest: LatestCheckpoints::default(),
            history: VecDeque::new(),
            triggers: BTreeMap::new(),
            trigger_order: VecDeque::new(),
            checkpoint_config: settings.checkpoints,
            config: settings.config,
        };
        Self { inner: Arc::new(Mutex::new(inner)), requests }
    }

    /// Sends a request to the coordinator. False when the job has ended.
    pub fn request(&self, request: Request) -> bool {
        self.requests.send(request).is_ok()
    }

    /// Files a trigger under a client's id. False when that id is already known: a retry, nothing to do.
    pub fn open_trigger(&self, id: &str) -> bool {
        let mut inner = self.inner.lock();
        if inner.triggers.contains_key(id) {
            return false;
        }
        inner.triggers.insert(id.to_string(), None);
        inner.trigger_order.push_back(id.to_string());
        if inner.trigger_order.len() > TRIGGERS
            && let Some(old) = inner.trigger_order.pop_front()
        {
            inner.triggers.remove(&old);
        }
        true
    }

    /// The outcome of a trigger.
    pub fn close_trigger(&self, id: &str, outcome: TriggerOutcome) {
        if let Some(slot) = self.inner.lock().triggers.get_mut(id) {
            *slot = Some(outcome);
        }
    }

    /// Fails every trigger without outcome, because the job ended.
    pub fn fail_open_triggers(&self, message: &str) {
        for slot in self.inner.lock().triggers.values_mut().filter(|s| s.is_none()) {
            let failure = FailureCause { class: "JOB_ENDED".into(), message: message.to_string() };
            *slot = Some(TriggerOutcome { failure: Some(failure), ..TriggerOutcome::default() });
        }
    }

    /// How far a trigger is; `None` for an unknown id.
    pub fn trigger_status(&self, id: &str) -> Option<TriggerStatus> {
        self.inner.lock().triggers.get(id).map(|outcome| TriggerStatus {
            status: QueueStatus { id: if outcome.is_some() { Progress::Completed } else { Progress::InProgress } },
            operation: outcome.clone(),
        })
    }

    /// Job id and generation, once claimed.
    pub fn set_identity(&self, job_id: JobId, generation: u64) {
        let mut inner = self.inner.lock();
        inner.job_id = job_id;
        inner.generation = generation;
    }

    /// Moves to another state.
    pub fn set_state(&self, state: JobState, now_ms: i64) {
        let mut inner = self.inner.lock();
        inner.state = state;
        inner.ended_ms = state.is_terminal().then_some(now_ms);
    }

    /// Current state.
    pub fn state(&self) -> JobState {
        self.inner.lock().state
    }

    /// The failure that is being handled or ended the job.
    pub fn set_failure(&self, message: Option<String>, restarts: u64) {
        let mut inner = self.inner.lock();
        inner.failure = message;
        inner.restarts = restarts;
    }

    /// New figures of the running tasks.
    pub fn set_tasks(&self, vertices: &[VertexInfo], operators: Vec<OperatorStatus>) {
        let mut inner = self.inner.lock();
        inner.vertices = vertices.to_vec();
        inner.operators = operators;
    }

    /// Figures of the operators as last set.
    pub fn operators(&self) -> Vec<OperatorStatus> {
        self.inner.lock().operators.clone()
    }

    /// State was restored.
    pub fn restored(&self, restored: RestoredCheckpoint) {
        let mut inner = self.inner.lock();
        inner.counts.restored += 1;
        inner.latest.restored = Some(restored);
    }

    /// A checkpoint was triggered.
    pub fn checkpoint_started(&self, info: CheckpointInfo) {
        let mut inner = self.inner.lock();
        inner.counts.total += 1;
        inner.counts.in_progress += 1;
        inner.history.push_front(info);
        inner.history.truncate(HISTORY);
    }

    /// One more task answered.
    pub fn checkpoint_acknowledged(&self, id: u64) {
        if let Some(info) = self.inner.lock().history.iter_mut().find(|c| c.id == id) {
            info.num_acknowledged_subtasks += 1;
        }
    }

    /// A checkpoint ended.
    pub fn checkpoint_ended(&self, info: CheckpointInfo) {
        let mut inner = self.inner.lock();
        inner.counts.in_progress = inner.counts.in_progress.saturating_sub(1);
        if info.status == CheckpointStatus::Completed {
            inner.counts.completed += 1;
            if info.is_savepoint {
                inner.latest.savepoint = Some(info.clone());
            } else {
                inner.latest.completed = Some(info.clone());
            }
        } else {
            inner.counts.failed += 1;
            inner.latest.failed = Some(info.clone());
        }
        if let Some(entry) = inner.history.iter_mut().find(|c| c.id == info.id) {
            *entry = info;
        }
    }

    /// `GET /jobs/overview`.
    pub fn summary(&self, now_ms: i64) -> JobSummary {
        self.inner.lock().summary(now_ms)
    }

    /// `GET /jobs/:jobid`.
    pub fn details(&self, now_ms: i64) -> JobDetails {
        let inner = self.inner.lock();
        let vertices = inner.vertices.iter().enumerate().map(|(i, v)| inner.vertex(i, v)).collect();
        JobDetails {
            summary: inner.summary(now_ms),
            generation: inner.generation,
            max_parallelism: inner.max_parallelism,
            vertices,
            failure: inner.failure.clone(),
        }
    }

    /// `GET /jobs/:jobid/checkpoints`.
    pub fn checkpoints(&self) -> Checkpoints {
        let inner = self.inner.lock();
        Checkpoints {
            counts: inner.counts.clone(),
            latest: inner.latest.clone(),
            history: inner.history.iter().cloned().collect(),
        }
    }

    /// `GET /jobs/:jobid/checkpoints/config`.
    pub fn checkpoint_config(&self) -> CheckpointConfig {
        self.inner.lock().checkpoint_config.clone()
    }

    /// `GET /config`.
    pub fn config(&self) -> ServerConfig {
        self.inner.lock().config.clone()
    }
}

impl Inner {
    fn summary(&self, now_ms: i64) -> JobSummary {
        JobSummary {
            jid: self.job_id.to_string(),
            name: self.name.clone(),
            state: self.state,
            start_time: self.started_ms,
            duration: self.ended_ms.unwrap_or(now_ms) - self.started_ms,
            restarts: self.restarts,
        }
    }

    fn vertex(&self, index: usize, info: &VertexInfo) -> VertexDetails {
        use std::sync::atomic::Ordering::Relaxed;
        let mut metrics = VertexMetrics::default();
        let (first, last) = (info.operators.first(), info.operators.last());
        let mut watermarks = Vec::new();
        for op in self.operators.iter().filter(|o| o.task.vertex == index) {
            if Some(&op.uid) == first {
                metrics.read_records += op.metrics.rows_in.load(Relaxed);
            }
            if Some(&op.uid) == last {
                metrics.write_records += op.metrics.rows_out.load(Relaxed);
                watermarks.push(op.watermark_ms);
            }
            metrics.late_records_dropped += op.metrics.late_rows_dropped.load(Relaxed);
            metrics.skipped_records += op.metrics.rows_skipped.load(Relaxed);
        }
        metrics.watermark = watermarks.into_iter().min().flatten();
        VertexDetails { id: index.to_string(), name: info.name.clone(), parallelism: info.parallelism, metrics }
    }
}
