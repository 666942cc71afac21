//! The entries of many keys that were resolved together, by position: their
//! values, read and changed in place, with time to live as everywhere.

use super::arena::Loc;
use super::{PointTable, record};
use crate::ttl::{self, Outcome, Policy};
use streamjob_core::Result;

/// See the module. A position twice among the keys is one entry.
pub struct Entries<'a> {
    table: &'a mut PointTable,
    policy: &'a Policy,
    now: Option<i64>,
    scratch: Vec<u8>,
}

impl<'a> Entries<'a> {
    /// The entries that `table` resolved last.
    pub fn new(table: &'a mut PointTable, policy: &'a Policy) -> Self {
        let now = policy.now();
        Self { table, policy, now, scratch: Vec::new() }
    }

    /// Bytes that stored values have beyond the value.
    pub fn overhead(policy: &Policy) -> usize {
        if policy.is_on() { 9 } else { 1 }
    }

    /// The value of the key at a position.
    #[inline]
    pub fn get(&mut self, position: usize) -> Result<Option<&[u8]>> {
        let Some(loc) = self.table.at(position) else { return Ok(None) };
        let Some(stored) = self.table.stored(loc) else { return Ok(None) };
        if !self.policy.is_on()
            && let Some((0, _)) = stored.split_last()
        {
            return Ok(self.table.stored(loc).and_then(|s| s.split_last()).map(|(_, value)| value));
        }
        self.settle(loc)
    }

    /// Reads by the rules of time to live.
    fn settle(&mut self, loc: Loc) -> Result<Option<&[u8]>> {
        let Some(stored) = self.table.stored(loc) else { return Ok(None) };
        let (len, refresh, visible) = match self.policy.read(stored, self.now)? {
            Outcome::Live { value, refresh } => (value.len(), refresh, true),
            Outcome::Expired(value) => (value.map_or(0, <[u8]>::len), false, value.is_some()),
        };
        let mut loc = loc;
        if !visible {
            self.table.write(loc, None, true)?;
            return Ok(None);
        }
        if refresh && let Some(now) = self.now {
            let mut stored = stored.to_vec();
            ttl::restamp(&mut stored, now);
            loc = self.table.write(loc, Some(&stored), true)?;
        }
        Ok(self.table.stored(loc).and_then(|s| s.get(..len)))
    }

    /// The value of the key at a position, to be changed in place: written now.
    #[inline]
    pub fn get_mut(&mut self, position: usize) -> Result<Option<&mut [u8]>> {
        if self.policy.is_on() {
            return self.get_mut_stamped(position);
        }
        let table = &mut *self.table;
        let mut loc = table.found.get(position).copied().unwrap_or(Loc::NONE);
        if table.moved {
            loc = table.at(position).unwrap_or(Loc::NONE);
        }
        let Some(record) = table.arena.get_mut(loc) else { return Ok(None) };
        if record::flags(record) & record::ABSENT != 0 {
            return Ok(None);
        }
        if table.cache && record::epoch(record) != table.epoch {
            record::set_epoch(record, table.epoch);
            record::set_flags(record, record::flags(record) | record::USED);
            table.dirty_bytes += record.len() as u64;
            table.dirty.push(loc);
        }
        let stored = record::value_mut(record);
        let len = match stored.split_last() {
            Some((0, value)) => value.len(),
            _ => ttl::decode(stored)?.0.len(),
        };
        Ok(stored.get_mut(..len))
    }

    fn get_mut_stamped(&mut self, position: usize) -> Result<Option<&mut [u8]>> {
        let Some(len) = self.get(position)?.map(<[u8]>::len) else { return Ok(None) };
        let stamped = self.table.at(position).and_then(|loc| self.table.stored(loc)).is_some_and(ttl::is_stamped);
        if !stamped && let Some(value) = self.get(position)?.map(<[u8]>::to_vec) {
            self.set(position, &value)?;
        }
        let Some(loc) = self.table.at(position) else { return Ok(None) };
        self.table.mark(loc);
        let Some(stored) = self.table.arena.get_mut(loc).map(record::value_mut) else { return Ok(None) };
        if let Some(now) = self.now {
            ttl::restamp_in_place(stored, now);
        }
        Ok(stored.get_mut(..len))
    }

    /// Sets the value of the key at a position.
    pub fn set(&mut self, position: usize, value: &[u8]) -> Result<()> {
        let Some(loc) = self.table.at(position) else { return Ok(()) };
        self.scratch.clear();
        ttl::encode(value, self.now, &mut self.scratch);
        self.table.write(loc, Some(&self.scratch), true).map(|_| ())
    }

    /// Removes the value of the key at a position.
    pub fn remove(&mut self, position: usize) -> Result<()> {
        let Some(loc) = self.table.at(position) else { return Ok(()) };
        if self.table.stored(loc).is_none() {
            return Ok(());
        }
        self.table.write(loc, None, true).map(|_| ())
    }
}
