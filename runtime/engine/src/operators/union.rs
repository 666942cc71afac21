//! UNION ALL: rows of all inputs, unchanged. The runtime already gives the
//! smallest watermark over the inputs.

use crate::operator::{Operator, OperatorContext, OperatorFactory, Output, TaskInfo};
use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use std::sync::Arc;
use streamjob_core::{Batch, Result, Schema};
use streamjob_state::OperatorState;

/// Passes the rows of any number of inputs on. Inputs have the same carriers; names are taken from `schema`.
#[derive(Debug, Clone)]
pub struct Union {
    /// The output columns.
    pub schema: Schema,
}

impl OperatorFactory for Union {
    fn create(&self, _info: &TaskInfo) -> Result<Box<dyn Operator>> {
        Ok(Box::new(UnionOperator { schema: self.schema.arrow() }))
    }
}

struct UnionOperator {
    schema: SchemaRef,
}

impl Operator for UnionOperator {
    fn open(&mut self, _ctx: &mut OperatorContext<'_>, _restored: &OperatorState) -> Result<()> {
        Ok(())
    }

    fn on_batch(
        &mut self,
        _input: usize,
        batch: Batch,
        _ctx: &mut OperatorContext<'_>,
        out: &mut dyn Output,
    ) -> Result<()> {
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let data =
            RecordBatch::try_new_with_options(Arc::clone(&self.schema), batch.data.columns().to_vec(), &options)?;
        out.emit(Batch { data, ops: batch.ops })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::operators::testkit::{Harness, changes, column, int, rows, schema};

    #[test]
    fn rows_of_every_input_pass_with_their_ops() {
        let mut h = Harness::new(&Union { schema: schema(&[("x", int())]) });
        h.batch_on(0, changes("+I", vec![column(&[Some(1)])]));
        h.batch_on(2, changes("-D", vec![column(&[None])]));
        assert_eq!(rows(&h.take()), ["+I[1]", "-D[null]"]);
    }
}
