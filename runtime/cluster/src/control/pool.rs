//! The workers of one job as the coordinator sees them: listens for them, knows
//! who is alive, and carries messages of the one attempt that counts.

use super::adoption::Candidate;
use super::assign::{assign, by_vertex};
use super::message::{Deploy, Register, Running, ToCoordinator, ToWorker};
use super::registry::{ConnectionId, Registry, Worker};
use super::remote::{Member, RemoteDeployment};
use super::wire::{WireCommand, WireError, WireEvent, WireStatus};
use super::{Timing, server};
use crossbeam_channel::{Receiver, Sender, bounded};
use parking_lot::{Condvar, Mutex};
use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};
use streamjob_core::error::ErrorExt;
use streamjob_core::{Error, Result};
use streamjob_engine::deploy::{TaskEvent, TaskId, VertexInfo};
use streamjob_engine::net::Tls;
use tokio::sync::mpsc::UnboundedSender;

/// How a worker is reached.
pub(super) type Link = UnboundedSender<Result<ToWorker, tonic::Status>>;

/// How long the tasks of a worker that wants to leave may go on, so that a checkpoint can be taken first. Shorter than
/// the worker's own patience.
const LEAVE_GRACE: Duration = Duration::from_secs(20);
/// How long workers may take to hang up at the end.
const GOODBYE: Duration = Duration::from_secs(2);

/// Where workers are listened for.
#[derive(Clone)]
pub struct PoolConfig {
    /// Address and port; port 0 for any.
    pub bind: String,
    /// Mutual TLS; `None` for plain TCP.
    pub tls: Option<Tls>,
    /// When a silent worker is lost.
    pub timing: Timing,
}

/// The workers of one job.
pub struct WorkerPool {
    shared: Arc<Shared>,
    address: SocketAddr,
    runtime: Option<tokio::runtime::Runtime>,
}

/// A worker for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerInfo {
    /// Stable name.
    pub name: String,
    /// Slots.
    pub slots: u32,
    /// Where its exchange listens.
    pub exchange: String,
    /// Slots that run nothing of the attempt that counts.
    pub free: u32,
    /// How long ago it was heard.
    pub silent: Duration,
    /// It was asked to end.
    pub leaving: bool,
}

/// An attempt to send out: everything of [`Deploy`] that is the same for all workers, and what needs an answer.
pub(crate) struct Plan {
    /// `worker`, `assignment` and `peers` are filled in for each worker.
    pub deploy: Deploy,
    /// Slots that it needs.
    pub slots: u32,
    /// Its vertices.
    pub vertices: Vec<VertexInfo>,
    /// Where its events go.
    pub events: Sender<TaskEvent>,
}

impl WorkerPool {
    /// Listens. Errors (User) when that is not possible.
    pub fn start(config: PoolConfig) -> Result<Self> {
        let listener = TcpListener::bind(&config.bind)
            .user(format!("cannot listen on {} for workers", config.bind))
            .map_err(|e| e.fix("give --bind an address of this machine with a free port; port 0 takes any"))?;
        listener.set_nonblocking(true).transient("cannot listen for workers")?;
        let address = listener.local_addr().transient("cannot tell the address for workers")?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("workers")
            .enable_all()
            .build()
            .transient("cannot start the control threads")?;
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                registry: Registry::default(),
                generation: 0,
                attempt: None,
                before: Vec::new(),
                over: false,
            }),
            settled: Condvar::new(),
            changed: bounded(1),
            timing: config.timing,
        });
        let server = {
            let _inside = runtime.enter();
            server::serve(listener, config.tls.as_ref(), shared.clone())?
        };
        runtime.spawn(async move {
            if let Err(e) = server.await {
                tracing::error!("workers can no longer reach this coordinator: {e}");
            }
        });
        runtime.spawn(watch(shared.clone()));
        Ok(Self { shared, address, runtime: Some(runtime) })
    }

    /// Where workers connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Registered workers.
    pub fn workers(&self) -> Vec<WorkerInfo> {
        let state = self.shared.state.lock();
        let now = Instant::now();
        let info = |(name, w): (&String, &Worker<Link>)| WorkerInfo {
            name: name.clone(),
            slots: w.slots,
            exchange: w.exchange.clone(),
            free: w.slots.saturating_sub(state.used(name)),
            silent: w.silent(now),
            leaving: w.leaving.is_some(),
        };
        state.registry.iter().map(info).collect()
    }

    /// Gets a message whenever workers came or went.
    pub fn changed(&self) -> Receiver<()> {
        self.shared.changed.1.clone()
    }

    /// Slots there are, and a text that tells of them.
    pub fn slots(&self) -> (u32, String) {
        self.shared.slots()
    }

    /// Starts an attempt on the workers that are there.
    pub(crate) fn deploy(&self, plan: Plan) -> Result<RemoteDeployment> {
        let vertices = plan.vertices.clone();
        let attempt = plan.deploy.attempt.clone();
        self.shared.deploy(plan)?;
        Ok(RemoteDeployment::new(self.shared.clone(), attempt, vertices))
    }

    /// The tasks that workers ran when they registered, as far as they are now.
    pub(crate) fn candidate(&self) -> Option<Candidate> {
        self.shared.state.lock().candidate()
    }

    /// Goes on with an attempt that runs; `None` when it is not whole any more.
    pub(crate) fn adopt(
        &self,
        attempt: &str,
        vertices: Vec<VertexInfo>,
        events: Sender<TaskEvent>,
        generation: u64,
    ) -> Option<(Candidate, RemoteDeployment)> {
        let candidate = self.shared.adopt(attempt, &vertices, events, generation)?;
        Some((candidate, RemoteDeployment::new(self.shared.clone(), attempt.to_string(), vertices)))
    }

    /// The job is over: tells all workers to end and waits a moment for them to hang up.
    pub fn end(&self) {
        let mut state = self.shared.state.lock();
        state.over = true;
        for (_, worker) in state.registry.iter() {
            tell(&worker.link, ToWorker::Shutdown);
        }
        let until = Instant::now() + GOODBYE;
        while state.registry.iter().next().is_some() {
            if self.shared.settled.wait_until(&mut state, until).timed_out() {
                break;
            }
        }
    }
}

