//! Tasks that start again on purpose: at another parallelism, or without a worker.

use super::*;

#[test]
fn a_rescale_starts_the_tasks_again_from_a_checkpoint_of_its_own() {
    let storage = storage();
    let mut rig = Rig::new(&storage, &[]);
    assert!(rig.rescale(4).is_none());
    assert_eq!(rig.told(), ["trigger 1"]);
    assert!(rig.snapshots(1).is_none());
    assert_eq!(rig.told(), ["complete 1"]);
    assert!(rig.trigger().is_none(), "not done before all tasks run");
    // What the checkpoint holds is published before anything is torn down.
    assert!(rig.all(|task| TaskEvent::Published(task, 1)).is_none());
    assert_eq!(rig.told(), ["cancel", "deploy at 4"]);
    assert!(rig.all(TaskEvent::Running).is_none());
    let done = rig.trigger().unwrap().rescale.unwrap();
    assert_eq!((done.from, done.to), (1, 4));
    // The job goes on at it: checkpoints, and a failure.
    assert!(rig.pass(1000).is_none());
    assert_eq!(rig.told(), ["trigger 2"]);
    assert!(rig.snapshots(2).is_none());
    let at = streamjob_checkpoint::Job::open(&storage, "default", "job").unwrap();
    let newest = streamjob_checkpoint::history::list(&at).unwrap().into_iter().find(|e| e.id == 2).unwrap();
    assert_eq!(streamjob_checkpoint::history::inspect(&storage, &newest.location).unwrap().parallelism, 4);
    // Asked again, it is there already.
    rig.job.view.open_trigger("again", TriggerKind::Rescale);
    assert!(rig.job.on_request(Request::Rescale { trigger: "again".into(), parallelism: 4, workers: None }).is_none());
    assert_eq!(rig.job.view.trigger_status("again").unwrap().operation.unwrap().rescale.unwrap().from, 4);
}

#[test]
fn tasks_of_a_worker_that_is_to_end_go_on_elsewhere_from_a_checkpoint() {
    let options = [
        ("execution.checkpointing.tolerable-failed-checkpoints", "1"),
        ("restart-strategy.type", "fixed-delay"),
        ("restart-strategy.fixed-delay.delay", "0 ms"),
    ];
    let mut rig = Rig::new(&storage(), &options);
    assert!(rig.job.on_event(TaskEvent::Leaving("w".into())).is_none());
    assert!(rig.job.on_event(TaskEvent::Leaving("w".into())).is_none(), "told twice is told once");
    assert_eq!(rig.told(), ["trigger 1"]);
    assert!(rig.snapshots(1).is_none());
    assert!(rig.all(|t| TaskEvent::Published(t, 1)).is_none());
    assert_eq!(rig.told(), ["complete 1", "cancel", "deploy at 1"]);
    assert!(rig.all(TaskEvent::Running).is_none());
    // Told while tasks are started: when they run.
    assert!(rig.job.on_event(TaskEvent::PeerLost(Error::transient("lost"))).is_none());
    assert!(rig.job.on_event(TaskEvent::Leaving("u".into())).is_none());
    rig.told();
    assert!(rig.all(TaskEvent::Running).is_none());
    assert_eq!(rig.told(), ["trigger 2"]);
    assert!(rig.snapshots(2).is_none());
    assert!(rig.all(|t| TaskEvent::Published(t, 2)).is_none());
    assert_eq!(rig.told(), ["complete 2", "cancel", "deploy at 1"]);
    assert!(rig.all(TaskEvent::Running).is_none());
    // Without a checkpoint they stay until the worker is lost.
    rig.job.on_event(TaskEvent::Leaving("v".into()));
    assert!(rig.declines(3, Error::transient("no storage")).is_none());
    assert_eq!(rig.told(), ["trigger 3", "abort 3"]);
    assert!(matches!(rig.job.ending, Ending::No));
}

#[test]
fn a_rescale_that_cannot_be_leaves_the_job_alone() {
    let mut rig = Rig::new(&storage(), &[]);
    let clock = rig.clock.clone();
    // A graph that takes slots, and none free.
    let mut with_slots = settings(&storage(), &clock, RestoreFrom::Auto, &[]);
    with_slots.deployer = rig.deployer.clone();
    with_slots.graph = Arc::new(one_vertex());
    rig.job.settings = Arc::new(with_slots);
    rig.deployer.slots.store(1, Ordering::SeqCst);
    for (trigger, parallelism, text) in [
        ("none", 0, "not from 1 to the max parallelism, 128"),
        ("many", 129, "not from 1 to the max parallelism, 128"),
        ("slots", 4, "the job needs 4 slots, 1 are there (start more workers first)"),
    ] {
        rig.job.view.open_trigger(trigger, TriggerKind::Rescale);
        let request = Request::Rescale { trigger: trigger.into(), parallelism, workers: None };
        assert!(rig.job.on_request(request).is_none());
        let failure = rig.job.view.trigger_status(trigger).unwrap().operation.unwrap().failure.unwrap();
        assert!(failure.message.contains(text), "{}", failure.message);
    }
    assert!(rig.told().is_empty());
    assert!(rig.pass(1000).is_none());
    assert_eq!(rig.told(), ["trigger 1"]);
}

/// A source that exists on paper only.
struct PaperSource;

impl streamjob_engine::SourceFactory for PaperSource {
    fn create(&self, _: &streamjob_engine::TaskInfo) -> Result<Box<dyn streamjob_engine::Source>> {
        Err(Error::internal("only on paper"))
    }

