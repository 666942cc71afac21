//! The router in this process, over a view of a job that exists on paper.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use super::*;
use crate::control::pool::WorkerInfo;
use crate::view::{Request, ViewSettings};
use axum::body::Body;
use axum::http::Request as HttpRequest;
use crossbeam_channel::{Receiver, unbounded};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use streamjob_api::*;
use streamjob_core::{JobId, OperatorUid};
use streamjob_engine::deploy::{
    ChannelFigures, OperatorStatus, TaskEvent, TaskFigures, TaskId, TaskSnapshot, VertexInfo,
};
use streamjob_engine::operator::{OperatorMetrics, Progress};
use streamjob_engine::testing::ManualClock;
use tower::ServiceExt;

const NOW: i64 = 1_000_000;
const A: TaskId = TaskId { vertex: 0, subtask: 0 };

struct Rig {
    view: JobView,
    requests: Receiver<Request>,
    clock: Arc<ManualClock>,
    runtime: tokio::runtime::Runtime,
}

impl Rig {
    fn new() -> Self {
        let (sender, requests) = unbounded();
        let view = JobView::new(settings(), sender);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { view, requests, clock: Arc::new(ManualClock::at(NOW)), runtime }
    }

    /// A job that runs on two workers, has checkpointed, failed, been restored and rescaled.
    fn busy() -> Self {
        let rig = Self::new();
        let v = &rig.view;
        v.set_identity(JobId::from_random(7), 3);
        v.set_workers(vec![worker("a", "h:1"), worker("b", "h:2")]);
        v.restored(RestoredCheckpoint {
            id: 1,
            restore_timestamp: NOW,
            is_savepoint: false,
            external_path: "chk-1".into(),
        });
        v.set_wanted(2, 2);
        v.deployed(&vertices(), 2, NOW);
        for second in 1..4 {
            v.set_tasks(&vertices(), operators(second, Some("h:2")), NOW);
        }
        v.task_event(&TaskEvent::Failed(A, Error::transient("broken")), NOW);
        v.set_failure(&Error::transient("source (1/2): broken").fix("mend it"), 1, NOW);
        v.set_state(JobState::Restarting, NOW);
        v.deployed(&vertices(), 2, NOW);
        for second in 1..4 {
            v.set_tasks(&vertices(), operators(second, Some("h:2")), NOW);
        }
        v.set_state(JobState::Running, NOW);
        v.checkpoint_started(checkpoint(2, CheckpointStatus::InProgress));
        v.checkpoint_acknowledged(2, A, &TaskSnapshot::default(), NOW + 5);
        v.checkpoint_ended(checkpoint(2, CheckpointStatus::Completed));
        v.open_trigger("r", TriggerKind::Rescale);
        let rescale = RescaleOutcome { from: 1, to: 2, outage_ms: 40 };
        v.close_trigger("r", TriggerOutcome { rescale: Some(rescale), ..Default::default() });
        v.open_trigger("c", TriggerKind::Checkpoint);
        v.open_trigger("s", TriggerKind::Savepoint);
        v.open_trigger("g", TriggerKind::Go);
        rig
    }

    fn send(&self, request: HttpRequest<Body>) -> (u16, String) {
        let router = router(self.view.clone(), self.clock.clone());
        self.runtime.block_on(async {
            let response = router.oneshot(request).await.unwrap();
            let status = response.status().as_u16();
            let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
            (status, String::from_utf8(bytes.to_vec()).unwrap())
        })
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let request = HttpRequest::builder().method(method.to_uppercase().as_str()).uri(path);
        let (status, text) = self.send(request.body(Body::from(body.to_string())).unwrap());
        (status, if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap_or(Value::Null) })
    }

    fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask("get", path, "");
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    fn text(&self, path: &str) -> String {
        let (status, text) = self.send(HttpRequest::get(path).body(Body::empty()).unwrap());
        assert_eq!(status, 200, "{path}: {text}");
        text
    }
}

