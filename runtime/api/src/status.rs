//! The one resource that an operator watches.

use crate::{JobState, Progress, RescaleOutcome, RestoredCheckpoint, TriggerKind, TriggerOutcome};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `GET /status?after=<version>&wait=<duration>`: answers at once unless the present version is `after`; then
/// it waits for a change, and after `wait` answers with the unchanged version.
///
/// The version changes with the state, completed and failed checkpoints, triggers, failures, restores, workers and
/// parallelism, not with row counters. Its upper half is the generation: a new coordinator's differs from all before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobStatus {
    /// Version of this answer: `after` of the next request.
    pub version: u64,
    /// Job name.
    pub job: String,
    /// Job id, 32 hex digits: one lineage of state.
    pub job_id: String,
    /// Generation of the coordinator; 0 while it holds none.
    pub generation: u64,
    /// Version of the program.
    pub streamjob_version: String,
    /// Digest of the plan: equal where rows and state go the same way.
    pub plan_digest: String,
    /// Which form of the job this coordinator runs (its --revision).
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub revision: String,
    /// Set while the coordinator stands by: it holds no generation and runs nothing.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub standby: Option<Preflight>,
    /// State.
    pub state: JobState,
    /// When each state was last entered.
    pub timestamps: BTreeMap<JobState, i64>,
    /// When this process took the job over.
    pub started_at: i64,
    /// Now, by this process's clock: the base of ages.
    pub now: i64,
    /// Parallelism.
    pub parallelism: ParallelismStatus,
    /// Workers and their slots.
    pub workers: WorkersStatus,
    /// How many checkpoints there were.
    pub checkpoints: CheckpointTotals,
    /// The newest completed checkpoint.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_checkpoint: Option<PointStatus>,
    /// The newest completed savepoint.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_savepoint: Option<PointStatus>,
    /// What the job was restored from.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub restored_from: Option<RestoredCheckpoint>,
    /// Restarts since the start of this process.
    pub restarts: u64,
    /// The newest failure of the job.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_failure: Option<FailureStatus>,
    /// The newest rescale that is done.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_rescale: Option<RescaleOutcome>,
    /// The last ten triggers, newest first.
    pub triggers: Vec<TriggerEntry>,
}

/// Whether the job that stands by could go on from the newest state that there is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Preflight {
    /// It could, or there is no state yet.
    pub fits: bool,
    /// When that was looked at.
    pub checked_at: i64,
    /// Location of that state; absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub location: Option<String>,
    /// Number of that checkpoint.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub checkpoint: Option<u64>,
    /// Operators that find state.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub matched: Vec<String>,
    /// Operators that would start empty.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub new: Vec<String>,
    /// State that no operator would take.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub dropped: Vec<String>,
    /// Why it could not, and what to change.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
    /// The reason may pass, as when storage is away: it is looked at again by itself.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub passing: bool,
}

/// Parallelism of a job.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ParallelismStatus {
    /// What the next deployment will have.
    pub wanted: u32,
    /// What the deployed tasks have; 0 while none are deployed.
    pub now: u32,
    /// Number of key groups.
    pub max: u32,
}

/// Workers of a job; all 0 in a job of one process but `slotsWanted`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkersStatus {
    /// Slots that the job takes.
    pub slots_wanted: u32,
    /// Workers that are there.
    pub registered: u32,
    /// Their slots.
    pub slots: u32,
    /// Slots that run nothing.
    pub free_slots: u32,
}

/// How many checkpoints there were since the start of this process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CheckpointTotals {
    /// Completed.
    pub completed: u64,
    /// Failed.
    pub failed: u64,
    /// Failed since the last completed one.
    pub failed_in_a_row: u64,
}

/// A checkpoint or savepoint that exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PointStatus {
    /// Its number.
    pub id: u64,
    /// Where it lies.
    pub location: String,
    /// When it was triggered: its age counts from here.
    pub triggered_at: i64,
    /// Milliseconds from trigger to completion.
    pub duration: u64,
    /// Bytes of all state that it refers to.
    pub state_size: u64,
    /// Bytes uploaded for it.
    pub checkpointed_size: u64,
}

/// A failure of the job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FailureStatus {
    /// `User`, `Transient` or `Internal`.
    pub domain: String,
    /// In words, with causes and the fix.
    pub message: String,
    /// When.
    pub timestamp: i64,
    /// The task that failed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub task: Option<String>,
    /// The worker that it ran on.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub worker: Option<String>,
}

/// A trigger and how it came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TriggerEntry {
    /// Its id.
    pub trigger_id: String,
    /// What was asked for.
    pub kind: TriggerKind,
    /// How far it is.
    pub status: Progress,
    /// The outcome, once there is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub outcome: Option<TriggerOutcome>,
}
