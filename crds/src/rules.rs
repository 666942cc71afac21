//! The rules that span several fields or compare with the old object: each once,
//! as the CEL text that the API server evaluates, with the message and the fix
//! that both the API server and [`crate::validate`] report.

use crate::validate::FieldError;

/// One rule of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Path of the schema node that carries the rule; empty is the object itself.
    pub at: &'static str,
    /// Path of the field that a violation is reported for.
    pub field: &'static str,
    /// The rule in CEL; `self` is the node at `at`.
    pub cel: &'static str,
    /// What is wrong.
    pub message: &'static str,
    /// What to change.
    pub fix: &'static str,
    /// When the rule can be judged.
    pub scope: Scope,
}

/// When a rule can be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// From the object alone.
    Object,
    /// Only against the object before the change.
    Update,
    /// From the object alone, but only in a cluster.
    Cluster,
}

impl Rule {
    /// What the API server answers.
    pub fn cel_message(&self) -> String {
        format!("{}; {}", self.message, self.fix)
    }

    /// The violation of this rule.
    pub fn error(&self) -> FieldError {
        FieldError { path: self.field.to_owned(), message: self.message.to_owned(), fix: self.fix.to_owned() }
    }
}

const fn rule(
    at: &'static str,
    field: &'static str,
    cel: &'static str,
    message: &'static str,
    fix: &'static str,
) -> Rule {
    Rule { at, field, cel, message, fix, scope: Scope::Object }
}

const fn update(
    at: &'static str,
    field: &'static str,
    cel: &'static str,
    message: &'static str,
    fix: &'static str,
) -> Rule {
    Rule { at, field, cel, message, fix, scope: Scope::Update }
}

// The pattern already holds the text to digits and units, so a digit other than
// zero means a span other than zero. CEL's duration() reads only Go's style.
const fn positive(at: &'static str) -> Rule {
    rule(at, at, "self.matches('[1-9]')", "this time must not be zero", "write a time above zero, such as 30s or 10m")
}

