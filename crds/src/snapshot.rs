//! StreamJobSnapshot: one savepoint as an object.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One savepoint. The operator makes one for each savepoint it takes; a user makes
/// one to take a savepoint by hand.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "streamjob.dev",
    version = "v1alpha1",
    kind = "StreamJobSnapshot",
    doc = "One savepoint of a StreamJob. Creating it takes the savepoint; deleting it disposes of the files by `deletionPolicy`, without needing a live job.",
    namespaced,
    shortname = "sjs",
    category = "streaming",
    status = "StreamJobSnapshotStatus",
    derive = "PartialEq",
    selectable = ".spec.jobRef.name",
    printcolumn(
        name = "JOB",
        type_ = "string",
        json_path = ".spec.jobRef.name",
        description = "StreamJob that the savepoint is of."
    ),
    printcolumn(
        name = "STATE",
        type_ = "string",
        json_path = ".status.state",
        description = "Where the savepoint stands."
    ),
    printcolumn(
        name = "FORMAT",
        type_ = "string",
        json_path = ".spec.format",
        description = "Format of the savepoint."
    ),
    printcolumn(name = "SIZE", type_ = "integer", json_path = ".status.size", description = "Size in bytes."),
    printcolumn(
        name = "AGE",
        type_ = "date",
        json_path = ".metadata.creationTimestamp",
        description = "Age of the object."
    ),
    printcolumn(
        name = "PATH",
        type_ = "string",
        json_path = ".status.path",
        description = "Where the savepoint lies.",
        priority = 1
    ),
    printcolumn(
        name = "ERROR",
        type_ = "string",
        json_path = ".status.error",
        description = "Why it failed.",
        priority = 1
    )
)]
#[serde(rename_all = "camelCase")]
pub struct StreamJobSnapshotSpec {
    /// The StreamJob that the savepoint is of. Change: immutable.
    pub job_ref: JobRef,
    /// Folder to put the savepoint into. Default: `savepoints/` of the job in its checkpoint storage. Change: immutable.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048), regex(pattern = r"^\S([^\n]*\S)?$"))]
    pub path: Option<String>,
    /// `Canonical` (any state backend reads it, and it can be queried) or `Native` (the backend's own files, faster). Change: immutable.
    #[serde(default)]
    pub format: SnapshotFormat,
    /// What happens to the files when this object is deleted: `Retain` or `Delete`. Change: live.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
}

/// Refers to a StreamJob in the same namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobRef {
    /// Name of the StreamJob, in the same namespace. Change: immutable.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
}

/// Formats of a savepoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SnapshotFormat {
    /// Independent of the backend.
    #[default]
    Canonical,
    /// The backend's own.
    Native,
}

/// What happens to the files of a deleted snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    /// They stay.
    #[default]
    Retain,
    /// They are deleted.
    Delete,
}

/// How far a savepoint is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct StreamJobSnapshotStatus {
    /// `Pending`, `InProgress`, `Completed` or `Failed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<SnapshotState>,
    /// Where the savepoint lies.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub path: Option<String>,
    /// Its size in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub size: Option<i64>,
    /// When it was triggered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// When it was completed and verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Time>,
    /// Why it failed, and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub error: Option<String>,
}

/// How far the savepoint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SnapshotState {
    /// Not triggered yet.
    Pending,
    /// Being written.
    InProgress,
    /// Complete and verified.
    Completed,
    /// Given up.
    Failed,
}
