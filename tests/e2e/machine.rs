//! Storage refuses, a node is lost. These use the scripts of the test cluster.

use crate::support::output::{Output, settle};
use crate::support::watch::{Watched, holds, is_current};
use crate::support::{Space, alone, now_ms};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::ListParams;
use serde_json::json;
use std::process::Command;
use streamjob_crds::status::UpgradeOutcome;

/// Runs a script of the test cluster. False, which is said, when this is another cluster.
fn script(test: &str, name: &str, args: &[&str]) -> bool {
    let Some(cluster) = std::env::var_os("E2E_CLUSTER").filter(|c| !c.is_empty()) else {
        let text = "this needs the test cluster: run it inside tests/cluster/enter";
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{test}: {text}");
        eprintln!("SKIPPED {test}: {text}");
        return false;
    };
    let done = Command::new(std::path::Path::new(&cluster).join(name)).args(args).output().unwrap();
    assert!(done.status.success(), "{name}: {}", String::from_utf8_lossy(&done.stderr));
    true
}

/// Undoes what a script did, also when the test fails.
struct Undo(&'static str, &'static str, Vec<String>);

impl Drop for Undo {
    fn drop(&mut self) {
        let args: Vec<&str> = self.2.iter().map(String::as_str).collect();
        script(self.0, self.1, &args);
    }
}

async fn running(space: &Space) -> (crate::support::Job, Watched, Output) {
    let job = space.job("orders").with("/spec/parallelism", 2).with("/spec/checkpoint/tolerableFailures", 1000);
    let watched = Watched::new(space, &job.name);
    watched.apply(&job).await;
    watched.until_running().await;
    let mut output = Output::default();
    settle(&space.storage, &mut output).await;
    (job, watched, output)
}

#[test]
fn storage_that_refuses_during_an_upgrade_stops_the_upgrade_not_the_job() {
    const TEST: &str = "machine::storage";
    alone(TEST, async |space| {
        let (job, watched, mut output) = running(space).await;
        let before = crate::support::watch::pods(space, "orders").await;
        let (begun, mark) = (now_ms(), watched.mark());
        if !script(TEST, "s3-stop.sh", &[]) {
            return;
        }
        let away = Undo(TEST, "s3-start.sh", Vec::new());
        watched.apply(&job.clone().version("v2")).await;
        watched
            .status_since(mark, "upgrade that waits", |_, s| s.upgrade.as_ref().is_some_and(|u| u.phase.is_some()))
            .await;
        watched
            .status_since(mark, "message that tells of it", |_, s| {
                !holds(s, "Ready") && !holds(s, "CheckpointsHealthy")
            })
            .await;
        // The old pods are there all the time.
        let during = crate::support::watch::pods(space, "orders").await;
        assert!(before.iter().all(|p| during.contains(p)), "{before:?} {during:?}; {}", watched.story());
        drop(away);
        // What could not be is tried again by itself when storage is back.
        watched
            .status_since(mark, "upgrade that is done", |job, s| {
                let outcome = s.upgrade.as_ref().and_then(|u| u.outcome);
                is_current(job, s) && outcome == Some(UpgradeOutcome::Completed)
            })
            .await;
        println!("storage away during an upgrade: {}", watched.story());
        watched.until_running().await;
        settle(&space.storage, &mut output).await;
        println!("storage away during an upgrade: {} without rows", output.gap(begun, now_ms()));
        assert!(output.seen.iter().any(|r| r.2 == "v2"));
    });
}

#[test]
fn a_node_that_is_lost_with_everything_on_it_takes_no_row_with_it() {
    const TEST: &str = "machine::node";
    alone(TEST, async |space| {
        let (job, watched, mut output) = running(space).await;
        // Once in a job that runs, once in an upgrade; the second node, then it is back and so are its pods.
        for upgrade in [false, true] {
            let (begun, mark) = (now_ms(), watched.mark());
            if upgrade {
                watched.apply(&job.clone().version("v2")).await;
                watched
                    .status_since(mark, "upgrade", |_, s| s.upgrade.as_ref().is_some_and(|u| u.phase.is_some()))
                    .await;
            }
            let node = node_of_the_coordinator(space).await;
            if !script(TEST, "node-cut.sh", &[&node]) {
                return;
            }
            let cut = Undo(TEST, "node-join.sh", vec![node.clone()]);
            if upgrade {
                assert_eq!(watched.until_upgraded(mark).await.0, UpgradeOutcome::Completed, "{}", watched.story());
            } else {
                watched.status_since(mark, "job that is missed", |_, s| !holds(s, "JobRunning")).await;
            }
            watched.until_running().await;
            // What still runs on the node that is cut off can commit nothing.
            settle(&space.storage, &mut output).await;
            println!("node {node} lost, in an upgrade: {upgrade}: {} without rows", output.gap(begun, now_ms()));
            drop(cut);
            settle(&space.storage, &mut output).await;
        }
        println!("{}", watched.story());
    });
}

/// Number of the node with the coordinator on it: the worst one to lose.
async fn node_of_the_coordinator(space: &Space) -> String {
    let api: Api<Pod> = space.api();
    let labels = "streamjob.dev/job=orders,app.kubernetes.io/component=coordinator";
    let list = api.list(&ListParams::default().labels(labels)).await.unwrap();
    let node = list.iter().find_map(|p| p.spec.as_ref()?.node_name.clone()).expect("a coordinator on a node");
    node.trim_start_matches("node-").to_owned()
}

/// Where S3 is refused from the beginning a job cannot start, says so, and starts when it can.
#[test]
fn a_job_without_storage_says_so_and_starts_when_there_is_some() {
    const TEST: &str = "machine::start";
    alone(TEST, async |space| {
        if !script(TEST, "s3-stop.sh", &[]) {
            return;
        }
        let away = Undo(TEST, "s3-start.sh", Vec::new());
        let job = space.job("orders").with("/spec/upgrade", json!({"rollback": {"deadline": "5s"}}));
        let watched = Watched::new(space, &job.name);
        watched.apply(&job).await;
        let told = watched.until_stalled().await;
        println!("{}: {}", told.reason, told.message);
        drop(away);
        watched.until_running().await;
        settle(&space.storage, &mut Output::default()).await;
    });
}
