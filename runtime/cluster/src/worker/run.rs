//! The worker's thread: one attempt at a time. A newer one ends the older one
//! first, and begins when all of that one's threads have ended.

use super::ahead::Fetching;
use super::http::Monitor;
use super::link::{FromLink, Link};
use super::outbox::Outbox;
use super::share::{self, Local, Share};
use super::{WorkerConfig, address};
use crate::control::message::{Deploy, ToCoordinator, ToWorker};
use crate::control::wire::{WireCommand, WireError, WireEvent, WireStatus};
use crossbeam_channel::{Receiver, Sender, bounded, never, select, unbounded};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use streamjob_core::error::ErrorExt;
use streamjob_core::{Domain, Error, Result};
use streamjob_engine::deploy::{TaskCommand, TaskEvent};
use streamjob_engine::net::{Network, NetworkConfig};

/// Between two reports of figures.
const STATUS: Duration = Duration::from_millis(500);
/// Between two tries to resolve the coordinator's name, and between two lines that tell of it.
const RETRY: Duration = Duration::from_millis(500);
const TELL: Duration = Duration::from_secs(10);

/// Asks a worker to end.
#[derive(Clone)]
pub struct Leave {
    sender: Sender<()>,
}

impl Leave {
    /// The handle, and what to give to [`run_worker`].
    pub fn new() -> (Self, Receiver<()>) {
        let (sender, receiver) = bounded(1);
        (Self { sender }, receiver)
    }

    /// Asks.
    pub fn ask(&self) {
        let _ = self.sender.try_send(());
    }
}

/// Runs until the coordinator says that the job is over, or until it was asked to leave and could. Errors: User for what
/// the coordinator refuses; Internal when tasks did not end, and only the end of the process will end them.
pub fn run_worker(config: WorkerConfig, leave: Receiver<()>) -> Result<()> {
    address::check(&config.coordinator)?;
    let bind = address::bind(config.bind.as_deref(), &config.coordinator);
    let network = Network::start(NetworkConfig { bind, tls: config.tls.clone() })?;
    let Some(exchange) = own_address(&config, network.address(), &leave)? else { return Ok(()) };
    tracing::info!("worker {}: {} slots, exchange at {exchange}", config.name, config.slots);
    let outbox = Arc::new(Outbox::default());
    let monitor = Monitor::start(&config.name, config.http.as_deref(), outbox.clone())?;
    if let Some(address) = monitor.address() {
        tracing::info!("probes and metrics at http://{address}");
    }
    let (inbox_in, inbox) = unbounded();
    let link = Link::start(&config, exchange, outbox.clone(), inbox_in)?;
    let worker = Worker {
        config,
        network,
        outbox,
        monitor,
        state: State::Idle,
        local: Local::default(),
        fetching: Fetching::default(),
        joined: unbounded(),
        left: None,
    };
    let outcome = worker.run(&inbox, &leave);
    drop(link);
    outcome
}

/// Where others find this worker; `None` when it is asked to end before that is known. In a cluster the coordinator's
/// name may resolve only later.
fn own_address(config: &WorkerConfig, bound: SocketAddr, leave: &Receiver<()>) -> Result<Option<String>> {
    let mut told: Option<Instant> = None;
    loop {
        match address::advertise(config.advertise.as_deref(), bound, &config.coordinator) {
            Err(e) if e.domain() == Domain::Transient => {
                if told.is_none_or(|at| at.elapsed() >= TELL) {
                    told = Some(Instant::now());
                    tracing::warn!("{e}; trying again");
                }
            }
            known => return known.map(Some),
        }
        if leave.recv_timeout(RETRY).is_ok() {
            return Ok(None);
        }
    }
}

struct Worker {
    config: WorkerConfig,
    network: Arc<Network>,
    outbox: Arc<Outbox>,
    monitor: Arc<Monitor>,
    state: State,
    local: Local,
    fetching: Fetching,
    /// Attempts whose threads have ended.
    joined: (Sender<String>, Receiver<String>),
    /// When it was asked to end.
    left: Option<Instant>,
}

enum State {
    Idle,
    Running(Share),
    Ending { attempt: String, since: Instant, events: Receiver<TaskEvent>, next: Option<Box<Deploy>> },
}

