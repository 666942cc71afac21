//! A worker's small HTTP server: probes, and metrics of the tasks here for
//! Prometheus. Off unless an address is given.

use super::outbox::Outbox;
use crate::control::message::JobDescription;
use crate::metrics;
use crate::view::{Pulse, StorageWait, Tasks};
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use parking_lot::Mutex;
use std::net::SocketAddr;
use std::sync::Arc;
use streamjob_api::Health;
use streamjob_core::error::ErrorExt;
use streamjob_core::options::find;
use streamjob_core::{Error, Result};
use streamjob_engine::deploy::Deployment;
use streamjob_state::{Clock, SystemClock};

/// First part of the metrics' names, unless the job says otherwise.
const PREFIX: &str = "metrics.prefix";

/// What the worker's thread tells the server.
pub struct Monitor {
    worker: String,
    outbox: Arc<Outbox>,
    pulse: Pulse,
    seen: Mutex<Seen>,
    server: Option<(SocketAddr, tokio::runtime::Runtime)>,
}

#[derive(Default)]
struct Seen {
    job: String,
    prefix: Option<String>,
    tasks: Tasks,
    running: bool,
}

impl Monitor {
    /// Serves at `bind`, when there is one. Errors (User) for an address that cannot be used.
    pub fn start(worker: &str, bind: Option<&str>, outbox: Arc<Outbox>) -> Result<Arc<Self>> {
        let mut monitor =
            Self { worker: worker.to_string(), outbox, pulse: Pulse::default(), seen: Mutex::default(), server: None };
        let Some(bind) = bind else { return Ok(Arc::new(monitor)) };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("http")
            .enable_all()
            .build()
            .transient("cannot start the HTTP thread")?;
        let listener = runtime.block_on(tokio::net::TcpListener::bind(bind)).map_err(|e| {
            Error::user(format!("cannot listen on {bind} for probes and metrics"))
                .caused_by(e)
                .fix("give --http an address of this machine with a free port; port 0 takes any")
        })?;
        let address = listener.local_addr().transient("the HTTP server has no address")?;
        monitor.server = Some((address, runtime));
        let monitor = Arc::new(monitor);
        let router = router(Arc::downgrade(&monitor));
        if let Some((_, runtime)) = &monitor.server {
            runtime.spawn(async move {
                if let Err(e) = axum::serve(listener, router).await {
                    tracing::error!("probes and metrics are served no longer: {e}");
                }
            });
        }
        Ok(monitor)
    }

    /// Where it listens.
    pub fn address(&self) -> Option<SocketAddr> {
        self.server.as_ref().map(|(address, _)| *address)
    }

    /// The worker's loop goes round; without tasks when none run.
    pub fn beat(&self, running: bool) {
        self.pulse.beat();
        let mut seen = self.seen.lock();
        if seen.running && !running {
            seen.tasks = Tasks::default();
        }
        seen.running = running;
    }

    /// An attempt is about to begin: storage and catalogs may be asked meanwhile.
    pub fn begin(&self, job: &JobDescription) -> StorageWait {
        let mut seen = self.seen.lock();
        seen.job.clone_from(&job.name);
        seen.prefix = job.options.get(PREFIX).cloned();
        seen.tasks = Tasks::default();
        self.pulse.storage_wait()
    }

    /// Figures of the tasks that run.
    pub fn look(&self, deployment: &dyn Deployment) {
        if self.server.is_some() {
            self.seen.lock().tasks.set(deployment.vertices(), deployment.status(), SystemClock.now_ms());
        }
    }

    fn ready(&self) -> Health {
        let running = self.seen.lock().running;
        match (self.outbox.is_connected(), running) {
            (true, _) => Health { ok: true, reason: "registered with the coordinator".into() },
            (false, true) => Health { ok: true, reason: "goes on while the coordinator is away".into() },
            (false, false) => Health { ok: false, reason: "not registered with a coordinator".into() },
        }
    }

    fn metrics(&self) -> Result<String> {
        let seen = self.seen.lock();
        let default = find(PREFIX).and_then(|def| def.default).unwrap_or_default();
        let prefix = seen.prefix.as_deref().unwrap_or(default);
        metrics::write(prefix, metrics::of_tasks(&seen.tasks, &seen.job, &self.worker))
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        if let Some((_, runtime)) = self.server.take() {
            runtime.shutdown_background();
        }
    }
}

type Shared = std::sync::Weak<Monitor>;

fn router(monitor: Shared) -> Router {
    Router::new()
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
        .route("/metrics", get(prometheus))
        .with_state(monitor)
}

fn health(monitor: &Shared, of: impl FnOnce(&Monitor) -> Health) -> Response {
    let ended = || Health { ok: false, reason: "the worker has ended".into() };
    crate::rest::health(monitor.upgrade().map_or_else(ended, |m| of(&m)))
}

async fn live(State(monitor): State<Shared>) -> Response {
    health(&monitor, |m| m.pulse.health())
}

async fn ready(State(monitor): State<Shared>) -> Response {
    health(&monitor, Monitor::ready)
}

async fn prometheus(State(monitor): State<Shared>) -> Response {
    match monitor.upgrade().map(|m| m.metrics()) {
        Some(Ok(text)) => ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response(),
        Some(Err(e)) => (StatusCode::INTERNAL_SERVER_ERROR, e.to_string()).into_response(),
        None => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}
