//! The operator that is installed in the cluster. Tests that do something to it run alone.

use super::{PATIENCE, setting};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::{Api, Client, ResourceExt};
use serde_json::json;
use std::time::{Duration, Instant};

/// Its pods, wherever they are.
const LABEL: &str = "app.kubernetes.io/name=streamjob-operator";

/// Where it is.
pub fn namespace() -> String {
    setting("E2E_OPERATOR_NAMESPACE", "streamjob-system")
}

/// Its pods that are not on their way out.
pub async fn pods(client: &Client) -> Vec<Pod> {
    let api: Api<Pod> = Api::namespaced(client.clone(), &namespace());
    let list = api.list(&ListParams::default().labels(LABEL)).await.expect("the operator's pods");
    list.items.into_iter().filter(|p| p.metadata.deletion_timestamp.is_none()).collect()
}

/// Who holds the lease.
pub async fn leader(client: &Client) -> Option<String> {
    let api: Api<Lease> = Api::namespaced(client.clone(), &namespace());
    let lease = api.get_opt(&setting("E2E_OPERATOR_LEASE", "streamjob-operator")).await.expect("the lease")?;
    lease.spec.and_then(|s| s.holder_identity).filter(|h| !h.is_empty())
}

/// Kills all its processes.
pub async fn kill(client: &Client) {
    let api: Api<Pod> = Api::namespaced(client.clone(), &namespace());
    for pod in pods(client).await {
        super::kill::kill(&api, &pod).await;
    }
}

/// Removes all its pods; others take their place.
pub async fn replace(client: &Client) {
    let api: Api<Pod> = Api::namespaced(client.clone(), &namespace());
    for pod in pods(client).await {
        let _ = api.delete(&pod.name_any(), &DeleteParams::default()).await;
    }
}

/// So many of it.
pub async fn scale(client: &Client, replicas: u32) {
    let api: Api<Deployment> = Api::namespaced(client.clone(), &namespace());
    let list = api.list(&ListParams::default().labels(LABEL)).await.expect("the operator's deployment");
    let name = list.items.first().expect("the operator's deployment").name_any();
    let patch = json!({"spec": {"replicas": replicas}});
    api.patch(&name, &PatchParams::default(), &Patch::Merge(patch)).await.expect("another number of operators");
}

/// As it was installed: one, that leads. A test that failed may have left it otherwise.
pub async fn reset(client: &Client) {
    scale(client, 1).await;
    until_ready(client, 1).await;
}

/// Waits until exactly so many are ready and one of them leads.
pub async fn until_ready(client: &Client, replicas: usize) {
    let begun = Instant::now();
    loop {
        let pods = pods(client).await;
        let ready = |p: &&Pod| {
            let conditions = p.status.as_ref().and_then(|s| s.conditions.as_ref());
            conditions.is_some_and(|c| c.iter().any(|c| c.type_ == "Ready" && c.status == "True"))
        };
        let ready = pods.iter().filter(ready).count();
        if ready == replicas && pods.len() == replicas && (replicas == 0 || leader(client).await.is_some()) {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{ready} of {replicas} operators are ready");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
