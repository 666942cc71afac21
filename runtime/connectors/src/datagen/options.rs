//! Options of the datagen connector.

use super::value::{Generator, Kind, Range};
use crate::options;
use std::time::Duration;
use streamjob_core::options::{nearest, parse_bool, parse_duration};
use streamjob_core::table::TableDef;
use streamjob_core::text::parse_decimal;
use streamjob_core::{Column, DataType, Error, Result};

const KNOWN: &[&str] = &[
    "connector",
    "rows-per-second",
    "number-of-rows",
    "seed",
    "scan.parallelism",
    "scan.watermark.idle-timeout",
    "fields.#.kind",
    "fields.#.min",
    "fields.#.max",
    "fields.#.max-past",
    "fields.#.length",
    "fields.#.var-len",
    "fields.#.start",
    "fields.#.end",
    "fields.#.null-rate",
];

/// Clock of a seeded table: its row 0 was made at this time, 2024-01-01 00:00:00 UTC.
const SEEDED_EPOCH_MS: i64 = 1_704_067_200_000;

#[derive(Debug, Clone)]
pub(super) struct DatagenOptions {
    pub rows_per_second: u64,
    /// Rows in all; `None` for no end.
    pub rows: Option<u64>,
    /// `None`: the lineage's own.
    pub seed: Option<u64>,
    /// When row 0 was made, for runs with a seed; the wall clock otherwise.
    pub epoch_ms: Option<i64>,
    pub parallelism: Option<u32>,
    /// Of each column that is made: its place in the table, which its values depend on.
    pub fields: Vec<(u64, Generator)>,
}

impl DatagenOptions {
    pub(super) fn new(table: &TableDef) -> Result<Self> {
        options::check(table, KNOWN)?;
        let columns = table.physical_schema().columns;
        check_fields(table, &columns)?;
        let mut rows: Option<u64> = options::positive(table, "number-of-rows")?;
        let mut fields = Vec::new();
        for column in &columns {
            let field = generator(table, column)?;
            if let Kind::Sequence { start, end } = field.kind {
                let length = u64::try_from(i128::from(end) - i128::from(start) + 1).unwrap_or(u64::MAX);
                rows = Some(rows.map_or(length, |r| r.min(length)));
            }
            fields.push((fields.len() as u64, field));
        }
        let seed = table.options.parse(&table.name, "seed", "a whole number", |t| t.trim().parse::<i64>().ok())?;
        Ok(Self {
            rows_per_second: options::positive(table, "rows-per-second")?.unwrap_or(10_000),
            rows,
            epoch_ms: seed.map(|_| SEEDED_EPOCH_MS),
            seed: seed.map(|s| s as u64),
            parallelism: options::positive(table, "scan.parallelism")?,
            fields,
        })
    }
}

/// Every `fields.NAME.` must name a column.
fn check_fields(table: &TableDef, columns: &[Column]) -> Result<()> {
    for key in table.options.0.keys() {
        let Some((name, _)) = key.strip_prefix("fields.").and_then(|k| k.rsplit_once('.')) else { continue };
        if !columns.iter().any(|c| c.name == name) {
            let error = Error::user(format!("table {}: option '{key}' names no column '{name}'", table.name));
            let near = nearest(name, columns.iter().map(|c| c.name.as_str()));
            return Err(error.fix(near.map_or("name a column".into(), |n| format!("did you mean '{n}'?"))));
        }
    }
    Ok(())
}

fn generator(table: &TableDef, column: &Column) -> Result<Generator> {
    let ty = &column.ty.data;
    let key = |part: &str| format!("fields.{}.{part}", column.name);
    let unfit = |part: &str| {
        Error::user(format!("table {}: option '{}' does not apply to type {ty}", table.name, key(part)))
            .fix("remove it")
    };
    let is_set = |part: &str| table.options.get(&key(part)).is_some();
    let expected = "random or sequence";
    let sequence = table.options.parse(&table.name, &key("kind"), expected, |t| match t {
        "random" => Some(false),
        "sequence" => Some(true),
        _ => None,
    })?;
    let null_rate = table
        .options
        .parse(&table.name, &key("null-rate"), "a number from 0 to 1", |t| {
            t.trim().parse::<f64>().ok().filter(|r| (0.0..=1.0).contains(r))
        })?
        .unwrap_or(0.0);
    let kind = if sequence == Some(true) {
        for part in ["min", "max", "length", "var-len", "max-past"] {
            if is_set(part) {
                return Err(unfit(part));
            }
        }
        if !(ty.is_numeric() || ty.is_string()) {
            return Err(unfit("kind"));
        }
        let bound = |part: &str| -> Result<i64> {
            table.options.require(&table.name, &key(part))?;
            let parsed = table.options.parse(&table.name, &key(part), "a whole number", |t| t.trim().parse().ok())?;
            Ok(parsed.unwrap_or(0))
        };
        let (start, end) = (bound("start")?, bound("end")?);
        if start > end {
            return Err(Error::user(format!("table {}: option '{}' is larger than 'end'", table.name, key("start"))));
        }
        let (low, high) = match ty {
            DataType::TinyInt => (i64::from(i8::MIN), i64::from(i8::MAX)),
            DataType::SmallInt => (i64::from(i16::MIN), i64::from(i16::MAX)),
            DataType::Int => (i64::from(i32::MIN), i64::from(i32::MAX)),
            _ => (i64::MIN, i64::MAX),
        };
        if start < low || end > high {
            return Err(Error::user(format!(
                "table {}: column '{}': the sequence exceeds {ty}",
                table.name, column.name
            )));
        }
        Kind::Sequence { start, end }
    } else {
        for part in ["start", "end"] {
            if is_set(part) {
                return Err(unfit(part).fix(format!("set '{}' = 'sequence' as well", key("kind"))));
            }
        }
        random(table, column, &key, &unfit, &is_set)?
    };
    Ok(Generator { ty: ty.clone(), kind, null_rate })
}

