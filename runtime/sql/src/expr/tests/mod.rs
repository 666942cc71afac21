//! Tests of the expression layer: a table of expressions with their types and
//! values, error messages, and the goldens recorded from Flink.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod errors;
mod goldens;
mod table;

use super::{BoundExpr, ExprContext, Scope, ScopeColumn, bind, evaluate};
use crate::parser::parse_expr_text;
use crate::parser::types::parse_type_text;
use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, StringArray};
use std::sync::Arc;
use streamjob_core::options::Options;
use streamjob_core::text::print_value;
use streamjob_core::{Result, Schema};

/// 2024-05-06 07:08:09.123 UTC.
const NOW: i64 = 1_714_979_289_123;

/// Columns of types, each with texts that are cast to it; "NULL" is NULL.
fn table(columns: &[(&str, &str, Vec<String>)]) -> (Scope, RecordBatch) {
    let options = Options::default();
    let ctx = ExprContext { options: &options, start_time_ms: NOW };
    let mut scope = Scope::default();
    let mut arrays: Vec<ArrayRef> = Vec::new();
    let rows = columns.first().map_or(0, |c| c.2.len());
    for (name, ty, values) in columns {
        let texts: StringArray = values.iter().map(|v| (v != "NULL").then_some(v.as_str())).collect();
        let text_type = parse_type_text("STRING").unwrap();
        let text_scope = Scope {
            columns: vec![ScopeColumn {
                qualifier: None,
                name: "t".into(),
                ty: text_type,
                rowtime: false,
                proctime: false,
            }],
        };
        let batch = RecordBatch::try_new(
            Schema::new([("t".to_string(), parse_type_text("STRING").unwrap())]).arrow(),
            vec![Arc::new(texts)],
        )
        .unwrap();
        let cast = if *ty == "STRING" { "t".to_string() } else { format!("CAST(t AS {ty})") };
        let bound = bind(&parse_expr_text(&cast).unwrap(), &text_scope, &ctx).unwrap();
        arrays.push(evaluate(&bound.expr, &batch).unwrap());
        scope.columns.push(ScopeColumn {
            qualifier: Some("tab".into()),
            name: (*name).to_string(),
            ty: parse_type_text(ty).unwrap(),
            rowtime: false,
            proctime: false,
        });
    }
    let schema = Schema::new(scope.columns.iter().map(|c| (c.name.clone(), c.ty.clone()))).arrow();
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    (scope, RecordBatch::try_new_with_options(schema, arrays, &options).unwrap())
}

fn run(text: &str, scope: &Scope, batch: &RecordBatch, options: &Options) -> Result<(BoundExpr, Vec<String>)> {
    let ctx = ExprContext { options, start_time_ms: NOW };
    let bound = bind(&parse_expr_text(text)?, scope, &ctx)?;
    let array = evaluate(&bound.expr, batch)?;
    assert_eq!(array.len(), batch.num_rows(), "{text}");
    assert_eq!(array.data_type(), &bound.ty.data.arrow(), "{text}");
    let values = (0..array.len()).map(|r| print_value(array.as_ref(), r, &bound.ty)).collect::<Result<Vec<_>>>()?;
    Ok((bound, values))
}
