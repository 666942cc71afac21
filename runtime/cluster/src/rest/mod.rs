//! The job's REST API: Flink's paths over a [`JobView`]. It decides nothing;
//! triggers become requests to the coordinator. What there is stands in
//! [`routes`]: the router, OpenAPI and the docs come from that table.

mod body;
mod checkpoints;
mod health;
mod job;
mod openapi;
mod process;
mod resources;
mod routes;
mod status;
mod triggers;
mod vertices;

#[cfg(test)]
mod tests;

pub(crate) use health::answer as health;
pub use openapi::{document, document_text, table};

use crate::view::JobView;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde::Serialize;
use std::net::SocketAddr;
use std::sync::Arc;
use streamjob_api::ErrorResponse;
use streamjob_core::error::ErrorExt;
use streamjob_core::{Error, Result};
use streamjob_state::Clock;
use tokio::net::TcpListener;

/// What handlers work on.
#[derive(Clone)]
pub(crate) struct Server {
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
    let mut router = Router::new();
    for route in routes::routes() {
        router = router.route(route.path, route.handler);
    }
    router
        .fallback(|| async { error(StatusCode::NOT_FOUND, "no such path; /openapi.json lists those there are") })
        .method_not_allowed_fallback(|| async {
            error(StatusCode::METHOD_NOT_ALLOWED, "this path does not take that method; see /openapi.json")
        })
        .with_state(Server { view, clock })
}

/// An answer that is not 2xx.
fn error(status: StatusCode, message: impl Into<String>) -> Response {
    (status, Json(ErrorResponse { errors: vec![message.into()] })).into_response()
}

/// An answer of 200.
fn json(body: impl Serialize) -> Response {
    Json(body).into_response()
}

impl Server {
    fn now(&self) -> i64 {
        self.clock.now_ms()
    }

    /// Runs `answer` when `job` is this process's job.
    fn of_job(&self, job: &str, answer: impl FnOnce() -> Response) -> Response {
        let own = self.view.summary(self.now());
        if own.jid == job || own.name == job {
            return answer();
        }
        error(
            StatusCode::NOT_FOUND,
            format!("job {job} does not run here; this process runs {} ({})", own.name, own.jid),
        )
    }

    /// Runs `answer` with the number of a vertex of this process's job; what it does not find is 404.
    fn of_vertex(&self, job: &str, vertex: &str, answer: impl FnOnce(usize) -> Option<Response>) -> Response {
        self.of_job(job, || {
            let found = vertex.parse().ok().and_then(answer);
            found.unwrap_or_else(|| {
                let there = self.view.with_tasks(|t| t.vertices().len());
                let which = match there {
                    0 => "no tasks have been deployed yet".to_string(),
                    n => format!("the job has 0 to {}", n - 1),
                };
                error(StatusCode::NOT_FOUND, format!("no vertex {vertex}; {which}"))
            })
        })
    }
}
