//! The accumulators: update, retract, merge, result and byte form.
//!
//! Details that follow the original: integer sums wrap in the result's width; a
//! DECIMAL sum beyond 38 digits becomes NULL and starts again with the next
//! value; AVG truncates on integers and rounds half away from zero on DECIMAL;
//! MIN and MAX of insert-only input compare by `<` (NaN is neither).

use super::scalar::{Class, Scalar, ScalarRef};
use super::variance::{self, Moments};
use super::{AggFunction, Kept, Method, Resolved};
use std::cmp::Ordering;
use streamjob_core::{Error, Result};

/// The largest unscaled DECIMAL of 38 digits.
pub(super) const MAX_DECIMAL: i128 = 10i128.pow(38) - 1;

/// State of one aggregate call in one group or pane.
#[derive(Debug, Clone, PartialEq)]
pub enum Acc {
    /// Rows or non-NULL values.
    Count(i64),
    /// SUM, AVG of integers.
    Int {
        /// Wrapping sum.
        sum: i64,
        /// Non-NULL values.
        count: i64,
    },
    /// SUM, AVG of floats.
    Float {
        /// Sum.
        sum: f64,
        /// Non-NULL values.
        count: i64,
    },
    /// SUM, AVG of decimals.
    Dec {
        /// Unscaled sum; `None` after an overflow.
        sum: Option<i128>,
        /// Non-NULL values.
        count: i64,
    },
    /// MIN, MAX, FIRST_VALUE, LAST_VALUE, LISTAGG.
    Value(Option<Scalar>),
    /// STDDEV and VAR.
    Moments(Moments),
    /// FIRST_VALUE, LAST_VALUE, LISTAGG where rows are taken back.
    Kept(Kept),
}

fn mismatch(call: &Resolved) -> Error {
    Error::internal(format!("{call}: accumulator or value of another type"))
}

fn add_decimal(a: i128, b: i128) -> Option<i128> {
    a.checked_add(b).filter(|s| s.unsigned_abs() <= MAX_DECIMAL.unsigned_abs())
}

impl Acc {
    /// The accumulator of an empty group.
    pub fn new(call: &Resolved) -> Self {
        match call.method {
            Method::Count => Acc::Count(0),
            Method::SumInt | Method::AvgInt => Acc::Int { sum: 0, count: 0 },
            // -0.0 is the neutral element of IEEE addition: SUM starts with its first value.
            Method::SumFloat { .. } => Acc::Float { sum: -0.0, count: 0 },
            Method::AvgFloat => Acc::Float { sum: 0.0, count: 0 },
            Method::SumDec | Method::AvgDec { .. } => Acc::Dec { sum: Some(0), count: 0 },
            Method::Extreme { .. } | Method::First | Method::Last | Method::ListAgg => Acc::Value(None),
            Method::Variance { .. } => Acc::Moments(Moments::default()),
            Method::Kept(_) => Acc::Kept(Kept::default()),
        }
    }

    /// Bytes of its byte form at most; `None` where they have no bound.
    pub fn width(call: &Resolved) -> Option<usize> {
        Some(match Acc::new(call) {
            Acc::Count(_) => 8,
            Acc::Int { .. } | Acc::Float { .. } => 16,
            Acc::Dec { .. } => 25,
            Acc::Moments(_) => 24,
            Acc::Kept(_) => return None,
            Acc::Value(_) => match Class::of(&call.result_type)? {
                Class::Int | Class::Float => 9,
                Class::Dec => 17,
                Class::Bytes => return None,
            },
        })
    }

    /// True when its byte form has the same length always.
    pub fn is_fixed(call: &Resolved) -> bool {
        !matches!(Acc::new(call), Acc::Value(_) | Acc::Kept(_))
    }

