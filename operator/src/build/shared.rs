//! The objects that all forms of a job share.

use serde_json::json;

use super::{Child, Of, child, labels, pods};
use crate::names::{COMPONENT, JOB, Names, Revision};
use streamjob_crds::StreamJobSpec;

/// Pods of the operator carry this label, wherever they are.
const OPERATOR: (&str, &str) = ("app.kubernetes.io/name", "streamjob-operator");
/// Namespaces with this label may read REST and metrics.
const ACCESS: &str = "streamjob.dev/access";

/// They, leading to the form in power.
pub fn shared(of: Of<'_>, spec: &StreamJobSpec, power: Revision) -> Vec<Child> {
    let names = Names(of.name);
    let owner = of.owner();
    let make = |kind, name: String, body| child(kind, name, of.namespace, &owner, labels(of, None, None), body);
    let mut all = Vec::new();
    if spec.service_account_name.is_none() {
        all.push(make(("v1", "ServiceAccount"), names.account(), json!({"automountServiceAccountToken": false})));
    }
    let rest = json!({"spec": {
        "selector": labels(of, Some(power), Some("coordinator")),
        "ports": [{"name": "rest", "port": pods::REST, "targetPort": pods::REST, "protocol": "TCP"}],
    }});
    all.push(make(("v1", "Service"), names.rest(), rest));
    if spec.pod_disruption_budget.enabled {
        let body = json!({"spec": {
            // A worker that is asked to leave hands its tasks over; two at once would do so twice.
            "maxUnavailable": 1,
            "selector": {"matchLabels": {JOB: of.name, COMPONENT: "worker"}},
        }});
        all.push(make(("policy/v1", "PodDisruptionBudget"), names.budget(), body));
    }
    if spec.network_policy.enabled {
        let tcp = |ports: &[u16]| ports.iter().map(|p| json!({"protocol": "TCP", "port": p})).collect::<Vec<_>>();
        let body = json!({"spec": {
            "podSelector": {"matchLabels": {JOB: of.name}},
            "policyTypes": ["Ingress"],
            "ingress": [
                {
                    "from": [{"podSelector": {"matchLabels": {JOB: of.name}}}],
                    "ports": tcp(&[pods::CONTROL, pods::EXCHANGE, pods::REST, pods::HTTP]),
                },
                {
                    "from": [
                        {"namespaceSelector": {}, "podSelector": {"matchLabels": {OPERATOR.0: OPERATOR.1}}},
                        {"namespaceSelector": {"matchLabels": {ACCESS: "true"}}},
                    ],
                    "ports": tcp(&[pods::REST, pods::HTTP]),
                },
            ],
        }});
        all.push(make(("networking.k8s.io/v1", "NetworkPolicy"), names.policy(), body));
    }
    all
}
