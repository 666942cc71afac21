//! Which windows wait for the watermark. A slice may be in thousands of them (CUMULATE by a second in a day), so they
//! are held as runs of ends, and queued by the next one.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use streamjob_core::{Error, Result};

/// First and last end of windows that follow each other.
pub(super) type Run = (i64, i64);

/// Window ends that wait, with the key groups that have rows in them.
#[derive(Debug)]
pub(super) struct Pending {
    /// Distance of two ends.
    step: i64,
    /// By key group, its runs in order; no two touch.
    runs: BTreeMap<u16, Vec<Run>>,
    /// The next end of each of them.
    next: BTreeMap<i64, BTreeSet<u16>>,
    /// Slices and totals whose windows are in `runs` already.
    known: BTreeMap<(i64, u8), BTreeSet<u16>>,
}

impl Pending {
    pub(super) fn new(step: i64) -> Self {
        Self { step: step.max(1), runs: BTreeMap::new(), next: BTreeMap::new(), known: BTreeMap::new() }
    }

    /// True the first time that a slice or total is named for a key group.
    pub(super) fn first_time(&mut self, time: i64, tag: u8, group: u16) -> bool {
        self.known.entry((time, tag)).or_default().insert(group)
    }

    /// Adds a run for a key group.
    pub(super) fn add(&mut self, run: Run, group: u16) {
        if run.0 > run.1 {
            return;
        }
        let runs = self.runs.entry(group).or_default();
        let before = runs.first().map(|r| r.0);
        insert(runs, run, self.step);
        let now = runs.first().map(|r| r.0);
        if before != now {
            self.requeue(group, before, now);
        }
    }

    fn requeue(&mut self, group: u16, before: Option<i64>, now: Option<i64>) {
        if let Some(end) = before
            && let Some(groups) = self.next.get_mut(&end)
        {
            groups.remove(&group);
            if groups.is_empty() {
                self.next.remove(&end);
            }
        }
        if let Some(end) = now {
            self.next.entry(end).or_default().insert(group);
        }
    }

    /// The next end of all.
    pub(super) fn first(&self) -> Option<i64> {
        self.next.first_key_value().map(|(end, _)| *end)
    }

    /// Takes a window off the queue, which must be the first.
    pub(super) fn take(&mut self, end: i64) -> BTreeSet<u16> {
        let groups = self.next.remove(&end).unwrap_or_default();
        for group in &groups {
            let Some(runs) = self.runs.get_mut(group) else { continue };
            if let Some(first) = runs.first_mut() {
                first.0 = first.0.saturating_add(self.step);
                if first.0 > first.1 {
                    runs.remove(0);
                }
            }
            match runs.first().map(|r| r.0) {
                Some(next) => self.next.entry(next).or_default().insert(*group),
                None => self.runs.remove(group).is_some(),
            };
        }
        groups
    }

    /// What is known of slices that can only be in fired windows is forgotten.
    pub(super) fn forget(&mut self, through: i64) {
        while let Some(entry) = self.known.first_entry().filter(|e| e.key().0 <= through) {
            entry.remove();
        }
    }

    /// The runs of these key groups together.
    pub(super) fn all(&self, groups: &Range<u32>) -> Vec<Run> {
        let mut all = Vec::new();
        let of = self.runs.iter().filter(|(group, _)| groups.contains(&u32::from(**group))).map(|(_, runs)| runs);
        of.flatten().for_each(|run| insert(&mut all, *run, self.step));
        all
    }
}

/// Puts a run in its place; those that it overlaps or touches become one with it.
fn insert(runs: &mut Vec<Run>, mut run: Run, step: i64) {
    let touches = |a: &Run, b: &Run| a.0 <= b.1.saturating_add(step) && b.0 <= a.1.saturating_add(step);
    runs.retain(|other| {
        let joins = touches(other, &run);
        if joins {
            run = (run.0.min(other.0), run.1.max(other.1));
        }
        !joins
    });
    let at = runs.partition_point(|other| other.0 < run.0);
    runs.insert(at, run);
}

/// Operator state: first and last end, little-endian.
pub(super) fn write_runs(runs: &[Run]) -> Vec<u8> {
    runs.iter().flat_map(|(first, last)| [first.to_le_bytes(), last.to_le_bytes()].concat()).collect()
}

/// Reads what [`write_runs`] wrote.
pub(super) fn read_runs(bytes: &[u8]) -> Result<Vec<Run>> {
    let (pairs, rest) = bytes.as_chunks::<16>();
    if !rest.is_empty() {
        return Err(Error::internal("the windows that wait, in operator state, are cut"));
    }
    let time = |half: &[u8]| half.try_into().map(i64::from_le_bytes).unwrap_or_default();
    Ok(pairs.iter().map(|pair| pair.split_at(8)).map(|(first, last)| (time(first), time(last))).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Against each end by itself.
        #[test]
        fn runs_hold_what_single_ends_would(
            step in 1i64..4,
            script in prop::collection::vec(prop_oneof![
                3 => (0i64..30, 0i64..12, 0u16..3).prop_map(|(first, more, group)| Some((first, more, group))),
                2 => Just(None),
            ], 1..60),
        ) {
            let mut pending = Pending::new(step);
            let mut model: BTreeMap<i64, BTreeSet<u16>> = BTreeMap::new();
            let mut fired = 0;
            for one in script {
                match one {
                    Some((first, more, group)) => {
                        let (first, last) = ((fired + first) * step, (fired + first + more) * step);
                        pending.add((first, last), group);
                        (first..=last).step_by(step as usize).for_each(|end| { model.entry(end).or_default().insert(group); });
                    }
                    None => {
                        prop_assert_eq!(pending.first(), model.first_key_value().map(|(end, _)| *end));
                        if let Some((end, groups)) = model.pop_first() {
                            prop_assert_eq!(pending.take(end), groups);
                            fired = end / step + 1;
                        }
                    }
                }
                let all = pending.all(&(0..3));
                prop_assert!(all.windows(2).all(|w| w[0].1 + step < w[1].0), "{:?}", all);
                let ends: Vec<i64> = all.iter().flat_map(|(first, last)| (*first..=*last).step_by(step as usize)).collect();
                prop_assert_eq!(ends, model.keys().copied().collect::<Vec<_>>());
                prop_assert_eq!(read_runs(&write_runs(&all)).unwrap(), all);
            }
        }
    }
}
