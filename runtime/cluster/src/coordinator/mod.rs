//! The coordinator of one job: claims the job's name in storage, restores,
//! deploys the tasks, drives checkpoints, restarts after failures, ends. What to
//! do about checkpoints is decided by `streamjob_checkpoint::coordinator`; here
//! its actions are carried out, on one thread, with storage work on another.

mod attempt;
mod found;
mod ledger;
mod names;
mod prepared;
mod run;
mod snapshots;

use crate::control::Deployer;
use crate::control::digest::digest;
use crate::rest;
use crate::settings::JobSettings;
use crate::view::{JobView, ViewSettings};
use crossbeam_channel::Receiver;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use streamjob_api::{CheckpointConfig, Externalization, ServerConfig};
use streamjob_checkpoint::Kind;
use streamjob_core::error::ErrorExt;
use streamjob_core::{Error, OperatorUid, Result};
use streamjob_engine::JobGraph;
use streamjob_engine::graph::{Node, NodeKind};

/// Between two looks at who is there.
const WORKERS: Duration = Duration::from_millis(200);

pub use prepared::{Called, Past, Prepared};

/// How a job ended.
#[derive(Debug)]
pub enum JobOutcome {
    /// All input is done and published.
    Finished {
        /// Where the final checkpoint lies.
        checkpoint: Option<String>,
    },
    /// The last run had already finished or was drained: nothing was left to do.
    AlreadyFinished {
        /// Where its final checkpoint lies.
        checkpoint: String,
    },
    /// Stopped with a savepoint or a checkpoint.
    Stopped {
        /// Which of them.
        kind: Kind,
        /// Where it lies.
        location: String,
        /// Event time was ended first: the job cannot go on from there.
        drained: bool,
    },
    /// Ended on request behind a checkpoint; the next start goes on from there.
    Suspended {
        /// Where it lies; `None` when there was no time for one.
        checkpoint: Option<String>,
    },
    /// Cancelled.
    Canceled,
    /// Gave up.
    Failed(Error),
}

/// A job that runs in this process.
pub struct RunningJob {
    view: JobView,
    rest_address: Option<SocketAddr>,
    start_message: String,
    thread: JoinHandle<JobOutcome>,
    ended: Receiver<()>,
    _server: Option<tokio::runtime::Runtime>,
}

impl RunningJob {
    /// What the outside sees.
    pub fn view(&self) -> &JobView {
        &self.view
    }

    /// Where the REST API listens.
    pub fn rest_address(&self) -> Option<SocketAddr> {
        self.rest_address
    }

    /// What the job starts from, for people.
    pub fn start_message(&self) -> &str {
        &self.start_message
    }

    /// Waits up to `timeout` for the end; true when it has come.
    pub fn wait_timeout(&self, timeout: std::time::Duration) -> bool {
        !matches!(self.ended.recv_timeout(timeout), Err(crossbeam_channel::RecvTimeoutError::Timeout))
    }

    /// Waits for the end.
    pub fn wait(self) -> JobOutcome {
        self.thread.join().unwrap_or_else(|_| JobOutcome::Failed(Error::internal("the coordinator's thread panicked")))
    }
}

/// Begins a job at once, from what its settings say.
pub fn start(settings: JobSettings) -> Result<RunningJob> {
    let from = settings.restore.clone();
    Prepared::new(settings)?.begin(from)
}

fn serve(
    settings: &JobSettings,
    view: &JobView,
    address: &str,
    port: u16,
) -> Result<(SocketAddr, tokio::runtime::Runtime)> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("control")
        .enable_all()
        .build()
        .transient("cannot start the control threads")?;
    let listener = runtime.block_on(rest::bind(address, port))?;
    let bound = rest::local_address(&listener)?;
    let (view, clock) = (view.clone(), settings.clock.clone());
    runtime.spawn(watch_workers(view.clone(), settings.deployer.clone()));
    runtime.spawn(async move {
        if let Err(e) = rest::serve(listener, view, clock).await {
            tracing::error!("{e}");
        }
    });
    Ok((bound, runtime))
}

/// Keeps the view's workers fresh, whatever the coordinator's thread is busy with.
async fn watch_workers(view: JobView, deployer: Arc<dyn Deployer>) {
    let mut ticks = tokio::time::interval(WORKERS);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        view.set_workers(deployer.workers());
    }
}

/// Operators with a parallelism of their own.
fn fixed(graph: &JobGraph) -> BTreeSet<OperatorUid> {
    let of_source = |node: &Node| match &node.kind {
        NodeKind::Source(source) => source.parallelism(),
        NodeKind::Operator(_) => None,
    };
    let fixed = graph.nodes.iter().filter(|n| n.parallelism.or_else(|| of_source(n)).is_some());
    fixed.map(|n| n.uid.clone()).collect()
}

fn view_settings(settings: &JobSettings, config: &streamjob_checkpoint::coordinator::Config) -> ViewSettings {
    let secret = |key: &str| key.contains("secret") || key.contains("password") || key.contains("access-key");
    let options = settings.options.iter().filter(|(k, _)| !secret(k));
    ViewSettings {
        name: settings.name.clone(),
        revision: settings.revision.clone(),
        started_ms: settings.clock.now_ms(),
        parallelism: settings.parallelism,
        max_parallelism: settings.max_parallelism,
        fixed: fixed(&settings.graph),
        plan_digest: digest(&settings.graph),
        restart_strategy: settings.restart_strategy().to_string(),
        metrics_prefix: settings.options.text("metrics.prefix").unwrap_or_default().to_string(),
        checkpoints: CheckpointConfig {
            mode: if settings.aligned() { "exactly_once" } else { "at_least_once" }.into(),
            interval: config.interval_ms.unwrap_or(0),
            timeout: config.timeout_ms,
            min_pause: config.min_pause_ms,
            max_concurrent: u32::try_from(config.max_concurrent).unwrap_or(u32::MAX),
            externalization: Externalization {
                enabled: !settings.memory_storage,
                delete_on_cancellation: settings.delete_on_cancel(),
            },
            tolerable_failed_checkpoints: config.tolerable_failures,
            num_retained: u32::try_from(settings.retained()).unwrap_or(u32::MAX),
            state_backend: settings.backend.name().into(),
            checkpoint_storage: settings.storage.root.url(""),
        },
        config: ServerConfig {
            version: env!("CARGO_PKG_VERSION").into(),
            job: settings.name.clone(),
            options: options.map(|(k, v)| (k.to_string(), v.to_string())).collect(),
        },
    }
}