fn settings() -> ViewSettings {
    ViewSettings {
        name: "orders".into(),
        revision: String::new(),
        started_ms: NOW - 1000,
        parallelism: 2,
        max_parallelism: 128,
        fixed: BTreeSet::from([OperatorUid("sink".into())]),
        plan_digest: "d1".into(),
        restart_strategy: "no restart".into(),
        checkpoints: CheckpointConfig {
            mode: "exactly_once".into(),
            interval: 1000,
            timeout: 1,
            min_pause: 0,
            max_concurrent: 1,
            externalization: Externalization { enabled: true, delete_on_cancellation: false },
            tolerable_failed_checkpoints: 0,
            num_retained: 1,
            state_backend: "heap".into(),
            checkpoint_storage: "file:/x".into(),
        },
        config: ServerConfig {
            version: "1.2.3".into(),
            job: "orders".into(),
            options: BTreeMap::from([("rest.port".into(), "1".into())]),
        },
        metrics_prefix: "flink".into(),
    }
}

fn worker(name: &str, exchange: &str) -> WorkerInfo {
    WorkerInfo {
        name: name.into(),
        slots: 2,
        free: 1,
        exchange: exchange.into(),
        silent: Duration::from_millis(300),
        leaving: false,
    }
}

fn vertices() -> Vec<VertexInfo> {
    let vertex = |names: &[&str], parallelism, is_source| VertexInfo {
        name: names.join(" -> "),
        operators: names.iter().map(|n| OperatorUid((*n).into())).collect(),
        parallelism,
        is_source,
    };
    vec![vertex(&["source", "filter"], 2, true), vertex(&["sink"], 1, false)]
}

/// Figures of all operators after some seconds.
fn operators(seconds: u64, endpoint: Option<&str>) -> Vec<OperatorStatus> {
    let figures = TaskFigures {
        endpoint: endpoint.map(str::to_string),
        idle_nanos: seconds * 200_000_000,
        backpressured_nanos: seconds * 600_000_000,
        busy_nanos: seconds * 200_000_000,
        watermark_out_ms: Some(77),
        channels: vec![ChannelFigures { in_flight_bytes: 9, ..Default::default() }],
        ..Default::default()
    };
    let operator = |(task, name): (TaskId, &str)| {
        let metrics = OperatorMetrics::default();
        OperatorMetrics::add(&metrics.rows_in, seconds * 10);
        OperatorStatus {
            task,
            uid: OperatorUid(name.into()),
            name: name.into(),
            is_source: name == "source",
            is_sink: name == "sink",
            metrics: Arc::new(metrics),
            watermark_ms: (name != "source").then_some(55),
            progress: Progress::default(),
            figures: (name != "filter").then(|| figures.clone()),
        }
    };
    let task = |vertex, subtask| TaskId { vertex, subtask };
    let all = [
        (task(0, 0), "source"),
        (task(0, 0), "filter"),
        (task(0, 1), "source"),
        (task(0, 1), "filter"),
        (task(1, 0), "sink"),
    ];
    all.into_iter().map(operator).collect()
}

fn checkpoint(id: u64, status: CheckpointStatus) -> CheckpointInfo {
    let done = status == CheckpointStatus::Completed;
    CheckpointInfo {
        id,
        status,
        is_savepoint: false,
        checkpoint_type: CheckpointType::Checkpoint,
        trigger_timestamp: NOW,
        latest_ack_timestamp: None,
        end_to_end_duration: done.then_some(12),
        state_size: done.then_some(1000),
        checkpointed_size: done.then_some(100),
        num_subtasks: 3,
        num_acknowledged_subtasks: if done { 3 } else { 0 },
        external_path: done.then(|| "file:/x/chk-2".to_string()),
        failure_timestamp: None,
        failure_message: None,
    }
}

/// A path of the table with something that exists in each brace.
fn real(path: &str, outcome: &str) -> String {
    path.replace("{job}", "orders").replace("{checkpoint}", "2").replace("{vertex}", "0").replace("{trigger}", outcome)
}

