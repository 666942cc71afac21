//! Probes. Alive: the coordinator's loop goes round. Ready: it holds a
//! generation, or stands by to take one.

use super::Server;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use streamjob_api::Health;

pub async fn live(State(server): State<Server>) -> Response {
    // A job that has ended has no loop; its process is about to follow.
    if server.view.state().is_terminal() {
        return answer(Health { ok: true, reason: "the job has ended".into() });
    }
    answer(server.view.pulse().health())
}

pub async fn ready(State(server): State<Server>) -> Response {
    answer(match server.view.power() {
        (0, true) => Health { ok: true, reason: "stands by".into() },
        (0, false) => Health { ok: false, reason: "holds no generation yet".into() },
        (generation, _) => Health { ok: true, reason: format!("holds generation {generation}") },
    })
}

/// 200 or 503.
pub fn answer(health: Health) -> Response {
    let status = if health.ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(health)).into_response()
}
