//! A place for a job: its storage, working files and output, over several starts.

use crate::gate::{Gate, GatedConnectors};
use parking_lot::Mutex;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use streamjob_api::{JobState, TriggerKind};
use streamjob_checkpoint::Storage;
use streamjob_cluster::control::message::JobDescription;
use streamjob_cluster::control::{Deployer, LocalDeployer, PoolConfig, PoolDeployer, Timing, WorkerPool};
use streamjob_cluster::worker::{Leave, Planned, Planner, WorkerConfig, run_worker};
use streamjob_cluster::{JobOutcome, JobSettings, Request, RestoreFrom, RunningJob};
use streamjob_connectors::{ConnectorConfig, StandardConnectors};
use streamjob_core::options::Options;
use streamjob_core::{Error, Result, StopMode};
use streamjob_sql::{PlanContext, PlannedJob, plan_script};
use streamjob_state::{BackendFactory, HeapFactory, SystemClock};
use streamjob_state_rocksdb::{RocksDbFactory, RocksDbReader};

/// Which state backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// On the heap.
    Heap,
    /// In RocksDB.
    RocksDb,
}

impl Backend {
    fn factory(self) -> Arc<dyn BackendFactory> {
        match self {
            Backend::Heap => Arc::new(HeapFactory::new().with_native_reader(Arc::new(RocksDbReader))),
            Backend::RocksDb => Arc::new(RocksDbFactory::new()),
        }
    }
}

/// How a job is started.
#[derive(Debug, Clone)]
pub struct Start {
    /// State backend.
    pub backend: Backend,
    /// Number of subtasks.
    pub parallelism: u32,
    /// What to start from.
    pub from: RestoreFrom,
    /// Workers that run the tasks; 0 to run them as `streamjob run` does.
    pub workers: usize,
    /// Further options.
    pub options: Vec<(&'static str, &'static str)>,
}

/// What every process plans the same way.
struct Script {
    sql: String,
    options: Options,
    backend: Backend,
    storage: Storage,
    work_dir: PathBuf,
    output: Arc<Mutex<Vec<String>>>,
    gate: Arc<Gate>,
}

impl Script {
    fn plan(&self) -> Result<PlannedJob> {
        let output = self.output.clone();
        let print = move |text: &str| {
            output.lock().extend(text.lines().map(str::to_string));
            Ok(())
        };
        let config = ConnectorConfig { output: Arc::new(print), ..ConnectorConfig::default() };
        let connectors = GatedConnectors {
            inner: StandardConnectors::new(config),
            gate: self.gate.clone(),
            one_subtask: self.sql.contains("WATERMARK FOR"),
        };
        let options = self.options.clone();
        plan_script(&self.sql, &PlanContext { connectors: &connectors, options, now_ms: 0 })
    }
}

impl Planner for Script {
    fn plan(&self, _: &JobDescription) -> Result<Planned> {
        Ok(Planned {
            graph: Arc::new(Script::plan(self)?.graph),
            backend: self.backend.factory(),
            storage: self.storage.clone(),
            work_dir: self.work_dir.clone(),
            clock: Arc::new(SystemClock),
            // Workers of this process share one folder.
            from_local: false,
        })
    }
}

/// Storage and output of one job.
pub struct Bench {
    dir: tempfile::TempDir,
    storage: Storage,
    output: Arc<Mutex<Vec<String>>>,
    pools: Mutex<Vec<Arc<WorkerPool>>>,
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.pools.lock().drain(..).for_each(|pool| pool.end());
    }
}

/// Slots of a worker: fewer than the largest parallelism, so that more than one takes part.
const SLOTS: u32 = 2;
/// Longest time that a test waits for anything.
const PATIENCE: Duration = Duration::from_secs(60);

impl Bench {
    /// With a fresh folder for everything.
    pub fn new() -> Result<Self> {
        // In memory where there is such a place: what is tested here is not the disk.
        let memory = std::path::Path::new("/dev/shm");
        let dir = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        let dir = dir.map_err(|e| Error::transient("no temporary folder").caused_by(e))?;
        let location = dir.path().join("checkpoints").display().to_string();
        let storage = Storage::open(&location, Default::default())?;
        Ok(Self { dir, storage, output: Arc::default(), pools: Mutex::default() })
    }

    /// An empty folder for `${OUT}`.
    pub fn out_dir(&self) -> PathBuf {
        self.dir.path().join("out")
    }

    /// Lines printed so far.
    pub fn lines(&self) -> Vec<String> {
        self.output.lock().clone()
    }

    /// Forgets lines beyond the first `count`, as a transactional sink would.
    pub fn truncate(&self, count: usize) {
        self.output.lock().truncate(count);
    }

    /// Runs jobs to their end, one after the other, with checkpoints of their own.
    pub fn prepare(&self, scripts: &[String]) -> Result<()> {
        for (i, sql) in scripts.iter().enumerate() {
            let storage =
                Storage::open(&self.dir.path().join(format!("before-{i}")).display().to_string(), Default::default())?;
            let start =
                Start { backend: Backend::Heap, parallelism: 1, from: RestoreFrom::None, workers: 0, options: vec![] };
            end(self.start_on(storage, sql, &start, &Gate::open())?)?;
        }
        Ok(())
    }

    /// Plans and starts the script; sources obey the gate.
    pub fn start(&self, sql: &str, start: &Start, gate: &Arc<Gate>) -> Result<RunningJob> {
        self.start_on(self.storage.clone(), sql, start, gate)
    }

