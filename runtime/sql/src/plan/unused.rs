//! Columns and aggregate calls of an INSERT that nobody reads are not made, as in
//! Flink: a group then changes only when what is read of it does. What is read of
//! tables is decided later for the whole job (`super::prune`).
//!
//! Texts for uids are made anew here: where nothing went they stay, and what went
//! does not count. So INSERTs that read the same of a view share its state.

use super::prune::Narrowed;
use super::query::calc;
use super::{Call, Node, Rel, WindowOf, bind, digest};
use std::collections::BTreeSet;
use streamjob_core::{Error, Result};

/// The same rows with all their columns, made of no more than they need.
pub fn drop_unused(rel: &Rel) -> Result<Rel> {
    Ok(narrow(rel, &all(rel))?.rel)
}

fn all(rel: &Rel) -> BTreeSet<usize> {
    (0..rel.columns.len()).collect()
}

/// The relation with at least the columns `used`.
fn narrow(rel: &Rel, used: &BTreeSet<usize>) -> Result<Narrowed> {
    if rel.shared.is_some() {
        return Ok(with(rel, rel.node.clone(), &all(rel)));
    }
    match &rel.node {
        // Values are counted in state; watermarks stand in tables.
        Node::Scan(..) | Node::Values(_) | Node::Watermark { .. } => Ok(with(rel, rel.node.clone(), &all(rel))),
        // Its state is of the rows, whatever their columns: all that read it share it.
        Node::CurrentWatermark { input, .. } => {
            let input = drop_unused(input)?;
            let id = digest::watermark_id(&input)?;
            Ok(with(rel, Node::CurrentWatermark { input: Box::new(input), id }, &all(rel)))
        }
        Node::Calc { input, filter, exprs } => {
            let of = |i: &usize| exprs.get(*i);
            let below = narrow(input, &bind::columns_of(used.iter().filter_map(of).chain(filter))?)?;
            let exprs = used.iter().filter_map(of).map(|e| below.moved(e)).collect::<Result<_>>()?;
            let filter = filter.as_ref().map(|f| below.moved(f)).transpose()?;
            let kept = with(rel, rel.node.clone(), used);
            Ok(Narrowed { rel: calc(below.rel, filter, exprs, kept.rel.columns), places: kept.places })
        }
        Node::Union(inputs) => {
            let inputs = inputs.iter().map(|i| Ok(exactly(narrow(i, used)?, used)?.rel)).collect::<Result<_>>()?;
            Ok(with(rel, Node::Union(inputs), used))
        }
        Node::WindowTvf { input, window, time } => {
            let width = input.columns.len();
            let mut below: BTreeSet<usize> = used.iter().copied().filter(|i| *i < width).collect();
            below.insert(*time);
            let input = narrow(input, &below)?;
            let mut kept: BTreeSet<usize> = (0..width).filter(|i| input.place(*i).is_some()).collect();
            kept.extend(width..rel.columns.len());
            let (time, window) = (input.at(*time)?, window.clone());
            Ok(with(rel, Node::WindowTvf { input: Box::new(input.rel), window, time }, &kept))
        }
        Node::Aggregate { input, keys, calls, id } => {
            let (calls, kept) = read(calls, keys.len(), rel.columns.len(), used);
            let (input, keys, calls) = below(input, keys, &calls, &[])?;
            let id = if id.starts_with("distinct[") {
                digest::aggregate_id("distinct", &input.rel, &[], &[])?
            } else {
                digest::aggregate_id("group-aggregate", &input.rel, &keys, &calls)?
            };
            Ok(with(rel, Node::Aggregate { input: Box::new(input.rel), keys, calls, id }, &kept))
        }
        Node::WindowAggregate { input, window, source, keys, calls, .. } => {
            // A key that is window_time is no key of the node, but of the text from which its uid is made.
            let of_calls: BTreeSet<usize> = calls.iter().flat_map(|c| [c.arg, c.filter]).flatten().collect();
            let mut of_window: Vec<usize> = (0..input.columns.len()).filter(|i| !of_calls.contains(i)).collect();
            match *source {
                WindowOf::Time(time) => of_window.push(time),
                WindowOf::Attached { start, end, .. } => of_window.extend([start, end]),
            }
            let (calls, kept) = read(calls, keys.len(), rel.columns.len(), used);
            let (input, keys, calls) = below(input, keys, &calls, &of_window)?;
            let source = match *source {
                WindowOf::Time(time) => WindowOf::Time(input.at(time)?),
                WindowOf::Attached { start, end, pull } => {
                    WindowOf::Attached { start: input.at(start)?, end: input.at(end)?, pull }
                }
            };
            let id = digest::window_aggregate_id(window, &input.rel, &keys, &calls)?;
            let (input, window) = (Box::new(input.rel), window.clone());
            Ok(with(rel, Node::WindowAggregate { input, window, source, keys, calls, id }, &kept))
        }
    }
}

/// The calls whose columns are used, and all columns that are left: keys and windows always are. Without a
/// key some call stays: there is no DISTINCT of no columns.
fn read(calls: &[Call], keys: usize, width: usize, used: &BTreeSet<usize>) -> (Vec<Call>, BTreeSet<usize>) {
    let is_call = |i: usize| (keys..keys + calls.len()).contains(&i);
    let first = keys == 0 && width == calls.len() && used.is_empty();
    let kept: BTreeSet<usize> = (0..width).filter(|i| !is_call(*i) || used.contains(i) || (first && *i == 0)).collect();
    let calls = calls.iter().enumerate().filter(|(i, _)| kept.contains(&(keys + i))).map(|(_, c)| c.clone()).collect();
    (calls, kept)
}

/// What an aggregate reads with no other columns, and its keys and calls there.
fn below(input: &Rel, keys: &[usize], calls: &[Call], more: &[usize]) -> Result<(Narrowed, Vec<usize>, Vec<Call>)> {
    let args = calls.iter().flat_map(|c| [c.arg, c.filter]).flatten();
    let used = keys.iter().chain(more).copied().chain(args).collect();
    let input = exactly(narrow(input, &used)?, &used)?;
    let keys = keys.iter().map(|k| input.at(*k)).collect::<Result<_>>()?;
    let calls = input.moved_calls(calls)?;
    Ok((input, keys, calls))
}

/// Leaves out what is kept beside the columns `used`.
fn exactly(input: Narrowed, used: &BTreeSet<usize>) -> Result<Narrowed> {
    if input.rel.columns.len() == used.len() {
        return Ok(input);
    }
    let (mut exprs, mut columns) = (Vec::new(), Vec::new());
    for i in used {
        let at = input.at(*i)?;
        let column = input.rel.columns.get(at).ok_or_else(|| Error::internal("a column that went is read"))?;
        exprs.push(bind::column(at, column));
        columns.push(column.clone());
    }
    let places = (0..input.places.len()).map(|i| used.contains(&i).then(|| used.range(..i).count())).collect();
    Ok(Narrowed { rel: calc(input.rel, None, exprs, columns), places })
}

/// The relation with another node, which gives the columns `kept`.
fn with(rel: &Rel, node: Node, kept: &BTreeSet<usize>) -> Narrowed {
    let mut narrowed = super::prune::only(rel, node, kept);
    if let Some(mut window) = narrowed.rel.window.take() {
        let place = |column: Option<usize>| column.and_then(|c| narrowed.place(c));
        (window.start, window.end, window.time) = (place(window.start), place(window.end), place(window.time));
        narrowed.rel.window = Some(window);
    }
    narrowed
}
