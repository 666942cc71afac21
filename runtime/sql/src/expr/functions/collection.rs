//! Arrays, maps and rows: constructors, element access and array functions.

use super::super::args::{Arg, Args};
use super::super::build::{bools, ints, strings};
use super::super::cast::{CastMode, cast_to};
use super::super::types::common_type;
use super::super::{BoundExpr, literal};
use super::site::{FunctionDef, Site, def};
use arrow::array::{
    Array, ArrayRef, AsArray, ListArray, MapArray, StructArray, UInt32Array, make_array, make_comparator,
};
use arrow::buffer::OffsetBuffer;
use arrow::compute::{SortOptions, interleave, take};
use arrow::datatypes::{DataType as ArrowType, Field, Fields};
use datafusion_physical_expr::PhysicalExpr;
use std::cmp::Ordering;
use std::sync::Arc;
use streamjob_core::{Column, DataType, Error, LogicalType, Result};

/// The functions of this module.
pub const FUNCTIONS: &[FunctionDef] = &[
    def("ARRAY", "ARRAY[value, …]", (1, usize::MAX), "An array.", array),
    def("MAP", "MAP[key, value, …]", (2, usize::MAX), "A map.", map),
    def("ROW", "ROW(value, …)", (1, usize::MAX), "A row.", row),
    def(
        "ITEM",
        "array[index] or map[key]",
        (2, 2),
        "The element at an index from 1, or of a key; NULL without it.",
        item,
    ),
    def("CARDINALITY", "CARDINALITY(array or map)", (1, 1), "Number of elements.", cardinality),
    def("ELEMENT", "ELEMENT(array)", (1, 1), "The only element; fails when there are more.", element),
    def("ARRAY_CONTAINS", "ARRAY_CONTAINS(array, value)", (2, 2), "True when the value is in the array.", |s| {
        let nullable = s.ty(0)?.nullable;
        search(s, LogicalType { data: DataType::Boolean, nullable }, true, |rows, found| {
            bools(rows, |r| found(r).map(|at| at > 0))
        })
    }),
    def("ARRAY_POSITION", "ARRAY_POSITION(array, value)", (2, 2), "Where the value is first, from 1, or 0.", |s| {
        let ty = s.result(DataType::Int);
        search(s, ty, false, |rows, found| ints(rows, |r| found(r).map(|at| at as i32)))
    }),
    def("ARRAY_DISTINCT", "ARRAY_DISTINCT(array)", (1, 1), "Each value once, in order of first appearance.", |s| {
        reorder(&s, |list, equal| {
            let mut kept: Vec<u32> = Vec::new();
            for i in list {
                if !kept.iter().any(|k| equal(*k as usize, i as usize)) {
                    kept.push(i);
                }
            }
            kept
        })
    }),
    def("ARRAY_REVERSE", "ARRAY_REVERSE(array)", (1, 1), "The elements in reverse order.", |s| {
        reorder(&s, |list, _| list.rev().collect())
    }),
    def(
        "ARRAY_JOIN",
        "ARRAY_JOIN(array, separator [, null text])",
        (2, 3),
        "The texts of an array joined; NULLs are left out without a null text.",
        join,
    ),
];

/// The array with another carrier type of the same shape: field names and
/// nullability inside of lists, maps and rows as `ty` says.
pub fn relabel(array: &ArrayRef, ty: &ArrowType) -> Result<ArrayRef> {
    if array.data_type() == ty {
        return Ok(Arc::clone(array));
    }
    let child = |data: &arrow::array::ArrayData, ty: &ArrowType| -> Result<arrow::array::ArrayData> {
        Ok(relabel(&make_array(data.clone()), ty)?.to_data())
    };
    let data = array.to_data();
    let types: Vec<ArrowType> = match ty {
        ArrowType::List(field) | ArrowType::Map(field, _) => vec![field.data_type().clone()],
        ArrowType::Struct(fields) => fields.iter().map(|f| f.data_type().clone()).collect(),
        _ => Vec::new(),
    };
    let children = data.child_data().iter().zip(&types).map(|(c, t)| child(c, t)).collect::<Result<Vec<_>>>()?;
    Ok(make_array(data.into_builder().data_type(ty.clone()).child_data(children).build()?))
}

fn merge(site: &Site, what: &str, types: &[LogicalType]) -> Result<LogicalType> {
    common_type(types).filter(|t| t.data != DataType::Null).ok_or_else(|| {
        let list = types.iter().map(|t| t.data.to_string()).collect::<Vec<_>>().join(", ");
        Error::user(format!("the {what} of {} have no common type: {list}", site.name)).fix("CAST them to one type")
    })
}

