//! Java's date and time patterns: `DateTimeFormatter` for formatting and strict
//! parsing, `SimpleDateFormat`'s lenient parsing where Flink uses that class.

mod fallback;
mod parse;

use super::args::Moment;
pub use fallback::sql_value;
use streamjob_core::text::calendar::{civil_from_days, days_from_civil, iso_week};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// A compiled pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Field(char, usize),
    /// `[` and `]`: what stands between may be missing when parsing.
    OptionalStart,
    OptionalEnd,
}

impl Pattern {
    /// Compiles a pattern; the error says which letter is not supported.
    pub fn compile(pattern: &str) -> Result<Self, String> {
        let mut pieces: Vec<Piece> = Vec::new();
        let mut chars = pattern.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\'' => {
                    let mut text = String::new();
                    if chars.peek() == Some(&'\'') {
                        chars.next();
                        text.push('\'');
                    } else {
                        loop {
                            match chars.next() {
                                Some('\'') if chars.peek() == Some(&'\'') => {
                                    chars.next();
                                    text.push('\'');
                                }
                                Some('\'') => break,
                                Some(other) => text.push(other),
                                None => return Err(format!("pattern '{pattern}' has an open quote")),
                            }
                        }
                    }
                    pieces.push(Piece::Text(text));
                }
                '[' => pieces.push(Piece::OptionalStart),
                ']' => pieces.push(Piece::OptionalEnd),
                letter if letter.is_ascii_alphabetic() => {
                    let mut count = 1;
                    while chars.peek() == Some(&letter) {
                        chars.next();
                        count += 1;
                    }
                    if !"yuYMLdDHhkKmsSnAEecaGQqwW".contains(letter) {
                        return Err(format!("letter '{letter}' of time pattern '{pattern}' is not supported"));
                    }
                    pieces.push(Piece::Field(letter, count));
                }
                other => match pieces.last_mut() {
                    Some(Piece::Text(text)) => text.push(other),
                    _ => pieces.push(Piece::Text(other.to_string())),
                },
            }
        }
        Ok(Self { pieces })
    }

    /// For so many seconds, counted from the epoch, the text of local times is the same; `None` when it can differ
    /// within one.
    pub fn step(&self) -> Option<i64> {
        let mut least = 86_400;
        for piece in &self.pieces {
            least = least.min(match piece {
                Piece::Field('S' | 'n' | 'A', _) => return None,
                Piece::Field('s', _) => 1,
                Piece::Field('m', _) => 60,
                Piece::Field('H' | 'k' | 'K' | 'h' | 'a', _) => 3600,
                _ => 86_400,
            });
        }
        Some(least)
    }

    /// The text of a local time.
    pub fn format(&self, local: Moment) -> String {
        let days = local.seconds.div_euclid(86_400);
        let second_of_day = local.seconds.rem_euclid(86_400);
        let (year, month, day) = civil_from_days(days);
        let (hour, minute, second) = (second_of_day / 3600, second_of_day / 60 % 60, second_of_day % 60);
        let day_of_year = days - days_from_civil(year, 1, 1) + 1;
        // 0 is Sunday.
        let weekday = (days + 4).rem_euclid(7);
        let mut out = String::new();
        for piece in &self.pieces {
            let (letter, count) = match piece {
                Piece::Text(text) => {
                    out.push_str(text);
                    continue;
                }
                Piece::Field(letter, count) => (*letter, *count),
                Piece::OptionalStart | Piece::OptionalEnd => continue,
            };
            let number = |value: i64| format!("{value:0count$}");
            let name = |names: &[&str], index: i64| {
                let full = usize::try_from(index).ok().and_then(|i| names.get(i)).copied().unwrap_or_default();
                match count {
                    4 => full.to_string(),
                    5 => full.chars().take(1).collect(),
                    _ => full.chars().take(3).collect(),
                }
            };
            let years = |value: i64| {
                if count == 2 {
                    format!("{:02}", value.rem_euclid(100))
                } else if value > 9999 && count == 4 {
                    format!("+{value}")
                } else {
                    number(value)
                }
            };
            out.push_str(&match letter {
                'y' | 'u' => years(year),
                'Y' => years(us_week(days).0),
                'w' => number(us_week(days).1),
                'W' => number((day - 1 + (weekday - (day - 1)).rem_euclid(7)) / 7 + 1),
                'M' | 'L' if count >= 3 => name(&MONTHS, month - 1),
                'M' | 'L' => number(month),
                'd' => number(day),
                'D' => number(day_of_year),
                'H' => number(hour),
                'k' => number(if hour == 0 { 24 } else { hour }),
                'K' => number(hour % 12),
                'h' => number(if hour % 12 == 0 { 12 } else { hour % 12 }),
                'm' => number(minute),
                's' => number(second),
                'S' => {
                    let digits = format!("{:09}", local.nanos);
                    digits.chars().chain(std::iter::repeat('0')).take(count).collect()
                }
                'n' => number(i64::from(local.nanos)),
                'A' => number(second_of_day * 1000 + i64::from(local.nanos / 1_000_000)),
                'E' => name(&DAYS, weekday),
                'e' | 'c' if count >= 3 => name(&DAYS, weekday),
                'e' | 'c' => number(weekday + 1),
                'a' => String::from(if hour < 12 { "AM" } else { "PM" }),
                'G' => String::from("AD"),
                'Q' | 'q' if count == 3 => format!("Q{}", (month - 1) / 3 + 1),
                'Q' | 'q' => number((month - 1) / 3 + 1),
                _ => String::new(),
            });
        }
        out
    }
}

