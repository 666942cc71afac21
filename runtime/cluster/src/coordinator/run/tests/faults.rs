//! Storage that fails at the wrong moment, and tasks that do.

use super::*;
use streamjob_checkpoint::store::{Conditional, Object, ObjectMeta, ObjectWrite};
use streamjob_checkpoint::{MemoryStore, ObjectStore};

/// Fails some operations.
pub(super) struct Flaky {
    inner: MemoryStore,
    fault: Mutex<Fault>,
}

#[derive(Default)]
struct Fault {
    /// What the first operation that fails names.
    part: String,
    /// Operations that name it and succeed all the same.
    skip: u32,
    /// How many fail from there on.
    times: u32,
    /// They take effect; only their answers are lost.
    late: bool,
}

impl Flaky {
    pub(super) fn storage() -> (Arc<Self>, Storage) {
        let store = Arc::new(Self { inner: MemoryStore::new(), fault: Mutex::default() });
        (store.clone(), Storage::with_s3(store, S3Config::default()))
    }

    /// The next operation on a key with this part fails, and what follows, `times` in all.
    pub(super) fn fail(&self, part: &str, times: u32) {
        *self.fault.lock() = Fault { part: part.into(), times, ..Fault::default() };
    }

    /// One operation fails, after so many others.
    pub(super) fn fail_once(&self, skip: u32, late: bool) {
        *self.fault.lock() = Fault { skip, times: 1, late, ..Fault::default() };
    }

    /// From here on all is well.
    pub(super) fn heal(&self) {
        *self.fault.lock() = Fault::default();
    }

    fn step<T>(&self, key: &str, operation: impl FnOnce(&MemoryStore) -> Result<T>) -> Result<T> {
        let mut fault = self.fault.lock();
        if fault.times == 0 || !key.contains(fault.part.as_str()) {
            return operation(&self.inner);
        }
        if fault.skip > 0 {
            fault.skip -= 1;
            return operation(&self.inner);
        }
        fault.part.clear();
        fault.times -= 1;
        if fault.late {
            operation(&self.inner)?;
        }
        Err(Error::transient(format!("no answer about {key}")))
    }
}

impl ObjectStore for Flaky {
    fn describe(&self) -> String {
        "flaky store".into()
    }
    fn url(&self, key: &str) -> String {
        self.inner.url(key)
    }
    fn put(&self, key: &str, bytes: &[u8]) -> Result<String> {
        self.step(key, |s| s.put(key, bytes))
    }
    fn create<'a>(&'a self, key: &str) -> Result<Box<dyn ObjectWrite + 'a>> {
        self.inner.create(key)
    }
    fn put_if_absent(&self, key: &str, bytes: &[u8]) -> Result<Conditional> {
        self.step(key, |s| s.put_if_absent(key, bytes))
    }
    fn put_if_match(&self, key: &str, bytes: &[u8], etag: &str) -> Result<Conditional> {
        self.step(key, |s| s.put_if_match(key, bytes, etag))
    }
    fn get(&self, key: &str) -> Result<Option<Object>> {
        self.step(key, |s| s.get(key))
    }
    fn head(&self, key: &str) -> Result<Option<ObjectMeta>> {
        self.step(key, |s| s.head(key))
    }
    fn list(&self, dir: &str) -> Result<Vec<ObjectMeta>> {
        self.step(dir, |s| s.list(dir))
    }
    fn list_dirs(&self, dir: &str) -> Result<Vec<String>> {
        self.step(dir, |s| s.list_dirs(dir))
    }
    fn delete(&self, key: &str) -> Result<()> {
        self.step(key, |s| s.delete(key))
    }
    fn upload(&self, key: &str, local: &std::path::Path) -> Result<()> {
        self.step(key, |s| s.upload(key, local))
    }
    fn download(&self, key: &str, to: &std::path::Path) -> Result<u64> {
        self.step(key, |s| s.download(key, to))
    }
    fn copy(&self, from: &str, to: &str) -> Result<()> {
        self.step(from, |s| s.copy(from, to))
    }
}

pub(super) const RESTARTS: [(&str, &str); 3] = [
    ("restart-strategy.type", "fixed-delay"),
    ("restart-strategy.fixed-delay.delay", "0 ms"),
    ("restart-strategy.fixed-delay.attempts", "20"),
];

fn lost() -> TaskEvent {
    TaskEvent::PeerLost(Error::transient("a worker is lost"))
}

#[test]
fn checkpoints_go_on_after_one_of_which_nobody_knows_whether_it_exists() {
    // How many operations fail from there on: the write itself, then what the coordinator asks to find out.
    for (what, times) in [("epochs/1", 1), ("head", 1), ("epochs/1", 3), ("head", 4), ("epochs/1", 7)] {
        let (store, storage) = Flaky::storage();
        let mut rig = Rig::new(&storage, &RESTARTS);
        rig.job.view.open_trigger("t", TriggerKind::Checkpoint);
        assert!(rig.job.on_request(Request::Checkpoint { trigger: "t".into() }).is_none());
        store.fail(what, times);
        assert_eq!(outcome(rig.snapshots(1)), "goes on", "{what} {times}");
        assert_eq!(rig.told(), ["trigger 1", "cancel", "deploy at 1"], "{what} {times}");
        assert!(failure_of(&rig).contains("not known"), "{}", failure_of(&rig));
        assert!(rig.all(TaskEvent::Running).is_none());
        assert!(rig.pass(1000).is_none());
        assert!(rig.snapshots(2).is_none());
        assert_eq!(rig.told(), ["trigger 2", "complete 2"], "{what} {times}");
        let counts = rig.job.view.checkpoints().counts;
        assert_eq!((counts.completed, counts.failed, counts.in_progress), (1, 1, 0));
    }
}

