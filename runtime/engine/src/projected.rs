//! A source whose rows lose columns, for those that cannot leave them out themselves.

use crate::connector::SourceFactory;
use crate::operator::{OperatorContext, Progress, Source, SourcePoll, TaskInfo};
use std::sync::Arc;
use streamjob_core::{Barrier, Batch, CheckpointId, Result};
use streamjob_state::OperatorState;

/// See the module.
pub struct Projected {
    inner: Arc<dyn SourceFactory>,
    columns: Arc<[usize]>,
}

impl Projected {
    /// These columns of a source, in this order.
    pub fn new(inner: Arc<dyn SourceFactory>, columns: Vec<usize>) -> Self {
        Self { inner, columns: columns.into() }
    }
}

impl SourceFactory for Projected {
    fn create(&self, info: &TaskInfo) -> Result<Box<dyn Source>> {
        Ok(Box::new(ProjectedSource { inner: self.inner.create(info)?, columns: Arc::clone(&self.columns) }))
    }

    fn bounded(&self) -> bool {
        self.inner.bounded()
    }

    fn parallelism(&self) -> Option<u32> {
        self.inner.parallelism()
    }
}

struct ProjectedSource {
    inner: Box<dyn Source>,
    columns: Arc<[usize]>,
}

impl Source for ProjectedSource {
    fn open(&mut self, ctx: &mut OperatorContext<'_>, restored: &OperatorState) -> Result<()> {
        self.inner.open(ctx, restored)
    }

    fn poll(&mut self, max_rows: usize, ctx: &mut OperatorContext<'_>) -> Result<SourcePoll> {
        Ok(match self.inner.poll(max_rows, ctx)? {
            SourcePoll::Rows(Batch { data, ops }) => {
                SourcePoll::Rows(Batch { data: data.project(&self.columns)?, ops })
            }
            other => other,
        })
    }

    fn snapshot(&mut self, barrier: &Barrier, ctx: &mut OperatorContext<'_>) -> Result<OperatorState> {
        self.inner.snapshot(barrier, ctx)
    }

    fn checkpoint_complete(&mut self, id: CheckpointId) -> Result<()> {
        self.inner.checkpoint_complete(id)
    }

    fn progress(&self) -> Progress {
        self.inner.progress()
    }
}
