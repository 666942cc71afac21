//! Functions of dates, times and timestamps. Parts of a TIMESTAMP before 1970
//! come out as Flink computes them: its division of milliseconds goes towards zero.

mod text;

use super::super::BoundExpr;
use super::super::args::{Args, Moment};
use super::super::build::{dates, ints, longs, times, timestamps};
use super::super::call::Behaviour;
use super::super::env::Env;
use super::super::java_time::week_of;
use super::super::literal::Unit;
use super::super::time_arith::{plus_millis, plus_months};
use super::super::zone::Zone;
use super::site::{FunctionDef, Site, alias, def};
use arrow::array::ArrayRef;
use std::sync::Arc;
use streamjob_core::text::calendar::{add_months, civil_from_days, days_from_civil};
use streamjob_core::{DataType, Error, LogicalType, Result};
use text::{convert_tz, date_format, from_unixtime, to_date, to_timestamp, to_timestamp_ltz, unix_timestamp};

const DAY_MS: i64 = 86_400_000;

/// For the docs.
pub const NOTE: &str = "A pattern is one of Java's, of these letters: `y` `u` `Y` (year), `Q` `q` (quarter), `M` `L` (month), \
`w` `W` (week), `d` `D` (day of the month, of the year), `E` `e` `c` (day of the week), `a` (AM or PM), `H` `k` `K` `h` \
(hour), `m`, `s`, `S` (fraction), `n` (nanoseconds), `A` (milliseconds of the day), `G` (era), with `'text'` and, for parts \
that may be missing, `[` and `]`. Patterns with letters of time zones (`X`, `x`, `Z`, `z`, `V`, `O`) are refused. A pattern \
that is wrong is an error here; in TO_TIMESTAMP Flink gives NULL.";

