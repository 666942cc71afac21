//! What stands before a sink: NOT NULL is checked here, and not in batches, and
//! upsert sinks get no `-U` rows.

use crate::operator::{Operator, OperatorContext, OperatorFactory, OperatorMetrics, Output, TaskInfo};
use crate::operators::project::keep;
use crate::operators::{at, column};
use arrow::array::{Array, BooleanArray};
use arrow::buffer::BooleanBuffer;
use streamjob_core::{Batch, Error, Op, Result, Schema};
use streamjob_state::OperatorState;

/// `table.exec.sink.not-null-enforcer`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotNullEnforcer {
    /// A NULL fails the job.
    Error,
    /// The row is dropped.
    Drop,
}

/// Checks and thins rows before a sink.
#[derive(Debug, Clone)]
pub struct SinkGuard {
    /// The sink's columns.
    pub schema: Schema,
    /// Positions of NOT NULL columns to check.
    pub not_null: Vec<usize>,
    /// What a NULL in them does.
    pub enforcer: NotNullEnforcer,
    /// Leaves out `-U` rows, for upsert sinks.
    pub drop_update_before: bool,
}

impl OperatorFactory for SinkGuard {
    fn create(&self, _info: &TaskInfo) -> Result<Box<dyn Operator>> {
        Ok(Box::new(GuardOperator { config: self.clone() }))
    }
}

struct GuardOperator {
    config: SinkGuard,
}

impl Operator for GuardOperator {
    fn open(&mut self, _ctx: &mut OperatorContext<'_>, _restored: &OperatorState) -> Result<()> {
        Ok(())
    }

    fn on_batch(
        &mut self,
        _input: usize,
        batch: Batch,
        ctx: &mut OperatorContext<'_>,
        out: &mut dyn Output,
    ) -> Result<()> {
        let mut mask: Option<BooleanBuffer> = None;
        for index in &self.config.not_null {
            let array = column(&batch, *index)?;
            let Some(nulls) = array.logical_nulls().filter(|n| n.null_count() > 0) else { continue };
            if self.config.enforcer == NotNullEnforcer::Error {
                let name = &at(&self.config.schema.columns, *index)?.name;
                return Err(Error::user(format!(
                    "Column '{name}' is NOT NULL, however, a null value is being written into it. You can set job \
                     configuration 'table.exec.sink.not-null-enforcer'='DROP' to suppress this exception and drop \
                     such records silently."
                )));
            }
            mask = Some(match mask {
                None => nulls.inner().clone(),
                Some(m) => &m & nulls.inner(),
            });
        }
        if let Some(m) = &mask {
            OperatorMetrics::add(&ctx.metrics.rows_skipped, (m.len() - m.count_set_bits()) as u64);
        }
        if self.config.drop_update_before
            && let Some(ops) = &batch.ops
        {
            let wanted = BooleanBuffer::collect_bool(ops.len(), |i| ops.value(i) != Op::UpdateBefore as u8);
            mask = Some(match mask {
                None => wanted,
                Some(m) => &m & &wanted,
            });
        }
        let batch = match mask {
            None => Some(batch),
            Some(m) => keep(batch, &BooleanArray::new(m, None))?,
        };
        batch.map_or(Ok(()), |b| out.emit(b))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::operators::testkit::{Harness, changes, column as col, int, rows, schema};

    fn guard(enforcer: NotNullEnforcer, drop_update_before: bool) -> SinkGuard {
        SinkGuard { schema: schema(&[("a", int()), ("x", int())]), not_null: vec![1], enforcer, drop_update_before }
    }

    #[test]
    fn a_null_fails_with_the_originals_text() {
        let mut h = Harness::new(&guard(NotNullEnforcer::Error, false));
        let e = h.try_batch(changes("+I", vec![col(&[Some(1)]), col(&[None])])).unwrap_err();
        assert_eq!(
            e.to_string(),
            "Column 'x' is NOT NULL, however, a null value is being written into it. You can set job configuration \
             'table.exec.sink.not-null-enforcer'='DROP' to suppress this exception and drop such records silently."
        );
        h.batch(changes("+I", vec![col(&[None]), col(&[Some(1)])]));
        assert_eq!(rows(&h.take()), ["+I[null, 1]"]);
    }

    #[test]
    fn drop_skips_rows_and_update_before() {
        let mut h = Harness::new(&guard(NotNullEnforcer::Drop, true));
        h.batch(changes(
            "+I +I -U +U -D",
            vec![col(&[Some(1), Some(2), Some(3), Some(4), Some(5)]), col(&[Some(1), None, Some(3), Some(4), Some(5)])],
        ));
        assert_eq!(rows(&h.take()), ["+I[1, 1]", "+U[4, 4]", "-D[5, 5]"]);
        assert_eq!(h.metrics().rows_skipped.load(std::sync::atomic::Ordering::Relaxed), 1);
    }
}
