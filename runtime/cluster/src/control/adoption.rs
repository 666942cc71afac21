//! Tasks that run already when a coordinator starts: what workers know of them,
//! and what they come to together. Pure. Whether to go on with them is the
//! coordinator's to decide, by what storage says.

use super::message::{JobDescription, Running, TaskState, Terms};
use super::wire::{WireCommand, WireError, WireEvent};
use std::collections::{BTreeMap, BTreeSet};
use streamjob_core::CheckpointId;
use streamjob_engine::deploy::{TaskId, VertexInfo};

impl Running {
    /// Just deployed.
    pub fn new(attempt: &str, generation: u64, terms: Terms, tasks: impl IntoIterator<Item = TaskId>) -> Self {
        Self {
            attempt: attempt.to_string(),
            generation,
            terms,
            tasks: tasks.into_iter().map(|t| (t, TaskState::Starting)).collect(),
            open: BTreeSet::new(),
            newest: 0,
            ending: false,
            failure: None,
        }
    }

    /// Something happened to a task.
    pub fn note(&mut self, event: &WireEvent) {
        let (task, state) = match event {
            WireEvent::Running(task) => (task, TaskState::Running),
            WireEvent::Ended(task) => (task, TaskState::Ended),
            WireEvent::Finished(task) => (task, TaskState::Finished),
            WireEvent::Failed(_, error) | WireEvent::PeerLost(error) => return self.fail(error),
            WireEvent::Snapshot { .. } | WireEvent::Published(..) | WireEvent::Leaving(_) => return,
        };
        let known = self.tasks.entry(*task).or_insert(state);
        *known = (*known).max(state);
    }

    /// The tasks cannot go on. The first failure is the cause of the others.
    pub fn fail(&mut self, error: &WireError) {
        self.failure.get_or_insert_with(|| error.clone());
    }

    /// The tasks were told something.
    pub fn told(&mut self, command: &WireCommand) {
        match command {
            WireCommand::Trigger { barrier, .. } => {
                self.open.insert(barrier.id);
                self.newest = self.newest.max(barrier.id);
                self.ending |= barrier.stop.is_some();
            }
            // A completed checkpoint makes older ones superfluous.
            WireCommand::Complete(id) => self.open = self.open.split_off(&(id + 1)),
            WireCommand::Abort(id) => {
                self.open.remove(id);
            }
            WireCommand::Finish | WireCommand::Cancel => self.ending = true,
        }
    }
}

/// An attempt as all workers that were heard of it know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The attempt.
    pub attempt: String,
    /// What it was deployed for.
    pub terms: Terms,
    /// Tasks that are known of.
    pub tasks: BTreeMap<TaskId, TaskState>,
    /// Checkpoints under way when their coordinator was last heard.
    pub open: BTreeSet<CheckpointId>,
    /// The highest number given to one.
    pub newest: CheckpointId,
    /// Why the tasks cannot be gone on with.
    pub hindrance: Option<String>,
    /// By task: the worker that runs it.
    pub workers: BTreeMap<TaskId, String>,
}

impl Candidate {
    /// The attempt of the latest generation that any worker runs.
    pub fn among<'a>(workers: impl Iterator<Item = (&'a str, &'a Running)>) -> Option<Self> {
        let mut workers: Vec<_> = workers.collect();
        let newest = workers.iter().map(|(_, r)| (r.generation, r.attempt.as_str())).max()?;
        let attempt = newest.1.to_string();
        workers.retain(|(_, r)| r.attempt == attempt);
        let (_, first) = workers.first()?;
        let mut all = Self {
            attempt,
            terms: first.terms.clone(),
            tasks: BTreeMap::new(),
            open: BTreeSet::new(),
            newest: 0,
            hindrance: None,
            workers: BTreeMap::new(),
        };
        for (name, running) in workers {
            all.tasks.extend(running.tasks.iter().map(|(task, state)| (*task, *state)));
            all.workers.extend(running.tasks.keys().map(|task| (*task, name.to_string())));
            all.open.extend(&running.open);
            all.newest = all.newest.max(running.newest);
            let hindrance = match &running.failure {
                Some(failure) => Some(format!("on worker {name}: {}", failure.message)),
                None if running.ending => Some("they were told to end".to_string()),
                None if running.tasks.values().any(|s| *s == TaskState::Finished) => {
                    Some("some have ended".to_string())
                }
                None => None,
            };
            all.hindrance = all.hindrance.or(hindrance);
        }
        Some(all)
    }

    /// The first task that no worker was heard of for; `None` when all are there.
    pub fn missing(&self, vertices: &[VertexInfo]) -> Option<TaskId> {
        let tasks = vertices
            .iter()
            .enumerate()
            .flat_map(|(vertex, v)| (0..v.parallelism).map(move |subtask| TaskId { vertex, subtask }));
        tasks.into_iter().find(|task| !self.tasks.contains_key(task))
    }
}

