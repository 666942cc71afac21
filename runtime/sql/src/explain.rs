//! EXPLAIN: the plan with changelog modes in Flink's words, and the job graph.

use crate::catalog::full_name;
use crate::lower::default_parallelism;
use crate::plan::changelog::{Mode, changes, inputs_need_before};
use crate::plan::sink::SinkPlan;
use crate::plan::text::describe;
use crate::plan::{Node, Rel};
use std::fmt::Write as _;
use streamjob_core::options::Options;
use streamjob_engine::{Exchange, JobGraph, NodeKind};

/// The plans of INSERTs.
pub fn plans(sinks: &[SinkPlan]) -> String {
    let mut out = String::from("== Optimized Plan ==\n");
    for (i, sink) in sinks.iter().enumerate() {
        if i > 0 {
            out.push('\n');
        }
        let names = sink.rel.names().join(", ");
        let _ =
            writeln!(out, "Sink(table=[{}], fields=[{names}], changelogMode=[NONE])", full_name(&sink.table.def.name));
        tree(&sink.rel, sink.needs_before(), 0, &mut out);
    }
    out
}

/// The plan of a query.
pub fn query(rel: &Rel) -> String {
    let mut out = String::from("== Optimized Plan ==\n");
    let mut lines = String::new();
    tree(rel, true, 0, &mut lines);
    for line in lines.lines() {
        // The root has no branch of its own.
        out.push_str(line.strip_prefix("+- ").or(line.strip_prefix("   ")).unwrap_or(line));
        out.push('\n');
    }
    out
}

fn tree(rel: &Rel, needs_before: bool, depth: usize, out: &mut String) {
    let made = changes(rel);
    let mode = Mode { changes: made, before: needs_before };
    line(out, depth, &with_mode(&describe(rel), &mode));
    let below = inputs_need_before(rel, needs_before);
    let mut depth = depth + 1;
    if let Node::Aggregate { input, keys, .. } | Node::WindowAggregate { input, keys, .. } = &rel.node {
        let names: Vec<&str> = keys.iter().filter_map(|k| input.columns.get(*k)).map(|c| c.name.as_str()).collect();
        let distribution = if names.is_empty() { "single".to_string() } else { format!("hash[{}]", names.join(", ")) };
        let mode = Mode { changes: changes(input), before: below };
        line(out, depth, &with_mode(&format!("Exchange(distribution=[{distribution}])"), &mode));
        depth += 1;
    }
    for input in rel.inputs() {
        tree(input, below, depth, out);
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
