//! Whole jobs: sources with splits, a keyed count, a sink that publishes by
//! checkpoint, and a coordinator in the hands of the test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod kit;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use kit::{Gate, Job, Plan, eventually};
use proptest::prelude::*;
use streamjob_core::element::MAX_WATERMARK;
use streamjob_core::{Error, StopMode};

use crate::deploy::{TaskCommand, TaskEvent, TaskFigures};

#[derive(Debug, Clone)]
struct Attempt {
    parallelism: u32,
    /// Rows of each split that are let through before each checkpoint, and whether it is completed or aborted.
    checkpoints: Vec<(i64, bool)>,
    /// Triggered all at once before any of them is awaited.
    burst: bool,
}

fn attempts() -> impl Strategy<Value = Vec<Attempt>> {
    let attempt = (1u32..5, prop::collection::vec((0i64..40, prop::bool::weighted(0.7)), 1..4), any::<bool>());
    prop::collection::vec(
        attempt.prop_map(|(parallelism, checkpoints, burst)| Attempt { parallelism, checkpoints, burst }),
        1..4,
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Killed again and again and restored at other parallelisms: every row is counted
    /// once and every result published once.
    #[test]
    fn exactly_once_over_restarts_and_rescales(
        attempts in attempts(),
        splits in prop::collection::vec(0i64..90, 1..5),
        sources in 1usize..3,
        batch in 1usize..30,
        chaining: bool,
        linger_ms in 0u64..3,
        heap: bool,
        workers in 1usize..4,
    ) {
        let mut plan = Plan::new(&vec![splits; sources]);
        plan.workers = workers;
        plan.batch = batch;
        plan.chaining = chaining;
        if heap {
            plan.backend = Arc::new(streamjob_state::HeapFactory::default());
        }
        plan.linger = Duration::from_millis(linger_ms);
        let mut id = 0;
        for attempt in &attempts {
            plan.parallelism = attempt.parallelism;
            let mut job = Job::start(&plan);
            let first = id + 1;
            if attempt.burst {
                for (rows, _) in &attempt.checkpoints {
                    plan.limit.fetch_add(*rows, Ordering::SeqCst);
                    id += 1;
                    job.trigger(id, None);
                }
            }
            for (i, (rows, complete)) in attempt.checkpoints.iter().enumerate() {
                let n = first + i as u64;
                if !attempt.burst {
                    plan.limit.fetch_add(*rows, Ordering::SeqCst);
                    id = n;
                    job.trigger(n, None);
                }
                let snapshot = job.snapshots(n).unwrap();
                prop_assert_eq!(plan.counted(&snapshot), plan.read(&snapshot), "checkpoint {} is not exact", n);
                plan.restore = snapshot;
                if *complete {
                    job.complete(n);
                }
                // Else: acknowledged, then the job dies before anyone hears that it is complete.
            }
            job.cancel();
        }
        plan.limit.store(i64::MAX, Ordering::SeqCst);
        let mut job = Job::start(&plan);
        job.ended();
        id += 1;
        job.trigger(id, None);
        let snapshot = job.snapshots(id).unwrap();
        prop_assert_eq!(plan.counted(&snapshot), plan.total());
        job.complete(id);
        job.finish();
        prop_assert_eq!(plan.ledger.rows(), plan.expected());
        let left = std::fs::read_dir(plan.work.path()).unwrap().count();
        prop_assert_eq!(left, 0, "working folders are left");
    }
}

/// One source has passed the barrier and goes on; the other stands still before it.
fn skew(aligned: bool) -> (i64, i64) {
    let mut plan = Plan::new(&[vec![50], vec![50]]);
    plan.aligned = aligned;
    plan.parallelism = 1;
    let stuck = Gate::closed();
    plan.stuck = vec![None, Some(stuck.clone())];
    plan.limit.store(10, Ordering::SeqCst);
    let mut job = Job::start(&plan);
    eventually(|| job.rows_in("count") == 10);
    job.trigger(1, None);
    eventually(|| plan.snapshots_taken.load(Ordering::SeqCst) > 0);
    plan.limit.store(30, Ordering::SeqCst);
    eventually(|| job.rows_in("source-0") == 30);
    if !aligned {
        // Rows behind the barrier are let through, which is what at-least-once means.
        eventually(|| job.rows_in("count") == 30);
    }
    stuck.open();
    let snapshot = job.snapshots(1).unwrap();
    let result = (plan.read(&snapshot), plan.counted(&snapshot));
    job.complete(1);
    job.cancel();
    result
}

#[test]
fn aligned_barriers_hold_rows_back() {
    let (read, counted) = skew(true);
    assert_eq!(read, counted);
}

#[test]
fn at_least_once_does_not_wait() {
    let (read, counted) = skew(false);
    assert!(counted >= read + 20, "{counted} rows counted, {read} read before the barrier");
}

#[test]
fn back_pressure_bounds_what_is_in_flight() {
    let mut plan = Plan::new(&[vec![400_000]]);
    plan.batch = 5_000;
    plan.parallelism = 1;
    plan.chaining = false;
    plan.limit.store(i64::MAX, Ordering::SeqCst);
    plan.ledger.gate.close();
    let mut job = Job::start(&plan);
    // Two queues of 32 Ki rows, and batches in hand: it cannot read all before the sink takes any.
    eventually(|| job.rows_in("source-0") >= 60_000);
    let bound = 2 * 32_768 + 5 * 5_000;
    let read = job.rows_in("source-0");
    assert!(read <= bound, "{read} rows read while the sink took none");
    // What is under way counts: the source waits for space, and nothing has come of it yet.
    let waited = || job.deployed().times().into_iter().find(|t| t.task.vertex == 0).unwrap().backpressured_nanos;
    eventually(|| waited() > 0);
    let before = waited();
    eventually(|| waited() > before);
    plan.ledger.gate.open();
    job.ended();
    job.trigger(1, None);
    job.snapshots(1).unwrap();
    job.complete(1);
    let source = job.deployed().times().into_iter().find(|t| t.task.vertex == 0).unwrap();
    assert!(source.backpressured_nanos > 0 && source.busy_nanos > 0, "{source:?}");
    job.finish();
    assert_eq!(plan.ledger.rows(), plan.expected());
}

#[test]
fn cancel_reaches_tasks_that_wait_for_space_and_for_input() {
    let mut plan = Plan::new(&[vec![400_000], vec![5]]);
    plan.batch = 5_000;
    plan.parallelism = 1;
    plan.limit.store(100_000, Ordering::SeqCst);
    plan.ledger.gate.close();
    let mut job = Job::start(&plan);
    eventually(|| job.rows_in("source-0") > 32_768);
    job.deployed().send(TaskCommand::Cancel);
    // The sink is inside user code and cannot be stopped; everyone else ends at once.
    job.wait("two sources finished", |events| {
        (events.iter().filter(|e| matches!(e, TaskEvent::Finished(_))).count() >= 2).then_some(())
    });
    plan.ledger.gate.open();
    job.cancel();
}

#[test]
fn dropping_a_deployment_cancels_it() {
    let plan = Plan::new(&[vec![10]]);
    let mut job = Job::start(&plan);
    drop(job.deployment.take());
    job.wait("all finished", |events| {
        (events.iter().filter(|e| matches!(e, TaskEvent::Finished(_))).count() == 2).then_some(())
    });
}

#[test]
fn a_panic_is_a_failure_and_the_last_thing_heard() {
    let mut plan = Plan::new(&[vec![100]]);
    plan.panic_at = Some(42);
    plan.limit.store(i64::MAX, Ordering::SeqCst);
    let mut job = Job::start(&plan);
    let text = job.wait("failure", |events| {
        events.iter().find_map(|e| match e {
            TaskEvent::Failed(_, error) => Some(format!("{:?} {error}", error.domain())),
            _ => None,
        })
    });
    assert_eq!(text, "Internal task panicked: row 42 is poison");
    let events = job.cancel();
    let failure = events.iter().position(|e| matches!(e, TaskEvent::Failed(..))).unwrap();
    assert!(events[failure + 1..].iter().all(|e| matches!(e, TaskEvent::Finished(_))), "{events:?}");
}

#[test]
fn a_failed_upload_declines_the_checkpoint_and_the_job_goes_on() {
    let mut plan = Plan::new(&[vec![100]]);
    plan.parallelism = 2;
    plan.limit.store(30, Ordering::SeqCst);
    let mut job = Job::start(&plan);
    plan.store.fail_writes(Some("bucket is full"));
    job.trigger(1, None);
    let error: Error = job.snapshots(1).unwrap_err();
    assert!(error.to_string().contains("snapshot of count: bucket is full"), "{error}");
    plan.store.fail_writes(None);
    job.deployed().send(TaskCommand::Abort(1));
    plan.limit.store(i64::MAX, Ordering::SeqCst);
    job.ended();
    job.trigger(2, None);
    let snapshot = job.snapshots(2).unwrap();
    assert_eq!(plan.counted(&snapshot), 100);
    job.complete(2);
    job.finish();
    assert_eq!(plan.ledger.rows(), plan.expected());
}

#[test]
fn aborting_an_alignment_frees_its_channels() {
    let mut plan = Plan::new(&[vec![50], vec![50]]);
    plan.parallelism = 1;
    let stuck = Gate::closed();
    plan.stuck = vec![None, Some(stuck.clone())];
    plan.limit.store(10, Ordering::SeqCst);
    let mut job = Job::start(&plan);
    job.trigger(1, None);
    eventually(|| plan.snapshots_taken.load(Ordering::SeqCst) > 0);
    job.deployed().send(TaskCommand::Abort(1));
    plan.limit.store(i64::MAX, Ordering::SeqCst);
    // Rows behind the given-up barrier come through although the other source still stands.
    eventually(|| job.rows_in("count") == 50);
    stuck.open();
    job.ended();
    job.trigger(2, None);
    assert_eq!(plan.counted(&job.snapshots(2).unwrap()), 100);
    job.complete(2);
    job.finish();
    assert_eq!(plan.ledger.rows(), plan.expected());
}

#[test]
fn a_source_that_ended_takes_part_while_others_go_on() {
    let mut plan = Plan::new(&[vec![5], vec![60]]);
    plan.parallelism = 2;
    plan.limit.store(20, Ordering::SeqCst);
    let mut job = Job::start(&plan);
    eventually(|| job.rows_in("count") == 25);
    for id in 1..4 {
        job.trigger(id, None);
        let snapshot = job.snapshots(id).unwrap();
        assert_eq!((plan.read(&snapshot), plan.counted(&snapshot)), (25, 25));
        job.complete(id);
    }
    plan.limit.store(i64::MAX, Ordering::SeqCst);
    job.ended();
    assert!(job.deployed().status().iter().all(|s| s.watermark_ms == Some(MAX_WATERMARK)));
    job.trigger(4, None);
    job.snapshots(4).unwrap();
    job.complete(4);
    job.finish();
    assert_eq!(plan.ledger.rows(), plan.expected());
}

#[test]
fn suspend_keeps_what_is_open_and_drain_emits_it() {
    for (stop, finals) in [(StopMode::Suspend, 0), (StopMode::Drain, 2)] {
        let mut plan = Plan::new(&[vec![100]]);
        plan.parallelism = 2;
        plan.final_row = true;
        plan.limit.store(40, Ordering::SeqCst);
        let mut job = Job::start(&plan);
        eventually(|| job.rows_in("count") == 40);
        plan.limit.store(70, Ordering::SeqCst);
        job.trigger(1, Some(stop));
        let snapshot = job.snapshots(1).unwrap();
        let read = plan.read(&snapshot);
        assert_eq!(plan.counted(&snapshot), read);
        job.complete(1);
        job.ended();
        job.finish();
        let rows = plan.ledger.rows();
        assert_eq!(rows.iter().filter(|(k, _)| *k == -1).count(), finals, "{stop:?}");
        assert_eq!(rows.len() as i64, read + finals as i64);
        assert_eq!(*plan.ends.lock(), vec![stop == StopMode::Drain; 2]);
        assert_eq!(plan.polled.load(Ordering::SeqCst), read, "rows were read behind the stop");
    }
}

#[test]
fn a_suspension_that_fails_lets_the_job_go_on() {
    let plan = Plan::new(&[vec![100]]);
    plan.limit.store(40, Ordering::SeqCst);
    let mut job = Job::start(&plan);
    job.trigger(1, Some(StopMode::Suspend));
    job.snapshots(1).unwrap();
    job.deployed().send(TaskCommand::Abort(1));
    plan.limit.store(i64::MAX, Ordering::SeqCst);
    job.ended();
    assert_eq!(*plan.ends.lock(), [true]);
    job.trigger(2, None);
    job.snapshots(2).unwrap();
    job.complete(2);
    job.finish();
    assert_eq!(plan.ledger.rows(), plan.expected());
}

#[test]
fn the_watermark_is_the_smallest_over_all_channels_and_idle_ones_do_not_count() {
    let mut plan = Plan::new(&[vec![100], vec![100]]);
    plan.parallelism = 1;
    plan.stamp = true;
    plan.idle_at = vec![None, Some(7)];
    plan.limit.store(5, Ordering::SeqCst);
    let job = Job::start(&plan);
    let watermark = |job: &Job| job.deployed().status().iter().find(|s| s.uid.0 == "count").unwrap().watermark_ms;
    eventually(|| watermark(&job) == Some(4));
    // The second goes idle at its 7th row: the first alone counts.
    plan.limit.store(20, Ordering::SeqCst);
    eventually(|| watermark(&job) == Some(19));
    job.cancel();
}

#[test]
fn what_cannot_run_is_refused_before_anything_starts() {
    let mut plan = Plan::new(&[vec![1]]);
    plan.parallelism = 200;
    let (request, _events) = plan.request();
    let error = super::deploy_local(request).err().unwrap();
    assert!(error.to_string().contains("200, more than max parallelism 64"), "{error}");
}

#[test]
fn figures_of_a_task_add_up_between_workers() {
    let mut plan = Plan::new(&[vec![3000]]);
    plan.workers = 2;
    plan.parallelism = 2;
    plan.chaining = false;
    plan.limit.store(i64::MAX, Ordering::SeqCst);
    let mut job = Job::start(&plan);
    job.ended();
    job.trigger(1, None);
    job.snapshots(1).unwrap();
    let status = job.deployed().status();
    let figures: Vec<_> = status.iter().filter_map(|o| Some((o.task, o.figures.clone()?))).collect();
    assert_eq!(figures.len(), status.len(), "without chains every operator is a task");
    let sum = |of: fn(&TaskFigures) -> u64| figures.iter().map(|(_, f)| of(f)).sum::<u64>();
    assert!(sum(|f| f.bytes_out) > 0 && sum(|f| f.bytes_out) == sum(|f| f.bytes_in), "{figures:?}");
    assert_eq!(sum(|f| f.queued_bytes), 0);
    let between = sum(|f| f.channels.iter().map(|c| c.sent_bytes).sum());
    assert!(between > 0 && between <= sum(|f| f.bytes_out), "{figures:?}");
    assert!(figures.iter().all(|(_, f)| f.endpoint.is_some()));
    // A task that has ended waits: that is no work.
    let idle = || job.deployed().times().iter().map(|t| t.idle_nanos).min().unwrap();
    let before = idle();
    eventually(|| idle() > before);
    job.complete(1);
    job.finish();
}

#[test]
fn workers_talk_over_mutual_tls() {
    let mut plan = Plan::new(&[vec![2000, 900], vec![1500]]);
    plan.workers = 3;
    plan.parallelism = 4;
    plan.tls = Some(crate::net::tests::certificates());
    plan.limit.store(i64::MAX, Ordering::SeqCst);
    let mut job = Job::start(&plan);
    job.ended();
    job.trigger(1, None);
    assert_eq!(plan.counted(&job.snapshots(1).unwrap()), 4400);
    job.complete(1);
    job.finish();
    assert_eq!(plan.ledger.rows(), plan.expected());
}

#[test]
fn a_worker_that_goes_is_a_lost_peer_and_the_rest_stands_still() {
    let mut plan = Plan::new(&[vec![100_000]]);
    plan.workers = 2;
    plan.parallelism = 2;
    plan.limit.store(50_000, Ordering::SeqCst);
    let mut job = Job::start(&plan);
    eventually(|| job.rows_in("count") > 0);
    drop(job.deployment.as_mut().unwrap().workers.remove(1));
    let text = job.wait("lost peer", |events| {
        events.iter().find_map(|e| match e {
            TaskEvent::PeerLost(e) => Some(e.to_string()),
            TaskEvent::Failed(_, e) => Some(e.to_string()),
            _ => None,
        })
    });
    assert!(text.contains("is lost"), "{text}");
    job.cancel();
}
