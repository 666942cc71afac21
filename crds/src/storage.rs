//! Where checkpoints and savepoints lie: a union tagged by `type`, with one block
//! of options per type.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rules;
use crate::validate::FieldError;

/// Checkpoint storage. `type` says which of the blocks below is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Storage {
    /// `S3` (needs `s3`), `FileSystem` (needs `fileSystem`), or `Memory`: at most 5 MiB a state, kept by the coordinator and lost with it, for development. Change: stateful.
    #[serde(rename = "type")]
    pub kind: StorageType,
    /// Options of an S3 bucket, or of a store that speaks S3. Change: stateful.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub s3: Option<S3Storage>,
    /// Options of a folder that all pods of the job see. Change: stateful.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_system: Option<FileSystemStorage>,
}

/// Kinds of checkpoint storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum StorageType {
    /// A bucket.
    S3,
    /// A folder.
    FileSystem,
    /// The coordinator's memory.
    Memory,
}

/// An S3 bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct S3Storage {
    /// Name of the bucket. Change: stateful.
    #[schemars(length(min = 3, max = 63), regex(pattern = r"^[a-z0-9][a-z0-9.-]*[a-z0-9]$"))]
    pub bucket: String,
    /// Key prefix inside the bucket, without a slash at either end. The job's folders lie below it. Change: stateful.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512), regex(pattern = r"^[^/\s]+(/[^/\s]+)*$"))]
    pub prefix: Option<String>,
    /// URL of a store other than AWS, such as `http://minio:9000`. Default: the endpoint of the region. Change: stateful.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 8, max = 512), regex(pattern = r"^https?://[^\s/]+(/\S*)?$"))]
    pub endpoint: Option<String>,
    /// Region of the bucket. Default: what the environment of the pods says, else `us-east-1`. Change: stateful.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[a-zA-Z0-9-]+$"))]
    pub region: Option<String>,
    /// Put the bucket into the path of the URL instead of the host name; most stores other than AWS need it. Change: stateful.
    #[serde(default)]
    pub path_style: bool,
    /// Secret with the keys `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` (and `AWS_SESSION_TOKEN`, if used). Default: the identity of the pods. Change: rolling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials_secret_ref: Option<LocalRef>,
}

/// The name of an object in the same namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LocalRef {
    /// Name of the object, in the same namespace.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"))]
    pub name: String,
}

/// A folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FileSystemStorage {
    /// Folder of the checkpoints, as a path or a `file://` URL. Absolute in a cluster; `streamjob run` takes a relative one from its working directory. Change: stateful.
    #[schemars(length(min = 1, max = 1024), regex(pattern = r"^[^\s]([^\n]*[^\s])?$"))]
    pub path: String,
    /// The volume that is mounted at `path` in every pod of the job. Without it the folder must be in the image or the pod template. Change: stateful.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume: Option<SharedVolume>,
}

/// A volume that many pods can write at once. `type` says which block is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SharedVolume {
    /// `PersistentVolumeClaim` (needs `persistentVolumeClaim`) or `NFS` (needs `nfs`). Change: stateful.
    #[serde(rename = "type")]
    pub kind: SharedVolumeType,
    /// A claim that exists, with access mode ReadWriteMany when the job has more than one pod. Change: stateful.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub persistent_volume_claim: Option<ClaimVolume>,
    /// An export of an NFS server. Change: stateful.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nfs: Option<NfsVolume>,
}

/// Kinds of shared volumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SharedVolumeType {
    /// A claim.
    PersistentVolumeClaim,
    /// An NFS export.
    #[serde(rename = "NFS")]
    Nfs,
}

/// A PersistentVolumeClaim in the namespace of the StreamJob.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClaimVolume {
    /// Name of the claim. Change: stateful.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"))]
    pub claim_name: String,
}

/// An NFS export.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NfsVolume {
    /// Host name or address of the server. Change: stateful.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[^\s/]+$"))]
    pub server: String,
    /// Exported path on the server. Change: stateful.
    #[schemars(length(min = 1, max = 1024), regex(pattern = r"^/[^\n]*$"))]
    pub path: String,
}

/// The storage that `type` names, with its options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StorageOptions<'a> {
    /// A bucket.
    S3(&'a S3Storage),
    /// A folder.
    FileSystem(&'a FileSystemStorage),
    /// The coordinator's memory.
    Memory,
}

impl Storage {
    /// Storage in a folder.
    pub fn file_system(path: impl Into<String>) -> Self {
        Self {
            kind: StorageType::FileSystem,
            s3: None,
            file_system: Some(FileSystemStorage { path: path.into(), volume: None }),
        }
    }

    /// The options that belong to `type`; an error if they are missing or others are given.
    pub fn options(&self) -> Result<StorageOptions<'_>, FieldError> {
        match (self.kind, &self.s3, &self.file_system) {
            (StorageType::S3, Some(s3), None) => Ok(StorageOptions::S3(s3)),
            (StorageType::FileSystem, None, Some(folder)) => Ok(StorageOptions::FileSystem(folder)),
            (StorageType::Memory, None, None) => Ok(StorageOptions::Memory),
            (StorageType::S3, None, _) | (StorageType::FileSystem | StorageType::Memory, Some(_), _) => {
                Err(rules::STORAGE_S3.error())
            }
            _ => Err(rules::STORAGE_FILE_SYSTEM.error()),
        }
    }
}

impl FileSystemStorage {
    /// The path without a `file://` scheme.
    pub fn local_path(&self) -> &str {
        self.path.strip_prefix("file://").unwrap_or(&self.path)
    }

    /// Whether the path is to be taken from the working directory of the process.
    pub fn is_relative(&self) -> bool {
        !self.local_path().starts_with('/')
    }
}
