//! Reading text by a pattern: strictly, as `DateTimeFormatter` does, and
//! leniently, as `SimpleDateFormat`.

use super::super::args::Moment;
use super::{DAYS, MONTHS, Pattern, Piece};
use streamjob_core::text::calendar::{days_from_civil, days_in_month};

impl Pattern {
    /// Reads a whole text; a day past the month's end becomes its last day, as in Java.
    pub fn parse(&self, text: &str) -> Option<Moment> {
        let mut fields = Fields::default();
        let rest = strict(&self.pieces, text, &mut fields)?;
        if rest.is_empty() { fields.resolve(false) } else { None }
    }

    /// Reads the start of a text as `SimpleDateFormat` does: any number of digits, and days,
    /// months and hours that are too large carry over.
    pub fn parse_lenient(&self, text: &str) -> Option<Moment> {
        let mut fields = Fields::default();
        let mut rest = text;
        for (i, piece) in self.pieces.iter().enumerate() {
            match piece {
                Piece::Text(literal) => rest = rest.strip_prefix(literal.as_str())?,
                Piece::Field(letter, count) => {
                    rest = rest.trim_start_matches([' ', '\t']);
                    let adjacent =
                        matches!(self.pieces.get(i + 1), Some(Piece::Field(next, _)) if next.is_alphabetic());
                    let most = if adjacent { *count } else { usize::MAX };
                    rest = fields.read(*letter, *count, 1, most, rest)?;
                }
                Piece::OptionalStart | Piece::OptionalEnd => return None,
            }
        }
        fields.resolve(true)
    }
}

/// Reads pieces; gives what is left of the text.
fn strict<'t>(pieces: &[Piece], text: &'t str, fields: &mut Fields) -> Option<&'t str> {
    let mut rest = text;
    let mut i = 0;
    while let Some(piece) = pieces.get(i) {
        match piece {
            Piece::Text(literal) => rest = rest.strip_prefix(literal.as_str())?,
            Piece::Field(letter, count) => {
                let adjacent = matches!(pieces.get(i + 1), Some(Piece::Field(..)));
                let (least, most) = match (*letter, *count) {
                    ('S', n) => (n, n),
                    (_, 1) if adjacent => (1, 2),
                    (_, 1) => (1, 19),
                    ('y' | 'u', n) if n >= 4 => (n, n),
                    (_, n) => (n, n),
                };
                rest = fields.read(*letter, *count, least, most, rest)?;
            }
            Piece::OptionalStart => {
                let end = closing(pieces, i)?;
                let mut attempt = fields.clone();
                if let Some(after) = strict(pieces.get(i + 1..end)?, rest, &mut attempt) {
                    *fields = attempt;
                    rest = after;
                }
                i = end;
            }
            Piece::OptionalEnd => {}
        }
        i += 1;
    }
    Some(rest)
}

/// Index of the `]` of the `[` at `open`; the end when it has none, as Java allows.
fn closing(pieces: &[Piece], open: usize) -> Option<usize> {
    let mut depth = 0;
    for (i, piece) in pieces.iter().enumerate().skip(open) {
        match piece {
            Piece::OptionalStart => depth += 1,
            Piece::OptionalEnd => {
                depth -= 1;
                if depth == 0 {
                    return Some(i);
                }
            }
            _ => {}
        }
    }
    Some(pieces.len())
}

#[derive(Debug, Clone, Default)]
struct Fields {
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    hour: Option<i64>,
    half_hour: Option<i64>,
    afternoon: Option<bool>,
    minute: Option<i64>,
    second: Option<i64>,
    nanos: Option<i64>,
}

