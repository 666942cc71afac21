//! Any order of triggers, answers, failures and requests, with one operation of
//! storage failing anywhere: afterwards checkpoints complete, whoever asked has an
//! answer, and no complete checkpoint lacks a file.

use super::faults::{Flaky, RESTARTS};
use super::files::{parts, with_files};
use super::*;
use proptest::prelude::*;
use streamjob_state::FileRef;

/// What happens next.
#[derive(Debug, Clone, Copy)]
enum Step {
    Pass,
    /// All tasks answer for the oldest (or newest) open checkpoint.
    Answer(bool),
    /// Storage work ends.
    Written,
    Decline,
    Lost,
    Checkpoint,
    Savepoint,
    Rescale(u32),
    Leaving,
    Stop(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Pass),
        5 => any::<bool>().prop_map(Step::Answer),
        5 => Just(Step::Written),
        1 => Just(Step::Decline),
        2 => Just(Step::Lost),
        1 => Just(Step::Checkpoint),
        1 => Just(Step::Savepoint),
        1 => (1u32..4).prop_map(Step::Rescale),
        1 => Just(Step::Leaving),
        1 => any::<bool>().prop_map(Step::Stop),
    ]
}

/// Tasks that build each checkpoint on the last one that they heard is complete.
struct World {
    rig: Rig,
    open: BTreeMap<CheckpointId, Vec<FileRef>>,
    base: Vec<FileRef>,
    triggers: u32,
    outcome: Option<JobOutcome>,
}

impl World {
    fn take(&mut self, step: Step) {
        if self.outcome.is_some() {
            return;
        }
        let outcome = match step {
            Step::Pass => self.rig.pass(1000),
            Step::Answer(newest) => {
                let mut open = self.open.clone().into_iter();
                match if newest { open.next_back() } else { open.next() } {
                    Some((id, files)) => self.answer(id, &files),
                    None => None,
                }
            }
            Step::Written if self.rig.job.ledger.is_none() => {
                let done = self.rig.job.storage.1.recv().unwrap();
                self.rig.job.on_storage(done)
            }
            Step::Written => None,
            Step::Decline => match self.open.pop_first() {
                Some((id, _)) => self.rig.declines(id, Error::transient("no room")),
                None => None,
            },
            Step::Lost => self.rig.job.on_event(TaskEvent::PeerLost(Error::transient("a worker is lost"))),
            Step::Leaving => self.rig.job.on_event(TaskEvent::Leaving("w".into())),
            Step::Checkpoint => self.ask(TriggerKind::Checkpoint, |trigger| Request::Checkpoint { trigger }),
            Step::Savepoint => {
                self.ask(TriggerKind::Savepoint, |trigger| Request::Savepoint { trigger, target: None, stop: None })
            }
            Step::Rescale(parallelism) => {
                self.ask(TriggerKind::Rescale, |trigger| Request::Rescale { trigger, parallelism, workers: None })
            }
            Step::Stop(true) => self
                .ask(TriggerKind::Stop, |trigger| Request::StopBehindCheckpoint { trigger, mode: StopMode::Suspend }),
            Step::Stop(false) => self.ask(TriggerKind::Stop, |trigger| Request::Savepoint {
                trigger,
                target: None,
                stop: Some(StopMode::Drain),
            }),
        };
        self.outcome = outcome;
        // As the loop does after every event.
        if self.outcome.is_none() {
            self.outcome = self.rig.pass(0);
        }
        self.tasks();
    }

    fn ask(&mut self, kind: TriggerKind, request: impl FnOnce(String) -> Request) -> Option<JobOutcome> {
        self.triggers += 1;
        let id = self.triggers.to_string();
        self.rig.job.view.open_trigger(&id, kind);
        self.rig.job.on_request(request(id))
    }

    fn answer(&mut self, id: CheckpointId, files: &[FileRef]) -> Option<JobOutcome> {
        for (task, result) in parts(&files.iter().collect::<Vec<_>>()) {
            let event = TaskEvent::Snapshot { task, checkpoint: id, result: Ok(result) };
            if let Some(outcome) = self.rig.job.on_event(event) {
                return Some(outcome);
            }
        }
        None
    }

