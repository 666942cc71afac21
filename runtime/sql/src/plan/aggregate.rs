//! GROUP BY: which aggregates a SELECT has, their types, and how SELECT list and
//! HAVING read from groups. A group by window_start and window_end of a windowed
//! relation becomes a window aggregate, any other an updating one.

use super::query::{Item, ItemValue, Planner, Scoped, calc};
use super::{
    Call, Node, PlanColumn, Rel, Window, WindowColumns, WindowOf, aggregate_id, bind, optimize, refuse, window,
};
use crate::expr::{BoundExpr, Scope, ScopeColumn};
use crate::parser::refused;
use crate::position::Position;
use datafusion_expr::sqlparser::ast::{
    DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, GroupByExpr, Ident, Select,
    Spanned, Value, Visit, VisitMut, Visitor, VisitorMut,
};
use std::ops::ControlFlow;
use streamjob_core::{DataType, Error, LogicalType, Result};
use streamjob_engine::operators::AggFunction;

/// Aggregates that exist in Flink but not here.
const MISSING: &[&str] = &[
    "APPROX_COUNT_DISTINCT",
    "ARRAY_AGG",
    "BIT_AND",
    "BIT_OR",
    "BIT_XOR",
    "COLLECT",
    "COVAR_POP",
    "COVAR_SAMP",
    "CUME_DIST",
    "DENSE_RANK",
    "EVERY",
    "GROUPING",
    "GROUPING_ID",
    "GROUP_ID",
    "INTERSECTION",
    "JSON_ARRAYAGG",
    "JSON_OBJECTAGG",
    "LAG",
    "LEAD",
    "NTH_VALUE",
    "NTILE",
    "PERCENTILE",
    "PERCENT_RANK",
    "RANK",
    "ROW_NUMBER",
    "SINGLE_VALUE",
    "SOME",
    "FUSION",
    "ANY_VALUE",
    "REGR_COUNT",
];

/// The aggregate function with this name. LISTAGG's delimiter is set later.
fn function(name: &str) -> Option<AggFunction> {
    Some(match name {
        "COUNT" => AggFunction::Count,
        "SUM" => AggFunction::Sum,
        "AVG" => AggFunction::Avg,
        "MIN" => AggFunction::Min,
        "MAX" => AggFunction::Max,
        "FIRST_VALUE" => AggFunction::FirstValue,
        "LAST_VALUE" => AggFunction::LastValue,
        "LISTAGG" => AggFunction::ListAgg { delimiter: ",".into() },
        "STDDEV_POP" => AggFunction::StddevPop,
        "STDDEV_SAMP" | "STDDEV" => AggFunction::StddevSamp,
        "VAR_POP" => AggFunction::VarPop,
        "VAR_SAMP" | "VARIANCE" => AggFunction::VarSamp,
        _ => return None,
    })
}

fn is_aggregate(f: &Function) -> bool {
    let name = bind::function_name(f);
    f.over.is_none() && (function(&name).is_some() || MISSING.contains(&name.as_str()))
}

/// Where the first aggregate of an expression stands.
pub fn find(expr: &Expr) -> Option<Position> {
    struct Find;
    impl Visitor for Find {
        type Break = Position;
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Position> {
            match expr {
                Expr::Function(f) if is_aggregate(f) => ControlFlow::Break(Position::of_expr(expr)),
                Expr::Subquery(_) => ControlFlow::Continue(()),
                _ => ControlFlow::Continue(()),
            }
        }
    }
    match expr.visit(&mut Find) {
        ControlFlow::Break(position) => Some(position),
        ControlFlow::Continue(()) => None,
    }
}

/// True when a SELECT aggregates.
pub fn wanted(select: &Select, items: &[Item]) -> bool {
    let keys = match &select.group_by {
        GroupByExpr::Expressions(keys, modifiers) => !keys.is_empty() || !modifiers.is_empty(),
        GroupByExpr::All(_) => true,
    };
    keys || select.having.is_some() || items.iter().any(|i| matches!(&i.value, ItemValue::Expr(e) if find(e).is_some()))
}

/// DISTINCT: a group per row.
pub fn distinct(input: Rel) -> Rel {
    let columns = grouped_columns(&input.columns);
    let keys = (0..columns.len()).collect();
    // Rows of a window that are distinct by window stay windowed.
    if let Some(WindowColumns { window, start: Some(start), end: Some(end), .. }) = input.window.clone() {
        let others: Vec<usize> = (0..columns.len()).filter(|i| *i != start && *i != end).collect();
        return distinct_by_window(input, window, (start, end), &others);
    }
    let id = aggregate_id("distinct", &input, &[], &[]);
    Rel::new(Node::Aggregate { input: Box::new(input), keys, calls: Vec::new(), id }, columns)
}

