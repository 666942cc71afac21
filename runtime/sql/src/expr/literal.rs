//! Literals: their values and their types, which follow how they are written.

use super::BoundExpr;
use crate::position::Position;
use datafusion_common::ScalarValue;
use datafusion_expr::sqlparser::ast::{
    DataType as AstType, DateTimeField, Expr, Interval, UnaryOperator, Value, ValueWithSpan,
};
use datafusion_physical_expr::expressions::Literal;
use std::sync::Arc;
use streamjob_core::text::{parse_date, parse_decimal, parse_time, parse_timestamp, to_unit};
use streamjob_core::types::time_unit;
use streamjob_core::{DataType, Error, LogicalType, Result};

/// A constant of a type.
pub fn constant(value: ScalarValue, ty: LogicalType, text: impl Into<String>) -> BoundExpr {
    BoundExpr { expr: Arc::new(Literal::new(value)), ty, text: text.into(), rowtime: false }
}

/// NULL of a type.
pub fn null(data: &DataType) -> Result<BoundExpr> {
    let value = ScalarValue::try_from(&data.arrow()).map_err(super::to_error)?;
    Ok(constant(value, LogicalType::new(data.clone()), "NULL"))
}

/// An INT constant.
pub fn int(value: i32) -> BoundExpr {
    constant(ScalarValue::Int32(Some(value)), LogicalType::not_null(DataType::Int), value.to_string())
}

/// A STRING constant.
pub fn string(value: &str) -> BoundExpr {
    let ty = LogicalType::not_null(DataType::Char(length(value)));
    constant(ScalarValue::Utf8(Some(value.to_string())), ty, format!("'{}'", value.replace('\'', "''")))
}

fn length(text: &str) -> u32 {
    // Java counts UTF-16 units.
    u32::try_from(text.encode_utf16().count()).unwrap_or(u32::MAX)
}

/// A bare literal.
pub fn literal(value: &ValueWithSpan) -> Result<BoundExpr> {
    let position = Position::of(value.span);
    match &value.value {
        Value::Number(text, _) => number(text).map_err(|e| position.locate(e)),
        Value::SingleQuotedString(text) | Value::UnicodeStringLiteral(text) | Value::NationalStringLiteral(text) => {
            Ok(string(text))
        }
        Value::HexStringLiteral(text) => {
            let bytes = hex(text).ok_or_else(|| position.error(format!("X'{text}' is no binary literal")))?;
            let ty = LogicalType::not_null(DataType::Binary(u32::try_from(bytes.len()).unwrap_or(u32::MAX)));
            Ok(constant(ScalarValue::Binary(Some(bytes)), ty, format!("X'{text}'")))
        }
        Value::Boolean(b) => Ok(constant(
            ScalarValue::Boolean(Some(*b)),
            LogicalType::not_null(DataType::Boolean),
            if *b { "TRUE" } else { "FALSE" },
        )),
        Value::Null => Ok(constant(ScalarValue::Null, LogicalType::new(DataType::Null), "NULL")),
        other => Err(position.error(format!("literal {other} is not supported"))),
    }
}

fn hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(text.get(i..i + 2)?, 16).ok()).collect()
}

fn number(text: &str) -> Result<BoundExpr> {
    let out_of_range = || Error::user(format!("numeric literal '{text}' is out of range"));
    if text.contains(['e', 'E']) {
        let value = text.parse().ok().filter(|v: &f64| v.is_finite()).ok_or_else(out_of_range)?;
        return Ok(constant(ScalarValue::Float64(Some(value)), LogicalType::not_null(DataType::Double), text));
    }
    let text = text.strip_suffix('.').unwrap_or(text);
    if let Some((_, fraction)) = text.split_once('.') {
        let (precision, scale) = (text.len() - 1, fraction.len());
        if precision > 38 {
            return Err(out_of_range());
        }
        let (p, s) = (precision as u8, scale as u8);
        let value = parse_decimal(text, 38, s).ok_or_else(out_of_range)?;
        return Ok(constant(
            ScalarValue::Decimal128(Some(value), p, s as i8),
            LogicalType::not_null(DataType::Decimal(p, s)),
            text,
        ));
    }
    if let Ok(value) = text.parse::<i32>() {
        return Ok(constant(ScalarValue::Int32(Some(value)), LogicalType::not_null(DataType::Int), text));
    }
    let value: i64 = text.parse().map_err(|_| out_of_range())?;
    Ok(constant(ScalarValue::Int64(Some(value)), LogicalType::not_null(DataType::BigInt), text))
}

/// The smallest INT and BIGINT: without their sign they are larger than the type's largest value.
pub fn minimum(digits: &Expr) -> Option<BoundExpr> {
    match digits {
        Expr::Nested(inner) => minimum(inner),
        Expr::Value(ValueWithSpan { value: Value::Number(text, _), .. }) => {
            let text = format!("-{text}");
            let smallest = text.parse() == Ok(i32::MIN) || text.parse() == Ok(i64::MIN);
            smallest.then(|| number(&text).ok()).flatten()
        }
        _ => None,
    }
}

