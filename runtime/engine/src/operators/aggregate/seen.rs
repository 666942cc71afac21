//! DISTINCT over inserts: for each value of a column that a group has seen one
//! byte string of bits, one bit for each filter of the calls over that column, so
//! that a row looks its value up once for all of them. Values are reached by their
//! whole key alone: a group never goes, so nobody asks for all values of one.

use super::inputs::rows_seen;
use super::{AggSet, MapSpec};
use crate::operators::column;
use std::ops::Range;
use streamjob_core::key::KeyRows;
use streamjob_core::{Batch, Error, Result, Schema};
use streamjob_state::{FullKeys, KeyedBackend, StateId, StateKind, StateSpec, Ttl};

/// Values that are looked up together.
const WINDOW: usize = 256;

/// The columns of an operator's DISTINCT calls.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    columns: Vec<SeenColumn>,
    /// Column and bit of each call.
    of_call: Vec<Option<(usize, u32)>>,
}

#[derive(Debug)]
struct SeenColumn {
    arg: usize,
    /// Filter columns; `None` for calls that see all rows.
    filters: Vec<Option<usize>>,
    name: String,
    /// `v BIGINT`.
    arg_text: String,
    state: StateId,
    keys: FullKeys,
    /// The rows that have a key.
    rows: Vec<usize>,
    /// The filters that let each row through; then those of them that see its value for the first time.
    bits: Vec<u64>,
}

impl Seen {
    /// Takes over the DISTINCT maps of a set for inserts, which has no others: its calls then have none.
    pub(crate) fn take(set: &mut AggSet, input: &Schema) -> Self {
        let mut this = Self::default();
        let maps = std::mem::take(&mut set.maps);
        for map_of in &mut set.map_of {
            let map = map_of.take().and_then(|m| maps.get(m));
            this.of_call.push(map.map(|map| place(&mut this.columns, map, input)));
        }
        this
    }

    /// True without DISTINCT calls.
    pub(crate) fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// The states: value behind the group's key → which filters have seen it.
    pub(crate) fn states(&self, input: &Schema, key_schema: &str, ttl: Option<Ttl>) -> Vec<StateSpec> {
        let filter = |f: &Option<usize>| f.and_then(|f| input.columns.get(f)).map_or("all", |c| c.name.as_str());
        let states = self.columns.iter().map(|c| StateSpec {
            name: c.name.clone(),
            kind: StateKind::Value,
            key_schema: if key_schema.is_empty() {
                c.arg_text.clone()
            } else {
                format!("{key_schema}, {}", c.arg_text)
            },
            value_schema: format!("seen by {}", c.filters.iter().map(filter).collect::<Vec<_>>().join(", ")),
            version: 1,
            ttl,
        });
        states.collect()
    }

    /// Tells the ids of the states, in their order.
    pub(crate) fn registered(&mut self, ids: &[StateId]) {
        self.columns.iter_mut().zip(ids).for_each(|(column, id)| column.state = *id);
    }

    /// Lets the state see the values of a batch, whose groups are `groups`, row by row.
    pub(crate) fn see(
        &mut self,
        batch: &Batch,
        groups: &FullKeys,
        ttl: bool,
        backend: &mut dyn KeyedBackend,
    ) -> Result<()> {
        self.columns.iter_mut().try_for_each(|column| column.see(batch, groups, ttl, backend))
    }

    /// For a call with DISTINCT: the bits of all rows, and which is its own. It is set where the call sees a new value.
    pub(crate) fn of_call(&self, call: usize) -> Option<(&[u64], u32)> {
        let (column, bit) = self.of_call.get(call).copied().flatten()?;
        Some((self.columns.get(column)?.bits.as_slice(), bit))
    }
}

