//! The tasks of the present deployment: their states, and their figures with
//! enough of the past to tell shares and rates of the last seconds. Pure.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::Ordering::Relaxed;
use streamjob_api::{
    Backpressure, BackpressureLevel, ChannelDetails, IoMetrics, SubtaskBackpressure, SubtaskDetails, TaskCounts,
    TaskState, VertexDetails,
};
use streamjob_engine::deploy::{ChannelFigures, OperatorStatus, TaskEvent, TaskFigures, TaskId, VertexInfo};

/// Shares and rates are those of this long.
const WINDOW_NANOS: u64 = 5_000_000_000;
/// Least time between two samples.
const STEP_NANOS: u64 = 400_000_000;

/// See the module.
#[derive(Debug, Default)]
pub struct Tasks {
    vertices: Vec<VertexInfo>,
    entries: BTreeMap<TaskId, Entry>,
    operators: Vec<OperatorStatus>,
    /// Deployments so far.
    deployments: u64,
}

#[derive(Debug)]
struct Entry {
    state: TaskState,
    since_ms: i64,
    ended_ms: Option<i64>,
    figures: Option<TaskFigures>,
    /// Oldest first.
    samples: VecDeque<Sample>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Sample {
    idle: u64,
    backpressured: u64,
    busy: u64,
    rows_in: u64,
    rows_out: u64,
}

impl Sample {
    fn time(&self) -> u64 {
        self.idle + self.backpressured + self.busy
    }
}

/// Where a task's time went lately, as shares, and its rows per second.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Rates {
    /// Waiting for input.
    pub idle: f64,
    /// Waiting for space downstream.
    pub backpressured: f64,
    /// Work.
    pub busy: f64,
    /// Rows in per second.
    pub rows_in: f64,
    /// Rows out per second.
    pub rows_out: f64,
}

impl Tasks {
    /// New tasks; those before are forgotten.
    pub fn deployed(&mut self, vertices: &[VertexInfo], now_ms: i64) {
        self.deployments += 1;
        self.operators.clear();
        self.vertices = vertices.to_vec();
        self.entries = ids(vertices).map(|id| (id, Entry::new(TaskState::Initializing, now_ms))).collect();
    }

    /// Something happened to a task.
    pub fn event(&mut self, event: &TaskEvent, now_ms: i64) {
        let (task, state) = match event {
            TaskEvent::Running(task) => (task, TaskState::Running),
            TaskEvent::Finished(task) => (task, TaskState::Finished),
            TaskEvent::Failed(task, _) => (task, TaskState::Failed),
            _ => return,
        };
        if let Some(entry) = self.entries.get_mut(task).filter(|e| e.ended_ms.is_none()) {
            entry.become_(state, now_ms);
        }
    }

    /// All run: those of whom nothing else is known, too.
    pub fn all_running(&mut self, now_ms: i64) {
        for entry in self.entries.values_mut().filter(|e| e.state == TaskState::Initializing) {
            entry.become_(TaskState::Running, now_ms);
        }
    }

    /// All were stopped, but those that had ended.
    pub fn all_stopped(&mut self, now_ms: i64) {
        for entry in self.entries.values_mut().filter(|e| e.ended_ms.is_none()) {
            entry.become_(TaskState::Canceled, now_ms);
        }
    }

    /// New figures.
    pub fn set(&mut self, vertices: &[VertexInfo], operators: Vec<OperatorStatus>, now_ms: i64) {
        self.vertices = vertices.to_vec();
        for op in operators.iter().filter(|o| o.figures.is_some()) {
            let entry = self.entries.entry(op.task).or_insert_with(|| Entry::new(TaskState::Running, now_ms));
            entry.figures.clone_from(&op.figures);
        }
        self.operators = operators;
        for id in self.entries.keys().copied().collect::<Vec<_>>() {
            let (rows_in, rows_out) = self.rows(id);
            if let Some(entry) = self.entries.get_mut(&id) {
                entry.sample(rows_in, rows_out);
            }
        }
    }

    /// The chained vertices.
    pub fn vertices(&self) -> &[VertexInfo] {
        &self.vertices
    }

    /// Figures of the operators.
    pub fn operators(&self) -> &[OperatorStatus] {
        &self.operators
    }

