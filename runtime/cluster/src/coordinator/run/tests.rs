//! The coordinator against tasks that only exist on paper: what it commands,
//! what it leaves in storage, and how each kind of end comes out.

use super::*;
use crate::control::{Adopted, Candidate, Deployer, Origin};
use crate::settings::JobSettings;
use crate::view::Request;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use streamjob_api::{TriggerKind, TriggerOutcome};
use streamjob_checkpoint::restore::RestoreFrom;
use streamjob_checkpoint::{MemoryStore, S3Config, Storage};
use streamjob_core::OperatorUid;
use streamjob_core::options::Options;
use streamjob_engine::JobGraph;
use streamjob_engine::deploy::{Deployment, OperatorStatus, TaskSnapshot, VertexInfo};
use streamjob_engine::testing::ManualClock;
use streamjob_state::{Clock, HeapFactory};

mod adopt;
mod faults;
mod files;
mod rescale;
mod simulate;

const SOURCE: TaskId = TaskId { vertex: 0, subtask: 0 };
const SINK: TaskId = TaskId { vertex: 1, subtask: 0 };
const TASKS: [TaskId; 2] = [SOURCE, SINK];

/// Remembers its commands.
struct Paper {
    vertices: Vec<VertexInfo>,
    told: Arc<Mutex<Vec<String>>>,
}

impl Deployment for Paper {
    fn vertices(&self) -> &[VertexInfo] {
        &self.vertices
    }

    fn send(&self, command: TaskCommand) {
        self.told.lock().push(match command {
            TaskCommand::Trigger { barrier, .. } => match barrier.stop {
                Some(stop) => format!("trigger {} {stop:?}", barrier.id),
                None => format!("trigger {}", barrier.id),
            },
            TaskCommand::Complete(id) => format!("complete {id}"),
            TaskCommand::Abort(id) => format!("abort {id}"),
            TaskCommand::Finish => "finish".into(),
            TaskCommand::Cancel => "cancel".into(),
        });
    }

    fn status(&self) -> Vec<OperatorStatus> {
        Vec::new()
    }

    fn join(self: Box<Self>) {}
}

/// Deploys on paper, while there are slots.
struct PaperDeployer {
    slots: AtomicU32,
    told: Arc<Mutex<Vec<String>>>,
    running: Mutex<Option<Candidate>>,
}

impl Deployer for PaperDeployer {
    fn missing(&self, slots: u32) -> Option<String> {
        let there = self.slots.load(Ordering::SeqCst);
        (there < slots.max(1)).then(|| format!("the job needs {slots} slots, {there} are there"))
    }

    fn changed(&self) -> Receiver<()> {
        crossbeam_channel::never()
    }

    fn deploy(&self, request: DeployRequest, _: Origin) -> Result<Box<dyn Deployment>> {
        self.told.lock().push(format!("deploy at {}", request.parallelism));
        Ok(Box::new(Paper { vertices: vertices(), told: self.told.clone() }))
    }

    fn outlives(&self) -> bool {
        true
    }

    fn running(&self, _: &JobGraph) -> Option<Candidate> {
        self.running.lock().clone()
    }

    fn adopt(&self, attempt: &str, _: Vec<VertexInfo>, _: Sender<TaskEvent>, generation: u64) -> Option<Adopted> {
        self.told.lock().push(format!("adopt {attempt} as {generation}"));
        let deployment = Box::new(Paper { vertices: vertices(), told: self.told.clone() });
        self.running.lock().take().map(|candidate| Adopted { candidate, deployment })
    }
}

fn vertices() -> Vec<VertexInfo> {
    let vertex = |name: &str, is_source| VertexInfo {
        name: name.into(),
        operators: vec![OperatorUid(name.into())],
        parallelism: 1,
        is_source,
    };
    vec![vertex("source", true), vertex("sink", false)]
}

struct Rig {
    job: Coordinator,
    clock: Arc<ManualClock>,
    ticks: Arc<ManualClock>,
    told: Arc<Mutex<Vec<String>>>,
    deployer: Arc<PaperDeployer>,
}

