//! What is deleted, and what never: retention, claims, disposal, cancelled jobs; and what fsck says of it.

use super::*;

#[test]
fn the_newest_n_stay_and_nothing_else() {
    let (store, storage) = memory();
    let mut a = auto(&storage, "a");
    for _ in 0..10 {
        a.done();
        a.sweep(0).unwrap();
    }
    assert_eq!(a.collector.retained(), [9, 10]);
    let dirs = store.list_dirs(a.lineage.paths().dir()).unwrap();
    assert_eq!(dirs, ["chk-10", "chk-9", "epochs", "shared"]);
    let report = fsck::lineage(&a.job, a.lineage.paths(), true).unwrap();
    assert_eq!(report, Report { points: 2, ..Report::default() });
    let entries = history::list(&a.job).unwrap();
    assert_eq!(
        entries.iter().map(|e| (e.id, e.complete, e.retained)).collect::<Vec<_>>(),
        [(9, true, true), (10, true, true)]
    );
    assert_eq!(history::jobs(&storage).unwrap(), [("shop".to_string(), "order-count".to_string())]);
    collector::delete_all(&mut a.lineage, 0).unwrap();
    assert!(store.list(a.lineage.paths().dir()).unwrap().is_empty());
    assert!(resolve(&a.job, "me", &RestoreFrom::Auto, false).unwrap().point.is_none());
}

#[test]
fn nobody_resumes_from_what_is_being_deleted() {
    for begun_from in [false, true] {
        for (operations, late) in (0..30).flat_map(|n| [(n, false), (n, true)]) {
            let (store, storage) = memory();
            let faulty = Arc::new(FaultyStore::new(store.clone(), i64::MAX, late));
            let over = Storage::over(faulty.clone());
            let mut a = auto(&over, "a");
            a.done();
            a.done();
            if begun_from {
                let path = RestoreFrom::Path(store.url(&a.lineage.paths().checkpoint(2)));
                a = Toy::start(&over, "me", &path, "b", ClaimMode::NoClaim).unwrap();
                if operations % 2 == 0 {
                    a.done();
                }
            }
            // The server's clock is ahead.
            store.set_time_ms(1_000);
            faulty.crash_after(operations);
            let deleted = collector::delete_all(&mut a.lineage, 0);
            let left = || store.list(a.lineage.paths().dir()).unwrap();
            assert_eq!(deleted.is_ok(), !faulty.crashed());
            assert!(deleted.is_err() || left().is_empty(), "{:?}", left());
            let job = Job::open(&storage, "shop", "order-count").unwrap();
            let resumed = resolve(&job, "me", &RestoreFrom::Auto, true).unwrap();
            assert!(resumed.skipped.is_empty());
            // Untouched, when not even the first write came through.
            let nothing_done = operations == 0 && !late;
            assert_eq!(resumed.point.is_some(), nothing_done, "after {operations} operations, late: {late}");
        }
    }
}

#[test]
fn the_newest_savepoints_are_remembered_whatever_their_names() {
    let (store, storage) = memory();
    let mut a = auto(&storage, "a");
    for id in 1..=9 {
        store.set_time_ms(id);
        assert!(matches!(a.checkpoint(Kind::Savepoint).unwrap(), Publish::Done));
    }
    let recent = history::recent(&a.job, 3).unwrap();
    assert_eq!(recent.iter().map(|(_, m)| m.checkpoint).collect::<Vec<_>>(), [9, 8, 7]);
}

#[test]
fn fsck_tells_orphans_and_missing_files() {
    let (store, storage) = memory();
    let mut a = auto(&storage, "a");
    a.done();
    assert!(matches!(a.checkpoint(Kind::Savepoint).unwrap(), Publish::Done));
    assert_eq!(fsck::job(&a.job, true).unwrap(), Report { points: 2, ..Report::default() });
    let dir = a.lineage.paths().dir().to_string();
    let savepoint = history::list(&a.job).unwrap().into_iter().find(|e| e.kind == Kind::Savepoint).unwrap().location;
    let savepoint = savepoint.strip_prefix("memory:/").unwrap();
    let at = |dir: &str, name: &str| store::join(dir, name);
    let orphans =
        [at(&dir, "shared/z/9-lost"), at(savepoint, "lost"), at(a.job.paths().dir(), "savepoints/sp/never-done")];
    orphans.iter().for_each(|key| drop(store.put(key, b"x").unwrap()));
    store.put(&at(&dir, "notes.txt"), b"x").unwrap();
    let gone = a.files.iter().find(|f| f.path.starts_with("shared/")).unwrap();
    store.delete(&at(&dir, &gone.path)).unwrap();
    let report = fsck::job(&a.job, false).unwrap();
    let found: BTreeSet<_> = report.orphans.iter().map(|o| o.location.clone()).collect();
    assert_eq!(found, orphans.iter().map(|key| store.url(key)).collect());
    assert_eq!(report.unknown, [store.url(&at(&dir, "notes.txt"))]);
    assert_eq!(report.missing.len(), 1);
    assert!(report.missing[0].location.ends_with(&gone.path));
    assert!(report.unreadable.is_empty() && !report.is_whole());
    store.put(&at(savepoint, "_metadata"), b"x").unwrap();
    assert_eq!(fsck::job(&a.job, false).unwrap().unreadable[0].location, store.url(savepoint));
}

