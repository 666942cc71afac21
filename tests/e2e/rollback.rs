//! New forms that do not come up, or do not prove themselves: the old one is kept, or comes back.

use crate::support::output::{Output, settle};
use crate::support::watch::{Watched, holds, pods};
use crate::support::{Job, Space, beside, now_ms};
use serde_json::json;
use streamjob_crds::status::UpgradeOutcome;

/// How long a new form has to prove itself.
const DEADLINE: &str = "30s";

/// A job that runs, and what it has committed.
async fn running(space: &Space) -> (Job, Watched, Output) {
    let job = space.job("orders").with("/spec/upgrade", json!({"rollback": {"deadline": DEADLINE}}));
    let watched = Watched::new(space, &job.name);
    watched.apply(&job).await;
    watched.until_running().await;
    let mut output = Output::default();
    settle(&space.storage, &mut output).await;
    (job, watched, output)
}

/// Applies a form that cannot take over, and judges that the old one goes on in the pods that it has.
async fn is_kept(space: &Space, change: impl FnOnce(Job) -> Job, told: &str) {
    let (job, watched, mut output) = running(space).await;
    let (before, mark) = (pods(space, "orders").await, watched.mark());
    watched.apply(&change(job.clone().version("v2"))).await;
    let (outcome, upgraded) = watched.until_upgraded(mark).await;
    assert_eq!(outcome, UpgradeOutcome::Refused, "{}", watched.story());
    let stalled = watched.until_stalled().await;
    println!("{}: {}", stalled.reason, stalled.message);
    assert!(stalled.message.contains(told), "{told} is not in: {}", stalled.message);
    assert!(!holds(upgraded.status.as_ref().unwrap(), "RolledBack"));
    let after = pods(space, "orders").await;
    assert!(before.iter().all(|p| after.contains(p)), "{before:?} {after:?}");
    settle(&space.storage, &mut output).await;
    assert!(output.seen.iter().all(|r| r.2 == "v1"), "the new form made rows");
    // The old manifest again: nothing is to be done.
    watched.apply(&job).await;
    watched.until_running().await;
    assert!(before.iter().all(|p| after.contains(p)));
}

/// Applies a form that fails only after it took over, and judges that the old one comes back.
async fn comes_back(space: &Space, change: impl FnOnce(Job) -> Job) {
    let (job, watched, mut output) = running(space).await;
    let (begun, mark) = (now_ms(), watched.mark());
    watched.apply(&change(job.clone().version("v2"))).await;
    let (outcome, _) = watched.until_upgraded(mark).await;
    assert_eq!(outcome, UpgradeOutcome::RolledBack, "{}", watched.story());
    let back = watched.until("the old form", |_, s| holds(s, "RolledBack") && holds(s, "JobRunning")).await;
    let stalled = watched.until_stalled().await;
    println!("{}: {}", stalled.reason, stalled.message);
    assert_eq!(stalled.reason, "RolledBack");
    assert_eq!(back.status.unwrap().state.unwrap().as_str(), "RolledBack", "{}", watched.story());
    settle(&space.storage, &mut output).await;
    println!("rolled back: {} without rows, with a deadline of {DEADLINE}", output.gap(begun, now_ms()));
    let last = output.seen.iter().max_by_key(|r| r.0).unwrap();
    assert_eq!(last.2, "v1", "the old form makes the rows");
    // Corrected, it takes over.
    let mark = watched.mark();
    watched.apply(&job.version("v3").with("/spec/upgrade/rollback/deadline", "10m")).await;
    assert_eq!(watched.until_upgraded(mark).await.0, UpgradeOutcome::Completed, "{}", watched.story());
    watched.until_running().await;
    settle(&space.storage, &mut output).await;
    assert!(output.seen.iter().any(|r| r.2 == "v3"));
}

/// A container that is started with this command.
fn command(component: &str, command: &[&str]) -> serde_json::Value {
    json!({"spec": {"containers": [{"name": component, "command": command}]}})
}

#[test]
fn an_image_that_cannot_be_pulled_is_refused() {
    beside("rollback::image", async |space| {
        is_kept(space, |job| job.with("/spec/image", "localhost/not-there:1"), "localhost/not-there:1").await;
    });
}

#[test]
fn a_coordinator_that_crashes_is_refused() {
    beside("rollback::crash", async |space| {
        let template = command("coordinator", &["/usr/local/bin/not-there"]);
        is_kept(space, |job| job.with("/spec/coordinator/podTemplate", template), "not-there").await;
    });
}

#[test]
fn workers_that_crash_are_rolled_back() {
    beside("rollback::workers", async |space| {
        // Another deadline than the surge's patience: the old workers have gone by then.
        let template = command("worker", &["/usr/local/bin/not-there"]);
        comes_back(space, |job| job.with("/spec/worker/podTemplate", template).with("/spec/upgrade/surge", false))
            .await;
    });
}

#[test]
fn a_job_that_never_completes_a_checkpoint_is_rolled_back() {
    beside("rollback::checkpoint", async |space| {
        comes_back(space, |job| {
            with_sinks(job, 24)
                .with("/spec/checkpoint/timeout", "10ms")
                .with("/spec/checkpoint/tolerableFailures", 1000)
        })
        .await;
    });
}

/// With so many sinks more, each of which uploads a file at every barrier: more than 10 ms can hold.
fn with_sinks(job: Job, count: usize) -> Job {
    let sql = job.manifest.pointer("/spec/job/sql").and_then(|s| s.as_str()).unwrap().to_owned();
    let path = sql.split("'path'").nth(1).and_then(|rest| rest.split('\'').nth(1)).expect("a sink's path").to_owned();
    let more = path.replace("/seen", "-more");
    let table = |n| {
        format!(
            "CREATE TABLE more{n} (id BIGINT) WITH ('connector' = 'filesystem', 'format' = 'csv', 'path' = '{more}/{n}');\n"
        )
    };
    let tables: String = (0..count).map(table).collect();
    let inserts: String = (0..count).map(|n| format!("INSERT INTO more{n} SELECT id FROM ids;\n")).collect();
    let (begin, end) = ("EXECUTE STATEMENT SET", "END;");
    assert!(sql.contains(begin) && sql.contains(end), "{sql}");
    job.sql(sql.replace(begin, &format!("{tables}{begin}")).replace(end, &format!("{inserts}{end}")))
}
