//! From a row's creation to its arrival at the sink, while checkpoints go on.
//!
//! A row is created at its place in a schedule of equal steps, not when the source
//! comes to make it: what a stall holds up counts for every row that waits.

use crate::report::Report;
use arrow::array::{AsArray, Int32Array, Int64Array, RecordBatch};
use arrow::datatypes::Int64Type;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::{Duration, Instant};
use streamjob_checkpoint::Storage;
use streamjob_cluster::control::message::JobDescription;
use streamjob_cluster::control::{Deployer, LocalDeployer, PoolConfig, PoolDeployer, Timing, WorkerPool};
use streamjob_cluster::worker::{Leave, Planned, Planner, WorkerConfig, run_worker};
use streamjob_cluster::{JobOutcome, JobSettings, Request, RestoreFrom};
use streamjob_core::error::ErrorExt;
use streamjob_core::options::Options;
use streamjob_core::table::TableDef;
use streamjob_core::{Barrier, Batch, Error, Result, Schema};
use streamjob_engine::{
    Connectors, Operator, OperatorContext, OperatorFactory, Output, SinkFactory, Source, SourceFactory, SourcePoll,
    TaskInfo,
};
use streamjob_sql::{PlanContext, PlannedJob, plan_script};
use streamjob_state::{OperatorState, SystemClock};
use streamjob_state_rocksdb::RocksDbFactory;

/// Rows a second over all subtasks.
const RATE: u64 = 100_000;
const KEYS: u64 = 100_000;
/// How long a source that has made all rows that are due waits.
const NAP: Duration = Duration::from_micros(100);
const WARM_UP: Duration = Duration::from_secs(3);
const MEASURED: Duration = Duration::from_secs(15);
const PARALLELISM: u32 = 2;
/// Percentiles, and at most so many milliseconds of each are wanted.
const GOALS: [(f64, f64); 3] = [(50.0, 0.1), (99.0, 1.0), (99.9, 5.0)];

const TABLES: &str = "CREATE TABLE made (created BIGINT, uid INT) WITH ('connector' = 'made');
    CREATE TABLE met (uid INT, created BIGINT, cnt BIGINT) WITH ('connector' = 'met');";
const PLAIN: &str = "INSERT INTO met SELECT uid, created, CAST(1 AS BIGINT) FROM made WHERE uid >= 0;";
const KEYED: &str = "INSERT INTO met SELECT uid, MAX(created), COUNT(*) FROM made GROUP BY uid;";

/// All cases.
pub fn run(report: &mut Report) -> Result<()> {
    report.settings(
        "latency",
        &format!(
            "{RATE} rows/s from {PARALLELISM} sources that look every {} µs, checkpoints every second in a folder, \
             execution.buffer-timeout 10 ms (a source without due rows flushes at once); creation by schedule until the sink's \
             on_batch; {} s behind {} s of warm-up. plain: source, filter, sink in one task. keyed: hash exchange, GROUP BY over \
             {KEYS} keys in RocksDB. keyed over TCP: the same on two workers, in this process, connected over loopback",
            NAP.as_micros(),
            MEASURED.as_secs(),
            WARM_UP.as_secs()
        ),
    );
    for (name, insert, workers) in [("plain", PLAIN, 0), ("keyed", KEYED, 0), ("keyed over TCP", KEYED, 2)] {
        let (mut met, checkpoints) = measure(&format!("{TABLES}\n{insert}"), workers)?;
        met.sort_unstable();
        let percentile = |p: f64| {
            let at = (met.len() as f64 * p / 100.0) as usize;
            met.get(at.min(met.len().saturating_sub(1))).map_or(f64::NAN, |ns| *ns as f64 / 1e6)
        };
        println!("{} rows met, {checkpoints} checkpoints completed", met.len());
        for (p, goal) in GOALS {
            report.add(&format!("latency/{name}"), &format!("p{p}"), "ms", vec![percentile(p)], Some(goal));
        }
        report.add(&format!("latency/{name}"), "largest", "ms", vec![percentile(100.0)], None);
    }
    Ok(())
}

/// What sources and sinks share.
pub struct Meter {
    /// Creation is told in nanoseconds since then.
    epoch: Instant,
    /// Nanoseconds of each row that was met.
    met: Mutex<Vec<u64>>,
}