impl SeenColumn {
    fn see(&mut self, batch: &Batch, groups: &FullKeys, ttl: bool, backend: &mut dyn KeyedBackend) -> Result<()> {
        let array = column(batch, self.arg)?;
        let n = batch.num_rows();
        self.bits.clear();
        self.bits.resize(n, 0);
        for (bit, filter) in self.filters.iter().enumerate() {
            match rows_seen(*filter, Some(self.arg), batch)? {
                None => self.bits.iter_mut().for_each(|bits| *bits |= 1 << bit),
                Some(rows) => self.bits.iter_mut().zip(rows).for_each(|(bits, sees)| *bits |= u64::from(sees) << bit),
            }
        }
        self.rows.clear();
        self.rows.extend(self.bits.iter().enumerate().filter(|(_, b)| **b != 0).map(|(row, _)| row));
        self.keys.behind(groups, &self.rows, &KeyRows::encode(std::slice::from_ref(array), n)?);
        for start in (0..self.rows.len()).step_by(WINDOW) {
            self.look_up(start..self.rows.len().min(start + WINDOW), ttl, backend)?;
        }
        Ok(())
    }

    /// Leaves in `bits` what is new, and keeps it.
    fn look_up(&mut self, window: Range<usize>, ttl: bool, backend: &mut dyn KeyedBackend) -> Result<()> {
        let width = self.filters.len().div_ceil(8);
        let rows = self.rows.get(window.clone()).unwrap_or(&[]);
        let Some(mut entries) = backend.entries(self.state, &self.keys, window.clone(), width)? else {
            for (at, row) in window.zip(rows) {
                let Some(bits) = self.bits.get_mut(*row) else { continue };
                let key = self.keys.key(at);
                let held = backend.get(self.state, key)?.as_deref().map(bits_of).transpose()?;
                if let Some(all) = first_seen(held, bits, ttl) {
                    backend.put(self.state, key, all.to_le_bytes().get(..width).unwrap_or(&[]))?;
                }
            }
            return Ok(());
        };
        for (at, row) in rows.iter().enumerate() {
            let Some(bits) = self.bits.get_mut(*row) else { continue };
            let held = entries.get(at)?.map(bits_of).transpose()?;
            if let Some(all) = first_seen(held, bits, ttl) {
                entries.set(at, all.to_le_bytes().get(..width).unwrap_or(&[]))?;
            }
        }
        Ok(())
    }
}

/// Leaves of a row's bits those that are new; gives what to write.
fn first_seen(held: Option<u64>, bits: &mut u64, ttl: bool) -> Option<u64> {
    let all = held.unwrap_or(0) | *bits;
    *bits &= !held.unwrap_or(0);
    (*bits != 0 || ttl).then_some(all)
}

fn bits_of(bytes: &[u8]) -> Result<u64> {
    let mut all = [0; 8];
    let own =
        all.get_mut(..bytes.len()).ok_or_else(|| Error::internal("a DISTINCT value with more than 64 filters"))?;
    own.copy_from_slice(bytes);
    Ok(u64::from_le_bytes(all))
}

/// The column and the bit of a call. A column has 64 filters; there is another for more.
fn place(columns: &mut Vec<SeenColumn>, map: &MapSpec, input: &Schema) -> (usize, u32) {
    let fits = |c: &SeenColumn| c.arg == map.arg && (c.filters.contains(&map.filter) || c.filters.len() < 64);
    let at = columns.iter().position(fits).unwrap_or_else(|| {
        let mut name = format!("distinct-{}", input.columns.get(map.arg).map_or("", |c| c.name.as_str()));
        // Column names of intermediate rows may repeat.
        if columns.iter().any(|c| c.name == name) {
            name = format!("{name}-{}", columns.len());
        }
        columns.push(SeenColumn {
            arg: map.arg,
            filters: Vec::new(),
            name,
            arg_text: map.arg_text.clone(),
            state: StateId(0),
            keys: FullKeys::default(),
            rows: Vec::new(),
            bits: Vec::new(),
        });
        columns.len() - 1
    });
    let bit = columns.get_mut(at).map_or(0, |column| {
        let held = column.filters.iter().position(|f| *f == map.filter);
        held.unwrap_or_else(|| {
            column.filters.push(map.filter);
            column.filters.len() - 1
        })
    });
    (at, bit as u32)
}
