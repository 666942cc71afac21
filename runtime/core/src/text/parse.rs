//! Text to dates, times, timestamps and decimals. The plain functions read what
//! CAST reads in Flink (one-digit months, missing parts); `parse_iso_*` read
//! ISO 8601, as formats do.

use super::calendar::{days_from_civil, days_in_month};
use super::time::units_per_second;
use arrow::datatypes::TimeUnit;

/// Why a text is no timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParseFailure {
    /// The character at this index (0-based) does not fit.
    At(usize),
    /// All characters fit but the date or time does not exist.
    OutOfRange,
}

/// Digits only, without sign.
fn integer(text: &str) -> Option<i64> {
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

fn valid_date(y: i64, m: i64, d: i64) -> Option<i32> {
    let ok = (0..=9999).contains(&y) && (1..=12).contains(&m) && d >= 1 && d <= days_in_month(y, m);
    ok.then(|| i32::try_from(days_from_civil(y, m, d)).ok()).flatten()
}

/// Days since 1970-01-01 of `2024-02-29`, `2024-2`, `2024` or a timestamp, whose time is dropped.
pub fn parse_date(text: &str) -> Option<i32> {
    let text = text.trim();
    let text = text.split(' ').next()?;
    let mut parts = text.splitn(3, '-');
    let y = integer(parts.next()?)?;
    let m = parts.next().map_or(Some(1), integer)?;
    let d = parts.next().map_or(Some(1), integer)?;
    valid_date(y, m, d)
}

/// Milliseconds of the day of `12:34:56.789`, `12:34` or `12`.
pub fn parse_time(text: &str) -> Option<i32> {
    let mut parts = text.trim().splitn(3, ':');
    let h = integer(parts.next()?)?;
    let m = parts.next().map_or(Some(0), integer)?;
    let (s, ms) = match parts.next() {
        None => (0, 0),
        Some(seconds) => match seconds.split_once('.') {
            None => (integer(seconds)?, 0),
            Some((s, fraction)) => (integer(s)?, fraction_nanos(fraction)? / 1_000_000),
        },
    };
    let ok = h < 24 && m < 60 && s < 60;
    ok.then(|| i32::try_from(((h * 60 + m) * 60 + s) * 1000 + ms).ok()).flatten()
}

/// Nanoseconds of the digits behind a point; digits past the ninth are dropped.
fn fraction_nanos(digits: &str) -> Option<i64> {
    if digits.is_empty() {
        return Some(0);
    }
    integer(digits)?;
    let nine: String = digits.chars().chain(std::iter::repeat('0')).take(9).collect();
    nine.parse().ok()
}

/// `2024-1-2`, `2024-01-02 03:04:05.123`: seconds since the epoch and nanoseconds
/// of the second. Spaces around are ignored.
pub fn parse_timestamp(text: &str) -> Option<(i64, u32)> {
    parse_timestamp_strict(text.trim()).ok()
}

/// As [`parse_timestamp`], without ignoring spaces, and says where it failed.
pub fn parse_timestamp_strict(text: &str) -> Result<(i64, u32), ParseFailure> {
    let mut cursor = Cursor { text, at: 0 };
    let y = cursor.digits(4, 4)?;
    cursor.expect('-')?;
    let m = cursor.digits(1, 2)?;
    cursor.expect('-')?;
    let d = cursor.digits(1, 2)?;
    let (mut seconds, mut nanos) = (0, 0);
    if !cursor.rest().is_empty() {
        cursor.expect(' ')?;
        seconds = cursor.time_of_day(1)?;
        nanos = cursor.fraction()?;
        if !cursor.rest().is_empty() {
            return Err(ParseFailure::At(cursor.at));
        }
        if seconds == 86_400 && nanos > 0 {
            return Err(ParseFailure::OutOfRange);
        }
    }
    // Java's formatter takes the month's last day for a 31 that it does not have.
    let last = if (1..=12).contains(&m) && (1..=31).contains(&d) { d.min(days_in_month(y, m)) } else { d };
    let days = valid_date(y, m, last).ok_or(ParseFailure::OutOfRange)?;
    Ok((i64::from(days) * 86_400 + seconds, nanos))
}

struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn digits(&mut self, least: usize, most: usize) -> Result<i64, ParseFailure> {
        let count = self.rest().bytes().take(most).take_while(u8::is_ascii_digit).count();
        let value = self.rest().get(..count).and_then(integer).filter(|_| count >= least);
        let value = value.ok_or(ParseFailure::At(self.at))?;
        self.at += count;
        Ok(value)
    }

    fn expect(&mut self, wanted: char) -> Result<(), ParseFailure> {
        if !self.rest().starts_with(wanted) {
            return Err(ParseFailure::At(self.at));
        }
        self.at += wanted.len_utf8();
        Ok(())
    }

    /// Seconds of the day, 24:00:00 included; parts have `least` to two digits.
    fn time_of_day(&mut self, least: usize) -> Result<i64, ParseFailure> {
        let h = self.digits(least, 2)?;
        self.expect(':')?;
        let m = self.digits(least, 2)?;
        self.expect(':')?;
        let s = self.digits(least, 2)?;
        let seconds = (h * 60 + m) * 60 + s;
        if seconds <= 86_400 && m < 60 && s < 60 { Ok(seconds) } else { Err(ParseFailure::OutOfRange) }
    }

    fn fraction(&mut self) -> Result<u32, ParseFailure> {
        if !self.rest().starts_with('.') {
            return Ok(0);
        }
        self.at += 1;
        let count = self.rest().bytes().take_while(u8::is_ascii_digit).count();
        if count > 9 {
            return Err(ParseFailure::At(self.at + 9));
        }
        let nanos = self.rest().get(..count).and_then(fraction_nanos).ok_or(ParseFailure::At(self.at))?;
        self.at += count;
        Ok(u32::try_from(nanos).unwrap_or(0))
    }
}