fn settings(
    storage: &Storage,
    clock: &Arc<ManualClock>,
    restore: RestoreFrom,
    options: &[(&str, &str)],
) -> JobSettings {
    let mut all = Options::default();
    for (key, value) in
        [("execution.checkpointing.interval", "1 s"), ("restart-strategy.type", "none")].iter().chain(options)
    {
        all.set(key, value).unwrap();
    }
    JobSettings {
        name: "job".into(),
        namespace: "default".into(),
        owner: "me".into(),
        revision: String::new(),
        script: String::new(),
        graph: Arc::new(JobGraph::default()),
        options: all,
        parallelism: 1,
        max_parallelism: 128,
        storage: storage.clone(),
        memory_storage: false,
        savepoint_dir: None,
        backend: Arc::new(HeapFactory::new()),
        work_dir: "unused".into(),
        deployer: Arc::new(crate::control::LocalDeployer),
        restore,
        allow_non_restored: false,
        claim: false,
        clock: clock.clone(),
        rest: None,
    }
}

fn storage() -> Storage {
    Storage::with_s3(Arc::new(MemoryStore::new()), S3Config::default())
}

impl Rig {
    /// All tasks run.
    fn new(storage: &Storage, options: &[(&str, &str)]) -> Self {
        Self::from(storage, RestoreFrom::Auto, options).unwrap()
    }

    fn from(storage: &Storage, restore: RestoreFrom, options: &[(&str, &str)]) -> Result<Self> {
        let mut rig = Self::fresh(storage, restore, options)?;
        rig.job.attempt = Some(Attempt::new(Box::new(Paper { vertices: vertices(), told: rig.told.clone() })));
        rig.job.attempt_id = "a1".into();
        rig.job.decisions.set_tasks(TASKS);
        assert!(rig.all(TaskEvent::Running).is_none());
        Ok(rig)
    }

    /// No task has been started.
    fn fresh(storage: &Storage, restore: RestoreFrom, options: &[(&str, &str)]) -> Result<Self> {
        let clock = Arc::new(ManualClock::at(1_000_000));
        let mut settings = settings(storage, &clock, restore, options);
        let told = Arc::new(Mutex::new(Vec::new()));
        let deployer =
            Arc::new(PaperDeployer { slots: AtomicU32::new(8), told: told.clone(), running: Mutex::default() });
        settings.deployer = deployer.clone();
        let config = settings.checkpoint_config()?;
        let ledger = Ledger::claim(&settings)?;
        let (requests_in, requests) = unbounded();
        let view = crate::coordinator::view_settings(&settings, &config);
        let view = JobView::new(view, requests_in);
        let mut job = Coordinator::new(settings, config, ledger, view, requests);
        let ticks = Arc::new(ManualClock::at(0));
        let shown = ticks.clone();
        job.ticks = Box::new(move || shown.now_ms());
        Ok(Self { job, clock, ticks, told, deployer })
    }

    /// The same event from every task; the outcome of the last.
    fn all(&mut self, event: impl Fn(TaskId) -> TaskEvent) -> Option<JobOutcome> {
        TASKS.into_iter().fold(None, |outcome, task| outcome.or_else(|| self.job.on_event(event(task))))
    }

    /// All tasks answer for a checkpoint, and storage work is waited for.
    fn snapshots(&mut self, id: CheckpointId) -> Option<JobOutcome> {
        let part = |task| TaskEvent::Snapshot { task, checkpoint: id, result: Ok(TaskSnapshot::default()) };
        if let Some(outcome) = self.all(part) {
            return Some(outcome);
        }
        let done = self.job.storage.1.recv().unwrap();
        self.job.on_storage(done)
    }

    fn declines(&mut self, id: CheckpointId, error: Error) -> Option<JobOutcome> {
        self.job.on_event(TaskEvent::Snapshot { task: SINK, checkpoint: id, result: Err(error) })
    }

