//! What is shown while a job runs: a live line on a terminal, a log line every
//! ten seconds elsewhere.

use crate::log;
use crate::units;
use indicatif::ProgressBar;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use streamjob_api::{Checkpoints, JobState};
use streamjob_cluster::JobView;
use streamjob_engine::deploy::OperatorStatus;

/// Rates are those of this long.
const WINDOW: Duration = Duration::from_secs(3);
/// Time between two log lines.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// Figures of all operators together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Figures {
    /// Rows read by the sources.
    pub rows_in: u64,
    /// Rows that reached the sinks.
    pub rows_out: u64,
    /// Rows that came after their window had closed.
    pub late: u64,
    /// Bad rows skipped.
    pub skipped: u64,
    /// Part of the input that is done, 0 to 1; `None` when a source does not know.
    pub done: Option<f64>,
    /// Smallest watermark of the sinks, milliseconds.
    pub watermark: Option<i64>,
}

impl Figures {
    /// Of these operators.
    pub fn of(operators: &[OperatorStatus]) -> Self {
        let mut f = Self::default();
        let mut sources: BTreeMap<&str, Option<(u64, u64)>> = BTreeMap::new();
        let mut watermarks = Vec::new();
        for o in operators {
            if o.is_source {
                f.rows_in += o.metrics.rows_in.load(Relaxed);
                let sum = sources.entry(o.uid.0.as_str()).or_insert(Some((0, 0)));
                *sum = match (*sum, o.progress.total) {
                    (Some((done, total)), Some(t)) => Some((done + o.progress.done, total + t)),
                    _ => None,
                };
            }
            if o.is_sink {
                f.rows_out += o.metrics.rows_in.load(Relaxed);
                watermarks.push(o.watermark_ms);
            }
            f.late += o.metrics.late_rows_dropped.load(Relaxed);
            f.skipped += o.metrics.rows_skipped.load(Relaxed);
        }
        let parts: Option<Vec<f64>> = sources.values().map(|p| p.map(fraction)).collect();
        f.done = parts.filter(|p| !p.is_empty()).map(|p| p.iter().sum::<f64>() / p.len() as f64);
        // A sink without watermark yet counts as the smallest.
        f.watermark = watermarks.into_iter().min().flatten();
        f
    }
}

fn fraction((done, total): (u64, u64)) -> f64 {
    if total == 0 { 1.0 } else { (done as f64 / total as f64).min(1.0) }
}

/// Shows a job's progress.
pub struct Live {
    view: JobView,
    bar: Option<ProgressBar>,
    samples: VecDeque<(Instant, u64, u64, Option<f64>)>,
    logged: Instant,
    started: Instant,
}

impl Live {
    /// Begins to show.
    pub fn new(view: JobView) -> Self {
        let now = Instant::now();
        let bar = log::is_live().then(log::live_line);
        Self { view, bar, samples: VecDeque::new(), logged: now, started: now }
    }

    /// Shows the present; call it several times a second.
    pub fn tick(&mut self, now_ms: i64) {
        let figures = Figures::of(&self.view.operators());
        let now = Instant::now();
        // A restart counts from the beginning again.
        if self.samples.back().is_some_and(|s| s.1 > figures.rows_in) {
            self.samples.clear();
        }
        self.samples.push_back((now, figures.rows_in, figures.rows_out, figures.done));
        while self.samples.len() > 2 && self.samples.front().is_some_and(|s| now - s.0 > WINDOW) {
            self.samples.pop_front();
        }
        if let Some(bar) = &self.bar {
            bar.set_message(self.line(&figures, now_ms));
            bar.tick();
        } else if now - self.logged >= LOG_EVERY {
            self.logged = now;
            tracing::info!("{}", self.line(&figures, now_ms));
        }
    }

