//! Functions that choose between their arguments.

use super::super::args::Args;
use super::super::build::bools;
use super::super::cast::{CastMode, cast_to};
use super::super::types::common_type;
use super::super::{BoundExpr, literal, logic};
use super::site::{FunctionDef, Site, def};
use arrow::array::{Array, ArrayRef, make_comparator};
use arrow::compute::{SortOptions, interleave};
use std::cmp::Ordering;
use streamjob_core::{DataType, Error, LogicalType, Result};

/// The functions of this module.
pub const FUNCTIONS: &[FunctionDef] = &[
    def("COALESCE", "COALESCE(value, …)", (1, usize::MAX), "The first value that is not NULL.", |s| {
        let env = s.env();
        logic::coalesce("COALESCE", s.into_args(), &env)
    }),
    def("IFNULL", "IFNULL(value, otherwise)", (2, 2), "`otherwise` in place of NULL.", |s| {
        let env = s.env();
        logic::coalesce("IFNULL", s.into_args(), &env)
    }),
    def("NULLIF", "NULLIF(a, b)", (2, 2), "NULL when both are equal, else `a`.", |s| {
        let env = s.env();
        logic::null_if(s.arg(0)?.clone(), s.arg(1)?.clone(), &env)
    }),
    def("IF", "IF(condition, then, else)", (3, 3), "`then` when the condition is TRUE, else `else`.", |s| {
        let (env, text, nullable) = (s.env(), s.text(), s.nullable());
        let branch = (s.arg(0)?.clone(), s.arg(1)?.clone());
        let mut bound = logic::case(vec![branch], Some(s.arg(2)?.clone()), &env)?;
        bound.ty.nullable = nullable;
        bound.text = text;
        Ok(bound)
    }),
    def("GREATEST", "GREATEST(value, …)", (1, usize::MAX), "The largest value; NULL if one is NULL.", |s| {
        extreme(s, Ordering::Greater)
    }),
    def("LEAST", "LEAST(value, …)", (1, usize::MAX), "The smallest value; NULL if one is NULL.", |s| {
        extreme(s, Ordering::Less)
    }),
    def("TYPEOF", "TYPEOF(value [, force serializable])", (1, 2), "The type's name.", |s| {
        Ok(BoundExpr { text: s.text(), ..literal::string(&type_name(s.ty(0)?)) })
    }),
    def("IS_ALPHA", "IS_ALPHA(text)", (1, 1), "True when there are letters only.", |s| all(&s, char::is_alphabetic)),
    def("IS_DIGIT", "IS_DIGIT(text)", (1, 1), "True when there are digits only.", |s| all(&s, char::is_numeric)),
    def("IS_DECIMAL", "IS_DECIMAL(text)", (1, 1), "True when the text is a number.", |s| {
        Ok(s.total(LogicalType::not_null(DataType::Boolean), vec![s.str(0)?], |a| {
            let text = a.str(0)?;
            bools(a.rows, |r| Some(text.get(r).is_some_and(|t| t.trim().parse::<f64>().is_ok())))
        }))
    }),
];

fn all(s: &Site, test: fn(char) -> bool) -> Result<BoundExpr> {
    Ok(s.total(LogicalType::not_null(DataType::Boolean), vec![s.str(0)?], move |a: &Args| {
        let text = a.str(0)?;
        bools(a.rows, |r| Some(text.get(r).is_some_and(|t| !t.is_empty() && t.chars().all(test))))
    }))
}

/// Names of interval types in TYPEOF are their own.
fn type_name(ty: &LogicalType) -> String {
    let base = match &ty.data {
        DataType::IntervalYearMonth => "INTERVAL MONTH".to_string(),
        DataType::IntervalDayTime => "INTERVAL SECOND(3)".to_string(),
        other => other.to_string(),
    };
    if ty.nullable { base } else { format!("{base} NOT NULL") }
}

fn extreme(s: Site, better: Ordering) -> Result<BoundExpr> {
    let env = s.env();
    let types: Vec<LogicalType> = s.clone().into_args().iter().map(|a| a.ty.clone()).collect();
    let ty = common_type(&types).filter(|t| t.data != DataType::Null).ok_or_else(|| {
        Error::user(format!("the arguments of {} have no common type: {}", s.name, s.types())).fix("CAST them")
    })?;
    let args = s
        .clone()
        .into_args()
        .into_iter()
        .map(|a| Ok(cast_to(a, &ty, CastMode::Explicit, &env)?.expr))
        .collect::<Result<Vec<_>>>()?;
    Ok(s.total(ty, args, move |a| {
        let columns = a.args.iter().map(|arg| arg.expand(a.rows)).collect::<Result<Vec<ArrayRef>>>()?;
        let options = SortOptions::default();
        let mut picks = Vec::with_capacity(a.rows);
        let compare = columns
            .iter()
            .map(|x| columns.iter().map(|y| make_comparator(x, y, options)).collect::<std::result::Result<Vec<_>, _>>())
            .collect::<std::result::Result<Vec<_>, _>>()?;
        for row in 0..a.rows {
            let mut best = 0;
            for (i, column) in columns.iter().enumerate() {
                if column.is_null(row) {
                    best = i;
                    break;
                }
                let order = compare.get(i).and_then(|c| c.get(best)).map(|c| c(row, row));
                if order == Some(better) {
                    best = i;
                }
            }
            picks.push((best, row));
        }
        let arrays: Vec<&dyn Array> = columns.iter().map(|c| c.as_ref()).collect();
        Ok(interleave(&arrays, &picks)?)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interval_names() {
        assert_eq!(type_name(&LogicalType::not_null(DataType::IntervalDayTime)), "INTERVAL SECOND(3) NOT NULL");
    }
}
