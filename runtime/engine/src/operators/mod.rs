//! The streaming operators behind the SQL layer. Each module has a plain config
//! struct that the planner fills; the config is the operator's factory.

pub mod aggregate;
pub mod group_aggregate;
pub mod keyed;
pub mod project;
pub mod sink_guard;
pub mod union;
pub mod watermark;
pub mod watermark_column;
pub mod window;
pub mod window_aggregate;
pub mod window_tvf;

#[cfg(test)]
pub(crate) mod testkit;

pub use aggregate::{AggCall, AggFunction};
pub use group_aggregate::GroupAggregate;
pub use project::Calc;
pub use sink_guard::{NotNullEnforcer, SinkGuard};
pub use union::Union;
pub use watermark::WatermarkAssigner;
pub use watermark_column::WatermarkColumn;
pub use window::{FixedOffset, LocalZone, WindowKind, WindowSpec};
pub use window_aggregate::{WindowAggregate, WindowOutput, WindowSource};
pub use window_tvf::WindowTvf;

use arrow::array::ArrayRef;
use streamjob_core::{Batch, Error, Result};

/// Rows of one emitted batch, at most, where an operator makes rows of its own.
pub(crate) const EMIT_ROWS: usize = 4096;

/// Bytes of one emitted batch, about: what goes beyond is in one row more.
pub(crate) const EMIT_BYTES: usize = 8 << 20;

/// The column `index` of a batch.
pub(crate) fn column(batch: &Batch, index: usize) -> Result<&ArrayRef> {
    batch
        .data
        .columns()
        .get(index)
        .ok_or_else(|| Error::internal(format!("column {index} of a batch with {} columns", batch.data.num_columns())))
}

/// The columns at `indices`.
pub(crate) fn columns(batch: &Batch, indices: &[usize]) -> Result<Vec<ArrayRef>> {
    indices.iter().map(|i| column(batch, *i).cloned()).collect()
}

/// `slice[index]`, as an internal error when it is not there.
pub(crate) fn at<T>(slice: &[T], index: usize) -> Result<&T> {
    let len = slice.len();
    slice.get(index).ok_or_else(|| Error::internal(format!("index {index} of {len}")))
}

/// `&mut slice[index]`, as an internal error when it is not there.
pub(crate) fn at_mut<T>(slice: &mut [T], index: usize) -> Result<&mut T> {
    let len = slice.len();
    slice.get_mut(index).ok_or_else(|| Error::internal(format!("index {index} of {len}")))
}
