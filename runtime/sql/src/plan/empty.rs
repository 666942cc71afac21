//! Relations that never have a row, because a condition is never true: a global
//! aggregate over one is a constant row, as in Flink. Over any other input without
//! rows it gives none.

use super::{Call, Node, Rel, bind};
use crate::expr::{BoundExpr, evaluate};
use arrow::array::{Array, AsArray, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType as ArrowType, Schema};
use datafusion_common::ScalarValue;
use datafusion_physical_expr::expressions::Literal;
use std::sync::Arc;
use streamjob_core::Result;
use streamjob_core::error::ErrorExt;
use streamjob_engine::operators::AggFunction;

/// Puts constant rows in place of global aggregates over nothing.
pub fn fold_empty(mut rel: Rel) -> Result<Rel> {
    match &mut rel.node {
        Node::Scan(..) | Node::Values(_) => {}
        Node::Union(inputs) => {
            *inputs = std::mem::take(inputs).into_iter().map(fold_empty).collect::<Result<_>>()?;
        }
        Node::Calc { input, .. }
        | Node::Watermark { input, .. }
        | Node::CurrentWatermark { input, .. }
        | Node::Aggregate { input, .. }
        | Node::WindowTvf { input, .. }
        | Node::WindowAggregate { input, .. } => **input = fold_empty((**input).clone())?,
    }
    if let Node::Aggregate { input, keys, calls, .. } = &rel.node
        && keys.is_empty()
        && is_empty(input)?
        && let Some(row) = calls.iter().map(of_nothing).collect::<Result<Option<Vec<_>>>>()?
    {
        rel.node = Node::Values(vec![row]);
    }
    Ok(rel)
}

/// The result over no rows; `None` for calls of which Flink does not know it.
fn of_nothing(call: &Call) -> Result<Option<BoundExpr>> {
    let value = match call.function {
        AggFunction::Count | AggFunction::CountStar => ScalarValue::Int64(Some(0)),
        AggFunction::Sum | AggFunction::Avg | AggFunction::Min | AggFunction::Max => {
            ScalarValue::try_from(&call.ty.data.arrow()).internal("no NULL of this type")?
        }
        _ => return Ok(None),
    };
    let text = if value.is_null() { "NULL" } else { "0" }.to_string();
    Ok(Some(BoundExpr { expr: Arc::new(Literal::new(value)), ty: call.ty.clone(), text, rowtime: false }))
}

fn is_empty(rel: &Rel) -> Result<bool> {
    Ok(match &rel.node {
        Node::Scan(..) => false,
        Node::Values(rows) => rows.is_empty(),
        Node::Calc { filter: Some(filter), .. } if never_true(filter)? => true,
        Node::Aggregate { keys, .. } if keys.is_empty() => false,
        _ => {
            for input in rel.inputs() {
                if !is_empty(input)? {
                    return Ok(false);
                }
            }
            true
        }
    })
}

/// True for a condition over constants that is FALSE or NULL.
fn never_true(filter: &BoundExpr) -> Result<bool> {
    if bind::is_volatile(&filter.expr) || !bind::columns_of(std::iter::once(filter))?.is_empty() {
        return Ok(false);
    }
    let one = RecordBatchOptions::new().with_row_count(Some(1));
    let row = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), Vec::new(), &one)?;
    // What fails does so when the job runs.
    let Ok(value) = evaluate(&filter.expr, &row) else { return Ok(false) };
    Ok(match value.data_type() {
        ArrowType::Boolean => value.is_null(0) || !value.as_boolean().value(0),
        other => *other == ArrowType::Null,
    })
}
