//! The list of all options. Add a row here and it is known to SQL, manifests,
//! the command line and the docs at once.

use super::value::{parse_bool, parse_duration, parse_memory_size};

/// What a value of an option looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptionKind {
    /// `true` or `false`.
    Bool,
    /// A whole number from the given least to the given largest value.
    Int(i64, i64),
    /// A duration.
    Duration,
    /// A size in memory or on disk.
    Size,
    /// A size of at most so many bytes.
    SizeTo(u64),
    /// Any text.
    Text,
    /// One of these words, in any case.
    Enum(&'static [&'static str]),
}

impl OptionKind {
    /// Ok, or what would be allowed, in words.
    pub fn check(self, value: &str) -> Result<(), String> {
        let ok = match self {
            OptionKind::Bool => parse_bool(value).is_some(),
            OptionKind::Int(min, max) => value.trim().parse::<i64>().is_ok_and(|v| (min..=max).contains(&v)),
            OptionKind::Duration => parse_duration(value).is_some(),
            OptionKind::Size => parse_memory_size(value).is_some(),
            OptionKind::SizeTo(max) => parse_memory_size(value).is_some_and(|size| size <= max),
            OptionKind::Text => true,
            OptionKind::Enum(words) => words.iter().any(|w| w.eq_ignore_ascii_case(value.trim())),
        };
        if ok { Ok(()) } else { Err(self.expected()) }
    }

    /// What is allowed, in words.
    pub fn expected(self) -> String {
        match self {
            OptionKind::Bool => "true or false".into(),
            OptionKind::Int(min, i64::MAX) => format!("a whole number of at least {min}"),
            OptionKind::Int(min, max) => format!("a whole number from {min} to {max}"),
            OptionKind::Duration => "a duration such as '30 s' or '500 ms'".into(),
            OptionKind::Size => "a size such as '64 mb'".into(),
            OptionKind::SizeTo(max) => format!("a size such as '20 kb', at most {max} bytes"),
            OptionKind::Text => "a text".into(),
            OptionKind::Enum(words) => format!("one of {}", words.join(", ")),
        }
    }
}

/// What the runtime does with an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// Obeyed.
    Yes,
    /// Accepted with a warning, and why it has no effect.
    Ignored(&'static str),
    /// Any value but the default is refused, and why.
    No(&'static str),
}

/// One option.
#[derive(Debug, Clone, Copy)]
pub struct OptionDef {
    /// Canonical name (Flink 2.x).
    pub key: &'static str,
    /// Names it had before.
    pub deprecated: &'static [&'static str],
    /// What a value looks like.
    pub kind: OptionKind,
    /// Default, as written; `None` when unset means something of its own.
    pub default: Option<&'static str>,
    /// What the runtime does with it.
    pub support: Support,
    /// One sentence for the docs.
    pub doc: &'static str,
}

const fn yes(
    key: &'static str,
    deprecated: &'static [&'static str],
    kind: OptionKind,
    default: Option<&'static str>,
    doc: &'static str,
) -> OptionDef {
    OptionDef { key, deprecated, kind, default, support: Support::Yes, doc }
}

const fn ignored(
    key: &'static str,
    deprecated: &'static [&'static str],
    kind: OptionKind,
    why: &'static str,
) -> OptionDef {
    OptionDef { key, deprecated, kind, default: None, support: Support::Ignored(why), doc: why }
}

const fn no(key: &'static str, kind: OptionKind, default: &'static str, why: &'static str) -> OptionDef {
    OptionDef { key, deprecated: &[], kind, default: Some(default), support: Support::No(why), doc: why }
}

use OptionKind::{Bool, Duration, Enum, Int, Size, SizeTo, Text};

