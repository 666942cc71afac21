//! Flink's resource requirements: what each vertex may have. One parallelism
//! holds for all vertices that have none of their own, so only bodies that say
//! so can be carried out.

use super::body::{Body, bad};
use super::{Server, json};
use crate::view::Request;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use streamjob_api::{ResourceRequirements, TriggerKind, TriggerResponse};
use streamjob_engine::deploy::VertexInfo;

pub async fn get(State(server): State<Server>, Path(job): Path<String>) -> Response {
    server.of_job(&job, || json(server.view.requirements()))
}

/// A rescale to the upper bound; its outcome is told below `…/rescaling/`.
pub async fn put(
    State(server): State<Server>,
    Path(job): Path<String>,
    Body(body): Body<ResourceRequirements>,
) -> Response {
    server.of_job(&job, || {
        let vertices = server.view.with_tasks(|t| t.vertices().to_vec());
        let vertices = vertices.iter().map(|v| (v, server.view.is_fixed(v)));
        let parallelism = match wanted(&body, &vertices.collect::<Vec<_>>()) {
            Ok(parallelism) => parallelism,
            Err(message) => return bad(message).into_response(),
        };
        let request = |trigger| Request::Rescale { trigger, parallelism, workers: None };
        match server.file(None, TriggerKind::Rescale, request) {
            Ok(request_id) => json(TriggerResponse { request_id }),
            Err(refused) => refused.into_response(),
        }
    })
}

/// The one parallelism that a body asks for. Vertices come with whether they have one of their own.
fn wanted(body: &ResourceRequirements, vertices: &[(&VertexInfo, bool)]) -> Result<u32, String> {
    if vertices.is_empty() {
        return Err("no tasks have been deployed yet; try again when the job runs".into());
    }
    if let Some(id) = body.0.keys().find(|id| !id.parse::<usize>().is_ok_and(|v| v < vertices.len())) {
        return Err(format!("no vertex {id}; the job has 0 to {}", vertices.len() - 1));
    }
    let mut wanted: Option<(usize, u32)> = None;
    for (id, (vertex, fixed)) in vertices.iter().enumerate() {
        let bounds = body.0.get(&id.to_string()).ok_or_else(|| format!("vertex {id} ({}) is missing", vertex.name))?;
        let (lower, upper) = (bounds.parallelism.lower, bounds.parallelism.upper);
        if lower == 0 || lower > upper {
            return Err(format!("vertex {id}: lowerBound {lower} is not from 1 to upperBound {upper}"));
        }
        if *fixed {
            let own = vertex.parallelism;
            if lower > own || upper < own {
                return Err(format!(
                    "vertex {id} ({}) has parallelism {own} of its own, which {lower} to {upper} leaves out",
                    vertex.name
                ));
            }
            continue;
        }
        match wanted {
            Some((first, other)) if other != upper => {
                return Err(format!(
                    "upperBound {upper} of vertex {id} differs from {other} of vertex {first}: one parallelism holds for the whole job"
                ));
            }
            _ => wanted = Some((id, upper)),
        }
    }
    wanted.map(|(_, upper)| upper).ok_or_else(|| "all vertices have a parallelism of their own".into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn one_parallelism_for_all_that_have_none() {
        let vertex = |name: &str, parallelism| VertexInfo {
            name: name.into(),
            operators: vec![],
            parallelism,
            is_source: false,
        };
        let (a, b, own) = (vertex("a", 2), vertex("b", 2), vertex("own", 1));
        let vertices = [(&a, false), (&own, true), (&b, false)];
        for (body, expected) in [
            ("0:1:4 1:1:1 2:1:4", Ok(4)),
            ("0:4:4 1:1:4 2:2:4", Ok(4)),
            ("0:1:4 1:1:1 2:1:3", Err("upperBound 3 of vertex 2 differs from 4 of vertex 0")),
            ("0:1:4 2:1:4", Err("vertex 1 (own) is missing")),
            ("0:1:4 1:2:4 2:1:4", Err("vertex 1 (own) has parallelism 1 of its own")),
            ("0:0:4 1:1:1 2:1:4", Err("lowerBound 0")),
            ("0:5:4 1:1:1 2:1:4", Err("lowerBound 5 is not from 1 to upperBound 4")),
            ("0:1:4 1:1:1 2:1:4 3:1:1", Err("no vertex 3; the job has 0 to 2")),
            ("x:1:4", Err("no vertex x")),
        ] {
            let entries = body.split(' ').map(|e| {
                let mut e = e.split(':');
                let id = e.next().unwrap().to_string();
                let mut n = || e.next().unwrap().parse().unwrap();
                let parallelism = streamjob_api::ParallelismBounds { lower: n(), upper: n() };
                (id, streamjob_api::VertexRequirements { parallelism })
            });
            let got = wanted(&ResourceRequirements(entries.collect()), &vertices);
            match (&got, expected) {
                (Ok(p), Ok(e)) => assert_eq!(*p, e, "{body}"),
                (Err(m), Err(part)) => assert!(m.contains(part), "{body}: {m}"),
                _ => panic!("{body}: {got:?}"),
            }
        }
        assert!(wanted(&ResourceRequirements::default(), &[]).unwrap_err().contains("no tasks"));
    }
}