    /// All tasks of a vertex.
    pub fn of_vertex(&self, vertex: usize) -> impl Iterator<Item = TaskId> {
        self.entries.keys().filter(move |id| id.vertex == vertex).copied()
    }

    /// Figures of a task, once there are any.
    pub fn figures(&self, id: TaskId) -> Option<&TaskFigures> {
        self.entries.get(&id)?.figures.as_ref()
    }

    /// How many tasks are in which state.
    pub fn counts(&self) -> TaskCounts {
        TaskCounts::of(self.entries.values().map(|e| e.state))
    }

    /// `name (subtask/parallelism)`.
    pub fn name(&self, id: TaskId) -> String {
        match self.vertices.get(id.vertex) {
            Some(v) => format!("{} ({}/{})", v.name, id.subtask + 1, v.parallelism),
            None => format!("task {}.{}", id.vertex, id.subtask),
        }
    }

    /// All vertices, for the job's details.
    pub fn details(&self, max_parallelism: u32) -> Vec<VertexDetails> {
        let vertex = |(index, info): (usize, &VertexInfo)| {
            let tasks = TaskCounts::of(self.entries.iter().filter(|(id, _)| id.vertex == index).map(|(_, e)| e.state));
            VertexDetails {
                id: index.to_string(),
                name: info.name.clone(),
                max_parallelism,
                parallelism: info.parallelism,
                status: tasks.aggregate(),
                tasks,
                metrics: self.io(index, |_| true),
            }
        };
        self.vertices.iter().enumerate().map(vertex).collect()
    }

    /// The subtasks of a vertex. `worker_at` names the worker at an exchange address.
    pub fn subtasks(
        &self,
        vertex: usize,
        now_ms: i64,
        worker_at: impl Fn(&str) -> Option<String>,
    ) -> Vec<SubtaskDetails> {
        let detail = |(id, entry): (&TaskId, &Entry)| {
            let endpoint = entry.figures.as_ref().and_then(|f| f.endpoint.clone());
            let channels = entry.figures.iter().flat_map(|f| &f.channels);
            SubtaskDetails {
                subtask: id.subtask,
                status: entry.state,
                attempt: self.deployments.saturating_sub(1),
                worker: endpoint.as_deref().and_then(&worker_at),
                endpoint,
                start_time: entry.since_ms,
                end_time: entry.ended_ms.unwrap_or(-1),
                duration: entry.ended_ms.unwrap_or(now_ms) - entry.since_ms,
                metrics: self.io(vertex, |task| task == *id),
                channels: channels.map(channel).collect(),
            }
        };
        self.entries.iter().filter(|(id, _)| id.vertex == vertex).map(detail).collect()
    }

    /// Counters of a vertex over some of its subtasks.
    fn io(&self, vertex: usize, wanted: impl Fn(TaskId) -> bool) -> IoMetrics {
        let mut io = IoMetrics::default();
        let Some(info) = self.vertices.get(vertex) else { return io };
        let mut watermarks = Vec::new();
        for op in self.operators.iter().filter(|o| o.task.vertex == vertex && wanted(o.task)) {
            if Some(&op.uid) == info.operators.first() {
                io.read_records += op.metrics.rows_in.load(Relaxed);
            }
            if Some(&op.uid) == info.operators.last() {
                io.write_records += op.metrics.rows_out.load(Relaxed);
                watermarks.push(op.watermark_ms);
            }
            io.late_records_dropped += op.metrics.late_rows_dropped.load(Relaxed);
            io.skipped_records += op.metrics.rows_skipped.load(Relaxed);
        }
        let entries = self.entries.iter().filter(|(id, _)| id.vertex == vertex && wanted(**id));
        for figures in entries.filter_map(|(_, e)| e.figures.as_ref()) {
            io.read_bytes += figures.bytes_in;
            io.write_bytes += figures.bytes_out;
            io.backpressured_ms += figures.backpressured_nanos / 1_000_000;
            io.idle_ms += figures.idle_nanos / 1_000_000;
            io.busy_ms += figures.busy_nanos / 1_000_000;
            io.queued_bytes += figures.queued_bytes;
        }
        io.watermark = watermarks.into_iter().min().flatten();
        io
    }

