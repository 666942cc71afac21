//! The panes that rows go to at the moment, in memory: read from the state when a
//! row first touches one, written back before anything fires, at a barrier, and
//! when there are many. What a batch changes is thus not written batch by batch.

use super::panes::read_pane;
use crate::operators::aggregate::scalar::encode_i64;
use crate::operators::aggregate::{Acc, AggSet};
use crate::operators::keyed::KeyTable;
use streamjob_core::{Result, key};
use streamjob_state::{KeyedBackend, StateId};

/// Panes that are held at most behind a batch; a barrier waits until so many are written.
const MOST: usize = 16_384;

/// See the module.
pub(super) struct Buffer {
    set: AggSet,
    /// Whether panes begin with the start of their window.
    attached: bool,
    /// Panes held at most behind a batch: none where a pane may be of any size.
    most: usize,
    table: KeyTable,
    starts: Vec<i64>,
    accs: Vec<Acc>,
    bytes: Vec<u8>,
}

impl Buffer {
    pub fn new(set: AggSet, attached: bool) -> Self {
        let bounded = set.calls.iter().all(|call| Acc::width(call).is_some());
        Self {
            set,
            attached,
            most: if bounded { MOST } else { 0 },
            table: KeyTable::default(),
            starts: Vec::new(),
            accs: Vec::new(),
            bytes: Vec::new(),
        }
    }

    /// The number of a pane by its full key, and whether it was not held.
    pub fn intern(&mut self, full: &[u8], start: i64) -> (usize, bool) {
        let (slot, new) = self.table.intern(key::hash(full), full);
        if new {
            self.starts.push(start);
        }
        (slot, new)
    }

    /// The full keys of the panes.
    pub fn table(&self) -> &KeyTable {
        &self.table
    }

    /// Reads the accumulators of the panes that are new since the last time.
    pub fn load(&mut self, state: StateId, backend: &mut dyn KeyedBackend) -> Result<()> {
        let known = self.accs.len().checked_div(self.set.calls.len()).unwrap_or(self.table.len());
        let new: Vec<&[u8]> = (known..self.table.len()).map(|slot| self.table.key(slot)).collect();
        for value in backend.get_many(state, &new)? {
            match value {
                None => self.set.init(&mut self.accs),
                Some(bytes) => read_pane(&self.set, self.attached, &bytes, &mut self.accs).map(|_| ())?,
            }
        }
        Ok(())
    }

    /// The accumulators of all panes, in the order of their numbers, to be changed, and the full keys.
    pub fn accs(&mut self) -> (&mut [Acc], &KeyTable) {
        (&mut self.accs, &self.table)
    }

    /// Writes all panes into the state if there are too many to go on.
    pub fn relieve(&mut self, state: StateId, backend: &mut dyn KeyedBackend) -> Result<()> {
        if self.table.len() > self.most { self.store(state, backend) } else { Ok(()) }
    }

    /// Writes all panes into the state, and forgets them.
    pub fn store(&mut self, state: StateId, backend: &mut dyn KeyedBackend) -> Result<()> {
        let calls = self.set.calls.len();
        for (slot, start) in self.starts.iter().enumerate() {
            self.bytes.clear();
            if self.attached {
                self.bytes.extend(encode_i64(*start));
            }
            self.accs.iter().skip(slot * calls).take(calls).for_each(|a| a.encode(&mut self.bytes));
            backend.put(state, self.table.key(slot), &self.bytes)?;
        }
        self.table.clear();
        self.starts.clear();
        self.accs.clear();
        Ok(())
    }
}
