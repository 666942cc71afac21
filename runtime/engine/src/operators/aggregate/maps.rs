//! The value → count maps of a batch: what DISTINCT has seen in windows and over
//! retractions ([`super::seen`] does it else), and the ordered values from which
//! retractable MIN and MAX find the next one.

use super::scalar::{ScalarRef, decode};
use super::{Acc, MapKind, MapSpec, Resolved, map_rows};
use crate::operators::keyed::KeyTable;
use std::cmp::Ordering;
use std::ops::ControlFlow;
use streamjob_core::key::{self, KeyRows};
use streamjob_core::{Batch, Error, Result};
use streamjob_state::{KeyedBackend, StateId};

const NONE: u32 = u32::MAX;
/// Slot of a row that is left out.
pub(crate) const NO_SLOT: usize = usize::MAX;

/// The entries of one map that a batch touches.
pub(crate) struct MapBatch<'a> {
    spec: &'a MapSpec,
    state: StateId,
    entries: KeyTable,
    counts: Vec<i64>,
    stored: Vec<bool>,
    dirty: Vec<bool>,
    /// Entries of one slot are a linked list.
    next: Vec<u32>,
    head: Vec<u32>,
    /// Entry of each row; `NONE` where the map sees no value.
    entry_of: Vec<u32>,
    /// Whether the last counted row made its value appear or disappear.
    changed: bool,
}

fn count_of(bytes: &[u8]) -> Result<i64> {
    let bytes = bytes.first_chunk::<8>().ok_or_else(|| Error::internal("a map entry without its count"))?;
    Ok(i64::from_le_bytes(*bytes))
}

impl<'a> MapBatch<'a> {
    /// Reads the entries of a batch. `slot_of`: which key of `table` each row has, or [`NO_SLOT`].
    pub(crate) fn load(
        spec: &'a MapSpec,
        state: StateId,
        batch: &Batch,
        table: &KeyTable,
        slot_of: &[usize],
        backend: &mut dyn KeyedBackend,
    ) -> Result<Self> {
        let (array, seen) = map_rows(spec, batch)?;
        let values = KeyRows::encode(&[array], batch.num_rows())?;
        let mut this = Self {
            spec,
            state,
            entries: KeyTable::default(),
            counts: Vec::new(),
            stored: Vec::new(),
            dirty: Vec::new(),
            next: Vec::new(),
            head: vec![NONE; table.len()],
            entry_of: Vec::with_capacity(slot_of.len()),
            changed: false,
        };
        let mut full = Vec::new();
        for (row, (slot, seen)) in slot_of.iter().zip(seen).enumerate() {
            if !seen || *slot == NO_SLOT {
                this.entry_of.push(NONE);
                continue;
            }
            full.clear();
            full.extend_from_slice(table.key(*slot));
            full.extend(values.row(row).iter().map(|b| b ^ spec.mask()));
            let (entry, new) = this.entries.intern(key::hash(&full), &full);
            if new && let Some(head) = this.head.get_mut(*slot) {
                this.next.push(std::mem::replace(head, entry as u32));
            }
            this.entry_of.push(entry as u32);
        }
        this.read(backend)?;
        this.dirty = vec![false; this.counts.len()];
        Ok(this)
    }

    /// Reads the counts of all entries.
    fn read(&mut self, backend: &mut dyn KeyedBackend) -> Result<()> {
        for value in backend.get_many(self.state, &self.entries.keys())? {
            self.counts.push(value.as_deref().map_or(Ok(0), count_of)?);
            self.stored.push(value.is_some());
        }
        Ok(())
    }

    fn entry(&self, row: usize) -> Option<usize> {
        self.entry_of.get(row).filter(|e| **e != NONE).map(|e| *e as usize)
    }

    /// Counts the row's value up or down. Insert-only maps without time to live keep 1 and are written once.
    pub(crate) fn count(&mut self, row: usize, minus: bool, retracts: bool, ttl: bool) {
        self.changed = false;
        let Some(entry) = self.entry(row) else { return };
        let (Some(count), Some(dirty)) = (self.counts.get_mut(entry), self.dirty.get_mut(entry)) else { return };
        let before = *count;
        match (minus, self.spec.kind) {
            // A value that was never seen (expired) takes nothing away.
            (true, MapKind::Distinct) if before <= 0 => return,
            (true, _) => *count -= 1,
            (false, _) if !retracts => *count = 1,
            (false, _) => *count += 1,
        }
        *dirty |= *count != before || ttl;
        self.changed = if minus { *count == 0 } else { before == 0 };
    }

