//! The keyed state that recovery and rescale are measured with: built once, by
//! `streamjob run` into a folder below the cache, and copied for each case.

use crate::processes::{Process, free_port, streamjob};
use crate::s3::Gateway;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use streamjob_core::error::ErrorExt;
use streamjob_core::{Error, Result};

/// Payload bytes of a key.
const PAYLOAD: u64 = 128;
/// Rows a second while something is measured.
pub const RATE: u64 = 20_000;
/// Between checkpoints.
pub const INTERVAL: &str = "1 s";
/// Parallelism that the state is built with.
const BUILT_WITH: &str = "4";

/// `${XDG_CACHE_HOME:-~/.cache}/streamjob`.
pub fn cache() -> Result<PathBuf> {
    let home = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = home.or_else(|| std::env::home_dir().map(|h| h.join(".cache")));
    Ok(cache.ok_or_else(|| Error::user("no home directory").fix("set XDG_CACHE_HOME"))?.join("streamjob"))
}

/// The job: every key once while it is built, then again and again; every tenth key is printed.
fn script(keys: u64, rate: u64, options: &[(&str, String)]) -> String {
    let mut sql = String::new();
    for (key, value) in options {
        let _ = writeln!(sql, "SET '{key}' = '{value}';");
    }
    sql + &format!(
        "CREATE TABLE orders (id BIGINT, payload STRING, uid AS MOD(id, {keys}))
           WITH ('connector'='datagen', 'rows-per-second'='{rate}', 'fields.id.kind'='sequence',
                 'fields.id.start'='0', 'fields.id.end'='9000000000000000', 'fields.payload.length'='{PAYLOAD}');
         CREATE TABLE latest (uid BIGINT, cnt BIGINT, payload STRING) WITH ('connector'='print');
         INSERT INTO latest SELECT uid, COUNT(*), MAX(payload) FROM orders GROUP BY uid HAVING MOD(uid, 10) = 0;\n"
    )
}

/// Builds the state unless it is there; gives the folder with it, and what is to be copied of it.
fn build(bytes: u64, place: Place) -> Result<Option<(PathBuf, &'static [&'static str])>> {
    let keys = bytes / PAYLOAD;
    let dir = cache()?.join(format!("bench/state-{keys}-{}", place.name()));
    let parts: &[&str] = match place {
        Place::Folder => &["checkpoints"],
        Place::S3 => &["s3", "metadata"],
    };
    let done = dir.join("done");
    if done.is_file() {
        return Ok(Some((dir, parts)));
    }
    println!("building {keys} keys of {PAYLOAD} bytes in {}", dir.display());
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).transient(format!("cannot create {}", dir.display()))?;
    let Some((_s3, mut options)) = place.open(&dir)? else { return Ok(None) };
    options.push(("execution.checkpointing.interval", "20 s".into()));
    options.push(("execution.checkpointing.num-retained", "1".into()));
    std::fs::write(dir.join("job.sql"), script(keys, 1_000_000_000, &options)).transient("cannot write the job")?;
    let mut process = Process::spawn(&dir, "build", streamjob(&["run", "job.sql", "--no-rest", "-p", BUILT_WITH])?)?;
    let begun = Instant::now();
    while rows_in(&process.err()?) < keys {
        std::thread::sleep(Duration::from_millis(100));
        if begun.elapsed() > Duration::from_secs(1200) {
            return Err(Error::internal(format!("the state is not built in time: {}", process.err()?)));
        }
    }
    process.terminate()?;
    process.end()?;
    for entry in std::fs::read_dir(&dir).transient("cannot list the state's folder")?.flatten() {
        if entry.file_name().to_string_lossy().starts_with("build-") {
            let _ = std::fs::remove_file(entry.path());
        }
    }
    std::fs::write(&done, "").transient("cannot mark the state as built")?;
    println!("built in {:.0} s", begun.elapsed().as_secs_f64());
    Ok(Some((dir, parts)))
}

/// Of the newest `1,966,080 rows in` on the log.
fn rows_in(log: &str) -> u64 {
    let line = log.lines().rev().find_map(|l| Some(l.split_once(" rows in")?.0.rsplit(' ').next()?.replace(',', "")));
    line.and_then(|n| n.parse().ok()).unwrap_or(0)
}

/// Where checkpoints of a case lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In a folder.
    Folder,
    /// On an S3 server.
    S3,
}

