//! A job and its state.

use crate::{TaskCounts, VertexDetails};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// State of a job, in Flink's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
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

/// `GET /jobs`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JobIds {
    /// One entry: a process runs one job.
    pub jobs: Vec<JobIdAndState>,
}

/// A job's id and state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JobIdAndState {
    /// Job id, 32 hex digits.
    pub id: String,
    /// State.
    pub status: JobState,
}

/// `GET /jobs/overview`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct JobsOverview {
    /// One entry: a process runs one job.
    pub jobs: Vec<JobSummary>,
}

/// A job in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct JobSummary {
    /// Job id, 32 hex digits.
    pub jid: String,
    /// Job name.
    pub name: String,
    /// State.
    pub state: JobState,
    /// When this process took the job over.
    #[serde(rename = "start-time")]
    pub start_time: i64,
    /// When the job ended; -1 before.
    #[serde(rename = "end-time")]
    pub end_time: i64,
    /// Milliseconds so far.
    pub duration: i64,
    /// When the state changed last.
    #[serde(rename = "last-modification")]
    pub last_modification: i64,
    /// Restarts since the start of this process.
    pub restarts: u64,
    /// How many tasks are in which state.
    pub tasks: TaskCounts,
}

/// `GET /jobs/:jobid`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct JobDetails {
    /// What the list says.
    #[serde(flatten)]
    pub summary: JobSummary,
    /// Generation of the coordinator.
    pub generation: u64,
    /// Number of key groups.
    #[serde(rename = "maxParallelism")]
    pub max_parallelism: u32,
    /// Now, by this process's clock.
    pub now: i64,
    /// When each state was last entered; states that were never entered are not there.
    pub timestamps: BTreeMap<JobState, i64>,
    /// The chained vertices.
    pub vertices: Vec<VertexDetails>,
    /// How many vertices are in which state.
    #[serde(rename = "status-counts")]
    pub status_counts: TaskCounts,
    /// Message of the failure that is being handled or ended the job.
    #[serde(rename = "failure-cause", skip_serializing_if = "Option::is_none", default)]
    pub failure: Option<String>,
}

/// `GET /jobs/:jobid/config`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JobConfig {
    /// Job id.
    pub jid: String,
    /// Job name.
    pub name: String,
    /// How it runs.
    #[serde(rename = "execution-config")]
    pub execution: ExecutionConfig,
}

/// How a job runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExecutionConfig {
    /// What happens after a failure, in words.
    #[serde(rename = "restart-strategy")]
    pub restart_strategy: String,
    /// Subtasks of every operator that has no parallelism of its own.
    #[serde(rename = "job-parallelism")]
    pub parallelism: u32,
    /// Options that were set, by canonical name, without secrets.
    #[serde(rename = "user-config")]
    pub options: BTreeMap<String, String>,
}