#[test]
fn a_savepoint_is_disposed_of_unless_its_job_goes_on_from_it() {
    let (store, storage) = memory();
    let mut a = auto(&storage, "a");
    a.done();
    let chk = store.url(&a.lineage.paths().checkpoint(1));
    assert!(message(dispose::savepoint(&storage, &chk)).contains("not a savepoint"));
    assert!(message(dispose::savepoint(&storage, "memory:/nowhere/sp")).contains("Cannot find meta data"));
    assert!(matches!(a.checkpoint(Kind::StopSavepoint).unwrap(), Publish::Done));
    let stop = history::list(&a.job).unwrap().into_iter().find(|e| e.kind.is_savepoint()).unwrap().location;
    assert!(message(dispose::savepoint(&storage, &stop)).contains("stopped behind it"));
    // Begun from, and without a checkpoint of its own.
    let mut b = Toy::start(&storage, "me", &RestoreFrom::Path(stop.clone()), "b", ClaimMode::NoClaim).unwrap();
    assert!(message(dispose::savepoint(&storage, &stop)).contains("started from it"));
    b.done();
    // Somebody's own file stays.
    let note = store::join(stop.strip_prefix("memory:/").unwrap(), "notes.txt");
    let its_own = store.list(stop.strip_prefix("memory:/").unwrap()).unwrap().len();
    store.put(&note, b"x").unwrap();
    assert_eq!(dispose::savepoint(&storage, &stop).unwrap().objects as usize, its_own);
    assert_eq!(store.list(stop.strip_prefix("memory:/").unwrap()).unwrap().len(), 1);
    assert!(message(dispose::savepoint(&storage, &stop)).contains("Cannot find meta data"));
    assert_eq!(auto(&storage, "c").history, b.history);
}

#[test]
fn claimed_restore_points_are_deleted_when_retired_others_never() {
    for (claim, left) in [(ClaimMode::NoClaim, true), (ClaimMode::Claim, false)] {
        let (store, storage) = memory();
        let mut a = auto(&storage, "a");
        a.done();
        let from = store.url(&a.lineage.paths().checkpoint(1));
        let mut b = Toy::start(&storage, "me", &RestoreFrom::Path(from.clone()), "b", claim).unwrap();
        b.done();
        b.sweep(0).unwrap();
        assert!(restore::load(&storage, &from).is_ok(), "{claim:?}: still the one before the latest");
        for _ in 0..3 {
            b.done();
            b.sweep(0).unwrap();
        }
        assert_eq!(restore::load(&storage, &from).is_ok(), left, "{claim:?}");
        assert_eq!(store.list(a.lineage.paths().dir()).unwrap().is_empty(), !left);
        let report = fsck::lineage(&b.job, b.lineage.paths(), true).unwrap();
        assert!(report.missing.is_empty(), "{report:?}");
    }
}

#[test]
fn a_claim_outlives_coordinators_and_failed_disposals() {
    // Restarted before the first checkpoint of its own, and before the claimed one is retired.
    for own in 0..RETAINED {
        let (store, storage) = memory();
        let mut a = auto(&storage, "a");
        assert!(matches!(a.checkpoint(Kind::Savepoint).unwrap(), Publish::Done));
        let from = history::list(&a.job).unwrap()[0].location.clone();
        let mut b = Toy::start(&storage, "me", &RestoreFrom::Path(from.clone()), "b", ClaimMode::Claim).unwrap();
        for _ in 0..own {
            b.done();
            b.sweep(0).unwrap();
        }
        // No word of the claim in how it is started again.
        let faulty = Arc::new(FaultyStore::new(store.clone(), i64::MAX, false));
        let mut c = auto(&Storage::over(faulty.clone()), "c");
        assert_eq!(c.lineage.head().claimed.len(), 1);
        for _ in own..RETAINED {
            assert!(restore::load(&storage, &from).is_ok(), "{own}: still retained");
            c.done();
        }
        // Whatever fails while it is disposed of, the next sweep does.
        for operations in 0.. {
            faulty.crash_after(operations);
            let swept = c.sweep(0);
            faulty.crash_after(i64::MAX);
            if swept.is_ok() {
                break;
            }
        }
        let dir = from.strip_prefix("memory:/").unwrap();
        assert!(store.list(dir).unwrap().is_empty(), "{:?}", store.list(dir).unwrap());
        c.done();
        assert!(c.lineage.head().claimed.is_empty(), "and then it is forgotten");
        assert!(auto(&storage, "d").lineage.head().claimed.is_empty());
    }
}

#[test]
fn what_is_claimed_goes_with_all_others() {
    let (store, storage) = memory();
    let mut a = auto(&storage, "a");
    a.checkpoint(Kind::Savepoint).unwrap();
    a.checkpoint(Kind::Savepoint).unwrap();
    let savepoints = history::list(&a.job).unwrap();
    let from = RestoreFrom::Path(savepoints[0].location.clone());
    let mut b = Toy::start(&storage, "me", &from, "b", ClaimMode::Claim).unwrap();
    b.done();
    collector::delete_all(&mut b.lineage, 0).unwrap();
    assert!(restore::load(&storage, &savepoints[0].location).is_err());
    assert!(restore::load(&storage, &savepoints[1].location).is_ok(), "another one is the user's");
    assert_eq!(store.list("shop/order-count/savepoints").unwrap().len(), 3);
}