impl Drop for WorkerPool {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Finds silent workers, and those that have waited long enough to leave.
async fn watch(shared: Arc<Shared>) {
    let mut ticks = tokio::time::interval((shared.timing.heartbeat / 2).max(Duration::from_millis(1)));
    loop {
        ticks.tick().await;
        shared.tick(Instant::now());
    }
}

pub(super) fn tell(link: &Link, message: ToWorker) {
    // A broken connection is noticed where it is served.
    let _ = link.send(Ok(message));
}

/// What connections, the coordinator's thread and the clock work on.
pub(super) struct Shared {
    state: Mutex<State>,
    /// Someone was lost, done, or hung up.
    settled: Condvar,
    changed: (Sender<()>, Receiver<()>),
    pub timing: Timing,
}

struct State {
    registry: Registry<Link>,
    generation: u64,
    attempt: Option<Attempt>,
    /// Workers of the last assignment, by slot.
    before: Vec<String>,
    /// The job is over.
    over: bool,
}

impl State {
    /// The coordinator learns of a worker that is to end while it is needed.
    fn tell_of_leaving(&self, worker: &str) {
        let Some(attempt) = &self.attempt else { return };
        let needed = |m: &Member| !m.done && !m.lost && m.unfinished > 0;
        let leaving = self.registry.iter().any(|(name, w)| name == worker && w.leaving.is_some());
        if leaving && attempt.members.get(worker).is_some_and(needed) {
            let _ = attempt.events.send(TaskEvent::Leaving(worker.to_string()));
        }
    }

    /// Slots of a worker in which the attempt that counts runs.
    fn used(&self, worker: &str) -> u32 {
        let member = self.attempt.as_ref().and_then(|a| a.members.get(worker));
        if member.is_none_or(|m| m.done || m.lost) {
            return 0;
        }
        u32::try_from(self.before.iter().filter(|w| *w == worker).count()).unwrap_or(u32::MAX)
    }

    fn candidate(&self) -> Option<Candidate> {
        Candidate::among(self.registry.iter().filter_map(|(name, w)| Some((name.as_str(), w.running.as_ref()?))))
    }
}

/// The attempt that counts.
struct Attempt {
    id: String,
    events: Sender<TaskEvent>,
    members: BTreeMap<String, Member>,
}

impl Attempt {
    /// The member, when the message came over the connection that it was deployed on.
    fn member(&mut self, attempt: &str, worker: &str, connection: ConnectionId) -> Option<&mut Member> {
        let same = self.id == attempt;
        self.members.get_mut(worker).filter(|m| same && m.connection == connection && !m.lost)
    }

