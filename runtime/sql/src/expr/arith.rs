//! `+ - * / %` and unary minus: Flink's result types, and kernels where Arrow
//! differs (division, decimals, wrapping).

use super::args::Args;
use super::build::decimals;
use super::call::{Behaviour, Kernel, call};
use super::cast::{CastMode, cast_to};
use super::decimal::{add, divide, multiply, remainder};
use super::env::Env;
use super::types::{as_decimal, decimal_product, decimal_quotient, decimal_remainder, decimal_sum};
use super::{BoundExpr, time_arith};
use arrow::array::{ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray};
use arrow::datatypes::{Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type};
use datafusion_expr::Operator;
use datafusion_physical_expr::expressions::BinaryExpr;
use std::sync::Arc;
use streamjob_core::{DataType, Error, LogicalType, Result};

/// An arithmetic operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// `+`
    Plus,
    /// `-`
    Minus,
    /// `*`
    Times,
    /// `/`
    Divide,
    /// `%`, MOD
    Modulo,
}

impl Op {
    /// As written.
    pub fn sign(self) -> &'static str {
        match self {
            Op::Plus => "+",
            Op::Minus => "-",
            Op::Times => "*",
            Op::Divide => "/",
            Op::Modulo => "%",
        }
    }
}

/// `left op right`.
pub fn arithmetic(op: Op, left: BoundExpr, right: BoundExpr, env: &Env) -> Result<BoundExpr> {
    let text = format!("({} {} {})", left.text, op.sign(), right.text);
    let (left, right) = untyped_nulls(left, right, env)?;
    if let Some(bound) = time_arith::arithmetic(op, &left, &right, &text)? {
        return Ok(bound);
    }
    let (l, r) = (left.ty.data.clone(), right.ty.data.clone());
    if !l.is_numeric() || !r.is_numeric() {
        return Err(Error::user(format!(
            "cannot apply '{}' to arguments of type '<{}> {} <{}>'",
            op.sign(),
            left.ty.data,
            op.sign(),
            right.ty.data
        ))
        .fix("CAST one side"));
    }
    let nullable = left.ty.nullable || right.ty.nullable;
    let approximate = |d: &DataType| matches!(d, DataType::Float | DataType::Double);
    let decimal = matches!(l, DataType::Decimal(..)) || matches!(r, DataType::Decimal(..));
    if decimal && !approximate(&l) && !approximate(&r) {
        return decimal_arithmetic(op, &left, &right, text);
    }
    let data = super::types::common_type(&[left.ty.clone(), right.ty.clone()])
        .ok_or_else(|| Error::internal(format!("no common type of {l} and {r}")))?
        .data;
    let ty = LogicalType { data: data.clone(), nullable };
    // MOD has the type of its second argument.
    let result = if op == Op::Modulo && data.is_integer() { LogicalType { data: r, nullable } } else { ty.clone() };
    let left = cast_to(left, &ty, CastMode::Explicit, env)?;
    let right = cast_to(right, &ty, CastMode::Explicit, env)?;
    let arrow_op = match op {
        Op::Plus => Some(Operator::Plus),
        Op::Minus => Some(Operator::Minus),
        Op::Times => Some(Operator::Multiply),
        Op::Divide if approximate(&data) => Some(Operator::Divide),
        Op::Modulo if approximate(&data) => Some(Operator::Modulo),
        _ => None,
    };
    let expr = match arrow_op {
        Some(operator) => Arc::new(BinaryExpr::new(left.expr, operator, right.expr)) as _,
        None => call(op.sign(), vec![left.expr, right.expr], &ty, Behaviour::Fallible, integer_division(op, &data)?),
    };
    cast_to(BoundExpr { expr, ty, text, rowtime: false }, &result, CastMode::Explicit, env)
}

/// A NULL literal takes the other side's type.
fn untyped_nulls(left: BoundExpr, right: BoundExpr, env: &Env) -> Result<(BoundExpr, BoundExpr)> {
    let typed = |e: BoundExpr, other: &LogicalType| {
        if e.ty.data == DataType::Null {
            cast_to(e, &LogicalType::new(other.data.clone()), CastMode::Explicit, env)
        } else {
            Ok(e)
        }
    };
    let (l, r) = (left.ty.clone(), right.ty.clone());
    Ok((typed(left, &r)?, typed(right, &l)?))
}

fn integer_division(op: Op, data: &DataType) -> Result<Kernel> {
    Ok(match data {
        DataType::TinyInt => division::<Int8Type>(op, i8::wrapping_div, i8::wrapping_rem),
        DataType::SmallInt => division::<Int16Type>(op, i16::wrapping_div, i16::wrapping_rem),
        DataType::Int => division::<Int32Type>(op, i32::wrapping_div, i32::wrapping_rem),
        DataType::BigInt => division::<Int64Type>(op, i64::wrapping_div, i64::wrapping_rem),
        other => return Err(Error::internal(format!("integer division of {other}"))),
    })
}

