//! AND, OR, NOT, IS TRUE …, IN, CASE and COALESCE. What can fail is evaluated
//! only for rows that need it, as in Flink, where a row's AND stops at FALSE.

mod choose;

use super::args::Args;
use super::build::bools;
use super::call::{Behaviour, call, is_fallible};
use super::cast::{CastMode, cast_to};
use super::compare::{Comparison, comparison};
use super::env::Env;
use super::types::common_type;
use super::{BoundExpr, literal};
use arrow::array::{ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::compute::kernels::boolean::{and_kleene, or_kleene};
use arrow::compute::kernels::zip::zip;
use arrow::datatypes::{DataType as ArrowType, Schema};
use datafusion_common::Result as DfResult;
use datafusion_expr::ColumnarValue;
use datafusion_physical_expr::PhysicalExpr;
use datafusion_physical_expr::expressions::{CaseExpr, InListExpr, IsNotNullExpr, IsNullExpr, Literal, NotExpr};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use streamjob_core::{DataType, Error, LogicalType, Result};

/// A condition: BOOLEAN, or a NULL literal.
fn condition(expr: BoundExpr, what: &str, env: &Env) -> Result<BoundExpr> {
    match expr.ty.data {
        DataType::Boolean => Ok(expr),
        DataType::Null => cast_to(expr, &LogicalType::new(DataType::Boolean), CastMode::Explicit, env),
        ref other => Err(Error::user(format!("{what} takes BOOLEAN, but {} is {other}", expr.text))
            .fix("compare it with a value, or CAST it")),
    }
}

/// `left AND right` (or OR).
pub fn and_or(and: bool, left: BoundExpr, right: BoundExpr, env: &Env) -> Result<BoundExpr> {
    let word = if and { "AND" } else { "OR" };
    let (left, right) = (condition(left, word, env)?, condition(right, word, env)?);
    let ty = LogicalType { data: DataType::Boolean, nullable: left.ty.nullable || right.ty.nullable };
    let text = format!("({} {word} {})", left.text, right.text);
    let lazy = is_fallible(&right.expr);
    let expr =
        Arc::new(Logic { kind: if and { Kind::And } else { Kind::Or }, left: left.expr, right: right.expr, lazy });
    Ok(BoundExpr { expr, ty, text, rowtime: false })
}

/// `NOT expr`.
pub fn not(expr: BoundExpr, env: &Env) -> Result<BoundExpr> {
    let expr = condition(expr, "NOT", env)?;
    let text = format!("NOT {}", expr.text);
    Ok(BoundExpr { expr: Arc::new(NotExpr::new(expr.expr)), ty: expr.ty, text, rowtime: false })
}

/// `expr IS [NOT] NULL`.
pub fn is_null(expr: &BoundExpr, negated: bool) -> BoundExpr {
    let text = format!("{} IS {}NULL", expr.text, if negated { "NOT " } else { "" });
    let inner = Arc::clone(&expr.expr);
    let result: Arc<dyn PhysicalExpr> =
        if negated { Arc::new(IsNotNullExpr::new(inner)) } else { Arc::new(IsNullExpr::new(inner)) };
    BoundExpr { expr: result, ty: LogicalType::not_null(DataType::Boolean), text, rowtime: false }
}

/// `expr IS [NOT] TRUE`, FALSE or UNKNOWN (`wanted` is `None`).
pub fn is_truth(expr: BoundExpr, wanted: Option<bool>, negated: bool, env: &Env) -> Result<BoundExpr> {
    let expr = condition(expr, "IS TRUE and its like", env)?;
    let word = match wanted {
        Some(true) => "TRUE",
        Some(false) => "FALSE",
        None => "UNKNOWN",
    };
    let name = format!("IS {}{word}", if negated { "NOT " } else { "" });
    let text = format!("{} {name}", expr.text);
    let ty = LogicalType::not_null(DataType::Boolean);
    let result = call(
        name,
        vec![expr.expr],
        &ty,
        Behaviour::Total,
        Arc::new(move |args: &Args| {
            let values = args.bool(0)?;
            bools(args.rows, |row| Some((values.get(row) == wanted) != negated))
        }),
    );
    Ok(BoundExpr { expr: result, ty, text, rowtime: false })
}

/// `expr [NOT] IN (list)`.
pub fn in_list(expr: BoundExpr, list: Vec<BoundExpr>, negated: bool, env: &Env, schema: &Schema) -> Result<BoundExpr> {
    let text = format!(
        "{} {}IN ({})",
        expr.text,
        if negated { "NOT " } else { "" },
        list.iter().map(|e| e.text.as_str()).collect::<Vec<_>>().join(", ")
    );
    let mut types: Vec<LogicalType> = vec![expr.ty.clone()];
    types.extend(list.iter().map(|e| e.ty.clone()));
    let hashable = |d: &DataType| {
        d.is_integer() || d.is_string() || matches!(d, DataType::Decimal(..) | DataType::Date | DataType::Timestamp(_))
    };
    if let Some(common) = common_type(&types).filter(|t| hashable(&t.data)) {
        let operand = cast_to(expr.clone(), &common, CastMode::Explicit, env)?;
        let items = list
            .iter()
            .map(|item| Ok(cast_to(item.clone(), &common, CastMode::Explicit, env)?.expr))
            .collect::<Result<Vec<_>>>()?;
        if items.iter().all(|i| i.downcast_ref::<Literal>().is_some()) {
            let result = InListExpr::try_new(operand.expr, items, negated, schema).map_err(super::to_error)?;
            let ty = LogicalType { data: DataType::Boolean, nullable: common.nullable };
            return Ok(BoundExpr { expr: Arc::new(result), ty, text, rowtime: false });
        }
    }
    let mut any: Option<BoundExpr> = None;
    for item in list {
        let equal = comparison(Comparison::Eq, expr.clone(), item, env)?;
        any = Some(match any {
            None => equal,
            Some(so_far) => and_or(false, so_far, equal, env)?,
        });
    }
    let any = any.ok_or_else(|| Error::user("IN takes at least one value"))?;
    let mut result = if negated { not(any, env)? } else { any };
    result.text = text;
    Ok(result)
}

/// `CASE WHEN condition THEN result … ELSE otherwise END`.
pub fn case(branches: Vec<(BoundExpr, BoundExpr)>, otherwise: Option<BoundExpr>, env: &Env) -> Result<BoundExpr> {
    let mut text = String::from("CASE");
    for (when, then) in &branches {
        text.push_str(&format!(" WHEN {} THEN {}", when.text, then.text));
    }
    if let Some(e) = &otherwise {
        text.push_str(&format!(" ELSE {}", e.text));
    }
    text.push_str(" END");
    let mut types: Vec<LogicalType> = branches.iter().map(|(_, then)| then.ty.clone()).collect();
    types.push(otherwise.as_ref().map_or_else(|| LogicalType::new(DataType::Null), |e| e.ty.clone()));
    let ty = common_type(&types).ok_or_else(|| {
        let list = types.iter().map(|t| t.data.to_string()).collect::<Vec<_>>().join(", ");
        Error::user(format!("the branches of CASE have no common type: {list}")).fix("CAST them to one type")
    })?;
    if ty.data == DataType::Null {
        return Err(Error::user("all branches of CASE are NULL, so it has no type").fix("CAST one of them"));
    }
    let branches = branches
        .into_iter()
        .map(|(when, then)| Ok((condition(when, "WHEN", env)?.expr, cast_to(then, &ty, CastMode::Explicit, env)?.expr)))
        .collect::<Result<Vec<_>>>()?;
    let otherwise = match otherwise {
        Some(e) => Some(cast_to(e, &ty, CastMode::Explicit, env)?.expr),
        None => None,
    };
    if let Some(expr) = choose::choose(&branches, otherwise.as_ref(), &ty) {
        return Ok(BoundExpr { expr, ty, text, rowtime: false });
    }
    let expr = CaseExpr::try_new(None, branches, otherwise).map_err(super::to_error)?;
    Ok(BoundExpr { expr: Arc::new(expr), ty, text, rowtime: false })
}

/// `NULLIF(a, b)`.
pub fn null_if(a: BoundExpr, b: BoundExpr, env: &Env) -> Result<BoundExpr> {
    let text = format!("NULLIF({}, {})", a.text, b.text);
    let equal = comparison(Comparison::Eq, a.clone(), b, env)?;
    let mut result = case(vec![(equal, literal::null(&a.ty.data)?)], Some(a), env)?;
    result.ty.nullable = true;
    result.text = text;
    Ok(result)
}

/// The first argument that is not NULL.
pub fn coalesce(name: &str, args: Vec<BoundExpr>, env: &Env) -> Result<BoundExpr> {
    let types: Vec<LogicalType> = args.iter().map(|a| a.ty.clone()).collect();
    let text = format!("{name}({})", args.iter().map(|a| a.text.as_str()).collect::<Vec<_>>().join(", "));
    let mut ty = common_type(&types).filter(|t| t.data != DataType::Null).ok_or_else(|| {
        let list = types.iter().map(|t| t.data.to_string()).collect::<Vec<_>>().join(", ");
        Error::user(format!("the arguments of {name} have no common type: {list}")).fix("CAST them to one type")
    })?;
    ty.nullable = types.iter().all(|t| t.nullable);
    let mut exprs =
        args.into_iter().map(|a| Ok(cast_to(a, &ty, CastMode::Explicit, env)?.expr)).collect::<Result<Vec<_>>>()?;
    let mut result = exprs.pop().ok_or_else(|| Error::user(format!("{name} takes at least one argument")))?;
    while let Some(left) = exprs.pop() {
        let lazy = is_fallible(&result);
        result = Arc::new(Logic { kind: Kind::Coalesce, left, right: result, lazy });
    }
    Ok(BoundExpr { expr: result, ty, text, rowtime: false })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    And,
    Or,
    Coalesce,
}

/// A binary node that needs its right side only for some rows.
#[derive(Debug, Eq)]
struct Logic {
    kind: Kind,
    left: Arc<dyn PhysicalExpr>,
    right: Arc<dyn PhysicalExpr>,
    /// The right side may fail, so rows that do not need it must not reach it.
    lazy: bool,
}

// By hand: derived equality moves out of `Arc<dyn …>`.
impl PartialEq for Logic {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind && self.left.eq(&other.left) && self.right.eq(&other.right)
    }
}

