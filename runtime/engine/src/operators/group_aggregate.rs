//! GROUP BY over changelogs, and DISTINCT (no aggregates). One update per input
//! row, as the original without mini-batch: `+I`, then `-U` and `+U`, nothing when
//! the result stays the same (unless state has a time to live, where the update
//! keeps later operators' state alive), `-D` when the last row of a group goes.
//!
//! Accumulators of bounded width are changed where the backend holds them
//! (`in_place`). Others are read once per batch for all its keys, changed in
//! memory row by row, and written once. Each step's results are kept as versions
//! in result columns; the output is a selection of versions.

mod in_place;
mod pace;

use crate::operator::{Operator, OperatorContext, OperatorFactory, Output, TaskInfo};
use crate::operators::aggregate::maps::MapBatch;
use crate::operators::aggregate::seen::Seen;
use crate::operators::aggregate::{Acc, AggCall, AggSet, ResultColumn, RowInputs, describe_columns, is_all};
use crate::operators::keyed::{KeyTable, backend, start_key};
use crate::operators::{at, at_mut, columns};
use arrow::array::{RecordBatch, UInt8Array, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::SchemaRef;
use in_place::Layout;
use pace::Pace;
use std::time::Duration;
use streamjob_core::key::{self, KeyRows};
use streamjob_core::{Batch, Error, Op, Result, Schema};
use streamjob_state::{
    FullKeys, KeyedBackend, OperatorState, StateId, StateKind, StateSpec, Ttl, TtlUpdate, TtlVisibility,
};

/// Name of the accumulators' state.
const STATE: &str = "accumulators";

/// Aggregates rows by key. Output columns: the keys, then one per call.
#[derive(Debug, Clone)]
pub struct GroupAggregate {
    /// Columns of the input.
    pub input: Schema,
    /// Columns of the output.
    pub schema: Schema,
    /// Positions of the key columns; empty for one group over everything. The exchange before must be by the
    /// same columns in the same order (`Hash(keys)`, also when empty), so that rows meet their key group's state.
    pub keys: Vec<usize>,
    /// The aggregate calls; empty for DISTINCT.
    pub aggs: Vec<AggCall>,
    /// Whether someone downstream needs `-U` rows.
    pub generate_update_before: bool,
    /// Whether input has `-U` or `-D` rows.
    pub input_retracts: bool,
    /// `table.exec.state.ttl`; `None` for ever.
    pub state_ttl: Option<Duration>,
}

impl GroupAggregate {
    fn ttl(&self) -> Option<Ttl> {
        self.state_ttl.filter(|t| !t.is_zero()).map(|ttl| Ttl {
            ttl,
            update: TtlUpdate::OnCreateAndWrite,
            visibility: TtlVisibility::NeverReturnExpired,
        })
    }

    /// The calls, and what takes the place of maps where no row is ever taken back.
    fn calls(&self) -> Result<(AggSet, Seen)> {
        let mut set = AggSet::new(&self.aggs, &self.input, self.input_retracts)?;
        let seen = if self.input_retracts { Seen::default() } else { Seen::take(&mut set, &self.input) };
        Ok((set, seen))
    }

    fn specs(&self, set: &AggSet, seen: &Seen) -> Result<Vec<StateSpec>> {
        let key_schema = describe_columns(&self.input, &self.keys)?;
        let rows = if self.input_retracts { "rows BIGINT" } else { "" };
        let aggs = set.value_schema();
        let between = if rows.is_empty() || aggs.is_empty() { "" } else { ", " };
        let mut specs = vec![StateSpec {
            name: STATE.to_string(),
            kind: StateKind::Aggregating,
            key_schema: key_schema.clone(),
            value_schema: format!("{rows}{between}{aggs}"),
            version: 1,
            ttl: self.ttl(),
        }];
        specs.extend(set.map_states("", StateKind::Map, &key_schema, self.ttl()));
        specs.extend(seen.states(&self.input, &key_schema, self.ttl()));
        Ok(specs)
    }
}

impl OperatorFactory for GroupAggregate {
    fn create(&self, info: &TaskInfo) -> Result<Box<dyn Operator>> {
        let (set, seen) = self.calls()?;
        if self.schema.columns.len() != self.keys.len() + self.aggs.len() {
            return Err(Error::internal(format!(
                "{} output columns for {} keys and {} aggregates",
                self.schema.columns.len(),
                self.keys.len(),
                self.aggs.len()
            )));
        }
        Ok(Box::new(GroupOperator {
            specs: self.specs(&set, &seen)?,
            results: set.result_columns()?,
            schema: self.schema.arrow(),
            groups: info.max_parallelism,
            state: StateId(0),
            maps: Vec::new(),
            config: self.clone(),
            layout: Layout::of(&set, self.input_retracts),
            pace: Pace::of(&set),
            keys: FullKeys::default(),
            set,
            seen,
        }))
    }

    fn keyed_states(&self) -> Vec<StateSpec> {
        self.calls().and_then(|(set, seen)| self.specs(&set, &seen)).unwrap_or_default()
    }
}

struct GroupOperator {
    config: GroupAggregate,
    set: AggSet,
    specs: Vec<StateSpec>,
    schema: SchemaRef,
    groups: u32,
    state: StateId,
    maps: Vec<StateId>,
    /// Versions of results within the batch.
    results: Vec<ResultColumn>,
    /// Of groups that are changed in place; `None` when they cannot be.
    layout: Option<Layout>,
    /// How many rows are taken at once.
    pace: Pace,
    keys: FullKeys,
    /// Values that DISTINCT calls have seen, where input does not retract.
    seen: Seen,
}

/// One group within the batch.
#[derive(Debug, Clone, Default)]
struct Slot {
    /// Whether the group has rows now.
    exists: bool,
    /// Whether the backend holds it.
    stored: bool,
    /// Whether it was deleted in this batch: what its maps hold in the backend is void.
    cleared: bool,
    /// Rows in the group, where input retracts.
    rows: i64,
    /// Its current result.
    version: u32,
}

/// The change rows to emit, by position of the result version and of the input row that gives the key.
#[derive(Default)]
struct Changes {
    ops: Vec<u8>,
    /// Every row gave one change, with a version of its own: the positions below are not kept.
    straight: bool,
    versions: Vec<u32>,
    rows: Vec<u32>,
}

impl Changes {
    fn with_capacity(rows: usize) -> Self {
        Self {
            ops: Vec::with_capacity(rows),
            straight: false,
            versions: Vec::with_capacity(rows),
            rows: Vec::with_capacity(rows),
        }
    }

    fn straight(rows: usize) -> Self {
        Self { ops: Vec::with_capacity(rows), straight: true, ..Self::default() }
    }

    fn push(&mut self, op: Op, version: u32, row: usize) {
        self.ops.push(op as u8);
        self.versions.push(version);
        self.rows.push(row as u32);
    }
}

impl GroupOperator {
    /// Reads the groups of a batch: one slot and a run of accumulators each.
    fn load(&mut self, table: &KeyTable, backend: &mut dyn KeyedBackend) -> Result<(Vec<Slot>, Vec<Acc>)> {
        let values = backend.get_many(self.state, &table.keys())?;
        let mut slots = Vec::with_capacity(values.len());
        let mut accs = Vec::with_capacity(values.len() * self.set.calls.len());
        for value in values {
            let mut slot = Slot::default();
            match value {
                None => self.set.init(&mut accs),
                Some(bytes) => {
                    let mut bytes = bytes.as_slice();
                    if self.config.input_retracts {
                        let (rows, rest) = bytes
                            .split_first_chunk::<8>()
                            .ok_or_else(|| Error::internal("state of a group without its row count"))?;
                        slot.rows = i64::from_le_bytes(*rows);
                        bytes = rest;
                    }
                    let start = accs.len();
                    self.set.decode(&mut bytes, &mut accs)?;
                    slot.exists = true;
                    slot.stored = true;
                    slot.version = self.version(accs.get(start..).unwrap_or(&[]), slots.len())?;
                }
            }
            slots.push(slot);
        }
        Ok((slots, accs))
    }

    /// Appends a group's results as a version. Without calls every version is the same: `slot` stands for it.
    fn version(&mut self, accs: &[Acc], slot: usize) -> Result<u32> {
        let version = self.results.first().map_or(slot, ResultColumn::len);
        for ((column, call), acc) in self.results.iter_mut().zip(&self.set.calls).zip(accs) {
            column.push(acc.result(call))?;
        }
        Ok(version as u32)
    }

    fn store(&self, table: &KeyTable, slots: &[Slot], accs: &[Acc], backend: &mut dyn KeyedBackend) -> Result<()> {
        let calls = self.set.calls.len();
        let mut bytes = Vec::with_capacity(64);
        for (i, slot) in slots.iter().enumerate() {
            if slot.exists {
                bytes.clear();
                if self.config.input_retracts {
                    bytes.extend(slot.rows.to_le_bytes());
                }
                accs.iter().skip(i * calls).take(calls).for_each(|a| a.encode(&mut bytes));
                backend.put(self.state, table.key(i), &bytes)?;
            } else if slot.stored {
                backend.delete(self.state, table.key(i))?;
            }
        }
        Ok(())
    }

    /// What is emitted; `None` for nothing.
    fn output(&mut self, batch: &Batch, changes: Changes) -> Result<Option<Batch>> {
        if changes.ops.is_empty() {
            return Ok(None);
        }
        let all = changes.straight || is_all(&changes.rows, batch.num_rows());
        let rows = UInt32Array::from(changes.rows);
        let mut output = Vec::with_capacity(self.schema.fields().len());
        for key in columns(batch, &self.config.keys)? {
            output.push(if all { key } else { take(key.as_ref(), &rows, None)? });
        }
        for column in &mut self.results {
            output.push(if changes.straight { column.finish()? } else { column.take(&changes.versions)? });
        }
        let data = RecordBatch::try_new(self.schema.clone(), output)?;
        if changes.ops.iter().all(|op| *op == Op::Insert as u8) {
            return Ok(Some(Batch::inserts(data)));
        }
        Batch::changes(data, UInt8Array::from(changes.ops)).map(Some)
    }
}

impl Operator for GroupOperator {
    fn open(&mut self, ctx: &mut OperatorContext<'_>, _restored: &OperatorState) -> Result<()> {
        let backend = backend(ctx)?;
        let mut ids = Vec::with_capacity(self.specs.len());
        for spec in &self.specs {
            ids.push(backend.register(spec)?);
        }
        self.state = *at(&ids, 0)?;
        self.maps = ids.split_off(1);
        self.seen.registered(&self.maps);
        Ok(())
    }

    fn on_batch(
        &mut self,
        _input: usize,
        batch: Batch,
        ctx: &mut OperatorContext<'_>,
        out: &mut dyn Output,
    ) -> Result<()> {
        let backend = backend(ctx)?;
        let mut start = 0;
        while start < batch.num_rows() {
            let rows = self.pace.rows().min(batch.num_rows() - start);
            let piece = if rows < batch.num_rows() { batch.slice(start, rows) } else { batch.clone() };
            if let Some(output) = self.take(&piece, backend)? {
                self.pace.took(rows, &output)?;
                out.emit(output)?;
            }
            start += rows;
        }
        Ok(())
    }
}

impl GroupOperator {
    /// The changes that these rows make.
    fn take(&mut self, batch: &Batch, backend: &mut dyn KeyedBackend) -> Result<Option<Batch>> {
        let n = batch.num_rows();
        self.results.iter_mut().for_each(ResultColumn::clear);
        if self.layout.is_some() || !self.seen.is_empty() {
            self.keys.encode(&columns(batch, &self.config.keys)?, n, self.groups)?;
            self.seen.see(batch, &self.keys, self.config.ttl().is_some(), backend)?;
        }
        if self.layout.is_some()
            && let Some(changes) = self.change_in_place(batch, backend)?
        {
            return self.output(batch, changes);
        }

        let keys = KeyRows::encode(&columns(batch, &self.config.keys)?, n)?;
        let (mut table, mut slot_of, mut full) = (KeyTable::default(), Vec::with_capacity(n), Vec::new());
        for key in keys.iter() {
            let hash = key::hash(key);
            start_key(&mut full, hash, self.groups);
            full.extend_from_slice(key);
            slot_of.push(table.intern(hash, &full).0);
        }
        let (mut slots, mut accs) = self.load(&table, backend)?;
        let mut maps = Vec::with_capacity(self.maps.len());
        for (spec, state) in self.set.maps.iter().zip(&self.maps) {
            maps.push(MapBatch::load(spec, *state, batch, &table, &slot_of, backend)?);
        }

        let calls = self.set.calls.len();
        let inputs = RowInputs::new(&self.set, batch, &self.seen)?;
        let ttl = self.config.ttl().is_some();
        let retracts = self.config.input_retracts;
        let mut changes = Changes::default();
        for (row, slot_index) in slot_of.iter().enumerate() {
            let minus = batch.op(row)?.sign() < 0;
            if minus && !retracts {
                return Err(Error::internal("a retraction came to an aggregate planned for inserts only"));
            }
            let slot = at_mut(&mut slots, *slot_index)?;
            let first = !slot.exists;
            let range = slot_index * calls..(slot_index + 1) * calls;
            let group = accs.get_mut(range).ok_or_else(|| Error::internal("a group without accumulators"))?;
            if first {
                if minus {
                    // Of a group that was never there or has expired.
                    continue;
                }
                slot.exists = true;
                for (acc, call) in group.iter_mut().zip(&self.set.calls) {
                    *acc = Acc::new(call);
                }
            }
            slot.rows += if minus { -1 } else { 1 };
            for map in &mut maps {
                map.count(row, minus, retracts, ttl);
            }
            if retracts && slot.rows == 0 {
                changes.push(Op::Delete, slot.version, row);
                slot.exists = false;
                slot.cleared = true;
                maps.iter_mut().for_each(|m| m.clear_slot(*slot_index));
                continue;
            }
            for (i, (acc, call)) in group.iter_mut().zip(&self.set.calls).enumerate() {
                let value = inputs.get(i, row);
                if value.is_null() {
                    continue;
                }
                match self.set.map_of.get(i).copied().flatten() {
                    None if minus => acc.retract(call, value)?,
                    None => acc.update(call, value)?,
                    Some(m) => {
                        let map = at(&maps, m)?;
                        map.apply(row, minus, acc, call, value, *slot_index, &table, slot.cleared, backend)?;
                    }
                }
            }
            let previous = slot.version;
            let version = {
                let version = self.results.first().map_or(*slot_index, ResultColumn::len) as u32;
                for ((column, call), acc) in self.results.iter_mut().zip(&self.set.calls).zip(group.iter()) {
                    column.push(acc.result(call))?;
                }
                version
            };
            if first {
                changes.push(Op::Insert, version, row);
            } else {
                let same = || self.results.iter().all(|c| c.same(previous as usize, version as usize));
                if !ttl && same() {
                    continue;
                }
                if self.config.generate_update_before {
                    changes.push(Op::UpdateBefore, previous, row);
                }
                changes.push(Op::UpdateAfter, version, row);
            }
            slot.version = version;
        }

        for map in maps {
            map.store(&table, &slots.iter().map(|s| s.cleared).collect::<Vec<_>>(), backend)?;
        }
        self.store(&table, &slots, &accs, backend)?;
        self.output(batch, changes)
    }
}

#[cfg(test)]
mod tests;
