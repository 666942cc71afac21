//! Aggregate functions with the original's semantics. A call is resolved once
//! against its input into a [`Resolved`] call; its accumulators are plain values
//! with a byte form for keyed state.

mod accumulator;
mod column;
mod inputs;
mod kept;
pub(crate) mod maps;
pub mod scalar;
pub(crate) mod seen;
mod variance;

pub use accumulator::Acc;
pub use column::ResultColumn;
pub(crate) use column::is_all;
pub use inputs::{AggSet, MapKind, MapSpec, RowInputs, describe_columns, map_rows};
pub use kept::Kept;

use arrow::datatypes::DataType as ArrowType;
pub(crate) use kept::Pick;
use scalar::Class;
use std::fmt;
use streamjob_core::{DataType, Error, LogicalType, Result, Schema};

/// An aggregate function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AggFunction {
    /// COUNT(*): rows.
    CountStar,
    /// COUNT(x): non-NULL values.
    Count,
    /// SUM(x).
    Sum,
    /// AVG(x).
    Avg,
    /// MIN(x).
    Min,
    /// MAX(x).
    Max,
    /// FIRST_VALUE(x): the first non-NULL value.
    FirstValue,
    /// LAST_VALUE(x): the last non-NULL value.
    LastValue,
    /// LISTAGG(x, delimiter).
    ListAgg {
        /// Between two values; `,` by default in SQL.
        delimiter: String,
    },
    /// STDDEV_POP(x).
    StddevPop,
    /// STDDEV_SAMP(x).
    StddevSamp,
    /// VAR_POP(x).
    VarPop,
    /// VAR_SAMP(x).
    VarSamp,
}

impl AggFunction {
    /// Its name in SQL.
    pub const fn name(&self) -> &'static str {
        match self {
            AggFunction::CountStar | AggFunction::Count => "COUNT",
            AggFunction::Sum => "SUM",
            AggFunction::Avg => "AVG",
            AggFunction::Min => "MIN",
            AggFunction::Max => "MAX",
            AggFunction::FirstValue => "FIRST_VALUE",
            AggFunction::LastValue => "LAST_VALUE",
            AggFunction::ListAgg { .. } => "LISTAGG",
            AggFunction::StddevPop => "STDDEV_POP",
            AggFunction::StddevSamp => "STDDEV_SAMP",
            AggFunction::VarPop => "VAR_POP",
            AggFunction::VarSamp => "VAR_SAMP",
        }
    }
}

/// A call of an aggregate function, as the planner gives it.
#[derive(Debug, Clone, PartialEq)]
pub struct AggCall {
    /// The function.
    pub function: AggFunction,
    /// Position of the argument column; `None` for COUNT(*).
    pub arg: Option<usize>,
    /// DISTINCT.
    pub distinct: bool,
    /// Position of a BOOLEAN column: FILTER (WHERE …).
    pub filter: Option<usize>,
    /// True for MAX of values that are replaced by greater ones only, and MIN by less: it takes nothing back.
    pub monotonic: bool,
    /// Type of the result. Numeric results have the planner's type; see [`AggCall::resolve`] for what is possible.
    pub result: LogicalType,
}

/// A numeric type, as far as conversions to and from DOUBLE need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Number {
    /// BIGINT when `wide`, else up to INT.
    Int {
        wide: bool,
    },
    Float,
    Dec {
        precision: u8,
        scale: u8,
    },
}

impl Number {
    fn of(ty: &DataType) -> Option<Self> {
        Some(match ty {
            DataType::BigInt => Number::Int { wide: true },
            t if t.is_integer() => Number::Int { wide: false },
            DataType::Float | DataType::Double => Number::Float,
            DataType::Decimal(precision, scale) => Number::Dec { precision: *precision, scale: *scale },
            _ => return None,
        })
    }
}

/// How an accumulator computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Count,
    SumInt,
    /// `single`: in 4-byte arithmetic.
    SumFloat {
        single: bool,
    },
    SumDec,
    AvgInt,
    AvgFloat,
    /// Digits that the result has behind the point beyond the argument's.
    AvgDec {
        more_scale: u32,
    },
    Extreme {
        max: bool,
    },
    First,
    Last,
    ListAgg,
    /// FIRST_VALUE, LAST_VALUE and LISTAGG over retractions.
    Kept(Pick),
    /// Divided by n − 1 when `sample`; root drawn when `root`; in doubles, cast to `to` at the end.
    Variance {
        sample: bool,
        root: bool,
        from: Number,
        to: Number,
    },
}

/// A call with its types checked.
#[derive(Debug, Clone)]
pub struct Resolved {
    pub(crate) call: AggCall,
    pub(crate) method: Method,
    pub(crate) arg_type: Option<ArrowType>,
    pub(crate) result_type: ArrowType,
    text: String,
}

impl AggCall {
    /// A call without DISTINCT and FILTER.
    pub fn new(function: AggFunction, arg: Option<usize>, result: DataType) -> Self {
        Self { function, arg, distinct: false, filter: None, monotonic: false, result: LogicalType::new(result) }
    }

    /// With DISTINCT.
    #[must_use]
    pub fn distinct(mut self) -> Self {
        self.distinct = true;
        self
    }

