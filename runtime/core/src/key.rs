//! Keys: their canonical bytes, hash, key group and owner. All four are file
//! formats (checkpoints are cut by key group), so they are specified here and
//! held by golden vectors, and depend on no library's internal hasher.
//!
//! Encoding, per column: one byte 0x00 for NULL, else 0x01 and the value:
//! booleans one byte; integers, dates, times and timestamps big-endian with the
//! sign bit flipped; floats as their IEEE bits with one NaN, made order-preserving
//! (-0.0 before 0.0: two keys, as in Flink); decimals as a 16-byte integer; strings
//! and bytes escaped (0x00 → 0x00 0xFF) and closed by 0x00 0x00; rows as their
//! fields; arrays as their elements, each behind 0x01, closed by 0x00; maps as the
//! array of their entries as they come (in another order they are another key, as in Flink). Byte order equals value order, NULL first.

use crate::error::{Error, Result};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, ListArray, MapArray, PrimitiveArray, StructArray};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType as ArrowType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type,
    Int16Type, Int32Type, Int64Type, Time32MillisecondType, Time64MicrosecondType, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType,
};
use std::ops::Range;

/// Default number of key groups (max parallelism).
pub const DEFAULT_MAX_PARALLELISM: u32 = 128;
/// Largest number of key groups.
pub const MAX_MAX_PARALLELISM: u32 = 32_768;

/// Hash of canonical key bytes: xxh3-64, seed 0.
#[inline]
pub fn hash(key: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(key)
}

/// Key group of a hash, in `0..groups`: `(hash · groups) >> 64`.
#[inline]
pub fn key_group(hash: u64, groups: u32) -> u16 {
    ((u128::from(hash) * u128::from(groups)) >> 64) as u16
}

/// Subtask that owns a key group: `group · parallelism / groups`.
pub fn owner(group: u16, parallelism: u32, groups: u32) -> u32 {
    (u64::from(group) * u64::from(parallelism) / u64::from(groups.max(1))) as u32
}

/// Key groups of a subtask; the inverse of [`owner`]. Empty when parallelism exceeds the groups.
pub fn key_group_range(subtask: u32, parallelism: u32, groups: u32) -> Range<u32> {
    let p = u64::from(parallelism.max(1));
    let start = (u64::from(subtask) * u64::from(groups)).div_ceil(p);
    let end = ((u64::from(subtask) + 1) * u64::from(groups)).div_ceil(p);
    start as u32..end as u32
}

/// Canonical key bytes of many rows, one allocation for all.
#[derive(Debug, Default)]
pub struct KeyRows {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl KeyRows {
    /// Encodes the given columns, row by row. No column gives the empty key for each of `rows` rows.
    pub fn encode(columns: &[ArrayRef], rows: usize) -> Result<Self> {
        let mut out = Self { bytes: Vec::with_capacity(rows * 10), ends: Vec::with_capacity(rows) };
        Self::append(columns, rows, 0, &mut out.bytes, &mut out.ends)?;
        Ok(out)
    }

