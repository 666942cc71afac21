//! Columns of a batch while a format fills them, value by value, without an
//! intermediate form. A value that does not fit is reported and appends nothing.

use super::scalar;
use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Decimal128Builder, Float32Builder, Float64Builder, Int8Builder,
    Int16Builder, Int32Builder, Int64Builder, ListArray, MapArray, NullBufferBuilder, RecordBatch, RecordBatchOptions,
    StringBuilder, StructArray, make_array,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType as ArrowType, SchemaRef};
use std::sync::Arc;
use streamjob_core::{DataType, Error, Result, Schema};

/// Why a value does not fit its column, in words.
pub(crate) type Fit<T = ()> = std::result::Result<T, String>;

/// How a format writes dates and times.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TimeRules {
    /// Between date and time.
    pub separator: char,
    /// As the csv format reads them: one-digit months and days, days that carry over to the next month, blanks around
    /// timestamps, times without seconds.
    pub csv: bool,
}

/// One column or nested part of one.
pub(crate) enum Column {
    Boolean(BooleanBuilder),
    TinyInt(Int8Builder),
    SmallInt(Int16Builder),
    Int(Int32Builder),
    BigInt(Int64Builder),
    Float(Float32Builder),
    Double(Float64Builder),
    Decimal(Decimal128Builder, u8, u8),
    Text(StringBuilder),
    Bytes(BinaryBuilder),
    Date(Int32Builder),
    Time(Int32Builder, u8),
    Timestamp(Int64Builder, u8),
    Instant(Int64Builder, u8),
    Array(Lengths, Box<Column>),
    Map(Lengths, Box<Column>, Box<Column>),
    Row(NullBufferBuilder, Vec<Column>),
}

/// Borders and nulls of a list-like column.
pub(crate) struct Lengths {
    lengths: Vec<usize>,
    valid: NullBufferBuilder,
}

impl Lengths {
    fn new() -> Self {
        Self { lengths: Vec::new(), valid: NullBufferBuilder::new(0) }
    }

    pub(crate) fn append(&mut self, length: usize) {
        self.lengths.push(length);
        self.valid.append_non_null();
    }

    fn append_null(&mut self) {
        self.lengths.push(0);
        self.valid.append_null();
    }

    fn offsets(&mut self) -> OffsetBuffer<i32> {
        OffsetBuffer::from_lengths(std::mem::take(&mut self.lengths))
    }
}

impl Column {
    /// A column for a type. Errors (User) on types that no format reads.
    pub(crate) fn new(ty: &DataType) -> Result<Self> {
        Ok(match ty {
            DataType::Boolean => Column::Boolean(BooleanBuilder::new()),
            DataType::TinyInt => Column::TinyInt(Int8Builder::new()),
            DataType::SmallInt => Column::SmallInt(Int16Builder::new()),
            DataType::Int => Column::Int(Int32Builder::new()),
            DataType::BigInt => Column::BigInt(Int64Builder::new()),
            DataType::Float => Column::Float(Float32Builder::new()),
            DataType::Double => Column::Double(Float64Builder::new()),
            DataType::Decimal(p, s) => Column::Decimal(Decimal128Builder::new(), *p, *s),
            DataType::Char(_) | DataType::VarChar(_) => Column::Text(StringBuilder::new()),
            DataType::Binary(_) | DataType::VarBinary(_) => Column::Bytes(BinaryBuilder::new()),
            DataType::Date => Column::Date(Int32Builder::new()),
            DataType::Time(p) => Column::Time(Int32Builder::new(), *p),
            DataType::Timestamp(p) => Column::Timestamp(Int64Builder::new(), *p),
            DataType::TimestampLtz(p) => Column::Instant(Int64Builder::new(), *p),
            DataType::Array(item) => Column::Array(Lengths::new(), Box::new(Column::new(&item.data)?)),
            DataType::Map(k, v) => {
                Column::Map(Lengths::new(), Box::new(Column::new(&k.data)?), Box::new(Column::new(&v.data)?))
            }
            DataType::Multiset(t) => {
                Column::Map(Lengths::new(), Box::new(Column::new(&t.data)?), Box::new(Column::new(&DataType::Int)?))
            }
            DataType::Row(columns) => Column::Row(
                NullBufferBuilder::new(0),
                columns.iter().map(|c| Column::new(&c.ty.data)).collect::<Result<_>>()?,
            ),
            DataType::Null | DataType::IntervalYearMonth | DataType::IntervalDayTime => {
                return Err(Error::user(format!("columns of type {ty} cannot be read from files")));
            }
        })
    }