impl Worker {
    fn run(mut self, inbox: &Receiver<FromLink>, leave: &Receiver<()>) -> Result<()> {
        let mut reported = Instant::now();
        let mut leave = leave.clone();
        loop {
            let events = match &self.state {
                State::Idle => never(),
                State::Running(share) => share.events.clone(),
                State::Ending { events, .. } => events.clone(),
            };
            let joined = self.joined.1.clone();
            select! {
                recv(inbox) -> message => match message {
                    Ok(FromLink::Message(message)) => if self.on_message(message)? {
                        let ended = self.end();
                        // Who was asked to leave may be back at once.
                        if self.left.is_none() {
                            self.local.remove();
                        }
                        return ended;
                    },
                    Ok(FromLink::Failed(e)) => {
                        if let Err(stuck) = self.end() {
                            tracing::error!("{stuck}");
                        }
                        return Err(e);
                    }
                    Err(_) => return Err(Error::internal("the control thread has ended")),
                },
                recv(events) -> event => match event {
                    Ok(event) => self.on_event(event),
                    Err(_) => self.on_silence(),
                },
                recv(joined) -> attempt => if let Ok(attempt) = attempt { self.on_joined(&attempt)? },
                recv(leave) -> asked => {
                    // Asked once is enough; and whoever could ask may be gone.
                    leave = never();
                    if asked.is_ok() {
                        self.on_leave();
                    }
                }
                default(STATUS) => {}
            }
            self.monitor.beat(matches!(self.state, State::Running(_)));
            if reported.elapsed() >= STATUS {
                reported = Instant::now();
                self.report();
            }
            if self.on_time()? {
                return self.end();
            }
        }
    }

    /// True when the worker is to end.
    fn on_message(&mut self, message: ToWorker) -> Result<bool> {
        match message {
            ToWorker::Welcome { .. } => {
                tracing::info!("registered with the coordinator at {}", self.config.coordinator);
            }
            ToWorker::Deploy(deploy) => {
                self.fetching.stop();
                self.on_deploy(deploy)?;
            }
            ToWorker::Fetch(fetch) => {
                if let Err(e) = self.fetching.begin(self.config.planner.as_ref(), &mut self.local, *fetch) {
                    tracing::warn!("files cannot be fetched ahead: {e}");
                }
            }
            ToWorker::Command { attempt, command } => self.on_command(&attempt, command),
            ToWorker::Adopt { attempt, generation } => {
                tracing::info!("the coordinator of generation {generation} goes on with attempt {attempt}");
                self.outbox.adopted(&attempt, generation);
            }
            ToWorker::Shutdown => return Ok(true),
            ToWorker::Heartbeat | ToWorker::Refuse { .. } => {}
        }
        Ok(false)
    }

    fn on_deploy(&mut self, deploy: Box<Deploy>) -> Result<()> {
        if matches!(self.state, State::Running(_)) {
            self.cancel()?;
        }
        match &mut self.state {
            State::Ending { next, .. } => *next = Some(deploy),
            _ => self.begin(*deploy),
        }
        Ok(())
    }

    fn begin(&mut self, deploy: Deploy) {
        let (attempt, generation, tasks) = (deploy.attempt.clone(), deploy.generation, share::tasks(&deploy));
        tracing::info!("attempt {attempt} of {}: {} tasks here", deploy.terms.job.name, tasks.len());
        self.outbox.begin(&attempt, generation, deploy.terms.clone(), tasks);
        let _waits = self.monitor.begin(&deploy.terms.job);
        match share::start(self.config.planner.as_ref(), self.network.clone(), &mut self.local, deploy) {
            Ok(share) => self.state = State::Running(share),
            Err(e) => {
                tracing::warn!("attempt {attempt} cannot run here: {e}");
                self.outbox.failed(&attempt, WireError::from(&e));
                self.outbox.done(&attempt);
            }
        }
    }

    fn on_command(&mut self, attempt: &str, command: WireCommand) {
        // A deployment that has not begun yet is called off.
        if let (State::Ending { next, .. }, WireCommand::Cancel) = (&mut self.state, &command)
            && next.as_ref().is_some_and(|n| n.attempt == attempt)
        {
            *next = None;
            self.outbox.done(attempt);
            return;
        }
        let State::Running(share) = &self.state else { return };
        if share.attempt != attempt {
            tracing::debug!("a command for attempt {attempt}, which does not run here");
            return;
        }
        if matches!(command, WireCommand::Cancel) {
            if let Err(e) = self.cancel() {
                tracing::error!("{e}");
            }
            return;
        }
        self.outbox.command(attempt, &command);
        match share.command(command) {
            Ok(command) => share.deployment.send(command),
            Err(e) => self.outbox.failed(attempt, WireError::from(&e)),
        }
    }

