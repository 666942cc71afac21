//! Rewrites that keep the meaning: what nobody reads is left out, aggregates over
//! nothing are constant, windows are taken from the time attribute instead of from
//! attached columns, and projections are merged. Uids are made before the last two.

use super::empty::fold_empty;
use super::unused::drop_unused;
use super::{Call, Node, PlanColumn, Rel, WindowOf, bind};
use crate::expr::{BoundExpr, is_path};
use streamjob_core::Result;

/// All rewrites of one INSERT's plan.
pub fn optimize(rel: &Rel) -> Result<Rel> {
    rewrite(fold_empty(drop_unused(rel)?)?)
}

/// Turns a window aggregate over a window table function into one that finds windows itself,
/// so that rows are not multiplied. Only when nothing between them looks at the window.
fn window_from_time(rel: Rel) -> Result<Rel> {
    let Node::WindowAggregate { input, window, source: WindowOf::Attached { start, end, pull: true }, keys, calls, id } =
        &rel.node
    else {
        return Ok(rel);
    };
    let Some(Pulled { rel: below, places, time }) = pull(input)? else { return Ok(rel) };
    let place = |i: usize| places.get(i).copied().flatten();
    // The window columns must have been what the aggregate groups by.
    if place(*start).is_some() || place(*end).is_some() {
        return Ok(rel);
    }
    let (Some(keys), Some(calls)) = (
        keys.iter().map(|k| place(*k)).collect::<Option<Vec<usize>>>(),
        calls
            .iter()
            .map(|c| {
                let arg = match c.arg {
                    None => None,
                    Some(a) => Some(place(a)?),
                };
                let filter = match c.filter {
                    None => None,
                    Some(f) => Some(place(f)?),
                };
                Some(Call { arg, filter, ..c.clone() })
            })
            .collect::<Option<Vec<Call>>>(),
    ) else {
        return Ok(rel);
    };
    let node = Node::WindowAggregate {
        input: Box::new(below),
        window: window.clone(),
        source: WindowOf::Time(time),
        keys,
        calls,
        id: id.clone(),
    };
    Ok(Rel { node, ..rel })
}

/// A relation without its window columns.
struct Pulled {
    rel: Rel,
    /// New position of each old column; `None` for window columns.
    places: Vec<Option<usize>>,
    /// Position of the time attribute.
    time: usize,
}

fn pull(rel: &Rel) -> Result<Option<Pulled>> {
    match &rel.node {
        Node::WindowTvf { input, time, .. } => {
            let width = input.columns.len();
            let places = (0..rel.columns.len()).map(|i| (i < width).then_some(i)).collect();
            Ok(Some(Pulled { rel: (**input).clone(), places, time: *time }))
        }
        Node::Calc { input, filter, exprs } => {
            let Some(below) = pull(input)? else { return Ok(None) };
            let place = |i: usize| below.places.get(i).copied().flatten();
            let moved = |e: &BoundExpr| -> Result<Option<BoundExpr>> {
                Ok(bind::remap(&e.expr, &place)?.map(|expr| BoundExpr { expr, ..e.clone() }))
            };
            let filter = match filter {
                None => None,
                Some(f) => match moved(f)? {
                    None => return Ok(None),
                    moved => moved,
                },
            };
            let (mut kept, mut columns, mut places) = (Vec::new(), Vec::<PlanColumn>::new(), Vec::new());
            for (e, c) in exprs.iter().zip(&rel.columns) {
                if bind::plain_column(&e.expr).is_some_and(|i| place(i).is_none()) {
                    places.push(None);
                    continue;
                }
                let Some(e) = moved(e)? else { return Ok(None) };
                places.push(Some(kept.len()));
                kept.push(e);
                columns.push(c.clone());
            }
            let time = match kept.iter().position(|e| bind::plain_column(&e.expr) == Some(below.time)) {
                Some(i) => i,
                None => {
                    let Some(c) = below.rel.columns.get(below.time) else { return Ok(None) };
                    kept.push(bind::column(below.time, c));
                    columns.push(c.clone());
                    kept.len() - 1
                }
            };
            if let Some(c) = columns.get_mut(time) {
                c.rowtime = true;
            }
            let node = Node::Calc { input: Box::new(below.rel), filter, exprs: kept };
            Ok(Some(Pulled { rel: Rel::new(node, columns), places, time }))
        }
        _ => Ok(None),
    }
}

