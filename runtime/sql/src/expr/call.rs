//! The one physical expression of our own: a named kernel over argument
//! columns. Everything that DataFusion means differently from Flink is a
//! [`Call`]; equality and hash go by name (which carries all parameters) and arguments.

use super::args::{Arg, Args};
use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{DataType as ArrowType, Schema};
use datafusion_common::{DataFusionError, Result as DfResult, ScalarValue};
use datafusion_expr::ColumnarValue;
use datafusion_physical_expr::PhysicalExpr;
use datafusion_physical_expr::expressions::{Column, Literal};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use streamjob_core::{LogicalType, Result};

/// What a [`Call`] computes: one array with as many rows as [`Args::rows`].
pub type Kernel = Arc<dyn Fn(&Args) -> Result<ArrayRef> + Send + Sync>;

/// How a call may be treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// Always succeeds, same result for same arguments.
    Total,
    /// May fail for some rows: evaluated only for rows that need it.
    Fallible,
    /// Another result each time (clock, random numbers).
    Volatile,
}

/// A kernel applied to arguments.
pub struct Call {
    name: String,
    args: Vec<Arc<dyn PhysicalExpr>>,
    ty: ArrowType,
    behaviour: Behaviour,
    kernel: Kernel,
}

/// Builds a call; one of literals only is computed here, unless it is volatile or fails
/// (then it fails when a row needs it).
pub fn call(
    name: impl Into<String>,
    args: Vec<Arc<dyn PhysicalExpr>>,
    ty: &LogicalType,
    behaviour: Behaviour,
    kernel: Kernel,
) -> Arc<dyn PhysicalExpr> {
    let constant = behaviour != Behaviour::Volatile && args.iter().all(|a| a.downcast_ref::<Literal>().is_some());
    let call = Call { name: name.into(), args, ty: ty.data.arrow(), behaviour, kernel };
    if constant {
        let folded = call
            .run(&RecordBatch::new_empty(Arc::new(Schema::empty())), 1)
            .and_then(|array| ScalarValue::try_from_array(&array, 0));
        if let Ok(value) = folded {
            return Arc::new(Literal::new(value));
        }
    }
    Arc::new(call)
}

/// True when evaluating may fail for some row.
pub fn is_fallible(expr: &Arc<dyn PhysicalExpr>) -> bool {
    match expr.downcast_ref::<Call>() {
        Some(call) if call.behaviour == Behaviour::Fallible => true,
        _ => expr.children().into_iter().any(is_fallible),
    }
}

/// What `row.field` of this position is called.
pub fn field_name(position: usize) -> String {
    format!("field {position}")
}

/// The row and the position of its field, when an expression is a field of a row.
pub fn field_of(expr: &Arc<dyn PhysicalExpr>) -> Option<(&Arc<dyn PhysicalExpr>, usize)> {
    let call = expr.downcast_ref::<Call>()?;
    let position = call.name.strip_prefix("field ")?.parse().ok()?;
    Some((call.args.first()?, position))
}

/// The value and the names of both types (`BIGINT from INT`), when an expression is a CAST.
pub fn cast_of(expr: &Arc<dyn PhysicalExpr>) -> Option<(&Arc<dyn PhysicalExpr>, &str)> {
    let call = expr.downcast_ref::<Call>()?;
    let types = call.name.strip_prefix("CAST to ").or_else(|| call.name.strip_prefix("cast to "))?;
    Some((call.args.first()?, types))
}

/// True for a column, or a field of a row that is one: nothing is computed for it.
pub fn is_path(expr: &Arc<dyn PhysicalExpr>) -> bool {
    expr.downcast_ref::<Column>().is_some() || field_of(expr).is_some_and(|(row, _)| is_path(row))
}

impl Call {
    fn run(&self, batch: &RecordBatch, rows: usize) -> DfResult<ArrayRef> {
        let mut args = Vec::with_capacity(self.args.len());
        for arg in &self.args {
            args.push(match arg.evaluate(batch)? {
                ColumnarValue::Array(array) => Arg::column(array),
                ColumnarValue::Scalar(value) => Arg::constant(value.to_array()?),
            });
        }
        (self.kernel)(&Args { args, rows }).map_err(|e| DataFusionError::External(Box::new(e)))
    }
}

impl PhysicalExpr for Call {
    fn data_type(&self, _input: &Schema) -> DfResult<ArrowType> {
        Ok(self.ty.clone())
    }

    fn nullable(&self, _input: &Schema) -> DfResult<bool> {
        // Arrow's nullability is not Flink's: batches are always nullable.
        Ok(true)
    }

    fn evaluate(&self, batch: &RecordBatch) -> DfResult<ColumnarValue> {
        Ok(ColumnarValue::Array(self.run(batch, batch.num_rows())?))
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        self.args.iter().collect()
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn PhysicalExpr>>) -> DfResult<Arc<dyn PhysicalExpr>> {
        Ok(Arc::new(Call {
            name: self.name.clone(),
            args: children,
            ty: self.ty.clone(),
            behaviour: self.behaviour,
            kernel: Arc::clone(&self.kernel),
        }))
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }

    fn is_volatile_node(&self) -> bool {
        self.behaviour == Behaviour::Volatile
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.name)?;
        for (i, arg) in self.args.iter().enumerate() {
            write!(f, "{}{arg}", if i > 0 { ", " } else { "" })?;
        }
        f.write_str(")")
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("name", &self.name).field("args", &self.args).field("ty", &self.ty).finish()
    }
}

impl PartialEq for Call {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.ty == other.ty && self.args == other.args
    }
}

impl Eq for Call {}

impl Hash for Call {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
        self.ty.hash(state);
        self.args.hash(state);
    }
}
