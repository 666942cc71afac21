//! The frame codec: 8,192 rows of 24 bytes to the bytes for another worker and back.
//!
//! Bounds: a copy of the bytes (17.8 GB/s from memory, faster in the processor's
//! caches) and a checksum (27 GB/s). One of each is needed on both sides; the bare
//! loops do one on the same bytes.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use streamjob_core::Element;
use streamjob_engine::testing::kernels::{decode_frame, encode_frame};
use streamjob_tests::kernels::{Numbers, ROWS, batch, schema};

fn main() {
    divan::main();
}

fn element() -> Element {
    Element::Batch(batch(&mut Numbers::new(1), 1 << 20).unwrap())
}

#[divan::bench]
fn bare_memcpy(bencher: Bencher) {
    let from = encode_frame(&element()).unwrap();
    let mut to = vec![0; from.len()];
    bencher.counter(BytesCount::new(from.len())).bench_local(|| {
        to.copy_from_slice(black_box(&from));
        black_box(&to);
    });
}

#[divan::bench]
fn bare_crc32c(bencher: Bencher) {
    let bytes = encode_frame(&element()).unwrap();
    bencher.counter(BytesCount::new(bytes.len())).bench_local(|| crc32c::crc32c(black_box(&bytes)));
}

#[divan::bench]
fn encode(bencher: Bencher) {
    let element = element();
    bencher.counter(BytesCount::new(ROWS * 24)).bench_local(|| encode_frame(&element).unwrap());
}

#[divan::bench]
fn decode(bencher: Bencher) {
    let (bytes, schema) = (encode_frame(&element()).unwrap(), schema());
    bencher.counter(BytesCount::new(ROWS * 24)).bench_local(|| decode_frame(&bytes, &schema).unwrap());
}
