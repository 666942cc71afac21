//! Lays the user's pod template over ours, by strategic merge.

use k8s_openapi::DeepMerge;
use k8s_openapi::api::core::v1::PodTemplateSpec;
use serde_json::Value;
use streamjob_crds::pods::PodTemplate;

use super::BuildError;

/// `ours` with `theirs` over it: maps merge, lists merge by name, everything else is replaced.
pub fn merge(ours: Value, theirs: Option<&PodTemplate>, field: &'static str) -> Result<Value, BuildError> {
    let Some(theirs) = theirs else { return Ok(ours) };
    let error = |message: String| BuildError { field, message };
    let mut template: PodTemplateSpec = serde_json::from_value(ours).map_err(|e| error(e.to_string()))?;
    template.merge_from(theirs.spec().map_err(error)?);
    serde_json::to_value(template).map_err(|e| error(e.to_string()))
}
