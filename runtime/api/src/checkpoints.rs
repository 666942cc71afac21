//! Checkpoints: counts, statistics, history, and each task's part.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `GET /jobs/:jobid/checkpoints`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Checkpoints {
    /// Numbers of this process, and of the checkpoints that it found in storage when it started.
    pub counts: CheckpointCounts,
    /// Statistics of the completed checkpoints in the history; not there before the first.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub summary: Option<CheckpointSummary>,
    /// The newest of each kind.
    pub latest: LatestCheckpoints,
    /// The last ones, newest first.
    pub history: Vec<CheckpointInfo>,
}

/// How many there were.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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

/// Statistics of completed checkpoints.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CheckpointSummary {
    /// Bytes uploaded.
    pub checkpointed_size: StatsSummary,
    /// Bytes of all state.
    pub state_size: StatsSummary,
    /// Milliseconds from trigger to the end.
    pub end_to_end_duration: StatsSummary,
}

/// Statistics of some values; quantiles by interpolation between neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StatsSummary {
    /// Least.
    pub min: u64,
    /// Largest.
    pub max: u64,
    /// Mean, rounded down.
    pub avg: u64,
    /// Median.
    pub p50: f64,
    /// 90 % are no larger.
    pub p90: f64,
    /// 95 % are no larger.
    pub p95: f64,
    /// 99 % are no larger.
    pub p99: f64,
    /// 99.9 % are no larger.
    pub p999: f64,
}

impl StatsSummary {
    /// Of at least one value.
    pub fn of(values: impl IntoIterator<Item = u64>) -> Option<Self> {
        let mut values: Vec<u64> = values.into_iter().collect();
        values.sort_unstable();
        let (min, max) = (*values.first()?, *values.last()?);
        let sum: u128 = values.iter().map(|v| u128::from(*v)).sum();
        let quantile = |q: f64| {
            let at = q * (values.len() - 1) as f64;
            let value = |i: f64| values.get(i as usize).map_or(0.0, |v| *v as f64);
            let (low, high) = (value(at.floor()), value(at.ceil()));
            low + (high - low) * at.fract()
        };
        Some(Self {
            min,
            max,
            avg: u64::try_from(sum / values.len() as u128).unwrap_or(u64::MAX),
            p50: quantile(0.5),
            p90: quantile(0.9),
            p95: quantile(0.95),
            p99: quantile(0.99),
            p999: quantile(0.999),
        })
    }
}

/// The newest of each kind.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RestoredCheckpoint {
    /// Its number.
    pub id: u64,
    /// When.
    pub restore_timestamp: i64,
    /// True for a savepoint.
    pub is_savepoint: bool,
    /// Where it lies.
    pub external_path: String,
}

/// State of a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CheckpointStatus {
    /// Under way.
    InProgress,
    /// Complete.
    Completed,
    /// Given up.
    Failed,
}

/// Kind of a checkpoint, in Flink's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CheckpointType {
    /// A checkpoint.
    Checkpoint,
    /// A savepoint, the job goes on.
    Savepoint,
    /// A savepoint that the job stops with.
    SyncSavepoint,
}

/// One checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CheckpointInfo {
    /// Its number.
    pub id: u64,
    /// Its state.
    pub status: CheckpointStatus,
    /// True for a savepoint.
    pub is_savepoint: bool,
    /// Its kind.
    pub checkpoint_type: CheckpointType,
    /// When it was triggered.
    pub trigger_timestamp: i64,
    /// When the last task answered; not there when that is not known, as for checkpoints of coordinators before.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub latest_ack_timestamp: Option<i64>,
    /// Milliseconds from trigger to the end.
    pub end_to_end_duration: Option<u64>,
    /// Bytes of all state that it refers to.
    pub state_size: Option<u64>,
    /// Bytes uploaded for it.
    pub checkpointed_size: Option<u64>,
    /// Tasks; 0 when that is not known, as for checkpoints of coordinators before.
    pub num_subtasks: u32,
    /// Tasks that answered; 0 when that is not known.
    pub num_acknowledged_subtasks: u32,
    /// Where it lies.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub external_path: Option<String>,
    /// When it failed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub failure_timestamp: Option<i64>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub failure_message: Option<String>,
}

/// `GET /jobs/:jobid/checkpoints/details/:checkpointid`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CheckpointDetails {
    /// What the list says.
    #[serde(flatten)]
    pub info: CheckpointInfo,
    /// By vertex id; empty for checkpoints of coordinators before.
    pub tasks: BTreeMap<String, TaskCheckpoint>,
}