    fn pass(&mut self, ms: i64) -> Option<JobOutcome> {
        self.clock.set(self.clock.now_ms() + ms);
        self.ticks.set(self.ticks.now_ms() + ms);
        self.job.on_time()
    }

    fn savepoint(&mut self, stop: Option<StopMode>) -> Option<JobOutcome> {
        self.job.view.open_trigger("t", TriggerKind::Savepoint);
        self.job.on_request(Request::Savepoint { trigger: "t".into(), target: None, stop })
    }

    fn rescale(&mut self, parallelism: u32) -> Option<JobOutcome> {
        self.job.view.open_trigger("t", TriggerKind::Rescale);
        self.job.on_request(Request::Rescale { trigger: "t".into(), parallelism, workers: None })
    }

    fn trigger(&self) -> Option<TriggerOutcome> {
        self.job.view.trigger_status("t").unwrap().operation
    }

    /// Commands since the last look.
    fn told(&self) -> Vec<String> {
        std::mem::take(&mut *self.told.lock())
    }
}

fn outcome(outcome: Option<JobOutcome>) -> String {
    match outcome {
        None => "goes on".into(),
        Some(JobOutcome::Finished { checkpoint }) => format!("finished {}", last(checkpoint.as_deref())),
        Some(JobOutcome::AlreadyFinished { checkpoint }) => format!("already finished {}", last(Some(&checkpoint))),
        Some(JobOutcome::Stopped { kind, location, drained }) => {
            assert_eq!(location.contains("/savepoints/"), kind.is_savepoint(), "{location}");
            format!("stopped{}", if drained { " and drained" } else { "" })
        }
        Some(JobOutcome::Suspended { checkpoint }) => format!("suspended {}", last(checkpoint.as_deref())),
        Some(JobOutcome::Canceled) => "canceled".into(),
        Some(JobOutcome::Failed(e)) => format!("failed: {:?}: {e}", e.domain()),
    }
}

fn last(location: Option<&str>) -> String {
    location.map_or("without".into(), |l| l.rsplit('/').next().unwrap().into())
}

#[test]
fn who_waits_for_workers_learns_that_another_coordinator_has_them() {
    let storage = storage();
    let options = [("restart-strategy.type", "fixed-delay"), ("restart-strategy.fixed-delay.delay", "1 ms")];
    let mut rig = Rig::new(&storage, &options);
    rig.deployer.slots.store(0, Ordering::SeqCst);
    let clock = Arc::new(ManualClock::at(2_000_000));
    Ledger::claim(&settings(&storage, &clock, RestoreFrom::Auto, &[])).unwrap();
    let ended = outcome(rig.job.on_event(TaskEvent::PeerLost(Error::transient("a worker is lost"))));
    assert!(ended.starts_with("failed: User: generation 1 was superseded by 2"), "{ended}");
}

#[test]
fn periodic_checkpoints_are_published_and_restored_with_numbers_that_go_on() {
    let storage = storage();
    let mut rig = Rig::new(&storage, &[]);
    for id in 1..=3 {
        assert!(rig.pass(1000).is_none());
        assert_eq!(rig.told(), [format!("trigger {id}")]);
        assert!(rig.snapshots(id).is_none());
        assert_eq!(rig.told(), [format!("complete {id}")]);
    }
    let first = rig.job.ledger.as_ref().unwrap();
    let manifest = |id: u64| {
        let at = streamjob_checkpoint::Job::open(&storage, "default", "job").unwrap();
        let all = streamjob_checkpoint::history::list(&at).unwrap();
        let location = &all.iter().find(|e| e.id == id).unwrap().location;
        streamjob_checkpoint::history::inspect(&storage, location).unwrap()
    };
    assert_eq!(manifest(3).restored_from, None, "this run began empty");
    let (job_id, generation) = (first.job_id().clone(), first.generation());
    // The next coordinator: same lineage, next generation, next number; the old one publishes nothing more.
    let next = Rig::from(&storage, RestoreFrom::Auto, &[]).unwrap();
    let ledger = next.job.ledger.as_ref().unwrap();
    assert_eq!((ledger.job_id(), ledger.generation(), ledger.next_id()), (&job_id, generation + 1, 4));
    assert!(ledger.start_message().contains("checkpoint 3"), "{}", ledger.start_message());
    assert!(rig.pass(1000).is_none());
    let fenced = outcome(rig.snapshots(4));
    assert!(fenced.starts_with("failed: "), "{fenced}");
    // Empty on request: a lineage of its own, numbers from 1.
    let empty = Rig::from(&storage, RestoreFrom::None, &[]).unwrap();
    let ledger = empty.job.ledger.as_ref().unwrap();
    assert_eq!((ledger.next_id(), ledger.job_id() == &job_id), (1, false));
}