fn division<T: ArrowPrimitiveType>(
    op: Op,
    div: fn(T::Native, T::Native) -> T::Native,
    rem: fn(T::Native, T::Native) -> T::Native,
) -> Kernel
where
    T::Native: Default + PartialEq,
{
    let compute = if op == Op::Divide { div } else { rem };
    Arc::new(move |args: &Args| {
        let (left, right) = (args.arg(0)?.expand(args.rows)?, args.arg(1)?.expand(args.rows)?);
        let (left, right) = (left.as_primitive::<T>(), right.as_primitive::<T>());
        let values = left
            .iter()
            .zip(right.iter())
            .map(|pair| match pair {
                (Some(_), Some(b)) if b == T::Native::default() => Err(Error::user("/ by zero")),
                (Some(a), Some(b)) => Ok(Some(compute(a, b))),
                _ => Ok(None),
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Arc::new(values.into_iter().collect::<PrimitiveArray<T>>()) as ArrayRef)
    })
}

fn decimal_arithmetic(op: Op, left: &BoundExpr, right: &BoundExpr, text: String) -> Result<BoundExpr> {
    let of = |e: &BoundExpr| {
        as_decimal(&e.ty.data).ok_or_else(|| Error::internal(format!("{} is no exact number", e.ty.data)))
    };
    let (l, r) = (of(left)?, of(right)?);
    let data = match op {
        Op::Plus | Op::Minus => decimal_sum(l, r),
        Op::Times => decimal_product(l, r),
        Op::Divide => decimal_quotient(l, r),
        Op::Modulo => decimal_remainder(l, r),
    };
    let DataType::Decimal(p, s) = data else { return Err(Error::internal("a decimal result type")) };
    let (s1, s2) = (u32::from(l.1), u32::from(r.1));
    let kernel: Kernel = Arc::new(move |args: &Args| {
        let (left, right) = (Exact::new(args, 0)?, Exact::new(args, 1)?);
        let scale = u32::from(s);
        decimals(args.rows, p, s, |row| {
            let (Some(a), Some(b)) = (left.get(row), right.get(row)) else { return Ok(None) };
            Ok(match op {
                Op::Plus => add(a, s1, b, s2, scale),
                Op::Minus => add(a, s1, -b, s2, scale),
                Op::Times => multiply(a, s1, b, s2, scale),
                Op::Divide if b == 0 => {
                    return Err(Error::user(if a == 0 { "Division undefined" } else { "Division by zero" }));
                }
                Op::Divide => divide(a, s1, b, s2, scale),
                Op::Modulo if b == 0 => return Err(Error::user("Division by zero")),
                Op::Modulo => remainder(a, s1, b, s2, scale),
            })
        })
    });
    let behaviour = if matches!(op, Op::Divide | Op::Modulo) { Behaviour::Fallible } else { Behaviour::Total };
    let ty = LogicalType { data, nullable: left.ty.nullable || right.ty.nullable };
    let name = format!("decimal{}{p},{s}", op.sign());
    let expr = call(name, vec![left.expr.clone(), right.expr.clone()], &ty, behaviour, kernel);
    Ok(BoundExpr { expr, ty, text, rowtime: false })
}

/// An exact number of any carrier as its unscaled value.
pub enum Exact<'a> {
    /// A decimal.
    Decimal(super::args::View<'a, arrow::array::Decimal128Array>),
    /// An integer of any width.
    Integer(Box<dyn Fn(usize) -> Option<i128> + 'a>),
}

impl<'a> Exact<'a> {
    /// A view of argument `i`.
    pub fn new(args: &'a Args, i: usize) -> Result<Self> {
        use arrow::datatypes::DataType as A;
        let arg = args.arg(i)?;
        fn integers<'a, T: ArrowPrimitiveType>(arg: &'a super::args::Arg) -> Exact<'a>
        where
            T::Native: Into<i128>,
        {
            let array = arg.array.as_primitive::<T>();
            Exact::Integer(Box::new(move |row| {
                let index = arg.index(row);
                if arrow::array::Array::is_null(array, index) { None } else { Some(array.value(index).into()) }
            }))
        }
        Ok(match arg.array.data_type() {
            A::Decimal128(..) => Exact::Decimal(args.decimal(i)?),
            A::Int8 => integers::<Int8Type>(arg),
            A::Int16 => integers::<Int16Type>(arg),
            A::Int32 => integers::<Int32Type>(arg),
            A::Int64 => integers::<Int64Type>(arg),
            other => return Err(Error::internal(format!("an exact number is carried as {other}"))),
        })
    }

    /// The unscaled value of a row, `None` for NULL.
    pub fn get(&self, row: usize) -> Option<i128> {
        match self {
            Exact::Decimal(view) => view.get(row),
            Exact::Integer(get) => get(row),
        }
    }
}

/// `-expr`.
pub fn negate(expr: BoundExpr) -> Result<BoundExpr> {
    fn unary<T: ArrowPrimitiveType>(f: fn(T::Native) -> T::Native) -> Kernel {
        Arc::new(move |args: &Args| {
            let array = args.arg(0)?.expand(args.rows)?;
            let array = array.as_primitive::<T>();
            Ok(Arc::new(arrow::compute::unary::<T, _, T>(array, f).with_data_type(array.data_type().clone()))
                as ArrayRef)
        })
    }
    use arrow::array::Array;
    let kernel = match &expr.ty.data {
        DataType::TinyInt => unary::<Int8Type>(i8::wrapping_neg),
        DataType::SmallInt => unary::<Int16Type>(i16::wrapping_neg),
        DataType::Int => unary::<Int32Type>(i32::wrapping_neg),
        DataType::BigInt => unary::<Int64Type>(i64::wrapping_neg),
        DataType::Float => unary::<Float32Type>(|v| -v),
        DataType::Double => unary::<Float64Type>(|v| -v),
        DataType::Decimal(..) => unary::<arrow::datatypes::Decimal128Type>(i128::wrapping_neg),
        DataType::IntervalYearMonth => unary::<arrow::datatypes::IntervalYearMonthType>(i32::wrapping_neg),
        DataType::IntervalDayTime => unary::<arrow::datatypes::DurationMillisecondType>(i64::wrapping_neg),
        other => {
            return Err(Error::user(format!("cannot apply '-' to arguments of type '-<{other}>'")));
        }
    };
    let text = format!("-{}", expr.text);
    Ok(BoundExpr {
        expr: call("-", vec![expr.expr], &expr.ty, Behaviour::Total, kernel),
        ty: expr.ty,
        text,
        rowtime: false,
    })
}
