//! Decides which operators share a task: turns a job graph into chained
//! vertices and the exchanges between them. Pure; starts nothing.
//!
//! Two nodes share a task when a `Forward` edge joins them, both have the same
//! parallelism, it is the producer's only output and the consumer's only input,
//! and chaining is on. A `Forward` edge between different parallelisms becomes
//! `Rebalance`, a `ForwardOrHash` edge one or the other. Degrees are final here and
//! not in the plan, which stays when the job is rescaled.

use streamjob_core::{Error, Result};

use crate::deploy::VertexInfo;
use crate::graph::{Edge, Exchange, JobGraph, Node, NodeId, NodeKind};

/// A job graph cut into tasks.
#[derive(Debug, Clone)]
pub struct ChainPlan {
    /// The vertices, producers before consumers.
    pub vertices: Vec<Vertex>,
    /// The exchanges between vertices, in the order of the graph's edges.
    pub edges: Vec<VertexEdge>,
}

/// A chained vertex.
#[derive(Debug, Clone)]
pub struct Vertex {
    /// Its nodes in chain order; never empty.
    pub nodes: Vec<NodeId>,
    /// What others see of it.
    pub info: VertexInfo,
}

/// An exchange between two vertices: from the last node of one to the first of the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VertexEdge {
    /// Producing vertex.
    pub from: usize,
    /// Consuming vertex.
    pub to: usize,
    /// Which input of the consumer.
    pub input: usize,
    /// How rows are dealt out; `Forward` only between equal parallelisms.
    pub exchange: Exchange,
}

/// Cuts the graph. `parallelism` holds for nodes that set none. Errors: Internal for a graph
/// that is wired wrongly, User for a parallelism that cannot be.
pub fn chain(graph: &JobGraph, parallelism: u32, max_parallelism: u32, chaining: bool) -> Result<ChainPlan> {
    let degrees = graph.nodes.iter().map(|n| degree(n, parallelism, max_parallelism)).collect::<Result<Vec<u32>>>()?;
    check_wiring(graph)?;
    let degree_of = |node: NodeId| degrees.get(node).copied().unwrap_or(1);
    let inputs = |node: NodeId| graph.edges.iter().filter(move |e| e.to == node);
    let outputs = |node: NodeId| graph.edges.iter().filter(move |e| e.from == node).count();

    let mut vertices: Vec<Vertex> = Vec::new();
    let mut vertex_of: Vec<usize> = Vec::with_capacity(graph.nodes.len());
    for (id, node) in graph.nodes.iter().enumerate() {
        let mut edges = inputs(id);
        let joins = match (edges.next(), edges.next()) {
            (Some(e), None)
                if chaining
                    && matches!(e.exchange, Exchange::Forward | Exchange::ForwardOrHash(_))
                    && outputs(e.from) == 1
                    && degree_of(e.from) == degree_of(id) =>
            {
                vertex_of.get(e.from).copied()
            }
            _ => None,
        };
        match joins.and_then(|v| vertices.get_mut(v).map(|vertex| (v, vertex))) {
            Some((v, vertex)) => {
                vertex.nodes.push(id);
                vertex.info.name = format!("{} -> {}", vertex.info.name, node.name);
                vertex.info.operators.push(node.uid.clone());
                vertex_of.push(v);
            }
            None => {
                vertex_of.push(vertices.len());
                vertices.push(Vertex {
                    nodes: vec![id],
                    info: VertexInfo {
                        name: node.name.clone(),
                        operators: vec![node.uid.clone()],
                        parallelism: degree_of(id),
                        is_source: matches!(node.kind, NodeKind::Source(_)),
                    },
                });
            }
        }
    }
    let mut edges = Vec::new();
    for e in &graph.edges {
        let (Some(&from), Some(&to)) = (vertex_of.get(e.from), vertex_of.get(e.to)) else { continue };
        if from == to {
            continue;
        }
        let exchange = settled(graph, e, degree_of(e.from), degree_of(e.to))?;
        edges.push(VertexEdge { from, to, input: e.input, exchange });
    }
    Ok(ChainPlan { vertices, edges })
}

/// How rows are dealt out between so many subtasks.
fn settled(graph: &JobGraph, edge: &Edge, from: u32, to: u32) -> Result<Exchange> {
    Ok(match &edge.exchange {
        Exchange::Forward | Exchange::ForwardOrHash(_) if from == to => Exchange::Forward,
        Exchange::Forward => Exchange::Rebalance,
        Exchange::ForwardOrHash(_) if to == 1 => Exchange::Global,
        Exchange::ForwardOrHash(key) if key.is_empty() => {
            let name = |id: NodeId| graph.nodes.get(id).map_or("", |n| n.name.as_str());
            return Err(Error::user(format!(
                "{} has a parallelism of {to} of its own, and {}, whose changes it takes, one of {from}: without a \
                 primary key, changes of one row would meet there in any order",
                name(edge.to),
                name(edge.from)
            ))
            .fix("declare PRIMARY KEY (…) NOT ENFORCED in the sink's table, or remove its sink.parallelism"));
        }
        Exchange::ForwardOrHash(key) => Exchange::Hash(key.clone()),
        other => other.clone(),
    })
}

fn degree(node: &Node, default: u32, max: u32) -> Result<u32> {
    let fixed = match &node.kind {
        NodeKind::Source(source) => source.parallelism(),
        NodeKind::Operator(_) => None,
    };
    let p = node.parallelism.or(fixed).unwrap_or(default);
    if p == 0 {
        return Err(Error::user(format!("parallelism of {} is 0", node.name)).fix("set parallelism to 1 or more"));
    }
    if p > max {
        return Err(Error::user(format!("parallelism of {} is {p}, more than max parallelism {max}", node.name))
            .fix("lower the parallelism, or raise pipeline.max-parallelism (only without state to restore)"));
    }
    Ok(p)
}

fn check_wiring(graph: &JobGraph) -> Result<()> {
    for e in &graph.edges {
        if e.from >= e.to || e.to >= graph.nodes.len() {
            return Err(Error::internal(format!(
                "edge {} -> {} in a graph of {} nodes",
                e.from,
                e.to,
                graph.nodes.len()
            )));
        }
    }
    for (id, node) in graph.nodes.iter().enumerate() {
        let wired = graph.edges.iter().any(|e| e.to == id);
        if wired == matches!(node.kind, NodeKind::Source(_)) {
            return Err(Error::internal(format!(
                "{} {}",
                node.name,
                if wired { "is a source with an input" } else { "has no input" }
            )));
        }
        if let Some(twin) = graph.nodes.iter().take(id).find(|n| n.uid == node.uid) {
            return Err(Error::user(format!(
                "operators {} and {} have the same uid {}",
                twin.name, node.name, node.uid
            ))
            .fix("give one of them another uid"));
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "chain_tests.rs"]
mod tests;
