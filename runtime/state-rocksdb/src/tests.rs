#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use streamjob_core::key::key_group_range;
use streamjob_state::testing::{Bench, GROUPS, Step, conformance, entries, run_model, spec};
use streamjob_state::*;

fn heap() -> HeapFactory {
    HeapFactory::new().with_native_reader(Arc::new(RocksDbReader))
}

#[test]
fn conforms() {
    conformance(&RocksDbFactory::new());
}

#[test]
fn conforms_without_incremental_checkpoints() {
    conformance(&RocksDbFactory::new().incremental(false));
}

#[test]
fn conforms_with_level_compaction() {
    conformance(&RocksDbFactory::new().compaction(CompactionStyle::Level));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn behaves_like_the_model(script in prop::collection::vec(any::<Step>(), 0..200)) {
        run_model(&[&RocksDbFactory::new()], 1 << 20, &script);
    }

    /// So little memory that nearly every write is flushed, and restores that change the backend or how it compacts.
    #[test]
    fn behaves_like_the_model_on_little_memory_and_both_backends(script in prop::collection::vec(any::<Step>(), 0..200)) {
        let level = RocksDbFactory::new().compaction(CompactionStyle::Level);
        run_model(&[&RocksDbFactory::new(), &heap(), &level], 2 << 10, &script);
    }
}

fn key(i: u32) -> Vec<u8> {
    [&[0, (i % GROUPS) as u8], i.to_be_bytes().as_slice()].concat()
}

fn sst_names(s: &KeyedSnapshot) -> Vec<&str> {
    s.files.iter().map(|f| f.name.as_str()).collect()
}

#[test]
fn checkpoints_upload_only_new_files() {
    let bench = Bench::new().with_format(SnapshotFormat::RocksDb);
    let factory = RocksDbFactory::new();
    let mut b = bench.open(&factory, 0..GROUPS, vec![]).unwrap();
    let id = b.register(&spec("s", StateKind::Value)).unwrap();
    // Values that do not compress.
    let noise =
        |i: u32| (0..16u32).flat_map(|n| (i * 16 + n).wrapping_mul(2_654_435_761).to_be_bytes()).collect::<Vec<u8>>();
    for i in 0..20_000 {
        b.put(id, &key(i), &noise(i)).unwrap();
    }
    let first = bench.snapshot(&mut *b, 1).unwrap();
    assert_eq!(first.uploaded_bytes, first.files.iter().map(|f| f.file.size).sum::<u64>());
    let unchanged = bench.snapshot(&mut *b, 2).unwrap();
    assert_eq!(unchanged.uploaded_bytes, 0, "{:?} then {:?}", sst_names(&first), sst_names(&unchanged));
    assert_eq!(unchanged.files, first.files);
    b.put(id, &key(7), b"new").unwrap();
    let third = b.snapshot(&bench.request(3, SnapshotFormat::RocksDb)).unwrap().complete().unwrap();
    assert!(third.uploaded_bytes > 0 && third.uploaded_bytes * 20 < first.uploaded_bytes);
    assert_eq!(third.files.len(), first.files.len() + 1);
    // Not completed: its new file is uploaded again, under another name.
    b.checkpoint_aborted(3);
    let fourth = bench.snapshot(&mut *b, 4).unwrap();
    assert_eq!(fourth.uploaded_bytes, third.uploaded_bytes);
    assert_ne!(fourth.files.last().unwrap().file.path, third.files.last().unwrap().file.path);
    // A canonical savepoint in between changes nothing.
    b.snapshot(&bench.request(5, SnapshotFormat::Canonical)).unwrap().complete().unwrap();
    b.checkpoint_complete(5);
    assert_eq!(bench.snapshot(&mut *b, 6).unwrap().uploaded_bytes, 0);

    let mut r = bench.open(&factory, 0..GROUPS, vec![fourth]).unwrap();
    let id = r.register(&spec("s", StateKind::Value)).unwrap();
    assert_eq!(r.get(id, &key(7)).unwrap().as_deref(), Some(b"new".as_slice()));
    assert_eq!(r.get(id, &key(8)).unwrap(), Some(noise(8)));
    assert_eq!(entries(&mut *r, id, &[]).len(), 20_000);

    // What it was restored from needs no second upload.
    assert_eq!(bench.snapshot(&mut *r, 7).unwrap().uploaded_bytes, 0);

    let full = RocksDbFactory::new().incremental(false);
    let mut b = bench.open(&full, 0..GROUPS, vec![first]).unwrap();
    let one = bench.snapshot(&mut *b, 1).unwrap();
    assert_eq!(bench.snapshot(&mut *b, 2).unwrap().uploaded_bytes, one.uploaded_bytes);
}

