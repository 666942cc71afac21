//! A coordinator that stands by while another form of the job runs: it says
//! whether the state fits, takes over when it is told to, and whoever ran before
//! can publish nothing. What an operator does for an upgrade, by hand.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[allow(dead_code)]
mod support;

use reqwest::blocking::Client;
use serde_json::{Value, json};
use std::time::Instant;
use support::s3::{Meta, S3, free_port};
use support::{PATIENCE, Running, rows};

const ROWS: u64 = 40_000;

/// `id` is an expression, so that two forms of the job differ.
fn sql(id: &str) -> String {
    format!(
        "CREATE TABLE t (id BIGINT, k INT) WITH ('connector'='datagen', 'seed'='3', 'rows-per-second'='6000',
           'fields.id.kind'='sequence', 'fields.id.start'='1', 'fields.id.end'='{ROWS}', 'fields.k.min'='0', 'fields.k.max'='9');
         CREATE TABLE ids (id BIGINT, k INT) WITH ('connector'='filesystem', 'path'='out', 'format'='csv');
         INSERT INTO ids SELECT {id}, k FROM t;"
    )
}

const COUNT: &str = "CREATE TABLE t (k INT) WITH ('connector'='datagen', 'rows-per-second'='1000', 'fields.k.min'='0', 'fields.k.max'='9');
    CREATE TABLE p (k INT, cnt BIGINT) WITH ('connector'='print');
    INSERT INTO p SELECT k, COUNT(*) FROM t GROUP BY k;";

/// One form of the job: a coordinator and a worker.
struct Form<'a> {
    dir: &'a std::path::Path,
    revision: &'static str,
    control: String,
    rest: String,
    client: Client,
}

impl<'a> Form<'a> {
    fn new(dir: &'a std::path::Path, revision: &'static str, script: &str) -> Self {
        std::fs::write(dir.join(format!("{revision}.sql")), script).unwrap();
        let client = Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        let address = || format!("127.0.0.1:{}", free_port());
        Self { dir, revision, control: address(), rest: address(), client }
    }

    fn coordinator(&self, more: &[&str]) -> Running {
        let file = format!("{}.sql", self.revision);
        let port = format!("rest.port={}", self.rest.split(':').nth(1).unwrap());
        let mut args = vec!["coordinator", "--job", &file, "--set", "pipeline.name=orders", "--bind", &self.control];
        args.extend(["--owner", "shop/orders", "--revision", self.revision, "--set", &port]);
        args.extend(["--set", "execution.checkpointing.interval=200ms"]);
        args.extend(more);
        Running::start(self.dir, &args)
    }

    fn worker(&self) -> Running {
        let id = format!("{}-w", self.revision);
        Running::start(self.dir, &["worker", "--coordinator", &self.control, "--id", &id])
    }

    fn get(&self, path: &str) -> Value {
        let answer = self.client.get(format!("http://{}{path}", self.rest)).send().unwrap();
        answer.json().unwrap()
    }

    fn post(&self, path: &str, body: Value) -> (u16, Value) {
        let answer = self.client.post(format!("http://{}{path}", self.rest)).json(&body).send().unwrap();
        (answer.status().as_u16(), answer.json().unwrap())
    }

    fn until(&self, what: &str, path: &str, condition: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let seen = self.client.get(format!("http://{}{path}", self.rest)).send();
            if let Some(seen) = seen.ok().and_then(|a| a.json().ok()).filter(&condition) {
                return seen;
            }
            assert!(begun.elapsed() < PATIENCE, "no {what} of {}", self.revision);
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    /// Tells it to go, and how that came out.
    fn go(&self, from: &str, trigger: &str) -> Value {
        let (status, answer) = self.post("/jobs/orders/go", json!({"from": from, "triggerId": trigger}));
        assert_eq!((status, &answer["request-id"]), (202, &json!(trigger)));
        let path = format!("/jobs/orders/go/{trigger}");
        self.until("outcome", &path, |o| o["status"]["id"] == "COMPLETED")["operation"].clone()
    }
}

fn each_id_once(dir: &std::path::Path) {
    let id = |row: &String| row.split(',').next().unwrap().parse::<u64>().unwrap();
    let mut ids: Vec<u64> = rows(&dir.join("out")).iter().map(id).collect();
    ids.sort_unstable();
    assert!(ids == (1..=ROWS).collect::<Vec<_>>(), "{} rows", ids.len());
}

#[test]
fn the_next_form_of_a_job_takes_over_where_the_one_before_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let old = Form::new(dir.path(), "r1", &sql("id"));
    let (mut coordinator, worker) = (old.coordinator(&[]), old.worker());
    coordinator.until_told("completed in");

