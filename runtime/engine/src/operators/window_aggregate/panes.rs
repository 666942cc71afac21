//! What firing reads: the entries under a prefix in one piece of memory, and
//! several of those, which are in key order, walked together.

use crate::operators::aggregate::scalar::decode_i64;
use crate::operators::aggregate::{Acc, AggSet};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::{ControlFlow, Range};
use streamjob_core::Result;
use streamjob_state::{KeyedBackend, StateId};

/// Entries under a prefix, in key order.
#[derive(Default)]
pub(super) struct Panes {
    bytes: Vec<u8>,
    /// Where each key and its value end.
    ends: Vec<(usize, usize)>,
}

impl Panes {
    /// Reads them.
    pub fn read(backend: &mut dyn KeyedBackend, state: StateId, prefix: &[u8]) -> Result<Self> {
        let mut this = Self::default();
        backend.scan(state, prefix, &mut |key, value| {
            this.bytes.extend_from_slice(key.get(prefix.len()..).unwrap_or(&[]));
            let key_end = this.bytes.len();
            this.bytes.extend_from_slice(value);
            this.ends.push((key_end, this.bytes.len()));
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(this)
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    fn at(&self, range: Range<usize>) -> &[u8] {
        self.bytes.get(range).unwrap_or(&[])
    }

    fn start(&self, entry: usize) -> usize {
        entry.checked_sub(1).and_then(|e| self.ends.get(e)).map_or(0, |(_, end)| *end)
    }

    /// What follows the prefix; empty beyond the last.
    pub fn key(&self, entry: usize) -> &[u8] {
        self.ends.get(entry).map_or(&[], |(key_end, _)| self.at(self.start(entry)..*key_end))
    }

    pub fn value(&self, entry: usize) -> &[u8] {
        self.ends.get(entry).map_or(&[], |(key_end, end)| self.at(*key_end..*end))
    }
}

/// Visits each key of the sources once, in order, with those that have it: which source, and which of its entries.
pub(super) fn walk(sources: &[Panes], visit: &mut dyn FnMut(&[u8], &[(usize, usize)]) -> Result<()>) -> Result<()> {
    let mut heads: BinaryHeap<Reverse<(&[u8], usize, usize)>> = BinaryHeap::with_capacity(sources.len());
    heads.extend(sources.iter().enumerate().filter(|(_, s)| s.len() > 0).map(|(i, s)| Reverse((s.key(0), i, 0))));
    let mut same = Vec::with_capacity(sources.len());
    while let Some(Reverse((key, source, entry))) = heads.pop() {
        same.push((source, entry));
        if let Some(panes) = sources.get(source).filter(|s| entry + 1 < s.len()) {
            heads.push(Reverse((panes.key(entry + 1), source, entry + 1)));
        }
        if heads.peek().is_none_or(|Reverse((next, ..))| *next != key) {
            visit(key, &same)?;
            same.clear();
        }
    }
    Ok(())
}

/// Reads a stored pane; gives the window start of an attached one.
pub(super) fn read_pane(set: &AggSet, attached: bool, mut bytes: &[u8], accs: &mut Vec<Acc>) -> Result<i64> {
    let start = if attached { decode_i64(&mut bytes)? } else { 0 };
    set.decode(&mut bytes, accs)?;
    Ok(start)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    proptest! {
        #[test]
        fn every_key_comes_once_with_all_that_have_it(keys in prop::collection::vec(prop::collection::btree_set("[ab]{0,3}", 0..9), 0..6)) {
            let panes = |keys: &BTreeSet<String>| {
                let mut panes = Panes::default();
                for key in keys {
                    panes.bytes.extend(key.bytes());
                    let key_end = panes.bytes.len();
                    panes.bytes.extend(key.bytes().rev());
                    panes.ends.push((key_end, panes.bytes.len()));
                }
                panes
            };
            let sources: Vec<Panes> = keys.iter().map(panes).collect();
            let mut expected: BTreeMap<Vec<u8>, Vec<usize>> = BTreeMap::new();
            for (source, keys) in keys.iter().enumerate() {
                keys.iter().for_each(|k| expected.entry(k.clone().into_bytes()).or_default().push(source));
            }
            let mut found = Vec::new();
            walk(&sources, &mut |key, same| {
                for (source, entry) in same {
                    assert_eq!(sources[*source].key(*entry), key);
                    assert!(sources[*source].value(*entry).iter().rev().eq(key));
                }
                found.push((key.to_vec(), same.iter().map(|(source, _)| *source).collect::<Vec<_>>()));
                Ok(())
            })
            .unwrap();
            prop_assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
        }
    }
}
