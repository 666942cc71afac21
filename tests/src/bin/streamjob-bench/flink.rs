//! The same jobs in Flink and here, in turn: F O O F F O behind a warm-up of
//! Flink's. Both read rows that are computed from a sequence, or events of the same
//! generator (flink/Nexmark.java), so that they are equal; a small run of each is compared row by row before anything is timed.

use crate::nexmark;
use crate::processes::{Process, streamjob};
use crate::report::Report;
use crate::usage::Usage;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;
use streamjob_core::error::ErrorExt;
use streamjob_core::{Error, Result};

/// Who runs when. The first of Flink's, which warms the JVM up, is not counted.
const TURNS: &str = "FFOOFFO";
/// Rows of the runs that are compared.
const CHECKED: u64 = 50_000;
const PARALLELISM: u32 = 2;

/// A job for both. `{rows}`, `{keys}`, `{input}` and `{output}` are filled in.
struct Duel {
    name: &'static str,
    rows: u64,
    keys: u64,
    backend: &'static str,
    incremental: bool,
    /// Megabytes of each of the two slots, where the backend is RocksDB.
    memory: u32,
    /// The job whose output it reads.
    input: Option<&'static str>,
    sql: &'static str,
}

const COUNT: &str =
    "CREATE TABLE order_behavior (n BIGINT, uid AS MOD(n * 7919, {keys}), amount AS CAST(MOD(n, 1000) AS DOUBLE))
  WITH ({numbers});
CREATE TABLE order_cnt (uid BIGINT, cnt BIGINT) WITH ('connector'='blackhole');
INSERT INTO order_cnt SELECT uid, COUNT(*) AS cnt FROM order_behavior GROUP BY uid;";

/// Keys as if by chance: squares modulo a prime. (Multiples of a row's number meet each key equally often.) MOD is of its divisor's type.
const COUNT_SPREAD: &str = "CREATE TABLE order_behavior (n BIGINT, uid AS MOD(MOD(MOD(n * n, CAST(1000000007 AS BIGINT)) * 618033989, CAST(1000000007 AS BIGINT)), CAST({keys} AS BIGINT)),
  amount AS CAST(MOD(n, 1000) AS DOUBLE))
  WITH ({numbers});
CREATE TABLE order_cnt (uid BIGINT, cnt BIGINT) WITH ('connector'='blackhole');
INSERT INTO order_cnt SELECT uid, COUNT(*) AS cnt FROM order_behavior GROUP BY uid;";

/// Keys by Zipf's law, exponent 0.99, as the jobs' bench has them, of such a number.
const COUNT_ZIPF: &str = "CREATE TABLE order_behavior (n BIGINT, u AS CAST(MOD(MOD(n * n, CAST(1000000007 AS BIGINT)) * 618033989, CAST(1000000007 AS BIGINT)) AS DOUBLE) / 1000000007,
  amount AS CAST(MOD(n, 1000) AS DOUBLE))
  WITH ({numbers});
CREATE TABLE order_cnt (uid BIGINT, cnt BIGINT) WITH ('connector'='blackhole');
INSERT INTO order_cnt SELECT uid, COUNT(*) AS cnt FROM (
  SELECT MOD(CAST(POWER(1 + u * (POWER({keys}, 0.01) - 1), 100) AS BIGINT) * 61803399, CAST({keys} AS BIGINT)) AS uid, amount FROM order_behavior)
  GROUP BY uid;";

const FILTER: &str =
    "CREATE TABLE made (n BIGINT, uid AS MOD(n * 7919, {keys}), amount AS CAST(MOD(n, 1000) AS DOUBLE))
  WITH ({numbers});
CREATE TABLE kept (n BIGINT, uid BIGINT, amount DOUBLE) WITH ('connector'='blackhole');
INSERT INTO kept SELECT n, uid, amount FROM made WHERE MOD(uid, 10) = 3;";

const HOP: &str =
    "CREATE TABLE bid (n BIGINT, auction AS CASE WHEN MOD(n, 2) = 0 THEN n / 1000 ELSE MOD(n * 7919, {keys}) END,
  ts AS TO_TIMESTAMP_LTZ(n / 100, 3), WATERMARK FOR ts AS ts - INTERVAL '4' SECOND)
  WITH ({numbers});
CREATE TABLE hot (auction BIGINT, num BIGINT, start_at TIMESTAMP(3)) WITH ('connector'='blackhole');
INSERT INTO hot SELECT auction, COUNT(*) AS num, window_start
  FROM TABLE(HOP(TABLE bid, DESCRIPTOR(ts), INTERVAL '2' SECOND, INTERVAL '10' SECOND))
  GROUP BY auction, window_start, window_end;";

