//! Probes and metrics.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use parking_lot::Mutex;

use crate::cache::Watches;
use crate::metrics::{CONTENT_TYPE, Metrics, Snapshot};

/// The process is stuck when its loop did not come by for this long.
const STUCK: Duration = Duration::from_secs(60);

/// What is answered from.
pub struct Health {
    /// The caches.
    pub watches: Arc<Watches>,
    /// The figures.
    pub metrics: Arc<Metrics>,
    /// When the loop came by last.
    pub beat: Mutex<Instant>,
    /// What is counted when somebody asks.
    pub snapshot: Mutex<Option<Box<dyn Fn() -> Snapshot + Send>>>,
}

impl Health {
    /// The loop came by.
    pub fn beat(&self) {
        *self.beat.lock() = Instant::now();
    }
}

/// Serves at `bind` until the process ends.
pub async fn serve(bind: SocketAddr, health: Arc<Health>) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::bind(bind).await?;
    let routes = Router::new()
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
        .route("/metrics", get(metrics))
        .with_state(health);
    axum::serve(listener, routes).await
}

async fn live(State(health): State<Arc<Health>>) -> Response {
    let silent = health.beat.lock().elapsed();
    if silent > STUCK {
        let text = format!("the loop did not come by for {} s\n", silent.as_secs());
        return (StatusCode::SERVICE_UNAVAILABLE, text).into_response();
    }
    "ok\n".into_response()
}

async fn ready(State(health): State<Arc<Health>>) -> Response {
    match health.watches.troubles().join("\n") {
        troubles if troubles.is_empty() => "ok\n".into_response(),
        troubles => (StatusCode::SERVICE_UNAVAILABLE, troubles + "\n").into_response(),
    }
}

async fn metrics(State(health): State<Arc<Health>>) -> Response {
    let now = health.snapshot.lock().as_ref().map(|count| count()).unwrap_or_default();
    match health.metrics.write(now) {
        Ok(text) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}
