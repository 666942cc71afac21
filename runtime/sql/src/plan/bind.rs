//! Between queries and the expression layer: scopes, column references, and the
//! canonical text by which equal expressions are found (GROUP BY).

use super::refuse;
use super::{PlanColumn, Rel};
use crate::expr::{self, BoundExpr, CastMode, ExprContext, Scope, ScopeColumn};
use crate::position::Position;
use datafusion_common::tree_node::{Transformed, TreeNode};
use datafusion_expr::sqlparser::ast::{Expr, Function, FunctionArguments, Ident, ObjectNamePart, VisitMut, VisitorMut};
use datafusion_physical_expr::PhysicalExpr;
use datafusion_physical_expr::expressions::Column;
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use streamjob_core::error::ErrorExt;
use streamjob_core::{LogicalType, Result};

/// Binds an expression; the error carries its place. Subqueries and OVER windows are refused.
pub fn expr(expr: &Expr, scope: &Scope, ctx: &ExprContext<'_>) -> Result<BoundExpr> {
    refuse::expression(expr)?;
    let mut bound = expr::bind(expr, scope, ctx).map_err(|e| Position::of_expr(expr).locate(e))?;
    bound.text = match bound.expr.downcast_ref::<Column>() {
        Some(c) => scope.columns.get(c.index()).map_or(bound.text, |c| c.name.clone()),
        None => tidy(&bound.text, scope),
    };
    Ok(bound)
}

/// The text without qualifiers, which depend on aliases, and without needless backticks:
/// uids of state are made of it.
fn tidy(text: &str, scope: &Scope) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    let mut behind_qualifier = false;
    while let Some(c) = chars.next() {
        match c {
            '\'' => {
                out.push(c);
                for c in chars.by_ref() {
                    out.push(c);
                    if c == '\'' {
                        break;
                    }
                }
            }
            '`' => {
                let mut name = String::new();
                while let Some(c) = chars.next() {
                    if c == '`' && chars.next_if_eq(&'`').is_none() {
                        break;
                    }
                    name.push(c);
                }
                let qualifier = chars.peek() == Some(&'.')
                    && !behind_qualifier
                    && !out.ends_with('.')
                    && scope.columns.iter().any(|c| c.qualifier.as_deref() == Some(name.as_str()));
                behind_qualifier = qualifier;
                if qualifier {
                    chars.next();
                } else if name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '$') {
                    out.push_str(&name);
                } else {
                    out.push_str(&format!("`{}`", name.replace('`', "``")));
                }
            }
            c => out.push(c),
        }
    }
    out
}

/// The columns of a relation under a qualifier.
pub fn scope(rel: &Rel, qualifier: Option<&str>) -> Scope {
    Scope { columns: rel.columns.iter().map(|c| scope_column(c, qualifier)).collect() }
}

/// A column in a scope.
pub fn scope_column(c: &PlanColumn, qualifier: Option<&str>) -> ScopeColumn {
    ScopeColumn {
        qualifier: qualifier.map(str::to_string),
        name: c.name.clone(),
        ty: c.ty.clone(),
        rowtime: c.rowtime,
        proctime: c.proctime,
    }
}

/// A reference to column `index`.
pub fn column(index: usize, c: &PlanColumn) -> BoundExpr {
    BoundExpr {
        expr: Arc::new(Column::new(&c.name, index)),
        ty: c.ty.clone(),
        text: c.name.clone(),
        rowtime: c.rowtime,
    }
}

/// References to all columns of a relation.
pub fn all_columns(rel: &Rel) -> Vec<BoundExpr> {
    rel.columns.iter().enumerate().map(|(i, c)| column(i, c)).collect()
}

/// The position, when an expression is no more than a column.
pub fn plain_column(expr: &Arc<dyn PhysicalExpr>) -> Option<usize> {
    expr.downcast_ref::<Column>().map(Column::index)
}

/// Casts where the types differ, by the implicit rules.
pub fn cast_to(bound: BoundExpr, ty: &LogicalType, ctx: &ExprContext<'_>) -> Result<BoundExpr> {
    if bound.ty.data == ty.data {
        return Ok(bound);
    }
    expr::cast(bound, ty, CastMode::Implicit, ctx)
}

/// Gives every column reference a new position; `None` when `map` has none for one of them.
pub fn remap(
    expr: &Arc<dyn PhysicalExpr>,
    map: &dyn Fn(usize) -> Option<usize>,
) -> Result<Option<Arc<dyn PhysicalExpr>>> {
    let mut missing = false;
    let done = Arc::clone(expr)
        .transform(|e| match e.downcast_ref::<Column>() {
            None => Ok(Transformed::no(e)),
            Some(c) => match map(c.index()) {
                None => {
                    missing = true;
                    Ok(Transformed::no(e))
                }
                Some(index) => Ok(Transformed::yes(Arc::new(Column::new(c.name(), index)) as Arc<dyn PhysicalExpr>)),
            },
        })
        .internal("cannot move an expression's columns")?;
    Ok((!missing).then_some(done.data))
}

/// Replaces every column reference by an expression.
pub fn substitute(expr: &Arc<dyn PhysicalExpr>, by: &[BoundExpr]) -> Result<Arc<dyn PhysicalExpr>> {
    let done = Arc::clone(expr)
        .transform_up(|e| match e.downcast_ref::<Column>().and_then(|c| by.get(c.index())) {
            None => Ok(Transformed::no(e)),
            Some(b) => Ok(Transformed::yes(Arc::clone(&b.expr))),
        })
        .internal("cannot merge expressions")?;
    Ok(done.data)
}