    /// A worker is gone; tells the coordinator when that hurts.
    fn lose(&mut self, worker: &str, connection: ConnectionId, why: &str) {
        let Some(member) = self.members.get_mut(worker).filter(|m| m.connection == connection && !m.lost) else {
            return;
        };
        member.lost = true;
        if !member.done && member.unfinished > 0 {
            let _ = self.events.send(TaskEvent::PeerLost(Error::transient(format!("worker {worker} is lost: {why}"))));
        }
    }
}

impl Shared {
    /// Takes a worker in, or says why not.
    pub fn register(&self, register: Register, link: Link) -> Result<ConnectionId> {
        let mut state = self.state.lock();
        let name = register.worker.clone();
        let running = register.running.as_ref().map(|r| r.attempt.clone());
        let registered = state.registry.register(register, link.clone(), Instant::now())?;
        if let Some((old, other_process)) = registered.replaced {
            if other_process {
                let error = Error::user(format!("another process has registered as worker {name}"))
                    .fix("give each worker a name of its own (--id)");
                tell(&old.link, ToWorker::Refuse { error: WireError::from(&error) });
            }
            if let Some(attempt) = &mut state.attempt {
                attempt.lose(&name, old.connection, "it has come back on another connection");
            }
        }
        tell(&link, ToWorker::Welcome { generation: state.generation });
        if state.over {
            tell(&link, ToWorker::Shutdown);
        }
        // What ran before its connection broke was replaced, or is about to be.
        if let (Some(attempt), Some(_)) = (running, &state.attempt) {
            tell(&link, ToWorker::Command { attempt, command: WireCommand::Cancel });
        }
        drop(state);
        tracing::info!("worker {name} is here");
        self.wake();
        Ok(registered.connection)
    }

    /// Takes a message. False when the connection counts no longer.
    pub fn receive(&self, worker: &str, connection: ConnectionId, message: ToCoordinator) -> bool {
        let mut state = self.state.lock();
        if !state.registry.heard(worker, connection, Instant::now()) {
            return false;
        }
        if let Some(worker) = state.registry.get_mut(worker, connection) {
            follow(&mut worker.running, &message);
        }
        match message {
            ToCoordinator::Heartbeat => {}
            ToCoordinator::Register(_) => return false,
            ToCoordinator::Leave => self.leave(&mut state, worker, connection),
            ToCoordinator::Event { attempt, event } => {
                self.with_member(&mut state, &attempt, worker, connection, |member, events| {
                    if matches!(event, WireEvent::Finished(_)) {
                        member.unfinished = member.unfinished.saturating_sub(1);
                    }
                    let _ = events.send(event.into());
                });
            }
            ToCoordinator::Status { attempt, operators } => {
                self.with_member(&mut state, &attempt, worker, connection, |member, _| member.operators = operators);
            }
            ToCoordinator::ShareFailed { attempt, error } => {
                self.with_member(&mut state, &attempt, worker, connection, |_, events| {
                    let error = Error::from(error).context(format!("worker {worker}"));
                    let _ = events.send(TaskEvent::PeerLost(error));
                });
            }
            ToCoordinator::Done { attempt } => {
                self.with_member(&mut state, &attempt, worker, connection, |member, _| member.done = true);
                dismiss(&state);
                self.settled.notify_all();
            }
        }
        true
    }

    fn with_member(
        &self,
        state: &mut State,
        attempt: &str,
        worker: &str,
        connection: ConnectionId,
        take: impl FnOnce(&mut Member, &Sender<TaskEvent>),
    ) {
        let Some(current) = &mut state.attempt else { return };
        let events = current.events.clone();
        match current.member(attempt, worker, connection) {
            Some(member) => take(member, &events),
            None => tracing::debug!("worker {worker} speaks of attempt {attempt}, which counts no longer"),
        }
    }

    fn leave(&self, state: &mut State, worker: &str, connection: ConnectionId) {
        if let Some(w) = state.registry.get_mut(worker, connection)
            && w.leaving.is_none()
        {
            w.leaving = Some(Instant::now());
            tracing::info!("worker {worker} was asked to end");
        }
        state.tell_of_leaving(worker);
        dismiss(state);
    }

    /// True as long as this is the worker's connection.
    pub fn is_current(&self, worker: &str, connection: ConnectionId) -> bool {
        self.state.lock().registry.get(worker, connection).is_some()
    }

    /// A connection broke.
    pub fn broken(&self, worker: &str, connection: ConnectionId, why: &str) {
        let mut state = self.state.lock();
        if state.registry.remove(worker, connection).is_some_and(|w| !state.over && w.leaving.is_none()) {
            tracing::info!("worker {worker} is gone: {why}");
        }
        if let Some(attempt) = &mut state.attempt {
            attempt.lose(worker, connection, why);
        }
        drop(state);
        self.wake();
    }

