//! The engine's commands, events and figures as data that crosses processes, and back.

use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use streamjob_checkpoint::Storage;
use streamjob_checkpoint::snapshot_store::described;
use streamjob_core::{Barrier, CheckpointId, Domain, Error, OperatorUid, Result};
use streamjob_engine::deploy::{OperatorStatus, TaskCommand, TaskEvent, TaskFigures, TaskId, TaskSnapshot};
use streamjob_engine::operator::{OperatorMetrics, Progress};
use streamjob_state::SnapshotFormat;

/// An error with its domain and fix; causes are folded into the message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireError {
    /// Who can do something about it.
    pub domain: WireDomain,
    /// What happened, with its causes.
    pub message: String,
    /// What to change.
    pub fix: Option<String>,
}

/// As [`Domain`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum WireDomain {
    /// The user's input.
    User,
    /// The outside world.
    Transient,
    /// An invariant of ours.
    Internal,
}

impl From<&Error> for WireError {
    fn from(e: &Error) -> Self {
        let domain = match e.domain() {
            Domain::User => WireDomain::User,
            Domain::Transient => WireDomain::Transient,
            Domain::Internal => WireDomain::Internal,
        };
        let mut message = e.message().to_string();
        let mut cause = std::error::Error::source(e);
        while let Some(c) = cause {
            message.push_str(&format!(": {c}"));
            cause = c.source();
        }
        Self { domain, message, fix: e.fix_text().map(str::to_string) }
    }
}

impl From<WireError> for Error {
    fn from(e: WireError) -> Self {
        let error = match e.domain {
            WireDomain::User => Error::user(e.message),
            WireDomain::Transient => Error::transient(e.message),
            WireDomain::Internal => Error::internal(e.message),
        };
        match e.fix {
            Some(fix) => error.fix(fix),
            None => error,
        }
    }
}

/// As [`TaskCommand`], with stores by their description.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum WireCommand {
    /// Start a checkpoint.
    Trigger {
        /// The barrier.
        barrier: Barrier,
        /// Where keyed state goes.
        store: String,
        /// Canonical or the backend's own format.
        format: SnapshotFormat,
    },
    /// Publish.
    Complete(CheckpointId),
    /// Give up a checkpoint.
    Abort(CheckpointId),
    /// Tasks end, all is committed.
    Finish,
    /// Stop now.
    Cancel,
}

impl WireCommand {
    /// Errors (Internal) for a store that lives in this process only.
    pub fn of(command: &TaskCommand) -> Result<Self> {
        Ok(match command {
            TaskCommand::Trigger { barrier, store, format } => {
                let store = store
                    .description()
                    .ok_or_else(|| Error::internal("checkpoint storage cannot be reached from other processes"))?;
                WireCommand::Trigger { barrier: *barrier, store, format: *format }
            }
            TaskCommand::Complete(id) => WireCommand::Complete(*id),
            TaskCommand::Abort(id) => WireCommand::Abort(*id),
            TaskCommand::Finish => WireCommand::Finish,
            TaskCommand::Cancel => WireCommand::Cancel,
        })
    }

    /// On this process's own access to the storage.
    pub fn command(self, storage: &Storage) -> Result<TaskCommand> {
        Ok(match self {
            WireCommand::Trigger { barrier, store, format } => {
                TaskCommand::Trigger { barrier, store: described(storage, &store)?, format }
            }
            WireCommand::Complete(id) => TaskCommand::Complete(id),
            WireCommand::Abort(id) => TaskCommand::Abort(id),
            WireCommand::Finish => TaskCommand::Finish,
            WireCommand::Cancel => TaskCommand::Cancel,
        })
    }
}

/// As [`TaskEvent`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum WireEvent {
    /// A task runs.
    Running(TaskId),
    /// Its input ended.
    Ended(TaskId),
    /// Its part of a checkpoint.
    Snapshot {
        /// The task.
        task: TaskId,
        /// The checkpoint.
        checkpoint: CheckpointId,
        /// The part, or why there is none.
        result: std::result::Result<TaskSnapshot, WireError>,
    },
    /// It has published.
    Published(TaskId, CheckpointId),
    /// Its thread is through.
    Finished(TaskId),
    /// It failed.
    Failed(TaskId, WireError),
    /// The connection to another worker broke.
    PeerLost(WireError),
    /// A worker is to end.
    Leaving(String),
}

