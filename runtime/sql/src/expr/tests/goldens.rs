//! Runs the projections and filters of the goldens that were recorded from
//! Flink, as far as they read one table and need no more than expressions.

use super::{NOW, table};
use crate::expr::{CastMode, ExprContext, Scope, bind, cast, evaluate, evaluate_filter};
use crate::parser::ddl::{ColumnSyntaxKind, CreateTable};
use crate::parser::{Insert, Statement, parse_script};
use arrow::array::RecordBatch;
use arrow::compute::filter_record_batch;
use datafusion_expr::sqlparser::ast::{GroupByExpr, SelectItem, SetExpr, TableFactor};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use streamjob_core::options::Options;
use streamjob_core::text::print_value;
use streamjob_core::{LogicalType, Result};

/// Goldens whose rows differ on purpose, and why.
const DIFFERENT: &[(&str, &str)] = &[
    ("cast_time", "Flink fails for times before 1970; ours gives the time of day"),
    ("cast_try", "Flink reads the text 't' as DECIMAL 0"),
    ("cast_odd", "Flink reads the text 't' as DECIMAL 0"),
    ("cast_sink_not_null", "the sink's work"),
    ("cast_sink_not_null_drop", "the sink's work"),
    ("number_trigonometry", "COSH(1) differs in the last digit: Java's strict math is off by one there"),
    ("string_json", "DEFAULT … ON EMPTY and IS JSON are not built"),
    ("time_diff", "Flink's weeks between dates overflow 32 bits of seconds"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/goldens")
}

/// A line of CSV; quotes are doubled.
fn split(line: &str) -> Vec<String> {
    let (mut fields, mut field, mut quoted) = (Vec::new(), String::new(), false);
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(std::mem::take(&mut field)),
            other => field.push(other),
        }
    }
    fields.push(field);
    fields
}

fn physical(create: &CreateTable) -> Option<Vec<(String, LogicalType)>> {
    create
        .columns
        .iter()
        .map(|c| match &c.kind {
            ColumnSyntaxKind::Physical(ty) => Some((c.name.value.clone(), ty.clone())),
            _ => None,
        })
        .collect()
}

fn load(create: &CreateTable) -> Option<(Scope, RecordBatch)> {
    let columns = physical(create)?;
    let path = create.options.iter().find(|(k, _)| k == "path")?.1.clone();
    let text = std::fs::read_to_string(root().join("data").join(path.rsplit('/').next()?)).ok()?;
    let rows: Vec<Vec<String>> = text.lines().map(split).collect();
    let named: Vec<(String, String, Vec<String>)> = columns
        .iter()
        .enumerate()
        .map(|(i, (name, ty))| (name.clone(), ty.to_string(), rows.iter().map(|r| r[i].clone()).collect()))
        .collect();
    let borrowed: Vec<(&str, &str, Vec<String>)> =
        named.iter().map(|(n, t, v)| (n.as_str(), t.as_str(), v.clone())).collect();
    Some(table(&borrowed))
}

/// The printed rows of an insert; `None` when it needs more than expressions.
fn rows(insert: &Insert, tables: &BTreeMap<String, CreateTable>, options: &Options) -> Option<Result<Vec<String>>> {
    let query = &insert.query;
    let SetExpr::Select(select) = query.body.as_ref() else { return None };
    let GroupByExpr::Expressions(group, _) = &select.group_by else { return None };
    let simple = query.with.is_none() && select.distinct.is_none() && group.is_empty() && select.having.is_none();
    let [from] = select.from.as_slice() else { return None };
    let TableFactor::Table { name, args: None, .. } = &from.relation else { return None };
    if !simple || !from.joins.is_empty() || !insert.columns.is_empty() {
        return None;
    }
    let (scope, batch) = load(tables.get(&name.to_string())?)?;
    let sink = physical(tables.get(&insert.table.text())?)?;
    let mut items = Vec::new();
    for item in &select.projection {
        match item {
            SelectItem::UnnamedExpr(e) | SelectItem::ExprWithAlias { expr: e, .. } => items.push(e.clone()),
            _ => return None,
        }
    }
    let ctx = ExprContext { options, start_time_ms: NOW };
    let run = || -> Result<Vec<String>> {
        let batch = match &select.selection {
            None => batch.clone(),
            Some(condition) => {
                let mask = evaluate_filter(&bind(condition, &scope, &ctx)?.expr, &batch)?;
                filter_record_batch(&batch, &mask)?
            }
        };
        let columns = items
            .iter()
            .zip(&sink)
            .map(|(e, (_, ty))| {
                let bound = cast(bind(e, &scope, &ctx)?, ty, CastMode::Implicit, &ctx)?;
                evaluate(&bound.expr, &batch)
            })
            .collect::<Result<Vec<_>>>()?;
        (0..batch.num_rows())
            .map(|row| {
                let values = columns
                    .iter()
                    .zip(&sink)
                    .map(|(c, (_, ty))| print_value(c.as_ref(), row, ty))
                    .collect::<Result<Vec<_>>>()?;
                Ok(format!("+I[{}]", values.join(", ")))
            })
            .collect()
    };
    Some(run())
}

/// What ours prints for a golden; `None` when it needs more than expressions.
fn output(sql: &str) -> Option<String> {
    let statements = match parse_script(sql) {
        Ok(statements) => statements,
        Err(e) => return Some(format!("ERROR\n{e}")),
    };
    let (mut tables, mut options, mut out) = (BTreeMap::new(), Options::default(), Vec::new());
    for located in statements {
        match located.statement {
            Statement::Set { key, value } => {
                options.set(&key, &value).ok()?;
            }
            Statement::CreateTable(create) => {
                tables.insert(create.name.text(), *create);
            }
            Statement::Insert(insert) => match rows(&insert, &tables, &options)? {
                Ok(rows) => out.extend(rows),
                Err(e) => return Some(format!("ERROR\n{e}")),
            },
            _ => return None,
        }
    }
    Some(out.join("\n"))
}

#[test]
fn expressions_of_the_goldens() {
    let (mut failures, mut ran) = (String::new(), BTreeSet::new());
    for entry in std::fs::read_dir(root().join("sql")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "sql") {
            continue;
        }
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let expressions = ["cast_", "number_", "string_", "time_", "project_"].iter().any(|p| name.starts_with(p));
        let Ok(expected) = std::fs::read_to_string(path.with_extension("expected")) else { continue };
        if !expressions || DIFFERENT.iter().any(|(n, _)| *n == name) {
            continue;
        }
        let sql = std::fs::read_to_string(&path).unwrap();
        let Some(got) = output(&sql) else { continue };
        ran.insert(name.clone());
        let expected = expected.trim_end_matches('\n');
        let same = match expected.strip_prefix("ERROR\n") {
            // Ours has a place and a cure around Flink's message.
            Some(message) => got.starts_with("ERROR") && got.contains(message),
            None => got == expected,
        };
        if !same {
            failures.push_str(&format!("== {name}\n"));
            let (mut g, mut e) = (got.lines(), expected.lines());
            loop {
                match (g.next(), e.next()) {
                    (None, None) => break,
                    (a, b) if a == b => {}
                    (a, b) => {
                        failures.push_str(&format!("  ours  {}\n  flink {}\n", a.unwrap_or("-"), b.unwrap_or("-")))
                    }
                }
            }
        }
    }
    assert!(failures.is_empty(), "{failures}");
    assert!(ran.len() > 40, "only {} goldens ran: {ran:?}", ran.len());
}