const ARTICLE_004: &str = "SET 'table.exec.state.ttl' = '30 d';
CREATE TABLE items (n BIGINT, item AS LPAD(CAST(n AS STRING), 1024, '0')) WITH ({numbers});
CREATE TABLE state_demo (item STRING, held STRING) WITH ('connector'='blackhole');
INSERT INTO state_demo SELECT item, LAST_VALUE(item) FROM items GROUP BY item;";

const MAKE: &str = "CREATE TABLE made (n BIGINT, uid AS MOD(n * 7919, {keys}), note AS LPAD(CAST(n AS STRING), 40, 'x'))
  WITH ({numbers});
CREATE TABLE kept (n BIGINT, uid BIGINT, note STRING) WITH ('connector'='filesystem', 'path'='{output}', 'format'='{format}');
INSERT INTO kept SELECT n, uid, note FROM made;";

const READ: &str = "CREATE TABLE stored (n BIGINT, uid BIGINT, note STRING) WITH ('connector'='filesystem', 'path'='{input}', 'format'='{format}');
CREATE TABLE kept (n BIGINT, uid BIGINT, note STRING) WITH ('connector'='filesystem', 'path'='{output}', 'format'='{format}');
INSERT INTO kept SELECT n, uid, note FROM stored WHERE uid < 500;";

const M: u64 = 1_000_000;

const fn duel(name: &'static str, backend: &'static str, rows: u64, keys: u64, sql: &'static str) -> Duel {
    Duel { name, rows, keys, backend, incremental: true, memory: 512, input: None, sql }
}

const DUELS: &[Duel] = &[
    duel("filter", "hashmap", 10 * M, 1000, FILTER),
    duel("count/heap/1M", "hashmap", 10 * M, M, COUNT),
    duel("count/heap/5M", "hashmap", 10 * M, 5 * M, COUNT),
    duel("count/rocksdb/1M", "rocksdb", 4 * M, M, COUNT),
    // A quarter of the keys in memory.
    Duel { memory: 120, ..duel("count/rocksdb/10M uniform", "rocksdb", 10 * M, 10 * M, COUNT_SPREAD) },
    Duel { memory: 120, ..duel("count/rocksdb/10M zipf", "rocksdb", 10 * M, 10 * M, COUNT_ZIPF) },
    duel("window/hop", "hashmap", 10 * M, 10_000, HOP),
    duel("004/heap", "hashmap", 1 << 20, 1, ARTICLE_004),
    Duel { incremental: false, ..duel("004/rocksdb full", "rocksdb", 1 << 20, 1, ARTICLE_004) },
    duel("004/rocksdb incremental", "rocksdb", 1 << 20, 1, ARTICLE_004),
    duel("csv/make", "hashmap", 4 * M, 1000, MAKE),
    Duel { input: Some("csv/make"), ..duel("csv/filter", "hashmap", 4 * M, 1000, READ) },
    duel("json/make", "hashmap", 4 * M, 1000, MAKE),
    Duel { input: Some("json/make"), ..duel("json/filter", "hashmap", 4 * M, 1000, READ) },
    duel("nexmark/q0", "hashmap", 20 * M, 1, nexmark::Q0),
    duel("nexmark/q1", "hashmap", 20 * M, 1, nexmark::Q1),
    duel("nexmark/q2", "hashmap", 20 * M, 1, nexmark::Q2),
    duel("nexmark/q5 counts", "hashmap", 20 * M, 1, nexmark::Q5_COUNTS),
    duel("nexmark/q5 most", "hashmap", 20 * M, 1, nexmark::Q5_MOST),
    duel("nexmark/q7 most", "hashmap", 20 * M, 1, nexmark::Q7_MOST),
    duel("nexmark/q12 event time", "hashmap", 20 * M, 1, nexmark::Q12_EVENT_TIME),
    duel("nexmark/q14 built-in", "hashmap", 20 * M, 1, nexmark::Q14_BUILT_IN),
    duel("nexmark/q15", "hashmap", 20 * M, 1, nexmark::Q15),
    duel("nexmark/q16", "hashmap", 20 * M, 1, nexmark::Q16),
    duel("nexmark/q17", "hashmap", 20 * M, 1, nexmark::Q17),
    duel("nexmark/q21", "hashmap", 20 * M, 1, nexmark::Q21),
    duel("nexmark/q22", "hashmap", 20 * M, 1, nexmark::Q22),
];

