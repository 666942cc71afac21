//! The group table: a count for each of 8,192 rows, looked up in windows and changed
//! in place, with as many keys as the argument says. Heap, and RocksDB's write-back cache.
//!
//! Bounds: beyond the processor's caches one cache miss a row for the index and one for
//! the record (355 ns each where one waits for the other, some 8 ns each where those of
//! many rows overlap). An open-addressed table of 16-byte entries, looked up in
//! batches of 64, does 221, 157 and 124 M/s with 10 K, 1 M and 10 M keys; the bare loop is
//! one.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::datatypes::Int64Type;
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use std::sync::Arc;
use streamjob_core::Batch;
use streamjob_state::{BackendFactory, HeapFactory};
use streamjob_state_rocksdb::RocksDbFactory;
use streamjob_tests::kernels::{Counts, ROWS, batches, open};

/// Batches used in turn: 1 M rows, so that no row's key is still in the caches from its last turn.
const BATCHES: usize = 128;
const KEYS: [u64; 3] = [10_000, 1_000_000, 10_000_000];

fn main() {
    divan::main();
}

/// Keys lie at their hash, or behind it. Key 0 is an empty place.
struct Open {
    places: Vec<(u64, u64)>,
    mask: usize,
}

impl Open {
    fn of(keys: u64) -> Self {
        let size = (keys as usize * 2).next_power_of_two();
        Self { places: vec![(0, 0); size], mask: size - 1 }
    }

    fn add(&mut self, keys: &[u64]) -> u64 {
        let mut sum = 0;
        for keys in keys.chunks(64) {
            let mut at = [0usize; 64];
            // All loads of the first round are under way together.
            for (at, key) in at.iter_mut().zip(keys) {
                *at = (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20) as usize & self.mask;
                sum += self.places[*at].1;
            }
            for (at, key) in at.iter().zip(keys) {
                let mut at = *at;
                while self.places[at].0 != *key && self.places[at].0 != 0 {
                    at = (at + 1) & self.mask;
                }
                self.places[at].0 = *key;
                self.places[at].1 += 1;
            }
        }
        sum
    }
}

fn keys_of(batch: &Batch) -> Vec<u64> {
    batch.data.column(0).as_primitive::<Int64Type>().values().iter().map(|v| v.cast_unsigned() + 1).collect()
}

#[divan::bench(args = KEYS)]
fn bare_open_addressing(bencher: Bencher, keys: u64) {
    let mut table = Open::of(keys);
    let batches: Vec<Vec<u64>> = batches(BATCHES, keys).unwrap().iter().map(keys_of).collect();
    for keys in (1..=keys).collect::<Vec<u64>>().chunks(ROWS) {
        black_box(table.add(keys));
    }
    let mut turns = batches.iter().cycle();
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| table.add(turns.next().unwrap()));
}

fn counts(bencher: Bencher, factory: &dyn BackendFactory, keys: u64) {
    let dir = tempfile::tempdir().unwrap();
    let mut counts = Counts::new(open(factory, dir.path(), 4 << 30).unwrap()).unwrap();
    let batches = batches(BATCHES, keys).unwrap();
    let all: Vec<i64> = (0..keys.cast_signed()).collect();
    for keys in all.chunks(ROWS) {
        let column: ArrayRef = Arc::new(Int64Array::from(keys.to_vec()));
        let data = RecordBatch::try_from_iter([("uid", column)]).unwrap();
        black_box(counts.add(&Batch::inserts(data)).unwrap());
    }
    let mut turns = batches.iter().cycle();
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| counts.add(turns.next().unwrap()).unwrap());
}

#[divan::bench(args = KEYS)]
fn heap(bencher: Bencher, keys: u64) {
    counts(bencher, &HeapFactory::new(), keys);
}

#[divan::bench(args = KEYS)]
fn rocksdb_write_back_cache(bencher: Bencher, keys: u64) {
    counts(bencher, &RocksDbFactory::new(), keys);
}
