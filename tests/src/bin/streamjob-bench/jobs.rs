//! Whole jobs on the real binary: each a row of [`JOBS`], run as a child of this
//! process, checkpoints on, exactly once. Told are rows a second over the child's
//! whole life, its CPU time, its largest resident memory, and what it wrote.

use crate::nexmark;
use crate::processes::{Process, streamjob};
use crate::report::Report;
use crate::usage::{Usage, resident};
use std::path::Path;
use std::time::{Duration, Instant};
use streamjob_core::error::ErrorExt;
use streamjob_core::{Error, Result};

/// Runs of each job.
const RUNS: usize = 3;
const PARALLELISM: &str = "2";
const INTERVAL: &str = "10 s";

/// A job. In its SQL `{rows}` and `{keys}` stand for the fields of that name.
struct Job {
    name: &'static str,
    backend: &'static str,
    incremental: bool,
    rows: u64,
    keys: u64,
    runs: usize,
    /// Of each of the two slots, where the backend is RocksDB; two fifths of it hold entries, about 40 bytes each here.
    memory: &'static str,
    /// Another job of the table whose output is this one's input.
    input: Option<&'static str>,
    sql: &'static str,
    /// At least so many million rows a second are wanted.
    goal: f64,
}

const COUNT: &str =
    "CREATE TABLE order_behavior (uid BIGINT, item BIGINT, amount DOUBLE) WITH ('connector'='datagen', 'seed'='1',
  'rows-per-second'='1000000000', 'number-of-rows'='{rows}', 'fields.uid.min'='1', 'fields.uid.max'='{keys}');
CREATE TABLE order_cnt (uid BIGINT, cnt BIGINT) WITH ('connector'='blackhole');
INSERT INTO order_cnt SELECT uid, COUNT(*) AS cnt FROM order_behavior GROUP BY uid;";

/// The same with keys by Zipf's law, exponent 0.99: the rank is the inverse of the continuous distribution with that
/// density over 1 to {keys}, `(1 + u * (keys^0.01 - 1))^100` of a uniform `u`. Multiplied by a number without a common
/// factor with {keys}, so that frequent keys are no neighbours.
const COUNT_ZIPF: &str =
    "CREATE TABLE order_behavior (u DOUBLE, item BIGINT, amount DOUBLE,
  uid AS MOD(CAST(POWER(1 + u * (POWER({keys}, 0.01) - 1), 100) AS BIGINT) * 61803399, CAST({keys} AS BIGINT))) WITH ('connector'='datagen', 'seed'='1',
  'rows-per-second'='1000000000', 'number-of-rows'='{rows}', 'fields.u.min'='0', 'fields.u.max'='1');
CREATE TABLE order_cnt (uid BIGINT, cnt BIGINT) WITH ('connector'='blackhole');
INSERT INTO order_cnt SELECT uid, COUNT(*) AS cnt FROM order_behavior GROUP BY uid;";

/// Article 004: records of 1 KiB, each its own key and the value that is kept for it, for thirty days.
const ARTICLE_004: &str = "SET 'table.exec.state.ttl' = '30 d';
CREATE TABLE items (item STRING) WITH ('connector'='datagen', 'seed'='1', 'rows-per-second'='1000000000',
  'number-of-rows'='{rows}', 'fields.item.length'='1024');
CREATE TABLE state_demo (item STRING, held STRING) WITH ('connector'='blackhole');
INSERT INTO state_demo SELECT item, LAST_VALUE(item) FROM items GROUP BY item;";

const COLUMNS: &str = "id BIGINT, uid INT, amount DOUBLE, note STRING";

const MAKE: &str = "CREATE TABLE made ({columns}) WITH ('connector'='datagen', 'seed'='1', 'rows-per-second'='1000000000',
  'number-of-rows'='{rows}', 'fields.uid.min'='0', 'fields.uid.max'='999', 'fields.amount.min'='0', 'fields.amount.max'='1000',
  'fields.note.length'='40');
CREATE TABLE kept ({columns}) WITH ('connector'='filesystem', 'path'='{output}', 'format'='{format}');
INSERT INTO kept SELECT * FROM made;";

const FILTER: &str =
    "CREATE TABLE read ({columns}) WITH ('connector'='filesystem', 'path'='{input}', 'format'='{format}');
CREATE TABLE kept ({columns}) WITH ('connector'='filesystem', 'path'='{output}', 'format'='{format}');
INSERT INTO kept SELECT * FROM read WHERE uid < 500;";

