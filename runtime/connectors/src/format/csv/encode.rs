//! Rows to CSV records as Jackson writes them: a text is quoted when it is
//! longer than 24 UTF-16 units or has a character up to the largest of
//! delimiter, quote and escape; numbers and NULL are not.

use super::CsvOptions;
use crate::format::Encoder;
use crate::format::text::{Kind, get, scalar};
use arrow::array::{Array, ArrayRef, AsArray, ListArray, RecordBatch, StructArray};
use streamjob_core::{DataType, Result, Schema};

const LONGEST_CHECKED: usize = 24;

pub(crate) struct CsvEncoder {
    options: CsvOptions,
    types: Vec<DataType>,
    smallest_safe: u8,
    field: String,
}

impl CsvEncoder {
    pub(crate) fn new(options: CsvOptions, schema: &Schema) -> Result<Self> {
        let special = [Some(options.delimiter), options.quote, options.escape, Some(b'\n')];
        let smallest_safe = special.into_iter().flatten().max().unwrap_or(0).saturating_add(1);
        let types = schema.columns.iter().map(|c| c.ty.data.clone()).collect();
        Ok(Self { options, types, smallest_safe, field: String::new() })
    }

    fn needs_quotes(&self, text: &str) -> bool {
        // A unit of UTF-16 is one to three bytes of UTF-8.
        let long = match text.len() {
            0..=LONGEST_CHECKED => false,
            bytes if bytes > 3 * LONGEST_CHECKED => true,
            _ => text.encode_utf16().nth(LONGEST_CHECKED).is_some(),
        };
        long || text.bytes().fold(false, |unsafe_one, b| unsafe_one | (b < self.smallest_safe))
    }

    fn text(&self, text: &str, out: &mut Vec<u8>) {
        let Some(quote) = self.options.quote.filter(|_| self.needs_quotes(text)) else {
            out.extend_from_slice(text.as_bytes());
            return;
        };
        let escape = self.options.escape;
        out.push(quote);
        if text.bytes().fold(false, |any, b| any | (b == quote) | (Some(b) == escape)) {
            for byte in text.bytes() {
                if byte == quote || Some(byte) == escape {
                    out.push(byte);
                }
                out.push(byte);
            }
        } else {
            out.extend_from_slice(text.as_bytes());
        }
        out.push(quote);
    }

    /// The field to `self.field`; its kind, or `None` for NULL.
    fn write(&mut self, array: &ArrayRef, row: usize, ty: &DataType) -> Result<Option<Kind>> {
        self.field.clear();
        if array.is_null(row) {
            return Ok(None);
        }
        match ty {
            DataType::Array(item) => {
                let items = get::<ListArray>(array.as_ref(), ty)?.value(row);
                for i in 0..items.len() {
                    self.part(i, &items, i, &item.data)?;
                }
            }
            DataType::Row(columns) => {
                let fields = get::<StructArray>(array.as_ref(), ty)?;
                for (i, (field, column)) in fields.columns().iter().zip(columns).enumerate() {
                    self.part(i, field, row, &column.ty.data)?;
                }
            }
            ty => return scalar(&mut self.field, array.as_ref(), row, ty, ' ', false).map(Some),
        }
        Ok(Some(Kind::Text))
    }

    fn part(&mut self, index: usize, array: &ArrayRef, row: usize, ty: &DataType) -> Result<()> {
        if index > 0 {
            self.field.push_str(&self.options.array_delimiter);
        }
        if array.is_null(row) {
            self.field.push_str(self.options.null.as_deref().unwrap_or(""));
            return Ok(());
        }
        scalar(&mut self.field, array.as_ref(), row, ty, ' ', false).map(|_| ())
    }
}

impl Encoder for CsvEncoder {
    fn encode(&mut self, batch: &RecordBatch, row: usize, out: &mut Vec<u8>) -> Result<()> {
        let types = std::mem::take(&mut self.types);
        for (i, (array, ty)) in batch.columns().iter().zip(&types).enumerate() {
            if i > 0 {
                out.push(self.options.delimiter);
            }
            if let Some(texts) = array.as_string_opt::<i32>()
                && texts.is_valid(row)
            {
                self.text(texts.value(row), out);
                continue;
            }
            match self.write(array, row, ty)? {
                None => out.extend_from_slice(self.options.null.as_deref().unwrap_or("").as_bytes()),
                Some(Kind::Text) => self.text(&self.field, out),
                Some(_) => out.extend_from_slice(self.field.as_bytes()),
            }
        }
        self.types = types;
        out.push(b'\n');
        Ok(())
    }
}
