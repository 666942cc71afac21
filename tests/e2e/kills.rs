//! Somebody dies at each step of an upgrade, a rescale and a suspend. It settles, and every row counts once.

use crate::support::output::{Output, settle};
use crate::support::watch::{Watched, is_current, is_ready};
use crate::support::{Space, alone, beside, now_ms, operator};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::ListParams;
use streamjob_crds::status::{JobState, UpgradeOutcome, UpgradePhase};

/// The phases of an upgrade that goes well, in order.
const PHASES: [UpgradePhase; 5] =
    [UpgradePhase::Prepare, UpgradePhase::Savepoint, UpgradePhase::Switch, UpgradePhase::Verify, UpgradePhase::Retire];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victim {
    Workers,
    Coordinators,
    Operator,
}

/// Kills all processes of that kind at once, of the old form and the new one.
async fn kill(space: &Space, victim: Victim) -> usize {
    let component = match victim {
        Victim::Operator => {
            operator::kill(&space.client).await;
            return 1;
        }
        Victim::Workers => "worker",
        Victim::Coordinators => "coordinator",
    };
    let api: Api<Pod> = space.api();
    let labels = format!("streamjob.dev/job=orders,app.kubernetes.io/component={component}");
    let list = api.list(&ListParams::default().labels(&labels)).await.unwrap();
    let mut killed = 0;
    for pod in list {
        let running = pod.status.as_ref().and_then(|s| s.phase.as_deref()) == Some("Running");
        if running && crate::support::kill::kill(&api, &pod).await {
            killed += 1;
        }
    }
    killed
}

/// The kubelet starts what dies again and again later each time; one death a pod is what is looked at.
async fn refresh(space: &Space, victim: Victim) {
    if victim == Victim::Operator {
        operator::replace(&space.client).await;
        operator::until_ready(&space.client, 1).await;
    }
}

/// One job through everything, with a death in each step.
async fn survives(space: &Space, victim: Victim) {
    let job = space.job("orders").with("/spec/parallelism", 2);
    let watched = Watched::new(space, &job.name);
    watched.apply(&job).await;
    watched.until_running().await;
    let mut output = Output::default();
    settle(&space.storage, &mut output).await;

    let begun = now_ms();
    kill(space, victim).await;
    settle(&space.storage, &mut output).await;
    println!("{victim:?} killed in a job that runs: {} without rows", output.gap(begun, now_ms()));
    watched.until_running().await;

    let mut now = job.clone();
    for (phase, n) in PHASES.into_iter().zip(2..) {
        refresh(space, victim).await;
        let (begun, mark) = (now_ms(), watched.mark());
        now = job.clone().version(&format!("v{n}"));
        watched.apply(&now).await;
        let at = |s: &streamjob_crds::StreamJobStatus| s.upgrade.as_ref().and_then(|u| u.phase) == Some(phase);
        watched.status_since(mark, &format!("phase {phase}"), |_, s| at(s)).await;
        let killed = kill(space, victim).await;
        let (outcome, upgraded) = watched.until_upgraded(mark).await;
        if (victim, phase, outcome) == (Victim::Workers, UpgradePhase::Savepoint, UpgradeOutcome::Refused) {
            // Who dies while a savepoint is taken spoils it. The old form goes on; the next wish is tried at once.
            let told = upgraded.status.and_then(|s| s.upgrade?.message).unwrap_or_default();
            assert!(told.contains("the savepoint failed") && told.contains("tried again"), "{told}");
        } else {
            assert_eq!(outcome, UpgradeOutcome::Completed, "{victim:?} killed in {phase}; {}", watched.story());
            watched.until_running().await;
        }
        settle(&space.storage, &mut output).await;
        println!("{victim:?} ({killed}) killed in {phase}: {} without rows", output.gap(begun, now_ms()));
    }

    for to in [3, 1] {
        refresh(space, victim).await;
        let (begun, mark) = (now_ms(), watched.mark());
        now = now.with("/spec/parallelism", to);
        watched.apply(&now).await;
        watched.status_since(mark, "rescale", |_, s| s.state == Some(JobState::Rescaling)).await;
        let killed = kill(space, victim).await;
        watched
            .until("other parallelism", |job, s| is_current(job, s) && s.parallelism == Some(to) && is_ready(s))
            .await;
        settle(&space.storage, &mut output).await;
        println!("{victim:?} ({killed}) killed in a rescale to {to}: {} without rows", output.gap(begun, now_ms()));
    }

    refresh(space, victim).await;
    let mark = watched.mark();
    watched.apply(&now.clone().with("/spec/state", "Suspended")).await;
    watched.status_since(mark, "suspending job", |_, s| s.state == Some(JobState::Suspending)).await;
    kill(space, victim).await;
    watched
        .until("suspended job", |job, s| is_current(job, s) && s.state == Some(JobState::Suspended) && is_ready(s))
        .await;
    refresh(space, victim).await;
    let mark = watched.mark();
    watched.apply(&now).await;
    watched.status_since(mark, "starting job", |_, s| s.state == Some(JobState::Starting)).await;
    kill(space, victim).await;
    watched.until_running().await;
    settle(&space.storage, &mut output).await;
    println!("{victim:?} killed while it was suspended and resumed: right");
}

#[test]
fn workers_die_at_each_step() {
    beside("kills::workers", async |space| survives(space, Victim::Workers).await);
}

#[test]
fn coordinators_die_at_each_step() {
    beside("kills::coordinators", async |space| survives(space, Victim::Coordinators).await);
}

#[test]
fn the_operator_dies_at_each_step() {
    alone("kills::operator", async |space| survives(space, Victim::Operator).await);
}
