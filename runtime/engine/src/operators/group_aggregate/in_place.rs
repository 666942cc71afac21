//! Groups whose accumulators have a bounded width: each row changes its group's
//! bytes where the backend holds them.

use super::{Changes, GroupOperator};
use crate::operators::aggregate::scalar::{Class, ScalarRef};
use crate::operators::aggregate::{Acc, AggSet, Method, Resolved, ResultColumn, RowInputs};
use crate::operators::column;
use arrow::array::Array;
use streamjob_core::{Batch, Error, Op, Result};
use streamjob_state::KeyedBackend;

/// Rows whose groups are looked up together: what that touches stays in the first-level cache.
const WINDOW: usize = 256;

/// What stands before strings and bytes: that there is one, and its length.
const BYTES_HEAD: usize = 5;

/// Where the parts of a group's value are.
pub(super) struct Layout {
    /// Bytes of the row count in front: 8 or none.
    rows: usize,
    /// Bytes of a value at most, without strings.
    width: usize,
    /// Whether every value has this width.
    fixed: bool,
    /// The value of a new group.
    fresh: Vec<u8>,
    /// Whether every row changes the result: it is not compared with the one before.
    always_new: bool,
    /// How the accumulator of each call takes a row.
    kernels: Vec<Kernel>,
}

/// How an accumulator of fixed width takes a row.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kernel {
    /// COUNT(*) without a filter.
    CountAll,
    /// Other COUNTs.
    Count,
    /// SUM and AVG of integers.
    Int,
    /// FIRST_VALUE, LAST_VALUE, MIN and MAX of strings and bytes: one of the values that were seen.
    Bytes,
    /// Through an [`Acc`].
    Any,
}

impl Kernel {
    fn of(call: &Resolved) -> Self {
        match Acc::new(call) {
            Acc::Count(_) if call.call.arg.is_none() && call.call.filter.is_none() => Self::CountAll,
            Acc::Count(_) => Self::Count,
            Acc::Int { .. } => Self::Int,
            Acc::Value(_) if Class::of(&call.result_type) == Some(Class::Bytes) => Self::Bytes,
            _ => Self::Any,
        }
    }

    /// Whether a COUNT counts a row.
    #[inline]
    fn counts(self, inputs: &RowInputs<'_>, call: usize, row: usize) -> bool {
        self == Self::CountAll || inputs.sees(call, row)
    }
}

impl Layout {
    /// `None` for calls with maps beside them or values that grow with every row.
    pub fn of(set: &AggSet, retracts: bool) -> Option<Self> {
        if !set.maps.is_empty() || set.calls.iter().any(|c| matches!(c.method, Method::ListAgg | Method::Kept(_))) {
            return None;
        }
        let rows = if retracts { 8 } else { 0 };
        let width = rows + set.calls.iter().map(|c| Acc::width(c).unwrap_or(BYTES_HEAD)).sum::<usize>();
        let mut fresh = vec![0; rows];
        set.calls.iter().for_each(|c| Acc::new(c).encode(&mut fresh));
        let kernels: Vec<Kernel> = set.calls.iter().map(Kernel::of).collect();
        Some(Self {
            rows,
            width,
            fixed: set.calls.iter().all(Acc::is_fixed),
            fresh,
            always_new: kernels.contains(&Kernel::CountAll),
            kernels,
        })
    }

    /// Bytes that a new group's value will have, about.
    fn room(&self, set: &AggSet, batch: &Batch) -> Result<usize> {
        let mut room = self.width;
        let bytes = set.calls.iter().zip(&self.kernels).filter(|(_, k)| **k == Kernel::Bytes);
        for arg in bytes.filter_map(|(call, _)| call.call.arg) {
            room += column(batch, arg)?.to_data().get_slice_memory_size()? / batch.num_rows().max(1);
        }
        Ok(room)
    }
}

/// What the changes of one batch need beside the state.
struct Step<'a> {
    layout: &'a Layout,
    set: &'a AggSet,
    inputs: &'a RowInputs<'a>,
    results: &'a mut [ResultColumn],
}

