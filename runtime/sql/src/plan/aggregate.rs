//! GROUP BY: which aggregates a SELECT has, their types, and how SELECT list and
//! HAVING read from groups. A group by window_start and window_end of a windowed
//! relation becomes a window aggregate, any other an updating one.

mod call;
mod rewrite;

pub use call::{documented, find, refused_names};

use super::digest::{aggregate_id, window_aggregate_id};
use super::query::{Item, ItemValue, Planner, Scoped, calc};
use super::{Call, Node, PlanColumn, Rel, Window, WindowColumns, WindowOf, bind, refuse, window};
use crate::expr::{BoundExpr, Scope, ScopeColumn};
use crate::parser::refused;
use crate::position::Position;
use call::Found;
use datafusion_expr::sqlparser::ast::{Expr, GroupByExpr, Ident, Select, Spanned, VisitMut, VisitorMut};
use rewrite::{Key, Rewrite, unique};
use std::ops::ControlFlow;
use streamjob_core::{Error, Result};

/// True when a SELECT aggregates.
pub fn wanted(select: &Select, items: &[Item]) -> bool {
    let keys = match &select.group_by {
        GroupByExpr::Expressions(keys, modifiers) => !keys.is_empty() || !modifiers.is_empty(),
        GroupByExpr::All(_) => true,
    };
    keys || select.having.is_some() || items.iter().any(|i| matches!(&i.value, ItemValue::Expr(e) if find(e).is_some()))
}

/// DISTINCT: a group per row.
pub fn distinct(input: Rel) -> Result<Rel> {
    let columns = grouped_columns(&input.columns);
    let keys = (0..columns.len()).collect();
    // Rows of a window that are distinct by window stay windowed.
    if let Some(WindowColumns { window, start: Some(start), end: Some(end), .. }) = input.window.clone() {
        let others: Vec<usize> = (0..columns.len()).filter(|i| *i != start && *i != end).collect();
        return distinct_by_window(input, window, (start, end), &others);
    }
    let id = aggregate_id("distinct", &input, &[], &[])?;
    Ok(Rel::new(Node::Aggregate { input: Box::new(input), keys, calls: Vec::new(), id }, columns))
}

fn distinct_by_window(input: Rel, window: Window, (start, end): (usize, usize), others: &[usize]) -> Result<Rel> {
    let columns = input.columns.clone();
    let time = input.window.as_ref().and_then(|w| w.time);
    let keys: Vec<usize> = others.iter().copied().filter(|i| Some(*i) != time).collect();
    let aggregate =
        window_aggregate(input, window, WindowOf::Attached { start, end, pull: false }, keys.clone(), Vec::new())?;
    // Back to the order of the columns.
    let n = keys.len();
    let place = |i: usize| match i {
        i if i == start => n,
        i if i == end => n + 1,
        i if Some(i) == time => n + 2,
        i => keys.iter().position(|k| *k == i).unwrap_or(0),
    };
    let exprs = columns.iter().enumerate().map(|(i, c)| bind::column(place(i), c)).collect();
    Ok(calc(aggregate, None, exprs, columns))
}

/// Columns as keys of a group: no time attributes any more.
fn grouped_columns(columns: &[PlanColumn]) -> Vec<PlanColumn> {
    columns.iter().map(|c| PlanColumn { rowtime: false, proctime: false, ..c.clone() }).collect()
}

fn window_aggregate(input: Rel, window: Window, source: WindowOf, keys: Vec<usize>, calls: Vec<Call>) -> Result<Rel> {
    let mut columns: Vec<PlanColumn> = keys
        .iter()
        .filter_map(|k| input.columns.get(*k).cloned())
        .map(|c| PlanColumn { rowtime: false, proctime: false, ..c })
        .collect();
    columns.extend(calls.iter().map(call_column));
    let start = columns.len();
    columns.extend(window::window_columns(&window));
    let kept =
        WindowColumns { window: window.clone(), start: Some(start), end: Some(start + 1), time: Some(start + 2) };
    let id = window_aggregate_id(&window, &input, &keys, &calls)?;
    let node = Node::WindowAggregate { input: Box::new(input), window, source, keys, calls, id };
    Ok(Rel { node, columns, window: Some(kept), shared: None })
}

fn call_column(call: &Call) -> PlanColumn {
    PlanColumn { name: call.text.clone(), ty: call.ty.clone(), rowtime: false, proctime: false }
}

