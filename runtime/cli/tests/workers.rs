//! The real binary as one coordinator and several workers: the output is that of
//! one process, whoever is killed meanwhile; what does not fit is told.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[allow(dead_code)]
mod support;

use std::path::Path;
use std::time::Duration;
use support::{Random, Running, rows, run, seed};

const ROWS: u64 = 60_000;

fn script(out: &str, rate: u64) -> String {
    format!(
        "CREATE TABLE orders (id BIGINT, uid INT, amount INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '0.05' SECOND)
           WITH ('connector'='datagen', 'seed'='7', 'rows-per-second'='{rate}', 'fields.id.kind'='sequence',
                 'fields.id.start'='1', 'fields.id.end'='{ROWS}', 'fields.uid.min'='0', 'fields.uid.max'='99',
                 'fields.amount.min'='0', 'fields.amount.max'='1000');
         CREATE TABLE big (id BIGINT, uid INT, amount INT) WITH ('connector'='filesystem', 'path'='{out}/big', 'format'='csv');
         CREATE TABLE sums (uid INT, starts TIMESTAMP(3), cnt BIGINT, total BIGINT)
           WITH ('connector'='filesystem', 'path'='{out}/sums', 'format'='csv');
         EXECUTE STATEMENT SET BEGIN
           INSERT INTO big SELECT id, uid, amount FROM orders WHERE amount > 500;
           INSERT INTO sums SELECT uid, window_start, COUNT(*), SUM(amount)
             FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ts), INTERVAL '0.2' SECOND)) GROUP BY uid, window_start, window_end;
         END;\n"
    )
}

/// Rows of both sinks: all of `big`, and of `sums` what does not hang on the wall clock of a run.
fn result(out: &Path) -> (Vec<String>, u64, u64) {
    let sums = rows(&out.join("sums"));
    let column = |n: usize| sums.iter().map(|r| r.split(',').nth(n).unwrap().parse::<u64>().unwrap()).sum();
    (rows(&out.join("big")), column(2), column(3))
}

/// A job with its processes in one folder.
struct Cluster {
    dir: tempfile::TempDir,
    address: String,
}

impl Cluster {
    fn new(sql: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("job.sql"), sql).unwrap();
        // Free now; taken again by each coordinator.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self { dir, address: format!("127.0.0.1:{port}") }
    }

    fn coordinator(&self, more: &[&str]) -> Running {
        let mut args = vec!["coordinator", "--job", "job.sql", "--no-rest", "--bind", &self.address];
        args.extend(["--set", "execution.checkpointing.interval=200ms"]);
        args.extend(["--set", "restart-strategy.exponential-delay.initial-backoff=50ms"]);
        args.extend(more);
        Running::start(self.dir.path(), &args)
    }

    fn worker(&self, name: &str, slots: &str) -> Running {
        let args = ["worker", "--coordinator", &self.address, "--id", name, "--slots", slots];
        Running::start(self.dir.path(), &args)
    }
}

#[test]
fn workers_give_what_one_process_gives() {
    let alone = tempfile::tempdir().unwrap();
    std::fs::write(alone.path().join("job.sql"), script("out", 10_000_000)).unwrap();
    run(alone.path(), &["run", "job.sql", "--no-rest", "-p", "3"]).ok("in one process");
    let cluster = Cluster::new(&script("out", 10_000_000));
    let mut coordinator = cluster.coordinator(&["-p", "3"]);
    coordinator.until_told("waiting for workers: the job needs 3 slots, 0 are there");
    let workers = ["a", "b"].map(|name| cluster.worker(name, "2"));
    let told = coordinator.end().ok("coordinator").err;
    for part in ["worker a is here", "worker b is here", "finished after", "60,000 rows in"] {
        assert!(told.contains(part), "'{part}' is missing in {told}");
    }
    for worker in workers {
        let done = worker.end().ok("worker");
        assert!(done.err.contains("tasks here"), "{}", done.err);
    }
    assert_eq!(result(&cluster.dir.path().join("out")), result(&alone.path().join("out")));
}