/// Options that only a coordinator reads: with other values of them the same tasks can go on. Prefixes end with a dot.
const NOT_THE_TASKS: [&str; 14] = [
    "execution.checkpointing.interval",
    "execution.checkpointing.interval-during-backlog",
    "execution.checkpointing.timeout",
    "execution.checkpointing.min-pause",
    "execution.checkpointing.max-concurrent-checkpoints",
    "execution.checkpointing.tolerable-failed-checkpoints",
    "execution.checkpointing.num-retained",
    "execution.checkpointing.externalized-checkpoint-retention",
    "execution.checkpointing.savepoint-dir",
    "execution.state-recovery.",
    "parallelism.default",
    "restart-strategy.",
    "rest.",
    "slot.request.timeout",
];

/// What tasks were deployed for that a coordinator with this job was not told; `None` when they can go on under it.
/// `digest` is of its plan.
pub fn difference(terms: &Terms, job: &JobDescription, digest: &str) -> Option<String> {
    let ours = |key: &str| NOT_THE_TASKS.iter().any(|n| if n.ends_with('.') { key.starts_with(n) } else { key == *n });
    let theirs = |job: &JobDescription| JobDescription {
        parallelism: 0,
        planned_ms: 0,
        options: job.options.iter().filter(|(k, _)| !ours(k)).map(|(k, v)| (k.clone(), v.clone())).collect(),
        ..job.clone()
    };
    if terms.configured != job.parallelism {
        return Some(format!("the job's parallelism was {} and is {} now", terms.configured, job.parallelism));
    }
    if theirs(&terms.job) != theirs(job) {
        return Some("the job's script or options are others now".to_string());
    }
    (terms.digest != digest).then(|| "the job is planned differently now".to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::control::wire::WireDomain;
    use streamjob_core::{Barrier, BarrierKind, OperatorUid, StopMode};
    use streamjob_state::SnapshotFormat;

    fn task(subtask: u32) -> TaskId {
        TaskId { vertex: 0, subtask }
    }

    fn trigger(id: CheckpointId, stop: Option<StopMode>) -> WireCommand {
        let barrier = Barrier { id, timestamp_ms: 0, kind: BarrierKind::Checkpoint, stop };
        WireCommand::Trigger { barrier, store: String::new(), format: SnapshotFormat::RocksDb }
    }

    fn running(attempt: &str, generation: u64, tasks: impl IntoIterator<Item = u32>) -> Running {
        Running::new(attempt, generation, Terms::default(), tasks.into_iter().map(task))
    }

    #[test]
    fn commands_leave_checkpoints_open_and_say_when_tasks_end() {
        let mut r = running("a", 1, [0]);
        for id in [3, 4, 6, 7] {
            r.told(&trigger(id, None));
        }
        r.told(&WireCommand::Complete(4));
        r.told(&WireCommand::Abort(7));
        assert_eq!((r.open.iter().copied().collect::<Vec<_>>(), r.newest, r.ending), (vec![6], 7, false));
        for ends in [trigger(8, Some(StopMode::Suspend)), WireCommand::Finish, WireCommand::Cancel] {
            let mut r = r.clone();
            r.told(&ends);
            assert!(r.ending, "{ends:?}");
        }
    }

    #[test]
    fn an_attempt_is_put_together_from_its_workers() {
        let (mut a, mut b) = (running("x", 5, [0, 2]), running("x", 5, [1]));
        let old = running("w", 4, [0, 1, 2]);
        a.note(&WireEvent::Running(task(2)));
        a.told(&trigger(8, None));
        b.told(&trigger(7, None));
        b.told(&WireCommand::Complete(7));
        b.told(&trigger(9, None));
        let of = |workers: &[(&'static str, &Running)]| Candidate::among(workers.iter().copied()).unwrap();
        let both = of(&[("a", &a), ("b", &b), ("old", &old)]);
        assert_eq!((both.attempt.as_str(), both.newest, both.hindrance.as_deref()), ("x", 9, None));
        assert_eq!(both.open.iter().copied().collect::<Vec<_>>(), [8, 9]);
        assert_eq!(
            both.tasks.values().copied().collect::<Vec<_>>(),
            [TaskState::Starting, TaskState::Starting, TaskState::Running]
        );
        assert_eq!(both.workers.values().collect::<Vec<_>>(), ["a", "b", "a"]);
        let vertex =
            VertexInfo { name: "v".into(), operators: vec![OperatorUid("v".into())], parallelism: 3, is_source: true };
        assert_eq!(both.missing(std::slice::from_ref(&vertex)), None);
        assert_eq!(of(&[("a", &a)]).missing(&[vertex]), Some(task(1)));
        assert_eq!(Candidate::among(std::iter::empty()), None);
    }

    #[test]
    fn failed_and_ended_tasks_are_not_gone_on_with() {
        let hindrance = |change: &dyn Fn(&mut Running)| {
            let (a, mut b) = (running("x", 5, [0]), running("x", 5, [1]));
            change(&mut b);
            Candidate::among([("a", &a), ("b", &b)].into_iter()).unwrap().hindrance
        };
        assert_eq!(hindrance(&|_| {}), None);
        let error = |m: &str| WireError { domain: WireDomain::Transient, message: m.into(), fix: None };
        let failed = |b: &mut Running| {
            b.note(&WireEvent::PeerLost(error("first")));
            b.fail(&error("second"));
        };
        assert_eq!(hindrance(&failed).unwrap(), "on worker b: first");
        assert_eq!(hindrance(&|b| b.note(&WireEvent::Finished(task(1)))).unwrap(), "some have ended");
        assert_eq!(hindrance(&|b| b.told(&WireCommand::Cancel)).unwrap(), "they were told to end");
    }

    #[test]
    fn tasks_of_another_job_are_not_gone_on_with() {
        let options = |all: &[(&str, &str)]| all.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        let job = JobDescription { sql: "s".into(), parallelism: 2, ..JobDescription::default() };
        let good = Terms { job: job.clone(), digest: "d".into(), configured: 2, ..Terms::default() };
        let with = |job: JobDescription| Terms { job, ..good.clone() };
        let with_option = |key, value| with(JobDescription { options: options(&[(key, value)]), ..job.clone() });
        let other = "script or options";
        for (terms, expected) in [
            (good.clone(), None),
            (with(JobDescription { planned_ms: 9, parallelism: 3, ..job.clone() }), None),
            (with_option("execution.checkpointing.interval", "1 s"), None),
            (with_option("restart-strategy.type", "none"), None),
            (with_option("execution.checkpointing.mode", "x"), Some(other)),
            (with_option("table.exec.state.ttl", "1 h"), Some(other)),
            (with(JobDescription { sql: "t".into(), ..job.clone() }), Some(other)),
            (with(JobDescription { max_parallelism: 9, ..job.clone() }), Some(other)),
            (Terms { configured: 3, ..good.clone() }, Some("parallelism was 3 and is 2 now")),
            (Terms { digest: "other".into(), ..good.clone() }, Some("planned differently")),
        ] {
            let got = difference(&terms, &job, "d");
            assert_eq!(got.is_some(), expected.is_some(), "{terms:?}: {got:?}");
            assert!(expected.is_none_or(|part| got.unwrap().contains(part)), "{terms:?}");
        }
    }
}
