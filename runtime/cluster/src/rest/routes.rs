//! All paths, in one table.

use super::{Server, checkpoints, health, job, process, resources, status, triggers, vertices};
use axum::handler::Handler;
use axum::routing::{MethodFilter, MethodRouter, on};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use streamjob_api::*;

/// Makes a type's schema.
pub type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// One method of a path.
pub struct Route {
    pub method: &'static str,
    pub path: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// Query parameters and their meaning.
    pub query: &'static [(&'static str, &'static str)],
    pub body: Option<SchemaOf>,
    /// Status of a good answer, and its body; `None` for text or none.
    pub answer: (u16, Option<SchemaOf>),
    pub handler: MethodRouter<Server>,
}

impl Route {
    fn new<H, T>(method: &'static str, path: &'static str, summary: &'static str, handler: H) -> Self
    where
        H: Handler<T, Server>,
        T: 'static,
    {
        let filter = match method {
            "post" => MethodFilter::POST,
            "put" => MethodFilter::PUT,
            "patch" => MethodFilter::PATCH,
            _ => MethodFilter::GET,
        };
        Self { method, path, summary, query: &[], body: None, answer: (200, None), handler: on(filter, handler) }
    }

    fn answers<A: JsonSchema>(mut self, status: u16) -> Self {
        self.answer = (status, Some(|g| g.subschema_for::<A>()));
        self
    }

    fn takes<B: JsonSchema>(mut self) -> Self {
        self.body = Some(|g| g.subschema_for::<B>());
        self
    }

    fn query(mut self, query: &'static [(&'static str, &'static str)]) -> Self {
        self.query = query;
        self
    }
}

fn get<A, H, T>(path: &'static str, summary: &'static str, handler: H) -> Route
where
    A: JsonSchema,
    H: Handler<T, Server>,
    T: 'static,
{
    Route::new("get", path, summary, handler).answers::<A>(200)
}

fn trigger<B, H, T>(method: &'static str, path: &'static str, summary: &'static str, handler: H) -> Route
where
    B: JsonSchema,
    H: Handler<T, Server>,
    T: 'static,
{
    Route::new(method, path, summary, handler).takes::<B>().answers::<TriggerResponse>(202)
}

const GET: &[(&str, &str)] = &[("get", "names of metrics, with commas between; without it only names are told")];
const STATUS: &[(&str, &str)] = &[
    ("after", "a version: wait until the present one is another"),
    ("wait", "a duration such as 30s, the default: how long to wait, at most 5 min"),
];
const EXCEPTIONS: &[(&str, &str)] = &[("maxExceptions", "how many failures; default and most: 16")];
const MODE: &[(&str, &str)] = &[("mode", "cancel, the default")];

/// The table.
pub fn routes() -> Vec<Route> {
    vec![
        get::<JobStatus, _, _>("/status", "The job in one answer, with a version to wait on.", status::status)
            .query(STATUS),
        get::<Health, _, _>("/health/live", "Whether the coordinator's loop makes progress (503 if not).", health::live),
        get::<Health, _, _>("/health/ready", "Whether it holds a generation or stands by (503 if not).", health::ready),
        Route::new("get", "/metrics", "Metrics for Prometheus.", process::prometheus),
        Route::new("get", "/openapi.json", "This API as OpenAPI 3.0.", process::openapi),
        get::<ClusterOverview, _, _>("/overview", "Workers, slots and jobs in numbers.", process::overview),
        get::<ServerConfig, _, _>("/config", "Version, and options that were set.", process::config),
        get::<Vec<ConfigEntry>, _, _>("/jobmanager/config", "Options that were set, as a list.", process::entries),
        get::<TaskManagers, _, _>("/taskmanagers", "The workers.", process::taskmanagers),
        get::<JobIds, _, _>("/jobs", "Id and state of the job.", job::ids),
        get::<JobsOverview, _, _>("/jobs/overview", "The job in short.", job::overview),
        get::<JobDetails, _, _>("/jobs/{job}", "The job with its vertices.", job::details),
        Route { answer: (202, None), ..Route::new("patch", "/jobs/{job}", "Cancel the job.", job::cancel) }.query(MODE),
        get::<JobConfig, _, _>("/jobs/{job}/config", "How the job runs.", job::config),
        get::<JobExceptions, _, _>("/jobs/{job}/exceptions", "The last failures, newest first.", job::exceptions)
            .query(EXCEPTIONS),
        get::<Vec<MetricValue>, _, _>("/jobs/{job}/metrics", "Metrics of the job.", job::metrics).query(GET),
        get::<Checkpoints, _, _>(
            "/jobs/{job}/checkpoints",
            "Counts, statistics, the newest of each kind, history.",
            checkpoints::checkpoints,
        ),
        trigger::<CheckpointRequest, _, _>(
            "post",
            "/jobs/{job}/checkpoints",
            "Take a checkpoint.",
            triggers::checkpoint,
        ),
        get::<CheckpointConfig, _, _>(
            "/jobs/{job}/checkpoints/config",
            "When and how checkpoints are taken.",
            checkpoints::config,
        ),
        get::<CheckpointDetails, _, _>(
            "/jobs/{job}/checkpoints/details/{checkpoint}",
            "A checkpoint with each vertex's part.",
            checkpoints::details,
        ),
        get::<TaskCheckpointDetails, _, _>(
            "/jobs/{job}/checkpoints/details/{checkpoint}/subtasks/{vertex}",
            "A vertex's part of a checkpoint with each subtask's.",
            checkpoints::subtasks,
        ),
        get::<TriggerStatus, _, _>(
            "/jobs/{job}/checkpoints/{trigger}",
            "How a checkpoint that was asked for came out.",
            triggers::checkpoint_outcome,
        ),
        trigger::<SavepointRequest, _, _>("post", "/jobs/{job}/savepoints", "Take a savepoint.", triggers::savepoint),
        get::<TriggerStatus, _, _>(
            "/jobs/{job}/savepoints/{trigger}",
            "How a savepoint or a stop came out.",
            triggers::savepoint_outcome,
        ),
        trigger::<StopRequest, _, _>("post", "/jobs/{job}/stop", "Stop with a savepoint.", triggers::stop),
        trigger::<GoRequest, _, _>("post", "/jobs/{job}/go", "Begin, where the coordinator stands by.", triggers::go),
        get::<TriggerStatus, _, _>("/jobs/{job}/go/{trigger}", "How a beginning came out.", triggers::go_outcome),
        trigger::<RescaleRequest, _, _>("patch", "/jobs/{job}/rescaling", "Rescale the job.", triggers::rescale),
        trigger::<RescaleRequest, _, _>("post", "/jobs/{job}/rescaling", "Rescale the job.", triggers::rescale),
        get::<TriggerStatus, _, _>(
            "/jobs/{job}/rescaling/{trigger}",
            "How a rescale came out.",
            triggers::rescale_outcome,
        ),
        get::<ResourceRequirements, _, _>(
            "/jobs/{job}/resource-requirements",
            "Parallelism of each vertex.",
            resources::get,
        ),
        Route::new(
            "put",
            "/jobs/{job}/resource-requirements",
            "Rescale to the upper bound, which must be the same for all vertices that have no parallelism of their own.",
            resources::put,
        )
        .takes::<ResourceRequirements>()
        .answers::<TriggerResponse>(200),
        get::<VertexSubtasks, _, _>("/jobs/{job}/vertices/{vertex}", "A vertex with its subtasks.", vertices::details),
        get::<Backpressure, _, _>(
            "/jobs/{job}/vertices/{vertex}/backpressure",
            "Where its subtasks' time went in the last seconds.",
            vertices::backpressure,
        ),
        get::<Vec<MetricValue>, _, _>(
            "/jobs/{job}/vertices/{vertex}/watermarks",
            "Watermark of each subtask: input of its first operator, of a source its output.",
            vertices::watermarks,
        ),
        get::<Vec<MetricValue>, _, _>(
            "/jobs/{job}/vertices/{vertex}/metrics",
            "Metrics of its subtasks and their operators.",
            vertices::metrics,
        )
        .query(GET),
    ]
}
