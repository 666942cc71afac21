//! A job is suspended with a savepoint, and goes on from it.

use crate::support::output::{Output, judge_stopped, settle};
use crate::support::watch::{Watched, is_current, is_ready, pods};
use crate::support::{beside, now_ms};
use streamjob_crds::status::JobState;

#[test]
fn a_job_is_suspended_and_resumed() {
    beside("suspend::resume", async |space| {
        let job = space.job("orders").with("/spec/parallelism", 2);
        let watched = Watched::new(space, &job.name);
        watched.apply(&job).await;
        watched.until_running().await;
        let mut output = Output::default();
        for time in 0..2 {
            settle(&space.storage, &mut output).await;
            watched.apply(&job.clone().with("/spec/state", "Suspended")).await;
            let suspended = watched
                .until("suspended job", |job, s| {
                    is_current(job, s) && s.state == Some(JobState::Suspended) && is_ready(s)
                })
                .await;
            let status = suspended.status.unwrap();
            let savepoint = status.savepoint.unwrap().latest.unwrap().path.unwrap();
            assert_eq!((status.parallelism, status.resume_from.as_deref()), (Some(0), Some(savepoint.as_str())));
            until_no_pods(space).await;
            let judged = judge_stopped(&space.storage, &mut output).await;
            let begun = now_ms();
            // The second time with another script, that is made while nothing runs.
            let next = if time == 0 { job.clone() } else { job.clone().version("v2") };
            watched.apply(&next).await;
            let resumed = watched.until_running().await.status.unwrap();
            println!("resume: shown as running after {:.2} s", (now_ms() - begun) as f64 / 1000.0);
            assert_eq!(resumed.restore.unwrap().path.as_deref(), Some(savepoint.as_str()));
            assert!(settle(&space.storage, &mut output).await.complete > judged.complete);
        }
        assert!(output.seen.iter().any(|r| r.2 == "v2"));
    });
}

async fn until_no_pods(space: &crate::support::Space) {
    let begun = std::time::Instant::now();
    loop {
        let there = pods(space, "orders").await;
        if there.is_empty() {
            return;
        }
        assert!(begun.elapsed() < crate::support::PATIENCE, "pods stay: {there:?}");
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
}
