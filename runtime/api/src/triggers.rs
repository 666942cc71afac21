//! Operations that take a while: asked for under an id, told under that id.

use crate::RescaleOutcome;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `POST /jobs/:jobid/checkpoints`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckpointRequest {
    /// `CONFIGURED`, the default; `FULL` and `INCREMENTAL` are refused: the backend decides.
    #[serde(rename = "checkpointType", default)]
    pub checkpoint_type: Option<String>,
    /// Client-supplied id, so that a retry is not a second checkpoint.
    #[serde(rename = "triggerId", default)]
    pub trigger_id: Option<String>,
}

/// `POST /jobs/:jobid/savepoints`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SavepointRequest {
    /// Folder; default: the job's `savepoints`.
    #[serde(rename = "target-directory", default)]
    pub target_directory: Option<String>,
    /// Refused when true: `POST …/stop` stops with a savepoint.
    #[serde(rename = "cancel-job", default)]
    pub cancel_job: bool,
    /// `CANONICAL`, the default; `NATIVE` is refused: savepoints are canonical.
    #[serde(rename = "formatType", default)]
    pub format_type: Option<String>,
    /// Client-supplied id, so that a retry is not a second savepoint.
    #[serde(rename = "triggerId", default)]
    pub trigger_id: Option<String>,
}

/// `POST /jobs/:jobid/stop`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StopRequest {
    /// Folder; default: the job's `savepoints`.
    #[serde(rename = "targetDirectory", default)]
    pub target_directory: Option<String>,
    /// Send the largest watermark first, so that everything pending is emitted.
    #[serde(default)]
    pub drain: bool,
    /// Stop behind a checkpoint instead of a savepoint: quick, however large the state; owned and retired by the job.
    /// Not with `targetDirectory` or `formatType`.
    #[serde(default)]
    pub checkpoint: bool,
    /// `CANONICAL`, the default; `NATIVE` is refused.
    #[serde(rename = "formatType", default)]
    pub format_type: Option<String>,
    /// Client-supplied id, so that a retry is not a second savepoint.
    #[serde(rename = "triggerId", default)]
    pub trigger_id: Option<String>,
}

/// `POST /jobs/:jobid/go`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GoRequest {
    /// What to start from: `auto`, `latest`, `none`, or the path of a checkpoint or savepoint.
    pub from: String,
    /// Client-supplied id, so that a retry is not a second start.
    #[serde(rename = "triggerId", default)]
    pub trigger_id: Option<String>,
}

/// Answer to a trigger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TriggerResponse {
    /// Ask for the outcome with this id.
    #[serde(rename = "request-id")]
    pub request_id: String,
}

/// What was asked for under an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum TriggerKind {
    /// A checkpoint.
    Checkpoint,
    /// A savepoint.
    Savepoint,
    /// A stop with a savepoint or checkpoint.
    Stop,
    /// Another parallelism.
    Rescale,
    /// The end of standing by.
    Go,
}

/// Answer to `GET …/savepoints/:triggerid`, `…/checkpoints/:triggerid` and `…/rescaling/:triggerid`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TriggerStatus {
    /// How far it is.
    pub status: QueueStatus,
    /// The outcome, once there is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub operation: Option<TriggerOutcome>,
}

/// Flink's wrapper around a progress.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct QueueStatus {
    /// `IN_PROGRESS` or `COMPLETED`.
    pub id: Progress,
}

/// How far an operation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Progress {
    /// Not ended.
    InProgress,
    /// Ended, well or badly.
    Completed,
}

/// Outcome of a trigger: what was asked for, or the failure.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FailureCause {
    /// Name of the reason.
    pub class: String,
    /// In words, with the fix.
    #[serde(rename = "stack-trace")]
    pub message: String,
}
