//! The write-back cache of one ordered state: what was written since the last
//! flush (dirty), and what was read or flushed lately (clean, in two generations).
//!
//! Layers shadow each other: dirty before young before old before the database.
//! When the young generation is full it becomes the old one and the old one is
//! forgotten, which costs nothing per entry and keeps what is used. `None` is a
//! known absence: a deletion that is still to be written, or a miss.

use hashbrown::HashMap;
use std::collections::BTreeMap;
use std::ops::Bound;

type Key = Box<[u8]>;
type Slot = Option<Box<[u8]>>;

const OVERHEAD: usize = 64;

pub(crate) struct WriteCache {
    /// Ordered: scans merge it with the database.
    dirty: BTreeMap<Key, Slot>,
    dirty_bytes: usize,
    young: HashMap<Key, Slot>,
    young_bytes: usize,
    old: HashMap<Key, Slot>,
    old_bytes: usize,
    limit: usize,
}

fn cost(key: &[u8], stored: Option<&[u8]>) -> usize {
    key.len() + stored.map_or(0, <[u8]>::len) + OVERHEAD
}

impl WriteCache {
    pub fn new(limit: usize) -> Self {
        let dirty = BTreeMap::new();
        Self { dirty, dirty_bytes: 0, young: HashMap::new(), young_bytes: 0, old: HashMap::new(), old_bytes: 0, limit }
    }

