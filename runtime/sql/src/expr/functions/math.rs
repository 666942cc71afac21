//! Functions of numbers.

use super::super::args::Args;
use super::super::arith::{Exact, Op, arithmetic};
use super::super::build::{decimals, doubles, strings, try_doubles};
use super::super::call::Behaviour;
use super::super::cast::{CastMode, cast_to};
use super::super::decimal::{Rounding, rescale};
use super::super::types::decimal_rounded;
use super::super::{BoundExpr, literal};
use super::java_math;
use super::site::{FunctionDef, Site, alias, def};
use arrow::array::{ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray};
use arrow::datatypes::{Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type};
use std::sync::Arc;
use streamjob_core::text::{double as java_double, parse_decimal};
use streamjob_core::{DataType, Error, LogicalType, Result};

/// The functions of this module.
pub const FUNCTIONS: &[FunctionDef] = &[
    def("ABS", "ABS(number)", (1, 1), "The absolute value, in the argument's type.", abs),
    def("SIGN", "SIGN(number)", (1, 1), "-1, 0 or 1, in the argument's type.", sign),
    def("MOD", "MOD(a, b)", (2, 2), "The remainder of a / b, with the sign of a.", |s| {
        let mut bound = arithmetic(Op::Modulo, s.arg(0)?.clone(), s.arg(1)?.clone(), &s.env())?;
        bound.text = s.text();
        Ok(bound)
    }),
    alias("POWER", &["POW"], "POWER(x, y)", (2, 2), "x to the power of y, as DOUBLE.", |s| binary(&s, f64::powf)),
    def("SQRT", "SQRT(x)", (1, 1), "The square root.", |s| unary(&s, square_root)),
    def("EXP", "EXP(x)", (1, 1), "e to the power of x.", |s| unary(&s, f64::exp)),
    def("LN", "LN(x)", (1, 1), "The natural logarithm.", |s| logarithm(&s, f64::ln)),
    def("LOG10", "LOG10(x)", (1, 1), "The logarithm to base 10.", |s| logarithm(&s, f64::log10)),
    def("LOG2", "LOG2(x)", (1, 1), "The logarithm to base 2.", |s| logarithm(&s, |x| x.ln() / 2f64.ln())),
    def("LOG", "LOG([base,] x)", (1, 2), "The logarithm, natural without a base.", |s| {
        if s.len() == 1 { logarithm(&s, f64::ln) } else { log_base(&s) }
    }),
    def("FLOOR", "FLOOR(number) or FLOOR(time TO unit)", (1, 2), "Rounded down.", |s| {
        if s.len() == 2 { super::time::floor_to(s, false) } else { whole(s, Rounding::Floor, f64::floor) }
    }),
    alias("CEIL", &["CEILING"], "CEIL(number) or CEIL(time TO unit)", (1, 2), "Rounded up.", |s| {
        if s.len() == 2 { super::time::floor_to(s, true) } else { whole(s, Rounding::Ceiling, f64::ceil) }
    }),
    def("ROUND", "ROUND(number [, digits])", (1, 2), "Rounded half up to some digits behind the point.", |s| {
        digits(s, Rounding::HalfUp)
    }),
    def("TRUNCATE", "TRUNCATE(number [, digits])", (1, 2), "Cut to some digits behind the point.", |s| {
        digits(s, Rounding::Down)
    }),
    def("SIN", "SIN(x)", (1, 1), "Sine.", |s| unary(&s, f64::sin)),
    def("COS", "COS(x)", (1, 1), "Cosine.", |s| unary(&s, f64::cos)),
    def("TAN", "TAN(x)", (1, 1), "Tangent.", |s| unary(&s, f64::tan)),
    def("COT", "COT(x)", (1, 1), "Cotangent.", |s| unary(&s, |x| 1.0 / x.tan())),
    def("ASIN", "ASIN(x)", (1, 1), "Arc sine.", |s| unary(&s, libm::asin)),
    def("ACOS", "ACOS(x)", (1, 1), "Arc cosine.", |s| unary(&s, libm::acos)),
    def("ATAN", "ATAN(x)", (1, 1), "Arc tangent.", |s| unary(&s, libm::atan)),
    def("ATAN2", "ATAN2(y, x)", (2, 2), "Arc tangent of a point.", |s| binary(&s, libm::atan2)),
    def("SINH", "SINH(x)", (1, 1), "Hyperbolic sine.", |s| unary(&s, java_math::sinh)),
    def("COSH", "COSH(x)", (1, 1), "Hyperbolic cosine.", |s| unary(&s, java_math::cosh)),
    def("TANH", "TANH(x)", (1, 1), "Hyperbolic tangent.", |s| unary(&s, java_math::tanh)),
    def("DEGREES", "DEGREES(x)", (1, 1), "Radians to degrees.", |s| unary(&s, |x| x * (180.0 / std::f64::consts::PI))),
    def("RADIANS", "RADIANS(x)", (1, 1), "Degrees to radians.", |s| unary(&s, |x| x * (std::f64::consts::PI / 180.0))),
    def("PI", "PI()", (0, 0), "π.", |s| Ok(constant(&s, std::f64::consts::PI))),
    def("E", "E()", (0, 0), "Euler's number.", |s| Ok(constant(&s, std::f64::consts::E))),
    def("RAND", "RAND()", (0, 1), "A random number from 0 to below 1; with a seed it is refused.", rand),
    def(
        "RAND_INTEGER",
        "RAND_INTEGER(bound)",
        (1, 2),
        "A random INT from 0 to below the bound; with a seed it is refused.",
        rand_integer,
    ),
    def("BIN", "BIN(integer)", (1, 1), "The binary digits.", |s| {
        Ok(s.total(s.result(DataType::STRING), vec![s.long(0)?], |a| {
            let n = a.long(0)?;
            strings(a.rows, |r| n.get(r).map(|n| format!("{n:b}")))
        }))
    }),
];

