//! GROUP BY over event-time windows: append-only results, one per key and window,
//! when the watermark reaches the window's last millisecond. Rows of windows that
//! have all fired are dropped and counted.
//!
//! Rows are accumulated per slice, the piece between two window ends, which HOP
//! and CUMULATE windows share. State is ordered by time, so that it is its own
//! timer queue: `group ++ slice end ++ tag ++ key`. The tag tells a slice from the
//! running total of a CUMULATE window (under the end of its longest window).
//! Which ends are pending is kept in memory and, with the watermark, in operator
//! state: so the drop of late rows survives a restore, and no window fires twice.
//! What rows go to at the moment is held in memory until something fires or a
//! barrier comes.

mod buffer;
mod emit;
mod fire;
mod panes;
mod pending;
mod progress;

use crate::operator::{Operator, OperatorContext, OperatorFactory, OperatorMetrics, Output, TaskInfo};
use crate::operators::aggregate::maps::{MapBatch, NO_SLOT};
use crate::operators::aggregate::scalar::encode_i64;
use crate::operators::aggregate::seen::Seen;
use crate::operators::aggregate::{AggCall, AggSet, RowInputs, describe_columns};
use crate::operators::keyed::{backend, start_key};
use crate::operators::watermark::{millis, null_rowtime};
use crate::operators::window::{LocalZone, WindowKind, WindowSpec};
use crate::operators::{at, at_mut, column, columns};
use arrow::array::Array;
use buffer::Buffer;
use emit::Emitter;
use pending::{Pending, Run};
use progress::{Marks, Progress};
use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use streamjob_core::key::{self, KeyRows};
use streamjob_core::{Barrier, Batch, Error, Result, Schema};
use streamjob_state::{OperatorState, StateId, StateKind, StateSpec};

/// Tag of a slice's state.
const SLICE: u8 = 0;
/// Tag of a CUMULATE window's running total.
const TOTAL: u8 = 1;

/// Where a row's window comes from.
#[derive(Debug, Clone)]
pub enum WindowSource {
    /// From a time attribute (milliseconds).
    Time {
        /// Its position.
        column: usize,
        /// The windows.
        window: WindowSpec,
    },
    /// From columns of the input, which is itself windowed.
    Attached {
        /// Position of window_start (TIMESTAMP(3)).
        start: usize,
        /// Position of window_end (TIMESTAMP(3)).
        end: usize,
    },
}

/// A column of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowOutput {
    /// The n-th key column.
    Key(usize),
    /// The n-th aggregate.
    Agg(usize),
    /// First millisecond.
    WindowStart,
    /// One past the last millisecond.
    WindowEnd,
    /// Last millisecond: the time attribute of the result.
    WindowTime,
}

/// Aggregates insert-only rows by key and window.
#[derive(Debug, Clone)]
pub struct WindowAggregate {
    /// Columns of the input.
    pub input: Schema,
    /// Positions of the key columns without the window's; the exchange before is by them, in this order.
    pub keys: Vec<usize>,
    /// The windows.
    pub source: WindowSource,
    /// Zone of the windows when the time attribute is TIMESTAMP_LTZ.
    pub zone: Option<Arc<dyn LocalZone>>,
    /// The aggregate calls.
    pub aggs: Vec<AggCall>,
    /// What each output column holds.
    pub output: Vec<WindowOutput>,
    /// The output columns; window columns are timestamps in milliseconds.
    pub schema: Schema,
}

impl WindowAggregate {
    fn attached(&self) -> bool {
        matches!(self.source, WindowSource::Attached { .. })
    }

