//! What the operator reports about a StreamJob. Every field is optional: a status
//! is written field by field as facts become known.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration::Duration;

/// What the operator knows about the job.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct StreamJobStatus {
    /// The generation of the spec that this status speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -1))]
    pub observed_generation: Option<i64>,
    /// Where the job stands, for people and columns; tools should read the conditions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<JobState>,
    /// The runtime image in force, after defaults.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub image: Option<String>,
    /// Parallelism of the job that runs now (scale subresource).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 32_768))]
    pub parallelism: Option<i32>,
    /// Label selector of the worker pods, in text form (scale subresource).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub selector: Option<String>,
    /// The running job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<JobStatus>,
    /// Checkpoints of the running job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<CheckpointStatus>,
    /// Savepoints that were taken for this resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub savepoint: Option<SavepointStatus>,
    /// What the running job was restored from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restore: Option<RestoreStatus>,
    /// The upgrade under way, or the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upgrade: Option<UpgradeStatus>,
    /// The form of the job that is in power, or was when the job stopped: `r` and a number.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub revision: Option<String>,
    /// The highest number that was given to a form; none is given twice.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub last_revision: Option<i64>,
    /// What is asked of the coordinator now; it is written before it is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<OperationStatus>,
    /// What the next start goes on from, while the job is stopped: a path, or `auto` for the newest own state.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub resume_from: Option<String>,
    /// The last spec whose job completed a checkpoint; a rollback returns to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_stable_spec: Option<RevisionRef>,
    /// What will be done next, in words, one step an entry.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(max = 1024)))]
    pub plan: Vec<String>,
    /// `Ready`, `Reconciling`, `Stalled`, `JobRunning`, `CheckpointsHealthy` and `RolledBack`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 16),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"])
    )]
    pub conditions: Vec<Condition>,
}

macro_rules! closed_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl $name {
            /// Every value, in the order of the schema.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The value's name in the API.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant)),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

closed_enum! {
    /// Where the job stands, for people and columns; tools should read the conditions.
    JobState {
        /// Accepted, nothing started yet.
        Pending,
        /// Pods start, tasks are deployed.
        Starting,
        /// Records flow.
        Running,
        /// A savepoint is taken.
        Savepointing,
        /// A new version takes over.
        Upgrading,
        /// The parallelism changes.
        Rescaling,
        /// On the way to Suspended.
        Suspending,
        /// Stopped with a savepoint, by `spec.state`.
        Suspended,
        /// On the way back to the last stable spec.
        RollingBack,
        /// Runs the last stable spec, not the one that is asked for.
        RolledBack,
        /// Fails and is restarted.
        Failing,
        /// Failed for good.
        Failed,
        /// All input is done.
        Finished,
        /// The resource is being deleted.
        Deleting,
    }
}

closed_enum! {
    /// The phase; it is written before it is acted on. Absent when the upgrade is done.
    UpgradePhase {
        /// The new version starts in standby and checks the state.
        Prepare,
        /// A savepoint of the old job is taken; then it stops behind a checkpoint.
        Savepoint,
        /// The new version takes over.
        Switch,
        /// The new version must complete a checkpoint.
        Verify,
        /// The old pods go.
        Retire,
        /// The old version returns.
        RollBack,
    }
}

closed_enum! {
    /// How the last upgrade ended.
    UpgradeOutcome {
        /// The new version runs and has completed a checkpoint.
        Completed,
        /// The old version goes on: the new one, or the savepoint, was refused.
        Refused,
        /// The old version runs again: the new one did not prove itself.
        RolledBack,
        /// The spec changed again before anything was touched.
        Abandoned,
    }
}

closed_enum! {
    /// What is asked: to start, to begin out of standing by, to stop, for a savepoint, or to change the parallelism.
    OperationKind {
        /// Start from `from`, with nothing else running.
        Start,
        /// Begin, out of standing by.
        Go,
        /// Stop with a savepoint.
        Stop,
        /// Take a savepoint, and go on.
        Savepoint,
        /// Stop behind a checkpoint.
        StopBehindCheckpoint,
        /// Change the parallelism.
        Rescale,
    }
}

closed_enum! {
    /// Status of a condition.
    ConditionStatus {
        /// It holds.
        True,
        /// It does not hold.
        False,
        /// Not known.
        Unknown,
    }
}

/// The running job.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct JobStatus {
    /// Id of the job's lineage of state.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub id: Option<String>,
    /// When the job was started last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Time>,
    /// How often the job was restarted after a failure since then.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub restarts: Option<i64>,
    /// The coordinator's generation in storage; older ones can publish nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub generation: Option<i64>,
}

