//! Every SQL golden, run five ways on both state backends: straight through;
//! stopped with savepoints and started again; rescaled up and down, in one
//! process and on two workers; killed and restored from a checkpoint. The lines must be Flink's each time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use streamjob_cluster::{Request, RestoreFrom, RunningJob};
use streamjob_core::{Result, StopMode};
use streamjob_tests::{Backend, Bench, Gate, Golden, Start, checkpoint, end, goldens, quiesce, stop};

const BACKENDS: [Backend; 2] = [Backend::Heap, Backend::RocksDb];

/// Scripts whose constructs are beyond this release or where we differ on purpose, with the reason (docs/sql.md).
fn known_differences() -> BTreeMap<String, String> {
    let text = include_str!("goldens/differences.txt");
    let lines = text.lines().filter(|l| !l.trim().is_empty() && !l.starts_with('#'));
    lines
        .map(|l| l.split_once(": ").expect("NAME: reason"))
        .map(|(name, reason)| (name.to_string(), reason.to_string()))
        .collect()
}

fn start(backend: Backend, parallelism: u32, from: RestoreFrom) -> Start {
    Start { backend, parallelism, from, workers: 0, options: vec![] }
}

type Way = fn(&Bench, &Golden, Backend) -> Result<()>;

/// Rescaled, these are compared by the rows that their changelog leaves, not by its lines: between two
/// aggregations, parallel keys meet in any order, which gives other steps to the same result.
const AGGREGATED_TWICE: [&str; 7] = [
    "group_monotone",
    "group_of_group",
    "group_retract_distinct",
    "group_retract_group",
    "group_retract_min_max",
    "group_retract_sum",
    "window_then_group",
];

/// Their results hold values in the order in which parallel keys arrive: not compared when rescaled.
const AS_THEY_ARRIVE: [&str; 1] = ["group_retract_lists"];

/// Jobs wait more than they compute here, so many run at once.
const AT_ONCE: usize = 16;

/// Runs every applicable golden one way on both backends and reports all that differ.
fn check(way: Way, any_order: bool) {
    let differences = known_differences();
    let skipped = |name: &str| differences.contains_key(name) || any_order && AS_THEY_ARRIVE.contains(&name);
    let all = goldens().unwrap().into_iter().filter(|g| !skipped(&g.name));
    let cases: Vec<_> = all.flat_map(|g| BACKENDS.map(|b| (g.clone(), b))).collect();
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((golden, backend)) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(difference) = check_one(way, any_order, golden, *backend) {
                        wrong.lock().unwrap().push(format!("{} ({backend:?}): {difference}", golden.name));
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} of {} wrong:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert!(!cases.is_empty(), "no golden was run");
}

fn check_one(way: Way, any_order: bool, golden: &Golden, backend: Backend) -> std::result::Result<(), String> {
    let bench = Bench::new().unwrap();
    let outcome = bench.prepare(&golden.before).and_then(|()| way(&bench, golden, backend));
    let (mut got, mut expected) = (bench.lines(), golden.lines.clone());
    if golden.is_error {
        return outcome.err().map(drop).ok_or_else(|| format!("runs, though Flink says {expected:?}"));
    }
    outcome.map_err(|e| e.to_string())?;
    if golden.any_order || any_order {
        // Flink's too, where a sink has a parallelism of its own: keys go to other subtasks there.
        got.iter_mut().chain(&mut expected).for_each(|line| *line = without_subtask(line));
        got.sort();
        expected.sort();
    }
    if any_order && AGGREGATED_TWICE.contains(&golden.name.as_str()) {
        (got, expected) = (result(&got), result(&expected));
    }
    let pair = got.iter().zip(&expected).find(|(g, e)| g != e);
    if got == expected {
        return Ok(());
    }
    Err(format!("{} lines, expected {}; first difference (got, expected): {pair:?}", got.len(), expected.len()))
}

/// A printed line without the number of the subtask that printed it: `2> +I[1]` → `+I[1]`, `a:2> +I[1]` → `a> +I[1]`.
fn without_subtask(line: &str) -> String {
    let Some((prefix, rest)) = line.split_once("> ") else { return line.to_string() };
    match prefix.rsplit_once(':') {
        _ if prefix.parse::<u32>().is_ok() => rest.to_string(),
        Some((name, number)) if number.parse::<u32>().is_ok() => format!("{name}> {rest}"),
        _ => line.to_string(),
    }
}

