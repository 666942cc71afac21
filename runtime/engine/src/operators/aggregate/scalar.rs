//! Single values, detached from their column: read from Arrow columns without
//! copying, compared as the original does, written in the canonical key encoding
//! of `streamjob_core::key` and read back from it.

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, BooleanArray, PrimitiveArray, StringArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{
    DataType as ArrowType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, Time32MillisecondType, Time64MicrosecondType, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType,
};
use std::cmp::Ordering;
use streamjob_core::{Error, Result};

/// A value; integers, booleans, dates, times and timestamps are `Int`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ScalarRef<'a> {
    /// NULL.
    Null,
    /// All integer carriers.
    Int(i64),
    /// FLOAT and DOUBLE.
    Float(f64),
    /// The unscaled DECIMAL.
    Dec(i128),
    /// Strings and bytes.
    Bytes(&'a [u8]),
}

/// An owned, non-NULL value.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    /// All integer carriers.
    Int(i64),
    /// FLOAT and DOUBLE.
    Float(f64),
    /// The unscaled DECIMAL.
    Dec(i128),
    /// Strings and bytes.
    Bytes(Vec<u8>),
}

/// How values of a carrier are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// As `Int`.
    Int,
    /// As `Float`.
    Float,
    /// As `Dec`.
    Dec,
    /// As `Bytes`.
    Bytes,
}

impl Class {
    /// The class of a carrier; `None` for nested types and intervals, which no aggregate compares or adds.
    pub fn of(ty: &ArrowType) -> Option<Self> {
        Some(match ty {
            ArrowType::Boolean
            | ArrowType::Int8
            | ArrowType::Int16
            | ArrowType::Int32
            | ArrowType::Int64
            | ArrowType::Date32
            | ArrowType::Time32(TimeUnit::Millisecond)
            | ArrowType::Time64(TimeUnit::Microsecond)
            | ArrowType::Timestamp(TimeUnit::Millisecond | TimeUnit::Microsecond | TimeUnit::Nanosecond, _) => {
                Class::Int
            }
            ArrowType::Float32 | ArrowType::Float64 => Class::Float,
            ArrowType::Decimal128(..) => Class::Dec,
            ArrowType::Utf8 | ArrowType::Binary => Class::Bytes,
            _ => return None,
        })
    }
}

impl Scalar {
    /// Borrowed.
    pub fn as_ref(&self) -> ScalarRef<'_> {
        match self {
            Scalar::Int(v) => ScalarRef::Int(*v),
            Scalar::Float(v) => ScalarRef::Float(*v),
            Scalar::Dec(v) => ScalarRef::Dec(*v),
            Scalar::Bytes(v) => ScalarRef::Bytes(v),
        }
    }

    /// Replaces the value, reusing the allocation.
    pub fn set(&mut self, value: ScalarRef<'_>) {
        match (self, value) {
            (_, ScalarRef::Null) => {}
            (Scalar::Bytes(old), ScalarRef::Bytes(new)) => {
                old.clear();
                old.extend_from_slice(new);
            }
            (this, other) => {
                if let Some(new) = other.to_owned() {
                    *this = new;
                }
            }
        }
    }
}

impl ScalarRef<'_> {
    /// True for NULL.
    pub fn is_null(&self) -> bool {
        matches!(self, ScalarRef::Null)
    }

    /// Owned; `None` for NULL.
    pub fn to_owned(&self) -> Option<Scalar> {
        Some(match self {
            ScalarRef::Null => return None,
            ScalarRef::Int(v) => Scalar::Int(*v),
            ScalarRef::Float(v) => Scalar::Float(*v),
            ScalarRef::Dec(v) => Scalar::Dec(*v),
            ScalarRef::Bytes(v) => Scalar::Bytes(v.to_vec()),
        })
    }

    /// A total order, that of the canonical encoding: NULL first, -0.0 before 0.0, NaN last.
    pub fn total_compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (ScalarRef::Null, ScalarRef::Null) => Ordering::Equal,
            (ScalarRef::Null, _) => Ordering::Less,
            (_, ScalarRef::Null) => Ordering::Greater,
            (ScalarRef::Float(a), ScalarRef::Float(b)) => match (a.is_nan(), b.is_nan()) {
                (false, false) => a.total_cmp(b),
                (a, b) => a.cmp(&b),
            },
            _ => self.compare(other).unwrap_or(Ordering::Equal),
        }
    }

    /// `<`, `=`, `>` of SQL; `None` with NULL or NaN, which are neither.
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (ScalarRef::Int(a), ScalarRef::Int(b)) => Some(a.cmp(b)),
            (ScalarRef::Float(a), ScalarRef::Float(b)) => a.partial_cmp(b),
            (ScalarRef::Dec(a), ScalarRef::Dec(b)) => Some(a.cmp(b)),
            (ScalarRef::Bytes(a), ScalarRef::Bytes(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }
}