/// Exactly one of the three kinds of job.
pub const ONE_JOB: Rule = rule(
    "spec.job",
    "spec.job",
    "(has(self.sql) ? 1 : 0) + (has(self.sqlFrom) ? 1 : 0) + (has(self.program) ? 1 : 0) == 1",
    "a job is exactly one of sql, sqlFrom and program",
    "keep one of the three",
);
/// A program comes in an image.
pub const PROGRAM_IMAGE: Rule = rule(
    "spec",
    "spec.image",
    "!has(self.job.program) || has(self.image)",
    "a program job needs the image that contains the program",
    "set spec.image to it",
);
/// Parallelism within the key groups.
pub const PARALLELISM: Rule = rule(
    "spec",
    "spec.parallelism",
    "self.parallelism <= self.maxParallelism",
    "parallelism is above maxParallelism",
    "lower spec.parallelism; maxParallelism can be raised only while the job has no state",
);
/// Key groups never change under state.
pub const MAX_PARALLELISM: Rule = update(
    "",
    "spec.maxParallelism",
    "self.spec.maxParallelism == oldSelf.spec.maxParallelism || !has(oldSelf.status) \
     || !((has(oldSelf.status.checkpoint) && has(oldSelf.status.checkpoint.latest)) \
     || (has(oldSelf.status.savepoint) && has(oldSelf.status.savepoint.latest)) \
     || (has(oldSelf.status.restore) && has(oldSelf.status.restore.path))) \
     || (self.spec.restore.from == 'None' && has(self.spec.restore.nonce) \
     && (!has(oldSelf.spec.restore.nonce) || self.spec.restore.nonce > oldSelf.spec.restore.nonce))",
    "maxParallelism cannot change once the job has state",
    "keep the old value, or start empty with spec.restore.from: None and a raised spec.restore.nonce",
);
/// State is thrown away only on purpose.
pub const STATE_LOSS: Rule = rule(
    "spec.upgrade",
    "spec.upgrade.acceptStateLoss",
    "self.mode != 'Stateless' || self.acceptStateLoss",
    "upgrade mode Stateless throws the state away",
    "set spec.upgrade.acceptStateLoss: true if that is meant, else use mode Savepoint",
);
/// A restore point is a word we know or a path.
pub const RESTORE_FROM: Rule = rule(
    "spec.restore",
    "spec.restore.from",
    "self.from in ['Auto', 'Latest', 'None'] || self.from.contains('/')",
    "from is neither Auto, Latest, None nor the path of a savepoint or checkpoint",
    "write one of the three words, or a path such as s3://bucket/job/savepoints/savepoint-1",
);
/// A nonce is raised, never lowered.
pub const NONCE: Rule = update(
    "spec.restore",
    "spec.restore.nonce",
    "!has(oldSelf.nonce) || (has(self.nonce) && self.nonce >= oldSelf.nonce)",
    "nonce cannot be lowered or removed",
    "keep it, or raise it to restore again",
);
/// S3 options belong to type S3.
pub const STORAGE_S3: Rule = rule(
    "spec.checkpoint.storage",
    "spec.checkpoint.storage.s3",
    "(self.type == 'S3') == has(self.s3)",
    "the block s3 belongs to type: S3, and type: S3 needs it",
    "make spec.checkpoint.storage.type and the block below it agree",
);
/// File system options belong to type FileSystem.
pub const STORAGE_FILE_SYSTEM: Rule = rule(
    "spec.checkpoint.storage",
    "spec.checkpoint.storage.fileSystem",
    "(self.type == 'FileSystem') == has(self.fileSystem)",
    "the block fileSystem belongs to type: FileSystem, and type: FileSystem needs it",
    "make spec.checkpoint.storage.type and the block below it agree",
);
/// In a pod there is no working directory worth the name.
pub const ABSOLUTE_PATH: Rule = Rule {
    scope: Scope::Cluster,
    ..rule(
        "spec.checkpoint.storage.fileSystem",
        "spec.checkpoint.storage.fileSystem.path",
        "self.path.startsWith('/') || self.path.startsWith('file:///')",
        "in a cluster the checkpoint folder must be an absolute path",
        "start it with a slash",
    )
};
/// A mounted volume needs a mount point.
pub const VOLUME_PATH: Rule = rule(
    "spec.checkpoint.storage.fileSystem",
    "spec.checkpoint.storage.fileSystem.path",
    "!has(self.volume) || self.path.startsWith('/') || self.path.startsWith('file:///')",
    "a volume is mounted at an absolute path",
    "start spec.checkpoint.storage.fileSystem.path with a slash",
);
/// Claim options belong to type PersistentVolumeClaim.
pub const VOLUME_CLAIM: Rule = rule(
    "spec.checkpoint.storage.fileSystem.volume",
    "spec.checkpoint.storage.fileSystem.volume.persistentVolumeClaim",
    "(self.type == 'PersistentVolumeClaim') == has(self.persistentVolumeClaim)",
    "the block persistentVolumeClaim belongs to type: PersistentVolumeClaim, which needs it",
    "make type and the block below it agree",
);
/// NFS options belong to type NFS.
pub const VOLUME_NFS: Rule = rule(
    "spec.checkpoint.storage.fileSystem.volume",
    "spec.checkpoint.storage.fileSystem.volume.nfs",
    "(self.type == 'NFS') == has(self.nfs)",
    "the block nfs belongs to type: NFS, which needs it",
    "make type and the block below it agree",
);
/// Unaligned barriers cannot overtake one another.
pub const UNALIGNED_CONCURRENT: Rule = rule(
    "spec.checkpoint",
    "spec.checkpoint.maxConcurrent",
    "!self.unaligned.enabled || self.maxConcurrent == 1",
    "unaligned checkpoints run one at a time",
    "set spec.checkpoint.maxConcurrent: 1 or spec.checkpoint.unaligned.enabled: false",
);
/// At-least-once never aligns.
pub const UNALIGNED_MODE: Rule = rule(
    "spec.checkpoint",
    "spec.checkpoint.mode",
    "!self.unaligned.enabled || self.mode == 'ExactlyOnce'",
    "unaligned checkpoints need mode ExactlyOnce",
    "set spec.checkpoint.mode: ExactlyOnce or spec.checkpoint.unaligned.enabled: false",
);
/// Options of a strategy that is not chosen would be without effect.
pub const FIXED_DELAY: Rule = rule(
    "spec.restart",
    "spec.restart.fixedDelay",
    "!has(self.fixedDelay) || self.strategy == 'FixedDelay'",
    "the block fixedDelay has no effect with this strategy",
    "set spec.restart.strategy: FixedDelay or remove the block",
);
/// As [`FIXED_DELAY`].
pub const FAILURE_RATE: Rule = rule(
    "spec.restart",
    "spec.restart.failureRate",
    "!has(self.failureRate) || self.strategy == 'FailureRate'",
    "the block failureRate has no effect with this strategy",
    "set spec.restart.strategy: FailureRate or remove the block",
);
/// As [`FIXED_DELAY`].
pub const EXPONENTIAL_DELAY: Rule = rule(
    "spec.restart",
    "spec.restart.exponentialDelay",
    "!has(self.exponentialDelay) || self.strategy == 'ExponentialDelay'",
    "the block exponentialDelay has no effect with this strategy",
    "set spec.restart.strategy: ExponentialDelay or remove the block",
);
/// The names of pods, services and labels are made from it.
pub const NAME: Rule = rule(
    "",
    "metadata.name",
    "size(self.metadata.name) <= 40 && !self.metadata.name.contains('.')",
    "the name is longer than 40 characters or has a dot, and the names of pods and services are made from it",
    "use at most 40 lower-case letters, digits and dashes",
);
/// A checkpoint interval.
pub const INTERVAL: Rule = positive("spec.checkpoint.interval");
/// A checkpoint timeout.
pub const TIMEOUT: Rule = positive("spec.checkpoint.timeout");
/// A rollback deadline.
pub const DEADLINE: Rule = positive("spec.upgrade.rollback.deadline");
/// The window of a failure rate.
pub const WINDOW: Rule = positive("spec.restart.failureRate.window");

