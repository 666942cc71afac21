//! Dates, times, timestamps and intervals as text, in SQL's and in Java's form.

use super::calendar::civil_from_days;
use arrow::datatypes::TimeUnit;

/// Units of a timestamp in a second.
pub const fn units_per_second(unit: &TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}

/// A year as Java writes it: four digits, a sign outside of 0 to 9999.
fn year(value: i64) -> String {
    if value > 9999 {
        format!("+{value}")
    } else if value < 0 {
        format!("-{:04}", -value)
    } else {
        format!("{value:04}")
    }
}

/// `2024-02-29`, from days since 1970-01-01.
pub fn date(days: i32) -> String {
    let (y, m, d) = civil_from_days(i64::from(days));
    format!("{}-{m:02}-{d:02}", year(y))
}

/// `12:34:56` and up to `precision` digits of the second (trailing zeros go,
/// but for the first digit), as CAST of a TIME to STRING; from milliseconds of the day.
pub fn time_ms(ms: i32, precision: u8) -> String {
    let seconds = ms.div_euclid(1000);
    let mut text = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if precision > 0 {
        let digits = format!("{:03}", ms.rem_euclid(1000));
        let kept: String = digits.chars().take(usize::from(precision.min(3))).collect();
        let stripped = kept.trim_end_matches('0');
        text.push('.');
        text.push_str(if stripped.is_empty() { "0" } else { stripped });
    }
    text
}

/// `LocalTime.toString`: `12:34`, `12:34:56`, `12:34:56.120`; from milliseconds of the day.
pub fn time_iso(ms: i32) -> String {
    iso_time_of_day(i64::from(ms.div_euclid(1000)), i64::from(ms.rem_euclid(1000)) * 1_000_000, false)
}

/// Days since the epoch, seconds of the day and nanoseconds of the second.
fn split(value: i64, unit: &TimeUnit) -> (i64, i64, i64) {
    let per_second = units_per_second(unit);
    let seconds = value.div_euclid(per_second);
    let nanos = value.rem_euclid(per_second) * (1_000_000_000 / per_second);
    (seconds.div_euclid(86_400), seconds.rem_euclid(86_400), nanos)
}

/// `2020-01-01 12:00:00.000`, with `precision` digits of the second, or as many
/// as the value has when these are more.
pub fn timestamp_sql(value: i64, unit: &TimeUnit, precision: u8) -> String {
    let (days, seconds, nanos) = split(value, unit);
    let (y, m, d) = civil_from_days(days);
    let mut text = format!("{y:04}-{m:02}-{d:02} {:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    let mut fraction = format!("{nanos:09}");
    while fraction.len() > usize::from(precision) && fraction.ends_with('0') {
        fraction.pop();
    }
    if !fraction.is_empty() {
        text.push('.');
        text.push_str(&fraction);
    }
    text
}

/// `LocalDateTime.toString`: `2020-01-01T12:00`, `2020-01-01T12:00:01.500`.
pub fn timestamp_iso(value: i64, unit: &TimeUnit) -> String {
    let (days, seconds, nanos) = split(value, unit);
    let (y, m, d) = civil_from_days(days);
    format!("{}-{m:02}-{d:02}T{}", year(y), iso_time_of_day(seconds, nanos, false))
}

/// `Instant.toString`: `2020-01-01T12:00:00Z`.
pub fn instant_iso(value: i64, unit: &TimeUnit) -> String {
    let (days, seconds, nanos) = split(value, unit);
    let (y, m, d) = civil_from_days(days);
    format!("{}-{m:02}-{d:02}T{}Z", year(y), iso_time_of_day(seconds, nanos, true))
}

/// Seconds when there are any or `always`; the fraction in groups of three digits.
fn iso_time_of_day(seconds: i64, nanos: i64, always: bool) -> String {
    let mut text = format!("{:02}:{:02}", seconds / 3600, seconds / 60 % 60);
    if always || seconds % 60 != 0 || nanos != 0 {
        text.push_str(&format!(":{:02}", seconds % 60));
    }
    if nanos != 0 {
        let fraction = if nanos % 1_000_000 == 0 {
            format!(".{:03}", nanos / 1_000_000)
        } else if nanos % 1_000 == 0 {
            format!(".{:06}", nanos / 1_000)
        } else {
            format!(".{nanos:09}")
        };
        text.push_str(&fraction);
    }
    text
}

/// `+1 02:03:04.000`, as CAST of a day-time interval to STRING.
pub fn interval_day_time(ms: i64) -> String {
    let sign = if ms < 0 { '-' } else { '+' };
    let ms = ms.unsigned_abs();
    let seconds = ms / 1000;
    format!(
        "{sign}{} {:02}:{:02}:{:02}.{:03}",
        seconds / 86_400,
        seconds / 3600 % 24,
        seconds / 60 % 60,
        seconds % 60,
        ms % 1000
    )
}

/// `+2-03`, as CAST of a year-month interval to STRING.
pub fn interval_year_month(months: i32) -> String {
    let sign = if months < 0 { '-' } else { '+' };
    let months = months.unsigned_abs();
    format!("{sign}{}-{:02}", months / 12, months % 12)
}

#[cfg(test)]
mod tests {
    use super::*;
    use TimeUnit::{Microsecond, Millisecond, Nanosecond};

    #[test]
    fn dates() {
        for (days, text) in
            [(0, "1970-01-01"), (19_782, "2024-02-29"), (-719_162, "0001-01-01"), (622_191_233, "+1705471-09-27")]
        {
            assert_eq!(date(days), text);
        }
    }

    #[test]
    fn timestamps() {
        for (value, unit, precision, sql, iso, instant) in [
            (0, Millisecond, 3, "1970-01-01 00:00:00.000", "1970-01-01T00:00", "1970-01-01T00:00:00Z"),
            (0, Millisecond, 0, "1970-01-01 00:00:00", "1970-01-01T00:00", "1970-01-01T00:00:00Z"),
            (-877, Millisecond, 3, "1969-12-31 23:59:59.123", "1969-12-31T23:59:59.123", "1969-12-31T23:59:59.123Z"),
            (1_500, Millisecond, 3, "1970-01-01 00:00:01.500", "1970-01-01T00:00:01.500", "1970-01-01T00:00:01.500Z"),
            (
                1,
                Microsecond,
                6,
                "1970-01-01 00:00:00.000001",
                "1970-01-01T00:00:00.000001",
                "1970-01-01T00:00:00.000001Z",
            ),
            (
                100_000_000,
                Nanosecond,
                9,
                "1970-01-01 00:00:00.100000000",
                "1970-01-01T00:00:00.100",
                "1970-01-01T00:00:00.100Z",
            ),
        ] {
            assert_eq!(timestamp_sql(value, &unit, precision), sql);
            assert_eq!(timestamp_iso(value, &unit), iso);
            assert_eq!(instant_iso(value, &unit), instant);
        }
    }

    #[test]
    fn times_and_intervals() {
        assert_eq!(time_ms(45_296_000, 0), "12:34:56");
        assert_eq!(time_ms(45_296_120, 3), "12:34:56.12");
        assert_eq!(time_ms(45_296_000, 3), "12:34:56.0");
        assert_eq!(time_iso(0), "00:00");
        assert_eq!(time_iso(45_296_120), "12:34:56.120");
        assert_eq!(interval_day_time(93_784_000), "+1 02:03:04.000");
        assert_eq!(interval_day_time(-1), "-0 00:00:00.001");
        assert_eq!(interval_year_month(27), "+2-03");
        assert_eq!(interval_year_month(-1), "-0-01");
    }
}
