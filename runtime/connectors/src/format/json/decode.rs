//! JSON lines to rows, directed by the columns' types. Numbers keep their text,
//! so that decimals are exact. Without `json.ignore-parse-errors` anything odd is
//! an error; with it a bad value is NULL and a line that is no object is skipped.

use super::JsonOptions;
use super::line::{escaped, objects, reason};
use super::plain::Plain;
use super::rewrite::rewritten;
use crate::format::column::{Column, Columns, Fit, TimeRules};
use crate::format::{Decoder, Outcome, Place, Step, line};
use arrow::array::RecordBatch;
use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use streamjob_core::{DataType, Error, Result, Schema};

pub(crate) struct JsonDecoder {
    options: JsonOptions,
    columns: Columns,
    types: Vec<DataType>,
    plain: Plain,
}

impl JsonDecoder {
    pub(crate) fn new(options: JsonOptions, schema: &Schema) -> Result<Self> {
        let types = schema.columns.iter().map(|c| c.ty.data.clone()).collect();
        Ok(Self { options, columns: Columns::new(schema)?, types, plain: Plain::default() })
    }
}

/// The members of an object, values unread.
pub(super) struct Members<'a>(pub(super) Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Members<'a> {
    /// The last of equal names counts, as in Jackson.
    fn get(&self, name: &str) -> Option<&'a str> {
        self.0.iter().rev().find(|(n, _)| n == name).map(|(_, v)| v.get())
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(Key(name)) = map.next_key::<Key<'de>>()? {
            members.push((name, map.next_value::<&'de RawValue>()?));
        }
        Ok(Members(members))
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> std::result::Result<Self, D::Error> {
        d.deserialize_map(MembersVisitor)
    }
}

/// A text, borrowed when it has no escapes.
#[derive(Deserialize)]
pub(super) struct Key<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// Appends one value, given as its JSON text, which is known to be well formed.
fn append(column: &mut Column, text: &str, ty: &DataType, options: &JsonOptions) -> Fit {
    if text == "null" {
        column.append_null();
        return Ok(());
    }
    let start = text.bytes().next().unwrap_or(b' ');
    match (column, ty) {
        (Column::Array(lengths, item), DataType::Array(item_type)) => {
            let items: Vec<&RawValue> = parse(text).map_err(|_| not(text, "an ARRAY"))?;
            for raw in &items {
                nested(item, Some(raw.get()), &item_type.data, options)?;
            }
            lengths.append(items.len());
            Ok(())
        }
        (Column::Map(lengths, keys, values), DataType::Map(..) | DataType::Multiset(_)) => {
            let members: Members<'_> = parse(text).map_err(|_| not(text, "a MAP"))?;
            let value_type = match ty {
                DataType::Map(_, v) => &v.data,
                _ => &DataType::Int,
            };
            // The last of equal keys counts.
            let last: HashMap<&str, usize> = members.0.iter().enumerate().map(|(i, (name, _))| (&**name, i)).collect();
            for (i, (name, raw)) in members.0.iter().enumerate() {
                if last.get(&**name) == Some(&i) {
                    keys.append_text(name, times(options))?;
                    nested(values, Some(raw.get()), value_type, options)?;
                }
            }
            lengths.append(last.len());
            Ok(())
        }
        (Column::Row(valid, fields), DataType::Row(columns)) => {
            let members: Members<'_> = parse(text).map_err(|_| not(text, "a ROW"))?;
            for (field, c) in fields.iter_mut().zip(columns) {
                nested(field, members.get(&c.name), &c.ty.data, options)
                    .map_err(|e| format!("field '{}': {e}", c.name))?;
            }
            valid.append_non_null();
            Ok(())
        }
        (column, _) => match start {
            b'"' if !text.contains('\\') => {
                column.append_text(text.get(1..text.len() - 1).unwrap_or_default(), times(options))
            }
            b'"' => {
                let Key(value) = parse(text).map_err(|e| reason(&e))?;
                column.append_text(&value, times(options))
            }
            b'{' | b'[' => match column {
                Column::Text(_) => {
                    let text = rewritten(text).map_err(|e| reason(&e))?;
                    column.append_text(&text, times(options))
                }
                _ => Err(not(text, &format!("of type {ty}"))),
            },
            _ if column.append_digits(text.as_bytes()) => Ok(()),
            _ => match column {
                Column::TinyInt(_) | Column::SmallInt(_) | Column::Int(_) | Column::BigInt(_) => {
                    column.append_text(&whole(text), times(options))
                }
                other => other.append_text(text, times(options)),
            },
        },
    }
}

/// As [`append`], of a member that may be missing; errors are NULL when ignored.
fn nested(column: &mut Column, text: Option<&str>, ty: &DataType, options: &JsonOptions) -> Fit {
    let result = match text {
        Some(text) => append(column, text, ty, options),
        None if options.fail_on_missing => {
            return Err("it is missing ('json.fail-on-missing-field' is true)".into());
        }
        None => {
            column.append_null();
            Ok(())
        }
    };
    match result {
        Err(_) if options.ignore_errors => {
            column.append_null();
            Ok(())
        }
        other => other,
    }
}

fn times(options: &JsonOptions) -> TimeRules {
    TimeRules { separator: options.separator, csv: false }
}

pub(super) fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> serde_json::Result<T> {
    serde_json::from_str(text)
}

fn not(text: &str, what: &str) -> String {
    let shown: String = text.chars().take(80).collect();
    format!("{shown} is not {what}")
}

/// A number in an integer column: what is behind the point is dropped.
fn whole(text: &str) -> Cow<'_, str> {
    if !text.contains(['.', 'e', 'E']) {
        return Cow::Borrowed(text);
    }
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() && value.abs() < 9.3e18 => Cow::Owned(format!("{:.0}", value.trunc())),
        _ => Cow::Borrowed(text),
    }
}

