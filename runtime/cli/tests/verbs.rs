//! A running job and the shell beside it: verbs, signals, a second run. What they
//! print, how the job ends, and what the next run makes of that.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use support::suspended::{Suspended, check};
use support::{Done, Running, run};

/// Windows of a second over a source without end.
const SQL: &str = "SET 'execution.checkpointing.interval' = '100 ms';
SET 'rest.port' = '0';
CREATE TABLE orders (uid INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '0.1' SECOND)
  WITH ('connector'='datagen', 'seed'='1', 'rows-per-second'='5000', 'fields.uid.min'='1', 'fields.uid.max'='3');
CREATE TABLE per_user (uid INT, starts TIMESTAMP(3), cnt BIGINT) WITH ('connector'='print');
INSERT INTO per_user SELECT uid, window_start, COUNT(*)
  FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ts), INTERVAL '1' SECOND)) GROUP BY uid, window_start, window_end;
";

fn start(dir: &Path, args: &[&str]) -> Running {
    let mut all = vec!["run", "orders.sql"];
    all.extend(args);
    let mut job = Running::start(dir, &all);
    job.until_told("completed in");
    job
}

fn says(what: &str, done: &Done, parts: &[&str]) {
    for part in parts {
        assert!(done.err.contains(part), "{what} should say '{part}': {}", done.err);
    }
}

#[test]
fn savepoint_stop_drain_and_cancel() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    std::fs::write(dir.join("orders.sql"), SQL).unwrap();
    // Two savepoints of a running job, one of them elsewhere; then an end behind a third.
    let job = start(dir, &[]);
    let listed = run(dir, &["list"]).ok("list");
    for part in ["orders ", "RUNNING", "orders.sql", &job.pid().to_string()] {
        assert!(listed.out.contains(part), "{}", listed.out);
    }
    let own = run(dir, &["savepoint"]).ok("savepoint").out.trim().to_string();
    let other = run(dir, &["savepoint", "orders", "--target", "sp"]).ok("savepoint --target").out.trim().to_string();
    assert!(other.starts_with(dir.join("sp").to_str().unwrap()), "{other}");
    let stopped = run(dir, &["stop"]).ok("stop").out.trim().to_string();
    says(
        "stop",
        &job.end().ok("stop"),
        &["stopped with a savepoint after", &stopped, "resume       streamjob run orders.sql"],
    );
    for savepoint in [&own, &other, &stopped] {
        let verified = run(dir, &["checkpoint", "verify", savepoint]).ok("verify");
        assert!(verified.out.starts_with("ok: "), "{}", verified.out);
        let inspected = run(dir, &["checkpoint", "inspect", savepoint]).ok("inspect");
        assert!(
            inspected.out.contains("(savepoint)") && inspected.out.contains("WindowAggregate"),
            "{}",
            inspected.out
        );
        assert!(!inspected.out.contains("restored from"), "this run began empty: {}", inspected.out);
    }
    let checked = run(dir, &["checkpoint", "fsck", "--deep"]).ok("fsck").out;
    assert!(checked.contains("ok: orders: ") && checked.contains("nothing missing"), "{checked}");
    // One that nobody needs is disposed of; the one behind which the job stopped is not.
    let disposed = run(dir, &["savepoint", "--dispose", &other]).ok("dispose").out;
    assert!(disposed.starts_with(&format!("disposed of {other}: ")), "{disposed}");
    assert!(!Path::new(&other).exists());
    let kept = run(dir, &["savepoint", "-d", &stopped]);
    assert_eq!(kept.code, Some(2));
    says("dispose", &kept, &["stopped behind it", "fix: "]);
    fs::write(Path::new(&own).join("_metadata"), "x").unwrap();
    let damaged = run(dir, &["checkpoint", "fsck", "--json"]);
    assert_eq!(damaged.code, Some(2));
    let found: serde_json::Value = serde_json::from_str(&damaged.out).unwrap();
    assert_eq!(found["unreadable"][0]["location"], own.as_str(), "{found}");
    // The next run goes on from the last of them, and is canceled: nothing is taken, and all is kept.
    let job = start(dir, &[]);
    assert_eq!(run(dir, &["cancel", "orders"]).ok("cancel").out, "canceled orders\n");
    // Another may begin at once, though the process of this one still answers who asks for its end.
    let next = start(dir, &[]);
    let done = job.end().ok("cancel");
    says("cancel", &done, &[&format!("({stopped})"), "canceled after", "resume       streamjob run orders.sql"]);
    // Drained: open windows come out, and the job is done for good.
    let job = next;
    let drained = run(dir, &["stop", "--drain"]).ok("drain").out.trim().to_string();
    let done = job.end().ok("drain");
    says(
        "drain",
        &done,
        &[
            "resumes from checkpoint",
            "drained and stopped",
            &drained,
            "anew         streamjob run orders.sql --from none",
        ],
    );
    assert!(done.out.lines().count() >= 3, "the open windows: {}", done.out);
    let again = run(dir, &["run", "orders.sql"]).ok("after a drain");
    says("after a drain", &again, &["nothing to do", &drained, "--from none"]);
    // Who names the savepoint gets it, with a warning: event time has ended in it.
    let job = start(dir, &["--from", &drained]);
    run(dir, &["cancel"]).ok("cancel");
    says("drained savepoint", &job.end().ok("cancel"), &["was taken with --drain", "late"]);
    assert_eq!(run(dir, &["list"]).ok("list").out, "no job runs from this folder\n");
}

