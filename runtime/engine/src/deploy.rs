//! The border between who decides (a coordinator) and who works (tasks): what a
//! coordinator hands over to start tasks, the commands it sends and the events it
//! gets back. Plain messages, so that the two can live in different processes.

use crate::graph::JobGraph;
use crate::net::Network;
use crate::operator::{OperatorMetrics, Progress};
use crossbeam_channel::Sender;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use streamjob_core::{Barrier, CheckpointId, Error, JobId, OperatorUid, Result};
use streamjob_state::{BackendFactory, Clock, KeyedSnapshot, OperatorState, SnapshotFormat, SnapshotStore};

/// A subtask: chained vertex and index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TaskId {
    /// Index of the chained vertex in [`VertexInfo`] order.
    pub vertex: usize,
    /// Subtask index.
    pub subtask: u32,
}

/// A chained vertex: the unit that is deployed, one thread a subtask.
#[derive(Debug, Clone)]
pub struct VertexInfo {
    /// Names of its operators joined by ` -> `.
    pub name: String,
    /// Its operators' uids, in chain order.
    pub operators: Vec<OperatorUid>,
    /// Number of subtasks.
    pub parallelism: u32,
    /// True when it reads from outside.
    pub is_source: bool,
}

/// What to start.
pub struct DeployRequest {
    /// The plan.
    pub graph: Arc<JobGraph>,
    /// Job name.
    pub job: String,
    /// Its lineage.
    pub job_id: JobId,
    /// Default number of subtasks.
    pub parallelism: u32,
    /// Number of key groups.
    pub max_parallelism: u32,
    /// Random per deployment.
    pub attempt: String,
    /// Makes keyed backends.
    pub backend: Arc<dyn BackendFactory>,
    /// Working files of backends, one folder per operator and subtask below it.
    pub work_dir: PathBuf,
    /// Memory of all keyed backends together, bytes.
    pub memory_budget: u64,
    /// What to start from.
    pub restore: RestoreState,
    /// Reads the restore source's files.
    pub restore_store: Arc<dyn SnapshotStore>,
    /// Wall clock.
    pub clock: Arc<dyn Clock>,
    /// False for at-least-once: barriers do not block.
    pub aligned: bool,
    /// Run operators without an exchange between them in one task.
    pub chaining: bool,
    /// How long rows may wait for a batch to fill.
    pub linger: Duration,
    /// Where events go.
    pub events: Sender<TaskEvent>,
    /// Which of the tasks run in this process; `None` for all of them.
    pub share: Option<Share>,
}

/// One worker's share of a deployment. All workers get the same assignment and addresses.
#[derive(Clone)]
pub struct Share {
    /// This worker, an index into `peers`.
    pub worker: usize,
    /// By vertex, by subtask: the worker that runs it.
    pub assignment: Vec<Vec<usize>>,
    /// Exchange addresses of all workers, `host:port`.
    pub peers: Vec<String>,
    /// This process's end of the exchange.
    pub network: Arc<Network>,
}

/// State to start from, by operator.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RestoreState {
    /// Per operator uid.
    pub operators: HashMap<OperatorUid, OperatorRestore>,
}

/// State of one operator in the restore source.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct OperatorRestore {
    /// Keyed snapshots of all old subtasks.
    pub keyed: Vec<KeyedSnapshot>,
    /// Operator state, one per old subtask, in order.
    pub operator: Vec<OperatorState>,
}

/// From the coordinator to all tasks.
#[derive(Clone)]
pub enum TaskCommand {
    /// Start checkpoint `barrier.id`: sources send the barrier; every task writes to `store`.
    Trigger {
        /// The barrier.
        barrier: Barrier,
        /// Where keyed state goes.
        store: Arc<dyn SnapshotStore>,
        /// Canonical or the backend's own format.
        format: SnapshotFormat,
    },
    /// The checkpoint is complete and owned: publish.
    Complete(CheckpointId),
    /// The checkpoint is given up.
    Abort(CheckpointId),
    /// All is done and committed: tasks end.
    Finish,
    /// Stop now, emit nothing more.
    Cancel,
}

