//! Virtual-time tests: features.md A3 rows 32 to 37 and the table of A5.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use super::*;
use proptest::prelude::*;
use std::collections::HashMap;
use streamjob_core::StopMode;
use streamjob_state::SnapshotFormat;

fn started(config: Config, now: i64) -> Coordinator<u32> {
    let mut c = Coordinator::new(config.checked().unwrap(), 1);
    c.set_tasks([1, 2]);
    assert!(c.tasks_running(true, now).is_empty());
    c
}

fn config(interval: u64) -> Config {
    Config { interval_ms: Some(interval), first_delay_ms: interval, ..Config::default() }
}

fn savepoint(stop: Option<StopMode>) -> RequestKind {
    RequestKind::Savepoint { target: None, format: SnapshotFormat::Canonical, stop }
}

fn triggers(actions: &[Action]) -> Vec<CheckpointId> {
    actions.iter().filter_map(|a| if let Action::Trigger { id, .. } = a { Some(*id) } else { None }).collect()
}

fn aborts(actions: &[Action]) -> Vec<(CheckpointId, FailureReason)> {
    actions
        .iter()
        .filter_map(|a| if let Action::Abort { id, reason, .. } = a { Some((*id, *reason)) } else { None })
        .collect()
}

fn fails_job(actions: &[Action]) -> bool {
    actions.iter().any(|a| matches!(a, Action::FailJob { .. }))
}

/// Acks by both tasks and completes.
fn finish(c: &mut Coordinator<u32>, id: CheckpointId, now: i64) -> Vec<Action> {
    c.ack(&1, id);
    assert_eq!(c.ack(&2, id), (Ack::Taken, vec![Action::Finalize { id }]));
    c.completed(id, now)
}

#[test]
fn the_first_trigger_is_after_the_first_delay_then_every_interval() {
    let mut c = started(Config { first_delay_ms: 300, ..config(1000) }, 0);
    assert_eq!(c.next_deadline(), Some(300));
    assert!(c.tick(299).is_empty());
    assert_eq!(triggers(&c.tick(300)), [1]);
    let done = finish(&mut c, 1, 400);
    assert_eq!(done, [Action::Complete { id: 1, notify: true, request: None }]);
    assert_eq!(c.next_deadline(), Some(1300));
    assert_eq!(triggers(&c.tick(1300)), [2]);
}

#[test]
fn missed_intervals_are_not_caught_up_on() {
    let mut c = started(config(1000), 0);
    c.tick(1000);
    assert!(triggers(&c.tick(2000)).is_empty(), "one at a time");
    assert_eq!(triggers(&finish(&mut c, 1, 5500)), [2], "the due one follows at once");
    finish(&mut c, 2, 5600);
    assert_eq!(c.next_deadline(), Some(6000));
}

#[test]
fn interval_30s_with_pause_60s_is_one_checkpoint_per_60s_plus_duration() {
    let mut c = started(Config { min_pause_ms: 60_000, ..config(30_000) }, 0);
    let mut now = 0;
    let mut at = Vec::new();
    for _ in 0..4 {
        now = c.next_deadline().unwrap();
        let id = triggers(&c.tick(now))[0];
        at.push(now);
        now += 5_000;
        finish(&mut c, id, now);
    }
    assert_eq!(at, [60_000, 125_000, 190_000, 255_000]);
    assert!(c.tick(now + 59_999).is_empty());
    // Savepoints are exempt from the pause.
    let (_, actions) = c.request(savepoint(None), now + 1).unwrap();
    assert_eq!(triggers(&actions), [5]);
}

#[test]
fn a_timeout_expires_and_late_acks_are_told_apart() {
    let mut c = started(Config { timeout_ms: 100, tolerable_failures: 1, ..config(1000) }, 0);
    c.tick(1000);
    c.ack(&1, 1);
    assert_eq!(c.next_deadline(), Some(1100));
    let actions = c.tick(1100);
    assert_eq!(aborts(&actions), [(1, FailureReason::CheckpointExpired)]);
    assert!(matches!(&actions[0], Action::Abort { message, .. } if message.contains("1 of 2 tasks")));
    assert_eq!(c.ack(&2, 1).0, Ack::Late);
    assert_eq!(c.ack(&2, 99).0, Ack::Unknown);
    c.tick(2000);
    assert_eq!(c.ack(&7, 2).0, Ack::Unknown);
    assert_eq!(c.ack(&1, 2).0, Ack::Taken);
    assert_eq!(c.ack(&1, 2).0, Ack::Duplicate);
}

