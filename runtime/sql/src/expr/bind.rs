//! The walk over sqlparser's expressions: names to columns, nodes to the
//! builders of the other modules, and a place in the script for every error.

use super::args::Args;
use super::arith::{Op, arithmetic, negate};
use super::call::{Behaviour, call};
use super::cast::{CastMode, cast_to};
use super::compare::{Comparison, comparison};
use super::env::Env;
use super::functions::{self, Site};
use super::types::parse_data_type;
use super::{BoundExpr, ExprContext, Scope, ScopeColumn, literal, logic};
use crate::position::Position;
use arrow::datatypes::{Field, Schema};
use datafusion_expr::sqlparser::ast::{
    AccessExpr, BinaryOperator, CaseWhen, CastKind, CeilFloorKind, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArgumentClause, FunctionArguments, Ident, Subscript, TrimWhereField, UnaryOperator, Value, ValueWithSpan,
};
use datafusion_physical_expr::expressions::Column;
use std::sync::Arc;
use streamjob_core::options::nearest;
use streamjob_core::{DataType, Error, LogicalType, Result};

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
                UnaryOperator::Minus => negate(self.bind(expr)?),
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
                if let ([FunctionArgumentClause::JsonReturningClause(clause)], "JSON_VALUE") = (clauses, name.as_str())
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

    fn identifier(&self, ident: &Ident) -> Result<BoundExpr> {
        let found: Vec<(usize, &ScopeColumn)> = self.find(None, &ident.value);
        match found.as_slice() {
            [(index, column)] => Ok(self.column(*index, column)),
            [] => {
                let upper = ident.value.to_ascii_uppercase();
                if ident.quote_style.is_none() && functions::is_bare(&upper) {
                    return self.call(&upper, Vec::new());
                }
                Err(self.unknown(&ident.value))
            }
            _ => {
                Err(Error::user(format!("column '{}' is ambiguous", ident.value)).fix("put the table's name before it"))
            }
        }
    }

    fn find(&self, qualifier: Option<&str>, name: &str) -> Vec<(usize, &ScopeColumn)> {
        let fits = |c: &ScopeColumn| c.name == name && (qualifier.is_none() || c.qualifier.as_deref() == qualifier);
        self.scope.columns.iter().enumerate().filter(|(_, c)| fits(c)).collect()
    }

    fn unknown(&self, name: &str) -> Error {
        let error = Error::user(format!("Column '{name}' not found in any table"));
        let names: Vec<&str> = self.scope.columns.iter().map(|c| c.name.as_str()).collect();
        match nearest(name, names.iter().copied()) {
            Some(near) => error.fix(format!("did you mean '{near}'?")),
            None if names.is_empty() => error.fix("there are no columns here: a text stands in 'single quotes'"),
            None => error.fix(format!("the columns here are {}", names.join(", "))),
        }
    }

    fn column(&self, index: usize, column: &ScopeColumn) -> BoundExpr {
        let text = match &column.qualifier {
            Some(q) => format!("`{q}`.`{}`", column.name),
            None => format!("`{}`", column.name),
        };
        if column.proctime {
            // A processing-time attribute has no stored value: reading it reads the clock.
            return BoundExpr { text, ..functions::proctime(&self.env) };
        }
        BoundExpr {
            expr: Arc::new(Column::new(&column.name, index)),
            ty: column.ty.clone(),
            text,
            rowtime: column.rowtime,
        }
    }

    /// `table.column.field…` or `column.field…`.
    fn compound(&self, parts: &[Ident]) -> Result<BoundExpr> {
        for skipped in 0..parts.len().saturating_sub(1) {
            let (Some(table), Some(name)) = (parts.get(skipped), parts.get(skipped + 1)) else { continue };
            let found = self.find(Some(&table.value), &name.value);
            if found.len() > 1 {
                return Err(Error::user(format!("column '{}.{}' is ambiguous", table.value, name.value)));
            }
            if let Some((index, column)) = found.first() {
                return self.fields(self.column(*index, column), parts.get(skipped + 2..).unwrap_or_default());
            }
        }
        let Some((first, rest)) = parts.split_first() else { return Err(Error::internal("a name without parts")) };
        let found = self.find(None, &first.value);
        if let [(index, column)] = found.as_slice() {
            return self.fields(self.column(*index, column), rest);
        }
        let known_table = self.scope.columns.iter().any(|c| c.qualifier.as_deref() == Some(first.value.as_str()));
        match rest.first() {
            Some(name) if known_table => {
                let names = self.scope.columns.iter().filter(|c| c.qualifier.as_deref() == Some(&first.value));
                let error = Error::user(format!("Column '{}' not found in table '{}'", name.value, first.value));
                Err(match nearest(&name.value, names.map(|c| c.name.as_str())) {
                    Some(near) => error.fix(format!("did you mean '{near}'?")),
                    None => error,
                })
            }
            _ => Err(Error::user(format!("Table '{}' not found", first.value))),
        }
    }

    fn fields(&self, mut bound: BoundExpr, names: &[Ident]) -> Result<BoundExpr> {
        for name in names {
            bound = field(bound, &name.value)?;
        }
        Ok(bound)
    }

    fn access(&self, root: &Expr, chain: &[AccessExpr]) -> Result<BoundExpr> {
        let mut bound = self.bind(root)?;
        for step in chain {
            bound = match step {
                AccessExpr::Dot(Expr::Identifier(name)) => field(bound, &name.value)?,
                AccessExpr::Dot(Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(name), .. })) => {
                    field(bound, name)?
                }
                AccessExpr::Subscript(Subscript::Index { index }) => {
                    let index = self.bind(index)?;
                    self.call("ITEM", vec![bound, index])?
                }
                other => return Err(Error::user(format!("access {other} is not supported"))),
            };
        }
        Ok(bound)
    }
}

/// `row.name`.
fn field(row: BoundExpr, name: &str) -> Result<BoundExpr> {
    let text = format!("{}.`{name}`", row.text);
    let DataType::Row(columns) = &row.ty.data else {
        return Err(Error::user(format!("{} is {}, which has no field '{name}'", row.text, row.ty.data)));
    };
    let Some(position) = columns.iter().position(|c| c.name == name) else {
        let error = Error::user(format!("{} has no field '{name}'", row.text));
        return Err(match nearest(name, columns.iter().map(|c| c.name.as_str())) {
            Some(near) => error.fix(format!("did you mean '{near}'?")),
            None => error,
        });
    };
    let inner = columns.get(position).map(|c| c.ty.clone()).ok_or_else(|| Error::internal("a field's type"))?;
    let ty = LogicalType { data: inner.data, nullable: inner.nullable || row.ty.nullable };
    let kernel = Arc::new(move |args: &Args| {
        use arrow::array::{Array, AsArray};
        let rows = args.arg(0)?.expand(args.rows)?;
        let rows = rows.as_struct();
        let column = rows.column(position);
        // A field of a NULL row is NULL.
        let nulls = arrow::buffer::NullBuffer::union(rows.nulls(), column.nulls());
        let data = column.to_data().into_builder().nulls(nulls).build()?;
        Ok(arrow::array::make_array(data))
    });
    let expr = call(format!("field {position}"), vec![row.expr], &ty, Behaviour::Total, kernel);
    Ok(BoundExpr { expr, ty, text, rowtime: false })
}