impl Fields {
    /// Reads one field from the start of `text`; gives the rest.
    fn read<'t>(&mut self, letter: char, count: usize, least: usize, most: usize, text: &'t str) -> Option<&'t str> {
        match letter {
            'M' | 'L' if count >= 3 => {
                let (index, rest) = names(&MONTHS, count, text)?;
                self.month = Some(index + 1);
                return Some(rest);
            }
            'E' => return names(&DAYS, count, text).map(|(_, rest)| rest),
            'G' => return text.strip_prefix("AD"),
            'a' => {
                let (head, rest) = text.split_at_checked(2)?;
                self.afternoon = Some(match head.to_ascii_uppercase().as_str() {
                    "AM" => false,
                    "PM" => true,
                    _ => return None,
                });
                return Some(rest);
            }
            _ => {}
        }
        let digits = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
        if digits < least || digits > 18 {
            return None;
        }
        let (number, rest) = text.split_at_checked(digits)?;
        let value: i64 = number.parse().ok()?;
        match letter {
            'y' | 'u' | 'Y' => self.year = Some(if count == 2 && digits == 2 { 2000 + value } else { value }),
            'M' | 'L' => self.month = Some(value),
            'd' => self.day = Some(value),
            'D' => self.day_of_year = Some(value),
            'H' => self.hour = Some(value),
            'k' => self.hour = Some(value % 24),
            'h' => self.half_hour = Some(value % 12),
            'K' => self.half_hour = Some(value),
            'm' => self.minute = Some(value),
            's' => self.second = Some(value),
            'S' => {
                let nine: String = number.chars().chain(std::iter::repeat('0')).take(9).collect();
                self.nanos = Some(nine.parse().ok()?);
            }
            'n' => self.nanos = Some(value),
            'A' => {
                self.hour = Some(0);
                self.second = Some(value / 1000);
                self.nanos = Some(value % 1000 * 1_000_000);
            }
            _ => {}
        }
        Some(rest)
    }

    fn resolve(&self, lenient: bool) -> Option<Moment> {
        let year = self.year.unwrap_or(1970);
        let month = self.month.unwrap_or(1);
        let day = self.day.unwrap_or(1);
        let hour = match (self.hour, self.half_hour) {
            (Some(hour), _) => hour,
            (None, Some(half)) => half + if self.afternoon == Some(true) { 12 } else { 0 },
            (None, None) => 0,
        };
        let (minute, second, nanos) = (self.minute.unwrap_or(0), self.second.unwrap_or(0), self.nanos.unwrap_or(0));
        let days = if lenient {
            let total = month - 1;
            days_from_civil(year + total.div_euclid(12), total.rem_euclid(12) + 1, 1).checked_add(day - 1)?
        } else {
            let midnight = hour == 24 && (minute, second, nanos) == (0, 0, 0);
            let time = (hour < 24 || midnight) && minute < 60 && second < 60;
            if !time || !(1..=12).contains(&month) || !(1..=31).contains(&day) || !(0..=999_999).contains(&year) {
                return None;
            }
            let days = match self.day_of_year {
                Some(n) if self.month.is_none() => days_from_civil(year, 1, 1) + n - 1,
                _ => days_from_civil(year, month, day.min(days_in_month(year, month))),
            };
            // 24:00 is the next day's 0:00, if there is a day.
            let dated = self.day.is_some() || self.day_of_year.is_some();
            if midnight { days - i64::from(!dated) } else { days }
        };
        let seconds = days.checked_mul(86_400)?.checked_add(hour * 3600 + minute * 60 + second)?;
        Some(Moment { seconds, nanos: u32::try_from(nanos).ok()? })
    }
}

fn names<'t>(names: &[&str], count: usize, text: &'t str) -> Option<(i64, &'t str)> {
    names.iter().enumerate().find_map(|(i, name)| {
        let wanted = if count >= 4 { name } else { name.get(..3)? };
        let (head, rest) = text.split_at_checked(wanted.len())?;
        head.eq_ignore_ascii_case(wanted).then_some((i as i64, rest))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use streamjob_core::text::timestamp_sql;

    fn shown(moment: Option<Moment>) -> Option<String> {
        moment.map(|m| timestamp_sql(m.millis(), &arrow::datatypes::TimeUnit::Millisecond, 0))
    }

    #[test]
    fn parses_strictly() {
        for (text, pattern, expected) in [
            ("2024/03/05 06:07", "yyyy/MM/dd HH:mm", Some("2024-03-05 06:07:00")),
            ("2024-1-2 3:4:5", "yyyy-M-d H:m:s", Some("2024-01-02 03:04:05")),
            ("20240305", "yyyyMMdd", Some("2024-03-05 00:00:00")),
            ("2024-02-30", "yyyy-MM-dd", Some("2024-02-29 00:00:00")),
            ("05 Mar 2024 06:07 PM", "dd MMM yyyy hh:mm a", Some("2024-03-05 18:07:00")),
            ("2024-01-02", "yyyy-MM-dd[ HH:mm]", Some("2024-01-02 00:00:00")),
            ("2024-01-02 10:11", "yyyy-MM-dd[ HH:mm]", Some("2024-01-02 10:11:00")),
            ("2024-01-09 24:00", "yyyy-MM-dd HH:mm", Some("2024-01-10 00:00:00")),
            ("24:00", "HH:mm", Some("1970-01-01 00:00:00")),
            ("24:01", "HH:mm", None),
            ("2024-1-2", "yyyy-MM-dd", None),
            ("2024-01-02x", "yyyy-MM-dd", None),
            ("2024-13-02", "yyyy-MM-dd", None),
        ] {
            assert_eq!(shown(Pattern::compile(pattern).unwrap().parse(text)).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn parses_leniently() {
        for (text, pattern, expected) in [
            ("2024-13-45 00:00:00", "yyyy-M-d H:m:s", Some("2025-02-14 00:00:00")),
            ("2024-1-2 3:4:5", "yyyy-MM-dd HH:mm:ss", Some("2024-01-02 03:04:05")),
            ("2024-02-29 23:59:59.999", "yyyy-MM-dd HH:mm:ss", Some("2024-02-29 23:59:59")),
            ("2024-02-29", "yyyy-MM-dd HH:mm:ss", None),
            ("not a time", "yyyy-MM-dd", None),
        ] {
            assert_eq!(shown(Pattern::compile(pattern).unwrap().parse_lenient(text)).as_deref(), expected, "{text}");
        }
    }
}
