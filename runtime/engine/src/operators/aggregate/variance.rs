//! Variance by Welford's online algorithm, in doubles for every numeric type, as
//! the original since 2.3: the count, the mean, and the sum of squared distances
//! from the mean.

use super::accumulator::MAX_DECIMAL;
use super::scalar::ScalarRef;
use super::{Method, Number, Resolved};

/// Accumulator of STDDEV and VAR.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Moments {
    /// Values.
    pub count: i64,
    /// Their mean.
    pub mean: f64,
    /// Sum of squared distances from it.
    pub m2: f64,
}

impl Moments {
    pub(super) fn update(&mut self, value: f64) {
        self.count += 1;
        if self.count <= 0 {
            return;
        }
        let before = value - self.mean;
        self.mean += before / self.count as f64;
        self.m2 += before * (value - self.mean);
    }

    pub(super) fn retract(&mut self, value: f64) {
        self.count -= 1;
        if self.count <= 0 {
            (self.mean, self.m2) = (0.0, 0.0);
            return;
        }
        let after = value - self.mean;
        self.mean -= after / self.count as f64;
        self.m2 -= (value - self.mean) * after;
    }

    pub(super) fn merge(&mut self, other: &Moments) {
        if other.count <= 0 {
            return;
        }
        if self.count == 0 {
            *self = *other;
            return;
        }
        let count = self.count + other.count;
        let apart = other.mean - self.mean;
        self.m2 = self.m2 + other.m2 + self.count as f64 * other.count as f64 / count as f64 * apart * apart;
        self.mean += other.count as f64 / count as f64 * apart;
        self.count = count;
    }
}

/// The argument as a double; `None` for another type than planned.
pub(super) fn to_double(call: &Resolved, value: ScalarRef<'_>) -> Option<f64> {
    let Method::Variance { from, .. } = call.method else { return None };
    Some(match (value, from) {
        (ScalarRef::Int(v), _) => v as f64,
        (ScalarRef::Float(v), _) => v,
        // Up to 18 digits the original divides longs; beyond it converts exactly.
        (ScalarRef::Dec(v), Number::Dec { precision, scale }) if precision <= 18 => {
            v as f64 / 10f64.powi(i32::from(scale))
        }
        (ScalarRef::Dec(v), Number::Dec { scale, .. }) => format!("{v}e-{scale}").parse().ok()?,
        _ => return None,
    })
}

/// The result of `method`, cast to its type as from DOUBLE; NULL without enough values.
pub(super) fn result(moments: &Moments, method: Method) -> ScalarRef<'static> {
    let Method::Variance { sample, root, to, .. } = method else { return ScalarRef::Null };
    let n = moments.count - i64::from(sample);
    if n <= 0 || moments.m2 < 0.0 {
        return ScalarRef::Null;
    }
    let variance = moments.m2 / n as f64;
    let value = if root { variance.sqrt() } else { variance };
    match to {
        Number::Int { wide: true } => ScalarRef::Int(value as i64),
        Number::Int { wide: false } => ScalarRef::Int(i64::from(value as i32)),
        Number::Float => ScalarRef::Float(value),
        Number::Dec { scale, .. } => decimal(value, usize::from(scale)).map_or(ScalarRef::Null, ScalarRef::Dec),
    }
}

/// The shortest decimal text of a non-negative double, rounded half up to `scale` digits; `None` beyond 38 digits.
fn decimal(value: f64, scale: usize) -> Option<i128> {
    if !value.is_finite() {
        return None;
    }
    let text = format!("{value}");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let kept: String = fraction.chars().chain(std::iter::repeat('0')).take(scale).collect();
    let up = fraction.as_bytes().get(scale).is_some_and(|d| *d >= b'5');
    format!("{whole}{kept}").parse::<i128>().ok()?.checked_add(i128::from(up)).filter(|v| *v <= MAX_DECIMAL)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-9 * (1.0 + a.abs())
    }

    proptest! {
        #[test]
        fn update_retract_and_merge_agree_with_the_definition(
            a in prop::collection::vec(-100f64..100.0, 1..20),
            b in prop::collection::vec(-100f64..100.0, 0..20),
        ) {
            let fold = |values: &[f64]| {
                let mut m = Moments::default();
                values.iter().for_each(|v| m.update(*v));
                m
            };
            let all = [a.clone(), b.clone()].concat();
            let mean = all.iter().sum::<f64>() / all.len() as f64;
            let m2 = all.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>();
            let (one, mut merged) = (fold(&all), fold(&a));
            merged.merge(&fold(&b));
            for m in [one, merged] {
                prop_assert_eq!(m.count as usize, all.len());
                prop_assert!(near(m.mean, mean) && near(m.m2, m2), "{:?} {} {}", m, mean, m2);
            }
            let mut back = one;
            b.iter().for_each(|v| back.retract(*v));
            let left = fold(&a);
            prop_assert!(back.count == left.count && near(back.mean, left.mean));
            prop_assert!((back.m2 - left.m2).abs() < 1e-6 * (1.0 + m2), "{:?} {:?}", back, left);
        }
    }

    #[test]
    fn doubles_become_decimals_by_their_shortest_text() {
        for (value, scale, expected) in [
            (2.5, 0, Some(3)),
            (0.1, 6, Some(100_000)),
            (1e20, 2, Some(10i128.pow(22))),
            (1e-7, 6, Some(0)),
            (1e38, 0, None),
            (f64::NAN, 2, None),
        ] {
            assert_eq!(decimal(value, scale), expected, "{value}");
        }
    }
}