    fn specs(&self, set: &AggSet) -> Result<Vec<StateSpec>> {
        let (time, kind) = match &self.source {
            WindowSource::Time { window, .. } => {
                let offset = if window.offset == 0 { String::new() } else { format!(" OFFSET {} ms", window.offset) };
                let kind = match window.kind {
                    WindowKind::Tumble { size } => format!("TUMBLE({size} ms)"),
                    WindowKind::Hop { size, slide } => format!("HOP({slide} ms, {size} ms)"),
                    WindowKind::Cumulate { size, step } => format!("CUMULATE({step} ms, {size} ms)"),
                };
                ("slice_end", format!("{kind}{offset}"))
            }
            WindowSource::Attached { .. } => ("window_end", "window_start".to_string()),
        };
        let keys = describe_columns(&self.input, &self.keys)?;
        let between = if keys.is_empty() { "" } else { ", " };
        let key_schema = format!("{time} TIMESTAMP(3), part TINYINT{between}{keys}");
        let aggs = set.value_schema();
        let between = if aggs.is_empty() { "" } else { ", " };
        let mut specs = vec![StateSpec {
            name: "windows".to_string(),
            kind: StateKind::Timer,
            key_schema: key_schema.clone(),
            value_schema: format!("{kind}{between}{aggs}"),
            version: 1,
            ttl: None,
        }];
        specs.extend(set.map_states("windows-", StateKind::Timer, &key_schema, None));
        Ok(specs)
    }
}

impl OperatorFactory for WindowAggregate {
    fn create(&self, info: &TaskInfo) -> Result<Box<dyn Operator>> {
        if let WindowSource::Time { window, .. } = &self.source {
            window.validate(true)?;
        }
        let set = AggSet::new(&self.aggs, &self.input, false)?;
        Ok(Box::new(WindowOperator {
            specs: self.specs(&set)?,
            emitter: Emitter::new(self)?,
            groups: info.max_parallelism,
            own: key::key_group_range(info.subtask, info.parallelism, info.max_parallelism),
            state: StateId(0),
            maps: Vec::new(),
            marks: Marks::default(),
            pending: Pending::new(match &self.source {
                WindowSource::Time { window, .. } => window.slice(),
                WindowSource::Attached { .. } => 1,
            }),
            buffer: Buffer::new(set.clone(), self.attached()),
            config: self.clone(),
            set,
        }))
    }

    fn keyed_states(&self) -> Vec<StateSpec> {
        AggSet::new(&self.aggs, &self.input, false).and_then(|set| self.specs(&set)).unwrap_or_default()
    }

    fn has_operator_state(&self) -> bool {
        true
    }
}

struct WindowOperator {
    config: WindowAggregate,
    set: AggSet,
    specs: Vec<StateSpec>,
    emitter: Emitter,
    groups: u32,
    own: Range<u32>,
    state: StateId,
    maps: Vec<StateId>,
    marks: Marks,
    pending: Pending,
    buffer: Buffer,
}

/// `group ++ time ++ tag`.
fn prefix(group: u16, time: i64, tag: u8) -> Vec<u8> {
    let mut out = Vec::with_capacity(11);
    out.extend(group.to_be_bytes());
    out.extend(encode_i64(time));
    out.push(tag);
    out
}

/// Where a row goes.
struct Target {
    time: i64,
    tag: u8,
    /// Start of an attached window.
    start: i64,
}

impl WindowOperator {
    /// Whether the window that ends at `end` has fired at this watermark.
    fn fired(&self, end: i64, mark: i64) -> bool {
        let last = end.saturating_sub(1);
        self.config.zone.as_deref().map_or(last, |z| z.last_instant(last)) <= mark
    }

    /// The state that a local time belongs to; `None` when all its windows have fired.
    fn target(&self, window: &WindowSpec, local: i64, mark: i64) -> Option<Target> {
        let slice = window.slice_end(local);
        if !self.fired(slice, mark) {
            return Some(Target { time: slice, tag: SLICE, start: 0 });
        }
        let last = window.last_end(slice);
        if self.fired(last, mark) {
            return None;
        }
        Some(match window.kind {
            WindowKind::Cumulate { .. } => Target { time: last, tag: TOTAL, start: 0 },
            _ => Target { time: slice, tag: SLICE, start: 0 },
        })
    }