    fn on_event(&mut self, event: TaskEvent) {
        let attempt = match &mut self.state {
            State::Idle => return,
            State::Running(share) => {
                share.heard(&event);
                if matches!(event, TaskEvent::Finished(_)) {
                    share.unfinished = share.unfinished.saturating_sub(1);
                }
                share.attempt.clone()
            }
            State::Ending { attempt, .. } => attempt.clone(),
        };
        if matches!(&self.state, State::Running(share) if share.unfinished == 0) {
            // The last figures come before the last word.
            self.report();
        }
        self.outbox.event(&attempt, WireEvent::from(event));
        if matches!(&self.state, State::Running(share) if share.unfinished == 0) {
            self.finish();
        }
    }

    /// All threads are through; what is left is to join them.
    fn on_silence(&mut self) {
        match &mut self.state {
            State::Idle => {}
            State::Running(_) => self.finish(),
            State::Ending { events, .. } => *events = never(),
        }
    }

    /// Stops the tasks that run and waits for their threads elsewhere.
    fn cancel(&mut self) -> Result<()> {
        if let State::Running(share) = &self.state {
            self.outbox.command(&share.attempt, &WireCommand::Cancel);
            share.deployment.send(TaskCommand::Cancel);
        }
        self.join()
    }

    fn finish(&mut self) {
        if let Err(e) = self.join() {
            tracing::error!("{e}");
        }
    }

    fn join(&mut self) -> Result<()> {
        let State::Running(share) = std::mem::replace(&mut self.state, State::Idle) else {
            return Err(Error::internal("nothing runs that could be joined"));
        };
        let Share { attempt, deployment, events, .. } = share;
        let (joined, name) = (self.joined.0.clone(), attempt.clone());
        self.state = State::Ending { attempt, since: Instant::now(), events, next: None };
        let work = move || {
            deployment.join();
            let _ = joined.send(name);
        };
        std::thread::Builder::new().name("join".into()).spawn(work).transient("cannot start a thread")?;
        Ok(())
    }

    fn on_joined(&mut self, joined: &str) -> Result<()> {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Ending { attempt, events, next, .. } if attempt == joined => {
                // What the tasks said last comes before the word that they are done.
                for event in events.try_iter() {
                    self.outbox.event(&attempt, WireEvent::from(event));
                }
                self.outbox.done(&attempt);
                if let Some(next) = next {
                    self.begin(*next);
                }
            }
            other => self.state = other,
        }
        Ok(())
    }

    fn report(&self) {
        let State::Running(share) = &self.state else { return };
        self.monitor.look(share.deployment.as_ref());
        if self.outbox.is_connected() {
            let operators: Vec<WireStatus> = share.deployment.status().into_iter().map(WireStatus::from).collect();
            self.outbox.say(ToCoordinator::Status { attempt: share.attempt.clone(), operators });
        }
    }

    fn on_leave(&mut self) {
        self.left = Some(Instant::now());
        self.outbox.leave();
    }

    /// True when the worker is to end.
    fn on_time(&mut self) -> Result<bool> {
        if let State::Ending { attempt, since, .. } = &self.state
            && since.elapsed() >= self.config.watchdog
        {
            return Err(Error::internal(format!(
                "the tasks of attempt {attempt} did not end within {} s; this process ends to end them",
                self.config.watchdog.as_secs()
            )));
        }
        let Some(left) = self.left else { return Ok(false) };
        // Nobody has to let it go when nothing runs and nobody is there.
        let free = matches!(self.state, State::Idle) && !self.outbox.is_connected();
        Ok(free || left.elapsed() >= self.config.grace)
    }

    /// Ends what runs.
    fn end(&mut self) -> Result<()> {
        if matches!(self.state, State::Running(_)) {
            self.cancel()?;
        }
        let State::Ending { attempt, .. } = &self.state else { return Ok(()) };
        let until = Instant::now() + self.config.watchdog.min(self.config.grace);
        match self.joined.1.recv_deadline(until) {
            Ok(_) => Ok(()),
            Err(_) => Err(Error::internal(format!("the tasks of attempt {attempt} did not end in time"))),
        }
    }
}
