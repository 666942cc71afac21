//! Casts from text, with Flink's messages, and the lengths of CHAR, VARCHAR, BINARY and VARBINARY.

use super::super::args::{Args, Moment};
use super::super::build;
use super::How;
use arrow::array::{ArrayRef, PrimitiveArray};
use arrow::datatypes::{ArrowPrimitiveType, Float32Type, Int8Type, Int16Type};
use std::sync::Arc;
use streamjob_core::text::{ParseFailure, parse_date, parse_decimal, parse_time, parse_timestamp_strict};
use streamjob_core::types::MAX_LENGTH;
use streamjob_core::{DataType, Error, Result};

type Parsed<T> = std::result::Result<T, String>;

/// Text as numbers, booleans, dates and times.
pub fn parse(args: &Args, to: &DataType, how: &How) -> Result<ArrayRef> {
    let values = args.str(0)?;
    let rows = args.rows;
    Ok(match to {
        DataType::Boolean => build::try_bools(rows, |r| settle(how, values.get(r), boolean))?,
        DataType::TinyInt => primitives::<Int8Type>(rows, |r| settle(how, values.get(r), integer))?,
        DataType::SmallInt => primitives::<Int16Type>(rows, |r| settle(how, values.get(r), integer))?,
        DataType::Int => build::try_ints(rows, |r| settle(how, values.get(r), integer))?,
        DataType::BigInt => build::try_longs(rows, |r| settle(how, values.get(r), integer))?,
        DataType::Float => primitives::<Float32Type>(rows, |r| settle(how, values.get(r), floating::<f32>))?,
        DataType::Double => build::try_doubles(rows, |r| settle(how, values.get(r), floating::<f64>))?,
        DataType::Decimal(p, s) => build::decimals(rows, *p, *s, |r| {
            settle(how, values.get(r), |text| {
                parse_decimal(text, *p, *s).ok_or_else(|| format!("For input string: '{text}'. Overflow."))
            })
        })?,
        DataType::Date => build::try_dates(rows, |r| {
            settle(how, values.get(r), |text| parse_date(text).ok_or_else(|| format!("For input string: '{text}'.")))
        })?,
        DataType::Time(p) => {
            let step = 10i32.pow(3u32.saturating_sub(u32::from(*p)));
            build::try_times(rows, |r| {
                settle(how, values.get(r), |text| {
                    let ms = parse_time(text).ok_or_else(|| format!("For input string: '{text}'."))?;
                    Ok(ms - ms % step)
                })
            })?
        }
        DataType::Timestamp(p) => {
            build::timestamps(rows, to, |r| settle(how, values.get(r), |text| timestamp(text, *p)))?
        }
        DataType::TimestampLtz(p) => build::timestamps(rows, to, |r| {
            settle(how, values.get(r), |text| {
                let local = timestamp(text, *p)?;
                Ok(local.at(how.env.zone.to_instant(local.seconds)))
            })
        })?,
        other => return Err(Error::internal(format!("no cast from text to {other}"))),
    })
}

fn settle<T>(how: &How, text: Option<&str>, parse: impl Fn(&str) -> Parsed<T>) -> Result<Option<T>> {
    match text {
        None => Ok(None),
        Some(text) => how.settle(parse(text)),
    }
}

fn primitives<T: ArrowPrimitiveType>(
    rows: usize,
    f: impl FnMut(usize) -> Result<Option<T::Native>>,
) -> Result<ArrayRef> {
    let values = (0..rows).map(f).collect::<Result<Vec<_>>>()?;
    Ok(Arc::new(values.into_iter().collect::<PrimitiveArray<T>>()))
}

fn boolean(text: &str) -> Parsed<bool> {
    match text.to_lowercase().as_str() {
        "t" | "true" | "y" | "yes" | "1" => Ok(true),
        "f" | "false" | "n" | "no" | "0" => Ok(false),
        _ => Err(format!("Cannot parse '{text}' as BOOLEAN.")),
    }
}

/// Digits with a sign; what stands behind a point is checked and dropped.
fn integer<T: TryFrom<i64>>(text: &str) -> Parsed<T> {
    let invalid = || format!("For input string: '{text}'. Invalid character found.");
    let overflow = || format!("For input string: '{text}'. Overflow.");
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Err(format!("For input string: '{text}'. Input is empty."));
    }
    let unsigned = trimmed.strip_prefix(['-', '+']).unwrap_or(trimmed);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    if unsigned.is_empty() || !digits(whole) || !digits(fraction) {
        return Err(invalid());
    }
    let sign: i128 = if trimmed.starts_with('-') { -1 } else { 1 };
    let magnitude: i128 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| overflow())? };
    i64::try_from(sign * magnitude).ok().and_then(|v| T::try_from(v).ok()).ok_or_else(overflow)
}

/// What Java's `parseDouble` reads: no `inf`, but `Infinity`, and a suffix `d` or `f`.
fn floating<T: std::str::FromStr>(text: &str) -> Parsed<T> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Err("empty String".into());
    }
    let invalid = || format!("For input string: \"{text}\"");
    let unsigned = trimmed.strip_prefix(['-', '+']).unwrap_or(trimmed);
    let special = matches!(unsigned, "NaN" | "Infinity");
    let number = if special { trimmed } else { trimmed.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(trimmed) };
    if !special && !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return Err(invalid());
    }
    number.parse().map_err(|_| invalid())
}

fn timestamp(text: &str, precision: u8) -> Parsed<Moment> {
    let trimmed = text.trim();
    match parse_timestamp_strict(trimmed) {
        Ok((seconds, nanos)) => {
            let step = 10u32.pow(u32::from(9u8.saturating_sub(precision)));
            Ok(Moment { seconds, nanos: nanos - nanos % step })
        }
        Err(ParseFailure::At(index)) => Err(format!("Text '{text}' could not be parsed at index {index}")),
        Err(ParseFailure::OutOfRange) => Err(format!("Text '{text}' could not be parsed: no such date or time")),
    }
}

/// Cut, and for CHAR padded, to the type's length.
pub fn fit(text: &str, to: &DataType) -> String {
    let (length, pad) = match to {
        DataType::Char(n) => (*n, true),
        DataType::VarChar(n) => (*n, false),
        _ => (MAX_LENGTH, false),
    };
    if length == MAX_LENGTH {
        return text.to_string();
    }
    let mut result: String = text.chars().take(length as usize).collect();
    if pad {
        let have = result.chars().count();
        result.extend(std::iter::repeat_n(' ', (length as usize).saturating_sub(have)));
    }
    result
}

/// Text to the length of another text type.
pub fn resize(args: &Args, to: &DataType) -> Result<ArrayRef> {
    let values = args.str(0)?;
    build::strings(args.rows, |row| values.get(row).map(|text| fit(text, to)))
}

/// Bytes to the length of another type of bytes.
pub fn resize_bytes(args: &Args, to: &DataType) -> Result<ArrayRef> {
    let (length, pad) = match to {
        DataType::Binary(n) => (*n as usize, true),
        DataType::VarBinary(n) => (*n as usize, false),
        other => return Err(Error::internal(format!("{other} has no bytes"))),
    };
    if length == MAX_LENGTH as usize {
        return args.arg(0)?.expand(args.rows);
    }
    let values = args.bytes(0)?;
    build::binaries(args.rows, |row| {
        values.get(row).map(|bytes| {
            let mut result: Vec<u8> = bytes.iter().copied().take(length).collect();
            if pad {
                result.resize(length, 0);
            }
            result
        })
    })
}
