//! Transfers of files: a few at a time, since each waits for storage most of its time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use streamjob_core::Result;

/// Files that one backend moves at a time.
const TRANSFERS: usize = 4;

/// Calls `one` with each number below `count`, and gives what it gave, in order. After an error, no more are begun.
pub(crate) fn in_parallel<T: Send>(count: usize, one: impl Fn(usize) -> Result<T> + Sync) -> Result<Vec<T>> {
    let next = AtomicUsize::new(0);
    let outcome = Mutex::new(Ok(Vec::with_capacity(count)));
    let some = || {
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            if i >= count {
                return;
            }
            let one = one(i);
            let mut outcome = outcome.lock().unwrap_or_else(PoisonError::into_inner);
            match (one, &mut *outcome) {
                (Ok(value), Ok(values)) => values.push((i, value)),
                (Err(e), Ok(_)) => {
                    // The others end after the one that they are at.
                    next.store(count, Ordering::Relaxed);
                    *outcome = Err(e);
                }
                (_, Err(_)) => {}
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..TRANSFERS.min(count) {
            scope.spawn(some);
        }
        some();
    });
    let mut values = outcome.into_inner().unwrap_or_else(PoisonError::into_inner)?;
    values.sort_by_key(|(i, _)| *i);
    Ok(values.into_iter().map(|(_, value)| value).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use streamjob_core::Error;

    #[test]
    fn values_come_in_order_and_the_first_error_ends_it() {
        for count in [0, 1, 3, 100] {
            assert_eq!(in_parallel(count, |i| Ok(i * 2)).unwrap(), (0..count).map(|i| i * 2).collect::<Vec<_>>());
        }
        let begun = AtomicUsize::new(0);
        let outcome = in_parallel(1_000_000, |i| {
            begun.fetch_add(1, Ordering::Relaxed);
            if i == 5 { Err(Error::transient("five")) } else { Ok(()) }
        });
        assert!(outcome.unwrap_err().to_string().contains("five"));
        assert!(begun.into_inner() < 1_000_000);
    }
}
