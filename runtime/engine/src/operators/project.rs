//! Filter and projection. Row-wise on changelogs too: every row keeps its own
//! op, also where only one row of an update pair passes, as in the original.

use crate::operator::{Operator, OperatorContext, OperatorFactory, Output, TaskInfo};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, RecordBatchOptions, UInt8Array};
use arrow::compute::FilterBuilder;
use arrow::datatypes::{DataType as ArrowType, SchemaRef};
use datafusion_common::DataFusionError;
use datafusion_physical_expr::PhysicalExpr;
use std::sync::Arc;
use streamjob_core::{Batch, Error, Result, Schema};
use streamjob_state::OperatorState;

/// Computes columns over the rows that pass a filter.
#[derive(Debug, Clone)]
pub struct Calc {
    /// Keeps rows for which it is TRUE; `None` keeps all.
    pub filter: Option<Arc<dyn PhysicalExpr>>,
    /// One per output column; evaluated on kept rows only. Their types must be the schema's carriers.
    pub projections: Vec<Arc<dyn PhysicalExpr>>,
    /// The output columns.
    pub schema: Schema,
}

impl OperatorFactory for Calc {
    fn create(&self, _info: &TaskInfo) -> Result<Box<dyn Operator>> {
        if self.projections.len() != self.schema.columns.len() {
            return Err(Error::internal(format!(
                "{} projections for {} columns",
                self.projections.len(),
                self.schema.columns.len()
            )));
        }
        Ok(Box::new(CalcOperator { config: self.clone(), schema: self.schema.arrow() }))
    }
}

struct CalcOperator {
    config: Calc,
    schema: SchemaRef,
}

impl Operator for CalcOperator {
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
        let batch = match &self.config.filter {
            None => batch,
            Some(filter) => {
                let mask = evaluate_mask(filter.as_ref(), &batch.data)?;
                match keep(batch, &mask)? {
                    Some(kept) => kept,
                    None => return Ok(()),
                }
            }
        };
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let columns =
            self.config.projections.iter().map(|e| evaluate(e.as_ref(), &batch.data)).collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let data = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?;
        out.emit(Batch { data, ops: batch.ops })
    }
}

/// Evaluates an expression to a full array. A failure is the user's: division by zero, a failing cast.
pub fn evaluate(expr: &dyn PhysicalExpr, data: &RecordBatch) -> Result<ArrayRef> {
    expr.evaluate(data).and_then(|v| v.into_array_of_size(data.num_rows())).map_err(|e| expression_error(expr, e))
}

/// Evaluates a predicate; NULL counts as false.
pub fn evaluate_mask(expr: &dyn PhysicalExpr, data: &RecordBatch) -> Result<BooleanArray> {
    let array = evaluate(expr, data)?;
    match array.data_type() {
        ArrowType::Boolean => {
            let mask = array.as_boolean();
            Ok(match mask.nulls() {
                Some(nulls) => BooleanArray::new(mask.values() & nulls.inner(), None),
                None => mask.clone(),
            })
        }
        ArrowType::Null => Ok(BooleanArray::new(arrow::buffer::BooleanBuffer::new_unset(array.len()), None)),
        other => Err(Error::internal(format!("filter {expr} gives {other}, not BOOLEAN"))),
    }
}

fn expression_error(expr: &dyn PhysicalExpr, error: DataFusionError) -> Error {
    let context = format!("cannot evaluate {expr}");
    match error {
        // Our own functions fail with our own error: keep its domain and text.
        DataFusionError::External(inner) => match inner.downcast::<Error>() {
            Ok(own) => own.context(context),
            Err(other) => Error::user(context).caused_by(other),
        },
        other => Error::user(context).caused_by(other),
    }
}

/// The rows where `mask` is true, with their ops; `None` when there is none.
pub fn keep(batch: Batch, mask: &BooleanArray) -> Result<Option<Batch>> {
    let kept = mask.true_count();
    if kept == batch.num_rows() {
        return Ok((kept > 0).then_some(batch));
    }
    if kept == 0 {
        return Ok(None);
    }
    let filter = FilterBuilder::new(mask).optimize().build();
    let columns = batch.data.columns().iter().map(|c| filter.filter(c.as_ref())).collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(kept));
    let data = RecordBatch::try_new_with_options(batch.data.schema(), columns, &options)?;
    let ops: Option<UInt8Array> = match &batch.ops {
        None => None,
        Some(ops) => Some(filter.filter(ops)?.as_primitive().clone()),
    };
    Ok(Some(Batch { data, ops }))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::operators::testkit::{Harness, changes, column as col, int, rows, schema};
    use datafusion_common::ScalarValue;
    use datafusion_expr::Operator as SqlOp;
    use datafusion_physical_expr::expressions::{BinaryExpr, Column, Literal};

    fn lit(v: i64) -> Arc<dyn PhysicalExpr> {
        Arc::new(Literal::new(ScalarValue::Int64(Some(v))))
    }

    fn binary(l: Arc<dyn PhysicalExpr>, op: SqlOp, r: Arc<dyn PhysicalExpr>) -> Arc<dyn PhysicalExpr> {
        Arc::new(BinaryExpr::new(l, op, r))
    }

    #[test]
    fn each_row_of_an_update_pair_keeps_its_own_op() {
        let a: Arc<dyn PhysicalExpr> = Arc::new(Column::new("a", 0));
        let calc = Calc {
            filter: Some(binary(a.clone(), SqlOp::Gt, lit(1))),
            projections: vec![binary(a, SqlOp::Multiply, lit(10))],
            schema: schema(&[("x", int())]),
        };
        let mut h = Harness::new(&calc);
        h.batch(changes("+I -U +U -D", vec![col(&[Some(1), Some(1), Some(2), None])]));
        assert_eq!(rows(&h.take()), ["+U[20]"]);
        h.batch(changes("-U +U", vec![col(&[Some(3), Some(0)])]));
        assert_eq!(rows(&h.take()), ["-U[30]"]);
        h.batch(changes("+I", vec![col(&[Some(0)])]));
        assert!(h.take().is_empty());
    }

    #[test]
    fn a_failing_expression_is_the_users_error_and_filtered_rows_cannot_fail() {
        let a: Arc<dyn PhysicalExpr> = Arc::new(Column::new("a", 0));
        let div = binary(lit(6), SqlOp::Divide, a.clone());
        let mut calc = Calc { filter: None, projections: vec![div], schema: schema(&[("x", int())]) };
        let mut h = Harness::new(&calc);
        let e = h.try_batch(changes("+I +I", vec![col(&[Some(3), Some(0)])])).unwrap_err();
        assert_eq!(e.domain(), streamjob_core::Domain::User);
        assert!(e.message().contains("6 / a@0"), "{e}");
        calc.filter = Some(binary(a, SqlOp::NotEq, lit(0)));
        let mut h = Harness::new(&calc);
        h.batch(changes("+I +I", vec![col(&[Some(3), Some(0)])]));
        assert_eq!(rows(&h.take()), ["+I[2]"]);
    }

    #[test]
    fn no_columns_still_count_rows() {
        let calc = Calc { filter: None, projections: vec![], schema: schema(&[]) };
        let mut h = Harness::new(&calc);
        h.batch(changes("+I +I", vec![col(&[Some(3), Some(0)])]));
        assert_eq!(h.log(), ["rows 2"]);
    }
}
