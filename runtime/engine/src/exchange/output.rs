//! The sending side of a task: partitions what the last operator emits, gathers
//! slivers until they are worth a message, and keeps barriers, watermarks and
//! the end in their place behind the rows.
//!
//! A watermark waits with the rows before it and is never passed by rows behind
//! it: which rows are late does not depend on how they were batched.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arrow::array::{Array, UInt8Array};
use arrow::compute::{concat, concat_batches};
use streamjob_core::{Batch, Element, Op, Result};

use super::partition::Routed;
use super::{Inbox, Partitioner};
use crate::net::{ChannelId, Outgoing};
use crate::operator::Output;
use crate::task::nanos;

/// Rows that a batch aims at.
const TARGET_ROWS: usize = 8_192;
/// Bytes that a batch aims at.
const TARGET_BYTES: usize = 1 << 20;
/// Beyond this many bytes a batch is sent in pieces.
const LARGE_BYTES: usize = 8 << 20;
/// Below this many rows a batch is a sliver, worth gathering.
const SLIVER_ROWS: usize = 1_024;

/// One consumer subtask as a producer sees it.
pub(crate) struct Target {
    /// Where it is.
    pub consumer: Consumer,
    /// This producer's channel there.
    pub channel: usize,
}

/// Where a consumer subtask is.
#[derive(Clone)]
pub(crate) enum Consumer {
    /// In this process: its inbox.
    Here(Arc<Inbox>),
    /// In another one, over this connection.
    There(Arc<Outgoing>, ChannelId),
}

impl Target {
    fn push(&self, element: Element, bytes: usize, meter: &OutputMeter) -> Result<Duration> {
        match &self.consumer {
            Consumer::Here(inbox) => {
                meter.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
                inbox.push(self.channel, element, bytes)
            }
            Consumer::There(connection, id) => connection.push(*id, &element),
        }
    }

    /// True when it gains nothing from fuller batches.
    fn is_hungry(&self) -> bool {
        match &self.consumer {
            Consumer::Here(inbox) => inbox.is_hungry(),
            Consumer::There(connection, _) => connection.is_drained(),
        }
    }
}

/// Counters of one task's output; it writes, anyone reads.
pub(crate) struct OutputMeter {
    epoch: Instant,
    waited: AtomicU64,
    /// Start of the push under way, nanoseconds after `epoch`; 0 for none.
    pushing: AtomicU64,
    bytes: AtomicU64,
    /// `i64::MIN` before the first.
    watermark: AtomicI64,
}

impl OutputMeter {
    fn new() -> Self {
        Self {
            epoch: Instant::now(),
            waited: AtomicU64::new(0),
            pushing: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            watermark: AtomicI64::new(i64::MIN),
        }
    }

    /// Nanoseconds that pushes have waited, with the one under way: a push that does not wait takes next to no time.
    pub(crate) fn waited_nanos(&self) -> u64 {
        let waited = self.waited.load(Ordering::Relaxed);
        match self.pushing.load(Ordering::Relaxed) {
            0 => waited,
            since => waited + nanos(self.epoch.elapsed()).saturating_sub(since),
        }
    }

    /// Bytes given to consumers in this process.
    pub(crate) fn local_bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// The largest watermark that was sent.
    pub(crate) fn watermark(&self) -> Option<i64> {
        Some(self.watermark.load(Ordering::Relaxed)).filter(|w| *w > i64::MIN)
    }

    /// Runs a push and counts what it waits.
    fn count(&self, push: impl FnOnce() -> Result<Duration>) -> Result<Duration> {
        self.pushing.store(nanos(self.epoch.elapsed()).max(1), Ordering::Relaxed);
        let waited = push();
        self.pushing.store(0, Ordering::Relaxed);
        if let Ok(waited) = &waited {
            self.waited.fetch_add(nanos(*waited), Ordering::Relaxed);
        }
        waited
    }
}

