//! The job graph: what runs, and how rows go from one node to the next. Every
//! process that plans the same manifest gets the same graph (ADR 0003).

use crate::connector::SourceFactory;
use crate::operator::OperatorFactory;
use std::sync::Arc;
use streamjob_core::{OperatorUid, Schema};

/// Index of a node in its graph.
pub type NodeId = usize;

/// A planned job.
#[derive(Clone, Default)]
pub struct JobGraph {
    /// Sources and operators; an edge goes from a smaller to a larger index.
    pub nodes: Vec<Node>,
    /// How they are wired.
    pub edges: Vec<Edge>,
}

/// A source or operator.
#[derive(Clone)]
pub struct Node {
    /// Stable identity of its state.
    pub uid: OperatorUid,
    /// For people: `GroupAggregate(uid)`.
    pub name: String,
    /// What runs.
    pub kind: NodeKind,
    /// Number of subtasks, when not the job's.
    pub parallelism: Option<u32>,
    /// Columns that it emits; empty for sinks.
    pub schema: Schema,
}

/// What a node runs.
#[derive(Clone)]
pub enum NodeKind {
    /// A source.
    Source(Arc<dyn SourceFactory>),
    /// An operator or sink.
    Operator(Arc<dyn OperatorFactory>),
}

/// How rows are dealt out over the subtasks of the next node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exchange {
    /// Subtask i to subtask i; chained into one task where possible. Falls back to `Rebalance` when the parallelisms differ.
    Forward,
    /// As `Forward`, and between different parallelisms by key group of these columns: a key's changes stay in
    /// order at any parallelism. Without columns, different parallelisms are refused, but for one consumer alone.
    ForwardOrHash(Vec<usize>),
    /// By key group of these columns.
    Hash(Vec<usize>),
    /// Round robin by batch.
    Rebalance,
    /// Everything to everyone.
    Broadcast,
    /// Everything to subtask 0.
    Global,
}

/// A wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// Producer.
    pub from: NodeId,
    /// Consumer.
    pub to: NodeId,
    /// Which input of the consumer.
    pub input: usize,
    /// How rows are dealt out.
    pub exchange: Exchange,
}
