//! Runs a job inside this process: plans the chains, wires inboxes and outputs,
//! deals the restored state out, and starts one thread a subtask.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use parking_lot::Mutex;
use streamjob_core::error::ErrorExt;
use streamjob_core::{Error, OperatorUid, Result, key};
use streamjob_state::operator::redistribute;
use streamjob_state::{OpenRequest, OperatorState};

use crate::chain::{ChainPlan, Vertex, chain};
use crate::deploy::{DeployRequest, Deployment, OperatorStatus, TaskCommand, TaskId, VertexInfo};
use crate::exchange::{Consumer, Inbox, OutputMeter, Partitioner, Target, TaskOutput};
use crate::graph::{Exchange, NodeKind};
use crate::net::{ChannelId, Traffic};
use crate::operator::{OperatorMetrics, Progress, TaskInfo};
use crate::task::{Events, IoPool, SlotSetup, SlotStatus, TaskClock, TaskSetup, run_task};

mod figures;
mod share;

pub use figures::TaskTimes;

use share::Peers;

/// Threads that upload snapshots.
const UPLOAD_THREADS: usize = 4;
/// Bytes of a task's stack, used only as far as needed: expressions are evaluated level by level.
const STACK: usize = 16 << 20;

/// Starts all tasks of a job in this process. Errors when the graph cannot run as asked for; what goes wrong later
/// comes as events. `events` should be unbounded: tasks wait while it is full.
pub fn deploy_local(request: DeployRequest) -> Result<Box<dyn Deployment>> {
    Ok(Box::new(LocalDeployment::start(request)?))
}

/// Tasks on threads of this process.
pub struct LocalDeployment {
    vertices: Vec<VertexInfo>,
    tasks: Vec<RunningTask>,
    halt: Arc<Halt>,
    peers: Option<Arc<Peers>>,
    /// Producing vertex of each edge of the plan.
    producers: Vec<usize>,
}

struct RunningTask {
    id: TaskId,
    is_source: bool,
    inbox: Arc<Inbox>,
    slots: Vec<Arc<SlotStatus>>,
    times: Arc<TaskClock>,
    output: Arc<OutputMeter>,
    thread: Option<JoinHandle<()>>,
}

/// Stops all tasks at once, wherever they wait.
pub(crate) struct Halt {
    halted: AtomicBool,
    inboxes: Vec<Arc<Inbox>>,
    /// Set once they are open.
    peers: OnceLock<Arc<Peers>>,
}

impl Halt {
    /// True when the job is cancelled or has failed.
    pub(crate) fn is_halted(&self) -> bool {
        self.halted.load(Ordering::SeqCst)
    }

    /// Stops all traffic. `cancelled` also ends the threads.
    pub(crate) fn halt(&self, cancelled: bool) {
        self.halted.store(true, Ordering::SeqCst);
        self.inboxes.iter().for_each(|i| i.halt(cancelled));
        if let Some(peers) = self.peers.get() {
            peers.cut();
        }
    }
}

impl LocalDeployment {
    /// As [`deploy_local`], with the type known.
    pub fn start(request: DeployRequest) -> Result<Self> {
        let plan = chain(&request.graph, request.parallelism, request.max_parallelism, request.chaining)?;
        let wiring = Wiring::new(&plan);
        let halt = Arc::new(Halt {
            halted: AtomicBool::new(false),
            inboxes: wiring.inboxes.iter().flatten().map(|w| w.inbox.clone()).collect(),
            peers: OnceLock::new(),
        });
        let events = Arc::new(Events::new(request.events.clone()));
        let peers = match request.share.clone() {
            Some(share) => Some(Peers::open(share, &request, &plan, &wiring, &events, &halt)?),
            None => None,
        };
        if let Some(peers) = &peers {
            let _ = halt.peers.set(peers.clone());
        }
        let mut builder = Builder {
            events,
            peers: peers.clone(),
            io: Arc::new(IoPool::start(UPLOAD_THREADS)?),
            budget: memory_budget(&request, &plan),
            restored: restored_states(&request, &plan),
            halt: halt.clone(),
            request,
            plan: &plan,
            wiring: &wiring,
        };
        // Everything that can be refused is refused before the first thread starts.
        let setups = builder.setups()?;
        let vertices = plan.vertices.iter().map(|v| v.info.clone()).collect();
        let producers = plan.edges.iter().map(|e| e.from).collect();
        let mut deployment = Self { vertices, tasks: Vec::new(), halt, peers, producers };
        for (setup, is_source, name) in setups {
            let mut task = RunningTask {
                id: setup.id,
                is_source,
                inbox: setup.inbox.clone(),
                slots: setup.slots.iter().map(|s| s.status.clone()).collect(),
                times: setup.times.clone(),
                output: setup.output.meter(),
                thread: None,
            };
            // On an error the deployment is dropped, which cancels what runs.
            let thread = std::thread::Builder::new().name(name).stack_size(STACK).spawn(move || run_task(setup));
            task.thread = Some(thread.transient("cannot start a task's thread")?);
            deployment.tasks.push(task);
        }
        Ok(deployment)
    }

