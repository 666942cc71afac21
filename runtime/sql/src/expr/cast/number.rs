//! Casts between numbers, as Java narrows them: integers wrap, floating point
//! numbers stop at the ends, decimals that do not fit are NULL.

use super::super::build::{bools, decimals};
use super::super::decimal::{Rounding, rescale};
use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, Decimal128Array, PrimitiveArray};
use arrow::datatypes::{Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type};
use std::sync::Arc;
use streamjob_core::text::{decimal, double, float, parse_decimal};
use streamjob_core::{DataType, Error, Result};

/// One number on its way between types.
#[derive(Debug, Clone, Copy)]
enum Number {
    Integer(i64),
    Float(f32),
    Double(f64),
    Decimal(i128, u8),
}

type Reader<'a> = Box<dyn Fn(usize) -> Option<Number> + 'a>;

fn read<'a, T: ArrowPrimitiveType>(array: &'a ArrayRef, wrap: impl Fn(T::Native) -> Number + 'a) -> Reader<'a> {
    let array = array.as_primitive::<T>();
    Box::new(move |row| if array.is_null(row) { None } else { Some(wrap(array.value(row))) })
}

fn reader<'a>(array: &'a ArrayRef, ty: &DataType) -> Result<Reader<'a>> {
    Ok(match ty {
        DataType::TinyInt => read::<Int8Type>(array, |v| Number::Integer(v.into())),
        DataType::SmallInt => read::<Int16Type>(array, |v| Number::Integer(v.into())),
        DataType::Int => read::<Int32Type>(array, |v| Number::Integer(v.into())),
        DataType::BigInt => read::<Int64Type>(array, Number::Integer),
        DataType::Float => read::<Float32Type>(array, Number::Float),
        DataType::Double => read::<Float64Type>(array, Number::Double),
        DataType::Decimal(_, s) => {
            let scale = *s;
            read::<Decimal128Type>(array, move |v| Number::Decimal(v, scale))
        }
        other => return Err(Error::internal(format!("{other} is no number"))),
    })
}

impl Number {
    fn long(self) -> i64 {
        match self {
            Number::Integer(v) => v,
            Number::Float(v) => v as i64,
            Number::Double(v) => v as i64,
            Number::Decimal(v, s) => rescale(v, u32::from(s), 0, Rounding::Down).unwrap_or(0) as i64,
        }
    }

    /// Java goes from a floating point number to TINYINT and SMALLINT by way of INT.
    fn int(self) -> i32 {
        match self {
            Number::Float(v) => v as i32,
            Number::Double(v) => v as i32,
            other => other.long() as i32,
        }
    }

    fn double(self) -> f64 {
        match self {
            Number::Integer(v) => v as f64,
            Number::Float(v) => f64::from(v),
            Number::Double(v) => v,
            Number::Decimal(v, s) => decimal(v, s).parse().unwrap_or(f64::NAN),
        }
    }

    fn float(self) -> f32 {
        match self {
            Number::Integer(v) => v as f32,
            Number::Float(v) => v,
            Number::Double(v) => v as f32,
            Number::Decimal(v, s) => decimal(v, s).parse().unwrap_or(f32::NAN),
        }
    }

    fn decimal(self, precision: u8, scale: u8) -> Option<i128> {
        match self {
            Number::Integer(v) => rescale(v.into(), 0, scale.into(), Rounding::HalfUp),
            Number::Float(v) => parse_decimal(&float(v), precision, scale),
            Number::Double(v) => parse_decimal(&double(v), precision, scale),
            Number::Decimal(v, s) => rescale(v, s.into(), scale.into(), Rounding::HalfUp),
        }
    }
}

fn collect<T: ArrowPrimitiveType>(rows: usize, get: Reader<'_>, f: impl Fn(Number) -> T::Native) -> ArrayRef {
    Arc::new((0..rows).map(|row| get(row).map(&f)).collect::<PrimitiveArray<T>>())
}

/// From one type of numbers to another.
pub fn convert(array: &ArrayRef, from: &DataType, to: &DataType) -> Result<ArrayRef> {
    if from == to {
        return Ok(array.clone());
    }
    let rows = array.len();
    let get = reader(array, from)?;
    Ok(match to {
        DataType::TinyInt => collect::<Int8Type>(rows, get, |n| n.int() as i8),
        DataType::SmallInt => collect::<Int16Type>(rows, get, |n| n.int() as i16),
        DataType::Int => collect::<Int32Type>(rows, get, Number::int),
        DataType::BigInt => collect::<Int64Type>(rows, get, Number::long),
        DataType::Float => collect::<Float32Type>(rows, get, Number::float),
        DataType::Double => collect::<Float64Type>(rows, get, Number::double),
        DataType::Decimal(p, s) => decimals(rows, *p, *s, |row| Ok(get(row).and_then(|n| n.decimal(*p, *s))))?,
        other => return Err(Error::internal(format!("{other} is no number"))),
    })
}

/// Anything but 0 is TRUE.
pub fn to_boolean(array: &ArrayRef, from: &DataType) -> Result<ArrayRef> {
    let get = reader(array, from)?;
    bools(array.len(), |row| {
        get(row).map(|n| match n {
            Number::Integer(v) => v != 0,
            Number::Float(v) => v != 0.0,
            Number::Double(v) => v != 0.0,
            Number::Decimal(v, _) => v != 0,
        })
    })
}

/// 1 and 0.
pub fn from_boolean(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let bools = array.as_boolean();
    let ones: Decimal128Array = bools.iter().map(|v| v.map(i128::from)).collect();
    let ones: ArrayRef = Arc::new(ones.with_precision_and_scale(1, 0)?);
    convert(&ones, &DataType::Decimal(1, 0), to)
}
