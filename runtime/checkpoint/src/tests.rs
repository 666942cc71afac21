//! Lineages in storage: fencing and restore, under crashes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod garbage;

use crate::fsck::Report;
use crate::manifest::tests::sample;
use crate::restore::resolve;
use crate::testing::FaultyStore;
use crate::*;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::Arc;
use streamjob_core::{CheckpointId, Error, Result};
use streamjob_state::{FileRef, Scope, SnapshotStore};

/// A coordinator with a toy backend: every checkpoint writes one file and refers to the last ones.
struct Toy {
    job: Job,
    lineage: Lineage,
    /// Reads what was restored.
    restored: Option<CheckpointReader>,
    collector: Collector,
    next_id: CheckpointId,
    attempt: String,
    /// Files of the last completed checkpoint.
    files: Vec<FileRef>,
    /// Numbers of the checkpoints that the state descends from.
    history: Vec<CheckpointId>,
}

const RETAINED: usize = 2;

impl Toy {
    fn start(storage: &Storage, owner: &str, from: &RestoreFrom, attempt: &str, claim: ClaimMode) -> Result<Toy> {
        let job = Job::open(storage, "shop", "order-count")?;
        for _ in 0..10 {
            let mut d = resolve(&job, owner, from, true)?;
            d.own(claim);
            let TakeOver::Done(lineage) = job.take_over(owner, &d.claim, 0)? else { continue };
            let mut collector = Collector::start(&job, &lineage, &d, RETAINED)?;
            collector.add_attempt(attempt);
            let (files, history) = d.point.as_ref().map_or_else(Default::default, |p| {
                let files = p.manifest.files().cloned().collect();
                let history = p.manifest.options.get("history").map_or("", String::as_str);
                (files, history.split(',').filter_map(|h| h.parse().ok()).collect())
            });
            return Ok(Toy {
                restored: d.point.map(|p| p.reader),
                collector,
                next_id: d.next_id,
                attempt: attempt.into(),
                files,
                history,
                job,
                lineage,
            });
        }
        Err(Error::transient("moved ten times"))
    }

    fn manifest(&mut self, slot: &Slot, id: CheckpointId, kind: Kind) -> Result<Manifest> {
        let writer = slot.writer(Placement::Files { inline_threshold: 0 });
        let new = writer.write(Scope::Shared, "sst", format!("{} {id}", self.attempt).as_bytes())?;
        let exclusive = writer.write(Scope::Exclusive, "own", b"exclusive")?;
        // The oldest shared file is compacted away now and then; a checkpoint's own file is never built upon.
        let shared = |f: &&FileRef| !f.path.trim_start_matches("restored/").starts_with("chk-");
        let mut files: Vec<_> = self.files.iter().filter(shared).cloned().collect();
        if files.len() > 2 {
            files.remove(0);
        }
        // What is not the lineage's, and all of a savepoint, is written anew.
        for file in files.iter_mut().filter(|f| writer.self_contained() || !f.path.starts_with("shared/")) {
            let own = CheckpointReader::new(self.lineage.store().clone(), self.lineage.paths().dir());
            let from = self.restored.as_ref().filter(|_| !file.path.starts_with("shared/")).unwrap_or(&own);
            *file = writer.write(Scope::Shared, "sst", &from.read(file)?)?;
        }
        files.extend([new, exclusive]);
        let mut history = self.history.clone();
        history.push(id);
        let mut m = sample(id, files);
        m.kind = kind;
        m.job_id = self.lineage.head().job_id.clone();
        m.generation = self.lineage.generation();
        m.options.insert("history".into(), history.iter().map(ToString::to_string).collect::<Vec<_>>().join(","));
        Ok(m)
    }

    /// One checkpoint from trigger to publication; the driver's bookkeeping included.
    fn checkpoint(&mut self, kind: Kind) -> Result<Publish> {
        let id = self.next_id;
        self.next_id += 1;
        let slot = match kind {
            Kind::Checkpoint => self.lineage.checkpoint(id, &self.attempt),
            _ => self.lineage.savepoint(None)?,
        };
        let m = self.manifest(&slot, id, kind)?;
        let outcome = self.lineage.publish(&slot, &m, 0);
        if matches!(outcome, Publish::Done) && kind != Kind::Savepoint {
            if kind == Kind::Checkpoint {
                self.files = m.files().cloned().collect();
            }
            self.history.push(id);
            self.collector.completed(&m, &[]);
        }
        Ok(outcome)
    }