    /// The tasks that run here.
    pub fn tasks(&self) -> Vec<TaskId> {
        self.tasks.iter().map(|t| t.id).collect()
    }

    /// By other worker: what waits to be sent to it, and how long producers waited for its credit.
    pub fn traffic(&self) -> Vec<(usize, Traffic)> {
        self.peers.as_ref().map(|p| p.traffic()).unwrap_or_default()
    }

    /// Where the tasks' time went.
    pub fn times(&self) -> Vec<TaskTimes> {
        let read = |t: &RunningTask| {
            let f = t.figures();
            TaskTimes {
                task: t.id,
                idle_nanos: f.idle_nanos,
                backpressured_nanos: f.backpressured_nanos,
                busy_nanos: f.busy_nanos,
            }
        };
        self.tasks.iter().map(read).collect()
    }
}

impl Deployment for LocalDeployment {
    fn vertices(&self) -> &[VertexInfo] {
        &self.vertices
    }

    fn send(&self, command: TaskCommand) {
        if matches!(command, TaskCommand::Cancel) {
            self.halt.halt(true);
            return;
        }
        // Sources last: a barrier must find the trigger already there.
        for sources in [false, true] {
            for task in self.tasks.iter().filter(|t| t.is_source == sources) {
                task.inbox.command(command.clone());
            }
        }
    }

    fn status(&self) -> Vec<OperatorStatus> {
        let endpoint = self.peers.as_ref().and_then(|p| p.endpoint());
        let mut channels = self.peers.as_ref().map(|p| p.channels(&self.producers)).unwrap_or_default();
        let mut of_task = |t: &RunningTask| {
            let mut figures = t.figures();
            figures.endpoint.clone_from(&endpoint);
            figures.channels = channels.remove(&t.id).unwrap_or_default();
            figures.bytes_out += figures.channels.iter().map(|c| c.sent_bytes).sum::<u64>();
            let mut figures = Some(figures);
            let of_slot = |s: &Arc<SlotStatus>| OperatorStatus {
                task: t.id,
                uid: s.uid.clone(),
                name: s.name.clone(),
                is_source: s.is_source,
                is_sink: s.is_sink,
                metrics: s.metrics.clone(),
                watermark_ms: s.watermark(),
                progress: *s.progress.lock(),
                figures: figures.take(),
            };
            t.slots.iter().map(of_slot).collect::<Vec<_>>()
        };
        self.tasks.iter().flat_map(&mut of_task).collect()
    }

    fn join(mut self: Box<Self>) {
        for task in &mut self.tasks {
            if task.thread.take().is_some_and(|t| t.join().is_err()) {
                tracing::error!(task = ?task.id, "a task's thread panicked outside of its task");
            }
        }
        if let Some(peers) = self.peers.as_ref().filter(|_| !self.halt.is_halted()) {
            peers.done();
        }
    }
}

impl Drop for LocalDeployment {
    fn drop(&mut self) {
        self.halt.halt(true);
    }
}

/// Inboxes and who sends to which channel of them.
struct Wiring {
    /// By vertex and subtask.
    inboxes: Vec<Vec<Wired>>,
    /// By edge: first channel of each consumer's inbox that belongs to it.
    first_channel: Vec<usize>,
}

struct Wired {
    inbox: Arc<Inbox>,
    inputs: Vec<usize>,
}