fn constant(s: &Site, value: f64) -> BoundExpr {
    let value = datafusion_common::ScalarValue::Float64(Some(value));
    literal::constant(value, LogicalType::not_null(DataType::Double), s.text())
}

/// To the power of a half, as Flink computes it: it has no negative zero or infinity.
fn square_root(x: f64) -> f64 {
    if x == 0.0 || x == f64::NEG_INFINITY { x.abs() } else { x.sqrt() }
}

fn unary(s: &Site, f: fn(f64) -> f64) -> Result<BoundExpr> {
    Ok(s.total(s.result(DataType::Double), vec![s.double(0)?], move |a| {
        let x = a.double(0)?;
        doubles(a.rows, |r| x.get(r).map(f))
    }))
}

fn binary(s: &Site, f: fn(f64, f64) -> f64) -> Result<BoundExpr> {
    Ok(s.total(s.result(DataType::Double), vec![s.double(0)?, s.double(1)?], move |a| {
        let (x, y) = (a.double(0)?, a.double(1)?);
        doubles(a.rows, |r| Some(f(x.get(r)?, y.get(r)?)))
    }))
}

fn logarithm(s: &Site, f: fn(f64) -> f64) -> Result<BoundExpr> {
    Ok(s.total(s.result(DataType::Double), vec![s.double(0)?], move |a| {
        let x = a.double(0)?;
        doubles(a.rows, |r| x.get(r).map(f))
    }))
}

fn log_base(s: &Site) -> Result<BoundExpr> {
    Ok(s.total(s.result(DataType::Double), vec![s.double(0)?, s.double(1)?], |a| {
        let (base, x) = (a.double(0)?, a.double(1)?);
        try_doubles(a.rows, |r| Ok(base.get(r).zip(x.get(r)).map(|(b, x)| x.ln() / b.ln())))
    }))
}

/// A kernel over a primitive column.
fn primitive<T: ArrowPrimitiveType>(
    f: impl Fn(T::Native) -> T::Native + Send + Sync + 'static,
) -> Box<dyn Fn(&Args) -> Result<ArrayRef> + Send + Sync> {
    Box::new(move |a| {
        let array = a.arg(0)?.expand(a.rows)?;
        let array = array.as_primitive::<T>();
        let kind = arrow::array::Array::data_type(array).clone();
        let result: PrimitiveArray<T> = arrow::compute::unary(array, &f);
        Ok(Arc::new(result.with_data_type(kind)))
    })
}

type BoxedKernel = Box<dyn Fn(&Args) -> Result<ArrayRef> + Send + Sync>;