#[test]
fn a_wall_clock_that_is_set_neither_holds_up_checkpoints_nor_expires_them() {
    let mut rig = Rig::new(&storage(), &[]);
    assert!(rig.pass(1000).is_none());
    rig.clock.set(rig.clock.now_ms() + 24 * 3_600_000);
    assert!(rig.pass(0).is_none());
    assert!(rig.snapshots(1).is_none());
    rig.clock.set(rig.clock.now_ms() - 48 * 3_600_000);
    assert!(rig.pass(1000).is_none());
    assert_eq!(rig.told(), ["trigger 1", "complete 1", "trigger 2"]);
}

#[test]
fn a_failure_while_a_checkpoint_is_written_down_does_not_end_all_checkpoints() {
    let options = [("restart-strategy.type", "fixed-delay"), ("restart-strategy.fixed-delay.delay", "0 ms")];
    let mut rig = Rig::new(&storage(), &options);
    assert!(rig.pass(1000).is_none());
    assert_eq!(rig.told(), ["trigger 1"]);
    // All have answered, storage is at work; its outcome comes only after the failure.
    let part = |task| TaskEvent::Snapshot { task, checkpoint: 1, result: Ok(TaskSnapshot::default()) };
    assert!(rig.all(part).is_none());
    assert!(rig.job.ledger.is_none());
    assert!(rig.job.on_event(TaskEvent::PeerLost(Error::transient("a worker is lost"))).is_none());
    assert!(rig.all(TaskEvent::Running).is_none());
    rig.told();
    // It counts, is published again by the new tasks, and the next one begins when it is due.
    assert!(rig.pass(0).is_none());
    assert_eq!(rig.told(), ["complete 1"]);
    let seen = rig.job.view.checkpoints();
    assert_eq!((seen.counts.completed, seen.counts.in_progress, seen.counts.restored), (1, 0, 1));
    assert!(rig.pass(1000).is_none());
    assert_eq!(rig.told(), ["trigger 2"]);
}

#[test]
fn what_is_published_while_the_job_fails_is_told() {
    let mut rig = Rig::new(&storage(), &[]);
    assert!(rig.pass(1000).is_none());
    let part = |task| TaskEvent::Snapshot { task, checkpoint: 1, result: Ok(TaskSnapshot::default()) };
    assert!(rig.all(part).is_none());
    let ends = rig.job.on_event(TaskEvent::Failed(SINK, Error::user("out of memory"))).unwrap();
    let view = rig.job.view.clone();
    assert_eq!(view.checkpoints().counts.completed, 0);
    assert_eq!(outcome(Some(rig.job.end(ends))), "failed: User: sink (1/1): out of memory");
    assert_eq!(view.checkpoints().counts.completed, 1);
}

