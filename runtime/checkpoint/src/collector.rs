//! Keeps a lineage clean while a coordinator runs it: remembers what live
//! checkpoints refer to, retires the oldest, sweeps the rest. Deletes all when
//! the job has ended and wants none kept.

use crate::dispose::dispose_point;
use crate::gc::{self, Known, Swept};
use crate::lineage::{Claimed, Claims, EpochRecord, Job, Lineage};
use crate::manifest::{Kind, Manifest};
use crate::restore::{Decision, find, load_epoch};
use crate::retention::Retention;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use streamjob_core::{CheckpointId, Domain, Result};

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
    claims: Claims,
    /// Numbers of those for which that time has come.
    due: BTreeSet<CheckpointId>,
}

impl Collector {
    /// After a take-over. `retained` checkpoints are kept; reads the manifests of those that are there.
    pub fn start(job: &Job, lineage: &Lineage, decision: &Decision, retained: usize) -> Result<Self> {
        let mut marks = BTreeMap::new();
        for epoch in &decision.completed {
            marks.insert(epoch.epoch, marks_of(job, lineage, epoch)?);
        }
        let mut there: Vec<_> = decision.completed.iter().map(|e| (e.epoch, e.kind)).collect();
        there.extend(lineage.claims.left().iter().map(|c| (c.checkpoint, Kind::Checkpoint)));
        Ok(Self {
            retention: Retention::new(retained, there),
            marks,
            attempts: HashSet::new(),
            base: decision.claim.base,
            first_own: decision.next_id,
            orphan_age_ms: gc::DEFAULT_ORPHAN_AGE_MS,
            claims: lineage.claims.clone(),
            due: BTreeSet::new(),
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
        for id in self.retention.release(pending) {
            self.marks.remove(&id);
            self.due.insert(id);
        }
        // Again and again until it is done.
        let disposals: Vec<_> =
            self.claims.left().into_iter().filter(|claimed| self.due.contains(&claimed.checkpoint)).collect();
        self.due = disposals.iter().map(|claimed| claimed.checkpoint).collect();
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
    disposals: Vec<Claimed>,
}

impl Sweep {
    /// Deletes. Errors are worth a log line: the next sweep repeats what was left.
    pub fn run(self, lineage: &Lineage) -> Result<Swept> {
        let objects = gc::objects(lineage.store().as_ref(), lineage.paths().dir())?;
        // A coordinator that lost power deletes nothing.
        lineage.check_in_power()?;
        let swept = gc::delete(lineage.store().as_ref(), lineage.paths().dir(), &gc::plan(&objects, &self.known))?;
        // Last, since it may lie where this job can read only.
        dispose_claimed(lineage, &self.disposals)?;
        Ok(swept)
    }
}

fn dispose_claimed(lineage: &Lineage, disposals: &[Claimed]) -> Result<()> {
    for claimed in disposals {
        // No manifest: an earlier disposal came to its end.
        if let Some(point) = find(lineage.storage(), &claimed.location)? {
            dispose_point(&point)?;
        }
        lineage.claims.disposed_of(claimed);
    }
    Ok(())
}

/// Deletes all checkpoints of a lineage whose job has ended, and what it claimed; other savepoints stay.
pub fn delete_all(lineage: &mut Lineage, now_ms: i64) -> Result<Swept> {
    lineage.abandon(now_ms)?;
    let store = lineage.store().clone();
    let objects = gc::objects(store.as_ref(), lineage.paths().dir())?;
    let swept = gc::delete(store.as_ref(), lineage.paths().dir(), &gc::everything(&objects))?;
    dispose_claimed(lineage, &lineage.claims.left())?;
    Ok(swept)
}

pub(crate) fn paths(manifest: &Manifest) -> HashSet<String> {
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
