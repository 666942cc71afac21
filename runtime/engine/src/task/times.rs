//! How long a task has waited for input. What it waited for space downstream its
//! output knows ([`crate::exchange::OutputMeter`]); the rest of its time is work.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Counters of one task; it writes, anyone reads.
#[derive(Debug)]
pub(crate) struct TaskClock {
    started: Instant,
    idle: AtomicU64,
}

impl TaskClock {
    pub(crate) fn new() -> Self {
        Self { started: Instant::now(), idle: AtomicU64::new(0) }
    }

    pub(crate) fn add_idle(&self, time: Duration) {
        self.idle.fetch_add(nanos(time), Ordering::Relaxed);
    }

    /// Nanoseconds idle and since the start. A wait under way is not in it.
    pub(crate) fn read(&self) -> (u64, u64) {
        (self.idle.load(Ordering::Relaxed), nanos(self.started.elapsed()))
    }
}

pub(crate) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
