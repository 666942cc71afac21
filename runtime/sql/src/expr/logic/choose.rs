//! CASE over what is there already. DataFusion evaluates each branch on a batch that it filters
//! for it, which copies all columns that the branch names, rows and their texts too. Where
//! branches are columns, fields or literals, all of them are looked at whole and the result is
//! put together from them.

use super::super::call::{Behaviour, call, is_path};
use super::super::literal;
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::buffer::BooleanBuffer;
use arrow::compute::kernels::zip::zip;
use datafusion_expr::Operator;
use datafusion_physical_expr::PhysicalExpr;
use datafusion_physical_expr::expressions::{BinaryExpr, IsNotNullExpr, IsNullExpr, Literal, NotExpr};
use std::sync::Arc;
use streamjob_core::LogicalType;

/// The CASE, where looking at everything is cheap and cannot fail.
pub(super) fn choose(
    branches: &[(Arc<dyn PhysicalExpr>, Arc<dyn PhysicalExpr>)],
    otherwise: Option<&Arc<dyn PhysicalExpr>>,
    ty: &LogicalType,
) -> Option<Arc<dyn PhysicalExpr>> {
    let mut args = Vec::with_capacity(branches.len() * 2 + 1);
    for (when, then) in branches {
        if !is_comparison(when) || !is_value(then) {
            return None;
        }
        args.extend([Arc::clone(when), Arc::clone(then)]);
    }
    match otherwise {
        Some(e) if is_value(e) => args.push(Arc::clone(e)),
        Some(_) => return None,
        None => args.push(literal::null(&ty.data).ok()?.expr),
    }
    let kernel = Arc::new(|args: &super::super::args::Args| {
        let column = |i: usize| args.arg(i)?.expand(args.rows);
        let count = args.args.len();
        let mut result: ArrayRef = column(count.saturating_sub(1))?;
        // From the last branch to the first, which wins.
        for branch in (0..count / 2).rev() {
            let when = column(branch * 2)?;
            let mask = truth(when.as_boolean());
            result = match mask.count_set_bits() {
                0 => continue,
                n if n == args.rows => column(branch * 2 + 1)?,
                _ => zip(&BooleanArray::new(mask, None), &column(branch * 2 + 1)?, &result)?,
            };
        }
        Ok(result)
    });
    Some(call("case", args, ty, Behaviour::Total, kernel))
}

/// Where a condition is TRUE.
fn truth(mask: &BooleanArray) -> BooleanBuffer {
    match mask.nulls() {
        None => mask.values().clone(),
        Some(nulls) => mask.values() & nulls.inner(),
    }
}

fn is_value(expr: &Arc<dyn PhysicalExpr>) -> bool {
    is_path(expr) || expr.downcast_ref::<Literal>().is_some()
}

/// Comparisons of values, and what AND, OR, NOT and IS NULL make of them.
fn is_comparison(expr: &Arc<dyn PhysicalExpr>) -> bool {
    use Operator::{And, Eq, Gt, GtEq, Lt, LtEq, NotEq, Or};
    let of_such = expr.downcast_ref::<NotExpr>().is_some()
        || expr.downcast_ref::<IsNullExpr>().is_some()
        || expr.downcast_ref::<IsNotNullExpr>().is_some()
        || expr
            .downcast_ref::<BinaryExpr>()
            .is_some_and(|b| matches!(b.op(), And | Eq | Gt | GtEq | Lt | LtEq | NotEq | Or));
    is_value(expr) || of_such && expr.children().into_iter().all(is_comparison)
}