#[test]
fn two_at_a_time_and_the_newer_subsumes_the_older() {
    let mut c = started(Config { max_concurrent: 2, ..config(1000) }, 0);
    assert_eq!(triggers(&c.tick(1000)), [1]);
    assert_eq!(triggers(&c.tick(2000)), [2]);
    assert!(triggers(&c.tick(3000)).is_empty());
    c.ack(&1, 1);
    let actions = finish(&mut c, 2, 3100);
    assert_eq!(actions[0], Action::Complete { id: 2, notify: true, request: None });
    assert_eq!(aborts(&actions), [(1, FailureReason::CheckpointSubsumed)]);
    assert_eq!(triggers(&actions), [3]);
    assert_eq!(c.ack(&2, 1).0, Ack::Late);
}

#[test]
fn finalizing_is_one_at_a_time_in_order() {
    let mut c = started(Config { max_concurrent: 2, ..config(1000) }, 0);
    c.tick(1000);
    c.tick(2000);
    for (task, id) in [(1, 1), (2, 1)] {
        c.ack(&task, id);
    }
    c.ack(&1, 2);
    assert_eq!(c.ack(&2, 2), (Ack::Taken, vec![]));
    assert!(aborts(&c.tick(10_000_000)).is_empty(), "being finalized is not expired; fully acked ones are");
}

#[test]
fn savepoints_use_up_numbers_and_are_forced_unless_unaligned() {
    let mut c = started(config(1000), 0);
    c.tick(1000);
    let (request, actions) = c.request(savepoint(None), 1001).unwrap();
    assert_eq!(actions, [Action::Trigger { id: 2, kind: savepoint(None), request: Some(request) }]);
    let done = finish(&mut c, 2, 1100);
    assert_eq!(
        done,
        [Action::Complete { id: 2, notify: false, request: Some(request) }],
        "no side effects, 1 not subsumed"
    );
    finish(&mut c, 1, 1200);
    assert_eq!(triggers(&c.tick(2000)), [3]);

    let mut c = started(Config { unaligned: true, ..config(1000) }, 0);
    c.tick(1000);
    assert!(c.request(savepoint(None), 1001).unwrap().1.is_empty());
    assert_eq!(triggers(&finish(&mut c, 1, 1100)), [2]);
}

#[test]
fn a_long_savepoint_holds_up_no_checkpoint_and_a_stop_holds_up_nothing() {
    let mut c = started(config(1000), 0);
    c.request(savepoint(None), 10).unwrap();
    assert_eq!(triggers(&c.tick(1000)), [2]);
    assert!(c.tick(2000).is_empty(), "one checkpoint at a time");
    assert_eq!(triggers(&finish(&mut c, 2, 2100)), [3]);
    let stop = RequestKind::StopCheckpoint(StopMode::Suspend);
    let (request, actions) = c.request(stop.clone(), 2200).unwrap();
    let given_up = FailureReason::CheckpointCoordinatorSuspend;
    assert_eq!(aborts(&actions), [(1, given_up), (3, given_up)]);
    assert_eq!(triggers(&actions), [4]);
    assert_eq!(finish(&mut c, 4, 2300), [Action::Complete { id: 4, notify: true, request: Some(request) }]);
    assert!(c.tick(1_000_000).is_empty() && c.request(stop, 1_000_000).is_err());
}

