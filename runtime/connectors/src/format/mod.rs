//! Formats: bytes of a file to rows and back. A decoder takes one record after
//! the other from a buffer and never looks at files; it says how many bytes a
//! record took, so that positions are exact at every row.

mod column;
mod csv;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod goldens;
mod json;
mod raw;
mod scalar;
mod scan;
mod text;

use arrow::array::RecordBatch;
use streamjob_core::options::nearest;
use streamjob_core::table::TableDef;
use streamjob_core::{Error, Result, Schema};

const NAMES: [&str; 3] = ["csv", "json", "raw"];

/// A format with its options, checked.
#[derive(Debug, Clone)]
pub(crate) enum Format {
    Csv(csv::CsvOptions),
    Json(json::JsonOptions),
    Raw,
}

/// Where a record begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    /// The file, for messages.
    pub file: &'a str,
    /// Line of the record, from 1.
    pub line: u64,
    /// True for the first record of the file.
    pub first: bool,
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is a row of the next batch.
    Row,
    /// It was bad and skipped, as asked.
    Skipped,
    /// A comment, header or blank line.
    Nothing,
}

/// What a decoder found at the start of its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// No whole record; more input is needed.
    Incomplete,
    /// A record.
    Record {
        /// Bytes that it took, with its line end.
        bytes: usize,
        /// Line ends in them.
        lines: u64,
        /// What became of it.
        outcome: Outcome,
    },
}

/// Turns records to rows.
pub(crate) trait Decoder: Send {
    /// Reads the record at the start of `input`, which is not empty. `end` is true when nothing follows `input`.
    /// Errors (User) name file, line and column.
    fn step(&mut self, input: &[u8], end: bool, place: Place<'_>) -> Result<Step>;
    /// Rows since the last batch.
    fn rows(&self) -> usize;
    /// These rows.
    fn take(&mut self) -> Result<RecordBatch>;
}

/// Turns rows to bytes.
pub(crate) trait Encoder: Send {
    /// Appends a row with its line end.
    fn encode(&mut self, batch: &RecordBatch, row: usize, out: &mut Vec<u8>) -> Result<()>;
}

impl Format {
    /// The format of a table, and the names of its options.
    pub(crate) fn of(table: &TableDef) -> Result<(Self, &'static [&'static str])> {
        let name = table.options.require(&table.name, "format")?;
        match name {
            "csv" => Ok((Format::Csv(csv::CsvOptions::new(table)?), csv::OPTIONS)),
            "json" => Ok((Format::Json(json::JsonOptions::new(table)?), json::OPTIONS)),
            "raw" => {
                raw::check(table)?;
                Ok((Format::Raw, raw::OPTIONS))
            }
            other => {
                let known = NAMES.join(", ");
                let fix = match nearest(other, NAMES) {
                    Some(near) => format!("did you mean '{near}'? known are {known}"),
                    None => format!("known are {known}"),
                };
                Err(Error::user(format!("table {}: there is no format '{other}'", table.name)).fix(fix))
            }
        }
    }

    /// A decoder for these columns. Errors (User) on types that the format cannot read.
    pub(crate) fn decoder(&self, schema: &Schema) -> Result<Box<dyn Decoder>> {
        Ok(match self {
            Format::Csv(options) => Box::new(csv::CsvDecoder::new(options.clone(), schema)?),
            Format::Json(options) => Box::new(json::JsonDecoder::new(options.clone(), schema)?),
            Format::Raw => Box::new(raw::RawDecoder::new(schema)?),
        })
    }

    /// An encoder for these columns. Errors (User) on types that the format cannot write.
    pub(crate) fn encoder(&self, schema: &Schema) -> Result<Box<dyn Encoder>> {
        Ok(match self {
            Format::Csv(options) => Box::new(csv::CsvEncoder::new(options.clone(), schema)?),
            Format::Json(options) => Box::new(json::JsonEncoder::new(options.clone(), schema)?),
            Format::Raw => Box::new(raw::RawEncoder::new(schema)?),
        })
    }
}

/// The rows of a whole input in the table's `format`, in batches of at most `max_rows`: what a `filesystem` source does
/// with a file, without the file.
pub fn decode(table: &TableDef, input: &[u8], max_rows: usize) -> Result<Vec<RecordBatch>> {
    let mut decoder = Format::of(table)?.0.decoder(&table.physical_schema())?;
    let (mut batches, mut at, mut line) = (Vec::new(), 0, 1);
    while let Some(rest) = input.get(at..).filter(|r| !r.is_empty()) {
        let place = Place { file: &table.name, line, first: line == 1 };
        let Step::Record { bytes, lines, .. } = decoder.step(rest, true, place)? else {
            return Err(Error::internal(format!("{}: the last record does not end", table.name)));
        };
        at += bytes;
        line += lines;
        if decoder.rows() >= max_rows {
            batches.push(decoder.take()?);
        }
    }
    if decoder.rows() > 0 {
        batches.push(decoder.take()?);
    }
    Ok(batches)
}

/// The line at the start of `input` without its line end, and the bytes it took; `None` when it is not whole.
pub(crate) fn line(input: &[u8], end: bool) -> Option<(&[u8], usize)> {
    const LINE_END: scan::Stops = scan::Stops::new([b'\n'; 4], 0);
    let (text, bytes) = match LINE_END.find(input) {
        Some(at) => (input.get(..at)?, at + 1),
        None if end => (input, input.len()),
        None => return None,
    };
    Some((text.strip_suffix(b"\r").unwrap_or(text), bytes))
}