/// Exactly `2024-02-29`: days since the epoch.
pub fn parse_iso_date(text: &str) -> Option<i32> {
    let mut cursor = Cursor { text, at: 0 };
    let days = iso_date(&mut cursor)?;
    cursor.rest().is_empty().then_some(days)
}

fn iso_date(cursor: &mut Cursor<'_>) -> Option<i32> {
    let (y, m, d) = iso_parts(cursor)?;
    valid_date(y, m, d)
}

fn iso_parts(cursor: &mut Cursor<'_>) -> Option<(i64, i64, i64)> {
    let y = cursor.digits(4, 4).ok()?;
    cursor.expect('-').ok()?;
    let m = cursor.digits(2, 2).ok()?;
    cursor.expect('-').ok()?;
    let d = cursor.digits(2, 2).ok()?;
    Some((y, m, d))
}

/// `12:34`, `12:34:56`, `12:34:56.789`: milliseconds of the day.
pub fn parse_iso_time(text: &str) -> Option<i32> {
    let mut cursor = Cursor { text, at: 0 };
    let (seconds, nanos) = iso_time(&mut cursor)?;
    cursor.rest().is_empty().then(|| i32::try_from(seconds * 1000 + i64::from(nanos / 1_000_000)).ok()).flatten()
}

fn iso_time(cursor: &mut Cursor<'_>) -> Option<(i64, u32)> {
    let h = cursor.digits(2, 2).ok()?;
    cursor.expect(':').ok()?;
    let m = cursor.digits(2, 2).ok()?;
    let mut s = 0;
    let mut nanos = 0;
    if cursor.rest().starts_with(':') {
        cursor.at += 1;
        s = cursor.digits(2, 2).ok()?;
        nanos = cursor.fraction().ok()?;
    }
    (h < 24 && m < 60 && s < 60).then_some(((h * 60 + m) * 60 + s, nanos))
}

/// `2024-01-02T03:04:05.123` with the separator `sep` (`'T'` or `' '`): seconds and nanoseconds.
pub fn parse_iso_timestamp(text: &str, sep: char) -> Option<(i64, u32)> {
    let mut cursor = Cursor { text, at: 0 };
    let value = iso_timestamp(&mut cursor, sep)?;
    cursor.rest().is_empty().then_some(value)
}

/// As [`parse_iso_timestamp`], with a `Z` behind: an instant.
pub fn parse_iso_instant(text: &str, sep: char) -> Option<(i64, u32)> {
    parse_iso_timestamp(text.strip_suffix('Z')?, sep)
}