    fn bounded(&self) -> bool {
        true
    }
}

pub(super) fn one_vertex() -> JobGraph {
    use streamjob_engine::graph::{Node, NodeKind};
    let kind = NodeKind::Source(Arc::new(PaperSource));
    let schema = streamjob_core::Schema::default();
    let node = Node { uid: OperatorUid("o".into()), name: "o".into(), kind, parallelism: None, schema };
    JobGraph { nodes: vec![node], edges: vec![] }
}

#[test]
fn without_its_checkpoint_a_rescale_takes_the_latest_or_none() {
    let options = [("execution.checkpointing.tolerable-failed-checkpoints", "9")];
    let broken = || Error::transient("bucket is full");
    let mut rig = Rig::new(&storage(), &options);
    rig.rescale(2);
    assert!(rig.declines(1, broken()).is_none());
    assert!(failure_of(&rig).contains("bucket is full"), "{}", failure_of(&rig));
    assert_eq!(rig.told(), ["trigger 1", "abort 1"], "nothing to start from: the tasks go on");

    let mut rig = Rig::new(&storage(), &options);
    rig.pass(1000);
    rig.snapshots(1);
    rig.told();
    rig.rescale(2);
    assert!(rig.declines(2, broken()).is_none());
    assert_eq!(rig.told(), ["trigger 2", "abort 2", "cancel", "deploy at 2"]);
    rig.all(TaskEvent::Running);
    assert_eq!(rig.trigger().unwrap().rescale.unwrap().to, 2);
}

#[test]
fn a_failure_during_a_rescale_is_told_and_the_old_parallelism_goes_on() {
    let options = [("restart-strategy.type", "fixed-delay"), ("restart-strategy.fixed-delay.delay", "0 ms")];
    let mut rig = Rig::new(&storage(), &options);
    rig.rescale(4);
    assert!(rig.job.on_event(TaskEvent::Failed(SINK, Error::transient("disk on fire"))).is_none());
    assert!(failure_of(&rig).contains("disk on fire"), "{}", failure_of(&rig));
    assert_eq!(rig.told().last().unwrap(), "deploy at 1");
}

#[test]
fn a_rescale_while_no_tasks_run_is_that_of_the_next_start() {
    let options = [("restart-strategy.type", "fixed-delay"), ("restart-strategy.fixed-delay.delay", "50 ms")];
    let mut rig = Rig::new(&storage(), &options);
    rig.pass(1000);
    rig.snapshots(1);
    rig.told();
    for (trigger, parallelism) in [("first", 2), ("t", 3), ("same", 3)] {
        rig.job.view.open_trigger(trigger, TriggerKind::Rescale);
        assert!(rig.job.view.request(Request::Rescale { trigger: trigger.into(), parallelism, workers: None }));
    }
    assert!(rig.job.on_event(TaskEvent::PeerLost(Error::transient("lost"))).is_none());
    assert_eq!(rig.told(), ["cancel", "deploy at 3"]);
    assert!(rig.trigger().is_none(), "not done before all tasks run");
    assert!(rig.all(TaskEvent::Running).is_none());
    assert_eq!(rig.trigger().unwrap().rescale.unwrap().to, 3);
    let of = |trigger| rig.job.view.trigger_status(trigger).unwrap().operation.unwrap();
    assert!(of("first").failure.unwrap().message.contains("another rescale, to 3"));
    assert_eq!(of("same").rescale.unwrap().to, 3);
}

#[test]
fn input_that_ends_during_a_rescale_that_fails_ends_the_job() {
    let options = [("execution.checkpointing.tolerable-failed-checkpoints", "9")];
    for moves in [false, true] {
        let mut rig = Rig::new(&storage(), &options);
        if moves {
            rig.job.on_event(TaskEvent::Leaving("w".into()))
        } else {
            rig.rescale(2)
        };
        assert!(rig.all(TaskEvent::Ended).is_none());
        assert_eq!(rig.told(), ["trigger 1"]);
        assert!(rig.declines(1, Error::transient("bucket is full")).is_none());
        assert_eq!(rig.told(), ["abort 1", "trigger 2"]);
        assert!(rig.snapshots(2).is_none());
        assert!(rig.all(|t| TaskEvent::Published(t, 2)).is_none());
        assert_eq!(outcome(rig.all(TaskEvent::Finished)), "finished chk-2");
    }
}

#[test]
fn what_was_due_behind_a_failed_rescale_is_not_sent_to_its_new_tasks() {
    let options = [("execution.checkpointing.tolerable-failed-checkpoints", "9")];
    let mut rig = Rig::new(&storage(), &options);
    rig.pass(1000);
    rig.snapshots(1);
    rig.rescale(2);
    rig.job.view.open_trigger("behind", TriggerKind::Checkpoint);
    assert!(rig.job.on_request(Request::Checkpoint { trigger: "behind".into() }).is_none());
    rig.told();
    // The next one in the queue falls due with the decline, and is given up with the tasks.
    assert!(rig.declines(2, Error::transient("bucket is full")).is_none());
    assert_eq!(rig.told(), ["abort 2", "cancel", "deploy at 2"]);
    assert!(rig.job.view.trigger_status("behind").unwrap().operation.unwrap().failure.is_some());
    assert!(rig.all(TaskEvent::Running).is_none());
    assert!(rig.pass(1000).is_none());
    assert!(rig.snapshots(4).is_none());
    assert_eq!(rig.told(), ["trigger 4", "complete 4"]);
    assert_eq!(rig.job.view.checkpoints().counts.in_progress, 0);
}