    // Prepare: nothing of the old one is touched, workers of the new one are there.
    let new = Form::new(dir.path(), "r2", &sql("id + 0"));
    let (mut next, next_worker) = (new.coordinator(&["--standby"]), new.worker());
    next.until_told("stands by");
    let standby =
        new.until("worker", "/status", |s| s["workers"]["registered"] == 1 && s["standby"]["fits"].is_boolean());
    assert_eq!((&standby["generation"], &standby["revision"]), (&json!(0), &json!("r2")), "{standby}");
    let preflight = &standby["standby"];
    assert_eq!(preflight["fits"], true, "{standby}");
    assert!(
        preflight["checkpoint"].as_u64() > Some(0) && !preflight["matched"].as_array().unwrap().is_empty(),
        "{standby}"
    );
    assert_eq!(new.get("/health/ready")["reason"], "stands by");
    let (_, refused) = new.post("/jobs/orders/savepoints", json!({"triggerId": "early"}));
    assert_eq!(refused["request-id"], "early");
    let refused = new.until("refusal", "/jobs/orders/savepoints/early", |o| o["status"]["id"] == "COMPLETED");
    assert_eq!(refused["operation"]["failure-cause"]["class"], "STANDS_BY");
    assert!(new.go("nowhere/chk-1", "wrong")["failure-cause"]["stack-trace"].as_str().unwrap().contains("_metadata"));
    assert!(!coordinator.has_ended(), "{}", coordinator.err());

    // Savepoint, then switch.
    let (_, stopped) = old.post("/jobs/orders/stop", json!({"triggerId": "upgrade"}));
    assert_eq!(stopped["request-id"], "upgrade");
    let path = "/jobs/orders/savepoints/upgrade";
    let savepoint = old.until("savepoint", path, |o| o["status"]["id"] == "COMPLETED")["operation"]["location"].clone();
    let savepoint = savepoint.as_str().unwrap();
    assert_eq!(new.go(savepoint, "switch")["location"], savepoint);
    assert_eq!(new.go(savepoint, "switch")["location"], savepoint, "told twice is told once");
    new.until("checkpoint", "/status", |s| s["lastCheckpoint"]["id"].as_u64() > Some(0) && s["standby"].is_null());
    coordinator.end().ok("the old coordinator");
    worker.end().ok("the old worker");

    // A pod that comes back late: its form is not in power any more.
    let late = old.coordinator(&["--standby"]);
    old.until("standing by", "/status", |s| s["standby"]["fits"] == true);
    // A pod of the new form that is lost: goes on by itself, whatever it was told at first.
    assert!(next.kill(), "the job had ended");
    let told = new.coordinator(&["--standby", "--from", savepoint]).end().ok("the new coordinator again").err;
    assert!(told.contains("tasks go on where they are") && told.contains("finished after"), "{told}");
    next_worker.end().ok("the new worker");
    late.signal("TERM");
    late.end().ok("the late one");
    each_id_once(dir.path());
}

