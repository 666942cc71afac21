#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use super::*;
use crate::connector::SourceFactory;
use crate::graph::Edge;
use crate::operator::{Operator, OperatorFactory, Source, TaskInfo};
use std::sync::Arc;
use streamjob_core::{OperatorUid, Schema};

struct Nothing;

impl SourceFactory for Nothing {
    fn create(&self, _: &TaskInfo) -> Result<Box<dyn Source>> {
        Err(Error::internal("not run"))
    }
    fn bounded(&self) -> bool {
        true
    }
}

impl OperatorFactory for Nothing {
    fn create(&self, _: &TaskInfo) -> Result<Box<dyn Operator>> {
        Err(Error::internal("not run"))
    }
}

/// Nodes as `name` or `name:parallelism`, sources in capitals; edges as (from, to, exchange).
fn graph(nodes: &str, edges: &[(usize, usize, Exchange)]) -> JobGraph {
    JobGraph {
        nodes: nodes
            .split(' ')
            .map(|n| {
                let (name, p) = n.split_once(':').map_or((n, None), |(name, p)| (name, Some(p.parse().unwrap())));
                let kind = if name.chars().all(char::is_uppercase) {
                    NodeKind::Source(Arc::new(Nothing))
                } else {
                    NodeKind::Operator(Arc::new(Nothing))
                };
                Node {
                    uid: OperatorUid(name.into()),
                    name: name.into(),
                    kind,
                    parallelism: p,
                    schema: Schema::default(),
                }
            })
            .collect(),
        edges: edges.iter().map(|(from, to, x)| Edge { from: *from, to: *to, input: 0, exchange: x.clone() }).collect(),
    }
}

/// `name×parallelism` of the vertices, then `from-to:exchange` of the edges.
fn show(plan: &ChainPlan) -> String {
    let vertices = plan.vertices.iter().map(|v| format!("{}×{}", v.info.name, v.info.parallelism));
    let edges = plan.edges.iter().map(|e| format!("{}-{}:{:?}", e.from, e.to, e.exchange));
    vertices.chain(edges).collect::<Vec<_>>().join(", ")
}

#[test]
fn table() {
    use Exchange::{Forward as F, ForwardOrHash, Global, Hash, Rebalance};
    let keyed = || ForwardOrHash(vec![1]);
    let cases = [
        ("S a b", vec![(0, 1, F), (1, 2, F)], true, "S -> a -> b×2"),
        ("S a b", vec![(0, 1, F), (1, 2, F)], false, "S×2, a×2, b×2, 0-1:Forward, 1-2:Forward"),
        ("S a b", vec![(0, 1, F), (1, 2, Hash(vec![0]))], true, "S -> a×2, b×2, 0-1:Hash([0])"),
        ("S a:1", vec![(0, 1, F)], true, "S×2, a×1, 0-1:Rebalance"),
        ("S:1 a b:1", vec![(0, 1, F), (1, 2, Global)], true, "S×1, a×2, b×1, 0-1:Rebalance, 1-2:Global"),
        // two outputs: neither is chained to the producer, but each chain goes on below
        ("S a b c", vec![(0, 1, F), (0, 2, F), (1, 3, F)], true, "S×2, a -> c×2, b×2, 0-1:Forward, 0-2:Forward"),
        // two inputs
        ("S T j k", vec![(0, 2, F), (1, 2, F), (2, 3, F)], true, "S×2, T×2, j -> k×2, 0-2:Forward, 1-2:Forward"),
        // changes: chained where they can be, else by key, or to the one consumer
        ("S a", vec![(0, 1, keyed())], true, "S -> a×2"),
        ("S a:3", vec![(0, 1, keyed())], true, "S×2, a×3, 0-1:Hash([1])"),
        ("S a:1", vec![(0, 1, ForwardOrHash(vec![]))], true, "S×2, a×1, 0-1:Global"),
        ("S a b", vec![(0, 1, keyed()), (0, 2, F)], true, "S×2, a×2, b×2, 0-1:Forward, 0-2:Forward"),
        // an edge that is not Forward is never chained, even at parallelism 1
        ("S:1 a:1", vec![(0, 1, Rebalance)], true, "S×1, a×1, 0-1:Rebalance"),
    ];
    for (nodes, edges, chaining, expected) in cases {
        let plan = chain(&graph(nodes, &edges), 2, 128, chaining).unwrap();
        assert_eq!(show(&plan), expected, "{nodes} {edges:?}");
        assert!(plan.vertices.iter().all(|v| v.info.operators.len() == v.nodes.len()));
    }
}

#[test]
fn refusals_name_the_node() {
    use Exchange::Forward as F;
    for (g, text) in [
        (graph("S:0", &[]), "S is 0"),
        (graph("S:9", &[]), "S is 9, more than max parallelism 8"),
        (graph("S a", &[]), "a has no input"),
        (graph("S T", &[(0, 1, F)]), "T is a source with an input"),
        (graph("S a a", &[(0, 1, F), (0, 2, F)]), "the same uid a"),
        (graph("S a", &[(1, 1, F)]), "edge 1 -> 1"),
        (graph("S a:2", &[(0, 1, Exchange::ForwardOrHash(vec![]))]), "a has a parallelism of 2 of its own"),
    ] {
        let error = chain(&g, 1, 8, true).unwrap_err();
        assert!(error.to_string().contains(text), "{error} lacks {text}");
    }
}
