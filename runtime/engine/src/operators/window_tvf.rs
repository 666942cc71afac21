//! TUMBLE, HOP and CUMULATE as table functions without an aggregation: each row
//! comes once per window that it belongs to. Late rows pass; rows without a time
//! are dropped, as in the original.

use crate::operator::{Operator, OperatorContext, OperatorFactory, OperatorMetrics, Output, TaskInfo};
use crate::operators::aggregate::ResultColumn;
use crate::operators::aggregate::scalar::ScalarRef;
use crate::operators::watermark::millis;
use crate::operators::window::{LocalZone, WindowSpec};
use crate::operators::{EMIT_BYTES, EMIT_ROWS, column};
use arrow::array::{AsArray, RecordBatch, UInt8Array, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::SchemaRef;
use std::sync::Arc;
use streamjob_core::{Batch, Error, Result, Schema};
use streamjob_state::OperatorState;

/// Appends window_start, window_end and window_time to each row, once per window.
#[derive(Debug, Clone)]
pub struct WindowTvf {
    /// The time attribute, a timestamp in milliseconds.
    pub time_column: usize,
    /// The windows.
    pub window: WindowSpec,
    /// Zone of the windows when the time attribute is TIMESTAMP_LTZ.
    pub zone: Option<Arc<dyn LocalZone>>,
    /// The input's columns, then window_start and window_end (TIMESTAMP(3)) and window_time (as the time attribute).
    pub schema: Schema,
}

impl OperatorFactory for WindowTvf {
    fn create(&self, _info: &TaskInfo) -> Result<Box<dyn Operator>> {
        self.window.validate(false)?;
        Ok(Box::new(TvfOperator { config: self.clone(), schema: self.schema.arrow() }))
    }
}

struct TvfOperator {
    config: WindowTvf,
    schema: SchemaRef,
}

impl Operator for TvfOperator {
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
        let times = millis(column(&batch, self.config.time_column)?)?;
        let zone = self.config.zone.as_deref();
        // A row may be in thousands of windows.
        let at_once = EMIT_ROWS.min(EMIT_BYTES * batch.num_rows() / batch.bytes()?.max(1)).max(1);
        let mut rows: Vec<(u32, (i64, i64))> = Vec::with_capacity(times.len());
        let mut dropped = 0;
        for (row, time) in times.iter().enumerate() {
            let Some(time) = time else {
                dropped += 1;
                continue;
            };
            let local = zone.map_or(time, |z| z.to_local(time));
            self.config.window.windows(local, |start, end| rows.push((row as u32, (start, end))));
            if rows.len() >= at_once {
                rows.chunks(at_once).try_for_each(|chunk| self.emit(&batch, chunk, out))?;
                rows.clear();
            }
        }
        OperatorMetrics::add(&ctx.metrics.rows_skipped, dropped);
        if rows.is_empty() { Ok(()) } else { self.emit(&batch, &rows, out) }
    }
}

