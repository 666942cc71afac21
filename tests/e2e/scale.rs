//! `kubectl scale`.

use crate::support::output::{Output, settle};
use crate::support::watch::{Watched, is_current, is_ready, pods};
use crate::support::{beside, now_ms};

#[test]
fn a_job_is_scaled_by_kubectl() {
    beside("scale::kubectl", async |space| {
        let job = space.job("orders").with("/spec/parallelism", 2);
        let watched = Watched::new(space, &job.name);
        watched.apply(&job).await;
        watched.until_running().await;
        let mut output = Output::default();
        settle(&space.storage, &mut output).await;
        let mut before = pods(space, "orders").await;
        for to in [4, 1] {
            let begun = now_ms();
            space.kubectl(&["scale", "sj/orders", &format!("--replicas={to}")]).await.unwrap();
            watched
                .until("other parallelism", |job, s| {
                    job.spec.parallelism == u32::try_from(to).unwrap()
                        && is_current(job, s)
                        && s.parallelism == Some(to)
                        && is_ready(s)
                })
                .await;
            let shown = now_ms();
            settle(&space.storage, &mut output).await;
            println!(
                "scale to {to}: {} without rows, status says done after {:.2} s",
                output.gap(begun, now_ms()),
                (shown - begun) as f64 / 1000.0
            );
            let after = pods(space, "orders").await;
            let stayed = before.iter().filter(|p| after.contains(p)).count();
            assert_eq!(stayed, before.len().min(after.len()), "no pod is restarted: {before:?} {after:?}");
            before = after;
        }
        let asked = space.kubectl(&["get", "sj/orders", "-o", "jsonpath={.spec.parallelism}"]).await.unwrap();
        assert_eq!(asked, "1");
    });
}