    fn line(&self, f: &Figures, now_ms: i64) -> String {
        let (rate_in, rate_out) = self.rates();
        let mut parts = vec![
            format!("{} rows in ({}/s)", units::count(f.rows_in), units::rate(rate_in)),
            format!("{} out ({}/s)", units::count(f.rows_out), units::rate(rate_out)),
        ];
        let state = self.view.state();
        if state != JobState::Running {
            parts.insert(0, format!("{state:?}").to_lowercase());
        }
        if let Some(done) = f.done {
            let eta = eta(self.started.elapsed(), self.samples.front().and_then(|s| s.3), done);
            let left = eta.map(|d| format!(", {} left", units::span(d))).unwrap_or_default();
            parts.push(format!("{:.0}%{left}", (done * 100.0).floor()));
        }
        // A narrow terminal cuts the end.
        parts.push(checkpoint(&self.view.checkpoints(), now_ms));
        if let Some(watermark) = f.watermark {
            parts.push(format!("watermark {}", units::time(watermark)));
        }
        parts.join(" · ")
    }

    fn rates(&self) -> (f64, f64) {
        match (self.samples.front(), self.samples.back()) {
            (Some(a), Some(b)) if b.0 > a.0 => {
                let seconds = (b.0 - a.0).as_secs_f64();
                ((b.1.saturating_sub(a.1)) as f64 / seconds, (b.2.saturating_sub(a.2)) as f64 / seconds)
            }
            _ => (0.0, 0.0),
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        if self.bar.is_some() {
            log::end_live_line();
        }
    }
}

/// Time left at the speed of the last seconds; `None` while that is unknown.
fn eta(elapsed: Duration, before: Option<f64>, done: f64) -> Option<Duration> {
    let gained = done - before?;
    if gained <= 0.0 || done >= 1.0 {
        return None;
    }
    let seconds = elapsed.min(WINDOW).as_secs_f64() * (1.0 - done) / gained;
    Duration::try_from_secs_f64(seconds).ok().filter(|d| d.as_secs() < 30 * 86_400)
}

fn checkpoint(checkpoints: &Checkpoints, now_ms: i64) -> String {
    let running = if checkpoints.counts.in_progress > 0 { ", one under way" } else { "" };
    match &checkpoints.latest.completed {
        Some(c) => {
            let ended = c.trigger_timestamp + i64::try_from(c.end_to_end_duration.unwrap_or(0)).unwrap_or(0);
            let age = Duration::from_millis(u64::try_from(now_ms - ended).unwrap_or(0));
            let size = units::bytes(c.state_size.unwrap_or(0));
            format!("chk-{} {} ago, {size}{running}", c.id, units::span(age))
        }
        None => format!("no checkpoint yet{running}"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use streamjob_core::OperatorUid;
    use streamjob_engine::deploy::TaskId;
    use streamjob_engine::operator::{OperatorMetrics, Progress};

    fn status(uid: &str, source: bool, rows: u64, done: u64, total: Option<u64>) -> OperatorStatus {
        let metrics = Arc::new(OperatorMetrics::default());
        OperatorMetrics::add(&metrics.rows_in, rows);
        OperatorMetrics::add(&metrics.late_rows_dropped, 1);
        OperatorStatus {
            task: TaskId { vertex: 0, subtask: 0 },
            uid: OperatorUid(uid.into()),
            name: uid.into(),
            is_source: source,
            is_sink: !source,
            metrics,
            watermark_ms: Some(5),
            progress: Progress { done, total },
            figures: None,
        }
    }

    #[test]
    fn figures_add_up_over_subtasks() {
        let f = Figures::of(&[
            status("a", true, 10, 50, Some(100)),
            status("a", true, 5, 100, Some(100)),
            status("b", true, 1, 1, Some(4)),
            status("sink", false, 7, 0, None),
        ]);
        assert_eq!((f.rows_in, f.rows_out, f.late, f.watermark), (16, 7, 4, Some(5)));
        assert_eq!(f.done, Some(0.5));
        assert_eq!(Figures::of(&[status("a", true, 1, 1, None)]).done, None);
        assert_eq!(Figures::of(&[]).done, None);
    }

    #[test]
    fn time_left_needs_progress() {
        let s = Duration::from_secs;
        assert_eq!(eta(s(2), Some(0.25), 0.5), Some(s(4)));
        assert_eq!(eta(s(2), Some(0.5), 0.5), None);
        assert_eq!(eta(s(2), None, 0.5), None);
        assert_eq!(eta(s(2), Some(0.5), 1.0), None);
    }
}
