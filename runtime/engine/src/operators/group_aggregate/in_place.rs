//! Groups whose accumulators have a bounded width: each row changes its group's
//! bytes where the backend holds them.

use super::{Changes, GroupOperator};
use crate::operators::aggregate::{Acc, AggFunction, AggSet, ResultColumn, RowInputs};
use crate::operators::columns;
use streamjob_core::{Batch, Error, Op, Result};
use streamjob_state::KeyedBackend;

/// Rows whose groups are looked up together: what that touches stays in the first-level cache.
const WINDOW: usize = 256;

/// Where the parts of a group's value are.
pub(super) struct Layout {
    /// Bytes of the row count in front: 8 or none.
    rows: usize,
    /// Bytes of a value at most.
    width: usize,
    /// Whether every value has this width.
    fixed: bool,
    /// The value of a new group.
    fresh: Vec<u8>,
    /// Whether every row changes the result: it is not compared with the one before.
    always_new: bool,
    /// Which calls are COUNT.
    counts: Vec<bool>,
}

impl Layout {
    /// `None` for calls with maps beside them or values of any length.
    pub fn of(set: &AggSet, retracts: bool) -> Option<Self> {
        if !set.maps.is_empty() {
            return None;
        }
        let rows = if retracts { 8 } else { 0 };
        let mut width = rows;
        for call in &set.calls {
            width += Acc::width(call)?;
        }
        let mut fresh = vec![0; rows];
        set.calls.iter().for_each(|c| Acc::new(c).encode(&mut fresh));
        let counts: Vec<bool> = set.calls.iter().map(|c| matches!(Acc::new(c), Acc::Count(_))).collect();
        let every_row = |c: &&crate::operators::aggregate::Resolved| {
            c.call.function == AggFunction::CountStar && c.call.filter.is_none()
        };
        Some(Self {
            rows,
            width,
            fixed: set.calls.iter().all(Acc::is_fixed),
            fresh,
            always_new: set.calls.iter().find(every_row).is_some(),
            counts,
        })
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
        for (i, (call, column)) in self.set.calls.iter().zip(self.results.iter_mut()).enumerate() {
            let input = self.inputs.get(i, row);
            if self.layout.counts.get(i) == Some(&true) {
                let (count, after) = rest.split_first_chunk_mut::<8>().ok_or_else(short)?;
                let step = if input.is_null() { 0 } else { 1 - 2 * i64::from(minus) };
                let now = i64::from_le_bytes(*count) + step;
                *count = now.to_le_bytes();
                column.push_bigint(now)?;
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
        for (i, (call, column)) in self.set.calls.iter().zip(self.results.iter_mut()).enumerate() {
            let mut acc = Acc::decode(call, &mut bytes)?;
            let input = self.inputs.get(i, row);
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
        self.keys.encode(&columns(batch, &self.config.keys)?, n, self.groups)?;
        let inputs = RowInputs::new(&self.set, batch)?;
        let mut step = Step { layout, set: &self.set, inputs: &inputs, results: &mut self.results };
        let ttl = self.config.ttl().is_some();
        let compares = !ttl && !layout.always_new;
        let retracts = self.config.input_retracts;
        let keeps_before = self.config.generate_update_before || compares;
        let mut changes = Changes::with_capacity(if self.config.generate_update_before { 2 * n } else { n });
        let (mut old, mut new) = (Vec::new(), Vec::new());
        let ops = batch.ops.as_ref().map(|o| o.values());
        for start in (0..n).step_by(WINDOW) {
            let window = start..n.min(start + WINDOW);
            let entries = backend.entries(self.state, &self.keys, window.clone(), layout.width)?;
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
}
