//! Test helpers for every crate that uses state: a store in memory, a clock
//! set by hand, and the suites that each backend must pass. Not for production:
//! the suites panic when a backend is wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod conformance;
mod model;
mod store;

pub use conformance::conformance;
pub use model::{Step, run_model};
pub use store::MemoryStore;

use crate::backend::{
    BackendFactory, Clock, KeyedBackend, OpenRequest, SnapshotRequest, StateId, StateKind, StateSpec,
};
use crate::snapshot::{KeyedSnapshot, SnapshotFormat, SnapshotStore};
use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use streamjob_core::{OperatorUid, Result};

/// A clock that stands still until it is moved.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock at `now` milliseconds.
    pub fn new(now: i64) -> Self {
        Self(AtomicI64::new(now))
    }

    /// Sets the time.
    pub fn set(&self, now: i64) {
        self.0.store(now, Ordering::SeqCst);
    }

    /// Moves the time on.
    pub fn advance(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// Number of key groups in a [`Bench`].
pub const GROUPS: u32 = 8;

/// What a backend needs around it: a store, a clock, and a scratch folder that is removed on drop.
pub struct Bench {
    /// Checkpoint storage.
    pub store: Arc<MemoryStore>,
    /// The clock of time to live; starts at 1,000,000.
    pub clock: Arc<ManualClock>,
    /// Format that [`Bench::snapshot`] asks for.
    pub format: SnapshotFormat,
    /// Memory budget of the backends, bytes.
    pub memory_budget: u64,
    root: PathBuf,
    next: AtomicU64,
}

static BENCHES: AtomicU64 = AtomicU64::new(0);

impl Default for Bench {
    fn default() -> Self {
        Self::new()
    }
}

impl Bench {
    /// An empty store; snapshots in canonical format.
    pub fn new() -> Self {
        let n = BENCHES.fetch_add(1, Ordering::SeqCst);
        Self {
            store: Arc::new(MemoryStore::default()),
            clock: Arc::new(ManualClock::new(1_000_000)),
            format: SnapshotFormat::Canonical,
            memory_budget: 16 << 20,
            root: scratch_root().join(format!("streamjob-state-test-{}-{n}", std::process::id())),
            next: AtomicU64::new(0),
        }
    }

    /// The same with another snapshot format.
    #[must_use]
    pub fn with_format(mut self, format: SnapshotFormat) -> Self {
        self.format = format;
        self
    }

    /// A folder that no backend has used yet.
    pub fn dir(&self) -> PathBuf {
        self.root.join(self.next.fetch_add(1, Ordering::SeqCst).to_string())
    }

    /// Opens a backend for some of [`GROUPS`] key groups.
    pub fn open(
        &self,
        factory: &dyn BackendFactory,
        groups: Range<u32>,
        restore: Vec<KeyedSnapshot>,
    ) -> Result<Box<dyn KeyedBackend>> {
        factory.open(OpenRequest {
            uid: OperatorUid("sum/by user".into()),
            subtask: groups.start,
            groups: groups.clone(),
            max_parallelism: GROUPS,
            dir: self.dir(),
            restore: crate::restore::overlapping(&restore, &groups),
            store: Arc::clone(&self.store) as Arc<dyn SnapshotStore>,
            memory_budget: self.memory_budget,
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
        })
    }

    /// A request for a snapshot to this bench's store.
    pub fn request(&self, checkpoint: u64, format: SnapshotFormat) -> SnapshotRequest {
        SnapshotRequest { checkpoint, format, store: Arc::clone(&self.store) as Arc<dyn SnapshotStore> }
    }

    /// Takes a whole checkpoint and reports it complete.
    pub fn snapshot(&self, backend: &mut dyn KeyedBackend, checkpoint: u64) -> Result<KeyedSnapshot> {
        let snapshot = backend.snapshot(&self.request(checkpoint, self.format))?.complete()?;
        backend.checkpoint_complete(checkpoint);
        Ok(snapshot)
    }
}

/// Memory where there is such a folder: databases sync a lot, and tests need no durability.
fn scratch_root() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    if memory.is_dir() { memory } else { std::env::temp_dir() }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.root);
    }
}

/// A state declaration with plain schemas and no time to live.
pub fn spec(name: &str, kind: StateKind) -> StateSpec {
    StateSpec {
        name: name.to_string(),
        kind,
        key_schema: "k BIGINT".into(),
        value_schema: "v BIGINT".into(),
        version: 1,
        ttl: None,
    }
}

/// All entries of a state whose key starts with `prefix`; checks that they come in order.
pub fn entries(backend: &mut dyn KeyedBackend, state: StateId, prefix: &[u8]) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut all: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    backend
        .scan(state, prefix, &mut |k, v| {
            all.push((k.to_vec(), v.to_vec()));
            Ok(ControlFlow::Continue(()))
        })
        .unwrap();
    assert!(all.windows(2).all(|w| w[0].0 < w[1].0), "a scan gives keys in order, each once");
    all.into_iter().collect()
}
