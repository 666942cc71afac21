//! The operators of one task, called through in chain order: what one emits the
//! next one takes in the same call, and the last one's goes to the task's output.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use parking_lot::Mutex;
use streamjob_core::{Barrier, Batch, CheckpointId, OperatorUid, Result};
use streamjob_state::backend::SnapshotRequest;
use streamjob_state::{Clock, KeyedBackend, OperatorState, PendingSnapshot};

use crate::exchange::TaskOutput;
use crate::operator::{Operator, OperatorContext, OperatorMetrics, Output, Progress, TaskInfo};

/// What others may see of an operator while it runs.
pub(crate) struct SlotStatus {
    pub uid: OperatorUid,
    pub name: String,
    pub is_source: bool,
    pub is_sink: bool,
    pub metrics: Arc<OperatorMetrics>,
    /// `i64::MIN` before the first.
    pub watermark: AtomicI64,
    pub progress: Mutex<Progress>,
}

impl SlotStatus {
    /// The watermark; `None` before the first.
    pub(crate) fn watermark(&self) -> Option<i64> {
        Some(self.watermark.load(Ordering::Relaxed)).filter(|w| *w > i64::MIN)
    }
}

/// One operator of the chain with all that is its own.
pub(crate) struct Slot {
    pub info: TaskInfo,
    pub operator: Box<dyn Operator>,
    pub keyed: Option<Box<dyn KeyedBackend>>,
    pub status: Arc<SlotStatus>,
    pub clock: Arc<dyn Clock>,
}

impl Slot {
    /// Calls the operator with its context.
    pub(crate) fn with<T>(
        &mut self,
        f: impl FnOnce(&mut dyn Operator, &mut OperatorContext<'_>) -> Result<T>,
    ) -> Result<T> {
        let mut ctx = OperatorContext {
            info: &self.info,
            keyed: match &mut self.keyed {
                Some(backend) => Some(backend.as_mut()),
                None => None,
            },
            clock: &self.clock,
            metrics: &self.status.metrics,
        };
        f(self.operator.as_mut(), &mut ctx)
    }
}

/// What an operator emits into: the next operator, or the task's output behind the last.
pub(crate) struct ChainOutput<'a> {
    from: Arc<OperatorMetrics>,
    rest: &'a mut [Slot],
    tail: &'a mut TaskOutput,
}

impl Output for ChainOutput<'_> {
    fn emit(&mut self, batch: Batch) -> Result<()> {
        OperatorMetrics::add(&self.from.rows_out, batch.num_rows() as u64);
        feed(self.rest, 0, batch, self.tail)
    }

    fn watermark(&mut self, watermark_ms: i64) -> Result<()> {
        watermark(self.rest, watermark_ms, self.tail)
    }

    fn idle(&mut self) -> Result<()> {
        idle(self.rest, self.tail)
    }

    fn active(&mut self) -> Result<()> {
        active(self.rest, self.tail)
    }
}

/// What a source or operator with these counters emits into.
pub(crate) fn output<'a>(
    from: &Arc<OperatorMetrics>,
    rest: &'a mut [Slot],
    tail: &'a mut TaskOutput,
) -> ChainOutput<'a> {
    ChainOutput { from: from.clone(), rest, tail }
}

/// Rows for the first of `slots`.
pub(crate) fn feed(slots: &mut [Slot], input: usize, batch: Batch, tail: &mut TaskOutput) -> Result<()> {
    if batch.num_rows() == 0 {
        return Ok(());
    }
    match slots.split_first_mut() {
        None => tail.emit(batch),
        Some((slot, rest)) => {
            let metrics = slot.status.metrics.clone();
            OperatorMetrics::add(&metrics.rows_in, batch.num_rows() as u64);
            slot.with(|op, ctx| op.on_batch(input, batch, ctx, &mut output(&metrics, rest, tail)))
        }
    }
}

