//! The job itself: state, failures, metrics, cancel.

use super::body::{bad, number};
use super::{Server, error, json};
use crate::metrics;
use crate::view::{FAILURES_KEPT, Request};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use std::collections::HashMap;
use streamjob_api::{ExecutionConfig, JobConfig, JobIdAndState, JobIds, JobsOverview, MetricValue};

pub async fn ids(State(server): State<Server>) -> Response {
    let own = server.view.summary(server.now());
    json(JobIds { jobs: vec![JobIdAndState { id: own.jid, status: own.state }] })
}

pub async fn overview(State(server): State<Server>) -> Response {
    json(JobsOverview { jobs: vec![server.view.summary(server.now())] })
}

pub async fn details(State(server): State<Server>, Path(job): Path<String>) -> Response {
    server.of_job(&job, || json(server.view.details(server.now())))
}

pub async fn config(State(server): State<Server>, Path(job): Path<String>) -> Response {
    server.of_job(&job, || {
        let (own, settings) = (server.view.status(server.now()), server.view.settings());
        json(JobConfig {
            jid: own.job_id,
            name: own.job,
            execution: ExecutionConfig {
                restart_strategy: settings.restart_strategy.clone(),
                parallelism: own.parallelism.wanted,
                options: settings.config.options.clone(),
            },
        })
    })
}

pub async fn exceptions(
    State(server): State<Server>,
    Path(job): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let max = match number(&query, "maxExceptions", FAILURES_KEPT as u64) {
        Ok(max) => usize::try_from(max).unwrap_or(usize::MAX),
        Err(refused) => return refused.into_response(),
    };
    server.of_job(&job, || json(server.view.exceptions(max)))
}

pub async fn metrics(
    State(server): State<Server>,
    Path(job): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    server.of_job(&job, || {
        let samples = metrics::job(&server.view, server.now()).into_iter();
        json(choose(&query, samples.map(|s| (s.def.name.to_string(), number_text(s.value)))))
    })
}

/// By `?get=a,b`: those with values; without it all names.
pub fn choose(query: &HashMap<String, String>, values: impl Iterator<Item = (String, String)>) -> Vec<MetricValue> {
    match query.get("get") {
        None => values.map(|(id, _)| MetricValue { id, value: None }).collect(),
        Some(wanted) => {
            let wanted: Vec<&str> = wanted.split(',').map(str::trim).collect();
            let chosen = values.filter(|(id, _)| wanted.contains(&id.as_str()));
            chosen.map(|(id, value)| MetricValue { id, value: Some(value) }).collect()
        }
    }
}

/// Whole numbers without a point.
pub fn number_text(value: f64) -> String {
    format!("{value}")
}

pub async fn cancel(
    State(server): State<Server>,
    Path(job): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    if let Some(mode) = query.get("mode").filter(|m| *m != "cancel") {
        return bad(format!("mode '{mode}' is not known; give cancel")).into_response();
    }
    server.of_job(&job, || {
        if server.view.request(Request::Cancel) {
            StatusCode::ACCEPTED.into_response()
        } else {
            error(StatusCode::CONFLICT, "the job has ended")
        }
    })
}
