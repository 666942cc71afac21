//! Who may write under a job name. A coordinator claims a generation and moves the
//! head; from then on every older coordinator fails its next conditional write and
//! stops. A checkpoint exists when its manifest and its epoch record exist.
//!
//! Why an epoch that an old coordinator wins late does no harm: it publishes only
//! after it has moved the head, which the claim prevents; and the head remembers the
//! epochs at which the current generation and those before it began, so that readers
//! ignore records of older generations beyond them.

mod claims;
mod job;
mod records;

pub use claims::Claimed;
pub(crate) use claims::Claims;
pub use job::{Claim, Job, TakeOver, new_job_id};
pub use records::{Beginning, EpochRecord, GenerationRecord, Head, HeadVersion, Latest, is_valid};

use crate::hash::checksum;
use crate::layout::{JobPaths, LineagePaths, METADATA, manifest_path, savepoint_name};
use crate::manifest::{Kind, Manifest};
use crate::snapshot_store::{CheckpointWriter, Placement, Target};
use crate::store::{Conditional, ObjectStore, Storage, join};
use records::{create, json, nonce, parse};
use std::sync::Arc;
use streamjob_core::{CheckpointId, Domain, Error, Result};

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
}

impl Slot {
    /// For backends.
    pub fn writer(&self, placement: Placement) -> CheckpointWriter {
        CheckpointWriter::new(self.store.clone(), self.target.clone(), placement)
    }

    /// Deletes what was written of a savepoint that was given up; the number of files. Of a checkpoint nothing: it is swept.
    pub fn discard(&self) -> Result<usize> {
        let Target::Savepoint { dir } = &self.target else { return Ok(0) };
        let files = self.store.list(dir)?;
        for file in &files {
            self.store.delete(&file.key)?;
        }
        Ok(files.len())
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
    pub(crate) claims: Claims,
}

impl Lineage {
    /// For what may lie in other stores.
    pub(crate) fn storage(&self) -> &Storage {
        &self.storage
    }

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
        }
    }

    /// Where a new savepoint goes: a fresh folder below `target`, or below the job's `savepoints`.
    pub fn savepoint(&self, target: Option<&str>) -> Result<Slot> {
        let name = savepoint_name(&self.head.job_id);
        let (store, dir) = match target {
            Some(location) => {
                let at = self.storage.locate(location)?;
                (at.store, join(&at.dir, &name))
            }
            None => (self.store().clone(), join(&self.job.savepoints(), &name)),
        };
        let manifest = join(&dir, METADATA);
        Ok(Slot {
            location: store.url(&dir),
            record: store.url(&manifest),
            target: Target::Savepoint { dir },
            manifest,
            store,
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
        let claimed = self.claims.left();
        self.put_head(Head { latest, claimed, moved_at_ms: now_ms, nonce: nonce(), ..self.head.clone() })
    }

    fn put_head(&mut self, head: Head) -> Publish {
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

    /// The job ended and its checkpoints go: the head names a lineage that has none, so that nobody resumes from what is
    /// being deleted, nor from what this lineage began from. One write, so that a crash leaves all of them or none.
    pub fn abandon(&mut self, now_ms: i64) -> Result<()> {
        let head = Head {
            job_id: new_job_id(),
            base: 0,
            earlier: Vec::new(),
            began_from: None,
            claimed: Vec::new(),
            latest: None,
            moved_at_ms: now_ms,
            nonce: nonce(),
            ..self.head.clone()
        };
        match self.put_head(head) {
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

/// Storage that does not answer says nothing about who is in power.
fn fenced_or_unknown(e: Error) -> Publish {
    if e.domain() == Domain::User { Publish::Fenced(e) } else { Publish::Unknown(e) }
}
