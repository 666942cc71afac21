//! A table of entries that are reached by their whole key alone: what states of
//! kind `Value` and `Aggregating` are in memory, on the heap and in RocksDB's
//! write-back cache.
//!
//! Full keys (key group, key) lead over an index per key group to records in an
//! arena. Many keys are looked up together ([`PointTable::resolve`]), and their
//! values then read and changed in place ([`Entries`]): no allocation, no second
//! lookup. A table that counts what is dirty remembers, between two
//! [`PointTable::next_epoch`], which records were written.

mod arena;
mod cache;
mod entries;
mod index;
mod keys;
mod record;
mod sorted;
#[cfg(test)]
mod tests;

pub use arena::Frozen;
pub use cache::Dirty;
pub use entries::Entries;
pub use keys::FullKeys;

use crate::restore::group_of;
use arena::{Arena, Loc};
use index::Index;
use std::ops::Range;
use streamjob_core::{Error, Result, key};

/// Estimated bytes of an entry's place in the index.
const INDEX_BYTES: u64 = 14;

/// What a table knows of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known<'a> {
    /// Nothing.
    No,
    /// It has no value.
    Absent,
    /// Its stored value.
    Stored(&'a [u8]),
}

/// See the module.
pub struct PointTable {
    groups: Range<u32>,
    indexes: Vec<Index>,
    arena: Arena,
    /// Keys with a value.
    entries: u64,
    /// Keys with or without one.
    records: u64,
    bytes: u64,
    /// Whether writes are counted as dirty, and absent keys are remembered.
    cache: bool,
    epoch: u8,
    /// Records written in this epoch; some twice, some gone since.
    dirty: Vec<Loc>,
    dirty_bytes: u64,
    /// Absent or moved away since the last resolve: to be freed before the next.
    loose: Vec<Loc>,
    /// An epoch whose writes are on their way into the database.
    under_way: Option<u8>,
    /// Where the eviction goes on.
    hand: Loc,
    /// Where the keys of the last resolve are, and whether some have moved since.
    found: Vec<Loc>,
    moved: bool,
}

/// The hash of a full key, which is that of the key behind its group.
#[inline]
fn hash_of(full: &[u8]) -> u64 {
    key::hash(full.get(2..).unwrap_or(&[]))
}

impl PointTable {
    /// An empty table of these key groups. A `cache` counts what is dirty and remembers absent keys.
    pub fn new(groups: Range<u32>, cache: bool) -> Self {
        Self {
            indexes: groups.clone().map(|_| Index::default()).collect(),
            groups,
            arena: Arena::default(),
            entries: 0,
            records: 0,
            bytes: 0,
            cache,
            epoch: 1,
            dirty: Vec::new(),
            dirty_bytes: 0,
            loose: Vec::new(),
            under_way: None,
            hand: Loc(0),
            found: Vec::new(),
            moved: false,
        }
    }

    /// Keys with a value.
    pub fn len(&self) -> u64 {
        self.entries
    }

    /// True without a value.
    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// Bytes of all records and their places in the index.
    pub fn memory(&self) -> u64 {
        self.bytes + self.records * INDEX_BYTES
    }

    /// Bytes of the records written in this epoch.
    pub fn dirty_memory(&self) -> u64 {
        self.dirty_bytes
    }

    fn shard(&self, full: &[u8]) -> Option<usize> {
        let group = group_of(full).ok()?;
        self.groups.contains(&group).then(|| (group - self.groups.start) as usize)
    }

    #[inline]
    fn holds(&self, loc: Loc, full: &[u8]) -> bool {
        self.arena.get(loc).is_some_and(|r| record::holds(r, full))
    }

    fn find(&self, full: &[u8], hash: u64) -> Option<Loc> {
        self.indexes.get(self.shard(full)?)?.find(hash, |loc| self.holds(loc, full))
    }

