//! Figures of the job and of the coordinator's process.

use super::defs::*;
use super::{Gather, Sample};
use crate::control::pool::WorkerInfo;
use crate::view::JobView;
use streamjob_api::JobState;

/// The coordinator's process.
pub fn coordinator(view: &JobView) -> Vec<Sample> {
    let workers = view.workers();
    // Whole numbers: the sum of no f64 is -0.
    let sum = |slots: fn(&WorkerInfo) -> u32| workers.iter().map(|w| u64::from(slots(w))).sum::<u64>() as f64;
    let mut g = Gather::new(Vec::new());
    g.add(&WORKERS, workers.len() as f64);
    g.add(&SLOTS, sum(|w| w.slots));
    g.add(&FREE_SLOTS, sum(|w| w.free));
    g.add(&RUNNING_JOBS, if view.state().is_terminal() { 0.0 } else { 1.0 });
    g.samples
}

/// The job.
pub fn job(view: &JobView, now_ms: i64) -> Vec<Sample> {
    let (status, seen) = (view.status(now_ms), view.checkpoints());
    let mut g = Gather::new(vec![("job_id", status.job_id.clone()), ("job_name", status.job.clone())]);
    g.add(&GENERATION, status.generation as f64);
    g.add(&PARALLELISM, f64::from(status.parallelism.now));
    g.add(&RESTARTS, status.restarts as f64);
    let running = status.timestamps.get(&JobState::Running).filter(|_| status.state == JobState::Running);
    g.add(&UPTIME, running.map_or(0.0, |since| (now_ms - since) as f64));
    g.add(&COMPLETED, seen.counts.completed as f64);
    g.add(&FAILED, seen.counts.failed as f64);
    g.add(&IN_PROGRESS, seen.counts.in_progress as f64);
    g.add(&TOTAL, seen.counts.total as f64);
    let last = seen.latest.completed.as_ref();
    g.maybe(&LAST_DURATION, last.and_then(|c| c.end_to_end_duration).map(|v| v as f64));
    g.maybe(&LAST_SIZE, last.and_then(|c| c.checkpointed_size).map(|v| v as f64));
    g.maybe(&LAST_FULL_SIZE, last.and_then(|c| c.state_size).map(|v| v as f64));
    g.maybe(&LAST_ID, last.map(|c| c.id as f64));
    g.maybe(&LAST_RESTORE, seen.latest.restored.map(|r| r.restore_timestamp as f64));
    g.maybe(&LAST_OUTAGE, status.last_rescale.map(|r| r.outage_ms as f64));
    g.samples
}