fn distinct_by_window(input: Rel, window: Window, (start, end): (usize, usize), others: &[usize]) -> Rel {
    let columns = input.columns.clone();
    let time = input.window.as_ref().and_then(|w| w.time);
    let keys: Vec<usize> = others.iter().copied().filter(|i| Some(*i) != time).collect();
    let aggregate = window_aggregate(input, window, WindowOf::Attached { start, end }, keys.clone(), Vec::new());
    // Back to the order of the columns.
    let n = keys.len();
    let place = |i: usize| match i {
        i if i == start => n,
        i if i == end => n + 1,
        i if Some(i) == time => n + 2,
        i => keys.iter().position(|k| *k == i).unwrap_or(0),
    };
    let exprs = columns.iter().enumerate().map(|(i, c)| bind::column(place(i), c)).collect();
    calc(aggregate, None, exprs, columns)
}

/// Columns as keys of a group: no time attributes any more.
fn grouped_columns(columns: &[PlanColumn]) -> Vec<PlanColumn> {
    columns.iter().map(|c| PlanColumn { rowtime: false, proctime: false, ..c.clone() }).collect()
}

fn window_aggregate(input: Rel, window: Window, source: WindowOf, keys: Vec<usize>, calls: Vec<Call>) -> Rel {
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
    let id = aggregate_id(&format!("window-aggregate {window}"), &input, &keys, &calls);
    let node = Node::WindowAggregate { input: Box::new(input), window, source, keys, calls, id };
    Rel { node, columns, window: Some(kept), shared: None }
}

fn call_column(call: &Call) -> PlanColumn {
    PlanColumn { name: call.text.clone(), ty: call.ty.clone(), rowtime: false, proctime: false }
}

/// A key of GROUP BY.
struct Key {
    canonical: String,
    bound: BoundExpr,
    name: String,
    proctime: bool,
}

/// A call found in SELECT list or HAVING.
struct Found {
    canonical: String,
    function: AggFunction,
    distinct: bool,
    arg: Option<BoundExpr>,
    filter: Option<BoundExpr>,
    ty: LogicalType,
    name: String,
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
    group.remove(index);
    for name in ["window_start", "window_end", "window_time"] {
        group.push(Expr::CompoundIdentifier(vec![Ident::new(window::GROUP_WINDOW), Ident::new(name)]));
    }
    struct Properties(Option<Error>);
    impl VisitorMut for Properties {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            if let Expr::Function(f) = expr {
                match window::group_window_property(f) {
                    None => {}
                    Some(Ok(column)) => *expr = column,
                    Some(Err(e)) => {
                        self.0 = Some(e);
                        return ControlFlow::Break(());
                    }
                }
            }
            ControlFlow::Continue(())
        }
    }
    let mut properties = Properties(None);
    for item in items {
        if let ItemValue::Expr(e) = &mut item.value {
            let _ = e.visit(&mut properties);
        }
    }
    if let Some(e) = having {
        let _ = e.visit(&mut properties);
    }
    if let Some(error) = properties.0 {
        return Err(error);
    }
    let mut scope = from.scope;
    let rel = window::apply(from.rel, time, kind, offset)?;
    scope.columns.extend(
        rel.columns.iter().skip(scope.columns.len()).map(|c| bind::scope_column(c, Some(window::GROUP_WINDOW))),
    );
    Ok(Scoped { rel, scope })
}

/// Replaces keys and aggregates in an expression by columns of the group.
struct Rewrite<'a, 'p> {
    planner: &'a Planner<'p>,
    scope: &'a Scope,
    keys: &'a [Key],
    calls: Vec<Found>,
    grouped: bool,
    error: Option<Error>,
}

impl Rewrite<'_, '_> {
    fn apply(&mut self, expr: &mut Expr, at: Position) -> Result<()> {
        let _ = expr.visit(self);
        self.error.take().map_or(Ok(()), |e| Err(at.locate(e)))
    }

    fn fail(&mut self, error: Error) -> ControlFlow<()> {
        self.error = Some(error);
        ControlFlow::Break(())
    }