const M: u64 = 1_000_000;
const MEMORY: &str = "512 mb";

/// More keys than memory holds: about a quarter of 100 M. Takes minutes, and is run once.
const fn uncached(name: &'static str, sql: &'static str) -> Job {
    Job { sql, runs: 1, memory: "1200 mb", ..count(name, "rocksdb", 60 * M, 100 * M, f64::NAN) }
}

const fn count(name: &'static str, backend: &'static str, rows: u64, keys: u64, goal: f64) -> Job {
    Job { name, backend, incremental: true, rows, keys, runs: RUNS, memory: MEMORY, input: None, sql: COUNT, goal }
}

const fn article(name: &'static str, backend: &'static str, incremental: bool, goal: f64) -> Job {
    Job {
        name,
        backend,
        incremental,
        rows: 1 << 20,
        keys: 0,
        runs: RUNS,
        memory: MEMORY,
        input: None,
        sql: ARTICLE_004,
        goal,
    }
}

const fn files(name: &'static str, input: Option<&'static str>, sql: &'static str) -> Job {
    Job {
        name,
        backend: "hashmap",
        incremental: true,
        rows: 4 * M,
        keys: 0,
        runs: RUNS,
        memory: MEMORY,
        input,
        sql,
        goal: f64::NAN,
    }
}

const fn nexmark(name: &'static str, sql: &'static str, goal: f64) -> Job {
    Job { sql, goal, rows: 20 * M, ..files(name, None, sql) }
}

const JOBS: &[Job] = &[
    count("count/heap/1M", "hashmap", 100 * M, M, 40.0),
    count("count/heap/10M", "hashmap", 100 * M, 10 * M, 30.0),
    count("count/rocksdb/1M", "rocksdb", 100 * M, M, 10.0),
    uncached("count/rocksdb/100M uniform", COUNT),
    uncached("count/rocksdb/100M zipf", COUNT_ZIPF),
    article("004/heap", "hashmap", true, 1.5),
    article("004/rocksdb full", "rocksdb", false, 0.6),
    article("004/rocksdb incremental", "rocksdb", true, 0.6),
    files("csv/make", None, MAKE),
    files("csv/filter", Some("csv/make"), FILTER),
    files("json/make", None, MAKE),
    files("json/filter", Some("json/make"), FILTER),
    nexmark("nexmark/q0", nexmark::Q0, 25.0),
    nexmark("nexmark/q1", nexmark::Q1, 25.0),
    nexmark("nexmark/q2", nexmark::Q2, 25.0),
    nexmark("nexmark/q5 counts", nexmark::Q5_COUNTS, 12.0),
    nexmark("nexmark/q5 most", nexmark::Q5_MOST, 12.0),
    nexmark("nexmark/q7 most", nexmark::Q7_MOST, f64::NAN),
    nexmark("nexmark/q12 event time", nexmark::Q12_EVENT_TIME, 15.0),
    nexmark("nexmark/q14 built-in", nexmark::Q14_BUILT_IN, f64::NAN),
    nexmark("nexmark/q15", nexmark::Q15, 6.0),
    nexmark("nexmark/q16", nexmark::Q16, f64::NAN),
    nexmark("nexmark/q17", nexmark::Q17, 12.0),
    nexmark("nexmark/q21", nexmark::Q21, f64::NAN),
    nexmark("nexmark/q22", nexmark::Q22, 10.0),
];

/// All jobs of the table whose name holds `only`, with `scale` times their rows.
pub fn run(scale: f64, only: &str, report: &mut Report) -> Result<()> {
    report.settings(
        "jobs",
        &format!(
            "streamjob run, a process a job, parallelism {PARALLELISM}, a checkpoint every {INTERVAL} in a folder (exactly once, \
             without fsync), RocksDB with {MEMORY} a slot (1200 mb where there are 100 M keys), {scale} times the rows of the \
             table, {RUNS} runs (one with 100 M keys); rows a second over the process's whole life"
        ),
    );
    let dir = tempfile::tempdir_in(crate::state::cache()?).transient("no temporary folder")?;
    for job in JOBS.iter().filter(|j| j.name.contains(only)) {
        if let Some(input) = job.input
            && !output(dir.path(), input).is_dir()
            && let Some(maker) = JOBS.iter().find(|j| j.name == input)
        {
            once(maker, scale, dir.path())?;
        }
        let runs = (0..job.runs).map(|_| once(job, scale, dir.path())).collect::<Result<Vec<Run>>>()?;
        let name = format!("jobs/{}", job.name);
        let mut add = |what: &str, unit, goal: Option<f64>, value: &dyn Fn(&Run) -> f64| {
            report.add(&name, what, unit, runs.iter().map(value).collect(), goal.filter(|g| !g.is_nan()));
        };
        add("rows a second", "M/s", Some(job.goal), &|r| r.rows as f64 / r.wall.as_secs_f64() / 1e6);
        add("rows a CPU second", "M/s", None, &|r| r.rows as f64 / r.used.cpu.as_secs_f64() / 1e6);
        add("CPU", "s", None, &|r| r.used.cpu.as_secs_f64());
        add("largest resident memory", "MB", None, &|r| r.used.peak as f64 / 1e6);
        add("written", "MB", None, &|r| r.used.written as f64 / 1e6);
    }
    if "start".contains(only) {
        start(dir.path(), report)?;
    }
    Ok(())
}