    /// Adds a value (for COUNT(*) anything but NULL). NULL changes nothing.
    pub fn update(&mut self, call: &Resolved, value: ScalarRef<'_>) -> Result<()> {
        match (&mut *self, value) {
            (_, ScalarRef::Null) => {}
            (Acc::Count(n), _) => *n += 1,
            (Acc::Kept(kept), value) => kept.add(call, value),
            (Acc::Value(held), value) => match call.method {
                Method::Extreme { max } => {
                    if held.as_ref().is_none_or(|h| value.compare(&h.as_ref()) == Some(wanted(max))) {
                        set(held, value);
                    }
                }
                Method::First if held.is_some() => {}
                Method::First | Method::Last => set(held, value),
                Method::ListAgg => match (held, value, &call.call.function) {
                    (Some(Scalar::Bytes(text)), ScalarRef::Bytes(v), AggFunction::ListAgg { delimiter }) => {
                        text.extend_from_slice(delimiter.as_bytes());
                        text.extend_from_slice(v);
                    }
                    (held, value, _) => set(held, value),
                },
                _ => return Err(mismatch(call)),
            },
            (_, value) => self.add(call, value, false)?,
        }
        Ok(())
    }

    /// Takes a value away that was added before. MIN and MAX are kept by the caller's map.
    pub fn retract(&mut self, call: &Resolved, value: ScalarRef<'_>) -> Result<()> {
        match (&mut *self, value) {
            (_, ScalarRef::Null) => Ok(()),
            (Acc::Count(n), _) => {
                *n -= 1;
                Ok(())
            }
            (Acc::Value(_), _) if call.call.monotonic => Ok(()),
            (Acc::Kept(kept), value) => {
                kept.take_away(call, value);
                Ok(())
            }
            (Acc::Value(_), _) => Err(Error::internal(format!("{call} cannot take values away"))),
            (_, value) => self.add(call, value, true),
        }
    }

    fn add(&mut self, call: &Resolved, value: ScalarRef<'_>, minus: bool) -> Result<()> {
        let step = if minus { -1 } else { 1 };
        match (self, value) {
            (Acc::Int { sum, count }, ScalarRef::Int(v)) => {
                *sum = if minus { sum.wrapping_sub(v) } else { sum.wrapping_add(v) };
                *count += step;
            }
            (Acc::Float { sum, count }, ScalarRef::Float(v)) => {
                *sum = float_sum(call, *sum, if minus { -v } else { v });
                *count += step;
            }
            (Acc::Dec { sum, count }, ScalarRef::Dec(v)) => {
                *sum = decimal_sum(call, *sum, if minus { -v } else { v });
                *count += step;
            }
            (Acc::Moments(moments), value) => {
                let value = variance::to_double(call, value).ok_or_else(|| mismatch(call))?;
                if minus {
                    moments.retract(value);
                } else {
                    moments.update(value);
                }
            }
            _ => return Err(mismatch(call)),
        }
        Ok(())
    }

    /// Adds what another accumulator of the same call holds; `other` saw later rows.
    pub fn merge(&mut self, call: &Resolved, other: &Acc) -> Result<()> {
        match (&mut *self, other) {
            (Acc::Count(n), Acc::Count(m)) => *n += m,
            (Acc::Int { sum, count }, Acc::Int { sum: s, count: c }) => {
                *sum = sum.wrapping_add(*s);
                *count += c;
            }
            (Acc::Float { sum, count }, Acc::Float { sum: s, count: c }) => {
                *sum = float_sum(call, *sum, *s);
                *count += c;
            }
            (Acc::Dec { sum, count }, Acc::Dec { sum: s, count: c }) => {
                if *c > 0 {
                    *sum = s.and_then(|s| decimal_sum(call, *sum, s));
                }
                *count += c;
            }
            (Acc::Value(_), Acc::Value(None)) => {}
            (Acc::Value(_), Acc::Value(Some(v))) => self.update(call, v.as_ref())?,
            (Acc::Moments(moments), Acc::Moments(other)) => moments.merge(other),
            _ => return Err(mismatch(call)),
        }
        Ok(())
    }