    /// What is known of a key. Marks it used.
    pub fn get(&mut self, full: &[u8]) -> Known<'_> {
        let Some(loc) = self.find(full, hash_of(full)) else { return Known::No };
        if self.cache
            && let Some(record) = self.arena.get_mut(loc)
        {
            record::set_flags(record, record::flags(record) | record::USED);
        }
        self.stored(loc).map_or(Known::Absent, Known::Stored)
    }

    #[inline]
    fn stored(&self, loc: Loc) -> Option<&[u8]> {
        let record = self.arena.get(loc)?;
        (record::flags(record) & record::ABSENT == 0).then(|| record::value(record))
    }

    /// Adds a key that is not there, absent, with space for a value of `room` bytes.
    fn add(&mut self, full: &[u8], hash: u64, room: usize) -> Result<Loc> {
        let missing = || Error::internal("a state key of a key group that is not this subtask's");
        let shard = self.shard(full).ok_or_else(missing)?;
        let loc = self.arena.allocate(record::space(full.len(), room)).ok_or_else(too_many)?;
        if let Some(record) = self.arena.get_mut(loc) {
            // Not of this epoch: not dirty.
            record::begin(record, full, 0);
            self.bytes += record.len() as u64;
        }
        self.records += 1;
        self.indexes.get_mut(shard).ok_or_else(missing)?.insert(hash, loc);
        Ok(loc)
    }

    /// Writes a stored value, `None` as absent. Gives where the record is afterwards.
    fn write(&mut self, loc: Loc, stored: Option<&[u8]>, dirty: bool) -> Result<Loc> {
        let mut loc = loc;
        let Some(record) = self.arena.get_mut(loc) else { return Ok(loc) };
        let had = record::flags(record) & record::ABSENT == 0;
        match stored {
            Some(stored) if record::fits(record, stored.len()) => record::set_value(record, stored),
            Some(stored) => loc = self.relocate(loc, stored)?,
            None => {
                record::set_value(record, &[]);
                record::set_flags(record, record::flags(record) | record::ABSENT);
                if !self.cache {
                    self.loose.push(loc);
                }
            }
        }
        match (had, stored.is_some()) {
            (false, true) => self.entries += 1,
            (true, false) => self.entries -= 1,
            _ => {}
        }
        if dirty {
            self.mark(loc);
        }
        Ok(loc)
    }

    /// Counts a record as dirty.
    #[inline]
    fn mark(&mut self, loc: Loc) {
        if !self.cache {
            return;
        }
        if let Some(record) = self.arena.get_mut(loc)
            && record::epoch(record) != self.epoch
        {
            record::set_epoch(record, self.epoch);
            record::set_flags(record, record::flags(record) | record::USED);
            self.dirty_bytes += record.len() as u64;
            self.dirty.push(loc);
        }
    }

    /// Moves an entry to where its new value fits.
    fn relocate(&mut self, from: Loc, stored: &[u8]) -> Result<Loc> {
        let full = self.arena.get(from).map(|r| record::key(r).to_vec()).unwrap_or_default();
        let to = self.arena.allocate(record::space(full.len(), stored.len())).ok_or_else(too_many)?;
        if let Some(record) = self.arena.get_mut(to) {
            record::begin(record, &full, 0);
            record::set_value(record, stored);
            self.bytes += record.len() as u64;
        }
        if let Some(shard) = self.shard(&full)
            && let Some(index) = self.indexes.get_mut(shard)
        {
            index.replace(hash_of(&full), from, to);
        }
        if let Some(record) = self.arena.get_mut(from) {
            if self.cache && record::epoch(record) == self.epoch {
                self.dirty_bytes -= record.len() as u64;
            }
            self.bytes -= record.len() as u64;
            record::forward(record, to.0);
        }
        self.moved = true;
        self.loose.push(from);
        Ok(to)
    }

    /// Writes a key's stored value, `None` as absent.
    pub fn set(&mut self, full: &[u8], stored: Option<&[u8]>) -> Result<()> {
        self.put(full, stored, true)
    }

    /// Takes over what the database says of a key; not dirty.
    pub fn remember(&mut self, full: &[u8], stored: Option<&[u8]>) -> Result<()> {
        self.put(full, stored, false)
    }

    fn put(&mut self, full: &[u8], stored: Option<&[u8]>, dirty: bool) -> Result<()> {
        self.tidy();
        let hash = hash_of(full);
        let loc = match self.find(full, hash) {
            Some(loc) => loc,
            None if stored.is_none() && !self.cache => return Ok(()),
            None => self.add(full, hash, stored.map_or(0, <[u8]>::len))?,
        };
        self.write(loc, stored, dirty)?;
        self.tidy();
        Ok(())
    }

    /// Frees what the last batch of entries left behind.
    fn tidy(&mut self) {
        while let Some(loc) = self.loose.pop() {
            let flags = self.arena.get(loc).map_or(0, record::flags);
            if flags & record::MOVED != 0 {
                self.arena.free(loc);
            } else if flags & (record::LIVE | record::ABSENT) == record::LIVE | record::ABSENT {
                self.forget_at(loc);
            }
        }
    }

    /// Removes a record that is in the index.
    fn forget_at(&mut self, loc: Loc) {
        let Some(record) = self.arena.get(loc) else { return };
        let full = record::key(record).to_vec();
        self.bytes -= record.len() as u64;
        self.records -= 1;
        if record::flags(record) & record::ABSENT == 0 {
            self.entries -= 1;
        }
        if self.cache && record::epoch(record) == self.epoch {
            self.dirty_bytes -= record.len() as u64;
        }
        if let Some(shard) = self.shard(&full)
            && let Some(index) = self.indexes.get_mut(shard)
        {
            index.remove(hash_of(&full), loc);
        }
        self.arena.free(loc);
    }

    /// Looks up a window of keys, adding those that are new, absent and with space for stored values of `room`
    /// bytes; [`Entries`] then gives their values, by position within the window. Gives the positions of keys that
    /// were added.
    ///
    /// In four rounds, each of few instructions a key: the misses of a round's loads overlap.
    pub fn resolve(&mut self, keys: &FullKeys, window: Range<usize>, room: usize) -> Result<Vec<u32>> {
        self.tidy();
        self.moved = false;
        let start = self.groups.start;
        let hashes = keys.hashes().get(window.clone()).unwrap_or_default();
        let groups = keys.groups().get(window.clone()).unwrap_or_default();
        let index = |group: &u16| self.indexes.get(u32::from(*group).wrapping_sub(start) as usize);
        if groups.iter().any(|g| !self.groups.contains(&u32::from(*g))) {
            return Err(Error::internal(format!("state keys of key groups that are not among {:?}", self.groups)));
        }
        let mut touched = 0;
        for (hash, group) in hashes.iter().zip(groups) {
            touched |= index(group).map_or(0, |i| i.touch(*hash));
        }
        std::hint::black_box(touched);
        let mut found = std::mem::take(&mut self.found);
        found.clear();
        let candidate =
            |(hash, group): (&u64, &u16)| index(group).and_then(|i| i.candidate(*hash)).unwrap_or(Loc::NONE);
        found.extend(hashes.iter().zip(groups).map(candidate));
        let mut touched = 0;
        for loc in &found {
            touched |= self.arena.touch(*loc);
        }
        std::hint::black_box(touched);
        let mut added = Vec::new();
        let mut outcome = Ok(());
        for (i, (hash, loc)) in hashes.iter().zip(&mut found).enumerate() {
            let full = keys.key(window.start + i);
            if self.holds(*loc, full) {
                continue;
            }
            *loc = match self.find(full, *hash) {
                Some(loc) => loc,
                None => {
                    added.push(i as u32);
                    match self.add(full, *hash, room) {
                        Ok(loc) => loc,
                        Err(e) => {
                            outcome = Err(e);
                            break;
                        }
                    }
                }
            };
        }
        if !self.cache {
            // Whoever is still absent then goes.
            self.loose.extend(added.iter().filter_map(|i| found.get(*i as usize)));
        }
        self.found = found;
        outcome.map(|()| added)
    }

    /// Takes over what the database says of a key that [`PointTable::resolve`] added.
    pub fn fill(&mut self, position: usize, stored: Option<&[u8]>) -> Result<()> {
        let Some(loc) = self.at(position) else { return Ok(()) };
        self.write(loc, stored, false).map(|_| ())
    }

    /// Where a resolved key's record is now.
    #[inline]
    fn at(&self, position: usize) -> Option<Loc> {
        let mut loc = *self.found.get(position)?;
        if !self.moved {
            return Some(loc);
        }
        loop {
            let record = self.arena.get(loc)?;
            if record::flags(record) & record::MOVED == 0 {
                return Some(loc);
            }
            loc = Loc(record::forwarded(record));
        }
    }

    /// Entries with a value in key order, whose key begins with `prefix`.
    pub fn range(&self, prefix: &[u8]) -> Vec<(&[u8], &[u8])> {
        let shards = match group_of(prefix) {
            Ok(_) => self.shard(prefix).map_or(0..0, |s| s..s + 1),
            Err(_) => 0..self.indexes.len(),
        };
        let locs = self.indexes.get(shards).unwrap_or_default().iter().flat_map(Index::iter);
        let records = locs.filter_map(|loc| self.arena.get(loc)).filter(|r| record::flags(r) & record::ABSENT == 0);
        let mut all: Vec<(&[u8], &[u8])> =
            records.map(|r| (record::key(r), record::value(r))).filter(|(k, _)| k.starts_with(prefix)).collect();
        all.sort_unstable();
        all
    }

    /// Keys in the index of a key group, counted from this table's first.
    pub fn group_len(&self, group: usize) -> usize {
        self.indexes.get(group).map_or(0, Index::len)
    }

    /// Entries with a value of a key group, counted from this table's first, in no particular order.
    pub fn group(&self, group: usize) -> impl Iterator<Item = (&[u8], &[u8])> {
        let locs = self.indexes.get(group).into_iter().flat_map(Index::iter);
        let records = locs.filter_map(|loc| self.arena.get(loc)).filter(|r| record::flags(r) & record::ABSENT == 0);
        records.map(|r| (record::key(r), record::value(r)))
    }

    /// Number of key groups.
    pub fn groups(&self) -> usize {
        self.indexes.len()
    }

    /// Forgets the keys that begin with `prefix`, whatever is known of them.
    pub fn forget(&mut self, prefix: &[u8]) {
        self.tidy();
        let shards = match group_of(prefix) {
            Ok(_) => self.shard(prefix).map_or(0..0, |s| s..s + 1),
            Err(_) => 0..self.indexes.len(),
        };
        let locs = self.indexes.get(shards).unwrap_or_default().iter().flat_map(Index::iter);
        let of_prefix = |loc: &Loc| self.arena.get(*loc).is_some_and(|r| record::key(r).starts_with(prefix));
        let doomed: Vec<Loc> = locs.filter(of_prefix).collect();
        doomed.into_iter().for_each(|loc| self.forget_at(loc));
    }

    /// The content as of now, for a snapshot on another thread.
    pub fn freeze(&mut self) -> Frozen {
        self.tidy();
        self.arena.freeze()
    }
}

fn too_many() -> Error {
    Error::user("a subtask holds more than eight thousand million state entries of one size")
        .fix("raise the parallelism, so that each subtask holds fewer")
}
