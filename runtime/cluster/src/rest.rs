//! The job's REST API: a small set of Flink's paths over a [`JobView`]. It
//! decides nothing; triggers become requests to the coordinator.

use crate::view::{JobView, Request};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, patch, post};
use axum::{Json, Router};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use streamjob_api::{ErrorResponse, JobsOverview, RescaleRequest, SavepointRequest, StopRequest, TriggerResponse};
use streamjob_core::error::ErrorExt;
use streamjob_core::{Error, Result, StopMode};
use streamjob_state::Clock;
use tokio::net::TcpListener;

#[derive(Clone)]
struct Server {
    view: JobView,
    clock: Arc<dyn Clock>,
}

/// Ports that are tried after the wished one.
const PORTS_TRIED: u16 = 100;

/// Binds `address:port` or, when that port is taken, one of the next hundred.
pub async fn bind(address: &str, port: u16) -> Result<TcpListener> {
    let mut last = None;
    for candidate in port..=port.saturating_add(if port == 0 { 0 } else { PORTS_TRIED }) {
        match TcpListener::bind((address, candidate)).await {
            Ok(listener) => return Ok(listener),
            Err(e) if e.kind() == std::io::ErrorKind::AddrInUse => last = Some(e),
            Err(e) => {
                return Err(Error::user(format!("cannot listen on {address}:{candidate} for the REST API"))
                    .caused_by(e)
                    .fix("set rest.bind-address and rest.port"));
            }
        }
    }
    let error = Error::user(format!("ports {port} to {} on {address} are all taken", port.saturating_add(PORTS_TRIED)))
        .fix("set rest.port");
    Err(match last {
        Some(e) => error.caused_by(e),
        None => error,
    })
}

/// Serves until the task is dropped.
pub async fn serve(listener: TcpListener, view: JobView, clock: Arc<dyn Clock>) -> Result<()> {
    axum::serve(listener, router(view, clock)).await.transient("the REST API stopped")
}

/// Where the server listens.
pub fn local_address(listener: &TcpListener) -> Result<SocketAddr> {
    listener.local_addr().transient("cannot tell the REST address")
}

fn router(view: JobView, clock: Arc<dyn Clock>) -> Router {
    Router::new()
        .route("/config", get(config))
        .route("/jobs/overview", get(overview))
        .route("/jobs/{job}", get(details).patch(cancel))
        .route("/jobs/{job}/checkpoints", get(checkpoints).post(trigger_checkpoint))
        .route("/jobs/{job}/checkpoints/config", get(checkpoint_config))
        .route("/jobs/{job}/checkpoints/{trigger}", get(trigger_status))
        .route("/jobs/{job}/savepoints", post(trigger_savepoint))
        .route("/jobs/{job}/savepoints/{trigger}", get(trigger_status))
        .route("/jobs/{job}/stop", post(stop))
        .route("/jobs/{job}/rescaling", patch(rescale).post(rescale))
        .route("/jobs/{job}/rescaling/{trigger}", get(trigger_status))
        .fallback(|| async { error(StatusCode::NOT_FOUND, "no such path") })
        .with_state(Server { view, clock })
}

fn error(status: StatusCode, message: impl Into<String>) -> Response {
    (status, Json(ErrorResponse { errors: vec![message.into()] })).into_response()
}

impl Server {
    /// Runs `answer` when `job` is this process's job.
    fn of_job(&self, job: &str, answer: impl FnOnce() -> Response) -> Response {
        let own = self.view.summary(self.clock.now_ms());
        if own.jid == job || own.name == job {
            return answer();
        }
        error(
            StatusCode::NOT_FOUND,
            format!("job {job} does not run here; this process runs {} ({})", own.name, own.jid),
        )
    }

    fn trigger(&self, wished: Option<String>, request: impl FnOnce(String) -> Request) -> Response {
        let id = wished.unwrap_or_else(|| uuid::Uuid::new_v4().simple().to_string());
        if self.view.open_trigger(&id) && !self.view.request(request(id.clone())) {
            return error(StatusCode::CONFLICT, "the job has ended");
        }
        (StatusCode::ACCEPTED, Json(TriggerResponse { request_id: id })).into_response()
    }
}

async fn config(State(server): State<Server>) -> Response {
    Json(server.view.config()).into_response()
}

async fn overview(State(server): State<Server>) -> Response {
    Json(JobsOverview { jobs: vec![server.view.summary(server.clock.now_ms())] }).into_response()
}

async fn details(State(server): State<Server>, Path(job): Path<String>) -> Response {
    server.of_job(&job, || Json(server.view.details(server.clock.now_ms())).into_response())
}

async fn checkpoints(State(server): State<Server>, Path(job): Path<String>) -> Response {
    server.of_job(&job, || Json(server.view.checkpoints()).into_response())
}

async fn checkpoint_config(State(server): State<Server>, Path(job): Path<String>) -> Response {
    server.of_job(&job, || Json(server.view.checkpoint_config()).into_response())
}

async fn trigger_status(State(server): State<Server>, Path((job, trigger)): Path<(String, String)>) -> Response {
    server.of_job(&job, || match server.view.trigger_status(&trigger) {
        Some(status) => Json(status).into_response(),
        None => error(StatusCode::NOT_FOUND, format!("no trigger {trigger}")),
    })
}

async fn trigger_checkpoint(State(server): State<Server>, Path(job): Path<String>) -> Response {
    server.of_job(&job, || server.trigger(None, |trigger| Request::Checkpoint { trigger }))
}

async fn trigger_savepoint(
    State(server): State<Server>,
    Path(job): Path<String>,
    body: Option<Json<SavepointRequest>>,
) -> Response {
    let body = body.map(|b| b.0).unwrap_or_default();
    server.of_job(&job, || {
        server.trigger(body.trigger_id, |trigger| Request::Savepoint {
            trigger,
            target: body.target_directory,
            stop: None,
        })
    })
}

async fn stop(State(server): State<Server>, Path(job): Path<String>, body: Option<Json<StopRequest>>) -> Response {
    let body = body.map(|b| b.0).unwrap_or_default();
    let stop = Some(if body.drain { StopMode::Drain } else { StopMode::Suspend });
    server.of_job(&job, || {
        server.trigger(body.trigger_id, |trigger| Request::Savepoint { trigger, target: body.target_directory, stop })
    })
}

async fn rescale(State(server): State<Server>, Path(job): Path<String>, Json(body): Json<RescaleRequest>) -> Response {
    let parallelism = body.parallelism;
    server.of_job(&job, || server.trigger(body.trigger_id, |trigger| Request::Rescale { trigger, parallelism }))
}

async fn cancel(
    State(server): State<Server>,
    Path(job): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    if let Some(mode) = query.get("mode").filter(|m| *m != "cancel") {
        return error(StatusCode::BAD_REQUEST, format!("mode '{mode}' is not known; give cancel"));
    }
    server.of_job(&job, || {
        if server.view.request(Request::Cancel) {
            StatusCode::ACCEPTED.into_response()
        } else {
            error(StatusCode::CONFLICT, "the job has ended")
        }
    })
}