/// The numbers from 1 to `{rows}`: Flink's own datagen gives a sequence far slower than any job takes it, so the contender
/// brings a table source of its own.
const NUMBERS_OF_FLINK: &str = "'connector'='numbers', 'to'='{rows}'";
const NUMBERS_OF_OURS: &str = "'connector'='datagen', 'rows-per-second'='1000000000', 'fields.n.kind'='sequence', 'fields.n.start'='1', 'fields.n.end'='{rows}'";

/// Options of both.
fn common(duel: &Duel, parallelism: u32) -> Vec<(&'static str, String)> {
    vec![
        ("parallelism.default", parallelism.to_string()),
        ("execution.checkpointing.interval", "10 s".into()),
        ("execution.checkpointing.mode", "EXACTLY_ONCE".into()),
        ("execution.checkpointing.incremental", duel.incremental.to_string()),
        ("state.backend.type", duel.backend.into()),
        ("table.local-time-zone", "UTC".into()),
    ]
}

/// Flink's best, as far as tried: objects reused; RocksDB with as much memory as ours has; no mini-batch, which is slower where
/// keys are many, and gives fewer rows.
const OF_FLINK: &[(&str, &str)] =
    &[("pipeline.object-reuse", "true"), ("taskmanager.numberOfTaskSlots", "2"), ("restart-strategy.type", "none")];

/// Memory of RocksDB: Flink's is told for both slots.
fn memory_of_flink(duel: &Duel) -> (&'static str, String) {
    ("taskmanager.memory.managed.size", format!("{}m", PARALLELISM * duel.memory))
}

fn memory_of_ours(duel: &Duel) -> (&'static str, String) {
    ("state.backend.rocksdb.memory.fixed-per-slot", format!("{} mb", duel.memory))
}
const OF_OURS: &[(&str, &str)] = &[("execution.checkpointing.sync-files", "false")];

/// What a run took.
struct Run {
    wall_s: f64,
    cpu_s: f64,
    peak: f64,
}

/// The jobs whose name holds `only`, with `scale` times their rows.
pub fn run(scale: f64, only: &str, report: &mut Report) -> Result<()> {
    report.settings(
        "flink",
        &format!(
            "Flink 2.3 in one warm JVM (its local cluster; net time of the job alone) against a process of ours a run (its whole life); \
             parallelism {PARALLELISM}, exactly once, a checkpoint every 10 s in a folder, without fsync; {TURNS}, the first not \
             counted; RocksDB has 512 MB a slot, 120 MB in the jobs of 10 M keys; \
             Flink's options besides: {OF_FLINK:?}; ours: {OF_OURS:?}"
        ),
    );
    let dir = tempfile::tempdir_in(crate::state::cache()?).transient("no temporary folder")?;
    let mut flink = Contender::start()?;
    for duel in DUELS.iter().filter(|d| d.name.contains(only)) {
        if let Some(maker) = DUELS.iter().find(|d| Some(d.name) == duel.input) {
            for rows in [CHECKED, rows(maker, scale)] {
                Attempt { duel: maker, rows, parallelism: PARALLELISM, dir: dir.path(), prints: false }.ours()?;
            }
        }
        compare(duel, &mut flink, dir.path())?;
        let attempt =
            Attempt { duel, rows: rows(duel, scale), parallelism: PARALLELISM, dir: dir.path(), prints: false };
        let (mut theirs, mut ours) = (Vec::new(), Vec::new());
        for turn in TURNS.chars() {
            match turn {
                'F' => theirs.push(attempt.flinks(&mut flink)?),
                _ => ours.push(attempt.ours()?),
            }
        }
        theirs.remove(0);
        tell(duel, attempt.rows, &theirs, &ours, report);
    }
    Ok(())
}

fn rows(duel: &Duel, scale: f64) -> u64 {
    ((duel.rows as f64 * scale) as u64).max(1)
}

