//! One value of a batch as text: as the print connector shows it (Java's
//! `Row.toString`), and as CAST … AS STRING does.

use super::{number, time};
use crate::error::{Error, Result};
use crate::types::{DataType, LogicalType};
use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Date32Array, Decimal128Array, DurationMillisecondArray,
    Float32Array, Float64Array, Int8Array, Int16Array, Int32Array, Int64Array, IntervalYearMonthArray, ListArray,
    MapArray, StringArray, StructArray, Time32MillisecondArray, TimestampMicrosecondArray, TimestampMillisecondArray,
    TimestampNanosecondArray,
};
use arrow::datatypes::{DataType as ArrowType, TimeUnit};
use std::fmt::Write;

/// The value at `row` as the print connector shows it: `1`, `null`, `true`,
/// `2020-01-01T12:00`, `[1, 2]`, `{a=1}`, `+I[1, x]`. Errors (Internal) when the
/// array is not the carrier of `ty`.
pub fn print_value(array: &dyn Array, row: usize, ty: &LogicalType) -> Result<String> {
    let mut out = String::new();
    write_print_value(&mut out, array, row, ty)?;
    Ok(out)
}

/// As [`print_value`], appending to `out`.
pub fn write_print_value(out: &mut String, array: &dyn Array, row: usize, ty: &LogicalType) -> Result<()> {
    write(out, array, row, &ty.data, &Style::Print)
}

/// The value at `row` as CAST to STRING gives it; `None` for NULL. `local` turns
/// an instant (seconds since the epoch) into seconds of its local time.
pub fn cast_value(
    array: &dyn Array,
    row: usize,
    ty: &LogicalType,
    local: &dyn Fn(i64) -> i64,
) -> Result<Option<String>> {
    if array.is_null(row) || ty.data == DataType::Null {
        return Ok(None);
    }
    let mut out = String::new();
    write_cast_value(&mut out, array, row, ty, local)?;
    Ok(Some(out))
}

/// As [`cast_value`], appending to `out`; NULL is `NULL`, as inside of rows and arrays.
pub fn write_cast_value(
    out: &mut String,
    array: &dyn Array,
    row: usize,
    ty: &LogicalType,
    local: &dyn Fn(i64) -> i64,
) -> Result<()> {
    write(out, array, row, &ty.data, &Style::Cast(local))
}

enum Style<'a> {
    Print,
    Cast(&'a dyn Fn(i64) -> i64),
}

impl Style<'_> {
    fn null(&self) -> &'static str {
        match self {
            Style::Print => "null",
            Style::Cast(_) => "NULL",
        }
    }
}

