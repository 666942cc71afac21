//! Plain data of a job's REST API, shared by the process that serves it and
//! those that call it. Paths and field names follow Flink's where the meaning is the same.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// State of a job, in Flink's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum JobState {
    /// Planned, being restored and deployed.
    Created,
    /// All tasks run.
    Running,
    /// A failure is being handled.
    Failing,
    /// Waits before the next attempt, or is being deployed again.
    Restarting,
    /// Tasks are being stopped on request.
    Cancelling,
    /// Stopped on request.
    Canceled,
    /// All input is done and published, or stopped with a savepoint.
    Finished,
    /// Gave up.
    Failed,
}

impl JobState {
    /// True when nothing follows.
    pub fn is_terminal(self) -> bool {
        matches!(self, JobState::Canceled | JobState::Finished | JobState::Failed)
    }
}

/// `GET /jobs/overview`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobsOverview {
    /// One entry: a process runs one job.
    pub jobs: Vec<JobSummary>,
}

/// A job in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobSummary {
    /// Job id, 32 hex digits.
    pub jid: String,
    /// Job name.
    pub name: String,
    /// State.
    pub state: JobState,
    /// Milliseconds since the Unix epoch.
    #[serde(rename = "start-time")]
    pub start_time: i64,
    /// Milliseconds so far.
    pub duration: i64,
    /// Restarts since the start of this process.
    pub restarts: u64,
}

/// `GET /jobs/:jobid`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobDetails {
    /// What the list says.
    #[serde(flatten)]
    pub summary: JobSummary,
    /// Generation of the coordinator.
    pub generation: u64,
    /// Number of key groups.
    #[serde(rename = "maxParallelism")]
    pub max_parallelism: u32,
    /// The chained vertices.
    pub vertices: Vec<VertexDetails>,
    /// Message of the failure that is being handled or ended the job.
    #[serde(rename = "failure-cause", skip_serializing_if = "Option::is_none", default)]
    pub failure: Option<String>,
}

/// A chained vertex.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VertexDetails {
    /// Its position in the job.
    pub id: String,
    /// Names of its operators.
    pub name: String,
    /// Number of subtasks.
    pub parallelism: u32,
    /// Current counters.
    pub metrics: VertexMetrics,
}

/// Counters of a vertex over all subtasks.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct VertexMetrics {
    /// Rows in (of a source: rows read).
    #[serde(rename = "read-records")]
    pub read_records: u64,
    /// Rows out of its last operator.
    #[serde(rename = "write-records")]
    pub write_records: u64,
    /// Rows dropped because they came after their window closed.
    #[serde(rename = "late-records-dropped")]
    pub late_records_dropped: u64,
    /// Bad input rows skipped on request.
    #[serde(rename = "skipped-records")]
    pub skipped_records: u64,
    /// Smallest watermark over the subtasks, milliseconds.
    pub watermark: Option<i64>,
}

/// `GET /jobs/:jobid/checkpoints`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Checkpoints {
    /// Numbers of this process.
    pub counts: CheckpointCounts,
    /// The newest of each kind.
    pub latest: LatestCheckpoints,
    /// The last ones, newest first.
    pub history: Vec<CheckpointInfo>,
}

/// How many there were.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointCounts {
    /// Times that state was restored.
    pub restored: u64,
    /// Triggered.
    pub total: u64,
    /// Under way.
    pub in_progress: u64,
    /// Completed.
    pub completed: u64,
    /// Failed.
    pub failed: u64,
}

/// The newest of each kind.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LatestCheckpoints {
    /// Completed checkpoint.
    pub completed: Option<CheckpointInfo>,
    /// Completed savepoint.
    pub savepoint: Option<CheckpointInfo>,
    /// Failed checkpoint or savepoint.
    pub failed: Option<CheckpointInfo>,
    /// What the job was restored from.
    pub restored: Option<RestoredCheckpoint>,
}

/// What the job was restored from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RestoredCheckpoint {
    /// Its number.
    pub id: u64,
    /// When, milliseconds since the epoch.
    pub restore_timestamp: i64,
    /// True for a savepoint.
    pub is_savepoint: bool,
    /// Where it lies.
    pub external_path: String,
}

/// State of a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CheckpointStatus {
    /// Under way.
    InProgress,
    /// Complete.
    Completed,
    /// Given up.
    Failed,
}

