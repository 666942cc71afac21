//! Values of generated columns: pure functions of seed, field and row number.

use arrow::array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int8Array,
    Int16Array, Int32Array, Int64Array, StringArray, Time32MillisecondArray, make_array,
};
use arrow::buffer::OffsetBuffer;
use std::sync::Arc;
use streamjob_core::text::units_per_second;
use streamjob_core::types::time_unit;
use streamjob_core::{DataType, Error, Result};

/// Bounds of random numbers, both included; of decimals as unscaled values.
#[derive(Debug, Clone, Copy)]
pub(super) enum Range {
    None,
    Whole(i128, i128),
    Real(f64, f64),
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// `start` + row number.
    Sequence {
        start: i64,
        end: i64,
    },
    Number(Range),
    /// Hex digits, or bytes.
    Text {
        length: u32,
        varies: bool,
    },
    /// The row's time, less up to `past_ms`.
    Time {
        past_ms: u64,
    },
    Plain,
}

/// Makes the values of one column.
#[derive(Debug, Clone)]
pub(super) struct Generator {
    pub ty: DataType,
    pub kind: Kind,
    pub null_rate: f64,
}

/// A row to make.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub number: u64,
    /// When it is made, in milliseconds since the epoch.
    pub now_ms: i64,
}

const DAY_MS: i64 = 86_400_000;

