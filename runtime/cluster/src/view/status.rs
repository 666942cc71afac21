//! The status that an operator watches, and waiting for it to change.

use super::JobView;
use std::sync::atomic::Ordering;
use std::time::Duration;
use streamjob_api::{JobStatus, ParallelismStatus, WorkersStatus};

/// The longest time between two requests of one who follows the status.
const FOLLOWED_MS: i64 = 310_000;

impl JobView {
    /// The status now.
    pub fn status(&self, now_ms: i64) -> JobStatus {
        let inner = self.inner.lock();
        let (checkpoints, last_checkpoint, last_savepoint) = inner.checkpoints.status();
        let sum = |slots: fn(&crate::control::pool::WorkerInfo) -> u32| inner.workers.iter().map(slots).sum();
        JobStatus {
            version: inner.version(),
            job: self.settings.name.clone(),
            job_id: inner.job_id.to_string(),
            generation: inner.generation,
            streamjob_version: self.settings.config.version.clone(),
            plan_digest: self.settings.plan_digest.clone(),
            revision: self.settings.revision.clone(),
            standby: inner.standing_by.clone(),
            state: inner.state,
            timestamps: inner.timestamps.clone(),
            started_at: self.settings.started_ms,
            now: now_ms,
            parallelism: ParallelismStatus {
                wanted: inner.parallelism.0,
                now: inner.parallelism.1,
                max: self.settings.max_parallelism,
            },
            workers: WorkersStatus {
                slots_wanted: inner.slots_wanted,
                registered: u32::try_from(inner.workers.len()).unwrap_or(u32::MAX),
                slots: sum(|w| w.slots),
                free_slots: sum(|w| w.free),
            },
            checkpoints,
            last_checkpoint,
            last_savepoint,
            restored_from: inner.checkpoints.checkpoints().latest.restored,
            restarts: inner.restarts,
            last_failure: inner.failures.last(),
            last_rescale: inner.rescale,
            triggers: inner.triggers.last(),
        }
    }

    /// Somebody asks for the status.
    pub fn note_asked(&self, now_ms: i64) {
        self.asked_ms.store(now_ms, Ordering::Relaxed);
    }

    /// True when somebody follows the status: how the job ends is then worth telling.
    pub fn is_followed(&self, now_ms: i64) -> bool {
        now_ms.saturating_sub(self.asked_ms.load(Ordering::Relaxed)) <= FOLLOWED_MS
    }

    /// Waits until the version is another one than `after`, at most for `wait`.
    pub async fn await_change(&self, after: u64, wait: Duration) {
        let mut version = self.version.subscribe();
        // At the time limit the unchanged status is the answer.
        let _ = tokio::time::timeout(wait, version.wait_for(|v| *v != after)).await;
    }
}