impl Step<'_> {
    /// Keeps the result of a group's value.
    fn keep(&mut self, value: &[u8], row: usize) -> Result<u32> {
        let version = self.version(row);
        let mut bytes = value.get(self.layout.rows..).unwrap_or(&[]);
        for (call, column) in self.set.calls.iter().zip(self.results.iter_mut()) {
            column.push(Acc::decode(call, &mut bytes)?.result(call))?;
        }
        Ok(version)
    }

    /// The next version. Without calls every version is the same: the row stands for it.
    fn version(&self, row: usize) -> u32 {
        self.results.first().map_or(row, ResultColumn::len) as u32
    }

    /// Lets a value of fixed width see a row, and keeps the result.
    fn change(&mut self, value: &mut [u8], row: usize, minus: bool) -> Result<u32> {
        let version = self.version(row);
        let mut rest = value.get_mut(self.layout.rows..).unwrap_or(&mut []);
        let step = 1 - 2 * i64::from(minus);
        let calls = self.set.calls.iter().zip(&self.layout.kernels).zip(self.results.iter_mut());
        for (i, ((call, kernel), column)) in calls.enumerate() {
            if matches!(kernel, Kernel::CountAll | Kernel::Count) {
                let (count, after) = rest.split_first_chunk_mut::<8>().ok_or_else(short)?;
                let now = i64::from_le_bytes(*count) + if kernel.counts(self.inputs, i, row) { step } else { 0 };
                *count = now.to_le_bytes();
                column.push_bigint(now)?;
                rest = after;
                continue;
            }
            let input = self.inputs.get(i, row);
            if *kernel == Kernel::Int {
                let (sum, after) = rest.split_first_chunk_mut::<8>().ok_or_else(short)?;
                let (count, after) = after.split_first_chunk_mut::<8>().ok_or_else(short)?;
                let mut acc = Acc::Int { sum: i64::from_le_bytes(*sum), count: i64::from_le_bytes(*count) };
                if minus {
                    acc.retract(call, input)?;
                } else {
                    acc.update(call, input)?;
                }
                if let Acc::Int { sum: s, count: c } = &acc {
                    *sum = s.to_le_bytes();
                    *count = c.to_le_bytes();
                }
                column.push(acc.result(call))?;
                rest = after;
                continue;
            }
            let mut bytes: &[u8] = rest;
            let before = bytes.len();
            let mut acc = Acc::decode(call, &mut bytes)?;
            let width = before - bytes.len();
            if minus {
                acc.retract(call, input)?;
            } else {
                acc.update(call, input)?;
            }
            let (own, after) = rest.split_at_mut_checked(width).ok_or_else(short)?;
            acc.write(own);
            column.push(acc.result(call))?;
            rest = after;
        }
        Ok(version)
    }

    /// The same for a value whose width may change; gives the new value in `to`.
    fn rewrite(&mut self, value: &[u8], row: usize, minus: bool, to: &mut Vec<u8>) -> Result<u32> {
        let version = self.version(row);
        let (rows, mut bytes) = value.split_at_checked(self.layout.rows).ok_or_else(short)?;
        to.clear();
        to.extend_from_slice(rows);
        let step = 1 - 2 * i64::from(minus);
        let calls = self.set.calls.iter().zip(&self.layout.kernels).zip(self.results.iter_mut());
        for (i, ((call, kernel), column)) in calls.enumerate() {
            if matches!(kernel, Kernel::CountAll | Kernel::Count) {
                let (count, rest) = bytes.split_first_chunk::<8>().ok_or_else(short)?;
                let now = i64::from_le_bytes(*count) + if kernel.counts(self.inputs, i, row) { step } else { 0 };
                to.extend(now.to_le_bytes());
                column.push_bigint(now)?;
                bytes = rest;
                continue;
            }
            let input = self.inputs.get(i, row);
            if *kernel == Kernel::Bytes && !minus {
                let now = call.choose(split_bytes(&mut bytes)?, input)?;
                push_bytes(now, to);
                column.push(now.map_or(ScalarRef::Null, ScalarRef::Bytes))?;
                continue;
            }
            let mut acc = Acc::decode(call, &mut bytes)?;
            if minus {
                acc.retract(call, input)?;
            } else {
                acc.update(call, input)?;
            }
            acc.encode(to);
            column.push(acc.result(call))?;
        }
        Ok(version)
    }
}

/// Takes strings or bytes from the front of an accumulator's byte form.
fn split_bytes<'a>(from: &mut &'a [u8]) -> Result<Option<&'a [u8]>> {
    let (tag, rest) = from.split_first().ok_or_else(short)?;
    *from = rest;
    if *tag == 0 {
        return Ok(None);
    }
    let (len, rest) = from.split_first_chunk::<4>().ok_or_else(short)?;
    let (bytes, rest) = rest.split_at_checked(u32::from_le_bytes(*len) as usize).ok_or_else(short)?;
    *from = rest;
    Ok(Some(bytes))
}

/// Writes them as [`Acc::encode`] does.
fn push_bytes(bytes: Option<&[u8]>, to: &mut Vec<u8>) {
    to.push(u8::from(bytes.is_some()));
    if let Some(bytes) = bytes {
        to.extend((bytes.len() as u32).to_le_bytes());
        to.extend_from_slice(bytes);
    }
}

fn short() -> Error {
    Error::internal("an accumulator ends early")
}

/// Adds to the rows of a group; gives how many it has now, 1 where they are not counted.
fn count_row(layout: &Layout, value: &mut [u8], minus: bool) -> i64 {
    match value.first_chunk_mut::<8>() {
        Some(rows) if layout.rows > 0 => {
            let now = i64::from_le_bytes(*rows) + if minus { -1 } else { 1 };
            *rows = now.to_le_bytes();
            now
        }
        _ => 1,
    }
}

