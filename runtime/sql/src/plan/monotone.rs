//! Values that updates change in one direction only, by Flink's rules (modified
//! monotonicity): MAX of what only grows and MIN of what only falls need nothing
//! taken back, so they keep no map of values and never show a step back.

use super::changelog::changes;
use super::{Call, Node, Rel, bind};
use crate::expr::{BoundExpr, cast_of};
use datafusion_common::ScalarValue;
use datafusion_expr::Operator;
use datafusion_physical_expr::PhysicalExpr;
use datafusion_physical_expr::expressions::{BinaryExpr, CaseExpr, Literal};
use std::sync::Arc;
use streamjob_core::Result;
use streamjob_engine::operators::AggFunction;

/// How updates change a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    /// Not at all.
    Constant,
    Up,
    Down,
    Any,
}

/// For each call of an aggregate: whether it needs nothing taken back although its input is updated.
pub fn monotonic_calls(rel: &Rel) -> Result<Vec<bool>> {
    let Node::Aggregate { input, keys, calls, .. } = &rel.node else { return Ok(Vec::new()) };
    if changes(input).insert_only() {
        return Ok(vec![false; calls.len()]);
    }
    let Some(own) = directions(rel)? else { return Ok(vec![false; calls.len()]) };
    let of = |(call, direction): (&Call, &Direction)| match call.function {
        AggFunction::Max => *direction == Direction::Up,
        AggFunction::Min => *direction == Direction::Down,
        _ => false,
    };
    Ok(calls.iter().zip(own.iter().skip(keys.len())).map(of).collect())
}

/// Of each column; `None` where rows may be deleted.
fn directions(rel: &Rel) -> Result<Option<Vec<Direction>>> {
    let all = |direction| Some(vec![direction; rel.columns.len()]);
    Ok(match &rel.node {
        Node::Aggregate { input, keys, calls, .. } => {
            let Some(below) = directions(input)? else { return Ok(None) };
            let of = |i: usize| below.get(i).copied().unwrap_or(Direction::Any);
            if keys.iter().any(|k| of(*k) != Direction::Constant) {
                return Ok(None);
            }
            let updated = below.iter().any(|d| *d != Direction::Constant);
            let mut own = vec![Direction::Constant; keys.len()];
            for call in calls {
                let direction = match call.function {
                    AggFunction::Count | AggFunction::CountStar => Direction::Up,
                    AggFunction::Max => Direction::Up,
                    AggFunction::Min => Direction::Down,
                    AggFunction::Sum if call.arg.is_some_and(|a| never_negative(input, a)) => Direction::Up,
                    _ => Direction::Any,
                };
                let counts = matches!(call.function, AggFunction::Count | AggFunction::CountStar);
                let follows = counts || !updated || call.arg.is_none_or(|a| of(a) == direction);
                own.push(if follows { direction } else { Direction::Any });
            }
            Some(own)
        }
        _ if changes(rel).insert_only() => all(Direction::Constant),
        Node::Calc { input, filter, exprs } => {
            let Some(below) = directions(input)? else { return Ok(None) };
            let of = |i: usize| below.get(i).copied().unwrap_or(Direction::Any);
            if below.iter().all(|d| *d == Direction::Constant) {
                return Ok(all(Direction::Constant));
            }
            // A condition on what changes may be true of the old row and false of the new one.
            if bind::columns_of(filter.iter())?.into_iter().any(|i| of(i) != Direction::Constant) {
                return Ok(all(Direction::Any));
            }
            let one = |e: &BoundExpr| kept(&e.expr).map_or(Direction::Any, of);
            Some(exprs.iter().map(one).collect())
        }
        Node::Union(inputs) => {
            let mut parts = Vec::new();
            for input in inputs {
                let Some(part) = directions(input)? else { return Ok(None) };
                parts.push(part);
            }
            match parts.split_first() {
                Some((first, rest)) if rest.iter().all(|p| p == first) => Some(first.clone()),
                _ => all(Direction::Any),
            }
        }
        _ => all(Direction::Any),
    })
}

/// The column that an expression is, but for casts.
fn kept(expr: &Arc<dyn PhysicalExpr>) -> Option<usize> {
    bind::plain_column(expr).or_else(|| cast_of(expr).and_then(|(value, _)| kept(value)))
}

/// True for constants of 0 and more, CASE with only such results, and columns that WHERE says it of.
fn never_negative(input: &Rel, column: usize) -> bool {
    let Node::Calc { exprs, filter, .. } = &input.node else { return false };
    let Some(expr) = exprs.get(column).map(|e| &e.expr) else { return false };
    let bounded = || {
        let bound = filter.as_ref()?.expr.downcast_ref::<BinaryExpr>()?;
        let same = bind::plain_column(bound.left()).is_some_and(|c| bind::plain_column(expr) == Some(c));
        Some(same && matches!(bound.op(), Operator::Gt | Operator::GtEq) && positive(bound.right()))
    };
    positive(expr) || bounded().unwrap_or(false)
}

fn positive(expr: &Arc<dyn PhysicalExpr>) -> bool {
    if let Some(literal) = expr.downcast_ref::<Literal>() {
        return match literal.value() {
            ScalarValue::Int8(Some(v)) => *v >= 0,
            ScalarValue::Int16(Some(v)) => *v >= 0,
            ScalarValue::Int32(Some(v)) => *v >= 0,
            ScalarValue::Int64(Some(v)) => *v >= 0,
            ScalarValue::Float64(Some(v)) => *v >= 0.0,
            ScalarValue::Decimal128(Some(v), ..) => *v >= 0,
            _ => false,
        };
    }
    expr.downcast_ref::<CaseExpr>().is_some_and(|case| {
        case.when_then_expr().iter().all(|(_, then)| positive(then)) && case.else_expr().is_some_and(positive)
    })
}