/// Mixes all bits of `x` (the finaliser of SplitMix64).
fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Sixteen hex digits, most significant first: all nibbles of a half at once.
fn hex(x: u64) -> [u8; 16] {
    let half = |x: u64| {
        let x = (x << 16 | x) & 0x0000_ffff_0000_ffff;
        let x = (x << 8 | x) & 0x00ff_00ff_00ff_00ff;
        let x = (x << 4 | x) & 0x0f0f_0f0f_0f0f_0f0f;
        let letters = (x + 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101;
        (x + 0x3030_3030_3030_3030 + letters * 0x27).to_be_bytes()
    };
    let [a, b] = [half(x >> 32), half(x & 0xffff_ffff)];
    let mut digits = [0; 16];
    for (to, from) in digits.iter_mut().zip(a.into_iter().chain(b)) {
        *to = from;
    }
    digits
}

/// Random numbers of one value, one after the other.
struct Random(u64);

impl Random {
    /// Of a row's value, by what seed and field give.
    fn new(base: u64, row: u64) -> Self {
        Random(mix(base ^ row))
    }

    /// What is common to the values of a field.
    fn base(seed: u64, field: u64) -> u64 {
        mix(seed.wrapping_add(field.wrapping_mul(0xd6e8_feb8_6659_fd93)))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// From 0 up to, without, 1.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// From 0 to `most`, which is included.
    fn up_to(&mut self, most: u128) -> u128 {
        if let Ok(most) = u64::try_from(most) {
            let range = u128::from(most) + 1;
            return (u128::from(self.next()) * range) >> 64;
        }
        let wide = u128::from(self.next()) << 64 | u128::from(self.next());
        most.checked_add(1).map_or(wide, |range| wide % range)
    }
}

impl Generator {
    /// Whether values depend on when their row is made.
    pub(super) fn tells_time(&self) -> bool {
        matches!(self.kind, Kind::Time { .. } | Kind::Plain)
    }

    /// About how many bytes a value takes, at most.
    pub(super) fn width(&self) -> u64 {
        match self.kind {
            Kind::Text { length, .. } => u64::from(length) + 4,
            _ => 8,
        }
    }

    /// The column of these rows.
    pub(super) fn column(&self, seed: u64, field: u64, rows: &[Row]) -> Result<ArrayRef> {
        let base = Random::base(seed, field);
        if self.null_rate == 0.0
            && let Some(column) = self.without_nulls(base, rows)?
        {
            return Ok(column);
        }
        let each = |row: &Row| {
            let mut random = Random::new(base, row.number);
            (self.null_rate == 0.0 || random.unit() >= self.null_rate).then_some((random, *row))
        };
        let whole = |row: &Row| each(row).map(|(mut random, row)| self.whole(&mut random, row));
        let real = |row: &Row| each(row).map(|(mut random, row)| self.real(&mut random, row));
        Ok(match &self.ty {
            DataType::Boolean => {
                Arc::new(rows.iter().map(|r| each(r).map(|(mut v, _)| v.next() & 1 == 1)).collect::<BooleanArray>())
            }
            DataType::TinyInt => Arc::new(rows.iter().map(|r| whole(r).map(|v| v as i8)).collect::<Int8Array>()),
            DataType::SmallInt => Arc::new(rows.iter().map(|r| whole(r).map(|v| v as i16)).collect::<Int16Array>()),
            DataType::Int => Arc::new(rows.iter().map(|r| whole(r).map(|v| v as i32)).collect::<Int32Array>()),
            DataType::BigInt => Arc::new(rows.iter().map(|r| whole(r).map(|v| v as i64)).collect::<Int64Array>()),
            DataType::Float => Arc::new(rows.iter().map(|r| real(r).map(|v| v as f32)).collect::<Float32Array>()),
            DataType::Double => Arc::new(rows.iter().map(real).collect::<Float64Array>()),
            DataType::Decimal(p, s) => {
                // A sequence counts whole numbers.
                let unit = if matches!(self.kind, Kind::Sequence { .. }) { 10i128.pow(u32::from(*s)) } else { 1 };
                let values = rows.iter().map(|r| whole(r).map(|v| v.saturating_mul(unit)));
                Arc::new(values.collect::<Decimal128Array>().with_precision_and_scale(*p, *s as i8)?)
            }
            DataType::Char(_) | DataType::VarChar(_) => {
                Arc::new(rows.iter().map(|r| each(r).map(|(mut v, r)| self.text(&mut v, r))).collect::<StringArray>())
            }
            DataType::Binary(_) | DataType::VarBinary(_) => {
                Arc::new(rows.iter().map(|r| each(r).map(|(mut v, _)| self.bytes(&mut v))).collect::<BinaryArray>())
            }
            DataType::Date => {
                let day = |r: &Row| each(r).map(|(_, r)| r.now_ms.div_euclid(DAY_MS) as i32);
                Arc::new(rows.iter().map(day).collect::<Date32Array>())
            }
            DataType::Time(p) => {
                let step = 10i64.pow(u32::from(3u8.saturating_sub(*p)));
                let time = |r: &Row| each(r).map(|(_, r)| (r.now_ms.rem_euclid(DAY_MS) / step * step) as i32);
                Arc::new(rows.iter().map(time).collect::<Time32MillisecondArray>())
            }
            DataType::Timestamp(p) | DataType::TimestampLtz(p) => {
                let per_ms = units_per_second(&time_unit(*p)) / 1000;
                let step = 10i64.pow(u32::from(3u8.saturating_sub(*p)));
                let cut = |v: i128| (v as i64).div_euclid(step) * step * per_ms;
                let values: Int64Array = rows.iter().map(|r| whole(r).map(cut)).collect();
                make_array(values.to_data().into_builder().data_type(self.ty.arrow()).build()?)
            }
            other => return Err(Error::internal(format!("datagen makes no {other}"))),
        })
    }

    /// The same in a loop without branches, for what most columns are.
    fn without_nulls(&self, base: u64, rows: &[Row]) -> Result<Option<ArrayRef>> {
        let random = |row: &Row| Random::new(base, row.number);
        Ok(Some(match (&self.ty, &self.kind) {
            (DataType::BigInt | DataType::Int, Kind::Number(Range::Whole(low, high))) => {
                let (Ok(low), Ok(most)) = (i64::try_from(*low), u64::try_from(high.abs_diff(*low))) else {
                    return Ok(None);
                };
                // `up_to` in 64 bits; the whole range of them is the number itself.
                let value = |row: &Row| {
                    let x = random(row).next();
                    let at = match most.checked_add(1) {
                        Some(range) => ((u128::from(x) * u128::from(range)) >> 64) as u64,
                        None => x,
                    };
                    low.wrapping_add(at as i64)
                };
                if self.ty == DataType::BigInt {
                    Arc::new(Int64Array::from(rows.iter().map(value).collect::<Vec<i64>>()))
                } else {
                    Arc::new(Int32Array::from(rows.iter().map(|r| value(r) as i32).collect::<Vec<i32>>()))
                }
            }
            (DataType::Double, Kind::Number(Range::Real(..))) => {
                let value = |row: &Row| self.real(&mut random(row), *row);
                Arc::new(Float64Array::from(rows.iter().map(value).collect::<Vec<f64>>()))
            }
            (DataType::Char(_) | DataType::VarChar(_), Kind::Text { .. }) => {
                let mut text = Vec::new();
                let mut ends = Vec::with_capacity(rows.len() + 1);
                ends.push(0);
                for row in rows {
                    let mut random = random(row);
                    let end = text.len() + self.length(&mut random) as usize;
                    while text.len() < end {
                        text.extend_from_slice(&hex(random.next()));
                    }
                    text.truncate(end);
                    let Ok(end) = i32::try_from(end) else { return Ok(None) };
                    ends.push(end);
                }
                Arc::new(StringArray::try_new(OffsetBuffer::new(ends.into()), text.into(), None)?)
            }
            _ => return Ok(None),
        }))
    }

    fn whole(&self, random: &mut Random, row: Row) -> i128 {
        match &self.kind {
            Kind::Sequence { start, .. } => i128::from(*start) + i128::from(row.number),
            Kind::Number(Range::Whole(low, high)) => low.saturating_add_unsigned(random.up_to(high.abs_diff(*low))),
            Kind::Time { past_ms } => i128::from(row.now_ms) - random.up_to(u128::from(*past_ms)) as i128,
            _ => 0,
        }
    }

    fn real(&self, random: &mut Random, row: Row) -> f64 {
        match &self.kind {
            Kind::Sequence { start, .. } => *start as f64 + row.number as f64,
            Kind::Number(Range::Real(low, high)) => {
                // Half by half: the width of the whole range may not be finite.
                let at = random.unit();
                (low * (1.0 - at) + high * at).clamp(*low, *high)
            }
            _ => 0.0,
        }
    }

    fn length(&self, random: &mut Random) -> u32 {
        match self.kind {
            Kind::Text { length, varies: true } => 1 + random.up_to(u128::from(length.saturating_sub(1))) as u32,
            Kind::Text { length, .. } => length,
            _ => 0,
        }
    }

    fn text(&self, random: &mut Random, row: Row) -> String {
        if let Kind::Sequence { start, .. } = self.kind {
            return (i128::from(start) + i128::from(row.number)).to_string();
        }
        let length = self.length(random) as usize;
        let mut text = Vec::with_capacity(length + 16);
        while text.len() < length {
            text.extend_from_slice(&hex(random.next()));
        }
        text.truncate(length);
        text.into_iter().map(char::from).collect()
    }

    fn bytes(&self, random: &mut Random) -> Vec<u8> {
        let length = self.length(random) as usize;
        let mut bytes = Vec::with_capacity(length + 8);
        while bytes.len() < length {
            bytes.extend(random.next().to_le_bytes());
        }
        bytes.truncate(length);
        bytes
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use arrow::array::AsArray;
    use arrow::datatypes::{Float64Type, Int32Type, Int64Type};
    use proptest::prelude::*;

    proptest! {
        /// Columns made in one go hold what the general way gives value by value.
        #[test]
        fn both_ways_give_the_same(seed: u64, field in 0u64..9, first: u64, low: i64, high: i64, length in 1u32..70, varies: bool) {
            let rows: Vec<Row> = (0..20).map(|i| Row { number: first.wrapping_add(i), now_ms: 0 }).collect();
            let (low, high) = (i128::from(low.min(high)), i128::from(low.max(high)));
            let number = |range| Kind::Number(range);
            for (ty, kind) in [
                (DataType::BigInt, number(Range::Whole(low, high))),
                (DataType::BigInt, number(Range::Whole(i64::MIN.into(), i64::MAX.into()))),
                (DataType::Int, number(Range::Whole(i32::MIN.into(), i32::MAX.into()))),
                (DataType::Double, number(Range::Real(low as f64, high as f64))),
                (DataType::VarChar(100), Kind::Text { length, varies }),
            ] {
                let one = Generator { ty: ty.clone(), kind: kind.clone(), null_rate: 0.0 };
                let base = Random::base(seed, field);
                let column = one.column(seed, field, &rows).unwrap();
                for (i, row) in rows.iter().enumerate() {
                    let mut random = Random::new(base, row.number);
                    let same = match &ty {
                        DataType::Double => column.as_primitive::<Float64Type>().value(i) == one.real(&mut random, *row),
                        DataType::VarChar(_) => column.as_string::<i32>().value(i) == one.text(&mut random, *row),
                        DataType::Int => i128::from(column.as_primitive::<Int32Type>().value(i)) == one.whole(&mut random, *row),
                        _ => i128::from(column.as_primitive::<Int64Type>().value(i)) == one.whole(&mut random, *row),
                    };
                    prop_assert!(same, "{} {:?} row {}", ty, kind, i);
                }
            }
        }

        #[test]
        fn hex_is_hex(x: u64) {
            let digits = hex(x);
            prop_assert_eq!(std::str::from_utf8(&digits).unwrap(), format!("{x:016x}"));
        }
    }
}
