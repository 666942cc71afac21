//! How option values are written: durations and sizes as in Flink, and the
//! short forms of Go and Kubernetes.

use std::time::Duration;

/// `500 ms`, `30s`, `1 min`, `1h30m`, `7 d`; a bare number is milliseconds.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.trim().to_ascii_lowercase();
    if text.is_empty() {
        return None;
    }
    if let Ok(ms) = text.parse::<u64>() {
        return Some(Duration::from_millis(ms));
    }
    let mut rest = text.as_str();
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let (number, unit, tail) = next_part(rest)?;
        let nanos: u64 = match unit {
            "ns" | "nano" | "nanos" | "nanosecond" | "nanoseconds" => 1,
            "us" | "µs" | "micro" | "micros" | "microsecond" | "microseconds" => 1_000,
            "ms" | "milli" | "millis" | "millisecond" | "milliseconds" => 1_000_000,
            "s" | "sec" | "secs" | "second" | "seconds" => 1_000_000_000,
            "m" | "min" | "mins" | "minute" | "minutes" => 60_000_000_000,
            "h" | "hour" | "hours" => 3_600_000_000_000,
            "d" | "day" | "days" => 86_400_000_000_000,
            _ => return None,
        };
        total = total.checked_add(Duration::from_nanos(number.checked_mul(nanos)?))?;
        rest = tail;
    }
    Some(total)
}

/// `64mb`, `1 gb`, `1Gi`, `4096`; all units are powers of 1024 as in Flink. Bytes.
pub fn parse_memory_size(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    if let Ok(bytes) = text.parse::<u64>() {
        return Some(bytes);
    }
    let (number, unit, tail) = next_part(&text)?;
    let shift = match unit {
        "b" | "bytes" => 0,
        "k" | "kb" | "ki" | "kib" | "kibibytes" => 10,
        "m" | "mb" | "mi" | "mib" | "mebibytes" => 20,
        "g" | "gb" | "gi" | "gib" | "gibibytes" => 30,
        "t" | "tb" | "ti" | "tib" | "tebibytes" => 40,
        _ => return None,
    };
    tail.is_empty().then(|| number.checked_mul(1 << shift)).flatten()
}

/// `true` or `false`, in any case.
pub fn parse_bool(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// Splits `30 s …` into number, unit and the rest.
fn next_part(text: &str) -> Option<(u64, &str, &str)> {
    let text = text.trim_start();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, rest) = text.split_at_checked(digits)?;
    let rest = rest.trim_start();
    let letters = rest.find(|c: char| c.is_ascii_digit() || c.is_whitespace()).unwrap_or(rest.len());
    let (unit, tail) = rest.split_at_checked(letters)?;
    Some((number.parse().ok()?, unit, tail.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, ms) in [
            ("500 ms", Some(500)),
            ("30s", Some(30_000)),
            ("1 min", Some(60_000)),
            ("1h30m", Some(5_400_000)),
            ("250", Some(250)),
            ("7 d", Some(604_800_000)),
            ("0 ms", Some(0)),
            ("", None),
            ("soon", None),
            ("3 parsecs", None),
            ("-1 s", None),
            ("99999999999999 d", None),
        ] {
            assert_eq!(parse_duration(text).map(|d| d.as_millis()), ms, "{text}");
        }
    }

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("4096", Some(4096)),
            ("64mb", Some(64 << 20)),
            ("1 gb", Some(1 << 30)),
            ("1Gi", Some(1 << 30)),
            ("20 kb", Some(20_480)),
            ("1 mb 1 kb", None),
            ("many", None),
        ] {
            assert_eq!(parse_memory_size(text), bytes, "{text}");
        }
    }
}