    /// Time passes.
    fn tick(&self, now: Instant) {
        let mut state = self.state.lock();
        let lost = state.registry.expire(now, self.timing.timeout);
        let late: Vec<(String, ConnectionId)> = state
            .registry
            .iter()
            .filter(|(_, w)| w.leaving.is_some_and(|since| now.saturating_duration_since(since) >= LEAVE_GRACE))
            .map(|(name, w)| (name.clone(), w.connection))
            .collect();
        if let Some(attempt) = &mut state.attempt {
            for (name, worker) in &lost {
                let why = format!("nothing was heard of it for {} s", self.timing.timeout.as_secs_f32());
                tracing::warn!("worker {name} is lost: {why}");
                attempt.lose(name, worker.connection, &why);
            }
            for (name, connection) in &late {
                attempt.lose(name, *connection, "it was asked to end");
            }
        }
        if !late.is_empty() {
            dismiss(&state);
        }
        if !lost.is_empty() {
            drop(state);
            self.wake();
        }
    }

    fn wake(&self) {
        let _ = self.changed.0.try_send(());
        self.settled.notify_all();
    }

    /// Slots there are, and a text that tells of them.
    pub fn slots(&self) -> (u32, String) {
        let offers = self.state.lock().registry.offers();
        let total = offers.iter().fold(0u32, |sum, o| sum.saturating_add(o.slots));
        let each: Vec<String> = offers.iter().map(|o| format!("{} on {}", o.slots, o.worker)).collect();
        (total, if each.is_empty() { "no worker is here".into() } else { each.join(", ") })
    }

    fn deploy(&self, plan: Plan) -> Result<()> {
        let mut state = self.state.lock();
        let offers = state.registry.offers();
        let slots = assign(plan.slots, &offers, &state.before)
            .ok_or_else(|| Error::transient(format!("a worker has gone: {} slots are needed", plan.slots)))?;
        let name_of = |slot: &usize| offers.get(*slot).map(|o| o.worker.clone());
        let by_slot: Vec<String> = slots.iter().filter_map(name_of).collect();
        // Only workers that run something take part.
        let mut names = by_slot.clone();
        names.sort();
        names.dedup();
        let slots: Vec<usize> = by_slot.iter().filter_map(|n| names.binary_search(n).ok()).collect();
        let assignment = by_vertex(&slots, plan.vertices.iter().map(|v| v.parallelism));
        let mut links = Vec::with_capacity(names.len());
        let mut members = BTreeMap::new();
        for (name, worker) in state.registry.iter() {
            let Ok(index) = names.binary_search(name) else {
                // It may still run an attempt of a coordinator before this one.
                if let Some(running) = &worker.running {
                    let (attempt, command) = (running.attempt.clone(), WireCommand::Cancel);
                    tell(&worker.link, ToWorker::Command { attempt, command });
                }
                continue;
            };
            let has_sources = plan.vertices.iter().zip(&assignment).any(|(v, s)| v.is_source && s.contains(&index));
            let unfinished = assignment.iter().flatten().filter(|w| **w == index).count();
            links.push((worker.link.clone(), worker.exchange.clone()));
            members.insert(name.clone(), Member::new(worker.connection, unfinished, has_sources));
        }
        let peers: Vec<String> = links.iter().map(|(_, exchange)| exchange.clone()).collect();
        state.generation = state.generation.max(plan.deploy.generation);
        state.attempt = Some(Attempt { id: plan.deploy.attempt.clone(), events: plan.events, members });
        state.before = by_slot;
        for (worker, (link, _)) in links.into_iter().enumerate() {
            let mut deploy = plan.deploy.clone();
            deploy.worker = worker;
            deploy.assignment.clone_from(&assignment);
            deploy.peers.clone_from(&peers);
            tell(&link, ToWorker::Deploy(Box::new(deploy)));
        }
        dismiss(&state);
        Ok(())
    }