    fn start_on(&self, storage: Storage, sql: &str, start: &Start, gate: &Arc<Gate>) -> Result<RunningJob> {
        let mut options = Options::default();
        options.set("execution.checkpointing.interval", "0 ms")?;
        for (key, value) in &start.options {
            options.set(key, value)?;
        }
        let script = Script {
            sql: sql.replace("${OUT}", &self.out_dir().display().to_string()),
            options,
            backend: start.backend,
            storage: storage.clone(),
            work_dir: self.dir.path().join("work"),
            output: self.output.clone(),
            gate: gate.clone(),
        };
        let planned = script.plan()?;
        let work_dir = script.work_dir.clone();
        let deployer: Arc<dyn Deployer> = match start.workers {
            0 => Arc::new(LocalDeployer),
            count => self.workers(count, script)?,
        };
        streamjob_cluster::start(JobSettings {
            name: "golden".into(),
            namespace: "default".into(),
            owner: "test".into(),
            revision: String::new(),
            script: String::new(),
            deployer,
            graph: Arc::new(planned.graph),
            options: planned.options,
            parallelism: start.parallelism,
            max_parallelism: 128,
            storage,
            memory_storage: false,
            savepoint_dir: None,
            backend: start.backend.factory(),
            work_dir,
            restore: start.from.clone(),
            allow_non_restored: false,
            claim: false,
            clock: Arc::new(SystemClock),
            rest: None,
        })
    }

    /// Workers of this process that speak to each other and to the coordinator over loopback. They end with the bench.
    fn workers(&self, count: usize, script: Script) -> Result<Arc<dyn Deployer>> {
        let bind = "127.0.0.1:0".to_string();
        let pool = Arc::new(WorkerPool::start(PoolConfig { bind, tls: None, timing: Timing::default() })?);
        let job = JobDescription {
            name: "golden".into(),
            namespace: "default".into(),
            sql: script.sql.clone(),
            options: Default::default(),
            planned_ms: 0,
            parallelism: 1,
            max_parallelism: 128,
        };
        let planner: Arc<dyn Planner> = Arc::new(script);
        for n in 0..count {
            let config = WorkerConfig {
                coordinator: pool.address().to_string(),
                name: format!("worker-{n}"),
                slots: SLOTS,
                bind: None,
                advertise: None,
                tls: None,
                http: None,
                planner: planner.clone(),
                timing: Timing::default(),
                watchdog: PATIENCE,
                grace: PATIENCE,
            };
            let (_, never) = Leave::new();
            std::thread::spawn(move || {
                if let Err(e) = run_worker(config, never) {
                    println!("a worker ended: {e}");
                }
            });
        }
        self.pools.lock().push(pool.clone());
        // The last one there takes part too.
        let begun = Instant::now();
        while pool.workers().len() < count {
            if begun.elapsed() > PATIENCE {
                return Err(Error::internal("the workers do not come"));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(Arc::new(PoolDeployer::new(pool, job)))
    }

    /// Runs to the end, from nothing, at the given start.
    pub fn run(&self, sql: &str, start: &Start) -> Result<Vec<String>> {
        end(self.start(sql, start, &Gate::open())?)?;
        Ok(self.lines())
    }
}

/// Waits for a good end.
pub fn end(job: RunningJob) -> Result<JobOutcome> {
    match job.wait() {
        JobOutcome::Failed(e) => Err(e),
        outcome => Ok(outcome),
    }
}

/// Waits until all tasks run, the gate is closed and all that went through has arrived, or the job has ended.
pub fn quiesce(job: &RunningJob, gate: &Gate, output: impl Fn() -> usize) -> Result<()> {
    let begun = Instant::now();
    while job.view().state() != JobState::Running && !job.wait_timeout(Duration::from_millis(1)) {
        if begun.elapsed() > PATIENCE {
            return Err(Error::internal("the job does not start"));
        }
    }
    let mut last = (gate.read(), output());
    let mut still = 0;
    while still < 4 {
        if begun.elapsed() > PATIENCE {
            return Err(Error::internal("the job does not come to rest"));
        }
        if job.wait_timeout(Duration::from_millis(15)) {
            return Ok(());
        }
        let now = (gate.read(), output());
        still = if now == last && gate.is_closed() { still + 1 } else { 0 };
        last = now;
    }
    Ok(())
}

/// Takes a checkpoint and waits for it.
pub fn checkpoint(job: &RunningJob, name: &str) -> Result<()> {
    job.view().open_trigger(name, TriggerKind::Checkpoint);
    job.view().request(Request::Checkpoint { trigger: name.to_string() });
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        match job.view().trigger_status(name).and_then(|s| s.operation) {
            Some(outcome) => {
                return outcome.failure.map_or(Ok(()), |f| Err(Error::internal(f.message)));
            }
            None if job.wait_timeout(Duration::from_millis(2)) => return Ok(()),
            None => {}
        }
    }
    Err(Error::internal("no checkpoint in time"))
}

/// Stops with a savepoint and gives its location; `None` when the job had ended before.
pub fn stop(job: RunningJob, mode: StopMode) -> Result<Option<String>> {
    job.view().open_trigger("stop", TriggerKind::Stop);
    job.view().request(Request::Savepoint { trigger: "stop".into(), target: None, stop: Some(mode) });
    let begun = Instant::now();
    while !job.wait_timeout(Duration::from_millis(5)) {
        let failure = job.view().trigger_status("stop").and_then(|s| s.operation).and_then(|o| o.failure);
        if let Some(failure) = failure.filter(|_| !job.wait_timeout(Duration::from_millis(200))) {
            job.view().request(Request::Cancel);
            return Err(Error::internal(failure.message));
        }
        if begun.elapsed() > PATIENCE {
            return Err(Error::internal("the job does not stop"));
        }
    }
    match end(job)? {
        JobOutcome::Stopped { location, .. } => Ok(Some(location)),
        _ => Ok(None),
    }
}
