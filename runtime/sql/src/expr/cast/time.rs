//! Casts between dates, times, timestamps and instants.

use super::super::args::{Args, Moment, Timestamps};
use super::super::build::{dates, times, timestamps};
use super::How;
use arrow::array::ArrayRef;
use streamjob_core::{DataType, Error, Result};

const DAY_MS: i64 = 86_400_000;

/// Midnight of the date; of TIMESTAMP_LTZ, in the session's zone.
pub fn date_to_timestamp(args: &Args, to: &DataType, how: &How) -> Result<ArrayRef> {
    let values = args.date(0)?;
    timestamps(args.rows, to, |row| {
        Ok(values.get(row).map(|days| placed(Moment { seconds: i64::from(days) * 86_400, nanos: 0 }, to, how)))
    })
}

/// That time on 1970-01-01.
pub fn time_to_timestamp(args: &Args, to: &DataType, how: &How) -> Result<ArrayRef> {
    let values = args.time(0)?;
    timestamps(args.rows, to, |row| Ok(values.get(row).map(|ms| placed(Moment::from_millis(ms.into()), to, how))))
}

fn placed(local: Moment, to: &DataType, how: &How) -> Moment {
    match to {
        DataType::TimestampLtz(_) => local.at(how.env.zone.to_instant(local.seconds)),
        _ => local,
    }
}

/// A timestamp or instant as another, a date or a time.
pub fn from_timestamp(
    values: &Timestamps<'_>,
    rows: usize,
    from: &DataType,
    to: &DataType,
    how: &How,
) -> Result<ArrayRef> {
    let zone = how.env.zone;
    let instant = matches!(from, DataType::TimestampLtz(_));
    let local = move |m: Moment| if instant { m.at(zone.to_local(m.seconds)) } else { m };
    match to {
        DataType::Date => dates(rows, |row| {
            // Towards 1970, as Flink divides.
            values.get(row).and_then(|m| i32::try_from(local(m).millis() / DAY_MS).ok())
        }),
        DataType::Time(p) => {
            let step = 10i64.pow(3u32.saturating_sub(u32::from(*p)));
            times(rows, |row| {
                values.get(row).map(|m| {
                    let ms = local(m).millis().rem_euclid(DAY_MS);
                    (ms - ms % step) as i32
                })
            })
        }
        DataType::Timestamp(p) => timestamps(rows, to, |row| Ok(values.get(row).map(|m| truncate(local(m), *p)))),
        DataType::TimestampLtz(p) => timestamps(rows, to, |row| {
            Ok(values.get(row).map(|m| {
                let m = if instant { m } else { m.at(zone.to_instant(m.seconds)) };
                truncate(m, *p)
            }))
        }),
        other => Err(Error::internal(format!("no cast from {from} to {other}"))),
    }
}

/// Cut to `precision` digits of the second: milliseconds towards 1970, as Flink does.
pub fn truncate(moment: Moment, precision: u8) -> Moment {
    if precision <= 3 {
        let step = 10i64.pow(u32::from(3 - precision));
        let ms = moment.millis();
        Moment::from_millis(ms / step * step)
    } else {
        let step = 10u32.pow(u32::from(9 - precision.min(9)));
        Moment { seconds: moment.seconds, nanos: moment.nanos - moment.nanos % step }
    }
}
