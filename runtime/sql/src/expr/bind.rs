//! The walk over sqlparser's expressions: names to columns, nodes to the
//! builders of the other modules, and a place in the script for every error.

mod name;

use super::arith::{Op, arithmetic, negate};
use super::cast::{CastMode, cast_to};
use super::compare::{Comparison, comparison};
use super::env::Env;
use super::functions::{self, Site};
use super::types::parse_data_type;
use super::{BoundExpr, ExprContext, Scope, literal, logic};
use crate::parser::json::JSON_VALUE_ON;
use crate::position::Position;
use arrow::datatypes::{Field, Schema};
use datafusion_expr::sqlparser::ast::{
    BinaryOperator, CaseWhen, CastKind, CeilFloorKind, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArgumentClause, FunctionArguments, TrimWhereField, UnaryOperator, ValueWithSpan,
};
use streamjob_core::{DataType, Error, Result};

/// Binds an expression: resolves its names in `scope` and gives it Flink's type and meaning.
/// Errors (User) name the construct with its line and column.
pub fn bind(ast: &Expr, scope: &Scope, ctx: &ExprContext<'_>) -> Result<BoundExpr> {
    let fields: Vec<Field> = scope.columns.iter().map(|c| c.ty.field(&c.name)).collect();
    let binder = Binder { scope, env: Env::new(ctx)?, schema: Schema::new(fields) };
    binder.bind(ast)
}

struct Binder<'a> {
    scope: &'a Scope,
    env: Env,
    schema: Schema,
}

