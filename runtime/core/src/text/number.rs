//! Numbers in Java's text form.

/// `Double.toString`: `2.5`, `1.0E7`, `1.0E-5`, `Infinity`, `NaN`, as Java up to 18 writes it.
pub fn double(value: f64) -> String {
    if let Some(digits) = whole_digits(value, 53) {
        return digits;
    }
    if value.is_subnormal() {
        // Java gives two digits at least, and of these the nearest: 4.9E-324, not 5.0E-324.
        let (two, shortest) = (format!("{value:.1e}"), format!("{value:e}"));
        return java(if two.len() > shortest.len() { &two } else { &shortest });
    }
    if value.is_finite() { java(ryu::Buffer::new().format_finite(value)) } else { special(value) }
}

/// `Float.toString`.
pub fn float(value: f32) -> String {
    if let Some(digits) = whole_digits(value.into(), 24) {
        return digits;
    }
    if value.is_subnormal() {
        let (two, shortest) = (format!("{value:.1e}"), format!("{value:e}"));
        return java(if two.len() > shortest.len() { &two } else { &shortest });
    }
    if value.is_finite() { java(ryu::Buffer::new().format_finite(value)) } else { special(f64::from(value)) }
}

/// Large whole numbers: Java up to 18 shows all digits that 63 bits have, but for
/// those at the end that the `bits` of the type cannot tell apart, even where
/// fewer digits would do. `None` for other numbers.
fn whole_digits(value: f64, bits: i32) -> Option<String> {
    let magnitude = value.abs();
    if value.fract() != 0.0 || !(1e7..9.223_372_036_854_775e18).contains(&magnitude) {
        return None;
    }
    let number = magnitude as u64;
    let exponent = 63 - number.leading_zeros() as i32;
    let spare = exponent - bits - 1;
    // Decimal digits below the precision: floor(spare · log10 2).
    let dropped = if spare > 1 { (f64::from(spare) * std::f64::consts::LOG10_2) as u32 } else { 0 };
    let power = 10u64.pow(dropped);
    let rounded = number / power + u64::from(number % power >= power.div_ceil(2) && power > 1);
    let sign = if value < 0.0 { "-" } else { "" };
    Some(format!("{sign}{}", java(&format!("{rounded}e{dropped}"))))
}

fn special(value: f64) -> String {
    let text = if value.is_nan() {
        "NaN"
    } else if value > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    };
    text.to_string()
}

/// Java's layout of a shortest decimal (`123.0`, `1.5e-7`): plain from 1e-3 to
/// below 1e7, else one digit, a point and an exponent.
fn java(shortest: &str) -> String {
    let (sign, rest) = match shortest.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", shortest),
    };
    let (mantissa, exponent) = rest.split_once('e').unwrap_or((rest, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    // value = 0.digits × 10^point
    let all = format!("{whole}{fraction}");
    let leading = all.len() - all.trim_start_matches('0').len();
    let digits = all.trim_start_matches('0').trim_end_matches('0');
    if digits.is_empty() {
        return format!("{sign}0.0");
    }
    let point = whole.len() as i32 - leading as i32 + exponent;
    let split = |at: usize| -> (String, String) {
        let head: String = digits.chars().take(at).collect();
        let tail: String = digits.chars().skip(at).collect();
        (head, if tail.is_empty() { "0".to_string() } else { tail })
    };
    if (-2..=7).contains(&point) {
        if point <= 0 {
            format!("{sign}0.{}{digits}", "0".repeat(point.unsigned_abs() as usize))
        } else if digits.len() < point as usize {
            format!("{sign}{digits}{}.0", "0".repeat(point as usize - digits.len()))
        } else {
            let (head, tail) = split(point as usize);
            format!("{sign}{head}.{tail}")
        }
    } else {
        let (head, tail) = split(1);
        format!("{sign}{head}.{tail}E{}", point - 1)
    }
}

/// `BigDecimal.toPlainString` of `unscaled` × 10^-`scale`: CAST to STRING, CSV.
pub fn decimal(unscaled: i128, scale: u8) -> String {
    let scale = usize::from(scale);
    let sign = if unscaled < 0 { "-" } else { "" };
    let digits = unscaled.unsigned_abs().to_string();
    if scale == 0 {
        return format!("{sign}{digits}");
    }
    let padded = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = padded.split_at(padded.len() - scale);
    format!("{sign}{whole}.{fraction}")
}

/// `BigDecimal.toString`: as [`decimal`], but with an exponent for small
/// numbers (`0E-10`, `1.25E-8`), as the print connector shows decimals.
pub fn big_decimal(unscaled: i128, scale: u8) -> String {
    let digits = unscaled.unsigned_abs().to_string();
    let adjusted = digits.len() as i32 - 1 - i32::from(scale);
    if adjusted >= -6 {
        return decimal(unscaled, scale);
    }
    let sign = if unscaled < 0 { "-" } else { "" };
    let (head, tail) = digits.split_at(1);
    let point = if tail.is_empty() { "" } else { "." };
    format!("{sign}{head}{point}{tail}E{adjusted}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_as_java() {
        for (value, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (2.5, "2.5"),
            (1.0, "1.0"),
            (-0.5, "-0.5"),
            (100.0, "100.0"),
            (1234567.0, "1234567.0"),
            (9_999_999.0, "9999999.0"),
            (1e7, "1.0E7"),
            (1.5e7, "1.5E7"),
            (123_456_789.125, "1.23456789125E8"),
            (0.001, "0.001"),
            (0.00123, "0.00123"),
            (0.000_999, "9.99E-4"),
            (1e-5, "1.0E-5"),
            (1e300, "1.0E300"),
            (5e-324, "4.9E-324"),
            (1_152_921_504_606_846_976.0, "1.15292150460684698E18"),
            (-1e17, "-1.0E17"),
            (9_007_199_254_740_993e3, "9.007199254740993E18"),
            (f64::MAX, "1.7976931348623157E308"),
            (f64::INFINITY, "Infinity"),
            (f64::NEG_INFINITY, "-Infinity"),
            (f64::NAN, "NaN"),
            (0.30000000000000004, "0.30000000000000004"),
            (3.0000000000000004E-5, "3.0000000000000004E-5"),
        ] {
            assert_eq!(double(value), text);
        }
    }

    #[test]
    fn floats_as_java() {
        for (value, text) in [
            (1.5f32, "1.5"),
            (3.4e38, "3.4E38"),
            (16_777_216.0, "1.6777216E7"),
            (0.1, "0.1"),
            (1e-5, "1.0E-5"),
            (1e-45, "1.4E-45"),
        ] {
            assert_eq!(float(value), text);
        }
    }

    #[test]
    fn decimals() {
        for (unscaled, scale, plain, java) in [
            (125, 2, "1.25", "1.25"),
            (-5, 2, "-0.05", "-0.05"),
            (7, 0, "7", "7"),
            (0, 10, "0.0000000000", "0E-10"),
            (125, 10, "0.0000000125", "1.25E-8"),
            (1, 6, "0.000001", "0.000001"),
            (1, 7, "0.0000001", "1E-7"),
            (-99_999_999_999, 2, "-999999999.99", "-999999999.99"),
        ] {
            assert_eq!(decimal(unscaled, scale), plain);
            assert_eq!(big_decimal(unscaled, scale), java);
        }
    }
}