/// Values of several columns, row by row: `columns[0][0], columns[1][0], …, columns[0][1], …`.
fn by_row(args: &[Arg], rows: usize) -> Result<ArrayRef> {
    let arrays: Vec<&dyn Array> = args.iter().map(|a| a.array.as_ref()).collect();
    let picks: Vec<(usize, usize)> =
        (0..rows).flat_map(|row| args.iter().enumerate().map(move |(i, a)| (i, a.index(row)))).collect();
    Ok(interleave(&arrays, &picks)?)
}

fn array(s: Site) -> Result<BoundExpr> {
    let env = s.env();
    let types: Vec<LogicalType> = s.clone().into_args().iter().map(|a| a.ty.clone()).collect();
    let item = merge(&s, "elements", &types)?;
    let exprs = s
        .clone()
        .into_args()
        .into_iter()
        .map(|a| Ok(cast_to(a, &item, CastMode::Explicit, &env)?.expr))
        .collect::<Result<Vec<_>>>()?;
    let ty = LogicalType::not_null(DataType::Array(Box::new(item.clone())));
    let field = Arc::new(item.field("item"));
    let mut bound = s.total(ty, exprs, move |a| {
        let values = by_row(&a.args, a.rows)?;
        let offsets = OffsetBuffer::from_repeated_length(a.args.len(), a.rows);
        Ok(Arc::new(ListArray::try_new(Arc::clone(&field), offsets, values, None)?))
    });
    bound.text = bracketed("ARRAY", &s);
    Ok(bound)
}

fn bracketed(name: &str, s: &Site) -> String {
    let args = s.clone().into_args();
    format!("{name}[{}]", args.iter().map(|a| a.text.as_str()).collect::<Vec<_>>().join(", "))
}

fn map(s: Site) -> Result<BoundExpr> {
    if s.len() % 2 == 1 {
        return Err(Error::user("MAP takes keys and values in turn, so an even number of arguments"));
    }
    let env = s.env();
    let args = s.clone().into_args();
    let side = |odd: usize| args.iter().skip(odd).step_by(2).cloned().collect::<Vec<BoundExpr>>();
    let merged =
        |side: &[BoundExpr], what: &str| merge(&s, what, &side.iter().map(|a| a.ty.clone()).collect::<Vec<_>>());
    let (keys, values) = (side(0), side(1));
    let (key, value) = (merged(&keys, "keys")?, merged(&values, "values")?);
    let mut exprs: Vec<Arc<dyn PhysicalExpr>> = Vec::with_capacity(args.len());
    for (k, v) in keys.into_iter().zip(values) {
        exprs.push(cast_to(k, &key, CastMode::Explicit, &env)?.expr);
        exprs.push(cast_to(v, &value, CastMode::Explicit, &env)?.expr);
    }
    let ty = LogicalType::not_null(DataType::Map(Box::new(key.clone()), Box::new(value.clone())));
    let fields = Fields::from(vec![key.field("key").with_nullable(false), value.field("value")]);
    let mut bound = s.fallible(ty, exprs, move |a| {
        let keys: Vec<Arg> = a.args.iter().step_by(2).cloned().collect();
        let values: Vec<Arg> = a.args.iter().skip(1).step_by(2).cloned().collect();
        let (key_array, value_array) = (by_row(&keys, a.rows)?, by_row(&values, a.rows)?);
        if key_array.null_count() > 0 {
            return Err(Error::user("a key of MAP is NULL"));
        }
        // Of equal keys the last value counts, at the place of the first.
        let same = make_comparator(&key_array, &key_array, SortOptions::default())?;
        let (mut key_picks, mut value_picks, mut lengths) = (Vec::new(), Vec::new(), Vec::with_capacity(a.rows));
        for row in 0..a.rows {
            let first = key_picks.len();
            for i in row * keys.len()..(row + 1) * keys.len() {
                let known = key_picks.iter().skip(first).position(|k: &u32| same(*k as usize, i) == Ordering::Equal);
                match known.and_then(|at| value_picks.get_mut(first + at)) {
                    Some(place) => *place = i as u32,
                    None => {
                        key_picks.push(i as u32);
                        value_picks.push(i as u32);
                    }
                }
            }
            lengths.push(key_picks.len() - first);
        }
        let keys = take(&key_array, &UInt32Array::from(key_picks), None)?;
        let values = take(&value_array, &UInt32Array::from(value_picks), None)?;
        let entries = StructArray::try_new(fields.clone(), vec![keys, values], None)?;
        let field = Arc::new(Field::new("entries", ArrowType::Struct(fields.clone()), false));
        Ok(Arc::new(MapArray::try_new(field, OffsetBuffer::from_lengths(lengths), entries, None, false)?))
    });
    bound.text = bracketed("MAP", &s);
    Ok(bound)
}

