//! The relational plan: what a query means, with bound expressions and types,
//! before it becomes a job graph. Columns are found by position.

pub mod aggregate;
pub mod bind;
pub mod changelog;
pub mod check;
pub mod digest;
pub mod empty;
pub mod from;
pub mod monotone;
pub mod optimize;
pub mod prune;
pub mod query;
pub mod refuse;
pub mod reuse;
pub mod sink;
pub mod text;
pub mod unused;
pub mod watermark;
pub mod window;

use crate::catalog::Table;
use crate::expr::BoundExpr;
use crate::position::Position;
use std::sync::Arc;
use streamjob_core::{LogicalType, Schema};
use streamjob_engine::operators::AggFunction;
pub use window::Window;

/// A relation: how it is made and which columns it has.
#[derive(Clone)]
pub struct Rel {
    /// How it is made.
    pub node: Node,
    /// Its columns.
    pub columns: Vec<PlanColumn>,
    /// Set when its rows come from a window: then `GROUP BY window_start, window_end` aggregates by window.
    pub window: Option<WindowColumns>,
    /// Set for the whole of a table's scan: the same one is read once per job.
    pub shared: Option<String>,
}

/// A column of a relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanColumn {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: LogicalType,
    /// True for an event-time attribute.
    pub rowtime: bool,
    /// True for a processing-time attribute.
    pub proctime: bool,
}

/// Where a relation keeps its window, while it still has those columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowColumns {
    /// The windows.
    pub window: Window,
    /// Position of `window_start`.
    pub start: Option<usize>,
    /// Position of `window_end`.
    pub end: Option<usize>,
    /// Position of `window_time`.
    pub time: Option<usize>,
}

/// How a relation is made.
#[derive(Clone)]
pub enum Node {
    /// Physical columns of a table, by their positions there; they may have other names here.
    Scan(Arc<Table>, Vec<usize>),
    /// Constant rows.
    Values(Vec<Vec<BoundExpr>>),
    /// Filter, then projection.
    Calc {
        /// What it reads.
        input: Box<Rel>,
        /// Rows that stay.
        filter: Option<BoundExpr>,
        /// One per column.
        exprs: Vec<BoundExpr>,
    },
    /// Watermarks from a column.
    Watermark {
        /// What it reads.
        input: Box<Rel>,
        /// The time attribute.
        column: usize,
        /// The watermark of a row.
        expr: BoundExpr,
        /// Idle after this time, from the table's options.
        idle_timeout_ms: u64,
    },
    /// Adds the watermark as of each row as the last column.
    CurrentWatermark {
        /// What it reads.
        input: Box<Rel>,
        /// The sub-plan's text as it was before any rewrite: see [`digest`].
        id: String,
    },
    /// UNION ALL.
    Union(Vec<Rel>),
    /// GROUP BY without a window; columns are keys, then calls. No calls: DISTINCT.
    Aggregate {
        /// What it reads.
        input: Box<Rel>,
        /// The keys.
        keys: Vec<usize>,
        /// The aggregates.
        calls: Vec<Call>,
        /// The sub-plan's text as it was before any rewrite: see [`digest`].
        id: String,
    },
    /// Adds window_start, window_end and window_time; a row may be in several windows.
    WindowTvf {
        /// What it reads.
        input: Box<Rel>,
        /// The windows.
        window: Window,
        /// The time attribute.
        time: usize,
    },
    /// GROUP BY window; columns are keys, calls, then window_start, window_end, window_time.
    WindowAggregate {
        /// What it reads.
        input: Box<Rel>,
        /// The windows.
        window: Window,
        /// Where a row's window comes from.
        source: WindowOf,
        /// The other keys.
        keys: Vec<usize>,
        /// The aggregates.
        calls: Vec<Call>,
        /// The sub-plan's text as it was before any rewrite: see [`digest`].
        id: String,
    },
}

/// Where the window of a row comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowOf {
    /// Its time attribute.
    Time(usize),
    /// The window_start and window_end columns that it has already.
    Attached {
        /// window_start.
        start: usize,
        /// window_end.
        end: usize,
        /// Whether it may be found from the time attribute instead; not for DISTINCT.
        pull: bool,
    },
}

/// An aggregate over columns of its input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The function.
    pub function: AggFunction,
    /// DISTINCT.
    pub distinct: bool,
    /// Its argument; `None` for COUNT(*).
    pub arg: Option<usize>,
    /// FILTER (WHERE …): a BOOLEAN column.
    pub filter: Option<usize>,
    /// Type of the result.
    pub ty: LogicalType,
    /// The SQL text, for people.
    pub text: String,
    /// Where it stands, for errors.
    pub at: Position,
}

impl Rel {
    /// A relation without window.
    pub fn new(node: Node, columns: Vec<PlanColumn>) -> Self {
        Self { node, columns, window: None, shared: None }
    }

    /// What it reads.
    pub fn inputs(&self) -> Vec<&Rel> {
        match &self.node {
            Node::Scan(..) | Node::Values(_) => Vec::new(),
            Node::Union(inputs) => inputs.iter().collect(),
            Node::Calc { input, .. }
            | Node::Watermark { input, .. }
            | Node::CurrentWatermark { input, .. }
            | Node::Aggregate { input, .. }
            | Node::WindowTvf { input, .. }
            | Node::WindowAggregate { input, .. } => vec![input],
        }
    }

    /// The table that a scan stack reads: its columns, computed ones and watermark.
    pub fn scanned(&self) -> Option<&Arc<Table>> {
        match &self.node {
            Node::Scan(table, _) => Some(table),
            _ => self.inputs().into_iter().next().and_then(Rel::scanned),
        }
    }

    /// The carriers of its rows. Names are made unique, because Arrow looks columns up by name in places.
    pub fn schema(&self) -> Schema {
        let mut seen = std::collections::HashSet::new();
        Schema::new(self.columns.iter().map(|c| {
            let mut name = c.name.clone();
            let mut n = 0;
            while !seen.insert(name.clone()) {
                name = format!("{}{n}", c.name);
                n += 1;
            }
            (name, c.ty.clone())
        }))
    }

    /// True when CURRENT_WATERMARK is read somewhere.
    pub fn reads_watermark(&self) -> bool {
        matches!(self.node, Node::CurrentWatermark { .. }) || self.inputs().into_iter().any(Rel::reads_watermark)
    }

    /// The names of its columns.
    pub fn names(&self) -> Vec<&str> {
        self.columns.iter().map(|c| c.name.as_str()).collect()
    }
}
