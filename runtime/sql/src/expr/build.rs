//! Building result columns.

use super::args::Moment;
use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array,
    StringArray, StringBuilder, Time32MillisecondArray, TimestampMicrosecondArray, TimestampMillisecondArray,
    TimestampNanosecondArray,
};
use arrow::datatypes::TimeUnit;
use std::sync::Arc;
use streamjob_core::text::to_unit;
use streamjob_core::types::time_unit;
use streamjob_core::{DataType, Error, Result};

macro_rules! builders {
    ($($(#[$doc:meta])* $name:ident, $fallible:ident: $item:ty => $array:ty;)*) => {
        $(
            $(#[$doc])*
            pub fn $name(rows: usize, f: impl FnMut(usize) -> Option<$item>) -> Result<ArrayRef> {
                Ok(Arc::new((0..rows).map(f).collect::<$array>()))
            }
            $(#[$doc])*
            /// A row may fail.
            pub fn $fallible(rows: usize, f: impl FnMut(usize) -> Result<Option<$item>>) -> Result<ArrayRef> {
                let values = (0..rows).map(f).collect::<Result<Vec<Option<$item>>>>()?;
                Ok(Arc::new(values.into_iter().collect::<$array>()))
            }
        )*
    };
}

builders! {
    /// A column of text.
    strings, try_strings: String => StringArray;
    /// A column of bytes.
    binaries, try_binaries: Vec<u8> => BinaryArray;
    /// A BOOLEAN column.
    bools, try_bools: bool => BooleanArray;
    /// An INT column.
    ints, try_ints: i32 => Int32Array;
    /// A BIGINT column.
    longs, try_longs: i64 => Int64Array;
    /// A DOUBLE column.
    doubles, try_doubles: f64 => Float64Array;
    /// A DATE column, in days.
    dates, try_dates: i32 => Date32Array;
    /// A TIME column, in milliseconds.
    times, try_times: i32 => Time32MillisecondArray;
}

/// A column of parts of other texts.
pub fn parts<'a>(rows: usize, f: impl FnMut(usize) -> Option<&'a str>) -> Result<ArrayRef> {
    Ok(Arc::new((0..rows).map(f).collect::<StringArray>()))
}

/// A column of parts of other texts. A row may fail.
pub fn try_parts<'a>(rows: usize, mut f: impl FnMut(usize) -> Result<Option<&'a str>>) -> Result<ArrayRef> {
    let mut texts = StringBuilder::with_capacity(rows, 0);
    for row in 0..rows {
        texts.append_option(f(row)?);
    }
    Ok(Arc::new(texts.finish()))
}

/// A DECIMAL column of unscaled values. A value of more digits than `precision` becomes NULL, as in Flink.
pub fn decimals(
    rows: usize,
    precision: u8,
    scale: u8,
    mut f: impl FnMut(usize) -> Result<Option<i128>>,
) -> Result<ArrayRef> {
    let limit = pow10(u32::from(precision));
    let mut values = Vec::with_capacity(rows);
    for row in 0..rows {
        values.push(f(row)?.filter(|v| v.unsigned_abs() < limit));
    }
    Ok(Arc::new(Decimal128Array::from(values).with_precision_and_scale(precision, scale as i8)?))
}

/// 10 to the power of `n`; saturates above 38.
pub fn pow10(n: u32) -> u128 {
    10u128.checked_pow(n).unwrap_or(u128::MAX)
}

/// A column of a timestamp type. A moment outside of the carrier's range is an error.
pub fn timestamps(rows: usize, ty: &DataType, mut f: impl FnMut(usize) -> Result<Option<Moment>>) -> Result<ArrayRef> {
    let (precision, zone) = match ty {
        DataType::Timestamp(p) => (*p, None),
        DataType::TimestampLtz(p) => (*p, Some(Arc::from("UTC"))),
        other => return Err(Error::internal(format!("{other} is not a timestamp"))),
    };
    let unit = time_unit(precision);
    let mut values: Vec<Option<i64>> = Vec::with_capacity(rows);
    for row in 0..rows {
        values.push(match f(row)? {
            None => None,
            Some(m) => Some(to_unit(m.seconds, m.nanos, &unit, 9).ok_or_else(|| {
                Error::user(format!("a timestamp is out of the range of {ty}")).fix("use a precision of at most 6")
            })?),
        });
    }
    Ok(match unit {
        TimeUnit::Microsecond => Arc::new(TimestampMicrosecondArray::from(values).with_timezone_opt(zone)),
        TimeUnit::Nanosecond => Arc::new(TimestampNanosecondArray::from(values).with_timezone_opt(zone)),
        _ => Arc::new(TimestampMillisecondArray::from(values).with_timezone_opt(zone)),
    })
}