#[test]
fn kills_of_anyone_change_nothing() {
    let alone = tempfile::tempdir().unwrap();
    std::fs::write(alone.path().join("job.sql"), script("out", 10_000_000)).unwrap();
    run(alone.path(), &["run", "job.sql", "--no-rest", "-p", "3"]).ok("in one process");
    let cluster = Cluster::new(&script("out", 8_000));
    let seed = seed();
    println!("STREAMJOB_SEED={seed}");
    let mut random = Random(seed);
    let mut coordinator = cluster.coordinator(&["-p", "3"]);
    let mut workers: Vec<Running> = ["a", "b"].iter().map(|name| cluster.worker(name, "2")).collect();
    for n in 0..6 {
        coordinator.until("a checkpoint of this deployment", |c| {
            let told = c.err();
            let since = told.rfind("starts again").unwrap_or(0);
            told[since..].find("all tasks are running").is_some_and(|at| told[since + at..].contains("completed in"))
        });
        std::thread::sleep(Duration::from_millis(random.below(300)));
        if n % 3 == 2 {
            assert!(coordinator.kill(), "the job had ended");
            coordinator = cluster.coordinator(&["-p", "3"]);
        } else {
            let (i, name) = if random.below(2) == 0 { (0, "a") } else { (1, "b") };
            let before = coordinator.err().matches("the job failed and starts again").count();
            assert!(workers.remove(i).kill(), "a worker had ended");
            workers.insert(i, cluster.worker(name, "2"));
            coordinator.until("a restart", |c| c.err().matches("the job failed and starts again").count() > before);
        }
    }
    let told = coordinator.end().ok("coordinator").err;
    assert!(told.contains("finished after"), "{told}");
    for worker in workers {
        worker.end().ok("worker");
    }
    assert_eq!(result(&cluster.dir.path().join("out")), result(&alone.path().join("out")));
}

#[test]
fn a_coordinator_that_is_asked_to_end_leaves_its_workers_to_the_next() {
    let cluster = Cluster::new(&script("out", 20_000));
    let mut coordinator = cluster.coordinator(&[]);
    let worker = cluster.worker("a", "1");
    coordinator.until_told("completed in");
    coordinator.signal("TERM");
    let told = coordinator.end().ok("the first coordinator").err;
    assert!(!told.contains("finished after"), "{told}");
    let told = cluster.coordinator(&[]).end().ok("the next one").err;
    assert!(told.contains("tasks go on where they are") && told.contains("finished after"), "{told}");
    let told = worker.end().ok("worker").err;
    assert_eq!(told.matches("tasks here").count(), 1, "{told}");
    let (_, counted, _) = result(&cluster.dir.path().join("out"));
    assert_eq!(counted, ROWS);
}

/// Each row is printed when it is there, so a rewind would print some twice.
#[test]
fn running_tasks_go_on_without_a_rewind_when_their_coordinator_is_killed() {
    let sql = "CREATE TABLE t (id BIGINT, k INT) WITH ('connector'='datagen', 'rows-per-second'='4000', 'fields.id.kind'='sequence',
                 'fields.id.start'='1', 'fields.id.end'='24000', 'fields.k.min'='0', 'fields.k.max'='9');
               CREATE TABLE p (id BIGINT, cnt BIGINT) WITH ('connector'='print');
               INSERT INTO p SELECT id, COUNT(*) FROM t GROUP BY id;";
    let cluster = Cluster::new(sql);
    let mut coordinator = cluster.coordinator(&["-p", "3"]);
    let workers = ["a", "b"].map(|name| cluster.worker(name, "2"));
    for _ in 0..3 {
        coordinator.until_told("completed in");
        assert!(coordinator.kill(), "the job had ended");
        coordinator = cluster.coordinator(&["-p", "3"]);
        coordinator.until_told("go on where they are");
    }
    let told = coordinator.end().ok("the last coordinator").err;
    assert!(told.contains("finished after"), "{told}");
    let mut printed = Vec::new();
    for worker in workers {
        let done = worker.end().ok("worker");
        assert_eq!(done.err.matches("tasks here").count(), 1, "{}", done.err);
        printed.extend(done.out.lines().map(str::to_string));
    }
    let lines = printed.len();
    printed.sort();
    printed.dedup();
    assert_eq!((lines, printed.len()), (24_000, 24_000));
}

