//! When a process wrote a line: the times that log lines begin with.

use std::time::{SystemTime, UNIX_EPOCH};

const DAY: f64 = 86_400.0;

/// Seconds of the day, UTC.
pub fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64()) % DAY
}

/// Milliseconds from `from` to `to`, both seconds of the day.
pub fn between(from: f64, to: f64) -> f64 {
    // A run may go over midnight.
    ((to - from + DAY / 2.0).rem_euclid(DAY) - DAY / 2.0) * 1000.0
}

/// Second of the day of a line such as `2026-11-21T19:31:50.910118Z  INFO …`.
pub fn time_of(line: &str) -> Option<f64> {
    let time = line.split_once('T')?.1.split_once('Z')?.0;
    let mut parts = time.split(':').map(|p| p.parse::<f64>().ok());
    Some(parts.next()?? * 3600.0 + parts.next()?? * 60.0 + parts.next()??)
}

/// The first line after byte `from` that contains `text`: its time, and itself.
pub fn find<'a>(log: &'a str, from: usize, text: &str) -> Option<(f64, &'a str)> {
    log.get(from..)?.lines().filter(|l| l.contains(text)).find_map(|l| Some((time_of(l)?, l)))
}

/// As [`find`], the last one.
pub fn find_last<'a>(log: &'a str, from: usize, text: &str) -> Option<(f64, &'a str)> {
    log.get(from..)?.lines().rev().filter(|l| l.contains(text)).find_map(|l| Some((time_of(l)?, l)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn times_of_lines() {
        let log = "nothing\n2026-11-21T00:00:01.5Z  INFO a\n2026-11-21T23:59:59.000250Z  INFO a b\n";
        assert_eq!(find(log, 0, "a").unwrap().0, 1.5);
        assert_eq!(find_last(log, 0, "a").unwrap().0, 86_399.000_25);
        assert!(find(log, 0, "c").is_none() && find(log, log.len(), "a").is_none());
        assert!((between(86_399.0, 1.5) - 2500.0).abs() < 1e-6);
        assert!((between(1.5, 1.0) + 500.0).abs() < 1e-6);
    }
}
