//! Queries to relations: FROM, WHERE, the SELECT list, UNION, VALUES, WITH.
//! GROUP BY is in [`super::aggregate`], windows in [`super::window`].

use super::from::{last_part, rename};
use super::{Node, PlanColumn, Rel, aggregate, bind, refuse, watermark, window};
use crate::catalog::Catalog;
use crate::expr::{BoundExpr, ExprContext, Scope, common_type};
use crate::parser::refused;
use crate::position::Position;
use datafusion_expr::sqlparser::ast::{
    Distinct, Expr, Query, Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, SetOperator, SetQuantifier,
    Spanned, Values, WildcardAdditionalOptions,
};
use std::collections::BTreeMap;
use streamjob_core::{DataType, LogicalType, Result};

/// Relations that WITH gives names to.
pub type Names = BTreeMap<String, Rel>;

/// Plans queries against a catalog.
pub struct Planner<'a> {
    /// The tables and views.
    pub catalog: &'a Catalog,
    /// The session.
    pub ctx: ExprContext<'a>,
}

/// A relation with the names under which its columns are known.
pub struct Scoped {
    /// The relation.
    pub rel: Rel,
    /// Its columns' names.
    pub scope: Scope,
}

/// An item of the SELECT list: its name and expression.
pub struct Item {
    /// Name of the output column.
    pub name: String,
    /// What it is.
    pub value: ItemValue,
    /// Where it stands.
    pub position: Position,
}

/// What an item of the SELECT list is.
pub enum ItemValue {
    /// An expression.
    Expr(Expr),
    /// A column that `*` gave.
    Column(usize),
}

