//! A filter copies the rows that it keeps. So that it copies no column, and no field of a row,
//! that nobody looks at behind it, the batch is narrowed first to what filter and projections use.

use crate::expr::{evaluate, is_path, to_error};
use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field, Schema};
use datafusion_common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion_physical_expr::PhysicalExpr;
use datafusion_physical_expr::expressions::Column;
use std::sync::Arc;
use streamjob_core::{Batch, Result};
use streamjob_engine::operators::Calc;
use streamjob_engine::{Operator, OperatorContext, OperatorFactory, Output, TaskInfo};
use streamjob_state::OperatorState;

/// A filter and projections over some columns and fields of the input.
pub(super) struct NarrowedCalc {
    /// Columns and fields of the input that are used, each once.
    paths: Vec<Arc<dyn PhysicalExpr>>,
    /// What is computed over them.
    calc: Calc,
}

/// The same over no more than what is used; `None` without a filter, or without columns to use.
pub(super) fn narrowed(calc: &Calc) -> Result<Option<NarrowedCalc>> {
    let Some(filter) = &calc.filter else { return Ok(None) };
    let mut paths = Vec::new();
    let mut moved = |expr: &Arc<dyn PhysicalExpr>| {
        let moved = Arc::clone(expr).transform_down(|e| {
            if !is_path(&e) {
                return Ok(Transformed::no(e));
            }
            let at = paths.iter().position(|p| *p == e).unwrap_or_else(|| {
                paths.push(Arc::clone(&e));
                paths.len() - 1
            });
            // The name is for messages.
            let name = e.downcast_ref::<Column>().map_or_else(|| e.to_string(), |c| c.name().to_string());
            let column: Arc<dyn PhysicalExpr> = Arc::new(Column::new(&name, at));
            Ok(Transformed::new(column, true, TreeNodeRecursion::Jump))
        });
        moved.map(|m| m.data).map_err(to_error)
    };
    let filter = Some(moved(filter)?);
    let projections = calc.projections.iter().map(&mut moved).collect::<Result<Vec<_>>>()?;
    let calc = Calc { filter, projections, schema: calc.schema.clone() };
    Ok((!paths.is_empty()).then_some(NarrowedCalc { paths, calc }))
}

impl OperatorFactory for NarrowedCalc {
    fn create(&self, info: &TaskInfo) -> Result<Box<dyn Operator>> {
        Ok(Box::new(Narrowed { paths: self.paths.clone(), schema: None, calc: self.calc.create(info)? }))
    }
}

struct Narrowed {
    paths: Vec<Arc<dyn PhysicalExpr>>,
    /// Of the narrowed batches: types are those of the first one.
    schema: Option<Arc<Schema>>,
    calc: Box<dyn Operator>,
}

impl Operator for Narrowed {
    fn open(&mut self, ctx: &mut OperatorContext<'_>, restored: &OperatorState) -> Result<()> {
        self.calc.open(ctx, restored)
    }

    fn on_batch(
        &mut self,
        input: usize,
        batch: Batch,
        ctx: &mut OperatorContext<'_>,
        out: &mut dyn Output,
    ) -> Result<()> {
        let columns = self.paths.iter().map(|p| evaluate(p, &batch.data)).collect::<Result<Vec<_>>>()?;
        let schema = self.schema.get_or_insert_with(|| {
            let field = |(at, c): (usize, &Arc<dyn arrow::array::Array>)| {
                Field::new(format!("c{at}"), c.data_type().clone(), true)
            };
            Arc::new(Schema::new(columns.iter().enumerate().map(field).collect::<Vec<_>>()))
        });
        let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let data = RecordBatch::try_new_with_options(Arc::clone(schema), columns, &rows)?;
        self.calc.on_batch(input, Batch { data, ops: batch.ops }, ctx, out)
    }
}
