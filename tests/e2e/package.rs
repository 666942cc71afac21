//! The chart, by the real Helm: jobs do not notice that the operator is upgraded, removed and installed again.

use crate::support::output::{Output, settle};
use crate::support::watch::{Watched, pods};
use crate::support::{alone, operator, setting};
use std::process::Command;
use streamjob_crds::status::UpgradeOutcome;

/// Runs helm.
fn helm(args: &[&str]) -> String {
    let done = Command::new("helm").args(args).output().expect("helm on the PATH");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(done.status.success(), "helm {args:?}: {}{}", text(&done.stderr), text(&done.stdout));
    text(&done.stdout)
}

#[test]
fn jobs_run_on_while_helm_upgrades_removes_and_installs_the_operator() {
    alone("package::helm", async |space| {
        let release = setting("E2E_RELEASE", "");
        if release.is_empty() {
            let text = "E2E_RELEASE is not set: the operator was not installed by Helm";
            assert!(std::env::var("CI").as_deref() != Ok("true"), "{text}");
            eprintln!("SKIPPED package::helm: {text}");
            return;
        }
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let chart = root.join("../charts/streamjob-operator").display().to_string();
        let values = setting("E2E_VALUES", "");
        let namespace = operator::namespace();
        let common = ["--namespace", &namespace, "--values", &values, "--wait", "--timeout", "4m"];
        let with = |first: &[&str], more: &[&str]| [first, &common, more].concat().join("\n");
        let run = |line: String| helm(&line.split('\n').collect::<Vec<_>>());

        let job = space.job("orders");
        let watched = Watched::new(space, "orders");
        watched.apply(&job).await;
        watched.until_running().await;
        let before = pods(space, "orders").await;
        let mut output = Output::default();

        let old = operator::pods(&space.client).await;
        // Fields that another test has set are taken back.
        run(with(&["upgrade", &release, &chart], &["--set", "log.level=debug", "--force-conflicts"]));
        operator::until_ready(&space.client, 1).await;
        let new = operator::pods(&space.client).await;
        assert_ne!(old[0].metadata.uid, new[0].metadata.uid, "another level is another pod");
        settle(&space.storage, &mut output).await;

        helm(&["uninstall", &release, "--namespace", &namespace, "--wait", "--timeout", "4m"]);
        assert!(operator::pods(&space.client).await.is_empty());
        settle(&space.storage, &mut output).await;
        assert_eq!(pods(space, "orders").await, before, "the job runs on without an operator");

        run(with(&["install", &release, &chart], &[]));
        operator::until_ready(&space.client, 1).await;
        settle(&space.storage, &mut output).await;
        assert_eq!(pods(space, "orders").await, before, "an operator that was installed again restarts nothing");
        let mark = watched.mark();
        watched.apply(&job.version("v2")).await;
        assert_eq!(watched.until_upgraded(mark).await.0, UpgradeOutcome::Completed, "{}", watched.story());
        settle(&space.storage, &mut output).await;
    });
}
