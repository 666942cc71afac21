//! Runs a job graph: tasks on threads of their own, bounded queues between
//! them, barriers, watermarks, and the streaming operators. Knows nothing of
//! SQL, of outside systems, or of who decides when to checkpoint.

pub mod chain;
pub mod connector;
pub mod deploy;
mod exchange;
pub mod graph;
mod local;
pub mod net;
pub mod operator;
pub mod operators;
mod projected;
mod task;
pub mod testing;

pub use connector::{Connectors, SinkFactory, SourceFactory};
pub use graph::{Edge, Exchange, JobGraph, Node, NodeId, NodeKind};
pub use local::{LocalDeployment, TaskTimes, deploy_local};
pub use operator::{Operator, OperatorContext, OperatorFactory, Output, Progress, Source, SourcePoll, TaskInfo};
pub use projected::Projected;