#[test]
fn checkpoints_build_upon_what_was_restored_at_any_parallelism() {
    let bench = Bench::new().with_format(SnapshotFormat::RocksDb);
    let factory = RocksDbFactory::new();
    let mut b = bench.open(&factory, 0..GROUPS, vec![]).unwrap();
    // One file, so that its parts stay below the four at which RocksDB compacts by itself and writes them anew.
    let want = fill(&bench, &mut *b, 3, 1);
    let whole = bench.snapshot(&mut *b, 9).unwrap();
    let old: Vec<&str> = whole.files.iter().map(|f| f.file.path.as_str()).collect();
    let halves: Vec<KeyedSnapshot> = [0..GROUPS / 2, GROUPS / 2..GROUPS]
        .into_iter()
        .map(|groups| {
            let mut half = bench.open(&factory, groups, vec![whole.clone()]).unwrap();
            read(&mut *half);
            let snapshot = bench.snapshot(&mut *half, 10).unwrap();
            assert!(snapshot.files.iter().any(|f| old.contains(&f.file.path.as_str())), "{snapshot:?}");
            snapshot
        })
        .collect();
    let mut again = bench.open(&factory, 0..GROUPS, halves).unwrap();
    assert_eq!(read(&mut *again), want);
    // Both halves still hold keys of each other: they are linked, in parts of their own.
    let last = bench.snapshot(&mut *again, 11).unwrap();
    let shared = last.files.iter().filter(|f| old.contains(&f.file.path.as_str())).count();
    assert!(shared > 0 && last.files.iter().all(|f| f.meta["part"].is_array()), "{last:?}");
    // Parts are written to, scanned, cut by a prefix, and read by either backend in either format.
    let mut want = want;
    for (name, kind) in [("v", StateKind::Value), ("m", StateKind::Map)] {
        let id = again.register(&spec(name, kind)).unwrap();
        for group in 0..GROUPS {
            let added = [&[0, group as u8], b"added".as_slice()].concat();
            again.put(id, &added, b"x").unwrap();
            want.insert((name.to_string(), added), b"x".to_vec());
        }
        let gone = [0, GROUPS as u8 - 1];
        again.delete_prefix(id, &gone).unwrap();
        want.retain(|(n, key), _| n != name || !key.starts_with(&gone));
        let keys: Vec<&[u8]> = want.keys().filter(|(n, _)| n == name).map(|(_, k)| k.as_slice()).collect();
        let values: Vec<_> = want.iter().filter(|((n, _), _)| n == name).map(|(_, v)| Some(v.clone())).collect();
        assert_eq!(again.get_many(id, &keys).unwrap(), values);
    }
    assert_eq!(read(&mut *again), want);
    let native = bench.snapshot(&mut *again, 12).unwrap();
    let canonical = again.snapshot(&bench.request(13, SnapshotFormat::Canonical)).unwrap().complete().unwrap();
    for snapshot in [native, canonical] {
        for factory in [&factory as &dyn BackendFactory, &heap()] {
            let mut b = bench.open(factory, 0..GROUPS, vec![snapshot.clone()]).unwrap();
            assert_eq!(read(&mut *b), want, "{:?} by {}", snapshot.format, factory.name());
        }
    }
    // One part less, and one more.
    let third = bench.open(&factory, GROUPS / 4..GROUPS, vec![last.clone()]).unwrap();
    drop(third);
    let mut first = bench.open(&factory, 0..GROUPS / 2, vec![last]).unwrap();
    read(&mut *first);
    let clean = bench.snapshot(&mut *first, 14).unwrap();
    assert!(clean.files.iter().all(|f| f.meta.get("part").is_none()), "{clean:?}");
}

