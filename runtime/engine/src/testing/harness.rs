//! Runs one subtask of one operator alone: the test feeds elements and looks at
//! what comes out. Snapshots go to memory and can be restored at any parallelism.

use std::path::PathBuf;
use std::sync::Arc;

use arrow::util::display::{ArrayFormatter, FormatOptions};
use streamjob_core::{Barrier, BarrierKind, Batch, CheckpointId, Element, Error, JobId, OperatorUid, Result, key};
use streamjob_state::backend::SnapshotRequest;
use streamjob_state::operator::redistribute;
use streamjob_state::{BackendFactory, Clock, KeyedBackend, OpenRequest, OperatorState, SnapshotFormat, SnapshotStore};

use super::{ManualClock, MemoryBackends, MemoryStore};
use crate::deploy::OperatorSnapshot;
use crate::operator::{Operator, OperatorContext, OperatorFactory, OperatorMetrics, Output, TaskInfo};

/// One subtask of one operator, driven by hand.
///
/// ```text
/// let mut op = OperatorHarness::open(&factory)?;
/// op.batch(0, batch)?;
/// op.watermark(1_000)?;
/// assert_eq!(op.rows()?, ["+I[1, a]"]);
/// let saved = op.snapshot(1)?;
/// let mut again = OperatorHarness::builder().parallelism(0, 2).restore(vec![saved]).store(op.store()).open(&factory)?;
/// ```
pub struct OperatorHarness {
    info: TaskInfo,
    operator: Box<dyn Operator>,
    keyed: Option<Box<dyn KeyedBackend>>,
    metrics: OperatorMetrics,
    manual: Arc<ManualClock>,
    clock: Arc<dyn Clock>,
    store: Arc<MemoryStore>,
    out: Collected,
}

/// Settings of a harness; see [`OperatorHarness::builder`].
pub struct HarnessBuilder {
    subtask: u32,
    parallelism: u32,
    max_parallelism: u32,
    backend: Arc<dyn BackendFactory>,
    store: Arc<MemoryStore>,
    restore: Vec<OperatorSnapshot>,
    now_ms: i64,
    dir: PathBuf,
}

#[derive(Default)]
struct Collected(Vec<Element>);

impl Output for Collected {
    fn emit(&mut self, batch: Batch) -> Result<()> {
        self.0.push(Element::Batch(batch));
        Ok(())
    }
    fn watermark(&mut self, watermark_ms: i64) -> Result<()> {
        self.0.push(Element::Watermark(watermark_ms));
        Ok(())
    }
    fn idle(&mut self) -> Result<()> {
        self.0.push(Element::Idle);
        Ok(())
    }
    fn active(&mut self) -> Result<()> {
        self.0.push(Element::Active);
        Ok(())
    }
}

impl HarnessBuilder {
    /// Which subtask of how many. Default 0 of 1.
    #[must_use]
    pub fn parallelism(mut self, subtask: u32, parallelism: u32) -> Self {
        (self.subtask, self.parallelism) = (subtask, parallelism);
        self
    }

    /// Number of key groups. Default 128.
    #[must_use]
    pub fn max_parallelism(mut self, groups: u32) -> Self {
        self.max_parallelism = groups;
        self
    }

    /// Another backend than [`MemoryBackends`].
    #[must_use]
    pub fn backend(mut self, backend: Arc<dyn BackendFactory>) -> Self {
        self.backend = backend;
        self
    }

