//! Values as the csv and json formats write them (Jackson's and Java's text forms).

use super::scalar::base64_encode;
use arrow::array::{
    Array, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int8Array, Int16Array,
    Int32Array, Int64Array, StringArray, Time32MillisecondArray, TimestampMicrosecondArray, TimestampMillisecondArray,
    TimestampNanosecondArray,
};
use arrow::datatypes::{DataType as ArrowType, TimeUnit};
use std::fmt::Write;
use streamjob_core::text::{date, decimal, double, float, time_ms, timestamp_sql};
use streamjob_core::{DataType, Error, Result};

/// How a scalar is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// As it is: numbers and booleans.
    Bare,
    /// A float that is no number (`NaN`, `Infinity`).
    NotANumber,
    /// With quotes where the format wants them.
    Text,
}

pub(super) fn get<'a, T: 'static>(array: &'a dyn Array, ty: &DataType) -> Result<&'a T> {
    array
        .as_any()
        .downcast_ref::<T>()
        .ok_or_else(|| Error::internal(format!("a column of type {ty} is carried as {}", array.data_type())))
}

/// Appends a scalar that is not NULL; `separator` stands between date and time. A plain decimal has all digits of
/// its scale and no exponent.
pub(super) fn scalar(
    out: &mut String,
    array: &dyn Array,
    row: usize,
    ty: &DataType,
    separator: char,
    plain_decimal: bool,
) -> Result<Kind> {
    match ty {
        DataType::Boolean => {
            out.push_str(if get::<BooleanArray>(array, ty)?.value(row) { "true" } else { "false" });
            return Ok(Kind::Bare);
        }
        DataType::TinyInt => return bare(out, get::<Int8Array>(array, ty)?.value(row)),
        DataType::SmallInt => return bare(out, get::<Int16Array>(array, ty)?.value(row)),
        DataType::Int => return bare(out, get::<Int32Array>(array, ty)?.value(row)),
        DataType::BigInt => return bare(out, get::<Int64Array>(array, ty)?.value(row)),
        DataType::Float => {
            let value = get::<Float32Array>(array, ty)?.value(row);
            out.push_str(&float(value));
            return Ok(if value.is_finite() { Kind::Bare } else { Kind::NotANumber });
        }
        DataType::Double => {
            let value = get::<Float64Array>(array, ty)?.value(row);
            out.push_str(&double(value));
            return Ok(if value.is_finite() { Kind::Bare } else { Kind::NotANumber });
        }
        DataType::Decimal(_, scale) => {
            let unscaled = get::<Decimal128Array>(array, ty)?.value(row);
            if plain_decimal {
                out.push_str(&decimal(unscaled, *scale));
            } else {
                stripped_decimal(out, unscaled, *scale);
            }
            return Ok(Kind::Bare);
        }
        DataType::Char(_) | DataType::VarChar(_) => out.push_str(get::<StringArray>(array, ty)?.value(row)),
        DataType::Binary(_) | DataType::VarBinary(_) => base64_encode(get::<BinaryArray>(array, ty)?.value(row), out),
        DataType::Date => out.push_str(&date(get::<Date32Array>(array, ty)?.value(row))),
        DataType::Time(_) => {
            let ms = get::<Time32MillisecondArray>(array, ty)?.value(row);
            out.push_str(&time_ms(ms, if ms % 1000 == 0 { 0 } else { 3 }));
        }
        DataType::Timestamp(_) | DataType::TimestampLtz(_) => {
            let (value, unit) = timestamp(array, row, ty)?;
            let text = timestamp_sql(value, &unit, 0);
            if separator == ' ' {
                out.push_str(&text);
            } else {
                out.push_str(&text.replace(' ', &separator.to_string()));
            }
            if matches!(ty, DataType::TimestampLtz(_)) {
                out.push('Z');
            }
        }
        other => return Err(Error::internal(format!("type {other} is no scalar"))),
    }
    Ok(Kind::Text)
}

fn bare(out: &mut String, value: impl std::fmt::Display) -> Result<Kind> {
    let _ = write!(out, "{value}");
    Ok(Kind::Bare)
}

fn timestamp(array: &dyn Array, row: usize, ty: &DataType) -> Result<(i64, TimeUnit)> {
    Ok(match array.data_type() {
        ArrowType::Timestamp(unit @ TimeUnit::Microsecond, _) => {
            (get::<TimestampMicrosecondArray>(array, ty)?.value(row), *unit)
        }
        ArrowType::Timestamp(unit @ TimeUnit::Nanosecond, _) => {
            (get::<TimestampNanosecondArray>(array, ty)?.value(row), *unit)
        }
        _ => (get::<TimestampMillisecondArray>(array, ty)?.value(row), TimeUnit::Millisecond),
    })
}

/// `BigDecimal.stripTrailingZeros().toString()`: `1.25`, `0`, `1E+1`.
fn stripped_decimal(out: &mut String, mut unscaled: i128, scale: u8) {
    let mut scale = i32::from(scale);
    while unscaled != 0 && unscaled % 10 == 0 {
        unscaled /= 10;
        scale -= 1;
    }
    if unscaled == 0 {
        scale = 0;
    }
    let digits = unscaled.unsigned_abs().to_string();
    if unscaled < 0 {
        out.push('-');
    }
    let adjusted = digits.len() as i32 - 1 - scale;
    if scale >= 0 && adjusted >= -6 {
        let scale = scale as usize;
        let padded = format!("{digits:0>width$}", width = scale + 1);
        let (whole, fraction) = padded.split_at(padded.len() - scale);
        out.push_str(whole);
        if !fraction.is_empty() {
            out.push('.');
            out.push_str(fraction);
        }
        return;
    }
    let (head, tail) = digits.split_at(1);
    let point = if tail.is_empty() { "" } else { "." };
    let _ = write!(out, "{head}{point}{tail}E{adjusted:+}");
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn decimals_as_big_decimal_writes_them() {
        for (unscaled, scale, stripped, plain) in [
            (12_500_000_000, 10, "1.25", "1.2500000000"),
            (0, 2, "0", "0.00"),
            (100_000_000_000, 10, "1E+1", "10.0000000000"),
            (-7_500, 3, "-7.5", "-7.500"),
            (1_200, 0, "1.2E+3", "1200"),
            (1, 10, "1E-10", "0.0000000001"),
            (12, 8, "1.2E-7", "0.00000012"),
            (1, 6, "0.000001", "0.000001"),
        ] {
            let ty = DataType::Decimal(38, scale);
            let array = Decimal128Array::from(vec![unscaled]).with_precision_and_scale(38, scale as i8).unwrap();
            for (plainly, expected) in [(false, stripped), (true, plain)] {
                let mut out = String::new();
                scalar(&mut out, &array, 0, &ty, ' ', plainly).unwrap();
                assert_eq!(out, expected);
            }
        }
    }
}