#[test]
fn requests_wait_savepoints_first_and_the_queue_is_bounded() {
    let mut c = started(Config { unaligned: true, ..config(1000) }, 0);
    c.tick(1000);
    let (checkpoint, _) = c.request(RequestKind::Checkpoint, 1001).unwrap();
    let (sp, _) = c.request(savepoint(None), 1002).unwrap();
    let next = finish(&mut c, 1, 1100);
    assert!(next.contains(&Action::Trigger { id: 2, kind: savepoint(None), request: Some(sp) }));
    let next = finish(&mut c, 2, 1200);
    assert!(next.contains(&Action::Trigger { id: 3, kind: RequestKind::Checkpoint, request: Some(checkpoint) }));
    for _ in 0..MAX_QUEUED_REQUESTS {
        c.request(RequestKind::Checkpoint, 1300).unwrap();
    }
    let refusal = c.request(RequestKind::Checkpoint, 1300).unwrap_err();
    assert_eq!(refusal.reason, FailureReason::TooManyCheckpointRequests);
    assert_eq!(c.queued(), MAX_QUEUED_REQUESTS);
}

#[test]
fn tolerable_failures_are_consecutive_counted_and_reset_by_success() {
    let mut c = started(Config { tolerable_failures: 2, ..config(1000) }, 0);
    let mut now = 0;
    let mut fail = |c: &mut Coordinator<u32>, reason| {
        now += 1000;
        let id = triggers(&c.tick(now))[0];
        let actions = c.decline(id, reason, "because", now);
        assert_eq!(aborts(&actions), [(id, reason)]);
        assert!(c.decline(id, reason, "again", now).is_empty(), "one count per checkpoint");
        fails_job(&actions)
    };
    assert!(!fail(&mut c, FailureReason::CheckpointDeclined));
    assert!(!fail(&mut c, FailureReason::CheckpointAsyncException));
    for reason in FailureReason::ALL.iter().filter(|r| !r.counted()) {
        assert!(!fail(&mut c, *reason), "{reason} is not counted");
    }
    assert!(fail(&mut c, FailureReason::IoException));

    // Success starts the count again.
    assert!(!fail(&mut c, FailureReason::CheckpointDeclined));
    assert!(!fail(&mut c, FailureReason::CheckpointDeclined));
    let id = c.next_id();
    c.request(RequestKind::Checkpoint, 0).unwrap();
    finish(&mut c, id, 0);
    assert!(!fail(&mut c, FailureReason::CheckpointDeclined));
    assert!(!fail(&mut c, FailureReason::CheckpointDeclined));
    assert!(fail(&mut c, FailureReason::CheckpointDeclined));
}

#[test]
fn no_failure_is_borne_by_default_and_the_message_says_why() {
    let mut c = started(config(1000), 0);
    c.tick(1000);
    let actions = c.decline(1, FailureReason::CheckpointAsyncException, "Size of the state …", 1001);
    let Some(Action::FailJob { message }) = actions.last() else { panic!("{actions:?}") };
    assert!(message.starts_with("Exceeded checkpoint tolerable failure threshold."), "{message}");
    assert!(message.contains("Size of the state") && message.contains("checkpoint.tolerableFailures is 0"));
}

#[test]
fn a_failed_finalize_is_counted_a_failed_savepoint_is_not() {
    let mut c = started(config(1000), 0);
    c.tick(1000);
    c.ack(&1, 1);
    c.ack(&2, 1);
    let actions = c.finalize_failed(1, "PUT refused", 1100);
    assert_eq!(aborts(&actions), [(1, FailureReason::FinalizeCheckpointFailure)]);
    assert!(fails_job(&actions));
    c.request(savepoint(None), 1200).unwrap();
    let actions = c.trigger_failed(2, FailureReason::IoException, "no such folder", 1200);
    assert_eq!(aborts(&actions), [(2, FailureReason::IoException)]);
    assert!(!fails_job(&actions));
}

#[test]
fn stop_with_savepoint_pauses_everything_and_resumes_when_it_fails() {
    let mut c = started(config(1000), 0);
    c.tick(1000);
    let (_, actions) = c.request(savepoint(Some(StopMode::Drain)), 1001).unwrap();
    assert_eq!(aborts(&actions), [(1, FailureReason::CheckpointCoordinatorSuspend)]);
    assert_eq!(triggers(&actions), [2]);
    assert_eq!(c.stopping(), Some(2));
    assert_eq!(
        c.request(RequestKind::Checkpoint, 1002).unwrap_err().reason,
        FailureReason::CheckpointCoordinatorSuspend
    );
    assert!(c.tick(50_000).is_empty());
    let actions = c.decline(2, FailureReason::CheckpointDeclined, "x", 50_001);
    assert_eq!(triggers(&actions), [3], "periodic ones resume");
    finish(&mut c, 3, 50_002);

    let (request, _) = c.request(savepoint(Some(StopMode::Suspend)), 50_003).unwrap();
    let done = finish(&mut c, 4, 50_010);
    assert_eq!(done, [Action::Complete { id: 4, notify: true, request: Some(request) }]);
    assert!(c.tick(1_000_000).is_empty(), "nothing after the stop");
    assert_eq!(c.next_deadline(), None);
}

