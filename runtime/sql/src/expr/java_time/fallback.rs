//! What Flink tries with a text that does not fit a pattern: `java.sql.Timestamp.valueOf` and `java.sql.Date.valueOf`.

use super::super::args::Moment;
use streamjob_core::text::calendar::days_from_civil;

/// `2024-1-2 3:4:5.678` or `2024-1-2`; days past a month's end and hours past a day's carry over.
pub fn sql_value(text: &str) -> Option<Moment> {
    let text = text.trim();
    let (date, time) = text.split_once(' ').map_or((text, None), |(d, t)| (d, Some(t)));
    let mut parts = date.split('-');
    let year = parts.next().filter(|y| y.len() == 4).and_then(number)?;
    let month = parts.next().filter(|m| m.len() <= 2).and_then(number)?;
    let day = parts.next().filter(|d| d.len() <= 2).and_then(number)?;
    if parts.next().is_some() || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let (seconds, nanos) = match time {
        None => (0, 0),
        Some(time) => time_of(time.trim())?,
    };
    Some(Moment { seconds: (days_from_civil(year, month, 1) + day - 1) * 86_400 + seconds, nanos })
}

fn time_of(text: &str) -> Option<(i64, u32)> {
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(w, f)| (w, Some(f)));
    let mut parts = whole.split(':');
    let (hour, minute, second) = (number(parts.next()?)?, number(parts.next()?)?, number(parts.next()?)?);
    if parts.next().is_some() {
        return None;
    }
    let nanos = match fraction {
        None => 0,
        Some(digits) => {
            number(digits).filter(|_| digits.len() <= 9)?;
            format!("{digits:0<9}").parse().ok()?
        }
    };
    Some((hour * 3600 + minute * 60 + second, nanos))
}

fn number(digits: &str) -> Option<i64> {
    let plain = (1..=9).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use streamjob_core::text::timestamp_sql;

    #[test]
    fn values_carry_over() {
        for (text, expected) in [
            ("2024-1-2 3:4:5.5", Some("2024-01-02 03:04:05.5")),
            (" 2024-02-30 10:00:00 ", Some("2024-03-01 10:00:00")),
            ("2024-02-31", Some("2024-03-02 00:00:00")),
            ("2024-01-09 25:61:00", Some("2024-01-10 02:01:00")),
            ("2024-01-32", None),
            ("2024-13-01", None),
            ("99-1-1", None),
            ("2024-1-9 1:2", None),
            ("2024-02-30x", None),
            ("", None),
        ] {
            let shown = sql_value(text).map(|m| timestamp_sql(m.millis(), &arrow::datatypes::TimeUnit::Millisecond, 0));
            assert_eq!(shown.as_deref(), expected, "{text}");
        }
    }
}
