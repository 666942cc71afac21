//! Times from text and numbers, and back, by Java patterns.

use super::super::super::BoundExpr;
use super::super::super::args::{Args, Moment};
use super::super::super::build::{dates, longs, strings, timestamps, try_dates, try_longs, try_strings};
use super::super::super::cast::{CastMode, cast_to};
use super::super::super::java_time::{Pattern, sql_value};
use super::super::super::literal;
use super::super::super::zone::Zone;
use super::super::site::Site;
use super::{DAY_MS, clock, is_time, local};
use arrow::array::{ArrayRef, StringBuilder};
use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::sync::Arc;
use streamjob_core::text::{parse_date, parse_timestamp_strict};
use streamjob_core::{DataType, Error, LogicalType, Result};

/// Milliseconds from year 0 to year 9999.
const YEARS_MS: RangeInclusive<i64> = -62_167_219_200_000..=253_402_300_799_999;

const DEFAULT_PATTERN: &str = "yyyy-MM-dd HH:mm:ss";

/// The patterns of a call: compiled once for a literal.
fn patterns(s: &Site, i: usize) -> Result<Option<Arc<Pattern>>> {
    match s.literal_str(i) {
        None => Ok(None),
        Some(text) => Pattern::compile(&text)
            .map(|p| Some(Arc::new(p)))
            .map_err(|e| Error::user(e).fix("docs/sql-functions.md lists the letters, below the functions of time")),
    }
}

fn pattern_at<'p>(fixed: &'p Option<Arc<Pattern>>, text: Option<&str>) -> Result<Option<Cow<'p, Pattern>>> {
    match (fixed, text) {
        (Some(p), _) => Ok(Some(Cow::Borrowed(p.as_ref()))),
        (None, None) => Ok(None),
        (None, Some(text)) => Pattern::compile(text).map(|p| Some(Cow::Owned(p))).map_err(Error::user),
    }
}

pub(super) fn date_format(s: Site) -> Result<BoundExpr> {
    let fixed = patterns(&s, 1)?;
    let (env, mut value) = (s.env(), s.arg(0)?.clone());
    if value.ty.data.is_string() {
        value = cast_to(value, &LogicalType::new(DataType::Timestamp(3)), CastMode::Explicit, &env)?;
    }
    let data = value.ty.data.clone();
    if !is_time(&data) {
        return Err(s.mismatch());
    }
    let ty = s.result(DataType::STRING);
    let literal = fixed.is_some();
    let kernel = move |a: &Args| -> Result<ArrayRef> {
        let (value, text) = (local(a, 0, &data, env.zone)?, a.str(1)?);
        let mut texts = StringBuilder::with_capacity(a.rows, a.rows * 16);
        // Rows that stand together often have the same text: it is kept for as long as it is right.
        let step = fixed.as_deref().and_then(Pattern::step);
        let mut last: Option<(i64, String)> = None;
        for r in 0..a.rows {
            let Some(moment) = value(r) else {
                texts.append_null();
                continue;
            };
            let unit = step.map(|s| moment.seconds.div_euclid(s));
            if let (Some(unit), Some((of, text))) = (unit, &last)
                && unit == *of
            {
                texts.append_value(text);
                continue;
            }
            let text = pattern_at(&fixed, text.get(r))?.map(|p| p.format(moment));
            texts.append_option(text.as_deref());
            last = unit.zip(text);
        }
        Ok(Arc::new(texts.finish()))
    };
    let args = vec![value.expr, s.str(1)?];
    Ok(if literal { s.total(ty, args, kernel) } else { s.fallible(ty, args, kernel) })
}

