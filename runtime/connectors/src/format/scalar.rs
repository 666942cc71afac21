//! Scalars from text as Java's parsers read them for Flink's formats, and base64.

use super::column::{Fit, TimeRules};
use std::str::FromStr;
use streamjob_core::text::{
    calendar::days_from_civil, parse_decimal, parse_iso_date, parse_iso_instant, parse_iso_time, parse_iso_timestamp,
    to_unit,
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
    // `new BigDecimal(text)` knows no blanks.
    let value = if text.trim() == text { parse_decimal(text, precision, scale) } else { None };
    match value {
        Some(value) => Ok(Some(value)),
        None if is_number(text) => Ok(None),
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
    let parsed = if times.csv { sql_date(text) } else { parse_iso_date(text) };
    parsed.ok_or_else(|| not(text, "a DATE (yyyy-MM-dd)"))
}

/// `java.sql.Date.valueOf`: the 31st of a month that does not have it is the next one's first.
fn sql_date(text: &str) -> Option<i32> {
    let mut parts = text.split('-');
    let mut part = |least: usize, most: usize| {
        let digits = parts.next().filter(|p| (least..=most).contains(&p.len()))?;
        digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse::<i64>().ok()).flatten()
    };
    let (year, month, day) = (part(4, 4)?, part(1, 2)?, part(1, 2)?);
    let real = parts.next().is_none() && (1..=12).contains(&month) && (1..=31).contains(&day);
    real.then(|| i32::try_from(days_from_civil(year, month, 1) + day - 1).ok()).flatten()
}

/// Milliseconds of the day. In csv, digits of the second beyond the precision are cut; in json they stay, seconds have
/// to be there, and 24:00:00 is midnight.
pub(super) fn time(text: &str, precision: u8, times: TimeRules) -> Fit<i32> {
    let refused = || not(text, "a TIME (HH:mm:ss)");
    if times.csv {
        let ms = parse_iso_time(text).ok_or_else(refused)?;
        let step = 10i32.pow(u32::from(3u8.saturating_sub(precision)));
        return Ok(ms - ms % step);
    }
    if text == "24:00:00" {
        return Ok(0);
    }
    parse_iso_time(text).filter(|_| text.matches(':').count() == 2).ok_or_else(refused)
}

pub(super) fn timestamp(text: &str, precision: u8, times: TimeRules) -> Fit<i64> {
    parse_iso_timestamp(if times.csv { text.trim() } else { text }, times.separator)
        .and_then(|(s, n)| to_unit(s, n, &time_unit(precision), precision))
        .ok_or_else(|| not(text, &format!("a TIMESTAMP({precision}) (yyyy-MM-dd{}HH:mm:ss.SSS)", times.separator)))
}

pub(super) fn instant(text: &str, precision: u8, times: TimeRules) -> Fit<i64> {
    parse_iso_instant(if times.csv { text.trim() } else { text }, times.separator)
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

/// Blanks may stand between groups of four; the last group is whole.
pub(super) fn base64_decode(text: &str) -> Fit<Vec<u8>> {
    let mut groups = String::with_capacity(text.len());
    for c in text.chars() {
        if !(c <= ' ' && groups.len().is_multiple_of(4)) {
            groups.push(c);
        }
    }
    let digits = groups.trim_end_matches('=');
    if !groups.len().is_multiple_of(4) || groups.len() - digits.len() > 2 {
        return Err(not(text, "base64"));
    }
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
    Ok(out)
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
        assert!(decimal(" 1 ", 5, 1).is_err());
        assert!(decimal("-", 5, 1).is_err());
    }

    #[test]
    fn dates_and_times() {
        let csv = TimeRules { separator: ' ', csv: true };
        let json = TimeRules { separator: ' ', csv: false };
        assert_eq!(date("2024-2-9", csv), date("2024-02-09", json));
        assert!(date("2024-2-9", json).is_err());
        assert!(date("2024", csv).is_err());
        assert_eq!(date("2024-02-30", csv), date("2024-03-01", json));
        assert!(
            date("2024-02-30", json).is_err() && date(" 2024-01-09", csv).is_err() && date("2024-01-32", csv).is_err()
        );
        assert_eq!(time("10:11:12.987", 0, csv), Ok(36_672_000));
        assert_eq!(time("10:11:12.987", 3, csv), Ok(36_672_987));
        assert_eq!(time("10:11:12.987", 0, json), Ok(36_672_987));
        assert_eq!((time("10:11", 0, csv), time("24:00:00", 0, json)), (Ok(36_660_000), Ok(0)));
        assert!(
            time("10:11", 0, json).is_err() && time("24:00:00", 0, csv).is_err() && time(" 10:11:12", 0, csv).is_err()
        );
        assert_eq!(timestamp("2024-02-30 24:00:00", 3, json), timestamp(" 2024-03-01 00:00:00", 3, csv));
        assert!(timestamp("2024-01-09 10:11", 3, csv).is_err() && timestamp(" 2024-01-09 10:11:12", 3, json).is_err());
        assert!(timestamp("2024-01-01T00:00:00", 3, csv).is_err());
        assert!(instant("2024-01-01 00:00:00", 3, csv).is_err());
    }

    #[test]
    fn base64_as_jackson_reads_it() {
        for (text, expected) in [
            (" YWJj ", Some("abc")),
            ("YWJj YWI=", Some("abcab")),
            ("", Some("")),
            ("YWJ", None),
            ("YW Jj", None),
            ("Y===", None),
            ("YW=j", None),
        ] {
            assert_eq!(base64_decode(text).ok(), expected.map(|t| t.as_bytes().to_vec()), "{text}");
        }
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