#[test]
fn tasks_that_were_started_for_something_else_are_started_again() {
    let cluster = Cluster::new(&script("out", 10_000));
    let mut coordinator = cluster.coordinator(&["-p", "3"]);
    let workers = ["a", "b"].map(|name| cluster.worker(name, "2"));
    coordinator.until_told("completed in");
    assert!(coordinator.kill(), "the job had ended");
    let told = cluster.coordinator(&["-p", "2"]).end().ok("the next one").err;
    assert!(told.contains("the job's parallelism was 3 and is 2 now") && told.contains("finished after"), "{told}");
    for worker in workers {
        worker.end().ok("worker");
    }
    assert_eq!(result(&cluster.dir.path().join("out")).1, ROWS);
}

#[test]
fn a_worker_that_is_asked_to_end_hands_its_tasks_over() {
    let cluster = Cluster::new(&script("out", 8_000));
    let mut coordinator = cluster.coordinator(&[]);
    let first = cluster.worker("a", "1");
    coordinator.until_told("completed in");
    let second = cluster.worker("b", "1");
    coordinator.until_told("worker b is here");
    first.signal("TERM");
    first.end().ok("the worker that was asked");
    let told = coordinator.end().ok("coordinator").err;
    for part in ["worker a was asked to end", "the tasks were moved", "finished after"] {
        assert!(told.contains(part), "'{part}' is missing in {told}");
    }
    assert!(!told.contains("starts again"), "moving is no failure: {told}");
    second.end().ok("the other worker");
    let (_, counted, _) = result(&cluster.dir.path().join("out"));
    assert_eq!(counted, ROWS);
}

#[test]
fn a_worker_that_was_paused_publishes_nothing_when_it_wakes() {
    let cluster = Cluster::new(&script("out", 3_000));
    let mut coordinator = cluster.coordinator(&[]);
    let mut paused = cluster.worker("a", "1");
    coordinator.until_told("completed in");
    let other = cluster.worker("b", "1");
    coordinator.until_told("worker b is here");
    paused.signal("STOP");
    coordinator.until_told("starts again");
    coordinator.until("a checkpoint on the other worker", |c| {
        let told = c.err();
        told.rfind("starts again").is_some_and(|at| told[at..].contains("completed in"))
    });
    paused.signal("CONT");
    paused.until("another registration", |w| w.err().matches("registered with the coordinator").count() == 2);
    let told = coordinator.end().ok("coordinator").err;
    assert!(told.contains("nothing was heard of it"), "{told}");
    paused.end().ok("the worker that was paused");
    other.end().ok("the other worker");
    let (_, counted, _) = result(&cluster.dir.path().join("out"));
    assert_eq!(counted, ROWS);
}

#[test]
fn what_does_not_fit_is_told_with_code_2() {
    let cluster = Cluster::new(&script("out", 10_000_000));
    let dir = cluster.dir.path();
    let taken = std::net::TcpListener::bind(&cluster.address).unwrap();
    let refused = |args: &[&str], parts: &[&str]| {
        let done = run(dir, args);
        assert_eq!(done.code, Some(2), "{args:?}: {}", done.err);
        for part in parts {
            assert!(done.err.contains(part), "{args:?}: '{part}' is missing in {}", done.err);
        }
    };
    refused(
        &["coordinator", "--job", "job.sql", "--no-rest", "--bind", &cluster.address],
        &[&cluster.address, "--bind"],
    );
    refused(&["coordinator", "--job", "job.sql", "--tls", "nowhere"], &["nowhere/ca.crt"]);
    refused(&["worker", "--coordinator", "localhost"], &["localhost", "host:port"]);
    refused(&["worker", "--coordinator", "127.0.0.1:1", "--bind", &cluster.address], &[&cluster.address]);
    refused(&["worker", "--coordinator", "127.0.0.1:1", "--id", "a/b"], &["a/b"]);
    drop(taken);
    // Too few slots are the outside world's fault, not the user's.
    let coordinator =
        cluster.coordinator(&["--set", "slot.request.timeout=100ms", "--set", "restart-strategy.type=none"]);
    let done = coordinator.end();
    assert_eq!(done.code, Some(1), "{}", done.err);
    assert!(
        done.err.contains("needs 1 slots, 0 are there") && done.err.contains("slot.request.timeout"),
        "{}",
        done.err
    );
}