impl Place {
    /// For names.
    pub fn name(self) -> &'static str {
        match self {
            Place::Folder => "folder",
            Place::S3 => "s3",
        }
    }

    /// The options of checkpoints at this place in `dir`, and the server that must run for it.
    fn open(self, dir: &Path) -> Result<Option<(Option<Gateway>, Vec<(&'static str, String)>)>> {
        let at = |place: &str| vec![("execution.checkpointing.dir", place.to_string())];
        if self == Place::Folder {
            return Ok(Some((None, at("checkpoints"))));
        }
        let Some(gateway) = Gateway::start(dir)? else {
            println!("SKIPPED: versitygw is missing; scripts/install-versitygw installs it");
            return Ok(None);
        };
        let mut options = at("s3://bucket/checkpoints");
        options.extend(gateway.options());
        Ok(Some((Some(gateway), options)))
    }
}

/// A job over a copy of the state, as one coordinator and workers.
pub struct Job {
    bind: String,
    rest: u16,
    _s3: Option<Gateway>,
    /// The coordinator.
    pub coordinator: Process,
    /// Name and process.
    pub workers: Vec<(String, Process)>,
    /// Last: what the processes write into it is removed when they are gone.
    dir: tempfile::TempDir,
}

impl Job {
    /// Starts it with two workers of two slots and waits until its state is in its second checkpoint since. `None` when
    /// the S3 server is not installed.
    pub fn start(bytes: u64, place: Place, parallelism: u32) -> Result<Option<Self>> {
        let Some((built, parts)) = build(bytes, place)? else { return Ok(None) };
        let dir = tempfile::tempdir_in(cache()?.join("bench")).transient("no temporary folder")?;
        // Copies, not links: what is written to the copy must not change what was built.
        for part in parts {
            let copied = Command::new("cp").arg("-r").arg(built.join(part)).arg(dir.path()).status();
            if !copied.transient("cannot run cp")?.success() {
                return Err(Error::transient(format!("cannot copy {}", built.join(part).display())));
            }
        }
        let Some((s3, mut options)) = place.open(dir.path())? else { return Ok(None) };
        options.push(("execution.checkpointing.interval", INTERVAL.into()));
        options.push(("restart-strategy.exponential-delay.initial-backoff", "100 ms".into()));
        std::fs::write(dir.path().join("job.sql"), script(bytes / PAYLOAD, RATE, &options))
            .transient("cannot write the job")?;
        let (bind, rest) = (format!("127.0.0.1:{}", free_port()?), free_port()?);
        let (port, parallelism) = (format!("rest.port={rest}"), parallelism.to_string());
        let args = ["coordinator", "--job", "job.sql", "--bind", &bind, "-p", &parallelism, "--set", &port];
        let coordinator = Process::spawn(dir.path(), "coordinator", streamjob(&args)?)?;
        let mut job = Self { dir, bind, rest, _s3: s3, coordinator, workers: Vec::new() };
        for name in ["a", "b"] {
            job.add_worker(name)?;
        }
        job.settle(0)?;
        Ok(Some(job))
    }

    /// Starts a worker of two slots.
    pub fn add_worker(&mut self, name: &str) -> Result<()> {
        let args = ["worker", "--coordinator", &self.bind, "--id", name, "--slots", "2"];
        let process = Process::spawn(self.dir.path(), &format!("worker-{name}"), streamjob(&args)?)?;
        self.workers.push((name.to_string(), process));
        Ok(())
    }

    /// Waits until all tasks run and two checkpoints are complete, both behind byte `from` of the coordinator's log.
    pub fn settle(&mut self, from: usize) -> Result<()> {
        self.coordinator.until(from, "all tasks are running")?;
        for _ in 0..2 {
            let behind = self.coordinator.err_len();
            self.coordinator.until(behind, "completed in")?;
        }
        // Nothing special is under way.
        std::thread::sleep(Duration::from_millis(1500));
        Ok(())
    }

    /// Takes a worker's working files away, as when its successor is on another machine.
    pub fn wipe(&self, worker: &str) {
        let own = self.dir.path().join(".streamjob/state/default/job").join(worker);
        let _ = std::fs::rename(&own, self.dir.path().join(format!("wiped-{}", self.coordinator.err_len())));
    }

    /// Runs `streamjob rescale`; what it prints.
    pub fn rescale(&self, parallelism: u32) -> Result<String> {
        let (parallelism, address) = (parallelism.to_string(), format!("127.0.0.1:{}", self.rest));
        let mut command = streamjob(&["rescale", &parallelism, "--address", &address])?;
        let done = command.current_dir(self.dir.path()).output().transient("cannot run streamjob")?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_string();
        if !done.status.success() {
            return Err(Error::transient(format!("the rescale failed: {}", text(&done.stderr))));
        }
        Ok(text(&done.stdout))
    }
}
