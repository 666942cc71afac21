//! What the operator costs the API server: nothing for a job that is settled. Alone, because other jobs may delay it and
//! because it is restarted.

use crate::support::audit::Mark;
use crate::support::output::{Output, settle};
use crate::support::watch::{Watched, is_ready, pods};
use crate::support::{alone, operator};
use kube::api::DeleteParams;
use std::time::Duration;
use streamjob_crds::status::{JobState, UpgradeOutcome};

/// Writes of an upgrade that we want to stay below, and that Flink's operator needs by our measurements.
const GOAL: usize = 15;

#[test]
fn a_settled_job_is_not_written_and_an_upgrade_seldom() {
    alone("writes::settled", async |space| {
        let Some(mark) = Mark::now("writes::settled") else { return };
        let job = space.job("orders").with("/spec/parallelism", 2).with("/spec/checkpoint/interval", "3s");
        let watched = Watched::new(space, &job.name);
        watched.apply(&job).await;
        watched.until_running().await;
        println!("first start: {}", mark.calls(&space.namespace));
        let mut output = Output::default();
        settle(&space.storage, &mut output).await;

        let (mark, from) = (Mark::now("writes").unwrap(), watched.mark());
        watched.apply(&job.clone().version("v2")).await;
        assert_eq!(watched.until_upgraded(from).await.0, UpgradeOutcome::Completed, "{}", watched.story());
        watched.until_running().await;
        let upgrade = mark.calls(&space.namespace);
        println!("upgrade, from apply to Ready: {upgrade}\n{}", watched.story());

        // Checkpoints are news; without them there are none.
        watched.api.delete("orders", &DeleteParams::default()).await.unwrap();
        let job = space.job("quiet").with("/spec/parallelism", 2).with("/spec/checkpoint/interval", "1h");
        let watched = Watched::new(space, &job.name);
        watched.apply(&job).await;
        watched.until("settled job", |_, s| is_ready(s) && s.state == Some(JobState::Running)).await;
        until_quiet(&watched).await;
        let (mark, before) = (Mark::now("writes").unwrap(), pods(space, "quiet").await);
        for n in 0..3 {
            // A change that is none of the operator's business makes it look again.
            space.kubectl(&["label", "sj/quiet", "--overwrite", &format!("look={n}")]).await.unwrap();
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
        // So does a new operator, which looks at everything anew.
        operator::replace(&space.client).await;
        operator::until_ready(&space.client, 1).await;
        tokio::time::sleep(Duration::from_secs(20)).await;
        let settled = mark.calls(&space.namespace);
        println!("settled, looked at three times and by a new operator: {settled}");
        assert_eq!(settled.writes(), 0, "a settled job is written: {settled}");
        assert_eq!(pods(space, "quiet").await, before, "a new operator restarts nothing");
        assert!(upgrade.writes() <= GOAL, "more than {GOAL} writes for an upgrade: {upgrade}");
    });
}

/// Waits until the object has not changed for some seconds.
async fn until_quiet(watched: &Watched) {
    let mut mark = watched.mark();
    let begun = std::time::Instant::now();
    loop {
        tokio::time::sleep(Duration::from_secs(8)).await;
        if watched.mark() == mark {
            return;
        }
        mark = watched.mark();
        assert!(begun.elapsed() < crate::support::PATIENCE, "it is written again and again; {}", watched.story());
    }
}
