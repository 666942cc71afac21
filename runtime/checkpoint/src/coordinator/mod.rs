//! Decides when checkpoints are triggered, completed, given up, and when their
//! failures fail the job. Pure: it is told what happened and when, and answers
//! with actions. It never looks at a clock, a task or storage.
//!
//! Life of a checkpoint: `Trigger` → every task acks → `Finalize` → the caller
//! writes and wins it → `Complete`; or `Abort` at any point before. Every
//! `Trigger` is followed by exactly one `Complete` or `Abort`, unless the caller
//! cannot tell which it would be (`finalize_unknown`).

mod action;
mod config;
mod reason;
#[cfg(test)]
mod tests;

pub use action::{Ack, Action, Refusal, RequestId, RequestKind};
pub use config::Config;
pub use reason::{FailureReason, materialize_message};

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use streamjob_core::CheckpointId;

/// Requests that may wait.
pub const MAX_QUEUED_REQUESTS: usize = 1000;
/// Given-up checkpoints that are remembered to tell late acks from unknown ones.
const REMEMBERED: usize = 16;

#[derive(Debug)]
struct Pending<T> {
    kind: RequestKind,
    request: Option<RequestId>,
    deadline: i64,
    waiting: BTreeSet<T>,
    acked: BTreeSet<T>,
    finalizing: bool,
}

#[derive(Debug)]
struct Queued {
    id: RequestId,
    kind: RequestKind,
}

/// The coordinator's state. `T` names a task. All times are milliseconds on one clock of the caller's.
#[derive(Debug)]
pub struct Coordinator<T: Ord + Clone> {
    config: Config,
    tasks: BTreeSet<T>,
    running: bool,
    shut_down: bool,
    /// What the job stops behind, under way or done.
    stopping: Option<CheckpointId>,
    next_id: CheckpointId,
    next_request: RequestId,
    next_periodic: Option<i64>,
    last_completion: Option<i64>,
    latest: Option<CheckpointId>,
    pending: BTreeMap<CheckpointId, Pending<T>>,
    queue: VecDeque<Queued>,
    over: VecDeque<CheckpointId>,
    failures: u32,
    last_failed: Option<CheckpointId>,
}

impl<T: Ord + Clone> Coordinator<T> {
    /// Not running yet. `next_id` is one more than the restored checkpoint's number, 1 without.
    pub fn new(config: Config, next_id: CheckpointId) -> Self {
        Self {
            config,
            tasks: BTreeSet::new(),
            running: false,
            shut_down: false,
            stopping: None,
            next_id,
            next_request: 1,
            next_periodic: None,
            last_completion: None,
            latest: None,
            pending: BTreeMap::new(),
            queue: VecDeque::new(),
            over: VecDeque::new(),
            failures: 0,
            last_failed: None,
        }
    }

    /// The tasks whose acks a checkpoint needs. Takes effect at the next trigger.
    pub fn set_tasks(&mut self, tasks: impl IntoIterator<Item = T>) {
        self.tasks = tasks.into_iter().collect();
    }

    /// All required tasks run, or not any more (a restart begins: what is pending is given up).
    pub fn tasks_running(&mut self, running: bool, now: i64) -> Vec<Action> {
        if running == self.running {
            return Vec::new();
        }
        self.running = running;
        if !running {
            return self
                .suspend(FailureReason::CheckpointCoordinatorSuspend, "the job's tasks are not running any more");
        }
        self.failures = 0;
        self.stopping = None;
        self.next_periodic = self.config.interval_ms.map(|_| now.saturating_add(ms(self.config.first_delay_ms)));
        self.tick(now)
    }

    /// Some tasks restart: as `tasks_running(false)`, by another name.
    pub fn fail_over(&mut self, message: &str) -> Vec<Action> {
        self.running = false;
        self.suspend(FailureReason::JobFailoverRegion, message)
    }

    /// The end: everything pending and queued is given up, and nothing is taken any more.
    pub fn shut_down(&mut self) -> Vec<Action> {
        self.shut_down = true;
        self.running = false;
        self.suspend(FailureReason::CheckpointCoordinatorShutdown, "the coordinator ends")
    }