#[test]
fn what_to_restore_is_decided_by_storage() {
    let state = storage();
    let mut rig = Rig::new(&state, &[]);
    rig.pass(1000);
    rig.snapshots(1);
    rig.savepoint(None);
    rig.snapshots(2);
    let savepoint = rig.trigger().unwrap().location.unwrap();
    let (none, fresh) = (storage(), storage());
    let path = |p: &str| RestoreFrom::Path(p.into());
    let table: [(&Storage, RestoreFrom, std::result::Result<(u64, &str), &str>); 8] = [
        (&fresh, RestoreFrom::Auto, Ok((1, "starts empty"))),
        (&none, RestoreFrom::Latest, Err("nobody ever ran")),
        (&none, path("memory:/x/chk-1"), Err("_metadata")),
        (&state, RestoreFrom::None, Ok((1, "starts empty"))),
        (&state, path(&savepoint), Ok((3, "resumes from savepoint 2"))),
        // Not empty, although that run had no checkpoint of its own.
        (&state, RestoreFrom::Latest, Ok((3, "resumes from savepoint 2"))),
        (&state, RestoreFrom::Auto, Ok((3, "resumes from savepoint 2"))),
        (&fresh, RestoreFrom::Latest, Err("no checkpoint was ever completed")),
    ];
    for (storage, from, expected) in table {
        let name = format!("{from}");
        match (Rig::from(storage, from, &[]), expected) {
            (Ok(rig), Ok((next, message))) => {
                let ledger = rig.job.ledger.as_ref().unwrap();
                assert!(ledger.start_message().starts_with(message), "{name}: {}", ledger.start_message());
                assert_eq!(ledger.next_id(), next, "{name}");
            }
            (Err(e), Err(part)) => assert!(e.to_string().contains(part), "{name}: {e}"),
            (Ok(_), Err(part)) => panic!("{name} should fail with '{part}'"),
            (Err(e), Ok(_)) => panic!("{name}: {e}"),
        }
    }
}

#[test]
fn done_input_is_published_by_one_more_checkpoint() {
    let storage = storage();
    let mut rig = Rig::new(&storage, &[]);
    assert!(rig.all(TaskEvent::Ended).is_none());
    assert_eq!(rig.told(), ["trigger 1"]);
    assert!(rig.snapshots(1).is_none());
    assert_eq!(rig.told(), ["complete 1"]);
    assert!(rig.all(|t| TaskEvent::Published(t, 1)).is_none());
    assert_eq!(rig.told(), ["finish"]);
    assert_eq!(outcome(rig.all(TaskEvent::Finished)), "finished chk-1");
    // The next run has nothing to do.
    let next = Rig::from(&storage, RestoreFrom::Auto, &[]).unwrap();
    assert_eq!(last(next.job.ledger.as_ref().unwrap().finished_already().as_deref()), "chk-1");
}

#[test]
fn a_checkpoint_under_way_is_not_the_last_one() {
    // Its barrier went before the last rows: another one must follow.
    let mut rig = Rig::new(&storage(), &[]);
    rig.pass(1000);
    assert!(rig.all(TaskEvent::Ended).is_none());
    assert_eq!(rig.told(), ["trigger 1"]);
    assert!(rig.snapshots(1).is_none());
    assert!(rig.all(|t| TaskEvent::Published(t, 1)).is_none());
    rig.pass(0);
    let told = rig.told();
    assert_eq!(told, ["complete 1", "trigger 2"]);
    assert!(rig.snapshots(2).is_none());
    assert!(rig.all(|t| TaskEvent::Published(t, 2)).is_none());
    assert_eq!(outcome(rig.all(TaskEvent::Finished)), "finished chk-2");
}

#[test]
fn stop_ends_behind_its_savepoint_and_tells_where_it_is() {
    let table = [
        (StopMode::Suspend, "trigger 1 Suspend", "stopped", false),
        (StopMode::Drain, "trigger 1 Drain", "stopped and drained", true),
    ];
    for (mode, command, end, done) in table {
        let storage = storage();
        let mut rig = Rig::new(&storage, &[]);
        assert!(rig.savepoint(Some(mode)).is_none());
        assert_eq!(rig.told(), [command]);
        assert!(rig.trigger().is_none());
        assert!(rig.snapshots(1).is_none());
        let told = rig.trigger().unwrap();
        assert!(told.failure.is_none());
        let savepoint = told.location.unwrap();
        assert!(rig.all(|t| TaskEvent::Published(t, 1)).is_none());
        assert_eq!(rig.told(), ["complete 1", "finish"]);
        assert_eq!(outcome(rig.all(TaskEvent::Finished)), end);
        // What was drained is done, unless somebody names it.
        let next = |from| Rig::from(&storage, from, &[]).unwrap().job.ledger.unwrap().finished_already();
        assert_eq!(next(RestoreFrom::Auto), done.then(|| savepoint.clone()));
        assert_eq!(next(RestoreFrom::Path(savepoint)), None);
    }
}

