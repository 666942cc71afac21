//! The entries of one state in one key group: a hash map where only point
//! access matters, an ordered map where entries are scanned.

use crate::backend::StateKind;
use hashbrown::HashMap;
use std::collections::BTreeMap;
use std::ops::Bound;

type Bytes = Box<[u8]>;

/// Entries of a key group. Cloned when it is written to while a snapshot still reads it.
#[derive(Clone)]
pub(super) enum Shard {
    Hash(HashMap<Bytes, Bytes>),
    Tree(BTreeMap<Bytes, Bytes>),
}

impl Shard {
    pub fn new(kind: StateKind) -> Self {
        match kind {
            StateKind::Value | StateKind::Aggregating => Self::Hash(HashMap::new()),
            StateKind::List | StateKind::Map | StateKind::Timer => Self::Tree(BTreeMap::new()),
        }
    }

    pub fn len(&self) -> usize {
        match self {
            Self::Hash(m) => m.len(),
            Self::Tree(m) => m.len(),
        }
    }

    pub fn get(&self, key: &[u8]) -> Option<&[u8]> {
        match self {
            Self::Hash(m) => m.get(key).map(AsRef::as_ref),
            Self::Tree(m) => m.get(key).map(AsRef::as_ref),
        }
    }

    /// Sets an entry; gives the length of the value it had.
    pub fn set(&mut self, key: &[u8], stored: &[u8]) -> Option<usize> {
        let old = match self {
            Self::Hash(m) => m.get_mut(key),
            Self::Tree(m) => m.get_mut(key),
        };
        if let Some(old) = old {
            let len = old.len();
            if len == stored.len() {
                old.copy_from_slice(stored);
            } else {
                *old = stored.into();
            }
            return Some(len);
        }
        match self {
            Self::Hash(m) => m.insert(key.into(), stored.into()),
            Self::Tree(m) => m.insert(key.into(), stored.into()),
        };
        None
    }

    /// Removes an entry; gives the length of its value.
    pub fn remove(&mut self, key: &[u8]) -> Option<usize> {
        match self {
            Self::Hash(m) => m.remove(key).map(|v| v.len()),
            Self::Tree(m) => m.remove(key).map(|v| v.len()),
        }
    }

    /// Entries that start with `prefix`, in key order. A hash map sorts them first.
    pub fn range<'a>(&'a self, prefix: &'a [u8]) -> Box<dyn Iterator<Item = (&'a [u8], &'a [u8])> + 'a> {
        match self {
            Self::Hash(m) => {
                let mut all: Vec<(&[u8], &[u8])> =
                    m.iter().map(|(k, v)| (&**k, &**v)).filter(|(k, _)| k.starts_with(prefix)).collect();
                all.sort_unstable();
                Box::new(all.into_iter())
            }
            Self::Tree(m) => Box::new(
                m.range::<[u8], _>((Bound::Included(prefix), Bound::Unbounded))
                    .map(|(k, v)| (&**k, &**v))
                    .take_while(move |(k, _)| k.starts_with(prefix)),
            ),
        }
    }

    /// Entries in no particular order.
    pub fn iter(&self) -> Box<dyn Iterator<Item = (&[u8], &[u8])> + '_> {
        match self {
            Self::Hash(m) => Box::new(m.iter().map(|(k, v)| (&**k, &**v))),
            Self::Tree(m) => Box::new(m.iter().map(|(k, v)| (&**k, &**v))),
        }
    }
}
