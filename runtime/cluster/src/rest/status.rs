//! The status with its long poll.

use super::body::{duration, number};
use super::{Server, json};
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use std::collections::HashMap;
use std::time::Duration;

/// How long a request waits without `?wait=`.
const WAIT: Duration = Duration::from_secs(30);
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(300);

pub async fn status(State(server): State<Server>, Query(query): Query<HashMap<String, String>>) -> Response {
    let wait = match duration(&query, "wait", WAIT) {
        Ok(wait) => wait.min(LONGEST),
        Err(refused) => return refused.into_response(),
    };
    server.view.note_asked(server.now());
    if query.contains_key("after") {
        match number(&query, "after", 0) {
            Ok(after) => server.view.await_change(after, wait).await,
            Err(refused) => return refused.into_response(),
        }
    }
    server.view.note_asked(server.now());
    json(server.view.status(server.now()))
}
