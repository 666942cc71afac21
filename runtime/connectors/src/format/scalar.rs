//! Scalars from text as Java's parsers read them for Flink's formats, and base64.

use super::column::{Fit, TimeRules};
use std::str::FromStr;
use streamjob_core::text::{
    parse_date, parse_decimal, parse_iso_date, parse_iso_instant, parse_iso_time, parse_iso_timestamp, to_unit,
};
use streamjob_core::types::time_unit;

fn not(text: &str, what: &str) -> String {
    const SHOWN: usize = 80;
    match text.char_indices().nth(SHOWN) {
        None => format!("'{text}' is not {what}"),
        Some((at, _)) => format!("'{}…' is not {what}", text.get(..at).unwrap_or("")),
    }
}

/// A number of at most 18 digits, which cannot overflow.
pub(super) fn digits(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || digits.len() > 18 {
        return None;
    }
    let mut value = 0;
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + i64::from(digit);
    }
    Some(if negative { -value } else { value })
}

pub(super) fn integer<T: FromStr>(text: &str, what: &str) -> Fit<T> {
    text.trim().parse().map_err(|_| not(text, what))
}

/// `Double.parseDouble`: also `1.5f`, `NaN`, `-Infinity`, but not Rust's `inf` or `nan`.
pub(super) fn float<T: FromStr>(text: &str, what: &str) -> Fit<T> {
    let t = text.trim();
    let unsigned = t.strip_prefix(['-', '+']).unwrap_or(t);
    if unsigned == "NaN" || unsigned == "Infinity" {
        return t.trim_start_matches('+').parse().or_else(|_| unsigned.parse()).map_err(|_| not(text, what));
    }
    let digits = if t.ends_with(['f', 'F', 'd', 'D']) { t.get(..t.len() - 1).unwrap_or("") } else { t };
    if !digits.ends_with(|c: char| c.is_ascii_digit() || c == '.') {
        return Err(not(text, what));
    }
    digits.parse().map_err(|_| not(text, what))
}

/// `None` for a number with more digits than the type has: NULL, as in Flink.
pub(super) fn decimal(text: &str, precision: u8, scale: u8) -> Fit<Option<i128>> {
    match parse_decimal(text, precision, scale) {
        Some(value) => Ok(Some(value)),
        None if is_number(text.trim()) => Ok(None),
        None => Err(not(text, &format!("a DECIMAL({precision}, {scale})"))),
    }
}

fn is_number(text: &str) -> bool {
    let t = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = t.split_once(['e', 'E']).unwrap_or((t, "0"));
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).count();
    let points = mantissa.bytes().filter(|b| *b == b'.').count();
    digits > 0 && points <= 1 && digits + points == mantissa.len() && exponent.parse::<i32>().is_ok()
}

pub(super) fn date(text: &str, times: TimeRules) -> Fit<i32> {
    let parsed = if times.short_dates {
        let t = text.trim();
        let dashed = t.bytes().filter(|b| *b == b'-').count() == 2 && !t.contains(' ');
        dashed.then(|| parse_date(t)).flatten()
    } else {
        parse_iso_date(text)
    };
    parsed.ok_or_else(|| not(text, "a DATE (yyyy-MM-dd)"))
}

/// Milliseconds of the day; digits of the second beyond the precision are cut.
pub(super) fn time(text: &str, precision: u8) -> Fit<i32> {
    let ms = parse_iso_time(text.trim()).ok_or_else(|| not(text, "a TIME (HH:mm:ss)"))?;
    let step = 10i32.pow(u32::from(3u8.saturating_sub(precision)));
    Ok(ms - ms % step)
}

pub(super) fn timestamp(text: &str, precision: u8, times: TimeRules) -> Fit<i64> {
    parse_iso_timestamp(text.trim(), times.separator)
        .and_then(|(s, n)| to_unit(s, n, &time_unit(precision), precision))
        .ok_or_else(|| not(text, &format!("a TIMESTAMP({precision}) (yyyy-MM-dd{}HH:mm:ss.SSS)", times.separator)))
}

pub(super) fn instant(text: &str, precision: u8, times: TimeRules) -> Fit<i64> {
    parse_iso_instant(text.trim(), times.separator)
        .and_then(|(s, n)| to_unit(s, n, &time_unit(precision), precision))
        .ok_or_else(|| not(text, &format!("a TIMESTAMP_LTZ({precision}) (yyyy-MM-dd{}HH:mm:ss.SSSZ)", times.separator)))
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub(super) fn base64_encode(bytes: &[u8], out: &mut String) {
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().enumerate().fold(0u32, |w, (i, b)| w | u32::from(*b) << (16 - 8 * i));
        for i in 0..4 {
            let digit = BASE64.get((word >> (18 - 6 * i)) as usize & 63).copied().unwrap_or(b'A');
            out.push(if i <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
}

pub(super) fn base64_decode(text: &str) -> Fit<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    let mut out = Vec::with_capacity(digits.len() * 3 / 4);
    let (mut word, mut bits) = (0u32, 0u32);
    for byte in digits.bytes() {
        let digit = BASE64.iter().position(|d| *d == byte).ok_or_else(|| not(text, "base64"))?;
        word = (word << 6 | digit as u32) & 0xff_ffff;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push((word >> bits) as u8);
        }
    }
    if digits.len() % 4 == 1 { Err(not(text, "base64")) } else { Ok(out) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn floats_as_java_reads_them() {
        for (text, expected) in [
            ("1.5", Some(1.5)),
            (" -1E3 ", Some(-1000.0)),
            ("1f", Some(1.0)),
            ("2.D", Some(2.0)),
            (".5", Some(0.5)),
            ("+Infinity", Some(f64::INFINITY)),
            ("-Infinity", Some(f64::NEG_INFINITY)),
            ("inf", None),
            ("nan", None),
            ("infinity", None),
            ("", None),
            ("x", None),
            ("1e", None),
            ("-", None),
        ] {
            assert_eq!(float::<f64>(text, "a DOUBLE").ok(), expected, "{text}");
        }
        assert!(float::<f64>("-NaN", "a DOUBLE").unwrap().is_nan());
    }

    #[test]
    fn decimals_round_overflow_and_fail() {
        assert_eq!(decimal("1.25", 5, 1), Ok(Some(13)));
        assert_eq!(decimal("99999.9", 5, 1), Ok(None));
        assert_eq!(decimal("1e99", 5, 1), Ok(None));
        assert!(decimal("1.2.3", 5, 1).is_err());
        assert!(decimal("", 5, 1).is_err());
        assert!(decimal("-", 5, 1).is_err());
    }

    #[test]
    fn dates_and_times() {
        let csv = TimeRules { separator: ' ', short_dates: true };
        let json = TimeRules { separator: ' ', short_dates: false };
        assert_eq!(date("2024-2-9", csv), date("2024-02-09", json));
        assert!(date("2024-2-9", json).is_err());
        assert!(date("2024", csv).is_err());
        assert_eq!(time("10:11:12.987", 0), Ok(36_672_000));
        assert_eq!(time("10:11:12.987", 3), Ok(36_672_987));
        assert!(timestamp("2024-01-01T00:00:00", 3, csv).is_err());
        assert!(instant("2024-01-01 00:00:00", 3, csv).is_err());
    }

    proptest! {
        #[test]
        fn base64_round_trips(bytes: Vec<u8>) {
            let mut text = String::new();
            base64_encode(&bytes, &mut text);
            prop_assert_eq!(text.len() % 4, 0);
            prop_assert_eq!(base64_decode(&text).unwrap(), bytes);
        }
    }
}
