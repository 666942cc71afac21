//! The aggregate functions: which there are, what a call of one needs, and the
//! type of its result.

use super::super::bind;
use super::super::query::Planner;
use crate::expr::{BoundExpr, Scope};
use crate::parser::refused;
use crate::position::Position;
use datafusion_expr::sqlparser::ast::{
    DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Value, Visit, Visitor,
};
use std::ops::ControlFlow;
use streamjob_core::{DataType, LogicalType, Result};
use streamjob_engine::operators::AggFunction;

/// Aggregates that exist in Flink but not here.
const MISSING: &[&str] = &[
    "APPROX_COUNT_DISTINCT",
    "ARRAY_AGG",
    "BIT_AND",
    "BIT_OR",
    "BIT_XOR",
    "COLLECT",
    "COVAR_POP",
    "COVAR_SAMP",
    "CUME_DIST",
    "DENSE_RANK",
    "EVERY",
    "GROUPING",
    "GROUPING_ID",
    "GROUP_ID",
    "INTERSECTION",
    "JSON_ARRAYAGG",
    "JSON_OBJECTAGG",
    "LAG",
    "LEAD",
    "NTH_VALUE",
    "NTILE",
    "PERCENTILE",
    "PERCENT_RANK",
    "RANK",
    "ROW_NUMBER",
    "SINGLE_VALUE",
    "SOME",
    "FUSION",
    "ANY_VALUE",
    "REGR_COUNT",
];

/// An aggregate function.
struct AggregateDef {
    name: &'static str,
    aliases: &'static [&'static str],
    signature: &'static str,
    doc: &'static str,
    function: fn() -> AggFunction,
}

const fn def(
    name: &'static str,
    signature: &'static str,
    doc: &'static str,
    function: fn() -> AggFunction,
) -> AggregateDef {
    AggregateDef { name, aliases: &[], signature, doc, function }
}

/// Those that exist here.
static AGGREGATES: &[AggregateDef] = &[
    def("COUNT", "COUNT(*), COUNT([DISTINCT] x)", "Rows, or rows in which x is not NULL, as BIGINT.", || {
        AggFunction::Count
    }),
    def(
        "SUM",
        "SUM([DISTINCT] number)",
        "The sum, in the argument's type (it wraps); of DECIMAL(p, s) as DECIMAL(38, s).",
        || AggFunction::Sum,
    ),
    def(
        "AVG",
        "AVG([DISTINCT] number)",
        "The mean, in the argument's type (integers are cut); of DECIMAL(p, s) as DECIMAL(38, max(6, s)).",
        || AggFunction::Avg,
    ),
    def("MIN", "MIN(x)", "The least value.", || AggFunction::Min),
    def("MAX", "MAX(x)", "The greatest value.", || AggFunction::Max),
    def("FIRST_VALUE", "FIRST_VALUE(x)", "The first value that is not NULL, in order of arrival.", || {
        AggFunction::FirstValue
    }),
    def("LAST_VALUE", "LAST_VALUE(x)", "The last value that is not NULL, in order of arrival.", || {
        AggFunction::LastValue
    }),
    def(
        "LISTAGG",
        "LISTAGG([DISTINCT] text [, 'delimiter'])",
        "The texts that are not NULL, joined by the delimiter or a comma.",
        || AggFunction::ListAgg { delimiter: ",".into() },
    ),
    def("STDDEV_POP", "STDDEV_POP(number)", "The standard deviation of the population.", || AggFunction::StddevPop),
    AggregateDef {
        aliases: &["STDDEV"],
        ..def("STDDEV_SAMP", "STDDEV_SAMP(number)", "The standard deviation of the sample.", || AggFunction::StddevSamp)
    },
    def("VAR_POP", "VAR_POP(number)", "The variance of the population.", || AggFunction::VarPop),
    AggregateDef {
        aliases: &["VARIANCE"],
        ..def("VAR_SAMP", "VAR_SAMP(number)", "The variance of the sample.", || AggFunction::VarSamp)
    },
];

/// The aggregate function with this name. LISTAGG's delimiter is set later.
fn function(name: &str) -> Option<AggFunction> {
    let def = AGGREGATES.iter().find(|d| d.name == name || d.aliases.contains(&name))?;
    Some((def.function)())
}

/// Rows of the docs' table: signature, other names, result.
pub fn documented() -> impl Iterator<Item = (&'static str, &'static [&'static str], &'static str)> {
    AGGREGATES.iter().map(|d| (d.signature, d.aliases, d.doc))
}

/// Names of the aggregates that are refused.
pub fn refused_names() -> &'static [&'static str] {
    MISSING
}

/// True for a call of an aggregate function, also of one that is refused.
pub(super) fn is_aggregate(f: &Function) -> bool {
    let name = bind::function_name(f);
    f.over.is_none() && (function(&name).is_some() || MISSING.contains(&name.as_str()))
}

/// Where the first aggregate of an expression stands.
pub fn find(expr: &Expr) -> Option<Position> {
    struct Find;
    impl Visitor for Find {
        type Break = Position;
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Position> {
            match expr {
                Expr::Function(f) if is_aggregate(f) => ControlFlow::Break(Position::of_expr(expr)),
                Expr::Subquery(_) => ControlFlow::Continue(()),
                _ => ControlFlow::Continue(()),
            }
        }
    }
    match expr.visit(&mut Find) {
        ControlFlow::Break(position) => Some(position),
        ControlFlow::Continue(()) => None,
    }
}

