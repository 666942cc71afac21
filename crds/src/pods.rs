//! The pods of a job: sizes, disks, and what the user lays over our templates.

use std::borrow::Cow;
use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{PodTemplateSpec, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as KubeQuantity;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::{Map, Value};

/// The coordinator's pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Coordinator {
    /// CPU and memory of the coordinator. Default: requests of 250m CPU and 512Mi, and a memory limit of 512Mi. Change: rolling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// Laid over the operator's template of the coordinator pod by strategic merge; lists merge by name. The container is called `coordinator`. Change: rolling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_template: Option<PodTemplate>,
}

/// The pods of the workers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Worker {
    /// How many slots, and so parallel instances of the job, one worker pod holds. Change: rolling.
    #[schemars(range(min = 1, max = 256))]
    pub slots: u32,
    /// CPU and memory of one worker. Default: requests of 1 CPU and 2Gi, and a memory limit of 2Gi. Change: rolling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// Disk of one worker for working state and local copies of checkpoints. Default: an emptyDir. Change: rolling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume: Option<WorkerVolume>,
    /// Laid over the operator's template of the worker pods by strategic merge; lists merge by name. The container is called `worker`. Change: rolling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_template: Option<PodTemplate>,
}

impl Default for Worker {
    fn default() -> Self {
        Self { slots: 1, resources: None, volume: None, pod_template: None }
    }
}

/// A claim made for each worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkerVolume {
    /// Storage class of the claim. Default: the cluster's default class. Change: rolling.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"))]
    pub storage_class_name: Option<String>,
    /// Size of the claim, such as 20Gi. Change: rolling.
    pub size: Quantity,
}

/// Requests and limits, as in a container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Resources {
    /// What is set aside for the container, by resource name (`cpu`, `memory`, `ephemeral-storage`). Change: rolling.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 16))]
    pub requests: BTreeMap<String, Quantity>,
    /// What the container may use at most, by resource name. Change: rolling.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 16))]
    pub limits: BTreeMap<String, Quantity>,
}

/// The schema's pattern for a quantity.
pub const QUANTITY_PATTERN: &str = r"^([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$";

/// A Kubernetes quantity: `250m`, `2`, `1Gi`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Quantity(pub String);

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => Ok(Self(text)),
            Value::Number(number) => Ok(Self(number.to_string())),
            other => Err(de::Error::custom(format!("{other} is not a quantity"))),
        }
    }
}

impl JsonSchema for Quantity {
    fn schema_name() -> Cow<'static, str> {
        "Quantity".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "x-kubernetes-int-or-string": true,
            "maxLength": 32,
            "pattern": QUANTITY_PATTERN,
        })
    }
}

/// A part of a pod template. The API server keeps it as it is; its types are
/// checked by [`PodTemplate::spec`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PodTemplate(pub Map<String, Value>);

impl JsonSchema for PodTemplate {
    fn schema_name() -> Cow<'static, str> {
        "PodTemplate".into()
    }

    fn inline_schema() -> bool {
        true
    }

    // The full schema of a pod would make the definition larger than the API
    // server's limits on rules allow, and would go stale with each release.
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
    }
}

impl PodTemplate {
    /// The template with Kubernetes' types; the error names what does not fit.
    pub fn spec(&self) -> Result<PodTemplateSpec, String> {
        serde_json::from_value(Value::Object(self.0.clone())).map_err(|e| e.to_string())
    }
}

impl Resources {
    /// Kubernetes' form of the same.
    pub fn to_requirements(&self) -> ResourceRequirements {
        let convert = |map: &BTreeMap<String, Quantity>| {
            (!map.is_empty()).then(|| map.iter().map(|(k, v)| (k.clone(), KubeQuantity(v.0.clone()))).collect())
        };
        ResourceRequirements { requests: convert(&self.requests), limits: convert(&self.limits), claims: None }
    }

    fn sized(cpu: &str, memory: &str) -> Self {
        let entry = |name: &str, value: &str| (name.to_owned(), Quantity(value.to_owned()));
        Self {
            requests: BTreeMap::from([entry("cpu", cpu), entry("memory", memory)]),
            limits: BTreeMap::from([entry("memory", memory)]),
        }
    }
}

impl Coordinator {
    /// The resources in force.
    pub fn resources(&self) -> Resources {
        self.resources.clone().unwrap_or_else(|| Resources::sized("250m", "512Mi"))
    }
}

impl Worker {
    /// The resources in force.
    pub fn resources(&self) -> Resources {
        self.resources.clone().unwrap_or_else(|| Resources::sized("1", "2Gi"))
    }

    /// How many worker pods hold `parallelism` parallel instances.
    pub fn pods(&self, parallelism: u32) -> u32 {
        parallelism.div_ceil(self.slots.max(1))
    }
}

/// An object that the operator makes for the job unless it is switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Toggle {
    /// Whether the operator makes the object. Change: live.
    pub enabled: bool,
}

impl Default for Toggle {
    fn default() -> Self {
        Self { enabled: true }
    }
}
