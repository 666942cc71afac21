//! Numbers in Java's text form.

use super::digits::{self, Decimal};

/// `Double.toString`: `2.5`, `1.0E7`, `1.0E-5`, `Infinity`, `NaN`, as Java up to 18 writes it.
pub fn double(value: f64) -> String {
    if !value.is_finite() {
        return special(value);
    }
    let sign = if value.is_sign_negative() { "-" } else { "" };
    if value == 0.0 { format!("{sign}0.0") } else { layout(sign, &digits::of_double(value.abs())) }
}

/// `Float.toString`.
pub fn float(value: f32) -> String {
    if !value.is_finite() {
        return special(value.into());
    }
    let sign = if value.is_sign_negative() { "-" } else { "" };
    if value == 0.0 { format!("{sign}0.0") } else { layout(sign, &digits::of_float(value.abs())) }
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

/// Java's layout: plain from 1e-3 to below 1e7, else one digit, a point and an exponent.
fn layout(sign: &str, Decimal { digits, point }: &Decimal) -> String {
    let split = |at: usize| {
        let (head, tail) = digits.split_at(at.min(digits.len()));
        (head, if tail.is_empty() { "0" } else { tail })
    };
    match *point {
        point @ -2..=0 => format!("{sign}0.{}{digits}", "0".repeat(point.unsigned_abs() as usize)),
        point @ 1..=7 => {
            let (head, tail) = split(point as usize);
            format!("{sign}{head:0<width$}.{tail}", width = point as usize)
        }
        point => {
            let (head, tail) = split(1);
            format!("{sign}{head}.{tail}E{}", point - 1)
        }
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
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
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
            (2e-3, "0.002"),
            (4.35e-4, "4.35E-4"),
            (2e23, "1.9999999999999998E23"),
            (1e23, "9.999999999999999E22"),
        ] {
            assert_eq!(double(value), text);
        }
    }

    #[test]
    fn as_recorded_from_java() {
        let lines = include_str!("testdata/java17.txt").lines().filter(|l| !l.starts_with('#'));
        let cases: Vec<Vec<&str>> = lines.map(|l| l.split(' ').collect()).collect();
        assert!(cases.len() > 300);
        for case in cases {
            let bits = u64::from_str_radix(case[1], 16).unwrap();
            let got = if case[0] == "d" { double(f64::from_bits(bits)) } else { float(f32::from_bits(bits as u32)) };
            assert_eq!(got, case[2], "{case:?}");
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
