//! Metrics and watermarks by name.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Entry of `GET …/metrics` and `…/watermarks`. Without `?get=` only names are told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MetricValue {
    /// Name; of a vertex's metrics `<subtask>.<name>` or `<subtask>.<operator>.<name>`.
    pub id: String,
    /// Value as text.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub value: Option<String>,
}
