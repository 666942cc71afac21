//! Decides how an amount of memory is written in a manifest: `512Mi`, `1Gi`
//! (Kubernetes style) or `64mb` (Flink style). All units are powers of 1024.
//! One-letter units are refused: `1G` is 10^9 to Kubernetes and 2^30 to Flink.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The schema's pattern for a size.
pub const PATTERN: &str = "^[0-9]{1,12}( ?(b|bytes|kb|mb|gb|tb|KB|MB|GB|TB|Ki|Mi|Gi|Ti|KiB|MiB|GiB|TiB))?$";
/// Longest text of a size.
pub const MAX_LENGTH: u32 = 20;
/// What to tell a user whose text is not a size.
pub const FIX: &str =
    "write a whole number of bytes, or one with a unit that is a power of 1024, such as 512Mi, 1Gi or 64mb";

/// An amount of memory with the text it was written as; equal by amount.
#[derive(Clone, Debug)]
pub struct Size {
    text: String,
    bytes: u64,
}

/// A text that is not a size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a size; {FIX}")]
pub struct SizeError(String);

impl Size {
    /// The amount in bytes; more than 2^64 - 1 is capped there.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// As the user wrote it.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for Size {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        parse(text).map(|bytes| Self { text: text.to_owned(), bytes }).ok_or_else(|| SizeError(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    if !(1..=12).contains(&end) {
        return None;
    }
    let (number, rest) = text.split_at_checked(end)?;
    let shift = match rest.strip_prefix(' ').unwrap_or(rest) {
        "" if rest.is_empty() => 0,
        "b" | "bytes" => 0,
        "kb" | "KB" | "Ki" | "KiB" => 10,
        "mb" | "MB" | "Mi" | "MiB" => 20,
        "gb" | "GB" | "Gi" | "GiB" => 30,
        "tb" | "TB" | "Ti" | "TiB" => 40,
        _ => return None,
    };
    Some(number.parse::<u64>().ok()?.saturating_mul(1 << shift))
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for Size {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Size {}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Size {
    fn schema_name() -> Cow<'static, str> {
        "Size".into()
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

    const GOOD: &[(&str, u64)] = &[
        ("0", 0),
        ("1024", 1024),
        ("64mb", 64 << 20),
        ("64 mb", 64 << 20),
        ("1Gi", 1 << 30),
        ("512Mi", 512 << 20),
        ("2 GiB", 2 << 30),
        ("5 bytes", 5),
        ("999999999999Ti", u64::MAX),
    ];
    const BAD: &[&str] = &["", "Mi", "1G", "1g", "64m", "1.5Gi", "-1Mi", "1 ", "1  Mi", "1234567890123", "1gi", "1Mib"];

    #[test]
    fn parses_both_styles() {
        for (text, bytes) in GOOD {
            assert_eq!(text.parse::<Size>().unwrap().bytes(), *bytes, "{text}");
        }
    }

    #[test]
    fn pattern_and_parser_agree() {
        let pattern = regex::Regex::new(PATTERN).unwrap();
        for text in GOOD.iter().map(|(t, _)| *t).chain(BAD.iter().copied()) {
            assert_eq!(pattern.is_match(text), text.parse::<Size>().is_ok(), "{text:?}");
        }
        for text in BAD {
            assert!(text.parse::<Size>().is_err(), "{text:?}");
        }
    }
}