#[test]
fn a_job_runs_once_in_a_folder() {
    let fixture = Suspended::new();
    let mut job = Running::start(fixture.dir.path(), &["run", "job.yaml", "--no-rest"]);
    job.until_told("all tasks are running");
    let second = fixture.run(&["run", "job.yaml", "--no-rest"]);
    check("second run", &second, &["orders", &format!("process {}", job.pid()), "streamjob stop orders"]);
    job.signal("TERM");
    job.end().ok("first run");
}

#[test]
fn a_taken_port_is_passed_over() {
    let fixture = Suspended::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let mut job = Running::start(fixture.dir.path(), &["run", "job.yaml", "--set", &format!("rest.port={port}")]);
    job.until_told("all tasks are running");
    let told = job.err();
    let rest = told.lines().find(|l| l.starts_with("rest ")).unwrap();
    let used: u16 = rest.rsplit(':').next().unwrap().trim().parse().unwrap();
    assert!(used > port && used <= port + 100, "{rest}");
    let list = fixture.run(&["list"]).ok("list");
    assert!(list.out.contains(&format!("127.0.0.1:{used}")) && list.out.contains("RUNNING"), "{}", list.out);
    fixture.run(&["cancel", "orders"]).ok("cancel");
    let done = job.end().ok("canceled");
    assert!(done.err.contains("canceled after"), "{}", done.err);
}

#[test]
fn signals_end_the_job_behind_a_checkpoint() {
    for signal in ["TERM", "INT", "HUP"] {
        // Whoever runs this test may have it ignore closed terminals, and what it starts ignores them too.
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let ignored = status.lines().find_map(|l| l.strip_prefix("SigIgn:")).unwrap().trim();
        if signal == "HUP" && u64::from_str_radix(ignored, 16).unwrap() & 1 == 1 {
            continue;
        }
        let fixture = Suspended::new();
        let mut job = Running::start(
            fixture.dir.path(),
            &["run", "job.yaml", "--no-rest", "--set", "execution.checkpointing.interval=1h"],
        );
        job.until_told("all tasks are running");
        fixture.write("in/.b", "7,0\n");
        fs::rename(fixture.path("in/.b"), fixture.path("in/b.csv")).unwrap();
        job.until("the new row", |r| r.out().contains("+U[7, 3]"));
        job.signal(signal);
        let done = job.end().ok(signal);
        for part in [
            "stopping behind a last checkpoint",
            "suspended after",
            "checkpoint   ",
            "resume       streamjob run job.yaml",
        ] {
            assert!(done.err.contains(part), "{signal}: {}", done.err);
        }
        // That row is in it: it is not counted again.
        fixture.resumes(signal);
    }
}