/// Reads a column row by row.
pub struct Reader<'a> {
    nulls: Option<&'a NullBuffer>,
    kind: Kind<'a>,
}

enum Kind<'a> {
    Null,
    Bool(&'a BooleanArray),
    I8(&'a PrimitiveArray<Int8Type>),
    I16(&'a PrimitiveArray<Int16Type>),
    I32(&'a [i32]),
    I64(&'a [i64]),
    F32(&'a PrimitiveArray<Float32Type>),
    F64(&'a PrimitiveArray<Float64Type>),
    Dec(&'a PrimitiveArray<Decimal128Type>),
    Utf8(&'a StringArray),
    Binary(&'a BinaryArray),
}

impl<'a> Reader<'a> {
    /// A reader of a column with one of the classes of [`Class::of`], or of NULLs.
    pub fn new(array: &'a ArrayRef) -> Result<Self> {
        let kind = match array.data_type() {
            ArrowType::Null => Kind::Null,
            ArrowType::Boolean => Kind::Bool(array.as_boolean()),
            ArrowType::Int8 => Kind::I8(array.as_primitive()),
            ArrowType::Int16 => Kind::I16(array.as_primitive()),
            ArrowType::Int32 => Kind::I32(array.as_primitive::<Int32Type>().values()),
            ArrowType::Date32 => Kind::I32(array.as_primitive::<Date32Type>().values()),
            ArrowType::Time32(TimeUnit::Millisecond) => {
                Kind::I32(array.as_primitive::<Time32MillisecondType>().values())
            }
            ArrowType::Int64 => Kind::I64(array.as_primitive::<Int64Type>().values()),
            ArrowType::Time64(TimeUnit::Microsecond) => {
                Kind::I64(array.as_primitive::<Time64MicrosecondType>().values())
            }
            ArrowType::Timestamp(TimeUnit::Millisecond, _) => {
                Kind::I64(array.as_primitive::<TimestampMillisecondType>().values())
            }
            ArrowType::Timestamp(TimeUnit::Microsecond, _) => {
                Kind::I64(array.as_primitive::<TimestampMicrosecondType>().values())
            }
            ArrowType::Timestamp(TimeUnit::Nanosecond, _) => {
                Kind::I64(array.as_primitive::<TimestampNanosecondType>().values())
            }
            ArrowType::Float32 => Kind::F32(array.as_primitive()),
            ArrowType::Float64 => Kind::F64(array.as_primitive()),
            ArrowType::Decimal128(..) => Kind::Dec(array.as_primitive()),
            ArrowType::Utf8 => Kind::Utf8(array.as_string()),
            ArrowType::Binary => Kind::Binary(array.as_binary()),
            other => return Err(Error::internal(format!("cannot aggregate values of type {other}"))),
        };
        Ok(Self { nulls: array.nulls(), kind })
    }

    /// The value of a row below the column's length.
    pub fn get(&self, row: usize) -> ScalarRef<'a> {
        if self.nulls.is_some_and(|n| n.is_null(row)) {
            return ScalarRef::Null;
        }
        match &self.kind {
            Kind::Null => ScalarRef::Null,
            Kind::Bool(a) => ScalarRef::Int(i64::from(a.value(row))),
            Kind::I8(a) => ScalarRef::Int(i64::from(a.value(row))),
            Kind::I16(a) => ScalarRef::Int(i64::from(a.value(row))),
            Kind::I32(v) => v.get(row).map_or(ScalarRef::Null, |v| ScalarRef::Int(i64::from(*v))),
            Kind::I64(v) => v.get(row).map_or(ScalarRef::Null, |v| ScalarRef::Int(*v)),
            Kind::F32(a) => ScalarRef::Float(f64::from(a.value(row))),
            Kind::F64(a) => ScalarRef::Float(a.value(row)),
            Kind::Dec(a) => ScalarRef::Dec(a.value(row)),
            Kind::Utf8(a) => ScalarRef::Bytes(a.value(row).as_bytes()),
            Kind::Binary(a) => ScalarRef::Bytes(a.value(row)),
        }
    }
}

fn short() -> Error {
    Error::internal("an encoded value ends early")
}

fn take<'a, const N: usize>(bytes: &mut &'a [u8]) -> Result<&'a [u8; N]> {
    let (head, rest) = bytes.split_first_chunk::<N>().ok_or_else(short)?;
    *bytes = rest;
    Ok(head)
}

/// Reads one value of carrier `ty` in canonical key encoding from the front of `bytes` and moves past it.
/// `None` is NULL.
pub fn decode(ty: &ArrowType, bytes: &mut &[u8]) -> Result<Option<Scalar>> {
    match take::<1>(bytes)? {
        [0] => return Ok(None),
        [1] => {}
        [other] => return Err(Error::internal(format!("an encoded value starts with {other}"))),
    }
    Ok(Some(match ty {
        ArrowType::Boolean => Scalar::Int(i64::from(u8::from_be_bytes(*take(bytes)?))),
        ArrowType::Int8 => Scalar::Int(i64::from((u8::from_be_bytes(*take(bytes)?) ^ 0x80) as i8)),
        ArrowType::Int16 => Scalar::Int(i64::from((u16::from_be_bytes(*take(bytes)?) ^ (1 << 15)) as i16)),
        ArrowType::Int32 | ArrowType::Date32 | ArrowType::Time32(_) => {
            Scalar::Int(i64::from((u32::from_be_bytes(*take(bytes)?) ^ (1 << 31)) as i32))
        }
        ArrowType::Int64 | ArrowType::Time64(_) | ArrowType::Timestamp(..) => Scalar::Int(decode_i64(bytes)?),
        ArrowType::Float32 => {
            let bits = u32::from_be_bytes(*take(bytes)?);
            let bits = if bits >> 31 == 1 { bits & !(1 << 31) } else { !bits };
            Scalar::Float(f64::from(f32::from_bits(bits)))
        }
        ArrowType::Float64 => {
            let bits = u64::from_be_bytes(*take(bytes)?);
            Scalar::Float(f64::from_bits(if bits >> 63 == 1 { bits & !(1 << 63) } else { !bits }))
        }
        ArrowType::Decimal128(..) => Scalar::Dec((u128::from_be_bytes(*take(bytes)?) ^ (1 << 127)) as i128),
        ArrowType::Utf8 | ArrowType::Binary => {
            let mut value = Vec::new();
            loop {
                let zero = bytes.iter().position(|b| *b == 0).ok_or_else(short)?;
                let (head, rest) = bytes.split_at(zero);
                value.extend_from_slice(head);
                *bytes = rest;
                match take::<2>(bytes)? {
                    [0, 0xFF] => value.push(0),
                    [0, 0] => break,
                    _ => return Err(Error::internal("an encoded string holds a bad escape")),
                }
            }
            Scalar::Bytes(value)
        }
        other => return Err(Error::internal(format!("no value of type {other} is ever encoded"))),
    }))
}

/// A big-endian integer with its sign bit flipped, as times in state keys are.
pub fn decode_i64(bytes: &mut &[u8]) -> Result<i64> {
    Ok((u64::from_be_bytes(*take(bytes)?) ^ (1 << 63)) as i64)
}

/// The bytes of [`decode_i64`].
pub fn encode_i64(value: i64) -> [u8; 8] {
    ((value as u64) ^ (1 << 63)).to_be_bytes()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use arrow::array::{Date32Array, Decimal128Array, Float32Array, Float64Array, Int8Array, Int16Array};
    use arrow::array::{Int32Array, Int64Array, TimestampMillisecondArray};
    use proptest::prelude::*;
    use std::sync::Arc;
    use streamjob_core::key::KeyRows;

    fn round_trips(array: ArrayRef) {
        let keys = KeyRows::encode(&[Arc::clone(&array)], array.len()).unwrap();
        let reader = Reader::new(&array).unwrap();
        for row in 0..array.len() {
            let mut bytes = keys.row(row);
            let value = decode(array.data_type(), &mut bytes).unwrap();
            assert!(bytes.is_empty());
            assert_eq!(value, reader.get(row).to_owned(), "{} row {row}", array.data_type());
        }
    }

    proptest! {
        #[test]
        fn every_carrier_round_trips(
            ints: Vec<Option<i64>>, floats: Vec<f64>, texts: Vec<Option<String>>, bytes: Vec<Vec<u8>>, wide: Vec<i128>,
        ) {
            let floats: Vec<f64> = floats.into_iter().filter(|f| !f.is_nan()).collect();
            round_trips(Arc::new(Int64Array::from(ints.clone())));
            round_trips(Arc::new(TimestampMillisecondArray::from(ints.clone()).with_timezone("UTC")));
            round_trips(Arc::new(ints.iter().map(|v| v.map(|v| v as i32)).collect::<Int32Array>()));
            round_trips(Arc::new(ints.iter().map(|v| v.map(|v| v as i32)).collect::<Date32Array>()));
            round_trips(Arc::new(ints.iter().map(|v| v.map(|v| v as i16)).collect::<Int16Array>()));
            round_trips(Arc::new(ints.iter().map(|v| v.map(|v| v as i8)).collect::<Int8Array>()));
            round_trips(Arc::new(ints.iter().map(|v| v.map(|v| v > 0)).collect::<BooleanArray>()));
            round_trips(Arc::new(Float64Array::from(floats.clone())));
            let narrow: Vec<f32> = floats.iter().map(|f| *f as f32).collect();
            round_trips(Arc::new(Float32Array::from(narrow)));
            round_trips(Arc::new(StringArray::from(texts)));
            round_trips(Arc::new(BinaryArray::from_iter_values(bytes)));
            round_trips(Arc::new(Decimal128Array::from(wide)));
        }
    }
}
