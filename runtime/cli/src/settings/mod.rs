//! From a file and arguments to the settings of a job. Strongest first: `--set`
//! and `--parallelism`, fields that the manifest writes, its `configuration`,
//! the script's SET, defaults.

mod explicit;
mod fields;
mod memory;
mod place;
mod refuse;

pub use place::{Place, expand_backend, s3_config};

use crate::args::{JobArgs, OverlayArgs, StartArgs};
use crate::lint;
use crate::report::Failure;
use explicit::Explicit;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use streamjob_checkpoint::{MemoryStore, Storage};
use streamjob_cluster::control::LocalDeployer;
use streamjob_cluster::control::message::JobDescription;
use streamjob_cluster::{JobSettings, RestoreFrom};
use streamjob_core::options::{Options, find, parse_bool};
use streamjob_core::{Error, Result, key};
use streamjob_crds::upgrade::{ClaimMode, RestorePoint};
use streamjob_crds::{JobSource, StreamJob};
use streamjob_sql::PlannedJob;
use streamjob_state::{BackendFactory, HeapFactory, SystemClock};
use streamjob_state_rocksdb::{CompactionStyle, RocksDbFactory, RocksDbReader};

/// Working files of local jobs.
pub const LOCAL_STATE: &str = ".streamjob/state";
/// The time that constants of a plan are folded at: the same in every process and at every start.
pub const PLANNED_MS: i64 = 0;
/// Who owns the state of local jobs.
pub const LOCAL_OWNER: &str = "local";

/// A job file with everything that was laid over it, ready to be planned.
pub struct Prepared {
    /// Name of the job, unless a bare script sets `pipeline.name`.
    pub name: String,
    /// Namespace.
    pub namespace: String,
    /// The script.
    pub sql: String,
    /// Options of manifest and arguments; they win over SET.
    pub options: Options,
    /// For the log.
    pub warnings: Vec<String>,
    manifest: StreamJob,
    explicit: Explicit,
}

/// Reads a file and lays the arguments over it. Errors list every problem of a manifest.
pub fn prepare(args: &JobArgs) -> Result<Prepared, Failure> {
    let manifest = streamjob_crds::load(&args.file)?;
    let explicit = Explicit::of_file(&args.file);
    Ok(prepared(manifest, explicit, args)?)
}

fn prepared(manifest: StreamJob, explicit: Explicit, args: &JobArgs) -> Result<Prepared> {
    refuse::check(&manifest, &explicit)?;
    let sql = match manifest.spec.job.source() {
        Ok(JobSource::Sql(sql)) => sql.to_string(),
        _ => return Err(Error::user("spec.job.sql is missing").fix("write the job's SQL there")),
    };
    let mut options = Options::default();
    let mut warnings = Vec::new();
    for (key, value) in &manifest.spec.configuration {
        let warning = options.set(key, value).map_err(|e| e.context(format!("spec.configuration.{key}")))?;
        warnings.extend(warning.map(|w| format!("spec.configuration: {w}")));
    }
    place::expand_backend(&mut options)?;
    fields::apply(&manifest, &explicit, &mut options, &mut warnings)?;
    overlay(&args.over, &mut options, &mut warnings)?;
    Ok(Prepared {
        name: manifest.metadata.name.clone().unwrap_or_else(|| "job".into()),
        namespace: manifest.metadata.namespace.clone().unwrap_or_else(|| "default".into()),
        sql,
        options,
        warnings,
        manifest,
        explicit,
    })
}

/// `--set` and `--parallelism`.
fn overlay(args: &OverlayArgs, options: &mut Options, warnings: &mut Vec<String>) -> Result<()> {
    let mut given = Options::default();
    for (key, value) in &args.set {
        let warning = given.set(key, value).map_err(|e| e.context("--set"))?;
        warnings.extend(warning.map(|w| format!("--set: {w}")));
    }
    place::expand_backend(&mut given)?;
    // Whoever names a folder wants files, also of a manifest with memory storage.
    let dir = given.explicit("execution.checkpointing.dir").is_some();
    if dir && given.explicit("execution.checkpointing.storage").is_none() {
        given.set("execution.checkpointing.storage", "filesystem")?;
    }
    if let Some(n) = args.parallelism {
        fields::set_parallelism(&mut given, n)?;
    } else if given.explicit("parallelism.default").is_some() {
        let n = given.int("parallelism.default").and_then(|n| u32::try_from(n).ok()).unwrap_or(1);
        if given.explicit("table.exec.resource.default-parallelism").is_none() {
            fields::set_parallelism(&mut given, n)?;
        }
    }
    for (key, value) in given.iter() {
        options.set(key, value)?;
    }
    Ok(())
}

