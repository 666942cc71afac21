//! Proves at start-up that a store honours conditional writes. Fencing rests on
//! them: a store that answers "done" to a condition that does not hold would let
//! two coordinators both win, so it is refused by name.

use super::{Conditional, ObjectStore, join};
use std::thread;
use streamjob_core::{Error, Result};
use uuid::Uuid;

const RACERS: usize = 8;
const ROUNDS: usize = 3;

/// The whole proof: conditions one by one, then several creators at once. Objects
/// below `dir/.probe` are written and removed again.
pub fn probe(store: &dyn ObjectStore, dir: &str) -> Result<()> {
    probe_conditions(store, dir)?;
    for _ in 0..ROUNDS {
        let key = probe_key(dir);
        let outcome = race(store, &key);
        clean(store, &key);
        outcome?;
    }
    Ok(())
}

/// Conditions one after the other only; misses stores that look first and write after.
pub fn probe_conditions(store: &dyn ObjectStore, dir: &str) -> Result<()> {
    let key = probe_key(dir);
    let outcome = conditions(store, &key);
    clean(store, &key);
    outcome
}

fn probe_key(dir: &str) -> String {
    join(dir, &format!(".probe/{}", Uuid::new_v4().simple()))
}

/// A probe object left behind harms nobody; the error that matters is the proof's.
fn clean(store: &dyn ObjectStore, key: &str) {
    if let Err(e) = store.delete(key) {
        tracing::warn!("cannot remove the probe object {}: {e}", store.url(key));
    }
}

fn conditions(store: &dyn ObjectStore, key: &str) -> Result<()> {
    let Conditional::Done(first) = store.put_if_absent(key, b"first")? else {
        return Err(refused(store, "says that a new object exists already"));
    };
    if store.put_if_absent(key, b"second")? != Conditional::Lost {
        return Err(refused(store, "created an object that existed (it ignores If-None-Match)"));
    }
    let wrong = if first.starts_with('"') { "\"00000000000000000000000000000000\"" } else { "wrong" };
    if store.put_if_match(key, b"third", wrong)? != Conditional::Lost {
        return Err(refused(store, "replaced an object although its version did not match (it ignores If-Match)"));
    }
    let Conditional::Done(second) = store.put_if_match(key, b"fourth", &first)? else {
        return Err(refused(store, "refused to replace an object whose version did match"));
    };
    if store.put_if_match(key, b"fifth", &first)? != Conditional::Lost {
        return Err(refused(store, "replaced an object although it had been replaced before (it ignores If-Match)"));
    }
    match store.get(key)? {
        Some(o) if o.bytes == b"fourth" && o.etag == second => Ok(()),
        _ => Err(refused(store, "does not return what was written last")),
    }
}

fn race(store: &dyn ObjectStore, key: &str) -> Result<()> {
    let names: Vec<String> = (0..RACERS).map(|i| format!("racer {i}")).collect();
    let outcomes: Vec<Result<Conditional>> = thread::scope(|scope| {
        let racers: Vec<_> =
            names.iter().map(|n| scope.spawn(move || store.put_if_absent(key, n.as_bytes()))).collect();
        racers
            .into_iter()
            .map(|r| r.join().unwrap_or_else(|_| Err(Error::internal("a probe thread ended early"))))
            .collect()
    });
    let mut winners = Vec::new();
    for (name, outcome) in names.iter().zip(outcomes) {
        if let Conditional::Done(_) = outcome? {
            winners.push(name);
        }
    }
    match winners.as_slice() {
        [winner] if store.get(key)?.is_some_and(|o| o.bytes == winner.as_bytes()) => Ok(()),
        [_] => Err(refused(store, "told one creator that it won and kept another's object")),
        [] => Err(refused(store, "let none of several concurrent creators win")),
        many => Err(refused(store, &format!("let {} of {RACERS} concurrent creators of one object win", many.len()))),
    }
}

fn refused(store: &dyn ObjectStore, what: &str) -> Error {
    Error::user(format!("checkpoint storage {} cannot be used: it {what}", store.describe())).fix(
        "two coordinators could both own a checkpoint there; use a store with conditional writes (AWS S3, MinIO, Ceph; \
         versitygw with xattrs or --sidecar, not --nometa), or a file system, in checkpoint.storage",
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::testing::{Ignore, IgnoringStore};
    use crate::{FsStore, MemoryStore};

    #[test]
    fn honest_stores_pass_and_keep_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let stores: [Box<dyn ObjectStore>; 2] =
            [Box::new(MemoryStore::new()), Box::new(FsStore::open(dir.path()).unwrap())];
        for store in stores {
            probe(store.as_ref(), "ns").unwrap();
            assert!(store.list("").unwrap().is_empty());
        }
    }

    #[test]
    fn a_store_that_ignores_conditions_is_refused_by_name() {
        for (ignore, word) in
            [(Ignore::Absent, "If-None-Match"), (Ignore::Match, "If-Match"), (Ignore::Race, "concurrent creators")]
        {
            let store = IgnoringStore::new(ignore);
            let e = probe(&store, "ns").unwrap_err();
            assert!(e.message().contains("ignoring store"), "{e}");
            assert!(e.message().contains(word), "{e}");
            assert!(e.fix_text().unwrap().contains("checkpoint.storage"));
            assert!(store.list("").unwrap().is_empty());
        }
    }
}
