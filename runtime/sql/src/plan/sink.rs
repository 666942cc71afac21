//! The end of a query: which sink column takes which query column, implicit casts,
//! and whether the sink can take the query's changes.

use super::changelog::{self, changes};
use super::check::check_aggregates;
use super::query::{Names, Planner, calc};
use super::text::describe;
use super::{Node, PlanColumn, Rel, bind};
use crate::catalog::{Entry, Table, full_name};
use crate::expr::{BoundExpr, cast_of, implicitly_castable};
use crate::parser::{Insert, refused};
use crate::position::Position;
use datafusion_physical_expr::PhysicalExpr;
use std::sync::Arc;
use streamjob_core::options::{Options, nearest};
use streamjob_core::table::{ColumnDef, ColumnKind};
use streamjob_core::{Error, LogicalType, Result};
use streamjob_engine::{Connectors, SinkFactory};

/// An INSERT, planned.
#[derive(Clone)]
pub struct SinkPlan {
    /// The sink's table.
    pub table: Arc<Table>,
    /// The sink.
    pub sink: Arc<dyn SinkFactory>,
    /// What it gets; its columns are the sink's.
    pub rel: Rel,
    /// Where the INSERT stands.
    pub position: Position,
    /// The options when it was planned.
    pub options: Options,
}

impl SinkPlan {
    /// Whether rows before an update go to the sink.
    pub fn needs_before(&self) -> bool {
        self.sink.accepts_updates() && self.sink.wants_update_before()
    }
}

/// Plans an INSERT.
pub fn plan(planner: &Planner<'_>, connectors: &dyn Connectors, insert: &Insert) -> Result<SinkPlan> {
    let table = match planner.catalog.get(&insert.table.parts, insert.table.position)? {
        Entry::Table(t) => Arc::clone(t),
        Entry::View(v) => {
            return Err(insert
                .table
                .position
                .error(format!("'{}' is a view and takes no rows", v.name))
                .fix("INSERT INTO a table"));
        }
    };
    let targets = targets(&table, insert)?;
    let query = planner.query(&insert.query, &Names::new())?;
    let at = insert.table.position;
    let times: Vec<&str> = query.columns.iter().filter(|c| c.rowtime).map(|c| c.name.as_str()).collect();
    if times.len() > 1 {
        return Err(at
            .error(format!(
                "The query contains more than one rowtime attribute column [{}] for writing into table '{}'",
                times.join(", "),
                full_name(&table.def.name)
            ))
            .fix("keep one and CAST the others to TIMESTAMP or TIMESTAMP_LTZ"));
    }
    let rel = match_columns(planner, &table, &targets, query, insert).map_err(|e| at.locate(e))?;
    let sink = connectors.sink(&table.def).map_err(|e| table.position.locate(e))?;
    check_changes(&table, sink.as_ref(), &rel).map_err(|e| at.locate(e))?;
    check_aggregates(&rel).map_err(|e| at.locate(e))?;
    check_upsert_key(&table, &rel).map_err(|e| at.locate(e))?;
    Ok(SinkPlan { table, sink, rel, position: insert.position, options: planner.ctx.options.clone() })
}

/// The sink's columns in order, with the position in the query that fills each; `None` fills with NULL.
fn targets<'t>(table: &'t Table, insert: &Insert) -> Result<Vec<(&'t ColumnDef, Option<usize>)>> {
    if let Some(c) = table.def.columns.iter().find(|c| matches!(c.kind, ColumnKind::Metadata { is_virtual: false, .. }))
    {
        return Err(refused(
            insert.table.position,
            &format!("metadata column '{}'", c.name),
            "remove it: no connector here takes metadata",
        ));
    }
    let stored: Vec<&ColumnDef> = table.def.columns.iter().filter(|c| c.kind == ColumnKind::Physical).collect();
    if insert.columns.is_empty() {
        return Ok(stored.into_iter().enumerate().map(|(i, c)| (c, Some(i))).collect());
    }
    for (i, ident) in insert.columns.iter().enumerate() {
        let at = Position::of(ident.span);
        if !stored.iter().any(|c| c.name == ident.value) {
            let error = at.error(format!("Unknown target column '{}'", ident.value));
            return Err(match nearest(&ident.value, stored.iter().map(|c| c.name.as_str())) {
                Some(near) => error.fix(format!("did you mean '{near}'?")),
                None => error,
            });
        }
        if insert.columns.iter().take(i).any(|c| c.value == ident.value) {
            return Err(at
                .error(format!("Target column '{}' is assigned more than once", ident.value))
                .fix("keep one"));
        }
    }
    let place = |c: &ColumnDef| insert.columns.iter().position(|i| i.value == c.name);
    let filled: Vec<_> = stored.into_iter().map(|c| (c, place(c))).collect();
    if let Some((c, _)) = filled.iter().find(|(c, place)| place.is_none() && !c.ty.nullable) {
        return Err(insert
            .table
            .position
            .error(format!("Column '{}' has no default value and does not allow NULLs", c.name))
            .fix("give it a value"));
    }
    Ok(filled)
}

