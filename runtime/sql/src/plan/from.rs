//! FROM: tables, views, subqueries and window functions as relations, and a
//! table's rows as they are read.

use super::query::{Names, Planner, Scoped};
use super::{Node, PlanColumn, Rel, bind, refuse, window};
use crate::catalog::{Entry, Table};
use crate::expr::ExprContext;
use crate::parser::refused;
use crate::position::Position;
use datafusion_expr::sqlparser::ast::{Expr, Ident, ObjectName, ObjectNamePart, TableAlias, TableFactor};
use std::sync::Arc;
use streamjob_core::options::nearest;
use streamjob_core::table::ColumnKind;
use streamjob_core::{LogicalType, Result};

impl Planner<'_> {
    /// One table of FROM.
    pub(super) fn from(&self, factor: &TableFactor, names: &Names, fallback: Position) -> Result<Scoped> {
        let at = refuse::factor_position(factor).or(fallback);
        let (rel, alias, own_name) = match factor {
            TableFactor::Table {
                name, alias, args, version, with_hints, partitions, sample, with_ordinality, ..
            } => {
                if version.is_some() {
                    return Err(refused(at, "FOR SYSTEM_TIME AS OF", "read the table as it is"));
                }
                if sample.is_some() || !partitions.is_empty() || !with_hints.is_empty() || *with_ordinality {
                    return Err(refused(at, "TABLESAMPLE or a hint", "filter by WHERE"));
                }
                match args {
                    Some(call) => {
                        let rel = window::table_function(self, &last_part(name), &call.args, at, names)?;
                        (rel, alias, None)
                    }
                    None => {
                        let parts: Vec<String> = name.0.iter().map(part_text).collect();
                        let own = parts.last().cloned();
                        (self.table(&parts, at, names)?, alias, own)
                    }
                }
            }
            TableFactor::Derived { lateral: false, subquery, alias, sample: None } => {
                (self.query(subquery, names)?, alias, None)
            }
            TableFactor::TableFunction { expr: Expr::Function(f), alias } => {
                use datafusion_expr::sqlparser::ast::FunctionArguments;
                let args = match &f.args {
                    FunctionArguments::List(list) => list.args.as_slice(),
                    _ => &[],
                };
                (window::table_function(self, &bind::function_name(f), args, at, names)?, alias, None)
            }
            other => return Err(refuse::factor(other, fallback)),
        };
        let (rel, qualifier) = match alias {
            Some(alias) => (rename(rel, alias)?, Some(alias.name.value.clone())),
            None => (rel, own_name),
        };
        let scope = bind::scope(&rel, qualifier.as_deref());
        Ok(Scoped { rel, scope })
    }

    /// A table, view or WITH name.
    pub fn table(&self, parts: &[String], at: Position, names: &Names) -> Result<Rel> {
        if let [name] = parts
            && let Some(rel) = names.get(name)
        {
            return Ok(rel.clone());
        }
        match self.catalog.get(parts, at) {
            Ok(Entry::Table(table)) => scan(table, &self.ctx, at),
            Ok(Entry::View(view)) => Ok(view.rel.clone()),
            Err(error) => Err(match parts {
                // A WITH name may be what was meant.
                [name] => match nearest(name, names.keys().map(String::as_str)) {
                    Some(near) => at
                        .error(format!("table or view '{name}' does not exist"))
                        .fix(format!("did you mean '{near}'?")),
                    None => error,
                },
                _ => error,
            }),
        }
    }
}

/// A table's rows: physical columns, then computed ones, then the watermark.
pub fn scan(table: &Arc<Table>, ctx: &ExprContext<'_>, at: Position) -> Result<Rel> {
    let def = &table.def;
    if let Some(c) = def.columns.iter().find(|c| matches!(c.kind, ColumnKind::Metadata { .. })) {
        return Err(refused(
            at,
            &format!("metadata column '{}' of table '{}'", c.name, def.name),
            "remove it: no connector here offers metadata",
        ));
    }
    let column = |name: &str, ty: &LogicalType| PlanColumn {
        name: name.to_string(),
        ty: ty.clone(),
        rowtime: false,
        proctime: false,
    };
    let physical: Vec<PlanColumn> = def.physical_schema().columns.iter().map(|c| column(&c.name, &c.ty)).collect();
    let mut rel = Rel::new(Node::Scan(Arc::clone(table), (0..physical.len()).collect()), physical);
    if table.computed.iter().any(Option::is_some) {
        let scope = bind::scope(&rel, None);
        let mut exprs = Vec::new();
        let mut columns = Vec::new();
        for ((c, expr), proctime) in def.columns.iter().zip(&table.computed).zip(&table.proctime) {
            let bound = match expr {
                Some(e) => bind::expr(e, &scope, ctx)?,
                None => match rel.columns.iter().enumerate().find(|(_, p)| p.name == c.name) {
                    Some((i, p)) => bind::column(i, p),
                    None => return Err(at.error(format!("column '{}' is not there", c.name))),
                },
            };
            columns.push(PlanColumn {
                name: c.name.clone(),
                ty: bound.ty.clone(),
                rowtime: false,
                proctime: *proctime,
            });
            exprs.push(bound);
        }
        rel = Rel::new(Node::Calc { input: Box::new(rel), filter: None, exprs }, columns);
    }
    if let Some((column, expr)) = &table.watermark {
        let bound = bind::expr(expr, &bind::scope(&rel, Some(&def.name)), ctx)?;
        let mut columns = rel.columns.clone();
        if let Some(c) = columns.get_mut(*column) {
            c.rowtime = true;
        }
        let idle_timeout_ms = idle_timeout(table)?;
        rel =
            Rel::new(Node::Watermark { input: Box::new(rel), column: *column, expr: bound, idle_timeout_ms }, columns);
    }
    rel.shared = Some(def.name.clone());
    Ok(rel)
}

/// `scan.watermark.idle-timeout`, 0 when it is not set.
fn idle_timeout(table: &Table) -> Result<u64> {
    let parsed = table.def.options.parse(
        &table.def.name,
        "scan.watermark.idle-timeout",
        "a duration such as '30 s'",
        streamjob_core::options::parse_duration,
    )?;
    Ok(parsed.map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX)))
}

/// Names the columns of a relation by an alias's list.
pub(super) fn rename(mut rel: Rel, alias: &TableAlias) -> Result<Rel> {
    let names: Vec<&Ident> = alias.columns.iter().map(|c| &c.name).collect();
    rename_columns(&mut rel, &names, Position::of(alias.name.span))?;
    Ok(rel)
}

/// Names the columns of a relation; an empty list leaves them.
pub fn rename_columns(rel: &mut Rel, names: &[&Ident], at: Position) -> Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    if names.len() != rel.columns.len() {
        return Err(at
            .error(format!("List of column aliases must have same degree as table; table has {} columns, whereas alias list has {}", rel.columns.len(), names.len()))
            .fix("name every column"));
    }
    for (column, name) in rel.columns.iter_mut().zip(names) {
        column.name.clone_from(&name.value);
    }
    Ok(())
}

fn part_text(part: &ObjectNamePart) -> String {
    part.as_ident().map_or_else(|| part.to_string(), |i| i.value.clone())
}

pub(super) fn last_part(name: &ObjectName) -> String {
    name.0.last().map_or(String::new(), part_text)
}