    /// With FILTER (WHERE column).
    #[must_use]
    pub fn filter(mut self, column: usize) -> Self {
        self.filter = Some(column);
        self
    }

    /// Checks the call against its input. Integers sum and average to any integer type, DECIMAL(p, s) sums to
    /// DECIMAL(38, s) and averages to a scale of at least s, FLOAT and DOUBLE to either.
    pub fn resolve(&self, input: &Schema, retracts: bool) -> Result<Resolved> {
        use AggFunction as F;
        let column = match self.arg {
            None => None,
            Some(i) => Some(
                input
                    .columns
                    .get(i)
                    .ok_or_else(|| Error::internal(format!("aggregate over column {i} of {}", input.columns.len())))?,
            ),
        };
        let name = self.function.name();
        let text = {
            let distinct = if self.distinct { "DISTINCT " } else { "" };
            let arg = column.map_or("*", |c| c.name.as_str());
            let filter = self
                .filter
                .and_then(|f| input.columns.get(f))
                .map_or(String::new(), |c| format!(" FILTER (WHERE {})", c.name));
            match &self.function {
                F::ListAgg { delimiter } => format!("LISTAGG({distinct}{arg}, '{delimiter}'){filter}"),
                _ => format!("{name}({distinct}{arg}){filter}"),
            }
        };
        let refused = |why: &str| Err(Error::user(format!("{text}: {why}")).fix("aggregate its scalar parts"));
        if let Some(f) = self.filter
            && input.columns.get(f).map(|c| &c.ty.data) != Some(&DataType::Boolean)
        {
            return Err(Error::internal(format!("{text}: the filter column is not BOOLEAN")));
        }
        let method = match (&self.function, column) {
            (F::CountStar, _) => Method::Count,
            (_, None) => return Err(Error::internal(format!("{name} without an argument"))),
            (F::Count, _) => Method::Count,
            (function, Some(column)) => {
                let (from, to) = (&column.ty.data, &self.result.data);
                let same_class = Class::of(&from.arrow()).is_some() && from.arrow() == to.arrow();
                match function {
                    F::Sum => match (from, to) {
                        (f, t) if f.is_integer() && t.is_integer() => Method::SumInt,
                        (DataType::Float, DataType::Float) => Method::SumFloat { single: true },
                        (DataType::Float | DataType::Double, DataType::Float | DataType::Double) => {
                            Method::SumFloat { single: false }
                        }
                        (DataType::Decimal(_, s), DataType::Decimal(38, t)) if s == t => Method::SumDec,
                        (f, t) => return refused(&format!("{f} cannot be summed to {t}")),
                    },
                    F::Avg => match (from, to) {
                        (f, t) if f.is_integer() && t.is_integer() => Method::AvgInt,
                        (DataType::Float | DataType::Double, DataType::Float | DataType::Double) => Method::AvgFloat,
                        (DataType::Decimal(_, s), DataType::Decimal(38, t)) if t >= s => {
                            Method::AvgDec { more_scale: u32::from(t - s) }
                        }
                        (f, t) => return refused(&format!("{f} cannot be averaged to {t}")),
                    },
                    F::Min | F::Max | F::FirstValue | F::LastValue if !same_class => {
                        return refused(&format!("not supported for {from} giving {to}"));
                    }
                    F::Min => Method::Extreme { max: false },
                    F::Max => Method::Extreme { max: true },
                    F::FirstValue => Method::First,
                    F::LastValue => Method::Last,
                    F::ListAgg { .. } if !from.is_string() => return refused(&format!("not supported for {from}")),
                    F::ListAgg { .. } => Method::ListAgg,
                    F::StddevPop | F::StddevSamp | F::VarPop | F::VarSamp => {
                        let (Some(from), Some(to)) = (Number::of(from), Number::of(to)) else {
                            return refused(&format!("not supported for {from} giving {to}"));
                        };
                        Method::Variance {
                            sample: matches!(function, F::StddevSamp | F::VarSamp),
                            root: matches!(function, F::StddevPop | F::StddevSamp),
                            from,
                            to,
                        }
                    }
                    F::CountStar | F::Count => Method::Count,
                }
            }
        };
        if method == Method::Count && self.result.data != DataType::BigInt {
            return Err(Error::internal(format!("{text} gives BIGINT, not {}", self.result.data)));
        }
        let method = match method {
            Method::First if retracts => Method::Kept(Pick::First),
            Method::Last if retracts => Method::Kept(Pick::Last),
            Method::ListAgg if retracts => Method::Kept(Pick::All),
            other => other,
        };
        if self.distinct && column.is_some_and(|c| Class::of(&c.ty.data.arrow()).is_none()) {
            return refused("DISTINCT is supported for scalar types only");
        }
        let mut call = self.clone();
        // The extreme of distinct values is the extreme of all.
        call.distinct &= !matches!(method, Method::Extreme { .. } | Method::First);
        Ok(Resolved {
            method,
            arg_type: column.map(|c| c.ty.data.arrow()),
            result_type: self.result.data.arrow(),
            text: format!("{text} {}", self.result.data),
            call,
        })
    }
}

impl fmt::Display for Resolved {
    /// `SUM(DISTINCT amount) DOUBLE`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