impl Wiring {
    fn new(plan: &ChainPlan) -> Self {
        let mut inputs: Vec<Vec<usize>> = vec![Vec::new(); plan.vertices.len()];
        let mut first_channel = Vec::with_capacity(plan.edges.len());
        for edge in &plan.edges {
            let producers = plan.vertices.get(edge.from).map_or(0, |v| v.info.parallelism as usize);
            // A forward edge has one producer for each consumer.
            let channels = if edge.exchange == Exchange::Forward { 1 } else { producers };
            if let Some(list) = inputs.get_mut(edge.to) {
                first_channel.push(list.len());
                list.extend(std::iter::repeat_n(edge.input, channels));
            }
        }
        let inboxes = plan.vertices.iter().zip(inputs).map(|(vertex, inputs)| {
            let wired = |_| Wired { inbox: Arc::new(Inbox::new(inputs.len())), inputs: inputs.clone() };
            (0..vertex.info.parallelism).map(wired).collect()
        });
        Self { inboxes: inboxes.collect(), first_channel }
    }
}

struct Builder<'a> {
    request: DeployRequest,
    plan: &'a ChainPlan,
    wiring: &'a Wiring,
    events: Arc<Events>,
    io: Arc<IoPool>,
    halt: Arc<Halt>,
    peers: Option<Arc<Peers>>,
    budget: u64,
    /// Operator state by uid and new subtask.
    restored: std::collections::HashMap<OperatorUid, Vec<OperatorState>>,
}

impl Builder<'_> {
    /// Setups with `is_source` and thread name, consumers first: they are ready when rows come.
    fn setups(&mut self) -> Result<Vec<(TaskSetup, bool, String)>> {
        let mut setups = Vec::new();
        for (v, vertex) in self.plan.vertices.iter().enumerate().rev() {
            for subtask in 0..vertex.info.parallelism {
                if !share::is_here(self.request.share.as_ref(), v, subtask) {
                    continue;
                }
                // NUL cannot be part of a thread's name.
                let name = format!("v{v}.{subtask} {}", vertex.info.name.replace('\0', ""));
                setups.push((self.setup(v, vertex, subtask)?, vertex.info.is_source, name));
            }
        }
        Ok(setups)
    }

    fn setup(&mut self, v: usize, vertex: &Vertex, subtask: u32) -> Result<TaskSetup> {
        let missing = || Error::internal(format!("vertex {v} has no subtask {subtask}"));
        let wired = self.wiring.inboxes.get(v).and_then(|s| s.get(subtask as usize)).ok_or_else(missing)?;
        let outputs = self.outputs(v, subtask)?;
        let slots = vertex
            .nodes
            .iter()
            .map(|node| self.slot(*node, vertex.info.parallelism, subtask))
            .collect::<Result<_>>()?;
        Ok(TaskSetup {
            id: TaskId { vertex: v, subtask },
            slots,
            inbox: wired.inbox.clone(),
            inputs: wired.inputs.clone(),
            output: TaskOutput::new(outputs, self.request.linger),
            aligned: self.request.aligned,
            backend: self.request.backend.clone(),
            clock: self.request.clock.clone(),
            events: self.events.clone(),
            io: self.io.clone(),
            halt: self.halt.clone(),
            times: Arc::new(TaskClock::new()),
        })
    }

    fn outputs(&self, v: usize, subtask: u32) -> Result<Vec<(Partitioner, Vec<Target>)>> {
        let mut outputs = Vec::new();
        for (index, (edge, first)) in self.plan.edges.iter().zip(&self.wiring.first_channel).enumerate() {
            let Some(consumers) = self.wiring.inboxes.get(edge.to).filter(|_| edge.from == v) else { continue };
            let mut targets = Vec::new();
            for (wired, consumer) in consumers.iter().zip(0u32..) {
                let forward = edge.exchange == Exchange::Forward;
                if forward && consumer != subtask {
                    continue;
                }
                let id = ChannelId { edge: u32::try_from(index).unwrap_or(u32::MAX), producer: subtask, consumer };
                let away = self.peers.as_ref().map(|p| p.way(edge.to, id)).transpose()?.flatten();
                targets.push(Target {
                    consumer: away.unwrap_or_else(|| Consumer::Here(wired.inbox.clone())),
                    channel: if forward { *first } else { first + subtask as usize },
                });
            }
            let partitioner = Partitioner::new(&edge.exchange, subtask, targets.len(), self.request.max_parallelism);
            outputs.push((partitioner, targets));
        }
        Ok(outputs)
    }

    fn slot(&mut self, node_id: usize, parallelism: u32, subtask: u32) -> Result<SlotSetup> {
        let request = &self.request;
        let node = request.graph.nodes.get(node_id).ok_or_else(|| Error::internal(format!("no node {node_id}")))?;
        let info = TaskInfo {
            job: request.job.clone(),
            job_id: request.job_id.clone(),
            uid: node.uid.clone(),
            name: node.name.clone(),
            subtask,
            parallelism,
            max_parallelism: request.max_parallelism,
            attempt: request.attempt.clone(),
        };
        let is_source = matches!(node.kind, NodeKind::Source(_));
        let keyed = match &node.kind {
            NodeKind::Operator(factory) if !factory.keyed_states().is_empty() => {
                let groups = key::key_group_range(subtask, parallelism, request.max_parallelism);
                let old = request.restore.operators.get(&node.uid);
                Some(OpenRequest {
                    uid: node.uid.clone(),
                    subtask,
                    dir: working_dir(&request.work_dir, &node.uid, subtask, &request.attempt),
                    restore: old
                        .iter()
                        .flat_map(|o| &o.keyed)
                        .filter(|k| k.group_start < groups.end && groups.start < k.group_end)
                        .cloned()
                        .collect(),
                    groups,
                    max_parallelism: request.max_parallelism,
                    store: request.restore_store.clone(),
                    memory_budget: self.budget,
                    clock: request.clock.clone(),
                })
            }
            _ => None,
        };
        let restored = self.restored.get_mut(&node.uid).and_then(|s| s.get_mut(subtask as usize)).map(std::mem::take);
        let status = Arc::new(SlotStatus {
            uid: node.uid.clone(),
            name: node.name.clone(),
            is_source,
            is_sink: !request.graph.edges.iter().any(|e| e.from == node_id),
            metrics: Arc::new(OperatorMetrics::default()),
            watermark: AtomicI64::new(i64::MIN),
            progress: Mutex::new(Progress::default()),
        });
        Ok(SlotSetup { info, kind: node.kind.clone(), keyed, restored: restored.unwrap_or_default(), status })
    }
}

