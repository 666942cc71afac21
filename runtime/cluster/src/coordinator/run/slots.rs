//! Waits until the tasks have somewhere to run. Meanwhile storage is asked whether
//! this coordinator is still the one: workers may be missing because they are with its successor.

use super::Coordinator;
use crate::coordinator::JobOutcome;
use crossbeam_channel::{bounded, select};
use std::time::{Duration, Instant};
use streamjob_core::{Domain, Error, Result};
use streamjob_engine::chain::chain;

/// Between two lines that say what is waited for.
const TELL: Duration = Duration::from_secs(10);

impl Coordinator {
    /// Slots that the job takes: subtasks of different vertices share one.
    pub(super) fn slots(&self, parallelism: u32) -> Result<u32> {
        let s = &self.settings;
        let chaining = s.options.bool("pipeline.operator-chaining.enabled");
        let plan = chain(&s.graph, parallelism, s.max_parallelism, chaining)?;
        Ok(plan.vertices.iter().map(|v| v.info.parallelism).max().unwrap_or(0))
    }

    /// Returns when there are enough slots, or with the job's outcome when a client ended the wait.
    /// Errors (Transient) after `slot.request.timeout`.
    pub(super) fn await_slots(&mut self) -> Result<Option<JobOutcome>> {
        let mut parallelism = self.parallelism;
        let mut slots = self.slots(parallelism)?;
        self.view.set_wanted(self.parallelism, slots);
        let s = &self.settings;
        let (deployer, timeout) = (s.deployer.clone(), s.slot_timeout());
        let changed = deployer.changed();
        let since = Instant::now();
        let mut told: Option<Instant> = None;
        let fenced = bounded(1);
        while let Some(missing) = deployer.missing(slots) {
            self.view.pulse().beat();
            if since.elapsed() >= timeout {
                return Err(Error::transient(format!("{missing}; waited for {} s", timeout.as_secs_f32())).fix(
                    "start more workers, give them more slots (`streamjob worker --slots`), or lower the job's parallelism; \
                     slot.request.timeout is how long is waited",
                ));
            }
            if told.is_none_or(|at| at.elapsed() >= TELL) {
                told = Some(Instant::now());
                tracing::warn!("waiting for workers: {missing}");
                if let Some(ledger) = &self.ledger {
                    let (check, fenced) = (ledger.power(), fenced.0.clone());
                    // Beside this thread: storage may be away too, and workers must not wait for it.
                    std::thread::spawn(move || match check() {
                        Err(e) if e.domain() == Domain::User => drop(fenced.try_send(e)),
                        _ => {}
                    });
                }
            }
            let wait = TELL.min(timeout.saturating_sub(since.elapsed()));
            let request = select! {
                recv(changed) -> _ => None,
                recv(fenced.1) -> error => return Ok(error.ok().map(JobOutcome::Failed)),
                recv(self.requests) -> request => request.ok(),
                default(wait) => None,
            };
            if let Some(outcome) = request.and_then(|r| self.while_waiting(r)) {
                return Ok(Some(outcome));
            }
            if parallelism != self.parallelism {
                parallelism = self.parallelism;
                slots = self.slots(parallelism)?;
                self.view.set_wanted(parallelism, slots);
            }
        }
        Ok(None)
    }
}
