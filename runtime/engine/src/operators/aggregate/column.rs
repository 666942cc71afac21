//! A growing column of results: rows are pushed, compared by position, and taken
//! in any order and number when a batch is made.

use super::scalar::{Class, ScalarRef};
use arrow::array::{ArrayRef, BinaryArray, BinaryBuilder, BooleanArray, PrimitiveArray, StringArray, StringBuilder};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType as ArrowType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type,
    Int16Type, Int32Type, Int64Type, Time32MillisecondType, Time64MicrosecondType, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType,
};
use std::sync::Arc;
use streamjob_core::{Error, Result};

/// True for the positions `0..len` in order.
pub(crate) fn is_all(indices: &[u32], len: usize) -> bool {
    indices.len() == len && indices.iter().zip(0..).all(|(i, n): (&u32, u32)| *i == n)
}

/// Values of one Arrow type.
#[derive(Debug)]
pub struct ResultColumn {
    ty: ArrowType,
    bigint: bool,
    /// Which rows are not NULL; `None` while all are.
    valid: Option<Vec<bool>>,
    data: Data,
}

#[derive(Debug)]
enum Data {
    Int(Vec<i64>),
    Float(Vec<f64>),
    Dec(Vec<i128>),
    Bytes { bytes: Vec<u8>, ends: Vec<usize> },
}

impl ResultColumn {
    /// An empty column. Errors on types without a [`Class`].
    pub fn new(ty: &ArrowType) -> Result<Self> {
        let data = match Class::of(ty) {
            Some(Class::Int) => Data::Int(Vec::new()),
            Some(Class::Float) => Data::Float(Vec::new()),
            Some(Class::Dec) => Data::Dec(Vec::new()),
            Some(Class::Bytes) => Data::Bytes { bytes: Vec::new(), ends: Vec::new() },
            None => return Err(Error::internal(format!("no result column of type {ty}"))),
        };
        Ok(Self { ty: ty.clone(), bigint: *ty == ArrowType::Int64, valid: None, data })
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        match &self.data {
            Data::Int(v) => v.len(),
            Data::Float(v) => v.len(),
            Data::Dec(v) => v.len(),
            Data::Bytes { ends, .. } => ends.len(),
        }
    }

    /// True without rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets the rows, keeps the memory.
    pub fn clear(&mut self) {
        self.valid = None;
        match &mut self.data {
            Data::Int(v) => v.clear(),
            Data::Float(v) => v.clear(),
            Data::Dec(v) => v.clear(),
            Data::Bytes { bytes, ends } => {
                bytes.clear();
                ends.clear();
            }
        }
    }

    /// Makes space for this many more rows.
    pub fn reserve(&mut self, rows: usize) {
        match &mut self.data {
            Data::Int(v) => v.reserve(rows),
            Data::Float(v) => v.reserve(rows),
            Data::Dec(v) => v.reserve(rows),
            Data::Bytes { ends, .. } => ends.reserve(rows),
        }
    }

    /// Appends a value; integers wrap to the column's width, doubles round to FLOAT.
    pub fn push(&mut self, value: ScalarRef<'_>) -> Result<()> {
        match &mut self.valid {
            Some(valid) => valid.push(!value.is_null()),
            None if value.is_null() => {
                let mut valid = vec![true; self.len()];
                valid.push(false);
                self.valid = Some(valid);
            }
            None => {}
        }
        match (&mut self.data, value) {
            (Data::Int(v), ScalarRef::Int(x)) => v.push(match self.ty {
                ArrowType::Int8 => i64::from(x as i8),
                ArrowType::Int16 => i64::from(x as i16),
                ArrowType::Int32 | ArrowType::Date32 | ArrowType::Time32(_) => i64::from(x as i32),
                _ => x,
            }),
            (Data::Float(v), ScalarRef::Float(x)) => {
                v.push(if self.ty == ArrowType::Float32 { f64::from(x as f32) } else { x });
            }
            (Data::Dec(v), ScalarRef::Dec(x)) => v.push(x),
            (Data::Bytes { bytes, ends }, ScalarRef::Bytes(x)) => {
                bytes.extend_from_slice(x);
                ends.push(bytes.len());
            }
            (Data::Int(v), ScalarRef::Null) => v.push(0),
            (Data::Float(v), ScalarRef::Null) => v.push(0.0),
            (Data::Dec(v), ScalarRef::Null) => v.push(0),
            (Data::Bytes { bytes, ends }, ScalarRef::Null) => ends.push(bytes.len()),
            (_, other) => return Err(Error::internal(format!("{other:?} in a column of type {}", self.ty))),
        }
        Ok(())
    }

    /// Appends a BIGINT; as [`ResultColumn::push`], for columns that are one.
    #[inline]
    pub fn push_bigint(&mut self, value: i64) -> Result<()> {
        match &mut self.data {
            Data::Int(v) if self.bigint && self.valid.is_none() => {
                v.push(value);
                Ok(())
            }
            _ => self.push(ScalarRef::Int(value)),
        }
    }

