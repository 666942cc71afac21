//! CURRENT_WATERMARK(rowtime): the one function that depends on the stream and not
//! on the row. It becomes a column that an operator of its own adds.

use super::digest::watermark_id;
use super::query::{Item, ItemValue, Planner, Scoped};
use super::{Node, PlanColumn, Rel, bind};
use crate::position::Position;
use datafusion_expr::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArguments, GroupByExpr, Ident, Select, VisitMut, VisitorMut,
};
use std::borrow::Cow;
use std::ops::ControlFlow;
use streamjob_core::{Error, LogicalType, Result};

/// Qualifier and name of the added column.
const QUALIFIER: &str = "$watermark";
const NAME: &str = "current_watermark";

/// Adds the column if a SELECT calls the function, and puts it in place of the calls.
pub fn add(planner: &Planner<'_>, from: Scoped, items: &mut [Item], select: &mut Cow<'_, Select>) -> Result<Scoped> {
    let mut replace = Replace { planner, from: &from, ty: None, error: None };
    for item in items {
        if let ItemValue::Expr(e) = &mut item.value {
            let _ = e.visit(&mut replace);
        }
    }
    let mut changed = select.as_ref().clone();
    if let Some(e) = &mut changed.selection {
        let _ = e.visit(&mut replace);
    }
    if let Some(e) = &mut changed.having {
        let _ = e.visit(&mut replace);
    }
    if let GroupByExpr::Expressions(keys, _) = &mut changed.group_by {
        for e in keys {
            let _ = e.visit(&mut replace);
        }
    }
    if let Some(error) = replace.error {
        return Err(error);
    }
    let Some(ty) = replace.ty else { return Ok(from) };
    *select = Cow::Owned(changed);
    let column = PlanColumn { name: NAME.into(), ty, rowtime: false, proctime: false };
    let mut scope = from.scope;
    scope.columns.push(bind::scope_column(&column, Some(QUALIFIER)));
    let mut columns = from.rel.columns.clone();
    columns.push(column);
    let window = from.rel.window.clone();
    let id = watermark_id(&from.rel)?;
    let rel = Rel { node: Node::CurrentWatermark { input: Box::new(from.rel), id }, columns, window, shared: None };
    Ok(Scoped { rel, scope })
}

struct Replace<'a, 'p> {
    planner: &'a Planner<'p>,
    from: &'a Scoped,
    /// Type of the column, once a call was found.
    ty: Option<LogicalType>,
    error: Option<Error>,
}

impl Replace<'_, '_> {
    fn argument_type(&self, expr: &Expr) -> Result<LogicalType> {
        let at = Position::of_expr(expr);
        let usage = || {
            at.error("CURRENT_WATERMARK needs one event-time attribute")
                .fix("write CURRENT_WATERMARK(ts) with the column of WATERMARK FOR")
        };
        let Expr::Function(f) = expr else { return Err(usage()) };
        let FunctionArguments::List(list) = &f.args else { return Err(usage()) };
        let [FunctionArg::Unnamed(FunctionArgExpr::Expr(e))] = list.args.as_slice() else { return Err(usage()) };
        let bound = bind::expr(e, &self.from.scope, &self.planner.ctx)?;
        if !bound.rowtime {
            return Err(usage());
        }
        Ok(LogicalType::new(bound.ty.data))
    }
}

impl VisitorMut for Replace<'_, '_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if !matches!(expr, Expr::Function(f) if bind::function_name(f) == "CURRENT_WATERMARK") {
            return ControlFlow::Continue(());
        }
        match self.argument_type(expr) {
            Ok(ty) => {
                self.ty = Some(ty);
                *expr = Expr::CompoundIdentifier(vec![Ident::new(QUALIFIER), Ident::new(NAME)]);
                ControlFlow::Continue(())
            }
            Err(e) => {
                self.error = Some(e);
                ControlFlow::Break(())
            }
        }
    }
}
