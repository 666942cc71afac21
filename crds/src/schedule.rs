//! Decides when periodic savepoints are due: a duration between two of them, or
//! a five-field cron expression (UTC). Only reads the text; the operator and the
//! coordinator compute the next time.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::duration::{self, Duration};

/// Longest text of a schedule.
pub const MAX_LENGTH: u32 = 128;
/// What to tell a user whose text is not a schedule.
pub const FIX: &str = "write a duration such as 6h, a cron expression of five fields such as \"0 3 * * *\", or @hourly, @daily, @weekly, @monthly";

/// A schedule as the user wrote it; [`Schedule::when`] reads it.
///
/// Kept as text, because the API server's pattern cannot check the ranges of a
/// cron expression: a wrong one must be reported, not make the object unreadable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Schedule(pub String);

/// What a schedule means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum When {
    /// This long after the start of the one before.
    Every(std::time::Duration),
    /// At the times of this five-field expression, UTC.
    Cron(String),
}

impl Schedule {
    /// Reads the schedule. The error says what is wrong with the text.
    pub fn when(&self) -> Result<When, String> {
        let text = self.0.as_str();
        let cron = match text {
            "@hourly" => "0 * * * *",
            "@daily" => "0 0 * * *",
            "@weekly" => "0 0 * * 0",
            "@monthly" => "0 0 1 * *",
            _ if text.starts_with('@') => {
                return Err(format!("{text:?} is not a known schedule name"));
            }
            _ => match text.parse::<Duration>() {
                Ok(every) if every.is_zero() => {
                    return Err("a schedule of zero length never ends".to_owned());
                }
                Ok(every) => return Ok(When::Every(every.get())),
                Err(_) => text,
            },
        };
        check_cron(cron)?;
        Ok(When::Cron(cron.to_owned()))
    }
}

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

fn check_cron(text: &str) -> Result<(), String> {
    let fields: Vec<&str> = text.split(' ').collect();
    let ranges: [(&str, u32, u32, &[&str]); 5] = [
        ("minute", 0, 59, &[]),
        ("hour", 0, 23, &[]),
        ("day of month", 1, 31, &[]),
        ("month", 1, 12, &MONTHS),
        ("day of week", 0, 7, &DAYS),
    ];
    if fields.len() != ranges.len() || fields.iter().any(|f| f.is_empty()) {
        return Err(format!("{text:?} is neither a duration nor a cron expression of five fields"));
    }
    for (field, (name, low, high, names)) in fields.iter().zip(ranges) {
        for item in field.split(',') {
            let (range, step) = item.split_once('/').map_or((item, None), |(r, s)| (r, Some(s)));
            let bad = || format!("{item:?} is not a valid {name} ({low} to {high})");
            if let Some(step) = step {
                step.parse::<u32>().ok().filter(|s| (1..=high).contains(s)).ok_or_else(bad)?;
            }
            if range == "*" {
                continue;
            }
            let number = |t: &str| {
                let named = names.iter().position(|n| n.eq_ignore_ascii_case(t)).and_then(|i| u32::try_from(i).ok());
                named.map(|i| i + low).or_else(|| t.parse::<u32>().ok()).filter(|n| (low..=high).contains(n))
            };
            let (from, to) = range.split_once('-').unwrap_or((range, range));
            let (from, to) = (number(from).ok_or_else(bad)?, number(to).ok_or_else(bad)?);
            if from > to {
                return Err(bad());
            }
        }
    }
    Ok(())
}

/// The schema's pattern for a schedule.
pub fn pattern() -> String {
    let cron = "[0-9A-Za-z*/,-]+( [0-9A-Za-z*/,-]+){4}";
    format!("^({}|@(hourly|daily|weekly|monthly)|{cron})$", duration::PATTERN_BODY)
}

impl JsonSchema for Schedule {
    fn schema_name() -> Cow<'static, str> {
        "Schedule".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "minLength": 1, "maxLength": MAX_LENGTH, "pattern": pattern()})
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn reads_durations_and_cron() {
        let when = |t: &str| Schedule(t.to_owned()).when();
        assert_eq!(when("6h"), Ok(When::Every(std::time::Duration::from_secs(21_600))));
        assert_eq!(when("@daily"), Ok(When::Cron("0 0 * * *".to_owned())));
        for good in ["0 3 * * *", "*/15 0-6 1,15 jan-mar mon", "0 0 * * 7"] {
            assert_eq!(when(good), Ok(When::Cron(good.to_owned())));
        }
        for bad in
            ["0s", "@never", "60 * * * *", "* * * *", "* * * * * *", "*/0 * * * *", "5-1 * * * *", "* * 0 * *", "x", ""]
        {
            assert!(when(bad).is_err(), "{bad:?}");
        }
    }
}
