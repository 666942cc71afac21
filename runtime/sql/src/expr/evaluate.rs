//! Running bound expressions over batches, with our errors coming back out of DataFusion's.

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::error::ArrowError;
use datafusion_common::DataFusionError;
use datafusion_physical_expr::PhysicalExpr;
use std::sync::Arc;
use streamjob_core::{Error, Result};

/// The value of `expr` for every row.
pub fn evaluate(expr: &Arc<dyn PhysicalExpr>, batch: &RecordBatch) -> Result<ArrayRef> {
    let value = expr.evaluate(batch).map_err(to_error)?;
    value.into_array(batch.num_rows()).map_err(to_error)
}

/// The rows for which the BOOLEAN `expr` is TRUE, as a mask without NULLs.
pub fn evaluate_filter(expr: &Arc<dyn PhysicalExpr>, batch: &RecordBatch) -> Result<BooleanArray> {
    let array = evaluate(expr, batch)?;
    let mask = array
        .as_boolean_opt()
        .ok_or_else(|| Error::internal(format!("a filter gave {} instead of BOOLEAN", array.data_type())))?;
    Ok(if mask.nulls().is_some_and(|n| n.null_count() > 0) {
        arrow::compute::prep_null_mask_filter(mask)
    } else {
        mask.clone()
    })
}

/// Our error inside of a DataFusion error, or the latter as an internal error.
pub fn to_error(error: DataFusionError) -> Error {
    match error {
        DataFusionError::External(inner) => match inner.downcast::<Error>() {
            Ok(ours) => *ours,
            Err(inner) => match inner.downcast::<DataFusionError>() {
                Ok(nested) => to_error(*nested),
                Err(inner) => Error::internal("an expression failed").caused_by(inner),
            },
        },
        DataFusionError::Context(_, inner) => to_error(*inner),
        DataFusionError::ArrowError(inner, _) => match *inner {
            ArrowError::ExternalError(inner) => to_error(DataFusionError::External(inner)),
            other => Error::internal("an expression failed").caused_by(other),
        },
        other => Error::internal("an expression failed").caused_by(other),
    }
}
