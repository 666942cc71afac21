//! Rows to JSON lines as Jackson writes them.

use super::JsonOptions;
use super::options::NullKey;
use crate::format::Encoder;
use crate::format::text::{Kind, get, scalar};
use arrow::array::{Array, ListArray, MapArray, RecordBatch, StringArray, StructArray};
use std::fmt::Write;
use streamjob_core::{DataType, Error, Result, Schema};

pub(crate) struct JsonEncoder {
    options: JsonOptions,
    schema: Schema,
    text: String,
    scratch: String,
}

impl JsonEncoder {
    pub(crate) fn new(options: JsonOptions, schema: &Schema) -> Result<Self> {
        Ok(Self { options, schema: schema.clone(), text: String::new(), scratch: String::new() })
    }
}

struct Writer<'a> {
    options: &'a JsonOptions,
    scratch: &'a mut String,
}

impl Writer<'_> {
    fn members<'f>(
        &mut self,
        out: &mut String,
        fields: impl Iterator<Item = (&'f str, &'f dyn Array, &'f DataType)>,
        row: usize,
    ) -> Result<()> {
        out.push('{');
        let mut first = true;
        for (name, array, ty) in fields {
            if self.options.ignore_nulls && array.is_null(row) {
                continue;
            }
            if !std::mem::take(&mut first) {
                out.push(',');
            }
            quoted(out, name);
            out.push(':');
            self.value(out, array, row, ty)?;
        }
        out.push('}');
        Ok(())
    }

    fn value(&mut self, out: &mut String, array: &dyn Array, row: usize, ty: &DataType) -> Result<()> {
        if array.is_null(row) {
            out.push_str("null");
            return Ok(());
        }
        match ty {
            DataType::Array(item) => {
                let items = get::<ListArray>(array, ty)?.value(row);
                out.push('[');
                for i in 0..items.len() {
                    if i > 0 {
                        out.push(',');
                    }
                    self.value(out, items.as_ref(), i, &item.data)?;
                }
                out.push(']');
                Ok(())
            }
            DataType::Map(key, value) => self.map(out, array, row, ty, &key.data, &value.data),
            DataType::Multiset(key) => self.map(out, array, row, ty, &key.data, &DataType::Int),
            DataType::Row(columns) => {
                let fields = get::<StructArray>(array, ty)?;
                let fields = columns.iter().zip(fields.columns());
                self.members(out, fields.map(|(c, a)| (c.name.as_str(), a.as_ref(), &c.ty.data)), row)
            }
            DataType::Char(_) | DataType::VarChar(_) => {
                quoted(out, get::<StringArray>(array, ty)?.value(row));
                Ok(())
            }
            ty => {
                self.scratch.clear();
                let separator = self.options.separator;
                match scalar(self.scratch, array, row, ty, separator, self.options.plain_decimal)? {
                    Kind::Bare => out.push_str(self.scratch),
                    Kind::Text | Kind::NotANumber => quoted(out, self.scratch),
                }
                Ok(())
            }
        }
    }

    fn map(
        &mut self,
        out: &mut String,
        array: &dyn Array,
        row: usize,
        ty: &DataType,
        key_type: &DataType,
        value_type: &DataType,
    ) -> Result<()> {
        let entries = get::<MapArray>(array, ty)?.value(row);
        let [keys, values] = entries.columns() else {
            return Err(Error::internal("a map without keys and values"));
        };
        out.push('{');
        let mut first = true;
        for i in 0..entries.len() {
            let key = if keys.is_null(i) {
                match &self.options.null_key {
                    NullKey::Drop => continue,
                    NullKey::Literal(text) => text.clone(),
                    NullKey::Fail => {
                        return Err(Error::user("format 'json' cannot write a map with a NULL key")
                            .fix("set 'json.map-null-key.mode' to DROP or LITERAL"));
                    }
                }
            } else {
                let mut key = String::new();
                scalar(&mut key, keys.as_ref(), i, key_type, self.options.separator, false)?;
                key
            };
            if !std::mem::take(&mut first) {
                out.push(',');
            }
            quoted(out, &key);
            out.push(':');
            self.value(out, values.as_ref(), i, value_type)?;
        }
        out.push('}');
        Ok(())
    }
}

/// A JSON string; characters beyond the BMP as surrogate pairs, as Jackson writes them.
fn quoted(out: &mut String, text: &str) {
    out.push('"');
    let special = |b: u8| (b < 0x20) | (b == b'"') | (b == b'\\') | (b >= 0xf0);
    if !text.bytes().fold(false, |any, b| any | special(b)) {
        out.push_str(text);
        out.push('"');
        return;
    }
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if u32::from(c) < 0x20 || u32::from(c) > 0xffff => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04X}");
                }
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

impl Encoder for JsonEncoder {
    fn encode(&mut self, batch: &RecordBatch, row: usize, out: &mut Vec<u8>) -> Result<()> {
        self.text.clear();
        let fields = self.schema.columns.iter().zip(batch.columns());
        let fields = fields.map(|(c, a)| (c.name.as_str(), a.as_ref(), &c.ty.data));
        Writer { options: &self.options, scratch: &mut self.scratch }.members(&mut self.text, fields, row)?;
        out.extend_from_slice(self.text.as_bytes());
        out.push(b'\n');
        Ok(())
    }
}