fn get<'a, T: 'static>(array: &'a dyn Array, ty: &DataType) -> Result<&'a T> {
    array
        .as_any()
        .downcast_ref::<T>()
        .ok_or_else(|| Error::internal(format!("a column of type {ty} is carried as {}", array.data_type())))
}

fn write(out: &mut String, array: &dyn Array, row: usize, ty: &DataType, style: &Style<'_>) -> Result<()> {
    if row >= array.len() {
        return Err(Error::internal(format!("row {row} of a column with {} rows", array.len())));
    }
    if array.is_null(row) || *ty == DataType::Null {
        out.push_str(style.null());
        return Ok(());
    }
    match ty {
        DataType::Null => {}
        DataType::Boolean => {
            let value = get::<BooleanArray>(array, ty)?.value(row);
            out.push_str(match (style, value) {
                (Style::Print, true) => "true",
                (Style::Print, false) => "false",
                (Style::Cast(_), true) => "TRUE",
                (Style::Cast(_), false) => "FALSE",
            });
        }
        DataType::TinyInt => integer(out, get::<Int8Array>(array, ty)?.value(row)),
        DataType::SmallInt => integer(out, get::<Int16Array>(array, ty)?.value(row)),
        DataType::Int => integer(out, get::<Int32Array>(array, ty)?.value(row)),
        DataType::BigInt => integer(out, get::<Int64Array>(array, ty)?.value(row)),
        DataType::Float => out.push_str(&number::float(get::<Float32Array>(array, ty)?.value(row))),
        DataType::Double => out.push_str(&number::double(get::<Float64Array>(array, ty)?.value(row))),
        DataType::Decimal(_, scale) => {
            let value = get::<Decimal128Array>(array, ty)?.value(row);
            out.push_str(&match style {
                Style::Print => number::big_decimal(value, *scale),
                Style::Cast(_) => number::decimal(value, *scale),
            });
        }
        DataType::Char(_) | DataType::VarChar(_) => out.push_str(get::<StringArray>(array, ty)?.value(row)),
        DataType::Binary(_) | DataType::VarBinary(_) => {
            let bytes = get::<BinaryArray>(array, ty)?.value(row);
            match style {
                Style::Print => {
                    let items = bytes.iter().map(|b| (*b as i8).to_string()).collect::<Vec<_>>();
                    let _ = write!(out, "[{}]", items.join(", "));
                }
                Style::Cast(_) => out.push_str(&String::from_utf8_lossy(bytes)),
            }
        }
        DataType::Date => out.push_str(&time::date(get::<Date32Array>(array, ty)?.value(row))),
        DataType::Time(precision) => {
            let ms = get::<Time32MillisecondArray>(array, ty)?.value(row);
            out.push_str(&match style {
                Style::Print => time::time_iso(ms),
                Style::Cast(_) => time::time_ms(ms, *precision),
            });
        }
        DataType::Timestamp(precision) => {
            let (value, unit) = timestamp(array, row, ty)?;
            out.push_str(&match style {
                Style::Print => time::timestamp_iso(value, &unit),
                Style::Cast(_) => time::timestamp_sql(value, &unit, *precision),
            });
        }
        DataType::TimestampLtz(precision) => {
            let (value, unit) = timestamp(array, row, ty)?;
            match style {
                Style::Print => out.push_str(&time::instant_iso(value, &unit)),
                Style::Cast(local) => {
                    let per_second = time::units_per_second(&unit);
                    let seconds = value.div_euclid(per_second);
                    let shifted = value.wrapping_add((local(seconds) - seconds).wrapping_mul(per_second));
                    out.push_str(&time::timestamp_sql(shifted, &unit, *precision));
                }
            }
        }
        DataType::IntervalYearMonth => {
            out.push_str(&time::interval_year_month(get::<IntervalYearMonthArray>(array, ty)?.value(row)));
        }
        DataType::IntervalDayTime => {
            out.push_str(&time::interval_day_time(get::<DurationMillisecondArray>(array, ty)?.value(row)));
        }
        DataType::Array(item) => {
            let items = get::<ListArray>(array, ty)?.value(row);
            out.push('[');
            list(out, items.len(), |out, i| write(out, &items, i, &item.data, style))?;
            out.push(']');
        }
        DataType::Map(key, value) => map(out, array, row, ty, &key.data, &value.data, style)?,
        DataType::Multiset(item) => map(out, array, row, ty, &item.data, &DataType::Int, style)?,
        DataType::Row(columns) => {
            let row_array = get::<StructArray>(array, ty)?;
            out.push_str(match style {
                Style::Print => "+I[",
                Style::Cast(_) => "(",
            });
            let fields: Vec<(&ArrayRef, &DataType)> =
                row_array.columns().iter().zip(columns.iter().map(|c| &c.ty.data)).collect();
            list(out, fields.len(), |out, i| match fields.get(i) {
                Some((field, ty)) => write(out, field, row, ty, style),
                None => Ok(()),
            })?;
            out.push(match style {
                Style::Print => ']',
                Style::Cast(_) => ')',
            });
        }
    }
    Ok(())
}

fn integer(out: &mut String, value: impl itoa::Integer) {
    out.push_str(itoa::Buffer::new().format(value));
}

fn list(out: &mut String, len: usize, mut item: impl FnMut(&mut String, usize) -> Result<()>) -> Result<()> {
    for i in 0..len {
        if i > 0 {
            out.push_str(", ");
        }
        item(out, i)?;
    }
    Ok(())
}

fn map(
    out: &mut String,
    array: &dyn Array,
    row: usize,
    ty: &DataType,
    key: &DataType,
    value: &DataType,
    style: &Style<'_>,
) -> Result<()> {
    let entries = get::<MapArray>(array, ty)?.value(row);
    let (keys, values) = (entries.column(0), entries.column(1));
    out.push('{');
    list(out, entries.len(), |out, i| {
        write(out, keys, i, key, style)?;
        out.push('=');
        write(out, values, i, value, style)
    })?;
    out.push('}');
    Ok(())
}

/// Value and unit of a timestamp column of any unit.
fn timestamp(array: &dyn Array, row: usize, ty: &DataType) -> Result<(i64, TimeUnit)> {
    match array.data_type() {
        ArrowType::Timestamp(TimeUnit::Millisecond, _) => {
            Ok((get::<TimestampMillisecondArray>(array, ty)?.value(row), TimeUnit::Millisecond))
        }
        ArrowType::Timestamp(TimeUnit::Microsecond, _) => {
            Ok((get::<TimestampMicrosecondArray>(array, ty)?.value(row), TimeUnit::Microsecond))
        }
        ArrowType::Timestamp(TimeUnit::Nanosecond, _) => {
            Ok((get::<TimestampNanosecondArray>(array, ty)?.value(row), TimeUnit::Nanosecond))
        }
        ArrowType::Timestamp(TimeUnit::Second, _) => {
            Ok((array.as_primitive::<arrow::datatypes::TimestampSecondType>().value(row), TimeUnit::Second))
        }
        other => Err(Error::internal(format!("a column of type {ty} is carried as {other}"))),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::types::Column;
    use arrow::array::{Int32Builder, ListBuilder, MapBuilder, StringBuilder};
    use arrow::datatypes::Fields;
    use std::sync::Arc;

    fn both(array: &dyn Array, row: usize, data: DataType) -> (String, Option<String>) {
        let ty = LogicalType::new(data);
        let local = |s: i64| s + 3600;
        (print_value(array, row, &ty).unwrap(), cast_value(array, row, &ty, &local).unwrap())
    }

    #[test]
    fn scalars() {
        let check = |array: &dyn Array, data: DataType, print: &str, cast: &str| {
            assert_eq!(both(array, 0, data), (print.to_string(), Some(cast.to_string())));
        };
        check(&BooleanArray::from(vec![true]), DataType::Boolean, "true", "TRUE");
        check(&Int32Array::from(vec![-7]), DataType::Int, "-7", "-7");
        check(&Float64Array::from(vec![1e7]), DataType::Double, "1.0E7", "1.0E7");
        check(&BinaryArray::from(vec![&b"a\xff"[..]]), DataType::VarBinary(9), "[97, -1]", "a\u{fffd}");
        let dec = Decimal128Array::from(vec![0]).with_precision_and_scale(38, 10).unwrap();
        check(&dec, DataType::Decimal(38, 10), "0E-10", "0.0000000000");
        check(&Time32MillisecondArray::from(vec![60_000]), DataType::Time(0), "00:01", "00:01:00");
        let ts = TimestampMillisecondArray::from(vec![0]);
        check(&ts, DataType::Timestamp(3), "1970-01-01T00:00", "1970-01-01 00:00:00.000");
        check(&ts, DataType::TimestampLtz(3), "1970-01-01T00:00:00Z", "1970-01-01 01:00:00.000");
    }

    #[test]
    fn nulls_and_wrong_carriers() {
        let nulls = Int32Array::from(vec![None]);
        assert_eq!(both(&nulls, 0, DataType::Int), ("null".to_string(), None));
        assert!(print_value(&Int32Array::from(vec![1]), 0, &LogicalType::new(DataType::BigInt)).is_err());
        assert!(print_value(&Int32Array::from(vec![1]), 1, &LogicalType::new(DataType::Int)).is_err());
    }

    #[test]
    fn nested() {
        let int = LogicalType::new(DataType::Int);
        let mut lists = ListBuilder::new(Int32Builder::new());
        lists.append_value([Some(1), None]);
        let lists = lists.finish();
        assert_eq!(
            both(&lists, 0, DataType::Array(Box::new(int.clone()))),
            ("[1, null]".to_string(), Some("[1, NULL]".to_string()))
        );

        let mut maps = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
        maps.keys().append_value("a");
        maps.values().append_value(1);
        maps.keys().append_value("b");
        maps.values().append_null();
        maps.append(true).unwrap();
        let text = LogicalType::new(DataType::STRING);
        assert_eq!(
            both(&maps.finish(), 0, DataType::Map(Box::new(text), Box::new(int.clone()))),
            ("{a=1, b=null}".to_string(), Some("{a=1, b=NULL}".to_string()))
        );

        let row_type = DataType::Row(vec![
            Column { name: "a".into(), ty: int.clone() },
            Column { name: "b".into(), ty: LogicalType::new(DataType::Array(Box::new(int))) },
        ]);
        let ArrowType::Struct(fields) = row_type.arrow() else { panic!("a row is a struct") };
        let fields: Fields = fields;
        let rows = StructArray::new(fields, vec![Arc::new(Int32Array::from(vec![5])), Arc::new(lists)], None);
        assert_eq!(both(&rows, 0, row_type), ("+I[5, [1, null]]".to_string(), Some("(5, [1, NULL])".to_string())));
    }
}
