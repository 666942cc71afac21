//! Text of values, as Flink and Java write and read it: numbers, dates, times,
//! and whole values as the print connector and CAST … AS STRING show them.

pub mod calendar;
mod digits;
mod number;
mod parse;
mod time;
mod value;

pub use number::{big_decimal, decimal, double, float};
pub use parse::{
    ParseFailure, parse_date, parse_decimal, parse_iso_date, parse_iso_instant, parse_iso_time, parse_iso_timestamp,
    parse_time, parse_timestamp, parse_timestamp_strict, to_unit,
};
pub use time::{
    date, instant_iso, interval_day_time, interval_year_month, time_iso, time_ms, timestamp_iso, timestamp_sql,
    units_per_second,
};
pub use value::{cast_value, print_value, write_cast_value, write_print_value};
