//! Values of generated columns: pure functions of seed, field and row number.

use arrow::array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int8Array,
    Int16Array, Int32Array, Int64Array, StringArray, Time32MillisecondArray, make_array,
};
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

/// Random numbers of one value, one after the other.
struct Random(u64);

impl Random {
    fn new(seed: u64, field: u64, row: u64) -> Self {
        Random(mix(mix(seed.wrapping_add(field.wrapping_mul(0xd6e8_feb8_6659_fd93))) ^ row))
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
    /// The column of these rows.
    pub(super) fn column(&self, seed: u64, field: u64, rows: &[Row]) -> Result<ArrayRef> {
        let each = |row: &Row| {
            let mut random = Random::new(seed, field, row.number);
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
        let mut text = String::with_capacity(length + 16);
        while text.len() < length {
            use std::fmt::Write;
            let _ = write!(text, "{:016x}", random.next());
        }
        text.truncate(length);
        text
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