impl Planner<'_> {
    /// Plans a query.
    pub fn query(&self, query: &Query, outer: &Names) -> Result<Rel> {
        refuse::query(query)?;
        let Some(with) = &query.with else { return self.set_expr(&query.body, outer) };
        let mut names = outer.clone();
        for cte in &with.cte_tables {
            let rel = self.query(&cte.query, &names)?;
            let rel = rename(rel, &cte.alias)?;
            names.insert(cte.alias.name.value.clone(), rel);
        }
        self.set_expr(&query.body, &names)
    }

    fn set_expr(&self, body: &SetExpr, names: &Names) -> Result<Rel> {
        let at = Position::of(body.span());
        match body {
            SetExpr::Select(select) => self.select(select, names),
            SetExpr::Query(query) => self.query(query, names),
            SetExpr::Values(values) => self.values(values, at),
            SetExpr::SetOperation { left, op: SetOperator::Union, set_quantifier, right } => {
                let all = match set_quantifier {
                    SetQuantifier::All => true,
                    SetQuantifier::None | SetQuantifier::Distinct => false,
                    _ => return Err(refused(at, "UNION BY NAME", "use UNION ALL with the columns in order")),
                };
                let mut inputs = Vec::new();
                for (side, part) in [(left, self.set_expr(left, names)?), (right, self.set_expr(right, names)?)] {
                    // A chain of UNION ALL is one union of many.
                    let nested = matches!(**side, SetExpr::SetOperation { .. });
                    match part.node {
                        Node::Union(parts) if nested => inputs.extend(parts),
                        _ => inputs.push(part),
                    }
                }
                let union = self.union(inputs, at)?;
                if all { Ok(union) } else { aggregate::distinct(union) }
            }
            SetExpr::SetOperation { op, .. } => {
                Err(refused(at, &op.to_string(), "compare in the source system, or use UNION ALL and GROUP BY"))
            }
            SetExpr::Table(table) => {
                let parts: Vec<String> = table.schema_name.iter().chain(&table.table_name).cloned().collect();
                self.table(&parts, at, names)
            }
            _ => Err(refused(at, "this statement as a query", "use SELECT")),
        }
    }

    /// UNION ALL with the common types.
    fn union(&self, inputs: Vec<Rel>, at: Position) -> Result<Rel> {
        let Some(first) = inputs.first() else { return Err(at.error("a UNION of nothing")) };
        let width = first.columns.len();
        if let Some(other) = inputs.iter().find(|r| r.columns.len() != width) {
            return Err(at
                .error(format!("Column count mismatch in UNION ALL: {width} and {}", other.columns.len()))
                .fix("give all parts of the UNION the same columns"));
        }
        let mut columns = Vec::new();
        for (i, column) in first.columns.iter().enumerate() {
            let parts: Vec<&PlanColumn> = inputs.iter().filter_map(|r| r.columns.get(i)).collect();
            let types: Vec<LogicalType> = parts.iter().map(|c| c.ty.clone()).collect();
            let ty = common_type(&types).ok_or_else(|| {
                let shown: Vec<String> = types.iter().map(ToString::to_string).collect();
                at.error(format!("Type mismatch in column {} of UNION ALL: {}", i + 1, shown.join(", ")))
                    .fix("CAST it to one type in all parts")
            })?;
            columns.push(PlanColumn {
                name: column.name.clone(),
                rowtime: parts.iter().all(|c| c.rowtime) && types.iter().all(|t| t.data == ty.data),
                proctime: parts.iter().all(|c| c.proctime),
                ty,
            });
        }
        let inputs = inputs
            .into_iter()
            .map(|rel| {
                let same = rel.columns.iter().zip(&columns).all(|(a, b)| a.ty.data == b.ty.data);
                if same {
                    return Ok(rel);
                }
                let exprs = bind::all_columns(&rel)
                    .into_iter()
                    .zip(&columns)
                    .map(|(e, c)| bind::cast_to(e, &c.ty, &self.ctx))
                    .collect::<Result<Vec<_>>>()?;
                let columns = columns.clone();
                Ok(Rel::new(Node::Calc { input: Box::new(rel), filter: None, exprs }, columns))
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Rel::new(Node::Union(inputs), columns))
    }

    fn values(&self, values: &Values, at: Position) -> Result<Rel> {
        let empty = Scope { columns: Vec::new() };
        let mut rows = Vec::new();
        for row in &values.rows {
            let mut bound = Vec::new();
            for e in row.iter() {
                bound.push((bind::expr(e, &empty, &self.ctx)?, Position::of_expr(e)));
            }
            rows.push(bound);
        }
        let width = rows.first().map_or(0, Vec::len);
        if let Some(row) = rows.iter().find(|r| r.len() != width) {
            let at = row.first().map_or(at, |(_, p)| *p);
            return Err(at.error(format!(
                "Values passed to VALUES operator must have compatible types: {width} columns and {}",
                row.len()
            )));
        }
        let mut columns = Vec::new();
        for i in 0..width {
            let types: Vec<LogicalType> = rows.iter().filter_map(|r| r.get(i)).map(|(b, _)| b.ty.clone()).collect();
            let ty = common_type(&types).ok_or_else(|| {
                at.error(format!("Values passed to VALUES operator must have compatible types: column {}", i + 1))
                    .fix("CAST it to one type")
            })?;
            columns.push(PlanColumn { name: format!("EXPR${i}"), ty, rowtime: false, proctime: false });
        }
        let rows = rows
            .into_iter()
            .map(|row| row.into_iter().zip(&columns).map(|((b, _), c)| bind::cast_to(b, &c.ty, &self.ctx)).collect())
            .collect::<Result<Vec<Vec<BoundExpr>>>>()?;
        Ok(Rel::new(Node::Values(rows), columns))
    }

    fn select(&self, select: &Select, names: &Names) -> Result<Rel> {
        refuse::select(select)?;
        let from = match select.from.first() {
            Some(table) => self.from(&table.relation, names, Position::of(select.select_token.0.span))?,
            None => {
                let rel = Rel::new(Node::Values(vec![Vec::new()]), Vec::new());
                Scoped { rel, scope: Scope { columns: Vec::new() } }
            }
        };
        let mut items = self.items(select, &from)?;
        let mut select = std::borrow::Cow::Borrowed(select);
        let from = watermark::add(self, from, &mut items, &mut select)?;
        let select = select.as_ref();
        if let Some(filter) = &select.selection
            && let Some(call) = aggregate::find(filter)
        {
            return Err(call.error("Aggregate expression is illegal in WHERE clause").fix("use HAVING"));
        }
        let rel = if aggregate::wanted(select, &items) {
            aggregate::plan(self, select, from, items)?
        } else {
            let filter = select.selection.as_ref().map(|e| self.predicate(e, &from.scope, "WHERE")).transpose()?;
            self.project(from, filter, &items)?
        };
        if matches!(select.distinct, Some(Distinct::Distinct)) { aggregate::distinct(rel) } else { Ok(rel) }
    }

    /// A condition.
    pub fn predicate(&self, expr: &Expr, scope: &Scope, clause: &str) -> Result<BoundExpr> {
        let bound = bind::expr(expr, scope, &self.ctx)?;
        if !matches!(bound.ty.data, DataType::Boolean | DataType::Null) {
            return Err(Position::of_expr(expr)
                .error(format!("{clause} clause must be a condition, found {}", bound.ty.data))
                .fix("compare it with something"));
        }
        bind::cast_to(bound, &LogicalType::new(DataType::Boolean), &self.ctx)
    }

    /// Filters and projects by the SELECT list. The window stays known as long as its columns are kept.
    pub fn project(&self, from: Scoped, filter: Option<BoundExpr>, items: &[Item]) -> Result<Rel> {
        let mut exprs = Vec::new();
        let mut columns = Vec::new();
        for item in items {
            let bound = match &item.value {
                ItemValue::Column(i) => match from.rel.columns.get(*i) {
                    Some(c) => bind::column(*i, c),
                    None => return Err(item.position.error("a column of * is not there")),
                },
                ItemValue::Expr(e) => bind::expr(e, &from.scope, &self.ctx)?,
            };
            let source = bind::plain_column(&bound.expr).and_then(|i| from.rel.columns.get(i));
            let proctime = match &item.value {
                ItemValue::Expr(e) if bind::is_proctime(e) => true,
                _ => source.is_some_and(|c| c.proctime),
            };
            columns.push(PlanColumn {
                name: item.name.clone(),
                ty: bound.ty.clone(),
                rowtime: bound.rowtime,
                proctime,
            });
            exprs.push(bound);
        }
        Ok(calc(from.rel, filter, exprs, columns))
    }

    /// The SELECT list with stars expanded and every item named.
    fn items(&self, select: &Select, from: &Scoped) -> Result<Vec<Item>> {
        let mut items = Vec::new();
        for item in &select.projection {
            let position = Position::of(item.span());
            let star = |items: &mut Vec<Item>, keep: &dyn Fn(Option<&str>) -> bool| {
                let before = items.len();
                for (i, c) in from.scope.columns.iter().enumerate().filter(|(_, c)| keep(c.qualifier.as_deref())) {
                    items.push(Item { name: c.name.clone(), value: ItemValue::Column(i), position });
                }
                items.len() > before
            };
            match item {
                SelectItem::Wildcard(options) => {
                    plain_star(options, position)?;
                    if select.from.is_empty() || !star(&mut items, &|q| q != Some(window::GROUP_WINDOW)) {
                        return Err(position.error("SELECT * needs a FROM clause"));
                    }
                }
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), options) => {
                    plain_star(options, position)?;
                    let wanted = last_part(name);
                    if !star(&mut items, &|q| q == Some(wanted.as_str())) {
                        return Err(position
                            .error(format!("Unknown identifier '{name}'"))
                            .fix("use the name or alias of the table in FROM"));
                    }
                }
                SelectItem::QualifiedWildcard(..) | SelectItem::ExprWithAliases { .. } => {
                    return Err(refused(position, "this form of SELECT item", "name the columns"));
                }
                SelectItem::UnnamedExpr(e) => {
                    let name = natural_name(e).unwrap_or_else(|| format!("EXPR${}", items.len()));
                    items.push(Item { name, value: ItemValue::Expr(e.clone()), position });
                }
                SelectItem::ExprWithAlias { expr, alias } => {
                    items.push(Item { name: alias.value.clone(), value: ItemValue::Expr(expr.clone()), position });
                }
            }
        }
        Ok(items)
    }
}