    /// Asks for a checkpoint or savepoint. It is triggered by the actions, or waits for its turn.
    pub fn request(&mut self, kind: RequestKind, now: i64) -> Result<(RequestId, Vec<Action>), Refusal> {
        let refuse = |reason: FailureReason, message: &str| Err(Refusal { reason, message: message.to_string() });
        if self.shut_down {
            return refuse(FailureReason::CheckpointCoordinatorShutdown, "the job has ended");
        }
        if let Some(id) = self.stopping {
            return Err(Refusal {
                reason: FailureReason::CheckpointCoordinatorSuspend,
                message: format!("the job is stopping with {id}"),
            });
        }
        if !self.running {
            return refuse(FailureReason::NotAllRequiredTasksRunning, "try again when all tasks are RUNNING");
        }
        if self.queue.len() >= MAX_QUEUED_REQUESTS {
            return refuse(
                FailureReason::TooManyCheckpointRequests,
                "wait for the queued ones; are checkpoints slow because of back pressure?",
            );
        }
        let id = self.next_request;
        self.next_request += 1;
        // What is forced before checkpoints, each by age.
        let at = if kind.is_forced() {
            self.queue.iter().position(|q| !q.kind.is_forced()).unwrap_or(self.queue.len())
        } else {
            self.queue.len()
        };
        self.queue.insert(at, Queued { id, kind });
        let mut out = Vec::new();
        self.trigger_what_is_due(now, &mut out);
        Ok((id, out))
    }

    /// Time has passed: expires what is too old, triggers what is due.
    pub fn tick(&mut self, now: i64) -> Vec<Action> {
        let mut out = Vec::new();
        let expired: Vec<_> = self
            .pending
            .iter()
            .filter(|(_, p)| !p.waiting.is_empty() && p.deadline <= now)
            .map(|(id, _)| *id)
            .collect();
        for id in expired {
            let message = self.pending.get(&id).map_or_else(String::new, |p| {
                format!(
                    "{} of {} tasks acked within {} ms",
                    p.acked.len(),
                    p.acked.len() + p.waiting.len(),
                    self.config.timeout_ms
                )
            });
            self.abort(id, FailureReason::CheckpointExpired, message, &mut out);
        }
        self.trigger_what_is_due(now, &mut out);
        out
    }

    /// When `tick` has something to do next; `None` when only other inputs can change anything.
    pub fn next_deadline(&self) -> Option<i64> {
        let expiry = self.pending.values().filter(|p| !p.waiting.is_empty()).map(|p| p.deadline).min();
        let periodic = self.periodic_at().filter(|_| self.running && self.stopping.is_none() && self.has_slot());
        expiry.into_iter().chain(periodic).min()
    }

    /// A task has done its part.
    pub fn ack(&mut self, task: &T, id: CheckpointId) -> (Ack, Vec<Action>) {
        let mut out = Vec::new();
        let Some(p) = self.pending.get_mut(&id) else {
            let late = self.over.contains(&id) || self.latest.is_some_and(|l| id <= l);
            return (if late { Ack::Late } else { Ack::Unknown }, out);
        };
        if p.acked.contains(task) {
            return (Ack::Duplicate, out);
        }
        if !p.waiting.remove(task) {
            return (Ack::Unknown, out);
        }
        p.acked.insert(task.clone());
        self.finalize_next(&mut out);
        (Ack::Taken, out)
    }

    /// A task cannot do its part. Declines of unknown checkpoints are ignored.
    pub fn decline(&mut self, id: CheckpointId, reason: FailureReason, message: &str, now: i64) -> Vec<Action> {
        let mut out = Vec::new();
        if self.pending.get(&id).is_some_and(|p| !p.finalizing) {
            self.abort(id, reason, message.to_string(), &mut out);
            self.trigger_what_is_due(now, &mut out);
        }
        out
    }

    /// `Trigger` could not be carried out (storage, sources).
    pub fn trigger_failed(&mut self, id: CheckpointId, reason: FailureReason, message: &str, now: i64) -> Vec<Action> {
        self.decline(id, reason, message, now)
    }