#[test]
fn workers_of_the_next_form_have_the_state_before_the_job_stops() {
    let dir = tempfile::tempdir().unwrap();
    let script = |id: &str| {
        let rocksdb = "SET 'state.backend.type'='rocksdb'; SET 'execution.checkpointing.incremental'='true';
            SET 'execution.checkpointing.data-inline-threshold'='0 b';";
        let table = "CREATE TABLE sums (k INT, total BIGINT, cnt BIGINT) WITH ('connector'='blackhole');";
        let insert = format!("INSERT INTO sums SELECT k, SUM({id}), COUNT(*) FROM t GROUP BY k;");
        let both =
            sql("id").replace("INSERT INTO ids", &format!("{table} BEGIN STATEMENT SET; {insert} INSERT INTO ids"));
        format!("{rocksdb} {both} END;")
    };
    let old = Form::new(dir.path(), "r1", &script("id"));
    // Few checkpoints, so that no compaction replaces all files.
    let seldom = ["--set", "execution.checkpointing.interval=1h"];
    let (coordinator, worker) = (old.coordinator(&seldom), old.worker());
    old.until("rows", "/status", |s| s["state"] == "RUNNING");
    old.post("/jobs/orders/checkpoints", json!({"triggerId": "first"}));
    old.until("checkpoint", "/status", |s| s["checkpoints"]["completed"].as_u64() > Some(0));
    let new = Form::new(dir.path(), "r2", &script("id"));
    let (mut next, mut next_worker) = (new.coordinator(&["--standby"]), new.worker());
    next.until_told("stands by");
    next_worker.until_told("were fetched ahead");

    // A savepoint beside; then the stop, behind a checkpoint.
    let (_, asked) = old.post("/jobs/orders/savepoints", json!({"triggerId": "keep"}));
    assert_eq!(asked["request-id"], "keep");
    let kept = old.until("savepoint", "/jobs/orders/savepoints/keep", |o| o["status"]["id"] == "COMPLETED");
    assert!(kept["operation"]["location"].as_str().unwrap().contains("/savepoints/"), "{kept}");
    assert_eq!(old.post("/jobs/orders/stop", json!({"checkpoint": true, "formatType": "CANONICAL"})).0, 400);
    old.post("/jobs/orders/stop", json!({"triggerId": "switch", "checkpoint": true}));
    let stopped = old.until("stop", "/jobs/orders/savepoints/switch", |o| o["status"]["id"] == "COMPLETED");
    let last = stopped["operation"]["location"].as_str().unwrap();
    assert!(last.contains("/chk-"), "{stopped}");
    assert_eq!(new.go("auto", "go")["location"], last);
    let ended = coordinator.end().ok("the old coordinator");
    assert!(ended.err.contains("stopped after") && ended.err.contains(last), "{}", ended.err);
    worker.end().ok("the old worker");
    let late = old.coordinator(&["--standby"]);
    next_worker.until_told("files (");
    let told = next_worker.err();
    let restored = told.lines().find(|l| l.contains("state restored: ")).unwrap();
    let here: u32 = restored.split("state restored: ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!(here > 0, "{restored}");
    next.end().ok("the new coordinator");
    next_worker.end().ok("the new worker");
    late.signal("TERM");
    late.end().ok("the late one");
    each_id_once(dir.path());
}

#[test]
fn a_stopped_form_stays_stopped_when_its_process_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let form = Form::new(dir.path(), "r1", &sql("id"));
    let (mut coordinator, worker) = (form.coordinator(&[]), form.worker());
    coordinator.until_told("completed in");
    form.post("/jobs/orders/stop", json!({"triggerId": "stop"}));
    coordinator.end().ok("the coordinator");
    worker.end().ok("the worker");
    let before = rows(&dir.path().join("out")).len();
    let again = form.coordinator(&[]).end().ok("the process again").err;
    assert!(again.contains("was stopped with savepoint") && again.contains("nothing is left to do"), "{again}");
    // Another revision goes on from there.
    let resumed = Form::new(dir.path(), "r2", &sql("id"));
    let (mut coordinator, worker) = (resumed.coordinator(&[]), resumed.worker());
    coordinator.until_told("resumes from savepoint");
    coordinator.end().ok("the resumed coordinator");
    worker.end().ok("its worker");
    assert!(before < ROWS as usize);
    assert_eq!(rows(&dir.path().join("out")).len(), ROWS as usize);
}

#[test]
fn a_form_that_was_lost_before_its_first_checkpoint_is_not_taken_for_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let form = Form::new(dir.path(), "r1", &sql("id"));
    let (mut coordinator, worker) = (form.coordinator(&[]), form.worker());
    coordinator.until_told("completed in");
    form.post("/jobs/orders/stop", json!({"triggerId": "stop"}));
    coordinator.end().ok("the coordinator");
    worker.end().ok("the worker");
    // The next form takes power, from the savepoint that the one before was stopped with, and is lost.
    let next = Form::new(dir.path(), "r2", &sql("id"));
    let (mut coordinator, worker) =
        (next.coordinator(&["--set", "execution.checkpointing.interval=1h"]), next.worker());
    coordinator.until_told("resumes from savepoint");
    next.until("job that runs", "/status", |s| s["state"] == "RUNNING");
    assert!(coordinator.kill(), "the job had ended");
    let told = next.coordinator(&[]).end().ok("its process again").err;
    assert!(told.contains("finished after") && !told.contains("nothing is left to do"), "{told}");
    worker.end().ok("its worker");
    assert_eq!(rows(&dir.path().join("out")).len(), ROWS as usize);
}

