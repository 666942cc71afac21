//! Live figures of the tasks of this process.

use super::RunningTask;
use crate::deploy::{TaskFigures, TaskId};
use crate::task::nanos;

/// Where one task's time went, nanoseconds since its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskTimes {
    /// The task.
    pub task: TaskId,
    /// Waiting for input.
    pub idle_nanos: u64,
    /// Waiting for space downstream.
    pub backpressured_nanos: u64,
    /// The rest.
    pub busy_nanos: u64,
}

impl RunningTask {
    /// All but what the connections to other workers know.
    pub(super) fn figures(&self) -> TaskFigures {
        let (idle, all) = self.times.read();
        let load = self.inbox.load();
        let idle_nanos = idle + nanos(load.waiting);
        let backpressured_nanos = self.output.waited_nanos();
        TaskFigures {
            endpoint: None,
            idle_nanos,
            backpressured_nanos,
            busy_nanos: all.saturating_sub(idle_nanos + backpressured_nanos),
            bytes_in: load.taken_bytes,
            bytes_out: self.output.local_bytes(),
            queued_rows: load.rows as u64,
            queued_bytes: load.bytes as u64,
            watermark_out_ms: self.output.watermark(),
            channels: Vec::new(),
        }
    }
}