pub(super) fn to_date(s: Site) -> Result<BoundExpr> {
    let ty = LogicalType::new(DataType::Date);
    if s.len() == 1 {
        return Ok(s.total(ty, vec![s.str(0)?], |a| {
            let text = a.str(0)?;
            dates(a.rows, |r| text.get(r).and_then(parse_date))
        }));
    }
    let fixed = patterns(&s, 1)?;
    Ok(s.fallible(ty, vec![s.str(0)?, s.str(1)?], move |a| {
        let (text, pattern) = (a.str(0)?, a.str(1)?);
        try_dates(a.rows, |r| {
            let (Some(text), Some(pattern)) = (text.get(r), pattern_at(&fixed, pattern.get(r))?) else {
                return Ok(None);
            };
            // Flink divides the marker of a text that does not parse, Long.MIN_VALUE, as if it were a time.
            Ok(Some(match pattern.parse_lenient(text) {
                Some(moment) => moment.seconds.div_euclid(86_400) as i32,
                None => (i64::MIN / DAY_MS) as i32,
            }))
        })
    }))
}

/// A text by a pattern or, failing that, as `2024-1-2 3:4:5` or `2024-1-2`.
fn parse_with_fallback(text: &str, pattern: Option<&Pattern>) -> Option<Moment> {
    match pattern {
        None => parse_timestamp_strict(text).ok().map(|(seconds, nanos)| Moment { seconds, nanos }),
        Some(p) => p.parse(text).or_else(|| sql_value(text)),
    }
}

pub(super) fn to_timestamp(s: Site) -> Result<BoundExpr> {
    let ty = LogicalType::new(DataType::Timestamp(3));
    let fixed = if s.len() > 1 { patterns(&s, 1)? } else { None };
    let mut args = vec![s.str(0)?];
    if s.len() > 1 {
        args.push(s.str(1)?);
    }
    let kernel = move |a: &Args| -> Result<ArrayRef> {
        let text = a.str(0)?;
        let pattern = if a.has(1) { Some(a.str(1)?) } else { None };
        timestamps(a.rows, &DataType::Timestamp(3), |r| {
            let Some(text) = text.get(r) else { return Ok(None) };
            Ok(match &pattern {
                None => parse_with_fallback(text, None),
                Some(p) => match pattern_at(&fixed, p.get(r))? {
                    None => None,
                    Some(p) => parse_with_fallback(text, Some(p.as_ref())),
                },
            })
        })
    };
    Ok(if s.len() > 1 && s.literal_str(1).is_none() { s.fallible(ty, args, kernel) } else { s.total(ty, args, kernel) })
}

pub(super) fn to_timestamp_ltz(s: Site) -> Result<BoundExpr> {
    let ty = LogicalType::new(DataType::TimestampLtz(3));
    let env = s.env();
    if s.ty(0)?.data.is_numeric() {
        let precision = if s.len() > 1 { s.literal_int(1) } else { Some(3) };
        let factor: i64 = match precision {
            Some(0) => 1000,
            Some(3) => 1,
            _ => {
                return Err(Error::user(
                    "the precision of TO_TIMESTAMP_LTZ must be a literal 0 (seconds) or 3 (milliseconds)",
                ));
            }
        };
        // What is no time of the years 0 to 9999 is NULL.
        let ty = LogicalType::new(ty.data);
        let moment = |ms: i64| YEARS_MS.contains(&ms).then(|| Moment::from_millis(ms));
        if matches!(s.ty(0)?.data, DataType::Float | DataType::Double) {
            return Ok(s.total(ty, vec![s.double(0)?], move |a| {
                let n = a.double(0)?;
                timestamps(a.rows, &DataType::TimestampLtz(3), |r| {
                    Ok(n.get(r).and_then(|n| moment((n * factor as f64) as i64)))
                })
            }));
        }
        // Decimals lose their fraction first.
        let whole = s.coerce(0, DataType::BigInt, DataType::is_numeric)?;
        return Ok(s.total(ty, vec![whole], move |a| {
            let n = a.long(0)?;
            timestamps(a.rows, &DataType::TimestampLtz(3), |r| {
                Ok(n.get(r).and_then(|n| n.checked_mul(factor)).and_then(moment))
            })
        }));
    }
    let fixed = if s.len() > 1 { patterns(&s, 1)? } else { None };
    let zone = match (s.len(), s.literal_str(2)) {
        (3, Some(name)) => Zone::parse(&name).ok_or_else(|| Error::user(format!("'{name}' is not a time zone")))?,
        (3, None) => return Err(Error::user("the time zone of TO_TIMESTAMP_LTZ must be a literal")),
        // Without a zone the text is in UTC.
        _ => Zone::Fixed(0),
    };
    let _ = env;
    let args = (0..s.len()).map(|i| s.str(i)).collect::<Result<Vec<_>>>()?;
    Ok(s.fallible(ty, args, move |a| {
        let text = a.str(0)?;
        let pattern = if a.has(1) { Some(a.str(1)?) } else { None };
        timestamps(a.rows, &DataType::TimestampLtz(3), |r| {
            let Some(text) = text.get(r) else { return Ok(None) };
            let pattern = match &pattern {
                None => None,
                Some(p) => pattern_at(&fixed, p.get(r))?,
            };
            Ok(parse_with_fallback(text, pattern.as_deref()).map(|m| m.at(zone.to_instant(m.seconds))))
        })
    }))
}