/// With seconds; a day past the month's end is its last, and 24:00:00 the next day's midnight, as Java resolves them.
fn iso_timestamp(cursor: &mut Cursor<'_>, sep: char) -> Option<(i64, u32)> {
    let (y, m, d) = iso_parts(cursor)?;
    let days = valid_date(y, m, if (1..=12).contains(&m) && d <= 31 { d.min(days_in_month(y, m)) } else { d })?;
    cursor.expect(sep).ok()?;
    let seconds = cursor.time_of_day(2).ok()?;
    let nanos = cursor.fraction().ok().filter(|n| seconds < 86_400 || *n == 0)?;
    Some((i64::from(days) * 86_400 + seconds, nanos))
}

/// Seconds and nanoseconds as a number of `unit`s, cut to `precision` digits of
/// the second; `None` when it does not fit 64 bits.
pub fn to_unit(seconds: i64, nanos: u32, unit: &TimeUnit, precision: u8) -> Option<i64> {
    let step = 10u32.pow(u32::from(9u8.saturating_sub(precision)));
    let nanos = nanos - nanos % step;
    let per_second = units_per_second(unit);
    let part = i64::from(nanos) / (1_000_000_000 / per_second);
    // Seconds before the epoch and a part after them may only fit together.
    let total = i128::from(seconds) * i128::from(per_second) + i128::from(part);
    i64::try_from(total).ok()
}