    /// The result so far; not yet wrapped to the result's width.
    pub fn result(&self, call: &Resolved) -> ScalarRef<'_> {
        match (self, call.method) {
            (Acc::Count(n), _) => ScalarRef::Int(*n),
            (Acc::Value(v), _) => v.as_ref().map_or(ScalarRef::Null, Scalar::as_ref),
            (Acc::Int { count: 0, .. } | Acc::Float { count: 0, .. } | Acc::Dec { count: 0, .. }, _) => ScalarRef::Null,
            (Acc::Int { sum, count }, Method::AvgInt) => ScalarRef::Int(sum.wrapping_div(*count)),
            (Acc::Int { sum, .. }, _) => ScalarRef::Int(*sum),
            (Acc::Float { sum, count }, Method::AvgFloat) => ScalarRef::Float(sum / *count as f64),
            (Acc::Float { sum, .. }, _) => ScalarRef::Float(*sum),
            (Acc::Dec { sum, count }, Method::AvgDec { more_scale }) => {
                sum.and_then(|s| decimal_average(s, *count, more_scale)).map_or(ScalarRef::Null, ScalarRef::Dec)
            }
            (Acc::Dec { sum, .. }, _) => sum.map_or(ScalarRef::Null, ScalarRef::Dec),
            (Acc::Kept(kept), Method::Kept(pick)) => kept.result(pick),
            (Acc::Kept(_), _) => ScalarRef::Null,
            (Acc::Moments(moments), method) => variance::result(moments, method),
        }
    }

    /// Appends the byte form: fixed-width little-endian numbers, values tagged and with their length.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Acc::Count(n) => out.extend(n.to_le_bytes()),
            Acc::Int { sum, count } => {
                out.extend(sum.to_le_bytes());
                out.extend(count.to_le_bytes());
            }
            Acc::Float { sum, count } => {
                out.extend(sum.to_le_bytes());
                out.extend(count.to_le_bytes());
            }
            Acc::Dec { sum, count } => {
                out.push(u8::from(sum.is_some()));
                out.extend(sum.unwrap_or(0).to_le_bytes());
                out.extend(count.to_le_bytes());
            }
            Acc::Value(value) => {
                out.push(u8::from(value.is_some()));
                if let Some(value) = value {
                    push_value(value, out);
                }
            }
            Acc::Kept(kept) => {
                out.extend((kept.values().len() as u32).to_le_bytes());
                kept.values().iter().for_each(|v| push_value(v, out));
            }
            Acc::Moments(m) => {
                out.extend(m.count.to_le_bytes());
                out.extend(m.mean.to_le_bytes());
                out.extend(m.m2.to_le_bytes());
            }
        }
    }

    /// Replaces a byte form of the same length.
    pub fn write(&self, to: &mut [u8]) {
        let mut put = |from: usize, bytes: &[u8]| {
            if let Some(to) = to.get_mut(from..from + bytes.len()) {
                to.copy_from_slice(bytes);
            }
        };
        match self {
            Acc::Count(n) => put(0, &n.to_le_bytes()),
            Acc::Int { sum, count } => {
                put(0, &sum.to_le_bytes());
                put(8, &count.to_le_bytes());
            }
            Acc::Float { sum, count } => {
                put(0, &sum.to_le_bytes());
                put(8, &count.to_le_bytes());
            }
            other => {
                let mut bytes = Vec::with_capacity(to.len());
                other.encode(&mut bytes);
                if bytes.len() == to.len() {
                    to.copy_from_slice(&bytes);
                }
            }
        }
    }

    /// Reads one accumulator of `call` from the front of `bytes` and moves past it.
    pub fn decode(call: &Resolved, bytes: &mut &[u8]) -> Result<Self> {
        Ok(match Acc::new(call) {
            Acc::Count(_) => Acc::Count(i64_of(bytes)?),
            Acc::Int { .. } => Acc::Int { sum: i64_of(bytes)?, count: i64_of(bytes)? },
            Acc::Float { .. } => Acc::Float { sum: f64_of(bytes)?, count: i64_of(bytes)? },
            Acc::Dec { .. } => {
                let some = chunk::<1>(bytes)? == [1];
                let sum = i128::from_le_bytes(chunk(bytes)?);
                Acc::Dec { sum: some.then_some(sum), count: i64_of(bytes)? }
            }
            Acc::Value(_) => {
                if chunk::<1>(bytes)? == [0] {
                    return Ok(Acc::Value(None));
                }
                Acc::Value(Some(value_of(call, bytes)?))
            }
            Acc::Kept(mut kept) => {
                for _ in 0..u32::from_le_bytes(chunk(bytes)?) {
                    kept.add(call, value_of(call, bytes)?.as_ref());
                }
                Acc::Kept(kept)
            }
            Acc::Moments(_) => {
                Acc::Moments(Moments { count: i64_of(bytes)?, mean: f64_of(bytes)?, m2: f64_of(bytes)? })
            }
        })
    }
}

