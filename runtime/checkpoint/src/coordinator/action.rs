//! What the coordinator is asked for, and what it answers with.

use super::FailureReason;
use streamjob_core::{CheckpointId, StopMode};
use streamjob_state::SnapshotFormat;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestKind {
    /// A checkpoint now.
    Checkpoint,
    /// A savepoint.
    Savepoint {
        /// Folder for it; the job's own when `None`.
        target: Option<String>,
        /// Canonical, or the backend's own.
        format: SnapshotFormat,
        /// The job stops behind it.
        stop: Option<StopMode>,
    },
    /// A checkpoint behind which the job stops.
    StopCheckpoint(StopMode),
}

impl RequestKind {
    pub(super) fn is_savepoint(&self) -> bool {
        matches!(self, RequestKind::Savepoint { .. })
    }

    /// How the job stops behind it, if it does.
    pub fn stop(&self) -> Option<StopMode> {
        match self {
            RequestKind::Savepoint { stop, .. } => *stop,
            RequestKind::StopCheckpoint(mode) => Some(*mode),
            RequestKind::Checkpoint => None,
        }
    }

    /// Whether it waits for nothing that is under way: savepoints, and what stops the job.
    pub(super) fn is_forced(&self) -> bool {
        !matches!(self, RequestKind::Checkpoint)
    }
}

/// Names a request until it is triggered.
pub type RequestId = u64;

/// Why a request was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The reason.
    pub reason: FailureReason,
    /// What to do about it.
    pub message: String,
}

/// What the caller has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Send barriers for this checkpoint; tasks ack or decline.
    Trigger {
        /// Its number.
        id: CheckpointId,
        /// What is taken.
        kind: RequestKind,
        /// The request behind it; `None` for periodic ones.
        request: Option<RequestId>,
    },
    /// All tasks have acked: write the manifest and win the epoch, then call `completed`, `finalize_failed` or
    /// `finalize_unknown`. One at a time.
    Finalize {
        /// The checkpoint.
        id: CheckpointId,
    },
    /// It is complete. `notify` tells whether tasks hear of it: for checkpoints and for stopping savepoints.
    Complete {
        /// The checkpoint.
        id: CheckpointId,
        /// Tell the tasks, so that sinks publish.
        notify: bool,
        /// The request behind it.
        request: Option<RequestId>,
    },
    /// Give it up: tell the tasks, discard its files.
    Abort {
        /// The checkpoint.
        id: CheckpointId,
        /// Why.
        reason: FailureReason,
        /// Details.
        message: String,
        /// The request behind it.
        request: Option<RequestId>,
    },
    /// A queued request will not be triggered.
    Refuse {
        /// The request.
        request: RequestId,
        /// Why.
        reason: FailureReason,
    },
    /// Too many failures: restart the job by its strategy.
    FailJob {
        /// For the log and the status.
        message: String,
    },
}

/// What an ack was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ack {
    /// Counted.
    Taken,
    /// This task has acked before.
    Duplicate,
    /// For a checkpoint that has been given up or is over: discard what it refers to.
    Late,
    /// Nobody asked this task for this checkpoint: discard what it refers to.
    Unknown,
}