#[test]
fn an_error_on_a_worker_is_the_jobs_error() {
    let sql = "CREATE TABLE t (a BIGINT) WITH ('connector'='filesystem', 'path'='bad.csv', 'format'='csv');
               CREATE TABLE p (a BIGINT) WITH ('connector'='print');
               INSERT INTO p SELECT a FROM t;";
    let cluster = Cluster::new(sql);
    std::fs::write(cluster.dir.path().join("bad.csv"), "1\nx\n").unwrap();
    let coordinator = cluster.coordinator(&[]);
    let worker = cluster.worker("a", "1");
    let done = coordinator.end();
    assert_eq!(done.code, Some(2), "{}", done.err);
    assert!(done.err.contains("bad.csv"), "{}", done.err);
    // The worker waits for a coordinator with a better job.
    assert!(worker.kill());
}

/// Runs `streamjob rescale`; false when the job was just starting again.
fn rescale(cluster: &Cluster, rest: &str, parallelism: &str) -> bool {
    let done = run(cluster.dir.path(), &["rescale", parallelism, "--address", rest]);
    let refused =
        done.err.contains("Not all required tasks are currently running") || done.err.contains("the job failed before");
    assert!(done.code == Some(0) || refused, "{}", done.err);
    if done.code == Some(0) {
        assert!(
            done.out.contains(&format!("to {parallelism}, ")) && done.out.contains("ms without tasks"),
            "{}",
            done.out
        );
    }
    done.code == Some(0)
}

#[test]
fn rescales_and_a_killed_worker_in_between_change_nothing() {
    let alone = tempfile::tempdir().unwrap();
    std::fs::write(alone.path().join("job.sql"), script("out", 10_000_000)).unwrap();
    run(alone.path(), &["run", "job.sql", "--no-rest", "-p", "3"]).ok("in one process");
    let cluster = Cluster::new(&script("out", 8_000));
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let rest = format!("127.0.0.1:{port}");
    let mut args = vec!["coordinator", "--job", "job.sql", "--bind", &cluster.address, "-p", "2"];
    let port_option = format!("rest.port={port}");
    args.extend(["--set", &port_option, "--set", "execution.checkpointing.interval=200ms"]);
    args.extend(["--set", "restart-strategy.exponential-delay.initial-backoff=50ms"]);
    let mut coordinator = Running::start(cluster.dir.path(), &args);
    let mut workers: Vec<Running> = ["a", "b"].iter().map(|name| cluster.worker(name, "2")).collect();
    coordinator.until_told("completed in");
    // More than there are slots for: refused, and the job goes on.
    let refused = run(cluster.dir.path(), &["rescale", "9", "--address", &rest]);
    assert!(refused.code != Some(0) && refused.err.contains("the job needs 9 slots, 4 are there"), "{}", refused.err);
    assert!(rescale(&cluster, &rest, "4"));
    workers.remove(0).kill();
    workers.insert(0, cluster.worker("a", "2"));
    coordinator.until_told("the job failed and starts again");
    for parallelism in ["1", "3"] {
        coordinator.until("tasks that run", |c| {
            let told = c.err();
            told.rfind("all tasks are running") > told.rfind("starts again")
        });
        while !rescale(&cluster, &rest, parallelism) {}
    }
    let told = coordinator.end().ok("coordinator").err;
    assert!(told.contains("rescaled from 4 to 1") && told.contains("rescaled from 1 to 3"), "{told}");
    for worker in workers {
        worker.end().ok("worker");
    }
    assert_eq!(result(&cluster.dir.path().join("out")), result(&alone.path().join("out")));
}
