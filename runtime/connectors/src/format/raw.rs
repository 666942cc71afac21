//! The raw format: each line is the value of the only column.

use super::column::{Column, Columns};
use super::{Decoder, Encoder, Outcome, Place, Step, line};
use arrow::array::{Array, AsArray, RecordBatch};
use streamjob_core::table::TableDef;
use streamjob_core::{DataType, Error, Result, Schema};

pub(super) const OPTIONS: &[&str] = &["raw.charset"];

pub(super) fn check(table: &TableDef) -> Result<()> {
    match table.options.get("raw.charset") {
        Some(name) if !name.eq_ignore_ascii_case("UTF-8") => {
            Err(Error::user(format!("table {}: option 'raw.charset' = '{name}' is not supported", table.name))
                .fix("only UTF-8 is read"))
        }
        _ => only_column(&table.physical_schema()).map_err(|e| e.context(format!("table {}", table.name))),
    }
}

fn only_column(schema: &Schema) -> Result<()> {
    match schema.columns.as_slice() {
        [c] if c.ty.data.is_string() || matches!(c.ty.data, DataType::Binary(_) | DataType::VarBinary(_)) => Ok(()),
        [c] => Err(Error::user(format!("column '{}': format 'raw' does not support type {}", c.name, c.ty.data))
            .fix("declare it as STRING or BYTES")),
        other => Err(Error::user(format!("format 'raw' needs exactly one column, not {}", other.len()))),
    }
}

pub(super) struct RawDecoder {
    columns: Columns,
}

impl RawDecoder {
    pub(super) fn new(schema: &Schema) -> Result<Self> {
        only_column(schema)?;
        Ok(Self { columns: Columns::new(schema)? })
    }
}

impl Decoder for RawDecoder {
    fn step(&mut self, input: &[u8], end: bool, _place: Place<'_>) -> Result<Step> {
        let Some((text, bytes)) = line(input, end) else { return Ok(Step::Incomplete) };
        match self.columns.columns.first_mut() {
            Some(Column::Text(b)) => b.append_value(String::from_utf8_lossy(text)),
            Some(Column::Bytes(b)) => b.append_value(text),
            _ => return Err(Error::internal("the raw format has no column")),
        }
        self.columns.rows += 1;
        Ok(Step::Record { bytes, lines: 1, outcome: Outcome::Row })
    }

    fn rows(&self) -> usize {
        self.columns.rows
    }

    fn take(&mut self) -> Result<RecordBatch> {
        self.columns.take()
    }
}

pub(super) struct RawEncoder;

impl RawEncoder {
    pub(super) fn new(schema: &Schema) -> Result<Self> {
        only_column(schema)?;
        Ok(Self)
    }
}

impl Encoder for RawEncoder {
    fn encode(&mut self, batch: &RecordBatch, row: usize, out: &mut Vec<u8>) -> Result<()> {
        let array = batch.columns().first().ok_or_else(|| Error::internal("the raw format has no column"))?;
        if array.is_valid(row) {
            match array.as_string_opt::<i32>() {
                Some(texts) => out.extend_from_slice(texts.value(row).as_bytes()),
                None => match array.as_binary_opt::<i32>() {
                    Some(bytes) => out.extend_from_slice(bytes.value(row)),
                    None => return Err(Error::internal("the raw format's column is neither text nor bytes")),
                },
            }
        }
        out.push(b'\n');
        Ok(())
    }
}
