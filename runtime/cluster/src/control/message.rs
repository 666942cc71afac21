//! What coordinator and worker say to each other: one stream each way for each
//! worker. Everything of an attempt carries its id; what is of another attempt
//! is dropped by whoever gets it.

use super::wire::{WireCommand, WireError, WireEvent, WireStatus};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use streamjob_core::{CheckpointId, JobId};
use streamjob_engine::deploy::{RestoreState, TaskId};
use streamjob_state::FileRef;

/// Version of these messages. Peers of other versions are refused.
pub const PROTOCOL: u32 = 3;

/// Version of this binary. Plans are compared only between equal ones (ADR 0003).
pub const BINARY: &str = env!("CARGO_PKG_VERSION");

/// From a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ToCoordinator {
    /// First of all.
    Register(Register),
    /// I live.
    Heartbeat,
    /// A task's event.
    Event {
        /// The attempt.
        attempt: String,
        /// What happened.
        event: WireEvent,
    },
    /// Figures of the operators here.
    Status {
        /// The attempt.
        attempt: String,
        /// One for each operator and subtask here.
        operators: Vec<WireStatus>,
    },
    /// This worker's share cannot run, or a command could not be carried out.
    ShareFailed {
        /// The attempt.
        attempt: String,
        /// Why.
        error: WireError,
    },
    /// All threads of the attempt have ended here.
    Done {
        /// The attempt.
        attempt: String,
    },
    /// I was asked to end: give me nothing more, and tell me when I am not needed.
    Leave,
}

/// Who a worker is. Protocol, binary and name stay readable in every version, so that a peer of another one is told so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Register {
    /// [`PROTOCOL`] of the worker.
    pub protocol: u32,
    /// [`BINARY`] of the worker.
    pub binary: String,
    /// Stable name.
    pub worker: String,
    /// Random per process: tells a reconnect from another process of the same name.
    #[serde(default)]
    pub process: String,
    /// Subtasks of each vertex that it can run.
    #[serde(default)]
    pub slots: u32,
    /// Where its exchange listens, `host:port`.
    #[serde(default)]
    pub exchange: String,
    /// What it runs already.
    #[serde(default)]
    pub running: Option<Running>,
    /// It was asked to end: as [`ToCoordinator::Leave`].
    #[serde(default)]
    pub leaving: bool,
}

/// What a worker runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Running {
    /// The attempt.
    pub attempt: String,
    /// The generation of the coordinator that deployed it.
    pub generation: u64,
    /// What it was deployed for.
    pub terms: Terms,
    /// Its tasks and how far they are.
    pub tasks: BTreeMap<TaskId, TaskState>,
    /// Checkpoints that were triggered, and neither completed nor given up as far as is known here.
    pub open: BTreeSet<CheckpointId>,
    /// The highest number of a checkpoint that was triggered; 0 before the first.
    pub newest: CheckpointId,
    /// The tasks were told to stop or to finish.
    pub ending: bool,
    /// Why they stand still, when they do.
    pub failure: Option<WireError>,
}

/// What tasks were deployed for: a coordinator that was told the same, and finds in storage what they left there, can
/// go on with them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// What was planned.
    pub job: JobDescription,
    /// Digest of the plan.
    pub digest: String,
    /// The parallelism that the job's settings asked for; `job` has the one that it was rescaled to.
    pub configured: u32,
    /// Location of what they were restored from; `None` when they began empty.
    pub restored_from: Option<String>,
}

/// How far a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TaskState {
    /// State is being restored.
    Starting,
    /// It runs.
    Running,
    /// Its input has ended.
    Ended,
    /// Its thread is through.
    Finished,
}

/// From the coordinator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ToWorker {
    /// Registered.
    Welcome {
        /// The generation that the coordinator holds; 0 while it holds none.
        generation: u64,
    },
    /// Not registered, or no longer; trying again is of no use.
    Refuse {
        /// Why.
        error: WireError,
    },
    /// Run this share. Ends whatever else runs there first.
    Deploy(Box<Deploy>),
    /// A share may come that starts from these files: fetch them.
    Fetch(Box<Fetch>),
    /// A command for the tasks.
    Command {
        /// The attempt.
        attempt: String,
        /// What to do.
        command: WireCommand,
    },
    /// The tasks of this attempt go on under the coordinator of this generation.
    Adopt {
        /// The attempt.
        attempt: String,
        /// The generation.
        generation: u64,
    },
    /// I live.
    Heartbeat,
    /// The job is over, or the worker may leave.
    Shutdown,
}

/// A worker's share of a deployment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deploy {
    /// The attempt.
    pub attempt: String,
    /// The job's lineage.
    pub job_id: JobId,
    /// The generation that deploys.
    pub generation: u64,
    /// What to plan, and what must come out.
    pub terms: Terms,
    /// Index of the worker in `peers`.
    pub worker: usize,
    /// By vertex, by subtask: the worker that runs it.
    pub assignment: Vec<Vec<usize>>,
    /// Exchange addresses of the workers.
    pub peers: Vec<String>,
    /// What to start from.
    pub restore: RestoreState,
    /// Description of the store that reads the restore source's files.
    pub restore_store: String,
    /// Memory of all keyed backends of the job together, bytes.
    pub memory_budget: u64,
    /// False for at-least-once.
    pub aligned: bool,
    /// Whether operators without an exchange between them share a task.
    pub chaining: bool,
    /// How long rows may wait for a batch to fill, microseconds.
    pub linger_us: u64,
}

/// Files that a share will need if it is deployed as things are now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fetch {
    /// Tells where the worker keeps files, and how storage is reached.
    pub job: JobDescription,
    /// Description of the store that reads them.
    pub store: String,
    /// All of them; what an earlier list named besides is of no use any more.
    pub files: Vec<FileRef>,
}

/// What every process plans the same job from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobDescription {
    /// Job name.
    pub name: String,
    /// Namespace.
    pub namespace: String,
    /// The script.
    pub sql: String,
    /// Options that win over the script's SET, by canonical name.
    pub options: BTreeMap<String, String>,
    /// Time of planning, milliseconds since the epoch: what the planner folds to constants.
    pub planned_ms: i64,
    /// Default number of subtasks.
    pub parallelism: u32,
    /// Number of key groups.
    pub max_parallelism: u32,
}