/// Week-based year and week as in the United States: weeks start on Sunday, and the first has January 1.
fn us_week(days: i64) -> (i64, i64) {
    let start = |year: i64| {
        let first = days_from_civil(year, 1, 1);
        first - (first + 4).rem_euclid(7)
    };
    let (mut year, _, _) = civil_from_days(days);
    if days >= start(year + 1) {
        year += 1;
    }
    (year, (days - start(year)) / 7 + 1)
}

/// ISO week-based year and week, for EXTRACT.
pub fn week_of(days: i64) -> (i64, i64) {
    iso_week(days)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use streamjob_core::text::parse_timestamp;

    fn at(text: &str) -> Moment {
        let (seconds, nanos) = parse_timestamp(text).unwrap();
        Moment { seconds, nanos }
    }

    #[test]
    fn texts_last_as_long_as_their_smallest_field() {
        for (pattern, step) in [
            ("yyyy-MM-dd", Some(86_400)),
            ("'at'", Some(86_400)),
            ("HH 'm'", Some(3600)),
            ("dd HH:mm", Some(60)),
            ("mm:ss", Some(1)),
            ("yyyy SSS", None),
        ] {
            assert_eq!(Pattern::compile(pattern).unwrap().step(), step, "{pattern}");
        }
    }

    #[test]
    fn formats() {
        for (time, pattern, expected) in [
            ("2024-01-01 00:00:00", "yy/M/d h:mm a", "24/1/1 12:00 AM"),
            ("2024-02-29 23:59:59.999", "yyyy-MM-dd HH:mm:ss.SSS", "2024-02-29 23:59:59.999"),
            ("2024-02-29 23:59:59.999", "EEE, dd MMM yyyy", "Thu, 29 Feb 2024"),
            ("2024-02-29 23:59:59.999", "EEEE MMMM", "Thursday February"),
            ("2024-02-29 23:59:59.999", "yyyyMMdd'T'HHmmss", "20240229T235959"),
            ("2024-01-01 00:00:00", "D w e", "1 1 2"),
            ("2024-02-29 00:00:00", "D w e", "60 9 5"),
            ("1969-12-31 23:59:59.123", "D w e", "365 1 4"),
            ("2023-10-29 01:30:00", "D w e", "302 44 1"),
            ("2024-12-30 13:14:15", "D w e", "365 1 2"),
            ("2024-12-30 13:14:15", "Q QQQ ''k''", "4 Q4 '13'"),
        ] {
            assert_eq!(Pattern::compile(pattern).unwrap().format(at(time)), expected, "{pattern}");
        }
        assert!(Pattern::compile("yyyy XXX").is_err());
        assert!(Pattern::compile("yyyy 'open").is_err());
    }
}
