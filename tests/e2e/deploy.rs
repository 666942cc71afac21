//! A job is applied and runs.

use crate::support::output::{Output, settle};
use crate::support::watch::{Watched, holds};
use crate::support::{beside, now_ms};

#[test]
fn a_job_that_is_applied_runs_and_kubectl_tells_so() {
    beside("deploy::runs", async |space| {
        let job = space.job("orders").with("/spec/parallelism", 2);
        let watched = Watched::new(space, &job.name);
        let begun = now_ms();
        watched.apply(&job).await;
        space.kubectl(&["wait", "--for=condition=Ready", "sj/orders", "--timeout=240s"]).await.unwrap();
        let ready = now_ms();
        let running = watched.until_running().await;
        let status = running.status.unwrap();
        assert!(holds(&status, "JobRunning") && holds(&status, "CheckpointsHealthy"), "{}", watched.story());
        assert!(!holds(&status, "Stalled") && !holds(&status, "Reconciling") && !holds(&status, "RolledBack"));
        assert_eq!(status.parallelism, Some(2));
        let (job_id, latest) = (status.job.unwrap().id, status.checkpoint.unwrap().latest.unwrap());
        assert!(job_id.is_some() && latest.path.unwrap().starts_with("s3://"));

        let mut output = Output::default();
        settle(&space.storage, &mut output).await;
        let first = output.times().into_iter().min().unwrap();
        println!(
            "deploy: first row after {:.1} s, first checkpoint {:.1} s, kubectl wait ended {:.1} s after kubectl apply",
            (first - begun) as f64 / 1000.0,
            first_checkpoint(&watched).map_or(f64::NAN, |at| (at - begun) as f64 / 1000.0),
            (ready - begun) as f64 / 1000.0
        );

        let columns = space.kubectl(&["get", "sj"]).await.unwrap();
        println!("{columns}");
        let (head, row) = columns.trim().split_once('\n').unwrap();
        for column in ["NAME", "STATE", "READY", "PARALLELISM", "LAST CHECKPOINT", "RESTARTS", "AGE"] {
            assert!(head.contains(column), "{head}");
        }
        let fields: Vec<&str> = row.split_whitespace().collect();
        assert_eq!(&fields[..4], ["orders", "Running", "True", "2"], "{row}");
        assert!(!row.contains("<none>") && !row.contains("<unknown>"), "{row}");
        let wide = space.kubectl(&["get", "streaming", "-o", "wide"]).await.unwrap();
        assert!(wide.contains("IMAGE") && wide.contains("MESSAGE"), "{wide}");
        let events = space.kubectl(&["get", "events", "--field-selector=involvedObject.kind=StreamJob"]).await.unwrap();
        println!("{events}");

        // The same again is no change.
        let pods = crate::support::watch::pods(space, "orders").await;
        let again = watched.apply(&job).await;
        assert_eq!(again.metadata.generation, running.metadata.generation);
        settle(&space.storage, &mut output).await;
        assert_eq!(crate::support::watch::pods(space, "orders").await, pods);
    });
}

/// When the first checkpoint was seen in status.
fn first_checkpoint(watched: &Watched) -> Option<i64> {
    let has = |s: &&crate::support::watch::Sight| {
        s.job.as_ref().and_then(|j| j.status.as_ref()).is_some_and(crate::support::watch::has_checkpoint)
    };
    watched.history().iter().find(has).map(|s| s.at_ms)
}