    /// What of a run of ends has not fired at this watermark.
    fn unfired(&self, (first, last): Run, step: i64, mark: i64) -> Run {
        let step = step.max(1);
        // Almost always none has.
        let (mut low, mut high) = (0, (last - first) / step + 1);
        while low < high && self.fired(first + low * step, mark) {
            let middle = low + (high - low) / 2;
            if self.fired(first + middle * step, mark) { low = middle + 1 } else { high = middle }
        }
        (first + low * step, last)
    }

    /// Where the rows go whose key group's watermark is `mark`, by row.
    fn targets(&self, batch: &Batch, mark: impl Fn(usize) -> i64) -> Result<Vec<Option<Target>>> {
        match &self.config.source {
            WindowSource::Time { column: index, window } => {
                let times = millis(column(batch, *index)?)?;
                if times.null_count() > 0 {
                    return Err(null_rowtime());
                }
                let zone = self.config.zone.as_deref();
                let local = times.values().iter().map(|t| zone.map_or(*t, |z| z.to_local(*t)));
                Ok(local.enumerate().map(|(row, t)| self.target(window, t, mark(row))).collect())
            }
            WindowSource::Attached { start, end } => {
                let (starts, ends) = (millis(column(batch, *start)?)?, millis(column(batch, *end)?)?);
                if starts.null_count() + ends.null_count() > 0 {
                    return Err(Error::internal("a windowed row without its window"));
                }
                let pairs = starts.values().iter().zip(ends.values().iter()).enumerate();
                let open = |row, end| !self.fired(end, mark(row));
                Ok(pairs
                    .map(|(row, (s, e))| open(row, *e).then_some(Target { time: *e, tag: SLICE, start: *s }))
                    .collect())
            }
        }
    }

    /// Notes the windows that a slice or total of a key group will fire in.
    fn expect(&mut self, target: &Target, group: u16) {
        if !self.pending.first_time(target.time, target.tag, group) {
            return;
        }
        match &self.config.source {
            WindowSource::Attached { .. } => self.pending.add((target.time, target.time), group),
            WindowSource::Time { window, .. } => {
                let window = *window;
                let last = if target.tag == TOTAL { target.time } else { window.last_end(target.time) };
                // A total's windows before its end were noted by the slices or have fired; late rows come to the next.
                let first = if target.tag == TOTAL { window.start(last) + window.slice() } else { target.time };
                self.pending.add(self.unfired((first, last), window.slice(), self.marks.of(group)), group);
            }
        }
    }
}

impl Operator for WindowOperator {
    fn open(&mut self, ctx: &mut OperatorContext<'_>, restored: &OperatorState) -> Result<()> {
        let backend = backend(ctx)?;
        let mut ids = Vec::with_capacity(self.specs.len());
        for spec in &self.specs {
            ids.push(backend.register(spec)?);
        }
        self.state = *at(&ids, 0)?;
        self.maps = ids.split_off(1);
        let former = progress::read(restored)?;
        self.marks = Marks::restored(self.own.clone(), &former);
        for group in self.own.clone() {
            let Some(runs) = former.iter().find(|p| p.groups.contains(&group)).map(|p| &p.runs) else { continue };
            if runs.is_empty() {
                continue;
            }
            let (group, mut holds) = (group as u16, false);
            backend.scan(self.state, &group.to_be_bytes(), &mut |_, _| {
                holds = true;
                Ok(ControlFlow::Break(()))
            })?;
            // Groups without state have nothing that could fire.
            runs.iter().filter(|_| holds).for_each(|run| self.pending.add(*run, group));
        }
        Ok(())
    }

