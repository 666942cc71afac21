//! Checkpoints: account, settings, each task's part.

use super::{Server, error, json};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;

pub async fn checkpoints(State(server): State<Server>, Path(job): Path<String>) -> Response {
    server.of_job(&job, || json(server.view.checkpoints()))
}

pub async fn config(State(server): State<Server>, Path(job): Path<String>) -> Response {
    server.of_job(&job, || json(server.view.settings().checkpoints.clone()))
}

pub async fn details(State(server): State<Server>, Path((job, id)): Path<(String, String)>) -> Response {
    server.of_job(&job, || match id.parse().ok().and_then(|id| server.view.checkpoint(id)) {
        Some(details) => json(details),
        None => unknown(&id),
    })
}

pub async fn subtasks(
    State(server): State<Server>,
    Path((job, id, vertex)): Path<(String, String, String)>,
) -> Response {
    server.of_job(&job, || {
        let Some(number) = id.parse().ok().filter(|n| server.view.checkpoint(*n).is_some()) else {
            return unknown(&id);
        };
        match vertex.parse().ok().and_then(|v| server.view.checkpoint_subtasks(number, v)) {
            Some(details) => json(details),
            None => error(StatusCode::NOT_FOUND, format!("nothing is known of vertex {vertex} in checkpoint {id}")),
        }
    })
}

fn unknown(id: &str) -> Response {
    error(StatusCode::NOT_FOUND, format!("no checkpoint {id} among the last ones; …/checkpoints lists them"))
}
