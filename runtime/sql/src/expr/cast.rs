//! CAST, TRY_CAST and the implicit casts of sinks and operators: which pairs of
//! types there are. The conversions themselves are in the submodules.

mod array;
mod number;
mod text;
mod time;

use super::args::Args;
use super::call::{Behaviour, call};
use super::env::Env;
use super::{BoundExpr, ExprContext, literal};
use std::sync::Arc;
use streamjob_core::{DataType, Error, LogicalType, Result};

/// How a value is cast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CastMode {
    /// CAST: what cannot be converted fails the job; text is cut or padded to its length.
    Explicit,
    /// TRY_CAST: what cannot be converted is NULL.
    Try,
    /// Into a sink's column: as CAST.
    Implicit,
}

/// Casts to a type, as CAST (`Explicit`), TRY_CAST (`Try`) or as a sink does (`Implicit`; check
/// [`super::implicitly_castable`] first). The result is nullable if the value is or, for `Try`, always.
/// Errors (User) when Flink has no such cast.
pub fn cast(expr: BoundExpr, to: &LogicalType, mode: CastMode, ctx: &ExprContext<'_>) -> Result<BoundExpr> {
    cast_to(expr, to, mode, &Env::new(ctx)?)
}

/// What a conversion needs to know.
#[derive(Debug, Clone, Copy)]
pub(crate) struct How {
    mode: CastMode,
    env: Env,
}

impl How {
    /// The value, or for TRY_CAST NULL in place of an error.
    fn settle<T>(&self, result: std::result::Result<T, String>) -> Result<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(_) if self.mode == CastMode::Try => Ok(None),
            Err(message) => Err(Error::user(message)),
        }
    }
}

/// As [`cast`], inside of this module.
pub(crate) fn cast_to(mut expr: BoundExpr, to: &LogicalType, mode: CastMode, env: &Env) -> Result<BoundExpr> {
    let nullable = expr.ty.nullable || mode == CastMode::Try;
    let ty = LogicalType { data: to.data.clone(), nullable };
    if expr.ty.data == to.data || keeps_values(&expr.ty.data, &to.data) {
        expr.ty = ty;
        return Ok(expr);
    }
    if expr.ty.data == DataType::Null {
        let mut null = literal::null(&to.data)?;
        null.text = expr.text;
        return Ok(null);
    }
    if !castable(&expr.ty.data, &to.data) {
        let error = Error::user(format!("cannot cast {} to {} in {}", expr.ty.data, to.data, expr.text));
        return Err(match (&expr.ty.data, &to.data) {
            (f, DataType::Timestamp(_) | DataType::TimestampLtz(_)) if f.is_numeric() => {
                error.fix("use TO_TIMESTAMP_LTZ(number, 0 or 3)")
            }
            (DataType::Timestamp(_) | DataType::TimestampLtz(_), t) if t.is_numeric() => {
                error.fix("use UNIX_TIMESTAMP(CAST(… AS STRING))")
            }
            _ => error,
        });
    }
    let how = How { mode, env: *env };
    let (from, target) = (expr.ty.clone(), ty.clone());
    let kind = match mode {
        CastMode::Explicit => "CAST",
        CastMode::Try => "TRY_CAST",
        CastMode::Implicit => "cast",
    };
    let name = format!("{kind} to {} from {}{}", to.data, from.data, env.mark());
    let text = match mode {
        CastMode::Try => format!("TRY_CAST({} AS {})", expr.text, to.data),
        _ => format!("CAST({} AS {})", expr.text, to.data),
    };
    let behaviour =
        if fallible(&from.data, &to.data) && mode != CastMode::Try { Behaviour::Fallible } else { Behaviour::Total };
    let kernel = Arc::new(move |args: &Args| {
        let input = args.arg(0)?;
        let rows = if input.constant { 1 } else { args.rows };
        let result = array::convert(&input.expand(rows)?, &from, &target, &how)?;
        if input.constant { super::args::Arg::constant(result).expand(args.rows) } else { Ok(result) }
    });
    let result = call(name, vec![expr.expr], &ty, behaviour, kernel);
    Ok(BoundExpr {
        expr: result,
        ty,
        text,
        rowtime: expr.rowtime
            && matches!(to.data, DataType::Timestamp(_) | DataType::TimestampLtz(_))
            && expr.ty.data == to.data,
    })
}

/// True when the cast changes the type but no value.
fn keeps_values(from: &DataType, to: &DataType) -> bool {
    match (from, to) {
        (DataType::Char(n) | DataType::VarChar(n), DataType::VarChar(m)) => n <= m,
        (DataType::Binary(n) | DataType::VarBinary(n), DataType::VarBinary(m)) => n <= m,
        _ => false,
    }
}

/// True when there is such a cast.
fn castable(from: &DataType, to: &DataType) -> bool {
    use DataType::{
        Array, Binary, Boolean, Date, IntervalDayTime, IntervalYearMonth, Map, Multiset, Row, Time, Timestamp,
        TimestampLtz, VarBinary,
    };
    let timestamp = |d: &DataType| matches!(d, Timestamp(_) | TimestampLtz(_));
    let binary = |d: &DataType| matches!(d, Binary(_) | VarBinary(_));
    match (from, to) {
        (_, t) if t.is_string() => true,
        (f, t) if f.is_numeric() && (t.is_numeric() || *t == Boolean) => true,
        (Boolean, t) if t.is_numeric() => true,
        (f, t) if f.is_string() => {
            t.is_numeric() || *t == Boolean || *t == Date || matches!(t, Time(_)) || timestamp(t) || binary(t)
        }
        (f, t) if binary(f) && binary(t) => true,
        (Date, t) if timestamp(t) => true,
        (Time(_), Time(_)) => true,
        (Time(_), t) if timestamp(t) => true,
        (f, Date | Time(_)) if timestamp(f) => true,
        (f, t) if timestamp(f) && timestamp(t) => true,
        (IntervalYearMonth | IntervalDayTime, t) if t.is_integer() => true,
        (f, IntervalYearMonth | IntervalDayTime) if f.is_integer() => true,
        (Array(f), Array(t)) | (Multiset(f), Multiset(t)) => part(f, t),
        (Map(fk, fv), Map(tk, tv)) => part(fk, tk) && part(fv, tv),
        (Row(f), Row(t)) => f.len() == t.len() && f.iter().zip(t).all(|(f, t)| part(&f.ty, &t.ty)),
        _ => false,
    }
}

fn part(from: &LogicalType, to: &LogicalType) -> bool {
    from.data == to.data || from.data == DataType::Null || castable(&from.data, &to.data)
}

/// True when the cast can fail for some values.
fn fallible(from: &DataType, to: &DataType) -> bool {
    match (from, to) {
        (_, t) if t.is_string() => false,
        (f, _) if f.is_string() => true,
        (f, t) if f.is_numeric() && t.is_numeric() => false,
        (DataType::Boolean, _) | (_, DataType::Boolean) => false,
        _ => true,
    }
}
