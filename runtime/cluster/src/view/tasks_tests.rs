#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use super::*;
use std::sync::Arc;
use streamjob_core::{Error, OperatorUid};
use streamjob_engine::operator::{OperatorMetrics, Progress};

const A: TaskId = TaskId { vertex: 0, subtask: 0 };
const B: TaskId = TaskId { vertex: 0, subtask: 1 };

fn vertices() -> Vec<VertexInfo> {
    vec![VertexInfo {
        name: "first -> last".into(),
        operators: vec![OperatorUid("first".into()), OperatorUid("last".into())],
        parallelism: 2,
        is_source: true,
    }]
}

/// Both operators of a task after some milliseconds idle, back-pressured and busy.
fn status(task: TaskId, ms: [u64; 3], rows: u64) -> Vec<OperatorStatus> {
    let [idle, backpressured, busy] = ms.map(|t| t * 1_000_000);
    let figures = TaskFigures {
        endpoint: Some("h:1".into()),
        idle_nanos: idle,
        backpressured_nanos: backpressured,
        busy_nanos: busy,
        bytes_in: 3,
        bytes_out: 4,
        channels: vec![ChannelFigures { credit_wait_nanos: 7_000_000, ..Default::default() }],
        ..Default::default()
    };
    let operator = |name: &str, figures| {
        let metrics = OperatorMetrics::default();
        OperatorMetrics::add(&metrics.rows_in, rows);
        OperatorMetrics::add(&metrics.rows_out, rows / 2);
        OperatorStatus {
            task,
            uid: OperatorUid(name.into()),
            name: name.into(),
            is_source: false,
            is_sink: false,
            metrics: Arc::new(metrics),
            watermark_ms: Some(i64::from(task.subtask)),
            progress: Progress::default(),
            figures,
        }
    };
    vec![operator("first", Some(figures)), operator("last", None)]
}

fn both(ms: [u64; 3], rows: u64) -> Vec<OperatorStatus> {
    [status(A, ms, rows), status(B, ms, rows)].concat()
}

#[test]
fn states_follow_the_tasks_events() {
    let mut t = Tasks::default();
    t.deployed(&vertices(), 10);
    assert_eq!((t.counts().total, t.counts().initializing), (2, 2));
    t.event(&TaskEvent::Running(A), 20);
    assert_eq!(t.details(8)[0].status, TaskState::Initializing);
    t.all_running(30);
    assert_eq!(t.details(8)[0].status, TaskState::Running);
    t.event(&TaskEvent::Finished(A), 40);
    assert_eq!(t.details(8)[0].status, TaskState::Running);
    t.event(&TaskEvent::Failed(B, Error::user("x")), 50);
    t.all_stopped(60);
    let subtasks = t.subtasks(0, 100, |_| None);
    let seen: Vec<_> = subtasks.iter().map(|s| (s.status, s.start_time, s.end_time, s.duration)).collect();
    assert_eq!(seen, [(TaskState::Finished, 10, 40, 30), (TaskState::Failed, 10, 50, 40)]);
    assert_eq!((t.name(B).as_str(), t.details(8)[0].status), ("first -> last (2/2)", TaskState::Failed));
    t.deployed(&vertices(), 70);
    t.all_stopped(80);
    assert_eq!((t.counts().canceled, t.subtasks(0, 80, |_| None)[0].attempt), (2, 1));
}

#[test]
fn counters_add_up_over_subtasks() {
    let mut t = Tasks::default();
    t.deployed(&vertices(), 0);
    t.set(&vertices(), both([1, 2, 3], 10), 0);
    let vertex = &t.details(8)[0];
    let m = &vertex.metrics;
    assert_eq!((m.read_records, m.write_records, m.read_bytes, m.write_bytes), (20, 10, 6, 8));
    assert_eq!((m.idle_ms, m.backpressured_ms, m.busy_ms, m.watermark), (2, 4, 6, Some(0)));
    let subtasks = t.subtasks(0, 0, |endpoint| Some(format!("worker at {endpoint}")));
    let second = &subtasks[1];
    assert_eq!((second.metrics.read_records, second.metrics.idle_ms), (10, 1));
    assert_eq!((second.worker.as_deref(), second.channels[0].credit_wait_ms), (Some("worker at h:1"), 7));
}

#[test]
fn shares_are_those_of_the_last_seconds() {
    let mut t = Tasks::default();
    t.deployed(&vertices(), 0);
    assert_eq!(t.backpressure(0, 9).unwrap().status, "deprecated");
    assert!(t.backpressure(1, 9).is_none());
    // Ten seconds of idleness, then five of which half were back-pressured and a tenth work.
    for second in 0..=10 {
        t.set(&vertices(), both([second * 1000, 0, 0], 0), 0);
    }
    for n in 1..=5 {
        t.set(&vertices(), both([10_000 + n * 400, n * 500, n * 100], n * 1000), 0);
    }
    let rates = t.rates(A).unwrap();
    assert_eq!((rates.idle, rates.backpressured, rates.busy), (0.4, 0.5, 0.1));
    assert_eq!((rates.rows_in, rates.rows_out), (1000.0, 500.0));
    let seen = t.backpressure(0, 9).unwrap();
    assert_eq!((seen.status.as_str(), seen.level, seen.subtasks.len()), ("ok", BackpressureLevel::Low, 2));
    // Figures that did not move tell nothing new; those of a new task begin anew.
    t.set(&vertices(), both([12_000, 2500, 500], 5000), 0);
    assert_eq!(t.rates(A).unwrap(), rates);
    t.set(&vertices(), both([1, 0, 0], 0), 0);
    assert_eq!(t.rates(A), None);
}

#[test]
fn levels_have_flinks_borders() {
    for (ratio, level) in [
        (0.0, BackpressureLevel::Ok),
        (0.1, BackpressureLevel::Ok),
        (0.11, BackpressureLevel::Low),
        (0.5, BackpressureLevel::Low),
        (0.51, BackpressureLevel::High),
    ] {
        assert_eq!(BackpressureLevel::of(ratio), level, "{ratio}");
    }
}
