//! Which checkpoints are kept. Pure.

use crate::manifest::Kind;
use std::collections::BTreeMap;
use streamjob_core::CheckpointId;

/// What becomes of the checkpoint or savepoint that a job was started from (`restore.claim`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClaimMode {
    /// It stays the user's and is never deleted.
    #[default]
    NoClaim,
    /// It becomes the job's and is deleted when it is retired.
    Claim,
}

/// The completed checkpoints that are still there.
#[derive(Debug, Clone)]
pub struct Retention {
    retained: usize,
    kept: BTreeMap<CheckpointId, Kind>,
    /// Retired, but a pending checkpoint may have been built on them: until all pending ones are newer than the number.
    held: BTreeMap<CheckpointId, CheckpointId>,
}

impl Retention {
    /// Keeps the newest `retained` checkpoints (at least 1) of those that are there and those to come.
    pub fn new(retained: usize, there: impl IntoIterator<Item = (CheckpointId, Kind)>) -> Self {
        Self { retained: retained.max(1), kept: there.into_iter().collect(), held: BTreeMap::new() }
    }

    /// A checkpoint has completed while others are pending.
    pub fn completed(&mut self, id: CheckpointId, kind: Kind, pending: &[CheckpointId]) {
        self.kept.insert(id, kind);
        let newest_pending = pending.iter().copied().max().unwrap_or(0);
        let oldest_kept =
            self.kept.iter().rev().filter(|(_, k)| !k.is_savepoint()).nth(self.retained - 1).map_or(0, |(id, _)| *id);
        let latest = self.kept.last_key_value().map_or(0, |(id, _)| *id);
        for id in self.kept.keys().copied().filter(|i| *i < oldest_kept && *i != latest).collect::<Vec<_>>() {
            self.kept.remove(&id);
            self.held.insert(id, newest_pending);
        }
    }

    /// Takes those out that can be deleted now.
    pub fn release(&mut self, pending: &[CheckpointId]) -> Vec<CheckpointId> {
        let oldest_pending = pending.iter().copied().min().unwrap_or(CheckpointId::MAX);
        let free: Vec<_> = self.held.iter().filter(|(_, until)| oldest_pending > **until).map(|(id, _)| *id).collect();
        self.held.retain(|id, _| !free.contains(id));
        free
    }

    /// Checkpoints whose files must stay.
    pub fn live(&self) -> impl Iterator<Item = CheckpointId> {
        self.kept.keys().chain(self.held.keys()).copied()
    }

    /// Completed checkpoints that count as retained.
    pub fn kept(&self) -> impl Iterator<Item = CheckpointId> {
        self.kept.keys().copied()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_newest_n_stay_and_savepoints_do_not_push_out_the_last_checkpoint() {
        let mut r = Retention::new(2, []);
        for id in 1..=4 {
            r.completed(id, Kind::Checkpoint, &[]);
        }
        assert_eq!(r.kept().collect::<Vec<_>>(), [3, 4]);
        assert_eq!(r.release(&[]), [1, 2]);
        r.completed(5, Kind::StopSavepoint, &[]);
        assert_eq!(r.kept().collect::<Vec<_>>(), [3, 4, 5]);
        r.completed(6, Kind::Checkpoint, &[]);
        r.completed(7, Kind::Checkpoint, &[]);
        assert_eq!(r.kept().collect::<Vec<_>>(), [6, 7]);
    }

    #[test]
    fn what_a_pending_checkpoint_may_build_on_is_held() {
        let mut r = Retention::new(1, [(1, Kind::Checkpoint)]);
        r.completed(2, Kind::Checkpoint, &[3]);
        assert!(r.release(&[3]).is_empty());
        assert!(r.release(&[3, 4]).is_empty());
        assert_eq!(r.live().collect::<Vec<_>>(), [2, 1]);
        assert_eq!(r.release(&[4]), [1]);
    }

    proptest! {
        #[test]
        fn the_latest_checkpoint_always_stays(kinds: Vec<bool>, retained in 0usize..4) {
            let mut r = Retention::new(retained, []);
            for (i, savepoint) in kinds.iter().enumerate() {
                r.completed(i as u64 + 1, if *savepoint { Kind::StopSavepoint } else { Kind::Checkpoint }, &[]);
                let last = kinds[..=i].iter().rposition(|s| !s);
                prop_assert!(last.is_none_or(|l| r.kept().any(|id| id == l as u64 + 1)));
                prop_assert!(r.kept().any(|id| id == i as u64 + 1));
            }
        }
    }
}
