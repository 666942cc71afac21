//! The StreamJob API: the custom resources as Rust types, the definitions that
//! Kubernetes installs, and the manifest loader for machines without Kubernetes.
//!
//! - Types: [`StreamJob`], [`StreamJobSnapshot`] and their parts. They ignore
//!   unknown fields, because the API server may be newer than this code.
//! - [`load`]: reads a manifest (or a bare `.sql` file), refuses unknown fields and
//!   reports every problem at once, with its line.
//! - [`validate()`]: the rules of the API for an object that is already typed.
//! - [`crd`]: the CustomResourceDefinitions. Use these, not kube's `crd()`: they
//!   carry the CEL rules of [`rules`] and are free of what the API server dislikes.
//!
//! Nothing here talks to a cluster.

pub mod check;
pub mod checkpoint;
pub mod crd;
pub mod duration;
pub mod job;
pub mod load;
mod locate;
pub mod path;
pub mod pods;
pub mod reference;
pub mod restart;
pub mod rules;
pub mod savepoint;
pub mod schedule;
pub mod size;
pub mod snapshot;
pub mod state_backend;
pub mod status;
pub mod storage;
pub mod streamjob;
pub mod upgrade;
pub mod validate;

pub use checkpoint::{Checkpoint, CheckpointMode, Retention};
pub use duration::Duration;
pub use job::{Job, JobSource};
pub use load::{ManifestError, load};
pub use restart::RestartPolicy;
pub use size::Size;
pub use snapshot::{StreamJobSnapshot, StreamJobSnapshotSpec, StreamJobSnapshotStatus};
pub use state_backend::{StateBackend, StateBackendType};
pub use status::StreamJobStatus;
pub use storage::{Storage, StorageOptions};
pub use streamjob::{StreamJob, StreamJobSpec};
pub use upgrade::{ClaimMode, RestorePoint, UpgradeMode};
pub use validate::{FieldError, validate, validate_update};

/// API group of both kinds.
pub const GROUP: &str = "streamjob.dev";
/// Version of the API.
pub const VERSION: &str = "v1alpha1";
/// What a manifest's `apiVersion` must be.
pub const API_VERSION: &str = "streamjob.dev/v1alpha1";
/// Longest name of a StreamJob: names of pods and label values are made from it.
pub const MAX_NAME: usize = 40;
