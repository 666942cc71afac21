//! The pool's shared side: messages of workers come in, commands and attempts go
//! out, each under one lock.

use super::Timing;
use super::adoption::Candidate;
use super::ahead::{Ahead, files};
use super::assign::{assign, by_vertex, staying};
use super::crew::{Attempt, Link, State, dismiss, follow, tell};
use super::message::{Fetch, JobDescription, Register, ToCoordinator, ToWorker};
use super::pool::Plan;
use super::registry::{ConnectionId, Registry};
use super::remote::Member;
use super::wire::{WireCommand, WireError, WireEvent, WireStatus};
use crossbeam_channel::{Receiver, Sender, bounded};
use parking_lot::{Condvar, Mutex};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use streamjob_core::{Error, Result};
use streamjob_engine::deploy::{TaskEvent, TaskId, VertexInfo};

/// How long the tasks of a worker that wants to leave may go on, so that a checkpoint can be taken first. Shorter than
/// the worker's own patience.
const LEAVE_GRACE: Duration = Duration::from_secs(20);

/// What connections, the coordinator's thread and the clock work on.
pub(super) struct Shared {
    pub state: Mutex<State>,
    /// Someone was lost, done, or hung up.
    pub settled: Condvar,
    pub changed: (Sender<()>, Receiver<()>),
    pub timing: Timing,
}

impl Shared {
    /// Nobody is there.
    pub fn new(timing: Timing) -> Self {
        let state = State {
            registry: Registry::default(),
            generation: 0,
            attempt: None,
            before: Vec::new(),
            fetching: Default::default(),
            keep: None,
            over: false,
        };
        Self { state: Mutex::new(state), settled: Condvar::new(), changed: bounded(1), timing }
    }

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
        dismiss(&state);
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
    pub fn tick(&self, now: Instant) {
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

    pub fn wake(&self) {
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

    pub fn keep(&self, workers: Option<u32>) {
        self.state.lock().keep = workers;
    }

    pub fn fetch_ahead(&self, job: &JobDescription, vertices: &[VertexInfo], ahead: &Ahead<'_>) {
        let mut state = self.state.lock();
        let offers = state.registry.offers();
        let needed = vertices.iter().map(|v| v.parallelism).max().unwrap_or(0);
        // Before all workers are here it is not known who gets what.
        let Some(slots) = assign(needed, &offers, &state.before) else { return };
        let by_slot: Vec<String> = slots.iter().filter_map(|s| offers.get(*s)).map(|o| o.worker.clone()).collect();
        let there = state.registry.iter().map(|(name, w)| (name.clone(), w.connection)).collect();
        let told = (ahead.location.to_string(), there);
        if state.fetching == told {
            return;
        }
        state.fetching = told;
        // The slots stay with who has their files.
        state.before.clone_from(&by_slot);
        for (worker, files) in files(ahead, vertices, &by_slot) {
            if let Some((_, w)) = state.registry.iter().find(|(name, _)| **name == worker) {
                let fetch = Fetch { job: job.clone(), store: ahead.store.clone(), files };
                tell(&w.link, ToWorker::Fetch(Box::new(fetch)));
            }
        }
    }

    pub fn deploy(&self, plan: Plan) -> Result<()> {
        let mut state = self.state.lock();
        let mut offers = state.registry.offers();
        if let Some(keep) = state.keep.take() {
            offers = staying(offers, keep, plan.slots);
        }
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
        // What ran before is called off or replaced.
        state.registry.forget_running();
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

    pub fn adopt(
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
