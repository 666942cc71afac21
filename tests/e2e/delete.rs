//! A job is deleted: with a savepoint when it asks for one, and never held for ever.

use crate::support::output::{Output, judge_stopped, settle};
use crate::support::watch::{Watched, condition, pods};
use crate::support::{PATIENCE, Space, beside};
use kube::api::DeleteParams;
use serde_json::json;
use std::time::Duration;

const FINALIZER: &str = "streamjob.dev/savepoint";

/// Waits until the job and all that belongs to it are gone.
async fn until_gone(space: &Space, watched: &Watched, mark: usize) {
    watched.until_since(mark, "end of the object", |s| s.job.is_none()).await;
    let begun = std::time::Instant::now();
    loop {
        let kinds = "pods,jobs,statefulsets,services,configmaps,controllerrevisions,serviceaccounts,poddisruptionbudgets,networkpolicies";
        let left = space.kubectl(&["get", kinds, "-l", "streamjob.dev/job=orders", "-o", "name"]).await.unwrap();
        if left.trim().is_empty() {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "left behind: {left}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

#[test]
fn a_deleted_job_leaves_a_savepoint_that_its_successor_must_be_told_to_take() {
    beside("delete::savepoint", async |space| {
        let job = space.job("orders").with("/spec/savepoint", json!({"onDelete": true}));
        let watched = Watched::new(space, &job.name);
        watched.apply(&job).await;
        let running = watched.until_running().await;
        assert_eq!(running.metadata.finalizers.unwrap_or_default(), [FINALIZER]);
        let mut output = Output::default();
        settle(&space.storage, &mut output).await;
        let mark = watched.mark();
        watched.api.delete("orders", &DeleteParams::default()).await.unwrap();
        until_gone(space, &watched, mark).await;
        let judged = judge_stopped(&space.storage, &mut output).await;
        let savepoints = space.storage.keys("").await.unwrap();
        assert!(savepoints.iter().any(|k| k.contains("savepoint") && k.ends_with("/_metadata")), "{savepoints:?}");

        // Under the same name: whose state it goes on with, the user says.
        watched.apply(&job).await;
        let stalled = watched.until_stalled().await;
        println!("{}: {}", stalled.reason, stalled.message);
        assert!(
            stalled.message.contains("Latest") && stalled.message.contains("None"),
            "both ways: {}",
            stalled.message
        );
        watched.apply(&job.with("/spec/restore", json!({"from": "Latest", "nonce": 1}))).await;
        watched.until_running().await;
        assert!(settle(&space.storage, &mut output).await.complete > judged.complete);
    });
}

#[test]
fn a_job_without_a_wish_for_a_savepoint_goes_at_once() {
    beside("delete::plain", async |space| {
        let job = space.job("orders");
        let watched = Watched::new(space, &job.name);
        watched.apply(&job).await;
        assert_eq!(watched.until_running().await.metadata.finalizers, None);
        let mark = watched.mark();
        watched.api.delete("orders", &DeleteParams::default()).await.unwrap();
        until_gone(space, &watched, mark).await;
        // What it has written stays, and is right as far as it goes.
        let mut output = Output::default();
        assert!(judge_stopped(&space.storage, &mut output).await.rows > 0);
        assert!(space.storage.keys("").await.unwrap().iter().any(|k| k.ends_with("/_metadata")), "checkpoints stay");
    });
}

#[test]
fn a_deletion_that_waits_for_a_savepoint_says_so_and_can_be_forced() {
    beside("delete::forced", async |space| {
        let job = space.job("orders").with("/spec/savepoint", json!({"onDelete": true}));
        let watched = Watched::new(space, &job.name);
        watched.apply(&job).await;
        watched.until_running().await;
        // From here on no savepoint can be taken.
        let mark = watched.mark();
        watched
            .apply(
                &job.with("/spec/checkpoint/timeout", "10ms")
                    .with("/spec/checkpoint/tolerableFailures", 1000)
                    .with("/spec/upgrade", json!({"mode": "LastCheckpoint", "rollback": {"enabled": false}})),
            )
            .await;
        watched
            .status_since(mark, "form that completes no checkpoint", |_, s| {
                s.upgrade.as_ref().is_some_and(|u| u.phase.is_some_and(|p| p.as_str() == "Verify"))
            })
            .await;
        watched.api.delete("orders", &DeleteParams::default()).await.unwrap();
        let told = |s: &streamjob_crds::StreamJobStatus| {
            condition(s, "Stalled").filter(|c| c.status.as_str() == "True").cloned()
        };
        let held = watched
            .until("reason why it waits", |job, s| {
                job.metadata.deletion_timestamp.is_some() && told(s).is_some_and(|c| c.message.contains("force-delete"))
            })
            .await;
        println!("{}", told(held.status.as_ref().unwrap()).unwrap().message);
        assert!(!pods(space, "orders").await.is_empty(), "the job runs on meanwhile");
        let mark = watched.mark();
        space.kubectl(&["annotate", "sj/orders", "streamjob.dev/force-delete=true"]).await.unwrap();
        until_gone(space, &watched, mark).await;
        let mut output = Output::default();
        judge_stopped(&space.storage, &mut output).await;
    });
}