/// The call of a kernel that keeps the argument's type.
fn same_type(s: &Site, kernel: BoxedKernel) -> Result<BoundExpr> {
    Ok(s.build(s.ty(0)?.clone(), vec![Arc::clone(&s.arg(0)?.expr)], Behaviour::Total, Arc::from(kernel)))
}

fn abs(s: Site) -> Result<BoundExpr> {
    let kernel: BoxedKernel = match s.ty(0)?.data {
        DataType::TinyInt => primitive::<Int8Type>(i8::wrapping_abs),
        DataType::SmallInt => primitive::<Int16Type>(i16::wrapping_abs),
        DataType::Int => primitive::<Int32Type>(i32::wrapping_abs),
        DataType::BigInt => primitive::<Int64Type>(i64::wrapping_abs),
        DataType::Float => primitive::<Float32Type>(f32::abs),
        DataType::Double => primitive::<Float64Type>(f64::abs),
        DataType::Decimal(..) => primitive::<arrow::datatypes::Decimal128Type>(i128::wrapping_abs),
        _ => return Err(s.mismatch()),
    };
    same_type(&s, kernel)
}

fn sign(s: Site) -> Result<BoundExpr> {
    let kernel: BoxedKernel = match s.ty(0)?.data {
        DataType::TinyInt => primitive::<Int8Type>(i8::signum),
        DataType::SmallInt => primitive::<Int16Type>(i16::signum),
        DataType::Int => primitive::<Int32Type>(i32::signum),
        DataType::BigInt => primitive::<Int64Type>(i64::signum),
        DataType::Float => primitive::<Float32Type>(|v| if v == 0.0 || v.is_nan() { v } else { v.signum() }),
        DataType::Double => primitive::<Float64Type>(|v| if v == 0.0 || v.is_nan() { v } else { v.signum() }),
        DataType::Decimal(_, scale) => {
            let one = 10i128.pow(u32::from(scale));
            primitive::<arrow::datatypes::Decimal128Type>(move |v| v.signum() * one)
        }
        _ => return Err(s.mismatch()),
    };
    same_type(&s, kernel)
}

/// FLOOR and CEIL of numbers: integers stay, decimals lose their scale.
fn whole(s: Site, rounding: Rounding, f: fn(f64) -> f64) -> Result<BoundExpr> {
    let ty = s.ty(0)?.clone();
    match ty.data {
        ref t if t.is_integer() => Ok(BoundExpr { text: s.text(), rowtime: false, ..s.arg(0)?.clone() }),
        DataType::Double => same_type(&s, primitive::<Float64Type>(f)),
        DataType::Float => same_type(&s, primitive::<Float32Type>(move |v| f(f64::from(v)) as f32)),
        DataType::Decimal(p, scale) => {
            let result = LogicalType { data: DataType::Decimal(p, 0), nullable: ty.nullable };
            Ok(s.total(result, vec![Arc::clone(&s.arg(0)?.expr)], move |a| {
                let x = a.decimal(0)?;
                decimals(a.rows, p, 0, |r| Ok(x.get(r).and_then(|v| rescale(v, scale.into(), 0, rounding))))
            }))
        }
        _ => Err(s.mismatch()),
    }
}

