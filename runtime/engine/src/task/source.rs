//! Source tasks: poll, pass on, and between polls look at commands. A source is
//! where checkpoints enter the job, and where a stop begins.

use std::sync::Arc;
use std::time::{Duration, Instant};

use streamjob_core::element::MAX_WATERMARK;
use streamjob_core::{Barrier, Element, Result, StopMode};
use streamjob_state::Clock;

use super::chain_run::{self, SlotStatus};
use super::run::{Ending, Task};
use crate::deploy::TaskEvent;
use crate::operator::{OperatorContext, OperatorMetrics, Output, Source, SourcePoll, TaskInfo};

/// Rows that one poll aims at.
const POLL_ROWS: usize = 8_192;

/// A source with all that is its own.
pub(crate) struct SourceSlot {
    pub source: Box<dyn Source>,
    pub info: TaskInfo,
    pub status: Arc<SlotStatus>,
    pub clock: Arc<dyn Clock>,
}

impl SourceSlot {
    /// Calls the source with its context.
    pub(crate) fn with<T>(
        &mut self,
        f: impl FnOnce(&mut dyn Source, &mut OperatorContext<'_>) -> Result<T>,
    ) -> Result<T> {
        let mut ctx =
            OperatorContext { info: &self.info, keyed: None, clock: &self.clock, metrics: &self.status.metrics };
        let result = f(self.source.as_mut(), &mut ctx);
        *self.status.progress.lock() = self.source.progress();
        result
    }
}

impl Task {
    /// Runs until the job finishes or stops.
    pub(super) fn run_source(&mut self) -> Result<Ending> {
        loop {
            while let Some(received) = self.inbox.try_command() {
                if let Some(ending) = self.handle(received)? {
                    return Ok(ending);
                }
            }
            let wait = match self.poll()? {
                Some(wait) => wait,
                None => {
                    self.keep_house()?;
                    continue;
                }
            };
            // Nothing to read: what is held goes now, nobody waits for it to fill.
            self.output.flush()?;
            let deadline = Instant::now() + wait;
            let deadline = if self.quiet() { deadline } else { deadline.min(self.next_tick) };
            let (received, waited) = self.inbox.receive(deadline);
            self.times.add_idle(waited);
            if let Some(ending) = self.handle(received)? {
                return Ok(ending);
            }
            self.keep_house()?;
        }
    }

    /// Reads once. Returns how long to wait when there is nothing.
    fn poll(&mut self) -> Result<Option<Duration>> {
        if self.quiet() {
            return Ok(Some(Duration::from_secs(60)));
        }
        let Some(source) = &mut self.source else { return Ok(Some(Duration::from_secs(60))) };
        match source.with(|s, ctx| s.poll(POLL_ROWS, ctx))? {
            SourcePoll::Rows(batch) => {
                let metrics = source.status.metrics.clone();
                OperatorMetrics::add(&metrics.rows_in, batch.num_rows() as u64);
                chain_run::output(&metrics, &mut self.slots, &mut self.output).emit(batch)?;
                Ok(None)
            }
            SourcePoll::Wait(wait) => Ok(Some(wait)),
            SourcePoll::End => {
                self.end_source(true)?;
                Ok(None)
            }
        }
    }

    /// Nothing more comes from this source: the rest of the job hears of it.
    pub(super) fn end_source(&mut self, drained: bool) -> Result<()> {
        if drained {
            if let Some(source) = &self.source {
                source.status.watermark.store(MAX_WATERMARK, std::sync::atomic::Ordering::Relaxed);
            }
            chain_run::watermark(&mut self.slots, MAX_WATERMARK, &mut self.output)?;
        }
        chain_run::end(&mut self.slots, drained, &mut self.output)?;
        self.output.broadcast(&Element::End { drained })?;
        self.ended = true;
        self.events.send(TaskEvent::Ended(self.id));
        Ok(())
    }

    /// A checkpoint starts here.
    ///
    /// Drain: the end comes before the barrier and cannot be taken back. Suspend: reading
    /// stops behind the barrier; the end follows when the checkpoint is complete, and
    /// reading goes on when it is aborted.
    pub(super) fn trigger_source(&mut self, barrier: &Barrier) -> Result<()> {
        match barrier.stop {
            Some(StopMode::Drain) if !self.ended => self.end_source(true)?,
            _ => {}
        }
        self.checkpoint(barrier, Duration::ZERO)
    }
}
