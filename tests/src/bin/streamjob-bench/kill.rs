//! `kill -9` of a worker until the first row that the new attempt prints.

use crate::logs::{between, find, find_last, now};
use crate::report::Report;
use crate::state::{INTERVAL, Job, Place, RATE};
use std::time::{Duration, Instant};
use streamjob_core::{Error, Result};

const TIMES: usize = 3;
const GOAL_MS: f64 = 700.0;

/// Who takes the killed worker's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Successor {
    /// The same worker, started again at once on the same disk.
    Restarted,
    /// The same worker, started again at once with an empty disk.
    Replaced,
    /// A worker with free slots that was there before.
    Standby,
}

impl Successor {
    fn name(self) -> &'static str {
        match self {
            Successor::Restarted => "restarted",
            Successor::Replaced => "replaced",
            Successor::Standby => "standby",
        }
    }
}

/// One kill, in milliseconds since then.
struct Kill {
    /// The coordinator says that the job starts again.
    noticed: f64,
    /// The last worker begins the new attempt.
    begun: f64,
    /// All tasks have their state.
    running: f64,
    /// The first row is printed.
    first_row: f64,
}

/// All cases.
pub fn run(bytes: u64, report: &mut Report) -> Result<()> {
    report.settings(
        "kill",
        &format!(
            "{bytes} bytes of payload in RocksDB, GROUP BY, parallelism 4 on 2 workers of 2 slots, {RATE} rows/s, checkpoints \
             every {INTERVAL}, restart delay 100 ms; kill -9 of a worker until the first row that the new attempt prints; \
             {TIMES} kills"
        ),
    );
    for place in [Place::Folder, Place::S3] {
        for successor in [Successor::Restarted, Successor::Replaced, Successor::Standby] {
            let Some(mut job) = Job::start(bytes, place, 4)? else { continue };
            let mut kills = Vec::new();
            for n in 0..TIMES {
                kills.push(kill(&mut job, successor, n)?);
            }
            let name = format!("kill/{}/{}", place.name(), successor.name());
            let all = |of: fn(&Kill) -> f64| kills.iter().map(of).collect::<Vec<_>>();
            report.add(&name, "kill to first new row", "ms", all(|k| k.first_row), Some(GOAL_MS));
            report.add(&name, "kill to all tasks running", "ms", all(|k| k.running), Some(GOAL_MS));
            report.add(&name, "· until the coordinator knows", "ms", all(|k| k.noticed), None);
            report.add(&name, "· tear down, delay, slots, deploy", "ms", all(|k| k.begun - k.noticed), None);
            report.add(&name, "· restore of the last task", "ms", all(|k| k.running - k.begun), None);
        }
    }
    Ok(())
}

fn kill(job: &mut Job, successor: Successor, n: usize) -> Result<Kill> {
    if successor == Successor::Standby {
        let before = job.coordinator.err_len();
        job.add_worker(&format!("standby-{n}"))?;
        job.coordinator.until(before, "is here")?;
        std::thread::sleep(Duration::from_millis(500));
    }
    let from = job.coordinator.err_len();
    let (name, mut victim) = job.workers.remove(0);
    let marks: Vec<usize> = job.workers.iter().map(|(_, w)| w.err_len()).collect();
    let killed = now();
    victim.kill();
    if successor == Successor::Replaced {
        job.wipe(&name);
    }
    if successor != Successor::Standby {
        job.add_worker(&name)?;
    }
    let first_row = first_row(job, &marks)?;
    job.coordinator.until(from, "all tasks are running")?;
    let log = job.coordinator.err()?;
    let at = |text: &str| find(&log, from, text).ok_or_else(|| Error::internal(format!("no '{text}' in {log}")));
    let (noticed, running) = (at("starts again")?.0, at("all tasks are running")?.0);
    let mut begun = noticed;
    for ((_, worker), mark) in job.workers.iter().zip(marks.iter().chain(std::iter::repeat(&0))) {
        if let Some((at, _)) = find_last(&worker.err()?, *mark, "tasks here") {
            begun = begun.max(at);
        }
    }
    job.settle(from)?;
    Ok(Kill {
        noticed: between(killed, noticed),
        begun: between(killed, begun),
        running: between(killed, running),
        first_row: between(killed, first_row),
    })
}

/// Waits for output behind the begin of the new attempt; that no old task writes any more is certain then. `marks`: where
/// logs of the workers ended before the kill.
fn first_row(job: &Job, marks: &[usize]) -> Result<f64> {
    let begun = Instant::now();
    let mut sizes: Vec<Option<u64>> = vec![None; job.workers.len()];
    loop {
        for (i, ((_, worker), size)) in job.workers.iter().zip(&mut sizes).enumerate() {
            match size {
                Some(size) if worker.out_len() > *size => return Ok(now()),
                Some(_) => {}
                None => {
                    let mark = marks.get(i).copied().unwrap_or(0);
                    if worker.err_len() > mark && find(&worker.err()?, mark, "tasks here").is_some() {
                        *size = Some(worker.out_len());
                    }
                }
            }
        }
        if begun.elapsed() > Duration::from_secs(120) {
            return Err(Error::internal(format!("no new row: {}", job.coordinator.err()?)));
        }
        std::thread::sleep(Duration::from_micros(500));
    }
}
