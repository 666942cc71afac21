//! Pods on nodes that are lost. A StatefulSet waits for ever for such a pod to be
//! gone; whatever it still does there is fenced in storage, so it need not.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;

use super::Objects;

/// A pod whose node does not tell that it ended gets this long after it was asked to.
const PATIENCE: i64 = 5;

/// Names of the pods whose node is lost, and when to look again for others.
pub fn lost(objects: &Objects, now: Timestamp) -> (Vec<String>, Option<Duration>) {
    let (mut names, mut wake) = (Vec::new(), None::<i64>);
    for pod in &objects.pods {
        let Some(at) = forsaken_since(pod) else { continue };
        let left = at.as_second().saturating_add(PATIENCE).saturating_sub(now.as_second());
        if left <= 0 {
            names.extend(pod.metadata.name.clone());
        } else {
            wake = Some(wake.map_or(left, |w| w.min(left)));
        }
    }
    (names, wake.and_then(|w| u64::try_from(w).ok()).map(Duration::from_secs))
}

/// When Kubernetes asked a pod to go because its node does not answer; absent for all others.
fn forsaken_since(pod: &Pod) -> Option<Timestamp> {
    let deletion = pod.metadata.deletion_timestamp.as_ref()?.0;
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    let is = |kind: &str, status: &str| conditions.iter().find(|c| c.type_ == kind && c.status == status);
    let evicted = is("DisruptionTarget", "True")?.reason.as_deref() == Some("DeletionByTaintManager");
    // A node that answers keeps this up to date until the container has ended. Of a pod that it never heard of, because
    // it was lost before, it is not there at all.
    let silent = is("Ready", "True").is_none();
    let grace = pod.metadata.deletion_grace_period_seconds.unwrap_or(0);
    let asked = Timestamp::from_second(deletion.as_second().saturating_sub(grace)).ok()?;
    (evicted && silent).then_some(asked)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use std::sync::Arc;

    fn objects(deleted: bool, reason: &str, ready: &str) -> Objects {
        let mut pod: Value = json!({
            "metadata": {"name": "p"},
            "status": {"conditions": [
                {"type": "DisruptionTarget", "status": "True", "reason": reason},
                {"type": "Ready", "status": ready},
            ]},
        });
        if deleted {
            // Asked to go at 100, with a grace of 60 s.
            let metadata = pod.pointer_mut("/metadata").unwrap().as_object_mut().unwrap();
            metadata.insert("deletionTimestamp".into(), json!(Timestamp::from_second(160).unwrap().to_string()));
            metadata.insert("deletionGracePeriodSeconds".into(), json!(60));
        }
        Objects { pods: vec![Arc::new(serde_json::from_value(pod).unwrap())], ..Objects::default() }
    }

    #[test]
    fn only_pods_that_were_evicted_from_a_silent_node_are_lost() {
        let at = |s| Timestamp::from_second(s).unwrap();
        let taint = "DeletionByTaintManager";
        assert_eq!(lost(&objects(true, taint, "False"), at(106)).0, ["p"]);
        assert_eq!(lost(&objects(true, taint, "Unknown"), at(105)).0, ["p"]);
        // Its node was lost before it heard of the pod: it has said nothing about it.
        let mut unheard: Pod = Pod::clone(&objects(true, taint, "False").pods[0]);
        unheard.status.as_mut().unwrap().conditions.as_mut().unwrap().retain(|c| c.type_ != "Ready");
        assert_eq!(lost(&Objects { pods: vec![Arc::new(unheard)], ..Objects::default() }, at(105)).0, ["p"]);
        assert_eq!(lost(&objects(true, taint, "False"), at(102)), (vec![], Some(Duration::from_secs(3))));
        for other in [(false, taint, "False"), (true, "EvictionByEvictionAPI", "False"), (true, taint, "True")] {
            assert_eq!(lost(&objects(other.0, other.1, other.2), at(500)), (vec![], None), "{other:?}");
        }
    }
}
