//! Lines up the barriers of a task's input channels. Pure: says which channels
//! to block and when the checkpoint's border is reached.
//!
//! Aligned: a channel whose barrier is here is blocked until all have it, so the
//! snapshot holds exactly what came before. Not aligned (at-least-once): barriers
//! are counted and no channel is blocked. A newer barrier gives up older
//! alignments. Barriers of aborted or passed checkpoints are dropped, not passed
//! on: every task hears of the abort itself.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use streamjob_core::{Barrier, CheckpointId};

/// Aborted ids that are remembered for barriers still to come.
const REMEMBERED: usize = 64;

/// What a barrier led to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing to do: others are awaited, or the barrier is of a checkpoint that is over.
    Wait,
    /// All channels have it: snapshot and pass it on. When alignment began.
    Aligned(Instant),
}

#[derive(Debug)]
struct Pending {
    arrived: Vec<bool>,
    since: Instant,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Barriers {
    channels: usize,
    block: bool,
    pending: BTreeMap<CheckpointId, Pending>,
    aborted: BTreeSet<CheckpointId>,
    passed: CheckpointId,
}

/// What to do with channels and older checkpoints after a barrier.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// What to do now.
    pub step: Step,
    /// Checkpoints given up because a newer one overtook them.
    pub superseded: Vec<CheckpointId>,
    /// Unblock all channels (before `block`).
    pub unblock: bool,
    /// Block the barrier's channel.
    pub block: bool,
}

impl Barriers {
    /// `block` is false for at-least-once.
    pub(crate) fn new(channels: usize, block: bool) -> Self {
        Self { channels, block, pending: BTreeMap::new(), aborted: BTreeSet::new(), passed: 0 }
    }

    /// A barrier came on a channel.
    pub(crate) fn on_barrier(&mut self, channel: usize, barrier: &Barrier, now: Instant) -> Outcome {
        let id = barrier.id;
        let mut outcome = Outcome { step: Step::Wait, superseded: Vec::new(), unblock: false, block: false };
        let newest = self.pending.last_key_value().map(|(k, _)| *k);
        if id <= self.passed || self.aborted.contains(&id) || (self.block && newest.is_some_and(|n| n > id)) {
            return outcome;
        }
        if self.block {
            let older: Vec<CheckpointId> = self.pending.range(..id).map(|(k, _)| *k).collect();
            outcome.unblock = !older.is_empty();
            self.give_up(older, &mut outcome);
        }
        let pending =
            self.pending.entry(id).or_insert_with(|| Pending { arrived: vec![false; self.channels], since: now });
        if let Some(arrived) = pending.arrived.get_mut(channel) {
            *arrived = true;
        }
        if pending.arrived.iter().all(|a| *a) {
            let since = pending.since;
            self.pending.remove(&id);
            // Counting: an older barrier that is not through everywhere was overtaken.
            let older: Vec<CheckpointId> = self.pending.range(..id).map(|(k, _)| *k).collect();
            self.give_up(older, &mut outcome);
            self.passed = id;
            outcome.unblock = self.block;
            outcome.step = Step::Aligned(since);
        } else {
            outcome.block = self.block;
        }
        outcome
    }

    /// The coordinator gave a checkpoint up. True when channels must be unblocked.
    pub(crate) fn on_abort(&mut self, id: CheckpointId) -> bool {
        if id > self.passed {
            self.aborted.insert(id);
            while self.aborted.len() > REMEMBERED {
                self.aborted.pop_first();
            }
        }
        self.pending.remove(&id).is_some() && self.block
    }

    /// True when barriers of this checkpoint mean nothing any more.
    pub(crate) fn is_over(&self, id: CheckpointId) -> bool {
        id <= self.passed || self.is_aborted(id)
    }

    /// True when the coordinator gave this checkpoint up.
    pub(crate) fn is_aborted(&self, id: CheckpointId) -> bool {
        self.aborted.contains(&id)
    }

    fn give_up(&mut self, ids: Vec<CheckpointId>, outcome: &mut Outcome) {
        for id in ids {
            self.pending.remove(&id);
            outcome.superseded.push(id);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use streamjob_core::BarrierKind;

    /// Runs `channel:id` barriers and `a:id` aborts; shows per word `-`, `b`locked, `u`nblocked, `!` aligned, `x<id>` superseded.
    fn run(channels: usize, block: bool, script: &str) -> String {
        let mut b = Barriers::new(channels, block);
        let words = script.split(' ').map(|word| {
            let (c, id) = word.split_once(':').unwrap();
            let id = id.parse().unwrap();
            if c == "a" {
                return if b.on_abort(id) { "u".to_string() } else { "-".to_string() };
            }
            let barrier = Barrier { id, timestamp_ms: 0, kind: BarrierKind::Checkpoint, stop: None };
            let o = b.on_barrier(c.parse().unwrap(), &barrier, Instant::now());
            let mut s: String = o.superseded.iter().map(|x| format!("x{x}")).collect();
            if o.unblock {
                s.push('u');
            }
            if o.block {
                s.push('b');
            }
            if matches!(o.step, Step::Aligned(_)) {
                s.push('!');
            }
            if s.is_empty() { "-".into() } else { s }
        });
        words.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn aligned() {
        for (channels, script, expected) in [
            (1, "0:1 0:2", "u! u!"),
            (3, "0:1 2:1 1:1 1:2", "b b u! b"),
            // a newer barrier gives the older one up; what still comes of it is dropped
            (2, "0:1 1:2 1:1 0:2", "b x1ub - u!"),
            // abort in the middle, before the first barrier, and after
            (2, "0:1 a:1 1:1 0:2 1:2", "b u - b u!"),
            (2, "a:1 0:1 1:1 0:2 1:2", "- - - b u!"),
            (2, "0:1 1:1 a:1 0:1", "b u! - -"),
            (2, "0:1 a:7 1:1", "b - u!"),
        ] {
            assert_eq!(run(channels, true, script), expected, "{script}");
        }
    }

    #[test]
    fn counted() {
        for (script, expected) in
            [("0:1 0:2 1:1 1:2", "- - ! !"), ("0:1 1:2 0:2 1:1", "- - x1! -"), ("0:1 a:1 1:1 0:2 1:2", "- - - - !")]
        {
            assert_eq!(run(2, false, script), expected, "{script}");
        }
    }
}