    pub(crate) fn append_null(&mut self) {
        match self {
            Column::Boolean(b) => b.append_null(),
            Column::TinyInt(b) => b.append_null(),
            Column::SmallInt(b) => b.append_null(),
            Column::Int(b) | Column::Date(b) | Column::Time(b, _) => b.append_null(),
            Column::BigInt(b) | Column::Timestamp(b, _) | Column::Instant(b, _) => b.append_null(),
            Column::Float(b) => b.append_null(),
            Column::Double(b) => b.append_null(),
            Column::Decimal(b, ..) => b.append_null(),
            Column::Text(b) => b.append_null(),
            Column::Bytes(b) => b.append_null(),
            Column::Array(lengths, _) | Column::Map(lengths, ..) => lengths.append_null(),
            Column::Row(valid, fields) => {
                valid.append_null();
                fields.iter_mut().for_each(Column::append_null);
            }
        }
    }

    /// Appends a whole number of some digits, if this is one for an integer column that has room for it. The usual
    /// case, without a detour; what this refuses may still be read by [`Column::append_text`].
    pub(crate) fn append_digits(&mut self, digits: &[u8]) -> bool {
        match self {
            Column::BigInt(b) => scalar::digits(digits).map(|v| b.append_value(v)),
            Column::Int(b) => scalar::digits(digits).and_then(|v| v.try_into().ok()).map(|v| b.append_value(v)),
            _ => None,
        }
        .is_some()
    }

    /// Appends a scalar from its text. Nested columns are the format's business.
    pub(crate) fn append_text(&mut self, text: &str, times: TimeRules) -> Fit {
        match self {
            Column::Boolean(b) => b.append_value(text.trim().eq_ignore_ascii_case("true")),
            Column::TinyInt(b) => b.append_value(scalar::integer(text, "a TINYINT (-128 to 127)")?),
            Column::SmallInt(b) => b.append_value(scalar::integer(text, "a SMALLINT (-32768 to 32767)")?),
            Column::Int(b) => b.append_value(scalar::integer(text, "an INT (-2147483648 to 2147483647)")?),
            Column::BigInt(b) => b.append_value(scalar::integer(text, "a BIGINT")?),
            Column::Float(b) => b.append_value(scalar::float(text, "a FLOAT")?),
            Column::Double(b) => b.append_value(scalar::float(text, "a DOUBLE")?),
            Column::Decimal(b, p, s) => b.append_option(scalar::decimal(text, *p, *s)?),
            Column::Text(b) => b.append_value(text),
            Column::Bytes(b) => b.append_value(scalar::base64_decode(text)?),
            Column::Date(b) => b.append_value(scalar::date(text, times)?),
            Column::Time(b, p) => b.append_value(scalar::time(text, *p, times)?),
            Column::Timestamp(b, p) => b.append_value(scalar::timestamp(text, *p, times)?),
            Column::Instant(b, p) => b.append_value(scalar::instant(text, *p, times)?),
            Column::Array(..) => return Err("a text is no ARRAY".into()),
            Column::Map(..) => return Err("a text is no MAP".into()),
            Column::Row(..) => return Err("a text is no ROW".into()),
        }
        Ok(())
    }

