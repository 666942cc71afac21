//! Everything a coordinator needs to run one job, resolved: the plan, where
//! state and checkpoints go, and the figures read off the options.

use crate::control::Deployer;
use crate::restart::RestartStrategy;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use streamjob_checkpoint::coordinator::Config;
use streamjob_checkpoint::restore::RestoreFrom;
use streamjob_checkpoint::{Placement, Storage};
use streamjob_core::options::Options;
use streamjob_core::{Error, Result};
use streamjob_engine::JobGraph;
use streamjob_state::{BackendFactory, Clock};

/// One job to run.
pub struct JobSettings {
    /// Job name.
    pub name: String,
    /// Namespace; `default` on a laptop.
    pub namespace: String,
    /// Who the job belongs to; `Auto` continues only its own state.
    pub owner: String,
    /// Which form of the job its owner wants; empty on a laptop. A process of the same owner and revision as the last one
    /// goes on from the job's own state, whatever it was told to start from.
    pub revision: String,
    /// Digest of the script, so that a finished job tells another one from its own; empty where nobody asks.
    pub script: String,
    /// The plan.
    pub graph: Arc<JobGraph>,
    /// Options in force.
    pub options: Options,
    /// Default number of subtasks.
    pub parallelism: u32,
    /// Number of key groups.
    pub max_parallelism: u32,
    /// Checkpoint storage.
    pub storage: Storage,
    /// Checkpoints stay in memory, with the limit of 5 MiB a state.
    pub memory_storage: bool,
    /// Folder of savepoints without a target; default: the job's own.
    pub savepoint_dir: Option<String>,
    /// Makes keyed backends.
    pub backend: Arc<dyn BackendFactory>,
    /// Working files of backends.
    pub work_dir: PathBuf,
    /// Where tasks run.
    pub deployer: Arc<dyn Deployer>,
    /// What to start from.
    pub restore: RestoreFrom,
    /// Accept state in the restore source that no operator takes.
    pub allow_non_restored: bool,
    /// Own (and later delete) what the job is restored from.
    pub claim: bool,
    /// Wall clock.
    pub clock: Arc<dyn Clock>,
    /// Address and port of the REST API; `None` for none.
    pub rest: Option<(String, u16)>,
}

impl JobSettings {
    /// Timing of checkpoints, by the options. `first_delay_ms` is the interval.
    pub fn checkpoint_config(&self) -> Result<Config> {
        let o = &self.options;
        let millis = |key: &str| o.duration(key).map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX));
        let count = |key: &str| o.int(key).and_then(|v| u32::try_from(v).ok()).unwrap_or(0);
        let interval = millis("execution.checkpointing.interval");
        if interval > 0 && interval < 10 {
            return Err(Error::user(format!("execution.checkpointing.interval = {interval} ms is too short"))
                .fix("give at least 10 ms, or 0 ms to switch periodic checkpoints off"));
        }
        Config {
            interval_ms: (interval > 0).then_some(interval),
            first_delay_ms: interval,
            timeout_ms: millis("execution.checkpointing.timeout"),
            min_pause_ms: millis("execution.checkpointing.min-pause"),
            max_concurrent: count("execution.checkpointing.max-concurrent-checkpoints") as usize,
            tolerable_failures: count("execution.checkpointing.tolerable-failed-checkpoints"),
            unaligned: false,
        }
        .checked()
    }

    /// True for exactly-once.
    pub fn aligned(&self) -> bool {
        !self.options.text("execution.checkpointing.mode").is_some_and(|m| m.eq_ignore_ascii_case("AT_LEAST_ONCE"))
    }

    /// Completed checkpoints that are kept.
    pub fn retained(&self) -> usize {
        self.options.int("execution.checkpointing.num-retained").and_then(|n| usize::try_from(n).ok()).unwrap_or(1)
    }

    /// Whether checkpoints are deleted when the job is cancelled.
    pub fn delete_on_cancel(&self) -> bool {
        self.options
            .text("execution.checkpointing.externalized-checkpoint-retention")
            .is_some_and(|m| m.eq_ignore_ascii_case("DELETE_ON_CANCELLATION"))
    }

    /// Where checkpoint content goes.
    pub fn placement(&self) -> Result<Placement> {
        if self.memory_storage {
            return Ok(Placement::Memory { limit: streamjob_checkpoint::snapshot_store::MEMORY_STATE_LIMIT });
        }
        let threshold = self.options.bytes("execution.checkpointing.data-inline-threshold");
        Placement::files(threshold.unwrap_or(streamjob_checkpoint::snapshot_store::DEFAULT_INLINE_THRESHOLD))
    }

    /// Memory of all keyed backends together, bytes.
    pub fn memory_budget(&self) -> u64 {
        self.options.bytes("state.backend.rocksdb.memory.fixed-per-slot").unwrap_or(256 << 20)
    }

    /// How long a start waits for slots.
    pub fn slot_timeout(&self) -> Duration {
        self.options.duration("slot.request.timeout").unwrap_or(Duration::from_secs(300))
    }

    /// How long rows may wait for a batch to fill.
    pub fn linger(&self) -> Duration {
        self.options.duration("execution.buffer-timeout.interval").unwrap_or(Duration::from_millis(10))
    }

    /// What happens after failures.
    pub fn restart_strategy(&self) -> RestartStrategy {
        let o = &self.options;
        let duration = |key: &str| o.duration(key).unwrap_or_default();
        let count = |key: &str| o.int(key).and_then(|v| u32::try_from(v).ok());
        match o.text("restart-strategy.type").unwrap_or_default().to_ascii_lowercase().as_str() {
            "none" | "off" | "disable" => RestartStrategy::None,
            "fixed-delay" | "fixeddelay" => RestartStrategy::FixedDelay {
                attempts: count("restart-strategy.fixed-delay.attempts").unwrap_or(1),
                delay: duration("restart-strategy.fixed-delay.delay"),
            },
            "failure-rate" | "failurerate" => RestartStrategy::FailureRate {
                max_failures: count("restart-strategy.failure-rate.max-failures-per-interval").unwrap_or(1),
                window: duration("restart-strategy.failure-rate.failure-rate-interval"),
                delay: duration("restart-strategy.failure-rate.delay"),
            },
            _ => RestartStrategy::ExponentialDelay {
                initial: duration("restart-strategy.exponential-delay.initial-backoff"),
                max: duration("restart-strategy.exponential-delay.max-backoff"),
                multiplier: 1.5,
                reset_after: Duration::from_secs(3600),
                attempts: count("restart-strategy.exponential-delay.attempts-before-reset-backoff"),
            },
        }
    }
}
