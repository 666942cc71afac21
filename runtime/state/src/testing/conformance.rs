//! What every backend must do, one check after the other.

use super::{Bench, GROUPS, entries, spec};
use crate::backend::{BackendFactory, StateKind, StateSpec, Ttl, TtlUpdate, TtlVisibility};
use crate::point::FullKeys;
use crate::snapshot::SnapshotFormat;
use std::ops::ControlFlow;
use std::time::Duration;
use streamjob_core::Domain;
use streamjob_core::key::key_group_range;

const ALL: [StateKind; 5] =
    [StateKind::Value, StateKind::List, StateKind::Map, StateKind::Aggregating, StateKind::Timer];
const FORMATS: [SnapshotFormat; 2] = [SnapshotFormat::Canonical, SnapshotFormat::RocksDb];

/// Runs all checks; panics at the first that fails.
pub fn conformance(factory: &dyn BackendFactory) {
    points_and_scans(factory);
    delete_prefix(factory);
    visitors(factory);
    foreign_groups_are_refused(factory);
    for format in FORMATS {
        snapshot_is_fixed_at_the_barrier(factory, format);
        rescale(factory, format);
        incompatible_state_is_refused(factory, format);
        unregistered_state_is_dropped(factory, format);
        damage_is_reported(factory, format);
        ttl_across_restores(factory, format);
        empty_and_aborted(factory, format);
        open_snapshot_outlives_its_backend(factory, format);
    }
    failed_write_declines(factory);
    ttl_rules(factory);
}

fn k(group: u8, rest: &[u8]) -> Vec<u8> {
    [&[0, group], rest].concat()
}

fn points_and_scans(factory: &dyn BackendFactory) {
    let bench = Bench::new();
    let mut b = bench.open(factory, 0..GROUPS, vec![]).unwrap();
    for kind in ALL {
        let id = b.register(&spec(&format!("{kind:?}"), kind)).unwrap();
        assert_eq!(b.register(&spec(&format!("{kind:?}"), kind)).unwrap(), id, "the same name gives the same id");
        assert_eq!(b.get(id, &k(1, b"a")).unwrap(), None);
        b.put(id, &k(1, b"b"), b"2").unwrap();
        b.put(id, &k(1, b"a"), b"1").unwrap();
        b.put(id, &k(1, b"a"), b"one").unwrap();
        b.put(id, &k(1, b""), b"").unwrap();
        b.put(id, &k(2, b"a"), b"3").unwrap();
        b.delete(id, &k(1, b"zz")).unwrap();
        assert_eq!(b.get(id, &k(1, b"a")).unwrap().as_deref(), Some(b"one".as_slice()));
        assert_eq!(b.get(id, &k(1, b"")).unwrap().as_deref(), Some(b"".as_slice()), "an empty value is a value");
        let keys = [k(2, b"a"), k(1, b"q"), k(1, b"a"), k(1, b"a")];
        let keys: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
        assert_eq!(
            b.get_many(id, &keys).unwrap(),
            [Some(b"3".to_vec()), None, Some(b"one".to_vec()), Some(b"one".to_vec())]
        );
        assert_eq!(b.get_many(id, &[]).unwrap(), Vec::<Option<Vec<u8>>>::new());
        let group: Vec<_> = entries(&mut *b, id, &[0, 1]).into_keys().collect();
        assert_eq!(group, [k(1, b""), k(1, b"a"), k(1, b"b")]);
        assert_eq!(entries(&mut *b, id, &[]).len(), 4);
        b.delete(id, &k(1, b"a")).unwrap();
        assert_eq!(b.get(id, &k(1, b"a")).unwrap(), None);
        assert_eq!(entries(&mut *b, id, &[0, 1]).len(), 2);
    }
    assert!(b.size().memory > 0);
}