#[test]
fn stop_behind_a_checkpoint_goes_before_what_waits_and_is_gone_on_from() {
    let storage = storage();
    let mut rig = Rig::new(&storage, &[("execution.checkpointing.interval", "1 s")]);
    rig.pass(1000);
    rig.job.view.open_trigger("t", TriggerKind::Stop);
    let stop = Request::StopBehindCheckpoint { trigger: "t".into(), mode: StopMode::Suspend };
    assert!(rig.job.on_request(stop).is_none());
    assert!(rig.snapshots(1).is_none());
    assert!(rig.snapshots(2).is_none());
    assert_eq!(rig.told(), ["trigger 1", "complete 1", "trigger 2", "complete 2", "trigger 3 Suspend"]);
    assert!(rig.trigger().is_none());
    assert!(rig.snapshots(3).is_none());
    let checkpoint = rig.trigger().unwrap().location.unwrap();
    assert_eq!(last(Some(&checkpoint)), "chk-3");
    assert!(rig.all(|t| TaskEvent::Published(t, 3)).is_none());
    assert_eq!(outcome(rig.all(TaskEvent::Finished)), "stopped");
    // The next form goes on in the lineage, with its files.
    let next = Rig::from(&storage, RestoreFrom::Auto, &[]).unwrap().job.ledger.unwrap();
    assert_eq!((next.restores_from(), next.finished_already()), (Some(checkpoint), None));
    assert!(!next.may_continue(), "tasks that were stopped are not taken over");
}

#[test]
fn a_stop_whose_first_checkpoint_fails_is_refused() {
    let mut rig = Rig::new(&storage(), &[]);
    rig.job.view.open_trigger("t", TriggerKind::Stop);
    rig.job.on_request(Request::StopBehindCheckpoint { trigger: "t".into(), mode: StopMode::Suspend });
    // Not tolerated, and without restarts: but for the one that was asked for.
    assert!(rig.pass(1).is_none());
    let end = rig.declines(1, Error::transient("no room"));
    assert!(rig.trigger().unwrap().failure.unwrap().message.contains("no room"), "{:?}", outcome(end));
}

#[test]
fn checkpoints_go_on_while_a_savepoint_is_under_way() {
    let mut rig = Rig::new(&storage(), &[("execution.checkpointing.interval", "1 s")]);
    rig.savepoint(None);
    rig.pass(1000);
    assert!(rig.snapshots(2).is_none());
    assert!(rig.snapshots(1).is_none());
    assert_eq!(rig.told(), ["trigger 1", "trigger 2", "complete 2"]);
    assert!(rig.trigger().unwrap().location.unwrap().contains("/savepoints/"));
}

#[test]
fn a_task_that_fails_behind_the_savepoint_fails_the_job_with_the_path() {
    let mut rig = Rig::new(&storage(), &[]);
    rig.savepoint(Some(StopMode::Suspend));
    rig.snapshots(1);
    let end = outcome(rig.job.on_event(TaskEvent::Failed(SINK, Error::transient("cannot publish"))));
    for part in ["failed: ", "/savepoints/savepoint-", "is complete", "--from", "cannot publish"] {
        assert!(end.contains(part), "{end}");
    }
}

#[test]
fn a_stop_whose_savepoint_fails_does_not_end_the_job_quietly() {
    let mut rig = Rig::new(&storage(), &[]);
    rig.savepoint(Some(StopMode::Suspend));
    let end = outcome(rig.declines(1, Error::transient("no room")));
    // Tasks may have stopped behind the barrier: a restart, and without restarts a failure.
    assert!(end.contains("the stop failed") && end.contains("no room"), "{end}");
    assert!(rig.trigger().unwrap().failure.unwrap().message.contains("no room"));
}

