#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
use super::*;
use crate::backend::{StateKind, Ttl, TtlUpdate, TtlVisibility};
use crate::testing::{Bench, GROUPS, Step, conformance, run_model, spec};
use proptest::prelude::*;
use std::time::Duration;

#[test]
fn conforms() {
    conformance(&HeapFactory::new());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn behaves_like_the_model(script: Vec<Step>) {
        run_model(&[&HeapFactory::new()], 1 << 20, &script);
    }
}

#[test]
fn access_cleans_up_what_nobody_reads() {
    let bench = Bench::new();
    let mut b = bench.open(&HeapFactory::new(), 0..8, vec![]).unwrap();
    let ttl = Ttl {
        ttl: Duration::from_millis(10),
        update: TtlUpdate::OnCreateAndWrite,
        visibility: TtlVisibility::NeverReturnExpired,
    };
    for kind in [StateKind::Value, StateKind::Map] {
        let id = b.register(&StateSpec { ttl: Some(ttl), ..spec(&format!("{kind:?}"), kind) }).unwrap();
        for i in 0..1000u16 {
            b.put(id, &[&[0, (i % 8) as u8], i.to_be_bytes().as_slice()].concat(), b"v").unwrap();
        }
        let full = b.size();
        bench.clock.advance(10);
        for _ in 0..1000 {
            assert_eq!(b.get(id, &[0, 0, 9, 9, 9]).unwrap(), None);
        }
        assert!(b.size().entries + 1000 <= full.entries, "{kind:?}: {:?} of {full:?}", b.size());
        bench.clock.advance(10);
    }
    assert_eq!(b.size().memory, 0);
}

/// What is written again stays and is swept later; what was restored is as old as it was.
#[test]
fn cleanup_comes_again() {
    let bench = Bench::new();
    let ttl = Ttl {
        ttl: Duration::from_millis(10),
        update: TtlUpdate::OnCreateAndWrite,
        visibility: TtlVisibility::NeverReturnExpired,
    };
    let spec = StateSpec { ttl: Some(ttl), ..spec("s", StateKind::Value) };
    let key = |i: u16| [&[0, (i % 8) as u8], i.to_be_bytes().as_slice()].concat();
    let mut b = bench.open(&HeapFactory::new(), 0..8, vec![]).unwrap();
    let id = b.register(&spec).unwrap();
    (0..400).for_each(|i| b.put(id, &key(i), b"v").unwrap());
    bench.clock.advance(6);
    (0..200).for_each(|i| b.put(id, &key(i), b"v").unwrap());
    let snapshot = bench.snapshot(&mut *b, 1).unwrap();
    let mut restored = bench.open(&HeapFactory::new(), 0..8, vec![snapshot]).unwrap();
    let again = restored.register(&spec).unwrap();
    for left in [200, 0] {
        bench.clock.advance(5);
        for (b, id) in [(&mut b, id), (&mut restored, again)] {
            (0..300).for_each(|_| assert_eq!(b.get(id, &[0, 0, 9, 9, 9]).unwrap(), None));
            assert_eq!(b.size().entries, left);
        }
    }
}

/// More than what is read into memory at once: by way of the disk, where nothing stays.
#[test]
fn large_files_are_restored_from_the_disk() {
    let bench = Bench::new();
    let mut backend = bench.open(&HeapFactory::new(), 0..GROUPS, vec![]).unwrap();
    let id = backend.register(&spec("s", StateKind::Value)).unwrap();
    let key = |i: u32| [[0, (i % GROUPS) as u8].as_slice(), &i.to_be_bytes()].concat();
    // Random letters, which are not compressed.
    let value = |i: u32| -> Vec<u8> {
        (0..128u32).flat_map(|n| streamjob_core::key::hash(&(i * 128 + n).to_le_bytes()).to_le_bytes()).collect()
    };
    const ENTRIES: u32 = 20_000;
    for i in 0..ENTRIES {
        backend.put(id, &key(i), &value(i)).unwrap();
    }
    let snapshot = bench.snapshot(&mut *backend, 1).unwrap();
    assert!(snapshot.files[0].file.size > 16 << 20, "{:?}", snapshot.files);
    let unused = bench.dir();
    let mut restored = bench.open(&HeapFactory::new(), 0..GROUPS, vec![snapshot]).unwrap();
    let id = restored.register(&spec("s", StateKind::Value)).unwrap();
    assert_eq!(restored.size().entries, u64::from(ENTRIES));
    for i in 0..ENTRIES {
        assert_eq!(restored.get(id, &key(i)).unwrap().unwrap(), value(i));
    }
    assert_eq!(std::fs::read_dir(unused.parent().unwrap()).unwrap().count(), 0);
}

#[test]
fn native_files_need_a_reader() {
    let bench = Bench::new();
    let mut b = bench.open(&HeapFactory::new(), 0..8, vec![]).unwrap();
    let mut snapshot = bench.snapshot(&mut *b, 1).unwrap();
    snapshot.format = SnapshotFormat::RocksDb;
    let e = bench.open(&HeapFactory::new(), 0..8, vec![snapshot]).err().unwrap();
    assert!(e.to_string().contains("canonical savepoint"), "{e}");
}
