//! StreamJob: one streaming job. The root of its spec; the parts have files of
//! their own.

use std::collections::BTreeMap;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::checkpoint::Checkpoint;
use crate::job::Job;
use crate::pods::{Coordinator, Toggle, Worker};
use crate::restart::Restart;
use crate::savepoint::Savepoint;
use crate::state_backend::StateBackend;
use crate::status::StreamJobStatus;
use crate::storage::{LocalRef, Storage};
use crate::upgrade::{Restore, Upgrade};

/// What the user asks for.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "streamjob.dev",
    version = "v1alpha1",
    kind = "StreamJob",
    doc = "A streaming job: what it computes, where its state lives, and how it is run, upgraded and recovered.",
    namespaced,
    shortname = "sj",
    category = "streaming",
    status = "StreamJobStatus",
    derive = "PartialEq",
    selectable = ".spec.state",
    selectable = ".status.state",
    scale(
        spec_replicas_path = ".spec.parallelism",
        status_replicas_path = ".status.parallelism",
        label_selector_path = ".status.selector"
    ),
    printcolumn(name = "STATE", type_ = "string", json_path = ".status.state", description = "Where the job stands."),
    printcolumn(
        name = "READY",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status",
        description = "Whether the job is as the spec asks."
    ),
    printcolumn(
        name = "PARALLELISM",
        type_ = "integer",
        json_path = ".spec.parallelism",
        description = "Parallelism that is asked for."
    ),
    printcolumn(
        name = "LAST CHECKPOINT",
        type_ = "date",
        json_path = ".status.checkpoint.latest.time",
        description = "Age of the newest completed checkpoint."
    ),
    printcolumn(
        name = "RESTARTS",
        type_ = "integer",
        json_path = ".status.job.restarts",
        description = "Restarts after failures since the last start."
    ),
    printcolumn(
        name = "AGE",
        type_ = "date",
        json_path = ".metadata.creationTimestamp",
        description = "Age of the object."
    ),
    printcolumn(
        name = "IMAGE",
        type_ = "string",
        json_path = ".status.image",
        description = "Runtime image in force.",
        priority = 1
    ),
    printcolumn(
        name = "SAVEPOINT",
        type_ = "string",
        json_path = ".status.savepoint.latest.path",
        description = "Where the newest savepoint lies.",
        priority = 1
    ),
    printcolumn(
        name = "MESSAGE",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].message",
        description = "Why the job is as it is, and what to do.",
        priority = 1
    )
)]
#[serde(rename_all = "camelCase")]
pub struct StreamJobSpec {
    /// Runtime image; for a program job, the image that contains the program. Default: the runtime image of the operator's chart. Change: stateful.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512), regex(pattern = r"^\S+$"))]
    pub image: Option<String>,
    /// When the image is pulled. Default: as Kubernetes chooses by the image's tag. Change: rolling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_pull_policy: Option<ImagePullPolicy>,
    /// Secrets to pull the image with. Change: rolling.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 16),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"])
    )]
    pub image_pull_secrets: Vec<LocalRef>,
    /// What the job computes. Exactly one of `sql`, `sqlFrom` and `program`. Change: stateful.
    pub job: Job,
    /// `Running`, or `Suspended`: the job stops with a savepoint and keeps it. Change: suspends or resumes.
    #[serde(default)]
    pub state: DesiredState,
    /// Number of parallel instances of each operator; what `kubectl scale` and autoscalers set. Change: rescale.
    #[serde(default = "defaults::parallelism")]
    #[schemars(range(min = 1, max = 32_768))]
    pub parallelism: u32,
    /// Number of key groups: the highest parallelism that the job can ever have with its state. Change: immutable once state exists.
    #[serde(default = "defaults::max_parallelism")]
    #[schemars(range(min = 1, max = 32_768))]
    pub max_parallelism: u32,
    /// How a new version of the job takes over. Change: live.
    #[serde(default)]
    pub upgrade: Upgrade,
    /// What the job starts from. Change: first start, or with a raised nonce.
    #[serde(default)]
    pub restore: Restore,
    /// Where the working state of the job lives. Change: stateful.
    #[serde(default)]
    pub state_backend: StateBackend,
    /// When checkpoints are taken, where they lie, how long they are kept. Change: rolling where a field does not say otherwise.
    pub checkpoint: Checkpoint,
    /// Periodic savepoints, their clean-up, and the savepoint on deletion. Change: live.
    #[serde(default)]
    pub savepoint: Savepoint,
    /// How a failed job is restarted. Change: live.
    #[serde(default)]
    pub restart: Restart,
    /// The coordinator's pod. Change: rolling.
    #[serde(default)]
    pub coordinator: Coordinator,
    /// The workers' pods. Change: rolling.
    #[serde(default)]
    pub worker: Worker,
    /// Options of the runtime by their canonical or old Flink names, such as `table.exec.state.ttl`. Values are strings. A field of this spec wins over an option. Change: per option, see the options page.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend(
        "maxProperties" = 256,
        "additionalProperties" = {"type": "string", "maxLength": 4096}
    ))]
    pub configuration: BTreeMap<String, String>,
    /// Service account of the pods. Default: one that the operator makes for this job. Change: rolling.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"))]
    pub service_account_name: Option<String>,
    /// The PodDisruptionBudget of the job's pods. Change: live.
    #[serde(default)]
    pub pod_disruption_budget: Toggle,
    /// The NetworkPolicy that lets only the job's pods, the operator and metrics readers in. Change: live.
    #[serde(default)]
    pub network_policy: Toggle,
}

/// Whether the job shall run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DesiredState {
    /// It shall run.
    #[default]
    Running,
    /// It shall stop, with a savepoint.
    Suspended,
}

// kube describes an optional enum by its type, not by its field.
/// When the image is pulled. Default: as Kubernetes chooses by the image's tag. Change: rolling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ImagePullPolicy {
    /// At each start of a container.
    Always,
    /// When the node does not have it.
    IfNotPresent,
    /// Never.
    Never,
}

mod defaults {
    pub fn parallelism() -> u32 {
        1
    }
    pub fn max_parallelism() -> u32 {
        128
    }
}

impl StreamJobSpec {
    /// This job in this storage, everything else at its default.
    pub fn new(job: Job, storage: Storage) -> Self {
        Self {
            image: None,
            image_pull_policy: None,
            image_pull_secrets: Vec::new(),
            job,
            state: DesiredState::default(),
            parallelism: defaults::parallelism(),
            max_parallelism: defaults::max_parallelism(),
            upgrade: Upgrade::default(),
            restore: Restore::default(),
            state_backend: StateBackend::default(),
            checkpoint: Checkpoint::new(storage),
            savepoint: Savepoint::default(),
            restart: Restart::default(),
            coordinator: Coordinator::default(),
            worker: Worker::default(),
            configuration: BTreeMap::new(),
            service_account_name: None,
            pod_disruption_budget: Toggle::default(),
            network_policy: Toggle::default(),
        }
    }

    /// How many worker pods the job needs.
    pub fn worker_pods(&self) -> u32 {
        self.worker.pods(self.parallelism)
    }
}
