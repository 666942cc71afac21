//! Checkpoints of a given size under updates: how long they take, how long tasks
//! stand still for them, what they write, what rows feel of it; then restores of
//! that state at the same and at another parallelism.

use crate::latency::{Met, Meter};
use crate::report::Report;
use arrow::array::{Int64Array, RecordBatch, StringArray};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use streamjob_api::{CheckpointInfo, CheckpointStatus, JobState};
use streamjob_checkpoint::Storage;
use streamjob_cluster::control::LocalDeployer;
use streamjob_cluster::coordinator::RunningJob;
use streamjob_cluster::{JobOutcome, JobSettings, Request, RestoreFrom};
use streamjob_core::error::ErrorExt;
use streamjob_core::options::Options;
use streamjob_core::table::TableDef;
use streamjob_core::{Barrier, Batch, Error, Result, Schema};
use streamjob_engine::{Connectors, OperatorContext, SinkFactory, Source, SourceFactory, SourcePoll, TaskInfo};
use streamjob_sql::{PlanContext, plan_script};
use streamjob_state::{BackendFactory, HeapFactory, OperatorState, SystemClock};
use streamjob_state_rocksdb::RocksDbFactory;
use streamjob_tests::kernels::Numbers;

/// Payload bytes of a key.
const PAYLOAD: usize = 1024;
/// Updates a second over all subtasks.
const RATE: u64 = 5000;
const PARALLELISM: u32 = 2;
/// Checkpoints that are measured.
const TIMES: usize = 6;
/// From one checkpoint's trigger to the next, when the first is over by then.
const INTERVAL: Duration = Duration::from_secs(2);
/// How long rows are measured without checkpoints.
const PLAIN: Duration = Duration::from_secs(8);
const PATIENCE: Duration = Duration::from_secs(1200);
/// How long a source that has made all rows that are due waits.
const NAP: Duration = Duration::from_micros(100);
/// A payload is a part of so much noise.
const NOISE: usize = 4 << 20;
const SQL: &str = "CREATE TABLE made (created BIGINT, uid BIGINT, payload STRING) WITH ('connector' = 'made');
    CREATE TABLE met (uid BIGINT, created BIGINT, payload STRING) WITH ('connector' = 'met');
    INSERT INTO met SELECT uid, MAX(created), LAST_VALUE(payload) FROM made GROUP BY uid;";

/// A state backend; goals for a GiB: a whole checkpoint, and one that builds upon another.
struct Case {
    name: &'static str,
    incremental: bool,
    /// Whether a checkpoint waits until the disk has its files. Flink's never does.
    sync: bool,
    goal_ms: f64,
}

const CASES: [Case; 4] = [
    Case { name: "rocksdb full", incremental: false, sync: false, goal_ms: 400.0 },
    Case { name: "rocksdb incremental", incremental: true, sync: false, goal_ms: 30.0 },
    Case { name: "rocksdb with fsync", incremental: true, sync: true, goal_ms: 30.0 },
    Case { name: "heap", incremental: false, sync: false, goal_ms: 400.0 },
];

impl Case {
    fn backend(&self) -> Arc<dyn BackendFactory> {
        if self.name == "heap" {
            return Arc::new(HeapFactory::new());
        }
        Arc::new(RocksDbFactory::new().incremental(self.incremental))
    }

    fn storage(&self, folder: &str) -> Result<Storage> {
        if self.sync {
            Storage::open(folder, Default::default())
        } else {
            Storage::open_without_sync(folder, Default::default())
        }
    }
}

/// The cases whose name holds `only`.
pub fn run(bytes: u64, only: &str, report: &mut Report) -> Result<()> {
    report.settings(
        "checkpoint",
        &format!(
            "{bytes} bytes of state: values of {PAYLOAD} random characters by a BIGINT, {PARALLELISM} subtasks in this process, \
             RocksDB with 512 MB a slot, checkpoints in a folder (without fsync, but for one case), {RATE} updates/s over all keys; {TIMES} \
             checkpoints, every {} s or when the one before is over; a row's creation by schedule until the sink",
            INTERVAL.as_secs()
        ),
    );
    for case in CASES.iter().filter(|c| c.name.contains(only)) {
        measure(case, bytes, report)?;
    }
    Ok(())
}