/// The rows that a changelog leaves.
fn result(lines: &[String]) -> Vec<String> {
    let mut rows: BTreeMap<String, i64> = BTreeMap::new();
    for line in lines {
        let (sign, row) = ["+I[", "+U[", "-U[", "-D["]
            .into_iter()
            .find_map(|op| line.split_once(op).map(|(head, row)| (op, format!("{head}[{row}"))))
            .map(|(op, row)| (if op.starts_with('+') { 1 } else { -1 }, row))
            .unwrap();
        *rows.entry(row).or_default() += sign;
    }
    rows.into_iter().filter(|(_, n)| *n != 0).map(|(row, n)| format!("{n} × {row}")).collect()
}

fn straight(bench: &Bench, golden: &Golden, backend: Backend) -> Result<()> {
    bench.run(&golden.sql, &start(backend, 1, RestoreFrom::None)).map(drop)
}

/// Reads `rows` rows, comes to rest; `None` when the job has ended by itself.
fn advance(bench: &Bench, golden: &Golden, start: &Start, rows: i64) -> Result<Option<RunningJob>> {
    let gate = Gate::after(rows);
    let job = bench.start(&golden.sql, start, &gate)?;
    quiesce(&job, &gate, || bench.lines().len())?;
    if job.wait_timeout(std::time::Duration::ZERO) {
        end(job)?;
        return Ok(None);
    }
    Ok(Some(job))
}

fn with_savepoints(bench: &Bench, golden: &Golden, backend: Backend) -> Result<()> {
    let mut from = RestoreFrom::None;
    for rows in [3, 4] {
        let Some(job) = advance(bench, golden, &start(backend, 1, from.clone()), rows)? else { return Ok(()) };
        match stop(job, StopMode::Suspend)? {
            Some(savepoint) => from = RestoreFrom::Path(savepoint),
            None => return Ok(()),
        }
    }
    end(bench.start(&golden.sql, &start(backend, 1, from), &Gate::open())?).map(drop)
}

fn rescaled(bench: &Bench, golden: &Golden, backend: Backend) -> Result<()> {
    rescaled_on(bench, golden, backend, 0)
}

fn on_workers(bench: &Bench, golden: &Golden, backend: Backend) -> Result<()> {
    rescaled_on(bench, golden, backend, 2)
}

fn rescaled_on(bench: &Bench, golden: &Golden, backend: Backend, workers: usize) -> Result<()> {
    let mut from = RestoreFrom::None;
    for (parallelism, rows) in [(1, 3), (3, 4)] {
        let start = Start { workers, ..start(backend, parallelism, from.clone()) };
        let Some(job) = advance(bench, golden, &start, rows)? else {
            return Ok(());
        };
        match stop(job, StopMode::Suspend)? {
            Some(savepoint) => from = RestoreFrom::Path(savepoint),
            None => return Ok(()),
        }
    }
    end(bench.start(&golden.sql, &Start { workers, ..start(backend, 2, from) }, &Gate::open())?).map(drop)
}

fn killed(bench: &Bench, golden: &Golden, backend: Backend) -> Result<()> {
    let mut from = RestoreFrom::None;
    for rows in [2, 5] {
        let gate = Gate::after(rows);
        let job = bench.start(&golden.sql, &start(backend, 1, from.clone()), &gate)?;
        quiesce(&job, &gate, || bench.lines().len())?;
        if job.wait_timeout(std::time::Duration::ZERO) {
            return end(job).map(drop);
        }
        checkpoint(&job, "checkpoint")?;
        let committed = bench.lines().len();
        gate.allow(3);
        quiesce(&job, &gate, || bench.lines().len())?;
        if job.wait_timeout(std::time::Duration::ZERO) {
            return end(job).map(drop);
        }
        job.view().request(Request::Cancel);
        end(job)?;
        bench.truncate(committed);
        from = RestoreFrom::Latest;
    }
    end(bench.start(&golden.sql, &start(backend, 1, from), &Gate::open())?).map(drop)
}

#[test]
fn straight_through() {
    check(straight, false);
}

#[test]
fn stopped_with_savepoints_and_started_again() {
    check(with_savepoints, false);
}

#[test]
fn rescaled_up_and_down() {
    check(rescaled, true);
}

#[test]
fn rescaled_on_two_workers() {
    check(on_workers, true);
}

#[test]
fn killed_and_restored_from_a_checkpoint() {
    check(killed, false);
}