/// Operator state of the restore source, dealt out to the new subtasks.
fn restored_states(
    request: &DeployRequest,
    plan: &ChainPlan,
) -> std::collections::HashMap<OperatorUid, Vec<OperatorState>> {
    let mut restored = std::collections::HashMap::new();
    for vertex in &plan.vertices {
        for uid in &vertex.info.operators {
            if let Some(old) = request.restore.operators.get(uid).filter(|o| !o.operator.is_empty()) {
                restored.insert(uid.clone(), redistribute(&old.operator, vertex.info.parallelism));
            }
        }
    }
    restored
}

/// Each keyed backend's equal share of this process's memory.
fn memory_budget(request: &DeployRequest, plan: &ChainPlan) -> u64 {
    let keyed = |node: &usize| match request.graph.nodes.get(*node).map(|n| &n.kind) {
        Some(NodeKind::Operator(factory)) => !factory.keyed_states().is_empty(),
        _ => false,
    };
    let here = |v: usize, parallelism: u32| {
        (0..parallelism).filter(|s| share::is_here(request.share.as_ref(), v, *s)).count() as u64
    };
    let backends: u64 = plan
        .vertices
        .iter()
        .enumerate()
        .map(|(i, v)| v.nodes.iter().filter(|n| keyed(n)).count() as u64 * here(i, v.info.parallelism))
        .sum();
    request.memory_budget / backends.max(1)
}

/// `<uid>-<subtask>-<attempt>`; characters that a file name cannot hold are replaced, and a hash keeps such names apart.
fn working_dir(root: &Path, uid: &OperatorUid, subtask: u32, attempt: &str) -> PathBuf {
    let safe: String =
        uid.0.chars().take(80).map(|c| if c.is_ascii_alphanumeric() || "-_".contains(c) { c } else { '_' }).collect();
    let uid = if safe == uid.0 { safe } else { format!("{safe}-{:016x}", key::hash(uid.0.as_bytes())) };
    root.join(format!("{uid}-{subtask}-{attempt}"))
}

#[cfg(test)]
mod tests;
