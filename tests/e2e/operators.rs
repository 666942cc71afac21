//! Two operators at once: one acts, the other takes over when it is lost.

use crate::support::audit::Mark;
use crate::support::output::{Output, settle};
use crate::support::watch::Watched;
use crate::support::{PATIENCE, alone, kill, operator};
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, ResourceExt};
use std::time::{Duration, Instant};
use streamjob_crds::status::UpgradeOutcome;

#[test]
fn one_of_two_operators_acts_and_the_other_takes_over() {
    alone("operators::two", async |space| {
        operator::scale(&space.client, 2).await;
        operator::until_ready(&space.client, 2).await;
        let mark = Mark::now("operators::two");
        let job = space.job("orders");
        let watched = Watched::new(space, &job.name);
        watched.apply(&job).await;
        watched.until_running().await;
        let mut output = Output::default();
        settle(&space.storage, &mut output).await;
        let leader = leading_pod(space).await.expect("an operator that leads");
        if let Some(mark) = &mark {
            assert_eq!(mark.writers(&space.namespace), std::slice::from_ref(&leader), "only the leader writes");
        }

        // The leader is lost in the middle of an upgrade.
        let from = watched.mark();
        watched.apply(&job.clone().version("v2")).await;
        watched.status_since(from, "upgrade", |_, s| s.upgrade.as_ref().is_some_and(|u| u.phase.is_some())).await;
        let begun = Instant::now();
        let lost = operator::pods(&space.client).await.into_iter().find(|p| p.name_any() == leader).unwrap();
        // Halted, it neither renews nor lets go, and does not know it when it goes on.
        let halts = kill::in_reach();
        if halts {
            assert!(kill::signal(&lost, "STOP"), "{leader} has ended");
        } else {
            let api: Api<Pod> = Api::namespaced(space.client.clone(), &operator::namespace());
            assert!(kill::kill(&api, &lost).await, "{leader} has ended");
        }
        let next = loop {
            let now = leading_pod(space).await;
            if let Some(now) = now.filter(|now| *now != leader) {
                break now;
            }
            assert!(begun.elapsed() < PATIENCE, "{leader} leads for ever, though it is gone");
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        println!("another operator leads {:.1} s after the first was lost", begun.elapsed().as_secs_f64());
        let mark = Mark::now("operators::two");
        if halts {
            kill::signal(&lost, "CONT");
        }
        assert_eq!(watched.until_upgraded(from).await.0, UpgradeOutcome::Completed, "{}", watched.story());
        watched.until_running().await;
        settle(&space.storage, &mut output).await;
        assert!(output.seen.iter().any(|r| r.2 == "v2"));
        if let Some(mark) = &mark {
            let writers = mark.writers(&space.namespace);
            assert!(writers.iter().all(|w| *w == next), "{next} leads, but {writers:?} wrote");
        }
        operator::scale(&space.client, 1).await;
        operator::until_ready(&space.client, 1).await;
    });
}

/// The pod that holds the lease.
async fn leading_pod(space: &crate::support::Space) -> Option<String> {
    let holder = operator::leader(&space.client).await?;
    let pods = operator::pods(&space.client).await;
    // What follows the pod's name may tell two processes of one pod apart.
    pods.iter().map(|p| p.name_any()).find(|name| holder.starts_with(name.as_str()))
}