    /// `Finalize` is done: the checkpoint exists.
    pub fn completed(&mut self, id: CheckpointId, now: i64) -> Vec<Action> {
        let mut out = Vec::new();
        if !self.pending.get(&id).is_some_and(|p| p.finalizing) {
            return out;
        }
        let Some(done) = self.pending.remove(&id) else { return out };
        self.remember(id);
        self.failures = 0;
        let plain_savepoint = done.kind.is_savepoint() && done.kind.stop().is_none();
        out.push(Action::Complete { id, notify: !plain_savepoint, request: done.request });
        if !plain_savepoint {
            self.latest = Some(self.latest.map_or(id, |l| l.max(id)));
            let older: Vec<_> =
                self.pending.iter().filter(|(i, p)| **i < id && !p.kind.is_savepoint()).map(|(i, _)| *i).collect();
            for old in older {
                let message = format!("checkpoint {id} completed first");
                self.abort(old, FailureReason::CheckpointSubsumed, message, &mut out);
            }
        }
        if !done.kind.is_savepoint() {
            self.last_completion = Some(now);
        }
        self.finalize_next(&mut out);
        self.trigger_what_is_due(now, &mut out);
        out
    }

    /// `Finalize` failed: the checkpoint does not exist.
    pub fn finalize_failed(&mut self, id: CheckpointId, message: &str, now: i64) -> Vec<Action> {
        let mut out = Vec::new();
        if self.pending.get(&id).is_some_and(|p| p.finalizing) {
            self.abort(id, FailureReason::FinalizeCheckpointFailure, message.to_string(), &mut out);
            self.finalize_next(&mut out);
            self.trigger_what_is_due(now, &mut out);
        }
        out
    }

    /// Nobody knows whether `Finalize` made it exist; the job restarts to find out. It is under way no longer and counts as
    /// nothing. The request behind it. Tasks hear nothing: what they would discard may be part of a checkpoint.
    pub fn finalize_unknown(&mut self, id: CheckpointId) -> Option<RequestId> {
        if !self.pending.get(&id).is_some_and(|p| p.finalizing) {
            return None;
        }
        let unknown = self.pending.remove(&id)?;
        self.remember(id);
        if self.stopping == Some(id) {
            self.stopping = None;
        }
        unknown.request
    }

    /// Checkpoints that are under way.
    pub fn pending(&self) -> impl Iterator<Item = CheckpointId> {
        self.pending.keys().copied()
    }

    /// Requests that wait for their turn.
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Acks so far and acks needed, for a pending checkpoint.
    pub fn progress(&self, id: CheckpointId) -> Option<(usize, usize)> {
        self.pending.get(&id).map(|p| (p.acked.len(), p.acked.len() + p.waiting.len()))
    }

    /// What the job stops behind.
    pub fn stopping(&self) -> Option<CheckpointId> {
        self.stopping
    }

    /// Numbers up to this one were given out by another coordinator.
    pub fn skip_past(&mut self, id: CheckpointId) {
        self.next_id = self.next_id.max(id.saturating_add(1));
    }

    /// The number that the next checkpoint or savepoint gets.
    pub fn next_id(&self) -> CheckpointId {
        self.next_id
    }

    /// Whether one more may be pending. A savepoint may take long, and exactly-once sinks publish by checkpoints, so that
    /// it takes up no slot; unaligned barriers must not overtake its own.
    fn has_slot(&self) -> bool {
        let counts = |p: &&Pending<T>| self.config.unaligned || !p.kind.is_savepoint();
        self.pending.values().filter(counts).count() < self.config.max_concurrent
    }

    /// When the next periodic trigger may be, with the pause kept.
    fn periodic_at(&self) -> Option<i64> {
        let pause = ms(self.config.min_pause_ms);
        let pause_over = self.last_completion.filter(|_| pause > 0).map_or(i64::MIN, |c| c.saturating_add(pause));
        self.next_periodic.map(|n| n.max(pause_over))
    }

