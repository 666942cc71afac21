//! From a key's hash to its record: open addressing in one array of words, each
//! with 24 bits of the hash beside the record's place, so that a lookup costs
//! one cache miss here and one for the record.

use super::arena::Loc;

const EMPTY: u64 = 0;
const GONE: u64 = 1;
/// Places are stored with this added.
const FIRST: u64 = 2;
const PLACE_BITS: u32 = 40;
const TAG_BITS: u32 = 64 - PLACE_BITS;

/// The records of one key group.
#[derive(Default)]
pub(super) struct Index {
    /// None, or a power of two.
    buckets: Vec<u64>,
    /// Buckets that are not empty.
    filled: usize,
    live: usize,
}

#[inline]
fn tag(hash: u64) -> u64 {
    // The upper bits choose the key group.
    hash & ((1 << TAG_BITS) - 1)
}

/// First bucket of a tag. With more buckets than tags, the tags spread over them.
#[inline]
fn home(tag: u64, buckets: usize) -> usize {
    if buckets == 0 {
        return 0;
    }
    let wide = tag << buckets.trailing_zeros().saturating_sub(TAG_BITS);
    wide as usize & buckets.wrapping_sub(1)
}

impl Index {
    pub fn len(&self) -> usize {
        self.live
    }

    /// What stands where a hash begins: read for many hashes in a row, their cache misses overlap.
    #[inline]
    pub fn touch(&self, hash: u64) -> u64 {
        self.buckets.get(home(tag(hash), self.buckets.len())).copied().unwrap_or(EMPTY)
    }

    /// The first place that may be the hash's, by its tag.
    #[inline]
    pub fn candidate(&self, hash: u64) -> Option<Loc> {
        let (mask, tag) = (self.buckets.len().wrapping_sub(1), tag(hash));
        let mut at = home(tag, self.buckets.len());
        loop {
            let bucket = *self.buckets.get(at)?;
            if bucket >> PLACE_BITS == tag && bucket > GONE {
                return Some(Loc((bucket & ((1 << PLACE_BITS) - 1)) - FIRST));
            }
            if bucket == EMPTY {
                return None;
            }
            at = (at + 1) & mask;
        }
    }

    /// The place of the hash's record that `is` wanted.
    pub fn find(&self, hash: u64, mut is: impl FnMut(Loc) -> bool) -> Option<Loc> {
        self.search(hash, &mut is).map(|(_, loc)| loc)
    }

    fn search(&self, hash: u64, is: &mut dyn FnMut(Loc) -> bool) -> Option<(usize, Loc)> {
        if self.buckets.is_empty() {
            return None;
        }
        let (mask, tag) = (self.buckets.len() - 1, tag(hash));
        let mut at = home(tag, self.buckets.len());
        // There is always an empty bucket.
        loop {
            let bucket = self.buckets.get(at).copied().unwrap_or(EMPTY);
            if bucket == EMPTY {
                return None;
            }
            if bucket >> PLACE_BITS == tag && bucket > GONE {
                let loc = Loc((bucket & ((1 << PLACE_BITS) - 1)) - FIRST);
                if is(loc) {
                    return Some((at, loc));
                }
            }
            at = (at + 1) & mask;
        }
    }

    /// Adds a record whose key is not there.
    pub fn insert(&mut self, hash: u64, loc: Loc) {
        if (self.filled + 1) * 4 > self.buckets.len() * 3 {
            self.rebuild();
        }
        self.put(tag(hash), loc.0 + FIRST);
        self.live += 1;
    }

    fn put(&mut self, tag: u64, place: u64) {
        let mask = self.buckets.len().wrapping_sub(1);
        let mut at = home(tag, self.buckets.len());
        while let Some(bucket) = self.buckets.get_mut(at) {
            if *bucket <= GONE {
                self.filled += usize::from(*bucket == EMPTY);
                *bucket = tag << PLACE_BITS | place;
                return;
            }
            at = (at + 1) & mask;
        }
    }

    fn rebuild(&mut self) {
        let buckets = ((self.live + 1) * 2).next_power_of_two().max(8);
        let old = std::mem::replace(&mut self.buckets, vec![EMPTY; buckets]);
        self.filled = 0;
        for bucket in old.into_iter().filter(|b| *b > GONE) {
            self.put(bucket >> PLACE_BITS, bucket & ((1 << PLACE_BITS) - 1));
        }
    }

    /// Replaces the place `from` of a hash's record.
    pub fn replace(&mut self, hash: u64, from: Loc, to: Loc) {
        if let Some((at, _)) = self.search(hash, &mut |loc| loc == from)
            && let Some(bucket) = self.buckets.get_mut(at)
        {
            *bucket = tag(hash) << PLACE_BITS | (to.0 + FIRST);
        }
    }

    /// Removes the hash's record at `from`.
    pub fn remove(&mut self, hash: u64, from: Loc) {
        let Some((at, _)) = self.search(hash, &mut |loc| loc == from) else { return };
        let next = (at + 1) & (self.buckets.len() - 1);
        let ends = self.buckets.get(next).is_some_and(|b| *b == EMPTY);
        if let Some(bucket) = self.buckets.get_mut(at) {
            *bucket = if ends { EMPTY } else { GONE };
            self.filled -= usize::from(ends);
        }
        self.live -= 1;
        if self.live == 0 {
            *self = Self::default();
        }
    }

    /// All places.
    pub fn iter(&self) -> impl Iterator<Item = Loc> + '_ {
        self.buckets.iter().filter(|b| **b > GONE).map(|b| Loc((b & ((1 << PLACE_BITS) - 1)) - FIRST))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn it_is_a_map(ops: Vec<(bool, u8)>) {
            let (mut index, mut want) = (Index::default(), BTreeMap::new());
            for (i, (add, key)) in ops.into_iter().enumerate() {
                // Few hashes, with equal tags among them.
                let hash = u64::from(key % 16) | u64::from(key) << 40;
                let found = want.get(&key).copied();
                prop_assert_eq!(index.find(hash, |l| Some(l) == found), found);
                match (add, found) {
                    (true, None) => {
                        index.insert(hash, Loc(i as u64));
                        want.insert(key, Loc(i as u64));
                    }
                    (true, Some(old)) => {
                        index.replace(hash, old, Loc(i as u64));
                        want.insert(key, Loc(i as u64));
                    }
                    (false, Some(old)) => {
                        index.remove(hash, old);
                        want.remove(&key);
                    }
                    (false, None) => {}
                }
                prop_assert_eq!(index.len(), want.len());
                let mut all: Vec<Loc> = index.iter().collect();
                all.sort_unstable();
                let mut wanted: Vec<Loc> = want.values().copied().collect();
                wanted.sort_unstable();
                prop_assert_eq!(all, wanted);
            }
        }
    }
}
