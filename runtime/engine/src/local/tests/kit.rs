//! The parts of the test jobs and their coordinator.

mod parts;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};
use parking_lot::{Condvar, Mutex};
use streamjob_core::types::{Column, DataType, LogicalType};
use streamjob_core::{Barrier, BarrierKind, CheckpointId, Error, JobId, OperatorUid, Result, Schema, StopMode};
use streamjob_state::{BackendFactory, OpenRequest, SnapshotFormat};

use crate::chain::chain;
use crate::deploy::{
    DeployRequest, Deployment, OperatorStatus, RestoreState, Share, TaskCommand, TaskEvent, TaskId, TaskSnapshot,
    VertexInfo,
};
use crate::graph::{Edge, Exchange, JobGraph, Node, NodeKind};
use crate::local::{LocalDeployment, TaskTimes};
use crate::net::{Network, NetworkConfig, Tls};
use crate::testing::{ManualClock, MemoryBackends, MemoryStore};
use parts::{Count, DirBackends, LedgerSink, Split, SplitSource, Stamp, decode, key_of, spec};

const GROUPS: u32 = 64;
const KEYS: i64 = 11;
/// A test that waits longer hangs; how long does not matter for what is tested.
const HANG: Duration = Duration::from_secs(60);

/// Waits until something becomes true that must become true.
pub fn eventually(mut f: impl FnMut() -> bool) {
    let start = Instant::now();
    while !f() {
        assert!(start.elapsed() < HANG, "this never happens");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Holds threads back until it is opened.
#[derive(Default)]
pub struct Gate {
    closed: Mutex<bool>,
    changed: Condvar,
}

impl Gate {
    pub fn closed() -> Arc<Self> {
        let gate = Arc::new(Self::default());
        gate.close();
        gate
    }
    pub fn close(&self) {
        *self.closed.lock() = true;
    }
    pub fn open(&self) {
        *self.closed.lock() = false;
        self.changed.notify_all();
    }
    fn pass(&self) {
        let mut closed = self.closed.lock();
        while *closed {
            self.changed.wait(&mut closed);
        }
    }
}

/// What sinks have published, by a token that makes publishing idempotent.
#[derive(Default)]
pub struct Ledger {
    published: Mutex<HashMap<String, Vec<(i64, i64)>>>,
    pub gate: Gate,
}

impl Ledger {
    fn publish(&self, token: &str, rows: &[(i64, i64)]) {
        if let Some(old) = self.published.lock().insert(token.to_string(), rows.to_vec()) {
            assert_eq!(old, rows, "token {token} stands for two contents");
        }
    }
    /// All rows, sorted.
    pub fn rows(&self) -> Vec<(i64, i64)> {
        let mut rows: Vec<_> = self.published.lock().values().flatten().copied().collect();
        rows.sort_unstable();
        rows
    }
}

/// A job to be: sources with splits → count by key → sink.
pub struct Plan {
    /// Rows of each split of each source.
    sources: Vec<Vec<i64>>,
    pub parallelism: u32,
    /// Processes would be; here several deployments with an exchange between them.
    pub workers: usize,
    pub tls: Option<Tls>,
    pub batch: usize,
    pub chaining: bool,
    pub aligned: bool,
    pub linger: Duration,
    /// Rows of each split that are let through.
    pub limit: Arc<AtomicI64>,
    /// Rows polled in all attempts.
    pub polled: Arc<AtomicI64>,
    /// Snapshots that sources have taken.
    pub snapshots_taken: Arc<AtomicU64>,
    /// Per source: polls wait here once the limit's first rows are out.
    pub stuck: Vec<Option<Arc<Gate>>>,
    /// Sources are followed by an operator that sends each row's number as watermark.
    pub stamp: bool,
    /// Per source: idle from this row on.
    pub idle_at: Vec<Option<i64>>,
    /// The count emits a row (-1, n) at the end.
    pub final_row: bool,
    pub panic_at: Option<i64>,
    pub ends: Arc<Mutex<Vec<bool>>>,
    pub ledger: Arc<Ledger>,
    pub store: Arc<MemoryStore>,
    pub restore: RestoreState,
    pub backend: Arc<dyn BackendFactory>,
    pub work: tempfile::TempDir,
    attempts: AtomicU64,
}

impl Plan {
    pub fn new(sources: &[Vec<i64>]) -> Self {
        Self {
            sources: sources.to_vec(),
            parallelism: 1,
            workers: 1,
            tls: None,
            batch: 8,
            chaining: true,
            aligned: true,
            linger: Duration::from_millis(1),
            limit: Arc::default(),
            polled: Arc::default(),
            snapshots_taken: Arc::default(),
            stuck: vec![None; sources.len()],
            stamp: false,
            idle_at: vec![None; sources.len()],
            final_row: false,
            panic_at: None,
            ends: Arc::default(),
            ledger: Arc::default(),
            store: Arc::default(),
            restore: RestoreState::default(),
            backend: Arc::new(MemoryBackends),
            work: tempfile::tempdir().unwrap(),
            attempts: AtomicU64::new(0),
        }
    }

    /// Rows of all sources.
    pub fn total(&self) -> i64 {
        self.sources.iter().flatten().sum()
    }

    /// What must be published in the end: every count of every key, once.
    pub fn expected(&self) -> Vec<(i64, i64)> {
        let mut counts: BTreeMap<i64, i64> = BTreeMap::new();
        for (split, rows) in self.sources.iter().flat_map(|s| s.iter().enumerate()) {
            (0..*rows).for_each(|n| *counts.entry(key_of(split as i64, n)).or_default() += 1);
        }
        counts.into_iter().flat_map(|(k, n)| (1..=n).map(move |c| (k, c))).collect()
    }

    /// Rows that the sources had read at a checkpoint.
    pub fn read(&self, at: &RestoreState) -> i64 {
        (0..self.sources.len())
            .flat_map(|s| &at.operators[&OperatorUid(format!("source-{s}"))].operator)
            .flat_map(|state| state.items("splits").iter().map(|i| decode::<Split>(i).next))
            .sum()
    }

    /// Rows that were counted at a checkpoint.
    pub fn counted(&self, at: &RestoreState) -> i64 {
        let request = OpenRequest {
            uid: OperatorUid("count".into()),
            subtask: 0,
            groups: 0..GROUPS,
            max_parallelism: GROUPS,
            dir: self.work.path().join("check"),
            restore: at.operators[&OperatorUid("count".into())].keyed.clone(),
            store: self.store.clone(),
            memory_budget: 0,
            clock: Arc::new(ManualClock::default()),
        };
        let mut backend = self.backend.open(request).unwrap();
        let id = backend.register(&spec()).unwrap();
        let mut sum = 0;
        backend
            .scan(id, &[], &mut |_, v| {
                sum += i64::from_be_bytes(v.try_into().unwrap());
                Ok(std::ops::ControlFlow::Continue(()))
            })
            .unwrap();
        sum
    }

    fn graph(&self) -> JobGraph {
        let node = |uid: String, kind| Node {
            name: uid.clone(),
            uid: OperatorUid(uid),
            kind,
            parallelism: None,
            schema: schema(),
        };
        let mut graph = JobGraph::default();
        let mut tails = Vec::new();
        for (s, splits) in self.sources.iter().enumerate() {
            let source = SplitSource {
                splits: splits.clone(),
                batch: self.batch,
                limit: self.limit.clone(),
                polled: self.polled.clone(),
                snapshots_taken: self.snapshots_taken.clone(),
                stuck: self.stuck[s].clone(),
            };
            graph.nodes.push(node(format!("source-{s}"), NodeKind::Source(Arc::new(source))));
            if self.stamp {
                let from = graph.nodes.len() - 1;
                graph
                    .nodes
                    .push(node(format!("stamp-{s}"), NodeKind::Operator(Arc::new(Stamp { idle_at: self.idle_at[s] }))));
                graph.edges.push(Edge { from, to: from + 1, input: 0, exchange: Exchange::Forward });
            }
            tails.push(graph.nodes.len() - 1);
        }
        let count = graph.nodes.len();
        for from in tails {
            graph.edges.push(Edge { from, to: count, input: 0, exchange: Exchange::Hash(vec![0]) });
        }
        let operator = Count { final_row: self.final_row, panic_at: self.panic_at, ends: self.ends.clone() };
        graph.nodes.push(node("count".into(), NodeKind::Operator(Arc::new(operator))));
        graph.nodes.push(node("sink".into(), NodeKind::Operator(Arc::new(LedgerSink { ledger: self.ledger.clone() }))));
        graph.edges.push(Edge { from: count, to: count + 1, input: 0, exchange: Exchange::Forward });
        graph
    }

    pub fn request(&self) -> (DeployRequest, Receiver<TaskEvent>) {
        let (events, receiver) = unbounded();
        let attempt = self.attempts.fetch_add(1, Ordering::SeqCst);
        (self.request_of(attempt, events, None), receiver)
    }

    fn request_of(&self, attempt: u64, events: Sender<TaskEvent>, share: Option<Share>) -> DeployRequest {
        DeployRequest {
            graph: Arc::new(self.graph()),
            job: "test".into(),
            job_id: JobId::from_random(0),
            parallelism: self.parallelism,
            max_parallelism: GROUPS,
            attempt: format!("a{attempt}"),
            backend: Arc::new(DirBackends(self.backend.clone())),
            work_dir: self.work.path().to_path_buf(),
            memory_budget: 64 << 20,
            restore: self.restore.clone(),
            restore_store: self.store.clone(),
            clock: Arc::new(ManualClock::default()),
            aligned: self.aligned,
            chaining: self.chaining,
            linger: self.linger,
            events,
            share,
        }
    }

    /// The job's tasks, dealt out to as many workers as the plan says, each with its own end of the exchange.
    fn deploy(&self) -> (Fleet, Receiver<TaskEvent>) {
        if self.workers == 1 {
            let (request, receiver) = self.request();
            return (Fleet { workers: vec![LocalDeployment::start(request).unwrap()], _networks: vec![] }, receiver);
        }
        let (events, receiver) = unbounded();
        let attempt = self.attempts.fetch_add(1, Ordering::SeqCst);
        let plan = chain(&self.graph(), self.parallelism, GROUPS, self.chaining).unwrap();
        let worker = |vertex: usize, subtask: u32| (vertex + subtask as usize) % self.workers;
        let networks: Vec<_> = (0..self.workers)
            .map(|_| Network::start(NetworkConfig { bind: "127.0.0.1:0".into(), tls: self.tls.clone() }).unwrap())
            .collect();
        let assignment = plan.vertices.iter().enumerate();
        let share = |worker_index: usize| Share {
            worker: worker_index,
            assignment: assignment
                .clone()
                .map(|(v, vertex)| (0..vertex.info.parallelism).map(|s| worker(v, s)).collect())
                .collect(),
            peers: networks.iter().map(|n| n.address().to_string()).collect(),
            network: networks[worker_index].clone(),
        };
        let start = |w| LocalDeployment::start(self.request_of(attempt, events.clone(), Some(share(w)))).unwrap();
        let workers = (0..self.workers).map(start).collect();
        (Fleet { workers, _networks: networks }, receiver)
    }
}

fn schema() -> Schema {
    let column = |name: &str| Column { name: name.into(), ty: LogicalType::new(DataType::BigInt) };
    Schema { columns: vec![column("k"), column("v")] }
}

/// The workers of a job.
pub struct Fleet {
    pub workers: Vec<LocalDeployment>,
    /// A process outlives its deployments.
    _networks: Vec<Arc<Network>>,
}

impl Fleet {
    fn vertices(&self) -> &[VertexInfo] {
        self.workers[0].vertices()
    }
    pub fn send(&self, command: TaskCommand) {
        self.workers.iter().for_each(|w| w.send(command.clone()));
    }
    pub fn status(&self) -> Vec<OperatorStatus> {
        self.workers.iter().flat_map(|w| w.status()).collect()
    }
    pub fn times(&self) -> Vec<TaskTimes> {
        self.workers.iter().flat_map(|w| w.times()).collect()
    }
    fn join(self) {
        self.workers.into_iter().for_each(|w| Box::new(w).join());
    }
}

/// A running job with its coordinator.
pub struct Job {
    pub deployment: Option<Fleet>,
    receiver: Receiver<TaskEvent>,
    events: Vec<TaskEvent>,
    store: Arc<MemoryStore>,
    tasks: usize,
}

impl Job {
    /// Starts, and waits until all tasks run.
    pub fn start(plan: &Plan) -> Self {
        let (deployment, receiver) = plan.deploy();
        let tasks = deployment.vertices().iter().map(|v| v.parallelism as usize).sum();
        let mut job =
            Self { deployment: Some(deployment), receiver, events: Vec::new(), store: plan.store.clone(), tasks };
        job.wait("all running", |e| {
            (e.iter().filter(|e| matches!(e, TaskEvent::Running(_))).count() == tasks).then_some(())
        });
        job
    }

    pub fn deployed(&self) -> &Fleet {
        self.deployment.as_ref().unwrap()
    }

    /// Rows that an operator has taken, over all subtasks.
    pub fn rows_in(&self, uid: &str) -> i64 {
        let status = self.deployed().status();
        status.iter().filter(|s| s.uid.0 == uid).map(|s| s.metrics.rows_in.load(Ordering::SeqCst) as i64).sum()
    }

    /// Reads events until `f` finds what it wants in all that came.
    pub fn wait<T>(&mut self, what: &str, mut f: impl FnMut(&[TaskEvent]) -> Option<T>) -> T {
        loop {
            if let Some(found) = f(&self.events) {
                return found;
            }
            match self.receiver.recv_timeout(HANG) {
                Ok(event) => self.events.push(event),
                Err(e) => panic!("waiting for {what}: {e}; so far {:?}", self.events),
            }
        }
    }

    pub fn trigger(&self, id: CheckpointId, stop: Option<StopMode>) {
        let barrier = Barrier { id, timestamp_ms: 0, kind: BarrierKind::Checkpoint, stop };
        self.deployed().send(TaskCommand::Trigger {
            barrier,
            store: self.store.clone(),
            format: SnapshotFormat::Canonical,
        });
    }

    /// Waits for all parts of a checkpoint, or the first refusal.
    pub fn snapshots(&mut self, id: CheckpointId) -> Result<RestoreState> {
        let tasks = self.tasks;
        let parts = self.wait("snapshots", |events| {
            let mut parts: BTreeMap<TaskId, TaskSnapshot> = BTreeMap::new();
            for event in events {
                match event {
                    TaskEvent::Snapshot { checkpoint, result: Err(e), .. } if *checkpoint == id => {
                        return Some(Err(Error::transient(e.to_string())));
                    }
                    TaskEvent::Snapshot { task, checkpoint, result: Ok(s) } if *checkpoint == id => {
                        assert!(parts.insert(*task, s.clone()).is_none(), "{task:?} answered twice");
                    }
                    TaskEvent::Failed(_, e) => panic!("failed: {e}"),
                    _ => {}
                }
            }
            (parts.len() == tasks).then_some(Ok(parts))
        })?;
        let mut state = RestoreState::default();
        for (uid, part) in parts.into_values().flat_map(|p| p.operators) {
            let restore = state.operators.entry(uid).or_default();
            restore.keyed.extend(part.keyed);
            restore.operator.push(part.operator);
        }
        Ok(state)
    }

    pub fn complete(&mut self, id: CheckpointId) {
        self.deployed().send(TaskCommand::Complete(id));
        let tasks = self.tasks;
        self.wait("published", |events| {
            let n = events.iter().filter(|e| matches!(e, TaskEvent::Published(_, p) if *p == id)).count();
            (n == tasks).then_some(())
        });
    }

    pub fn ended(&mut self) {
        let tasks = self.tasks;
        self.wait("ended", |e| (e.iter().filter(|e| matches!(e, TaskEvent::Ended(_))).count() == tasks).then_some(()));
    }

    /// Ends the job in peace.
    pub fn finish(mut self) {
        self.deployed().send(TaskCommand::Finish);
        self.deployment.take().unwrap().join();
        self.events.extend(self.receiver.try_iter());
        let finished = self.events.iter().filter(|e| matches!(e, TaskEvent::Finished(_))).count();
        assert_eq!(finished, self.tasks, "{:?}", self.events);
    }

    /// Cancels; returns all events.
    pub fn cancel(mut self) -> Vec<TaskEvent> {
        self.deployed().send(TaskCommand::Cancel);
        self.deployment.take().unwrap().join();
        self.events.extend(self.receiver.try_iter());
        self.events
    }
}
