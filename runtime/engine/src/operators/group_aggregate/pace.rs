//! How many rows an aggregation takes at once. Every row keeps a version of its
//! group's results until they are emitted: with strings, which may be long or
//! (LISTAGG) grow with every row, a full batch would hold gigabytes.

use crate::operators::EMIT_BYTES;
use crate::operators::aggregate::AggSet;
use crate::operators::aggregate::scalar::Class;
use streamjob_core::{Batch, Result};

/// Rows to begin with where results have no bounded width.
const FIRST: usize = 256;

/// See the module.
pub(super) struct Pace(Option<usize>);

impl Pace {
    pub fn of(set: &AggSet) -> Self {
        let unbounded = set.calls.iter().any(|c| Class::of(&c.result_type) == Some(Class::Bytes));
        Self(unbounded.then_some(FIRST))
    }

    /// Rows to take next.
    pub fn rows(&self) -> usize {
        self.0.unwrap_or(usize::MAX)
    }

    /// So many rows gave this output: the next may be as wide, and not many times as many.
    pub fn took(&mut self, rows: usize, output: &Batch) -> Result<()> {
        if let Some(next) = &mut self.0 {
            let fit = rows.saturating_mul(EMIT_BYTES) / output.bytes()?.max(1);
            *next = fit.clamp(1, next.saturating_mul(4).max(4));
        }
        Ok(())
    }
}