    /// The value of a row; NULL beyond the last.
    pub fn get(&self, row: usize) -> ScalarRef<'_> {
        if self.valid.as_ref().is_some_and(|v| !v.get(row).copied().unwrap_or(false)) {
            return ScalarRef::Null;
        }
        let value = match &self.data {
            Data::Int(v) => v.get(row).map(|x| ScalarRef::Int(*x)),
            Data::Float(v) => v.get(row).map(|x| ScalarRef::Float(*x)),
            Data::Dec(v) => v.get(row).map(|x| ScalarRef::Dec(*x)),
            Data::Bytes { bytes, ends } => {
                let start = row.checked_sub(1).and_then(|r| ends.get(r)).copied().unwrap_or(0);
                ends.get(row).and_then(|end| bytes.get(start..*end)).map(ScalarRef::Bytes)
            }
        };
        value.unwrap_or(ScalarRef::Null)
    }

    /// True when two rows are equal: NULL equals NULL, NaN equals nothing (as the original's comparison).
    pub fn same(&self, a: usize, b: usize) -> bool {
        self.get(a) == self.get(b)
    }

    /// The rows at `indices` as an array.
    pub fn take(&self, indices: &[u32]) -> Result<ArrayRef> {
        if let (ArrowType::Int64, Data::Int(values)) = (&self.ty, &self.data)
            && self.valid.is_none()
        {
            let taken: Vec<i64> = if is_all(indices, values.len()) {
                values.clone()
            } else {
                indices.iter().map(|i| values.get(*i as usize).copied().unwrap_or(0)).collect()
            };
            return Ok(Arc::new(PrimitiveArray::<Int64Type>::from(taken)));
        }
        let rows = || indices.iter().map(|i| self.get(*i as usize));
        let int = |v: ScalarRef<'_>| if let ScalarRef::Int(v) = v { Some(v) } else { None };
        let float = |v: ScalarRef<'_>| if let ScalarRef::Float(v) = v { Some(v) } else { None };
        let dec = |v: ScalarRef<'_>| if let ScalarRef::Dec(v) = v { Some(v) } else { None };
        let i32s = || rows().map(|v| int(v).map(|v| v as i32));
        let i64s = || rows().map(int);
        Ok(match &self.ty {
            ArrowType::Boolean => Arc::new(rows().map(|v| int(v).map(|v| v != 0)).collect::<BooleanArray>()),
            ArrowType::Int8 => self.primitive::<Int8Type>(rows().map(|v| int(v).map(|v| v as i8))),
            ArrowType::Int16 => self.primitive::<Int16Type>(rows().map(|v| int(v).map(|v| v as i16))),
            ArrowType::Int32 => self.primitive::<Int32Type>(i32s()),
            ArrowType::Date32 => self.primitive::<Date32Type>(i32s()),
            ArrowType::Time32(TimeUnit::Millisecond) => self.primitive::<Time32MillisecondType>(i32s()),
            ArrowType::Int64 => self.primitive::<Int64Type>(i64s()),
            ArrowType::Time64(TimeUnit::Microsecond) => self.primitive::<Time64MicrosecondType>(i64s()),
            ArrowType::Timestamp(TimeUnit::Millisecond, _) => self.primitive::<TimestampMillisecondType>(i64s()),
            ArrowType::Timestamp(TimeUnit::Microsecond, _) => self.primitive::<TimestampMicrosecondType>(i64s()),
            ArrowType::Timestamp(TimeUnit::Nanosecond, _) => self.primitive::<TimestampNanosecondType>(i64s()),
            ArrowType::Float32 => self.primitive::<Float32Type>(rows().map(|v| float(v).map(|v| v as f32))),
            ArrowType::Float64 => self.primitive::<Float64Type>(rows().map(float)),
            ArrowType::Decimal128(..) => self.primitive::<Decimal128Type>(rows().map(dec)),
            ArrowType::Utf8 => {
                let mut builder = StringBuilder::with_capacity(indices.len(), indices.len() * 8);
                for v in rows() {
                    match v {
                        ScalarRef::Bytes(b) => builder.append_value(
                            std::str::from_utf8(b).map_err(|_| Error::internal("a string result is not UTF-8"))?,
                        ),
                        _ => builder.append_null(),
                    }
                }
                Arc::new(builder.finish())
            }
            ArrowType::Binary => {
                let mut builder = BinaryBuilder::with_capacity(indices.len(), indices.len() * 8);
                for v in rows() {
                    match v {
                        ScalarRef::Bytes(b) => builder.append_value(b),
                        _ => builder.append_null(),
                    }
                }
                Arc::new(builder.finish())
            }
            other => return Err(Error::internal(format!("no result column of type {other}"))),
        })
    }

    /// All rows as an array; the column is empty afterwards.
    pub fn finish(&mut self) -> Result<ArrayRef> {
        if let (ArrowType::Int64, None, Data::Int(values)) = (&self.ty, &self.valid, &mut self.data) {
            return Ok(Arc::new(PrimitiveArray::<Int64Type>::from(std::mem::take(values))));
        }
        if let (ArrowType::Utf8 | ArrowType::Binary, Data::Bytes { bytes, ends }) = (&self.ty, &mut self.data) {
            let too_large = |_| Error::internal("more than 2 GiB of strings in the results of a batch");
            let ends = std::mem::take(ends).into_iter().map(|e| i32::try_from(e).map_err(too_large));
            let offsets = std::iter::once(Ok(0)).chain(ends).collect::<Result<Vec<i32>>>()?;
            let offsets = OffsetBuffer::new(offsets.into());
            let (bytes, nulls) = (Buffer::from_vec(std::mem::take(bytes)), self.valid.take().map(NullBuffer::from));
            return Ok(match &self.ty {
                ArrowType::Utf8 => Arc::new(StringArray::try_new(offsets, bytes, nulls)?),
                _ => Arc::new(BinaryArray::try_new(offsets, bytes, nulls)?),
            });
        }
        let all: Vec<u32> = (0..self.len() as u32).collect();
        let array = self.take(&all)?;
        self.clear();
        Ok(array)
    }

    fn primitive<T: ArrowPrimitiveType>(&self, rows: impl Iterator<Item = Option<T::Native>>) -> ArrayRef {
        Arc::new(PrimitiveArray::<T>::from_iter(rows).with_data_type(self.ty.clone()))
    }
}
