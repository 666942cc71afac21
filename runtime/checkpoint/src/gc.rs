//! What may be deleted from a lineage, and in which order. The plan is pure; a
//! small part at the end lists and deletes.
//!
//! Marked is what live manifests refer to. The rest goes at once if this coordinator
//! can tell that nobody will refer to it (its own ended checkpoints, retired ones),
//! and after an age if it may be another writer's. Data first, manifests last: what
//! is half deleted can still be told what it was.

use crate::layout::Place;
use crate::store::{ObjectMeta, ObjectStore};
use std::collections::{BTreeSet, HashSet};
use streamjob_core::{CheckpointId, Result};

/// Unreferenced files of other writers are left alone for this long by default.
pub const DEFAULT_ORPHAN_AGE_MS: i64 = 3_600_000;

/// What a sweep knows.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Paths that live manifests refer to, relative to the lineage's folder.
    pub marked: HashSet<String>,
    /// Completed checkpoints that stay.
    pub live: BTreeSet<CheckpointId>,
    /// Checkpoints under way.
    pub pending: BTreeSet<CheckpointId>,
    /// Deployments of this coordinator.
    pub attempts: HashSet<String>,
    /// The epoch this generation began from.
    pub base: CheckpointId,
    /// The first number that this coordinator gave out.
    pub first_own: CheckpointId,
    /// The next number that it will give out.
    pub next_id: CheckpointId,
    /// Now, milliseconds since the Unix epoch.
    pub now_ms: i64,
    /// Age from which unreferenced objects of others are garbage.
    pub orphan_age_ms: i64,
}

/// One object to delete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Garbage {
    /// Path relative to the lineage's folder.
    pub path: String,
    /// Bytes.
    pub size: u64,
}

/// Chooses garbage, in the order of deletion. `objects` are all of the lineage, with paths relative to its folder.
pub fn plan(objects: &[ObjectMeta], known: &Known) -> Vec<Garbage> {
    let mut out: Vec<(u8, Garbage)> = Vec::new();
    for object in objects.iter().filter(|o| !known.marked.contains(&o.key)) {
        let place = Place::of(&object.key);
        let Some(verdict) = known.judge(&place) else { continue };
        let old = known.now_ms.saturating_sub(object.modified_ms) >= known.orphan_age_ms;
        if verdict == Verdict::Now || old {
            let order = match place {
                Place::Epoch(_) => 1,
                Place::Manifest(_) => 2,
                _ => 0,
            };
            out.push((order, Garbage { path: object.key.clone(), size: object.size }));
        }
    }
    out.sort_by(|a, b| (a.0, &a.1.path).cmp(&(b.0, &b.1.path)));
    out.into_iter().map(|(_, g)| g).collect()
}

/// All that is of the checkpoint layout, whoever wrote it and when: epoch records first, since what has none is not
/// complete, and manifests last.
pub fn everything(objects: &[ObjectMeta]) -> Vec<Garbage> {
    let order = |place: &Place| match place {
        Place::Epoch(_) => Some(0),
        Place::Exclusive(_) | Place::Shared { .. } => Some(1),
        Place::Manifest(_) => Some(2),
        Place::Unknown => None,
    };
    let mut out: Vec<_> = objects.iter().filter_map(|o| Some((order(&Place::of(&o.key))?, o))).collect();
    out.sort_by_key(|(order, o)| (*order, &o.key));
    out.into_iter().map(|(_, o)| Garbage { path: o.key.clone(), size: o.size }).collect()
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Now,
    WhenOld,
}

impl Known {
    /// Of an unmarked object; `None` keeps it.
    fn judge(&self, place: &Place) -> Option<Verdict> {
        match place {
            Place::Manifest(id) | Place::Epoch(id) if self.live.contains(id) => None,
            Place::Manifest(id) | Place::Epoch(id) | Place::Exclusive(id) => self.judge_number(*id),
            Place::Shared { attempt, creator } if self.attempts.contains(attempt) => {
                if self.pending.contains(creator) || *creator >= self.next_id { None } else { Some(Verdict::Now) }
            }
            Place::Shared { .. } => Some(Verdict::WhenOld),
            Place::Unknown => None,
        }
    }