    /// Folder for backends that work on disk.
    #[must_use]
    pub fn dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.dir = dir.into();
        self
    }

    /// The store that snapshots are written to and restored from.
    #[must_use]
    pub fn store(mut self, store: Arc<MemoryStore>) -> Self {
        self.store = store;
        self
    }

    /// Snapshots of all old subtasks, in order.
    #[must_use]
    pub fn restore(mut self, old: Vec<OperatorSnapshot>) -> Self {
        self.restore = old;
        self
    }

    /// What the clock shows at first, milliseconds. Default 0.
    #[must_use]
    pub fn now(mut self, now_ms: i64) -> Self {
        self.now_ms = now_ms;
        self
    }

    /// Creates and opens the operator.
    pub fn open(self, factory: &dyn OperatorFactory) -> Result<OperatorHarness> {
        let info = TaskInfo {
            job: "test".into(),
            job_id: JobId::from_random(0),
            uid: OperatorUid("operator".into()),
            name: "operator".into(),
            subtask: self.subtask,
            parallelism: self.parallelism,
            max_parallelism: self.max_parallelism,
            attempt: "attempt".into(),
        };
        let manual = Arc::new(ManualClock::at(self.now_ms));
        let clock: Arc<dyn Clock> = manual.clone();
        let groups = key::key_group_range(self.subtask, self.parallelism, self.max_parallelism);
        let keyed = if factory.keyed_states().is_empty() {
            None
        } else {
            Some(
                self.backend.open(OpenRequest {
                    uid: info.uid.clone(),
                    subtask: self.subtask,
                    groups: groups.clone(),
                    max_parallelism: self.max_parallelism,
                    dir: self.dir,
                    restore: self
                        .restore
                        .iter()
                        .filter_map(|s| s.keyed.clone())
                        .filter(|k| k.group_start < groups.end && groups.start < k.group_end)
                        .collect(),
                    store: self.store.clone(),
                    memory_budget: 64 << 20,
                    clock: clock.clone(),
                })?,
            )
        };
        let old: Vec<OperatorState> = self.restore.into_iter().map(|s| s.operator).collect();
        let restored = redistribute(&old, self.parallelism).into_iter().nth(self.subtask as usize).unwrap_or_default();
        let mut harness = OperatorHarness {
            operator: factory.create(&info)?,
            info,
            keyed,
            metrics: OperatorMetrics::default(),
            manual,
            clock,
            store: self.store,
            out: Collected::default(),
        };
        harness.with(|op, ctx, _| op.open(ctx, &restored))?;
        Ok(harness)
    }
}

impl OperatorHarness {
    /// Subtask 0 of 1, nothing to restore.
    pub fn open(factory: &dyn OperatorFactory) -> Result<Self> {
        Self::builder().open(factory)
    }

    /// Other settings.
    pub fn builder() -> HarnessBuilder {
        HarnessBuilder {
            subtask: 0,
            parallelism: 1,
            max_parallelism: key::DEFAULT_MAX_PARALLELISM,
            backend: Arc::new(MemoryBackends),
            store: Arc::new(MemoryStore::new()),
            restore: Vec::new(),
            now_ms: 0,
            dir: PathBuf::new(),
        }
    }

