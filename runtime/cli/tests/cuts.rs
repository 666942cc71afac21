//! The real binary when something it leans on falls silent: checkpoint storage, or
//! the network between two coordinators of one job. Output exactly once, whoever
//! goes on.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[allow(dead_code)]
mod support;

use std::path::Path;
use std::time::Duration;
use support::Running;
use support::fleet::{Fleet, settings};
use support::keyed_job::{compare, script, undisturbed};
use support::proxy::Proxy;
use support::s3::{Meta, S3, free_port};

const KEYS: u64 = 20_000;
const RATE: u64 = 10_000;

/// How long storage is away.
fn outage() -> Duration {
    let given = std::env::var("STREAMJOB_OUTAGE_SECONDS").ok().and_then(|s| s.parse().ok());
    Duration::from_secs(given.unwrap_or(8))
}

fn completed(told: &str) -> usize {
    told.matches("completed in").count()
}

/// Runs the job while `away` takes the storage away and `back` brings it back.
fn storage_away(away: impl Fn(&mut S3, &Path, &mut Fleet<'_>), back: impl Fn(&mut S3, &Path), more: &str) {
    let dir = tempfile::tempdir().unwrap();
    let Some(mut s3) = S3::gateway(dir.path(), Meta::Kept) else { return };
    let rows_in = RATE * (outage().as_secs() + 10);
    let expected = undisturbed(KEYS, rows_in);
    let sql = script(&(settings(&s3, "300 ms") + more), KEYS, RATE, rows_in, "s3://bucket/out");
    std::fs::write(dir.path().join("job.sql"), sql).unwrap();
    let mut fleet = Fleet::start(dir.path(), 2, 2, 1);
    fleet.coordinator.until("two checkpoints", |c| completed(&c.err()) >= 2);
    away(&mut s3, dir.path(), &mut fleet);
    // The one that was under way may have had its last answer.
    std::thread::sleep(Duration::from_millis(500));
    let before = completed(&fleet.coordinator.err());
    std::thread::sleep(outage());
    assert!(!fleet.coordinator.has_ended(), "it did not wait: {}", fleet.coordinator.err());
    assert_eq!(completed(&fleet.coordinator.err()), before, "a checkpoint without storage");
    back(&mut s3, dir.path());
    fleet.end(Duration::from_secs(300));
    compare(&s3.bucket.join("out"), &expected);
}

#[test]
fn storage_that_does_not_answer_is_waited_for() {
    storage_away(|s3, _, _| s3.pause(), |s3, _| s3.resume(), "");
}

#[test]
fn storage_that_is_gone_is_waited_for() {
    storage_away(|s3, _, _| s3.kill(), |s3, dir| s3.restart(dir), "");
}

#[test]
fn checkpoints_that_fail_are_tolerated_as_far_as_asked() {
    let more =
        "SET 'execution.checkpointing.tolerable-failed-checkpoints' = '1000';\nSET 's3.attempts.maximum' = '1';\n";
    storage_away(|s3, _, _| s3.kill(), |s3, dir| s3.restart(dir), more);
}

#[test]
fn a_worker_that_dies_while_storage_is_gone_is_replaced_when_it_is_back() {
    let away = |s3: &mut S3, _: &Path, fleet: &mut Fleet<'_>| {
        s3.kill();
        fleet.kill_worker(0);
    };
    storage_away(away, |s3, dir| s3.restart(dir), "");
}

/// Two coordinators of one job on one storage. Each test says who reaches whom.
struct Rivals {
    dir: tempfile::TempDir,
    s3: S3,
    expected: Vec<Vec<String>>,
}

impl Rivals {
    fn new() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let s3 = S3::gateway(dir.path(), Meta::Kept)?;
        let rows_in = RATE * 15;
        let expected = undisturbed(KEYS, rows_in);
        let sql = script(&settings(&s3, "300 ms"), KEYS, RATE, rows_in, "s3://bucket/out");
        // A folder of its own for each side, as on two machines.
        for side in ["a", "b"] {
            std::fs::create_dir(dir.path().join(side)).unwrap();
            std::fs::write(dir.path().join(side).join("job.sql"), &sql).unwrap();
        }
        Some(Self { dir, s3, expected })
    }

    /// A coordinator, and where it is reached.
    fn coordinator(&self, side: &str) -> (Running, String) {
        let bind = format!("127.0.0.1:{}", free_port());
        let args = ["coordinator", "--job", "job.sql", "--no-rest", "--bind", &bind, "-p", "2"];
        (Running::start(&self.dir.path().join(side), &args), bind)
    }

    fn worker(&self, name: &str, coordinator: &str) -> Running {
        let args = ["worker", "--coordinator", coordinator, "--id", name, "--slots", "1"];
        Running::start(self.dir.path(), &args)
    }

    fn ended(&self, winner: Running, loser: Running) {
        let told = winner.end().ok("the one in power").err;
        assert!(told.contains("finished after"), "{told}");
        let done = loser.end();
        assert_eq!(done.code, Some(2), "{}", done.err);
        for part in ["was superseded by", "this coordinator stops", "only one coordinator may run as"] {
            assert!(done.err.contains(part), "'{part}' is missing in {}", done.err);
        }
        assert!(!done.err.contains("finished after"), "{}", done.err);
        compare(&self.s3.bucket.join("out"), &self.expected);
    }
}

#[test]
fn of_two_coordinators_with_workers_of_their_own_the_later_publishes() {
    let Some(rivals) = Rivals::new() else { return };
    let (mut a, at_a) = rivals.coordinator("a");
    let _workers_a = ["a0", "a1"].map(|name| rivals.worker(name, &at_a));
    a.until("two checkpoints", |c| completed(&c.err()) >= 2);
    let (b, at_b) = rivals.coordinator("b");
    let _workers_b = ["b0", "b1"].map(|name| rivals.worker(name, &at_b));
    rivals.ended(b, a);
}

#[test]
fn a_coordinator_that_is_cut_off_stops_and_publishes_nothing() {
    let Some(rivals) = Rivals::new() else { return };
    let (mut a, at_a) = rivals.coordinator("a");
    let network = Proxy::to(&at_a);
    let _workers = ["w0", "w1"].map(|name| rivals.worker(name, &network.address));
    a.until("two checkpoints", |c| completed(&c.err()) >= 2);
    let (b, at_b) = rivals.coordinator("b");
    network.cut(&at_b);
    rivals.ended(b, a);
}

#[test]
fn a_coordinator_that_was_paused_stops_and_publishes_nothing() {
    let Some(rivals) = Rivals::new() else { return };
    let (mut a, at_a) = rivals.coordinator("a");
    let network = Proxy::to(&at_a);
    let _workers = ["w0", "w1"].map(|name| rivals.worker(name, &network.address));
    a.until("two checkpoints", |c| completed(&c.err()) >= 2);
    a.signal("STOP");
    let (mut b, at_b) = rivals.coordinator("b");
    network.cut(&at_b);
    b.until("a checkpoint of its own", |c| completed(&c.err()) >= 1);
    a.signal("CONT");
    rivals.ended(b, a);
}
