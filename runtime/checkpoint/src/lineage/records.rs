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
    /// Generations of this lineage before it that began from a lower epoch, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Beginning>,
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

/// How a generation began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beginning {
    /// The generation.
    pub generation: u64,
    /// The epoch it began from.
    pub base: CheckpointId,
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

/// An epoch counts if every generation after the one that won it began from it or beyond.
pub fn is_valid(epoch: &EpochRecord, head: &Head) -> bool {
    let passed = |generation, base| epoch.generation >= generation || epoch.epoch <= base;
    passed(head.generation, head.base) && head.earlier.iter().all(|e| passed(e.generation, e.base))
}

/// Beginnings that a head remembers: what slept through more successors than this is not expected to wake up.
const REMEMBERED: usize = 64;

/// What the head of the next generation, which begins from `base`, remembers of those before it.
pub(super) fn earlier(head: &Head, base: CheckpointId) -> Vec<Beginning> {
    let last = Beginning { generation: head.generation, base: head.base };
    // One that began from the same epoch or beyond refuses nothing that the next one does not refuse.
    let mut all: Vec<_> = head.earlier.iter().cloned().chain([last]).filter(|b| b.base < base).collect();
    all.drain(..all.len().saturating_sub(REMEMBERED));
    all
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

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn head(generation: u64, base: CheckpointId, earlier: Vec<Beginning>) -> Head {
        // As it was written before it remembered anything of others.
        let old = serde_json::json!({
            "owner": "me", "generation": generation, "job_id": JobId::from_random(1), "base": base,
            "latest": null, "moved_at_ms": 0, "nonce": "",
        });
        Head { earlier, ..serde_json::from_value(old).unwrap() }
    }

    fn record(epoch: CheckpointId, generation: u64) -> EpochRecord {
        EpochRecord {
            epoch,
            generation,
            manifest: String::new(),
            kind: Kind::Checkpoint,
            checksum: String::new(),
            nonce: String::new(),
        }
    }

    #[test]
    fn a_fork_never_counts_again() {
        let first = head(1, 0, vec![]);
        let second = head(2, 2, earlier(&first, 2));
        let third = head(3, 4, earlier(&second, 4));
        let fallback = head(4, 2, earlier(&third, 2));
        let fifth = head(5, 9, earlier(&fallback, 9));
        for (epoch, generation, in_second, in_third, in_fallback, in_fifth) in [
            (2, 1, true, true, true, true),
            (3, 1, false, false, false, false),
            (4, 2, true, true, false, false),
            (5, 2, true, false, false, false),
            (5, 4, true, true, true, true),
        ] {
            let valid = [&second, &third, &fallback, &fifth].map(|h| is_valid(&record(epoch, generation), h));
            assert_eq!(valid, [in_second, in_third, in_fallback, in_fifth], "{epoch} of {generation}");
        }
        assert_eq!(fifth.earlier.iter().map(|b| b.generation).collect::<Vec<_>>(), [1, 4]);
        let many = (1..=200).fold(first, |head_, n| head(n + 1, n, earlier(&head_, n)));
        assert_eq!(many.earlier.len(), REMEMBERED);
    }
}
