//! CSV records to rows. Without `csv.ignore-parse-errors` anything odd is an
//! error; with it a bad field is NULL, missing fields are NULL, and records that
//! are malformed or too long are skipped and counted.

use super::CsvOptions;
use super::record::Record;
use crate::format::column::{Column, Columns, Fit, TimeRules};
use crate::format::scan::Stops;
use crate::format::{Decoder, Outcome, Place, Step};
use arrow::array::RecordBatch;
use std::borrow::Cow;
use streamjob_core::{Error, Result, Schema};

const TIMES: TimeRules = TimeRules { separator: ' ', csv: true };

pub(crate) struct CsvDecoder {
    options: CsvOptions,
    columns: Columns,
    record: Record,
}

impl CsvDecoder {
    pub(crate) fn new(options: CsvOptions, schema: &Schema) -> Result<Self> {
        let record = Record::new(&options);
        Ok(Self { options, columns: Columns::new(schema)?, record })
    }

    fn row(&mut self, input: &[u8], place: Place<'_>) -> Result<Outcome> {
        let ignore = self.options.ignore_errors;
        let expected = self.columns.columns.len();
        if let Some((field, why)) = &self.record.bad {
            let name = self.columns.names.get(field - 1).map_or("", String::as_str);
            return if ignore { Ok(Outcome::Skipped) } else { Err(bad(place, name, *field, why)) };
        }
        let found = self.record.len();
        if found > expected || (found < expected && !ignore) {
            return if ignore {
                Ok(Outcome::Skipped)
            } else {
                let error = Error::user(format!(
                    "{}, line {}: the row has {found} fields, the table has {expected} columns",
                    place.file, place.line
                ));
                Err(error.fix(format!("declare the file's columns in order, or {SKIP}")))
            };
        }
        let mut fields = self.record.fields(input);
        for (i, (column, name)) in self.columns.columns.iter_mut().zip(&self.columns.names).enumerate() {
            let Some(bytes) = fields.next() else {
                column.append_null();
                continue;
            };
            if self.options.null.as_ref().is_none_or(|null| null.as_bytes() != bytes) && column.append_digits(bytes) {
                continue;
            }
            let text = utf8(bytes);
            if let Err(why) = append(column, &text, &self.options) {
                if !ignore {
                    return Err(bad(place, name, i + 1, &why));
                }
                column.append_null();
            }
        }
        self.columns.rows += 1;
        Ok(Outcome::Row)
    }
}

const SKIP: &str = "set 'csv.ignore-parse-errors' = 'true' to read bad fields as NULL and to skip malformed rows";

const EMPTY: &str = "set 'csv.null-literal' = '' to read empty fields as NULL, or 'csv.ignore-parse-errors' = 'true'";

fn bad(place: Place<'_>, name: &str, field: usize, why: &str) -> Error {
    let error = Error::user(format!("{}, line {}, column '{name}' (field {field}): {why}", place.file, place.line));
    error.fix(if why.starts_with("'' is not") { EMPTY } else { SKIP })
}

/// Bytes of the line at the start of `input` with its line end, as records have them; `None` when it is not whole.
fn line_of_any_end(input: &[u8], end: bool) -> Option<usize> {
    const LINE_END: Stops = Stops::new([b'\n', b'\r', b'\n', b'\n'], 0);
    let Some(at) = LINE_END.find(input) else { return end.then_some(input.len()) };
    match (input.get(at), input.get(at + 1)) {
        (Some(b'\r'), Some(b'\n')) => Some(at + 2),
        (Some(b'\r'), None) if !end => None,
        _ => Some(at + 1),
    }
}

fn utf8(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(bytes),
    }
}

/// Appends one field, nested ones by their parts.
fn append(column: &mut Column, text: &str, options: &CsvOptions) -> Fit {
    if options.null.as_deref() == Some(text) {
        column.append_null();
        return Ok(());
    }
    let parts = |text| -> Vec<&str> {
        let parts: std::str::Split<'_, &str> = str::split(text, options.array_delimiter.as_str());
        parts.collect()
    };
    match column {
        Column::Array(lengths, item) => {
            if text.is_empty() {
                lengths.append(0);
                return Ok(());
            }
            let parts = parts(text);
            for part in &parts {
                part_or_null(item, part, options)?;
            }
            lengths.append(parts.len());
            Ok(())
        }
        Column::Row(valid, fields) => {
            if text.is_empty() {
                column.append_null();
                return Ok(());
            }
            let parts = parts(text);
            // Flink leaves out parts that there is no field for.
            if parts.len() < fields.len() && !options.ignore_errors {
                return Err(format!("'{text}' has {} parts, the ROW has {} fields", parts.len(), fields.len()));
            }
            let mut parts = parts.into_iter();
            for field in fields {
                match parts.next() {
                    Some(part) => part_or_null(field, part, options)?,
                    None => field.append_null(),
                }
            }
            valid.append_non_null();
            Ok(())
        }
        scalar => scalar.append_text(text, TIMES),
    }
}

fn part_or_null(column: &mut Column, text: &str, options: &CsvOptions) -> Fit {
    match append(column, text, options) {
        Err(_) if options.ignore_errors => {
            column.append_null();
            Ok(())
        }
        other => other,
    }
}

impl Decoder for CsvDecoder {
    fn step(&mut self, input: &[u8], end: bool, place: Place<'_>) -> Result<Step> {
        let header = self.options.skip_header && place.first;
        // What it begins with tells a comment; the rest of its line may not be here yet.
        if self.options.comments && !header && input.iter().find(|b| **b != b' ').is_none_or(|b| b"#\r\n".contains(b)) {
            return Ok(match line_of_any_end(input, end) {
                Some(bytes) => Step::Record { bytes, lines: 1, outcome: Outcome::Nothing },
                None => Step::Incomplete,
            });
        }
        let Some(taken) = self.record.read(input, end, &self.options) else { return Ok(Step::Incomplete) };
        let outcome = match (&self.record.bad, header) {
            (None, true) => Outcome::Nothing,
            _ => self.row(input, place)?,
        };
        Ok(Step::Record { bytes: taken.bytes, lines: taken.lines, outcome })
    }

    fn rows(&self) -> usize {
        self.columns.rows
    }

    fn take(&mut self) -> Result<RecordBatch> {
        self.columns.take()
    }
}
