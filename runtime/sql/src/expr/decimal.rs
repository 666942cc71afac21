//! Exact decimal arithmetic on unscaled 128-bit values, with 256-bit
//! intermediates. Every function gives `None` when the result does not fit 128 bits.

use super::build::pow10;
use arrow::datatypes::i256;

/// What happens to digits that a smaller scale drops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// To the nearest, halves away from zero.
    HalfUp,
    /// Towards zero.
    Down,
    /// Towards negative infinity.
    Floor,
    /// Towards positive infinity.
    Ceiling,
}

/// `value` × 10^-`from` as an unscaled value of scale `to`.
pub fn rescale(value: i128, from: u32, to: u32, rounding: Rounding) -> Option<i128> {
    if to >= from {
        return value.checked_mul(power(to - from)?);
    }
    let Some(divisor) = power(from - to) else { return Some(0) };
    Some(round_quotient(value, divisor, rounding))
}

fn power(n: u32) -> Option<i128> {
    if n > 38 { None } else { i128::try_from(pow10(n)).ok() }
}

/// Quotient by a positive divisor.
fn round_quotient(value: i128, divisor: i128, rounding: Rounding) -> i128 {
    let (quotient, remainder) = (value / divisor, value % divisor);
    let up = match rounding {
        Rounding::HalfUp => {
            let twice = remainder.unsigned_abs().saturating_mul(2);
            return if twice >= divisor.unsigned_abs() { quotient + value.signum() } else { quotient };
        }
        Rounding::Down => 0,
        Rounding::Floor => -i128::from(remainder < 0),
        Rounding::Ceiling => i128::from(remainder > 0),
    };
    quotient + up
}

/// The product at `scale`, rounded half up.
pub fn multiply(a: i128, s1: u32, b: i128, s2: u32, scale: u32) -> Option<i128> {
    if let Some(product) = a.checked_mul(b) {
        return rescale(product, s1 + s2, scale, Rounding::HalfUp);
    }
    let product = i256::from_i128(a).checked_mul(i256::from_i128(b))?;
    let drop = (s1 + s2).checked_sub(scale)?;
    divide_wide(product, wide_power(drop)?)?.to_i128()
}

/// The sum at `scale`, rounded half up.
pub fn add(a: i128, s1: u32, b: i128, s2: u32, scale: u32) -> Option<i128> {
    let wide = s1.max(s2);
    let narrow = rescale(a, s1, wide, Rounding::HalfUp)
        .zip(rescale(b, s2, wide, Rounding::HalfUp))
        .and_then(|(a, b)| a.checked_add(b));
    match narrow {
        Some(sum) => rescale(sum, wide, scale, Rounding::HalfUp),
        None => {
            let sum = widen(a, wide - s1)?.checked_add(widen(b, wide - s2)?)?;
            divide_wide(sum, wide_power(wide.checked_sub(scale)?)?)?.to_i128()
        }
    }
}

/// The remainder at `scale`, with the sign of `a`; `b` is not 0.
pub fn remainder(a: i128, s1: u32, b: i128, s2: u32, scale: u32) -> Option<i128> {
    let wide = s1.max(s2);
    let rest = widen(a, wide - s1)?.checked_rem(widen(b, wide - s2)?)?;
    divide_wide(rest, wide_power(wide.checked_sub(scale)?)?)?.to_i128()
}

fn widen(value: i128, digits: u32) -> Option<i256> {
    i256::from_i128(value).checked_mul(wide_power(digits)?)
}

/// The quotient at `scale`, rounded half up; `b` is not 0.
pub fn divide(a: i128, s1: u32, b: i128, s2: u32, scale: u32) -> Option<i128> {
    // a / 10^s1 / (b / 10^s2) × 10^scale
    let shift = i64::from(scale) + i64::from(s2) - i64::from(s1);
    let (mut numerator, mut denominator) = (i256::from_i128(a), i256::from_i128(b));
    let factor = wide_power(u32::try_from(shift.unsigned_abs()).ok()?)?;
    if shift >= 0 {
        numerator = numerator.checked_mul(factor)?;
    } else {
        denominator = denominator.checked_mul(factor)?;
    }
    divide_wide(numerator, denominator)?.to_i128()
}

