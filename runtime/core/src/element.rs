//! What flows along an edge: batches of rows, watermarks, barriers, idleness
//! and the end of input, in order, in one queue.

use crate::CheckpointId;
use crate::error::{Error, Result};
use arrow::array::{Array, RecordBatch, UInt8Array};
use serde::{Deserialize, Serialize};

/// Kind of change that a row is. The numbers are part of the exchange format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Op {
    /// `+I`: a new row.
    Insert = 0,
    /// `-U`: the old content of an updated row.
    UpdateBefore = 1,
    /// `+U`: the new content of an updated row.
    UpdateAfter = 2,
    /// `-D`: a row goes away.
    Delete = 3,
}

impl Op {
    /// Flink's short form.
    pub const fn short(self) -> &'static str {
        match self {
            Op::Insert => "+I",
            Op::UpdateBefore => "-U",
            Op::UpdateAfter => "+U",
            Op::Delete => "-D",
        }
    }

    /// +1 for rows that come, -1 for rows that go.
    pub const fn sign(self) -> i64 {
        match self {
            Op::Insert | Op::UpdateAfter => 1,
            Op::UpdateBefore | Op::Delete => -1,
        }
    }

    /// From its number in an op column.
    pub fn from_u8(value: u8) -> Result<Self> {
        match value {
            0 => Ok(Op::Insert),
            1 => Ok(Op::UpdateBefore),
            2 => Ok(Op::UpdateAfter),
            3 => Ok(Op::Delete),
            other => Err(Error::internal(format!("op column holds {other}, known are 0 to 3"))),
        }
    }
}

/// Rows with their ops. `ops: None` means that every row is an insert.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The columns, in the edge's schema.
    pub data: RecordBatch,
    /// One [`Op`] number a row, without nulls; `None` for insert-only batches.
    pub ops: Option<UInt8Array>,
}

impl Batch {
    /// An insert-only batch.
    pub fn inserts(data: RecordBatch) -> Self {
        Self { data, ops: None }
    }

    /// A batch of changes. Errors when the lengths differ.
    pub fn changes(data: RecordBatch, ops: UInt8Array) -> Result<Self> {
        if data.num_rows() != ops.len() {
            return Err(Error::internal(format!("{} ops for {} rows", ops.len(), data.num_rows())));
        }
        Ok(Self { data, ops: Some(ops) })
    }

    /// Number of rows.
    pub fn num_rows(&self) -> usize {
        self.data.num_rows()
    }

    /// The op of row `row`; insert when there is no op column.
    pub fn op(&self, row: usize) -> Result<Op> {
        match &self.ops {
            None => Ok(Op::Insert),
            Some(ops) if row < ops.len() => Op::from_u8(ops.value(row)),
            Some(ops) => Err(Error::internal(format!("row {row} of {} ops", ops.len()))),
        }
    }

    /// Bytes of its own rows, also when it is a slice of something larger.
    pub fn bytes(&self) -> Result<usize> {
        let mut bytes = self.ops.as_ref().map_or(0, Array::len);
        for column in self.data.columns() {
            bytes += column.to_data().get_slice_memory_size()?;
        }
        Ok(bytes)
    }

    /// Rows `offset .. offset + length`, without copying.
    #[must_use]
    pub fn slice(&self, offset: usize, length: usize) -> Self {
        Self { data: self.data.slice(offset, length), ops: self.ops.as_ref().map(|o| o.slice(offset, length)) }
    }
}

/// Why a barrier was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum BarrierKind {
    /// A periodic or requested checkpoint.
    Checkpoint,
    /// A savepoint in the canonical format.
    Savepoint,
}

/// Whether the job stops behind a barrier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum StopMode {
    /// Sources stop behind the barrier; windows that are open stay open in the savepoint.
    Suspend,
    /// The largest watermark goes first, so that everything pending is emitted.
    Drain,
}

/// Divides the stream into what is before and after checkpoint `id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Barrier {
    /// The checkpoint.
    pub id: CheckpointId,
    /// When it was triggered, in milliseconds since the Unix epoch.
    pub timestamp_ms: i64,
    /// Checkpoint or savepoint.
    pub kind: BarrierKind,
    /// Set when the job stops behind this barrier.
    pub stop: Option<StopMode>,
}

/// The largest watermark: the end of event time.
pub const MAX_WATERMARK: i64 = i64::MAX;

/// One element of a stream.
#[derive(Debug, Clone)]
pub enum Element {
    /// Rows.
    Batch(Batch),
    /// No row with a smaller event time (milliseconds since the epoch) follows, but for late ones.
    Watermark(i64),
    /// A checkpoint's border.
    Barrier(Barrier),
    /// The channel holds back no watermark until it is active again.
    Idle,
    /// The channel is no longer idle; it comes to every consumer, before the rows that only one of them gets.
    Active,
    /// Nothing follows. `drained` is false when a stop with savepoint suspended the job: no final results then.
    End {
        /// True when input ended for good (bounded input, or stop with drain).
        drained: bool,
    },
}
