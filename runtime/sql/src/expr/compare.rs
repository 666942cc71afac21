//! Comparisons with Flink's implicit conversions, and IS [NOT] DISTINCT FROM.

use super::BoundExpr;
use super::args::Args;
use super::arith::Exact;
use super::build::bools;
use super::call::{Behaviour, Kernel, call};
use super::cast::{CastMode, cast_to};
use super::decimal;
use super::env::Env;
use super::types::{as_decimal, common_type};
use datafusion_expr::Operator;
use datafusion_physical_expr::expressions::BinaryExpr;
use std::cmp::Ordering;
use std::sync::Arc;
use streamjob_core::{DataType, Error, LogicalType, Result};

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Eq,
    /// `<>`
    NotEq,
    /// `<`
    Lt,
    /// `<=`
    LtEq,
    /// `>`
    Gt,
    /// `>=`
    GtEq,
    /// IS DISTINCT FROM: NULL is a value like others.
    Distinct,
    /// IS NOT DISTINCT FROM.
    NotDistinct,
}

impl Comparison {
    /// As written.
    pub fn sign(self) -> &'static str {
        match self {
            Comparison::Eq => "=",
            Comparison::NotEq => "<>",
            Comparison::Lt => "<",
            Comparison::LtEq => "<=",
            Comparison::Gt => ">",
            Comparison::GtEq => ">=",
            Comparison::Distinct => "IS DISTINCT FROM",
            Comparison::NotDistinct => "IS NOT DISTINCT FROM",
        }
    }

    fn operator(self) -> Operator {
        match self {
            Comparison::Eq => Operator::Eq,
            Comparison::NotEq => Operator::NotEq,
            Comparison::Lt => Operator::Lt,
            Comparison::LtEq => Operator::LtEq,
            Comparison::Gt => Operator::Gt,
            Comparison::GtEq => Operator::GtEq,
            Comparison::Distinct => Operator::IsDistinctFrom,
            Comparison::NotDistinct => Operator::IsNotDistinctFrom,
        }
    }

    /// The answer for two values; `None` where one is NaN.
    fn holds(self, ordering: Option<Ordering>) -> bool {
        match self {
            Comparison::Eq | Comparison::NotDistinct => ordering == Some(Ordering::Equal),
            Comparison::NotEq | Comparison::Distinct => ordering != Some(Ordering::Equal),
            Comparison::Lt => ordering == Some(Ordering::Less),
            Comparison::LtEq => matches!(ordering, Some(Ordering::Less | Ordering::Equal)),
            Comparison::Gt => ordering == Some(Ordering::Greater),
            Comparison::GtEq => matches!(ordering, Some(Ordering::Greater | Ordering::Equal)),
        }
    }

    /// The answer when at least one side is NULL.
    fn of_nulls(self, both: bool) -> Option<bool> {
        match self {
            Comparison::Distinct => Some(!both),
            Comparison::NotDistinct => Some(both),
            _ => None,
        }
    }
}

/// `left op right`.
pub fn comparison(op: Comparison, left: BoundExpr, right: BoundExpr, env: &Env) -> Result<BoundExpr> {
    let text = format!("({} {} {})", left.text, op.sign(), right.text);
    let nullable =
        !matches!(op, Comparison::Distinct | Comparison::NotDistinct) && (left.ty.nullable || right.ty.nullable);
    let ty = LogicalType { data: DataType::Boolean, nullable };
    let bound = |expr| BoundExpr { expr, ty: ty.clone(), text: text.clone(), rowtime: false };
    let (l, r) = (&left.ty.data, &right.ty.data);

    let decimal = |d: &DataType| matches!(d, DataType::Decimal(..));
    if let (Some((_, s1)), Some((_, s2)), true) = (as_decimal(l), as_decimal(r), (decimal(l) || decimal(r)) && l != r) {
        let expr = call(
            format!("decimal{}{s1},{s2}", op.sign()),
            vec![left.expr, right.expr],
            &ty,
            Behaviour::Total,
            decimals(op, s1.into(), s2.into()),
        );
        return Ok(bound(expr));
    }
    let common = comparable(&left.ty, &right.ty)?;
    let left = cast_to(left, &common, CastMode::Explicit, env)?;
    let right = cast_to(right, &common, CastMode::Explicit, env)?;
    // Arrow orders floats totally (NaN = NaN, -0.0 < 0.0); Java does not.
    let floats = match common.data {
        DataType::Double => Some(doubles(op)),
        DataType::Float => Some(floats(op)),
        _ => None,
    };
    Ok(bound(match floats {
        Some(kernel) => call(op.sign(), vec![left.expr, right.expr], &ty, Behaviour::Total, kernel),
        None => Arc::new(BinaryExpr::new(left.expr, op.operator(), right.expr)),
    }))
}

/// The type in which two values are compared.
fn comparable(left: &LogicalType, right: &LogicalType) -> Result<LogicalType> {
    let (l, r) = (&left.data, &right.data);
    let time = |d: &DataType| {
        matches!(d, DataType::Date | DataType::Time(_) | DataType::Timestamp(_) | DataType::TimestampLtz(_))
    };
    let refuse = || {
        Error::user(format!("implicit type conversion between {} and {} is not supported now", root(l), root(r)))
            .fix("CAST one side")
    };
    if time(l) && r.is_string() {
        return Ok(LogicalType::new(l.clone()));
    }
    if l.is_string() && time(r) {
        return Ok(LogicalType::new(r.clone()));
    }
    common_type(&[left.clone(), right.clone()]).ok_or_else(refuse)
}

/// Name of a type's root, as Flink's messages have it.
pub fn root(data: &DataType) -> String {
    match data {
        DataType::Int => "INTEGER".into(),
        DataType::Timestamp(_) => "TIMESTAMP_WITHOUT_TIME_ZONE".into(),
        DataType::TimestampLtz(_) => "TIMESTAMP_WITH_LOCAL_TIME_ZONE".into(),
        DataType::Time(_) => "TIME_WITHOUT_TIME_ZONE".into(),
        DataType::VarChar(_) => "VARCHAR".into(),
        other => {
            let text = other.to_string();
            text.split(['(', '<']).next().unwrap_or_default().to_string()
        }
    }
}

fn decimals(op: Comparison, s1: u32, s2: u32) -> Kernel {
    Arc::new(move |args: &Args| {
        let (left, right) = (Exact::new(args, 0)?, Exact::new(args, 1)?);
        bools(args.rows, |row| match (left.get(row), right.get(row)) {
            (Some(a), Some(b)) => Some(op.holds(Some(decimal::compare(a, s1, b, s2)))),
            (a, b) => op.of_nulls(a.is_none() && b.is_none()),
        })
    })
}

fn doubles(op: Comparison) -> Kernel {
    Arc::new(move |args: &Args| {
        let (left, right) = (args.double(0)?, args.double(1)?);
        bools(args.rows, |row| match (left.get(row), right.get(row)) {
            (Some(a), Some(b)) => Some(op.holds(a.partial_cmp(&b))),
            (a, b) => op.of_nulls(a.is_none() && b.is_none()),
        })
    })
}

fn floats(op: Comparison) -> Kernel {
    Arc::new(move |args: &Args| {
        let (left, right) = (args.float(0)?, args.float(1)?);
        bools(args.rows, |row| match (left.get(row), right.get(row)) {
            (Some(a), Some(b)) => Some(op.holds(a.partial_cmp(&b))),
            (a, b) => op.of_nulls(a.is_none() && b.is_none()),
        })
    })
}
