//! What lies in storage: files that checkpoints share, and those that nobody needs any more.

use super::rescale::one_vertex;
use super::*;
use streamjob_checkpoint::fsck;
use streamjob_engine::deploy::OperatorSnapshot;
use streamjob_state::snapshot::SnapshotFile;
use streamjob_state::{FileRef, KeyedSnapshot, Scope, SnapshotStore};

const WAIT: Duration = Duration::from_secs(60);
const FILES: (&str, &str) = ("execution.checkpointing.data-inline-threshold", "0 b");

/// One operator with state in files.
pub(super) fn with_files(storage: &Storage, options: &[(&str, &str)]) -> Rig {
    let options: Vec<_> = options.iter().copied().chain([FILES]).collect();
    let mut rig = Rig::new(storage, &options);
    let mut own = settings(storage, &rig.clock, RestoreFrom::Auto, &options);
    own.deployer = rig.deployer.clone();
    own.graph = Arc::new(one_vertex());
    rig.job.settings = Arc::new(own);
    let attempt = rig.job.attempt_id.clone();
    rig.job.ledger.as_mut().unwrap().add_attempt(&attempt);
    rig
}

impl Rig {
    /// A file that checkpoint `id` uploads.
    pub(super) fn upload(&self, id: CheckpointId, name: &str) -> FileRef {
        self.try_upload(id, name).unwrap()
    }

    pub(super) fn try_upload(&self, id: CheckpointId, name: &str) -> Result<FileRef> {
        self.job.pending[&id].writer.write(Scope::Shared, name, name.as_bytes())
    }

    /// All tasks answer with these files; storage work has begun.
    fn answers(&mut self, id: CheckpointId, files: &[&FileRef]) {
        for (task, result) in parts(files) {
            assert!(self.job.on_event(TaskEvent::Snapshot { task, checkpoint: id, result: Ok(result) }).is_none());
        }
    }

    /// Storage work ends, and what may be deleted is.
    fn written(&mut self) -> Option<JobOutcome> {
        let done = self.job.storage.1.recv().unwrap();
        let outcome = self.job.on_storage(done);
        self.settle();
        outcome
    }

    pub(super) fn settle(&mut self) {
        assert!(self.job.background.settle(WAIT));
        let Some(ledger) = &self.job.ledger else { return };
        let report = fsck::lineage(ledger.job(), &ledger.job().paths().lineage(ledger.job_id()), true).unwrap();
        assert!(report.missing.is_empty() && report.unreadable.is_empty(), "{report:?}");
    }
}

/// What the tasks answer when their state lies in these files.
pub(super) fn parts(files: &[&FileRef]) -> [(TaskId, TaskSnapshot); 2] {
    let files = files.iter().map(|f| SnapshotFile { name: "f".into(), file: (*f).clone(), meta: Default::default() });
    let keyed = KeyedSnapshot {
        format: SnapshotFormat::RocksDb,
        group_start: 0,
        group_end: 128,
        states: Vec::new(),
        files: files.collect(),
        uploaded_bytes: 0,
    };
    let part = OperatorSnapshot { keyed: Some(keyed), ..Default::default() };
    let snapshot = TaskSnapshot { operators: vec![(OperatorUid("o".into()), part)], ..Default::default() };
    [(SOURCE, TaskSnapshot::default()), (SINK, snapshot)]
}

const OVERLAP: [(&str, &str); 2] =
    [("execution.checkpointing.max-concurrent-checkpoints", "2"), ("execution.checkpointing.num-retained", "1")];

/// Checkpoint 1 with file a; 2 and 3 built on it, which both upload b. 2 is complete.
fn two_that_overlap(storage: &Storage) -> (Rig, FileRef, FileRef, FileRef) {
    let mut rig = with_files(storage, &OVERLAP);
    rig.pass(1000);
    let a = rig.upload(1, "a");
    rig.answers(1, &[&a]);
    assert!(rig.written().is_none());
    rig.pass(1000);
    rig.pass(1000);
    let (b2, b3) = (rig.upload(2, "b"), rig.upload(3, "b"));
    rig.answers(2, &[&a, &b2]);
    assert!(rig.written().is_none());
    assert_eq!(rig.told(), ["trigger 1", "complete 1", "trigger 2", "trigger 3", "complete 2"]);
    (rig, a, b2, b3)
}