    /// The tasks do as they are told.
    fn tasks(&mut self) {
        loop {
            let told = self.rig.told();
            if told.is_empty() || self.outcome.is_some() {
                return;
            }
            for command in told {
                let mut words = command.split(' ');
                let (word, id) = (words.next(), words.next().and_then(|w| w.parse().ok()));
                let outcome = match (word, id) {
                    (Some("deploy"), _) => self.deployed(),
                    (Some("trigger"), Some(id)) => self.snapshot(id),
                    (Some("complete"), Some(id)) => {
                        if let Some(files) = self.open.remove(&id) {
                            self.base = files;
                        }
                        self.rig.all(|task| TaskEvent::Published(task, id))
                    }
                    (Some("abort"), Some(id)) => {
                        self.open.remove(&id);
                        None
                    }
                    (Some("finish"), _) => self.rig.all(TaskEvent::Finished),
                    _ => None,
                };
                self.outcome = self.outcome.take().or(outcome);
            }
        }
    }

    fn deployed(&mut self) -> Option<JobOutcome> {
        self.open.clear();
        let restored = self.rig.job.ledger.as_mut().and_then(|l| l.restore().ok());
        let keyed = restored.into_iter().flat_map(|(state, _)| state.operators.into_values()).flat_map(|o| o.keyed);
        self.base = keyed.flat_map(|k| k.files).map(|f| f.file).collect();
        self.rig.all(TaskEvent::Running)
    }

    /// A task's part: what is new, and of the files before all but the oldest.
    fn snapshot(&mut self, id: CheckpointId) -> Option<JobOutcome> {
        let pending = self.rig.job.pending.get(&id)?;
        let mut files = if pending.kind.is_savepoint() { Vec::new() } else { self.base.clone() };
        match self.rig.try_upload(id, "f") {
            Ok(file) => files.push(file),
            Err(e) => return self.rig.declines(id, e),
        }
        if files.len() > 3 {
            files.remove(0);
        }
        self.open.insert(id, files);
        None
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn one_fault_of_storage_and_any_failures_are_got_over(
        steps in proptest::collection::vec(step(), 1..40),
        fault in proptest::option::of((0u32..120, any::<bool>())),
        concurrent in 1u32..3,
    ) {
        let (store, storage) = Flaky::storage();
        let concurrent = concurrent.to_string();
        let options: Vec<_> = RESTARTS.into_iter().chain([
            ("restart-strategy.fixed-delay.attempts", "1000"),
            ("execution.checkpointing.tolerable-failed-checkpoints", "1000"),
            ("execution.checkpointing.max-concurrent-checkpoints", concurrent.as_str()),
        ]).collect();
        let rig = with_files(&storage, &options);
        if let Some((after, late)) = fault {
            store.fail_once(after, late);
        }
        let mut world = World { rig, open: BTreeMap::new(), base: Vec::new(), triggers: 0, outcome: None };
        for step in steps {
            world.take(step);
        }
        store.heal();
        // What is under way comes to its end, and then one more checkpoint.
        let completed = |world: &World| world.rig.job.view.checkpoints().counts.completed;
        for _ in 0..4 {
            world.take(Step::Pass);
            while world.outcome.is_none() && (!world.open.is_empty() || world.rig.job.ledger.is_none()) {
                let before = world.open.clone();
                world.take(Step::Answer(false));
                world.take(Step::Written);
                // Savepoints are not announced: they have been answered for.
                if before == world.open && world.rig.job.ledger.is_some() {
                    world.open.pop_first();
                }
            }
        }
        let before = completed(&world);
        if world.outcome.is_none() {
            world.take(Step::Pass);
            world.take(Step::Answer(true));
            world.take(Step::Written);
        }
        match world.outcome.take() {
            None => {
                prop_assert!(completed(&world) > before, "no checkpoint completes any more");
                world.rig.settle();
                for id in 1..=world.triggers {
                    let status = world.rig.job.view.trigger_status(&id.to_string()).unwrap();
                    prop_assert!(status.operation.is_some(), "trigger {id} is open");
                }
            }
            Some(end) => {
                let end = outcome(Some(end));
                let allowed = end.starts_with("stopped") || end.contains("is complete, but the job failed while stopping");
                prop_assert!(allowed, "{end}");
                world.rig.settle();
            }
        }
    }
}