#[test]
fn state_that_does_not_fit_is_told_before_anything_is_touched() {
    let dir = tempfile::tempdir().unwrap();
    let old = Form::new(dir.path(), "r1", COUNT);
    let (mut coordinator, _worker) = (old.coordinator(&[]), old.worker());
    coordinator.until_told("completed in");
    let new = Form::new(dir.path(), "r2", COUNT);
    let mut next = new.coordinator(&["--standby", "--set", "pipeline.max-parallelism=64"]);
    let status = new.until("answer", "/status", |s| s["standby"]["error"].is_string());
    let error = status["standby"]["error"].as_str().unwrap();
    assert!(status["standby"]["fits"] == false && error.contains("parallelism"), "{status}");
    let refused = new.go("latest", "go");
    assert_eq!(refused["failure-cause"]["class"], "CANNOT_BEGIN", "{refused}");
    assert!(old.get("/status")["state"] == "RUNNING" && !next.has_ended());
}

/// A job that counts, with its checkpoints there; each request is tried once.
fn count_on(s3: &S3) -> String {
    let set = |key: &str, value: &str| format!("SET '{key}' = '{value}';\n");
    let mut script: String = s3.options().iter().map(|(key, value)| set(key, value)).collect();
    script += &set("execution.checkpointing.dir", "s3://bucket/checkpoints");
    script += &set("s3.attempts.maximum", "1");
    script + COUNT
}

#[test]
fn a_form_that_starts_while_storage_is_away_waits_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mut s3) = S3::gateway(dir.path(), Meta::Kept) else { return };
    let form = Form::new(dir.path(), "r1", &count_on(&s3));
    s3.kill();
    let (mut coordinator, _worker) = (form.coordinator(&["--standby"]), form.worker());
    let told = form.until("reason", "/status", |s| s["standby"]["passing"] == true);
    let error = told["standby"]["error"].as_str().unwrap();
    assert!(told["standby"]["fits"] == false && error.contains("cannot connect"), "{told}");
    assert!(!coordinator.has_ended());
    s3.restart(dir.path());
    form.until("state that fits", "/status", |s| s["standby"]["fits"] == true);
    form.go("auto", "go");
    form.until("checkpoint", "/status", |s| s["checkpoints"]["completed"].as_u64() > Some(0));
    // A process that takes the place of a lost one waits as well.
    coordinator.kill();
    s3.kill();
    let mut again = form.coordinator(&["--standby"]);
    form.until("reason", "/status", |s| s["standby"]["passing"] == true);
    s3.restart(dir.path());
    form.until("checkpoint", "/status", |s| s["standby"].is_null() && s["checkpoints"]["completed"].as_u64() > Some(0));
    assert!(!again.has_ended());
}

#[test]
fn a_form_that_is_told_to_go_while_storage_is_away_begins_when_it_is_back() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mut s3) = S3::gateway(dir.path(), Meta::Kept) else { return };
    let form = Form::new(dir.path(), "r1", &count_on(&s3));
    let (mut coordinator, _worker) = (form.coordinator(&["--standby"]), form.worker());
    form.until("state that fits", "/status", |s| s["standby"]["fits"] == true);
    s3.kill();
    form.post("/jobs/orders/go", json!({"from": "auto", "triggerId": "go"}));
    coordinator.until_told("cannot begin yet, and tries again");
    assert_eq!(form.get("/jobs/orders/go/go")["status"]["id"], "IN_PROGRESS");
    s3.restart(dir.path());
    let outcome = form.until("outcome", "/jobs/orders/go/go", |o| o["status"]["id"] == "COMPLETED");
    assert!(outcome["operation"]["failure-cause"].is_null(), "{outcome}");
    form.until("checkpoint", "/status", |s| s["checkpoints"]["completed"].as_u64() > Some(0));
}