    /// The column of an aggregate call, found again or added.
    fn call(&mut self, f: &Function, at: Position) -> Result<String> {
        let canonical = bind::canonical(&Expr::Function(f.clone()), self.scope);
        if let Some(found) = self.calls.iter().find(|c| c.canonical == canonical) {
            return Ok(found.name.clone());
        }
        let mut found = bind_call(self.planner, f, self.scope, self.grouped, at)?;
        found.name = unique(
            found.name,
            self.calls.iter().map(|c| c.name.as_str()).chain(self.keys.iter().map(|k| k.name.as_str())),
        );
        found.canonical = canonical;
        let name = found.name.clone();
        self.calls.push(found);
        Ok(name)
    }
}

impl VisitorMut for Rewrite<'_, '_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let at = Position::of_expr(expr);
        let span = expr.span();
        // A constant is the same inside and outside of a group.
        if !matches!(expr, Expr::Value(_)) {
            let canonical = bind::canonical(expr, self.scope);
            if let Some(key) = self.keys.iter().find(|k| k.canonical == canonical) {
                *expr = Expr::Identifier(Ident::with_quote_and_span('`', span, key.name.clone()));
                return ControlFlow::Continue(());
            }
        }
        if let Expr::Function(f) = expr {
            if is_aggregate(f) {
                match self.call(&f.clone(), at) {
                    Ok(name) => *expr = Expr::Identifier(Ident::with_quote_and_span('`', span, name)),
                    Err(e) => return self.fail(e),
                }
            } else if window::group_window_property(f).is_some() {
                let name = bind::function_name(f);
                return self.fail(
                    at.error(format!("{name} needs its group window in GROUP BY"))
                        .fix("add the TUMBLE(…) or HOP(…) to GROUP BY"),
                );
            }
            return ControlFlow::Continue(());
        }
        if let Some(path) = bind::path(expr)
            && let Some((index, taken)) = bind::resolve(self.scope, &path)
        {
            // A field of a key that is a row.
            let column = format!("${index}");
            if taken < path.len()
                && let Some(key) = self.keys.iter().find(|k| k.canonical == column)
            {
                let mut parts = vec![Ident::with_quote_and_span('`', span, key.name.clone())];
                parts.extend(path.into_iter().skip(taken));
                *expr = Expr::CompoundIdentifier(parts);
                return ControlFlow::Continue(());
            }
            return self.fail(
                at.error(format!("Expression '{expr}' is not being grouped"))
                    .fix("add it to GROUP BY, or aggregate it"),
            );
        }
        ControlFlow::Continue(())
    }
}

/// Binds one aggregate call.
fn bind_call(planner: &Planner<'_>, f: &Function, scope: &Scope, grouped: bool, at: Position) -> Result<Found> {
    let name = bind::function_name(f);
    let Some(mut agg) = function(&name) else {
        return Err(refused(
            at,
            &format!("aggregate function {name}"),
            "use COUNT, SUM, AVG, MIN, MAX, FIRST_VALUE, LAST_VALUE, LISTAGG, STDDEV_* or VAR_*",
        ));
    };
    if !f.within_group.is_empty() || f.null_treatment.is_some() {
        return Err(refused(at, &format!("WITHIN GROUP or NULLS in {name}"), "leave it out"));
    }
    let FunctionArguments::List(list) = &f.args else {
        return Err(at.error(format!("syntax error in the arguments of {name}")));
    };
    if !list.clauses.is_empty() {
        return Err(refused(at, &format!("ORDER BY or another clause in {name}"), "leave it out"));
    }
    let distinct = matches!(list.duplicate_treatment, Some(DuplicateTreatment::Distinct));
    let mut args = list.args.iter();
    let mut arg = None;
    match (args.next(), &agg) {
        (Some(FunctionArg::Unnamed(FunctionArgExpr::Wildcard)), AggFunction::Count) if !distinct => {
            agg = AggFunction::CountStar
        }
        (None, AggFunction::Count) => return Err(at.error("COUNT needs an argument").fix("write COUNT(*)")),
        (Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(e))), _) => {
            if let Some(inner) = find(e) {
                return Err(inner.error("Aggregate expressions cannot be nested").fix("aggregate in a subquery first"));
            }
            arg = Some(bind::expr(e, scope, &planner.ctx)?);
        }
        _ => return Err(at.error(format!("{name} needs one argument"))),
    }
    if let (AggFunction::ListAgg { delimiter }, Some(second)) = (&mut agg, args.next()) {
        match second {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(v))) => match &v.value {
                Value::SingleQuotedString(s) => delimiter.clone_from(s),
                _ => return Err(at.error("the delimiter of LISTAGG must be text in single quotes")),
            },
            _ => return Err(at.error("the delimiter of LISTAGG must be text in single quotes")),
        }
    }
    if args.next().is_some() {
        return Err(refused(at, &format!("{name} of several columns"), "aggregate one column per call"));
    }
    let filter = match &f.filter {
        None => None,
        Some(e) => {
            if let Some(inner) = find(e) {
                return Err(inner.error("FILTER must not contain aggregate expression"));
            }
            Some(planner.predicate(e, scope, "FILTER")?)
        }
    };
    let mut ty = result_type(&agg, arg.as_ref().map(|a| &a.ty)).ok_or_else(|| {
        let of = arg.as_ref().map_or(String::new(), |a| a.ty.data.to_string());
        at.error(format!("Cannot apply '{name}' to arguments of type '{name}(<{of}>)'"))
            .fix("CAST the argument to a type that it takes")
    })?;
    if !matches!(agg, AggFunction::Count | AggFunction::CountStar) {
        ty.nullable = ty.nullable || !grouped || filter.is_some();
    }
    // MIN and MAX do not change by repetition.
    let distinct = distinct && !matches!(agg, AggFunction::Min | AggFunction::Max);
    Ok(Found {
        canonical: String::new(),
        function: agg,
        distinct,
        arg,
        filter,
        ty,
        name: Expr::Function(f.clone()).to_string(),
    })
}