/// From a task to the coordinator.
#[derive(Debug)]
pub enum TaskEvent {
    /// Opened, state restored, running.
    Running(TaskId),
    /// Input ended and all results are emitted; waits for the final checkpoint. For sources: nothing more to read.
    Ended(TaskId),
    /// Its part of a checkpoint, or why there is none.
    Snapshot {
        /// The task.
        task: TaskId,
        /// The checkpoint.
        checkpoint: CheckpointId,
        /// One per operator of the chain.
        result: Result<TaskSnapshot>,
    },
    /// It has carried out [`TaskCommand::Complete`] (sinks have published).
    Published(TaskId, CheckpointId),
    /// It ended after [`TaskCommand::Finish`] or [`TaskCommand::Cancel`].
    Finished(TaskId),
    /// It failed; the job cannot go on.
    Failed(TaskId, Error),
    /// The connection to another worker broke; the tasks here stand still.
    PeerLost(Error),
    /// This worker is to end; its tasks should go on elsewhere.
    Leaving(String),
}

/// A task's part of a checkpoint.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TaskSnapshot {
    /// Per operator of the chain.
    pub operators: Vec<(OperatorUid, OperatorSnapshot)>,
    /// Watermark at the barrier, milliseconds; `None` before the first.
    pub watermark_ms: Option<i64>,
    /// How long its phases took.
    pub timings: PhaseTimings,
}

/// One operator's part.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct OperatorSnapshot {
    /// Keyed state, when it has any.
    pub keyed: Option<KeyedSnapshot>,
    /// Operator state.
    pub operator: OperatorState,
}

/// Durations of a checkpoint's phases in one task.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseTimings {
    /// From the trigger, by the coordinator's clock, to the first barrier, by this process's clock.
    pub start_delay: Duration,
    /// From the first to the last barrier.
    pub alignment: Duration,
    /// The task stood still.
    pub sync: Duration,
    /// Upload in the background.
    pub upload: Duration,
}

/// Live figures of one operator in one subtask.
#[derive(Debug, Clone)]
pub struct OperatorStatus {
    /// Its task.
    pub task: TaskId,
    /// The operator.
    pub uid: OperatorUid,
    /// Name for people.
    pub name: String,
    /// True when it reads from outside.
    pub is_source: bool,
    /// True when nothing comes after it.
    pub is_sink: bool,
    /// Its counters.
    pub metrics: Arc<OperatorMetrics>,
    /// Current watermark, milliseconds.
    pub watermark_ms: Option<i64>,
    /// How far a source is.
    pub progress: Progress,
    /// Figures of the whole task, with its first operator only.
    pub figures: Option<TaskFigures>,
}

/// Live figures of a task, counted from its start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskFigures {
    /// Exchange address of the worker that runs it; `None` in a job of one process.
    pub endpoint: Option<String>,
    /// Waiting for input, nanoseconds.
    pub idle_nanos: u64,
    /// Waiting for space downstream, nanoseconds.
    pub backpressured_nanos: u64,
    /// The rest, nanoseconds.
    pub busy_nanos: u64,
    /// Bytes of rows taken from its input channels; between workers with their frames.
    pub bytes_in: u64,
    /// Bytes of rows given to its output channels; between workers with their frames.
    pub bytes_out: u64,
    /// Rows that wait in its input channels.
    pub queued_rows: u64,
    /// Bytes that wait in its input channels.
    pub queued_bytes: u64,
    /// The largest watermark that it has sent, milliseconds.
    pub watermark_out_ms: Option<i64>,
    /// Its channels to tasks on other workers.
    pub channels: Vec<ChannelFigures>,
}

/// A channel from a task to one on another worker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelFigures {
    /// Edge of the plan.
    pub edge: u32,
    /// Consuming subtask.
    pub consumer: u32,
    /// Bytes of rows that the consumer has not given back as credit: queued here, on their way, or queued there.
    pub in_flight_bytes: u64,
    /// How long the producer has waited for credit, nanoseconds.
    pub credit_wait_nanos: u64,
    /// Bytes of rows sent, with their frames.
    pub sent_bytes: u64,
}

/// Running tasks. Dropping it cancels them.
pub trait Deployment: Send {
    /// The chained vertices.
    fn vertices(&self) -> &[VertexInfo];
    /// Sends a command to every task; never blocks.
    fn send(&self, command: TaskCommand);
    /// Live figures.
    fn status(&self) -> Vec<OperatorStatus>;
    /// Waits until all threads have ended.
    fn join(self: Box<Self>);

    /// Leaves the tasks to whoever coordinates next, where they can run without this process; else stops them.
    fn detach(self: Box<Self>) {
        self.send(TaskCommand::Cancel);
        self.join();
    }
}