impl Meter {
    /// Nothing was met yet.
    pub fn new() -> Arc<Self> {
        Arc::new(Self { epoch: Instant::now(), met: Mutex::default() })
    }

    /// How many rows were met.
    pub fn count(&self) -> usize {
        self.met.lock().len()
    }

    /// The latencies since the last call.
    pub fn take(&self) -> Vec<u64> {
        std::mem::take(&mut *self.met.lock())
    }

    /// Nanoseconds since its making.
    pub fn now(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// Latencies in nanoseconds, and the number of checkpoints.
fn measure(sql: &str, workers: usize) -> Result<(Vec<u64>, u64)> {
    let dir = tempfile::tempdir_in(crate::state::cache()?).transient("no temporary folder")?;
    let meter = Meter::new();
    let at = |name: &str| dir.path().join(name);
    let storage = Storage::open(&at("checkpoints").display().to_string(), Default::default())?;
    let script = Script { sql: sql.into(), meter: meter.clone(), storage: storage.clone(), work_dir: at("work") };
    let planned = script.planned()?;
    let mut pool = None;
    let deployer: Arc<dyn Deployer> = if workers == 0 {
        Arc::new(LocalDeployer)
    } else {
        let (started, deployer) = pool_of(workers, script)?;
        pool = Some(started);
        deployer
    };
    let job = streamjob_cluster::start(JobSettings {
        name: "latency".into(),
        namespace: "default".into(),
        owner: "bench".into(),
        revision: String::new(),
        script: String::new(),
        deployer,
        graph: Arc::new(planned.graph),
        options: planned.options,
        parallelism: PARALLELISM,
        max_parallelism: 128,
        storage,
        memory_storage: false,
        savepoint_dir: None,
        backend: Arc::new(RocksDbFactory::new()),
        work_dir: at("work"),
        restore: RestoreFrom::None,
        allow_non_restored: false,
        claim: false,
        clock: Arc::new(SystemClock),
        rest: None,
    })?;
    std::thread::sleep(WARM_UP);
    meter.take();
    let before = job.view().checkpoints().counts.completed;
    std::thread::sleep(MEASURED);
    let met = meter.take();
    let checkpoints = job.view().checkpoints().counts.completed - before;
    job.view().request(Request::Cancel);
    let outcome = job.wait();
    if let Some(pool) = pool {
        pool.end();
    }
    match outcome {
        JobOutcome::Canceled => Ok((met, checkpoints)),
        JobOutcome::Failed(e) => Err(e),
        _ => Err(Error::internal("the job ended by itself")),
    }
}

fn pool_of(count: usize, script: Script) -> Result<(Arc<WorkerPool>, Arc<dyn Deployer>)> {
    let bind = "127.0.0.1:0".to_string();
    let pool = Arc::new(WorkerPool::start(PoolConfig { bind, tls: None, timing: Timing::default() })?);
    let job = JobDescription {
        name: "latency".into(),
        namespace: "default".into(),
        sql: script.sql.clone(),
        options: Default::default(),
        planned_ms: 0,
        parallelism: PARALLELISM,
        max_parallelism: 128,
    };
    let planner: Arc<dyn Planner> = Arc::new(script);
    for n in 0..count {
        let config = WorkerConfig {
            coordinator: pool.address().to_string(),
            name: format!("worker-{n}"),
            slots: 1,
            bind: None,
            advertise: None,
            tls: None,
            http: None,
            planner: planner.clone(),
            timing: Timing::default(),
            watchdog: WorkerConfig::WATCHDOG,
            grace: WorkerConfig::GRACE,
        };
        let (_, never) = Leave::new();
        std::thread::spawn(move || {
            if let Err(e) = run_worker(config, never) {
                eprintln!("a worker ended: {e}");
            }
        });
    }
    let deployer = Arc::new(PoolDeployer::new(pool.clone(), job));
    Ok((pool, deployer))
}

struct Script {
    sql: String,
    meter: Arc<Meter>,
    storage: Storage,
    work_dir: std::path::PathBuf,
}

impl Script {
    fn planned(&self) -> Result<PlannedJob> {
        let mut options = Options::default();
        options.set("execution.checkpointing.interval", "1 s")?;
        let connectors = MeterConnectors(self.meter.clone());
        plan_script(&self.sql, &PlanContext { connectors: &connectors, options, now_ms: 0 })
    }
}

impl Planner for Script {
    fn plan(&self, _: &JobDescription) -> Result<Planned> {
        Ok(Planned {
            graph: Arc::new(self.planned()?.graph),
            backend: Arc::new(RocksDbFactory::new()),
            storage: self.storage.clone(),
            work_dir: self.work_dir.clone(),
            clock: Arc::new(SystemClock),
            from_local: false,
        })
    }
}

struct MeterConnectors(Arc<Meter>);

impl Connectors for MeterConnectors {
    fn source(&self, table: &TableDef) -> Result<Arc<dyn SourceFactory>> {
        Ok(Arc::new(Made { meter: self.0.clone(), schema: table.physical_schema() }))
    }

    fn sink(&self, _: &TableDef) -> Result<Arc<dyn SinkFactory>> {
        Ok(Arc::new(Met(self.0.clone())))
    }
}

/// Makes rows by the clock.
struct Made {
    meter: Arc<Meter>,
    schema: Schema,
}

impl SourceFactory for Made {
    fn create(&self, info: &TaskInfo) -> Result<Box<dyn Source>> {
        Ok(Box::new(Making {
            meter: self.meter.clone(),
            schema: self.schema.clone(),
            step_nanos: 1_000_000_000 * u64::from(info.parallelism) / RATE,
            next: self.meter.now(),
            number: u64::from(info.subtask),
        }))
    }

    fn bounded(&self) -> bool {
        false
    }
}

struct Making {
    meter: Arc<Meter>,
    schema: Schema,
    step_nanos: u64,
    /// When the next row is due.
    next: u64,
    number: u64,
}

impl Source for Making {
    fn open(&mut self, _: &mut OperatorContext<'_>, _: &OperatorState) -> Result<()> {
        self.next = self.meter.now();
        Ok(())
    }

    fn poll(&mut self, max_rows: usize, _: &mut OperatorContext<'_>) -> Result<SourcePoll> {
        let now = self.meter.now();
        if self.next > now {
            return Ok(SourcePoll::Wait(NAP));
        }
        let due = ((now - self.next) / self.step_nanos + 1).min(max_rows as u64);
        let created: Int64Array = (0..due).map(|i| (self.next + i * self.step_nanos) as i64).collect();
        // Spread over the keys.
        let uids: Int32Array =
            (0..due).map(|i| ((self.number + i).wrapping_mul(2_654_435_761) % KEYS) as i32).collect();
        self.next += due * self.step_nanos;
        self.number += due;
        let data = RecordBatch::try_new(self.schema.arrow(), vec![Arc::new(created), Arc::new(uids)])?;
        Ok(SourcePoll::Rows(Batch::inserts(data)))
    }

    fn snapshot(&mut self, _: &Barrier, _: &mut OperatorContext<'_>) -> Result<OperatorState> {
        Ok(OperatorState::default())
    }
}

/// Notes how old rows are.
pub struct Met(pub Arc<Meter>);

impl OperatorFactory for Met {
    fn create(&self, _: &TaskInfo) -> Result<Box<dyn Operator>> {
        Ok(Box::new(Meeting(self.0.clone())))
    }
}

impl SinkFactory for Met {
    fn accepts_updates(&self) -> bool {
        true
    }

    fn wants_update_before(&self) -> bool {
        false
    }
}

struct Meeting(Arc<Meter>);

impl Operator for Meeting {
    fn open(&mut self, _: &mut OperatorContext<'_>, _: &OperatorState) -> Result<()> {
        Ok(())
    }

    fn on_batch(&mut self, _: usize, batch: Batch, _: &mut OperatorContext<'_>, _: &mut dyn Output) -> Result<()> {
        let now = self.0.now();
        let created = batch.data.column_by_name("created").unwrap_or(batch.data.column(1));
        let created = created.as_primitive::<Int64Type>();
        self.0.met.lock().extend(created.values().iter().map(|c| now.saturating_sub(*c as u64)));
        Ok(())
    }
}
