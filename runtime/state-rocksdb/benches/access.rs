//! Access to RocksDB through the backend: keys of 9 bytes, values of 8, in a cache that
//! holds few of them, so that each access goes to the database.
//!
//! Bounds, one thread, no log: RocksDB's own Get 498, 274 and 90 K/s with 1, 10 and 100 M
//! keys, Put 255 to 262 K/s, loading in order in batches of 1,000 409 to 547 K/s; 1.3 to
//! 1.5 times Get + Put with a sorted MultiGet and a batch. The bare loops call RocksDB
//! directly, with filters, compression and block cache as the backend has them; indexes and filters outside of the cache.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use divan::Bencher;
use divan::counter::ItemsCount;
use rocksdb::{BlockBasedOptions, Cache, DB, Options, WriteBatch, WriteOptions};
use std::path::Path;
use std::sync::Arc;
use streamjob_core::{OperatorUid, key};
use streamjob_state::testing::{ManualClock, MemoryStore};
use streamjob_state::{
    BackendFactory, KeyedBackend, OpenRequest, SnapshotFormat, SnapshotRequest, StateId, StateKind, StateSpec,
};
use streamjob_state_rocksdb::RocksDbFactory;

/// Of the bench of reads.
const KEYS: u64 = 2_000_000;
/// Accesses of one round.
const BATCH: u64 = 8192;
const GROUPS: u32 = 128;
/// Of a backend: two fifths cache what is written, the rest is RocksDB's.
const MEMORY: u64 = 32 << 20;

fn main() {
    divan::main();
}

/// As the runtime makes them: group, null byte, value.
fn full_key(n: u64) -> Vec<u8> {
    let key = [&[1], (n ^ (1 << 63)).to_be_bytes().as_slice()].concat();
    let group = key::key_group(key::hash(&key), GROUPS);
    [group.to_be_bytes().as_slice(), &key].concat()
}

/// Keys in no order.
fn keys(seed: u64, below: u64) -> Vec<Vec<u8>> {
    (0..BATCH).map(|i| full_key((seed * BATCH + i).wrapping_mul(0x9E37_79B9_7F4A_7C15) % below)).collect()
}

fn bare(dir: &Path) -> DB {
    let (mut options, mut table) = (Options::default(), BlockBasedOptions::default());
    table.set_bloom_filter(10.0, false);
    table.set_block_cache(&Cache::new_lru_cache(MEMORY as usize / 5 * 3));
    options.set_compression_type(rocksdb::DBCompressionType::Lz4);
    options.create_if_missing(true);
    options.set_block_based_table_factory(&table);
    DB::open(&options, dir).unwrap()
}

fn no_log() -> WriteOptions {
    let mut options = WriteOptions::default();
    options.disable_wal(true);
    options
}

fn put_all(db: &DB, keys: &[Vec<u8>]) {
    let mut batch = WriteBatch::default();
    keys.iter().for_each(|key| batch.put(key, 7u64.to_le_bytes()));
    db.write_opt(batch, &no_log()).unwrap();
}

struct Ours {
    backend: Box<dyn KeyedBackend>,
    state: StateId,
    store: Arc<MemoryStore>,
    checkpoint: u64,
}

impl Ours {
    fn open(dir: &Path, memory: u64) -> Self {
        let store = Arc::new(MemoryStore::default());
        let request = OpenRequest {
            uid: OperatorUid("bench".into()),
            subtask: 0,
            groups: 0..GROUPS,
            max_parallelism: GROUPS,
            dir: dir.to_path_buf(),
            restore: Vec::new(),
            store: store.clone(),
            memory_budget: memory,
            clock: Arc::new(ManualClock::new(0)),
        };
        let mut backend = RocksDbFactory::new().open(request).unwrap();
        let spec = StateSpec {
            name: "s".into(),
            kind: StateKind::Value,
            key_schema: "uid BIGINT".into(),
            value_schema: "BIGINT".into(),
            version: 1,
            ttl: None,
        };
        let state = backend.register(&spec).unwrap();
        Self { backend, state, store, checkpoint: 0 }
    }

    fn put_all(&mut self, keys: &[Vec<u8>]) {
        keys.iter().for_each(|key| self.backend.put(self.state, key, &7u64.to_le_bytes()).unwrap());
    }

    /// Everything into the database, as a barrier does.
    fn flush(&mut self) {
        self.checkpoint += 1;
        let request =
            SnapshotRequest { checkpoint: self.checkpoint, format: SnapshotFormat::RocksDb, store: self.store.clone() };
        self.backend.snapshot(&request).unwrap().complete().unwrap();
        self.backend.checkpoint_complete(self.checkpoint);
    }
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn get_bare(bencher: Bencher) {
    let dir = tempfile::tempdir().unwrap();
    let db = bare(dir.path());
    let all: Vec<Vec<u8>> = (0..KEYS).map(full_key).collect();
    all.chunks(BATCH as usize).for_each(|keys| put_all(&db, keys));
    db.flush().unwrap();
    let mut seed = 0;
    bencher
        .counter(ItemsCount::new(BATCH))
        .with_inputs(|| {
            seed += 1;
            keys(seed, KEYS)
        })
        .bench_local_refs(|keys| keys.iter().filter(|key| db.get_pinned(key).unwrap().is_some()).count());
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn get_sorted_by_the_batch(bencher: Bencher) {
    let dir = tempfile::tempdir().unwrap();
    let mut ours = Ours::open(dir.path(), MEMORY);
    let all: Vec<Vec<u8>> = (0..KEYS).map(full_key).collect();
    all.chunks(BATCH as usize).for_each(|keys| ours.put_all(keys));
    ours.flush();
    let mut seed = 0;
    bencher
        .counter(ItemsCount::new(BATCH))
        .with_inputs(|| {
            seed += 1;
            keys(seed, KEYS)
        })
        .bench_local_refs(|keys| {
            let keys: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
            ours.backend.get_many(ours.state, &keys).unwrap().len()
        });
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn put_bare_batch_and_flush(bencher: Bencher) {
    let dir = tempfile::tempdir().unwrap();
    let db = bare(dir.path());
    let mut seed = 0;
    bencher
        .counter(ItemsCount::new(BATCH))
        .with_inputs(|| {
            seed += 1;
            keys(seed, u64::MAX)
        })
        .bench_local_refs(|keys| {
            put_all(&db, keys);
            db.flush().unwrap();
        });
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn put_and_checkpoint(bencher: Bencher) {
    let dir = tempfile::tempdir().unwrap();
    let mut ours = Ours::open(dir.path(), 64 << 20);
    let mut seed = 0;
    bencher
        .counter(ItemsCount::new(BATCH))
        .with_inputs(|| {
            seed += 1;
            keys(seed, u64::MAX)
        })
        .bench_local_refs(|keys| {
            ours.put_all(keys);
            ours.flush();
        });
}
