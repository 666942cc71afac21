//! Watermarks from a column. The original emits a watermark right after the row
//! that raised it by more than the interval, and else by a timer. Here a batch is
//! cut only where that can be seen: before a row at or below the watermark that
//! is due. Rows above it are in no closed window, so that a later watermark gives
//! the same windows and the same dropped rows.

use crate::operator::{Operator, OperatorContext, OperatorFactory, Output, TaskInfo};
use crate::operators::column;
use crate::operators::project::evaluate;
use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray};
use arrow::datatypes::{DataType as ArrowType, Int64Type, TimeUnit, TimestampMillisecondType};
use datafusion_physical_expr::PhysicalExpr;
use std::sync::Arc;
use std::time::Duration;
use streamjob_core::element::MAX_WATERMARK;
use streamjob_core::{Batch, Error, Result};
use streamjob_state::OperatorState;

/// WATERMARK FOR `time_column` AS `expr`.
#[derive(Debug, Clone)]
pub struct WatermarkAssigner {
    /// The time attribute, a timestamp; NULL in it fails the job.
    pub time_column: usize,
    /// The watermark of a row, a timestamp; NULL raises nothing.
    pub expr: Arc<dyn PhysicalExpr>,
    /// `pipeline.auto-watermark-interval`.
    pub interval: Duration,
    /// Cuts the batch at every watermark. Only needed where a row's result depends on the watermark before it
    /// other than by lateness (CURRENT_WATERMARK); costs batches of a row each on sparse times.
    pub eager: bool,
    /// Idle after this time without rows; `None` for never.
    pub idle_timeout: Option<Duration>,
}

impl OperatorFactory for WatermarkAssigner {
    fn create(&self, _info: &TaskInfo) -> Result<Box<dyn Operator>> {
        Ok(Box::new(AssignerOperator {
            config: self.clone(),
            interval_ms: i64::try_from(self.interval.as_millis()).unwrap_or(i64::MAX),
            current: 0,
            due: 0,
            last_row_ms: i64::MIN,
            last_timer_ms: i64::MIN,
            idle: false,
        }))
    }
}

struct AssignerOperator {
    config: WatermarkAssigner,
    interval_ms: i64,
    /// Largest watermark of any row. Starts at 0 as the original's: smaller ones are never emitted.
    current: i64,
    /// What the original would have emitted last.
    due: i64,
    last_row_ms: i64,
    last_timer_ms: i64,
    idle: bool,
}

/// Milliseconds of a timestamp column.
pub(crate) fn millis(array: &ArrayRef) -> Result<PrimitiveArray<Int64Type>> {
    let array = match array.data_type() {
        ArrowType::Timestamp(TimeUnit::Millisecond, _) => Arc::clone(array),
        ArrowType::Timestamp(_, zone) => {
            arrow::compute::cast(array, &ArrowType::Timestamp(TimeUnit::Millisecond, zone.clone()))?
        }
        ArrowType::Null => arrow::compute::cast(array, &ArrowType::Timestamp(TimeUnit::Millisecond, None))?,
        other => return Err(Error::internal(format!("a time attribute of type {other}, not a timestamp"))),
    };
    Ok(array.as_primitive::<TimestampMillisecondType>().reinterpret_cast())
}

/// The original's error on a NULL time attribute.
pub(crate) fn null_rowtime() -> Error {
    Error::user("RowTime field should not be null, please convert it to a non-null long value.")
        .fix("filter rows without a time, or give them one by COALESCE in a computed column")
}

impl AssignerOperator {
    /// Told before the rows that wake it: a filter behind may drop them, and only one subtask gets each.
    fn wake(&mut self, out: &mut dyn Output) -> Result<()> {
        if std::mem::take(&mut self.idle) { out.active() } else { Ok(()) }
    }

    fn advance(&mut self, out: &mut dyn Output) -> Result<()> {
        if self.current > self.due {
            self.due = self.current;
            out.watermark(self.due)?;
        }
        Ok(())
    }
}

