//! CURRENT_WATERMARK: appends the watermark as of each batch as a column, NULL
//! before the first. Exact per row behind an eager watermark assigner.

use crate::operator::{Operator, OperatorContext, OperatorFactory, Output, TaskInfo};
use crate::operators::aggregate::ResultColumn;
use crate::operators::aggregate::scalar::ScalarRef;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use std::sync::Arc;
use streamjob_core::{Barrier, Batch, Error, Result, Schema};
use streamjob_state::{ListMode, OperatorState};

/// Appends the current watermark.
#[derive(Debug, Clone)]
pub struct WatermarkColumn {
    /// The input's columns and one more: a timestamp in milliseconds.
    pub schema: Schema,
}

impl OperatorFactory for WatermarkColumn {
    fn create(&self, _info: &TaskInfo) -> Result<Box<dyn Operator>> {
        Ok(Box::new(ColumnOperator { schema: self.schema.arrow(), watermark: None }))
    }

    fn has_operator_state(&self) -> bool {
        true
    }
}

struct ColumnOperator {
    schema: SchemaRef,
    watermark: Option<i64>,
}

impl Operator for ColumnOperator {
    /// Goes on with the watermark of the checkpoint, as windows do; the smallest where subtasks differed.
    fn open(&mut self, _ctx: &mut OperatorContext<'_>, restored: &OperatorState) -> Result<()> {
        let mark = |item: &Vec<u8>| item.as_slice().try_into().map(i64::from_le_bytes);
        let marks: Result<Vec<i64>, _> = restored.items("watermark").iter().map(mark).collect();
        let marks = marks.map_err(|_| Error::internal("a watermark in operator state is cut"))?;
        self.watermark = marks.into_iter().min().filter(|w| *w > i64::MIN);
        Ok(())
    }

    fn snapshot(
        &mut self,
        _barrier: &Barrier,
        _ctx: &mut OperatorContext<'_>,
        _out: &mut dyn Output,
    ) -> Result<OperatorState> {
        let mut state = OperatorState::default();
        let mark = self.watermark.unwrap_or(i64::MIN);
        state.set("watermark", ListMode::Union, vec![mark.to_le_bytes().to_vec()]);
        Ok(state)
    }

    fn on_batch(
        &mut self,
        _input: usize,
        batch: Batch,
        _ctx: &mut OperatorContext<'_>,
        out: &mut dyn Output,
    ) -> Result<()> {
        let field = self.schema.fields().last().ok_or_else(|| Error::internal("no watermark column"))?;
        let mut column = ResultColumn::new(field.data_type())?;
        for _ in 0..batch.num_rows() {
            column.push(self.watermark.map_or(ScalarRef::Null, ScalarRef::Int))?;
        }
        let mut columns = batch.data.columns().to_vec();
        columns.push(column.finish()?);
        out.emit(Batch { data: RecordBatch::try_new(Arc::clone(&self.schema), columns)?, ops: batch.ops })
    }

    fn on_watermark(&mut self, mark: i64, _ctx: &mut OperatorContext<'_>, out: &mut dyn Output) -> Result<()> {
        // A restored job may see smaller ones again.
        self.watermark = self.watermark.max(Some(mark));
        out.watermark(mark)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::operators::testkit::{Harness, changes, column, int, schema, timestamp};

    #[test]
    fn rows_carry_the_watermark_before_them() {
        let mut h = Harness::new(&WatermarkColumn { schema: schema(&[("x", int()), ("w", timestamp())]) });
        h.batch(changes("+I", vec![column(&[Some(1)])]));
        h.watermark(1500);
        h.batch(changes("-D", vec![column(&[Some(2)])]));
        assert_eq!(h.rows(), ["+I[1, null]", "-D[2, 1970-01-01T00:00:01.500]"]);
    }
}
