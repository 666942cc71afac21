//! What a table is as the cache in front of a database: which records were
//! written since when, and which are forgotten when memory runs short.

use super::arena::{Frozen, Loc};
use super::{PointTable, record, sorted};

impl PointTable {
    /// Records written in this epoch in key order; `None` for keys to be deleted.
    pub fn dirty_sorted(&self) -> Vec<(&[u8], Option<&[u8]>)> {
        sorted::dirty(self.dirty.iter().filter_map(|loc| self.arena.get(*loc)), self.epoch)
    }

    /// Takes what was written in this epoch, to be written into the database by another thread; a new epoch
    /// begins. Until [`PointTable::written`], none of it is forgotten.
    pub fn take_dirty(&mut self) -> Dirty {
        self.tidy();
        let frozen = self.arena.freeze();
        let dirty = Dirty { frozen, locs: std::mem::take(&mut self.dirty), epoch: self.epoch };
        self.next_epoch();
        self.under_way = Some(if self.epoch == 2 { 1 } else { self.epoch - 1 });
        dirty
    }

    /// What was taken is in the database.
    pub fn written(&mut self) {
        self.under_way = None;
    }

    /// What was written so far is the database's from now on: a new epoch begins, with nothing dirty.
    pub fn next_epoch(&mut self) {
        self.tidy();
        self.dirty.clear();
        self.dirty_bytes = 0;
        self.epoch += 1;
        if self.epoch < u8::MAX {
            return;
        }
        // Before numbers come back, old ones go; what is taken in this moment keeps one.
        let all: Vec<Loc> = self.arena.locs().collect();
        for loc in all {
            if let Some(record) = self.arena.get_mut(loc) {
                record::set_epoch(record, u8::from(record::epoch(record) + 1 == u8::MAX));
            }
        }
        self.epoch = 2;
    }

    /// Forgets clean keys that were not used for longest, until at most `limit` bytes are left or everything is dirty.
    pub fn shrink(&mut self, limit: u64) {
        self.tidy();
        // Twice around: once to see who is used, once more to take them.
        let mut left = 2 * self.arena.total();
        while self.memory() > limit && left > 0 {
            left -= 1;
            let Some(loc) = self.arena.after(self.hand) else { return };
            self.hand = loc;
            let Some(record) = self.arena.get(loc) else { continue };
            let flags = record::flags(record);
            let epoch = record::epoch(record);
            if flags & record::LIVE == 0 || epoch == self.epoch || Some(epoch) == self.under_way {
                continue;
            }
            if flags & record::USED == 0 {
                self.forget_at(loc);
            } else if let Some(record) = self.arena.get_mut(loc) {
                record::set_flags(record, flags & !record::USED);
            }
        }
    }
}

/// What was written in one epoch, fixed.
pub struct Dirty {
    frozen: Frozen,
    locs: Vec<Loc>,
    epoch: u8,
}

impl Dirty {
    /// The keys in order; `None` for those to be deleted.
    pub fn sorted(&self) -> Vec<(&[u8], Option<&[u8]>)> {
        sorted::dirty(self.locs.iter().filter_map(|loc| self.frozen.get(*loc)), self.epoch)
    }
}
