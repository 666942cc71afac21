//! What stands under a job name beside checkpoints: the head, generations, epochs;
//! and how such a record is made and read.

use super::claims::Claimed;
use crate::manifest::Kind;
use crate::store::{Conditional, ObjectStore};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use streamjob_core::error::ErrorExt;
use streamjob_core::{CheckpointId, Error, JobId, Result};
use uuid::Uuid;

/// The one mutable object of a job name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Who the job belongs to.
    pub owner: String,
    /// Which form of the job its owner wants to run; empty where there is only one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub revision: String,
    /// The generation in power.
    pub generation: u64,
    /// Its lineage.
    pub job_id: JobId,
    /// The epoch it began from: 0 when empty.
    pub base: CheckpointId,
    /// Set when it began a lineage from another one's checkpoint or a savepoint: its location. Without a
    /// checkpoint of its own, the lineage's state is still that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began_from: Option<String>,
    /// Restore points that are the job's own, to be disposed of when they are retired.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claimed: Vec<Claimed>,
    /// The newest epoch that was published, and its manifest's location relative to the lineage, or in full.
    pub latest: Option<Latest>,
    /// When it was moved, milliseconds since the Unix epoch.
    pub moved_at_ms: i64,
    /// Tells one writer's content from another's.
    pub nonce: String,
}

/// The newest published epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latest {
    /// Its number.
    pub epoch: CheckpointId,
    /// Where its manifest lies.
    pub manifest: String,
}

/// A head as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadVersion {
    /// The content.
    pub head: Head,
    /// For the next conditional write.
    pub etag: String,
}

/// Who took a generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GenerationRecord {
    /// The generation.
    pub generation: u64,
    /// Who took it.
    pub owner: String,
    /// When, milliseconds since the Unix epoch.
    pub claimed_at_ms: i64,
    /// Tells one writer's content from another's.
    pub nonce: String,
}

/// Which manifest owns an epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// The epoch.
    pub epoch: CheckpointId,
    /// Who won it.
    pub generation: u64,
    /// Where its manifest lies: relative to the lineage, or a full location (savepoints).
    pub manifest: String,
    /// Checkpoint, or the savepoint behind which the job stopped.
    pub kind: Kind,
    /// xxh3-64 of the manifest's bytes.
    pub checksum: String,
    /// Tells one writer's content from another's.
    pub nonce: String,
}

/// An epoch counts if the generation in power won it, or if that generation began beyond it.
pub fn is_valid(epoch: &EpochRecord, head: &Head) -> bool {
    epoch.generation == head.generation || epoch.epoch <= head.base
}

/// Creates an object; true if it is there with our content, also when an earlier try's answer was lost.
pub(super) fn create(store: &dyn ObjectStore, key: &str, bytes: &[u8]) -> Result<bool> {
    match store.put_if_absent(key, bytes)? {
        Conditional::Done(_) => Ok(true),
        Conditional::Lost => Ok(store.get(key)?.is_some_and(|o| o.bytes == bytes)),
    }
}

/// Makes every record its writer's own.
pub(super) fn nonce() -> String {
    Uuid::new_v4().simple().to_string()
}

pub(super) fn json<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    serde_json::to_vec_pretty(value).internal("cannot write a record")
}

/// A record as it was read; one that cannot be is an error of the user's, with the way on.
pub(super) fn parse<T: DeserializeOwned>(store: &dyn ObjectStore, key: &str, bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|e| {
        Error::user(format!("{} is damaged", store.url(key)))
            .caused_by(e)
            .fix("restore the file from a backup, or start from a checkpoint or savepoint under another job name (restore.from: PATH)")
    })
}