/// Every option, grouped by prefix.
pub static REGISTRY: &[OptionDef] = &[
    yes(
        "execution.checkpointing.interval",
        &[],
        Duration,
        Some("1 min"),
        "Time between two checkpoints; `0 ms` switches periodic checkpoints off.",
    ),
    yes(
        "execution.checkpointing.mode",
        &[],
        Enum(&["EXACTLY_ONCE", "AT_LEAST_ONCE"]),
        Some("EXACTLY_ONCE"),
        "Whether barriers are aligned.",
    ),
    yes(
        "execution.checkpointing.timeout",
        &[],
        Duration,
        Some("10 min"),
        "A checkpoint that takes longer is given up.",
    ),
    yes(
        "execution.checkpointing.min-pause",
        &[],
        Duration,
        Some("0 ms"),
        "Least time between the end of a checkpoint and the start of the next periodic one.",
    ),
    yes(
        "execution.checkpointing.max-concurrent-checkpoints",
        &[],
        Int(1, 100),
        Some("1"),
        "Checkpoints that may be under way at once.",
    ),
    yes(
        "execution.checkpointing.tolerable-failed-checkpoints",
        &[],
        Int(0, i64::MAX),
        Some("0"),
        "Failed checkpoints in a row before the job fails.",
    ),
    yes(
        "execution.checkpointing.num-retained",
        &["state.checkpoints.num-retained"],
        Int(1, 1000),
        Some("3"),
        "Completed checkpoints that are kept.",
    ),
    yes(
        "execution.checkpointing.externalized-checkpoint-retention",
        &[],
        Enum(&["RETAIN_ON_CANCELLATION", "DELETE_ON_CANCELLATION"]),
        Some("RETAIN_ON_CANCELLATION"),
        "What happens to checkpoints when the job is cancelled.",
    ),
    yes(
        "execution.checkpointing.incremental",
        &["state.backend.incremental"],
        Bool,
        Some("true"),
        "Upload only files that the last checkpoint does not have (RocksDB).",
    ),
    yes(
        "execution.checkpointing.storage",
        &["state.checkpoint-storage"],
        Enum(&["jobmanager", "filesystem"]),
        None,
        "`jobmanager` keeps checkpoints in memory (5 MiB a state), `filesystem` under `execution.checkpointing.dir`.",
    ),
    yes(
        "execution.checkpointing.dir",
        &["state.checkpoints.dir"],
        Text,
        None,
        "Root of the checkpoints: a path, file:// or s3://bucket/prefix.",
    ),
    yes(
        "execution.checkpointing.savepoint-dir",
        &["state.savepoints.dir"],
        Text,
        None,
        "Where savepoints go; default: `savepoints` beside the checkpoints.",
    ),
    yes(
        "execution.checkpointing.data-inline-threshold",
        &["state.storage.fs.memory-threshold", "state.backend.fs.memory-threshold"],
        SizeTo(1 << 20),
        Some("20 kb"),
        "State no larger than this stands inside the manifest.",
    ),
    yes(
        "execution.checkpointing.sync-files",
        &[],
        Bool,
        Some("true"),
        "Whether a checkpoint in a folder waits until its files are on the disk. Without, a machine that crashes may lose the \
         last checkpoints; Flink does not wait.",
    ),
    ignored(
        "execution.checkpointing.write-buffer-size",
        &["state.storage.fs.write-buffer-size"],
        Size,
        "writes are buffered as a whole",
    ),
    no("execution.checkpointing.unaligned.enabled", Bool, "false", "unaligned checkpoints are not built yet"),
    no("execution.checkpointing.unaligned.forced", Bool, "false", "unaligned checkpoints are not built yet"),
    no(
        "execution.checkpointing.aligned-checkpoint-timeout",
        Duration,
        "0 ms",
        "unaligned checkpoints are not built yet",
    ),
    ignored(
        "execution.checkpointing.checkpoints-after-tasks-finish",
        &["execution.checkpointing.checkpoints-after-tasks-finish.enabled"],
        Bool,
        "always on",
    ),
    no("execution.checkpointing.interval-during-backlog", Duration, "0 ms", "no source reports backlog yet"),
    yes(
        "state.backend.type",
        &["state.backend"],
        Enum(&["hashmap", "rocksdb", "filesystem", "jobmanager"]),
        Some("rocksdb"),
        "Where keyed state lives; `filesystem` and `jobmanager` are Flink's old names for heap state with that storage.",
    ),
    ignored("state.backend.async", &[], Bool, "snapshots are always asynchronous"),
    yes(
        "execution.state-recovery.from-local",
        &["state.backend.local-recovery"],
        Bool,
        Some("true"),
        "Workers keep the state files of the newest checkpoint on their disk (RocksDB), and restart from those where they are still there and unchanged.",
    ),
    ignored(
        "execution.checkpointing.snapshot-compression",
        &[],
        Bool,
        "state files are compressed where that halves them",
    ),
    ignored(
        "execution.checkpointing.local-backup.enabled",
        &[],
        Bool,
        "local files are hard links; execution.state-recovery.from-local decides",
    ),
    yes(
        "state.backend.rocksdb.localdir",
        &[],
        Text,
        None,
        "Where the working files of RocksDB lie; default: `.streamjob/state`.",
    ),
    yes(
        "state.backend.rocksdb.compaction.style",
        &[],
        Enum(&["UNIVERSAL", "LEVEL"]),
        Some("UNIVERSAL"),
        "UNIVERSAL uploads less in incremental checkpoints, and takes up to twice the state's size on the disk, three times for moments; LEVEL (Flink's default) takes little more than the state's size.",
    ),
    no("state.backend.rocksdb.memory.managed", Bool, "true", "RocksDB's memory is always bounded by one budget"),
    yes(
        "state.backend.rocksdb.memory.fixed-per-slot",
        &["taskmanager.memory.managed.size"],
        Size,
        Some("256 mb"),
        "Memory for RocksDB's caches and write buffers.",
    ),
    yes(
        "taskmanager.memory.task.heap.size",
        &[],
        Size,
        None,
        "Most memory that `hashmap` state may take, of all operators together; default: half of this machine's or container's memory.",
    ),
    ignored(
        "state.latency-track.keyed-state-enabled",
        &["state.backend.latency-track.keyed-state-enabled"],
        Bool,
        "state latency metrics are not built yet",
    ),
    yes(
        "execution.state-recovery.path",
        &["execution.savepoint.path"],
        Text,
        None,
        "Start from this savepoint or checkpoint.",
    ),
    yes(
        "execution.state-recovery.ignore-unclaimed-state",
        &["execution.savepoint.ignore-unclaimed-state"],
        Bool,
        Some("false"),
        "Allow state in the checkpoint that no operator of the job takes.",
    ),
    yes(
        "execution.state-recovery.claim-mode",
        &["execution.savepoint-restore-mode"],
        Enum(&["NO_CLAIM", "CLAIM"]),
        Some("NO_CLAIM"),
        "Whether the job may delete what it was restored from.",
    ),
    yes("parallelism.default", &[], Int(1, 32_768), Some("1"), "Subtasks an operator has."),
    yes("pipeline.max-parallelism", &[], Int(1, 32_768), Some("128"), "Number of key groups; fixed once state exists."),
    yes("pipeline.name", &[], Text, None, "Name of the job."),
    ignored("pipeline.object-reuse", &[], Bool, "rows are never copied between chained operators"),
    yes(
        "pipeline.operator-chaining.enabled",
        &["pipeline.operator-chaining"],
        Bool,
        Some("true"),
        "Run operators that need no exchange in one task.",
    ),
    yes("pipeline.auto-watermark-interval", &[], Duration, Some("200 ms"), "Least step between two watermarks."),
    no(
        "execution.runtime-mode",
        Enum(&["STREAMING", "BATCH", "AUTOMATIC"]),
        "STREAMING",
        "there is no batch mode; bounded input just ends",
    ),
    yes(
        "execution.buffer-timeout.interval",
        &["execution.buffer-timeout"],
        Duration,
        Some("10 ms"),
        "How long rows may wait for a batch to fill.",
    ),
    yes(
        "restart-strategy.type",
        &["restart-strategy"],
        Enum(&[
            "none",
            "off",
            "disable",
            "fixed-delay",
            "fixeddelay",
            "failure-rate",
            "failurerate",
            "exponential-delay",
            "exponentialdelay",
        ]),
        Some("exponential-delay"),
        "What happens after a failure.",
    ),
    yes("restart-strategy.fixed-delay.attempts", &[], Int(1, i64::MAX), Some("1"), "Restarts before the job fails."),
    yes("restart-strategy.fixed-delay.delay", &[], Duration, Some("1 s"), "Pause before a restart."),
    yes(
        "restart-strategy.failure-rate.max-failures-per-interval",
        &[],
        Int(1, i64::MAX),
        Some("1"),
        "Failures allowed within the interval.",
    ),
    yes("restart-strategy.failure-rate.failure-rate-interval", &[], Duration, Some("1 min"), "The interval."),
    yes("restart-strategy.failure-rate.delay", &[], Duration, Some("1 s"), "Pause before a restart."),
    yes("restart-strategy.exponential-delay.initial-backoff", &[], Duration, Some("1 s"), "First pause."),
    yes("restart-strategy.exponential-delay.max-backoff", &[], Duration, Some("1 min"), "Longest pause."),
    yes(
        "restart-strategy.exponential-delay.attempts-before-reset-backoff",
        &["restart-strategy.exponential-delay.attempts"],
        Int(1, i64::MAX),
        None,
        "Restarts before the job fails; unlimited when unset.",
    ),
    yes(
        "table.local-time-zone",
        &[],
        Text,
        Some("UTC"),
        "Time zone of TIMESTAMP_LTZ in text and of the current time functions.",
    ),
    yes(
        "table.exec.state.ttl",
        &[],
        Duration,
        Some("0 ms"),
        "State that was not touched for this long is dropped; `0 ms` never.",
    ),
    yes(
        "table.exec.source.idle-timeout",
        &[],
        Duration,
        Some("0 ms"),
        "A source without rows for this long no longer holds back the watermark; `0 ms` never.",
    ),
    yes(
        "table.exec.sink.not-null-enforcer",
        &[],
        Enum(&["ERROR", "DROP"]),
        Some("ERROR"),
        "What happens to a NULL in a NOT NULL column of a sink.",
    ),
    no("table.exec.mini-batch.enabled", Bool, "false", "every change is emitted; mini-batch is not built yet"),
    ignored("table.exec.mini-batch.allow-latency", &[], Duration, "mini-batch is not built yet"),
    ignored("table.exec.mini-batch.size", &[], Int(1, i64::MAX), "mini-batch is not built yet"),
    yes(
        "table.exec.resource.default-parallelism",
        &[],
        Int(-1, 32_768),
        Some("-1"),
        "Subtasks an operator has; -1 takes `parallelism.default`.",
    ),
    ignored("table.dml-sync", &[], Bool, "a script's statements run as one job"),
    no(
        "table.optimizer.reuse-sub-plan-enabled",
        Bool,
        "true",
        "equal parts of a job's queries are one operator, so that its state is found again",
    ),
    ignored("table.optimizer.agg-phase-strategy", &[], Text, "aggregation has one phase"),
    ignored("sql-client.execution.result-mode", &[], Text, "there is no SQL client"),
    ignored("taskmanager.numberOfTaskSlots", &[], Int(1, i64::MAX), "a worker says itself how many it has (--slots)"),
    yes(
        "slot.request.timeout",
        &[],
        Duration,
        Some("5 min"),
        "How long a start waits for workers with enough slots; then it counts as a failure.",
    ),
    ignored("jobmanager.execution.failover-strategy", &[], Text, "the whole job restarts"),
    yes(
        "metrics.prefix",
        &[],
        Text,
        Some("flink"),
        "First part of the names on /metrics, before the first underscore.",
    ),
    yes("rest.port", &[], Int(0, 65_535), Some("8081"), "Port of the job's REST API; the next free one is taken."),
    yes("rest.bind-address", &[], Text, Some("127.0.0.1"), "Address of the job's REST API."),
    yes("s3.endpoint", &["fs.s3a.endpoint"], Text, None, "Endpoint of an S3 store other than AWS."),
    yes("s3.region", &["fs.s3a.endpoint.region"], Text, None, "Region of the bucket."),
    yes(
        "s3.path.style.access",
        &["s3.path-style-access", "fs.s3a.path.style.access"],
        Bool,
        Some("false"),
        "Bucket in the path instead of the host name.",
    ),
    yes(
        "s3.connection.establish.timeout",
        &["fs.s3a.connection.establish.timeout"],
        Duration,
        Some("5 s"),
        "Longest wait for a connection to the S3 endpoint.",
    ),
    yes(
        "s3.connection.timeout",
        &["fs.s3a.connection.timeout"],
        Duration,
        Some("60 s"),
        "Longest wait for the answer to one try of an S3 request.",
    ),
    yes(
        "s3.attempts.maximum",
        &["fs.s3a.attempts.maximum"],
        Int(1, 100),
        Some("5"),
        "Tries of an S3 request, with growing pauses between them.",
    ),
    yes("s3.access-key", &["fs.s3a.access.key"], Text, None, "Access key; default: the AWS credential chain."),
    yes("s3.secret-key", &["fs.s3a.secret.key"], Text, None, "Secret key."),
];