/// The unscaled value of a decimal (`1.5`, `-7`, `+3`, `1e2`, spaces around) as
/// DECIMAL(`precision`, `scale`), rounded half up; `None` when it is none or does not fit.
pub fn parse_decimal(text: &str, precision: u8, scale: u8) -> Option<i128> {
    let text = text.trim();
    let (negative, rest) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let (mantissa, exponent) = match rest.find(['e', 'E']) {
        None => (rest, 0i64),
        Some(at) => (rest.get(..at)?, rest.get(at + 1..)?.parse::<i32>().ok()?.into()),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits_only = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !digits_only(whole) || !digits_only(fraction) {
        return None;
    }
    let digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).map(|b| b - b'0').skip_while(|d| *d == 0).collect();
    // value = digits × 10^power; the result has `digits.len() + shift` digits.
    let power = exponent - fraction.len() as i64;
    let shift = power + i64::from(scale);
    let kept = digits.len() as i64 + shift;
    if kept > i64::from(precision) && !digits.is_empty() {
        return None;
    }
    let mut value: i128 = 0;
    for digit in digits.iter().copied().chain(std::iter::repeat(0)).take(usize::try_from(kept.max(0)).ok()?) {
        value = value * 10 + i128::from(digit);
    }
    if shift < 0 && kept >= 0 {
        let next = digits.get(usize::try_from(kept).ok()?).copied().unwrap_or(0);
        value += i128::from(next >= 5);
    }
    let limit = 10i128.checked_pow(u32::from(precision))?;
    (value < limit).then_some(if negative { -value } else { value })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::text::{date, decimal, time_iso, timestamp_sql};
    use proptest::prelude::*;

    #[test]
    fn dates() {
        for (text, expected) in [
            ("2024-02-29", Some("2024-02-29")),
            ("2024-1-2 3:4:5", Some("2024-01-02")),
            ("2024-01-05 10:11:12.345", Some("2024-01-05")),
            ("12", Some("0012-01-01")),
            (" 42 ", Some("0042-01-01")),
            ("2024-2", Some("2024-02-01")),
            ("2023-02-29", None),
            ("2024-13-45", None),
            ("2024/03/05 06:07", None),
            ("-7", None),
            ("+3", None),
            ("3.99", None),
            ("2147483648", None),
            ("99999999999999999999", None),
            ("", None),
            ("abc", None),
        ] {
            assert_eq!(parse_date(text).map(date).as_deref(), expected, "{text}");
        }
        assert_eq!(parse_iso_date("2024-1-2"), None);
        assert_eq!(parse_iso_date("2024-01-02"), parse_date("2024-01-02"));
    }

    #[test]
    fn times() {
        for (text, expected) in [
            ("12", Some("12:00")),
            ("12:34", Some("12:34")),
            ("12:34:56.7", Some("12:34:56.700")),
            ("1:2:3", Some("01:02:03")),
            ("24:00:00", None),
            (" 42 ", None),
            ("2024-01-05", None),
            ("2024-01-01 10:20:30", None),
            ("", None),
        ] {
            assert_eq!(parse_time(text).map(time_iso).as_deref(), expected, "{text}");
        }
        assert_eq!(parse_iso_time("1:02"), None);
        assert_eq!(parse_iso_time("01:02").map(time_iso).as_deref(), Some("01:02"));
    }

    #[test]
    fn timestamps() {
        for (text, expected) in [
            ("2024-01-05", Some("2024-01-05 00:00:00.000")),
            ("2024-1-2 3:4:5", Some("2024-01-02 03:04:05.000")),
            ("2024-01-05 10:11:12.345", Some("2024-01-05 10:11:12.345")),
            ("1969-12-31 23:59:59.1239", Some("1969-12-31 23:59:59.123")),
            ("2023-02-31", Some("2023-02-28 00:00:00.000")),
            ("2024-01-09 24:00:00", Some("2024-01-10 00:00:00.000")),
            ("2024-01-09 24:00:00.5", None),
            ("2024-01-09 24:00:01", None),
            ("2024-13-45 00:00:00", None),
            ("2024-01-05 10:11", None),
            ("2024-01-05T10:11:12", None),
            ("2024-01-05 10:11:12 x", None),
            ("not a time", None),
            ("", None),
        ] {
            let got = parse_timestamp(text).map(|(s, n)| {
                timestamp_sql(to_unit(s, n, &TimeUnit::Millisecond, 3).unwrap(), &TimeUnit::Millisecond, 3)
            });
            assert_eq!(got.as_deref(), expected, "{text}");
        }
        assert_eq!(parse_timestamp_strict("abc"), Err(ParseFailure::At(0)));
        assert_eq!(parse_timestamp_strict("2024-01-05T10:11:12"), Err(ParseFailure::At(10)));
        assert_eq!(parse_iso_timestamp("2024-01-05T10:11:00", 'T'), Some((1_704_449_460, 0)));
        assert_eq!(parse_iso_timestamp("2024-01-05T10:11", 'T'), None);
        assert_eq!(parse_iso_timestamp("2023-02-31T24:00:00", 'T'), parse_iso_timestamp("2023-03-01T00:00:00", 'T'));
        assert_eq!(parse_iso_timestamp("2023-02-32T00:00:00", 'T'), None);
        assert_eq!(parse_iso_instant("2024-01-05 10:11:00.5Z", ' '), Some((1_704_449_460, 500_000_000)));
        assert_eq!(parse_iso_instant("2024-01-05 10:11:00.5", ' '), None);
    }

    #[test]
    fn decimals() {
        for (text, p, s, expected) in [
            ("12", 10, 2, Some("12.00")),
            (" 42 ", 10, 2, Some("42.00")),
            ("+3", 10, 2, Some("3.00")),
            ("1e2", 10, 2, Some("100.00")),
            ("-0.0", 10, 2, Some("0.00")),
            ("1.005", 10, 2, Some("1.01")),
            ("-1.005", 10, 2, Some("-1.01")),
            ("0.004", 10, 2, Some("0.00")),
            ("0.005", 10, 2, Some("0.01")),
            ("9.995", 3, 2, None),
            (".5", 3, 1, Some("0.5")),
            ("5.", 3, 1, Some("5.0")),
            ("2147483648", 10, 2, None),
            ("1e-400", 10, 2, Some("0.00")),
            ("1e400", 10, 2, None),
            ("abc", 10, 2, None),
            (".", 10, 2, None),
            ("", 10, 2, None),
        ] {
            assert_eq!(parse_decimal(text, p, s).map(|v| decimal(v, s)).as_deref(), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn decimal_text_round_trips(value in -(10i128.pow(38) - 1)..10i128.pow(38), scale in 0u8..=38) {
            prop_assert_eq!(parse_decimal(&decimal(value, scale), 38, scale), Some(value));
        }

        #[test]
        fn timestamp_text_round_trips(ms in -62_135_596_800_000i64..253_402_300_800_000) {
            let text = timestamp_sql(ms, &TimeUnit::Millisecond, 3);
            let (s, n) = parse_timestamp(&text).unwrap();
            prop_assert_eq!(to_unit(s, n, &TimeUnit::Millisecond, 3), Some(ms));
        }
    }
}
