//! The REST API of a real coordinator with two workers: every path, the long
//! poll, triggers by id, probes and metrics; the history behind a killed coordinator.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[allow(dead_code)]
mod support;

use reqwest::blocking::Client;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use support::s3::free_port;
use support::{PATIENCE, Running};

const SQL: &str = "CREATE TABLE t (id BIGINT, k INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '0.05' SECOND)
    WITH ('connector'='datagen', 'rows-per-second'='2000', 'fields.k.min'='0', 'fields.k.max'='99');
  CREATE TABLE out (k INT, cnt BIGINT) WITH ('connector'='filesystem', 'path'='out', 'format'='csv');
  INSERT INTO out SELECT k, COUNT(*) FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '0.2' SECOND))
    GROUP BY k, window_start, window_end;";

struct Cluster {
    dir: tempfile::TempDir,
    control: String,
    rest: String,
    client: Client,
}

impl Cluster {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("clicks.sql"), SQL).unwrap();
        let client = Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        let address = || format!("127.0.0.1:{}", free_port());
        Self { dir, control: address(), rest: address(), client }
    }

    fn coordinator(&self) -> Running {
        let port = format!("rest.port={}", self.rest.split(':').nth(1).unwrap());
        let mut args = vec!["coordinator", "--job", "clicks.sql", "--bind", &self.control, "-p", "2"];
        for option in
            [port.as_str(), "execution.checkpointing.interval=400ms", "execution.checkpointing.num-retained=3"]
        {
            args.extend(["--set", option]);
        }
        args.extend(["--set", "restart-strategy.exponential-delay.initial-backoff=50ms"]);
        Running::start(self.dir.path(), &args)
    }

    fn worker(&self, name: &str, http: Option<&str>) -> Running {
        let mut args = vec!["worker", "--coordinator", &self.control, "--id", name, "--slots", "2"];
        http.iter().for_each(|address| args.extend(["--http", address]));
        Running::start(self.dir.path(), &args)
    }

    fn send(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let response = self.client.request(method, format!("http://{}{path}", self.rest)).json(&body).send().unwrap();
        let status = response.status().as_u16();
        (status, serde_json::from_str(&response.text().unwrap()).unwrap_or_default())
    }

    fn get(&self, path: &str) -> Value {
        let (status, body) = self.send("GET", path, Value::Null);
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    fn text(&self, address: &str, path: &str) -> (u16, String) {
        let response = self.client.get(format!("http://{address}{path}")).send().unwrap();
        (response.status().as_u16(), response.text().unwrap())
    }

    /// Follows the status by its long poll until the condition holds.
    fn until(&self, what: &str, condition: impl Fn(&Value) -> bool) -> Value {
        let (begun, mut version) = (Instant::now(), 0);
        loop {
            let status = self.get(&format!("/status?after={version}&wait=5s"));
            if condition(&status) {
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "no {what}: {status}");
            version = status["version"].as_u64().unwrap();
        }
    }

    /// The outcome of a trigger.
    fn outcome(&self, path: &str) -> Value {
        self.until("outcome", |_| self.get(path)["status"]["id"] == "COMPLETED");
        self.get(path)["operation"].clone()
    }

    /// Asks again until the condition holds; for figures, which are no change of the status.
    fn eventually(&self, path: &str, condition: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let body = self.get(path);
            if condition(&body) {
                return body;
            }
            assert!(begun.elapsed() < PATIENCE, "{path}: {body}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

#[test]
fn a_job_on_workers_tells_all_of_itself() {
    let cluster = Cluster::new();
    let mut coordinator = cluster.coordinator();
    coordinator.until_told("waiting for workers");
    let waiting = cluster.get("/status");
    assert_eq!((&waiting["state"], &waiting["workers"]["slotsWanted"]), (&json!("CREATED"), &json!(2)), "{waiting}");
    let http = format!("127.0.0.1:{}", free_port());
    let mut first = cluster.worker("a", Some(&http));
    first.until_told("probes and metrics at");
    let second = cluster.worker("b", None);
    let status = cluster.until("second checkpoint", |s| s["lastCheckpoint"]["id"].as_u64() >= Some(2));
    assert_eq!(status["workers"], json!({"slotsWanted": 2, "registered": 2, "slots": 4, "freeSlots": 2}), "{status}");
    assert_eq!(status["parallelism"]["now"], 2);

    // Every path of the API's own description answers; ids are those of what is there.
    let details = cluster.get("/jobs/clicks");
    let last = (details["vertices"].as_array().unwrap().len() - 1).to_string();
    let job = details["jid"].as_str().unwrap().to_string();
    let checkpoint = cluster.get("/jobs/clicks/checkpoints")["latest"]["completed"]["id"].to_string();
    for (path, methods) in cluster.get("/openapi.json")["paths"].as_object().unwrap() {
        if methods.get("get").is_none() || path.contains("{trigger}") || path == "/metrics" {
            continue;
        }
        let real = path.replace("{job}", &job).replace("{vertex}", &last).replace("{checkpoint}", &checkpoint);
        assert!(!cluster.get(&real).is_null(), "{path}");
    }

    // Figures of tasks on both workers.
    let seen = cluster.eventually("/jobs/clicks", |d| {
        d["vertices"].as_array().unwrap().iter().all(|v| v["metrics"]["read-records"].as_u64() > Some(0))
            && d["vertices"][0]["metrics"]["write-bytes"].as_u64() > Some(0)
    });
    assert_eq!((&seen["vertices"][0]["status"], &seen["tasks"]["failed"]), (&json!("RUNNING"), &json!(0)), "{seen}");
    let subtasks = cluster.get("/jobs/clicks/vertices/0")["subtasks"].clone();
    let mut workers: Vec<&str> =
        subtasks.as_array().unwrap().iter().map(|s| s["taskmanager-id"].as_str().unwrap()).collect();
    workers.sort_unstable();
    assert!(workers.iter().all(|w| ["a", "b"].contains(w)), "{subtasks}");
    let measured = cluster.eventually(&format!("/jobs/clicks/vertices/{last}/backpressure"), |b| b["status"] == "ok");
    for subtask in measured["subtasks"].as_array().unwrap() {
        let sum: f64 = ["ratio", "idleRatio", "busyRatio"].iter().map(|r| subtask[*r].as_f64().unwrap()).sum();
        assert!((sum - 1.0).abs() < 1e-6, "{subtask}");
    }
    let watermarks = cluster.eventually("/jobs/clicks/vertices/0/watermarks", |w| !w.as_array().unwrap().is_empty());
    assert!(watermarks[0]["value"].as_str().unwrap().parse::<i64>().is_ok(), "{watermarks}");
    let newest = cluster.get("/jobs/clicks/checkpoints")["latest"]["completed"]["id"].to_string();
    let part = cluster.get(&format!("/jobs/clicks/checkpoints/details/{newest}/subtasks/{last}"));
    assert_eq!(part["num_acknowledged_subtasks"], part["num_subtasks"], "{part}");
    assert!(
        part["subtasks"][0]["checkpoint"]["sync"].is_u64() && part["subtasks"][0]["start_delay"].is_u64(),
        "{part}"
    );

    // The worker's own server, and metrics on both sides.
    for path in ["/health/live", "/health/ready"] {
        assert_eq!(cluster.text(&http, path).0, 200, "{path}");
        assert_eq!(cluster.text(&cluster.rest, path).0, 200, "{path}");
    }
    let begun = Instant::now();
    let own = loop {
        let (_, text) = cluster.text(&http, "/metrics");
        if text.contains("flink_taskmanager_job_task_busyTimeMsPerSecond{job_name=\"clicks\"") {
            break text;
        }
        assert!(begun.elapsed() < PATIENCE, "{text}");
        std::thread::sleep(Duration::from_millis(50));
    };
    assert!(own.contains("worker=\"a\"") && own.ends_with("# EOF\n"), "{own}");
    let (_, text) = cluster.text(&cluster.rest, "/metrics");
    assert!(text.contains("flink_jobmanager_numRegisteredTaskManagers 2"), "{text}");
    assert!(text.contains("flink_jobmanager_job_lastCheckpointDuration") && !text.contains("taskmanager_job_task"));

    // One id is one savepoint.
    let body = json!({"triggerId": "sp-1"});
    for _ in 0..2 {
        assert_eq!(cluster.send("POST", "/jobs/clicks/savepoints", body.clone()).0, 202);
    }
    assert_eq!(cluster.send("POST", "/jobs/clicks/stop", body.clone()).0, 409);
    let location = cluster.outcome("/jobs/clicks/savepoints/sp-1")["location"].as_str().unwrap().to_string();
    assert_eq!(cluster.send("POST", "/jobs/clicks/savepoints", body).0, 202);
    assert_eq!(cluster.outcome("/jobs/clicks/savepoints/sp-1")["location"], location.as_str());
    let history = cluster.get("/jobs/clicks/checkpoints")["history"].clone();
    assert_eq!(history.as_array().unwrap().iter().filter(|c| c["is_savepoint"] == true).count(), 1, "{history}");
    assert_eq!(cluster.get("/status")["lastSavepoint"]["location"], location.as_str());

    // Rescale by requirements.
    let mut wanted = cluster.get("/jobs/clicks/resource-requirements");
    for vertex in wanted.as_object_mut().unwrap().values_mut() {
        if vertex["parallelism"]["upperBound"] == 2 {
            vertex["parallelism"]["upperBound"] = json!(3);
        }
    }
    let (code, answer) = cluster.send("PUT", "/jobs/clicks/resource-requirements", wanted);
    assert_eq!(code, 200, "{answer}");
    let rescaled = cluster.outcome(&format!("/jobs/clicks/rescaling/{}", answer["request-id"].as_str().unwrap()));
    assert_eq!((&rescaled["rescale"]["from"], &rescaled["rescale"]["to"]), (&json!(2), &json!(3)), "{rescaled}");
    assert_eq!(cluster.get("/status")["lastRescale"]["to"], 3);

    // A lost worker is a failure with a place in the history.
    assert!(second.kill());
    let failed = cluster.until("failure", |s| s["lastFailure"].is_object());
    assert!(failed["lastFailure"]["message"].as_str().unwrap().contains("lost"), "{failed}");
    let exceptions = cluster.get("/jobs/clicks/exceptions");
    assert_eq!(exceptions["exceptionHistory"]["entries"][0]["exceptionName"], "Transient", "{exceptions}");
    assert_eq!(exceptions["root-exception"], failed["lastFailure"]["message"]);
    let second = cluster.worker("b", None);
    cluster.until("restart", |s| s["state"] == "RUNNING" && s["restarts"].as_u64() >= Some(1));

    // A stop tells who follows, and ends the processes.
    let stop = json!({"triggerId": "stop-1"});
    assert_eq!(cluster.send("POST", "/jobs/clicks/stop", stop).0, 202);
    let ended = cluster.until("end", |s| s["state"] == "FINISHED");
    assert_eq!(ended["triggers"][0]["triggerId"], "stop-1", "{ended}");
    assert!(ended["triggers"][0]["outcome"]["location"].is_string(), "{ended}");
    coordinator.end().ok("coordinator");
    first.end().ok("a");
    second.end().ok("b");
}

#[test]
fn the_history_outlives_a_killed_coordinator() {
    let cluster = Cluster::new();
    let mut coordinator = cluster.coordinator();
    let worker = cluster.worker("a", None);
    coordinator.until_told("all tasks are running");
    let body = json!({"triggerId": "sp"});
    assert_eq!(cluster.send("POST", "/jobs/clicks/savepoints", body).0, 202);
    let location = cluster.outcome("/jobs/clicks/savepoints/sp")["location"].clone();
    let before = cluster.until("third checkpoint", |s| s["lastCheckpoint"]["id"].as_u64() >= Some(3));
    assert!(coordinator.kill());
    let next = cluster.coordinator();
    let begun = Instant::now();
    while cluster.client.get(format!("http://{}/status", cluster.rest)).send().is_err() {
        assert!(begun.elapsed() < PATIENCE, "no REST: {}", next.err());
        std::thread::sleep(Duration::from_millis(20));
    }
    let seen = cluster.until("history", |s| s["lastSavepoint"].is_object());
    assert!(seen["version"].as_u64() > before["version"].as_u64() && seen["generation"] == 2, "{seen}");
    let checkpoints = cluster.get("/jobs/clicks/checkpoints");
    let ids: Vec<u64> = checkpoints["history"].as_array().unwrap().iter().map(|c| c["id"].as_u64().unwrap()).collect();
    let last = before["lastCheckpoint"]["id"].as_u64().unwrap();
    assert!(ids.contains(&last) && ids.is_sorted_by(|a, b| a > b), "{ids:?}");
    assert_eq!(checkpoints["latest"]["savepoint"]["external_path"], location);
    assert!(checkpoints["latest"]["completed"]["id"].as_u64() >= Some(last), "{checkpoints}");
    assert!(next.kill() && worker.kill());
}

#[test]
fn an_address_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let dir = tempfile::tempdir().unwrap();
    let done = support::run(dir.path(), &["worker", "--coordinator", "127.0.0.1:1", "--http", &address]);
    assert_eq!(done.code, Some(2), "{}", done.err);
    assert!(done.err.contains(&address) && done.err.contains("--http"), "{}", done.err);
}
