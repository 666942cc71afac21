//! The pool over loopback, with workers that only speak the protocol.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use super::ahead::Ahead;
use super::message::*;
use super::pool::{Plan, PoolConfig, WorkerPool};
use super::remote::RemoteDeployment;
use super::rpc::control_client::ControlClient;
use super::wire::{WireCommand, WireEvent};
use super::{Deployer, PoolDeployer, Timing};
use crossbeam_channel::{Receiver, unbounded};
use std::sync::Arc;
use std::time::{Duration, Instant};
use streamjob_checkpoint::{OperatorEntry, SubtaskEntry};
use streamjob_core::{JobId, OperatorUid};
use streamjob_engine::deploy::*;
use streamjob_state::snapshot::{FileRef, SnapshotFile};
use streamjob_state::{KeyedSnapshot, SnapshotFormat};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::Streaming;

const PATIENCE: Duration = Duration::from_secs(30);

fn pool(timeout: Duration) -> Arc<WorkerPool> {
    let timing = Timing { heartbeat: Duration::from_millis(20), timeout };
    Arc::new(WorkerPool::start(PoolConfig { bind: "127.0.0.1:0".into(), tls: None, timing }).unwrap())
}

#[test]
fn files_are_fetched_by_who_will_need_them_once_all_slots_are_there() {
    let pool = pool(PATIENCE);
    let snapshot = |group_start, group_end, path: &str| SubtaskEntry {
        index: 0,
        keyed: Some(KeyedSnapshot {
            format: SnapshotFormat::RocksDb,
            group_start,
            group_end,
            states: Vec::new(),
            files: vec![SnapshotFile {
                name: path.into(),
                file: FileRef { path: path.into(), size: 1, checksum: "ab".into(), inline: None },
                meta: serde_json::Value::Null,
            }],
            uploaded_bytes: 0,
        }),
        operator: None,
        watermark_ms: None,
    };
    let uid = OperatorUid("agg".into());
    let subtasks = vec![snapshot(0, 64, "a"), snapshot(64, 128, "b")];
    let operators = [OperatorEntry { uid: uid.clone(), name: "agg".into(), parallelism: 2, subtasks }];
    let vertices = [VertexInfo { name: "agg".into(), operators: vec![uid], parallelism: 4, is_source: false }];
    let tell = |location: &str| {
        let ahead = Ahead { location, operators: &operators, store: "s".into(), max_parallelism: 128 };
        pool.fetch_ahead(&JobDescription::default(), &vertices, &ahead);
    };
    let told = |worker: &mut Fake| match worker.next() {
        Some(ToWorker::Fetch(fetch)) => fetch.files.iter().map(|f| f.path.clone()).collect::<Vec<_>>(),
        other => panic!("{other:?} instead of files"),
    };
    let mut w0 = Fake::registered(&pool, "w0");
    tell("chk-1");
    let mut w1 = Fake::registered(&pool, "w1");
    tell("chk-1");
    // Slots go round, so that both have keys of both halves.
    assert_eq!((told(&mut w0), told(&mut w1)), (vec!["a".to_string(), "b".into()], vec!["a".to_string(), "b".into()]));
    tell("chk-1");
    tell("chk-2");
    pool.end();
    for worker in [&mut w0, &mut w1] {
        assert_eq!(told(worker), ["a", "b"], "the same checkpoint is told once");
        assert_eq!(worker.next(), Some(ToWorker::Shutdown));
    }
}

