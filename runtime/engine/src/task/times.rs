//! Where a task's time goes: waiting for input, waiting for space downstream,
//! and the rest, which is work.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Counters of one task; it writes, anyone reads.
#[derive(Debug)]
pub(crate) struct TaskClock {
    started: Instant,
    idle: AtomicU64,
    backpressured: AtomicU64,
}

impl TaskClock {
    pub(crate) fn new() -> Self {
        Self { started: Instant::now(), idle: AtomicU64::new(0), backpressured: AtomicU64::new(0) }
    }

    pub(crate) fn add_idle(&self, time: Duration) {
        self.idle.fetch_add(nanos(time), Ordering::Relaxed);
    }

    pub(crate) fn add_backpressured(&self, time: Duration) {
        self.backpressured.fetch_add(nanos(time), Ordering::Relaxed);
    }

    /// Nanoseconds idle, back-pressured and since the start.
    pub(crate) fn read(&self) -> (u64, u64, u64) {
        (self.idle.load(Ordering::Relaxed), self.backpressured.load(Ordering::Relaxed), nanos(self.started.elapsed()))
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
