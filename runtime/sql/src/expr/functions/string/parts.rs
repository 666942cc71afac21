//! Texts joined to one, and one text taken apart.

use super::super::super::args::Args;
use super::super::super::build::{parts, strings};
use super::super::super::{BoundExpr, literal};
use super::super::pattern::{Patterns, find, java_regex};
use super::super::site::Site;
use arrow::array::{ArrayRef, ListBuilder, MapBuilder, StringBuilder};
use std::sync::Arc;
use streamjob_core::types::MAX_LENGTH;
use streamjob_core::{DataType, LogicalType, Result};

pub(super) fn concat_operator(s: Site) -> Result<BoundExpr> {
    let length = |data: &DataType| match data {
        DataType::Char(n) | DataType::VarChar(n) => *n,
        _ => MAX_LENGTH,
    };
    let (left, right) = (s.ty(0)?.data.clone(), s.ty(1)?.data.clone());
    let sum = length(&left).saturating_add(length(&right)).min(MAX_LENGTH);
    let fixed = matches!((&left, &right), (DataType::Char(_), DataType::Char(_)));
    let ty = s.result(if fixed { DataType::Char(sum) } else { DataType::VarChar(sum) });
    let mut bound = s.total(ty, vec![s.str(0)?, s.str(1)?], concat);
    bound.text = format!("({} || {})", s.arg(0)?.text, s.arg(1)?.text);
    Ok(bound)
}

pub(super) fn concat(a: &Args) -> Result<ArrayRef> {
    let parts = (0..a.args.len()).map(|i| a.str(i)).collect::<Result<Vec<_>>>()?;
    let mut builder = StringBuilder::with_capacity(a.rows, a.rows * 16);
    let mut joined = String::new();
    for row in 0..a.rows {
        joined.clear();
        let complete = parts.iter().try_for_each(|p| {
            joined.push_str(p.get(row)?);
            Some(())
        });
        builder.append_option(complete.map(|()| joined.as_str()));
    }
    Ok(Arc::new(builder.finish()))
}

pub(super) fn concat_ws(a: &Args) -> Result<ArrayRef> {
    let parts = (0..a.args.len()).map(|i| a.str(i)).collect::<Result<Vec<_>>>()?;
    strings(a.rows, |row| {
        let (separator, texts) = parts.split_first()?;
        let present: Vec<&str> = texts.iter().filter_map(|t| t.get(row)).collect();
        Some(present.join(separator.get(row)?))
    })
}

pub(super) fn split_index(s: Site) -> Result<BoundExpr> {
    let ty = LogicalType::new(DataType::STRING);
    let separator = if s.ty(1)?.data.is_integer() {
        // The separator's code.
        let code = s.int(1)?;
        s.total(LogicalType::new(DataType::STRING), vec![code], |a| {
            let code = a.int(0)?;
            strings(a.rows, |r| u8::try_from(code.get(r)?).ok().map(|c| char::from(c).to_string()))
        })
        .expr
    } else {
        s.str(1)?
    };
    Ok(s.total(ty, vec![s.str(0)?, separator, s.int(2)?], |a| {
        let (text, separator, index) = (a.str(0)?, a.str(1)?, a.int(2)?);
        parts(a.rows, |r| {
            let (text, separator) = (text.get(r)?, separator.get(r)?);
            let index = usize::try_from(index.get(r)?).ok()?;
            if text.is_empty() {
                return None;
            }
            if separator.is_empty() {
                return text.split(char::is_whitespace).nth(index);
            }
            match separator.as_bytes() {
                // One byte needs no search for a text.
                [byte] if byte.is_ascii() => text.split(char::from(*byte)).nth(index),
                _ => text.split(separator).nth(index),
            }
        })
    }))
}

pub(super) fn split(s: Site) -> Result<BoundExpr> {
    let ty = s.result(DataType::Array(Box::new(LogicalType::new(DataType::STRING))));
    Ok(s.total(ty, vec![s.str(0)?, s.str(1)?], |a| {
        let (text, separator) = (a.str(0)?, a.str(1)?);
        let mut builder = ListBuilder::new(StringBuilder::new());
        for row in 0..a.rows {
            let (Some(text), Some(separator)) = (text.get(row), separator.get(row)) else {
                builder.append_null();
                continue;
            };
            if separator.is_empty() {
                for c in text.chars() {
                    // Java tears a character of two UTF-16 units apart.
                    let units = c.len_utf16();
                    let unit = if units == 1 { c.to_string() } else { "?".to_string() };
                    (0..units).for_each(|_| builder.values().append_value(&unit));
                }
            } else if !text.is_empty() {
                text.split(separator).for_each(|part| builder.values().append_value(part));
            }
            builder.append(true);
        }
        Ok(Arc::new(builder.finish()))
    }))
}

pub(super) fn str_to_map(s: Site) -> Result<BoundExpr> {
    let text = || Box::new(LogicalType::new(DataType::STRING));
    let ty = s.result(DataType::Map(text(), text()));
    let separator = |i: usize, default: &str| if i < s.len() { s.str(i) } else { Ok(literal::string(default).expr) };
    let args = vec![s.str(0)?, separator(1, ",")?, separator(2, "=")?];
    let arrow = ty.data.arrow();
    let (lists, pairs) = (Patterns::new(&s, 1, java_regex)?, Patterns::new(&s, 2, java_regex)?);
    Ok(s.fallible(ty, args, move |a| {
        let text = a.str(0)?;
        let mut builder = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
        for row in 0..a.rows {
            let (Some(text), Some(list), Some(pair)) = (text.get(row), lists.get(a, row)?, pairs.get(a, row)?) else {
                builder.append(false)?;
                continue;
            };
            let mut entries: Vec<(&str, Option<&str>)> = Vec::new();
            for item in find::split(&list, text, 0).into_iter().filter(|_| !text.is_empty()) {
                let parts = find::split(&pair, item, 2);
                let (key, value) = (parts.first().copied().unwrap_or_default(), parts.get(1).copied());
                match entries.iter_mut().find(|(k, _)| *k == key) {
                    Some(entry) => entry.1 = value,
                    None => entries.push((key, value)),
                }
            }
            for (key, value) in entries {
                builder.keys().append_value(key);
                builder.values().append_option(value);
            }
            builder.append(true)?;
        }
        super::super::collection::relabel(&(Arc::new(builder.finish()) as ArrayRef), &arrow)
    }))
}