    fn done(&mut self) -> CheckpointId {
        let outcome = self.checkpoint(Kind::Checkpoint).unwrap();
        assert!(matches!(outcome, Publish::Done), "{outcome:?}");
        self.next_id - 1
    }

    fn sweep(&mut self, now: i64) -> Result<gc::Swept> {
        self.collector.plan(&[], self.next_id, now).run(&self.lineage)
    }
}

fn memory() -> (Arc<MemoryStore>, Storage) {
    let store = Arc::new(MemoryStore::new());
    store.set_time_ms(0);
    (store.clone(), Storage::over(store))
}

fn auto(storage: &Storage, attempt: &str) -> Toy {
    Toy::start(storage, "me", &RestoreFrom::Auto, attempt, ClaimMode::NoClaim).unwrap()
}

fn message<T>(result: Result<T>) -> String {
    result.err().expect("an error").to_string()
}

#[test]
fn numbers_go_on_and_the_lineage_with_them() {
    let (_, storage) = memory();
    let mut a = auto(&storage, "a");
    assert_eq!((a.done(), a.done()), (1, 2));
    let mut b = auto(&storage, "b");
    assert_eq!(b.lineage.head().job_id, a.lineage.head().job_id);
    assert_eq!(b.done(), 3);
    assert_eq!(b.history, [1, 2, 3]);
}

#[test]
fn a_superseded_coordinator_stops_and_names_its_successor() {
    let (_, storage) = memory();
    let mut a = auto(&storage, "a");
    a.done();
    let mut b = auto(&storage, "b");
    let Publish::Fenced(e) = a.checkpoint(Kind::Checkpoint).unwrap() else { panic!("not fenced") };
    assert!(e.message().starts_with("generation 1 was superseded by 2 owned by me; this coordinator stops"), "{e}");
    // Its late epoch is no part of the history: b's number is taken, the next one is not.
    assert!(matches!(b.checkpoint(Kind::Checkpoint).unwrap(), Publish::Taken(_)));
    assert_eq!(b.done(), 3);
    assert_eq!(auto(&storage, "c").history, [1, 3]);
    assert!(message(a.lineage.check_in_power()).contains("superseded by 3"));
    assert!(a.sweep(0).is_err(), "and deletes nothing");
}

#[test]
fn what_a_fenced_coordinator_won_never_becomes_part_of_the_history() {
    let (_, storage) = memory();
    let mut a = auto(&storage, "a");
    a.done();
    let mut b = auto(&storage, "b");
    // 2, won late; and 3, when the next but one is in power already.
    assert!(matches!(a.checkpoint(Kind::Checkpoint).unwrap(), Publish::Fenced(_)));
    b.next_id = 4;
    b.done();
    let mut c = auto(&storage, "c");
    assert!(matches!(a.checkpoint(Kind::Checkpoint).unwrap(), Publish::Fenced(_)));
    c.done();
    let d = auto(&storage, "d");
    let epochs = |toy: &Toy| {
        let head = toy.job.head().unwrap().unwrap().head;
        let epochs = toy.job.epochs(toy.lineage.paths(), Some(&head)).unwrap();
        epochs.into_iter().map(|e| e.epoch).collect::<Vec<_>>()
    };
    assert_eq!(epochs(&d), [1, 4, 5]);
    assert_eq!(d.collector.retained(), [1, 4, 5]);
}

#[test]
fn storage_that_fails_fences_nobody() {
    let mut fenced = 0;
    for operations in 0..80 {
        let (store, storage) = memory();
        let faulty = Arc::new(FaultyStore::new(store, operations, false));
        let over = Storage::over(faulty.clone());
        let Ok(mut a) = Toy::start(&over, "me", &RestoreFrom::Auto, "a", ClaimMode::NoClaim) else { continue };
        auto(&storage, "b").done();
        match a.checkpoint(Kind::Checkpoint) {
            Ok(Publish::Fenced(e)) if faulty.crashed() => panic!("after {operations} operations: {e}"),
            Ok(Publish::Fenced(_)) => fenced += 1,
            _ => {}
        }
    }
    assert!(fenced > 0, "it is superseded, and told so while storage works");
}

