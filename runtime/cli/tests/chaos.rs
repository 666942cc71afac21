//! The real binary as one coordinator and three workers over a real S3 server, a
//! million keys in RocksDB: processes are killed at random for as long as
//! STREAMJOB_CHAOS_SECONDS says (`make chaos`: 120), and started again. The
//! committed output must be that of a run that nobody disturbed, row for row.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[allow(dead_code)]
mod support;

use std::time::{Duration, Instant};
use support::fleet::{Fleet, settings};
use support::keyed_job::{compare, script, undisturbed};
use support::s3::{Meta, S3};
use support::{Random, run, seed};

const KEYS: u64 = 1_000_000;
/// Rows a second that sources may make: what the time of the kills is made of.
const RATE: u64 = 60_000;

/// How long processes are killed.
fn time() -> Duration {
    let given = std::env::var("STREAMJOB_CHAOS_SECONDS").ok().and_then(|s| s.parse().ok());
    Duration::from_secs(given.unwrap_or(20))
}

/// Who dies.
#[derive(Debug, Clone, Copy)]
enum Victim {
    Worker(usize),
    Coordinator,
    Both(usize),
    AllWorkers,
}

fn victim(random: &mut Random, workers: usize) -> Victim {
    let worker = random.below(workers as u64) as usize;
    match random.below(10) {
        0..=5 => Victim::Worker(worker),
        6..=7 => Victim::Coordinator,
        8 => Victim::Both(worker),
        _ => Victim::AllWorkers,
    }
}

fn kill(fleet: &mut Fleet<'_>, victim: Victim) {
    match victim {
        Victim::Worker(n) => fleet.kill_worker(n),
        Victim::Coordinator => fleet.kill_coordinator(),
        Victim::Both(n) => {
            fleet.kill_worker(n);
            fleet.kill_coordinator();
        }
        Victim::AllWorkers => (0..fleet.workers.len()).for_each(|n| fleet.kill_worker(n)),
    }
}

/// Kills for the time given; at each of `rescales`, spread over it, asks for that parallelism until it is had.
fn torture(parallelism: u32, rescales: &[u32]) {
    let dir = tempfile::tempdir().unwrap();
    let Some(s3) = S3::gateway(dir.path(), Meta::Kept) else { return };
    let time = time();
    let rows_in = (RATE * time.as_secs()).max(KEYS);
    let expected = undisturbed(KEYS, rows_in);
    assert_eq!(expected[2].len() as u64, KEYS, "every key is hit");
    let seed = seed();
    println!("STREAMJOB_SEED={seed}, {rows_in} rows");
    let mut random = Random(seed);
    let sql = script(&settings(&s3, "500 ms"), KEYS, RATE, rows_in, "s3://bucket/out");
    std::fs::write(dir.path().join("job.sql"), sql).unwrap();
    let mut fleet = Fleet::start(dir.path(), parallelism, 3, 2);
    fleet.coordinator.until_told("completed in");
    let begun = Instant::now();
    let mut rescales = rescales.iter().zip(1u32..).map(|(p, n)| (*p, time * n / (rescales.len() as u32 + 1)));
    let mut rescale = rescales.next();
    let (mut kills, mut attempts) = (0, 0);
    while begun.elapsed() < time {
        std::thread::sleep(Duration::from_millis(500 + random.below(3000)));
        assert!(!fleet.coordinator.has_ended(), "the coordinator ended: {}", fleet.coordinator.err());
        if let Some((to, _)) = rescale.filter(|(_, at)| begun.elapsed() >= *at) {
            attempts += 1;
            match fleet.rescale(to) {
                Ok(()) => rescale = rescales.next(),
                Err(e) => println!("{:>6.1?} rescale to {to}: {}", begun.elapsed(), e.trim()),
            }
        }
        let victim = victim(&mut random, fleet.workers.len());
        println!("{:>6.1?} {victim:?}", begun.elapsed());
        kill(&mut fleet, victim);
        kills += 1;
    }
    // What kills left no time for.
    while let Some((to, _)) = rescale {
        attempts += 1;
        assert!(begun.elapsed() < time + support::PATIENCE, "no rescale to {to}");
        match fleet.rescale(to) {
            Ok(()) => rescale = rescales.next(),
            Err(_) => std::thread::sleep(Duration::from_millis(200)),
        }
    }
    println!("{kills} kills, {attempts} rescales asked for, after {:.1?}", begun.elapsed());
    fleet.end(Duration::from_secs(600));
    println!("finished after {:.1?}", begun.elapsed());
    compare(&s3.bucket.join("out"), &expected);
    let mut verify = vec!["checkpoint", "verify", "--storage", "s3://bucket/checkpoints"];
    let options: Vec<String> = s3.options().iter().map(|(k, v)| format!("{k}={v}")).collect();
    options.iter().for_each(|o| verify.extend(["--set", o.as_str()]));
    run(dir.path(), &verify).ok("what is left is whole");
}

#[test]
fn kills_of_anyone() {
    torture(4, &[]);
}

#[test]
fn kills_of_anyone_between_rescales() {
    torture(2, &[4, 1, 3]);
}