    /// Rows in and out of a task.
    pub fn rows(&self, id: TaskId) -> (u64, u64) {
        let info = self.vertices.get(id.vertex);
        let (first, last) = (info.and_then(|v| v.operators.first()), info.and_then(|v| v.operators.last()));
        let mut rows = (0, 0);
        for op in self.operators.iter().filter(|o| o.task == id) {
            if Some(&op.uid) == first {
                rows.0 = op.metrics.rows_in.load(Relaxed);
            }
            if Some(&op.uid) == last {
                rows.1 = op.metrics.rows_out.load(Relaxed);
            }
        }
        rows
    }

    /// Shares and rates of the last seconds; `None` before there are two samples.
    pub fn rates(&self, id: TaskId) -> Option<Rates> {
        let samples = &self.entries.get(&id)?.samples;
        let (old, new) = (samples.front()?, samples.back()?);
        let time = new.time().saturating_sub(old.time());
        if time == 0 {
            return None;
        }
        let share = |new: u64, old: u64| new.saturating_sub(old) as f64 / time as f64;
        Some(Rates {
            idle: share(new.idle, old.idle),
            backpressured: share(new.backpressured, old.backpressured),
            busy: share(new.busy, old.busy),
            rows_in: share(new.rows_in, old.rows_in) * 1e9,
            rows_out: share(new.rows_out, old.rows_out) * 1e9,
        })
    }

    /// `GET …/backpressure`. `None` for an unknown vertex.
    pub fn backpressure(&self, vertex: usize, now_ms: i64) -> Option<Backpressure> {
        let parallelism = self.vertices.get(vertex)?.parallelism as usize;
        let subtask = |id: TaskId| {
            let rates = self.rates(id)?;
            Some(SubtaskBackpressure {
                subtask: id.subtask,
                level: BackpressureLevel::of(rates.backpressured),
                ratio: rates.backpressured,
                idle_ratio: rates.idle,
                busy_ratio: rates.busy,
            })
        };
        let subtasks: Vec<_> = self.of_vertex(vertex).filter_map(subtask).collect();
        Some(Backpressure {
            status: if subtasks.len() == parallelism { "ok" } else { "deprecated" }.into(),
            level: subtasks.iter().map(|s| s.level).max().unwrap_or(BackpressureLevel::Ok),
            end_timestamp: now_ms,
            subtasks,
        })
    }
}

impl Entry {
    fn new(state: TaskState, since_ms: i64) -> Self {
        Self { state, since_ms, ended_ms: None, figures: None, samples: VecDeque::new() }
    }

    fn become_(&mut self, state: TaskState, now_ms: i64) {
        self.state = state;
        self.ended_ms = (state > TaskState::Running).then_some(now_ms);
    }

    fn sample(&mut self, rows_in: u64, rows_out: u64) {
        let Some(f) = &self.figures else { return };
        let sample =
            Sample { idle: f.idle_nanos, backpressured: f.backpressured_nanos, busy: f.busy_nanos, rows_in, rows_out };
        // A task that began anew counts from zero again.
        if self.samples.back().is_some_and(|last| last.time() > sample.time()) {
            self.samples.clear();
        }
        if self.samples.back().is_none_or(|last| sample.time() - last.time() >= STEP_NANOS) {
            self.samples.push_back(sample);
        }
        while self.samples.get(1).is_some_and(|second| sample.time().saturating_sub(second.time()) >= WINDOW_NANOS) {
            self.samples.pop_front();
        }
    }
}

fn ids(vertices: &[VertexInfo]) -> impl Iterator<Item = TaskId> {
    let of = |(vertex, v): (usize, &VertexInfo)| (0..v.parallelism).map(move |subtask| TaskId { vertex, subtask });
    vertices.iter().enumerate().flat_map(of)
}

fn channel(c: &ChannelFigures) -> ChannelDetails {
    ChannelDetails {
        edge: c.edge,
        consumer: c.consumer,
        in_flight_bytes: c.in_flight_bytes,
        credit_wait_ms: c.credit_wait_nanos / 1_000_000,
        sent_bytes: c.sent_bytes,
    }
}

#[cfg(test)]
#[path = "tasks_tests.rs"]
mod tests;