#[test]
fn a_stop_whose_checkpoint_turns_out_to_exist_is_not_gone_back_on() {
    // The head is moved, its answer is lost, and so are those about what it is now.
    let (store, storage) = Flaky::storage();
    let mut rig = Rig::new(&storage, &RESTARTS);
    rig.savepoint(Some(StopMode::Suspend));
    store.fail("/head", 1);
    let end = outcome(rig.snapshots(1));
    assert!(end.contains("is complete, but the job failed while stopping"), "{end}");
}

#[test]
fn a_failure_while_the_stop_is_written_down_fails_the_job_with_the_path() {
    let stops =
        [(StopMode::Suspend, false), (StopMode::Drain, false), (StopMode::Suspend, true), (StopMode::Drain, true)];
    for (mode, checkpoint) in stops {
        let mut rig = Rig::new(&storage(), &RESTARTS);
        let mut id = 1;
        if checkpoint {
            rig.job.view.open_trigger("t", TriggerKind::Stop);
            rig.job.on_request(Request::StopBehindCheckpoint { trigger: "t".into(), mode });
            assert!(rig.snapshots(1).is_none());
            id = 2;
        } else {
            rig.savepoint(Some(mode));
        }
        let part = |task| TaskEvent::Snapshot { task, checkpoint: id, result: Ok(TaskSnapshot::default()) };
        assert!(rig.all(part).is_none());
        rig.told();
        let end = rig.job.on_event(lost()).unwrap();
        let path = rig.trigger().unwrap().location.unwrap();
        let view = rig.job.view.clone();
        let text = outcome(Some(rig.job.end(end)));
        assert!(text.contains("is complete, but the job failed while stopping") && text.contains(&path), "{text}");
        assert_eq!(*rig.told.lock(), ["cancel"], "nothing is deployed again");
        assert_eq!(view.checkpoints().counts.completed, id, "what exists is told");
    }
}

#[test]
fn a_failure_before_the_stop_is_written_down_starts_the_job_again() {
    let mut rig = Rig::new(&storage(), &RESTARTS);
    rig.savepoint(Some(StopMode::Suspend));
    assert!(rig.job.on_event(lost()).is_none());
    assert_eq!(rig.told(), ["trigger 1 Suspend", "cancel", "deploy at 1"]);
    assert!(rig.trigger().unwrap().failure.is_some());
}

#[test]
fn a_stop_that_cannot_be_leaves_the_job_alone() {
    let mut rig = Rig::new(&storage(), &RESTARTS);
    rig.job.view.open_trigger("t", TriggerKind::Stop);
    let target = Some("hdfs://x".to_string());
    let request = Request::Savepoint { trigger: "t".into(), target, stop: Some(StopMode::Suspend) };
    assert!(rig.job.on_request(request).is_none());
    assert!(failure_of(&rig).contains("hdfs"), "{}", failure_of(&rig));
    assert_eq!(rig.told(), Vec::<String>::new());
    assert!(rig.job.on_request(Request::Suspend).is_none());
    assert_eq!(rig.told(), ["trigger 1"]);

    // The same when it is found out only as the barrier is to be sent, and the input has ended meanwhile.
    let mut rig = Rig::new(&storage(), &RESTARTS);
    let kind = RequestKind::Savepoint {
        target: Some("hdfs://x".into()),
        format: SnapshotFormat::Canonical,
        stop: Some(StopMode::Suspend),
    };
    rig.job.view.open_trigger("t", TriggerKind::Stop);
    assert!(rig.job.request("t".into(), kind).is_none());
    assert!(failure_of(&rig).contains("hdfs"), "{}", failure_of(&rig));
    assert!(rig.all(TaskEvent::Ended).is_none());
    assert_eq!(rig.told(), ["abort 1", "trigger 2"], "the last checkpoint, and no restart");
}

#[test]
fn a_job_that_is_suspended_stays_so() {
    let mut rig = Rig::new(&storage(), &RESTARTS);
    rig.job.on_request(Request::Suspend);
    assert_eq!(outcome(rig.job.on_event(lost())), "suspended without");
    assert_eq!(rig.told(), ["trigger 1"], "nothing starts again");

    // Another checkpoint that fails meanwhile is not its own.
    let options = [
        ("execution.checkpointing.tolerable-failed-checkpoints", "9"),
        ("execution.checkpointing.max-concurrent-checkpoints", "2"),
    ];
    let mut rig = Rig::new(&storage(), &options);
    rig.pass(1000);
    rig.job.on_request(Request::Suspend);
    assert!(rig.declines(1, Error::transient("x")).is_none());
    assert!(rig.snapshots(2).is_none());
    assert_eq!(outcome(rig.all(|t| TaskEvent::Published(t, 2))), "suspended chk-2");
}