/// The rules of a StreamJob.
pub const STREAM_JOB: &[Rule] = &[
    NAME,
    MAX_PARALLELISM,
    PROGRAM_IMAGE,
    PARALLELISM,
    ONE_JOB,
    STATE_LOSS,
    DEADLINE,
    RESTORE_FROM,
    NONCE,
    STORAGE_S3,
    STORAGE_FILE_SYSTEM,
    ABSOLUTE_PATH,
    VOLUME_PATH,
    VOLUME_CLAIM,
    VOLUME_NFS,
    INTERVAL,
    TIMEOUT,
    UNALIGNED_CONCURRENT,
    UNALIGNED_MODE,
    FIXED_DELAY,
    FAILURE_RATE,
    WINDOW,
    EXPONENTIAL_DELAY,
];

/// A savepoint is of one job, for ever.
pub const SNAPSHOT_JOB: Rule = update(
    "spec",
    "spec.jobRef",
    "self.jobRef == oldSelf.jobRef",
    "jobRef cannot change",
    "make a new StreamJobSnapshot",
);
/// A savepoint does not move.
pub const SNAPSHOT_PATH: Rule = update(
    "spec",
    "spec.path",
    "has(self.path) == has(oldSelf.path) && (!has(self.path) || self.path == oldSelf.path)",
    "path cannot change",
    "make a new StreamJobSnapshot",
);
/// A savepoint keeps its format.
pub const SNAPSHOT_FORMAT: Rule = update(
    "spec",
    "spec.format",
    "self.format == oldSelf.format",
    "format cannot change",
    "make a new StreamJobSnapshot",
);

/// The rules of a StreamJobSnapshot.
pub const SNAPSHOT: &[Rule] = &[SNAPSHOT_JOB, SNAPSHOT_PATH, SNAPSHOT_FORMAT];