impl Prepared {
    /// The name that state is kept under.
    pub fn job_name(&self, planned: &PlannedJob, warnings: &mut Vec<String>) -> String {
        let Some(wished) = planned.name.as_deref().filter(|n| *n != self.name) else { return self.name.clone() };
        if self.explicit.is_manifest() {
            warnings.push(format!("option 'pipeline.name' = '{wished}' has no effect: metadata.name names the job"));
            return self.name.clone();
        }
        let fits = wished.len() <= streamjob_crds::MAX_NAME
            && wished.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && wished.starts_with(|c: char| c.is_ascii_alphanumeric())
            && wished.ends_with(|c: char| c.is_ascii_alphanumeric());
        if fits {
            return wished.to_string();
        }
        warnings.push(format!(
            "option 'pipeline.name' = '{wished}' is not used: a name has at most {} lower-case letters, digits and dashes; the job is called '{}'",
            streamjob_crds::MAX_NAME, self.name
        ));
        self.name.clone()
    }

    /// Checks what `run` would use, without opening storage. Adds warnings that only the plan can tell.
    pub fn check(&self, planned: PlannedJob, warnings: &mut Vec<String>) -> Result<()> {
        self.job_name(&planned, warnings);
        let mut options = planned.options;
        place::expand_backend(&mut options)?;
        let place = Place::of(&options);
        warnings.extend(lint::options(&options, &place));
        check_parallelism(parallelism(&options), count(&options, "pipeline.max-parallelism", 128))?;
        s3_config(&options)?;
        backend(&options).map(|_| ())
    }

    /// What to start from: `--from`, else the manifest's field, else the option.
    pub fn restore(&self, from: Option<&str>, options: &Options) -> RestoreFrom {
        if let Some(text) = from {
            return parse_from(text);
        }
        if self.explicit.has("spec.restore.from") {
            return match self.manifest.spec.restore.point() {
                RestorePoint::Auto => RestoreFrom::Auto,
                RestorePoint::Latest => RestoreFrom::Latest,
                RestorePoint::None => RestoreFrom::None,
                RestorePoint::Path(path) => RestoreFrom::Path(path.to_string()),
            };
        }
        match options.explicit("execution.state-recovery.path") {
            Some(path) => RestoreFrom::Path(path.to_string()),
            None => RestoreFrom::Auto,
        }
    }

    /// What workers plan the same job from. `settings` are those of the coordinator.
    pub fn description(&self, settings: &JobSettings) -> Result<JobDescription> {
        let mut options = self.options.clone();
        if !settings.memory_storage {
            // A relative folder is the coordinator's.
            options.set("execution.checkpointing.dir", &settings.storage.root.url(""))?;
        }
        Ok(JobDescription {
            name: settings.name.clone(),
            namespace: settings.namespace.clone(),
            sql: self.sql.clone(),
            options: options.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect(),
            planned_ms: PLANNED_MS,
            parallelism: settings.parallelism,
            max_parallelism: settings.max_parallelism,
        })
    }

    /// Everything that a coordinator needs, and warnings that only the plan can tell.
    pub fn settings(&self, args: &StartArgs, planned: PlannedJob, warnings: &mut Vec<String>) -> Result<JobSettings> {
        let name = self.job_name(&planned, warnings);
        let mut options = planned.options;
        place::expand_backend(&mut options)?;
        let place = Place::of(&options);
        warnings.extend(lint::options(&options, &place));
        warnings.extend(place::credentials_note(&self.manifest, &options, &place));
        let parallelism = parallelism(&options);
        let max_parallelism = count(&options, "pipeline.max-parallelism", 128);
        check_parallelism(parallelism, max_parallelism)?;
        let storage = storage(&options, &place)?;
        let flag = |key: &str| options.explicit(key).and_then(parse_bool);
        let restore = &self.manifest.spec.restore;
        let allow = match self.explicit.has("spec.restore.allowNonRestoredState") {
            true => restore.allow_non_restored_state,
            false => flag("execution.state-recovery.ignore-unclaimed-state").unwrap_or(false),
        };
        let claim = match self.explicit.has("spec.restore.claim") {
            true => restore.claim == ClaimMode::Claim,
            false => {
                options.text("execution.state-recovery.claim-mode").is_some_and(|m| m.eq_ignore_ascii_case("CLAIM"))
            }
        };
        let address = options.text("rest.bind-address").unwrap_or("127.0.0.1").to_string();
        let port = options.int("rest.port").and_then(|p| u16::try_from(p).ok()).unwrap_or(8081);
        Ok(JobSettings {
            work_dir: work_dir(&options, &self.namespace, &name)?,
            namespace: self.namespace.clone(),
            owner: LOCAL_OWNER.into(),
            revision: String::new(),
            script: script_digest(&self.sql),
            deployer: Arc::new(LocalDeployer),
            graph: Arc::new(planned.graph),
            parallelism,
            max_parallelism,
            storage,
            memory_storage: matches!(place, Place::Memory),
            savepoint_dir: options.explicit("execution.checkpointing.savepoint-dir").map(str::to_string),
            backend: backend(&options)?,
            restore: self.restore(args.from.as_deref(), &options),
            allow_non_restored: args.allow_non_restored_state || allow,
            claim: args.claim || claim,
            clock: Arc::new(SystemClock),
            rest: (!args.no_rest).then_some((address, port)),
            options,
            name,
        })
    }
}