/// Fills a backend in several rounds, with overwrites, deletions and range deletions over several files.
fn fill(bench: &Bench, b: &mut dyn KeyedBackend, seed: u32, rounds: u32) -> BTreeMap<(String, Vec<u8>), Vec<u8>> {
    let mut want = BTreeMap::new();
    let states: Vec<_> =
        [("v", StateKind::Value), ("m", StateKind::Map)].map(|(n, k)| (n, b.register(&spec(n, k)).unwrap())).into();
    for round in 0..rounds {
        for (name, id) in &states {
            for i in 0..3000u32 {
                let n = i.wrapping_mul(seed + round * 2 + 1) % 5000;
                b.put(*id, &key(n), &[round as u8, n as u8]).unwrap();
            }
            for i in 0..500u32 {
                b.delete(*id, &key(i * (round + 3))).unwrap();
            }
            b.delete_prefix(*id, &[0, round as u8 + 2]).unwrap();
            if round + 1 == rounds {
                want.extend(entries(b, *id, &[]).into_iter().map(|(k, v)| (((*name).to_string(), k), v)));
            }
        }
        bench.snapshot(b, u64::from(round) + 1).unwrap();
    }
    want
}

fn read(b: &mut dyn KeyedBackend) -> BTreeMap<(String, Vec<u8>), Vec<u8>> {
    let mut got = BTreeMap::new();
    for (name, kind) in [("v", StateKind::Value), ("m", StateKind::Map)] {
        let id = b.register(&spec(name, kind)).unwrap();
        got.extend(entries(b, id, &[]).into_iter().map(|(k, v)| ((name.to_string(), k), v)));
    }
    got
}

#[test]
fn rescale_and_change_of_backend_keep_every_entry() {
    let rocks = RocksDbFactory::new();
    let heap = heap();
    let level = RocksDbFactory::new().compaction(CompactionStyle::Level);
    let all: [&dyn BackendFactory; 3] = [&rocks, &heap, &level];
    let bench = Bench::new().with_format(SnapshotFormat::RocksDb);
    let mut b = bench.open(&rocks, 0..GROUPS, vec![]).unwrap();
    let want = fill(&bench, &mut *b, 7, 4);
    assert!(want.len() > 1000);
    let native = bench.snapshot(&mut *b, 10).unwrap();
    assert_eq!(native.format, SnapshotFormat::RocksDb);
    let canonical = b.snapshot(&bench.request(11, SnapshotFormat::Canonical)).unwrap().complete().unwrap();
    for start in [native, canonical] {
        for first in all {
            let mut snapshots = vec![start.clone()];
            for (round, p) in [3u32, 2, 5, 1].into_iter().enumerate() {
                let mut got = BTreeMap::new();
                let mut next = Vec::new();
                // Each round one subtask of the other backend, so that formats are mixed.
                for i in 0..p {
                    let factory = if i == 1 { all[round % 3] } else { first };
                    let mut b = bench.open(factory, key_group_range(i, p, GROUPS), snapshots.clone()).unwrap();
                    got.extend(read(&mut *b));
                    next.push(bench.snapshot(&mut *b, 20).unwrap());
                }
                assert_eq!(got, want, "{:?} to parallelism {p} with {}", start.format, first.name());
                snapshots = next;
            }
        }
    }
}