#[test]
fn a_decision_that_storage_has_overtaken_is_made_again() {
    let (_, storage) = memory();
    let mut a = auto(&storage, "a");
    a.done();
    let late = resolve(&a.job, "me", &RestoreFrom::Auto, false).unwrap();
    a.done();
    assert!(matches!(a.job.take_over("me", &late.claim, 0).unwrap(), TakeOver::Moved));
    // The same for two that both found nothing.
    let job = Job::open(&storage, "shop", "other").unwrap();
    let both = [(); 2].map(|()| resolve(&job, "me", &RestoreFrom::Auto, false).unwrap());
    assert!(matches!(job.take_over("me", &both[0].claim, 0).unwrap(), TakeOver::Done(_)));
    assert!(matches!(job.take_over("me", &both[1].claim, 0).unwrap(), TakeOver::Moved));
    assert_eq!(auto(&storage, "b").history, [1, 2]);
}

#[test]
fn auto_refuses_another_owners_state_and_names_both_ways_on() {
    let (_, storage) = memory();
    auto(&storage, "a").done();
    let job = Job::open(&storage, "shop", "order-count").unwrap();
    let e = message(resolve(&job, "you", &RestoreFrom::Auto, false));
    for word in ["RetainedStateFound", "belongs to me", "--from latest", "--from none"] {
        assert!(e.contains(word), "{e}");
    }
    let mut latest = Toy::start(&storage, "you", &RestoreFrom::Latest, "b", ClaimMode::NoClaim).unwrap();
    assert_eq!(latest.done(), 2);
    let mut none = Toy::start(&storage, "me", &RestoreFrom::None, "c", ClaimMode::NoClaim).unwrap();
    assert_ne!(none.lineage.head().job_id, latest.lineage.head().job_id);
    assert_eq!(none.done(), 1);
    // What was there stays where it is.
    assert_eq!(history::list(&job).unwrap().iter().filter(|e| e.complete).count(), 3);
}

#[test]
fn latest_needs_state_auto_does_not() {
    let (_, storage) = memory();
    let job = Job::open(&storage, "shop", "order-count").unwrap();
    assert!(message(resolve(&job, "me", &RestoreFrom::Latest, false)).contains("no state"));
    auto(&storage, "a");
    assert!(message(resolve(&job, "me", &RestoreFrom::Latest, false)).contains("no checkpoint was ever completed"));
    assert!(resolve(&job, "you", &RestoreFrom::Auto, false).unwrap().point.is_none());
}

#[test]
fn latest_falls_back_with_a_reason_and_refuses_rather_than_start_empty() {
    let (store, storage) = memory();
    let mut a = auto(&storage, "a");
    a.done();
    a.done();
    let job = a.job.clone();
    let key = a.lineage.paths().manifest(2);
    let bytes = store.get(&key).unwrap().unwrap().bytes;
    store.put(&key, &bytes[..bytes.len() - 3]).unwrap();
    let d = resolve(&job, "me", &RestoreFrom::Auto, false).unwrap();
    assert_eq!(d.point.unwrap().manifest.checkpoint, 1);
    assert_eq!(d.next_id, 3, "2 is taken");
    assert!(d.skipped[0].reason.contains("torn"), "{:?}", d.skipped);
    let file = a.files.iter().find(|f| f.path.starts_with("shared/a/1-")).unwrap();
    store.delete(&store::join(a.lineage.paths().dir(), &file.path)).unwrap();
    let e = message(resolve(&job, "me", &RestoreFrom::Auto, false));
    assert!(e.contains("none of the 2 checkpoints") && e.contains(&file.path) && e.contains("--from PATH"), "{e}");
}

#[test]
fn a_path_is_a_folder_or_its_metadata_and_begins_a_new_lineage() {
    let (store, storage) = memory();
    let mut a = auto(&storage, "a");
    for _ in 0..43 {
        a.done();
    }
    a.sweep(0).unwrap();
    let folder = store.url(&a.lineage.paths().checkpoint(43));
    for path in [folder.clone(), format!("{folder}/"), format!("{folder}/_metadata")] {
        let mut b = Toy::start(&storage, "me", &RestoreFrom::parse(&path), "b", ClaimMode::NoClaim).unwrap();
        assert_ne!(b.lineage.head().job_id, a.lineage.head().job_id);
        assert_eq!(b.done(), 44);
        // The new lineage depends on nothing outside of it.
        let point = restore::load(&storage, &store.url(&b.lineage.paths().checkpoint(44))).unwrap();
        assert!(verify::verify(&point.reader, &point.manifest, true).unwrap().is_empty());
        assert!(point.manifest.files().all(|f| !f.path.starts_with("restored/")));
        assert_eq!(b.done(), 45);
    }
    let e = message(restore::load(&storage, "memory:/nowhere/chk-1"));
    assert!(e.starts_with("Cannot find meta data file '_metadata' in directory memory:/nowhere/chk-1"), "{e}");
}

