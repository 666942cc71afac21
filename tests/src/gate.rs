//! Sources that read one row at a time, and only as many as they are allowed, so
//! that a checkpoint falls between two rows of a test's choice.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use streamjob_core::table::TableDef;
use streamjob_core::{Barrier, Batch, Result};
use streamjob_engine::{
    Connectors, OperatorContext, Progress, SinkFactory, Source, SourceFactory, SourcePoll, TaskInfo,
};
use streamjob_state::OperatorState;

/// How many more rows all sources together may read.
#[derive(Debug, Default)]
pub struct Gate {
    left: AtomicI64,
    read: AtomicI64,
}

impl Gate {
    /// Without a limit.
    pub fn open() -> Arc<Self> {
        Arc::new(Self { left: AtomicI64::new(i64::MAX), read: AtomicI64::new(0) })
    }

    /// Closed after `rows` rows.
    pub fn after(rows: i64) -> Arc<Self> {
        Arc::new(Self { left: AtomicI64::new(rows), read: AtomicI64::new(0) })
    }

    /// Lets `rows` more rows through.
    pub fn allow(&self, rows: i64) {
        self.left.fetch_add(rows, Ordering::SeqCst);
    }

    /// Rows that went through.
    pub fn read(&self) -> i64 {
        self.read.load(Ordering::SeqCst)
    }

    /// True when nothing more may be read now.
    pub fn is_closed(&self) -> bool {
        self.left.load(Ordering::SeqCst) <= 0
    }

    fn pass(&self) -> bool {
        self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| (n > 0).then_some(n - 1)).is_ok()
    }
}

/// Connectors whose sources go through a gate.
pub struct GatedConnectors<C> {
    /// The real ones.
    pub inner: C,
    /// The gate.
    pub gate: Arc<Gate>,
    /// Each source is one subtask at any parallelism. Where there is event time, which rows are late depends on
    /// which source subtask reads first.
    pub one_subtask: bool,
}

impl<C: Connectors> Connectors for GatedConnectors<C> {
    fn source(&self, table: &TableDef) -> Result<Arc<dyn SourceFactory>> {
        Ok(Arc::new(GatedFactory {
            inner: self.inner.source(table)?,
            gate: self.gate.clone(),
            one_subtask: self.one_subtask,
        }))
    }

    fn sink(&self, table: &TableDef) -> Result<Arc<dyn SinkFactory>> {
        self.inner.sink(table)
    }
}

struct GatedFactory {
    inner: Arc<dyn SourceFactory>,
    gate: Arc<Gate>,
    one_subtask: bool,
}

impl SourceFactory for GatedFactory {
    fn create(&self, info: &TaskInfo) -> Result<Box<dyn Source>> {
        Ok(Box::new(GatedSource { inner: self.inner.create(info)?, gate: self.gate.clone() }))
    }

    fn bounded(&self) -> bool {
        self.inner.bounded()
    }

    fn parallelism(&self) -> Option<u32> {
        if self.one_subtask { Some(1) } else { self.inner.parallelism() }
    }
}

struct GatedSource {
    inner: Box<dyn Source>,
    gate: Arc<Gate>,
}

impl Source for GatedSource {
    fn open(&mut self, ctx: &mut OperatorContext<'_>, restored: &OperatorState) -> Result<()> {
        self.inner.open(ctx, restored)
    }

    fn poll(&mut self, _max_rows: usize, ctx: &mut OperatorContext<'_>) -> Result<SourcePoll> {
        if !self.gate.pass() {
            return Ok(SourcePoll::Wait(Duration::from_millis(1)));
        }
        let polled = self.inner.poll(1, ctx)?;
        match &polled {
            SourcePoll::Rows(batch) => {
                self.gate.read.fetch_add(rows(batch), Ordering::SeqCst);
            }
            // Nothing was read: the permit goes back.
            SourcePoll::Wait(_) | SourcePoll::End => self.gate.allow(1),
        }
        Ok(polled)
    }

    fn snapshot(&mut self, barrier: &Barrier, ctx: &mut OperatorContext<'_>) -> Result<OperatorState> {
        self.inner.snapshot(barrier, ctx)
    }

    fn progress(&self) -> Progress {
        self.inner.progress()
    }
}

fn rows(batch: &Batch) -> i64 {
    i64::try_from(batch.num_rows()).unwrap_or(i64::MAX)
}