    /// The array of everything appended, and empty again.
    fn finish(&mut self, ty: &ArrowType) -> Result<ArrayRef> {
        let array: ArrayRef = match self {
            Column::Boolean(b) => Arc::new(b.finish()),
            Column::TinyInt(b) => Arc::new(b.finish()),
            Column::SmallInt(b) => Arc::new(b.finish()),
            Column::Int(b) => Arc::new(b.finish()),
            Column::BigInt(b) => Arc::new(b.finish()),
            Column::Float(b) => Arc::new(b.finish()),
            Column::Double(b) => Arc::new(b.finish()),
            Column::Decimal(b, p, s) => Arc::new(b.finish().with_precision_and_scale(*p, *s as i8)?),
            Column::Text(b) => Arc::new(b.finish()),
            Column::Bytes(b) => Arc::new(b.finish()),
            Column::Date(b) | Column::Time(b, _) => typed(Arc::new(b.finish()), ty)?,
            Column::Timestamp(b, _) | Column::Instant(b, _) => typed(Arc::new(b.finish()), ty)?,
            Column::Array(lengths, item) => {
                let ArrowType::List(field) = ty else { return Err(carrier(ty)) };
                let items = item.finish(field.data_type())?;
                Arc::new(ListArray::try_new(field.clone(), lengths.offsets(), items, lengths.valid.finish())?)
            }
            Column::Map(lengths, key, value) => {
                let ArrowType::Map(entries, _) = ty else { return Err(carrier(ty)) };
                let ArrowType::Struct(fields) = entries.data_type() else { return Err(carrier(ty)) };
                let [k, v] = fields.as_ref() else { return Err(carrier(ty)) };
                let parts = vec![key.finish(k.data_type())?, value.finish(v.data_type())?];
                let parts = StructArray::try_new(fields.clone(), parts, None)?;
                Arc::new(MapArray::try_new(entries.clone(), lengths.offsets(), parts, lengths.valid.finish(), false)?)
            }
            Column::Row(valid, columns) => {
                let ArrowType::Struct(fields) = ty else { return Err(carrier(ty)) };
                let nulls = valid.finish();
                let parts = columns.iter_mut().zip(fields).map(|(c, f)| c.finish(f.data_type()));
                let parts = parts.collect::<Result<Vec<_>>>()?;
                Arc::new(StructArray::try_new(fields.clone(), parts, nulls)?)
            }
        };
        Ok(array)
    }
}

fn typed(array: ArrayRef, ty: &ArrowType) -> Result<ArrayRef> {
    Ok(make_array(array.to_data().into_builder().data_type(ty.clone()).build()?))
}

fn carrier(ty: &ArrowType) -> Error {
    Error::internal(format!("a nested column is carried as {ty}"))
}

/// The columns of a table while they are filled.
pub(crate) struct Columns {
    schema: SchemaRef,
    /// The columns, in declared order.
    pub columns: Vec<Column>,
    /// Their names.
    pub names: Vec<String>,
    /// Whole rows so far.
    pub rows: usize,
}

impl Columns {
    pub(crate) fn new(schema: &Schema) -> Result<Self> {
        let column =
            |c: &streamjob_core::Column| Column::new(&c.ty.data).map_err(|e| e.context(format!("column '{}'", c.name)));
        Ok(Self {
            schema: schema.arrow(),
            columns: schema.columns.iter().map(column).collect::<Result<_>>()?,
            names: schema.columns.iter().map(|c| c.name.clone()).collect(),
            rows: 0,
        })
    }

    /// The rows so far as a batch, and empty again.
    pub(crate) fn take(&mut self) -> Result<RecordBatch> {
        let fields = self.schema.fields().iter();
        let arrays = self.columns.iter_mut().zip(fields).map(|(c, f)| c.finish(f.data_type()));
        let arrays = arrays.collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(std::mem::take(&mut self.rows)));
        Ok(RecordBatch::try_new_with_options(self.schema.clone(), arrays, &options)?)
    }
}
