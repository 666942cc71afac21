//! The coordinator's process and its workers; metrics for Prometheus; OpenAPI.

use super::{Server, error, json, openapi};
use crate::metrics;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use streamjob_api::{ClusterOverview, ConfigEntry, JobState, TaskManager, TaskManagers};

pub async fn overview(State(server): State<Server>) -> Response {
    let (state, workers) = (server.view.state(), server.view.workers());
    let is = |wanted: JobState| u32::from(state == wanted);
    json(ClusterOverview {
        taskmanagers: u32::try_from(workers.len()).unwrap_or(u32::MAX),
        slots_total: workers.iter().map(|w| w.slots).sum(),
        slots_available: workers.iter().map(|w| w.free).sum(),
        jobs_running: u32::from(!state.is_terminal()),
        jobs_finished: is(JobState::Finished),
        jobs_cancelled: is(JobState::Canceled),
        jobs_failed: is(JobState::Failed),
        version: server.view.settings().config.version.clone(),
    })
}

pub async fn config(State(server): State<Server>) -> Response {
    json(server.view.settings().config.clone())
}

pub async fn entries(State(server): State<Server>) -> Response {
    let options = &server.view.settings().config.options;
    let entry = |(key, value): (&String, &String)| ConfigEntry { key: key.clone(), value: value.clone() };
    json(options.iter().map(entry).collect::<Vec<_>>())
}

pub async fn taskmanagers(State(server): State<Server>) -> Response {
    let now = server.now();
    let workers = server.view.workers().into_iter().map(|w| TaskManager {
        id: w.name,
        path: w.exchange,
        last_heartbeat: now - i64::try_from(w.silent.as_millis()).unwrap_or(i64::MAX),
        slots: w.slots,
        free_slots: w.free,
        leaving: w.leaving,
    });
    json(TaskManagers { taskmanagers: workers.collect() })
}

/// The job and the process; of tasks those that run in this process.
pub async fn prometheus(State(server): State<Server>) -> Response {
    let mut samples = metrics::coordinator(&server.view);
    samples.extend(metrics::job(&server.view, server.now()));
    let settings = server.view.settings();
    samples.extend(server.view.with_tasks(|tasks| {
        let remote = tasks.operators().iter().filter_map(|o| o.figures.as_ref()).any(|f| f.endpoint.is_some());
        if remote { Vec::new() } else { metrics::of_tasks(tasks, &settings.name, "") }
    }));
    match metrics::write(&settings.metrics_prefix, samples) {
        Ok(text) => ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response(),
        Err(e) => error(StatusCode::INTERNAL_SERVER_ERROR, e.to_string()),
    }
}

pub async fn openapi() -> Response {
    json(openapi::document())
}
