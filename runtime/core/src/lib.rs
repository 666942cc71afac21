//! What every part of the runtime agrees on: ids, key groups, stream elements,
//! types, table definitions, options and error domains. Plain data and pure
//! functions; no I/O, no threads, no clock.

pub mod element;
pub mod error;
pub mod ids;
pub mod key;
pub mod options;
pub mod table;
pub mod text;
pub mod types;

pub use element::{Barrier, BarrierKind, Batch, Element, Op, StopMode};
pub use error::{Domain, Error, Result};
pub use ids::{CheckpointId, JobId, OperatorUid};
pub use types::{Column, DataType, LogicalType, Schema};