#[test]
fn any_name_is_legal_and_folders_go_away() {
    let bench = Bench::new().with_format(SnapshotFormat::RocksDb);
    let dir = bench.dir();
    let open = |restore: Vec<KeyedSnapshot>| {
        RocksDbFactory::new().open(OpenRequest {
            uid: streamjob_core::OperatorUid("../../x".into()),
            subtask: 0,
            groups: 0..GROUPS,
            max_parallelism: GROUPS,
            dir: dir.clone(),
            restore,
            store: Arc::clone(&bench.store) as Arc<dyn SnapshotStore>,
            memory_budget: 1 << 20,
            clock: Arc::new(SystemClock),
        })
    };
    let mut b = open(vec![]).unwrap();
    for name in ["default", "", "a\0b", "../x", "ü,:"] {
        let id = b.register(&spec(name, StateKind::Map)).unwrap();
        b.put(id, &key(1), name.as_bytes()).unwrap();
    }
    let snapshot = bench.snapshot(&mut *b, 1).unwrap();
    let pending = b.snapshot(&bench.request(2, SnapshotFormat::Canonical)).unwrap();
    assert!(dir.exists());
    drop(b);
    assert!(!dir.join("db").exists() && dir.exists());
    drop(pending);
    assert!(!dir.exists());
    let mut b = open(vec![snapshot]).unwrap();
    for name in ["default", "", "a\0b", "../x", "ü,:"] {
        let id = b.register(&spec(name, StateKind::Map)).unwrap();
        assert_eq!(b.get(id, &key(1)).unwrap().as_deref(), Some(name.as_bytes()));
    }
    assert!(!dir.join("restore").exists());
}

#[test]
fn memory_stays_within_its_budget() {
    let mut bench = Bench::new();
    bench.memory_budget = 1 << 20;
    let mut b = bench.open(&RocksDbFactory::new(), 0..GROUPS, vec![]).unwrap();
    let ids: Vec<_> = (0..3).map(|i| b.register(&spec(&format!("s{i}"), StateKind::Map)).unwrap()).collect();
    for i in 0..30_000u32 {
        for id in &ids {
            b.put(*id, &key(i), &[7; 100]).unwrap();
        }
    }
    for i in 0..30_000u32 {
        assert!(b.get(ids[0], &key(i)).unwrap().is_some());
    }
    let size = b.size();
    assert!(size.memory < 3 << 20, "{size:?}");
    assert!(size.disk > 0, "{size:?}");
}

#[test]
fn compactions_drop_expired_entries() {
    // New entries in each round, until as much was written as had expired.
    for (style, new) in [(CompactionStyle::Level, 1), (CompactionStyle::Universal, 50)] {
        let bench = Bench::new().with_format(SnapshotFormat::RocksDb);
        let mut b = bench.open(&RocksDbFactory::new().compaction(style), 0..GROUPS, vec![]).unwrap();
        let ttl = Ttl {
            ttl: std::time::Duration::from_millis(100),
            update: TtlUpdate::OnCreateAndWrite,
            visibility: TtlVisibility::NeverReturnExpired,
        };
        let id = b.register(&StateSpec { ttl: Some(ttl), ..spec("s", StateKind::Map) }).unwrap();
        for i in 0..1000u32 {
            b.put(id, &key(i), b"x").unwrap();
        }
        bench.snapshot(&mut *b, 1).unwrap();
        bench.clock.advance(1000);
        let mut expired = u64::MAX;
        for round in 1..200u64 {
            for i in 0..new {
                b.put(id, &key((1000 + round * new + i) as u32), b"y").unwrap();
            }
            let s = bench.snapshot(&mut *b, 1 + round).unwrap();
            expired = s.files.iter().map(|f| f.meta["entries"].as_u64().unwrap()).sum::<u64>() - round * new;
            if expired < 500 {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        assert!(expired < 500, "{style:?}: {expired} of 1000 expired entries still lie there");
    }
}
