//! The chained vertices of a job and their subtasks.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// State of a task, in Flink's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum TaskState {
    /// Not deployed yet.
    Created,
    /// State is being restored.
    Initializing,
    /// It runs.
    Running,
    /// It ended in peace.
    Finished,
    /// It was stopped.
    Canceled,
    /// It failed.
    Failed,
}

/// How many tasks (or vertices) are in which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TaskCounts {
    /// All of them.
    pub total: u32,
    /// See [`TaskState::Created`].
    pub created: u32,
    /// See [`TaskState::Initializing`].
    pub initializing: u32,
    /// See [`TaskState::Running`].
    pub running: u32,
    /// See [`TaskState::Finished`].
    pub finished: u32,
    /// See [`TaskState::Canceled`].
    pub canceled: u32,
    /// See [`TaskState::Failed`].
    pub failed: u32,
}

impl TaskCounts {
    /// Counts.
    pub fn of(states: impl Iterator<Item = TaskState>) -> Self {
        let mut counts = Self::default();
        for state in states {
            counts.total += 1;
            *match state {
                TaskState::Created => &mut counts.created,
                TaskState::Initializing => &mut counts.initializing,
                TaskState::Running => &mut counts.running,
                TaskState::Finished => &mut counts.finished,
                TaskState::Canceled => &mut counts.canceled,
                TaskState::Failed => &mut counts.failed,
            } += 1;
        }
        counts
    }

    /// The state of a vertex with these tasks, by Flink's rule.
    pub fn aggregate(&self) -> TaskState {
        match self {
            c if c.failed > 0 => TaskState::Failed,
            c if c.canceled > 0 => TaskState::Canceled,
            c if c.initializing > 0 => TaskState::Initializing,
            c if c.running > 0 => TaskState::Running,
            c if c.finished > 0 && c.finished == c.total => TaskState::Finished,
            c if c.finished > 0 => TaskState::Running,
            _ => TaskState::Created,
        }
    }
}

/// A chained vertex.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct VertexDetails {
    /// Its position in the job.
    pub id: String,
    /// Names of its operators.
    pub name: String,
    /// Number of key groups.
    #[serde(rename = "maxParallelism")]
    pub max_parallelism: u32,
    /// Number of subtasks.
    pub parallelism: u32,
    /// State of all subtasks together.
    pub status: TaskState,
    /// How many subtasks are in which state.
    pub tasks: TaskCounts,
    /// Current counters over all subtasks.
    pub metrics: IoMetrics,
}

/// Counters of a vertex or a subtask, from the start of the present deployment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct IoMetrics {
    /// Bytes of rows taken from input channels; between workers with their frames.
    #[serde(rename = "read-bytes")]
    pub read_bytes: u64,
    /// Bytes of rows given to output channels; between workers with their frames.
    #[serde(rename = "write-bytes")]
    pub write_bytes: u64,
    /// Rows in (of a source: rows read).
    #[serde(rename = "read-records")]
    pub read_records: u64,
    /// Rows out of its last operator.
    #[serde(rename = "write-records")]
    pub write_records: u64,
    /// Milliseconds that tasks waited for space downstream.
    #[serde(rename = "accumulated-backpressured-time")]
    pub backpressured_ms: u64,
    /// Milliseconds that tasks waited for input.
    #[serde(rename = "accumulated-idle-time")]
    pub idle_ms: u64,
    /// Milliseconds of work.
    #[serde(rename = "accumulated-busy-time")]
    pub busy_ms: u64,
    /// Bytes that wait in input channels now.
    #[serde(rename = "queued-bytes")]
    pub queued_bytes: u64,
    /// Rows dropped because they came after their window closed.
    #[serde(rename = "late-records-dropped")]
    pub late_records_dropped: u64,
    /// Bad input rows skipped on request.
    #[serde(rename = "skipped-records")]
    pub skipped_records: u64,
    /// Smallest watermark of the last operator; `null` before the first.
    pub watermark: Option<i64>,
}

/// `GET /jobs/:jobid/vertices/:vertexid`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct VertexSubtasks {
    /// Its position in the job.
    pub id: String,
    /// Names of its operators.
    pub name: String,
    /// Number of subtasks.
    pub parallelism: u32,
    /// Number of key groups.
    #[serde(rename = "maxParallelism")]
    pub max_parallelism: u32,
    /// Now, by this process's clock.
    pub now: i64,
    /// Its subtasks.
    pub subtasks: Vec<SubtaskDetails>,
}

/// A subtask.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SubtaskDetails {
    /// Index, from 0.
    pub subtask: u32,
    /// State.
    pub status: TaskState,
    /// Deployments of this job before, by this process.
    pub attempt: u64,
    /// Exchange address of its worker; not there in a job of one process.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub endpoint: Option<String>,
    /// Name of its worker; not there in a job of one process.
    #[serde(rename = "taskmanager-id", skip_serializing_if = "Option::is_none", default)]
    pub worker: Option<String>,
    /// When it was deployed; -1 before.
    #[serde(rename = "start-time")]
    pub start_time: i64,
    /// When it ended; -1 before.
    #[serde(rename = "end-time")]
    pub end_time: i64,
    /// Milliseconds since it was deployed.
    pub duration: i64,
    /// Its counters.
    pub metrics: IoMetrics,
    /// Its channels to subtasks on other workers.
    pub channels: Vec<ChannelDetails>,
}

/// A channel to a subtask on another worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChannelDetails {
    /// Edge of the plan.
    pub edge: u32,
    /// Consuming subtask.
    pub consumer: u32,
    /// Bytes of rows that are queued, on their way, or not yet given back as credit.
    #[serde(rename = "in-flight-bytes")]
    pub in_flight_bytes: u64,
    /// Milliseconds that the producer has waited for credit.
    #[serde(rename = "credit-wait")]
    pub credit_wait_ms: u64,
    /// Bytes of rows sent, with their frames.
    #[serde(rename = "sent-bytes")]
    pub sent_bytes: u64,
}

/// How much a task is held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BackpressureLevel {
    /// Up to a tenth of the time.
    Ok,
    /// Up to half of the time.
    Low,
    /// More.
    High,
}

impl BackpressureLevel {
    /// Of a share of time, 0 to 1.
    pub fn of(ratio: f64) -> Self {
        match ratio {
            r if r <= 0.1 => BackpressureLevel::Ok,
            r if r <= 0.5 => BackpressureLevel::Low,
            _ => BackpressureLevel::High,
        }
    }
}

/// `GET /jobs/:jobid/vertices/:vertexid/backpressure`: shares of the last seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Backpressure {
    /// `ok` when all subtasks are measured, else `deprecated`, as Flink says.
    pub status: String,
    /// The largest of the subtasks.
    #[serde(rename = "backpressureLevel")]
    pub level: BackpressureLevel,
    /// When that was.
    #[serde(rename = "end-timestamp")]
    pub end_timestamp: i64,
    /// Those that are measured.
    pub subtasks: Vec<SubtaskBackpressure>,
}

/// Where a subtask's time went, as shares from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SubtaskBackpressure {
    /// Index, from 0.
    pub subtask: u32,
    /// Its level.
    #[serde(rename = "backpressureLevel")]
    pub level: BackpressureLevel,
    /// Waiting for space downstream.
    pub ratio: f64,
    /// Waiting for input.
    #[serde(rename = "idleRatio")]
    pub idle_ratio: f64,
    /// Work.
    #[serde(rename = "busyRatio")]
    pub busy_ratio: f64,
}
