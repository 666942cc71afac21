//! How far the windows of each key group have fired, in operator state.
//!
//! Subtasks are not equally far at a barrier: watermarks come over channels of their own. So every subtask writes
//! the progress of its key groups, and a key group goes on from that of its former owner, whoever has it now: a
//! window fires once, and what was late stays late.

use super::pending::{Run, read_runs, write_runs};
use std::collections::BTreeMap;
use std::ops::Range;
use streamjob_core::{Error, Result};
use streamjob_state::{ListMode, OperatorState};

/// What a subtask wrote of key groups that were equally far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Progress {
    /// The key groups.
    pub groups: Range<u32>,
    /// Their watermark.
    pub watermark: i64,
    /// Ends of windows that wait in any of them.
    pub runs: Vec<Run>,
}

/// The watermark of each key group of a subtask: its own, but for those that come from a subtask that was ahead.
#[derive(Debug)]
pub(super) struct Marks {
    own: i64,
    ahead: BTreeMap<u16, i64>,
}

impl Default for Marks {
    fn default() -> Self {
        Self { own: i64::MIN, ahead: BTreeMap::new() }
    }
}

impl Marks {
    /// Of these key groups, as their former owners left them.
    pub(super) fn restored(groups: Range<u32>, former: &[Progress]) -> Self {
        let mark = |group: u32| former.iter().find(|p| p.groups.contains(&group)).map_or(i64::MIN, |p| p.watermark);
        let own = groups.clone().map(mark).min().unwrap_or(i64::MIN);
        let ahead = groups.map(|g| (g as u16, mark(g))).filter(|(_, mark)| *mark > own).collect();
        Self { own, ahead }
    }

    /// The least of all.
    pub(super) fn least(&self) -> i64 {
        self.own
    }

    /// True when all key groups have the same.
    pub(super) fn even(&self) -> bool {
        self.ahead.is_empty()
    }

    pub(super) fn of(&self, group: u16) -> i64 {
        self.ahead.get(&group).copied().unwrap_or(self.own)
    }

    pub(super) fn raise(&mut self, mark: i64) {
        self.own = self.own.max(mark);
        self.ahead.retain(|_, ahead| *ahead > mark);
    }

    /// Neighbours that are equally far, in order.
    pub(super) fn ranges(&self, groups: Range<u32>) -> Vec<(Range<u32>, i64)> {
        let mut ranges: Vec<(Range<u32>, i64)> = Vec::new();
        for group in groups {
            let mark = self.of(group as u16);
            match ranges.last_mut() {
                Some((range, last)) if *last == mark => range.end = group + 1,
                _ => ranges.push((group..group + 1, mark)),
            }
        }
        ranges
    }
}

/// First key group, one past the last, watermark, runs; little-endian.
pub(super) fn write(progress: &[Progress]) -> OperatorState {
    let item = |p: &Progress| {
        let mut out = p.groups.start.to_le_bytes().to_vec();
        out.extend(p.groups.end.to_le_bytes());
        out.extend(p.watermark.to_le_bytes());
        out.extend(write_runs(&p.runs));
        out
    };
    let mut state = OperatorState::default();
    state.set("progress", ListMode::Union, progress.iter().map(item).collect());
    state
}

/// What all subtasks wrote.
pub(super) fn read(state: &OperatorState) -> Result<Vec<Progress>> {
    state.items("progress").iter().map(|item| one(item)).collect()
}

fn one(item: &[u8]) -> Result<Progress> {
    let cut = || Error::internal("the progress of windows, in operator state, is cut");
    let (start, rest) = item.split_first_chunk::<4>().ok_or_else(cut)?;
    let (end, rest) = rest.split_first_chunk::<4>().ok_or_else(cut)?;
    let (watermark, runs) = rest.split_first_chunk::<8>().ok_or_else(cut)?;
    Ok(Progress {
        groups: u32::from_le_bytes(*start)..u32::from_le_bytes(*end),
        watermark: i64::from_le_bytes(*watermark),
        runs: read_runs(runs)?,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn progress_comes_back_and_cut_state_is_an_error() {
        let all = [
            Progress { groups: 0..5, watermark: i64::MIN, runs: vec![] },
            Progress { groups: 5..8, watermark: 70, runs: vec![(80, 90), (100, 100)] },
        ];
        let state = write(&all);
        assert_eq!(read(&state).unwrap(), all);
        let mut cut = OperatorState::default();
        cut.set("progress", ListMode::Union, vec![state.items("progress")[1][..30].to_vec()]);
        assert!(read(&cut).unwrap_err().message().contains("cut"));
    }

    #[test]
    fn key_groups_go_on_from_their_former_owners() {
        let former = [
            Progress { groups: 0..3, watermark: 50, runs: vec![] },
            Progress { groups: 3..8, watermark: 90, runs: vec![] },
        ];
        let mut marks = Marks::restored(1..5, &former);
        assert_eq!((marks.least(), marks.of(2), marks.of(3)), (50, 50, 90));
        assert_eq!(marks.ranges(1..5), [(1..3, 50), (3..5, 90)]);
        marks.raise(80);
        assert_eq!((marks.of(2), marks.of(3), marks.even()), (80, 90, false));
        marks.raise(95);
        assert_eq!((marks.of(3), marks.even()), (95, true));
        assert_eq!(marks.ranges(1..5), [(1..5, 95)]);
        assert_eq!(Marks::restored(0..2, &[]).least(), i64::MIN);
    }
}
