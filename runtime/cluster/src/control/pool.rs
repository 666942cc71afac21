//! The workers of one job as the coordinator sees them: listens for them, knows
//! who is alive, and carries messages of the one attempt that counts.

use super::adoption::Candidate;
use super::ahead::Ahead;
use super::crew::{Link, tell};
use super::message::{Deploy, JobDescription, ToWorker};
use super::registry::Worker;
use super::remote::RemoteDeployment;
use super::shared::Shared;
use super::{Timing, server};
use crossbeam_channel::{Receiver, Sender};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};
use streamjob_core::Result;
use streamjob_core::error::ErrorExt;
use streamjob_engine::deploy::{TaskEvent, VertexInfo};
use streamjob_engine::net::Tls;

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
        let shared = Arc::new(Shared::new(config.timing));
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

    /// At the next start of tasks, only so many workers take part, if they have the slots.
    pub fn keep(&self, workers: Option<u32>) {
        self.shared.keep(workers);
    }

    /// Has workers fetch what they will need.
    pub(crate) fn fetch_ahead(&self, job: &JobDescription, vertices: &[VertexInfo], ahead: &Ahead<'_>) {
        self.shared.fetch_ahead(job, vertices, ahead);
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