/// Checkpoints of the running job.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CheckpointStatus {
    /// The newest completed checkpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest: Option<CheckpointInfo>,
    /// How many checkpoints completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub count: Option<i64>,
    /// How many checkpoints failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub failed: Option<i64>,
}

/// One completed checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CheckpointInfo {
    /// Its number; the folder is called `chk-<id>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub id: Option<i64>,
    /// Where it lies.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub path: Option<String>,
    /// When it was completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,
    /// Bytes of the state in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub size: Option<i64>,
    /// How long it took from trigger to completion.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<Duration>,
}

/// Savepoints of this resource.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SavepointStatus {
    /// The newest completed savepoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest: Option<SavepointInfo>,
    /// Completed savepoints that still exist, newest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), extend("x-kubernetes-list-type" = "atomic"))]
    pub history: Vec<SavepointInfo>,
}

/// One completed savepoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SavepointInfo {
    /// Name of its StreamJobSnapshot.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub snapshot: Option<String>,
    /// Where it lies.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub path: Option<String>,
    /// When it was completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,
    /// Its size in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub size: Option<i64>,
}

/// What the running job was restored from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RestoreStatus {
    /// How the restore point was chosen: `Auto`, `Latest`, `None`, `Path`, `Upgrade`, `Rescale` or `Resume`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub source: Option<String>,
    /// The savepoint or checkpoint; absent when the job started empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub path: Option<String>,
    /// Number of the checkpoint that was restored.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub checkpoint: Option<i64>,
    /// When its manifest and files were verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified_at: Option<Time>,
}

/// An upgrade.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct UpgradeStatus {
    /// Revision that runs or ran before.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub from: Option<String>,
    /// Revision that takes over.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub to: Option<String>,
    /// The phase; it is written before it is acted on. Absent when the upgrade is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<UpgradePhase>,
    /// The savepoint that was taken before the old version stopped; the job's to keep, and yours.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub savepoint_path: Option<String>,
    /// What a rollback returns to, where that is not the job's newest state: the new version began elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub rollback_path: Option<String>,
    /// When the upgrade began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// Which try it is, from 1: one that failed for a passing reason is made again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub attempt: Option<i32>,
    /// When the present phase must be done; after a failure that may pass, when the upgrade is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Time>,
    /// How it ended; absent while it is under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<UpgradeOutcome>,
    /// Why it ended so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub message: Option<String>,
    /// When the old version stopped reading: the trigger of its last checkpoint, by its clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped_at: Option<MicroTime>,
    /// From there until all tasks of the new version ran, by its clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outage: Option<Duration>,
}

/// What is asked of a coordinator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OperationStatus {
    /// What is asked: to start, to begin out of standing by, to stop, for a savepoint, or to change the parallelism.
    #[serde(rename = "type")]
    pub kind: OperationKind,
    /// The form that is asked.
    #[schemars(length(max = 32))]
    pub revision: String,
    /// Its id: asked twice under one id is asked once.
    #[schemars(length(max = 128))]
    pub trigger_id: String,
    /// What the job starts from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub from: Option<String>,
    /// The parallelism that is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 32_768))]
    pub parallelism: Option<i32>,
    /// When it was decided.
    pub started_at: Time,
    /// When it shall be done, or, after a failure, when it is tried again.
    pub deadline: Time,
    /// Which try it is, from 1.
    #[schemars(range(min = 0))]
    pub attempt: i32,
    /// Why this try failed; absent while it is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub failure: Option<String>,
}

/// A ControllerRevision of this resource.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RevisionRef {
    /// Name of the ControllerRevision, in the same namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub name: Option<String>,
    /// Generation of the spec that it holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub generation: Option<i64>,
}

/// A condition by the Kubernetes conventions, with their bounds in the schema.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Name of the condition, in CamelCase.
    #[serde(rename = "type")]
    #[schemars(length(min = 1, max = 316), regex(pattern = r"^[A-Za-z][A-Za-z0-9_./-]*$"))]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: ConditionStatus,
    /// The generation of the spec that the condition speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,
    /// When `status` changed last.
    pub last_transition_time: Time,
    /// Why, in one CamelCase word.
    #[schemars(length(min = 1, max = 1024), regex(pattern = r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"))]
    pub reason: String,
    /// Why, and what to do, for people.
    #[schemars(length(max = 32_768))]
    pub message: String,
}