/// A vertex's part of a checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TaskCheckpoint {
    /// The checkpoint.
    pub id: u64,
    /// Whether all its subtasks have answered.
    pub status: CheckpointStatus,
    /// When the last of them answered.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub latest_ack_timestamp: Option<i64>,
    /// Milliseconds from trigger to the last answer.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub end_to_end_duration: Option<u64>,
    /// Bytes of all state.
    pub state_size: u64,
    /// Bytes uploaded.
    pub checkpointed_size: u64,
    /// Subtasks.
    pub num_subtasks: u32,
    /// Those that answered.
    pub num_acknowledged_subtasks: u32,
}

/// `GET /jobs/:jobid/checkpoints/details/:checkpointid/subtasks/:vertexid`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TaskCheckpointDetails {
    /// What the checkpoint's details say.
    #[serde(flatten)]
    pub task: TaskCheckpoint,
    /// Statistics over the subtasks that answered; not there before the first.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub summary: Option<SubtasksSummary>,
    /// Each subtask.
    pub subtasks: Vec<SubtaskCheckpoint>,
}

/// Statistics over a vertex's subtasks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SubtasksSummary {
    /// Bytes uploaded.
    pub checkpointed_size: StatsSummary,
    /// Bytes of all state.
    pub state_size: StatsSummary,
    /// Milliseconds from trigger to answer.
    pub end_to_end_duration: StatsSummary,
    /// Milliseconds of the phases.
    pub checkpoint_duration: PhaseStats,
    /// Milliseconds from the first to the last barrier.
    pub alignment: AlignmentStats,
    /// Milliseconds from trigger to the first barrier.
    pub start_delay: StatsSummary,
}

/// Statistics of the phases.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PhaseStats {
    /// The task stood still.
    pub sync: StatsSummary,
    /// Upload in the background.
    #[serde(rename = "async")]
    pub asynchronous: StatsSummary,
}

/// Statistics of alignment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AlignmentStats {
    /// From the first to the last barrier.
    pub duration: StatsSummary,
}

/// A subtask's part of a checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SubtaskCheckpoint {
    /// Index, from 0.
    pub index: u32,
    /// `completed` or `pending_or_failed`, in Flink's words.
    pub status: String,
    /// Its answer.
    #[serde(flatten)]
    pub ack: Option<SubtaskAck>,
}

/// What a subtask answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SubtaskAck {
    /// When the coordinator got it.
    pub ack_timestamp: i64,
    /// Milliseconds from trigger to answer.
    pub end_to_end_duration: u64,
    /// Bytes of all state.
    pub state_size: u64,
    /// Bytes uploaded.
    pub checkpointed_size: u64,
    /// Phases.
    pub checkpoint: SubtaskPhases,
    /// Alignment.
    pub alignment: SubtaskAlignment,
    /// Milliseconds from trigger, by the coordinator's clock, to the first barrier, by the worker's.
    pub start_delay: u64,
}

/// Milliseconds of a subtask's phases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SubtaskPhases {
    /// The task stood still.
    pub sync: u64,
    /// Upload in the background.
    #[serde(rename = "async")]
    pub asynchronous: u64,
}

/// A subtask's alignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SubtaskAlignment {
    /// Milliseconds from the first to the last barrier.
    pub duration: u64,
}

/// `GET /jobs/:jobid/checkpoints/config`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
    /// What happens to checkpoints when the job is cancelled.
    pub externalization: Externalization,
    /// Failures in a row before the job fails.
    pub tolerable_failed_checkpoints: u32,
    /// Completed checkpoints that are kept.
    pub num_retained: u32,
    /// Name of the state backend.
    pub state_backend: String,
    /// The storage's root.
    pub checkpoint_storage: String,
}

/// What happens to checkpoints when the job is cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Externalization {
    /// Checkpoints outlive the process.
    pub enabled: bool,
    /// They are deleted on cancel.
    pub delete_on_cancellation: bool,
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn statistics() {
        assert_eq!(StatsSummary::of([]), None);
        let one = StatsSummary::of([7]).unwrap();
        assert_eq!((one.min, one.max, one.avg, one.p50, one.p999), (7, 7, 7, 7.0, 7.0));
        let s = StatsSummary::of([4, 1, 3, 2, 5]).unwrap();
        assert_eq!((s.min, s.max, s.avg, s.p50, s.p90), (1, 5, 3, 3.0, 4.6));
        let two = StatsSummary::of([0, 1000]).unwrap();
        assert_eq!((two.p50, two.p95, two.p99), (500.0, 950.0, 990.0));
    }
}