/// Filter and projection; the input's window moves with its columns.
pub fn calc(input: Rel, filter: Option<BoundExpr>, exprs: Vec<BoundExpr>, columns: Vec<PlanColumn>) -> Rel {
    let window = input.window.clone().map(|mut w| {
        let place =
            |old: Option<usize>| old.and_then(|i| exprs.iter().position(|e| bind::plain_column(&e.expr) == Some(i)));
        (w.start, w.end, w.time) = (place(w.start), place(w.end), place(w.time));
        w
    });
    // A projection of all columns as they are is no projection.
    let identity = filter.is_none()
        && exprs.len() == input.columns.len()
        && exprs.iter().enumerate().all(|(i, e)| bind::plain_column(&e.expr) == Some(i));
    if identity {
        return Rel { columns, ..input };
    }
    Rel { node: Node::Calc { input: Box::new(input), filter, exprs }, columns, window, shared: None }
}

/// The name that an expression has without AS.
fn natural_name(e: &Expr) -> Option<String> {
    match e {
        Expr::Identifier(i) => Some(i.value.clone()),
        Expr::CompoundIdentifier(parts) => parts.last().map(|i| i.value.clone()),
        Expr::Nested(inner) => natural_name(inner),
        _ => None,
    }
}

fn plain_star(options: &WildcardAdditionalOptions, at: Position) -> Result<()> {
    let plain = options.opt_ilike.is_none()
        && options.opt_exclude.is_none()
        && options.opt_except.is_none()
        && options.opt_replace.is_none()
        && options.opt_rename.is_none();
    if plain { Ok(()) } else { Err(refused(at, "* with EXCEPT, EXCLUDE, REPLACE or RENAME", "name the columns")) }
}