/// The option with this canonical or deprecated name.
pub fn find(key: &str) -> Option<&'static OptionDef> {
    REGISTRY.iter().find(|d| d.key == key || d.deprecated.contains(&key))
}

/// docs/options.md.
pub fn markdown() -> String {
    let mut out = String::from(
        "# Options\n\nSet by `SET 'key' = 'value'` in SQL, `spec.configuration` in a manifest, or `--set key=value`. \
         Old names are accepted and reported. Generated: `streamjob options --markdown`.\n\n\
         | option | type | default | meaning | old names |\n|---|---|---|---|---|\n",
    );
    for d in REGISTRY {
        let meaning = match d.support {
            Support::Yes => d.doc.to_string(),
            Support::Ignored(why) => format!("Accepted, no effect: {why}."),
            Support::No(why) => format!("Other values are refused: {why}."),
        };
        let old = d.deprecated.iter().map(|k| format!("`{k}`")).collect::<Vec<_>>().join(", ");
        let default = d.default.map_or(String::new(), |v| format!("`{v}`"));
        out.push_str(&format!("| `{}` | {} | {default} | {meaning} | {old} |\n", d.key, d.kind.expected()));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Options;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_and_defaults_valid() {
        let mut seen = HashSet::new();
        for d in REGISTRY {
            for name in std::iter::once(&d.key).chain(d.deprecated) {
                assert!(seen.insert(*name), "{name} twice");
            }
            if let Some(default) = d.default {
                assert_eq!(d.kind.check(default), Ok(()), "{}", d.key);
            }
        }
    }

    #[test]
    fn set_accepts_old_names_and_refuses_with_a_cure() -> crate::Result<()> {
        let mut o = Options::default();
        assert!(o.set("state.backend", "hashmap")?.is_some_and(|w| w.contains("state.backend.type")));
        assert_eq!(o.text("state.backend.type"), Some("hashmap"));
        let text = |r: crate::Result<Option<String>>| r.err().map(|e| e.to_string()).unwrap_or_default();
        assert!(
            text(o.set("execution.checkpointing.intervall", "1 s"))
                .contains("did you mean 'execution.checkpointing.interval'")
        );
        assert!(text(o.set("parallelism.default", "many")).contains("whole number from 1 to 32768"));
        assert!(text(o.set("execution.checkpointing.unaligned.enabled", "true")).contains("not supported"));
        assert_eq!(o.set("execution.checkpointing.unaligned.enabled", "false")?, None);
        Ok(())
    }
}
