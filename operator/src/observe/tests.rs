use super::*;
use serde_json::{Value, json};

fn job() -> StreamJob {
    serde_json::from_value(json!({
        "apiVersion": "streamjob.dev/v1alpha1", "kind": "StreamJob",
        "metadata": {"name": "orders", "namespace": "shop", "uid": "u", "generation": 1},
        "spec": {"job": {"sql": "SELECT 1"}, "checkpoint": {"storage": {"type": "S3", "s3": {"bucket": "bucket"}}}},
    }))
    .unwrap()
}

fn of() -> Of<'static> {
    Of { name: "orders", namespace: "shop", uid: "u" }
}

fn record() -> crate::model::Record {
    let start = crate::model::Start { standby: true, from: None };
    crate::model::Record { spec: job().spec, image: "i".into(), start, generation: 1 }
}

/// As the API server would hold it.
fn stored<T: serde::de::DeserializeOwned>(child: &build::Child, uid: &str) -> Arc<T> {
    let mut object = child.object.clone();
    object["metadata"]["uid"] = json!(uid);
    Arc::new(serde_json::from_value(object).unwrap())
}

fn meta(child: &build::Child) -> Meta {
    let metadata: Value = child.object["metadata"].clone();
    Meta { kind: child.kind, metadata: serde_json::from_value(metadata).unwrap() }
}

/// What applying the objects of a form leaves behind.
fn objects() -> Objects {
    let (revision, record) = (Revision(1), record());
    let shape = crate::model::Shape { parallelism: 3, workers: 3 };
    let mut objects =
        Objects { records: vec![stored(&build::record(of(), revision, &record), "r")], ..Objects::default() };
    let rendering = build::Rendering { of: of(), revision, record: &record, shape, record_uid: "r" };
    for child in build::form(&rendering).unwrap() {
        match child.kind {
            "Job" => objects.coordinators.push(stored(&child, "j")),
            "StatefulSet" => objects.workers.push(stored(&child, "s")),
            _ => objects.others.push(meta(&child)),
        }
    }
    objects.others.extend(build::shared(of(), &job().spec, revision).iter().map(meta));
    objects
}

#[test]
fn what_was_built_is_seen() {
    let seen = observe(&job(), &objects(), &BTreeMap::new(), Vec::new());
    let form = &seen.forms[&Revision(1)];
    assert_eq!(form.record, record());
    assert_eq!(form.parallelism, Some(3));
    assert_eq!(form.workers.wanted, Some(3));
    assert_eq!(form.coordinator, crate::model::Process::Starting);
    assert_eq!(seen.shared, Some(Revision(1)));
}

#[test]
fn a_record_of_somebody_else_is_no_form() {
    let mut job = job();
    job.metadata.uid = Some("re-created".into());
    let seen = observe(&job, &objects(), &BTreeMap::new(), Vec::new());
    assert!(seen.forms.is_empty() && seen.shared.is_none());
}

#[test]
fn shared_objects_that_are_missing_changed_or_too_many_are_not_as_they_should_be() {
    let shared = |job: &StreamJob, objects: &Objects| observe(job, objects, &BTreeMap::new(), Vec::new()).shared;
    let mut missing = objects();
    missing.others.retain(|m| m.kind != "ServiceAccount");
    assert_eq!(shared(&job(), &missing), None);
    let mut changed = objects();
    let annotations = changed.others.iter_mut().find(|m| m.kind == "NetworkPolicy").unwrap();
    annotations.metadata.annotations.as_mut().unwrap().insert(names::INPUTS.into(), "other".into());
    assert_eq!(shared(&job(), &changed), None);
    // The budget is not wanted any more.
    let mut job = job();
    job.spec.pod_disruption_budget.enabled = false;
    assert_eq!(shared(&job, &objects()), None);
}

#[test]
fn what_is_being_deleted_is_not_there() {
    let mut objects = objects();
    let going = Some(crate::model::stamp(k8s_openapi::jiff::Timestamp::UNIX_EPOCH));
    let mut gone = (*objects.coordinators[0]).clone();
    gone.metadata.deletion_timestamp = going;
    objects.coordinators = vec![Arc::new(gone)];
    let seen = observe(&job(), &objects, &BTreeMap::new(), Vec::new());
    assert_eq!(seen.forms[&Revision(1)].coordinator, crate::model::Process::Absent);
}
