//! The contracts of sources and operators. Both run on their subtask's thread
//! alone; neither sees other subtasks, storage, or checkpoint decisions.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use streamjob_core::{Barrier, Batch, CheckpointId, JobId, OperatorUid, Result, Schema};
use streamjob_state::{Clock, KeyedBackend, OperatorState, StateSpec};

/// Who a subtask is.
#[derive(Debug, Clone)]
pub struct TaskInfo {
    /// Name of the job.
    pub job: String,
    /// The lineage of state that it goes on with; no other job has it.
    pub job_id: JobId,
    /// Uid of the operator.
    pub uid: OperatorUid,
    /// Name of the operator, for people.
    pub name: String,
    /// Index of this subtask, from 0.
    pub subtask: u32,
    /// Number of subtasks.
    pub parallelism: u32,
    /// Number of key groups.
    pub max_parallelism: u32,
    /// Random per deployment; part of names that must never be used twice.
    pub attempt: String,
}

/// What an operator may use while it runs.
pub struct OperatorContext<'a> {
    /// Who it is.
    pub info: &'a TaskInfo,
    /// Its keyed state; `None` when its factory declares none.
    pub keyed: Option<&'a mut dyn KeyedBackend>,
    /// Wall clock.
    pub clock: &'a Arc<dyn Clock>,
    /// Its counters; see there which of them are its own to add to.
    pub metrics: &'a OperatorMetrics,
}

/// Counters of one operator in one subtask, updated once a batch. The runtime
/// counts the rows in and out; an operator adds only what it alone knows: rows
/// that it dropped, and as a sink, rows that it wrote.
#[derive(Debug, Default)]
pub struct OperatorMetrics {
    /// Rows that came in (sources: rows read). Counted by the runtime.
    pub rows_in: AtomicU64,
    /// Rows that went out. Counted by the runtime when they are emitted; a sink
    /// emits none and adds here what it wrote.
    pub rows_out: AtomicU64,
    /// Rows dropped because their window had closed.
    pub late_rows_dropped: AtomicU64,
    /// Bad input rows skipped on request.
    pub rows_skipped: AtomicU64,
}

impl OperatorMetrics {
    /// Adds `n` to a counter.
    pub fn add(counter: &AtomicU64, n: u64) {
        counter.fetch_add(n, Ordering::Relaxed);
    }
}

/// Takes what an operator produces. Blocks while the next queue is full: that is back pressure.
pub trait Output {
    /// Passes rows on.
    fn emit(&mut self, batch: Batch) -> Result<()>;
    /// Passes a watermark on, in milliseconds.
    fn watermark(&mut self, watermark_ms: i64) -> Result<()>;
    /// Says that nothing holds back the watermark here until `active`, or until more rows come.
    fn idle(&mut self) -> Result<()>;
    /// Says that the watermark counts again.
    fn active(&mut self) -> Result<()>;
}

/// One subtask of a streaming operator. Sinks are operators that emit nothing.
pub trait Operator: Send {
    /// Before the first element. `restored` is this subtask's share of the operator state; keyed state is restored already.
    /// Register keyed states here.
    fn open(&mut self, ctx: &mut OperatorContext<'_>, restored: &OperatorState) -> Result<()>;

    /// Rows on input `input`.
    fn on_batch(
        &mut self,
        input: usize,
        batch: Batch,
        ctx: &mut OperatorContext<'_>,
        out: &mut dyn Output,
    ) -> Result<()>;

    /// The smallest watermark over all inputs rose. Default: pass it on.
    fn on_watermark(&mut self, watermark_ms: i64, ctx: &mut OperatorContext<'_>, out: &mut dyn Output) -> Result<()> {
        let _ = ctx;
        out.watermark(watermark_ms)
    }

    /// All inputs are idle. Default: pass it on.
    fn on_idle(&mut self, ctx: &mut OperatorContext<'_>, out: &mut dyn Output) -> Result<()> {
        let _ = ctx;
        out.idle()
    }

    /// An input is no longer idle. Default: pass it on.
    fn on_active(&mut self, ctx: &mut OperatorContext<'_>, out: &mut dyn Output) -> Result<()> {
        let _ = ctx;
        out.active()
    }

    /// About every 100 ms of wall time, also without input.
    fn on_tick(&mut self, now_ms: i64, ctx: &mut OperatorContext<'_>, out: &mut dyn Output) -> Result<()> {
        let _ = (now_ms, ctx, out);
        Ok(())
    }

    /// Input ended. `drained` is false when a stop suspended the job: then no final results may be emitted.
    /// More barriers may still follow.
    fn on_end(&mut self, drained: bool, ctx: &mut OperatorContext<'_>, out: &mut dyn Output) -> Result<()> {
        let _ = (drained, ctx, out);
        Ok(())
    }

    /// The barrier is here (aligned): flush what must be in the checkpoint to `out` first, then return the operator state.
    /// Keyed state is snapshot by the runtime right after.
    fn snapshot(
        &mut self,
        barrier: &Barrier,
        ctx: &mut OperatorContext<'_>,
        out: &mut dyn Output,
    ) -> Result<OperatorState> {
        let _ = (barrier, ctx, out);
        Ok(OperatorState::default())
    }

    /// The checkpoint is complete and owned by this job: publish what belongs to it and to earlier ones. Must be idempotent.
    fn checkpoint_complete(&mut self, id: CheckpointId, ctx: &mut OperatorContext<'_>) -> Result<()> {
        let _ = (id, ctx);
        Ok(())
    }

    /// The checkpoint will never complete. What it would have published belongs to the next one.
    fn checkpoint_aborted(&mut self, id: CheckpointId, ctx: &mut OperatorContext<'_>) -> Result<()> {
        let _ = (id, ctx);
        Ok(())
    }
}

/// Makes the subtasks of an operator.
pub trait OperatorFactory: Send + Sync {
    /// One subtask.
    fn create(&self, info: &TaskInfo) -> Result<Box<dyn Operator>>;
    /// Keyed states that it will register; empty for an operator without keyed state.
    fn keyed_states(&self) -> Vec<StateSpec> {
        Vec::new()
    }
    /// True when the operator keeps operator state (its uid then counts in restores).
    fn has_operator_state(&self) -> bool {
        false
    }
}

/// What a source has to give.
pub enum SourcePoll {
    /// Rows, physical columns only.
    Rows(Batch),
    /// Nothing now; ask again after this time or sooner.
    Wait(Duration),
    /// Never anything again.
    End,
}

/// How far a source is, for people.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Progress {
    /// Bytes or rows done.
    pub done: u64,
    /// Bytes or rows in all, where known.
    pub total: Option<u64>,
}

/// One subtask of a source.
pub trait Source: Send {
    /// Before the first poll. `restored` holds the positions (empty on a fresh start).
    fn open(&mut self, ctx: &mut OperatorContext<'_>, restored: &OperatorState) -> Result<()>;
    /// The next rows, at most about `max_rows`. Returns within some milliseconds.
    fn poll(&mut self, max_rows: usize, ctx: &mut OperatorContext<'_>) -> Result<SourcePoll>;
    /// Positions behind the last polled row.
    fn snapshot(&mut self, barrier: &Barrier, ctx: &mut OperatorContext<'_>) -> Result<OperatorState>;
    /// The checkpoint is complete.
    fn checkpoint_complete(&mut self, id: CheckpointId) -> Result<()> {
        let _ = id;
        Ok(())
    }
    /// How far it is.
    fn progress(&self) -> Progress {
        Progress::default()
    }
}

/// Rows that an operator's output has.
pub type OutputSchema = Schema;
