//! What becomes of tasks that run already when a coordinator begins.

use super::outcome as outcome_text;
use super::*;
use crate::control::message::{JobDescription, TaskState, Terms};

/// What workers say of an attempt that another coordinator left.
fn left(attempt: &str, restored_from: Option<&str>, state: TaskState) -> Candidate {
    Candidate {
        attempt: attempt.into(),
        terms: Terms {
            job: JobDescription { parallelism: 1, ..Default::default() },
            restored_from: restored_from.map(str::to_string),
            ..Terms::default()
        },
        tasks: TASKS.into_iter().map(|t| (t, state)).collect(),
        open: [1, 2, 4].into(),
        newest: 4,
        hindrance: None,
        workers: Default::default(),
    }
}

/// A coordinator that begins anew after `storage` saw checkpoints 1 and 2 of attempt a1 and a savepoint or not.
fn begins(storage: &Storage, candidate: Candidate, from: RestoreFrom) -> (Rig, Option<JobOutcome>) {
    let mut rig = Rig::fresh(storage, from, &[]).unwrap();
    *rig.deployer.running.lock() = Some(candidate);
    let outcome = rig.job.begin();
    (rig, outcome)
}

fn two_checkpoints() -> (Storage, String) {
    let storage = storage();
    let mut rig = Rig::new(&storage, &[]);
    for id in 1..=2 {
        rig.pass(1000);
        rig.snapshots(id);
    }
    let latest = rig.job.view.checkpoints().latest.completed.unwrap().external_path.unwrap();
    (storage, latest)
}

#[test]
fn running_tasks_are_gone_on_with_when_they_published_last() {
    let (storage, _) = two_checkpoints();
    let (mut rig, outcome) = begins(&storage, left("a1", None, TaskState::Running), RestoreFrom::Auto);
    assert!(outcome.is_none());
    // The last one may still have to be published; of the others no number is given twice.
    assert_eq!(rig.told(), ["adopt a1 as 2", "abort 1", "abort 4", "complete 2"]);
    assert_eq!(rig.job.view.state(), JobState::Running);
    assert!(rig.pass(1000).is_none());
    assert_eq!(rig.told(), ["trigger 5"]);
    assert!(rig.snapshots(5).is_none());
    let ledger = rig.job.ledger.as_ref().unwrap();
    assert_eq!(ledger.next_id(), 3, "what storage knew at the start");
    let next = Rig::from(&storage, RestoreFrom::Auto, &[]).unwrap();
    let message = next.job.ledger.as_ref().unwrap().start_message().to_string();
    assert!(message.contains("checkpoint 5"), "{message}");
}

#[test]
fn tasks_that_have_not_published_yet_are_gone_on_with_from_what_they_were_restored_from() {
    let (storage, latest) = two_checkpoints();
    let (mut rig, _) = begins(&storage, left("b1", Some(&latest), TaskState::Starting), RestoreFrom::Latest);
    assert_eq!(rig.told(), ["adopt b1 as 2", "abort 1", "abort 2", "abort 4"]);
    assert_ne!(rig.job.view.state(), JobState::Running);
    assert!(rig.all(TaskEvent::Running).is_none());
    assert_eq!(rig.job.view.state(), JobState::Running);
}

#[test]
fn ended_tasks_are_gone_on_with_to_their_last_checkpoint() {
    let (storage, _) = two_checkpoints();
    let (mut rig, _) = begins(&storage, left("a1", None, TaskState::Ended), RestoreFrom::Auto);
    assert!(rig.told().ends_with(&["trigger 5".to_string()]));
    assert!(rig.snapshots(5).is_none());
    assert!(rig.all(|t| TaskEvent::Published(t, 5)).is_none());
    assert_eq!(outcome_text(rig.all(TaskEvent::Finished)), "finished chk-5");
}

#[test]
fn tasks_whose_past_is_not_the_jobs_are_started_again() {
    let (storage, latest) = two_checkpoints();
    let mut failed = left("a1", None, TaskState::Running);
    failed.hindrance = Some("one has failed".into());
    for (candidate, from) in [
        // Of an attempt that others have published after.
        (left("b1", Some("elsewhere/chk-1"), TaskState::Running), RestoreFrom::Auto),
        (left("b1", None, TaskState::Running), RestoreFrom::Auto),
        (failed, RestoreFrom::Auto),
        // The user names what to start from.
        (left("a1", None, TaskState::Running), RestoreFrom::Path(latest.clone())),
        (left("a1", None, TaskState::Running), RestoreFrom::None),
    ] {
        let what = format!("{candidate:?} {from}");
        let (rig, outcome) = begins(&storage, candidate, from.clone());
        assert!(outcome.is_none());
        assert_eq!(rig.told(), ["deploy at 1"], "{what}");
        if from == RestoreFrom::None {
            break;
        }
    }
}

#[test]
fn the_rest_of_an_attempt_is_awaited_while_workers_are_missing() {
    let storage = storage();
    let rig = Rig::new(&storage, &[]);
    let there = rig.job.patience(1).unwrap();
    rig.deployer.slots.store(0, Ordering::SeqCst);
    assert!(there < rig.job.patience(1).unwrap());
}

#[test]
fn a_coordinator_out_of_power_starts_nothing() {
    let options = [("restart-strategy.type", "fixed-delay"), ("restart-strategy.fixed-delay.delay", "0 ms")];
    let storage = storage();
    let mut rig = Rig::new(&storage, &options);
    rig.told();
    let _next = Rig::from(&storage, RestoreFrom::Auto, &[]).unwrap();
    let ends = outcome_text(rig.job.on_event(TaskEvent::PeerLost(Error::transient("all workers are gone"))));
    assert!(ends.contains("was superseded by 2"), "{ends}");
    assert_eq!(rig.told(), ["cancel"], "nothing is deployed");
}
