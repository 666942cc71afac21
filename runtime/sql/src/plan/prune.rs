//! Columns that nobody reads are not made: a table's scan gives those columns that
//! the statements of a job use, all together, since it is read once for all.

use super::{Call, Node, Rel, WindowOf, bind};
use crate::expr::BoundExpr;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use streamjob_core::{Error, Result};

/// The columns that are read of each scan, by its table's address.
type Needs = HashMap<usize, BTreeSet<usize>>;

/// Narrows the scans of a job's plans.
pub fn prune(rels: &mut [&mut Rel]) -> Result<()> {
    let mut needs = Needs::new();
    for rel in rels.iter() {
        collect(rel, None, &mut needs)?;
    }
    for rel in rels {
        **rel = narrow(rel, &needs)?.rel;
    }
    Ok(())
}

/// Finds what is read; `used` are the columns of `rel` that are, `None` for all.
fn collect(rel: &Rel, used: Option<BTreeSet<usize>>, needs: &mut Needs) -> Result<()> {
    if let Some(table) = table_of(rel) {
        let used = used.unwrap_or_else(|| (0..rel.columns.len()).collect());
        needs.entry(table).or_default().extend(used);
        return Ok(());
    }
    let below = used_below(&rel.node)?;
    rel.inputs().into_iter().try_for_each(|input| collect(input, below.clone(), needs))
}

/// The columns of its inputs that a node reads; `None` where it passes all of them on.
fn used_below(node: &Node) -> Result<Option<BTreeSet<usize>>> {
    let of_calls = |calls: &[Call]| calls.iter().flat_map(|c| [c.arg, c.filter]).flatten().collect::<Vec<_>>();
    Ok(match node {
        Node::Calc { filter, exprs, .. } => Some(bind::columns_of(exprs.iter().chain(filter))?),
        Node::Aggregate { keys, calls, .. } => Some(keys.iter().copied().chain(of_calls(calls)).collect()),
        Node::WindowAggregate { keys, calls, source, .. } => {
            let window = match *source {
                WindowOf::Time(time) => vec![time],
                WindowOf::Attached { start, end, .. } => vec![start, end],
            };
            Some(keys.iter().copied().chain(of_calls(calls)).chain(window).collect())
        }
        _ => None,
    })
}

/// The address of the table whose whole scan this is.
fn table_of(rel: &Rel) -> Option<usize> {
    rel.shared.as_ref().and_then(|_| rel.scanned()).map(|table| Arc::as_ptr(table) as usize)
}

/// A relation with fewer columns.
pub(super) struct Narrowed {
    pub(super) rel: Rel,
    /// New position of each old column; `None` for those that went.
    pub(super) places: Vec<Option<usize>>,
}

impl Narrowed {
    pub(super) fn place(&self, column: usize) -> Option<usize> {
        self.places.get(column).copied().flatten()
    }

    /// The new position of a column that is read.
    pub(super) fn at(&self, column: usize) -> Result<usize> {
        self.place(column).ok_or_else(|| Error::internal("a column that went is read"))
    }

    pub(super) fn moved_calls(&self, calls: &[Call]) -> Result<Vec<Call>> {
        let at = |column: Option<usize>| column.map(|c| self.at(c)).transpose();
        calls.iter().map(|c| Ok(Call { arg: at(c.arg)?, filter: at(c.filter)?, ..c.clone() })).collect()
    }

    pub(super) fn moved(&self, e: &BoundExpr) -> Result<BoundExpr> {
        let expr = bind::remap(&e.expr, &|i| self.place(i))?;
        Ok(BoundExpr { expr: expr.unwrap_or_else(|| Arc::clone(&e.expr)), ..e.clone() })
    }
}