fn row(s: Site) -> Result<BoundExpr> {
    let args = s.clone().into_args();
    let columns: Vec<Column> =
        args.iter().enumerate().map(|(i, a)| Column { name: format!("EXPR${i}"), ty: a.ty.clone() }).collect();
    let fields: Fields = columns.iter().map(|c| c.ty.field(&c.name)).collect();
    let ty = LogicalType::not_null(DataType::Row(columns));
    let exprs = args.into_iter().map(|a| a.expr).collect();
    Ok(s.total(ty, exprs, move |a| {
        let columns = a.args.iter().map(|arg| arg.expand(a.rows)).collect::<Result<Vec<_>>>()?;
        Ok(Arc::new(StructArray::try_new(fields.clone(), columns, None)?))
    }))
}

/// `array[i]`, `map[key]`, and `row[i]` by a literal from 1.
fn item(s: Site) -> Result<BoundExpr> {
    let text = format!("{}[{}]", s.arg(0)?.text, s.arg(1)?.text);
    let collection = Arc::clone(&s.arg(0)?.expr);
    let bound = match s.ty(0)?.data.clone() {
        DataType::Array(inner) => {
            let ty = LogicalType::new(inner.data.clone());
            if let Some(i) = s.literal_int(1).filter(|i| *i < 1) {
                return Err(Error::user(format!("Array element access needs an index starting at 1 but was {i}.")));
            }
            s.fallible(ty, vec![collection, s.long(1)?], |a| {
                let lists = a.arg(0)?;
                let list = lists.array.as_list::<i32>();
                let index = a.long(1)?;
                let picks: UInt32Array = (0..a.rows)
                    .map(|row| {
                        let at = lists.index(row);
                        if list.is_null(at) {
                            return None;
                        }
                        let offset = usize::try_from(index.get(row)?).ok()?.checked_sub(1)?;
                        (offset < usize::try_from(list.value_length(at)).ok()?)
                            .then(|| list.value_offsets().get(at).map(|o| *o as u32 + offset as u32))
                            .flatten()
                    })
                    .collect();
                Ok(take(list.values(), &picks, None)?)
            })
        }
        DataType::Map(key, value) => {
            let ty = LogicalType::new(value.data.clone());
            let accepts = |t: &DataType| common_type(&[LogicalType::new(t.clone()), (*key).clone()]).is_some();
            let wanted = s.coerce(1, key.data.clone(), accepts)?;
            s.total(ty, vec![collection, wanted], |a| {
                let (maps, wanted) = (a.arg(0)?, a.arg(1)?);
                let map = maps.array.as_map();
                let same = make_comparator(map.keys(), &wanted.array, SortOptions::default())?;
                let picks: UInt32Array = (0..a.rows)
                    .map(|row| {
                        let at = maps.index(row);
                        if map.is_null(at) || wanted.is_null(row) {
                            return None;
                        }
                        let from = *map.value_offsets().get(at)? as usize;
                        let to = *map.value_offsets().get(at + 1)? as usize;
                        (from..to).find(|i| same(*i, wanted.index(row)) == Ordering::Equal).map(|i| i as u32)
                    })
                    .collect();
                Ok(take(map.values(), &picks, None)?)
            })
        }
        other => {
            return Err(Error::user(format!("{} is {other}: only arrays and maps have elements", s.arg(0)?.text)));
        }
    };
    Ok(BoundExpr { text, ..bound })
}

fn cardinality(s: Site) -> Result<BoundExpr> {
    let ty = s.result(DataType::Int);
    let is_map = match s.ty(0)?.data {
        DataType::Array(_) => false,
        DataType::Map(..) | DataType::Multiset(_) => true,
        _ => return Err(s.mismatch()),
    };
    Ok(s.total(ty, vec![Arc::clone(&s.arg(0)?.expr)], move |a| {
        let arg = a.arg(0)?;
        ints(a.rows, |row| {
            let at = arg.index(row);
            if arg.is_null(row) {
                return None;
            }
            Some(if is_map { arg.array.as_map().value_length(at) } else { arg.array.as_list::<i32>().value_length(at) })
        })
    }))
}