/// Tells scripts apart; not by the space around them.
pub fn script_digest(sql: &str) -> String {
    format!("{:016x}", key::hash(sql.trim().as_bytes()))
}

fn parse_from(text: &str) -> RestoreFrom {
    match text.trim().to_ascii_lowercase().as_str() {
        "auto" => RestoreFrom::Auto,
        "latest" => RestoreFrom::Latest,
        "none" => RestoreFrom::None,
        _ => RestoreFrom::Path(text.trim().to_string()),
    }
}

fn count(options: &Options, key: &str, default: u32) -> u32 {
    options.int(key).and_then(|n| u32::try_from(n).ok()).unwrap_or(default)
}

/// Subtasks that an operator has.
pub fn parallelism(options: &Options) -> u32 {
    let table = options.int("table.exec.resource.default-parallelism").filter(|n| *n > 0);
    table.and_then(|n| u32::try_from(n).ok()).unwrap_or_else(|| count(options, "parallelism.default", 1))
}

fn check_parallelism(parallelism: u32, max: u32) -> Result<()> {
    if parallelism > max {
        return Err(Error::user(format!("parallelism {parallelism} is above the max parallelism {max}"))
            .fix(format!("give at most {max} subtasks; max parallelism (spec.maxParallelism) can only be raised while no state exists")));
    }
    Ok(())
}

/// Access to checkpoint storage.
pub(crate) fn storage(options: &Options, place: &Place) -> Result<Storage> {
    let s3 = s3_config(options)?;
    match place {
        Place::Memory => Ok(Storage::with_s3(Arc::new(MemoryStore::new()), s3)),
        Place::At(location) if options.bool("execution.checkpointing.sync-files") => Storage::open(location, s3),
        Place::At(location) => Storage::open_without_sync(location, s3),
    }
}

/// The state backend.
pub(crate) fn backend(options: &Options) -> Result<Arc<dyn BackendFactory>> {
    match options.text("state.backend.type").unwrap_or_default().to_ascii_lowercase().as_str() {
        "hashmap" => {
            let limit = options.bytes("taskmanager.memory.task.heap.size").or_else(memory::heap_limit);
            let heap = HeapFactory::new().with_native_reader(Arc::new(RocksDbReader));
            Ok(Arc::new(limit.map_or(heap.clone(), |bytes| heap.limited(bytes))))
        }
        "rocksdb" => {
            let level =
                options.text("state.backend.rocksdb.compaction.style").is_some_and(|s| s.eq_ignore_ascii_case("level"));
            let style = if level { CompactionStyle::Level } else { CompactionStyle::Universal };
            let incremental = options.bool("execution.checkpointing.incremental");
            Ok(Arc::new(RocksDbFactory::new().incremental(incremental).compaction(style)))
        }
        other => Err(Error::user(format!("option 'state.backend.type' = '{other}' is not supported"))
            .fix("give rocksdb or hashmap")),
    }
}

/// The job's own folder for working files.
pub(crate) fn work_dir(options: &Options, namespace: &str, name: &str) -> Result<PathBuf> {
    let root = options.explicit("state.backend.rocksdb.localdir").unwrap_or(LOCAL_STATE);
    let root = root.strip_prefix("file://").unwrap_or(root);
    let absolute = std::path::absolute(Path::new(root)).map_err(|e| {
        Error::user(format!("option 'state.backend.rocksdb.localdir' = '{root}' is not a usable path")).caused_by(e)
    })?;
    Ok(absolute.join(namespace).join(name))
}

/// True when both spell the same value.
pub(crate) fn same_value(key: &str, a: &str, b: &str) -> bool {
    use streamjob_core::options::{OptionKind, parse_duration, parse_memory_size};
    match find(key).map(|d| d.kind) {
        Some(OptionKind::Duration) => parse_duration(a) == parse_duration(b),
        Some(OptionKind::Size | OptionKind::SizeTo(_)) => parse_memory_size(a) == parse_memory_size(b),
        Some(OptionKind::Text) | None => a == b,
        _ => a.trim().eq_ignore_ascii_case(b.trim()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests;