/// The functions of this module.
pub const FUNCTIONS: &[FunctionDef] = &[
    def("EXTRACT", "EXTRACT(unit FROM time)", (2, 2), "A part of a time, as BIGINT.", |s| {
        let name = s.literal_str(0).unwrap_or_default();
        part(&s, 1, &name)
    }),
    def("YEAR", "YEAR(time)", (1, 1), "The year.", |s| part(&s, 0, "YEAR")),
    def("QUARTER", "QUARTER(time)", (1, 1), "The quarter, 1 to 4.", |s| part(&s, 0, "QUARTER")),
    def("MONTH", "MONTH(time)", (1, 1), "The month, 1 to 12.", |s| part(&s, 0, "MONTH")),
    def("WEEK", "WEEK(time)", (1, 1), "The ISO week, 1 to 53.", |s| part(&s, 0, "WEEK")),
    def("DAYOFYEAR", "DAYOFYEAR(time)", (1, 1), "The day of the year, from 1.", |s| part(&s, 0, "DOY")),
    def("DAYOFMONTH", "DAYOFMONTH(time)", (1, 1), "The day of the month, from 1.", |s| part(&s, 0, "DAY")),
    def("DAYOFWEEK", "DAYOFWEEK(time)", (1, 1), "The day of the week, 1 for Sunday.", |s| part(&s, 0, "DOW")),
    def("HOUR", "HOUR(time)", (1, 1), "The hour.", |s| part(&s, 0, "HOUR")),
    def("MINUTE", "MINUTE(time)", (1, 1), "The minute.", |s| part(&s, 0, "MINUTE")),
    def("SECOND", "SECOND(time)", (1, 1), "The second.", |s| part(&s, 0, "SECOND")),
    def("DATE_FORMAT", "DATE_FORMAT(time, pattern)", (2, 2), "As text, by a Java pattern.", date_format),
    def("TO_DATE", "TO_DATE(text [, pattern])", (1, 2), "A DATE from text.", to_date),
    def("TO_TIMESTAMP", "TO_TIMESTAMP(text [, pattern])", (1, 2), "A TIMESTAMP(3) from text, or NULL.", to_timestamp),
    def(
        "TO_TIMESTAMP_LTZ",
        "TO_TIMESTAMP_LTZ(number [, 0 or 3]) or TO_TIMESTAMP_LTZ(text [, pattern [, zone]])",
        (1, 3),
        "A TIMESTAMP_LTZ(3) from seconds, milliseconds or text.",
        to_timestamp_ltz,
    ),
    def(
        "FROM_UNIXTIME",
        "FROM_UNIXTIME(seconds [, pattern])",
        (1, 2),
        "Seconds since 1970 as text in the session's time zone.",
        from_unixtime,
    ),
    def(
        "UNIX_TIMESTAMP",
        "UNIX_TIMESTAMP([text [, pattern]])",
        (0, 2),
        "Seconds since 1970, of now or of text in the session's time zone.",
        unix_timestamp,
    ),
    def("CONVERT_TZ", "CONVERT_TZ(text, from zone, to zone)", (3, 3), "A time of one zone in another.", convert_tz),
    def("TIMESTAMPADD", "TIMESTAMPADD(unit, n, time)", (3, 3), "A time n units later.", timestamp_add),
    def(
        "TIMESTAMPDIFF",
        "TIMESTAMPDIFF(unit, from, to)",
        (3, 3),
        "Whole units between two times, as INT.",
        timestamp_diff,
    ),
    alias(
        "CURRENT_TIMESTAMP",
        &["NOW", "CURRENT_ROW_TIMESTAMP"],
        "CURRENT_TIMESTAMP",
        (0, 0),
        "Now, as TIMESTAMP_LTZ(3).",
        |s| Ok(now(&s)),
    ),
    def("PROCTIME", "PROCTIME()", (0, 0), "Now, as a processing-time attribute.", |s| Ok(now(&s))),
    def("LOCALTIMESTAMP", "LOCALTIMESTAMP", (0, 0), "Now in the session's time zone, as TIMESTAMP(3).", |s| {
        let env = s.env();
        Ok(clock(&s, DataType::Timestamp(3), move |a| {
            let moment = local_now(&env);
            timestamps(a.rows, &DataType::Timestamp(3), |_| Ok(Some(moment)))
        }))
    }),
    def("CURRENT_DATE", "CURRENT_DATE", (0, 0), "Today in the session's time zone.", |s| {
        let env = s.env();
        Ok(clock(&s, DataType::Date, move |a| {
            let days = local_now(&env).seconds.div_euclid(86_400) as i32;
            dates(a.rows, |_| Some(days))
        }))
    }),
    alias(
        "CURRENT_TIME",
        &["LOCALTIME"],
        "CURRENT_TIME",
        (0, 0),
        "The time of day in the session's time zone, as TIME(0).",
        |s| {
            let env = s.env();
            Ok(clock(&s, DataType::Time(0), move |a| {
                let ms = local_now(&env).seconds.rem_euclid(86_400) as i32 * 1000;
                times(a.rows, |_| Some(ms))
            }))
        },
    ),
];

fn local_now(env: &Env) -> Moment {
    let now = Moment::from_millis(env.clock.now_ms());
    now.at(env.zone.to_local(now.seconds))
}

fn clock(s: &Site, data: DataType, kernel: impl Fn(&Args) -> Result<ArrayRef> + Send + Sync + 'static) -> BoundExpr {
    s.build(LogicalType::not_null(data), vec![], Behaviour::Volatile, Arc::new(kernel))
}

fn now(s: &Site) -> BoundExpr {
    let env = s.env();
    clock(s, DataType::TimestampLtz(3), move |a| {
        let moment = Moment::from_millis(env.clock.now_ms());
        timestamps(a.rows, &DataType::TimestampLtz(3), |_| Ok(Some(moment)))
    })
}

/// PROCTIME().
pub fn proctime(env: &Env) -> BoundExpr {
    now(&Site::new("PROCTIME", Vec::new(), env))
}

/// The local time of argument `i`, a DATE, TIME, TIMESTAMP or TIMESTAMP_LTZ.
type Local<'a> = Box<dyn Fn(usize) -> Option<Moment> + 'a>;

fn local<'a>(a: &'a Args, i: usize, data: &DataType, zone: Zone) -> Result<Local<'a>> {
    Ok(match data {
        DataType::Date => {
            let values = a.date(i)?;
            Box::new(move |r| values.get(r).map(|d| Moment { seconds: i64::from(d) * 86_400, nanos: 0 }))
        }
        DataType::Time(_) => {
            let values = a.time(i)?;
            Box::new(move |r| values.get(r).map(|ms| Moment::from_millis(ms.into())))
        }
        DataType::TimestampLtz(_) => {
            let values = a.timestamp(i)?;
            Box::new(move |r| values.get(r).map(|m| m.at(zone.to_local(m.seconds))))
        }
        _ => {
            let values = a.timestamp(i)?;
            Box::new(move |r| values.get(r))
        }
    })
}