impl TvfOperator {
    /// These rows of a batch, each with a window of its.
    fn emit(&self, batch: &Batch, rows: &[(u32, (i64, i64))], out: &mut dyn Output) -> Result<()> {
        let zone = self.config.zone.as_deref();
        let (rows, windows): (Vec<u32>, Vec<(i64, i64)>) = rows.iter().copied().unzip();
        let rows = UInt32Array::from(rows);
        let mut columns =
            batch.data.columns().iter().map(|c| take(c.as_ref(), &rows, None)).collect::<Result<Vec<_>, _>>()?;
        let first = columns.len();
        for (i, value) in [
            (|_, w: (i64, i64)| w.0) as fn(Option<&dyn LocalZone>, (i64, i64)) -> i64,
            |_, w| w.1,
            |zone, w| zone.map_or(w.1 - 1, |z| z.to_epoch(w.1 - 1)),
        ]
        .into_iter()
        .enumerate()
        {
            let field = self.schema.fields().get(first + i).ok_or_else(|| {
                Error::internal(format!("{} output columns for {first} input columns", self.schema.fields().len()))
            })?;
            let mut column = ResultColumn::new(field.data_type())?;
            for w in &windows {
                column.push(ScalarRef::Int(value(zone, *w)))?;
            }
            columns.push(column.finish()?);
        }
        let ops: Option<UInt8Array> = match &batch.ops {
            None => None,
            Some(ops) => Some(take(ops, &rows, None)?.as_primitive().clone()),
        };
        out.emit(Batch { data: RecordBatch::try_new(Arc::clone(&self.schema), columns)?, ops })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::operators::testkit::{
        Harness, changes, column as col, int, rows, schema, text_column, time_column, timestamp,
    };
    use crate::operators::window::{FixedOffset, WindowKind};
    use streamjob_core::DataType;

    #[test]
    fn a_row_comes_once_per_window() {
        let tvf = WindowTvf {
            time_column: 1,
            window: WindowSpec::new(WindowKind::Hop { size: 10_000, slide: 5_000 }),
            zone: None,
            schema: schema(&[
                ("a", int()),
                ("ts", timestamp()),
                ("window_start", timestamp()),
                ("window_end", timestamp()),
                ("window_time", timestamp()),
            ]),
        };
        let mut h = Harness::new(&tvf);
        h.batch(changes(
            "+I +I -D",
            vec![col(&[Some(1), Some(2), Some(3)]), time_column(&[Some(7000), None, Some(0)])],
        ));
        assert_eq!(
            rows(&h.take()),
            [
                "+I[1, 1970-01-01T00:00:07, 1970-01-01T00:00:05, 1970-01-01T00:00:15, 1970-01-01T00:00:14.999]",
                "+I[1, 1970-01-01T00:00:07, 1970-01-01T00:00:00, 1970-01-01T00:00:10, 1970-01-01T00:00:09.999]",
                "-D[3, 1970-01-01T00:00:00, 1970-01-01T00:00:00, 1970-01-01T00:00:10, 1970-01-01T00:00:09.999]",
                "-D[3, 1970-01-01T00:00:00, 1969-12-31T23:59:55, 1970-01-01T00:00:05, 1970-01-01T00:00:04.999]",
            ]
        );
    }

    #[test]
    fn a_row_in_thousands_of_windows_comes_in_batches_of_bounded_size() {
        let tvf = WindowTvf {
            time_column: 1,
            window: WindowSpec::new(WindowKind::Hop { size: 3_600_000, slide: 1000 }),
            zone: None,
            schema: schema(&[
                ("a", DataType::STRING),
                ("ts", timestamp()),
                ("window_start", timestamp()),
                ("window_end", timestamp()),
                ("window_time", timestamp()),
            ]),
        };
        let mut h = Harness::new(&tvf);
        let (text, rows) = ("x".repeat(20_000), 5);
        let times = (0..rows).map(Some).collect::<Vec<_>>();
        h.batch(changes(
            &"+I ".repeat(rows as usize),
            vec![text_column(&vec![Some(text.as_str()); rows as usize]), time_column(&times)],
        ));
        let batches = h.take();
        assert!(batches.iter().all(|b| b.bytes().unwrap() <= EMIT_BYTES + EMIT_BYTES / 4));
        assert_eq!(batches.iter().map(Batch::num_rows).sum::<usize>(), 5 * 3600);
    }

    #[test]
    fn a_zone_shifts_the_windows_but_not_their_time() {
        let tvf = WindowTvf {
            time_column: 0,
            window: WindowSpec::new(WindowKind::Tumble { size: 86_400_000 }),
            zone: Some(Arc::new(FixedOffset(8 * 3_600_000))),
            schema: schema(&[("ts", timestamp()), ("s", timestamp()), ("e", timestamp()), ("t", timestamp())]),
        };
        let mut h = Harness::new(&tvf);
        h.batch(changes("+I", vec![time_column(&[Some(17 * 3_600_000)])]));
        assert_eq!(
            rows(&h.take()),
            ["+I[1970-01-01T17:00:00, 1970-01-02T00:00:00, 1970-01-03T00:00:00, 1970-01-02T15:59:59.999]"]
        );
    }
}
