//! Hash and partition: 8,192 rows of 24 bytes by a BIGINT to four subtasks.
//!
//! Bounds: the hash of a BIGINT and its key group 0.23 ns a row, one u64 dealt out
//! 1.7 ns a row, and each column's bytes read and written once. The bare loops do
//! these on the same rows.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use streamjob_core::{Batch, key};
use streamjob_tests::kernels::{GROUPS, Numbers, ROWS, batch, exchange};

fn main() {
    divan::main();
}

fn one() -> Batch {
    batch(&mut Numbers::new(1), 1 << 20).unwrap()
}

fn uids(batch: &Batch) -> Vec<u64> {
    batch.data.column(0).as_primitive::<Int64Type>().values().iter().map(|v| v.cast_unsigned()).collect()
}

#[divan::bench]
fn bare_xxh3_and_group(bencher: Bencher) {
    let uids = uids(&one());
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| {
        uids.iter().map(|uid| u64::from(key::key_group(key::hash(&uid.to_be_bytes()), GROUPS))).sum::<u64>()
    });
}

#[divan::bench]
fn bare_partition_of_one_column(bencher: Bencher) {
    let uids = uids(&one());
    let mut to: [Vec<u64>; 4] = std::array::from_fn(|_| Vec::with_capacity(ROWS));
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| {
        to.iter_mut().for_each(Vec::clear);
        for uid in &uids {
            to[(uid & 3) as usize].push(*uid);
        }
        black_box(&to);
    });
}

#[divan::bench]
fn bare_memcpy_of_all_columns(bencher: Bencher) {
    let from = vec![1u8; ROWS * 24];
    let mut to = vec![0u8; ROWS * 24];
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| {
        to.copy_from_slice(black_box(&from));
        black_box(&to);
    });
}

#[divan::bench]
fn exchange_three_columns(bencher: Bencher) {
    let (batch, mut exchange) = (one(), exchange());
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| exchange.route(batch.clone()).unwrap());
}