fn default_pattern(s: &Site, i: usize) -> Result<Arc<dyn datafusion_physical_expr::PhysicalExpr>> {
    if s.len() > i { s.str(i) } else { Ok(literal::string(DEFAULT_PATTERN).expr) }
}

fn default_compiled(s: &Site, i: usize) -> Result<Option<Arc<Pattern>>> {
    if s.len() > i { patterns(s, i) } else { Ok(Pattern::compile(DEFAULT_PATTERN).ok().map(Arc::new)) }
}

pub(super) fn from_unixtime(s: Site) -> Result<BoundExpr> {
    let (fixed, zone) = (default_compiled(&s, 1)?, s.env().zone);
    let args = vec![s.long(0)?, default_pattern(&s, 1)?];
    Ok(s.fallible(LogicalType::new(DataType::STRING), args, move |a| {
        let (seconds, pattern) = (a.long(0)?, a.str(1)?);
        try_strings(a.rows, |r| {
            let Some(seconds) = seconds.get(r) else { return Ok(None) };
            let moment = Moment { seconds: zone.to_local(seconds), nanos: 0 };
            Ok(pattern_at(&fixed, pattern.get(r))?.map(|p| p.format(moment)))
        })
    }))
}

pub(super) fn unix_timestamp(s: Site) -> Result<BoundExpr> {
    let env = s.env();
    if s.len() == 0 {
        return Ok(clock(&s, DataType::BigInt, move |a| {
            let now = env.clock.now_ms().div_euclid(1000);
            longs(a.rows, |_| Some(now))
        }));
    }
    let fixed = default_compiled(&s, 1)?;
    let args = vec![s.str(0)?, default_pattern(&s, 1)?];
    Ok(s.fallible(s.result(DataType::BigInt), args, move |a| {
        let (text, pattern) = (a.str(0)?, a.str(1)?);
        try_longs(a.rows, |r| {
            let (Some(text), Some(pattern)) = (text.get(r), pattern_at(&fixed, pattern.get(r))?) else {
                return Ok(None);
            };
            // A text that does not parse gives Long.MIN_VALUE in Flink.
            Ok(Some(pattern.parse_lenient(text).map_or(i64::MIN, |m| env.zone.to_instant(m.seconds))))
        })
    }))
}

pub(super) fn convert_tz(s: Site) -> Result<BoundExpr> {
    Ok(s.total(LogicalType::new(DataType::STRING), vec![s.str(0)?, s.str(1)?, s.str(2)?], |a| {
        let (text, from, to) = (a.str(0)?, a.str(1)?, a.str(2)?);
        let pattern = Pattern::compile(DEFAULT_PATTERN).map_err(Error::internal)?;
        strings(a.rows, |r| {
            let (text, from, to) = (text.get(r)?, from.get(r)?, to.get(r)?);
            let local = pattern.parse_lenient(text)?;
            let instant = Zone::lenient(from).to_instant(local.seconds);
            Some(pattern.format(Moment { seconds: Zone::lenient(to).to_local(instant), nanos: 0 }))
        })
    }))
}
