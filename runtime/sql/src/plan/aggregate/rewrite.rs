//! SELECT list and HAVING over groups: keys and aggregate calls become columns
//! of the group, and any other column is refused.

use super::super::query::Planner;
use super::super::{bind, window};
use super::call::{Found, bind_call, is_aggregate};
use crate::expr::{BoundExpr, Scope};
use crate::position::Position;
use datafusion_expr::sqlparser::ast::{Expr, Function, Ident, Spanned, VisitMut, VisitorMut};
use std::ops::ControlFlow;
use streamjob_core::{Error, Result};

/// A key of GROUP BY.
pub(super) struct Key {
    pub(super) canonical: String,
    pub(super) bound: BoundExpr,
    pub(super) name: String,
    pub(super) proctime: bool,
}

/// Replaces keys and aggregates in an expression by columns of the group.
pub(super) struct Rewrite<'a, 'p> {
    pub(super) planner: &'a Planner<'p>,
    pub(super) scope: &'a Scope,
    pub(super) keys: &'a [Key],
    pub(super) calls: Vec<Found>,
    pub(super) grouped: bool,
    pub(super) error: Option<Error>,
}

impl Rewrite<'_, '_> {
    /// Does so; `at` is the place of errors without one.
    pub(super) fn apply(&mut self, expr: &mut Expr, at: Position) -> Result<()> {
        let _ = expr.visit(self);
        self.error.take().map_or(Ok(()), |e| Err(at.locate(e)))
    }

    fn fail(&mut self, error: Error) -> ControlFlow<()> {
        self.error = Some(error);
        ControlFlow::Break(())
    }

    /// The column of an aggregate call, found again or added.
    fn call(&mut self, f: &Function, at: Position) -> Result<String> {
        let canonical = bind::canonical(&Expr::Function(f.clone()), self.scope);
        if let Some(found) = self.calls.iter().find(|c| c.canonical == canonical) {
            return Ok(found.name.clone());
        }
        let mut found = bind_call(self.planner, f, self.scope, self.grouped, at)?;
        found.name = unique(
            found.name,
            self.calls.iter().map(|c| c.name.as_str()).chain(self.keys.iter().map(|k| k.name.as_str())),
        );
        found.canonical = canonical;
        let name = found.name.clone();
        self.calls.push(found);
        Ok(name)
    }
}

impl VisitorMut for Rewrite<'_, '_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let at = Position::of_expr(expr);
        let span = expr.span();
        // A constant is the same inside and outside of a group.
        if !matches!(expr, Expr::Value(_)) {
            let canonical = bind::canonical(expr, self.scope);
            if let Some(key) = self.keys.iter().find(|k| k.canonical == canonical) {
                *expr = Expr::Identifier(Ident::with_quote_and_span('`', span, key.name.clone()));
                return ControlFlow::Continue(());
            }
        }
        if let Expr::Function(f) = expr {
            if is_aggregate(f) {
                match self.call(&f.clone(), at) {
                    Ok(name) => *expr = Expr::Identifier(Ident::with_quote_and_span('`', span, name)),
                    Err(e) => return self.fail(e),
                }
            } else if window::group_window_property(f).is_some() {
                let name = bind::function_name(f);
                return self.fail(
                    at.error(format!("{name} needs its group window in GROUP BY"))
                        .fix("add the TUMBLE(…) or HOP(…) to GROUP BY"),
                );
            }
            return ControlFlow::Continue(());
        }
        if let Some(path) = bind::path(expr)
            && let Some((index, taken)) = bind::resolve(self.scope, &path)
        {
            // A field of a key that is a row.
            let column = format!("${index}");
            if taken < path.len()
                && let Some(key) = self.keys.iter().find(|k| k.canonical == column)
            {
                let mut parts = vec![Ident::with_quote_and_span('`', span, key.name.clone())];
                parts.extend(path.into_iter().skip(taken));
                *expr = Expr::CompoundIdentifier(parts);
                return ControlFlow::Continue(());
            }
            return self.fail(
                at.error(format!("Expression '{expr}' is not being grouped"))
                    .fix("add it to GROUP BY, or aggregate it"),
            );
        }
        ControlFlow::Continue(())
    }
}

/// The name, or with a number behind it when it is taken.
pub(super) fn unique<'a>(name: String, taken: impl Iterator<Item = &'a str> + Clone) -> String {
    let mut result = name.clone();
    let mut n = 0;
    while taken.clone().any(|t| t == result) {
        result = format!("{name}_{n}");
        n += 1;
    }
    result
}
