//! The parts of a backend: runs of key groups with a column family for each state.
//! One part is the rule. Where a restore brings together snapshots whose files
//! still hold keys of each other's groups, each keeps a part of its own, and all of
//! them are linked; the next restore with clean files makes one part of them again.

use crate::files::group_start;
use std::ops::Range;
use streamjob_core::Result;
use streamjob_state::restore::group_of;

/// The key groups of each part: in order, without gaps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parts(Vec<Range<u32>>);

impl Parts {
    /// All in one.
    pub fn one(groups: Range<u32>) -> Self {
        Self(vec![groups])
    }

    /// Parts that begin at these groups, in order; the first begins with `groups` whatever it says.
    pub fn beginning(groups: &Range<u32>, starts: &[u32]) -> Self {
        let inner = starts.iter().skip(1).copied();
        let from = std::iter::once(groups.start).chain(inner.clone());
        Self(from.zip(inner.chain(std::iter::once(groups.end))).map(|(from, to)| from..to).collect())
    }

    /// Their key groups.
    pub fn iter(&self) -> impl Iterator<Item = &Range<u32>> {
        self.0.iter()
    }

    /// True when there is more than one.
    pub fn several(&self) -> bool {
        self.0.len() > 1
    }

    /// The part of a key. Foreign groups are in no part, and found in none.
    pub fn of(&self, key: &[u8]) -> Result<usize> {
        if !self.several() {
            return Ok(0);
        }
        let group = group_of(key)?;
        Ok(self.0.iter().rposition(|part| part.start <= group).unwrap_or(0))
    }

    /// Cuts entries in key order into those of each part.
    pub fn cut<'a, T>(&self, sorted: &'a [T], key: impl Fn(&T) -> &[u8]) -> Vec<(usize, &'a [T])> {
        let mut rest = sorted;
        let mut runs = Vec::new();
        for (part, groups) in self.0.iter().enumerate() {
            let end = group_start(groups.end);
            let last = part + 1 == self.0.len();
            let at = if last { rest.len() } else { rest.partition_point(|entry| key(entry) < end.as_slice()) };
            let (own, others) = rest.split_at(at);
            if !own.is_empty() {
                runs.push((part, own));
            }
            rest = others;
        }
        runs
    }

    /// Name of a state's column family in a part.
    pub fn cf(state: u16, part: usize) -> String {
        // Numbered, so that any name of a state is legal.
        if part == 0 { format!("s{state}") } else { format!("s{state}p{part}") }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn keys_find_their_part() {
        let parts = Parts::beginning(&(2..10), &[3, 5, 8]);
        assert_eq!(parts.iter().cloned().collect::<Vec<_>>(), [2..5, 5..8, 8..10]);
        let keys: Vec<Vec<u8>> = (2..10u8).map(|g| vec![0, g, 7]).collect();
        let of: Vec<usize> = keys.iter().map(|k| parts.of(k).unwrap()).collect();
        assert_eq!(of, [0, 0, 0, 1, 1, 1, 2, 2]);
        let cut: Vec<_> = parts.cut(&keys[1..7], |k| k).into_iter().map(|(p, k)| (p, k.len())).collect();
        assert_eq!(cut, [(0, 2), (1, 3), (2, 1)]);
        assert_eq!(Parts::one(2..10).cut(&keys, |k| k), [(0, keys.as_slice())]);
        assert!(parts.of(&[0]).is_err());
    }
}
