//! Talks to coordinators: status, and what is asked of them.

mod follow;

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;
use streamjob_api::{CheckpointRequest, GoRequest, JobStatus, SavepointRequest, StopRequest};

use crate::model::Call;

pub use follow::{Follower, Key};

/// How long a coordinator may take to answer at once.
const PATIENCE: Duration = Duration::from_secs(3);

/// Why a coordinator did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// It does not answer, or not in words that are understood.
    #[error("{0}")]
    Unreachable(String),
    /// It answers that it will not.
    #[error("{status}: {message}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Its words.
        message: String,
    },
}

/// A client of coordinators.
#[derive(Clone, Debug)]
pub struct Client(reqwest::Client);

impl Client {
    /// A client. Errors when the system's resolver or certificates cannot be set up.
    pub fn new() -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder().connect_timeout(Duration::from_secs(1)).no_proxy().build()?;
        Ok(Self(client))
    }

    /// The status now.
    pub async fn status(&self, base: &str) -> Result<JobStatus, CallError> {
        self.send(self.0.get(format!("{base}/status")).timeout(PATIENCE)).await
    }

    /// The status as soon as it differs from version `after`, or after `wait`.
    pub async fn next_status(&self, base: &str, after: u64, wait: Duration) -> Result<JobStatus, CallError> {
        let url = format!("{base}/status?after={after}&wait={}s", wait.as_secs());
        self.send(self.0.get(url).timeout(wait.saturating_add(PATIENCE))).await
    }

    /// Asks for something, under an id: asked twice is asked once.
    pub async fn ask(&self, base: &str, job: &str, id: &str, call: &Call) -> Result<(), CallError> {
        let id = Some(id.to_owned());
        let request = match call {
            Call::Go(from) => {
                self.0.post(format!("{base}/jobs/{job}/go")).json(&GoRequest { from: from.clone(), trigger_id: id })
            }
            Call::Stop => self
                .0
                .post(format!("{base}/jobs/{job}/stop"))
                .json(&StopRequest { trigger_id: id, ..StopRequest::default() }),
            Call::StopBehindCheckpoint => self.0.post(format!("{base}/jobs/{job}/stop")).json(&StopRequest {
                trigger_id: id,
                checkpoint: true,
                ..StopRequest::default()
            }),
            Call::Savepoint => self
                .0
                .post(format!("{base}/jobs/{job}/savepoints"))
                .json(&SavepointRequest { trigger_id: id, ..SavepointRequest::default() }),
            Call::Checkpoint => self
                .0
                .post(format!("{base}/jobs/{job}/checkpoints"))
                .json(&CheckpointRequest { trigger_id: id, ..CheckpointRequest::default() }),
            Call::Cancel => self.0.patch(format!("{base}/jobs/{job}?mode=cancel")),
            Call::Rescale(shape) => self.0.patch(format!("{base}/jobs/{job}/rescaling")).json(
                &serde_json::json!({"parallelism": shape.parallelism, "workers": shape.workers, "triggerId": id}),
            ),
        };
        self.send::<Value>(request.timeout(PATIENCE)).await.map(|_| ())
    }

    async fn send<T: DeserializeOwned>(&self, request: reqwest::RequestBuilder) -> Result<T, CallError> {
        let unreachable = |e: reqwest::Error| CallError::Unreachable(causes(&e));
        let answer = request.send().await.map_err(unreachable)?;
        let status = answer.status();
        if !status.is_success() {
            let body: Value = answer.json().await.unwrap_or_default();
            let told = body.pointer("/errors/0").and_then(Value::as_str).unwrap_or("no reason given");
            return Err(CallError::Refused { status: status.as_u16(), message: told.to_owned() });
        }
        let body = answer.bytes().await.map_err(unreachable)?;
        let body = if body.is_empty() { b"null".as_slice() } else { &body };
        serde_json::from_slice(body).map_err(|e| CallError::Unreachable(e.to_string()))
    }
}

/// An error with what lies behind it.
pub fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let told = cause.to_string();
        if !text.contains(&told) {
            text.push_str(": ");
            text.push_str(&told);
        }
        source = cause.source();
    }
    text
}