    fn adopt(
        &self,
        attempt: &str,
        vertices: &[VertexInfo],
        events: Sender<TaskEvent>,
        generation: u64,
    ) -> Option<Candidate> {
        let mut state = self.state.lock();
        let candidate = state.candidate().filter(|c| c.attempt == attempt && c.hindrance.is_none())?;
        if candidate.missing(vertices).is_some() {
            return None;
        }
        let mut members = BTreeMap::new();
        for (name, worker) in state.registry.iter() {
            let Some(running) = &worker.running else { continue };
            if running.attempt != attempt {
                let (attempt, command) = (running.attempt.clone(), WireCommand::Cancel);
                tell(&worker.link, ToWorker::Command { attempt, command });
                continue;
            }
            let is_source = |task: &TaskId| vertices.get(task.vertex).is_some_and(|v| v.is_source);
            let has_sources = running.tasks.keys().any(is_source);
            members.insert(name.clone(), Member::new(worker.connection, running.tasks.len(), has_sources));
            tell(&worker.link, ToWorker::Adopt { attempt: attempt.to_string(), generation });
        }
        let widest = vertices.iter().enumerate().max_by_key(|(_, v)| v.parallelism).map(|(vertex, _)| vertex);
        let of_slot = |(task, worker): (&TaskId, &String)| (Some(task.vertex) == widest).then(|| worker.clone());
        state.before = candidate.workers.iter().filter_map(of_slot).collect();
        state.generation = state.generation.max(generation);
        let names: Vec<String> = members.keys().cloned().collect();
        state.attempt = Some(Attempt { id: attempt.to_string(), events, members });
        names.iter().for_each(|name| state.tell_of_leaving(name));
        dismiss(&state);
        Some(candidate)
    }

    /// Sends a command to the workers of an attempt; those with sources last.
    pub fn command(&self, attempt: &str, command: &WireCommand) {
        let state = self.state.lock();
        let Some(current) = state.attempt.as_ref().filter(|a| a.id == attempt) else { return };
        for sources in [false, true] {
            for (name, member) in current.members.iter().filter(|(_, m)| m.has_sources == sources && !m.done) {
                if let Some(worker) = state.registry.get(name, member.connection) {
                    let (attempt, command) = (attempt.to_string(), command.clone());
                    tell(&worker.link, ToWorker::Command { attempt, command });
                }
            }
        }
    }

    /// Passes an error to the coordinator as an event of the attempt.
    pub fn fail(&self, attempt: &str, error: Error) {
        if let Some(current) = self.state.lock().attempt.as_ref().filter(|a| a.id == attempt) {
            let _ = current.events.send(TaskEvent::PeerLost(error));
        }
    }

    /// Figures of an attempt as last reported.
    pub fn operators(&self, attempt: &str) -> Vec<WireStatus> {
        let state = self.state.lock();
        let current = state.attempt.as_ref().filter(|a| a.id == attempt);
        current.iter().flat_map(|a| a.members.values()).flat_map(|m| m.operators.iter().cloned()).collect()
    }

    /// Waits until nothing of an attempt runs on any worker that can be reached. The names of those that still run it.
    pub fn await_end(&self, attempt: &str, timeout: Duration) -> Vec<String> {
        let until = Instant::now() + timeout;
        let mut state = self.state.lock();
        loop {
            let current = state.attempt.as_ref().filter(|a| a.id == attempt);
            let open: Vec<String> = current
                .iter()
                .flat_map(|a| &a.members)
                .filter(|(name, m)| !m.done && state.registry.get(name, m.connection).is_some())
                .map(|(name, _)| name.clone())
                .collect();
            if open.is_empty() || self.settled.wait_until(&mut state, until).timed_out() {
                return open;
            }
        }
    }

    /// The attempt counts no longer.
    pub fn forget(&self, attempt: &str) {
        self.command(attempt, &WireCommand::Cancel);
        self.let_go(attempt);
    }

    /// The attempt goes on without this coordinator.
    pub fn let_go(&self, attempt: &str) {
        let mut state = self.state.lock();
        if state.attempt.as_ref().is_some_and(|a| a.id == attempt) {
            state.attempt = None;
        }
        dismiss(&state);
    }
}

/// What a worker says of tasks that another coordinator left there.
fn follow(running: &mut Option<Running>, message: &ToCoordinator) {
    let same = |attempt: &String, running: &Option<Running>| running.as_ref().is_some_and(|r| r.attempt == *attempt);
    match message {
        ToCoordinator::Event { attempt, event } if same(attempt, running) => {
            running.iter_mut().for_each(|r| r.note(event));
        }
        ToCoordinator::ShareFailed { attempt, error } if same(attempt, running) => {
            running.iter_mut().for_each(|r| r.fail(error));
        }
        ToCoordinator::Done { attempt } if same(attempt, running) => *running = None,
        _ => {}
    }
}

/// Lets those go that want to leave and run nothing of the attempt that counts.
fn dismiss(state: &State) {
    for (name, worker) in state.registry.iter().filter(|(_, w)| w.leaving.is_some()) {
        let member = state.attempt.as_ref().and_then(|a| a.members.get(name));
        let needed = member.is_some_and(|m| m.connection == worker.connection && !m.done && !m.lost);
        if !needed {
            tell(&worker.link, ToWorker::Shutdown);
        }
    }
}
