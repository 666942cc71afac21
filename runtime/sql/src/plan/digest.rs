//! The normalised text of a sub-plan, from which uids of state are made. It names
//! what state depends on: not how the plan was optimised, nor where it stands in
//! the script, nor columns that are not used, nor their names on the way.

use super::{Call, Node, Rel, Window, bind};
use crate::expr::BoundExpr;
use streamjob_core::table::ColumnKind;
use streamjob_core::{Error, Result};

/// The text of an aggregate over `input`.
pub fn aggregate_id(kind: &str, input: &Rel, keys: &[usize], calls: &[Call]) -> Result<String> {
    let one = |c: &Call| format!("{:?} {}{:?} {:?}", c.function, if c.distinct { "!" } else { "" }, c.arg, c.filter);
    let calls: Vec<String> = calls.iter().map(one).collect();
    Ok(format!("{kind}[{keys:?}|{}]({})", calls.join(","), input.digest()?))
}

/// The text of a window aggregate over `input`.
pub fn window_aggregate_id(window: &Window, input: &Rel, keys: &[usize], calls: &[Call]) -> Result<String> {
    aggregate_id(&format!("window-aggregate {window}"), input, keys, calls)
}

/// The text of CURRENT_WATERMARK over `input`: its state is of the rows, whatever their columns.
pub fn watermark_id(input: &Rel) -> Result<String> {
    Ok(format!("current-watermark[]({})", columns(input, &[])?))
}

impl Rel {
    /// The text of the relation with all its columns.
    pub fn digest(&self) -> Result<String> {
        columns(self, &(0..self.columns.len()).collect::<Vec<_>>())
    }
}

/// The text of some columns of a relation, in this order.
fn columns(rel: &Rel, used: &[usize]) -> Result<String> {
    if let Some(table) = &rel.shared {
        return Ok(format!("calc[|{}](table[{table}])", stored(rel, used)?.join(",")));
    }
    Ok(match &rel.node {
        Node::Scan(table, _) => format!("scan[{}]", table.def.name),
        Node::Watermark { input, .. } => columns(input, used)?,
        Node::Values(rows) => {
            let rows = rows.iter().map(|row| Ok(texts(&picked(row, used)?))).collect::<Result<Vec<_>>>()?;
            format!("values[{}]", rows.join(";"))
        }
        Node::Calc { input, filter, exprs } => {
            let exprs = picked(exprs, used)?;
            match (filter, plain(&exprs)) {
                // Columns as they are: the same rows whether the projection stands there or not.
                (None, Some(below)) => columns(input, &below)?,
                _ => {
                    let filtered = filter.as_ref().map_or("", |f| f.text.as_str());
                    let read = bind::columns_of(exprs.iter().copied().chain(filter))?.into_iter().collect();
                    format!("calc[{filtered}|{}]({})", texts(&exprs), named(input, read)?)
                }
            }
        }
        Node::Union(inputs) => {
            let inputs = inputs.iter().map(|i| Ok(format!("({})", columns(i, used)?)));
            format!("union[]{}", inputs.collect::<Result<String>>()?)
        }
        Node::Aggregate { id, .. } | Node::WindowAggregate { id, .. } => {
            let places: Vec<String> = used.iter().map(|i| format!("${i}")).collect();
            format!("calc[|{}]({id})", places.join(","))
        }
        Node::CurrentWatermark { input, .. } => {
            let (below, items) = added(input, used, Vec::new(), &["watermark"]);
            format!("current-watermark[{items}]({})", columns(input, &below)?)
        }
        Node::WindowTvf { input, window, time } => {
            let (below, items) = added(input, used, vec![*time], &["start", "end", "time"]);
            format!("window[{window}|{items}]({})", columns(input, &below)?)
        }
    })
}

/// The text of a relation of which the text above it names columns.
fn named(rel: &Rel, mut used: Vec<usize>) -> Result<String> {
    if let Some(table) = table_with_names(rel, &used)? {
        return Ok(format!("table[{table}]"));
    }
    // The names are no more than places here: say what stands behind each, by their order.
    used.sort_by_key(|i| rel.columns.get(*i).map(|c| c.name.as_str()));
    columns(rel, &used)
}

/// The table whose columns these are, if they have their own names still.
fn table_with_names<'r>(rel: &'r Rel, used: &[usize]) -> Result<Option<&'r str>> {
    let names: Vec<&str> = used.iter().filter_map(|i| rel.columns.get(*i)).map(|c| c.name.as_str()).collect();
    let (mut rel, mut used) = (rel, used.to_vec());
    loop {
        if let Some(table) = &rel.shared {
            return Ok((stored(rel, &used)? == names).then_some(table));
        }
        let Node::Calc { input, filter: None, exprs } = &rel.node else { return Ok(None) };
        let Some(below) = plain(&picked(exprs, &used)?) else { return Ok(None) };
        (rel, used) = (input, below);
    }
}

/// The names that columns of a table's scan have in the table.
fn stored<'r>(rel: &'r Rel, used: &[usize]) -> Result<Vec<&'r str>> {
    let def = &rel.scanned().ok_or_else(|| Error::internal("a scan without a table"))?.def;
    let top = match &rel.node {
        Node::Watermark { input, .. } => input,
        _ => rel,
    };
    let all: Vec<&str> = match &top.node {
        Node::Scan(..) => {
            let stored = def.columns.iter().filter(|c| c.kind == ColumnKind::Physical);
            stored.map(|c| c.name.as_str()).collect()
        }
        _ => def.columns.iter().map(|c| c.name.as_str()).collect(),
    };
    Ok(used.iter().filter_map(|i| all.get(*i).copied()).collect())
}

/// Columns below a node that adds some: those of its input, behind `first`, and what each used column is.
fn added(input: &Rel, used: &[usize], first: Vec<usize>, names: &[&str]) -> (Vec<usize>, String) {
    let mut below = first;
    let mut items = Vec::new();
    for i in used {
        match i.checked_sub(input.columns.len()) {
            Some(own) => items.push(names.get(own).copied().unwrap_or_default().to_string()),
            None => {
                items.push(format!("${}", below.len()));
                below.push(*i);
            }
        }
    }
    (below, items.join(","))
}

fn picked<'e>(exprs: &'e [BoundExpr], used: &[usize]) -> Result<Vec<&'e BoundExpr>> {
    let one = |i: &usize| exprs.get(*i).ok_or_else(|| Error::internal(format!("column {i} is not there")));
    used.iter().map(one).collect()
}

/// The positions, when all are no more than columns.
fn plain(exprs: &[&BoundExpr]) -> Option<Vec<usize>> {
    exprs.iter().map(|e| bind::plain_column(&e.expr)).collect()
}

fn texts(exprs: &[&BoundExpr]) -> String {
    exprs.iter().map(|e| e.text.as_str()).collect::<Vec<_>>().join(",")
}