/// The same relation over narrowed scans; only a scan itself loses columns.
fn narrow(rel: &Rel, needs: &Needs) -> Result<Narrowed> {
    if let Some(kept) = table_of(rel).and_then(|table| needs.get(&table)) {
        return narrow_scan(rel, kept);
    }
    let below = |input: &Rel| narrow(input, needs);
    let node = match &rel.node {
        leaf @ (Node::Scan(..) | Node::Values(_)) => leaf.clone(),
        Node::Calc { input, filter, exprs } => {
            let input = below(input)?;
            let filter = filter.as_ref().map(|f| input.moved(f)).transpose()?;
            let exprs = exprs.iter().map(|e| input.moved(e)).collect::<Result<_>>()?;
            Node::Calc { input: Box::new(input.rel), filter, exprs }
        }
        // These read all columns, so that none has moved.
        Node::Watermark { input, column, expr, idle_timeout_ms } => Node::Watermark {
            input: Box::new(below(input)?.rel),
            column: *column,
            expr: expr.clone(),
            idle_timeout_ms: *idle_timeout_ms,
        },
        Node::CurrentWatermark { input, id } => {
            Node::CurrentWatermark { input: Box::new(below(input)?.rel), id: id.clone() }
        }
        Node::Union(inputs) => Node::Union(inputs.iter().map(|i| Ok(below(i)?.rel)).collect::<Result<_>>()?),
        Node::WindowTvf { input, window, time } => {
            Node::WindowTvf { input: Box::new(below(input)?.rel), window: window.clone(), time: *time }
        }
        Node::Aggregate { input, keys, calls, id } => {
            let input = below(input)?;
            let (keys, calls) = (places(&input, keys)?, input.moved_calls(calls)?);
            Node::Aggregate { input: Box::new(input.rel), keys, calls, id: id.clone() }
        }
        Node::WindowAggregate { input, window, source, keys, calls, id } => {
            let input = below(input)?;
            let source = match *source {
                WindowOf::Time(time) => WindowOf::Time(input.at(time)?),
                WindowOf::Attached { start, end, pull } => {
                    WindowOf::Attached { start: input.at(start)?, end: input.at(end)?, pull }
                }
            };
            let (keys, calls) = (places(&input, keys)?, input.moved_calls(calls)?);
            let (input, window) = (Box::new(input.rel), window.clone());
            Node::WindowAggregate { input, window, source, keys, calls, id: id.clone() }
        }
    };
    Ok(Narrowed { rel: Rel { node, ..rel.clone() }, places: (0..rel.columns.len()).map(Some).collect() })
}

fn places(input: &Narrowed, columns: &[usize]) -> Result<Vec<usize>> {
    columns.iter().map(|c| input.at(*c)).collect()
}

/// A table's scan, with its computed columns and its watermark, for the columns `kept` and what those need.
fn narrow_scan(rel: &Rel, kept: &BTreeSet<usize>) -> Result<Narrowed> {
    match &rel.node {
        Node::Calc { input, filter, exprs } => {
            let of = |i: &usize| exprs.get(*i);
            let input = narrow_scan(input, &bind::columns_of(kept.iter().filter_map(of).chain(filter))?)?;
            let exprs = kept.iter().filter_map(of).map(|e| input.moved(e)).collect::<Result<_>>()?;
            let filter = filter.as_ref().map(|f| input.moved(f)).transpose()?;
            Ok(only(rel, Node::Calc { input: Box::new(input.rel), filter, exprs }, kept))
        }
        Node::Watermark { input, column, expr, idle_timeout_ms } => {
            let mut all = bind::columns_of(std::iter::once(expr))?;
            all.insert(*column);
            all.extend(kept);
            let input = narrow_scan(input, &all)?;
            let (column, expr) = (input.place(*column).unwrap_or(*column), input.moved(expr)?);
            let (input, idle_timeout_ms) = (Box::new(input.rel), *idle_timeout_ms);
            Ok(only(rel, Node::Watermark { input, column, expr, idle_timeout_ms }, &all))
        }
        Node::Scan(table, columns) => {
            let columns = kept.iter().filter_map(|i| columns.get(*i).copied()).collect();
            Ok(only(rel, Node::Scan(Arc::clone(table), columns), kept))
        }
        _ => Err(Error::internal("a table's scan with more in it than columns and a watermark")),
    }
}

/// The relation with another node, which gives the columns `kept`.
pub(super) fn only(rel: &Rel, node: Node, kept: &BTreeSet<usize>) -> Narrowed {
    let columns = kept.iter().filter_map(|i| rel.columns.get(*i).cloned()).collect();
    let places = (0..rel.columns.len()).map(|i| kept.contains(&i).then(|| kept.range(..i).count())).collect();
    Narrowed { rel: Rel { node, columns, window: rel.window.clone(), shared: rel.shared.clone() }, places }
}
