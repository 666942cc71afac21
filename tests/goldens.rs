//! Every SQL golden, run four ways on both state backends: straight through;
//! stopped with savepoints and started again; rescaled up and down; killed and
//! restored from a checkpoint. The lines must be Flink's each time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
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
    Start { backend, parallelism, from, options: vec![] }
}

type Way = fn(&Bench, &Golden, Backend) -> Result<()>;

/// Runs every applicable golden one way and reports all that differ.
fn check(way: Way, any_order: bool) {
    let differences = known_differences();
    let mut wrong = Vec::new();
    let mut right = 0;
    for golden in goldens().unwrap() {
        if differences.contains_key(&golden.name) {
            continue;
        }
        for backend in BACKENDS {
            let bench = Bench::new().unwrap();
            let outcome = bench.prepare(&golden.before).and_then(|()| way(&bench, &golden, backend));
            let (mut got, mut expected) = (bench.lines(), golden.lines.clone());
            if golden.is_error {
                match outcome {
                    Ok(()) => {
                        wrong.push(format!("{} ({backend:?}): runs, though Flink says {expected:?}", golden.name))
                    }
                    Err(_) => right += 1,
                }
                continue;
            }
            if golden.any_order || any_order {
                got.sort();
                expected.sort();
            }
            match outcome {
                Err(e) => wrong.push(format!("{} ({backend:?}): {e}", golden.name)),
                Ok(()) if got != expected => {
                    let pair = got.iter().zip(&expected).find(|(g, e)| g != e);
                    wrong.push(format!(
                        "{} ({backend:?}): {} lines, expected {}; first difference (got, expected): {pair:?}",
                        golden.name,
                        got.len(),
                        expected.len()
                    ));
                }
                Ok(()) => right += 1,
            }
        }
    }
    assert!(wrong.is_empty(), "{right} right, {} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(right > 0, "no golden was run");
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
    let mut from = RestoreFrom::None;
    for (parallelism, rows) in [(1, 3), (3, 4)] {
        let Some(job) = advance(bench, golden, &start(backend, parallelism, from.clone()), rows)? else {
            return Ok(());
        };
        match stop(job, StopMode::Suspend)? {
            Some(savepoint) => from = RestoreFrom::Path(savepoint),
            None => return Ok(()),
        }
    }
    end(bench.start(&golden.sql, &start(backend, 2, from), &Gate::open())?).map(drop)
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
fn killed_and_restored_from_a_checkpoint() {
    check(killed, false);
}