#[test]
fn a_savepoint_can_be_moved_and_a_stop_is_part_of_the_history() {
    let (store, storage) = memory();
    let mut a = auto(&storage, "a");
    a.done();
    assert!(matches!(a.checkpoint(Kind::Savepoint).unwrap(), Publish::Done));
    // A plain savepoint is not what Auto resumes from.
    assert_eq!(auto(&storage, "x").history, [1]);
    let mut a = auto(&storage, "a2");
    assert!(matches!(a.checkpoint(Kind::StopSavepoint).unwrap(), Publish::Done));
    let b = auto(&storage, "b");
    assert_eq!(b.history.len(), 2);
    let savepoints = history::list(&b.job).unwrap();
    let stop = savepoints.iter().find(|e| e.kind == Kind::StopSavepoint).unwrap();
    let dir = stop.location.strip_prefix("memory:/").unwrap();
    for o in store.list(dir).unwrap() {
        store.copy(&o.key, &o.key.replace(dir, "moved/sp")).unwrap();
    }
    let mut c =
        Toy::start(&storage, "me", &RestoreFrom::Path("memory:/moved/sp".into()), "c", ClaimMode::NoClaim).unwrap();
    c.done();
    let disposed = dispose::savepoint(&storage, &stop.location).unwrap();
    assert!(disposed.objects >= 3);
    assert!(store.list(dir).unwrap().is_empty());
    assert_eq!(store.list("moved/sp").unwrap().len() as u64, disposed.objects);
}

#[test]
fn a_lineage_without_a_checkpoint_of_its_own_still_has_the_state_that_it_began_from() {
    let (_, storage) = memory();
    let mut a = auto(&storage, "a");
    a.done();
    a.done();
    let from = history::list(&a.job).unwrap()[0].location.clone();
    let path = RestoreFrom::Path(from.clone());
    // Begun from chk-1 and killed at once, again and again.
    drop(Toy::start(&storage, "me", &path, "b", ClaimMode::NoClaim).unwrap());
    for next in [RestoreFrom::Auto, RestoreFrom::Latest, RestoreFrom::Auto] {
        let decision = resolve(&a.job, "me", &next, true).unwrap();
        assert_eq!(decision.point.map(|p| p.location), Some(from.clone()), "{next}");
        assert_eq!(decision.next_id, 2, "{next}");
        drop(Toy::start(&storage, "me", &next, "c", ClaimMode::NoClaim).unwrap());
    }
    // Another owner's is not taken by mistake.
    assert!(resolve(&a.job, "you", &RestoreFrom::Auto, true).is_err());
    // With a checkpoint of its own it goes on from that; started empty, it is empty.
    let mut own = auto(&storage, "d");
    own.done();
    assert_eq!(resolve(&a.job, "me", &RestoreFrom::Auto, true).unwrap().next_id, 3);
    drop(Toy::start(&storage, "me", &RestoreFrom::None, "e", ClaimMode::NoClaim).unwrap());
    assert!(resolve(&a.job, "me", &RestoreFrom::Auto, true).unwrap().point.is_none());
}

#[test]
fn the_same_lives_on_a_file_system() {
    let dir = tempfile::tempdir().unwrap();
    let storage = Storage::open(dir.path().to_str().unwrap(), S3Config::default()).unwrap();
    let mut a = auto(&storage, "a");
    for _ in 0..4 {
        a.done();
        a.sweep(0).unwrap();
    }
    assert!(matches!(a.checkpoint(Kind::StopSavepoint).unwrap(), Publish::Done));
    let lineage = dir.path().join("shop/order-count").join(a.lineage.head().job_id.as_str());
    let names: BTreeSet<_> =
        std::fs::read_dir(&lineage).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["chk-3", "chk-4", "epochs", "shared"]);
    let mut b = auto(&storage, "b");
    assert_eq!(b.done(), 6);
    // A savepoint elsewhere, by relative names, moved by renaming its folder.
    let slot = b.lineage.savepoint(Some(dir.path().join("elsewhere").to_str().unwrap())).unwrap();
    let m = b.manifest(&slot, 7, Kind::Savepoint).unwrap();
    assert!(matches!(b.lineage.publish(&slot, &m, 0), Publish::Done));
    let moved = dir.path().join("moved");
    std::fs::rename(&slot.location, &moved).unwrap();
    let c = Toy::start(&storage, "me", &RestoreFrom::Path(moved.to_str().unwrap().into()), "c", ClaimMode::NoClaim);
    assert_eq!(c.unwrap().next_id, 8);
}