fn element(s: Site) -> Result<BoundExpr> {
    let DataType::Array(inner) = s.ty(0)?.data.clone() else { return Err(s.mismatch()) };
    let ty = LogicalType::new(inner.data);
    Ok(s.fallible(ty, vec![Arc::clone(&s.arg(0)?.expr)], |a| {
        let lists = a.arg(0)?;
        let list = lists.array.as_list::<i32>();
        let picks = (0..a.rows)
            .map(|row| {
                let at = lists.index(row);
                if list.is_null(at) {
                    return Ok(None);
                }
                match list.value_length(at) {
                    0 => Ok(None),
                    1 => Ok(list.value_offsets().get(at).map(|o| *o as u32)),
                    _ => Err(Error::user("Array has more than one element.")),
                }
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(take(list.values(), &UInt32Array::from(picks), None)?)
    }))
}

type Found<'a> = &'a dyn Fn(usize) -> Option<usize>;

/// Looks for the second argument in the first; `finish` gets the position from 1, or 0, of each row.
fn search(
    s: Site,
    ty: LogicalType,
    find_null: bool,
    finish: fn(usize, Found<'_>) -> Result<ArrayRef>,
) -> Result<BoundExpr> {
    let DataType::Array(inner) = s.ty(0)?.data.clone() else { return Err(s.mismatch()) };
    let accepts = |t: &DataType| common_type(&[LogicalType::new(t.clone()), (*inner).clone()]).is_some();
    let needle = s.coerce(1, inner.data.clone(), accepts)?;
    Ok(s.total(ty, vec![Arc::clone(&s.arg(0)?.expr), needle], move |a| {
        let (lists, needle) = (a.arg(0)?, a.arg(1)?);
        let list = lists.array.as_list::<i32>();
        let same = make_comparator(list.values(), &needle.array, SortOptions::default())?;
        let find = |row: usize| {
            let at = lists.index(row);
            if list.is_null(at) || (!find_null && needle.is_null(row)) {
                return None;
            }
            let from = *list.value_offsets().get(at)? as usize;
            let to = *list.value_offsets().get(at + 1)? as usize;
            let wanted = needle.index(row);
            let found = (from..to)
                .position(|i| list.values().is_null(i) == needle.is_null(row) && same(i, wanted) == Ordering::Equal);
            Some(found.map_or(0, |p| p + 1))
        };
        finish(a.rows, &find)
    }))
}

type Equal<'a> = &'a dyn Fn(usize, usize) -> bool;

/// An array of the same type with elements picked by index.
fn reorder(s: &Site, pick: fn(std::ops::Range<u32>, Equal<'_>) -> Vec<u32>) -> Result<BoundExpr> {
    let DataType::Array(inner) = s.ty(0)?.data.clone() else { return Err(s.mismatch()) };
    let field = Arc::new(inner.field("item"));
    Ok(s.total(s.ty(0)?.clone(), vec![Arc::clone(&s.arg(0)?.expr)], move |a| {
        let lists = a.arg(0)?.expand(a.rows)?;
        let list = lists.as_list::<i32>();
        let compare = make_comparator(list.values(), list.values(), SortOptions::default())?;
        let equal = |x: usize, y: usize| compare(x, y) == Ordering::Equal;
        let (mut picks, mut lengths) = (Vec::new(), Vec::with_capacity(a.rows));
        for row in 0..a.rows {
            let from = list.value_offsets().get(row).copied().unwrap_or(0) as u32;
            let to = list.value_offsets().get(row + 1).copied().unwrap_or(0) as u32;
            let chosen = if list.is_null(row) { Vec::new() } else { pick(from..to, &equal) };
            lengths.push(chosen.len());
            picks.extend(chosen);
        }
        let values = take(list.values(), &UInt32Array::from(picks), None)?;
        let offsets = OffsetBuffer::from_lengths(lengths);
        Ok(Arc::new(ListArray::try_new(Arc::clone(&field), offsets, values, list.nulls().cloned())?))
    }))
}

fn join(s: Site) -> Result<BoundExpr> {
    let DataType::Array(inner) = s.ty(0)?.data.clone() else { return Err(s.mismatch()) };
    if !inner.data.is_string() {
        return Err(s.mismatch());
    }
    let null_text = if s.len() > 2 { s.str(2)? } else { literal::null(&DataType::STRING)?.expr };
    let args = vec![Arc::clone(&s.arg(0)?.expr), s.str(1)?, null_text];
    Ok(s.total(s.result(DataType::STRING), args, |a: &Args| {
        let lists = a.arg(0)?;
        let list = lists.array.as_list::<i32>();
        let values = list.values().as_string::<i32>();
        let (separator, null_text) = (a.str(1)?, a.str(2)?);
        strings(a.rows, |row| {
            let at = lists.index(row);
            if list.is_null(at) {
                return None;
            }
            let from = *list.value_offsets().get(at)? as usize;
            let to = *list.value_offsets().get(at + 1)? as usize;
            let parts: Vec<&str> = (from..to)
                .filter_map(|i| if values.is_null(i) { null_text.get(row) } else { Some(values.value(i)) })
                .collect();
            Some(parts.join(separator.get(row)?))
        })
    }))
}
