//! The heartbeat of a loop, for liveness probes. A loop that stands still for
//! longer than its bound is stuck, unless it waits for storage: that has time
//! limits of its own, and a restart of the process would not make it answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use streamjob_api::Health;

/// Longer than anything but storage takes: the end of an attempt's tasks is awaited for 30 s.
pub const BOUND: Duration = Duration::from_secs(120);

/// See the module. Cheap to clone.
#[derive(Clone)]
pub struct Pulse {
    inner: Arc<Inner>,
}

struct Inner {
    epoch: Instant,
    last_ms: AtomicU64,
    storage: AtomicU32,
}

/// While it lives, the loop waits for storage.
pub struct StorageWait {
    pulse: Pulse,
}

impl Drop for StorageWait {
    fn drop(&mut self) {
        self.pulse.beat();
        self.pulse.inner.storage.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Default for Pulse {
    fn default() -> Self {
        let inner = Inner { epoch: Instant::now(), last_ms: AtomicU64::new(0), storage: AtomicU32::new(0) };
        Self { inner: Arc::new(inner) }
    }
}

impl Pulse {
    /// The loop goes round.
    pub fn beat(&self) {
        self.inner.last_ms.store(self.now(), Ordering::SeqCst);
    }

    /// The loop is about to wait for storage.
    pub fn storage_wait(&self) -> StorageWait {
        self.inner.storage.fetch_add(1, Ordering::SeqCst);
        StorageWait { pulse: self.clone() }
    }

    /// Whether the loop makes progress.
    pub fn health(&self) -> Health {
        self.health_at(self.now())
    }

    fn health_at(&self, now_ms: u64) -> Health {
        let silent = Duration::from_millis(now_ms.saturating_sub(self.inner.last_ms.load(Ordering::SeqCst)));
        if self.inner.storage.load(Ordering::SeqCst) > 0 {
            return Health { ok: true, reason: "waits for storage".into() };
        }
        let ok = silent <= BOUND;
        let reason = if ok {
            "the loop goes round".to_string()
        } else {
            format!("the loop has stood still for {} s", silent.as_secs())
        };
        Health { ok, reason }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.inner.epoch.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_that_stands_still_is_dead_unless_it_waits_for_storage() {
        let pulse = Pulse::default();
        let bound = u64::try_from(BOUND.as_millis()).unwrap();
        assert!(pulse.health_at(bound).ok);
        let dead = pulse.health_at(bound + 1001);
        assert!(!dead.ok && dead.reason.contains("121 s"), "{dead:?}");
        let wait = pulse.storage_wait();
        assert!(pulse.health_at(100 * bound).ok);
        drop(wait);
        assert!(!pulse.health_at(100 * bound).ok);
    }
}