    /// Forgets all values of a deleted group.
    pub(crate) fn clear_slot(&mut self, slot: usize) {
        let mut entry = self.head.get(slot).copied().unwrap_or(NONE);
        while let (Some(count), Some(dirty)) = (self.counts.get_mut(entry as usize), self.dirty.get_mut(entry as usize))
        {
            *count = 0;
            *dirty = true;
            entry = self.next.get(entry as usize).copied().unwrap_or(NONE);
        }
    }

    /// Lets a call see the row's non-NULL value, already counted.
    #[allow(clippy::too_many_arguments)]
    pub(crate) fn apply(
        &self,
        row: usize,
        minus: bool,
        acc: &mut Acc,
        call: &Resolved,
        value: ScalarRef<'_>,
        slot: usize,
        table: &KeyTable,
        cleared: bool,
        backend: &mut dyn KeyedBackend,
    ) -> Result<()> {
        let wanted = match self.spec.kind {
            MapKind::Distinct if !self.changed => return Ok(()),
            MapKind::Distinct if minus => return acc.retract(call, value),
            MapKind::Distinct => return acc.update(call, value),
            MapKind::Min => Ordering::Less,
            MapKind::Max => Ordering::Greater,
        };
        let Acc::Value(held) = acc else { return Err(Error::internal(format!("{call}: not an extreme"))) };
        let count = self.entry(row).and_then(|e| self.counts.get(e)).copied().unwrap_or(0);
        let order = held.as_ref().map(|h| value.total_compare(&h.as_ref()));
        if !minus {
            if count > 0 && order.is_none_or(|o| o == wanted) {
                *held = value.to_owned();
            }
        } else if count <= 0 && order == Some(Ordering::Equal) {
            let prefix = table.key(slot);
            *held = match self.first(slot, prefix, cleared, backend)? {
                None => None,
                Some(full) => {
                    let bytes: Vec<u8> =
                        full.get(prefix.len()..).unwrap_or(&[]).iter().map(|b| b ^ self.spec.mask()).collect();
                    decode(&self.spec.arg_type, &mut bytes.as_slice())?
                }
            };
        }
        Ok(())
    }

    /// The first live entry of a group, in byte order: those of the batch stand before those of the backend.
    fn first(
        &self,
        slot: usize,
        prefix: &[u8],
        cleared: bool,
        backend: &mut dyn KeyedBackend,
    ) -> Result<Option<Vec<u8>>> {
        let mut best: Option<&[u8]> = None;
        let mut entry = self.head.get(slot).copied().unwrap_or(NONE);
        while let Some(count) = self.counts.get(entry as usize) {
            let key = self.entries.key(entry as usize);
            if *count > 0 && best.is_none_or(|b| key < b) {
                best = Some(key);
            }
            entry = self.next.get(entry as usize).copied().unwrap_or(NONE);
        }
        let mut best = best.map(<[u8]>::to_vec);
        if !cleared {
            backend.scan(self.state, prefix, &mut |key, value| {
                if best.as_deref().is_some_and(|b| b < key) {
                    return Ok(ControlFlow::Break(()));
                }
                if self.entries.find(key::hash(key), key).is_none() && count_of(value)? > 0 {
                    best = Some(key.to_vec());
                    return Ok(ControlFlow::Break(()));
                }
                Ok(ControlFlow::Continue(()))
            })?;
        }
        Ok(best)
    }

    /// Writes what changed. `cleared`: which slots were deleted in this batch.
    pub(crate) fn store(self, table: &KeyTable, cleared: &[bool], backend: &mut dyn KeyedBackend) -> Result<()> {
        for (slot, _) in cleared.iter().enumerate().filter(|(_, c)| **c) {
            backend.delete_prefix(self.state, table.key(slot))?;
        }
        for (entry, ((count, dirty), stored)) in self.counts.iter().zip(&self.dirty).zip(&self.stored).enumerate() {
            if !dirty {
                continue;
            }
            let key = self.entries.key(entry);
            if *count != 0 {
                backend.put(self.state, key, &count.to_le_bytes())?;
            } else if *stored {
                backend.delete(self.state, key)?;
            }
        }
        Ok(())
    }
}