#[test]
fn restarts_and_the_end_give_up_what_is_pending() {
    let kinds: [(fn(&mut Coordinator<u32>) -> Vec<Action>, FailureReason); 3] = [
        (|c| c.tasks_running(false, 0), FailureReason::CheckpointCoordinatorSuspend),
        (|c| c.fail_over("task 3 failed"), FailureReason::JobFailoverRegion),
        (|c| c.shut_down(), FailureReason::CheckpointCoordinatorShutdown),
    ];
    for (end, reason) in kinds {
        let mut c = started(config(1000), 0);
        c.tick(1000);
        let (request, _) = c.request(RequestKind::Checkpoint, 1001).unwrap();
        assert_eq!(
            end(&mut c),
            [
                Action::Abort {
                    id: 1,
                    reason,
                    message: match reason {
                        FailureReason::JobFailoverRegion => "task 3 failed".into(),
                        FailureReason::CheckpointCoordinatorShutdown => "the coordinator ends".into(),
                        _ => "the job's tasks are not running any more".into(),
                    },
                    request: None
                },
                Action::Refuse { request, reason }
            ]
        );
        assert!(c.tick(9000).is_empty());
        let refusal = c.request(savepoint(None), 9001).unwrap_err();
        assert!(
            refusal.reason == FailureReason::NotAllRequiredTasksRunning
                || reason == FailureReason::CheckpointCoordinatorShutdown
        );
    }
}

#[test]
fn numbers_go_on_from_the_restored_checkpoint() {
    let mut c: Coordinator<u32> = Coordinator::new(config(1000), 44);
    c.set_tasks([1, 2]);
    c.tasks_running(true, 0);
    assert_eq!(triggers(&c.tick(1000)), [44]);
}

#[derive(Debug, Clone)]
enum Input {
    Pass(u16),
    Request(u8),
    Ack(u8, u8),
    Decline(u8, u8),
    Completed(bool),
    Running(bool),
}

fn input() -> impl Strategy<Value = Input> {
    prop_oneof![
        4 => (0u16..3000).prop_map(Input::Pass),
        1 => (0u8..5).prop_map(Input::Request),
        6 => (0u8..3, 0u8..3).prop_map(|(t, c)| Input::Ack(t, c)),
        1 => (0u8..3, any::<u8>()).prop_map(|(c, r)| Input::Decline(c, r)),
        4 => prop::bool::weighted(0.8).prop_map(Input::Completed),
        1 => prop::bool::weighted(0.7).prop_map(Input::Running),
    ]
}

