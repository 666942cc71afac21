//! Which relations of a job's INSERTs are one and the same: each becomes one
//! operator with one state, however many read it, as with Flink's
//! `table.optimizer.reuse-sub-plan-enabled`. So an INSERT that is added or taken
//! away moves no state of another. Not the same are relations with expressions
//! that give another value each time, and those planned under other options.

use super::changelog::inputs_need_before;
use super::sink::SinkPlan;
use super::{Call, Node, Rel, bind};
use crate::expr::BoundExpr;
use std::collections::HashMap;
use std::sync::Arc;
use streamjob_core::options::Options;

/// The plans of a job with equal relations found.
pub struct Reuse<'a> {
    /// Inputs stand before what reads them.
    classes: Vec<Class<'a>>,
    of: HashMap<*const Rel, usize>,
}

/// Relations that are the same.
pub struct Class<'a> {
    /// The first of them.
    pub rel: &'a Rel,
    /// How many read it: sinks, and inputs of other classes.
    pub readers: usize,
    /// Whether some reader needs `-U`: then all get it.
    pub needs_before: bool,
    /// The first by name of the sinks that its rows reach.
    pub sink: Option<&'a str>,
    inputs: Vec<usize>,
    options: &'a Options,
}

impl<'a> Reuse<'a> {
    /// Of the INSERTs of a job.
    pub fn of_sinks(plans: &'a [SinkPlan]) -> Self {
        let mut reuse = Self { classes: Vec::new(), of: HashMap::new() };
        for plan in plans {
            let top = reuse.add(&plan.rel, &plan.options, false);
            reuse.read(top, plan.needs_before(), Some(&plan.table.def.name));
        }
        reuse.descend();
        reuse
    }

    /// Of one query, all of whose changes are wanted.
    pub fn of_query(rel: &'a Rel, options: &'a Options) -> Self {
        let mut reuse = Self { classes: Vec::new(), of: HashMap::new() };
        let top = reuse.add(rel, options, false);
        reuse.read(top, true, None);
        reuse.descend();
        reuse
    }

    /// The class of a relation of these plans, with its number.
    pub fn class(&self, rel: &Rel) -> Option<(usize, &Class<'a>)> {
        let id = *self.of.get(&std::ptr::from_ref(rel))?;
        Some((id, self.classes.get(id)?))
    }

    /// All of them.
    pub fn classes(&self) -> impl Iterator<Item = &Class<'a>> {
        self.classes.iter()
    }

    /// Finds or makes the class of a relation. A table is read once, also with computed columns such as PROCTIME().
    fn add(&mut self, rel: &'a Rel, options: &'a Options, scan: bool) -> usize {
        let scan = scan || rel.shared.is_some();
        let inputs: Vec<usize> = rel.inputs().into_iter().map(|i| self.add(i, options, scan)).collect();
        let same =
            |c: &Class<'_>| c.inputs == inputs && same(c.rel, rel) && taken(c.rel, c.options) == taken(rel, options);
        let found = if !scan && is_volatile(rel) { None } else { self.classes.iter().position(same) };
        let id = found.unwrap_or_else(|| {
            for input in &inputs {
                self.read(*input, false, None);
            }
            self.classes.push(Class { rel, readers: 0, needs_before: false, sink: None, inputs, options });
            self.classes.len() - 1
        });
        self.of.insert(std::ptr::from_ref(rel), id);
        id
    }

    fn read(&mut self, id: usize, needs_before: bool, sink: Option<&'a str>) {
        if let Some(class) = self.classes.get_mut(id) {
            class.readers += 1;
            class.need(needs_before, sink);
        }
    }

    /// Tells inputs what those who read them need.
    fn descend(&mut self) {
        for id in (0..self.classes.len()).rev() {
            let Some(class) = self.classes.get(id) else { continue };
            let (below, sink) = (inputs_need_before(class.rel, class.needs_before), class.sink);
            for input in class.inputs.clone() {
                if let Some(input) = self.classes.get_mut(input) {
                    input.need(below, sink);
                }
            }
        }
    }
}

impl<'a> Class<'a> {
    fn need(&mut self, before: bool, sink: Option<&'a str>) {
        self.needs_before |= before;
        self.sink = match (self.sink, sink) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }
}

/// True when both make the same rows of the same inputs. Those with a text of their own also need the same one,
/// since their state is found by it.
fn same(a: &Rel, b: &Rel) -> bool {
    let types = a.columns.len() == b.columns.len() && a.columns.iter().zip(&b.columns).all(|(a, b)| a.ty == b.ty);
    types
        && match (&a.node, &b.node) {
            (Node::Scan(s, c), Node::Scan(t, d)) => Arc::ptr_eq(s, t) && c == d,
            (Node::Values(v), Node::Values(w)) => v.len() == w.len() && v.iter().zip(w).all(|(v, w)| same_exprs(v, w)),
            (Node::Calc { filter, exprs, .. }, Node::Calc { filter: other, exprs: others, .. }) => {
                let filters = match (filter, other) {
                    (None, None) => true,
                    (Some(a), Some(b)) => bind::same(a, b),
                    _ => false,
                };
                filters && same_exprs(exprs, others)
            }
            (
                Node::Watermark { column, expr, idle_timeout_ms, .. },
                Node::Watermark { column: c, expr: e, idle_timeout_ms: i, .. },
            ) => column == c && idle_timeout_ms == i && bind::same(expr, e),
            (Node::CurrentWatermark { id, .. }, Node::CurrentWatermark { id: other, .. }) => id == other,
            (Node::Union(_), Node::Union(_)) => true,
            (Node::Aggregate { keys, calls, id, .. }, Node::Aggregate { keys: k, calls: c, id: i, .. }) => {
                id == i && keys == k && same_calls(calls, c)
            }
            (Node::WindowTvf { window, time, .. }, Node::WindowTvf { window: w, time: t, .. }) => {
                window == w && time == t
            }
            (
                Node::WindowAggregate { window, source, keys, calls, id, .. },
                Node::WindowAggregate { window: w, source: s, keys: k, calls: c, id: i, .. },
            ) => id == i && window == w && source == s && keys == k && same_calls(calls, c),
            _ => false,
        }
}

fn same_exprs(a: &[BoundExpr], b: &[BoundExpr]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| bind::same(a, b))
}

/// The text of a call is for people, as is its place.
fn same_calls(a: &[Call], b: &[Call]) -> bool {
    let same = |a: &Call, b: &Call| *a == Call { text: a.text.clone(), at: a.at, ..b.clone() };
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
}

fn is_volatile(rel: &Rel) -> bool {
    match &rel.node {
        Node::Calc { filter, exprs, .. } => exprs.iter().chain(filter).any(|e| bind::is_volatile(&e.expr)),
        Node::Values(rows) => rows.iter().flatten().any(|e| bind::is_volatile(&e.expr)),
        _ => false,
    }
}

/// What a relation's operator takes from the options.
fn taken<'o>(rel: &Rel, options: &'o Options) -> Vec<Option<&'o str>> {
    let keys: &[&str] = match &rel.node {
        Node::Aggregate { .. } => &["table.exec.state.ttl"],
        Node::WindowTvf { window, .. } | Node::WindowAggregate { window, .. } if window.local => {
            &["table.local-time-zone"]
        }
        Node::Watermark { .. } => &["table.exec.source.idle-timeout", "pipeline.auto-watermark-interval"],
        _ => &[],
    };
    keys.iter().map(|k| options.text(k)).collect()
}
