//! Casts of whole columns, and of what is inside of arrays, maps and rows.

use super::super::args::{Arg, Args, Timestamps};
use super::super::build;
use super::{How, number, text, time};
use arrow::array::{Array, ArrayRef, AsArray, ListArray, MapArray, StringBuilder, StructArray, new_null_array};
use arrow::datatypes::{DataType as ArrowType, Field, Fields};
use std::sync::Arc;
use streamjob_core::text::cast_value;
use streamjob_core::{DataType, Error, LogicalType, Result};

/// The column as the type `to`.
pub fn convert(array: &ArrayRef, from: &LogicalType, to: &LogicalType, how: &How) -> Result<ArrayRef> {
    use DataType::{
        Array as ArrayType, Binary, Boolean, Date, IntervalDayTime, IntervalYearMonth, Map, Multiset, Null, Row, Time,
        Timestamp, TimestampLtz, VarBinary,
    };
    let rows = array.len();
    let (f, t) = (&from.data, &to.data);
    if f == t {
        return Ok(array.clone());
    }
    let args = || Args { args: vec![Arg::column(array.clone())], rows };
    match (f, t) {
        (Null, _) => Ok(new_null_array(&t.arrow(), rows)),
        (f, t) if f.is_string() && t.is_string() => text::resize(&args(), t),
        (_, t) if t.is_string() => to_text(array, from, t, how),
        (f, t) if f.is_numeric() && t.is_numeric() => number::convert(array, f, t),
        (f, Boolean) if f.is_numeric() => number::to_boolean(array, f),
        (Boolean, t) if t.is_numeric() => number::from_boolean(array, t),
        (f, Binary(_) | VarBinary(_)) if f.is_string() => {
            let args = args();
            let values = args.str(0)?;
            let bytes = build::binaries(rows, |row| values.get(row).map(|s| s.as_bytes().to_vec()))?;
            text::resize_bytes(&Args { args: vec![Arg::column(bytes)], rows }, t)
        }
        (Binary(_) | VarBinary(_), Binary(_) | VarBinary(_)) => text::resize_bytes(&args(), t),
        (f, t) if f.is_string() => text::parse(&args(), t, how),
        (Date, Timestamp(_) | TimestampLtz(_)) => time::date_to_timestamp(&args(), t, how),
        (Time(_), Timestamp(_) | TimestampLtz(_)) => time::time_to_timestamp(&args(), t, how),
        (Time(_), Time(p)) => {
            let (args, step) = (args(), 10i32.pow(3u32.saturating_sub(u32::from(*p))));
            let values = args.time(0)?;
            build::times(rows, |row| values.get(row).map(|ms| ms - ms % step))
        }
        (Timestamp(_) | TimestampLtz(_), _) => {
            let values = Timestamps::new(array.as_ref(), false)?;
            time::from_timestamp(&values, rows, f, t, how)
        }
        (IntervalYearMonth | IntervalDayTime, t) => {
            let args = args();
            let longs = match f {
                IntervalYearMonth => {
                    let values = args.months(0)?;
                    build::longs(rows, |row| values.get(row).map(i64::from))?
                }
                _ => {
                    let values = args.millis(0)?;
                    build::longs(rows, |row| values.get(row))?
                }
            };
            number::convert(&longs, &DataType::BigInt, t)
        }
        (f, IntervalYearMonth) => {
            let ints = number::convert(array, f, &DataType::Int)?;
            let ints = ints.as_primitive::<arrow::datatypes::Int32Type>();
            Ok(Arc::new(ints.reinterpret_cast::<arrow::datatypes::IntervalYearMonthType>()))
        }
        (f, IntervalDayTime) => {
            let longs = number::convert(array, f, &DataType::BigInt)?;
            let longs = longs.as_primitive::<arrow::datatypes::Int64Type>();
            Ok(Arc::new(longs.reinterpret_cast::<arrow::datatypes::DurationMillisecondType>()))
        }
        (ArrayType(f), ArrayType(t)) => list(array, f, t, how),
        (Map(fk, fv), Map(tk, tv)) => map(array, (fk, tk), (fv, tv), how),
        (Multiset(f), Multiset(t)) => {
            let count = LogicalType::not_null(DataType::Int);
            map(array, (f, t), (&count, &count), how)
        }
        (Row(f), Row(t)) => {
            let rows_in = array.as_struct();
            let columns = rows_in
                .columns()
                .iter()
                .zip(f.iter().zip(t))
                .map(|(column, (f, t))| convert(column, &f.ty, &t.ty, how))
                .collect::<Result<Vec<_>>>()?;
            let fields: Fields = t.iter().map(|c| c.ty.field(&c.name)).collect();
            Ok(Arc::new(StructArray::try_new(fields, columns, rows_in.nulls().cloned())?))
        }
        (f, t) => Err(Error::internal(format!("no cast from {f} to {t}"))),
    }
}

fn to_text(array: &ArrayRef, from: &LogicalType, to: &DataType, how: &How) -> Result<ArrayRef> {
    let zone = how.env.zone;
    let local = |seconds| zone.to_local(seconds);
    let mut builder = StringBuilder::with_capacity(array.len(), array.len() * 8);
    for row in 0..array.len() {
        match cast_value(array.as_ref(), row, from, &local)? {
            None => builder.append_null(),
            Some(value) => builder.append_value(text::fit(&value, to)),
        }
    }
    Ok(Arc::new(builder.finish()))
}

fn list(array: &ArrayRef, from: &LogicalType, to: &LogicalType, how: &How) -> Result<ArrayRef> {
    let list = array.as_list::<i32>();
    let values = convert(list.values(), from, to, how)?;
    let field = Arc::new(to.field("item"));
    Ok(Arc::new(ListArray::try_new(field, list.offsets().clone(), values, list.nulls().cloned())?))
}

fn map(
    array: &ArrayRef,
    (from_key, to_key): (&LogicalType, &LogicalType),
    (from_value, to_value): (&LogicalType, &LogicalType),
    how: &How,
) -> Result<ArrayRef> {
    let map = array.as_map();
    let keys = convert(map.keys(), from_key, to_key, how)?;
    let values = convert(map.values(), from_value, to_value, how)?;
    let fields = Fields::from(vec![to_key.field("key").with_nullable(false), to_value.field("value")]);
    let entries = StructArray::try_new(fields.clone(), vec![keys, values], None)?;
    let field = Arc::new(Field::new("entries", ArrowType::Struct(fields), false));
    Ok(Arc::new(MapArray::try_new(field, map.offsets().clone(), entries, map.nulls().cloned(), false)?))
}