proptest! {
    #[test]
    fn every_trigger_ends_once_and_limits_hold(
        inputs in prop::collection::vec(input(), 1..200),
        max_concurrent in 1usize..4,
        unaligned: bool,
        min_pause in 0u64..1500,
    ) {
        let max_concurrent = if unaligned { 1 } else { max_concurrent };
        let config = Config { max_concurrent, unaligned, min_pause_ms: min_pause, timeout_ms: 2500, tolerable_failures: 3, ..config(1000) };
        let mut c: Coordinator<u8> = Coordinator::new(config.checked().unwrap(), 1);
        c.set_tasks([0, 1, 2]);
        let mut now = 0i64;
        let mut open: HashMap<CheckpointId, bool> = HashMap::new();
        let mut finalizing: Vec<CheckpointId> = Vec::new();
        let mut requests: HashMap<RequestId, usize> = HashMap::new();
        let (mut last_id, mut last_done) = (0, None);
        let last = inputs.len();
        for (i, input) in inputs.into_iter().chain([Input::Running(false)]).enumerate() {
            let actions = match input {
                Input::Pass(ms) => { now += i64::from(ms); c.tick(now) }
                Input::Request(k) => {
                    let kind = match k { 0 => RequestKind::Checkpoint, 1 | 2 => savepoint(None), 3 => savepoint(Some(StopMode::Suspend)), _ => RequestKind::StopCheckpoint(StopMode::Suspend) };
                    match c.request(kind, now) {
                        Ok((id, actions)) => { requests.insert(id, 0); actions }
                        Err(_) => vec![],
                    }
                }
                Input::Ack(task, nth) => {
                    let id = c.pending().nth(nth.into());
                    id.map_or(vec![], |id| c.ack(&task, id).1)
                }
                Input::Decline(nth, r) => {
                    let reason = FailureReason::ALL[usize::from(r) % 24];
                    let id = c.pending().nth(nth.into());
                    id.map_or(vec![], |id| c.decline(id, reason, "", now))
                }
                Input::Completed(ok) => match finalizing.pop() {
                    Some(id) if ok => c.completed(id, now),
                    Some(id) => c.finalize_failed(id, "", now),
                    None => vec![],
                },
                Input::Running(r) => {
                    let mut a = c.tasks_running(r, now);
                    if i == last {
                        for id in finalizing.drain(..) { a.extend(c.completed(id, now)); }
                    }
                    a
                }
            };
            for a in actions {
                match a {
                    Action::Trigger { id, kind, request } => {
                        prop_assert!(id > last_id, "numbers increase");
                        last_id = id;
                        open.insert(id, kind.is_savepoint());
                        if request.is_none()
                            && let Some(done) = last_done {
                                prop_assert!(now - done >= min_pause as i64, "the pause is kept");
                            }
                        let counted = open.values().filter(|savepoint| unaligned || !**savepoint).count();
                        if !kind.is_forced() || unaligned {
                            prop_assert!(counted <= max_concurrent, "never more than maxConcurrent");
                        }
                    }
                    Action::Finalize { id } => {
                        prop_assert!(finalizing.is_empty(), "one at a time");
                        finalizing.push(id);
                    }
                    Action::Complete { id, request, .. } => {
                        let was_savepoint = open.remove(&id);
                        prop_assert!(was_savepoint.is_some());
                        if was_savepoint == Some(false) { last_done = Some(now); }
                        if let Some(r) = request { *requests.get_mut(&r).unwrap() += 1; }
                    }
                    Action::Abort { id, request, .. } => {
                        prop_assert!(open.remove(&id).is_some());
                        if let Some(r) = request { *requests.get_mut(&r).unwrap() += 1; }
                    }
                    Action::Refuse { request, .. } => *requests.get_mut(&request).unwrap() += 1,
                    Action::FailJob { .. } => {}
                }
            }
            if let Some(at) = c.next_deadline() {
                // A driver that sleeps until the deadline always finds something to do.
                prop_assert!(at > now || !finalizing.is_empty() || i < last);
            }
        }
        prop_assert!(open.is_empty(), "still open: {open:?}");
        prop_assert!(requests.values().all(|n| *n == 1), "{requests:?}");
    }
}

#[test]
fn an_unknown_outcome_takes_up_no_slot_and_counts_as_nothing() {
    let mut c = started(config(1000), 0);
    let (request, actions) = c.request(RequestKind::Checkpoint, 0).unwrap();
    assert_eq!(triggers(&actions), [1]);
    assert_eq!(c.finalize_unknown(1), None, "not before it is being finalized");
    c.ack(&1, 1);
    c.ack(&2, 1);
    assert_eq!(c.finalize_unknown(1), Some(request));
    assert_eq!(c.finalize_unknown(1), None);
    assert!(c.fail_over("to find out").is_empty());
    assert!(c.tasks_running(true, 100).is_empty());
    assert!(c.completed(1, 100).is_empty() && c.finalize_failed(1, "late", 100).is_empty());
    assert_eq!(triggers(&c.tick(1100)), [2]);

    let mut c = started(config(1000), 0);
    c.request(savepoint(Some(StopMode::Suspend)), 0).unwrap();
    c.ack(&1, 1);
    c.ack(&2, 1);
    c.finalize_unknown(1);
    assert_eq!(c.stopping(), None);
}
