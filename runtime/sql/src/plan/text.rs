//! Plan nodes in Flink's words, for EXPLAIN, for names of operators, and for errors.

use super::{Call, Node, Rel, WindowOf};
use crate::catalog::full_name;
use crate::expr::BoundExpr;

/// One line: `GroupAggregate(groupBy=[a], select=[a, COUNT(*) AS n])`.
pub fn describe(rel: &Rel) -> String {
    let names = rel.names();
    match &rel.node {
        Node::Scan(t, _) => {
            format!("TableSourceScan(table=[[{}]], fields=[{}])", full_name(&t.def.name), names.join(", "))
        }
        Node::Values(rows) if names.is_empty() => format!("Values(rows=[{}])", rows.len()),
        Node::Values(rows) => {
            let shown: Vec<String> = rows.iter().map(|r| format!("{{ {} }}", list(r))).collect();
            format!("Values(tuples=[[{}]])", shown.join(", "))
        }
        Node::Calc { filter, exprs, .. } => {
            let select: Vec<String> = exprs.iter().zip(&names).map(|(e, n)| aliased(&e.text, n)).collect();
            match filter {
                None => format!("Calc(select=[{}])", select.join(", ")),
                Some(f) => format!("Calc(select=[{}], where=[{}])", select.join(", "), f.text),
            }
        }
        Node::Watermark { input, column, expr, .. } => {
            format!("WatermarkAssigner(rowtime=[{}], watermark=[{}])", name(input, *column), expr.text)
        }
        Node::CurrentWatermark { .. } => format!("CurrentWatermark(select=[{}])", names.join(", ")),
        Node::Union(_) => format!("Union(all=[true], union=[{}])", names.join(", ")),
        Node::Aggregate { input, keys, calls, .. } => {
            let keys: Vec<&str> = keys.iter().map(|k| name(input, *k)).collect();
            let mut select: Vec<String> = keys.iter().map(ToString::to_string).collect();
            select.extend(calls.iter().map(|c| call(c, input)));
            if keys.is_empty() {
                return format!("GroupAggregate(select=[{}])", select.join(", "));
            }
            format!("GroupAggregate(groupBy=[{}], select=[{}])", keys.join(", "), select.join(", "))
        }
        Node::WindowTvf { input, window, time } => {
            format!("WindowTableFunction(window=[{window}], time_col=[{}])", name(input, *time))
        }
        Node::WindowAggregate { input, window, source, keys, calls, .. } => {
            let keys: Vec<&str> = keys.iter().map(|k| name(input, *k)).collect();
            let of = match source {
                WindowOf::Time(time) => format!("{window}, time_col=[{}]", name(input, *time)),
                WindowOf::Attached { start, end, .. } => {
                    format!("{window}, win_start=[{}], win_end=[{}]", name(input, *start), name(input, *end))
                }
            };
            let mut select: Vec<String> = keys.iter().map(ToString::to_string).collect();
            select.extend(calls.iter().map(|c| call(c, input)));
            select.push("start('w$) AS window_start, end('w$) AS window_end, rowtime('w$) AS window_time".into());
            let group = if keys.is_empty() { String::new() } else { format!("groupBy=[{}], ", keys.join(", ")) };
            format!("WindowAggregate({group}window=[{of}], select=[{}])", select.join(", "))
        }
    }
}

/// The kind of a relation, for the names of operators.
pub fn short(rel: &Rel) -> String {
    let text = describe(rel);
    match &rel.node {
        Node::Aggregate { input, keys, .. } => {
            format!("GroupAggregate({})", keys.iter().map(|k| name(input, *k)).collect::<Vec<_>>().join(", "))
        }
        Node::WindowAggregate { input, keys, window, .. } => {
            let keys: Vec<&str> = keys.iter().map(|k| name(input, *k)).collect();
            format!("WindowAggregate({window}{}{})", if keys.is_empty() { "" } else { ", " }, keys.join(", "))
        }
        Node::Watermark { input, column, .. } => format!("WatermarkAssigner({})", name(input, *column)),
        _ => text.split_once('(').map_or(text.clone(), |(kind, _)| kind.to_string()),
    }
}

fn call(c: &Call, input: &Rel) -> String {
    let distinct = if c.distinct { "DISTINCT " } else { "" };
    let arg = c.arg.map_or("*", |a| name(input, a));
    let filter = c.filter.map_or(String::new(), |f| format!(" FILTER {}", name(input, f)));
    aliased(&format!("{}({distinct}{arg}){filter}", c.function.name()), &c.text)
}

fn name(rel: &Rel, index: usize) -> &str {
    rel.columns.get(index).map_or("?", |c| c.name.as_str())
}

fn aliased(text: &str, name: &str) -> String {
    if text == name { text.to_string() } else { format!("{text} AS {name}") }
}

fn list(exprs: &[BoundExpr]) -> String {
    exprs.iter().map(|e| e.text.as_str()).collect::<Vec<_>>().join(", ")
}