    fn judge_number(&self, id: CheckpointId) -> Option<Verdict> {
        if self.pending.contains(&id) {
            None
        } else if id <= self.base || (self.first_own..self.next_id).contains(&id) {
            Some(Verdict::Now)
        } else {
            // Of a fenced predecessor beyond our base, or of a successor we do not know of yet.
            Some(Verdict::WhenOld)
        }
    }
}

/// What a sweep did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Objects deleted.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Objects of a lineage with paths relative to its folder.
pub fn objects(store: &dyn ObjectStore, lineage: &str) -> Result<Vec<ObjectMeta>> {
    let prefix = format!("{lineage}/");
    let listed = store.list(lineage)?.into_iter();
    Ok(listed.filter_map(|o| Some(ObjectMeta { key: o.key.strip_prefix(&prefix)?.to_string(), ..o })).collect())
}

/// Deletes in the plan's order; the first error ends it, and the next sweep goes on.
pub fn delete(store: &dyn ObjectStore, lineage: &str, garbage: &[Garbage]) -> Result<Swept> {
    let mut swept = Swept::default();
    for g in garbage {
        store.delete(&format!("{lineage}/{}", g.path))?;
        swept.objects += 1;
        swept.bytes += g.size;
    }
    Ok(swept)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn object(path: &str, modified_ms: i64) -> ObjectMeta {
        ObjectMeta { key: path.into(), size: 1, modified_ms }
    }

    #[test]
    fn table() {
        let known = Known {
            marked: ["shared/old/2-a".to_string(), "chk-5/x".into()].into(),
            live: [5].into(),
            pending: [8].into(),
            attempts: ["mine".to_string()].into(),
            base: 5,
            first_own: 7,
            next_id: 9,
            now_ms: 10_000,
            orphan_age_ms: 1000,
        };
        let rows = [
            ("shared/old/2-a", 0, false, "marked"),
            ("chk-5/x", 0, false, "marked"),
            ("chk-5/_metadata", 0, false, "live"),
            ("epochs/5", 0, false, "live"),
            ("chk-5/y", 9_999, true, "left over in a live folder"),
            ("chk-4/_metadata", 9_999, true, "retired"),
            ("epochs/4", 9_999, true, "retired"),
            ("chk-7/x", 9_999, true, "given up"),
            ("chk-8/x", 0, false, "pending"),
            ("chk-8/_metadata", 0, false, "being published"),
            ("shared/mine/7-a", 9_999, true, "given up"),
            ("shared/mine/8-a", 0, false, "pending"),
            ("chk-6/_metadata", 9_500, false, "a fork, young"),
            ("chk-6/_metadata", 9_000, true, "a fork, old"),
            ("shared/other/9-a", 9_500, false, "another's, young"),
            ("shared/other/3-a", 9_000, true, "another's, old"),
            ("chk-12/x", 9_500, false, "a successor's, young"),
            ("notes.txt", 0, false, "not ours"),
        ];
        for (path, modified, garbage, why) in rows {
            assert_eq!(!plan(&[object(path, modified)], &known).is_empty(), garbage, "{path}: {why}");
        }
    }

    #[test]
    fn data_first_manifests_last() {
        let known = Known { base: 9, next_id: 10, first_own: 10, ..Known::default() };
        let objects = ["chk-1/_metadata", "chk-1/x", "epochs/1", "chk-2/_metadata", "chk-2/z"].map(|p| object(p, 0));
        let order: Vec<_> = plan(&objects, &known).into_iter().map(|g| g.path).collect();
        assert_eq!(order, ["chk-1/x", "chk-2/z", "epochs/1", "chk-1/_metadata", "chk-2/_metadata"]);
    }

    #[test]
    fn everything_goes_without_asking_a_clock() {
        let objects = ["chk-1/_metadata", "chk-1/x", "epochs/1", "notes.txt", "shared/a/1-x"];
        let objects = objects.map(|p| object(p, i64::MAX));
        let order: Vec<_> = everything(&objects).into_iter().map(|g| g.path).collect();
        assert_eq!(order, ["epochs/1", "chk-1/x", "shared/a/1-x", "chk-1/_metadata"]);
    }
}