/// True when both compute the same; what columns are called does not count.
pub fn same(a: &BoundExpr, b: &BoundExpr) -> bool {
    a.ty == b.ty && nameless(&a.expr).zip(nameless(&b.expr)).is_some_and(|(a, b)| a == b)
}

fn nameless(expr: &Arc<dyn PhysicalExpr>) -> Option<Arc<dyn PhysicalExpr>> {
    let done = Arc::clone(expr).transform_up(|e| match e.downcast_ref::<Column>() {
        None => Ok(Transformed::no(e)),
        Some(c) => Ok(Transformed::yes(Arc::new(Column::new("", c.index())) as Arc<dyn PhysicalExpr>)),
    });
    done.ok().map(|d| d.data)
}

/// True when evaluating twice may give two values (clock, random numbers).
pub fn is_volatile(expr: &Arc<dyn PhysicalExpr>) -> bool {
    expr.is_volatile_node() || expr.children().into_iter().any(is_volatile)
}

/// How often each column is used.
pub fn count_columns(expr: &Arc<dyn PhysicalExpr>, counts: &mut Vec<usize>) -> Result<()> {
    expr.apply(|e| {
        if let Some(c) = e.downcast_ref::<Column>() {
            if counts.len() <= c.index() {
                counts.resize(c.index() + 1, 0);
            }
            if let Some(n) = counts.get_mut(c.index()) {
                *n += 1;
            }
        }
        Ok(datafusion_common::tree_node::TreeNodeRecursion::Continue)
    })
    .internal("cannot walk an expression")?;
    Ok(())
}

/// The columns that expressions read.
pub fn columns_of<'a>(exprs: impl Iterator<Item = &'a BoundExpr>) -> Result<BTreeSet<usize>> {
    let mut counts = Vec::new();
    for e in exprs {
        count_columns(&e.expr, &mut counts)?;
    }
    Ok(counts.iter().enumerate().filter(|(_, n)| **n > 0).map(|(i, _)| i).collect())
}

/// True for `PROCTIME()`.
pub fn is_proctime(expr: &Expr) -> bool {
    matches!(expr, Expr::Function(f) if function_name(f) == "PROCTIME")
}

/// A function's name in upper case.
pub fn function_name(f: &Function) -> String {
    f.name.0.iter().map(ToString::to_string).collect::<Vec<_>>().join(".").to_ascii_uppercase()
}

/// The column that a path starts with: its position, and how many parts it takes.
pub fn resolve(scope: &Scope, path: &[Ident]) -> Option<(usize, usize)> {
    let (first, rest) = path.split_first()?;
    if let Some(second) = rest.first()
        && let Some(i) = scope
            .columns
            .iter()
            .position(|c| c.qualifier.as_deref() == Some(first.value.as_str()) && c.name == second.value)
    {
        return Some((i, 2));
    }
    scope.columns.iter().position(|c| c.name == first.value).map(|i| (i, 1))
}

/// The path of an identifier expression.
pub fn path(expr: &Expr) -> Option<Vec<Ident>> {
    match expr {
        Expr::Identifier(i) => Some(vec![i.clone()]),
        Expr::CompoundIdentifier(parts) => Some(parts.clone()),
        _ => None,
    }
}

/// The same text for expressions that mean the same: columns by position, function names in upper case.
pub fn canonical(expr: &Expr, scope: &Scope) -> String {
    struct Canonical<'a>(&'a Scope);
    impl VisitorMut for Canonical<'_> {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            while let Expr::Nested(inner) = expr {
                *expr = (**inner).clone();
            }
            if let Some(path) = path(expr)
                && let Some((index, taken)) = resolve(self.0, &path)
            {
                let mut parts = vec![Ident::new(format!("${index}"))];
                parts.extend(path.into_iter().skip(taken).map(|i| Ident::with_quote('`', i.value)));
                *expr = Expr::CompoundIdentifier(parts);
            }
            if let Expr::Function(f) = expr {
                for part in &mut f.name.0 {
                    if let ObjectNamePart::Identifier(i) = part {
                        i.value.make_ascii_uppercase();
                    }
                }
                if f.args == FunctionArguments::None {
                    f.parameters = FunctionArguments::None;
                }
            }
            ControlFlow::Continue(())
        }
    }
    let mut copy = expr.clone();
    let _ = copy.visit(&mut Canonical(scope));
    copy.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use streamjob_core::DataType;

    #[test]
    fn texts_do_not_depend_on_aliases() {
        let column = |name: &str| ScopeColumn {
            qualifier: Some("o".into()),
            name: name.into(),
            ty: LogicalType::new(DataType::Int),
            rowtime: false,
            proctime: false,
        };
        let scope = Scope { columns: vec![column("a"), column("o"), column("b c")] };
        for (text, tidied) in [
            ("(`o`.`a` > 1)", "(a > 1)"),
            ("`o`.`o`.`x` || 'it''s `o`.`a`'", "o.x || 'it''s `o`.`a`'"),
            ("`o`.`b c` + `COUNT(*)` + `a``b`", "`b c` + `COUNT(*)` + `a``b`"),
        ] {
            assert_eq!(tidy(text, &scope), tidied);
        }
    }
}