/// Plans a SELECT that aggregates: calc (keys and arguments), aggregate, calc (SELECT list and HAVING).
pub fn plan(planner: &Planner<'_>, select: &Select, from: Scoped, mut items: Vec<Item>) -> Result<Rel> {
    let (mut group, mut having) = (group_exprs(select)?, select.having.clone());
    let from = old_windows(planner, from, &mut group, &mut items, &mut having)?;
    let filter = select.selection.as_ref().map(|e| planner.predicate(e, &from.scope, "WHERE")).transpose()?;

    let mut keys: Vec<Key> = Vec::new();
    for e in &group {
        if let Some(at) = find(e) {
            return Err(at.error("Aggregate expression is illegal in GROUP BY clause").fix("aggregate in a subquery"));
        }
        let canonical = bind::canonical(e, &from.scope);
        if keys.iter().any(|k| k.canonical == canonical) {
            continue;
        }
        let bound = bind::expr(e, &from.scope, &planner.ctx)?;
        let source = bind::plain_column(&bound.expr).and_then(|i| from.rel.columns.get(i));
        let name = source.map_or_else(|| e.to_string(), |c| c.name.clone());
        let proctime = source.is_some_and(|c| c.proctime);
        keys.push(Key { canonical, bound, name: unique(name, keys.iter().map(|k| k.name.as_str())), proctime });
    }
    let mut rewrite = Rewrite {
        planner,
        scope: &from.scope,
        keys: &keys,
        calls: Vec::new(),
        grouped: !group.is_empty(),
        error: None,
    };
    for item in &mut items {
        if let ItemValue::Column(i) = &item.value {
            let column = from.scope.columns.get(*i);
            let path = column.map_or_else(Vec::new, |c| {
                c.qualifier.iter().map(|q| Ident::new(q.clone())).chain([Ident::new(c.name.clone())]).collect()
            });
            item.value = ItemValue::Expr(Expr::CompoundIdentifier(path));
        }
        if let ItemValue::Expr(e) = &mut item.value {
            refuse::expression(e)?;
            rewrite.apply(e, item.position)?;
        }
    }
    if let Some(e) = &mut having {
        refuse::expression(e)?;
        let at = Position::of_expr(e);
        rewrite.apply(e, at)?;
    }
    let calls = rewrite.calls;
    let at = Position::of(select.group_by.span()).or(Position::of(select.select_token.0.span));
    let grouped = aggregate(from.rel, filter, &keys, calls, at)?;
    let having = having.as_ref().map(|e| planner.predicate(e, &grouped.scope, "HAVING")).transpose()?;
    planner.project(grouped, having, &items)
}

fn group_exprs(select: &Select) -> Result<Vec<Expr>> {
    let GroupByExpr::Expressions(exprs, modifiers) = &select.group_by else { return Ok(Vec::new()) };
    if let Some(m) = modifiers.first() {
        return Err(refused(Position::of(select.group_by.span()), &m.to_string(), "write one INSERT per grouping"));
    }
    let mut keys = Vec::new();
    for e in exprs {
        refuse::expression(e)?;
        match e {
            // GROUP BY (): one group over everything; GROUP BY (a, b): as without the parentheses.
            Expr::Tuple(parts) => keys.extend(parts.iter().cloned()),
            Expr::Nested(inner) => keys.push((**inner).clone()),
            other => keys.push(other.clone()),
        }
    }
    Ok(keys)
}