fn match_columns(
    planner: &Planner<'_>,
    table: &Table,
    targets: &[(&ColumnDef, Option<usize>)],
    query: Rel,
    insert: &Insert,
) -> Result<Rel> {
    let given = if insert.columns.is_empty() { targets.len() } else { insert.columns.len() };
    if query.columns.len() != given {
        return Err(mismatch(table, targets, &query, insert, "Different number of columns."));
    }
    let mut exprs: Vec<BoundExpr> = Vec::new();
    let mut columns = Vec::new();
    for (i, (target, source)) in targets.iter().enumerate() {
        let column = source.and_then(|s| query.columns.get(s).map(|c| (s, c)));
        let bound = match column {
            Some((s, c)) => {
                if !implicitly_castable(&c.ty, &target.ty) {
                    let cause = format!("Incompatible types for sink column '{}' at position {}.", target.name, i + 1);
                    return Err(mismatch(table, targets, &query, insert, &cause));
                }
                bind::column(s, c)
            }
            None => null(planner)?,
        };
        let nullable = bound.ty.nullable;
        exprs.push(bind::cast_to(bound, &target.ty, &planner.ctx)?);
        let ty = LogicalType { data: target.ty.data.clone(), nullable };
        columns.push(PlanColumn { name: target.name.clone(), ty, rowtime: false, proctime: false });
    }
    Ok(calc(query, None, exprs, columns))
}

fn null(planner: &Planner<'_>) -> Result<BoundExpr> {
    bind::expr(&crate::parser::parse_expr_text("NULL")?, &crate::expr::Scope::default(), &planner.ctx)
}

/// Flink's message, with both schemas.
fn mismatch(
    table: &Table,
    targets: &[(&ColumnDef, Option<usize>)],
    query: &Rel,
    insert: &Insert,
    cause: &str,
) -> Error {
    let list = |columns: &mut dyn Iterator<Item = (&str, String)>| {
        columns.map(|(n, t)| format!("{n}: {t}")).collect::<Vec<_>>().join(", ")
    };
    let query = list(&mut query.columns.iter().map(|c| (c.name.as_str(), shown(&c.ty, c.rowtime))));
    let sink = list(
        &mut targets
            .iter()
            .filter(|(_, source)| insert.columns.is_empty() || source.is_some())
            .map(|(c, _)| (c.name.as_str(), c.ty.to_string())),
    );
    Error::user(format!(
        "Column types of query result and sink for '{}' do not match.\nCause: {cause}\n\nQuery schema: [{query}]\nSink schema:  [{sink}]",
        full_name(&table.def.name)
    ))
    .fix("CAST the query's columns, or change the sink's")
}

fn shown(ty: &LogicalType, rowtime: bool) -> String {
    let not_null = if ty.nullable { "" } else { " NOT NULL" };
    let time = if rowtime { " *ROWTIME*" } else { "" };
    format!("{}{time}{not_null}", ty.data)
}

/// Refuses changes that the sink or a window cannot take.
fn check_changes(table: &Table, sink: &dyn SinkFactory, rel: &Rel) -> Result<()> {
    if let Some((reader, source)) = changelog::windowed_updates(rel) {
        let kind = match reader.node {
            Node::WindowTvf { .. } => "StreamPhysicalWindowTableFunction",
            _ => "StreamPhysicalWindowAggregate",
        };
        return Err(Error::user(format!(
            "{kind} doesn't support consuming {} changes which is produced by node {}",
            changes(source).words(),
            describe(source)
        ))
        .fix("use windows on rows that are only inserted"));
    }
    let made = changes(rel);
    if made.insert_only() || sink.accepts_updates() {
        return Ok(());
    }
    let source = changelog::producer(rel);
    Err(Error::user(format!(
        "Table sink '{}' doesn't support consuming {} changes which is produced by node {}",
        full_name(&table.def.name),
        changes(source).words(),
        describe(source)
    ))
    .fix("use a sink that takes updates ('connector' = 'print'), or aggregate by window"))
}

/// Updates of several keys of the query must not meet in one key of the sink.
fn check_upsert_key(table: &Table, rel: &Rel) -> Result<()> {
    let def = &table.def;
    if def.primary_key.is_empty() || changes(rel).insert_only() {
        return Ok(());
    }
    let key = upsert_key(rel);
    let names: Vec<&str> = key.iter().flatten().filter_map(|i| rel.columns.get(*i)).map(|c| c.name.as_str()).collect();
    if key.is_some() && names.iter().all(|n| def.primary_key.iter().any(|k| k == n)) {
        return Ok(());
    }
    Err(Error::user(format!(
        "The query has an upsert key that differs from the primary key of the sink table '{}'. Primary key: [{}], upsert \
         key: [{}]",
        full_name(&def.name),
        def.primary_key.join(", "),
        names.join(", ")
    ))
    .fix(match key {
        Some(_) => format!("declare PRIMARY KEY ({}) NOT ENFORCED", names.join(", ")),
        None => "write the columns that the query is grouped by as they are, and make them the primary key".to_string(),
    }))
}

/// The column that an expression is, but for casts that keep values apart.
fn kept(expr: &Arc<dyn PhysicalExpr>) -> Option<usize> {
    const INTEGERS: [&str; 4] = ["BIGINT", "INT", "SMALLINT", "TINYINT"];
    bind::plain_column(expr).or_else(|| {
        let (value, types) = cast_of(expr)?;
        let (to, from) = types.split_once(" from ")?;
        let place = |ty: &str| INTEGERS.iter().position(|i| *i == ty);
        let keeps = match (place(to), place(from)) {
            (Some(to), Some(from)) => to < from,
            (None, Some(_)) => to == "STRING",
            _ => to == "STRING" && matches!(from, "BOOLEAN" | "DATE"),
        };
        kept(value).filter(|_| keeps)
    })
}

/// The columns that tell apart the rows which are updated, where they are all still there.
fn upsert_key(rel: &Rel) -> Option<Vec<usize>> {
    match &rel.node {
        Node::Aggregate { keys, .. } => Some((0..keys.len()).collect()),
        Node::Calc { input, exprs, .. } => {
            upsert_key(input)?.into_iter().map(|k| exprs.iter().position(|e| kept(&e.expr) == Some(k))).collect()
        }
        _ => None,
    }
}
