//! EXPLAIN: the plan with changelog modes in Flink's words, and the job graph.

use crate::catalog::full_name;
use crate::lower::default_parallelism;
use crate::plan::changelog::{Mode, changes};
use crate::plan::reuse::Reuse;
use crate::plan::sink::SinkPlan;
use crate::plan::text::describe;
use crate::plan::{Node, Rel};
use std::collections::HashMap;
use std::fmt::Write as _;
use streamjob_core::options::Options;
use streamjob_engine::{Exchange, JobGraph, NodeKind};

/// The plans of INSERTs.
pub fn plans(sinks: &[SinkPlan]) -> String {
    let mut tree = Tree::new(Reuse::of_sinks(sinks));
    tree.out.push_str("== Optimized Plan ==\n");
    for (i, sink) in sinks.iter().enumerate() {
        if i > 0 {
            tree.out.push('\n');
        }
        let (name, fields) = (full_name(&sink.table.def.name), sink.rel.names().join(", "));
        let _ = writeln!(tree.out, "Sink(table=[{name}], fields=[{fields}], changelogMode=[NONE])");
        tree.rel(&sink.rel, 0);
    }
    tree.out
}

/// The plan of a query.
pub fn query(rel: &Rel, options: &Options) -> String {
    let mut out = String::from("== Optimized Plan ==\n");
    let mut tree = Tree::new(Reuse::of_query(rel, options));
    tree.rel(rel, 0);
    for line in tree.out.lines() {
        // The root has no branch of its own.
        out.push_str(line.strip_prefix("+- ").or(line.strip_prefix("   ")).unwrap_or(line));
        out.push('\n');
    }
    out
}

/// Plans as they are written down, each relation once.
struct Tree<'a> {
    reuse: Reuse<'a>,
    /// Numbers of those that several read, by class.
    shown: HashMap<usize, usize>,
    out: String,
}

impl<'a> Tree<'a> {
    fn new(reuse: Reuse<'a>) -> Self {
        Self { reuse, shown: HashMap::new(), out: String::new() }
    }

    fn rel(&mut self, rel: &Rel, depth: usize) {
        let Some((id, class)) = self.reuse.class(rel) else { return };
        if let Some(number) = self.shown.get(&id) {
            return line(&mut self.out, depth, &format!("Reused(reference_id=[{number}])"));
        }
        let mode = Mode { changes: changes(rel), before: class.needs_before };
        let mut text = with_mode(&describe(rel), &mode);
        if class.readers > 1 {
            let number = self.shown.len() + 1;
            self.shown.insert(id, number);
            let _ = write!(text, "(reuse_id=[{number}])");
        }
        line(&mut self.out, depth, &text);
        let mut depth = depth + 1;
        if let Node::Aggregate { input, keys, .. } | Node::WindowAggregate { input, keys, .. } = &rel.node {
            let names: Vec<&str> = keys.iter().filter_map(|k| input.columns.get(*k)).map(|c| c.name.as_str()).collect();
            let how = if names.is_empty() { "single".to_string() } else { format!("hash[{}]", names.join(", ")) };
            let before = self.reuse.class(input).is_some_and(|(_, c)| c.needs_before);
            let mode = Mode { changes: changes(input), before };
            line(&mut self.out, depth, &with_mode(&format!("Exchange(distribution=[{how}])"), &mode));
            depth += 1;
        }
        for input in rel.inputs() {
            self.rel(input, depth);
        }
    }
}

fn with_mode(text: &str, mode: &Mode) -> String {
    format!(
        "{}, changelogMode=[{}])",
        text.strip_suffix(')').unwrap_or(text),
        mode.to_string().trim_matches(['[', ']'])
    )
}

fn line(out: &mut String, depth: usize, text: &str) {
    let _ = writeln!(out, "{}+- {text}", "   ".repeat(depth));
}

/// The job graph: one line a node.
pub fn graph(graph: &JobGraph, options: &Options) -> String {
    let mut out = String::from("== Job Graph ==\n");
    let subtasks = |p: Option<u32>| p.map_or_else(|| default_parallelism(options), i64::from);
    for (id, node) in graph.nodes.iter().enumerate() {
        let kind = match &node.kind {
            NodeKind::Source(_) => "source",
            NodeKind::Operator(_) => "operator",
        };
        let parallelism = subtasks(node.parallelism);
        let _ = write!(out, "{id}: {} [{kind}, uid {}, parallelism {parallelism}]", node.name, node.uid);
        for edge in graph.edges.iter().filter(|e| e.to == id) {
            let from = graph.nodes.get(edge.from);
            let names = |columns: &[usize]| {
                let columns = columns.iter().filter_map(|c| from.and_then(|n| n.schema.columns.get(*c)));
                columns.map(|c| c.name.as_str()).collect::<Vec<_>>().join(", ")
            };
            let how = match &edge.exchange {
                Exchange::Forward => "forward".to_string(),
                Exchange::ForwardOrHash(columns)
                    if columns.is_empty() || from.is_some_and(|n| subtasks(n.parallelism) == parallelism) =>
                {
                    "forward".to_string()
                }
                Exchange::Hash(columns) if columns.is_empty() => "single".to_string(),
                Exchange::Hash(columns) | Exchange::ForwardOrHash(columns) => format!("hash({})", names(columns)),
                Exchange::Rebalance => "rebalance".to_string(),
                Exchange::Broadcast => "broadcast".to_string(),
                Exchange::Global => "global".to_string(),
            };
            let _ = write!(out, " <- {} {how}", edge.from);
        }
        out.push('\n');
    }
    out
}