const SKIP: &str = "set 'json.ignore-parse-errors' = 'true' to read bad values as NULL and to skip malformed lines";

/// Appends a row, given as the JSON text of each column's value.
fn append_all<'a>(
    columns: &mut Columns,
    types: &[DataType],
    values: impl Iterator<Item = Option<&'a str>>,
    options: &JsonOptions,
    place: Place<'_>,
) -> Result<()> {
    let Columns { columns, names, .. } = columns;
    for (((column, name), ty), value) in columns.iter_mut().zip(names).zip(types).zip(values) {
        nested(column, value, ty, options).map_err(|why| {
            Error::user(format!("{}, line {}, column '{name}': {why}", place.file, place.line)).fix(SKIP)
        })?;
    }
    Ok(())
}

impl Decoder for JsonDecoder {
    fn step(&mut self, input: &[u8], end: bool, place: Place<'_>) -> Result<Step> {
        let Some((text, bytes)) = line(input, end) else { return Ok(Step::Incomplete) };
        let done = |outcome| Ok(Step::Record { bytes, lines: 1, outcome });
        if text.iter().all(u8::is_ascii_whitespace) {
            return done(Outcome::Nothing);
        }
        let plain = std::str::from_utf8(text).ok().filter(|line| self.plain.read(line, &self.columns.names).is_some());
        if let Some(line) = plain {
            append_all(&mut self.columns, &self.types, self.plain.values(line), &self.options, place)?;
        } else {
            let text = std::str::from_utf8(text);
            let repaired = text.ok().and_then(escaped);
            let (found, bad) = match text {
                Ok(text) => objects(repaired.as_deref().unwrap_or(text)),
                Err(e) => (Vec::new(), Some((e.valid_up_to() + 1, "it is not UTF-8".into()))),
            };
            if let (Some((column, why)), false) = (&bad, self.options.ignore_errors) {
                let (file, line) = (place.file, place.line);
                let message = format!("{file}, line {line}, column {column}: the line is not a JSON object: {why}");
                return Err(Error::user(message).fix(SKIP));
            }
            let rows = found.len();
            for members in found {
                let values: Vec<_> = self.columns.names.iter().map(|name| members.get(name)).collect();
                append_all(&mut self.columns, &self.types, values.into_iter(), &self.options, place)?;
                self.columns.rows += 1;
            }
            return done(match bad {
                Some(_) => Outcome::Skipped,
                None if rows == 0 => Outcome::Nothing,
                None => Outcome::Row,
            });
        }
        self.columns.rows += 1;
        done(Outcome::Row)
    }

    fn rows(&self) -> usize {
        self.columns.rows
    }

    fn take(&mut self) -> Result<RecordBatch> {
        self.columns.take()
    }
}