#[test]
fn what_a_checkpoint_under_way_builds_on_stays() {
    let storage = storage();
    let (mut rig, a, b2, b3) = two_that_overlap(&storage);
    rig.answers(3, &[&a, &b3]);
    // Due while 3 is written down: the barrier does not wait for that, and the tasks know of 2 only.
    rig.pass(1000);
    assert_eq!(rig.told(), ["trigger 4"]);
    assert!(rig.written().is_none());
    assert_eq!(rig.told(), ["complete 3"]);
    let c = rig.upload(4, "c");
    rig.answers(4, &[&a, &b2, &c]);
    assert!(rig.written().is_none());
    assert_eq!(rig.told(), ["complete 4"]);
    // In the end only the last one is there.
    for id in 5..=6 {
        rig.pass(1000);
        rig.answers(id, &[&a, &b2, &c]);
        assert!(rig.written().is_none());
    }
    let epochs: Vec<_> = storage.root.list("default/job").unwrap().into_iter().map(|o| o.key).collect();
    assert!(!epochs.iter().any(|key| key.ends_with("epochs/3") || key.contains("/3-b")), "{epochs:?}");
}

#[test]
fn a_barrier_may_overtake_the_news_of_a_completion() {
    let (mut rig, a, b2, b3) = two_that_overlap(&storage());
    rig.answers(3, &[&a, &b3]);
    assert!(rig.written().is_none());
    rig.pass(1000);
    rig.answers(4, &[&a, &b2]);
    assert!(rig.written().is_none());
    assert_eq!(rig.told(), ["complete 3", "trigger 4", "complete 4"]);
}

#[test]
fn a_checkpoint_that_refers_to_what_nobody_holds_does_not_come_about() {
    let options = [("execution.checkpointing.tolerable-failed-checkpoints", "9")];
    let mut rig = with_files(&storage(), &options);
    rig.pass(1000);
    let lost = rig.upload(1, "lost");
    assert!(rig.declines(1, Error::transient("x")).is_none());
    rig.pass(1000);
    rig.job.view.open_trigger("t", TriggerKind::Checkpoint);
    rig.job.on_request(Request::Checkpoint { trigger: "t".into() });
    rig.answers(2, &[&lost]);
    assert!(rig.written().is_none());
    rig.answers(3, &[&lost]);
    assert!(rig.written().is_none());
    assert_eq!(rig.told(), ["trigger 1", "abort 1", "trigger 2", "abort 2", "trigger 3", "abort 3"]);
    assert!(failure_of(&rig).contains("which no retained checkpoint holds"), "{}", failure_of(&rig));
}

#[test]
fn a_savepoint_that_does_not_come_about_leaves_nothing() {
    let storage = storage();
    let left = || storage.root.list("default/job/savepoints").unwrap();
    let mut rig = with_files(&storage, &[]);
    rig.savepoint(None);
    let late = rig.job.pending[&1].writer.clone();
    rig.upload(1, "a");
    assert_eq!(left().len(), 1);
    assert!(rig.declines(1, Error::user("too large")).is_none());
    rig.settle();
    assert_eq!(left(), []);
    // The other task was not through yet.
    late.write(Scope::Exclusive, "b", b"b").unwrap();
    let part = TaskEvent::Snapshot { task: SOURCE, checkpoint: 1, result: Ok(TaskSnapshot::default()) };
    assert!(rig.job.on_event(part).is_none());
    rig.settle();
    assert_eq!(left(), []);
    // One that is complete stays; one under way does not outlive the job.
    rig.savepoint(None);
    let whole = rig.upload(2, "c");
    rig.answers(2, &[&whole]);
    assert!(rig.written().is_none());
    rig.savepoint(None);
    rig.upload(3, "d");
    late.write(Scope::Exclusive, "e", b"e").unwrap();
    assert_eq!(left().len(), 4);
    assert_eq!(outcome(Some(rig.job.end(JobOutcome::Canceled))), "canceled");
    assert_eq!(left().len(), 2);
}

#[test]
fn nothing_of_a_savepoint_is_deleted_that_may_exist() {
    let (store, storage) = super::faults::Flaky::storage();
    let mut rig = with_files(&storage, &super::faults::RESTARTS);
    rig.savepoint(Some(StopMode::Suspend));
    let file = rig.upload(1, "a");
    // Whether or not the epoch was won.
    store.fail("epochs/1", 1);
    rig.answers(1, &[&file]);
    rig.written();
    assert_eq!(storage.root.list("default/job/savepoints").unwrap().len(), 2);
}
