//! Time zones by Java's names, and the two ways between local time and instants.

use chrono::{DateTime, Offset, TimeZone};
use streamjob_core::options::Options;
use streamjob_core::{Error, Result};

/// A time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zone {
    /// A fixed offset, in seconds east of UTC.
    Fixed(i64),
    /// A zone with a history.
    Named(chrono_tz::Tz),
}

impl Zone {
    /// The session's zone, `table.local-time-zone`. Errors (User) on an unknown name.
    pub fn session(options: &Options) -> Result<Self> {
        let name = options.text("table.local-time-zone").unwrap_or("UTC");
        Self::parse(name).ok_or_else(|| {
            Error::user(format!("option 'table.local-time-zone' = '{name}' is not a time zone"))
                .fix("give a name such as 'Europe/Berlin' or an offset such as 'GMT+02:00'")
        })
    }

    /// `UTC`, `Europe/Berlin`, `GMT+8`, `GMT-08:30`, `+02:00`, `Z`.
    pub fn parse(name: &str) -> Option<Self> {
        let name = name.trim();
        if matches!(name, "UTC" | "GMT" | "Z" | "UT") {
            return Some(Zone::Fixed(0));
        }
        let offset = name.strip_prefix("GMT").or_else(|| name.strip_prefix("UTC")).unwrap_or(name);
        let sign = match offset.as_bytes().first() {
            Some(b'+') => Some(1),
            Some(b'-') => Some(-1),
            _ => None,
        };
        if let Some(sign) = sign {
            let body = offset.get(1..)?;
            let (hours, minutes) = match body.split_once(':') {
                Some((h, m)) => (h, m),
                None if body.len() == 4 => (body.get(..2)?, body.get(2..)?),
                None => (body, "0"),
            };
            let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
            return (hours <= 18 && minutes < 60).then_some(Zone::Fixed(sign * (hours * 3600 + minutes * 60)));
        }
        name.parse().ok().map(Zone::Named)
    }

    /// `java.util.TimeZone.getTimeZone`: an id in its exact case, `GMT+2`, `GMT-8:30`, one of the old three letters,
    /// and GMT for anything else.
    pub fn lenient(name: &str) -> Self {
        let own = || match name.strip_prefix("GMT") {
            Some(offset) if offset.starts_with(['+', '-']) => gmt_offset(offset).map(Zone::Fixed),
            _ => name.parse().ok().map(Zone::Named),
        };
        let short = SHORT.iter().find(|(short, _)| *short == name).and_then(|(_, long)| Self::parse(long));
        short.or_else(own).unwrap_or(Zone::Fixed(0))
    }

    fn offset(self, seconds: i64) -> i64 {
        match self {
            Zone::Fixed(offset) => offset,
            Zone::Named(tz) => match DateTime::from_timestamp(seconds, 0) {
                Some(utc) => i64::from(tz.offset_from_utc_datetime(&utc.naive_utc()).fix().local_minus_utc()),
                None => 0,
            },
        }
    }

    /// Local seconds of an instant, both in seconds since the epoch.
    pub fn to_local(self, instant: i64) -> i64 {
        instant.saturating_add(self.offset(instant))
    }

    /// The instant of local seconds. A local time that is there twice means the
    /// earlier instant; one that is skipped moves ahead by the gap, as in Java.
    pub fn to_instant(self, local: i64) -> i64 {
        let before = self.offset(local.saturating_sub(86_400));
        let candidate = local.saturating_sub(before);
        if self.offset(candidate) == before {
            return candidate;
        }
        let after = self.offset(local.saturating_add(86_400));
        let second = local.saturating_sub(after);
        if self.offset(second) == after { second } else { candidate }
    }

    /// When clocks show local seconds for the last time: the later of two instants, and the moment of the change for
    /// a local time that is skipped.
    pub fn last_instant(self, local: i64) -> i64 {
        let (before, after) = (self.offset(local.saturating_sub(86_400)), self.offset(local.saturating_add(86_400)));
        let (late, early) = (local.saturating_sub(after), local.saturating_sub(before));
        if self.offset(late) == after {
            return late;
        }
        if self.offset(early) == before {
            return early;
        }
        // The offset changes behind `late` and not behind `early`.
        let (mut low, mut high) = (late, early);
        while low + 1 < high {
            let middle = low + (high - low) / 2;
            if self.offset(middle) == before { low = middle } else { high = middle }
        }
        high
    }
}

/// Seconds of `+2`, `+02`, `-830`, `-0830` or `+2:30`.
fn gmt_offset(text: &str) -> Option<i64> {
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let body = text.get(1..)?;
    let (hours, minutes) = match body.split_once(':') {
        Some((hours, minutes)) => (hours, Some(minutes).filter(|m| m.len() == 2)?),
        None if body.len() > 2 => body.split_at_checked(body.len() - 2)?,
        None => (body, "0"),
    };
    let plain = |t: &str| (1..=2).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_digit());
    let (hours, minutes): (i64, i64) =
        (plain(hours) && plain(minutes)).then_some((hours.parse().ok()?, minutes.parse().ok()?))?;
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

