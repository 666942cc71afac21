//! Keeps a lineage clean while a coordinator runs it: remembers what live
//! checkpoints refer to, retires the oldest, sweeps the rest. Also disposes of
//! single checkpoints and savepoints, and of all when the job has ended.

use crate::gc::{self, Known, Swept};
use crate::layout::{METADATA, Place};
use crate::lineage::{EpochRecord, Job, Lineage};
use crate::manifest::{Kind, Manifest};
use crate::restore::{Decision, RestorePoint, load, load_epoch};
use crate::retention::{ClaimMode, Retention};
use crate::store::{ObjectStore, Storage, join};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use streamjob_core::{CheckpointId, Domain, Error, Result};

/// Garbage collection of one lineage by the coordinator in power.
pub struct Collector {
    retention: Retention,
    /// Paths that each live checkpoint refers to.
    marks: BTreeMap<CheckpointId, HashSet<String>>,
    attempts: HashSet<String>,
    base: CheckpointId,
    first_own: CheckpointId,
    orphan_age_ms: i64,
    /// Restored from elsewhere and owned: disposed of when the checkpoint of that number would be retired.
    claimed: Option<(CheckpointId, RestorePoint)>,
}

impl Collector {
    /// After a claim. `retained` checkpoints are kept; reads the manifests of those that are there.
    pub fn start(job: &Job, lineage: &Lineage, decision: &Decision, retained: usize, claim: ClaimMode) -> Result<Self> {
        let mut marks = BTreeMap::new();
        for epoch in &decision.completed {
            marks.insert(epoch.epoch, marks_of(job, lineage, epoch)?);
        }
        let mut there: Vec<_> = decision.completed.iter().map(|e| (e.epoch, e.kind)).collect();
        let claimed = decision.point.as_ref().filter(|p| claim == ClaimMode::Claim && !p.same_lineage);
        let claimed = claimed.map(|p| (p.manifest.checkpoint, p.clone()));
        there.extend(claimed.iter().map(|(id, _)| (*id, Kind::Checkpoint)));
        Ok(Self {
            retention: Retention::new(retained, there),
            marks,
            attempts: HashSet::new(),
            base: decision.claim.base,
            first_own: decision.next_id,
            orphan_age_ms: gc::DEFAULT_ORPHAN_AGE_MS,
            claimed,
        })
    }

    /// A deployment of this coordinator; its unreferenced files need not grow old.
    pub fn add_attempt(&mut self, attempt: &str) {
        self.attempts.insert(attempt.to_string());
    }

    /// Age from which unreferenced files of other writers are deleted.
    pub fn set_orphan_age_ms(&mut self, age: i64) {
        self.orphan_age_ms = age;
    }

    /// A checkpoint or stopping savepoint was published, while `pending` others are under way.
    pub fn completed(&mut self, manifest: &Manifest, pending: &[CheckpointId]) {
        if manifest.kind == Kind::Savepoint {
            return;
        }
        let paths = if !manifest.kind.is_savepoint() { paths(manifest) } else { HashSet::new() };
        self.marks.insert(manifest.checkpoint, paths);
        self.retention.completed(manifest.checkpoint, manifest.kind, pending);
    }

    /// Completed checkpoints that are retained, oldest first.
    pub fn retained(&self) -> Vec<CheckpointId> {
        self.retention.kept().collect()
    }

    /// Whether a checkpoint that stays refers to this path.
    pub fn holds(&self, path: &str) -> bool {
        self.marks.values().any(|paths| paths.contains(path))
    }

    /// Fixes what is garbage as of now; [`Sweep::run`] deletes it, on a background thread. Due after each completion and abort.
    pub fn plan(&mut self, pending: &[CheckpointId], next_id: CheckpointId, now_ms: i64) -> Sweep {
        let mut disposals = Vec::new();
        for id in self.retention.release(pending) {
            self.marks.remove(&id);
            disposals.extend(self.claimed.take_if(|(claimed, _)| *claimed == id).map(|(_, point)| point));
        }
        let known = Known {
            marked: self.marks.values().flatten().cloned().collect(),
            live: self.retention.live().collect(),
            pending: pending.iter().copied().collect(),
            attempts: self.attempts.clone(),
            base: self.base,
            first_own: self.first_own,
            next_id,
            now_ms,
            orphan_age_ms: self.orphan_age_ms,
        };
        Sweep { known, disposals }
    }
}

/// A planned sweep. What is written after the plan has a number or deployment that the plan does not touch.
pub struct Sweep {
    known: Known,
    disposals: Vec<RestorePoint>,
}

impl Sweep {
    /// Deletes. Errors are worth a log line: the next sweep repeats what was left.
    pub fn run(self, lineage: &Lineage) -> Result<Swept> {
        let objects = gc::objects(lineage.store().as_ref(), lineage.paths().dir())?;
        // A coordinator that lost power deletes nothing.
        lineage.check_in_power()?;
        for point in &self.disposals {
            dispose_point(point)?;
        }
        gc::delete(lineage.store().as_ref(), lineage.paths().dir(), &gc::plan(&objects, &self.known))
    }
}

