//! Decides how a span of time is written in a manifest: Go style (`30s`,
//! `1h30m`) or Flink style (`1 min`, `7 d`). A bare number is refused, because
//! readers disagree about its unit. Every text that matches [`PATTERN`] parses,
//! so what the API server admits can always be read.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

macro_rules! unit {
    () => {
        "(d|days?|h|hours?|m|min|mins|minutes?|s|secs?|seconds?|ms|millis?|milliseconds?|us|µs|micros?|microseconds?|ns|nanos?|nanoseconds?)"
    };
}
macro_rules! part {
    () => {
        concat!(r"[0-9]{1,9}(\.[0-9]{1,9})? ?", unit!())
    };
}
macro_rules! text {
    () => {
        concat!("0|", part!(), "( ?", part!(), ")*")
    };
}

/// The schema's pattern for a duration.
pub const PATTERN: &str = concat!("^(", text!(), ")$");
/// The same without anchors, for patterns that contain a duration.
pub(crate) const PATTERN_BODY: &str = text!();
/// Longest text of a duration.
pub const MAX_LENGTH: u32 = 32;
/// What to tell a user whose text is not a duration.
pub const FIX: &str = "write a number with its unit, such as 30s, 1m, 1h30m, 500ms or \"10 min\"";

/// A span of time with the text it was written as.
///
/// Two durations are equal when they are equally long, whatever their text.
#[derive(Clone, Debug)]
pub struct Duration {
    text: String,
    value: std::time::Duration,
}

/// A text that is not a duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a duration; {FIX}")]
pub struct DurationError(String);

impl Duration {
    /// A whole number of seconds.
    pub fn from_secs(seconds: u64) -> Self {
        let text = match seconds {
            0 => "0s".to_owned(),
            s if s % 86_400 == 0 => format!("{}d", s / 86_400),
            s if s % 3_600 == 0 => format!("{}h", s / 3_600),
            s if s % 60 == 0 => format!("{}m", s / 60),
            s => format!("{s}s"),
        };
        Self { text, value: std::time::Duration::from_secs(seconds) }
    }

    /// The span itself.
    pub fn get(&self) -> std::time::Duration {
        self.value
    }

    /// As the user wrote it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the span is empty; for several options this means "off".
    pub fn is_zero(&self) -> bool {
        self.value.is_zero()
    }
}

impl FromStr for Duration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, DurationError> {
        parse(text).map(|value| Self { text: text.to_owned(), value }).ok_or_else(|| DurationError(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<std::time::Duration> {
    if text.chars().count() > MAX_LENGTH as usize {
        return None;
    }
    if text == "0" {
        return Some(std::time::Duration::ZERO);
    }
    let mut nanos: u128 = 0;
    let mut rest = text;
    let mut first = true;
    while !rest.is_empty() {
        if !first {
            rest = rest.strip_prefix(' ').unwrap_or(rest);
        }
        first = false;
        let (whole, after) = digits(rest)?;
        rest = after;
        let mut fraction = "";
        if let Some(after) = rest.strip_prefix('.') {
            (fraction, rest) = digits(after)?;
        }
        rest = rest.strip_prefix(' ').unwrap_or(rest);
        let end = rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
        let (unit, after) = rest.split_at_checked(end)?;
        rest = after;
        let unit = unit_nanos(unit)?;
        nanos = nanos.checked_add(whole.parse::<u128>().ok()?.checked_mul(unit)?)?;
        if !fraction.is_empty() {
            let scale = 10u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
            nanos = nanos.checked_add(fraction.parse::<u128>().ok()?.checked_mul(unit)? / scale)?;
        }
    }
    if first {
        return None;
    }
    let seconds = u64::try_from(nanos / 1_000_000_000).ok()?;
    let below = u32::try_from(nanos % 1_000_000_000).ok()?;
    Some(std::time::Duration::new(seconds, below))
}

/// One to nine digits at the head of `text`, and what follows.
fn digits(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    (1..=9).contains(&end).then(|| text.split_at_checked(end)).flatten()
}

fn unit_nanos(unit: &str) -> Option<u128> {
    Some(match unit {
        "d" | "day" | "days" => 86_400_000_000_000,
        "h" | "hour" | "hours" => 3_600_000_000_000,
        "m" | "min" | "mins" | "minute" | "minutes" => 60_000_000_000,
        "s" | "sec" | "secs" | "second" | "seconds" => 1_000_000_000,
        "ms" | "milli" | "millis" | "millisecond" | "milliseconds" => 1_000_000,
        "us" | "µs" | "micro" | "micros" | "microsecond" | "microseconds" => 1_000,
        "ns" | "nano" | "nanos" | "nanosecond" | "nanoseconds" => 1,
        _ => return None,
    })
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for Duration {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Eq for Duration {}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Duration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "minLength": 1, "maxLength": MAX_LENGTH, "pattern": PATTERN})
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;

    const GOOD: &[(&str, u128)] = &[
        ("0", 0),
        ("0s", 0),
        ("30s", 30_000_000_000),
        ("1m", 60_000_000_000),
        ("1 min", 60_000_000_000),
        ("10 minutes", 600_000_000_000),
        ("1h30m", 5_400_000_000_000),
        ("1h 30m", 5_400_000_000_000),
        ("1.5h", 5_400_000_000_000),
        ("500ms", 500_000_000),
        ("250 millis", 250_000_000),
        ("7d", 604_800_000_000_000),
        ("3 µs", 3_000),
        ("12ns", 12),
        ("0.000000001s", 1),
        ("999999999d", 86_399_999_913_600_000_000_000),
    ];
    const BAD: &[&str] = &[
        "",
        " ",
        "30",
        "1 fortnight",
        "-1s",
        "+1s",
        "s",
        "1s ",
        " 1s",
        "1  s",
        "1s  2s",
        ".5s",
        "1.s",
        "1h30",
        "1234567890s",
        "PT30S",
        "30S",
        "1s1s1s1s1s1s1s1s1s1s1s1s1s1s1s1s1s",
    ];

    #[test]
    fn parses_go_and_flink_style() {
        for (text, nanos) in GOOD {
            let parsed: Duration = text.parse().unwrap();
            assert_eq!(parsed.get().as_nanos(), *nanos, "{text}");
            assert_eq!(parsed.to_string(), *text);
        }
    }

    #[test]
    fn refuses_what_is_not_a_duration() {
        for text in BAD {
            assert!(text.parse::<Duration>().is_err(), "{text:?}");
        }
    }

    /// The API server and this parser must admit the same texts.
    #[test]
    fn pattern_and_parser_agree() {
        let pattern = regex::Regex::new(PATTERN).unwrap();
        let admits = |t: &str| t.chars().count() <= MAX_LENGTH as usize && pattern.is_match(t);
        for text in GOOD.iter().map(|(t, _)| *t).chain(BAD.iter().copied()) {
            assert_eq!(admits(text), text.parse::<Duration>().is_ok(), "{text:?}");
        }
        let pieces = ["1", "0", ".", " ", "s", "m", "min", "day", "ms", "x"];
        for a in pieces {
            for b in pieces {
                for c in pieces {
                    for d in pieces {
                        let text = format!("{a}{b}{c}{d}");
                        assert_eq!(admits(&text), text.parse::<Duration>().is_ok(), "{text:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn equal_by_length_of_time() {
        assert_eq!("60s".parse::<Duration>().unwrap(), "1 min".parse::<Duration>().unwrap());
        assert_eq!(Duration::from_secs(604_800).as_str(), "7d");
        assert_eq!(Duration::from_secs(60).as_str(), "1m");
    }
}