impl Hash for Logic {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.kind.hash(state);
        self.left.hash(state);
        self.right.hash(state);
    }
}

impl Logic {
    /// Rows that need the right side.
    fn undecided(&self, left: &ArrayRef) -> DfResult<BooleanArray> {
        Ok(match self.kind {
            Kind::And => left.as_boolean().iter().map(|v| Some(v != Some(false))).collect(),
            Kind::Or => left.as_boolean().iter().map(|v| Some(v != Some(true))).collect(),
            Kind::Coalesce => arrow::compute::is_null(left)?,
        })
    }
}

impl PhysicalExpr for Logic {
    fn data_type(&self, input: &Schema) -> DfResult<ArrowType> {
        match self.kind {
            Kind::Coalesce => self.left.data_type(input),
            _ => Ok(ArrowType::Boolean),
        }
    }

    fn nullable(&self, _input: &Schema) -> DfResult<bool> {
        Ok(true)
    }

    fn evaluate(&self, batch: &RecordBatch) -> DfResult<ColumnarValue> {
        let rows = batch.num_rows();
        let left = self.left.evaluate(batch)?.into_array(rows)?;
        let undecided = self.undecided(&left)?;
        if undecided.true_count() == 0 {
            return Ok(ColumnarValue::Array(left));
        }
        let right =
            if self.lazy { self.right.evaluate_selection(batch, &undecided)? } else { self.right.evaluate(batch)? };
        let right = right.into_array(rows)?;
        Ok(ColumnarValue::Array(match self.kind {
            Kind::And => Arc::new(and_kleene(left.as_boolean(), right.as_boolean())?),
            Kind::Or => Arc::new(or_kleene(left.as_boolean(), right.as_boolean())?),
            Kind::Coalesce => zip(&undecided, &right, &left)?,
        }))
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.left, &self.right]
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn PhysicalExpr>>) -> DfResult<Arc<dyn PhysicalExpr>> {
        let mut children = children.into_iter();
        match (children.next(), children.next()) {
            (Some(left), Some(right)) => Ok(Arc::new(Logic { kind: self.kind, left, right, lazy: self.lazy })),
            _ => datafusion_common::internal_err!("two children"),
        }
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for Logic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::And => write!(f, "({} AND {})", self.left, self.right),
            Kind::Or => write!(f, "({} OR {})", self.left, self.right),
            Kind::Coalesce => write!(f, "COALESCE({}, {})", self.left, self.right),
        }
    }
}
