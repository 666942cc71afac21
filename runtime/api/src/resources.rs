//! Parallelism of a running job: Flink's resource requirements and a plain rescale.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `GET` and `PUT /jobs/:jobid/resource-requirements`: by vertex id.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct ResourceRequirements(pub BTreeMap<String, VertexRequirements>);

/// What a vertex needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VertexRequirements {
    /// Its parallelism.
    pub parallelism: ParallelismBounds,
}

/// From and to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ParallelismBounds {
    /// Least.
    #[serde(rename = "lowerBound")]
    pub lower: u32,
    /// Most; what the job is rescaled to.
    #[serde(rename = "upperBound")]
    pub upper: u32,
}

/// `PATCH /jobs/:jobid/rescaling`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RescaleRequest {
    /// Subtasks of every operator that has no parallelism of its own.
    pub parallelism: u32,
    /// Client-supplied id, so that a retry is not a second rescale.
    #[serde(rename = "triggerId", default)]
    pub trigger_id: Option<String>,
    /// How many workers there will be: the first ones by name and number keep tasks, the others are about to go. Default:
    /// all stay.
    #[serde(default)]
    pub workers: Option<u32>,
}

/// A rescale that is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RescaleOutcome {
    /// Parallelism before.
    pub from: u32,
    /// Parallelism now.
    pub to: u32,
    /// How long no task ran, milliseconds.
    #[serde(rename = "outage-ms")]
    pub outage_ms: u64,
}