#[test]
fn a_savepoint_that_fails_is_its_requesters_matter() {
    let mut rig = Rig::new(&storage(), &[]);
    rig.savepoint(None);
    assert_eq!(outcome(rig.declines(1, Error::user("too large"))), "goes on");
    assert!(rig.trigger().unwrap().failure.is_some());
    assert!(rig.pass(1000).is_none());
    assert!(rig.snapshots(2).is_none());
    assert_eq!(rig.told(), ["trigger 1", "abort 1", "trigger 2", "complete 2"]);
}

#[test]
fn failed_checkpoints_end_the_job_by_whose_fault_they_are() {
    let cases = [
        (Error::user("too large").fix("use files"), "failed: User: ", "use files"),
        (Error::transient("no answer").fix("look there"), "failed: Transient: ", "look there"),
    ];
    for (error, start, fix) in cases {
        let message = error.message().to_string();
        let mut rig = Rig::new(&storage(), &[("execution.checkpointing.tolerable-failed-checkpoints", "1")]);
        rig.pass(1000);
        assert_eq!(outcome(rig.declines(1, Error::transient("once"))), "goes on");
        rig.pass(1000);
        let end = outcome(rig.declines(2, error));
        assert!(end.starts_with(start) && end.contains(&message) && end.contains(fix), "{end}");
        assert_eq!(end.matches(fix).count(), 1, "told once: {end}");
    }
}

#[test]
fn a_suspended_job_ends_behind_a_checkpoint_or_in_time() {
    let mut rig = Rig::new(&storage(), &[]);
    assert!(rig.job.on_request(Request::Suspend).is_none());
    assert!(rig.job.on_request(Request::Suspend).is_none(), "asked twice is asked once");
    assert_eq!(rig.told(), ["trigger 1"]);
    rig.snapshots(1);
    assert_eq!(outcome(rig.all(|t| TaskEvent::Published(t, 1))), "suspended chk-1");
    assert_eq!(rig.told(), ["complete 1"], "whether the tasks end is up to where they run");

    let mut slow = Rig::new(&storage(), &[]);
    slow.job.on_request(Request::Suspend);
    assert!(slow.pass(SUSPEND_MS - 1).is_none());
    assert_eq!(outcome(slow.pass(1)), "suspended without");

    let mut failing = Rig::new(&storage(), &[]);
    failing.job.on_request(Request::Suspend);
    assert_eq!(outcome(failing.declines(1, Error::transient("x"))), "suspended without");
}

#[test]
fn events_of_the_past_change_nothing() {
    let mut rig = Rig::new(&storage(), &[]);
    let stray = [
        TaskEvent::Running(SOURCE),
        TaskEvent::Published(SINK, 7),
        TaskEvent::Snapshot { task: SINK, checkpoint: 7, result: Ok(TaskSnapshot::default()) },
        TaskEvent::Ended(SOURCE),
        TaskEvent::Ended(SOURCE),
    ];
    for event in stray {
        assert!(rig.job.on_event(event).is_none());
    }
    assert_eq!(rig.told(), Vec::<String>::new());
    assert_eq!(outcome(rig.job.on_request(Request::Cancel)), "canceled");
}

#[test]
fn too_many_failures_are_whose_the_last_one_is() {
    let user = Error::user("too large").fix("use files");
    let wrapped = Error::transient("upload").caused_by(Error::user("x").fix("do y"));
    let table = [
        (None, Domain::Transient, None),
        (Some(&user), Domain::User, Some("use files")),
        (Some(&wrapped), Domain::Transient, Some("do y")),
        (Some(&Error::internal("bug")), Domain::Transient, None),
    ];
    for (cause, domain, fix) in table {
        let e = too_many_failures("the message".into(), cause);
        assert_eq!((e.message(), e.domain(), e.fix_text()), ("the message", domain, fix));
    }
}

fn failure_of(rig: &Rig) -> String {
    rig.trigger().and_then(|t| t.failure).map(|f| f.message).unwrap_or_default()
}