fn is_time(data: &DataType) -> bool {
    matches!(data, DataType::Date | DataType::Timestamp(_) | DataType::TimestampLtz(_))
}

fn part(s: &Site, i: usize, name: &str) -> Result<BoundExpr> {
    let arg = s.arg(i)?.clone();
    let data = arg.ty.data.clone();
    let of_day = matches!(name, "HOUR" | "MINUTE" | "SECOND" | "MILLISECOND" | "MICROSECOND" | "NANOSECOND" | "EPOCH");
    if !(is_time(&data) || of_day && matches!(data, DataType::Time(_))) {
        return Err(s.mismatch());
    }
    let compute: fn(i64, i64, Moment) -> i64 = match name {
        "YEAR" => |d, _, _| civil_from_days(d).0,
        "ISOYEAR" => |d, _, _| week_of(d).0,
        "QUARTER" => |d, _, _| (civil_from_days(d).1 - 1) / 3 + 1,
        "MONTH" => |d, _, _| civil_from_days(d).1,
        "WEEK" => |d, _, _| week_of(d).1,
        "DAY" | "DAYOFMONTH" => |d, _, _| civil_from_days(d).2,
        "DOY" | "DAYOFYEAR" => |d, _, _| d - days_from_civil(civil_from_days(d).0, 1, 1) + 1,
        "DOW" | "DAYOFWEEK" => |d, _, _| (d + 4).rem_euclid(7) + 1,
        "ISODOW" => |d, _, _| (d + 3).rem_euclid(7) + 1,
        "DECADE" => |d, _, _| civil_from_days(d).0.div_euclid(10),
        "CENTURY" => |d, _, _| (civil_from_days(d).0 + 99).div_euclid(100),
        "MILLENNIUM" => |d, _, _| (civil_from_days(d).0 + 999).div_euclid(1000),
        "HOUR" => |_, ms, _| ms / 3_600_000,
        "MINUTE" => |_, ms, _| ms % 3_600_000 / 60_000,
        "SECOND" => |_, ms, _| ms % 60_000 / 1000,
        "MILLISECOND" => |_, ms, _| ms % 1000,
        "MICROSECOND" => |_, ms, m| ms % 1000 * 1000 + i64::from(m.sub_millis() / 1000),
        "NANOSECOND" => |_, ms, m| ms % 1000 * 1_000_000 + i64::from(m.sub_millis()),
        "EPOCH" => |d, ms, _| d * 86_400 + ms / 1000,
        other => return Err(Error::user(format!("EXTRACT({other} FROM …) is not supported"))),
    };
    let ty = LogicalType { data: DataType::BigInt, nullable: arg.ty.nullable };
    let (zone, epoch) = (s.env().zone, name == "EPOCH");
    let kernel = move |a: &Args| -> Result<ArrayRef> {
        let zone = if epoch { Zone::Fixed(0) } else { zone };
        let value = local(a, 0, &data, zone)?;
        longs(a.rows, |r| {
            let moment = value(r)?;
            let ms = moment.millis();
            Some(compute(ms / DAY_MS, ms % DAY_MS, moment))
        })
    };
    let site = Site::new(&format!("EXTRACT {name}"), vec![arg.clone()], &s.env());
    Ok(BoundExpr { text: s.text(), ..site.total(ty, vec![arg.expr], kernel) })
}

fn unit_of(s: &Site, i: usize) -> Result<Unit> {
    let name = s.literal_str(i).unwrap_or_default();
    Unit::parse(&name).ok_or_else(|| {
        Error::user(format!("'{name}' is not a unit of time"))
            .fix("give SECOND, MINUTE, HOUR, DAY, WEEK, MONTH, QUARTER or YEAR")
    })
}

