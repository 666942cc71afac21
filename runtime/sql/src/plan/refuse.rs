//! What stands in Flink's grammar but not in ours is refused here by name, with
//! its place and what to write instead.

use crate::parser::refused;
use crate::position::Position;
use datafusion_expr::sqlparser::ast::{
    Distinct, Expr, GroupByExpr, Join, JoinOperator, Query, Select, Spanned, TableFactor, Visit, Visitor,
};
use std::ops::ControlFlow;
use streamjob_core::{Error, Result};

/// Refuses clauses of a query around its body.
pub fn query(q: &Query) -> Result<()> {
    if let Some(order) = &q.order_by {
        return Err(refused(
            Position::of(order.span()),
            "ORDER BY",
            "a stream has no end to sort by; sort what reads the sink",
        ));
    }
    if let Some(limit) = &q.limit_clause {
        return Err(refused(
            Position::of(limit.span()).or(Position::of(q.body.span())),
            "LIMIT or OFFSET",
            "filter by WHERE",
        ));
    }
    if q.fetch.is_some() {
        return Err(refused(Position::of(q.body.span()), "FETCH FIRST", "filter by WHERE"));
    }
    if q.for_clause.is_some() || !q.locks.is_empty() || !q.pipe_operators.is_empty() {
        return Err(refused(Position::of(q.body.span()), "a FOR clause", "leave it out"));
    }
    if let Some(with) = &q.with
        && with.recursive
    {
        return Err(refused(Position::of(with.with_token.0.span), "WITH RECURSIVE", "use a view"));
    }
    Ok(())
}

/// Refuses clauses of a SELECT.
pub fn select(s: &Select) -> Result<()> {
    let at = Position::of(s.select_token.0.span);
    if let Some(Distinct::On(exprs)) = &s.distinct {
        let at = exprs.first().map_or(at, Position::of_expr);
        return Err(refused(at, "DISTINCT ON", "use GROUP BY with MIN or MAX"));
    }
    if let Some(qualify) = &s.qualify {
        return Err(refused(Position::of_expr(qualify), "QUALIFY", "use GROUP BY with HAVING"));
    }
    if let Some(window) = s.named_window.first() {
        return Err(refused(
            Position::of(window.0.span),
            "WINDOW",
            "use a window table function: TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), …))",
        ));
    }
    if s.top.is_some()
        || s.into.is_some()
        || !s.lateral_views.is_empty()
        || s.prewhere.is_some()
        || !s.connect_by.is_empty()
    {
        return Err(refused(at, "this form of SELECT", "use SELECT … FROM … WHERE … GROUP BY … HAVING"));
    }
    if !s.cluster_by.is_empty() || !s.distribute_by.is_empty() || !s.sort_by.is_empty() {
        return Err(refused(at, "CLUSTER BY, DISTRIBUTE BY or SORT BY", "leave it out"));
    }
    if let GroupByExpr::All(_) = &s.group_by {
        return Err(refused(Position::of(s.group_by.span()).or(at), "GROUP BY ALL", "name the keys"));
    }
    let mut tables = s.from.iter();
    if let Some(table) = tables.next() {
        if let Some(join) = table.joins.first() {
            return Err(refuse_join(join));
        }
        if let Some(second) = tables.next() {
            let at = factor_position(&second.relation).or(at);
            return Err(refused(
                at,
                "a join (comma in FROM)",
                "join in the source system, or use UNION ALL and GROUP BY",
            ));
        }
    }
    Ok(())
}

fn refuse_join(join: &Join) -> Error {
    let at = factor_position(&join.relation);
    let (what, instead) = match (&join.relation, &join.join_operator) {
        (TableFactor::Table { version: Some(_), .. }, _) => {
            ("a lookup or temporal join (FOR SYSTEM_TIME AS OF)", "enrich the rows before they reach this job")
        }
        (TableFactor::Table { name, args: Some(_), .. }, _) if name.to_string().eq_ignore_ascii_case("UNNEST") => {
            ("CROSS JOIN UNNEST", "read the elements by position: items[1]")
        }
        (TableFactor::UNNEST { .. }, _) => ("CROSS JOIN UNNEST", "read the elements by position: items[1]"),
        (TableFactor::Function { .. } | TableFactor::TableFunction { .. }, _) => {
            ("a join with a table function (LATERAL TABLE)", "use scalar functions in the SELECT list")
        }
        (_, JoinOperator::LeftOuter(_) | JoinOperator::Left(_)) => {
            ("LEFT JOIN", "join in the source system, or use UNION ALL and GROUP BY")
        }
        (_, JoinOperator::RightOuter(_) | JoinOperator::Right(_)) => {
            ("RIGHT JOIN", "join in the source system, or use UNION ALL and GROUP BY")
        }
        (_, JoinOperator::FullOuter(_)) => ("FULL JOIN", "join in the source system, or use UNION ALL and GROUP BY"),
        (_, JoinOperator::CrossJoin(_)) => ("CROSS JOIN", "join in the source system, or use UNION ALL and GROUP BY"),
        _ => ("JOIN", "join in the source system, or use UNION ALL and GROUP BY"),
    };
    refused(at, what, instead)
}

/// Refuses what stands in FROM and is neither table, subquery nor window.
pub fn factor(f: &TableFactor, fallback: Position) -> Error {
    let at = factor_position(f).or(fallback);
    let (what, instead) = match f {
        TableFactor::MatchRecognize { .. } => ("MATCH_RECOGNIZE", "use windows and GROUP BY"),
        TableFactor::UNNEST { .. } => ("UNNEST", "read the elements by position: items[1]"),
        TableFactor::Function { .. } => ("LATERAL TABLE", "use scalar functions in the SELECT list"),
        TableFactor::NestedJoin { .. } => ("JOIN", "join in the source system, or use UNION ALL and GROUP BY"),
        TableFactor::Pivot { .. } | TableFactor::Unpivot { .. } => ("PIVOT", "use CASE inside aggregates"),
        _ => ("this kind of table in FROM", "name a table or view, a subquery, or TABLE(TUMBLE(…))"),
    };
    refused(at, what, instead)
}

/// Where something in FROM starts.
pub fn factor_position(f: &TableFactor) -> Position {
    Position::of(f.span())
}

/// Refuses subqueries and OVER windows inside an expression.
pub fn expression(expr: &Expr) -> Result<()> {
    struct Refuse;
    impl Visitor for Refuse {
        type Break = Error;
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Error> {
            let join = "join in the source system, or list the values";
            let (construct, instead) = match expr {
                Expr::Subquery(_) => ("a scalar subquery", join),
                Expr::InSubquery { .. } => ("IN (SELECT …)", join),
                Expr::Exists { .. } => ("EXISTS (SELECT …)", join),
                Expr::AnyOp { .. } | Expr::AllOp { .. } => ("ANY or ALL", "use IN with a list"),
                Expr::Function(f) if f.over.is_some() => (
                    "an OVER window",
                    "use a window table function with GROUP BY: TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), …))",
                ),
                Expr::GroupingSets(_) => ("GROUPING SETS", "write one INSERT per grouping"),
                Expr::Cube(_) => ("CUBE", "write one INSERT per grouping"),
                Expr::Rollup(_) => ("ROLLUP", "write one INSERT per grouping"),
                _ => return ControlFlow::Continue(()),
            };
            ControlFlow::Break(refused(Position::of_expr(expr), construct, instead))
        }
    }
    match expr.visit(&mut Refuse) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}
