//! The status against the job itself: what its coordinator says of the times at which tasks ran and failed, and when a
//! watcher of the object was told.

use crate::support::output::{Output, settle};
use crate::support::watch::{Watched, holds, pods};
use crate::support::{Space, beside, kill, now_ms};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::ListParams;
use serde_json::Value;

#[test]
fn the_status_follows_a_job_that_starts_fails_and_comes_back() {
    beside("truth::status", async |space| {
        let job = space.job("orders").with("/spec/parallelism", 2);
        let watched = Watched::new(space, &job.name);
        watched.apply(&job).await;
        watched.until_running().await;
        tell("running", entered(space, "RUNNING").await, told(&watched, 0, true).await);

        let (mark, killed) = (watched.mark(), now_ms());
        let api: Api<Pod> = space.api();
        let labels = "streamjob.dev/job=orders,app.kubernetes.io/component=worker";
        for pod in api.list(&ListParams::default().labels(labels)).await.unwrap() {
            kill::kill(&api, &pod).await;
        }
        let away = told(&watched, mark, false).await;
        let mark = watched.mark();
        watched.until_running().await;
        let failed = entered(space, "FAILING").await;
        assert!(failed >= killed, "the coordinator noticed no failure: {}", watched.story());
        tell("failing", failed, away);
        tell("running again", entered(space, "RUNNING").await, told(&watched, mark, true).await);
        settle(&space.storage, &mut Output::default()).await;
    });
}

fn tell(what: &str, truth_ms: i64, told_ms: i64) {
    println!("status: {what} told {} ms after it was so", told_ms - truth_ms);
}

/// When a watcher was told for the first time since `mark` whether the job runs.
async fn told(watched: &Watched, mark: usize, runs: bool) -> i64 {
    let what = if runs { "job that runs" } else { "job that does not run" };
    let right = |s: &crate::support::watch::Sight| {
        s.job.as_ref().and_then(|j| j.status.as_ref()).is_some_and(|s| holds(s, "JobRunning") == runs)
    };
    watched.until_since(mark, what, right).await.at_ms
}

/// When the job last entered a state, by its coordinator, milliseconds since the epoch.
async fn entered(space: &Space, state: &str) -> i64 {
    let pods = pods(space, "orders").await;
    let (pod, _) = pods.iter().find(|(name, _)| name.contains("coordinator")).expect("a coordinator");
    let path = format!("/api/v1/namespaces/{}/pods/{pod}:8081/proxy/status", space.namespace);
    let status: Value = serde_json::from_str(&space.kubectl(&["get", "--raw", &path]).await.unwrap()).unwrap();
    status["timestamps"][state].as_i64().unwrap_or_else(|| panic!("never {state}: {status}"))
}
