//! Numbers as people read them.

use std::time::Duration;

/// `27004` as `27,004`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// Bytes with a binary unit.
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if n < 1024 {
        return format!("{n} B");
    }
    let mut value = n as f64;
    let mut unit = "B";
    for u in UNITS {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = u;
    }
    format!("{value:.1} {unit}")
}

/// A rate, short: `950`, `12.3k`, `4.5M`.
pub fn rate(per_second: f64) -> String {
    match per_second {
        r if r >= 1e9 => format!("{:.1}G", r / 1e9),
        r if r >= 1e6 => format!("{:.1}M", r / 1e6),
        r if r >= 1e4 => format!("{:.1}k", r / 1e3),
        r => format!("{r:.0}"),
    }
}

/// A span of time, in at most two units.
pub fn span(d: Duration) -> String {
    let s = d.as_secs();
    match s {
        0 => format!("{} ms", d.as_millis()),
        1..=59 => format!("{:.1} s", d.as_secs_f64()),
        60..=3599 => format!("{}m{:02}s", s / 60, s % 60),
        3600..=86_399 => format!("{}h{:02}m", s / 3600, s % 3600 / 60),
        _ => format!("{}d{:02}h", s / 86_400, s % 86_400 / 3600),
    }
}

/// Milliseconds since the epoch as `2026-03-01 12:00:00Z`; the ends of the watermark's range in words.
pub fn time(ms: i64) -> String {
    if ms == i64::MAX {
        return "end of input".into();
    }
    if ms == i64::MIN {
        return "none".into();
    }
    let (days, rest) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000));
    let (year, month, day) = civil(days);
    let s = rest / 1000;
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}Z", s / 3600, s / 60 % 60, s % 60)
}

/// Year, month and day of a day number since 1970-01-01 (Gregorian, proleptic).
fn civil(days: i64) -> (i64, i64, i64) {
    // Years begin in March here, so that the leap day is the last one.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// Rows in columns as wide as their widest cell.
pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|c| rows.iter().filter_map(|r| r.get(c)).map(|cell| cell.chars().count()).max().unwrap_or(0))
        .collect();
    let mut out = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(&format!("{cell:<width$}  "));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        assert_eq!([0, 999, 1000, 27_004, 1_234_567].map(count), ["0", "999", "1,000", "27,004", "1,234,567"]);
        assert_eq!(
            [0, 1023, 1024, 5 << 20, u64::MAX].map(bytes),
            ["0 B", "1023 B", "1.0 KiB", "5.0 MiB", "16777216.0 TiB"]
        );
        assert_eq!([0.0, 950.4, 12_345.0, 4.5e6].map(rate), ["0", "950", "12.3k", "4.5M"]);
        assert_eq!(
            [3u64, 1500, 61_000, 3_660_000, 90_000_000].map(|ms| span(Duration::from_millis(ms))),
            ["3 ms", "1.5 s", "1m01s", "1h01m", "1d01h"]
        );
    }

    #[test]
    fn times() {
        for (ms, text) in [
            (0, "1970-01-01 00:00:00Z"),
            (-1, "1969-12-31 23:59:59Z"),
            (951_782_400_000, "2000-02-29 00:00:00Z"),
            (1_357_041_600_000, "2013-01-01 12:00:00Z"),
            (i64::MAX, "end of input"),
        ] {
            assert_eq!(time(ms), text);
        }
    }

    #[test]
    fn tables_line_up() {
        let rows = [vec!["A".to_string(), "B".into()], vec!["long".into(), "x".into()]];
        assert_eq!(table(&rows), "A     B\nlong  x\n");
    }
}