/// See the module.
pub(crate) struct TaskOutput {
    meter: Arc<OutputMeter>,
    edges: Vec<Edge>,
    linger: Duration,
    /// When the oldest gathered rows must go.
    due: Option<Instant>,
    watermark: Option<i64>,
    idle: bool,
    waited: Duration,
}

struct Edge {
    partitioner: Partitioner,
    lanes: Vec<Lane>,
}

/// What is gathered for one target.
struct Lane {
    target: Target,
    meter: Arc<OutputMeter>,
    batches: Vec<Batch>,
    rows: usize,
    bytes: usize,
    watermark: Option<i64>,
}

impl TaskOutput {
    /// One entry an outgoing edge. `linger` zero gathers nothing.
    pub(crate) fn new(edges: Vec<(Partitioner, Vec<Target>)>, linger: Duration) -> Self {
        let meter = Arc::new(OutputMeter::new());
        let lane =
            |target| Lane { target, meter: meter.clone(), batches: Vec::new(), rows: 0, bytes: 0, watermark: None };
        let edge = |(partitioner, targets): (Partitioner, Vec<Target>)| Edge {
            partitioner,
            lanes: targets.into_iter().map(lane).collect(),
        };
        let edges = edges.into_iter().map(edge).collect();
        Self { meter, edges, linger, due: None, watermark: None, idle: false, waited: Duration::ZERO }
    }

    /// Counters that anyone may read while the task runs.
    pub(crate) fn meter(&self) -> Arc<OutputMeter> {
        self.meter.clone()
    }

    /// The largest watermark that was emitted.
    pub(crate) fn last_watermark(&self) -> Option<i64> {
        self.watermark
    }

    /// How long pushes have waited since the last call.
    pub(crate) fn take_waited(&mut self) -> Duration {
        std::mem::take(&mut self.waited)
    }

    /// When [`TaskOutput::flush`] is due; `None` when nothing is held.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Sends all that is held.
    pub(crate) fn flush(&mut self) -> Result<()> {
        self.due = None;
        for lane in self.edges.iter_mut().flat_map(|e| &mut e.lanes) {
            self.waited += lane.flush()?;
        }
        Ok(())
    }

    /// Sends a barrier or an end behind all rows, to everyone.
    pub(crate) fn broadcast(&mut self, element: &Element) -> Result<()> {
        self.flush()?;
        for lane in self.edges.iter().flat_map(|e| &e.lanes) {
            self.waited += lane.push(element.clone(), 0)?;
        }
        Ok(())
    }
}

impl Output for TaskOutput {
    fn emit(&mut self, batch: Batch) -> Result<()> {
        let rows = batch.num_rows();
        if rows > 0 {
            // All consumers count this channel again, not only those that these rows go to.
            self.active()?;
        }
        if self.edges.is_empty() {
            return Ok(());
        }
        // Large results go in pieces, so that queues and frames stay bounded.
        let at_once = piece_rows(rows, batch.bytes()?);
        let mut offset = 0;
        while offset < rows {
            let piece = if at_once < rows { batch.slice(offset, at_once.min(rows - offset)) } else { batch.clone() };
            offset += piece.num_rows();
            for edge in &mut self.edges {
                match edge.partitioner.route(piece.clone())? {
                    Routed::One(output, b) => self.waited += edge.add(output, b, self.linger)?,
                    Routed::All(b) => {
                        for output in 0..edge.lanes.len() {
                            self.waited += edge.add(output, b.clone(), self.linger)?;
                        }
                    }
                    Routed::Parts(parts) => {
                        for (output, b) in parts {
                            self.waited += edge.add(output, b, self.linger)?;
                        }
                    }
                }
            }
        }
        if self.due.is_none() && self.edges.iter().flat_map(|e| &e.lanes).any(|l| l.rows > 0) {
            self.due = Some(Instant::now() + self.linger);
        }
        Ok(())
    }