fn timestamp_add(s: Site) -> Result<BoundExpr> {
    let unit = unit_of(&s, 0)?;
    let time = s.arg(2)?.clone();
    let data = time.ty.data.clone();
    let nullable = s.ty(1)?.nullable || time.ty.nullable;
    let args = vec![s.long(1)?, Arc::clone(&time.expr)];
    let site = Site::new(&format!("TIMESTAMPADD {unit:?}"), vec![s.arg(1)?.clone(), time], &s.env());
    let whole_days = unit.months().is_some() || unit.millis().is_some_and(|ms| ms % DAY_MS == 0);
    let zone = Zone::Fixed(0);
    let bound = match &data {
        DataType::Date if whole_days => site.total(LogicalType { data: DataType::Date, nullable }, args, move |a| {
            let (n, days) = (a.long(0)?, a.date(1)?);
            dates(a.rows, |r| {
                let (n, days) = (n.get(r)?, i64::from(days.get(r)?));
                let later = match unit.months() {
                    Some(months) => add_months(days, n.checked_mul(months)?),
                    None => days.checked_add(n.checked_mul(unit.millis()? / DAY_MS)?)?,
                };
                i32::try_from(later).ok()
            })
        }),
        DataType::Time(p) => site.total(LogicalType { data: DataType::Time(*p), nullable }, args, move |a| {
            let (n, time) = (a.long(0)?, a.time(1)?);
            times(a.rows, |r| {
                let (n, ms) = (n.get(r)?, i64::from(time.get(r)?));
                Some(ms.wrapping_add(n.wrapping_mul(unit.millis().unwrap_or(0))).rem_euclid(DAY_MS) as i32)
            })
        }),
        _ if is_time(&data) => {
            let result = if data == DataType::Date { DataType::Timestamp(6) } else { data.clone() };
            let target = result.clone();
            site.total(LogicalType { data: result, nullable }, args, move |a| {
                let n = a.long(0)?;
                // Instants stay instants: months count in UTC, as Flink does.
                let time: Local<'_> = match data {
                    DataType::TimestampLtz(_) => {
                        let values = a.timestamp(1)?;
                        Box::new(move |r| values.get(r))
                    }
                    _ => local(a, 1, &data, zone)?,
                };
                timestamps(a.rows, &target, |r| {
                    let (Some(n), Some(moment)) = (n.get(r), time(r)) else { return Ok(None) };
                    Ok(Some(match (unit.months(), unit.millis()) {
                        (Some(months), _) => plus_months(moment, n.wrapping_mul(months)),
                        (None, Some(ms)) => plus_millis(moment, n.wrapping_mul(ms)),
                        (None, None) => {
                            return Err(Error::user("TIMESTAMPADD of units below a millisecond is not supported"));
                        }
                    }))
                })
            })
        }
        _ => return Err(s.mismatch()),
    };
    Ok(BoundExpr { text: s.text(), ..bound })
}

/// Whole months from `b` to `a`.
fn months_between(a: i64, b: i64) -> i64 {
    let days_months = |late: i64, early: i64| {
        let mut months = (late - early) / 31;
        loop {
            if add_months(early, months) >= late || add_months(early, months + 1) > late {
                return months;
            }
            months += 1;
        }
    };
    let (day_a, ms_a) = (a.div_euclid(DAY_MS), a.rem_euclid(DAY_MS));
    let (day_b, ms_b) = (b.div_euclid(DAY_MS), b.rem_euclid(DAY_MS));
    let months = if day_a < day_b { -days_months(day_b, day_a) } else { days_months(day_a, day_b) };
    if add_months(day_b, months) == day_a && ms_a < ms_b { months - 1 } else { months }
}