fn measure(case: &Case, bytes: u64, report: &mut Report) -> Result<()> {
    let name = format!("checkpoint/{}", case.name);
    let dir = tempfile::tempdir_in(crate::state::cache()?).transient("no temporary folder")?;
    let rows = Rows::new(bytes / PAYLOAD as u64);
    let job = start(case, &rows, dir.path(), PARALLELISM, RestoreFrom::None)?;
    let begun = Instant::now();
    while (rows.meter.count() as u64) < rows.keys {
        wait(&job, begun, "the state is not filled in time")?;
    }
    report.add(&name, "· filling", "s", vec![begun.elapsed().as_secs_f64()], None);
    let first = checkpoint(&job)?;
    tell(&name, "first: ", std::slice::from_ref(&first), None, report);

    // What the first one left behind, compactions and dirty pages, settles.
    std::thread::sleep(PLAIN / 2);
    rows.meter.take();
    std::thread::sleep(PLAIN);
    latency(&name, "without checkpoints", rows.meter.take(), report);
    let mut taken = Vec::new();
    for _ in 0..TIMES {
        let begun = Instant::now();
        taken.push(checkpoint(&job)?);
        std::thread::sleep(INTERVAL.saturating_sub(begun.elapsed()));
    }
    latency(&name, "with checkpoints", rows.meter.take(), report);
    tell(&name, "", &taken, Some(case.goal_ms), report);
    end(job)?;

    for (from, to) in [(2, 2), (2, 4), (4, 1)] {
        let begun = Instant::now();
        let job = start(case, &rows, dir.path(), to, RestoreFrom::Latest)?;
        while job.view().state() != JobState::Running {
            wait(&job, begun, "the state is not restored in time")?;
        }
        let took = begun.elapsed().as_secs_f64() * 1000.0;
        let name = format!("{name}/{from}→{to}");
        report.add(&name, "restore: start of the job until all tasks run", "ms", vec![took], Some(500.0));
        let after = checkpoint(&job)?;
        report.add(&name, "uploaded by the first checkpoint behind it", "MB", vec![after.uploaded], None);
        end(job)?;
    }
    Ok(())
}

/// One completed checkpoint.
struct Taken {
    whole_ms: f64,
    /// Of the slowest subtask.
    sync_ms: f64,
    upload_ms: f64,
    /// Megabytes.
    uploaded: f64,
    state: f64,
}

fn tell(name: &str, which: &str, taken: &[Taken], goal: Option<f64>, report: &mut Report) {
    let mut add = |what: &str, unit, goal, of: fn(&Taken) -> f64| {
        report.add(name, &format!("{which}{what}"), unit, taken.iter().map(of).collect(), goal);
    };
    add("trigger to the end", "ms", goal, |t| t.whole_ms);
    add("· slowest subtask stands still", "ms", goal.map(|_| 1.0), |t| t.sync_ms);
    add("· slowest subtask's upload", "ms", None, |t| t.upload_ms);
    add("uploaded", "MB", None, |t| t.uploaded);
    add("state", "MB", None, |t| t.state);
}

fn latency(name: &str, when: &str, mut met: Vec<u64>, report: &mut Report) {
    met.sort_unstable();
    for p in [50.0, 99.0, 99.9, 100.0] {
        let at = (met.len() as f64 * p / 100.0) as usize;
        let ms = met.get(at.min(met.len().saturating_sub(1))).map_or(f64::NAN, |ns| *ns as f64 / 1e6);
        report.add(name, &format!("latency {when}, p{p}"), "ms", vec![ms], None);
    }
}

fn wait(job: &RunningJob, since: Instant, late: &str) -> Result<()> {
    std::thread::sleep(Duration::from_millis(1));
    if job.view().state().is_terminal() || since.elapsed() > PATIENCE {
        return Err(Error::internal(late));
    }
    Ok(())
}