    fn watermark(&mut self, watermark_ms: i64) -> Result<()> {
        if self.watermark.is_some_and(|w| w >= watermark_ms) {
            return Ok(());
        }
        self.watermark = Some(watermark_ms);
        self.meter.watermark.store(watermark_ms, Ordering::Relaxed);
        for lane in self.edges.iter_mut().flat_map(|e| &mut e.lanes) {
            lane.watermark = Some(watermark_ms);
            if lane.rows == 0 || lane.target.is_hungry() {
                self.waited += lane.flush()?;
            }
        }
        Ok(())
    }

    fn idle(&mut self) -> Result<()> {
        if std::mem::replace(&mut self.idle, true) {
            return Ok(());
        }
        self.broadcast(&Element::Idle)
    }

    fn active(&mut self) -> Result<()> {
        if std::mem::take(&mut self.idle) { self.broadcast(&Element::Active) } else { Ok(()) }
    }
}

impl Edge {
    fn add(&mut self, output: usize, batch: Batch, linger: Duration) -> Result<Duration> {
        match self.lanes.get_mut(output) {
            Some(lane) => lane.add(batch, linger),
            None => Err(streamjob_core::Error::internal(format!("no output {output} of {}", self.lanes.len()))),
        }
    }
}

impl Lane {
    fn push(&self, element: Element, bytes: usize) -> Result<Duration> {
        self.meter.count(|| self.target.push(element, bytes, &self.meter))
    }

    fn add(&mut self, batch: Batch, linger: Duration) -> Result<Duration> {
        let bytes = batch.bytes()?;
        let large = batch.num_rows() >= SLIVER_ROWS || bytes >= TARGET_BYTES || linger.is_zero();
        if large {
            // Passed on as it is, behind what is held.
            let waited = self.flush()?;
            return Ok(waited + self.push(Element::Batch(batch), bytes)?);
        }
        let waited = if self.watermark.is_some() { self.flush()? } else { Duration::ZERO };
        self.rows += batch.num_rows();
        self.bytes += bytes;
        self.batches.push(batch);
        // A consumer without work gains nothing from fuller batches.
        if self.rows >= TARGET_ROWS || self.bytes >= TARGET_BYTES || self.target.is_hungry() {
            return Ok(waited + self.flush()?);
        }
        Ok(waited)
    }

    fn flush(&mut self) -> Result<Duration> {
        let mut waited = Duration::ZERO;
        let bytes = std::mem::take(&mut self.bytes);
        self.rows = 0;
        if let Some(batch) = gather(std::mem::take(&mut self.batches))? {
            waited += self.push(Element::Batch(batch), bytes)?;
        }
        if let Some(watermark) = self.watermark.take() {
            waited += self.push(Element::Watermark(watermark), 0)?;
        }
        Ok(waited)
    }
}

/// Rows of a piece of a batch of so many rows and bytes; all of them while they are not far beyond what a batch aims at.
fn piece_rows(rows: usize, bytes: usize) -> usize {
    let by_rows = if rows > 2 * TARGET_ROWS { TARGET_ROWS } else { rows };
    let by_bytes = if bytes > LARGE_BYTES { rows.saturating_mul(TARGET_BYTES) / bytes } else { rows };
    by_rows.min(by_bytes).max(1)
}

/// One batch of many, in order; `None` of none.
fn gather(mut batches: Vec<Batch>) -> Result<Option<Batch>> {
    if batches.len() <= 1 {
        return Ok(batches.pop());
    }
    let Some(first) = batches.first() else { return Ok(None) };
    let data = concat_batches(&first.data.schema(), batches.iter().map(|b| &b.data))?;
    if batches.iter().all(|b| b.ops.is_none()) {
        return Ok(Some(Batch::inserts(data)));
    }
    let ops: Vec<UInt8Array> = batches
        .iter()
        .map(|b| b.ops.clone().unwrap_or_else(|| UInt8Array::from(vec![Op::Insert as u8; b.num_rows()])))
        .collect();
    let ops = concat(&ops.iter().map(|o| o as &dyn Array).collect::<Vec<_>>())?;
    Ok(Some(Batch::changes(data, arrow::array::AsArray::as_primitive(ops.as_ref()).clone())?))
}

#[cfg(test)]
#[path = "output_tests.rs"]
mod tests;