/// One checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckpointInfo {
    /// Its number.
    pub id: u64,
    /// Its state.
    pub status: CheckpointStatus,
    /// True for a savepoint.
    pub is_savepoint: bool,
    /// Milliseconds since the epoch.
    pub trigger_timestamp: i64,
    /// Milliseconds from trigger to the end.
    pub end_to_end_duration: Option<u64>,
    /// Bytes of all state that it refers to.
    pub state_size: Option<u64>,
    /// Bytes uploaded for it.
    pub checkpointed_size: Option<u64>,
    /// Tasks.
    pub num_subtasks: u32,
    /// Tasks that answered.
    pub num_acknowledged_subtasks: u32,
    /// Where it lies.
    pub external_path: Option<String>,
    /// Why it failed.
    pub failure_message: Option<String>,
}

/// `GET /jobs/:jobid/checkpoints/config`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckpointConfig {
    /// `exactly_once` or `at_least_once`.
    pub mode: String,
    /// Milliseconds; 0 is off.
    pub interval: u64,
    /// Milliseconds.
    pub timeout: u64,
    /// Milliseconds.
    pub min_pause: u64,
    /// Checkpoints at once.
    pub max_concurrent: u32,
    /// Failures in a row before the job fails.
    pub tolerable_failed_checkpoints: u32,
    /// Completed checkpoints that are kept.
    pub num_retained: u32,
    /// Name of the state backend.
    pub state_backend: String,
    /// The storage's root.
    pub checkpoint_storage: String,
}

/// `POST /jobs/:jobid/savepoints`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SavepointRequest {
    /// Folder; default: the job's `savepoints`.
    #[serde(rename = "target-directory", default)]
    pub target_directory: Option<String>,
    /// Client-supplied id, so that a retry is not a second savepoint.
    #[serde(rename = "triggerId", default)]
    pub trigger_id: Option<String>,
}

/// `POST /jobs/:jobid/stop`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StopRequest {
    /// Folder; default: the job's `savepoints`.
    #[serde(rename = "targetDirectory", default)]
    pub target_directory: Option<String>,
    /// Send the largest watermark first, so that everything pending is emitted.
    #[serde(default)]
    pub drain: bool,
    /// Client-supplied id, so that a retry is not a second savepoint.
    #[serde(rename = "triggerId", default)]
    pub trigger_id: Option<String>,
}

/// `PATCH /jobs/:jobid/rescaling`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RescaleRequest {
    /// Subtasks of every operator that has no parallelism of its own.
    pub parallelism: u32,
    /// Client-supplied id, so that a retry is not a second rescale.
    #[serde(rename = "triggerId", default)]
    pub trigger_id: Option<String>,
}

/// A rescale that is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RescaleOutcome {
    /// Parallelism before.
    pub from: u32,
    /// Parallelism now.
    pub to: u32,
    /// How long no task ran, milliseconds.
    #[serde(rename = "outage-ms")]
    pub outage_ms: u64,
}

/// Answer to a trigger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TriggerResponse {
    /// Ask for the outcome with this id.
    #[serde(rename = "request-id")]
    pub request_id: String,
}

/// Answer to `GET …/savepoints/:triggerid` and `GET …/checkpoints/:triggerid`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TriggerStatus {
    /// How far it is.
    pub status: QueueStatus,
    /// The outcome, once there is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub operation: Option<TriggerOutcome>,
}

/// Flink's wrapper around a progress.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueStatus {
    /// `IN_PROGRESS` or `COMPLETED`.
    pub id: Progress,
}

/// How far an operation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Progress {
    /// Not ended.
    InProgress,
    /// Ended, well or badly.
    Completed,
}

/// Outcome of a trigger: what was asked for, or the failure.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TriggerOutcome {
    /// Number of the checkpoint.
    #[serde(rename = "checkpointId", skip_serializing_if = "Option::is_none", default)]
    pub checkpoint_id: Option<u64>,
    /// Where the savepoint lies.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub location: Option<String>,
    /// The new parallelism.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rescale: Option<RescaleOutcome>,
    /// Why there is none.
    #[serde(rename = "failure-cause", skip_serializing_if = "Option::is_none", default)]
    pub failure: Option<FailureCause>,
}

/// Why an operation failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureCause {
    /// Name of the reason.
    pub class: String,
    /// In words, with the fix.
    #[serde(rename = "stack-trace")]
    pub message: String,
}

/// Body of every answer that is not 2xx.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorResponse {
    /// What went wrong.
    pub errors: Vec<String>,
}

/// `GET /config`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerConfig {
    /// Version of the program.
    #[serde(rename = "streamjob-version")]
    pub version: String,
    /// Job name.
    pub job: String,
    /// Options that were set, by canonical name, without secrets.
    pub options: BTreeMap<String, String>,
}