fn random(
    table: &TableDef,
    column: &Column,
    key: &dyn Fn(&str) -> String,
    unfit: &dyn Fn(&str) -> Error,
    is_set: &dyn Fn(&str) -> bool,
) -> Result<Kind> {
    let ty = &column.ty.data;
    let range = match ty {
        DataType::TinyInt => whole(table, key, i8::MIN.into(), i8::MAX.into())?,
        DataType::SmallInt => whole(table, key, i16::MIN.into(), i16::MAX.into())?,
        DataType::Int => whole(table, key, i32::MIN.into(), i32::MAX.into())?,
        DataType::BigInt => whole(table, key, i64::MIN.into(), i64::MAX.into())?,
        DataType::Float | DataType::Double => {
            let largest = if *ty == DataType::Float { f64::from(f32::MAX) } else { f64::MAX };
            let bound = |part: &str| {
                table.options.parse(&table.name, &key(part), "a number", |t| {
                    t.trim().parse::<f64>().ok().filter(|v| v.abs() <= largest)
                })
            };
            Range::Real(bound("min")?.unwrap_or(-largest), bound("max")?.unwrap_or(largest))
        }
        DataType::Decimal(p, s) => {
            let expected = format!("a number that fits {ty}");
            let bound =
                |part: &str| table.options.parse(&table.name, &key(part), &expected, |t| parse_decimal(t, *p, *s));
            let largest = 10i128.pow(u32::from(*p)) - 1;
            Range::Whole(bound("min")?.unwrap_or(-largest), bound("max")?.unwrap_or(largest))
        }
        _ => {
            for part in ["min", "max"] {
                if is_set(part) {
                    return Err(unfit(part));
                }
            }
            Range::None
        }
    };
    match range {
        Range::Whole(low, high) if low > high => return Err(order(table, key)),
        Range::Real(low, high) if low > high => return Err(order(table, key)),
        _ => {}
    }
    let text = matches!(ty, DataType::Char(_) | DataType::VarChar(_) | DataType::Binary(_) | DataType::VarBinary(_));
    let timed = matches!(ty, DataType::Timestamp(_) | DataType::TimestampLtz(_));
    for part in ["length", "var-len"] {
        if is_set(part) && !text {
            return Err(unfit(part));
        }
    }
    if is_set("max-past") && !timed {
        return Err(unfit("max-past"));
    }
    Ok(match ty {
        _ if text => {
            let declared = match ty {
                DataType::Char(n) | DataType::VarChar(n) | DataType::Binary(n) | DataType::VarBinary(n) => *n,
                _ => 0,
            };
            let length: Option<u32> = options::positive(table, &key("length"))?;
            if length.is_some_and(|l| l > declared) {
                return Err(Error::user(format!("table {}: option '{}' exceeds {ty}", table.name, key("length"))));
            }
            let fixed = matches!(ty, DataType::Char(_) | DataType::Binary(_));
            let length = if fixed { declared } else { length.unwrap_or(declared.min(100)) };
            let varies = table.options.parse(&table.name, &key("var-len"), "true or false", parse_bool)?;
            Kind::Text { length, varies: varies.unwrap_or(false) && !fixed }
        }
        _ if timed => {
            let past =
                table.options.parse(&table.name, &key("max-past"), "a duration such as '1 h'", parse_duration)?;
            Kind::Time { past_ms: past.unwrap_or(Duration::ZERO).as_millis() as u64 }
        }
        DataType::Boolean | DataType::Date | DataType::Time(_) => Kind::Plain,
        ty if ty.is_numeric() => Kind::Number(range),
        other => {
            return Err(Error::user(format!(
                "table {}: column '{}': connector 'datagen' does not support type {other}",
                table.name, column.name
            ))
            .fix("make it in a query over scalar columns"));
        }
    })
}

fn whole(table: &TableDef, key: &dyn Fn(&str) -> String, low: i128, high: i128) -> Result<Range> {
    let expected = format!("a whole number from {low} to {high}");
    let bound = |part: &str| {
        table
            .options
            .parse(&table.name, &key(part), &expected, |t| t.trim().parse().ok().filter(|v| (low..=high).contains(v)))
    };
    Ok(Range::Whole(bound("min")?.unwrap_or(low), bound("max")?.unwrap_or(high)))
}

fn order(table: &TableDef, key: &dyn Fn(&str) -> String) -> Error {
    Error::user(format!("table {}: option '{}' is larger than '{}'", table.name, key("min"), key("max")))
}