#[derive(Debug, Clone)]
struct Run {
    operations: i64,
    late: bool,
    checkpoints: usize,
    sweep_every: usize,
}

fn run() -> impl Strategy<Value = Run> {
    (0i64..160, any::<bool>(), 1usize..8, 1usize..3).prop_map(|(operations, late, checkpoints, sweep_every)| Run {
        operations,
        late,
        checkpoints,
        sweep_every,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn after_any_crashes_reachable_is_stored(runs in prop::collection::vec(run(), 1..6)) {
        let (store, storage) = memory();
        let mut published: Vec<CheckpointId> = Vec::new();
        for (i, run) in runs.iter().enumerate() {
            let faulty = Arc::new(FaultyStore::new(store.clone(), run.operations, run.late));
            let crash = |published: &mut Vec<CheckpointId>| -> Result<()> {
                let mut toy = Toy::start(&Storage::over(faulty.clone()), "me", &RestoreFrom::Auto, &format!("a{i}"), ClaimMode::NoClaim)?;
                for n in 0..run.checkpoints {
                    match toy.checkpoint(Kind::Checkpoint)? {
                        Publish::Done => published.push(toy.next_id - 1),
                        Publish::Unknown(e) | Publish::Fenced(e) => return Err(e),
                        Publish::Taken(_) | Publish::Failed(_) => {}
                    }
                    if n % run.sweep_every == 0 {
                        toy.sweep(0)?;
                    }
                }
                Ok(())
            };
            let ended = crash(&mut published);
            prop_assert!(ended.is_ok() || faulty.crashed(), "{}", ended.err().unwrap());
            // At any moment the newest checkpoint is whole, and no published one is forgotten.
            let job = Job::open(&storage, "shop", "order-count").unwrap();
            let d = resolve(&job, "me", &RestoreFrom::Auto, true).unwrap();
            prop_assert!(d.skipped.is_empty(), "{:?}", d.skipped);
            let history = d.point.map(|p| p.manifest.options["history"].clone()).unwrap_or_default();
            let history: Vec<u64> = history.split(',').filter_map(|h| h.parse().ok()).collect();
            prop_assert!(published.iter().all(|p| history.contains(p)), "{published:?} not in {history:?}");
        }
        // A run without faults, long after.
        let mut toy = auto(&storage, "last");
        toy.done();
        toy.sweep(10 * gc::DEFAULT_ORPHAN_AGE_MS).unwrap();
        let report = fsck::lineage(&toy.job, toy.lineage.paths(), true).unwrap();
        prop_assert_eq!(&report, &Report { points: report.points, ..Report::default() });
        prop_assert!(toy.collector.retained().len() <= RETAINED);
    }

    #[test]
    fn two_coordinators_never_both_publish(steps in prop::collection::vec((0usize..2, 0u8..8), 1..60), late: Vec<bool>) {
        let (_, storage) = memory();
        let mut late = late.into_iter();
        let mut toys: [Option<Toy>; 2] = [None, None];
        let mut published: Vec<CheckpointId> = Vec::new();
        for (n, (who, step)) in steps.into_iter().enumerate() {
            if step == 0 || toys[who].is_none() {
                // A restart; the other one does not know.
                toys[who] = Some(auto(&storage, &format!("a{n}")));
                continue;
            }
            let toy = toys[who].as_mut().unwrap();
            if step == 1 {
                let _ = toy.sweep(0);
                continue;
            }
            match toy.checkpoint(Kind::Checkpoint).unwrap() {
                Publish::Done => {
                    prop_assert!(published.iter().all(|p| toy.history.contains(p)), "{published:?} forked by {:?}", toy.history);
                    published.push(toy.next_id - 1);
                }
                Publish::Fenced(_) => {
                    if !late.next().unwrap_or(false) {
                        toys[who] = None;
                    }
                }
                Publish::Taken(_) => {}
                other => prop_assert!(false, "{other:?}"),
            }
            let job = Job::open(&storage, "shop", "order-count").unwrap();
            let d = resolve(&job, "me", &RestoreFrom::Auto, true).unwrap();
            prop_assert!(d.skipped.is_empty(), "{:?}", d.skipped);
        }
    }
}