/// Deletes all checkpoints of a lineage whose job has ended; savepoints stay.
pub fn delete_all(lineage: &mut Lineage, now_ms: i64) -> Result<Swept> {
    // First the head, so that nobody resumes from what is being deleted.
    lineage.clear_latest(now_ms)?;
    let store = lineage.store().clone();
    let objects = gc::objects(store.as_ref(), lineage.paths().dir())?;
    let known = Known { base: CheckpointId::MAX, now_ms, ..Known::default() };
    gc::delete(store.as_ref(), lineage.paths().dir(), &gc::plan(&objects, &known))
}

/// Deletes a savepoint or checkpoint by its location: its own files, manifest last.
pub fn dispose(storage: &Storage, path: &str) -> Result<Swept> {
    dispose_point(&load(storage, path)?)
}

fn dispose_point(point: &RestorePoint) -> Result<Swept> {
    let store = point.reader.store().as_ref();
    let dir = point.reader.dir();
    if point.manifest.kind.is_savepoint() {
        return dispose_folder(store, dir);
    }
    let id = point.manifest.checkpoint;
    let objects = gc::objects(store, dir)?;
    // Its files are its own as far as no other manifest of that lineage refers to them.
    let mut others = HashSet::new();
    for object in &objects {
        match Place::of(&object.key) {
            Place::Manifest(other) if other != id => {
                let key = join(dir, &object.key);
                if let Some(o) = store.get(&key)? {
                    others.extend(paths(&Manifest::decode(&store.url(&key), &o.bytes)?));
                }
            }
            _ => {}
        }
    }
    let own = paths(&point.manifest);
    let own: HashSet<_> = own.iter().map(|p| p.strip_prefix(crate::layout::RESTORED).unwrap_or(p)).collect();
    let mut garbage = Vec::new();
    for order in 0..3 {
        for o in objects.iter().filter(|o| !others.contains(&o.key)) {
            let its = match Place::of(&o.key) {
                Place::Exclusive(i) => order == 0 && i == id,
                Place::Shared { .. } => order == 0 && own.contains(o.key.as_str()),
                Place::Epoch(i) => order == 1 && i == id,
                Place::Manifest(i) => order == 2 && i == id,
                Place::Unknown => false,
            };
            if its {
                garbage.push(gc::Garbage { path: o.key.clone(), size: o.size });
            }
        }
    }
    gc::delete(store, dir, &garbage)
}

fn dispose_folder(store: &dyn ObjectStore, dir: &str) -> Result<Swept> {
    if dir.is_empty() {
        return Err(Error::internal("a savepoint's folder is the whole store"));
    }
    let objects = gc::objects(store, dir)?;
    let (manifest, data): (Vec<_>, Vec<_>) = objects.into_iter().partition(|o| o.key == METADATA);
    let garbage: Vec<_> = data.into_iter().chain(manifest).map(|o| gc::Garbage { path: o.key, size: o.size }).collect();
    gc::delete(store, dir, &garbage)
}

fn paths(manifest: &Manifest) -> HashSet<String> {
    manifest.files().filter(|f| !f.path.is_empty()).map(|f| f.path.clone()).collect()
}

fn marks_of(job: &Job, lineage: &Lineage, epoch: &EpochRecord) -> Result<HashSet<String>> {
    if epoch.kind.is_savepoint() {
        return Ok(HashSet::new());
    }
    match load_epoch(job, lineage.paths(), epoch) {
        Ok(point) => Ok(paths(&point.manifest)),
        // Nothing can be restored from it any more.
        Err(e) if e.domain() == Domain::User => {
            tracing::warn!("checkpoint {} cannot be read: {e}", epoch.epoch);
            Ok(HashSet::new())
        }
        Err(e) => Err(e),
    }
}

/// What `fsck` found in one lineage.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Objects that no complete checkpoint refers to: leftovers, or of a running job's pending checkpoint.
    pub orphans: Vec<gc::Garbage>,
    /// Files that complete checkpoints refer to and that are not there or damaged.
    pub missing: Vec<(CheckpointId, crate::verify::Damage)>,
    /// Complete checkpoints whose manifest cannot be read.
    pub unreadable: Vec<(CheckpointId, String)>,
    /// Objects that are not of the checkpoint layout.
    pub unknown: Vec<String>,
}

/// Compares a lineage's folder with its manifests; changes nothing.
pub fn fsck(job: &Job, lineage: &crate::layout::LineagePaths, deep: bool) -> Result<Report> {
    let head = job.head()?.map(|h| h.head);
    let mut report = Report::default();
    let mut marked = HashSet::new();
    let mut live = BTreeSet::new();
    for epoch in job.epochs(lineage, head.as_ref())? {
        live.insert(epoch.epoch);
        match load_epoch(job, lineage, &epoch) {
            Ok(point) => {
                for damage in crate::verify::verify(&point.reader, &point.manifest, deep)? {
                    report.missing.push((epoch.epoch, damage));
                }
                if point.same_lineage {
                    marked.extend(paths(&point.manifest));
                }
            }
            Err(e) if e.domain() == Domain::User => report.unreadable.push((epoch.epoch, e.to_string())),
            Err(e) => return Err(e),
        }
    }
    for o in gc::objects(job.store().as_ref(), lineage.dir())? {
        match Place::of(&o.key) {
            _ if marked.contains(&o.key) => {}
            Place::Manifest(id) | Place::Epoch(id) if live.contains(&id) => {}
            Place::Unknown => report.unknown.push(o.key),
            _ => report.orphans.push(gc::Garbage { path: o.key, size: o.size }),
        }
    }
    Ok(report)
}