/// Windows and projections, from the bottom up.
fn rewrite(rel: Rel) -> Result<Rel> {
    let below = |input: Box<Rel>| rewrite(*input).map(Box::new);
    let node = match rel.node {
        Node::Calc { input, filter, exprs } => {
            return merge_calc(Rel { node: Node::Calc { input: below(input)?, filter, exprs }, ..rel });
        }
        Node::WindowAggregate { .. } => {
            let rel = window_from_time(rel)?;
            let node = match rel.node {
                Node::WindowAggregate { input, window, source, keys, calls, id } => {
                    Node::WindowAggregate { input: below(input)?, window, source, keys, calls, id }
                }
                other => other,
            };
            return Ok(Rel { node, ..rel });
        }
        Node::Watermark { input, column, expr, idle_timeout_ms } => {
            Node::Watermark { input: below(input)?, column, expr, idle_timeout_ms }
        }
        Node::CurrentWatermark { input, id } => Node::CurrentWatermark { input: below(input)?, id },
        Node::Union(inputs) => Node::Union(inputs.into_iter().map(rewrite).collect::<Result<_>>()?),
        Node::Aggregate { input, keys, calls, id } => Node::Aggregate { input: below(input)?, keys, calls, id },
        Node::WindowTvf { input, window, time } => Node::WindowTvf { input: below(input)?, window, time },
        leaf @ (Node::Scan(..) | Node::Values(_)) => leaf,
    };
    Ok(Rel { node, ..rel })
}

/// Merges projections that stand on each other, where nothing is computed twice.
fn merge_calc(rel: Rel) -> Result<Rel> {
    let Node::Calc { input, filter, exprs } = &rel.node else { return Ok(rel) };
    let Node::Calc { input: below, filter: lower_filter, exprs: lower } = &input.node else { return Ok(rel) };
    if input.shared.is_some() || (filter.is_some() && lower_filter.is_some()) {
        return Ok(rel);
    }
    let mut used = Vec::new();
    for e in exprs.iter().chain(filter) {
        bind::count_columns(&e.expr, &mut used)?;
    }
    let cheap = lower.iter().enumerate().all(|(i, e)| {
        let times = used.get(i).copied().unwrap_or(0);
        is_path(&e.expr) || is_literal(e) || times <= 1
    });
    if !cheap {
        return Ok(rel);
    }
    let put = |e: &BoundExpr| -> Result<BoundExpr> {
        Ok(BoundExpr {
            expr: bind::substitute(&e.expr, lower)?,
            ty: e.ty.clone(),
            text: shown(e, lower),
            rowtime: e.rowtime,
        })
    };
    let merged = exprs.iter().map(&put).collect::<Result<Vec<_>>>()?;
    let filter = match (filter, lower_filter) {
        (Some(f), _) => Some(put(f)?),
        (None, Some(f)) => Some(f.clone()),
        (None, None) => None,
    };
    let node = Node::Calc { input: below.clone(), filter, exprs: merged };
    Ok(Rel { node, ..rel })
}

/// The text of an expression that is now computed from further below: exact for plain columns.
fn shown(e: &BoundExpr, lower: &[BoundExpr]) -> String {
    match bind::plain_column(&e.expr).and_then(|i| lower.get(i)) {
        Some(source) => source.text.clone(),
        None => e.text.clone(),
    }
}

fn is_literal(e: &BoundExpr) -> bool {
    e.expr.downcast_ref::<datafusion_physical_expr::expressions::Literal>().is_some()
}