    fn with<T>(
        &mut self,
        f: impl FnOnce(&mut dyn Operator, &mut OperatorContext<'_>, &mut dyn Output) -> Result<T>,
    ) -> Result<T> {
        let mut ctx = OperatorContext {
            info: &self.info,
            keyed: match &mut self.keyed {
                Some(backend) => Some(backend.as_mut()),
                None => None,
            },
            clock: &self.clock,
            metrics: &self.metrics,
        };
        f(self.operator.as_mut(), &mut ctx, &mut self.out)
    }

    /// Rows on an input.
    pub fn batch(&mut self, input: usize, batch: Batch) -> Result<()> {
        self.with(|op, ctx, out| op.on_batch(input, batch, ctx, out))
    }

    /// The watermark rises.
    pub fn watermark(&mut self, watermark_ms: i64) -> Result<()> {
        self.with(|op, ctx, out| op.on_watermark(watermark_ms, ctx, out))
    }

    /// All inputs are idle.
    pub fn idle(&mut self) -> Result<()> {
        self.with(|op, ctx, out| op.on_idle(ctx, out))
    }

    /// Sets the clock and ticks.
    pub fn tick(&mut self, now_ms: i64) -> Result<()> {
        self.manual.set(now_ms);
        self.with(|op, ctx, out| op.on_tick(now_ms, ctx, out))
    }

    /// Input ended.
    pub fn end(&mut self, drained: bool) -> Result<()> {
        self.with(|op, ctx, out| op.on_end(drained, ctx, out))
    }

    /// A checkpoint barrier: operator and keyed state as the runtime takes them.
    pub fn snapshot(&mut self, checkpoint: CheckpointId) -> Result<OperatorSnapshot> {
        let timestamp_ms = self.clock.now_ms();
        let barrier = Barrier { id: checkpoint, timestamp_ms, kind: BarrierKind::Checkpoint, stop: None };
        let operator = self.with(|op, ctx, out| op.snapshot(&barrier, ctx, out))?;
        let store: Arc<dyn SnapshotStore> = self.store.clone();
        let request = SnapshotRequest { checkpoint, format: SnapshotFormat::Canonical, store };
        let keyed = match &mut self.keyed {
            Some(backend) => Some(backend.snapshot(&request)?.complete()?),
            None => None,
        };
        Ok(OperatorSnapshot { keyed, operator })
    }

    /// The checkpoint is complete.
    pub fn complete(&mut self, checkpoint: CheckpointId) -> Result<()> {
        if let Some(backend) = &mut self.keyed {
            backend.checkpoint_complete(checkpoint);
        }
        self.with(|op, ctx, _| op.checkpoint_complete(checkpoint, ctx))
    }

    /// The checkpoint is given up.
    pub fn abort(&mut self, checkpoint: CheckpointId) -> Result<()> {
        if let Some(backend) = &mut self.keyed {
            backend.checkpoint_aborted(checkpoint);
        }
        self.with(|op, ctx, _| op.checkpoint_aborted(checkpoint, ctx))
    }

    /// Takes what came out since the last time.
    pub fn take(&mut self) -> Vec<Element> {
        std::mem::take(&mut self.out.0)
    }

    /// Takes what came out and shows its rows: `+I[1, a]`. Watermarks and the rest are left out.
    pub fn rows(&mut self) -> Result<Vec<String>> {
        let mut rows = Vec::new();
        for element in self.take() {
            if let Element::Batch(batch) = element {
                rows.extend(print_rows(&batch)?);
            }
        }
        Ok(rows)
    }

    /// As [`OperatorHarness::rows`], sorted: for operators whose order means nothing.
    pub fn sorted_rows(&mut self) -> Result<Vec<String>> {
        let mut rows = self.rows()?;
        rows.sort();
        Ok(rows)
    }

    /// The operator's counters.
    pub fn metrics(&self) -> &OperatorMetrics {
        &self.metrics
    }

    /// Its keyed backend. Errors when the factory declares no keyed state.
    pub fn keyed(&mut self) -> Result<&mut dyn KeyedBackend> {
        match &mut self.keyed {
            Some(backend) => Ok(backend.as_mut()),
            None => Err(Error::internal("the operator has no keyed state")),
        }
    }

    /// The store that snapshots go to.
    pub fn store(&self) -> Arc<MemoryStore> {
        self.store.clone()
    }
}

/// Rows of a batch with their ops, as Arrow shows the values: `+I[1, a]`, `-U[null, 2.5]`.
pub fn print_rows(batch: &Batch) -> Result<Vec<String>> {
    let options = FormatOptions::default().with_null("null");
    let columns = batch
        .data
        .columns()
        .iter()
        .map(|c| ArrayFormatter::try_new(c.as_ref(), &options))
        .collect::<Result<Vec<_>, _>>()?;
    (0..batch.num_rows())
        .map(|row| {
            let values: Vec<String> = columns.iter().map(|c| c.value(row).to_string()).collect();
            Ok(format!("{}[{}]", batch.op(row)?.short(), values.join(", ")))
        })
        .collect()
}
