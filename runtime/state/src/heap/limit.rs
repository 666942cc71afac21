//! How much the heap backends of one process may hold together. A job that
//! outgrows it ends with an error that names the way on, instead of being
//! killed by the machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use streamjob_core::{Error, OperatorUid, Result};

/// A backend reports its growth in steps of so many bytes.
const STEP: u64 = 64 << 10;

/// The common limit, and what is used of it.
#[derive(Debug)]
pub(super) struct Limit {
    bytes: u64,
    used: AtomicU64,
}

impl Limit {
    pub fn new(bytes: u64) -> Self {
        Self { bytes, used: AtomicU64::new(0) }
    }
}

/// One backend's part; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Share {
    limit: Option<Arc<Limit>>,
    counted: u64,
    step: u64,
}

impl Share {
    pub fn new(limit: Option<Arc<Limit>>) -> Self {
        let step = limit.as_ref().map_or(STEP, |l| STEP.min(l.bytes / 16));
        Self { limit, counted: 0, step }
    }

    /// The backend holds `bytes` now. User error when all backends together hold more than the limit.
    pub fn report(&mut self, bytes: u64, uid: &OperatorUid) -> Result<()> {
        let Some(limit) = &self.limit else { return Ok(()) };
        if bytes.abs_diff(self.counted) < self.step {
            return Ok(());
        }
        let used = if bytes >= self.counted {
            let grown = bytes - self.counted;
            limit.used.fetch_add(grown, Relaxed).saturating_add(grown)
        } else {
            let shrunk = self.counted - bytes;
            limit.used.fetch_sub(shrunk, Relaxed).saturating_sub(shrunk)
        };
        self.counted = bytes;
        // Whoever shrinks is not to blame.
        if used > limit.bytes {
            return Err(exceeded(uid, bytes, used, limit.bytes));
        }
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if let Some(limit) = &self.limit {
            limit.used.fetch_sub(self.counted, Relaxed);
        }
    }
}

fn exceeded(uid: &OperatorUid, bytes: u64, used: u64, limit: u64) -> Error {
    Error::user(format!(
        "out of memory for state on the heap: it takes {used} bytes of at most {limit}, {bytes} of them in a subtask of operator '{uid}'"
    ))
    .fix(
        "use RocksDB, which keeps state on disk, by spec.stateBackend.type: RocksDB (SQL: SET 'state.backend.type' = 'rocksdb'): \
         the job then goes on from its last checkpoint; or raise spec.stateBackend.memory (taskmanager.memory.task.heap.size)",
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn uid(name: &str) -> OperatorUid {
        OperatorUid(name.into())
    }

    #[test]
    fn backends_share_one_limit_and_give_back() {
        let limit = Arc::new(Limit::new(1000));
        let mut a = Share::new(Some(limit.clone()));
        let mut b = Share::new(Some(limit.clone()));
        a.report(600, &uid("a")).unwrap();
        b.report(400, &uid("b")).unwrap();
        let e = b.report(500, &uid("b")).unwrap_err();
        for part in ["1100 bytes of at most 1000", "operator 'b'"] {
            assert!(e.message().contains(part), "{e}");
        }
        assert!(e.fix_text().unwrap().contains("RocksDB"), "{e}");
        drop(a);
        b.report(900, &uid("b")).unwrap();
        b.report(100, &uid("b")).unwrap();
        drop(b);
        assert_eq!(limit.used.load(Relaxed), 0);
    }

    #[test]
    fn without_a_limit_everything_goes() {
        Share::new(None).report(u64::MAX, &uid("a")).unwrap();
    }
}