/// Waits for something that another thread does.
fn eventually(what: &str, check: impl Fn() -> bool) {
    let begun = Instant::now();
    while !check() {
        assert!(begun.elapsed() < PATIENCE, "{what} does not come");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn register(name: &str) -> Register {
    Register {
        protocol: PROTOCOL,
        binary: BINARY.into(),
        worker: name.into(),
        process: format!("process of {name}"),
        slots: 2,
        exchange: format!("{name}:1"),
        running: None,
        leaving: false,
    }
}

/// Speaks the protocol as it is told to.
struct Fake {
    runtime: Runtime,
    said: Option<UnboundedSender<ToCoordinator>>,
    heard: Streaming<ToWorker>,
}

impl Fake {
    fn connect(pool: &WorkerPool, first: ToCoordinator) -> Result<Self, tonic::Status> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let address = format!("http://{}", pool.address());
        let (said, outbound) = unbounded_channel();
        said.send(first).unwrap();
        let heard = runtime.block_on(async {
            let channel = tonic::transport::Channel::from_shared(address).unwrap().connect().await.unwrap();
            ControlClient::new(channel).attach(UnboundedReceiverStream::new(outbound)).await
        })?;
        Ok(Self { runtime, said: Some(said), heard: heard.into_inner() })
    }

    /// A registered worker.
    fn registered(pool: &WorkerPool, name: &str) -> Self {
        let mut fake = Self::connect(pool, ToCoordinator::Register(register(name))).unwrap();
        assert!(matches!(fake.next(), Some(ToWorker::Welcome { .. })));
        fake
    }

    fn say(&self, message: ToCoordinator) {
        self.said.as_ref().unwrap().send(message).unwrap();
    }

    fn event(&self, attempt: &str, event: WireEvent) {
        self.say(ToCoordinator::Event { attempt: attempt.into(), event });
    }

    /// The next message but for heartbeats; `None` at the end of the connection.
    fn next(&mut self) -> Option<ToWorker> {
        loop {
            let message = self.runtime.block_on(async { tokio::time::timeout(PATIENCE, self.heard.message()).await });
            match message.expect("nothing is said").unwrap_or(None) {
                Some(ToWorker::Heartbeat) => {}
                other => return other,
            }
        }
    }

    fn deployed(&mut self) -> Deploy {
        match self.next() {
            Some(ToWorker::Deploy(deploy)) => *deploy,
            other => panic!("{other:?} instead of a deployment"),
        }
    }

    /// Keeps the worker alive in tests that are not about silence.
    fn keep_alive(&self) {
        let said = self.said.clone().unwrap();
        self.runtime.spawn(async move {
            while said.send(ToCoordinator::Heartbeat).is_ok() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
    }
}

fn vertex(name: &str, parallelism: u32, is_source: bool) -> VertexInfo {
    VertexInfo { name: name.into(), operators: vec![OperatorUid(name.into())], parallelism, is_source }
}

fn plan(attempt: &str, parallelism: u32) -> (Plan, Receiver<TaskEvent>) {
    let (events, received) = unbounded();
    let deploy = Deploy {
        attempt: attempt.into(),
        job_id: JobId::from_random(1),
        generation: 4,
        terms: Terms::default(),
        worker: 0,
        assignment: vec![],
        peers: vec![],
        restore: RestoreState::default(),
        restore_store: "{}".into(),
        memory_budget: 1,
        aligned: true,
        chaining: true,
        linger_us: 1,
    };
    let vertices = vec![vertex("source", 1, true), vertex("sink", parallelism, false)];
    (Plan { deploy, slots: parallelism, vertices, events }, received)
}

fn deploy(pool: &WorkerPool, attempt: &str, parallelism: u32) -> (RemoteDeployment, Receiver<TaskEvent>) {
    let (plan, events) = plan(attempt, parallelism);
    (pool.deploy(plan).unwrap(), events)
}

const SOURCE: TaskId = TaskId { vertex: 0, subtask: 0 };

#[test]
fn a_port_that_is_taken_is_named() {
    let first = pool(PATIENCE);
    let bind = first.address().to_string();
    let e = WorkerPool::start(PoolConfig { bind: bind.clone(), tls: None, timing: Timing::default() }).err().unwrap();
    assert!(e.to_string().contains(&bind) && e.to_string().contains("--bind"), "{e}");
}

#[test]
fn a_worker_of_another_version_is_told_so() {
    let pool = pool(PATIENCE);
    let other = Register { binary: "9.9.9".into(), ..register("w") };
    let mut fake = Fake::connect(&pool, ToCoordinator::Register(other)).unwrap();
    let Some(ToWorker::Refuse { error }) = fake.next() else { panic!("not refused") };
    assert!(error.message.contains("9.9.9") && error.fix.is_some(), "{error:?}");
    assert_eq!(fake.next(), None);
    assert!(pool.workers().is_empty());
}

#[test]
fn who_does_not_register_first_is_not_served() {
    let pool = pool(PATIENCE);
    let status = Fake::connect(&pool, ToCoordinator::Heartbeat).err().unwrap();
    assert!(status.message().contains("registers first"), "{status}");
}

#[test]
fn shares_go_to_all_workers_and_commands_follow() {
    let pool = pool(PATIENCE);
    let (mut a, mut b) = (Fake::registered(&pool, "a"), Fake::registered(&pool, "b"));
    let (deployment, events) = deploy(&pool, "x", 3);
    let (at_a, at_b) = (a.deployed(), b.deployed());
    assert_eq!((at_a.worker, at_b.worker, at_a.generation), (0, 1, 4));
    assert_eq!(at_a.assignment, [vec![0], vec![0, 1, 0]]);
    assert_eq!((&at_a.peers, &at_a.assignment), (&at_b.peers, &at_b.assignment));
    assert_eq!(at_a.peers, ["a:1", "b:1"]);
    let free = || pool.workers().iter().map(|w| w.free).collect::<Vec<_>>();
    assert_eq!(free(), [0, 1]);
    deployment.send(TaskCommand::Complete(3));
    for fake in [&mut a, &mut b] {
        let command = WireCommand::Complete(3);
        assert_eq!(fake.next(), Some(ToWorker::Command { attempt: "x".into(), command }));
    }
    a.event("x", WireEvent::Running(SOURCE));
    assert!(matches!(events.recv_timeout(PATIENCE), Ok(TaskEvent::Running(SOURCE))));
    // Its end is awaited, then a new worker hears nothing of it.
    let joined = std::thread::spawn(move || Box::new(deployment).join());
    for fake in [&a, &b] {
        fake.say(ToCoordinator::Done { attempt: "x".into() });
    }
    joined.join().unwrap();
    assert_eq!(free(), [2, 2]);
    let mut c = Fake::registered(&pool, "c");
    pool.end();
    for fake in [&mut a, &mut b, &mut c] {
        assert_eq!(fake.next(), Some(ToWorker::Shutdown));
    }
}

#[test]
fn what_is_of_another_attempt_is_dropped() {
    let pool = pool(PATIENCE);
    let mut a = Fake::registered(&pool, "a");
    let (old, old_events) = deploy(&pool, "old", 1);
    a.deployed();
    let (_new, events) = deploy(&pool, "new", 1);
    a.deployed();
    a.event("old", WireEvent::Finished(SOURCE));
    a.event("never", WireEvent::Finished(SOURCE));
    a.event("new", WireEvent::Ended(SOURCE));
    assert!(matches!(events.recv_timeout(PATIENCE), Ok(TaskEvent::Ended(SOURCE))));
    assert!(events.is_empty() && old_events.is_empty());
    // Nor does the old deployment command anyone any more.
    old.send(TaskCommand::Finish);
    drop(old);
    pool.end();
    assert_eq!(a.next(), Some(ToWorker::Shutdown));
}

#[test]
fn a_broken_connection_loses_the_worker_at_once() {
    let pool = pool(PATIENCE);
    let (mut a, mut b) = (Fake::registered(&pool, "a"), Fake::registered(&pool, "b"));
    let (deployment, events) = deploy(&pool, "x", 4);
    a.deployed();
    b.deployed();
    drop(b);
    let Ok(TaskEvent::PeerLost(e)) = events.recv_timeout(PATIENCE) else { panic!("not noticed") };
    assert!(e.to_string().contains("worker b"), "{e}");
    assert_eq!(pool.slots().0, 2);
    // The end waits for those alone that are there.
    deployment.send(TaskCommand::Cancel);
    assert!(matches!(a.next(), Some(ToWorker::Command { command: WireCommand::Cancel, .. })));
    a.say(ToCoordinator::Done { attempt: "x".into() });
    Box::new(deployment).join();
    assert!(events.is_empty());
}

#[test]
fn a_silent_worker_is_lost_and_can_come_back() {
    let pool = pool(Duration::from_millis(300));
    let (mut a, mut b) = (Fake::registered(&pool, "a"), Fake::registered(&pool, "b"));
    a.keep_alive();
    let (_deployment, events) = deploy(&pool, "x", 4);
    a.deployed();
    b.deployed();
    let Ok(TaskEvent::PeerLost(e)) = events.recv_timeout(PATIENCE) else { panic!("not noticed") };
    assert!(e.to_string().contains("worker b") && e.to_string().contains("nothing was heard"), "{e}");
    eventually("the other one alone", || pool.workers().len() == 1);
    assert_eq!(b.next(), None);
    // It still runs its share: that is called off, and it is there for the next one.
    let running = Running::new("x", 4, Terms::default(), []);
    let again = Register { running: Some(running), ..register("b") };
    let mut b = Fake::connect(&pool, ToCoordinator::Register(again)).unwrap();
    b.keep_alive();
    assert_eq!(b.next(), Some(ToWorker::Welcome { generation: 4 }));
    let command = WireCommand::Cancel;
    assert_eq!(b.next(), Some(ToWorker::Command { attempt: "x".into(), command }));
    let (_next, _events) = deploy(&pool, "y", 4);
    // The slots are where they were.
    assert_eq!(b.deployed().assignment, [vec![0], vec![0, 1, 0, 1]]);
}

#[test]
fn the_newer_of_two_processes_with_one_name_stays() {
    let pool = pool(PATIENCE);
    let mut first = Fake::registered(&pool, "w");
    let other = Register { process: "another".into(), ..register("w") };
    let mut second = Fake::connect(&pool, ToCoordinator::Register(other)).unwrap();
    assert!(matches!(second.next(), Some(ToWorker::Welcome { .. })));
    let Some(ToWorker::Refuse { error }) = first.next() else { panic!("not refused") };
    assert!(error.fix.unwrap().contains("--id"));
    assert_eq!(pool.workers().len(), 1);
}

#[test]
fn a_worker_left_over_from_another_coordinator_is_called_off_when_it_is_not_needed() {
    let pool = pool(PATIENCE);
    let mut a = Fake::registered(&pool, "a");
    let running = Running::new("before", 3, Terms::default(), []);
    let left = Register { running: Some(running), slots: 0, ..register("z") };
    let mut z = Fake::connect(&pool, ToCoordinator::Register(left)).unwrap();
    assert_eq!(z.next(), Some(ToWorker::Welcome { generation: 0 }));
    let (_deployment, _events) = deploy(&pool, "x", 2);
    a.deployed();
    let command = WireCommand::Cancel;
    assert_eq!(z.next(), Some(ToWorker::Command { attempt: "before".into(), command }));
}

#[test]
fn a_running_attempt_goes_on_under_another_coordinator() {
    let pool = pool(PATIENCE);
    let job = JobDescription { parallelism: 2, ..JobDescription::default() };
    let graph = streamjob_engine::JobGraph::default();
    let deployer = PoolDeployer::new(pool.clone(), job.clone());
    let terms = Terms {
        job: JobDescription { parallelism: 4, ..job.clone() },
        digest: super::digest::digest(&graph),
        configured: 2,
        ..Terms::default()
    };
    let vertices = vec![vertex("source", 1, true), vertex("count", 4, false)];
    let of = |vertex, subtasks: &[u32]| subtasks.iter().map(|s| TaskId { vertex, subtask: *s }).collect::<Vec<_>>();
    let tasks = [[of(0, &[0]), of(1, &[0, 2])].concat(), of(1, &[1, 3])];
    let connect = |name: &str, tasks: &[TaskId], terms: &Terms| {
        let mut running = Running::new("before", 3, terms.clone(), tasks.iter().copied());
        tasks.iter().for_each(|t| running.note(&WireEvent::Running(*t)));
        let fake = Fake::connect(&pool, ToCoordinator::Register(Register { running: Some(running), ..register(name) }));
        let mut fake = fake.unwrap();
        assert!(matches!(fake.next(), Some(ToWorker::Welcome { .. })));
        fake
    };
    let mut a = connect("a", &tasks[0], &terms);
    let (events_in, events) = unbounded();
    let adopt = || deployer.adopt("before", vertices.clone(), events_in.clone(), 7);
    let seen = deployer.running(&graph).unwrap();
    assert_eq!((seen.hindrance.clone(), seen.missing(&vertices)), (None, Some(tasks[1][0])));
    assert!(adopt().is_none(), "half of it is missing");
    let mut b = connect("b", &tasks[1], &terms);
    // What happens before it is taken over is not lost.
    b.say(ToCoordinator::Event { attempt: "before".into(), event: WireEvent::Ended(tasks[1][0]) });
    eventually("the end of a task", || {
        deployer.running(&graph).unwrap().tasks.get(&tasks[1][0]) == Some(&TaskState::Ended)
    });
    let adopted = adopt().unwrap();
    assert_eq!(adopted.candidate.tasks.len(), 5);
    for worker in [&mut a, &mut b] {
        assert_eq!(worker.next(), Some(ToWorker::Adopt { attempt: "before".into(), generation: 7 }));
    }
    adopted.deployment.send(TaskCommand::Abort(9));
    for worker in [&mut b, &mut a] {
        let command = WireCommand::Abort(9);
        assert_eq!(worker.next(), Some(ToWorker::Command { attempt: "before".into(), command }));
    }
    a.say(ToCoordinator::Event { attempt: "before".into(), event: WireEvent::Ended(tasks[0][0]) });
    assert!(matches!(events.recv_timeout(PATIENCE), Ok(TaskEvent::Ended(t)) if t == tasks[0][0]));
    // Let go, nothing is cancelled; the next one sees all that has happened.
    adopted.deployment.detach();
    assert_eq!(deployer.running(&graph).unwrap().tasks[&tasks[0][0]], TaskState::Ended);
    // A new deployment finds the slots where they were.
    let (_next, _events) = deploy(&pool, "y", 4);
    assert_eq!(a.deployed().assignment, [vec![0], vec![0, 1, 0, 1]]);
}

#[test]
fn who_comes_back_only_to_leave_gets_nothing() {
    let pool = pool(PATIENCE);
    let leaves = Register { leaving: true, ..register("z") };
    let mut z = Fake::connect(&pool, ToCoordinator::Register(leaves.clone())).unwrap();
    assert_eq!(z.next(), Some(ToWorker::Welcome { generation: 0 }));
    assert_eq!(z.next(), Some(ToWorker::Shutdown), "nothing of the job is there");
    assert_eq!(pool.slots().0, 0);
    // With tasks that may be gone on with it is still needed, until the coordinator has decided.
    let running = Running::new("x", 4, Terms::default(), []);
    let left = Register { running: Some(running), worker: "y".into(), ..leaves };
    let mut y = Fake::connect(&pool, ToCoordinator::Register(left)).unwrap();
    assert_eq!(y.next(), Some(ToWorker::Welcome { generation: 0 }));
    let mut a = Fake::registered(&pool, "a");
    let (_deployment, _events) = deploy(&pool, "n", 2);
    a.deployed();
    let command = WireCommand::Cancel;
    assert_eq!(y.next(), Some(ToWorker::Command { attempt: "x".into(), command }));
    assert_eq!(y.next(), Some(ToWorker::Shutdown));
}

#[test]
fn who_wants_to_leave_goes_when_it_is_not_needed() {
    let pool = pool(PATIENCE);
    let (mut a, mut b) = (Fake::registered(&pool, "a"), Fake::registered(&pool, "b"));
    let (_deployment, events) = deploy(&pool, "x", 2);
    a.deployed();
    b.deployed();
    b.say(ToCoordinator::Leave);
    eventually("the wish to leave", || pool.workers().iter().any(|w| w.leaving));
    assert!(matches!(events.recv_timeout(PATIENCE), Ok(TaskEvent::Leaving(w)) if w == "b"));
    assert_eq!(pool.slots().0, 2);
    // It was not let go so far; when its share has ended, it is.
    b.event("x", WireEvent::Finished(TaskId { vertex: 1, subtask: 1 }));
    assert!(matches!(events.recv_timeout(PATIENCE), Ok(TaskEvent::Finished(_))));
    b.say(ToCoordinator::Done { attempt: "x".into() });
    assert_eq!(b.next(), Some(ToWorker::Shutdown));
    drop(b);
    eventually("one worker", || pool.workers().len() == 1);
    assert!(events.is_empty(), "a worker that ran nothing hurts nobody");
}

#[test]
fn a_share_that_cannot_run_fails_the_attempt_with_its_own_error() {
    let pool = pool(PATIENCE);
    let mut a = Fake::registered(&pool, "a");
    let (_deployment, events) = deploy(&pool, "x", 1);
    a.deployed();
    let error = super::wire::WireError::from(&streamjob_core::Error::user("no such file").fix("mount it"));
    a.say(ToCoordinator::ShareFailed { attempt: "x".into(), error });
    let Ok(TaskEvent::PeerLost(e)) = events.recv_timeout(PATIENCE) else { panic!("not told") };
    assert_eq!(e.to_string(), "worker a: no such file (mount it)");
    assert_eq!(e.domain(), streamjob_core::Domain::User);
}

#[test]
fn missing_slots_are_told_with_who_is_there() {
    let pool = pool(PATIENCE);
    let job = plan("x", 1).0.deploy.terms.job;
    let deployer = PoolDeployer::new(pool.clone(), job);
    let changed = deployer.changed();
    assert!(deployer.missing(3).unwrap().contains("no worker is here"));
    let _a = Fake::registered(&pool, "a");
    changed.recv_timeout(PATIENCE).unwrap();
    assert_eq!(deployer.missing(3).unwrap(), "the job needs 3 slots, 2 are there (2 on a)");
    assert!(pool.deploy(plan("x", 3).0).is_err());
    let _b = Fake::registered(&pool, "b");
    changed.recv_timeout(PATIENCE).unwrap();
    assert_eq!(deployer.missing(3), None);
}