/// Type of an aggregate's result; `None` when it does not take the argument.
fn result_type(f: &AggFunction, arg: Option<&LogicalType>) -> Option<LogicalType> {
    if matches!(f, AggFunction::Count | AggFunction::CountStar) {
        return Some(LogicalType::not_null(DataType::BigInt));
    }
    let arg = arg?;
    let data = match (f, &arg.data) {
        (AggFunction::Sum, DataType::Decimal(_, s)) => DataType::Decimal(38, *s),
        (AggFunction::Sum, d) if d.is_numeric() => d.clone(),
        (AggFunction::Sum, _) => return None,
        (
            AggFunction::Avg
            | AggFunction::StddevPop
            | AggFunction::StddevSamp
            | AggFunction::VarPop
            | AggFunction::VarSamp,
            d,
        ) => match d {
            DataType::Decimal(_, s) => DataType::Decimal(38, (*s).max(6)),
            d if d.is_numeric() => d.clone(),
            _ => return None,
        },
        (AggFunction::ListAgg { .. }, d) if d.is_string() => DataType::STRING,
        (AggFunction::ListAgg { .. }, _) => return None,
        (
            AggFunction::Min | AggFunction::Max,
            DataType::Array(_) | DataType::Map(..) | DataType::Multiset(_) | DataType::Row(_),
        ) => return None,
        (_, d) => d.clone(),
    };
    Some(LogicalType { data, nullable: arg.nullable })
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
        let id = aggregate_id("group-aggregate", &rel, &keys, &calls);
        let rel = Rel::new(Node::Aggregate { input: Box::new(rel), keys, calls, id }, columns);
        let scope = names(&rel);
        return Ok(Scoped { rel, scope });
    };
    window::check(window.kind, true, at)?;
    let others: Vec<usize> = (0..keys.len()).filter(|i| *i != start && *i != end && Some(*i) != time).collect();
    let key_name = |i: usize| keys.get(i).map(|k| k.name.clone());
    let names_of_window = [key_name(start), key_name(end), time.and_then(key_name)];
    let mut rel =
        optimize::window_from_time(window_aggregate(rel, window, WindowOf::Attached { start, end }, others, calls))?;
    let first = rel.columns.len().saturating_sub(3);
    for (column, name) in rel.columns.iter_mut().skip(first).zip(names_of_window) {
        // A window_time that is not grouped cannot be named.
        column.name = name.unwrap_or_else(|| "$window_time".into());
    }
    let scope = names(&rel);
    Ok(Scoped { rel, scope })
}

fn unique<'a>(name: String, taken: impl Iterator<Item = &'a str> + Clone) -> String {
    let mut result = name.clone();
    let mut n = 0;
    while taken.clone().any(|t| t == result) {
        result = format!("{name}_{n}");
        n += 1;
    }
    result
}