    /// Bytes that all layers together may hold: half dirty, a quarter for each clean generation.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    pub fn bytes(&self) -> usize {
        self.dirty_bytes + self.young_bytes + self.old_bytes
    }

    pub fn must_flush(&self) -> bool {
        self.dirty_bytes > self.limit / 2
    }

    /// A copy of what is known of a key; the outer `None` means: ask the database.
    pub fn get(&mut self, key: &[u8]) -> Option<Option<Vec<u8>>> {
        let copy = |slot: &Slot| slot.as_deref().map(<[u8]>::to_vec);
        if let Some(slot) = self.dirty.get(key).or_else(|| self.young.get(key)) {
            return Some(copy(slot));
        }
        let (key, slot) = self.old.remove_entry(key)?;
        let found = copy(&slot);
        self.old_bytes -= cost(&key, slot.as_deref());
        self.insert_young(key, slot);
        Some(found)
    }

    /// Writes an entry, or with `None` deletes it.
    pub fn write(&mut self, key: &[u8], stored: Option<&[u8]>) {
        if let Some(slot) = self.dirty.get_mut(key) {
            self.dirty_bytes -= cost(key, slot.as_deref());
            self.dirty_bytes += cost(key, stored);
            match (slot.as_mut(), stored) {
                (Some(old), Some(new)) if old.len() == new.len() => old.copy_from_slice(new),
                _ => *slot = stored.map(Into::into),
            }
            return;
        }
        // The clean copy gives its key away, and its place.
        let boxed = match self.young.remove_entry(key) {
            Some((boxed, slot)) => {
                self.young_bytes -= cost(key, slot.as_deref());
                boxed
            }
            None => key.into(),
        };
        self.dirty_bytes += cost(key, stored);
        let slot = stored.map(Into::into);
        self.dirty.insert(boxed, slot);
    }

    /// Remembers what the database said.
    pub fn remember(&mut self, key: &[u8], stored: Option<&[u8]>) {
        self.insert_young(key.into(), stored.map(Into::into));
    }

    fn insert_young(&mut self, key: Key, slot: Slot) {
        let (len, bytes) = (key.len(), cost(&key, slot.as_deref()));
        if bytes > self.limit / 4 {
            // Too large to keep. An older copy must not shine through.
            if let Some(gone) = self.young.remove(&key) {
                self.young_bytes -= len + gone.map_or(0, |g| g.len()) + OVERHEAD;
            }
            if let Some(gone) = self.old.remove(&key) {
                self.old_bytes -= len + gone.map_or(0, |g| g.len()) + OVERHEAD;
            }
            return;
        }
        self.young_bytes += bytes;
        if let Some(gone) = self.young.insert(key, slot) {
            self.young_bytes -= len + gone.map_or(0, |g| g.len()) + OVERHEAD;
        }
        if self.young_bytes > self.limit / 4 {
            self.old = std::mem::take(&mut self.young);
            self.old_bytes = std::mem::take(&mut self.young_bytes);
        }
    }

    /// The dirty entries in key order.
    pub fn dirty_sorted(&self) -> Vec<(&[u8], Option<&[u8]>)> {
        self.dirty.iter().map(|(k, s)| (&**k, s.as_deref())).collect()
    }

    /// The dirty entries are in the database now.
    pub fn mark_clean(&mut self) {
        self.dirty_bytes = 0;
        for (key, slot) in std::mem::take(&mut self.dirty) {
            self.insert_young(key, slot);
        }
    }

    /// The dirty entries that start with `prefix`, in key order.
    pub fn dirty_range<'a>(&'a self, prefix: &'a [u8]) -> Box<dyn Iterator<Item = (&'a [u8], Option<&'a [u8]>)> + 'a> {
        let entries = self.dirty.range::<[u8], _>((Bound::Included(prefix), Bound::Unbounded));
        Box::new(entries.map(|(k, s)| (&**k, s.as_deref())).take_while(move |(k, _)| k.starts_with(prefix)))
    }

    /// Forgets everything that starts with `prefix`, dirty or clean: the database has the last word again.
    pub fn forget(&mut self, prefix: &[u8]) {
        let doomed: Vec<Vec<u8>> = self.dirty_range(prefix).map(|(k, _)| k.to_vec()).collect();
        for key in doomed {
            if let Some(slot) = self.dirty.remove(key.as_slice()) {
                self.dirty_bytes -= cost(&key, slot.as_deref());
            }
        }
        for (map, bytes) in [(&mut self.young, &mut self.young_bytes), (&mut self.old, &mut self.old_bytes)] {
            map.retain(|k, s| {
                let keep = !k.starts_with(prefix);
                if !keep {
                    *bytes -= cost(k, s.as_deref());
                }
                keep
            });
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn cache_and_database_together_are_one_map(ops: Vec<(u8, u8, u8)>, limit in 200usize..2000) {
            let mut cache = WriteCache::new(limit);
            let mut db: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
            let mut want: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
            for (op, k, v) in ops {
                let key = vec![k % 4, k % 9];
                match op % 6 {
                    0 | 1 => {
                        let value = vec![v; usize::from(v)];
                        cache.write(&key, Some(&value));
                        want.insert(key, value);
                    }
                    2 => {
                        cache.write(&key, None);
                        want.remove(&key);
                    }
                    3 => {
                        let got = cache.get(&key).unwrap_or_else(|| {
                            let found = db.get(&key).cloned();
                            cache.remember(&key, found.as_deref());
                            found
                        });
                        prop_assert_eq!(got.as_ref(), want.get(&key));
                    }
                    4 => {
                        for (k, s) in cache.dirty_sorted() {
                            match s {
                                Some(s) => db.insert(k.to_vec(), s.to_vec()),
                                None => db.remove(k),
                            };
                        }
                        cache.mark_clean();
                        prop_assert_eq!(&db, &want);
                    }
                    _ => {
                        cache.forget(&key[..1]);
                        db.retain(|k, _| k[0] != key[0]);
                        want.retain(|k, _| k[0] != key[0]);
                    }
                }
                let real: usize = cache.dirty_sorted().iter().map(|(k, s)| cost(k, *s)).sum::<usize>()
                    + cache.young.iter().chain(&cache.old).map(|(k, s)| cost(k, s.as_deref())).sum::<usize>();
                prop_assert_eq!(cache.bytes(), real);
                prop_assert!(cache.young_bytes <= limit / 4 && cache.old_bytes <= limit / 2);
            }
        }
    }
}