/// Triggers a checkpoint and waits for its end.
fn checkpoint(job: &RunningJob) -> Result<Taken> {
    let before = job.view().checkpoints().counts.total;
    let begun = Instant::now();
    job.view().request(Request::Checkpoint { trigger: "bench".into() });
    let info = loop {
        wait(job, begun, "a checkpoint does not end")?;
        let all = job.view().checkpoints();
        let ended = |i: &&CheckpointInfo| i.status != CheckpointStatus::InProgress;
        if all.counts.total > before
            && let Some(info) = all.history.first().filter(ended)
        {
            break info.clone();
        }
    };
    if let Some(why) = info.failure_message {
        return Err(Error::internal(format!("a checkpoint failed: {why}")));
    }
    let mut phases = Vec::new();
    while let Some(vertex) = job.view().checkpoint_subtasks(info.id, phases.len()) {
        let acks = vertex.subtasks.iter().filter_map(|s| s.ack);
        phases.push(acks.fold((0, 0), |(s, a), ack| (ack.checkpoint.sync.max(s), ack.checkpoint.asynchronous.max(a))));
    }
    let mb = |bytes: Option<u64>| bytes.unwrap_or(0) as f64 / 1e6;
    Ok(Taken {
        whole_ms: info.end_to_end_duration.unwrap_or(0) as f64,
        sync_ms: phases.iter().map(|p| p.0).max().unwrap_or(0) as f64,
        upload_ms: phases.iter().map(|p| p.1).max().unwrap_or(0) as f64,
        uploaded: mb(info.checkpointed_size),
        state: mb(info.state_size),
    })
}

fn start(case: &Case, rows: &Arc<Rows>, dir: &Path, parallelism: u32, restore: RestoreFrom) -> Result<RunningJob> {
    let mut options = Options::default();
    for (key, value) in [
        ("execution.checkpointing.interval", "0 ms"),
        ("execution.checkpointing.externalized-checkpoint-retention", "RETAIN_ON_CANCELLATION"),
        ("state.backend.rocksdb.memory.fixed-per-slot", "512 mb"),
    ] {
        options.set(key, value)?;
    }
    let connectors = RowsConnectors(rows.clone());
    let planned = plan_script(SQL, &PlanContext { connectors: &connectors, options, now_ms: 0 })?;
    streamjob_cluster::start(JobSettings {
        name: "checkpoint".into(),
        namespace: "default".into(),
        owner: "bench".into(),
        revision: String::new(),
        script: String::new(),
        deployer: Arc::new(LocalDeployer),
        graph: Arc::new(planned.graph),
        options: planned.options,
        parallelism,
        max_parallelism: 128,
        storage: case.storage(&dir.join("checkpoints").display().to_string())?,
        memory_storage: false,
        savepoint_dir: None,
        backend: case.backend(),
        work_dir: dir.join("work"),
        restore,
        allow_non_restored: false,
        claim: false,
        clock: Arc::new(SystemClock),
        rest: None,
    })
}

fn end(job: RunningJob) -> Result<()> {
    job.view().request(Request::Cancel);
    match job.wait() {
        JobOutcome::Canceled => Ok(()),
        JobOutcome::Failed(e) => Err(e),
        _ => Err(Error::internal("the job ended by itself")),
    }
}

/// What sources and sinks share.
struct Rows {
    meter: Arc<Meter>,
    keys: u64,
    noise: String,
    /// Every key was made once: only updates from now on.
    filled: AtomicBool,
}

impl Rows {
    fn new(keys: u64) -> Arc<Self> {
        let (mut numbers, mut noise) = (Numbers::new(3), String::with_capacity(NOISE));
        const CHARACTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        while noise.len() < NOISE {
            let number = numbers.another();
            let character = |i: u32| CHARACTERS.get((number >> (6 * i)) as usize & 63).copied().unwrap_or(b'-');
            noise.extend((0..10).map(|i| char::from(character(i))));
        }
        Arc::new(Self { meter: Meter::new(), keys, noise, filled: AtomicBool::new(false) })
    }