fn delete_prefix(factory: &dyn BackendFactory) {
    let bench = Bench::new().with_format(SnapshotFormat::RocksDb);
    let mut b = bench.open(factory, 0..GROUPS, vec![]).unwrap();
    for (round, kind) in ALL.into_iter().enumerate() {
        let id = b.register(&spec(&format!("{kind:?}"), kind)).unwrap();
        for i in 0..50u8 {
            b.put(id, &k(3, &[b'x', i]), &[i]).unwrap();
            b.put(id, &k(3, &[b'y', i]), &[i]).unwrap();
        }
        b.put(id, &k(4, b"x"), b"").unwrap();
        // Half of the checks delete what a snapshot has already moved out of memory.
        if round % 2 == 0 {
            bench.snapshot(&mut *b, round as u64 + 1).unwrap();
        }
        b.delete_prefix(id, &k(3, b"x")).unwrap();
        assert_eq!(entries(&mut *b, id, &[]).len(), 51);
        assert_eq!(b.get(id, &k(3, &[b'x', 7])).unwrap(), None);
        b.put(id, &k(3, &[b'x', 7]), b"new").unwrap();
        assert_eq!(entries(&mut *b, id, &k(3, b"x")).len(), 1);
        b.delete_prefix(id, &[0, 4]).unwrap();
        assert_eq!(entries(&mut *b, id, &[]).len(), 51);
        b.delete_prefix(id, &[]).unwrap();
        assert!(entries(&mut *b, id, &[]).is_empty());
    }
}