/// A watermark for the first of `slots`; one that does not rise is dropped.
pub(crate) fn watermark(slots: &mut [Slot], watermark_ms: i64, tail: &mut TaskOutput) -> Result<()> {
    match slots.split_first_mut() {
        None => tail.watermark(watermark_ms),
        Some((slot, rest)) => {
            if slot.status.watermark.load(Ordering::Relaxed) >= watermark_ms {
                return Ok(());
            }
            slot.status.watermark.store(watermark_ms, Ordering::Relaxed);
            let metrics = slot.status.metrics.clone();
            slot.with(|op, ctx| op.on_watermark(watermark_ms, ctx, &mut output(&metrics, rest, tail)))
        }
    }
}

/// Idleness for the first of `slots`.
pub(crate) fn idle(slots: &mut [Slot], tail: &mut TaskOutput) -> Result<()> {
    match slots.split_first_mut() {
        None => tail.idle(),
        Some((slot, rest)) => {
            let metrics = slot.status.metrics.clone();
            slot.with(|op, ctx| op.on_idle(ctx, &mut output(&metrics, rest, tail)))
        }
    }
}

/// The end of idleness for the first of `slots`.
pub(crate) fn active(slots: &mut [Slot], tail: &mut TaskOutput) -> Result<()> {
    match slots.split_first_mut() {
        None => tail.active(),
        Some((slot, rest)) => {
            let metrics = slot.status.metrics.clone();
            slot.with(|op, ctx| op.on_active(ctx, &mut output(&metrics, rest, tail)))
        }
    }
}

/// Calls `f` with each operator in chain order and the output behind it.
fn each(
    slots: &mut [Slot],
    tail: &mut TaskOutput,
    mut f: impl FnMut(&mut Slot, &mut ChainOutput<'_>) -> Result<()>,
) -> Result<()> {
    let mut rest = slots;
    while let Some((slot, after)) = rest.split_first_mut() {
        let metrics = slot.status.metrics.clone();
        f(slot, &mut output(&metrics, after, tail))?;
        rest = after;
    }
    Ok(())
}

/// A tick for every operator.
pub(crate) fn tick(slots: &mut [Slot], tail: &mut TaskOutput) -> Result<()> {
    each(slots, tail, |slot, out| {
        let now_ms = slot.clock.now_ms();
        slot.with(|op, ctx| op.on_tick(now_ms, ctx, out))
    })
}

/// The end for every operator: what one still emits the next one takes before its own end.
pub(crate) fn end(slots: &mut [Slot], drained: bool, tail: &mut TaskOutput) -> Result<()> {
    each(slots, tail, |slot, out| slot.with(|op, ctx| op.on_end(drained, ctx, out)))
}

/// The synchronous part of one operator's snapshot.
pub(crate) struct SlotSnapshot {
    pub uid: OperatorUid,
    pub operator: OperatorState,
    pub keyed: Option<Box<dyn PendingSnapshot>>,
}

/// Snapshots every operator in chain order, each after it has flushed to the next.
pub(crate) fn snapshot(
    slots: &mut [Slot],
    barrier: &Barrier,
    request: &SnapshotRequest,
    tail: &mut TaskOutput,
) -> Result<Vec<SlotSnapshot>> {
    let mut snapshots = Vec::with_capacity(slots.len());
    each(slots, tail, |slot, out| {
        let operator = slot.with(|op, ctx| op.snapshot(barrier, ctx, out))?;
        let keyed = match &mut slot.keyed {
            Some(backend) => Some(backend.snapshot(request)?),
            None => None,
        };
        snapshots.push(SlotSnapshot { uid: slot.info.uid.clone(), operator, keyed });
        Ok(())
    })?;
    Ok(snapshots)
}

/// Tells every operator and backend that a checkpoint is complete.
pub(crate) fn complete(slots: &mut [Slot], id: CheckpointId) -> Result<()> {
    for slot in slots {
        if let Some(backend) = &mut slot.keyed {
            backend.checkpoint_complete(id);
        }
        slot.with(|op, ctx| op.checkpoint_complete(id, ctx))?;
    }
    Ok(())
}

/// Tells every operator and backend that a checkpoint is given up.
pub(crate) fn abort(slots: &mut [Slot], id: CheckpointId) -> Result<()> {
    for slot in slots {
        if let Some(backend) = &mut slot.keyed {
            backend.checkpoint_aborted(id);
        }
        slot.with(|op, ctx| op.checkpoint_aborted(id, ctx))?;
    }
    Ok(())
}
