//! Constant rows (VALUES, SELECT without FROM) as a bounded source.

use crate::expr::{BoundExpr, evaluate};
use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::compute::concat;
use arrow::datatypes::Schema as ArrowSchema;
use std::sync::Arc;
use streamjob_core::{Barrier, Batch, Error, Result, Schema};
use streamjob_engine::{OperatorContext, Progress, Source, SourceFactory, SourcePoll, TaskInfo};
use streamjob_state::{ListMode, OperatorState};

/// Emits each row once.
pub struct ValuesFactory {
    /// The rows; every one has as many expressions as the schema has columns.
    pub rows: Vec<Vec<BoundExpr>>,
    /// The columns.
    pub schema: Schema,
}

impl SourceFactory for ValuesFactory {
    fn create(&self, info: &TaskInfo) -> Result<Box<dyn Source>> {
        Ok(Box::new(ValuesSource { rows: self.rows.clone(), schema: self.schema.clone(), done: info.subtask > 0 }))
    }

    fn bounded(&self) -> bool {
        true
    }

    fn parallelism(&self) -> Option<u32> {
        Some(1)
    }
}

struct ValuesSource {
    rows: Vec<Vec<BoundExpr>>,
    schema: Schema,
    done: bool,
}

impl ValuesSource {
    fn batch(&self) -> Result<Batch> {
        let options = RecordBatchOptions::new().with_row_count(Some(1));
        let one = RecordBatch::try_new_with_options(Arc::new(ArrowSchema::empty()), Vec::new(), &options)?;
        let mut columns: Vec<ArrayRef> = Vec::new();
        for i in 0..self.schema.columns.len() {
            let cells = self
                .rows
                .iter()
                .map(|row| row.get(i).ok_or_else(|| Error::internal("a row of VALUES is too short")))
                .map(|e| evaluate(&e?.expr, &one))
                .collect::<Result<Vec<ArrayRef>>>()?;
            columns.push(concat(&cells.iter().map(AsRef::as_ref).collect::<Vec<_>>())?);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows.len()));
        Ok(Batch::inserts(RecordBatch::try_new_with_options(self.schema.arrow(), columns, &options)?))
    }
}

impl Source for ValuesSource {
    fn open(&mut self, _ctx: &mut OperatorContext<'_>, restored: &OperatorState) -> Result<()> {
        self.done = self.done || !restored.items("done").is_empty();
        Ok(())
    }

    fn poll(&mut self, _max_rows: usize, _ctx: &mut OperatorContext<'_>) -> Result<SourcePoll> {
        if self.done || self.rows.is_empty() {
            return Ok(SourcePoll::End);
        }
        self.done = true;
        Ok(SourcePoll::Rows(self.batch()?))
    }

    fn snapshot(&mut self, _barrier: &Barrier, _ctx: &mut OperatorContext<'_>) -> Result<OperatorState> {
        let mut state = OperatorState::default();
        state.set("done", ListMode::Union, if self.done { vec![vec![1]] } else { Vec::new() });
        Ok(state)
    }

    fn progress(&self) -> Progress {
        let total = self.rows.len() as u64;
        Progress { done: if self.done { total } else { 0 }, total: Some(total) }
    }
}