/// What one run took.
struct Run {
    rows: u64,
    wall: Duration,
    used: Usage,
}

fn output(dir: &Path, job: &str) -> std::path::PathBuf {
    dir.join(job.replace(['/', ' '], "-")).join("out")
}

fn once(job: &Job, scale: f64, dir: &Path) -> Result<Run> {
    let rows = ((job.rows as f64 * scale) as u64).max(1);
    let out = output(dir, job.name);
    let own = out.parent().unwrap_or(dir).to_path_buf();
    let _ = std::fs::remove_dir_all(&own);
    std::fs::create_dir_all(&own).transient("no folder for a job")?;
    let sql = job
        .sql
        .replace("{rows}", &rows.to_string())
        .replace("{keys}", &job.keys.to_string())
        .replace("{columns}", COLUMNS)
        .replace("{format}", job.name.split('/').next().unwrap_or_default())
        .replace("{output}", &out.display().to_string())
        .replace("{input}", &job.input.map(|i| output(dir, i).display().to_string()).unwrap_or_default());
    std::fs::write(own.join("job.sql"), sql).transient("cannot write a job")?;
    let set = |key: &str, value: &str| ["--set".to_string(), format!("{key}={value}")];
    let options = [
        set("execution.checkpointing.interval", INTERVAL),
        set("execution.checkpointing.incremental", if job.incremental { "true" } else { "false" }),
        set("state.backend.type", job.backend),
        set("state.backend.rocksdb.memory.fixed-per-slot", job.memory),
        set("execution.checkpointing.sync-files", "false"),
    ];
    let mut args: Vec<&str> = vec!["run", "job.sql", "--no-rest", "-p", PARALLELISM];
    args.extend(options.iter().flatten().map(String::as_str));
    let begun = Instant::now();
    let process = Process::spawn(&own, "job", streamjob(&args)?)?;
    let used = Usage::of(process)?;
    let wall = begun.elapsed();
    // State and checkpoints go, output may be another job's input.
    let _ = std::fs::remove_dir_all(own.join(".streamjob"));
    Ok(Run { rows, wall, used })
}

/// From the process's start to its first row, and what a job that waits for rows holds.
fn start(dir: &Path, report: &mut Report) -> Result<()> {
    const SQL: &str = "CREATE TABLE made (id BIGINT) WITH ('connector'='datagen', 'rows-per-second'='1');
        CREATE TABLE seen (id BIGINT) WITH ('connector'='print');
        INSERT INTO seen SELECT id FROM made;";
    let own = dir.join("start");
    std::fs::create_dir_all(&own).transient("no folder for a job")?;
    std::fs::write(own.join("job.sql"), SQL).transient("cannot write a job")?;
    let (mut first, mut idle) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let begun = Instant::now();
        let process = Process::spawn(&own, "start", streamjob(&["run", "job.sql", "--no-rest", "--from", "none"])?)?;
        while process.out_len() == 0 {
            if begun.elapsed() > Duration::from_secs(60) {
                return Err(Error::internal(format!("no row: {}", process.err()?)));
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        first.push(begun.elapsed().as_secs_f64());
        std::thread::sleep(Duration::from_secs(3));
        idle.push(resident(process.id()) as f64 / 1e6);
    }
    report.add("jobs/start", "process to first row (1 row/s)", "s", first, Some(0.15));
    report.add("jobs/start", "resident memory of an idle job", "MB", idle, Some(25.0));
    Ok(())
}
