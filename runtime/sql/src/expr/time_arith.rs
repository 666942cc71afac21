//! Dates, times and timestamps plus and minus intervals, and arithmetic of intervals.

use super::BoundExpr;
use super::args::{Args, Moment};
use super::arith::{Exact, Op, negate};
use super::build::{dates, times, timestamps};
use super::call::{Behaviour, Kernel, call};
use arrow::array::{ArrayRef, DurationMillisecondArray, IntervalYearMonthArray};
use std::sync::Arc;
use streamjob_core::text::calendar::add_months;
use streamjob_core::{DataType, Error, LogicalType, Result};

const DAY_MS: i64 = 86_400_000;

/// A moment some months later; days that the month does not have become its last.
pub fn plus_months(moment: Moment, months: i64) -> Moment {
    let days = moment.seconds.div_euclid(86_400);
    moment.at(add_months(days, months) * 86_400 + moment.seconds.rem_euclid(86_400))
}

/// A moment some milliseconds later.
pub fn plus_millis(moment: Moment, ms: i64) -> Moment {
    Moment::from_parts(moment.millis().wrapping_add(ms), moment.sub_millis())
}

/// `left op right` when one of them is a time or interval; `None` when none is.
pub fn arithmetic(op: Op, left: &BoundExpr, right: &BoundExpr, text: &str) -> Result<Option<BoundExpr>> {
    use DataType::{Date, IntervalDayTime, IntervalYearMonth, Time, Timestamp, TimestampLtz};
    let interval = |d: &DataType| matches!(d, IntervalDayTime | IntervalYearMonth);
    let temporal = |d: &DataType| matches!(d, Date | Time(_) | Timestamp(_) | TimestampLtz(_));
    let (l, r) = (&left.ty.data, &right.ty.data);
    if !interval(l) && !interval(r) && !temporal(l) && !temporal(r) {
        return Ok(None);
    }
    let refuse = || {
        let error =
            Error::user(format!("cannot apply '{}' to arguments of type '<{l}> {} <{r}>'", op.sign(), op.sign()));
        if temporal(l) && temporal(r) {
            error.fix("use TIMESTAMPDIFF(unit, from, to)")
        } else {
            error.fix("add or subtract an INTERVAL")
        }
    };
    let (base, amount) = match op {
        Op::Plus if temporal(l) && interval(r) => (left.clone(), right.clone()),
        Op::Plus if interval(l) && temporal(r) => (right.clone(), left.clone()),
        Op::Minus if temporal(l) && interval(r) => (left.clone(), negate(right.clone())?),
        Op::Plus | Op::Minus if interval(l) && l == r => return Ok(Some(intervals(op, left, right, text))),
        Op::Times if interval(l) && r.is_integer() => return Ok(Some(scaled(op, left, right, text))),
        Op::Times if interval(r) && l.is_integer() => return Ok(Some(scaled(op, right, left, text))),
        Op::Divide if interval(l) && r.is_integer() => return Ok(Some(scaled(op, left, right, text))),
        _ => return Err(refuse()),
    };
    let ty = LogicalType { data: base.ty.data.clone(), nullable: base.ty.nullable || amount.ty.nullable };
    let months = amount.ty.data == IntervalYearMonth;
    let kernel: Kernel = match &ty.data {
        Date => Arc::new(move |args: &Args| {
            let base = args.date(0)?;
            if months {
                let amount = args.months(1)?;
                dates(args.rows, |row| Some(add_months(base.get(row)?.into(), amount.get(row)?.into()) as i32))
            } else {
                let amount = args.millis(1)?;
                dates(args.rows, |row| Some(base.get(row)?.wrapping_add((amount.get(row)? / DAY_MS) as i32)))
            }
        }),
        Time(_) => Arc::new(move |args: &Args| {
            let base = args.time(0)?;
            if months {
                return args.arg(0)?.expand(args.rows);
            }
            let amount = args.millis(1)?;
            times(args.rows, |row| {
                Some((i64::from(base.get(row)?).wrapping_add(amount.get(row)?)).rem_euclid(DAY_MS) as i32)
            })
        }),
        result => {
            let result = result.clone();
            Arc::new(move |args: &Args| {
                let base = args.timestamp(0)?;
                if months {
                    let amount = args.months(1)?;
                    timestamps(args.rows, &result, |row| {
                        Ok(base.get(row).zip(amount.get(row)).map(|(m, n)| plus_months(m, n.into())))
                    })
                } else {
                    let amount = args.millis(1)?;
                    timestamps(args.rows, &result, |row| {
                        Ok(base.get(row).zip(amount.get(row)).map(|(m, n)| plus_millis(m, n)))
                    })
                }
            })
        }
    };
    let name = format!("plus interval {}", ty.data);
    let expr = call(name, vec![base.expr, amount.expr], &ty, Behaviour::Total, kernel);
    Ok(Some(BoundExpr { expr, ty, text: text.to_string(), rowtime: false }))
}