impl From<TaskEvent> for WireEvent {
    fn from(event: TaskEvent) -> Self {
        match event {
            TaskEvent::Running(task) => WireEvent::Running(task),
            TaskEvent::Ended(task) => WireEvent::Ended(task),
            TaskEvent::Snapshot { task, checkpoint, result } => {
                WireEvent::Snapshot { task, checkpoint, result: result.map_err(|e| WireError::from(&e)) }
            }
            TaskEvent::Published(task, checkpoint) => WireEvent::Published(task, checkpoint),
            TaskEvent::Finished(task) => WireEvent::Finished(task),
            TaskEvent::Failed(task, e) => WireEvent::Failed(task, WireError::from(&e)),
            TaskEvent::PeerLost(e) => WireEvent::PeerLost(WireError::from(&e)),
            TaskEvent::Leaving(worker) => WireEvent::Leaving(worker),
        }
    }
}

impl From<WireEvent> for TaskEvent {
    fn from(event: WireEvent) -> Self {
        match event {
            WireEvent::Running(task) => TaskEvent::Running(task),
            WireEvent::Ended(task) => TaskEvent::Ended(task),
            WireEvent::Snapshot { task, checkpoint, result } => {
                TaskEvent::Snapshot { task, checkpoint, result: result.map_err(Error::from) }
            }
            WireEvent::Published(task, checkpoint) => TaskEvent::Published(task, checkpoint),
            WireEvent::Finished(task) => TaskEvent::Finished(task),
            WireEvent::Failed(task, e) => TaskEvent::Failed(task, e.into()),
            WireEvent::PeerLost(e) => TaskEvent::PeerLost(e.into()),
            WireEvent::Leaving(worker) => TaskEvent::Leaving(worker),
        }
    }
}

/// As [`OperatorStatus`], its counters read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WireStatus {
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
    /// Rows in.
    pub rows_in: u64,
    /// Rows out.
    pub rows_out: u64,
    /// Rows dropped as late.
    pub late_rows_dropped: u64,
    /// Bad rows skipped.
    pub rows_skipped: u64,
    /// Watermark, milliseconds.
    pub watermark_ms: Option<i64>,
    /// How far a source is.
    pub progress: Progress,
    /// Figures of the whole task, with its first operator only.
    #[serde(default)]
    pub figures: Option<TaskFigures>,
}

impl From<OperatorStatus> for WireStatus {
    fn from(s: OperatorStatus) -> Self {
        let m = &s.metrics;
        Self {
            rows_in: m.rows_in.load(Relaxed),
            rows_out: m.rows_out.load(Relaxed),
            late_rows_dropped: m.late_rows_dropped.load(Relaxed),
            rows_skipped: m.rows_skipped.load(Relaxed),
            task: s.task,
            uid: s.uid,
            name: s.name,
            is_source: s.is_source,
            is_sink: s.is_sink,
            watermark_ms: s.watermark_ms,
            progress: s.progress,
            figures: s.figures,
        }
    }
}

impl From<WireStatus> for OperatorStatus {
    fn from(s: WireStatus) -> Self {
        let metrics = OperatorMetrics {
            rows_in: AtomicU64::new(s.rows_in),
            rows_out: AtomicU64::new(s.rows_out),
            late_rows_dropped: AtomicU64::new(s.late_rows_dropped),
            rows_skipped: AtomicU64::new(s.rows_skipped),
        };
        Self {
            task: s.task,
            uid: s.uid,
            name: s.name,
            is_source: s.is_source,
            is_sink: s.is_sink,
            metrics: Arc::new(metrics),
            watermark_ms: s.watermark_ms,
            progress: s.progress,
            figures: s.figures,
        }
    }
}
