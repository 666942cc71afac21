//! SQL expressions to physical expressions, with Flink's types and meaning
//! (ADR 0002): sqlparser's AST is bound to our own [`LogicalType`]s with every
//! cast explicit; DataFusion evaluates and coerces nothing.

pub mod args;
mod arith;
mod bind;
mod build;
pub mod call;
mod cast;
mod compare;
mod decimal;
mod env;
mod evaluate;
pub mod functions;
mod java_time;
mod literal;
mod logic;
#[cfg(test)]
mod tests;
mod time_arith;
pub mod types;
mod zone;

pub use bind::bind;
pub use call::{cast_of, field_of, is_fallible, is_path};
pub use cast::{CastMode, cast};
pub use evaluate::{evaluate, evaluate_filter, to_error};
pub use functions::{functions_markdown, is_scalar_function, markdown_table};
pub use types::{common_type, implicitly_castable, parse_data_type};
pub use zone::Zone;

use datafusion_physical_expr::PhysicalExpr;
use std::sync::Arc;
use streamjob_core::LogicalType;
use streamjob_core::options::Options;

/// A column that expressions can name.
#[derive(Debug, Clone, PartialEq)]
pub struct ScopeColumn {
    /// The table's name or alias.
    pub qualifier: Option<String>,
    /// The column's name; case is significant.
    pub name: String,
    /// Its type.
    pub ty: LogicalType,
    /// True for an event-time attribute.
    pub rowtime: bool,
    /// True for a processing-time attribute: its value is the current time when it is read.
    pub proctime: bool,
}

/// The columns that expressions can name; column i is column i of the input batch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scope {
    /// In order.
    pub columns: Vec<ScopeColumn>,
}

/// An expression, ready to evaluate.
#[derive(Debug, Clone)]
pub struct BoundExpr {
    /// Evaluates to the carrier of `ty`.
    pub expr: Arc<dyn PhysicalExpr>,
    /// The SQL type.
    pub ty: LogicalType,
    /// Normalised SQL text.
    pub text: String,
    /// True for a column reference to an event-time attribute.
    pub rowtime: bool,
}

/// The session, as far as expressions depend on it.
#[derive(Debug, Clone, Copy)]
pub struct ExprContext<'a> {
    /// For `table.local-time-zone`.
    pub options: &'a Options,
    /// When above 0, CURRENT_TIMESTAMP and its like always give this time
    /// (milliseconds since the epoch) instead of the clock's.
    pub start_time_ms: i64,
}