/// Sum or difference of two intervals of one kind.
fn intervals(op: Op, left: &BoundExpr, right: &BoundExpr, text: &str) -> BoundExpr {
    let ty = LogicalType { data: left.ty.data.clone(), nullable: left.ty.nullable || right.ty.nullable };
    let months = ty.data == DataType::IntervalYearMonth;
    let kernel: Kernel = Arc::new(move |args: &Args| {
        let join = |a: i64, b: i64| if op == Op::Plus { a.wrapping_add(b) } else { a.wrapping_sub(b) };
        Ok(if months {
            let (a, b) = (args.months(0)?, args.months(1)?);
            let values = (0..args.rows).map(|row| Some(join(a.get(row)?.into(), b.get(row)?.into()) as i32));
            Arc::new(values.collect::<IntervalYearMonthArray>()) as ArrayRef
        } else {
            let (a, b) = (args.millis(0)?, args.millis(1)?);
            let values = (0..args.rows).map(|row| Some(join(a.get(row)?, b.get(row)?)));
            Arc::new(values.collect::<DurationMillisecondArray>())
        })
    });
    let expr = call(
        format!("interval{}", op.sign()),
        vec![left.expr.clone(), right.expr.clone()],
        &ty,
        Behaviour::Total,
        kernel,
    );
    BoundExpr { expr, ty, text: text.to_string(), rowtime: false }
}

/// An interval times or divided by a whole number.
fn scaled(op: Op, interval: &BoundExpr, factor: &BoundExpr, text: &str) -> BoundExpr {
    let ty = LogicalType { data: interval.ty.data.clone(), nullable: interval.ty.nullable || factor.ty.nullable };
    let months = ty.data == DataType::IntervalYearMonth;
    let kernel: Kernel = Arc::new(move |args: &Args| {
        let factor = Exact::new(args, 1)?;
        let scale = |value: i64, row: usize| -> Result<Option<i64>> {
            let Some(f) = factor.get(row) else { return Ok(None) };
            let f = f as i64;
            match op {
                Op::Divide if f == 0 => Err(Error::user("/ by zero")),
                Op::Divide => Ok(Some(value.wrapping_div(f))),
                _ => Ok(Some(value.wrapping_mul(f))),
            }
        };
        let value: Box<dyn Fn(usize) -> Option<i64>> = if months {
            let view = args.months(0)?;
            Box::new(move |row| view.get(row).map(i64::from))
        } else {
            let view = args.millis(0)?;
            Box::new(move |row| view.get(row))
        };
        let values =
            (0..args.rows).map(|row| value(row).map_or(Ok(None), |v| scale(v, row))).collect::<Result<Vec<_>>>()?;
        Ok(if months {
            Arc::new(values.into_iter().map(|v| v.map(|v| v as i32)).collect::<IntervalYearMonthArray>()) as ArrayRef
        } else {
            Arc::new(values.into_iter().collect::<DurationMillisecondArray>())
        })
    });
    let behaviour = if op == Op::Divide { Behaviour::Fallible } else { Behaviour::Total };
    let name = format!("interval{}", op.sign());
    let expr = call(name, vec![interval.expr.clone(), factor.expr.clone()], &ty, behaviour, kernel);
    BoundExpr { expr, ty, text: text.to_string(), rowtime: false }
}