/// Turns `GROUP BY TUMBLE(ts, …)` into a window table function and keys on its columns.
fn old_windows(
    planner: &Planner<'_>,
    from: Scoped,
    group: &mut Vec<Expr>,
    items: &mut [Item],
    having: &mut Option<Expr>,
) -> Result<Scoped> {
    let mut found = None;
    for (i, e) in group.iter().enumerate() {
        if let Some(w) = window::group_window(planner, e, &from.rel)? {
            if found.is_some() {
                return Err(refused(Position::of_expr(e), "more than one group window", "use one window per query"));
            }
            found = Some((i, w));
        }
    }
    let Some((index, (time, kind, offset))) = found else { return Ok(from) };
    let window = bind::canonical(&group.remove(index), &from.scope);
    for name in ["window_start", "window_end", "window_time"] {
        group.push(Expr::CompoundIdentifier(vec![Ident::new(window::GROUP_WINDOW), Ident::new(name)]));
    }
    struct Properties<'a> {
        /// The window in GROUP BY.
        window: &'a str,
        scope: &'a Scope,
        error: Option<Error>,
    }
    impl VisitorMut for Properties<'_> {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            if let Expr::Function(f) = expr {
                let found = window::group_window_property(f).map(|column| {
                    let (own, at) = (bind::canonical(expr, self.scope), Position::of_expr(expr));
                    window::check_property(&own, self.window).map_err(|e| at.locate(e))?;
                    column
                });
                match found {
                    None => {}
                    Some(Ok(column)) => *expr = column,
                    Some(Err(e)) => {
                        self.error = Some(e);
                        return ControlFlow::Break(());
                    }
                }
            }
            ControlFlow::Continue(())
        }
    }
    let mut properties = Properties { window: &window, scope: &from.scope, error: None };
    for item in items {
        if let ItemValue::Expr(e) = &mut item.value {
            let _ = e.visit(&mut properties);
        }
    }
    if let Some(e) = having {
        let _ = e.visit(&mut properties);
    }
    if let Some(error) = properties.error {
        return Err(error);
    }
    let mut scope = from.scope;
    let rel = window::apply(from.rel, time, kind, offset)?;
    scope.columns.extend(
        rel.columns.iter().skip(scope.columns.len()).map(|c| bind::scope_column(c, Some(window::GROUP_WINDOW))),
    );
    Ok(Scoped { rel, scope })
}

/// Builds the calc of keys and arguments, and the aggregate over it.
fn aggregate(input: Rel, filter: Option<BoundExpr>, keys: &[Key], found: Vec<Found>, at: Position) -> Result<Scoped> {
    let mut exprs: Vec<BoundExpr> = keys.iter().map(|k| k.bound.clone()).collect();
    let mut columns: Vec<PlanColumn> = keys
        .iter()
        .map(|k| PlanColumn {
            name: k.name.clone(),
            ty: k.bound.ty.clone(),
            rowtime: k.bound.rowtime,
            proctime: k.proctime,
        })
        .collect();
    let mut add = |e: BoundExpr| {
        // The same argument is computed once.
        if let Some(i) =
            exprs.iter().position(|x| x.text == e.text && x.ty == e.ty && x.expr.as_ref() == e.expr.as_ref())
        {
            return i;
        }
        columns.push(PlanColumn { name: e.text.clone(), ty: e.ty.clone(), rowtime: false, proctime: false });
        exprs.push(e);
        exprs.len() - 1
    };
    let calls: Vec<Call> = found
        .into_iter()
        .map(|f| Call {
            arg: f.arg.map(&mut add),
            filter: f.filter.map(&mut add),
            function: f.function,
            distinct: f.distinct,
            ty: f.ty,
            text: f.name,
            at: f.at,
        })
        .collect();
    let window = input.window.clone();
    let attached = window.as_ref().and_then(|w| {
        let key = |column: Option<usize>| {
            keys.iter().position(|k| column.is_some() && bind::plain_column(&k.bound.expr) == column)
        };
        Some((w.window.clone(), key(w.start)?, key(w.end)?, key(w.time)))
    });
    let rel = calc(input, filter, exprs, columns);
    let names = |rel: &Rel| Scope {
        columns: rel.columns.iter().map(|c| bind::scope_column(c, None)).collect::<Vec<ScopeColumn>>(),
    };
    let Some((window, start, end, time)) = attached else {
        let mut columns: Vec<PlanColumn> = grouped_columns(&rel.columns).into_iter().take(keys.len()).collect();
        columns.extend(calls.iter().map(call_column));
        let keys: Vec<usize> = (0..keys.len()).collect();
        let id = aggregate_id("group-aggregate", &rel, &keys, &calls)?;
        let rel = Rel::new(Node::Aggregate { input: Box::new(rel), keys, calls, id }, columns);
        let scope = names(&rel);
        return Ok(Scoped { rel, scope });
    };
    window::check(window.kind, true, at)?;
    let others: Vec<usize> = (0..keys.len()).filter(|i| *i != start && *i != end && Some(*i) != time).collect();
    let key_name = |i: usize| keys.get(i).map(|k| k.name.clone());
    let names_of_window = [key_name(start), key_name(end), time.and_then(key_name)];
    let mut rel = window_aggregate(rel, window, WindowOf::Attached { start, end, pull: true }, others, calls)?;
    let first = rel.columns.len().saturating_sub(3);
    for (column, name) in rel.columns.iter_mut().skip(first).zip(names_of_window) {
        // A window_time that is not grouped cannot be named.
        column.name = name.unwrap_or_else(|| "$window_time".into());
    }
    let scope = names(&rel);
    Ok(Scoped { rel, scope })
}