    /// Appends the rows' keys to `bytes`, each behind `room` bytes of zero, and where each ends to `ends`.
    pub fn append(
        columns: &[ArrayRef],
        rows: usize,
        room: usize,
        bytes: &mut Vec<u8>,
        ends: &mut Vec<usize>,
    ) -> Result<()> {
        let encoders = columns.iter().map(ColumnEncoder::new).collect::<Result<Vec<_>>>()?;
        for row in 0..rows {
            bytes.resize(bytes.len() + room, 0);
            for encoder in &encoders {
                encoder.push(row, bytes);
            }
            ends.push(bytes.len());
        }
        Ok(())
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// True without rows.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Key bytes of a row; empty beyond the last one.
    pub fn row(&self, row: usize) -> &[u8] {
        let start = row.checked_sub(1).and_then(|r| self.ends.get(r)).copied().unwrap_or(0);
        self.ends.get(row).and_then(|end| self.bytes.get(start..*end)).unwrap_or(&[])
    }

    /// The keys in row order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|r| self.row(r))
    }
}

enum ColumnEncoder<'a> {
    Bool(&'a BooleanArray),
    I8(&'a PrimitiveArray<Int8Type>),
    I16(&'a PrimitiveArray<Int16Type>),
    I32(Ints<'a, i32>),
    I64(Ints<'a, i64>),
    F32(&'a PrimitiveArray<Float32Type>),
    F64(&'a PrimitiveArray<Float64Type>),
    Dec(&'a PrimitiveArray<Decimal128Type>),
    Utf8(&'a arrow::array::StringArray),
    Binary(&'a arrow::array::BinaryArray),
    List(&'a ListArray, Box<ColumnEncoder<'a>>),
    Map(&'a MapArray, Vec<ColumnEncoder<'a>>),
    Struct(&'a StructArray, Vec<ColumnEncoder<'a>>),
    Null,
}

struct Ints<'a, T> {
    values: &'a [T],
    array: &'a dyn Array,
}

fn ints<T: ArrowPrimitiveType>(array: &ArrayRef) -> Ints<'_, T::Native> {
    let a = array.as_primitive::<T>();
    Ints { values: a.values(), array: a }
}

impl<'a> ColumnEncoder<'a> {
    fn new(array: &'a ArrayRef) -> Result<Self> {
        use ColumnEncoder as E;
        Ok(match array.data_type() {
            ArrowType::Null => E::Null,
            ArrowType::Boolean => E::Bool(array.as_boolean()),
            ArrowType::Int8 => E::I8(array.as_primitive()),
            ArrowType::Int16 => E::I16(array.as_primitive()),
            ArrowType::Int32 => E::I32(ints::<Int32Type>(array)),
            ArrowType::Date32 => E::I32(ints::<Date32Type>(array)),
            ArrowType::Time32(TimeUnit::Millisecond) => E::I32(ints::<Time32MillisecondType>(array)),
            ArrowType::Int64 => E::I64(ints::<Int64Type>(array)),
            ArrowType::Time64(TimeUnit::Microsecond) => E::I64(ints::<Time64MicrosecondType>(array)),
            ArrowType::Timestamp(TimeUnit::Millisecond, _) => E::I64(ints::<TimestampMillisecondType>(array)),
            ArrowType::Timestamp(TimeUnit::Microsecond, _) => E::I64(ints::<TimestampMicrosecondType>(array)),
            ArrowType::Timestamp(TimeUnit::Nanosecond, _) => E::I64(ints::<TimestampNanosecondType>(array)),
            ArrowType::Float32 => E::F32(array.as_primitive()),
            ArrowType::Float64 => E::F64(array.as_primitive()),
            ArrowType::Decimal128(_, _) => E::Dec(array.as_primitive()),
            ArrowType::Utf8 => E::Utf8(array.as_string()),
            ArrowType::Binary => E::Binary(array.as_binary()),
            ArrowType::List(_) => {
                let list = array.as_list();
                E::List(list, Box::new(Self::new(list.values())?))
            }
            ArrowType::Map(..) => {
                let map = array.as_map();
                E::Map(map, vec![Self::new(map.keys())?, Self::new(map.values())?])
            }
            ArrowType::Struct(_) => {
                let row = array.as_struct();
                E::Struct(row, row.columns().iter().map(Self::new).collect::<Result<_>>()?)
            }
            other => {
                return Err(
                    Error::user(format!("a value of type {other} cannot be a key")).fix("group by its scalar parts")
                );
            }
        })
    }

    fn is_null(&self, row: usize) -> bool {
        use ColumnEncoder as E;
        match self {
            E::Null => true,
            E::Bool(a) => a.is_null(row),
            E::I8(a) => a.is_null(row),
            E::I16(a) => a.is_null(row),
            E::I32(a) => a.array.is_null(row),
            E::I64(a) => a.array.is_null(row),
            E::F32(a) => a.is_null(row),
            E::F64(a) => a.is_null(row),
            E::Dec(a) => a.is_null(row),
            E::Utf8(a) => a.is_null(row),
            E::Binary(a) => a.is_null(row),
            E::List(a, _) => a.is_null(row),
            E::Map(a, _) => a.is_null(row),
            E::Struct(a, _) => a.is_null(row),
        }
    }

    fn push(&self, row: usize, out: &mut Vec<u8>) {
        use ColumnEncoder as E;
        if self.is_null(row) {
            out.push(0);
            return;
        }
        out.push(1);
        match self {
            E::Null => {}
            E::Bool(a) => out.push(u8::from(a.value(row))),
            E::I8(a) => out.push((a.value(row) as u8) ^ 0x80),
            E::I16(a) => out.extend(((a.value(row) as u16) ^ (1 << 15)).to_be_bytes()),
            E::I32(a) => push_i32(a.values.get(row).copied().unwrap_or_default(), out),
            E::I64(a) => push_i64(a.values.get(row).copied().unwrap_or_default(), out),
            E::F32(a) => {
                let v = a.value(row);
                let v = if v.is_nan() { f32::NAN } else { v };
                let bits = v.to_bits();
                let ordered = if bits >> 31 == 1 { !bits } else { bits | (1 << 31) };
                out.extend(ordered.to_be_bytes());
            }
            E::F64(a) => {
                let v = a.value(row);
                let v = if v.is_nan() { f64::NAN } else { v };
                let bits = v.to_bits();
                let ordered = if bits >> 63 == 1 { !bits } else { bits | (1 << 63) };
                out.extend(ordered.to_be_bytes());
            }
            E::Dec(a) => out.extend(((a.value(row) as u128) ^ (1 << 127)).to_be_bytes()),
            E::Utf8(a) => push_bytes(a.value(row).as_bytes(), out),
            E::Binary(a) => push_bytes(a.value(row), out),
            E::List(a, elements) => {
                for at in span(a.value_offsets(), row) {
                    out.push(1);
                    elements.push(at, out);
                }
                out.push(0);
            }
            E::Map(a, entry) => {
                for at in span(a.value_offsets(), row) {
                    out.push(1);
                    entry.iter().for_each(|part| part.push(at, out));
                }
                out.push(0);
            }
            E::Struct(_, fields) => fields.iter().for_each(|f| f.push(row, out)),
        }
    }
}

/// The places of a row's elements.
fn span(offsets: &[i32], row: usize) -> Range<usize> {
    let at = |row: usize| offsets.get(row).map_or(0, |o| *o as usize);
    at(row)..at(row + 1)
}

fn push_i32(v: i32, out: &mut Vec<u8>) {
    out.extend(((v as u32) ^ (1 << 31)).to_be_bytes());
}

fn push_i64(v: i64, out: &mut Vec<u8>) {
    out.extend(((v as u64) ^ (1 << 63)).to_be_bytes());
}

/// Appends an escaped, self-delimiting form of `bytes`.
pub fn push_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    if memchr::memchr(0, bytes).is_some() {
        for b in bytes {
            out.push(*b);
            if *b == 0 {
                out.push(0xFF);
            }
        }
    } else {
        out.extend_from_slice(bytes);
    }
    out.extend([0, 0]);
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use arrow::array::{Int64Array, StringArray};
    use proptest::prelude::*;
    use std::sync::Arc;

    fn encode_one(column: ArrayRef) -> Vec<Vec<u8>> {
        let rows = column.len();
        KeyRows::encode(&[column], rows).unwrap().iter().map(<[u8]>::to_vec).collect()
    }

    #[test]
    fn golden_vectors() {
        let keys = encode_one(Arc::new(Int64Array::from(vec![Some(0), Some(1), Some(-1), None])));
        assert_eq!(keys[0], [1, 0x80, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(keys[2], [1, 0x7f, 255, 255, 255, 255, 255, 255, 255]);
        assert_eq!(keys[3], [0]);
        let hashes: Vec<u64> = keys.iter().map(|k| hash(k)).collect();
        assert_eq!(hash(b""), 0x2d06_8005_38d3_94c2);
        assert_eq!(hashes.iter().map(|h| key_group(*h, 128)).collect::<Vec<_>>(), GOLDEN_GROUPS);
        let text = encode_one(Arc::new(StringArray::from(vec!["a\0b", ""])));
        assert_eq!(text[0], [1, b'a', 0, 0xFF, b'b', 0, 0]);
        assert_eq!(text[1], [1, 0, 0]);
        let zeros = encode_one(Arc::new(arrow::array::Float64Array::from(vec![-0.0, 0.0])));
        assert_eq!(zeros[0], [1, 0x7f, 255, 255, 255, 255, 255, 255, 255]);
        assert_eq!(zeros[1], [1, 0x80, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn arrays_rows_and_maps_are_keys() {
        use arrow::array::{Int8Array, StructArray, builder};
        use arrow::datatypes::{DataType, Field};
        let lists = [Some(vec![Some(1), None]), Some(vec![]), None, Some(vec![Some(1)])];
        let lists = encode_one(Arc::new(ListArray::from_iter_primitive::<Int8Type, _, _>(lists)));
        assert_eq!(lists, [vec![1, 1, 1, 0x81, 1, 0, 0], vec![1, 0], vec![0], vec![1, 1, 1, 0x81, 0]]);
        let field = Arc::new(Field::new("a", DataType::Int8, true));
        let ints: ArrayRef = Arc::new(Int8Array::from(vec![Some(1), None]));
        let rows = encode_one(Arc::new(StructArray::from(vec![(field, ints)])));
        assert_eq!(rows, [vec![1, 1, 0x81], vec![1, 0]]);
        let mut maps = builder::MapBuilder::new(None, builder::StringBuilder::new(), builder::Int8Builder::new());
        for entries in [[("a", 1), ("b", 2)], [("b", 2), ("a", 1)]] {
            for (key, value) in entries {
                maps.keys().append_value(key);
                maps.values().append_value(value);
            }
            maps.append(true).unwrap();
        }
        let maps = encode_one(Arc::new(maps.finish()));
        assert_ne!(maps[0], maps[1]);
        assert_eq!(maps[0], [1, 1, 1, b'a', 0, 0, 1, 0x81, 1, 1, b'b', 0, 0, 1, 0x82, 0]);
    }

    /// Of the four keys above, by another implementation of xxh3 (python-xxhash 3).
    const GOLDEN_GROUPS: [u16; 4] = [47, 65, 81, 98];

    proptest! {
        #[test]
        fn ranges_are_the_inverse_of_owner(groups in 1u32..=32_768, p in 1u32..=512) {
            let p = p.min(groups);
            let mut next = 0;
            for s in 0..p {
                let r = key_group_range(s, p, groups);
                prop_assert_eq!(r.start, next);
                next = r.end;
                for g in [r.start, r.end - 1] {
                    prop_assert_eq!(owner(g as u16, p, groups), s);
                }
            }
            prop_assert_eq!(next, groups);
        }

        #[test]
        fn byte_order_is_value_order(mut values: Vec<Option<i64>>) {
            let mut keys = encode_one(Arc::new(Int64Array::from(values.clone())));
            keys.sort();
            values.sort();
            prop_assert_eq!(keys, encode_one(Arc::new(Int64Array::from(values))));
        }

        #[test]
        fn strings_delimit_themselves(a: String, b: String, c: String, d: String) {
            let enc = |x: &str, y: &str| {
                let cols: Vec<ArrayRef> =
                    vec![Arc::new(StringArray::from(vec![x])), Arc::new(StringArray::from(vec![y]))];
                KeyRows::encode(&cols, 1).unwrap().row(0).to_vec()
            };
            prop_assert_eq!(enc(&a, &b) == enc(&c, &d), a == c && b == d);
        }
    }
}
