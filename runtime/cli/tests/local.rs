//! The real binary: workers start again from the state files on their disk, and from
//! storage where those are missing or damaged; the output is the same.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[allow(dead_code)]
mod support;

use std::path::{Path, PathBuf};
use std::time::Duration;
use support::fleet::{Fleet, settings};
use support::keyed_job::{compare, script, undisturbed};
use support::s3::{Meta, S3};

const KEYS: u64 = 50_000;
const RATE: u64 = 20_000;
const ROWS: u64 = 200_000;

/// Files and bytes that a worker found, and that it fetched, when it restored last.
fn restored(told: &str) -> Option<[u64; 4]> {
    let line = told.lines().rfind(|l| l.contains("state restored: "))?;
    let numbers: Vec<u64> = line
        .split_once("state restored: ")?
        .1
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|n| n.parse().ok())
        .collect();
    numbers.try_into().ok()
}

fn files(dir: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(dir).into_iter().flatten().flatten().map(|e| e.path()).collect()
}

/// Kills worker w0 behind some checkpoints, lets `change` loose on its local files before it comes back, and gives what
/// it and the worker that was not killed told of their restore. `None` without an S3 server.
fn kill(more: &str, change: impl Fn(&Path)) -> Option<[String; 2]> {
    let dir = tempfile::tempdir().unwrap();
    let s3 = S3::gateway(dir.path(), Meta::Kept)?;
    let expected = undisturbed(KEYS, ROWS);
    let sql = script(&(settings(&s3, "300 ms") + more), KEYS, RATE, ROWS, "s3://bucket/out");
    std::fs::write(dir.path().join("job.sql"), sql).unwrap();
    let mut fleet = Fleet::start(dir.path(), 2, 2, 1);
    fleet.coordinator.until("some checkpoints", |c| c.err().matches("completed in").count() >= 4);
    fleet.stop_worker(0);
    change(&dir.path().join(".streamjob/state/default/job/w0/local"));
    fleet.start_worker(0);
    fleet.coordinator.until("a restart", |c| {
        let told = c.err();
        told.rfind("all tasks are running") > told.find("starts again") && told.contains("starts again")
    });
    let told = fleet.end(Duration::from_secs(120));
    compare(&s3.bucket.join("out"), &expected);
    for name in ["w0", "w1"] {
        let left = files(&dir.path().join(".streamjob/state/default/job").join(name).join("local"));
        assert!(left.is_empty(), "left behind by {name}: {left:?}");
    }
    Some(told.try_into().unwrap())
}

#[test]
fn a_restart_reads_nothing_that_is_here() {
    for told in kill("", |_| {}).into_iter().flatten() {
        let [files, bytes, fetched, _] = restored(&told).unwrap_or_else(|| panic!("{told}"));
        assert!(files > 0 && bytes > 0 && fetched == 0, "{told}");
    }
}

#[test]
fn what_was_lost_is_fetched_by_who_lost_it() {
    let Some([w0, w1]) = kill("", |dir| std::fs::remove_dir_all(dir).unwrap()) else { return };
    let [found, _, fetched, _] = restored(&w0).unwrap_or_else(|| panic!("{w0}"));
    assert!(found == 0 && fetched > 0, "{w0}");
    let [found, _, fetched, _] = restored(&w1).unwrap_or_else(|| panic!("{w1}"));
    assert!(found > 0 && fetched == 0, "{w1}");
}

#[test]
fn what_is_damaged_is_fetched() {
    let told = kill("", |dir| {
        let all = files(dir);
        assert!(!all.is_empty());
        for path in all {
            // A copy: other links of the content stay as they are.
            let mut content = std::fs::read(&path).unwrap();
            let middle = content.len() / 2;
            content[middle] ^= 1;
            std::fs::remove_file(&path).unwrap();
            std::fs::write(&path, content).unwrap();
        }
    });
    let Some([w0, _]) = told else { return };
    assert!(w0.contains("is damaged"), "{w0}");
    let [found, _, fetched, _] = restored(&w0).unwrap_or_else(|| panic!("{w0}"));
    assert!(found == 0 && fetched > 0, "{w0}");
}

#[test]
fn nothing_is_kept_where_nobody_wants_it() {
    let off = "SET 'execution.state-recovery.from-local' = 'false';\n";
    for told in kill(off, |dir| assert!(!dir.exists())).into_iter().flatten() {
        assert!(restored(&told).is_none() && told.contains("restored in"), "{told}");
    }
}
