//! Failures of a job.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `GET /jobs/:jobid/exceptions`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JobExceptions {
    /// The newest failure in words; not there when there was none.
    #[serde(rename = "root-exception", skip_serializing_if = "Option::is_none", default)]
    pub root: Option<String>,
    /// When that was.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub timestamp: Option<i64>,
    /// The last failures of this process.
    #[serde(rename = "exceptionHistory")]
    pub history: ExceptionHistory,
}

/// The last failures.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExceptionHistory {
    /// Newest first.
    pub entries: Vec<ExceptionInfo>,
    /// There were more.
    pub truncated: bool,
}

/// A failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExceptionInfo {
    /// Who can do something about it: `User`, `Transient` (the outside world) or `Internal`.
    #[serde(rename = "exceptionName")]
    pub name: String,
    /// In words, with causes and the fix.
    pub stacktrace: String,
    /// When.
    pub timestamp: i64,
    /// The task that failed, `name (subtask/parallelism)`; not there when it was no task.
    #[serde(rename = "taskName", skip_serializing_if = "Option::is_none", default)]
    pub task: Option<String>,
    /// Exchange address of its worker.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub endpoint: Option<String>,
    /// Name of its worker.
    #[serde(rename = "taskManagerId", skip_serializing_if = "Option::is_none", default)]
    pub worker: Option<String>,
}