    fn trigger_what_is_due(&mut self, now: i64, out: &mut Vec<Action>) {
        while self.running && self.stopping.is_none() {
            // Savepoints and stops are forced through, but for unaligned barriers.
            let front = self.queue.front();
            if front.is_some_and(|q| self.has_slot() || (q.kind.is_forced() && !self.config.unaligned)) {
                let Some(q) = self.queue.pop_front() else { break };
                self.trigger(q.kind, Some(q.id), now, out);
                continue;
            }
            let due = front.is_none() && self.periodic_at().is_some_and(|at| at <= now);
            if !due || !self.has_slot() {
                break;
            }
            let interval = ms(self.config.interval_ms.unwrap_or(u64::MAX)).max(1);
            // At a fixed rate; what was missed is not caught up on.
            self.next_periodic = self.periodic_at().map(|at| {
                let missed = now.saturating_sub(at) / interval;
                at.saturating_add(interval.saturating_mul(missed + 1))
            });
            self.trigger(RequestKind::Checkpoint, None, now, out);
        }
    }

    fn trigger(&mut self, kind: RequestKind, request: Option<RequestId>, now: i64, out: &mut Vec<Action>) {
        let id = self.next_id;
        self.next_id += 1;
        if kind.stop().is_some() {
            self.stopping = Some(id);
            let others: Vec<_> = self.pending.iter().filter(|(_, p)| !p.finalizing).map(|(i, _)| *i).collect();
            for other in others {
                let message = format!("the job stops with {id}");
                self.abort(other, FailureReason::CheckpointCoordinatorSuspend, message, out);
            }
            for q in std::mem::take(&mut self.queue) {
                out.push(Action::Refuse { request: q.id, reason: FailureReason::CheckpointCoordinatorSuspend });
            }
        }
        self.pending.insert(
            id,
            Pending {
                kind: kind.clone(),
                request,
                deadline: now.saturating_add(ms(self.config.timeout_ms)),
                waiting: self.tasks.clone(),
                acked: BTreeSet::new(),
                finalizing: false,
            },
        );
        out.push(Action::Trigger { id, kind, request });
        // Without tasks there is nothing to wait for.
        self.finalize_next(out);
    }

    /// Starts the oldest fully acked one when none is being finalized.
    fn finalize_next(&mut self, out: &mut Vec<Action>) {
        if self.pending.values().any(|p| p.finalizing) {
            return;
        }
        if let Some((id, p)) = self.pending.iter_mut().find(|(_, p)| p.waiting.is_empty()) {
            p.finalizing = true;
            out.push(Action::Finalize { id: *id });
        }
    }

    fn suspend(&mut self, reason: FailureReason, message: &str) -> Vec<Action> {
        let mut out = Vec::new();
        self.next_periodic = None;
        // What is being finalized comes to its own end.
        let ids: Vec<_> = self.pending.iter().filter(|(_, p)| !p.finalizing).map(|(id, _)| *id).collect();
        for id in ids {
            self.abort(id, reason, message.to_string(), &mut out);
        }
        for q in std::mem::take(&mut self.queue) {
            out.push(Action::Refuse { request: q.id, reason });
        }
        out
    }

    fn abort(&mut self, id: CheckpointId, reason: FailureReason, message: String, out: &mut Vec<Action>) {
        let Some(p) = self.pending.remove(&id) else { return };
        self.remember(id);
        let text = if message.is_empty() { reason.text().to_string() } else { format!("{} {message}", reason.text()) };
        out.push(Action::Abort { id, reason, message, request: p.request });
        if self.stopping == Some(id) {
            // The job goes on.
            self.stopping = None;
        }
        // A savepoint or a stop that fails is its requester's matter.
        if !reason.counted() || p.kind.is_forced() || self.last_failed == Some(id) {
            return;
        }
        self.last_failed = Some(id);
        self.failures += 1;
        if self.failures > self.config.tolerable_failures && self.running {
            self.failures = 0;
            out.push(Action::FailJob {
                message: format!(
                    "Exceeded checkpoint tolerable failure threshold. The latest checkpoint failed due to {text} \
                     ({}; checkpoint.tolerableFailures is {})",
                    reason.name(),
                    self.config.tolerable_failures
                ),
            });
        }
    }

    fn remember(&mut self, id: CheckpointId) {
        self.over.push_back(id);
        if self.over.len() > REMEMBERED {
            self.over.pop_front();
        }
    }
}

fn ms(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