fn visitors(factory: &dyn BackendFactory) {
    let bench = Bench::new();
    let mut b = bench.open(factory, 0..GROUPS, vec![]).unwrap();
    let id = b.register(&spec("m", StateKind::Map)).unwrap();
    for i in 0..10u8 {
        b.put(id, &k(0, &[i]), &[i]).unwrap();
    }
    let mut seen = 0;
    b.scan(id, &[0, 0], &mut |_, _| {
        seen += 1;
        Ok(if seen == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })
    .unwrap();
    assert_eq!(seen, 3, "a scan stops where the visitor breaks");
    let failed = b.scan(id, &[0, 0], &mut |_, _| Err(streamjob_core::Error::internal("visitor")));
    assert_eq!(failed.unwrap_err().message(), "visitor");
}

fn foreign_groups_are_refused(factory: &dyn BackendFactory) {
    let bench = Bench::new();
    let mut b = bench.open(factory, 2..4, vec![]).unwrap();
    let id = b.register(&spec("v", StateKind::Value)).unwrap();
    for bad in [k(1, b"a"), k(4, b"a"), vec![0], vec![]] {
        let e = b.put(id, &bad, b"").unwrap_err();
        assert_eq!(e.domain(), Domain::Internal, "{e}");
    }
    assert!(b.put(crate::backend::StateId(99), &k(2, b""), b"").is_err());
}

fn snapshot_is_fixed_at_the_barrier(factory: &dyn BackendFactory, format: SnapshotFormat) {
    let bench = Bench::new();
    let mut b = bench.open(factory, 0..GROUPS, vec![]).unwrap();
    let mut ids = Vec::new();
    for kind in ALL {
        let id = b.register(&spec(&format!("{kind:?}"), kind)).unwrap();
        for i in 0..100u8 {
            b.put(id, &k(i % 8, &[i]), b"before").unwrap();
        }
        ids.push(id);
    }
    let pending = b.snapshot(&bench.request(1, format)).unwrap();
    for id in &ids {
        for i in 0..100u8 {
            b.put(*id, &k(i % 8, &[i]), b"after").unwrap();
        }
        b.put(*id, &k(0, b"new"), b"after").unwrap();
        b.delete(*id, &k(1, &[1])).unwrap();
    }
    let snapshot = pending.complete().unwrap();
    assert!(snapshot.uploaded_bytes > 0 && snapshot.states.len() == ALL.len());
    assert_eq!((snapshot.group_start, snapshot.group_end), (0, GROUPS));
    assert_eq!(b.get(ids[0], &k(0, b"new")).unwrap().as_deref(), Some(b"after".as_slice()));
    let mut r = bench.open(factory, 0..GROUPS, vec![snapshot]).unwrap();
    for kind in ALL {
        let id = r.register(&spec(&format!("{kind:?}"), kind)).unwrap();
        let all = entries(&mut *r, id, &[]);
        assert!(all.len() == 100 && all.values().all(|v| v == b"before"), "{kind:?} {format:?}: {}", all.len());
    }
}

fn rescale(factory: &dyn BackendFactory, format: SnapshotFormat) {
    let bench = Bench::new().with_format(format);
    let mut want = std::collections::BTreeMap::new();
    let mut snapshots = Vec::new();
    let states = [("m", StateKind::Map), ("v", StateKind::Value)];
    for (round, p) in [1u32, 3, 2, 8, 5, 1].into_iter().enumerate() {
        let mut got = std::collections::BTreeMap::new();
        let mut taken = Vec::new();
        for i in 0..p {
            let groups = key_group_range(i, p, GROUPS);
            let mut b = bench.open(factory, groups.clone(), snapshots.clone()).unwrap();
            for (name, kind) in states {
                let id = b.register(&spec(name, kind)).unwrap();
                for (key, v) in entries(&mut *b, id, &[]) {
                    assert!(groups.contains(&u32::from(key[1])), "foreign key group in {groups:?}");
                    assert!(got.insert((name, key), v).is_none());
                }
                for g in groups.clone() {
                    for n in 0..20u8 {
                        let key = k(g as u8, &[n.wrapping_mul(round as u8 + 1)]);
                        if n % 5 == 4 {
                            b.delete(id, &key).unwrap();
                        } else {
                            b.put(id, &key, &[round as u8, n]).unwrap();
                        }
                    }
                    if g % 3 == 0 {
                        b.delete_prefix(id, &k(g as u8, &[2])).unwrap();
                    }
                }
            }
            taken.push((b, groups));
        }
        assert_eq!(got, want, "restore to parallelism {p} in {format:?}");
        want.clear();
        snapshots = taken
            .into_iter()
            .map(|(mut b, _)| {
                for (name, kind) in states {
                    let id = b.register(&spec(name, kind)).unwrap();
                    want.extend(entries(&mut *b, id, &[]).into_iter().map(|(k, v)| ((name, k), v)));
                }
                bench.snapshot(&mut *b, round as u64 + 1).unwrap()
            })
            .collect();
    }
}

fn incompatible_state_is_refused(factory: &dyn BackendFactory, format: SnapshotFormat) {
    let bench = Bench::new().with_format(format);
    let mut b = bench.open(factory, 0..GROUPS, vec![]).unwrap();
    let id = b.register(&spec("total", StateKind::Value)).unwrap();
    b.put(id, &k(0, b"a"), b"1").unwrap();
    let snapshot = bench.snapshot(&mut *b, 1).unwrap();
    let declared = spec("total", StateKind::Value);
    let bad = [
        StateSpec { kind: StateKind::Map, ..declared.clone() },
        StateSpec { key_schema: "k INT".into(), ..declared.clone() },
        StateSpec { value_schema: "v INT".into(), ..declared.clone() },
        StateSpec { version: 0, ..declared.clone() },
    ];
    for spec in bad {
        let mut r = bench.open(factory, 0..GROUPS, vec![snapshot.clone()]).unwrap();
        let e = r.register(&spec).unwrap_err();
        assert!(e.domain() == Domain::User && e.to_string().contains("'total'"), "{e}");
    }
    let mut r = bench.open(factory, 0..GROUPS, vec![snapshot]).unwrap();
    r.register(&StateSpec { version: 2, value_schema: "w".into(), ..declared }).unwrap();
}

fn unregistered_state_is_dropped(factory: &dyn BackendFactory, format: SnapshotFormat) {
    let bench = Bench::new().with_format(format);
    let mut b = bench.open(factory, 0..GROUPS, vec![]).unwrap();
    for (name, kind) in [("old", StateKind::Value), ("older", StateKind::Map), ("stays", StateKind::Value)] {
        let id = b.register(&spec(name, kind)).unwrap();
        b.put(id, &k(0, b"a"), b"1").unwrap();
    }
    let first = bench.snapshot(&mut *b, 1).unwrap();
    let mut b = bench.open(factory, 0..GROUPS, vec![first]).unwrap();
    let stays = b.register(&spec("stays", StateKind::Value)).unwrap();
    let new = b.register(&spec("new", StateKind::Value)).unwrap();
    for id in [2, 3] {
        b.put(new, &k(0, b"b"), b"2").unwrap();
        let snapshot = bench.snapshot(&mut *b, id).unwrap();
        let names: Vec<_> = snapshot.states.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(names, ["stays", "new"]);
        let mut r = bench.open(factory, 0..GROUPS, vec![snapshot]).unwrap();
        let ids = ["stays", "new", "old"].map(|name| r.register(&spec(name, StateKind::Value)).unwrap());
        assert_eq!(r.get(ids[0], &k(0, b"a")).unwrap().as_deref(), Some(b"1".as_slice()));
        assert_eq!(r.get(ids[1], &k(0, b"b")).unwrap().as_deref(), Some(b"2".as_slice()));
        assert_eq!(r.get(ids[2], &k(0, b"a")).unwrap(), None);
        // What was known by a number before is known by it still.
        assert_eq!(b.get(stays, &k(0, b"a")).unwrap().as_deref(), Some(b"1".as_slice()));
    }
    // Its name is free, of any kind.
    let old = b.register(&spec("old", StateKind::Map)).unwrap();
    assert_eq!(b.get(old, &k(0, b"a")).unwrap(), None);
    b.put(old, &k(0, b"a"), b"3").unwrap();
    assert_eq!(b.get(old, &k(0, b"a")).unwrap().as_deref(), Some(b"3".as_slice()));
    assert_eq!(bench.snapshot(&mut *b, 4).unwrap().states.len(), 3);
}

fn damage_is_reported(factory: &dyn BackendFactory, format: SnapshotFormat) {
    for missing in [true, false] {
        let bench = Bench::new().with_format(format);
        let mut b = bench.open(factory, 0..GROUPS, vec![]).unwrap();
        let id = b.register(&spec("v", StateKind::Value)).unwrap();
        b.put(id, &k(0, b"a"), b"1").unwrap();
        let snapshot = bench.snapshot(&mut *b, 1).unwrap();
        let path = &snapshot.files[0].file.path;
        if missing {
            bench.store.remove(path)
        } else {
            bench.store.damage(path)
        }
        let e = bench.open(factory, 0..GROUPS, vec![snapshot.clone()]).err().expect("damage is refused");
        assert!(e.to_string().contains(path.as_str()), "{e}");
    }
}

fn empty_and_aborted(factory: &dyn BackendFactory, format: SnapshotFormat) {
    let bench = Bench::new().with_format(format);
    let mut b = bench.open(factory, 0..GROUPS, vec![]).unwrap();
    let none = bench.snapshot(&mut *b, 1).unwrap();
    assert!(none.files.is_empty() && none.uploaded_bytes == 0);
    let mut b = bench.open(factory, 0..GROUPS, vec![none]).unwrap();
    let id = b.register(&spec("v", StateKind::Value)).unwrap();
    b.put(id, &k(0, b"a"), b"1").unwrap();
    drop(b.snapshot(&bench.request(2, format)).unwrap());
    b.checkpoint_aborted(2);
    // What the aborted checkpoint would have uploaded is still in the next one.
    let third = bench.snapshot(&mut *b, 3).unwrap();
    let mut b = bench.open(factory, 0..GROUPS, vec![third]).unwrap();
    let id = b.register(&spec("v", StateKind::Value)).unwrap();
    assert_eq!(entries(&mut *b, id, &[]).len(), 1);
    let empty = bench.open(factory, 3..3, vec![]).unwrap();
    drop(empty);
}

fn open_snapshot_outlives_its_backend(factory: &dyn BackendFactory, format: SnapshotFormat) {
    let bench = Bench::new();
    let mut b = bench.open(factory, 0..GROUPS, vec![]).unwrap();
    let id = b.register(&spec("v", StateKind::Value)).unwrap();
    b.put(id, &k(0, b"a"), b"1").unwrap();
    let pending = b.snapshot(&bench.request(1, format)).unwrap();
    drop(b);
    let snapshot = pending.complete().unwrap();
    let mut b = bench.open(factory, 0..GROUPS, vec![snapshot]).unwrap();
    let id = b.register(&spec("v", StateKind::Value)).unwrap();
    assert_eq!(entries(&mut *b, id, &[]).len(), 1);
}

fn failed_write_declines(factory: &dyn BackendFactory) {
    for format in FORMATS {
        let bench = Bench::new().with_format(format);
        let mut b = bench.open(factory, 0..GROUPS, vec![]).unwrap();
        let id = b.register(&spec("v", StateKind::Value)).unwrap();
        b.put(id, &k(0, b"a"), b"1").unwrap();
        bench.store.fail_writes(true);
        let e = b.snapshot(&bench.request(1, format)).unwrap().complete().unwrap_err();
        assert!(e.to_string().contains("told to fail"), "{e}");
        bench.store.fail_writes(false);
        b.checkpoint_aborted(1);
        let snapshot = bench.snapshot(&mut *b, 2).unwrap();
        let mut b = bench.open(factory, 0..GROUPS, vec![snapshot]).unwrap();
        let id = b.register(&spec("v", StateKind::Value)).unwrap();
        assert_eq!(entries(&mut *b, id, &[]).len(), 1);
    }
}

fn ttl_spec(name: &str, kind: StateKind, update: TtlUpdate, visibility: TtlVisibility) -> StateSpec {
    StateSpec { ttl: Some(Ttl { ttl: Duration::from_millis(100), update, visibility }), ..spec(name, kind) }
}

fn ttl_rules(factory: &dyn BackendFactory) {
    use TtlUpdate::{OnCreateAndWrite, OnReadAndWrite};
    use TtlVisibility::{NeverReturnExpired, ReturnExpiredIfNotCleanedUp};
    for kind in ALL {
        let bench = Bench::new();
        let mut b = bench.open(factory, 0..GROUPS, vec![]).unwrap();
        let written = b.register(&ttl_spec("w", kind, OnCreateAndWrite, NeverReturnExpired)).unwrap();
        let read = b.register(&ttl_spec("r", kind, OnReadAndWrite, NeverReturnExpired)).unwrap();
        let scanned = b.register(&ttl_spec("s", kind, OnReadAndWrite, NeverReturnExpired)).unwrap();
        let shown = b.register(&ttl_spec("x", kind, OnCreateAndWrite, ReturnExpiredIfNotCleanedUp)).unwrap();
        for id in [written, read, scanned, shown] {
            b.put(id, &k(0, b"a"), b"1").unwrap();
            b.put(id, &k(0, b"b"), b"2").unwrap();
        }
        bench.clock.advance(60);
        assert_eq!(b.get(written, &k(0, b"a")).unwrap().as_deref(), Some(b"1".as_slice()));
        assert_eq!(b.get_many(read, &[&k(0, b"a")]).unwrap(), [Some(b"1".to_vec())]);
        assert_eq!(entries(&mut *b, scanned, &k(0, b"a")).len(), 1);
        b.put(written, &k(0, b"b"), b"22").unwrap();
        bench.clock.advance(60);
        assert_eq!(b.get(written, &k(0, b"a")).unwrap(), None, "{kind:?}: a read does not keep it");
        assert_eq!(b.get(written, &k(0, b"b")).unwrap().as_deref(), Some(b"22".as_slice()), "a write does");
        assert_eq!(b.get(read, &k(0, b"a")).unwrap().as_deref(), Some(b"1".as_slice()), "{kind:?}: a read keeps it");
        let left: Vec<_> = entries(&mut *b, scanned, &[]).into_keys().collect();
        assert_eq!(left, [k(0, b"a")], "{kind:?}: a scan keeps what it visits");
        let mut keys = FullKeys::default();
        keys.push_full(&k(0, b"a"));
        keys.push_full(&k(0, b"b"));
        if let Some(mut found) = b.entries(written, &keys, 0..2, 1).unwrap() {
            assert_eq!(found.get_mut(0).unwrap(), None, "expired, in place too");
            found.get_mut(1).unwrap().unwrap().copy_from_slice(b"23");
        }
        if let Some(mut found) = b.entries(read, &keys, 0..1, 1).unwrap() {
            assert_eq!(found.get(0).unwrap(), Some(b"1".as_slice()));
        }
        bench.clock.advance(60);
        let kept = matches!(kind, StateKind::Value | StateKind::Aggregating).then(|| b"23".to_vec());
        assert_eq!(b.get(written, &k(0, b"b")).unwrap(), kept, "{kind:?}: a change in place is a write");
        assert_eq!(entries(&mut *b, scanned, &[]).len(), 1);
        // Shown once more where it still lies there: cleanup may have taken it, a second read must not find it.
        let first = b.get(shown, &k(0, b"a")).unwrap();
        assert!(first.is_none() || first.as_deref() == Some(b"1"));
        assert_eq!(b.get(shown, &k(0, b"a")).unwrap(), None);
        bench.clock.advance(200);
        assert!(entries(&mut *b, written, &[]).is_empty() && entries(&mut *b, read, &[]).is_empty());
    }
}

fn ttl_across_restores(factory: &dyn BackendFactory, format: SnapshotFormat) {
    let bench = Bench::new().with_format(format);
    let on = ttl_spec("t", StateKind::Map, TtlUpdate::OnCreateAndWrite, TtlVisibility::NeverReturnExpired);
    let off = spec("t", StateKind::Map);
    // Off: written without a stamp.
    let mut b = bench.open(factory, 0..GROUPS, vec![]).unwrap();
    let id = b.register(&off).unwrap();
    b.put(id, &k(0, b"a"), b"1").unwrap();
    let snapshot = bench.snapshot(&mut *b, 1).unwrap();
    assert!(!snapshot.states[0].ttl);
    // Switched on: the age starts at the restore, and goes on through the next one.
    bench.clock.advance(1000);
    let mut b = bench.open(factory, 0..GROUPS, vec![snapshot]).unwrap();
    let id = b.register(&on).unwrap();
    bench.clock.advance(60);
    assert_eq!(entries(&mut *b, id, &[]).len(), 1);
    let snapshot = bench.snapshot(&mut *b, 2).unwrap();
    assert!(snapshot.states[0].ttl);
    bench.clock.advance(60);
    let mut b = bench.open(factory, 0..GROUPS, vec![snapshot.clone()]).unwrap();
    let id = b.register(&on).unwrap();
    assert!(entries(&mut *b, id, &[]).is_empty(), "the age goes on through a restore");
    // Switched off again: what had not been cleaned up stays for ever.
    let mut b = bench.open(factory, 0..GROUPS, vec![snapshot]).unwrap();
    let id = b.register(&off).unwrap();
    assert_eq!(b.get(id, &k(0, b"a")).unwrap().as_deref(), Some(b"1".as_slice()));
    // Expired entries are not written to canonical snapshots.
    let mut b = bench.open(factory, 0..GROUPS, vec![]).unwrap();
    let id = b.register(&on).unwrap();
    b.put(id, &k(0, b"a"), b"1").unwrap();
    bench.clock.advance(1000);
    let snapshot = b.snapshot(&bench.request(3, SnapshotFormat::Canonical)).unwrap().complete().unwrap();
    assert!(snapshot.files.is_empty());
}
