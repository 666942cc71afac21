//! The chained vertices: subtasks, back pressure, watermarks, metrics.

use super::job::{choose, number_text};
use super::{Server, json};
use crate::metrics::of_vertex;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use std::collections::HashMap;
use streamjob_api::MetricValue;

pub async fn details(State(server): State<Server>, Path((job, vertex)): Path<(String, String)>) -> Response {
    server.of_vertex(&job, &vertex, |v| server.view.vertex(v, server.now()).map(json))
}

pub async fn backpressure(State(server): State<Server>, Path((job, vertex)): Path<(String, String)>) -> Response {
    server.of_vertex(&job, &vertex, |v| server.view.backpressure(v, server.now()).map(json))
}

/// `<subtask>.currentInputWatermark` of the first operator; of a source `<subtask>.currentOutputWatermark`.
pub async fn watermarks(State(server): State<Server>, Path((job, vertex)): Path<(String, String)>) -> Response {
    let of = |v: usize| {
        server.view.with_tasks(|tasks| {
            let info = tasks.vertices().get(v)?;
            let watermark = |id| {
                let (name, watermark) = if info.is_source {
                    ("currentOutputWatermark", tasks.figures(id)?.watermark_out_ms)
                } else {
                    ("currentInputWatermark", tasks.operators().iter().find(|o| o.task == id)?.watermark_ms)
                };
                Some(MetricValue { id: format!("{}.{name}", id.subtask), value: Some(watermark?.to_string()) })
            };
            Some(tasks.of_vertex(v).filter_map(watermark).collect::<Vec<_>>())
        })
    };
    server.of_vertex(&job, &vertex, |v| of(v).map(json))
}

pub async fn metrics(
    State(server): State<Server>,
    Path((job, vertex)): Path<(String, String)>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let of = |v: usize| {
        server.view.with_tasks(|tasks| {
            tasks.vertices().get(v)?;
            let samples = of_vertex(tasks, v).into_iter();
            Some(choose(&query, samples.map(|(id, s)| (id, number_text(s.value)))))
        })
    };
    server.of_vertex(&job, &vertex, |v| of(v).map(json))
}