fn timestamp_diff(s: Site) -> Result<BoundExpr> {
    let unit = unit_of(&s, 0)?;
    let (from, to) = (s.arg(1)?.clone(), s.arg(2)?.clone());
    let (x, y) = (from.ty.data.clone(), to.ty.data.clone());
    if !is_time(&x) || !is_time(&y) {
        return Err(s.mismatch());
    }
    let zone = s.env().zone;
    let ty = LogicalType { data: DataType::Int, nullable: from.ty.nullable || to.ty.nullable };
    let site = Site::new(&format!("TIMESTAMPDIFF {unit:?}"), vec![from.clone(), to.clone()], &s.env());
    let instants = matches!((&x, &y), (DataType::TimestampLtz(_), DataType::TimestampLtz(_)));
    let zone = if instants { Zone::Fixed(0) } else { zone };
    let bound = site.total(ty, vec![from.expr, to.expr], move |a| {
        let (from, to) = (local(a, 0, &x, zone)?, local(a, 1, &y, zone)?);
        ints(a.rows, |r| {
            let (from, to) = (from(r)?, to(r)?);
            let (a, b) = (to.millis(), from.millis());
            Some(match (unit.months(), unit.millis()) {
                (Some(months), _) => months_between(a, b) / months,
                (None, Some(ms)) => (a - b) / ms,
                (None, None) if unit == Unit::Microsecond => (a - b) * 1000,
                (None, None) => (a - b) * 1_000_000,
            } as i32)
        })
    });
    Ok(BoundExpr { text: s.text(), ..bound })
}

/// FLOOR(time TO unit) and CEIL(time TO unit); the second argument is the unit's name.
pub fn floor_to(s: Site, up: bool) -> Result<BoundExpr> {
    let unit = unit_of(&s, 1)?;
    let time = s.arg(0)?.clone();
    let (ty, zone) = (time.ty.clone(), s.env().zone);
    let site = Site::new(&format!("{} TO {unit:?}", s.name), vec![time.clone()], &s.env());
    let data = ty.data.clone();
    let bound = match &data {
        DataType::Date => site.total(ty, vec![time.expr], move |a| {
            let days = a.date(0)?;
            dates(a.rows, |r| {
                let moment = Moment { seconds: i64::from(days.get(r)?) * 86_400, nanos: 0 };
                i32::try_from(round_to(moment, unit, up).seconds.div_euclid(86_400)).ok()
            })
        }),
        DataType::Time(_) => site.total(ty, vec![time.expr], move |a| {
            let ms = a.time(0)?;
            times(a.rows, |r| {
                Some(round_to(Moment::from_millis(ms.get(r)?.into()), unit, up).millis().rem_euclid(DAY_MS) as i32)
            })
        }),
        DataType::Timestamp(_) | DataType::TimestampLtz(_) => {
            let instant = matches!(data, DataType::TimestampLtz(_));
            let target = data.clone();
            site.total(ty, vec![time.expr], move |a| {
                let value = local(a, 0, &target, zone)?;
                timestamps(a.rows, &target, |r| {
                    Ok(value(r).map(|m| {
                        let rounded = round_to(m, unit, up);
                        if instant { rounded.at(zone.to_instant(rounded.seconds)) } else { rounded }
                    }))
                })
            })
        }
        _ => return Err(s.mismatch()),
    };
    Ok(BoundExpr { text: format!("{}({} TO {unit:?})", s.name, s.arg(0)?.text), ..bound })
}

/// Down, or up, to a whole unit.
fn round_to(moment: Moment, unit: Unit, up: bool) -> Moment {
    let day = |days: i64| Moment { seconds: days * 86_400, nanos: 0 };
    let (floor, next) = match (unit.months(), unit) {
        (Some(months), _) => {
            // Flink finds the month by a division towards zero.
            let days = moment.millis() / DAY_MS;
            let (year, month, _) = civil_from_days(days);
            let index = (year * 12 + month - 1).div_euclid(months) * months;
            let start = days_from_civil(index.div_euclid(12), index.rem_euclid(12) + 1, 1);
            // The time of day does not count: CEIL of the first day is that day.
            return if up && days > start { day(add_months(start, months)) } else { day(start) };
        }
        (None, Unit::Week) => {
            let days = moment.seconds.div_euclid(86_400);
            let sunday = days - (days + 4).rem_euclid(7);
            (day(sunday), day(sunday + 7))
        }
        (None, Unit::Millisecond) => {
            let ms = moment.millis();
            (Moment::from_millis(ms), Moment::from_millis(ms + 1))
        }
        (None, Unit::Microsecond | Unit::Nanosecond) => (moment, moment),
        (None, _) => {
            let step = unit.millis().unwrap_or(1000) / 1000;
            let start = moment.seconds.div_euclid(step.max(1)) * step.max(1);
            (Moment { seconds: start, nanos: 0 }, Moment { seconds: start + step, nanos: 0 })
        }
    };
    if up && moment > floor { next } else { floor }
}