fn wide_power(n: u32) -> Option<i256> {
    let half = power(n.min(38))?;
    let rest = power(n.saturating_sub(38))?;
    i256::from_i128(half).checked_mul(i256::from_i128(rest))
}

fn divide_wide(numerator: i256, denominator: i256) -> Option<i256> {
    let quotient = numerator.checked_div(denominator)?;
    let remainder = numerator.checked_rem(denominator)?;
    let abs = |v: i256| if v < i256::ZERO { v.checked_neg() } else { Some(v) };
    let (r, d) = (abs(remainder)?, abs(denominator)?);
    if r.checked_add(r)? < d {
        return Some(quotient);
    }
    let negative = (numerator < i256::ZERO) != (denominator < i256::ZERO);
    if negative { quotient.checked_sub(i256::ONE) } else { quotient.checked_add(i256::ONE) }
}

/// Compares decimals of different scales.
pub fn compare(a: i128, s1: u32, b: i128, s2: u32) -> std::cmp::Ordering {
    let wide = s1.max(s2);
    let scaled = |v: i128, s: u32| rescale(v, s, wide, Rounding::HalfUp);
    match (scaled(a, s1), scaled(b, s2)) {
        (Some(a), Some(b)) => a.cmp(&b),
        // Only the one that outgrows 128 bits matters.
        (None, _) if a < 0 => std::cmp::Ordering::Less,
        (None, _) => std::cmp::Ordering::Greater,
        (_, None) if b < 0 => std::cmp::Ordering::Greater,
        (_, None) => std::cmp::Ordering::Less,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tables() {
        assert_eq!(rescale(125, 2, 1, Rounding::HalfUp), Some(13));
        assert_eq!(rescale(-125, 2, 1, Rounding::HalfUp), Some(-13));
        assert_eq!(rescale(-125, 2, 0, Rounding::Floor), Some(-2));
        assert_eq!(rescale(-125, 2, 0, Rounding::Ceiling), Some(-1));
        assert_eq!(rescale(129, 2, 1, Rounding::Down), Some(12));
        assert_eq!(divide(1, 0, 30, 1, 6), Some(333_333));
        assert_eq!(divide(125, 2, 37, 1, 6), Some(337_838));
        assert_eq!(divide(-750, 2, 37, 1, 6), Some(-2_027_027));
        assert_eq!(multiply(9_999_999_999, 2, 9_999_999_999, 2, 4), Some(99_999_999_980_000_000_001));
        // 10^28 at scale 18 outgrows 128 bits on the way.
        let big = 10i128.pow(37);
        assert_eq!(add(big, 9, 5, 18, 9), Some(big));
        assert_eq!(remainder(750, 2, 4, 0, 2), Some(350));
        assert_eq!(remainder(-big, 9, 3, 0, 0), Some(-1));
        assert_eq!(multiply(i128::MAX / 2, 30, 1_000_000, 6, 30), Some(i128::MAX / 2));
    }

    proptest! {
        #[test]
        fn quotient_times_divisor(a in -1_000_000_000i128..1_000_000_000, b in 1i128..1_000_000) {
            let q = divide(a, 2, b, 3, 12).unwrap_or(0);
            // q·10^-12 · b·10^-3 is a·10^-2 up to half a unit of q.
            let error = (q * b - a * 10i128.pow(13)).abs();
            prop_assert!(2 * error <= b);
        }

        #[test]
        fn compare_agrees_with_rescaling(a in any::<i64>(), b in any::<i64>()) {
            let exact = (i128::from(a) * 1000).cmp(&i128::from(b));
            prop_assert_eq!(compare(a.into(), 2, b.into(), 5), exact);
        }
    }
}