    fn payload(&self, number: u64) -> &str {
        let at = Numbers::new(number).below((NOISE - PAYLOAD) as u64) as usize;
        self.noise.get(at..at + PAYLOAD).unwrap_or_default()
    }
}

struct RowsConnectors(Arc<Rows>);

impl Connectors for RowsConnectors {
    fn source(&self, table: &TableDef) -> Result<Arc<dyn SourceFactory>> {
        Ok(Arc::new(Made { rows: self.0.clone(), schema: table.physical_schema() }))
    }

    fn sink(&self, _: &TableDef) -> Result<Arc<dyn SinkFactory>> {
        Ok(Arc::new(Met(self.0.meter.clone())))
    }
}

/// Makes every key once, as fast as it goes, then updates by the clock.
struct Made {
    rows: Arc<Rows>,
    schema: Schema,
}

impl SourceFactory for Made {
    fn create(&self, info: &TaskInfo) -> Result<Box<dyn Source>> {
        let (subtask, parallelism) = (u64::from(info.subtask), u64::from(info.parallelism));
        let filled = self.rows.filled.load(Ordering::Acquire);
        Ok(Box::new(Making {
            schema: self.schema.clone(),
            fill: subtask + if filled { self.rows.keys } else { 0 },
            number: subtask,
            parallelism,
            step_nanos: 1_000_000_000 * parallelism / RATE,
            next: 0,
            rows: self.rows.clone(),
        }))
    }

    fn bounded(&self) -> bool {
        false
    }
}

struct Making {
    rows: Arc<Rows>,
    schema: Schema,
    /// The next key that was never made.
    fill: u64,
    /// The next update.
    number: u64,
    parallelism: u64,
    step_nanos: u64,
    /// When the next update is due; 0 before the first.
    next: u64,
}

impl Source for Making {
    fn open(&mut self, _: &mut OperatorContext<'_>, _: &OperatorState) -> Result<()> {
        Ok(())
    }

    fn poll(&mut self, max_rows: usize, _: &mut OperatorContext<'_>) -> Result<SourcePoll> {
        let keys = self.rows.keys;
        if self.fill < keys {
            let uids: Vec<u64> = (self.fill..keys).step_by(self.parallelism as usize).take(max_rows).collect();
            self.fill += uids.len() as u64 * self.parallelism;
            return self.batch(uids.iter().map(|uid| (0, *uid, *uid)));
        }
        let now = self.rows.meter.now();
        if self.next == 0 {
            self.rows.filled.store(true, Ordering::Release);
            self.next = now;
        }
        if self.next > now {
            return Ok(SourcePoll::Wait(NAP));
        }
        let due = ((now - self.next) / self.step_nanos + 1).min(max_rows as u64);
        let (first, next) = (self.number, self.next);
        self.number += due * self.parallelism;
        self.next += due * self.step_nanos;
        self.batch((0..due).map(|i| {
            let number = first + i * self.parallelism;
            (next + i * self.step_nanos, Numbers::new(number).below(keys), number + keys)
        }))
    }

    fn snapshot(&mut self, _: &Barrier, _: &mut OperatorContext<'_>) -> Result<OperatorState> {
        Ok(OperatorState::default())
    }
}

impl Making {
    /// Of creation, key, and number of the payload.
    fn batch(&self, rows: impl Iterator<Item = (u64, u64, u64)> + Clone) -> Result<SourcePoll> {
        let created: Int64Array = rows.clone().map(|r| r.0.cast_signed()).collect();
        let uids: Int64Array = rows.clone().map(|r| r.1.cast_signed()).collect();
        let payloads = StringArray::from_iter_values(rows.map(|r| self.rows.payload(r.2)));
        let data =
            RecordBatch::try_new(self.schema.arrow(), vec![Arc::new(created), Arc::new(uids), Arc::new(payloads)])?;
        Ok(SourcePoll::Rows(Batch::inserts(data)))
    }
}
