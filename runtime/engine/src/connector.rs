//! Where sources and sinks come from: a table's `connector` option names one.

use crate::operator::{OperatorFactory, Source, TaskInfo};
use streamjob_core::Result;
use streamjob_core::table::TableDef;

/// Makes the subtasks of a source.
pub trait SourceFactory: Send + Sync {
    /// One subtask.
    fn create(&self, info: &TaskInfo) -> Result<Box<dyn Source>>;
    /// True when it ends by itself.
    fn bounded(&self) -> bool;
    /// Fixed parallelism (`scan.parallelism`), if the table sets one.
    fn parallelism(&self) -> Option<u32> {
        None
    }
    /// The same source with these of its columns only, in this order: what others hold is not read, not parsed, not
    /// made. Positions in checkpoints stay the same. `None` where it cannot; [`Projected`](crate::Projected) drops
    /// them then.
    fn project(&self, columns: &[usize]) -> Option<std::sync::Arc<dyn SourceFactory>> {
        let _ = columns;
        None
    }
}

/// A sink as the planner sees it.
pub trait SinkFactory: OperatorFactory {
    /// True when it takes updates and deletes, not only inserts.
    fn accepts_updates(&self) -> bool;
    /// True when it wants `-U` rows too (print); an upsert sink does not.
    fn wants_update_before(&self) -> bool;
    /// Fixed parallelism (`sink.parallelism`), if the table sets one.
    fn parallelism(&self) -> Option<u32> {
        None
    }
}

/// The known connectors. Checks every option of a table: unknown ones are refused by name.
pub trait Connectors: Send + Sync {
    /// A source for the table's physical columns. Errors (User) name table and option.
    fn source(&self, table: &TableDef) -> Result<std::sync::Arc<dyn SourceFactory>>;
    /// A sink for the table's physical columns. Errors (User) name table and option.
    fn sink(&self, table: &TableDef) -> Result<std::sync::Arc<dyn SinkFactory>>;
}