impl Resolved {
    /// For FIRST_VALUE, LAST_VALUE, MIN and MAX of strings and bytes: what is held behind a value. As [`Acc::update`].
    pub fn choose<'a>(&self, held: Option<&'a [u8]>, value: ScalarRef<'a>) -> Result<Option<&'a [u8]>> {
        let (held, value) = match (held, value) {
            (held, ScalarRef::Null) => return Ok(held),
            (None, ScalarRef::Bytes(value)) => return Ok(Some(value)),
            (Some(held), ScalarRef::Bytes(value)) => (held, value),
            _ => return Err(mismatch(self)),
        };
        Ok(Some(match self.method {
            Method::First => held,
            Method::Last => value,
            Method::Extreme { max } if value.cmp(held) == wanted(max) => value,
            Method::Extreme { .. } => held,
            _ => return Err(mismatch(self)),
        }))
    }
}

/// The byte form of a value, without its type.
fn push_value(value: &Scalar, out: &mut Vec<u8>) {
    match value {
        Scalar::Int(v) => out.extend(v.to_le_bytes()),
        Scalar::Float(v) => out.extend(v.to_le_bytes()),
        Scalar::Dec(v) => out.extend(v.to_le_bytes()),
        Scalar::Bytes(v) => {
            out.extend((v.len() as u32).to_le_bytes());
            out.extend_from_slice(v);
        }
    }
}

/// Reads a value of a call's result.
fn value_of(call: &Resolved, bytes: &mut &[u8]) -> Result<Scalar> {
    Ok(match Class::of(&call.result_type) {
        Some(Class::Int) => Scalar::Int(i64_of(bytes)?),
        Some(Class::Float) => Scalar::Float(f64_of(bytes)?),
        Some(Class::Dec) => Scalar::Dec(i128::from_le_bytes(chunk(bytes)?)),
        Some(Class::Bytes) => {
            let len = u32::from_le_bytes(chunk(bytes)?) as usize;
            let (head, rest) = bytes.split_at_checked(len).ok_or_else(short)?;
            *bytes = rest;
            Scalar::Bytes(head.to_vec())
        }
        None => return Err(mismatch(call)),
    })
}

fn wanted(max: bool) -> Ordering {
    if max { Ordering::Greater } else { Ordering::Less }
}

fn set(held: &mut Option<Scalar>, value: ScalarRef<'_>) {
    match held {
        Some(h) => h.set(value),
        None => *held = value.to_owned(),
    }
}

fn float_sum(call: &Resolved, a: f64, b: f64) -> f64 {
    match call.method {
        Method::SumFloat { single: true } => f64::from(a as f32 + b as f32),
        _ => a + b,
    }
}

fn decimal_sum(call: &Resolved, sum: Option<i128>, value: i128) -> Option<i128> {
    match (sum, call.method) {
        (Some(s), _) => add_decimal(s, value),
        // The original's SUM takes NULL for "no value yet"; its AVG stays NULL.
        (None, Method::SumDec) => Some(value),
        (None, _) => None,
    }
}

/// `sum / count` with `more_scale` more digits, half away from zero; `None` beyond 38 digits.
fn decimal_average(sum: i128, count: i64, more_scale: u32) -> Option<i128> {
    let (count, factor) = (i128::from(count), 10i128.checked_pow(more_scale)?);
    let (whole, rest) = (sum.checked_div(count)?, sum.checked_rem(count)?);
    let rest = rest.checked_mul(factor)?;
    let (part, left) = (rest / count, rest % count);
    let round =
        if left.unsigned_abs() * 2 >= count.unsigned_abs() { (left.signum() * count.signum()).signum() } else { 0 };
    add_decimal(whole.checked_mul(factor)?, part + round)
}

fn short() -> Error {
    Error::internal("an accumulator ends early")
}

fn chunk<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N]> {
    let (head, rest) = bytes.split_first_chunk::<N>().ok_or_else(short)?;
    *bytes = rest;
    Ok(*head)
}

fn i64_of(bytes: &mut &[u8]) -> Result<i64> {
    Ok(i64::from_le_bytes(chunk(bytes)?))
}

fn f64_of(bytes: &mut &[u8]) -> Result<f64> {
    Ok(f64::from_le_bytes(chunk(bytes)?))
}

#[cfg(test)]
mod tests;
