//! Outages with one GiB of state, measured as Flink's operator was: RocksDB, a checkpoint every 3 s, 1,000 rows/s, one
//! worker. Takes minutes and gigabytes, so it is run when it is asked for: make bench-cluster

use crate::support::job::BIG_KEYS;
use crate::support::output::{Output, settle};
use crate::support::watch::{Watched, is_current, is_ready};
use crate::support::{PATIENCE, alone, kill, now_ms};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::ListParams;
use serde_json::json;
use streamjob_crds::status::UpgradeOutcome;

#[test]
#[ignore = "measures, for minutes and gigabytes"]
fn outages_with_a_gigabyte_of_state() {
    alone("gigabyte", async |space| {
        let resources = json!({"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "4Gi"}});
        let job = space.job("orders").gigabyte("v1").with("/spec/checkpoint/interval", "3s");
        let job = job.with("/spec/worker/resources", resources);
        let watched = Watched::new(space, &job.name);
        watched.apply(&job).await;
        watched.until_running().await;
        let mut output = Output::default();
        let begun = std::time::Instant::now();
        while settle(&space.storage, &mut output).await.complete < BIG_KEYS {
            assert!(begun.elapsed() < 2 * PATIENCE, "the state does not grow");
        }
        let size = |s: &streamjob_crds::StreamJobStatus| s.checkpoint.as_ref().and_then(|c| c.latest.as_ref()?.size);
        let full = watched.until("state of a GiB", |_, s| size(s).is_some_and(|n| n > 900 << 20)).await;
        println!("state {} MiB", size(full.status.as_ref().unwrap()).unwrap_or(0) >> 20);

        for version in ["v2", "v3"] {
            let (begun, mark) = (now_ms(), watched.mark());
            watched.apply(&job.clone().gigabyte(version)).await;
            let (outcome, upgraded) = watched.until_upgraded(mark).await;
            assert_eq!(outcome, UpgradeOutcome::Completed, "{}", watched.story());
            let shown = now_ms();
            settle(&space.storage, &mut output).await;
            println!(
                "upgrade: {} without rows; status says done after {:.2} s; status.upgrade.outage {:?}",
                output.gap(begun, now_ms()),
                (shown - begun) as f64 / 1000.0,
                upgraded.status.and_then(|s| s.upgrade?.outage).map(|o| o.to_string())
            );
        }
        println!("{}", watched.story());
        let mut job = job.gigabyte("v3");
        for to in [2, 1] {
            let begun = now_ms();
            job = job.with("/spec/parallelism", to);
            watched.apply(&job).await;
            watched
                .until("other parallelism", |job, s| is_current(job, s) && s.parallelism == Some(to) && is_ready(s))
                .await;
            settle(&space.storage, &mut output).await;
            println!("rescale to {to}: {} without rows", output.gap(begun, now_ms()));
        }
        let api: Api<Pod> = space.api();
        let labels = "streamjob.dev/job=orders,app.kubernetes.io/component=worker";
        let begun = now_ms();
        for pod in api.list(&ListParams::default().labels(labels)).await.unwrap() {
            kill::kill(&api, &pod).await;
        }
        settle(&space.storage, &mut output).await;
        println!("worker killed: {} without rows", output.gap(begun, now_ms()));
    });
}