fn tell(duel: &Duel, rows: u64, theirs: &[Run], ours: &[Run], report: &mut Report) {
    let name = format!("flink/{}", duel.name);
    let rate =
        |runs: &[Run], by: fn(&Run) -> f64| -> Vec<f64> { runs.iter().map(|r| rows as f64 / by(r) / 1e6).collect() };
    let peak = |runs: &[Run]| -> Vec<f64> { runs.iter().map(|r| r.peak / 1e6).collect() };
    let mut pair = |what: &str, unit, of_flink: Vec<f64>, of_ours: Vec<f64>, more: bool| {
        report.add(&name, &format!("Flink: {what}"), unit, of_flink.clone(), None);
        report.add(&name, &format!("ours: {what}"), unit, of_ours.clone(), None);
        // Ranges that overlap give no ratio.
        let (least, most) = if more { (&of_ours, &of_flink) } else { (&of_flink, &of_ours) };
        let apart = least.iter().copied().fold(f64::INFINITY, f64::min) > most.iter().copied().fold(0.0, f64::max);
        if apart {
            report.add(&name, &format!("ratio: {what}"), "×", vec![median(least) / median(most)], None);
        }
    };
    pair("rows a second", "M/s", rate(theirs, |r| r.wall_s), rate(ours, |r| r.wall_s), true);
    pair("rows a CPU second", "M/s", rate(theirs, |r| r.cpu_s), rate(ours, |r| r.cpu_s), true);
    pair("largest resident memory", "MB", peak(theirs), peak(ours), false);
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Runs a few rows through both, at parallelism 1, and compares what they print or write.
fn compare(duel: &Duel, flink: &mut Contender, dir: &Path) -> Result<()> {
    let attempt = Attempt { duel, rows: CHECKED, parallelism: 1, dir, prints: true };
    attempt.flinks(flink)?;
    let theirs = attempt.results(std::mem::take(&mut flink.said))?;
    attempt.ours()?;
    let printed = newest_output(&attempt.folder())?;
    let ours = attempt.results(printed)?;
    if theirs.is_empty() || theirs != ours {
        let only = |a: &BTreeMap<String, u64>, b: &BTreeMap<String, u64>| {
            a.iter().find(|(row, n)| b.get(*row) != Some(n)).map_or("-".into(), |(row, n)| format!("{n} × {row}"))
        };
        return Err(Error::internal(format!(
            "{}: Flink gives {} different rows, ours {}; only there: {}; only here: {}",
            duel.name,
            theirs.len(),
            ours.len(),
            only(&theirs, &ours),
            only(&ours, &theirs)
        )));
    }
    println!("{:<28} {} different rows, the same in both ({CHECKED} rows in)", duel.name, theirs.len());
    Ok(())
}

/// One run of a job.
struct Attempt<'a> {
    duel: &'a Duel,
    rows: u64,
    parallelism: u32,
    dir: &'a Path,
    /// Print what would else be dropped.
    prints: bool,
}

impl Attempt<'_> {
    fn folder(&self) -> PathBuf {
        self.dir.join(self.duel.name.replace(['/', ' '], "-"))
    }

    fn output(&self) -> PathBuf {
        output(self.dir, self.duel.name, self.rows)
    }

    /// The SQL, over a source of numbers that is the engine's.
    fn sql(&self, numbers: &str) -> String {
        let input = self.duel.input.map(|i| output(self.dir, i, self.rows).display().to_string()).unwrap_or_default();
        // Few rows shall still meet their keys again.
        let keys = if self.prints { self.duel.keys.min(CHECKED / 10) } else { self.duel.keys };
        let sql = self
            .duel
            .sql
            .replace("{numbers}", numbers)
            .replace("{rows}", &self.rows.to_string())
            .replace("{keys}", &keys.to_string())
            .replace("{format}", self.duel.name.split('/').next().unwrap_or_default())
            .replace("{output}", &self.output().display().to_string())
            .replace("{input}", &input);
        if self.prints { sql.replace("'blackhole'", "'print'") } else { sql }
    }

    fn clean(&self) -> Result<PathBuf> {
        let folder = self.folder();
        let _ = std::fs::remove_dir_all(self.output());
        let _ = std::fs::remove_dir_all(folder.join(".streamjob"));
        std::fs::create_dir_all(&folder).transient("no folder for a job")?;
        Ok(folder)
    }

    fn flinks(&self, flink: &mut Contender) -> Result<Run> {
        let folder = self.clean()?;
        let checkpoints = folder.join("checkpoints");
        let mut text = String::new();
        let own = OF_FLINK.iter().map(|(k, v)| (*k, (*v).to_string()));
        let place = ("execution.checkpointing.dir", format!("file://{}", checkpoints.display()));
        let memory = memory_of_flink(self.duel);
        for (key, value) in common(self.duel, self.parallelism).into_iter().chain(own).chain([place, memory]) {
            text += &format!("SET '{key}' = '{value}';\n");
        }
        let path = folder.join("flink.sql");
        std::fs::write(&path, text + &self.sql(NUMBERS_OF_FLINK)).transient("cannot write a job")?;
        let run = flink.run(&path);
        let _ = std::fs::remove_dir_all(checkpoints);
        run.map_err(|e| e.context(self.duel.name))
    }

    fn ours(&self) -> Result<Run> {
        let folder = self.clean()?;
        std::fs::write(folder.join("job.sql"), self.sql(NUMBERS_OF_OURS)).transient("cannot write a job")?;
        let set = |(key, value): (&str, String)| ["--set".to_string(), format!("{key}={value}")];
        let options = common(self.duel, self.parallelism).into_iter().chain([memory_of_ours(self.duel)]);
        let options = options.chain(OF_OURS.iter().map(|(key, value)| (*key, (*value).to_string())));
        let options: Vec<String> = options.flat_map(set).collect();
        let mut args = vec!["run", "job.sql", "--no-rest", "--from", "none"];
        args.extend(options.iter().map(String::as_str));
        let begun = Instant::now();
        let used = Usage::of(Process::spawn(&folder, "ours", streamjob(&args)?)?)?;
        let wall_s = begun.elapsed().as_secs_f64();
        Ok(Run { wall_s, cpu_s: used.cpu.as_secs_f64(), peak: used.peak as f64 })
    }

    /// How often each row is in the result: of what was printed, or of the files that were written.
    fn results(&self, printed: Vec<String>) -> Result<BTreeMap<String, u64>> {
        let mut lines = printed;
        if self.output().is_dir() {
            lines = read_files(&self.output())?;
        }
        let mut counts = BTreeMap::new();
        for line in lines {
            *counts.entry(line).or_default() += 1;
        }
        Ok(counts)
    }
}

