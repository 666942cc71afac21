//! A plan in one short text: two processes that planned the same job the same way get the same one.

use std::fmt::Write;
use streamjob_core::key;
use streamjob_engine::{JobGraph, NodeKind};

/// The digest of everything that decides where rows and state go.
pub fn digest(graph: &JobGraph) -> String {
    let mut text = String::new();
    for node in &graph.nodes {
        let (kind, states) = match &node.kind {
            NodeKind::Source(source) => ("source", format!("{:?} {:?}", source.bounded(), source.parallelism())),
            NodeKind::Operator(o) => ("operator", format!("{:?} {}", o.keyed_states(), o.has_operator_state())),
        };
        // Writing to a String does not fail.
        let _ = writeln!(text, "{kind} {:?} {:?} {:?} {states}", node.uid, node.name, node.parallelism);
        let _ = writeln!(text, "{:?}", node.schema);
    }
    for edge in &graph.edges {
        let _ = writeln!(text, "{edge:?}");
    }
    format!("{:016x}", key::hash(text.as_bytes()))
}
