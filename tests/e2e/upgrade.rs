//! Another script for a job that runs: by a savepoint when the state fits, not at all when it does not.

use crate::support::output::{Output, settle};
use crate::support::watch::{Watched, condition, pods};
use crate::support::{beside, now_ms};
use std::time::Duration;
use streamjob_crds::status::UpgradeOutcome;

#[test]
fn counts_go_on_when_the_state_fits() {
    beside("upgrade::fits", async |space| {
        let job = space.job("orders").with("/spec/parallelism", 2);
        let watched = Watched::new(space, &job.name);
        watched.apply(&job).await;
        watched.until_running().await;
        let mut output = Output::default();
        settle(&space.storage, &mut output).await;
        for version in ["v2", "v3"] {
            let (begun, mark) = (now_ms(), watched.mark());
            watched.apply(&job.clone().version(version)).await;
            let (outcome, upgraded) = watched.until_upgraded(mark).await;
            assert_eq!(outcome, UpgradeOutcome::Completed, "{}", watched.story());
            let shown = now_ms();
            let status = upgraded.status.unwrap();
            let upgrade = status.upgrade.clone().unwrap();
            let savepoint = upgrade.savepoint_path.expect("the savepoint that was taken before");
            assert_eq!(status.savepoint.unwrap().latest.unwrap().path.as_deref(), Some(savepoint.as_str()));
            watched.until_running().await;
            settle(&space.storage, &mut output).await;
            let first =
                output.seen.iter().filter(|r| r.2 == version).map(|r| r.1).min().expect("rows of the new version");
            println!(
                "upgrade to {version}: {} without rows; first row of it after {:.2} s, status says done after {:.2} s; status.upgrade.outage {:?}",
                output.gap(begun, now_ms()),
                (first - begun) as f64 / 1000.0,
                (shown - begun) as f64 / 1000.0,
                upgrade.outage.map(|o| o.to_string())
            );
        }
        println!("{}", watched.story());
        let last_of_old = output.seen.iter().filter(|r| r.2 == "v1").map(|r| r.0).max().unwrap();
        let first_of_new = output.seen.iter().filter(|r| r.2 == "v3").map(|r| r.0).min().unwrap();
        assert!(last_of_old < first_of_new, "two versions made rows at the same time");
    });
}

#[test]
fn an_upgrade_that_does_not_fit_is_refused_and_nothing_is_touched() {
    beside("upgrade::refused", async |space| {
        let job = space.job("orders").with("/spec/parallelism", 2);
        let watched = Watched::new(space, &job.name);
        watched.apply(&job).await;
        let before = watched.until_running().await.status.unwrap();
        let (running, mark) = (pods(space, "orders").await, watched.mark());
        watched.apply(&job.clone().incompatible()).await;
        let (outcome, _) = watched.until_upgraded(mark).await;
        assert_eq!(outcome, UpgradeOutcome::Refused, "{}", watched.story());
        let stalled = watched.until_stalled().await;
        println!("{}: {}", stalled.reason, stalled.message);
        assert_eq!(stalled.reason, "UpgradeRefused");
        assert!(
            stalled.message.to_lowercase().contains("window-aggregate"),
            "the operator is named: {}",
            stalled.message
        );
        assert!(stalled.message.contains("allowNonRestoredState"), "the field is named: {}", stalled.message);
        // The pods are those that ran before, in the same process: nothing was restarted.
        until_only(space, &running).await;
        let mut output = Output::default();
        settle(&space.storage, &mut output).await;
        let after = watched.until("status", |_, _| true).await.status.unwrap();
        assert_eq!((after.revision, after.job.unwrap().generation), (before.revision, before.job.unwrap().generation));
        assert_eq!(
            condition(&watched.until("status", |_, _| true).await.status.unwrap(), "JobRunning")
                .unwrap()
                .status
                .as_str(),
            "True"
        );

        // Put right, it goes on.
        let mark = watched.mark();
        watched.apply(&job.version("v2")).await;
        assert_eq!(watched.until_upgraded(mark).await.0, UpgradeOutcome::Completed, "{}", watched.story());
        watched.until_running().await;
        settle(&space.storage, &mut output).await;
        assert!(output.seen.iter().any(|r| r.2 == "v2"));
    });
}

/// Waits until these pods are the only ones. They must be there all the time.
async fn until_only(space: &crate::support::Space, wanted: &[(String, String)]) {
    let begun = std::time::Instant::now();
    loop {
        let there = pods(space, "orders").await;
        assert!(wanted.iter().all(|pod| there.contains(pod)), "pods of the old form are gone: {wanted:?} {there:?}");
        if there == wanted {
            return;
        }
        assert!(begun.elapsed() < crate::support::PATIENCE, "pods of the refused form stay: {there:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
