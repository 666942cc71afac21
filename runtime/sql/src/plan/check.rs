//! What the engine would refuse when the job starts is refused here, with its place.

use super::changelog::changes;
use super::{Node, Rel};
use crate::lower::agg_call;
use streamjob_core::{DataType, Error, Result};

/// Checks the aggregates of a plan: their calls against what they read, and keys of windows.
pub fn check_aggregates(rel: &Rel) -> Result<()> {
    rel.inputs().into_iter().try_for_each(check_aggregates)?;
    let (input, calls) = match &rel.node {
        Node::Aggregate { input, calls, .. } => (input, calls),
        Node::WindowAggregate { input, keys, calls, .. } => {
            // Their values are read back from the state's keys.
            let nested = |ty: &DataType| {
                matches!(ty, DataType::Array(_) | DataType::Map(..) | DataType::Multiset(_) | DataType::Row(_))
            };
            if let Some(key) = keys.iter().filter_map(|k| input.columns.get(*k)).find(|c| nested(&c.ty.data)) {
                return Err(Error::user(format!(
                    "a window grouped by '{}' of type {} is not supported",
                    key.name, key.ty.data
                ))
                .fix("group by its scalar parts"));
            }
            (input, calls)
        }
        _ => return Ok(()),
    };
    let schema = input.schema();
    let retracts = !changes(input).insert_only();
    calls.iter().try_for_each(|c| agg_call(c).resolve(&schema, retracts).map(|_| ()).map_err(|e| c.at.locate(e)))
}