fn output(dir: &Path, name: &str, rows: u64) -> PathBuf {
    dir.join(format!("{}-{rows}", name.replace(['/', ' '], "-")))
}

/// Lines of all visible files.
fn read_files(dir: &Path) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for entry in std::fs::read_dir(dir).transient("cannot list an output")?.flatten() {
        if !entry.file_name().to_string_lossy().starts_with('.') {
            let text = std::fs::read_to_string(entry.path()).transient("cannot read an output")?;
            lines.extend(text.lines().map(str::to_string));
        }
    }
    Ok(lines)
}

/// What the last process in a folder printed.
fn newest_output(folder: &Path) -> Result<Vec<String>> {
    let entries = std::fs::read_dir(folder).transient("cannot list a job's folder")?.flatten();
    let outs = entries.filter(|e| e.path().extension().is_some_and(|x| x == "out"));
    let newest = outs.max_by_key(|e| e.metadata().and_then(|m| m.modified()).ok());
    let newest = newest.ok_or_else(|| Error::internal("a job left no output"))?;
    let text = std::fs::read_to_string(newest.path()).transient("cannot read what a job printed")?;
    Ok(text.lines().map(str::to_string).collect())
}

/// The JVM that runs Flink's side.
struct Contender {
    child: Child,
    ask: ChildStdin,
    answers: std::io::Lines<BufReader<ChildStdout>>,
    /// What jobs printed since it was last taken.
    said: Vec<String>,
}

impl Contender {
    fn start() -> Result<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("flink/contender");
        let mut command = Command::new(script);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().transient("cannot start Flink's side")?;
        let (ask, out) = (child.stdin.take(), child.stdout.take());
        let both = ask.zip(out).ok_or_else(|| Error::internal("a child without pipes"))?;
        Ok(Self { child, ask: both.0, answers: BufReader::new(both.1).lines(), said: Vec::new() })
    }

    fn run(&mut self, script: &Path) -> Result<Run> {
        writeln!(self.ask, "{}", script.display()).transient("Flink's side is gone")?;
        self.said.clear();
        for line in self.answers.by_ref() {
            let line = line.transient("Flink's side cannot be heard")?;
            if let Some(error) = line.strip_prefix("ERROR ") {
                return Err(Error::internal(format!("Flink: {error}")));
            }
            let Some(result) = line.strip_prefix("RESULT ") else {
                self.said.push(line);
                continue;
            };
            let figures: Vec<f64> = result.split(' ').filter_map(|f| f.parse().ok()).collect();
            return match figures.as_slice() {
                [net, cpu, peak] => Ok(Run { wall_s: net / 1000.0, cpu_s: cpu / 1000.0, peak: *peak }),
                _ => Err(Error::internal(format!("Flink's side says '{result}'"))),
            };
        }
        Err(Error::transient("Flink's side has ended"))
    }
}

impl Drop for Contender {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
