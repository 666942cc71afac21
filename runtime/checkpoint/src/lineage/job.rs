//! A job name in storage: who has it, and how the next coordinator takes it.

use super::Lineage;
use super::claims::{Claimed, Claims};
use super::records::{EpochRecord, GenerationRecord, Head, HeadVersion, create, earlier, is_valid, json, nonce, parse};
use crate::layout::{JobPaths, LineagePaths};
use crate::store::{Conditional, ObjectStore, Storage};
use std::sync::Arc;
use streamjob_core::{CheckpointId, JobId, Result};
use uuid::Uuid;

/// A job name in storage.
#[derive(Clone)]
pub struct Job {
    pub(crate) storage: Storage,
    pub(crate) paths: JobPaths,
    /// Begins the nonce of every head that is claimed through this and its clones.
    writer: String,
}

/// What a coordinator wants to begin with; made by [`crate::restore::resolve`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The head that the decision was made on.
    pub seen: Option<HeadVersion>,
    /// The lineage to write.
    pub job_id: JobId,
    /// The epoch to begin from; 0 when empty.
    pub base: CheckpointId,
    /// Whether the lineage is the head's own.
    pub same_lineage: bool,
    /// Location of the checkpoint or savepoint that begins a new lineage.
    pub began_from: Option<String>,
    /// Restore points that are the job's own.
    pub claimed: Vec<Claimed>,
    /// For the head.
    pub revision: String,
}

/// Outcome of a claim.
pub enum TakeOver {
    /// In power.
    Done(Lineage),
    /// The head moved after the decision was made: decide again.
    Moved,
}

impl Job {
    /// Nothing is read or written yet.
    pub fn open(storage: &Storage, namespace: &str, name: &str) -> Result<Self> {
        Ok(Self { storage: storage.clone(), paths: JobPaths::new(namespace, name)?, writer: nonce() })
    }

    /// Names below the job's folder.
    pub fn paths(&self) -> &JobPaths {
        &self.paths
    }

    /// The store it lies in.
    pub fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.storage.root
    }

    /// The head; `None` when nobody ever ran under this name.
    pub fn head(&self) -> Result<Option<HeadVersion>> {
        let key = self.paths.head();
        match self.store().get(&key)? {
            Some(o) => Ok(Some(HeadVersion { head: parse(self.store().as_ref(), &key, &o.bytes)?, etag: o.etag })),
            None => Ok(None),
        }
    }

    /// Whether a claim through this put the head where it is, also one whose answer was lost.
    pub fn moved(&self, head: &Head) -> bool {
        head.nonce.starts_with(&self.writer)
    }

    /// Takes the next generation and moves the head, if it is still the one that the claim was decided on.
    pub fn take_over(&self, owner: &str, claim: &Claim, now_ms: i64) -> Result<TakeOver> {
        let store = self.store().as_ref();
        let generation = self.claim_generation(owner, claim.seen.as_ref(), now_ms)?;
        // What lies beyond the restored epoch is no longer part of the history.
        let same = claim.seen.as_ref().filter(|_| claim.same_lineage);
        let latest = same.and_then(|s| s.head.latest.clone());
        let latest = latest.filter(|l| l.epoch <= claim.base);
        let head = Head {
            owner: owner.to_string(),
            revision: claim.revision.clone(),
            generation,
            job_id: claim.job_id.clone(),
            base: claim.base,
            earlier: same.map_or_else(Vec::new, |s| earlier(&s.head, claim.base)),
            began_from: claim.began_from.clone(),
            claimed: claim.claimed.clone(),
            latest,
            moved_at_ms: now_ms,
            nonce: format!("{}-{}", self.writer, nonce()),
        };
        let bytes = json(&head)?;
        let key = self.paths.head();
        let moved = match &claim.seen {
            Some(seen) => store.put_if_match(&key, &bytes, &seen.etag)?,
            None => store.put_if_absent(&key, &bytes)?,
        };
        let etag = match moved {
            Conditional::Done(etag) => etag,
            // An earlier try of the same write may have been ours, its answer lost.
            Conditional::Lost => match store.get(&key)? {
                Some(o) if o.bytes == bytes => o.etag,
                _ => return Ok(TakeOver::Moved),
            },
        };
        Ok(TakeOver::Done(Lineage {
            storage: self.storage.clone(),
            job: self.paths.clone(),
            paths: self.paths.lineage(&claim.job_id),
            claims: Claims::new(head.claimed.clone()),
            head,
            etag,
        }))
    }

    fn claim_generation(&self, owner: &str, seen: Option<&HeadVersion>, now_ms: i64) -> Result<u64> {
        let store = self.store().as_ref();
        let dir = self.paths.generations();
        let listed = store.list(&dir)?;
        let taken = listed.iter().filter_map(|o| o.key.rsplit('/').next()?.parse::<u64>().ok()).max().unwrap_or(0);
        let mut generation = taken.max(seen.map_or(0, |s| s.head.generation)) + 1;
        loop {
            let record =
                GenerationRecord { generation, owner: owner.to_string(), claimed_at_ms: now_ms, nonce: nonce() };
            if create(store, &self.paths.generation(generation), &json(&record)?)? {
                return Ok(generation);
            }
            generation += 1;
        }
    }

    /// Valid epoch records of a lineage, oldest first; forks of fenced coordinators are left out when the lineage is the head's.
    pub fn epochs(&self, lineage: &LineagePaths, head: Option<&Head>) -> Result<Vec<EpochRecord>> {
        let head = head.filter(|h| self.paths.lineage(&h.job_id) == *lineage);
        let mut out = self.all_epochs(lineage)?;
        out.retain(|e| head.is_none_or(|h| is_valid(e, h)));
        Ok(out)
    }

    /// All epoch records of a lineage, forks included, oldest first.
    pub fn all_epochs(&self, lineage: &LineagePaths) -> Result<Vec<EpochRecord>> {
        let store = self.store().as_ref();
        let mut out: Vec<EpochRecord> = Vec::new();
        for object in store.list(&lineage.epochs())? {
            if let Some(o) = store.get(&object.key)? {
                out.push(parse(store, &object.key, &o.bytes)?);
            }
        }
        out.sort_by_key(|e| e.epoch);
        Ok(out)
    }
}

/// A fresh lineage id.
pub fn new_job_id() -> JobId {
    JobId::from_random(Uuid::new_v4().as_u128())
}
