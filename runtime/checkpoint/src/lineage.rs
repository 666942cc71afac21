//! Who may write under a job name. A coordinator claims a generation and moves the
//! head; from then on every older coordinator fails its next conditional write and
//! stops. A checkpoint exists when its manifest and its epoch record exist.
//!
//! Why an epoch that an old coordinator wins late does no harm: it publishes only
//! after it has moved the head, which the claim prevents; and the head remembers the
//! epoch at which the current generation began (`base`), so that readers ignore
//! records of older generations beyond it.

use crate::hash::checksum;
use crate::layout::{JobPaths, LineagePaths, METADATA, manifest_path, savepoint_name};
use crate::manifest::{Kind, Manifest};
use crate::snapshot_store::{CheckpointWriter, Placement, Target};
use crate::store::{Conditional, ObjectStore, Storage, join};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use streamjob_core::error::ErrorExt;
use streamjob_core::{CheckpointId, Domain, Error, JobId, Result};
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

/// A job name in storage.
#[derive(Clone)]
pub struct Job {
    pub(crate) storage: Storage,
    pub(crate) paths: JobPaths,
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
        Ok(Self { storage: storage.clone(), paths: JobPaths::new(namespace, name)? })
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

    /// Takes the next generation and moves the head, if it is still the one that the claim was decided on.
    pub fn take_over(&self, owner: &str, claim: &Claim, now_ms: i64) -> Result<TakeOver> {
        let store = self.store().as_ref();
        let generation = self.claim_generation(owner, claim.seen.as_ref(), now_ms)?;
        // What lies beyond the restored epoch is no longer part of the history.
        let latest = claim.seen.as_ref().filter(|_| claim.same_lineage).and_then(|s| s.head.latest.clone());
        let latest = latest.filter(|l| l.epoch <= claim.base);
        let head = Head {
            owner: owner.to_string(),
            revision: claim.revision.clone(),
            generation,
            job_id: claim.job_id.clone(),
            base: claim.base,
            began_from: claim.began_from.clone(),
            latest,
            moved_at_ms: now_ms,
            nonce: nonce(),
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

/// An epoch counts if the generation in power won it, or if that generation began beyond it.
pub fn is_valid(epoch: &EpochRecord, head: &Head) -> bool {
    epoch.generation == head.generation || epoch.epoch <= head.base
}

/// Outcome of publishing a checkpoint.
#[derive(Debug)]
pub enum Publish {
    /// It exists and is the newest; tasks may publish.
    Done,
    /// Its number or name is taken by a fenced predecessor: give this one up, go on with the next.
    Taken(Error),
    /// Another coordinator is in power: stop. Nothing may be deleted.
    Fenced(Error),
    /// It may or may not exist (storage failed at the last steps): delete nothing, restart the job.
    Unknown(Error),
    /// It does not exist: nothing but files was written.
    Failed(Error),
}

/// Where one checkpoint or savepoint goes.
#[derive(Clone)]
pub struct Slot {
    /// The store.
    pub store: Arc<dyn ObjectStore>,
    /// Names of its files.
    pub target: Target,
    /// Location of its folder, as users write it.
    pub location: String,
    /// Key of its manifest.
    manifest: String,
    /// What an epoch record says of the manifest.
    record: String,
    /// In the job's own store.
    pub(crate) own: bool,
}

impl Slot {
    /// For backends.
    pub fn writer(&self, placement: Placement) -> CheckpointWriter {
        CheckpointWriter::new(self.store.clone(), self.target.clone(), placement)
    }
}

/// A lineage that this process may write, as long as its generation is in power.
#[derive(Clone)]
pub struct Lineage {
    storage: Storage,
    job: JobPaths,
    pub(crate) paths: LineagePaths,
    head: Head,
    etag: String,
}

impl Lineage {
    /// The store.
    pub fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.storage.root
    }

    /// Names below the lineage's folder.
    pub fn paths(&self) -> &LineagePaths {
        &self.paths
    }

    /// The head as this process wrote it last.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The generation held.
    pub fn generation(&self) -> u64 {
        self.head.generation
    }

    /// Where checkpoint `id` of a deployment goes.
    pub fn checkpoint(&self, id: CheckpointId, attempt: &str) -> Slot {
        Slot {
            store: self.store().clone(),
            target: Target::Checkpoint { dir: self.paths.dir().to_string(), id, attempt: attempt.to_string() },
            location: self.store().url(&self.paths.checkpoint(id)),
            manifest: self.paths.manifest(id),
            record: manifest_path(id),
            own: true,
        }
    }

    /// Where a new savepoint goes: a fresh folder below `target`, or below the job's `savepoints`.
    pub fn savepoint(&self, target: Option<&str>) -> Result<Slot> {
        let name = savepoint_name(&self.head.job_id);
        let (store, dir, own) = match target {
            Some(location) => {
                let at = self.storage.locate(location)?;
                (at.store, join(&at.dir, &name), at.own)
            }
            None => (self.store().clone(), join(&self.job.savepoints(), &name), true),
        };
        let manifest = join(&dir, METADATA);
        Ok(Slot {
            location: store.url(&dir),
            record: store.url(&manifest),
            target: Target::Savepoint { dir },
            manifest,
            store,
            own,
        })
    }

    /// Makes a checkpoint exist: manifest, epoch record, head, in this order. A plain savepoint is its manifest alone.
    pub fn publish(&mut self, slot: &Slot, manifest: &Manifest, now_ms: i64) -> Publish {
        if let Some(foreign) = manifest.files().find(|f| !f.path.is_empty() && !fits(slot, &f.path)) {
            return Publish::Failed(Error::internal(format!(
                "checkpoint {} refers to {}, which lies outside of it",
                manifest.checkpoint, foreign.path
            )));
        }
        let bytes = match manifest.encode() {
            Ok(bytes) => bytes,
            Err(e) => return Publish::Failed(e),
        };
        match create(slot.store.as_ref(), &slot.manifest, &bytes) {
            Ok(true) => {}
            Ok(false) => {
                return Publish::Taken(Error::transient(format!("{} exists already", slot.store.url(&slot.manifest))));
            }
            Err(e) => return Publish::Failed(e),
        }
        if manifest.kind == Kind::Savepoint {
            return Publish::Done;
        }
        let record = EpochRecord {
            epoch: manifest.checkpoint,
            generation: self.generation(),
            manifest: slot.record.clone(),
            kind: manifest.kind,
            checksum: checksum(&bytes),
            nonce: nonce(),
        };
        let key = self.paths.epoch(manifest.checkpoint);
        match json(&record).and_then(|bytes| create(self.store().as_ref(), &key, &bytes)) {
            Ok(true) => {}
            Ok(false) => return self.lost_epoch(&key, manifest.checkpoint),
            Err(e) => return Publish::Unknown(e),
        }
        let latest = Latest { epoch: manifest.checkpoint, manifest: slot.record.clone() };
        self.move_head(Some(latest), now_ms)
    }

    fn lost_epoch(&self, key: &str, id: CheckpointId) -> Publish {
        let winner = self.store().get(key).and_then(|o| match o {
            Some(o) => parse::<EpochRecord>(self.store().as_ref(), key, &o.bytes).map(Some),
            None => Ok(None),
        });
        match (winner, self.check_in_power()) {
            (_, Err(e)) => fenced_or_unknown(e),
            (Ok(Some(w)), _) if w.generation > self.generation() => {
                Publish::Fenced(self.superseded(w.generation, "another coordinator"))
            }
            (Ok(_), _) => Publish::Taken(Error::transient(format!(
                "epoch {id} was won by a coordinator that has been fenced since; the next checkpoint takes the next number"
            ))),
            (Err(e), _) => Publish::Unknown(e),
        }
    }

    fn move_head(&mut self, latest: Option<Latest>, now_ms: i64) -> Publish {
        let head = Head { latest, moved_at_ms: now_ms, nonce: nonce(), ..self.head.clone() };
        let key = self.job.head();
        let outcome = json(&head).and_then(|bytes| {
            Ok(match self.store().put_if_match(&key, &bytes, &self.etag)? {
                Conditional::Done(etag) => Some(etag),
                Conditional::Lost => self.store().get(&key)?.filter(|o| o.bytes == bytes).map(|o| o.etag),
            })
        });
        match outcome {
            Ok(Some(etag)) => {
                self.head = head;
                self.etag = etag;
                Publish::Done
            }
            Ok(None) => match self.check_in_power() {
                Err(e) => fenced_or_unknown(e),
                Ok(()) => {
                    Publish::Unknown(Error::transient(format!("{} was moved by someone else", self.store().url(&key))))
                }
            },
            Err(e) => Publish::Unknown(e),
        }
    }

    /// Errors when another generation is in power, naming it and its owner.
    pub fn check_in_power(&self) -> Result<()> {
        let key = self.job.head();
        let Some(object) = self.store().get(&key)? else {
            return Err(Error::user(format!(
                "{} is gone: the job's folder was deleted while it ran",
                self.store().url(&key)
            ))
            .fix("stop jobs before deleting their storage; start the job again"));
        };
        let head: Head = parse(self.store().as_ref(), &key, &object.bytes)?;
        if head.generation != self.generation() {
            return Err(self.superseded(head.generation, &head.owner));
        }
        Ok(())
    }

    fn superseded(&self, by: u64, owner: &str) -> Error {
        Error::user(format!(
            "generation {} was superseded by {by} owned by {owner}; this coordinator stops",
            self.generation()
        ))
        .fix(format!(
            "only one coordinator may run as {}; if this one should, stop the other and start with restore.from: Latest",
            self.job.dir()
        ))
    }

    /// The job ended and its checkpoints are deleted: the head names none any more.
    pub fn clear_latest(&mut self, now_ms: i64) -> Result<()> {
        match self.move_head(None, now_ms) {
            Publish::Done => Ok(()),
            Publish::Fenced(e) | Publish::Unknown(e) | Publish::Taken(e) | Publish::Failed(e) => Err(e),
        }
    }
}

/// A path that may stand in this slot's manifest.
fn fits(slot: &Slot, path: &str) -> bool {
    match &slot.target {
        Target::Savepoint { .. } => !path.contains('/'),
        Target::Checkpoint { .. } => path.starts_with("shared/") || path.starts_with("chk-"),
    }
}

/// Creates an object; true if it is there with our content, also when an earlier try's answer was lost.
fn create(store: &dyn ObjectStore, key: &str, bytes: &[u8]) -> Result<bool> {
    match store.put_if_absent(key, bytes)? {
        Conditional::Done(_) => Ok(true),
        Conditional::Lost => Ok(store.get(key)?.is_some_and(|o| o.bytes == bytes)),
    }
}

fn nonce() -> String {
    Uuid::new_v4().simple().to_string()
}

fn json<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    serde_json::to_vec_pretty(value).internal("cannot write a record")
}

fn parse<T: DeserializeOwned>(store: &dyn ObjectStore, key: &str, bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|e| {
        Error::user(format!("{} is damaged", store.url(key)))
            .caused_by(e)
            .fix("restore the file from a backup, or start from a checkpoint or savepoint under another job name (restore.from: PATH)")
    })
}

/// Storage that does not answer says nothing about who is in power.
fn fenced_or_unknown(e: Error) -> Publish {
    if e.domain() == Domain::User { Publish::Fenced(e) } else { Publish::Unknown(e) }
}

/// A fresh lineage id.
pub fn new_job_id() -> JobId {
    JobId::from_random(Uuid::new_v4().as_u128())
}