#[test]
fn every_path_of_the_table_answers_as_it_says() {
    let rig = Rig::busy();
    let document = document();
    for route in routes::routes().iter().filter(|r| r.method == "get" && r.path != "/metrics") {
        let outcome = ["checkpoints", "savepoints", "rescaling", "go"].into_iter().find(|p| route.path.contains(p));
        let path = real(route.path, outcome.and_then(|p| p.get(..1)).unwrap_or_default());
        let body = rig.get(&path);
        let operation = &document["paths"][route.path]["get"];
        let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
        if route.answer.1.is_some() {
            fits(&document, schema, &body, &path);
        }
        if route.path.contains("{job}") {
            let (status, body) = rig.ask("get", &path.replace("orders", "other"), "");
            assert_eq!(status, 404, "{path}");
            assert!(body["errors"][0].as_str().unwrap().contains("this process runs orders"), "{body}");
        }
    }
}

/// A small check of a body against its schema: required fields are there, and no field is unknown.
fn fits(document: &Value, schema: &Value, body: &Value, at: &str) {
    let schema = match schema["$ref"].as_str().and_then(|r| r.strip_prefix("#/components/schemas/")) {
        Some(name) => &document["components"]["schemas"][name],
        None => schema,
    };
    if let Some(items) = body.as_array() {
        return items.iter().for_each(|item| fits(document, &schema["items"], item, at));
    }
    let (Some(properties), Some(body)) = (schema["properties"].as_object(), body.as_object()) else {
        return assert!(schema.is_object(), "{at} has no schema");
    };
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        assert!(body.contains_key(name), "{at}: {name} is missing");
    }
    for (name, value) in body {
        let property = properties.get(name).unwrap_or_else(|| panic!("{at}: {name} is not in the schema"));
        if value.is_array() || value.is_object() && property.get("$ref").is_some() {
            fits(document, property, value, &format!("{at} {name}"));
        }
    }
}

#[test]
fn what_a_running_job_tells() {
    let rig = Rig::busy();
    let at = |path: &str, pointer: &str| {
        let body = rig.get(path);
        body.pointer(pointer).unwrap_or_else(|| panic!("{path}: no {pointer} in {body}")).clone()
    };
    for (path, pointer, expected) in [
        ("/overview", "/slots-available", json!(2)),
        ("/overview", "/jobs-running", json!(1)),
        ("/taskmanagers", "/taskmanagers/0/id", json!("a")),
        ("/taskmanagers", "/taskmanagers/0/timeSinceLastHeartbeat", json!(NOW - 300)),
        ("/jobs", "/jobs/0/status", json!("RUNNING")),
        ("/jobs/overview", "/jobs/0/tasks/running", json!(3)),
        ("/jobs/orders", "/vertices/0/metrics/read-records", json!(60)),
        ("/jobs/orders", "/vertices/0/metrics/accumulated-backpressured-time", json!(3600)),
        ("/jobs/orders", "/vertices/1/status", json!("RUNNING")),
        ("/jobs/orders", "/failure-cause", json!("source (1/2): broken (mend it)")),
        ("/jobs/orders/config", "/execution-config/job-parallelism", json!(2)),
        ("/jobs/orders/exceptions", "/exceptionHistory/entries/0/taskName", json!("source -> filter (1/2)")),
        ("/jobs/orders/exceptions", "/exceptionHistory/entries/0/taskManagerId", json!("b")),
        ("/jobs/orders/exceptions?maxExceptions=0", "/exceptionHistory/truncated", json!(true)),
        ("/jobs/orders/checkpoints", "/summary/state_size/p99", json!(1000.0)),
        ("/jobs/orders/checkpoints", "/history/0/latest_ack_timestamp", json!(NOW + 5)),
        ("/jobs/orders/checkpoints/config", "/externalization/enabled", json!(true)),
        ("/jobs/orders/checkpoints/details/2", "/tasks/0/num_acknowledged_subtasks", json!(1)),
        ("/jobs/orders/checkpoints/details/2/subtasks/0", "/subtasks/0/end_to_end_duration", json!(5)),
        ("/jobs/orders/checkpoints/details/2/subtasks/0", "/subtasks/1/status", json!("pending_or_failed")),
        ("/jobs/orders/checkpoints/c", "/status/id", json!("IN_PROGRESS")),
        ("/jobs/orders/rescaling/r", "/operation/rescale/outage-ms", json!(40)),
        ("/jobs/orders/vertices/0", "/subtasks/1/taskmanager-id", json!("b")),
        ("/jobs/orders/vertices/0", "/subtasks/1/channels/0/in-flight-bytes", json!(9)),
        ("/jobs/orders/vertices/0/backpressure", "/backpressureLevel", json!("high")),
        ("/jobs/orders/vertices/0/watermarks", "/1/id", json!("1.currentOutputWatermark")),
        ("/jobs/orders/vertices/1/watermarks", "/0/value", json!("55")),
        ("/jobs/orders/vertices/0/metrics?get=1.busyTimeMsPerSecond", "/0/value", json!("200")),
        ("/jobs/orders/metrics?get=numRestarts,nothing", "", json!([{"id": "numRestarts", "value": "1"}])),
        ("/jobs/orders/resource-requirements", "/0/parallelism/upperBound", json!(2)),
        ("/jobs/orders/resource-requirements", "/1/parallelism/upperBound", json!(1)),
        ("/status", "/lastCheckpoint/location", json!("file:/x/chk-2")),
        ("/status", "/lastFailure/worker", json!("b")),
        ("/status", "/lastRescale/to", json!(2)),
        ("/status", "/triggers/3/outcome/rescale/from", json!(1)),
        ("/status", "/workers/freeSlots", json!(2)),
        ("/status", "/parallelism", json!({"wanted": 2, "now": 2, "max": 128})),
        ("/health/ready", "/ok", json!(true)),
        ("/health/live", "/ok", json!(true)),
    ] {
        assert_eq!(at(path, pointer), expected, "{path} {pointer}");
    }
}

