//! The write-back cache of one state: a point table where keys are reached as a
//! whole, ordered layers where they are scanned.

use crate::cache::WriteCache;
use std::ops::Range;
use streamjob_core::Result;
use streamjob_state::StateKind;
use streamjob_state::point::{Known, PointTable};

/// See the module.
pub(crate) enum Cached {
    Points { table: PointTable, limit: usize },
    Ordered(WriteCache),
}

impl Cached {
    pub fn new(kind: StateKind, groups: Range<u32>) -> Self {
        match kind {
            StateKind::Value | StateKind::Aggregating => {
                Self::Points { table: PointTable::new(groups, true), limit: 0 }
            }
            StateKind::List | StateKind::Map | StateKind::Timer => Self::Ordered(WriteCache::new(0)),
        }
    }

    /// Bytes that it may hold.
    pub fn set_limit(&mut self, bytes: usize) {
        match self {
            Self::Points { limit, .. } => *limit = bytes,
            Self::Ordered(cache) => cache.set_limit(bytes),
        }
    }

    pub fn bytes(&self) -> usize {
        match self {
            Self::Points { table, .. } => usize::try_from(table.memory()).unwrap_or(usize::MAX),
            Self::Ordered(cache) => cache.bytes(),
        }
    }

    /// True when what is dirty should be in the database.
    pub fn must_flush(&self) -> bool {
        match self {
            Self::Points { table, limit } => table.dirty_memory() > *limit as u64 / 2,
            Self::Ordered(cache) => cache.must_flush(),
        }
    }

    /// A copy of what is known of a key; the outer `None` means: ask the database.
    pub fn get(&mut self, key: &[u8]) -> Option<Option<Vec<u8>>> {
        match self {
            Self::Points { table, .. } => match table.get(key) {
                Known::No => None,
                Known::Absent => Some(None),
                Known::Stored(stored) => Some(Some(stored.to_vec())),
            },
            Self::Ordered(cache) => cache.get(key),
        }
    }

    /// Writes an entry, or with `None` deletes it.
    pub fn write(&mut self, key: &[u8], stored: Option<&[u8]>) -> Result<()> {
        match self {
            Self::Points { table, limit } => {
                table.set(key, stored)?;
                table.shrink(*limit as u64);
            }
            Self::Ordered(cache) => cache.write(key, stored),
        }
        Ok(())
    }

    /// Remembers what the database said.
    pub fn remember(&mut self, key: &[u8], stored: Option<&[u8]>) -> Result<()> {
        match self {
            Self::Points { table, limit } => {
                table.remember(key, stored)?;
                table.shrink(*limit as u64);
            }
            Self::Ordered(cache) => cache.remember(key, stored),
        }
        Ok(())
    }

    /// The dirty entries in key order.
    pub fn dirty_sorted(&self) -> Vec<(&[u8], Option<&[u8]>)> {
        match self {
            Self::Points { table, .. } => table.dirty_sorted(),
            Self::Ordered(cache) => cache.dirty_sorted(),
        }
    }

    /// The dirty entries are in the database now.
    pub fn mark_clean(&mut self) {
        match self {
            Self::Points { table, .. } => table.next_epoch(),
            Self::Ordered(cache) => cache.mark_clean(),
        }
    }

    /// The dirty entries that start with `prefix`, in key order.
    pub fn dirty_range<'a>(&'a self, prefix: &'a [u8]) -> Box<dyn Iterator<Item = (&'a [u8], Option<&'a [u8]>)> + 'a> {
        match self {
            Self::Points { table, .. } => {
                Box::new(table.dirty_sorted().into_iter().filter(move |(k, _)| k.starts_with(prefix)))
            }
            Self::Ordered(cache) => cache.dirty_range(prefix),
        }
    }

    /// Forgets everything that starts with `prefix`, dirty or clean: the database has the last word again.
    pub fn forget(&mut self, prefix: &[u8]) {
        match self {
            Self::Points { table, .. } => table.forget(prefix),
            Self::Ordered(cache) => cache.forget(prefix),
        }
    }

    pub fn is_ordered(&self) -> bool {
        matches!(self, Self::Ordered(_))
    }
}