impl GroupOperator {
    /// Lets the state see the rows; `None` when the backend gives no access in place.
    pub(super) fn change_in_place(&mut self, batch: &Batch, backend: &mut dyn KeyedBackend) -> Result<Option<Changes>> {
        let n = batch.num_rows();
        let Some(layout) = &self.layout else { return Ok(None) };
        let ttl = self.config.ttl().is_some();
        let compares = !ttl && !layout.always_new;
        let retracts = self.config.input_retracts;
        let keeps_before = self.config.generate_update_before || compares;
        let ops = batch.ops.as_ref().map(|o| o.values());
        if !retracts && ops.is_none() && !keeps_before {
            return self.change_straight(batch, backend);
        }
        let inputs = RowInputs::new(&self.set, batch, &self.seen)?;
        let mut step = Step { layout, set: &self.set, inputs: &inputs, results: &mut self.results };
        let room = layout.room(&self.set, batch)?;
        let mut changes = Changes::with_capacity(if self.config.generate_update_before { 2 * n } else { n });
        let (mut old, mut new) = (Vec::new(), Vec::new());
        for start in (0..n).step_by(WINDOW) {
            let window = start..n.min(start + WINDOW);
            let entries = backend.entries(self.state, &self.keys, window.clone(), room)?;
            let Some(mut entries) = entries else { return Ok(None) };
            for (at, row) in window.enumerate() {
                let minus =
                    ops.and_then(|o| o.get(row)).map_or(Ok(false), |op| Op::from_u8(*op).map(|op| op.sign() < 0))?;
                if minus && !retracts {
                    return Err(Error::internal("a retraction came to an aggregate planned for inserts only"));
                }
                let Some(value) = entries.get_mut(at)? else {
                    if minus {
                        // Of a group that was never there or has expired.
                        continue;
                    }
                    old.clear();
                    old.extend_from_slice(&layout.fresh);
                    count_row(layout, &mut old, false);
                    let version = if layout.fixed {
                        let version = step.change(&mut old, row, false)?;
                        entries.set(at, &old)?;
                        version
                    } else {
                        let version = step.rewrite(&old, row, false, &mut new)?;
                        entries.set(at, &new)?;
                        version
                    };
                    changes.push(Op::Insert, version, row);
                    continue;
                };
                let last = retracts && minus && value.first_chunk::<8>().is_some_and(|r| i64::from_le_bytes(*r) == 1);
                let before = if keeps_before || last { step.keep(value, row)? } else { 0 };
                if last {
                    changes.push(Op::Delete, before, row);
                    entries.remove(at)?;
                    continue;
                }
                count_row(layout, value, minus);
                let version = if layout.fixed {
                    step.change(value, row, minus)?
                } else {
                    old.clear();
                    old.extend_from_slice(value);
                    let version = step.rewrite(&old, row, minus, &mut new)?;
                    entries.set(at, &new)?;
                    version
                };
                if compares && step.results.iter().all(|c| c.same(before as usize, version as usize)) {
                    continue;
                }
                if self.config.generate_update_before {
                    changes.push(Op::UpdateBefore, before, row);
                }
                changes.push(Op::UpdateAfter, version, row);
            }
        }
        Ok(Some(changes))
    }

    /// The same where each row is an insert and gives one change, its group's result behind it: in a loop of few
    /// branches.
    fn change_straight(&mut self, batch: &Batch, backend: &mut dyn KeyedBackend) -> Result<Option<Changes>> {
        let n = batch.num_rows();
        let Some(layout) = &self.layout else { return Ok(None) };
        let inputs = RowInputs::new(&self.set, batch, &self.seen)?;
        self.results.iter_mut().for_each(|c| c.reserve(n));
        let mut step = Step { layout, set: &self.set, inputs: &inputs, results: &mut self.results };
        let room = layout.room(&self.set, batch)?;
        let mut changes = Changes::straight(n);
        let mut fresh = Vec::new();
        for start in (0..n).step_by(WINDOW) {
            let window = start..n.min(start + WINDOW);
            let entries = backend.entries(self.state, &self.keys, window.clone(), room)?;
            let Some(mut entries) = entries else { return Ok(None) };
            for (at, row) in window.enumerate() {
                if !layout.fixed {
                    let held = entries.get(at)?;
                    let op = if held.is_some() { Op::UpdateAfter } else { Op::Insert };
                    step.rewrite(held.unwrap_or(&layout.fresh), row, false, &mut fresh)?;
                    entries.set(at, &fresh)?;
                    changes.ops.push(op as u8);
                    continue;
                }
                if let Some(value) = entries.get_mut(at)? {
                    step.change(value, row, false)?;
                    changes.ops.push(Op::UpdateAfter as u8);
                    continue;
                }
                fresh.clear();
                fresh.extend_from_slice(&layout.fresh);
                step.change(&mut fresh, row, false)?;
                entries.set(at, &fresh)?;
                changes.ops.push(Op::Insert as u8);
            }
        }
        Ok(Some(changes))
    }
}