#[test]
fn what_is_wrong_is_named() {
    let rig = Rig::busy();
    for (method, path, body, status, part) in [
        ("get", "/nothing", "", 404, "/openapi.json"),
        ("delete", "/jobs/orders", "", 405, "method"),
        ("get", "/jobs/orders/vertices/2", "", 404, "no vertex 2; the job has 0 to 1"),
        ("get", "/jobs/orders/vertices/x/backpressure", "", 404, "no vertex x"),
        ("get", "/jobs/orders/checkpoints/details/9", "", 404, "no checkpoint 9"),
        ("get", "/jobs/orders/checkpoints/details/2/subtasks/7", "", 404, "vertex 7"),
        ("get", "/jobs/orders/savepoints/none", "", 404, "no trigger none"),
        // An id is found where its kind is told.
        ("get", "/jobs/orders/savepoints/r", "", 404, "no trigger r"),
        ("get", "/jobs/orders/exceptions?maxExceptions=x", "", 400, "maxExceptions = 'x'"),
        ("get", "/status?after=x", "", 400, "after = 'x'"),
        ("get", "/status?wait=long", "", 400, "wait = 'long'"),
        ("patch", "/jobs/orders?mode=stop", "", 400, "mode 'stop'"),
        ("post", "/jobs/orders/savepoints", "{", 400, "the body cannot be used"),
        ("post", "/jobs/orders/savepoints", r#"{"target-directory": 7}"#, 400, "target-directory"),
        ("post", "/jobs/orders/savepoints", r#"{"targetDirectory": "x"}"#, 400, "targetDirectory"),
        ("post", "/jobs/orders/savepoints", r#"{"formatType": "NATIVE"}"#, 400, "formatType NATIVE is not supported"),
        ("post", "/jobs/orders/savepoints", r#"{"formatType": "X"}"#, 400, "formatType 'X'"),
        ("post", "/jobs/orders/savepoints", r#"{"cancel-job": true}"#, 400, "cancel-job is not supported"),
        ("post", "/jobs/orders/savepoints", r#"{"triggerId": "a/b"}"#, 400, "triggerId 'a/b'"),
        ("post", "/jobs/orders/savepoints", r#"{"triggerId": "r"}"#, 409, "belongs to another operation (Rescale)"),
        ("post", "/jobs/orders/checkpoints", r#"{"triggerId": "config"}"#, 400, "triggerId"),
        (
            "post",
            "/jobs/orders/checkpoints",
            r#"{"checkpointType": "INCREMENTAL"}"#,
            400,
            "checkpointType 'INCREMENTAL'",
        ),
        ("post", "/jobs/orders/stop", r#"{"drain": "yes"}"#, 400, "drain"),
        ("patch", "/jobs/orders/rescaling", "{}", 400, "parallelism"),
        ("patch", "/jobs/orders/rescaling", r#"{"parallelism": -1}"#, 400, "parallelism"),
        (
            "put",
            "/jobs/orders/resource-requirements",
            r#"{"0": {"parallelism": {"lowerBound": 1}}}"#,
            400,
            "upperBound",
        ),
        ("put", "/jobs/orders/resource-requirements", "{}", 400, "vertex 0 (source -> filter) is missing"),
        ("post", "/jobs/other/savepoints", "", 404, "job other does not run here"),
    ] {
        let (got, answer) = rig.ask(method, path, body);
        let message = answer["errors"][0].as_str().unwrap_or_default().to_string();
        assert!(got == status && message.contains(part), "{method} {path} {body}: {got} {answer}");
    }
    assert!(rig.requests.is_empty());
}

#[test]
fn an_id_is_asked_of_the_coordinator_once() {
    let rig = Rig::busy();
    let body = r#"{"triggerId": "mine", "target-directory": "/t", "formatType": "CANONICAL"}"#;
    let version = || rig.get("/status")["version"].clone();
    let mut versions = vec![version()];
    for _ in 0..2 {
        assert_eq!(rig.ask("post", "/jobs/orders/savepoints", body), (202, json!({"request-id": "mine"})));
        versions.push(version());
    }
    // A retry is no change: who follows the status and asks again is not woken by that.
    assert!(versions[0] != versions[1] && versions[1] == versions[2], "{versions:?}");
    let savepoint = Request::Savepoint { trigger: "mine".into(), target: Some("/t".into()), stop: None };
    assert_eq!(rig.requests.try_iter().collect::<Vec<_>>(), [savepoint]);
    let requirements = r#"{"0": {"parallelism": {"lowerBound": 1, "upperBound": 5}},
                           "1": {"parallelism": {"lowerBound": 1, "upperBound": 1}}}"#;
    let (status, answer) = rig.ask("put", "/jobs/orders/resource-requirements", requirements);
    let trigger = answer["request-id"].as_str().unwrap().to_string();
    let (_, other) = rig.ask("post", "/jobs/orders/checkpoints", "");
    let wanted = [
        Request::Rescale { trigger, parallelism: 5, workers: None },
        Request::Checkpoint { trigger: other["request-id"].as_str().unwrap().into() },
    ];
    assert_eq!((status, rig.requests.try_iter().collect::<Vec<_>>()), (200, wanted.to_vec()));
    // A job that has ended takes nothing more, and leaves nothing open.
    rig.view.set_state(JobState::Finished, NOW);
    let (status, _) = rig.ask("post", "/jobs/orders/stop", r#"{"triggerId": "late"}"#);
    assert_eq!((status, rig.requests.len()), (409, 0));
    for id in ["mine", "late"] {
        let failure = rig.view.trigger_status(id).unwrap().operation.unwrap().failure.unwrap();
        assert_eq!(failure.class, "JOB_ENDED", "{id}");
    }
}

#[test]
fn the_status_waits_for_a_change_and_for_no_longer_than_asked() {
    let rig = Rig::busy();
    let version = |body: &Value| body["version"].as_u64().unwrap();
    let first = version(&rig.get("/status"));
    assert_eq!(first >> 32, 3, "the generation leads");
    // Another version answers at once, also an older coordinator's that is larger.
    for other in [0, first - 1, first + 1, u64::MAX] {
        assert_eq!(version(&rig.get(&format!("/status?after={other}&wait=5min"))), first);
    }
    assert_eq!(version(&rig.get(&format!("/status?after={first}&wait=1ms"))), first);
    // Figures change nothing; a checkpoint wakes all who wait.
    rig.view.set_tasks(&vertices(), operators(9, None), NOW);
    rig.view.set_workers(rig.view.workers());
    assert_eq!(version(&rig.get("/status")), first);
    let woken = rig.runtime.block_on(async {
        let ask = || {
            let router = router(rig.view.clone(), rig.clock.clone());
            let path = format!("/status?after={first}&wait=5min");
            tokio::spawn(router.oneshot(HttpRequest::get(path).body(Body::empty()).unwrap()))
        };
        let waiters: Vec<_> = (0..50).map(|_| ask()).collect();
        // One that goes away costs nothing.
        ask().abort();
        tokio::task::yield_now().await;
        rig.view.checkpoint_ended(checkpoint(4, CheckpointStatus::Completed));
        let mut woken = 0;
        for waiter in waiters {
            assert_eq!(waiter.await.unwrap().unwrap().status().as_u16(), 200);
            woken += 1;
        }
        woken
    });
    assert_eq!(woken, 50);
    let status = rig.get("/status");
    assert!(version(&status) > first && status["lastCheckpoint"]["id"] == 4, "{status}");
}

#[test]
fn probes_follow_the_coordinator() {
    let rig = Rig::new();
    let (status, body) = rig.ask("get", "/health/ready", "");
    assert_eq!((status, body["ok"].as_bool()), (503, Some(false)));
    rig.view.set_standing_by(Preflight::default());
    assert_eq!(rig.get("/health/ready")["reason"], "stands by");
    rig.view.set_identity(JobId::from_random(1), 1);
    assert_eq!(rig.get("/health/ready")["reason"], "holds generation 1");
}

#[test]
fn metrics_are_those_of_the_list() {
    let idle = Rig::new();
    assert!(idle.text("/metrics").contains("\nflink_jobmanager_taskSlotsTotal 0.0\n"));
    let rig = Rig::busy();
    // Tasks on workers are told by the workers.
    assert!(!rig.text("/metrics").contains("taskmanager_job_task"));
    rig.view.deployed(&vertices(), 2, NOW);
    for second in 1..4 {
        rig.view.set_tasks(&vertices(), operators(second, None), NOW);
    }
    let text = rig.text("/metrics");
    let told: BTreeSet<String> = text
        .lines()
        .filter_map(|l| l.strip_prefix("# TYPE "))
        .map(|l| l.strip_suffix(" gauge").unwrap().to_string())
        .collect();
    let listed: BTreeSet<String> =
        crate::metrics::DEFS.iter().map(|d| format!("flink_{}_{}", d.scope.path(), d.name)).collect();
    assert_eq!(told, listed);
    for (line, value) in [
        (r#"flink_jobmanager_job_numRestarts{job_id="00000000000000000000000000000007",job_name="orders"} "#, 1.0),
        (
            r#"flink_taskmanager_job_task_backPressuredTimeMsPerSecond{job_name="orders",task_name="source -> filter",subtask_index="1",worker=""} "#,
            600.0,
        ),
        (
            r#"flink_taskmanager_job_task_operator_currentOutputWatermark{job_name="orders",task_name="source -> filter",operator_name="source",subtask_index="0",worker=""} "#,
            55.0,
        ),
    ] {
        let found = text.lines().find_map(|l| l.strip_prefix(line)).unwrap_or_else(|| panic!("no {line} in {text}"));
        assert!((found.parse::<f64>().unwrap() - value).abs() < 1e-6, "{line}{found}");
    }
    for sample in text.lines().filter(|l| !l.starts_with('#')) {
        let name = sample.split('{').next().unwrap().split(' ').next().unwrap();
        let def = crate::metrics::DEFS.iter().find(|d| name == format!("flink_{}_{}", d.scope.path(), d.name)).unwrap();
        for label in def.scope.labels() {
            assert!(sample.contains(&format!("{label}=\"")), "{sample}");
        }
    }
}
