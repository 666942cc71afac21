//! An object that this version cannot read, as another version of the CRD would leave it behind.

use crate::support::output::{Output, settle};
use crate::support::watch::Watched;
use crate::support::{alone, kubectl, operator};
use kube::Api;
use kube::api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind, Patch, PatchParams};
use serde_json::json;

const DEFINITION: &str = "streamjobs.streamjob.dev";
/// The words that `spec.state` may be.
const WORDS: &str = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/state/enum";

async fn allow(words: &[&str]) {
    let patch = json!([{"op": "replace", "path": WORDS, "value": words}]).to_string();
    kubectl::run(&["patch", "crd", DEFINITION, "--type=json", "-p", &patch]).await.unwrap();
}

#[test]
fn an_object_that_cannot_be_read_does_not_stop_the_others() {
    alone("undecodable", async |space| {
        let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("streamjob.dev", "v1alpha1", "StreamJob"));
        let api: Api<DynamicObject> = Api::namespaced_with(space.client.clone(), &space.namespace, &kind);
        allow(&["Running", "Suspended", "Dreaming"]).await;
        let strange = space.job("strange").with("/spec/state", "Dreaming");
        // The API server takes a moment to know the new schema.
        let begun = std::time::Instant::now();
        let stored = loop {
            let params = PatchParams::apply("e2e").force();
            match api.patch("strange", &params, &Patch::Apply(&strange.manifest)).await {
                Ok(_) => break Ok(()),
                Err(error) if begun.elapsed() > crate::support::PATIENCE => break Err(error),
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(200)).await,
            }
        };
        allow(&["Running", "Suspended"]).await;
        stored.expect("an object with a word that is not known");

        // Beside it a good one runs; also with an operator that begins with the strange one.
        let job = space.job("orders");
        let watched = Watched::new(space, "orders");
        watched.apply(&job).await;
        watched.until_running().await;
        operator::replace(&space.client).await;
        operator::until_ready(&space.client, 1).await;
        let mut output = Output::default();
        settle(&space.storage, &mut output).await;
        let mark = watched.mark();
        watched.apply(&job.version("v2")).await;
        watched.until_upgraded(mark).await;
        settle(&space.storage, &mut output).await;
        assert!(output.seen.iter().any(|r| r.2 == "v2"));
        let restarts = operator::pods(&space.client).await;
        let restarts: i32 = restarts
            .iter()
            .filter_map(|p| p.status.as_ref()?.container_statuses.clone())
            .flatten()
            .map(|c| c.restart_count)
            .sum();
        assert_eq!(restarts, 0, "the operator ended by itself");
        api.delete("strange", &DeleteParams::default()).await.unwrap();
    });
}
