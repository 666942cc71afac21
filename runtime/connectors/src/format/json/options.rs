//! Options of the json format.

use crate::options::flag;
use streamjob_core::table::TableDef;
use streamjob_core::{DataType, Error, Result};

pub(crate) const OPTIONS: &[&str] = &[
    "json.fail-on-missing-field",
    "json.ignore-parse-errors",
    "json.timestamp-format.standard",
    "json.map-null-key.mode",
    "json.map-null-key.literal",
    "json.encode.decimal-as-plain-number",
    "json.encode.ignore-null-fields",
];

/// What to do with a NULL key of a map when writing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NullKey {
    Fail,
    Drop,
    Literal(String),
}

#[derive(Debug, Clone)]
pub(crate) struct JsonOptions {
    pub fail_on_missing: bool,
    pub ignore_errors: bool,
    /// Between date and time: a blank (SQL) or `T` (ISO-8601).
    pub separator: char,
    pub null_key: NullKey,
    pub plain_decimal: bool,
    pub ignore_nulls: bool,
}

impl JsonOptions {
    pub(crate) fn new(table: &TableDef) -> Result<Self> {
        let separator =
            table.options.parse(&table.name, "json.timestamp-format.standard", "SQL or ISO-8601", |t| match t {
                "SQL" => Some(' '),
                "ISO-8601" => Some('T'),
                _ => None,
            })?;
        let literal = table.options.get("json.map-null-key.literal").unwrap_or("null").to_string();
        let null_key =
            table.options.parse(&table.name, "json.map-null-key.mode", "FAIL, DROP or LITERAL", |t| {
                match t.to_ascii_uppercase().as_str() {
                    "FAIL" => Some(NullKey::Fail),
                    "DROP" => Some(NullKey::Drop),
                    "LITERAL" => Some(NullKey::Literal(literal.clone())),
                    _ => None,
                }
            })?;
        let options = Self {
            fail_on_missing: flag(table, "json.fail-on-missing-field")?,
            ignore_errors: flag(table, "json.ignore-parse-errors")?,
            separator: separator.unwrap_or(' '),
            null_key: null_key.unwrap_or(NullKey::Fail),
            plain_decimal: flag(table, "json.encode.decimal-as-plain-number")?,
            ignore_nulls: flag(table, "json.encode.ignore-null-fields")?,
        };
        if options.fail_on_missing && options.ignore_errors {
            return Err(Error::user(format!(
                "table {}: options 'json.fail-on-missing-field' and 'json.ignore-parse-errors' exclude each other",
                table.name
            ))
            .fix("set one of them to false"));
        }
        for c in &table.physical_schema().columns {
            if !fits(&c.ty.data) {
                return Err(Error::user(format!(
                    "table {}: column '{}': format 'json' does not support type {}",
                    table.name, c.name, c.ty.data
                ))
                .fix("maps need keys of type STRING; intervals have to be cast"));
            }
        }
        Ok(options)
    }
}

fn fits(ty: &DataType) -> bool {
    match ty {
        DataType::Null | DataType::IntervalYearMonth | DataType::IntervalDayTime => false,
        DataType::Array(item) => fits(&item.data),
        DataType::Multiset(item) => item.data.is_string(),
        DataType::Map(key, value) => key.data.is_string() && fits(&value.data),
        DataType::Row(columns) => columns.iter().all(|c| fits(&c.ty.data)),
        _ => true,
    }
}
