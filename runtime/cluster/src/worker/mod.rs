//! The worker process: registers with a coordinator, runs its share of whatever
//! that deploys, and goes on when the coordinator is away. It decides nothing
//! about the job; what it runs can publish only what its attempt's coordinator wins.

mod address;
mod ahead;
mod http;
mod link;
mod outbox;
mod run;
mod share;
#[cfg(test)]
mod tests;

pub use run::{Leave, run_worker};

use crate::control::Timing;
use crate::control::message::JobDescription;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use streamjob_checkpoint::Storage;
use streamjob_core::Result;
use streamjob_engine::JobGraph;
use streamjob_engine::net::Tls;
use streamjob_state::{BackendFactory, Clock};

/// One worker.
#[derive(Clone)]
pub struct WorkerConfig {
    /// The coordinator's address for workers, `host:port`.
    pub coordinator: String,
    /// Stable name; the coordinator knows the worker by it.
    pub name: String,
    /// Subtasks of each vertex that it takes.
    pub slots: u32,
    /// Where the exchange listens; `None` for any port on the address that the coordinator is reached from.
    pub bind: Option<String>,
    /// Where other workers find the exchange, `host:port`, when that is not where it listens.
    pub advertise: Option<String>,
    /// Mutual TLS; `None` for plain TCP.
    pub tls: Option<Tls>,
    /// Where probes and metrics are served, `host:port`; `None` for nowhere.
    pub http: Option<String>,
    /// Makes what runs from a job's description.
    pub planner: Arc<dyn Planner>,
    /// When a silent coordinator is lost.
    pub timing: Timing,
    /// How long tasks may take to end before the process gives up on itself.
    pub watchdog: Duration,
    /// How long it waits to be let go when it was asked to end.
    pub grace: Duration,
}

impl WorkerConfig {
    /// Threads that do not end within this time are stuck: only the end of the process ends them.
    pub const WATCHDOG: Duration = Duration::from_secs(180);
    /// Shorter than the grace period that Kubernetes gives a pod.
    pub const GRACE: Duration = Duration::from_secs(25);
}

/// Where a worker keeps files of the newest checkpoint, below its working folder.
pub const LOCAL_FILES: &str = "local";

/// What a worker needs of the job beside its share.
pub struct Planned {
    /// The plan.
    pub graph: Arc<JobGraph>,
    /// Makes keyed backends.
    pub backend: Arc<dyn BackendFactory>,
    /// Checkpoint storage.
    pub storage: Storage,
    /// Working files of backends.
    pub work_dir: PathBuf,
    /// Wall clock.
    pub clock: Arc<dyn Clock>,
    /// Keep the newest checkpoint's files on this disk, in the folder [`LOCAL_FILES`] of `work_dir`, and restart from them.
    pub from_local: bool,
}

/// Plans a job again (ADR 0003).
pub trait Planner: Send + Sync {
    /// The same input gives the same plan in every process.
    fn plan(&self, job: &JobDescription) -> Result<Planned>;
}