    fn on_batch(
        &mut self,
        _input: usize,
        batch: Batch,
        ctx: &mut OperatorContext<'_>,
        _out: &mut dyn Output,
    ) -> Result<()> {
        let n = batch.num_rows();
        if n == 0 {
            return Ok(());
        }
        if batch.ops.as_ref().is_some_and(|ops| ops.values().iter().any(|op| *op != 0)) {
            return Err(Error::internal("updates came to a window aggregate planned for inserts only"));
        }
        let keys = KeyRows::encode(&columns(&batch, &self.config.keys)?, n)?;
        let targets = if self.marks.even() {
            self.targets(&batch, |_| self.marks.least())?
        } else {
            self.targets(&batch, |row| self.marks.of(key::key_group(key::hash(keys.row(row)), self.groups)))?
        };
        let late = targets.iter().filter(|t| t.is_none()).count();
        OperatorMetrics::add(&ctx.metrics.late_rows_dropped, late as u64);
        if late == n {
            return Ok(());
        }
        let backend = backend(ctx)?;

        let (mut slot_of, mut full) = (Vec::with_capacity(n), Vec::new());
        for (key, target) in keys.iter().zip(&targets) {
            let Some(target) = target else {
                slot_of.push(NO_SLOT);
                continue;
            };
            let hash = key::hash(key);
            start_key(&mut full, hash, self.groups);
            full.extend(encode_i64(target.time));
            full.push(target.tag);
            full.extend_from_slice(key);
            let (slot, new) = self.buffer.intern(&full, target.start);
            if new {
                self.expect(target, key::key_group(hash, self.groups));
            }
            slot_of.push(slot);
        }
        self.buffer.load(self.state, backend)?;

        let calls = self.set.calls.len();
        let mut maps = Vec::with_capacity(self.maps.len());
        for (spec, state) in self.set.maps.iter().zip(&self.maps) {
            maps.push(MapBatch::load(spec, *state, &batch, self.buffer.table(), &slot_of, backend)?);
        }
        let no_seen = Seen::default();
        let inputs = RowInputs::new(&self.set, &batch, &no_seen)?;
        let (accs, table) = self.buffer.accs();
        for (row, slot) in slot_of.iter().enumerate().filter(|(_, s)| **s != NO_SLOT) {
            maps.iter_mut().for_each(|m| m.count(row, false, false, false));
            for (i, call) in self.set.calls.iter().enumerate() {
                let value = inputs.get(i, row);
                if value.is_null() {
                    continue;
                }
                let acc = at_mut(accs, slot * calls + i)?;
                match self.set.map_of.get(i).copied().flatten() {
                    None => acc.update(call, value)?,
                    Some(m) => {
                        at(&maps, m)?.apply(row, false, acc, call, value, *slot, table, false, backend)?;
                    }
                }
            }
        }
        for map in maps {
            map.store(table, &[], backend)?;
        }
        self.buffer.relieve(self.state, backend)
    }

    fn on_watermark(&mut self, mark: i64, ctx: &mut OperatorContext<'_>, out: &mut dyn Output) -> Result<()> {
        if mark > self.marks.least() {
            self.marks.raise(mark);
            let backend = backend(ctx)?;
            if self.pending.first().is_some_and(|e| self.fired(e, mark)) {
                self.buffer.store(self.state, backend)?;
            }
            while let Some(end) = self.pending.first().filter(|e| self.fired(*e, mark)) {
                let groups = self.pending.take(end);
                self.fire(end, &groups, backend, out)?;
            }
            self.emitter.flush(out)?;
        }
        out.watermark(mark)
    }

    fn snapshot(
        &mut self,
        _barrier: &Barrier,
        ctx: &mut OperatorContext<'_>,
        _out: &mut dyn Output,
    ) -> Result<OperatorState> {
        self.buffer.store(self.state, backend(ctx)?)?;
        let ranges = self.marks.ranges(self.own.clone());
        let progress =
            |(groups, watermark): (Range<u32>, i64)| Progress { runs: self.pending.all(&groups), groups, watermark };
        Ok(progress::write(&ranges.into_iter().map(progress).collect::<Vec<_>>()))
    }
}

#[cfg(test)]
mod tests;