impl Binder<'_> {
    fn bind(&self, ast: &Expr) -> Result<BoundExpr> {
        self.node(ast).map_err(|e| Position::of_expr(ast).locate(e))
    }

    fn all(&self, list: &[Expr]) -> Result<Vec<BoundExpr>> {
        list.iter().map(|e| self.bind(e)).collect()
    }

    fn node(&self, ast: &Expr) -> Result<BoundExpr> {
        let env = &self.env;
        match ast {
            Expr::Nested(inner) => self.bind(inner),
            Expr::Value(value) => literal::literal(value),
            Expr::TypedString(typed) => literal::typed(&typed.data_type, &typed.value),
            Expr::Interval(interval) => literal::interval(interval),
            Expr::Identifier(ident) => self.identifier(ident),
            Expr::CompoundIdentifier(parts) => self.compound(parts),
            Expr::CompoundFieldAccess { root, access_chain } => self.access(root, access_chain),
            Expr::BinaryOp { left, op, right } => self.binary(left, op, right),
            Expr::UnaryOp { op, expr } => match op {
                UnaryOperator::Not => logic::not(self.bind(expr)?, env),
                UnaryOperator::Minus => match literal::minimum(expr) {
                    Some(smallest) => Ok(smallest),
                    None => negate(self.bind(expr)?),
                },
                UnaryOperator::Plus => {
                    let bound = self.bind(expr)?;
                    if bound.ty.data.is_numeric() {
                        Ok(bound)
                    } else {
                        Err(Error::user(format!("cannot apply '+' to arguments of type '+<{}>'", bound.ty.data)))
                    }
                }
                other => Err(Error::user(format!("operator {other} is not supported"))),
            },
            Expr::IsNull(e) => Ok(logic::is_null(&self.bind(e)?, false)),
            Expr::IsNotNull(e) => Ok(logic::is_null(&self.bind(e)?, true)),
            Expr::IsTrue(e) => logic::is_truth(self.bind(e)?, Some(true), false, env),
            Expr::IsNotTrue(e) => logic::is_truth(self.bind(e)?, Some(true), true, env),
            Expr::IsFalse(e) => logic::is_truth(self.bind(e)?, Some(false), false, env),
            Expr::IsNotFalse(e) => logic::is_truth(self.bind(e)?, Some(false), true, env),
            Expr::IsUnknown(e) => logic::is_truth(self.bind(e)?, None, false, env),
            Expr::IsNotUnknown(e) => logic::is_truth(self.bind(e)?, None, true, env),
            Expr::IsDistinctFrom(l, r) => comparison(Comparison::Distinct, self.bind(l)?, self.bind(r)?, env),
            Expr::IsNotDistinctFrom(l, r) => comparison(Comparison::NotDistinct, self.bind(l)?, self.bind(r)?, env),
            Expr::InList { expr, list, negated } if parts(expr).is_some() => self.row_in(expr, list, *negated),
            Expr::InList { expr, list, negated } => {
                logic::in_list(self.bind(expr)?, self.all(list)?, *negated, env, &self.schema)
            }
            Expr::Between { expr, negated, low, high } => {
                let value = self.bind(expr)?;
                let above = comparison(Comparison::GtEq, value.clone(), self.bind(low)?, env)?;
                let below = comparison(Comparison::LtEq, value, self.bind(high)?, env)?;
                let between = logic::and_or(true, above, below, env)?;
                if *negated { logic::not(between, env) } else { Ok(between) }
            }
            Expr::Like { negated, any: false, expr, pattern, escape_char } => {
                self.like("LIKE", expr, pattern, escape_char.as_ref(), *negated)
            }
            Expr::SimilarTo { negated, expr, pattern, escape_char } => {
                self.like("SIMILAR TO", expr, pattern, escape_char.as_ref(), *negated)
            }
            Expr::Case { operand, conditions, else_result, .. } => {
                self.case(operand.as_deref(), conditions, else_result.as_deref())
            }
            Expr::Cast { kind, expr, data_type, .. } => {
                let to = parse_data_type(data_type)?;
                let mode = match kind {
                    CastKind::Cast => CastMode::Explicit,
                    CastKind::TryCast => CastMode::Try,
                    CastKind::SafeCast | CastKind::DoubleColon => {
                        return Err(Error::user("this cast is not Flink SQL").fix("write CAST(value AS type)"));
                    }
                };
                let value = self.bind(expr)?;
                if to.data == DataType::TimestampLtz(3) && value.rowtime && value.ty.data == to.data {
                    return Ok(value);
                }
                let mut result = cast_to(value, &to, mode, env)?;
                result.rowtime = false;
                Ok(result)
            }
            Expr::Extract { field, expr, .. } => {
                let unit = literal::string(&field.to_string().to_ascii_uppercase());
                self.call("EXTRACT", vec![unit, self.bind(expr)?])
            }
            Expr::Floor { expr, field } => self.floor("FLOOR", expr, field),
            Expr::Ceil { expr, field } => self.floor("CEIL", expr, field),
            Expr::Position { expr, r#in } => self.call("POSITION", vec![self.bind(expr)?, self.bind(r#in)?]),
            Expr::Substring { expr, substring_from, substring_for, .. } => {
                let mut args = vec![self.bind(expr)?];
                match (substring_from, substring_for) {
                    (None, None) => {}
                    (Some(from), None) => args.push(self.bind(from)?),
                    (None, Some(length)) => args.extend([literal::int(1), self.bind(length)?]),
                    (Some(from), Some(length)) => args.extend([self.bind(from)?, self.bind(length)?]),
                }
                self.call("SUBSTRING", args)
            }
            Expr::Trim { trim_where, trim_what, expr, trim_characters } => {
                let name = match trim_where {
                    None | Some(TrimWhereField::Both) => "TRIM",
                    Some(TrimWhereField::Leading) => "LTRIM",
                    Some(TrimWhereField::Trailing) => "RTRIM",
                };
                let mut args = vec![self.bind(expr)?];
                if let Some(what) = trim_what {
                    args.push(self.bind(what)?);
                }
                if trim_characters.is_some() {
                    return Err(Error::user("TRIM(text, characters) is not Flink SQL")
                        .fix("write BTRIM(text, characters) or TRIM(BOTH characters FROM text)"));
                }
                functions::trim(name, &Site::new(name, args, env))
            }
            Expr::Overlay { expr, overlay_what, overlay_from, overlay_for } => {
                let mut args = vec![self.bind(expr)?, self.bind(overlay_what)?, self.bind(overlay_from)?];
                if let Some(length) = overlay_for {
                    args.push(self.bind(length)?);
                }
                self.call("OVERLAY", args)
            }
            Expr::Array(array) => self.call("ARRAY", self.all(&array.elem)?),
            Expr::Tuple(items) => self.call("ROW", self.all(items)?),
            Expr::Function(function) => self.function(function),
            Expr::RLike { .. } | Expr::ILike { .. } => {
                Err(Error::user("RLIKE, ILIKE and REGEXP as operators are not Flink SQL")
                    .fix("use LIKE or REGEXP(text, regex)"))
            }
            Expr::Exists { .. } | Expr::InSubquery { .. } | Expr::Subquery(_) => {
                Err(Error::user("a subquery inside of an expression is not supported here").fix("write it as a join"))
            }
            Expr::AtTimeZone { .. } => {
                Err(Error::user("AT TIME ZONE is not Flink SQL").fix("use CONVERT_TZ or CAST to TIMESTAMP_LTZ"))
            }
            other => Err(Error::user(format!("expression {other} is not supported"))),
        }
    }

    fn binary(&self, left: &Expr, op: &BinaryOperator, right: &Expr) -> Result<BoundExpr> {
        let env = &self.env;
        if let (BinaryOperator::Eq | BinaryOperator::NotEq, Some(l), Some(r)) = (op, parts(left), parts(right)) {
            let equal = self.rows_equal(l, r)?;
            return if *op == BinaryOperator::Eq { Ok(equal) } else { logic::not(equal, env) };
        }
        let (l, r) = (self.bind(left)?, self.bind(right)?);
        let arith = |op| arithmetic(op, l.clone(), r.clone(), env);
        let compare = |op| comparison(op, l.clone(), r.clone(), env);
        match op {
            BinaryOperator::Plus => arith(Op::Plus),
            BinaryOperator::Minus => arith(Op::Minus),
            BinaryOperator::Multiply => arith(Op::Times),
            BinaryOperator::Divide => arith(Op::Divide),
            BinaryOperator::Modulo => arith(Op::Modulo),
            BinaryOperator::Eq => compare(Comparison::Eq),
            BinaryOperator::NotEq => compare(Comparison::NotEq),
            BinaryOperator::Lt => compare(Comparison::Lt),
            BinaryOperator::LtEq => compare(Comparison::LtEq),
            BinaryOperator::Gt => compare(Comparison::Gt),
            BinaryOperator::GtEq => compare(Comparison::GtEq),
            BinaryOperator::And => logic::and_or(true, l, r, env),
            BinaryOperator::Or => logic::and_or(false, l, r, env),
            BinaryOperator::StringConcat => self.call("||", vec![l, r]),
            other => Err(Error::user(format!("operator {other} is not supported"))),
        }
    }

    /// Rows are equal when all their parts are; a NULL among them makes that unknown.
    fn rows_equal(&self, left: &[Expr], right: &[Expr]) -> Result<BoundExpr> {
        if left.len() != right.len() {
            return Err(Error::user(format!("a row of {} values is compared with one of {}", left.len(), right.len()))
                .fix("give both as many values"));
        }
        let mut all: Option<BoundExpr> = None;
        for (l, r) in left.iter().zip(right) {
            let equal = comparison(Comparison::Eq, self.bind(l)?, self.bind(r)?, &self.env)?;
            all = Some(match all {
                None => equal,
                Some(so_far) => logic::and_or(true, so_far, equal, &self.env)?,
            });
        }
        all.ok_or_else(|| Error::user("a row of no values cannot be compared"))
    }

    fn row_in(&self, row: &Expr, list: &[Expr], negated: bool) -> Result<BoundExpr> {
        let row = parts(row).unwrap_or_default();
        let mut any: Option<BoundExpr> = None;
        for item in list {
            let item = parts(item).ok_or_else(|| {
                Error::user(format!("the row ({} values) is compared with {item}, which is no row", row.len()))
                    .fix("write (a, b) IN ((1, 2), (3, 4))")
            })?;
            let equal = self.rows_equal(row, item)?;
            any = Some(match any {
                None => equal,
                Some(so_far) => logic::and_or(false, so_far, equal, &self.env)?,
            });
        }
        let any = any.ok_or_else(|| Error::user("IN takes at least one value"))?;
        if negated { logic::not(any, &self.env) } else { Ok(any) }
    }

    fn case(&self, operand: Option<&Expr>, conditions: &[CaseWhen], otherwise: Option<&Expr>) -> Result<BoundExpr> {
        let operand = operand.map(|e| self.bind(e)).transpose()?;
        let branches = conditions
            .iter()
            .map(|branch| {
                let when = self.bind(&branch.condition)?;
                let when = match &operand {
                    None => when,
                    Some(value) => comparison(Comparison::Eq, value.clone(), when, &self.env)
                        .map_err(|e| Position::of_expr(&branch.condition).locate(e))?,
                };
                Ok((when, self.bind(&branch.result)?))
            })
            .collect::<Result<Vec<_>>>()?;
        logic::case(branches, otherwise.map(|e| self.bind(e)).transpose()?, &self.env)
    }

    fn like(
        &self,
        name: &str,
        expr: &Expr,
        pattern: &Expr,
        escape: Option<&ValueWithSpan>,
        negated: bool,
    ) -> Result<BoundExpr> {
        let mut args = vec![self.bind(expr)?, self.bind(pattern)?];
        if let Some(escape) = escape {
            args.push(literal::literal(escape)?);
        }
        let bound = self.call(name, args)?;
        if negated { logic::not(bound, &self.env) } else { Ok(bound) }
    }

    fn floor(&self, name: &str, expr: &Expr, field: &CeilFloorKind) -> Result<BoundExpr> {
        let value = self.bind(expr)?;
        match field {
            CeilFloorKind::DateTimeField(field) => {
                use datafusion_expr::sqlparser::ast::DateTimeField;
                if matches!(field, DateTimeField::NoDateTime) {
                    return self.call(name, vec![value]);
                }
                let unit = literal::string(&field.to_string().to_ascii_uppercase());
                self.call(name, vec![value, unit])
            }
            CeilFloorKind::Scale(_) => {
                Err(Error::user(format!("{name} with a number of digits is not Flink SQL"))
                    .fix("use ROUND or TRUNCATE"))
            }
        }
    }

    fn function(&self, function: &Function) -> Result<BoundExpr> {
        let name =
            function.name.0.last().and_then(|p| p.as_ident()).map(|i| i.value.to_ascii_uppercase()).unwrap_or_default();
        if function.over.is_some() {
            return Err(Error::user(format!("{name} OVER (…) is not supported here")));
        }
        if function.filter.is_some() || !function.within_group.is_empty() {
            return Err(Error::user(format!("FILTER and WITHIN GROUP do not belong to the scalar function {name}")));
        }
        let mut args = Vec::new();
        let mut returning = None;
        match &function.args {
            FunctionArguments::None => {}
            FunctionArguments::Subquery(_) => {
                return Err(Error::user(format!("a subquery as argument of {name} is not supported")));
            }
            FunctionArguments::List(list) => {
                let mut clauses = list.clauses.as_slice();
                if let ([FunctionArgumentClause::JsonReturningClause(clause)], "JSON_VALUE" | JSON_VALUE_ON) =
                    (clauses, name.as_str())
                {
                    returning = Some(parse_data_type(&clause.data_type)?);
                    clauses = &[];
                }
                if list.duplicate_treatment.is_some() || !clauses.is_empty() {
                    return Err(Error::user(format!("this form of {name} is not supported")));
                }
                for (i, arg) in list.args.iter().enumerate() {
                    let FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) = arg else {
                        return Err(Error::user(format!("argument {arg} of {name} is not supported")));
                    };
                    args.push(match functions::unit_argument(&name, i, expr) {
                        Some(unit) => literal::string(&unit),
                        None => self.bind(expr)?,
                    });
                }
            }
        }
        let bound = self.call(&name, args)?;
        match returning {
            // What does not convert is NULL: NULL ON ERROR is the default.
            Some(to) => cast_to(bound, &to, CastMode::Try, &self.env),
            None => Ok(bound),
        }
    }

    fn call(&self, name: &str, args: Vec<BoundExpr>) -> Result<BoundExpr> {
        functions::bind(name, args, &self.env)
    }
}

/// The values of `(a, b)`.
fn parts(ast: &Expr) -> Option<&[Expr]> {
    match ast {
        Expr::Tuple(items) => Some(items),
        Expr::Nested(inner) => parts(inner),
        _ => None,
    }
}