/// `DATE '…'`, `TIME '…'`, `TIMESTAMP '…'`.
pub fn typed(data_type: &AstType, value: &ValueWithSpan) -> Result<BoundExpr> {
    let position = Position::of(value.span);
    let text = match &value.value {
        Value::SingleQuotedString(text) => text,
        other => return Err(position.error(format!("literal {data_type} {other} is not supported"))),
    };
    let digits = text.rsplit_once('.').map_or(0, |(_, f)| f.trim_end().len().min(9)) as u8;
    let illegal = |kind: &str, form: &str| {
        position.error(format!("Illegal {kind} literal '{text}'")).fix(format!("write it as '{form}'"))
    };
    let (value, data) = match data_type {
        AstType::Date => {
            let days = streamjob_core::text::parse_iso_date(text)
                .or_else(|| parse_date(text).filter(|_| text.matches('-').count() == 2));
            let days = days.ok_or_else(|| illegal("DATE", "2024-01-31"))?;
            (ScalarValue::Date32(Some(days)), DataType::Date)
        }
        AstType::Time(..) => {
            let ms = parse_time(text).filter(|_| text.matches(':').count() == 2);
            let ms = ms.ok_or_else(|| illegal("TIME", "12:34:56"))?;
            (ScalarValue::Time32Millisecond(Some(ms)), DataType::Time(digits))
        }
        AstType::Timestamp(..) => {
            // Midnight as 24:00 is read in a text, but is no literal.
            let (seconds, nanos) = parse_timestamp(text)
                .filter(|_| !text.contains(" 24:"))
                .ok_or_else(|| illegal("TIMESTAMP", "2024-01-31 12:34:56"))?;
            let unit = time_unit(digits);
            let value =
                to_unit(seconds, nanos, &unit, digits).ok_or_else(|| illegal("TIMESTAMP", "2024-01-31 12:34:56"))?;
            let value = match unit {
                arrow::datatypes::TimeUnit::Microsecond => ScalarValue::TimestampMicrosecond(Some(value), None),
                arrow::datatypes::TimeUnit::Nanosecond => ScalarValue::TimestampNanosecond(Some(value), None),
                _ => ScalarValue::TimestampMillisecond(Some(value), None),
            };
            (value, DataType::Timestamp(digits))
        }
        other => return Err(position.error(format!("literal {other} '{text}' is not supported")).fix("use CAST")),
    };
    Ok(constant(value, LogicalType::not_null(data), format!("{data_type} '{text}'")))
}

/// A unit of time in intervals and time functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unit {
    /// 1000 years.
    Millennium,
    /// 100 years.
    Century,
    /// 10 years.
    Decade,
    /// A year.
    Year,
    /// Three months.
    Quarter,
    /// A month.
    Month,
    /// Seven days.
    Week,
    /// A day.
    Day,
    /// An hour.
    Hour,
    /// A minute.
    Minute,
    /// A second.
    Second,
    /// 1/1000 of a second.
    Millisecond,
    /// 1/1000000 of a second.
    Microsecond,
    /// 1/1000000000 of a second.
    Nanosecond,
}

impl Unit {
    /// By name, singular or plural, or as a SQL_TSI name.
    pub fn parse(name: &str) -> Option<Self> {
        let upper = name.to_ascii_uppercase();
        let name = upper.strip_prefix("SQL_TSI_").unwrap_or(&upper);
        Some(match name.strip_suffix('S').filter(|n| *n != "CENTURIE").unwrap_or(name) {
            "MILLENNIUM" => Unit::Millennium,
            "CENTURY" => Unit::Century,
            "DECADE" => Unit::Decade,
            "YEAR" => Unit::Year,
            "QUARTER" => Unit::Quarter,
            "MONTH" => Unit::Month,
            "WEEK" => Unit::Week,
            "DAY" => Unit::Day,
            "HOUR" => Unit::Hour,
            "MINUTE" => Unit::Minute,
            "SECOND" => Unit::Second,
            "MILLISECOND" | "FRAC_SECOND" => Unit::Millisecond,
            "MICROSECOND" => Unit::Microsecond,
            "NANOSECOND" => Unit::Nanosecond,
            _ => return None,
        })
    }

    /// As a unit of the AST.
    pub fn of(field: &DateTimeField) -> Option<Self> {
        Self::parse(&field.to_string())
    }

    /// Months, for a year and its like.
    pub fn months(self) -> Option<i64> {
        Some(match self {
            Unit::Millennium => 12_000,
            Unit::Century => 1_200,
            Unit::Decade => 120,
            Unit::Year => 12,
            Unit::Quarter => 3,
            Unit::Month => 1,
            _ => return None,
        })
    }