impl Operator for AssignerOperator {
    fn open(&mut self, ctx: &mut OperatorContext<'_>, _restored: &OperatorState) -> Result<()> {
        self.last_row_ms = ctx.clock.now_ms();
        self.last_timer_ms = self.last_row_ms;
        Ok(())
    }

    fn on_batch(
        &mut self,
        _input: usize,
        batch: Batch,
        ctx: &mut OperatorContext<'_>,
        out: &mut dyn Output,
    ) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        self.last_row_ms = ctx.clock.now_ms();
        self.wake(out)?;
        let times = millis(column(&batch, self.config.time_column)?)?;
        if times.null_count() > 0 {
            return Err(null_rowtime());
        }
        let marks = millis(&evaluate(self.config.expr.as_ref(), &batch.data)?)?;
        let (mut start, mut sent) = (0, self.due);
        for (row, time) in times.values().iter().enumerate() {
            if self.due > sent && (*time <= self.due || self.config.eager) {
                out.emit(batch.slice(start, row - start))?;
                out.watermark(self.due)?;
                (start, sent) = (row, self.due);
            }
            if marks.is_valid(row) {
                self.current = self.current.max(marks.value(row));
            }
            if self.current.saturating_sub(self.due) > self.interval_ms {
                self.due = self.current;
            }
        }
        out.emit(if start == 0 { batch } else { batch.slice(start, batch.num_rows() - start) })?;
        if self.due > sent {
            out.watermark(self.due)?;
        }
        Ok(())
    }

    /// Watermarks from before are replaced; only the end of event time passes.
    fn on_watermark(&mut self, mark: i64, _ctx: &mut OperatorContext<'_>, out: &mut dyn Output) -> Result<()> {
        if mark == MAX_WATERMARK && self.due != MAX_WATERMARK {
            self.wake(out)?;
            self.current = MAX_WATERMARK;
            self.due = MAX_WATERMARK;
            out.watermark(MAX_WATERMARK)?;
        }
        Ok(())
    }

    fn on_idle(&mut self, _ctx: &mut OperatorContext<'_>, out: &mut dyn Output) -> Result<()> {
        self.idle = true;
        out.idle()
    }

    fn on_active(&mut self, _ctx: &mut OperatorContext<'_>, out: &mut dyn Output) -> Result<()> {
        self.wake(out)
    }

    fn on_tick(&mut self, now_ms: i64, _ctx: &mut OperatorContext<'_>, out: &mut dyn Output) -> Result<()> {
        if now_ms.saturating_sub(self.last_timer_ms) >= self.interval_ms {
            self.last_timer_ms = now_ms;
            self.advance(out)?;
        }
        if let Some(timeout) = self.config.idle_timeout.filter(|t| !t.is_zero() && !self.idle)
            && now_ms.saturating_sub(self.last_row_ms) > i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX)
        {
            self.idle = true;
            out.idle()?;
        }
        Ok(())
    }

    fn on_end(&mut self, drained: bool, ctx: &mut OperatorContext<'_>, out: &mut dyn Output) -> Result<()> {
        if drained { self.on_watermark(MAX_WATERMARK, ctx, out) } else { Ok(()) }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::operators::testkit::{Harness, changes, time_column};
    use datafusion_physical_expr::expressions::Column;
    use proptest::prelude::*;

    fn assigner(interval: u64, idle: Option<u64>) -> WatermarkAssigner {
        WatermarkAssigner {
            time_column: 0,
            expr: Arc::new(Column::new("wm", 1)),
            interval: Duration::from_millis(interval),
            eager: false,
            idle_timeout: idle.map(Duration::from_millis),
        }
    }

    fn batch(rows: &[(i64, i64)]) -> Batch {
        let ops = vec!["+I"; rows.len()].join(" ");
        changes(
            &ops,
            vec![
                time_column(&rows.iter().map(|r| Some(r.0)).collect::<Vec<_>>()),
                time_column(&rows.iter().map(|r| Some(r.1)).collect::<Vec<_>>()),
            ],
        )
    }

    #[test]
    fn a_batch_is_cut_only_before_a_row_that_could_be_late() {
        let mut h = Harness::new(&assigner(200, None));
        h.batch(batch(&[(1000, 500), (2000, 1500), (3000, 2500), (2600, 2100), (2400, 1900), (4000, 3500)]));
        assert_eq!(h.log(), ["rows 4", "watermark 2500", "rows 2", "watermark 3500"]);
        h.batch(batch(&[(4100, 3600)]));
        assert_eq!(h.log(), ["rows 1"]);
        h.tick(200);
        assert_eq!(h.log(), ["watermark 3600"]);
        h.end();
        assert_eq!(h.log(), [format!("watermark {}", i64::MAX)]);
    }

    #[test]
    fn an_eager_one_cuts_at_every_watermark() {
        let mut h = Harness::new(&WatermarkAssigner { eager: true, ..assigner(200, None) });
        h.batch(batch(&[(1000, 500), (1100, 600), (2000, 1500), (3000, 2500)]));
        assert_eq!(h.log(), ["rows 1", "watermark 500", "rows 2", "watermark 1500", "rows 1", "watermark 2500"]);
    }

    #[test]
    fn null_time_fails_null_watermark_does_not() {
        let mut h = Harness::new(&assigner(200, None));
        let e = h.try_batch(changes("+I", vec![time_column(&[None]), time_column(&[Some(1)])])).unwrap_err();
        assert!(e.message().starts_with("RowTime field should not be null"), "{e}");
        h.batch(changes("+I", vec![time_column(&[Some(1)]), time_column(&[None])]));
        assert_eq!(h.log(), ["rows 1"]);
    }

    #[test]
    fn idle_once_until_a_row_comes() {
        let mut h = Harness::new(&assigner(200, Some(1000)));
        h.tick(1000);
        h.tick(1001);
        h.tick(1100);
        assert_eq!(h.log(), ["idle"]);
        h.tick(2000);
        h.batch(batch(&[(1, 1)]));
        h.tick(2900);
        assert_eq!(h.log(), ["active", "rows 1", "watermark 1"]);
        h.tick(3001);
        assert_eq!(h.log(), ["idle"]);
        h.end();
        assert_eq!(h.log(), ["active".to_string(), format!("watermark {}", i64::MAX)]);
    }

    #[test]
    fn a_late_timer_leaves_an_idle_source_idle() {
        let mut h = Harness::new(&assigner(5000, Some(1000)));
        h.batch(batch(&[(1, 1)]));
        h.tick(1001);
        h.tick(5000);
        h.tick(6000);
        assert_eq!(h.log(), ["rows 1", "idle", "watermark 1"]);
    }

    proptest! {
        /// Row-exact: each row's lateness towards the last watermark before it is as when every watermark is sent at once.
        #[test]
        fn lateness_is_as_if_every_watermark_were_sent(
            batches in prop::collection::vec(prop::collection::vec((0i64..50, 0i64..4), 1..20), 1..6),
        ) {
            let mut h = Harness::new(&assigner(200, None));
            let (mut current, mut last, mut expected, mut got) = (0i64, 0i64, vec![], vec![]);
            for rows in &batches {
                let rows: Vec<(i64, i64)> = rows.iter().map(|(t, d)| (t * 100, (t - d) * 100)).collect();
                for (t, w) in &rows {
                    expected.push(*t <= last);
                    current = current.max(*w);
                    if current - last > 200 { last = current; }
                }
                h.batch(batch(&rows));
            }
            let mut mark = 0;
            let mut times = batches.iter().flatten().map(|r| r.0 * 100);
            for line in h.log() {
                let (what, n) = line.split_once(' ').unwrap();
                let n: i64 = n.parse().unwrap();
                if what == "rows" {
                    got.extend(times.by_ref().take(n as usize).map(|t| t <= mark));
                } else {
                    mark = n;
                }
            }
            prop_assert_eq!(got, expected);
            prop_assert_eq!(mark, last);
        }
    }
}