/// A call found in SELECT list or HAVING.
pub(super) struct Found {
    pub(super) canonical: String,
    pub(super) function: AggFunction,
    pub(super) distinct: bool,
    pub(super) arg: Option<BoundExpr>,
    pub(super) filter: Option<BoundExpr>,
    pub(super) ty: LogicalType,
    pub(super) name: String,
    pub(super) at: Position,
}

/// Binds one aggregate call.
pub(super) fn bind_call(
    planner: &Planner<'_>,
    f: &Function,
    scope: &Scope,
    grouped: bool,
    at: Position,
) -> Result<Found> {
    let name = bind::function_name(f);
    let Some(mut agg) = function(&name) else {
        return Err(refused(
            at,
            &format!("aggregate function {name}"),
            &format!("use {}", AGGREGATES.iter().map(|d| d.name).collect::<Vec<_>>().join(", ")),
        ));
    };
    if !f.within_group.is_empty() || f.null_treatment.is_some() {
        return Err(refused(at, &format!("WITHIN GROUP or NULLS in {name}"), "leave it out"));
    }
    let FunctionArguments::List(list) = &f.args else {
        return Err(at.error(format!("syntax error in the arguments of {name}")));
    };
    if !list.clauses.is_empty() {
        return Err(refused(at, &format!("ORDER BY or another clause in {name}"), "leave it out"));
    }
    let distinct = matches!(list.duplicate_treatment, Some(DuplicateTreatment::Distinct));
    let mut args = list.args.iter();
    let mut arg = None;
    match (args.next(), &agg) {
        (Some(FunctionArg::Unnamed(FunctionArgExpr::Wildcard)), AggFunction::Count) if !distinct => {
            agg = AggFunction::CountStar
        }
        (None, AggFunction::Count) => return Err(at.error("COUNT needs an argument").fix("write COUNT(*)")),
        (Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(e))), _) => {
            if let Some(inner) = find(e) {
                return Err(inner.error("Aggregate expressions cannot be nested").fix("aggregate in a subquery first"));
            }
            arg = Some(bind::expr(e, scope, &planner.ctx)?);
        }
        _ => return Err(at.error(format!("{name} needs one argument"))),
    }
    if let (AggFunction::ListAgg { delimiter }, Some(second)) = (&mut agg, args.next()) {
        match second {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(v))) => match &v.value {
                Value::SingleQuotedString(s) => delimiter.clone_from(s),
                _ => return Err(at.error("the delimiter of LISTAGG must be text in single quotes")),
            },
            _ => return Err(at.error("the delimiter of LISTAGG must be text in single quotes")),
        }
    }
    if args.next().is_some() {
        return Err(refused(at, &format!("{name} of several columns"), "aggregate one column per call"));
    }
    let filter = match &f.filter {
        None => None,
        Some(e) => {
            if let Some(inner) = find(e) {
                return Err(inner.error("FILTER must not contain aggregate expression"));
            }
            Some(planner.predicate(e, scope, "FILTER")?)
        }
    };
    let mut ty = result_type(&agg, arg.as_ref().map(|a| &a.ty)).ok_or_else(|| {
        let of = arg.as_ref().map_or(String::new(), |a| a.ty.data.to_string());
        at.error(format!("Cannot apply '{name}' to arguments of type '{name}(<{of}>)'"))
            .fix("CAST the argument to a type that it takes")
    })?;
    if !matches!(agg, AggFunction::Count | AggFunction::CountStar) {
        ty.nullable = ty.nullable || !grouped || filter.is_some();
    }
    // MIN and MAX do not change by repetition.
    let distinct = distinct && !matches!(agg, AggFunction::Min | AggFunction::Max);
    Ok(Found {
        canonical: String::new(),
        function: agg,
        distinct,
        arg,
        filter,
        ty,
        name: Expr::Function(f.clone()).to_string(),
        at,
    })
}

/// Type of an aggregate's result; `None` when it does not take the argument.
fn result_type(f: &AggFunction, arg: Option<&LogicalType>) -> Option<LogicalType> {
    if matches!(f, AggFunction::Count | AggFunction::CountStar) {
        return Some(LogicalType::not_null(DataType::BigInt));
    }
    let arg = arg?;
    let data = match (f, &arg.data) {
        (AggFunction::Sum, DataType::Decimal(_, s)) => DataType::Decimal(38, *s),
        (AggFunction::Sum, d) if d.is_numeric() => d.clone(),
        (AggFunction::Sum, _) => return None,
        (
            AggFunction::Avg
            | AggFunction::StddevPop
            | AggFunction::StddevSamp
            | AggFunction::VarPop
            | AggFunction::VarSamp,
            d,
        ) => match d {
            DataType::Decimal(_, s) => DataType::Decimal(38, (*s).max(6)),
            d if d.is_numeric() => d.clone(),
            _ => return None,
        },
        (AggFunction::ListAgg { .. }, d) if d.is_string() => DataType::STRING,
        (AggFunction::ListAgg { .. }, _) => return None,
        (
            AggFunction::Min | AggFunction::Max,
            DataType::Array(_) | DataType::Map(..) | DataType::Multiset(_) | DataType::Row(_),
        ) => return None,
        (_, d) => d.clone(),
    };
    Some(LogicalType { data, nullable: arg.nullable })
}
