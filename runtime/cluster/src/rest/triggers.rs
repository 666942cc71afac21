//! Operations that take a while: filed under an id, then asked of the coordinator.

use super::body::{Body, Refused, bad, format_type, trigger_id};
use super::{Server, error, json};
use crate::view::{Filed, Request};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use streamjob_api::{
    CheckpointRequest, FailureCause, GoRequest, RescaleRequest, SavepointRequest, StopRequest, TriggerKind,
    TriggerOutcome, TriggerResponse,
};
use streamjob_core::StopMode;

impl Server {
    /// Files an operation and asks for it, once for each id. The id, or the answer that refuses.
    pub(super) fn file(
        &self,
        wished: Option<String>,
        kind: TriggerKind,
        request: impl FnOnce(String) -> Request,
    ) -> Result<String, Refused> {
        trigger_id(wished.as_deref())?;
        let id = wished.unwrap_or_else(|| uuid::Uuid::new_v4().simple().to_string());
        match self.view.open_trigger(&id, kind) {
            Filed::Known => {}
            Filed::Other(other) => {
                let text = format!("triggerId {id} belongs to another operation ({other:?}); give each one its own");
                return Err(Refused(StatusCode::CONFLICT, text));
            }
            Filed::New => {
                if !self.view.request(request(id.clone())) {
                    let cause = FailureCause { class: "JOB_ENDED".into(), message: "the job has ended".into() };
                    self.view.close_trigger(&id, TriggerOutcome { failure: Some(cause), ..Default::default() });
                    return Err(Refused(StatusCode::CONFLICT, "the job has ended".into()));
                }
            }
        }
        Ok(id)
    }

    fn trigger(&self, wished: Option<String>, kind: TriggerKind, request: impl FnOnce(String) -> Request) -> Response {
        match self.file(wished, kind, request) {
            Ok(id) => (StatusCode::ACCEPTED, Json(TriggerResponse { request_id: id })).into_response(),
            Err(refused) => refused.into_response(),
        }
    }

    fn outcome(&self, job: &str, id: &str, kinds: &[TriggerKind]) -> Response {
        self.of_job(job, || match self.view.trigger(id).filter(|(kind, _)| kinds.contains(kind)) {
            Some((_, status)) => json(status),
            None => error(StatusCode::NOT_FOUND, format!("no trigger {id} of this kind")),
        })
    }
}

pub async fn checkpoint(
    State(server): State<Server>,
    Path(job): Path<String>,
    Body(body): Body<CheckpointRequest>,
) -> Response {
    match body.checkpoint_type.as_deref() {
        None | Some("CONFIGURED") => {}
        Some(other) => {
            return bad(format!("checkpointType '{other}' is not supported: the backend decides; give CONFIGURED"))
                .into_response();
        }
    }
    server.of_job(&job, || {
        server.trigger(body.trigger_id, TriggerKind::Checkpoint, |trigger| Request::Checkpoint { trigger })
    })
}

pub async fn savepoint(
    State(server): State<Server>,
    Path(job): Path<String>,
    Body(body): Body<SavepointRequest>,
) -> Response {
    if body.cancel_job {
        return bad("cancel-job is not supported: POST /jobs/:jobid/stop stops with a savepoint").into_response();
    }
    if let Err(refused) = format_type(body.format_type.as_deref()) {
        return refused.into_response();
    }
    let request = |trigger| Request::Savepoint { trigger, target: body.target_directory, stop: None };
    server.of_job(&job, || server.trigger(body.trigger_id, TriggerKind::Savepoint, request))
}

pub async fn stop(State(server): State<Server>, Path(job): Path<String>, Body(body): Body<StopRequest>) -> Response {
    if let Err(refused) = format_type(body.format_type.as_deref()) {
        return refused.into_response();
    }
    let mode = if body.drain { StopMode::Drain } else { StopMode::Suspend };
    if body.checkpoint && (body.target_directory.is_some() || body.format_type.is_some()) {
        let text = "a checkpoint lies in the job's own folder, in the backend's format; leave out targetDirectory and formatType";
        return bad(text).into_response();
    }
    let request = |trigger| match body.checkpoint {
        true => Request::StopBehindCheckpoint { trigger, mode },
        false => Request::Savepoint { trigger, target: body.target_directory, stop: Some(mode) },
    };
    server.of_job(&job, || server.trigger(body.trigger_id, TriggerKind::Stop, request))
}

pub async fn rescale(
    State(server): State<Server>,
    Path(job): Path<String>,
    Body(body): Body<RescaleRequest>,
) -> Response {
    let parallelism = body.parallelism;
    if parallelism == 0 {
        return bad("parallelism is missing or 0; give a whole number of at least 1").into_response();
    }
    let workers = body.workers;
    let request = |trigger| Request::Rescale { trigger, parallelism, workers };
    server.of_job(&job, || server.trigger(body.trigger_id, TriggerKind::Rescale, request))
}

pub async fn go(State(server): State<Server>, Path(job): Path<String>, Body(body): Body<GoRequest>) -> Response {
    if body.from.trim().is_empty() {
        return bad("from is missing; give auto, latest, none, or the path of a checkpoint or savepoint")
            .into_response();
    }
    let request = |trigger| Request::Go { trigger, from: body.from.clone() };
    server.of_job(&job, || server.trigger(body.trigger_id.clone(), TriggerKind::Go, request))
}

pub async fn go_outcome(State(server): State<Server>, Path((job, id)): Path<(String, String)>) -> Response {
    server.outcome(&job, &id, &[TriggerKind::Go])
}

pub async fn checkpoint_outcome(State(server): State<Server>, Path((job, id)): Path<(String, String)>) -> Response {
    server.outcome(&job, &id, &[TriggerKind::Checkpoint])
}

pub async fn savepoint_outcome(State(server): State<Server>, Path((job, id)): Path<(String, String)>) -> Response {
    server.outcome(&job, &id, &[TriggerKind::Savepoint, TriggerKind::Stop])
}

pub async fn rescale_outcome(State(server): State<Server>, Path((job, id)): Path<(String, String)>) -> Response {
    server.outcome(&job, &id, &[TriggerKind::Rescale])
}
