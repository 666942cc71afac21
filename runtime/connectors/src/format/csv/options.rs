//! Options of the csv format.

use crate::options::flag;
use streamjob_core::table::TableDef;
use streamjob_core::{DataType, Error, Result, Schema};

pub(crate) const OPTIONS: &[&str] = &[
    "csv.field-delimiter",
    "csv.quote-character",
    "csv.disable-quote-character",
    "csv.escape-character",
    "csv.allow-comments",
    "csv.ignore-parse-errors",
    "csv.array-element-delimiter",
    "csv.null-literal",
    "csv.skip-header",
];

#[derive(Debug, Clone)]
pub(crate) struct CsvOptions {
    pub delimiter: u8,
    pub quote: Option<u8>,
    pub escape: Option<u8>,
    pub comments: bool,
    pub ignore_errors: bool,
    pub array_delimiter: String,
    pub null: Option<String>,
    /// Ours: the first line of each file is no data.
    pub skip_header: bool,
}

impl CsvOptions {
    pub(crate) fn new(table: &TableDef) -> Result<Self> {
        let disabled = flag(table, "csv.disable-quote-character")?;
        if disabled && table.options.get("csv.quote-character").is_some() {
            return Err(Error::user(format!(
                "table {}: options 'csv.quote-character' and 'csv.disable-quote-character' exclude each other",
                table.name
            ))
            .fix("remove one of them"));
        }
        let quote = character(table, "csv.quote-character")?.unwrap_or(b'"');
        let options = Self {
            delimiter: character(table, "csv.field-delimiter")?.unwrap_or(b','),
            quote: (!disabled).then_some(quote),
            escape: character(table, "csv.escape-character")?,
            comments: flag(table, "csv.allow-comments")?,
            ignore_errors: flag(table, "csv.ignore-parse-errors")?,
            array_delimiter: unescape(table.options.get("csv.array-element-delimiter").unwrap_or(";")),
            null: table.options.get("csv.null-literal").map(str::to_string),
            skip_header: flag(table, "csv.skip-header")?,
        };
        if options.array_delimiter.is_empty() {
            return Err(Error::user(format!("table {}: option 'csv.array-element-delimiter' is empty", table.name)));
        }
        if options.quote == Some(options.delimiter) || options.escape == Some(options.delimiter) {
            return Err(Error::user(format!(
                "table {}: option 'csv.field-delimiter' is the same character as the quote or escape character",
                table.name
            )));
        }
        check_types(&table.physical_schema()).map_err(|e| e.context(format!("table {}", table.name)))?;
        Ok(options)
    }
}

/// One ASCII character, or `\t` and the like.
fn character(table: &TableDef, key: &str) -> Result<Option<u8>> {
    let expected = "a single character (ASCII, no line end), or an escape like \\t";
    table.options.parse(&table.name, key, expected, |text| {
        let text = if text.chars().count() == 1 { text.to_string() } else { unescape(text) };
        let mut chars = text.chars();
        match (chars.next(), chars.next()) {
            (Some(c), None) if c.is_ascii() && c != '\n' && c != '\r' => u8::try_from(c).ok(),
            _ => None,
        }
    })
}

/// Java's escapes: `\t`, `\\`, `\u0001`.
fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('t') => out.push('\t'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('b') => out.push('\u{8}'),
            Some('f') => out.push('\u{c}'),
            Some('u') => {
                let hex: String = chars.by_ref().take(4).collect();
                out.extend(u32::from_str_radix(&hex, 16).ok().and_then(char::from_u32));
            }
            Some(other) => out.push(other),
            None => out.push('\\'),
        }
    }
    out
}

/// Scalars, and ARRAY and ROW of scalars.
fn check_types(schema: &Schema) -> Result<()> {
    let scalar = |ty: &DataType| {
        !matches!(
            ty,
            DataType::Array(_)
                | DataType::Map(..)
                | DataType::Multiset(_)
                | DataType::Row(_)
                | DataType::Null
                | DataType::IntervalYearMonth
                | DataType::IntervalDayTime
        )
    };
    for c in &schema.columns {
        let fits = match &c.ty.data {
            DataType::Array(item) => scalar(&item.data),
            DataType::Row(columns) => columns.iter().all(|c| scalar(&c.ty.data)),
            other => scalar(other),
        };
        if !fits {
            return Err(Error::user(format!("column '{}': format 'csv' does not support type {}", c.name, c.ty.data))
                .fix("use format 'json' for nested types"));
        }
    }
    Ok(())
}
