//! The entries of one ordered state in one key group.

use std::collections::BTreeMap;
use std::ops::Bound;

type Bytes = Box<[u8]>;

/// Entries of a key group. Cloned when it is written to while a snapshot still reads it.
#[derive(Clone, Default)]
pub(super) struct Shard(BTreeMap<Bytes, Bytes>);

impl Shard {
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn get(&self, key: &[u8]) -> Option<&[u8]> {
        self.0.get(key).map(AsRef::as_ref)
    }

    /// Sets an entry; gives the length of the value it had.
    pub fn set(&mut self, key: &[u8], stored: &[u8]) -> Option<usize> {
        if let Some(old) = self.0.get_mut(key) {
            let len = old.len();
            if len == stored.len() {
                old.copy_from_slice(stored);
            } else {
                *old = stored.into();
            }
            return Some(len);
        }
        self.0.insert(key.into(), stored.into());
        None
    }

    /// Removes an entry; gives the length of its value.
    pub fn remove(&mut self, key: &[u8]) -> Option<usize> {
        self.0.remove(key).map(|v| v.len())
    }

    /// Entries that start with `prefix`, in key order.
    pub fn range<'a>(&'a self, prefix: &'a [u8]) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let from = (Bound::Included(prefix), Bound::Unbounded);
        let entries = self.0.range::<[u8], _>(from).map(|(k, v)| (&**k, &**v));
        entries.take_while(move |(k, _)| k.starts_with(prefix))
    }
}