/// ROUND and TRUNCATE.
fn digits(s: Site, rounding: Rounding) -> Result<BoundExpr> {
    let ty = s.ty(0)?.clone();
    let nullable = s.nullable();
    if !ty.data.is_numeric() {
        return Err(s.mismatch());
    }
    let places = if s.len() > 1 { s.int(1)? } else { literal::int(0).expr };
    let value = Arc::clone(&s.arg(0)?.expr);
    match ty.data {
        DataType::Decimal(p, scale) => {
            let known = if s.len() > 1 { s.literal_int(1) } else { Some(0) };
            // Only a literal number of digits decides the type.
            let data = known.map_or(DataType::Decimal(p, scale), |d| decimal_rounded((p, scale), d));
            let DataType::Decimal(rp, rs) = data else { return Err(s.mismatch()) };
            Ok(s.total(LogicalType { data, nullable }, vec![value, places], move |a| {
                let (x, places) = (a.decimal(0)?, a.int(1)?);
                decimals(a.rows, rp, rs, |r| {
                    Ok(x.get(r).zip(places.get(r)).and_then(|(v, d)| {
                        let rounded = round_at(v, scale.into(), d, rounding)?;
                        rescale(rounded, scale.into(), rs.into(), Rounding::HalfUp)
                    }))
                })
            }))
        }
        DataType::Float | DataType::Double => {
            let wide = s.double(0)?;
            let result = s.total(LogicalType { data: DataType::Double, nullable }, vec![wide, places], move |a| {
                let (x, places) = (a.double(0)?, a.int(1)?);
                doubles(a.rows, |r| {
                    let (v, d) = (x.get(r)?, places.get(r)?);
                    Some(round_double(v, d, rounding))
                })
            });
            let text = s.text();
            let result = cast_to(result, &LogicalType { data: ty.data, nullable }, CastMode::Explicit, &s.env())?;
            Ok(BoundExpr { text, ..result })
        }
        data => {
            let ty = LogicalType { data, nullable };
            let long = s.total(LogicalType { data: DataType::BigInt, nullable }, vec![value, places], move |a| {
                let (x, places) = (Exact::new(a, 0)?, a.int(1)?);
                super::super::build::longs(a.rows, |r| {
                    let (v, d) = (x.get(r)?, places.get(r)?);
                    Some(round_at(v, 0, d, rounding)? as i64)
                })
            });
            let text = s.text();
            let result = cast_to(long, &ty, CastMode::Explicit, &s.env())?;
            Ok(BoundExpr { text, ..result })
        }
    }
}

/// An unscaled value rounded to `places` digits behind the point (before it when negative), at the same scale.
fn round_at(value: i128, scale: u32, places: i32, rounding: Rounding) -> Option<i128> {
    let drop = i64::from(scale) - i64::from(places);
    let Ok(drop) = u32::try_from(drop) else { return Some(value) };
    if drop == 0 {
        return Some(value);
    }
    let kept = rescale(value, drop, 0, rounding)?;
    kept.checked_mul(10i128.checked_pow(drop)?)
}

/// As BigDecimal rounds the shortest text of the number.
fn round_double(value: f64, places: i32, rounding: Rounding) -> f64 {
    if !value.is_finite() {
        return value;
    }
    let scale = places.clamp(0, 38) as u8;
    let text = java_double(value);
    let rounded = match rounding {
        Rounding::HalfUp => parse_decimal(&text, 38, scale),
        // One more digit than asked for, cut off again: enough because the text is exact.
        _ => parse_decimal(&text, 38, 20.max(scale))
            .and_then(|v| rescale(v, 20.max(scale).into(), scale.into(), rounding)),
    };
    match rounded.and_then(|v| round_at(v, scale.into(), places, rounding)) {
        Some(v) => streamjob_core::text::decimal(v, scale).parse().unwrap_or(value),
        None => value,
    }
}

fn rand(s: Site) -> Result<BoundExpr> {
    if s.len() > 0 {
        return Err(Error::user("RAND with a seed is not supported: its numbers would not be Java's").fix("use RAND()"));
    }
    let kernel = |a: &Args| doubles(a.rows, |_| Some(random()));
    Ok(s.build(LogicalType::not_null(DataType::Double), vec![], Behaviour::Volatile, Arc::new(kernel)))
}

fn rand_integer(s: Site) -> Result<BoundExpr> {
    if s.len() > 1 {
        return Err(Error::user("RAND_INTEGER with a seed is not supported: its numbers would not be Java's")
            .fix("use RAND_INTEGER(bound)"));
    }
    let kernel = |a: &Args| {
        let bound = a.int(0)?;
        super::super::build::ints(a.rows, |r| bound.get(r).map(|b| (random() * f64::from(b)) as i32))
    };
    Ok(s.build(s.result(DataType::Int), vec![s.int(0)?], Behaviour::Volatile, Arc::new(kernel)))
}

/// A random number from 0 to below 1.
fn random() -> f64 {
    (random_bits() >> 11) as f64 / (1u64 << 53) as f64
}

/// 64 random bits: the hash keys that the standard library draws from the system, mixed with a counter.
pub(super) fn random_bits() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};
    static STATE: OnceLock<RandomState> = OnceLock::new();
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    STATE.get_or_init(RandomState::new).hash_one(COUNTER.fetch_add(1, Ordering::Relaxed))
}
