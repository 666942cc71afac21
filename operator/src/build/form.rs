//! The objects of one form: its record, manifest, coordinator, the service that
//! leads to it, and workers.

use serde_json::{Value, json};
use streamjob_crds::API_VERSION;

use super::{BuildError, Child, Of, Rendering, child, labels, pods};
use crate::model::Record;
use crate::names::{Names, PARALLELISM, Revision};

/// The record of a form. All others belong to it.
pub fn record(of: Of<'_>, revision: Revision, record: &Record) -> Child {
    let body = json!({"revision": revision.0, "data": record});
    let name = Names(of.name).form(revision);
    child(("apps/v1", "ControllerRevision"), name, of.namespace, &of.owner(), labels(of, Some(revision), None), body)
}

/// What a record holds.
pub fn read_record(data: &Value) -> Result<Record, String> {
    serde_json::from_value(data.clone()).map_err(|e| e.to_string())
}

/// Everything else of a form, in the order in which it is made: pods last.
pub fn form(r: &Rendering<'_>) -> Result<Vec<Child>, BuildError> {
    let owner = r.owner();
    let make = |kind, name: String, component: Option<&str>, body| {
        child(kind, name, r.of.namespace, &owner, labels(r.of, Some(r.revision), component), body)
    };
    let names = r.names();
    let coordinator = labels(r.of, Some(r.revision), Some("coordinator"));
    let service = json!({"spec": {
        "clusterIP": "None",
        // Workers register before it is ready, and the operator asks one that is not.
        "publishNotReadyAddresses": true,
        "selector": coordinator,
        "ports": [port("control", pods::CONTROL), port("rest", pods::REST)],
    }});
    let job = json!({"spec": {
        "backoffLimit": i32::MAX,
        "completions": 1,
        "parallelism": 1,
        "template": pods::coordinator(r)?,
    }});
    let mut manifest =
        make(("v1", "ConfigMap"), names.form(r.revision), None, json!({"data": {"job.yaml": manifest(r)?}}));
    if let Some(annotations) = manifest.object.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
        annotations.insert(PARALLELISM.to_owned(), json!(r.shape.parallelism.to_string()));
    }
    Ok(vec![
        manifest,
        make(("v1", "Service"), names.coordinator(r.revision), Some("coordinator"), service),
        make(("batch/v1", "Job"), names.coordinator(r.revision), Some("coordinator"), job),
        make(("apps/v1", "StatefulSet"), names.workers(r.revision), Some("worker"), workers(r)?),
    ])
}

fn port(name: &str, port: u16) -> Value {
    json!({"name": name, "port": port, "targetPort": port, "protocol": "TCP"})
}

/// The manifest that the coordinator reads: the same file that `streamjob run` takes.
fn manifest(r: &Rendering<'_>) -> Result<String, BuildError> {
    let mut spec = r.record.spec.clone();
    spec.parallelism = r.shape.parallelism;
    let manifest = json!({
        "apiVersion": API_VERSION,
        "kind": "StreamJob",
        "metadata": {"name": r.of.name, "namespace": r.of.namespace},
        "spec": spec,
    });
    serde_yaml::to_string(&manifest).map_err(|e| BuildError { field: "spec", message: e.to_string() })
}

fn workers(r: &Rendering<'_>) -> Result<Value, BuildError> {
    let mut spec = json!({
        "replicas": r.shape.workers,
        "serviceName": r.names().coordinator(r.revision),
        // Workers are alike: none waits for another.
        "podManagementPolicy": "Parallel",
        "selector": {"matchLabels": labels(r.of, Some(r.revision), Some("worker"))},
        "template": pods::worker(r)?,
    });
    if let (Some(volume), Some(spec)) = (&r.record.spec.worker.volume, spec.as_object_mut()) {
        let mut claim = json!({
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": volume.size}},
        });
        if let (Some(class), Some(claim)) = (&volume.storage_class_name, claim.as_object_mut()) {
            claim.insert("storageClassName".to_owned(), json!(class));
        }
        spec.insert("volumeClaimTemplates".to_owned(), json!([{"metadata": {"name": "work"}, "spec": claim}]));
        // Working files are a copy: what counts is in checkpoint storage.
        let delete = json!({"whenDeleted": "Delete", "whenScaled": "Delete"});
        spec.insert("persistentVolumeClaimRetentionPolicy".to_owned(), delete);
    }
    Ok(json!({"spec": spec}))
}