    /// Milliseconds, from a week to a millisecond.
    pub fn millis(self) -> Option<i64> {
        Some(match self {
            Unit::Week => 604_800_000,
            Unit::Day => 86_400_000,
            Unit::Hour => 3_600_000,
            Unit::Minute => 60_000,
            Unit::Second => 1_000,
            Unit::Millisecond => 1,
            _ => return None,
        })
    }
}

/// `INTERVAL '…' unit [TO unit]`.
pub fn interval(interval: &Interval) -> Result<BoundExpr> {
    let position = Position::of_expr(&interval.value);
    let (negative, text) = match interval.value.as_ref() {
        Expr::Value(v) => (false, literal_text(&v.value)),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => match expr.as_ref() {
            Expr::Value(v) => (true, literal_text(&v.value)),
            _ => (true, None),
        },
        _ => (false, None),
    };
    let whole = interval.to_string();
    let illegal = || {
        position
            .error(format!("illegal interval literal {whole}"))
            .fix("write a literal such as INTERVAL '1' DAY, INTERVAL '1 02:03' DAY TO MINUTE or INTERVAL '1-2' YEAR TO MONTH")
    };
    let text = text.ok_or_else(illegal)?;
    let first = interval.leading_field.as_ref().and_then(Unit::of).ok_or_else(illegal)?;
    let last = match &interval.last_field {
        None => first,
        Some(field) => Unit::of(field).ok_or_else(illegal)?,
    };
    let (sign, digits) = match text.trim().strip_prefix('-') {
        Some(rest) => (if negative { 1 } else { -1 }, rest),
        None => (if negative { -1 } else { 1 }, text.trim()),
    };
    let digits = digits.strip_prefix('+').unwrap_or(digits);
    if let Some(months) = first.months() {
        let value = if first == Unit::Year && last == Unit::Month {
            let (years, rest) = digits.split_once('-').ok_or_else(illegal)?;
            let (years, rest): (i64, i64) =
                (years.parse().map_err(|_| illegal())?, rest.parse().map_err(|_| illegal())?);
            if rest > 11 {
                return Err(illegal());
            }
            years * 12 + rest
        } else if first == last {
            digits.parse::<i64>().ok().and_then(|n| n.checked_mul(months)).ok_or_else(illegal)?
        } else {
            return Err(illegal());
        };
        let value = i32::try_from(sign * value).map_err(|_| illegal())?;
        return Ok(constant(
            ScalarValue::IntervalYearMonth(Some(value)),
            LogicalType::not_null(DataType::IntervalYearMonth),
            whole,
        ));
    }
    let ms = day_time(digits, first, last).ok_or_else(illegal)?;
    Ok(constant(
        ScalarValue::DurationMillisecond(Some(sign * ms)),
        LogicalType::not_null(DataType::IntervalDayTime),
        whole,
    ))
}

fn literal_text(value: &Value) -> Option<String> {
    match value {
        Value::SingleQuotedString(text) => Some(text.clone()),
        Value::Number(text, _) => Some(text.clone()),
        _ => None,
    }
}

/// Milliseconds of `1 02:03:04.5` between two units.
fn day_time(text: &str, first: Unit, last: Unit) -> Option<i64> {
    const ORDER: [Unit; 4] = [Unit::Day, Unit::Hour, Unit::Minute, Unit::Second];
    if first == last {
        let (whole, fraction) = if first == Unit::Second { split_fraction(text)? } else { (text, 0) };
        return digits(whole)?.checked_mul(first.millis()?)?.checked_add(fraction);
    }
    let units: Vec<Unit> = ORDER.into_iter().filter(|u| *u >= first && *u <= last).collect();
    let (text, fraction) = if last == Unit::Second { split_fraction(text)? } else { (text, 0) };
    let parts: Vec<&str> = text.split([' ', ':']).collect();
    if parts.len() != units.len() || units.first() != Some(&first) {
        return None;
    }
    let mut total = fraction;
    for (i, (part, unit)) in parts.iter().zip(&units).enumerate() {
        let value = digits(part)?;
        let limit = match unit {
            _ if i == 0 => i64::MAX,
            Unit::Hour => 23,
            _ => 59,
        };
        if value > limit {
            return None;
        }
        total = total.checked_add(value.checked_mul(unit.millis()?)?)?;
    }
    Some(total)
}

fn digits(text: &str) -> Option<i64> {
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

fn split_fraction(text: &str) -> Option<(&str, i64)> {
    let Some((whole, fraction)) = text.split_once('.') else { return Some((text, 0)) };
    digits(fraction)?;
    let three: String = fraction.chars().chain("000".chars()).take(3).collect();
    Some((whole, three.parse().ok()?))
}