/// Java's `ZoneId.SHORT_IDS`.
const SHORT: [(&str, &str); 28] = [
    ("EST", "-05:00"),
    ("HST", "-10:00"),
    ("MST", "-07:00"),
    ("ACT", "Australia/Darwin"),
    ("AET", "Australia/Sydney"),
    ("AGT", "America/Argentina/Buenos_Aires"),
    ("ART", "Africa/Cairo"),
    ("AST", "America/Anchorage"),
    ("BET", "America/Sao_Paulo"),
    ("BST", "Asia/Dhaka"),
    ("CAT", "Africa/Harare"),
    ("CNT", "America/St_Johns"),
    ("CST", "America/Chicago"),
    ("CTT", "Asia/Shanghai"),
    ("EAT", "Africa/Addis_Ababa"),
    ("ECT", "Europe/Paris"),
    ("IET", "America/Indiana/Indianapolis"),
    ("IST", "Asia/Kolkata"),
    ("JST", "Asia/Tokyo"),
    ("MIT", "Pacific/Apia"),
    ("NET", "Asia/Yerevan"),
    ("NST", "Pacific/Auckland"),
    ("PLT", "Asia/Karachi"),
    ("PNT", "America/Phoenix"),
    ("PRT", "America/Puerto_Rico"),
    ("PST", "America/Los_Angeles"),
    ("SST", "Pacific/Guadalcanal"),
    ("VST", "Asia/Ho_Chi_Minh"),
];

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use streamjob_core::text::parse_timestamp;

    fn at(text: &str) -> i64 {
        parse_timestamp(text).unwrap().0
    }

    #[test]
    fn names() {
        assert_eq!(Zone::parse("GMT+8"), Some(Zone::Fixed(28_800)));
        assert_eq!(Zone::parse("-08:30"), Some(Zone::Fixed(-30_600)));
        assert_eq!(Zone::parse("UTC"), Some(Zone::Fixed(0)));
        assert!(matches!(Zone::parse("Asia/Kolkata"), Some(Zone::Named(_))));
        assert_eq!(Zone::parse("Mars/Base"), None);
    }

    #[test]
    fn names_as_the_old_class_reads_them() {
        for (name, same) in [
            ("PST", "America/Los_Angeles"),
            ("EST", "-05:00"),
            ("+02:00", "UTC"),
            ("UTC+2", "UTC"),
            ("europe/berlin", "UTC"),
            ("GMT+25", "UTC"),
            ("GMT+2", "+02:00"),
            ("GMT-0230", "-02:30"),
            ("GMT+2:30", "+02:30"),
            ("Europe/Berlin", "Europe/Berlin"),
        ] {
            assert_eq!(
                Some(Zone::lenient(name)).map(|z| z.offset(0)),
                Zone::parse(same).map(|z| z.offset(0)),
                "{name}"
            );
        }
    }

    #[test]
    fn there_and_back() {
        let berlin = Zone::parse("Europe/Berlin").unwrap();
        for (instant, local) in [
            ("2024-01-01 00:00:00", "2024-01-01 01:00:00"),
            ("2024-07-01 00:00:00", "2024-07-01 02:00:00"),
            ("2024-03-31 00:59:59", "2024-03-31 01:59:59"),
            ("2024-03-31 01:00:00", "2024-03-31 03:00:00"),
            ("2023-10-28 23:30:00", "2023-10-29 01:30:00"),
        ] {
            assert_eq!(berlin.to_local(at(instant)), at(local), "{instant}");
            assert_eq!(berlin.to_instant(at(local)), at(instant), "{local}");
        }
        // In the gap: ahead by an hour. Twice there: the earlier.
        assert_eq!(berlin.to_instant(at("2024-03-31 02:30:00")), at("2024-03-31 01:30:00"));
        assert_eq!(berlin.to_instant(at("2024-10-27 02:30:00")), at("2024-10-27 00:30:00"));
        for (local, instant) in [
            ("2024-07-01 02:00:00", "2024-07-01 00:00:00"),
            ("2024-03-31 01:59:59", "2024-03-31 00:59:59"),
            ("2024-03-31 02:00:00", "2024-03-31 01:00:00"),
            ("2024-03-31 02:59:59", "2024-03-31 01:00:00"),
            ("2024-03-31 03:00:00", "2024-03-31 01:00:00"),
            ("2024-10-27 01:59:59", "2024-10-26 23:59:59"),
            ("2024-10-27 02:30:00", "2024-10-27 01:30:00"),
            ("2024-10-27 03:00:00", "2024-10-27 02:00:00"),
        ] {
            assert_eq!(berlin.last_instant(at(local)), at(instant), "{local}");
        }
    }

    #[test]
    fn last_instants_rise() {
        for (name, day) in [
            ("Europe/Berlin", "2024-03-31 00:00:00"),
            ("Europe/Berlin", "2024-10-27 00:00:00"),
            ("Australia/Lord_Howe", "2024-04-07 00:00:00"),
            ("Australia/Lord_Howe", "2024-10-06 00:00:00"),
            ("America/Los_Angeles", "2021-11-07 00:00:00"),
            ("Asia/Kolkata", "2024-01-01 00:00:00"),
        ] {
            let (zone, start) = (Zone::parse(name).unwrap(), at(day));
            let all: Vec<i64> = (0..86_400).step_by(61).map(|s| zone.last_instant(start + s)).collect();
            assert!(all.is_sorted(), "{name} {day}");
        }
    }
}
