//! The fields of a manifest as options of the runtime. Only what the manifest
//! writes counts: a default must not win over the script's SET.

use super::explicit::Explicit;
use super::{place, same_value};
use std::time::Duration;
use streamjob_core::Result;
use streamjob_core::options::Options;
use streamjob_crds::checkpoint::{CheckpointMode, Retention};
use streamjob_crds::state_backend::StateBackendType;
use streamjob_crds::{RestartPolicy, StreamJob};

/// Sets the options of all written fields, and warns of `configuration` that they overrule.
pub fn apply(job: &StreamJob, explicit: &Explicit, options: &mut Options, warnings: &mut Vec<String>) -> Result<()> {
    let spec = &job.spec;
    let mut put = Fields { options, warnings };
    if explicit.has("spec.parallelism") {
        let text = spec.parallelism.to_string();
        put.warn("spec.parallelism", "parallelism.default", &text);
        set_parallelism(put.options, spec.parallelism)?;
    }
    let c = &spec.checkpoint;
    let b = &spec.state_backend;
    let mode = match c.mode {
        CheckpointMode::ExactlyOnce => "EXACTLY_ONCE",
        CheckpointMode::AtLeastOnce => "AT_LEAST_ONCE",
    };
    let retention = match c.retention {
        Retention::RetainOnCancellation => "RETAIN_ON_CANCELLATION",
        Retention::DeleteOnCancellation => "DELETE_ON_CANCELLATION",
    };
    let backend = match b.kind {
        StateBackendType::RocksDB => "rocksdb",
        StateBackendType::Heap => "hashmap",
    };
    let memory = b.memory().map(|n| n.to_string()).unwrap_or_default();
    let table: [(&str, &str, String); 15] = [
        ("spec.maxParallelism", "pipeline.max-parallelism", spec.max_parallelism.to_string()),
        ("spec.checkpoint.interval", "execution.checkpointing.interval", millis(c.interval.get())),
        ("spec.checkpoint.mode", "execution.checkpointing.mode", mode.into()),
        ("spec.checkpoint.timeout", "execution.checkpointing.timeout", millis(c.timeout())),
        ("spec.checkpoint.minPause", "execution.checkpointing.min-pause", millis(c.min_pause())),
        (
            "spec.checkpoint.maxConcurrent",
            "execution.checkpointing.max-concurrent-checkpoints",
            c.max_concurrent.to_string(),
        ),
        (
            "spec.checkpoint.tolerableFailures",
            "execution.checkpointing.tolerable-failed-checkpoints",
            c.tolerable_failures.to_string(),
        ),
        ("spec.checkpoint.retained", "execution.checkpointing.num-retained", c.retained.to_string()),
        ("spec.checkpoint.retention", "execution.checkpointing.externalized-checkpoint-retention", retention.into()),
        ("spec.stateBackend.type", "state.backend.type", backend.into()),
        ("spec.stateBackend.incremental", "execution.checkpointing.incremental", b.incremental.to_string()),
        ("spec.stateBackend.localRecovery", "execution.state-recovery.from-local", b.local_recovery.to_string()),
        ("spec.stateBackend.memory", "state.backend.rocksdb.memory.fixed-per-slot", memory.clone()),
        ("spec.stateBackend.memory", "taskmanager.memory.task.heap.size", memory),
        ("spec.stateBackend.ttl", "table.exec.state.ttl", millis(b.ttl.get())),
    ];
    for (field, key, value) in &table {
        if !explicit.has(field) || value.is_empty() {
            continue;
        }
        put.field(field, key, value)?;
    }
    if explicit.has("spec.restart") {
        for (key, value) in restart(&spec.restart.policy()) {
            put.field("spec.restart", key, &value)?;
        }
    }
    if explicit.has("spec.checkpoint.storage") {
        for (key, value) in place::of_manifest(&spec.checkpoint.storage)? {
            put.field("spec.checkpoint.storage", key, &value)?;
        }
    }
    Ok(())
}

/// Subtasks of every operator, also over `table.exec.resource.default-parallelism` of a weaker place.
pub fn set_parallelism(options: &mut Options, n: u32) -> Result<()> {
    options.set("parallelism.default", &n.to_string())?;
    options.set("table.exec.resource.default-parallelism", "-1")?;
    Ok(())
}

struct Fields<'a> {
    options: &'a mut Options,
    warnings: &'a mut Vec<String>,
}

impl Fields<'_> {
    fn field(&mut self, field: &str, key: &str, value: &str) -> Result<()> {
        self.warn(field, key, value);
        self.options.set(key, value).map_err(|e| e.context(field))?;
        Ok(())
    }

    fn warn(&mut self, field: &str, key: &str, value: &str) {
        if let Some(loser) = self.options.explicit(key).filter(|v| !same_value(key, v, value)) {
            self.warnings
                .push(format!("spec.configuration: '{key}' = '{loser}' has no effect: {field} sets it to '{value}'"));
        }
    }
}

fn millis(d: Duration) -> String {
    format!("{} ms", d.as_millis())
}

fn restart(policy: &RestartPolicy) -> Vec<(&'static str, String)> {
    match *policy {
        RestartPolicy::None => vec![("restart-strategy.type", "none".into())],
        RestartPolicy::FixedDelay { attempts, delay } => vec![
            ("restart-strategy.type", "fixed-delay".into()),
            ("restart-strategy.fixed-delay.attempts", attempts.to_string()),
            ("restart-strategy.fixed-delay.delay", millis(delay)),
        ],
        RestartPolicy::FailureRate { max_failures, window, delay } => vec![
            ("restart-strategy.type", "failure-rate".into()),
            ("restart-strategy.failure-rate.max-failures-per-interval", max_failures.to_string()),
            ("restart-strategy.failure-rate.failure-rate-interval", millis(window)),
            ("restart-strategy.failure-rate.delay", millis(delay)),
        ],
        RestartPolicy::ExponentialDelay { initial, max, .. } => vec![
            ("restart-strategy.type", "exponential-delay".into()),
            ("restart-strategy.exponential-delay.initial-backoff", millis(initial)),
            ("restart-strategy.exponential-delay.max-backoff", millis(max)),
        ],
    }
}
