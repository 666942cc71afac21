use super::*;
use crate::model::Start;
use k8s_openapi::api::{
    apps::v1 as apps, batch::v1 as batch, core::v1 as core, networking::v1 as net, policy::v1 as policy,
};
use streamjob_crds::StreamJobSpec;

fn spec(extra: &str) -> StreamJobSpec {
    let text = format!(
        "job: {{sql: \"SELECT 1\"}}\ncheckpoint: {{storage: {{type: S3, s3: {{bucket: checkpoints, credentialsSecretRef: {{name: s3}}}}}}}}\n{extra}"
    );
    serde_yaml::from_str(&text).unwrap()
}

const OF: Of<'static> = Of { name: "orders", namespace: "shop", uid: "u-1" };

fn all(spec: StreamJobSpec, start: Start) -> Vec<Child> {
    let record = Record { spec, image: "streamjob:1".to_owned(), start, generation: 3 };
    let shape = Shape { parallelism: 3, workers: 2 };
    let r = Rendering { of: OF, revision: Revision(7), record: &record, shape, record_uid: "u-2" };
    let mut all = vec![super::record(OF, Revision(7), &record)];
    all.extend(form(&r).unwrap());
    all.extend(shared(OF, &record.spec, Revision(7)));
    all
}

/// Reads it as Kubernetes' type and writes it again: a misspelt field would be lost.
fn round_trip(child: &Child) -> Value {
    fn through<T: serde::de::DeserializeOwned + serde::Serialize>(v: &Value) -> Value {
        serde_json::to_value(serde_json::from_value::<T>(v.clone()).unwrap()).unwrap()
    }
    let v = &child.object;
    match child.kind {
        "ControllerRevision" => through::<apps::ControllerRevision>(v),
        "ConfigMap" => through::<core::ConfigMap>(v),
        "Service" => through::<core::Service>(v),
        "ServiceAccount" => through::<core::ServiceAccount>(v),
        "Job" => through::<batch::Job>(v),
        "StatefulSet" => through::<apps::StatefulSet>(v),
        "PodDisruptionBudget" => through::<policy::PodDisruptionBudget>(v),
        "NetworkPolicy" => through::<net::NetworkPolicy>(v),
        other => panic!("{other}"),
    }
}

#[test]
fn every_object_is_what_it_was() {
    for child in all(spec("parallelism: 3\nworker: {slots: 2}"), Start { standby: true, from: None }) {
        assert_eq!(round_trip(&child), child.object, "{} {}", child.kind, child.name);
        insta::assert_snapshot!(
            format!("{}-{}", child.kind, child.name),
            serde_yaml::to_string(&child.object).unwrap()
        );
    }
}

#[test]
fn the_manifest_is_read_by_the_loader_of_the_runtime() {
    let children = all(spec("parallelism: 3\nupgrade: {surge: false}"), Start::default());
    let manifest = children.iter().find(|c| c.kind == "ConfigMap").unwrap();
    let text = manifest.object.pointer("/data/job.yaml").unwrap().as_str().unwrap();
    let job = streamjob_crds::load::from_yaml(text, std::path::Path::new("job.yaml")).unwrap();
    assert_eq!((job.spec.parallelism, job.metadata.namespace.as_deref()), (3, Some("shop")));
    let annotation = manifest.object.pointer("/metadata/annotations").unwrap();
    assert_eq!(annotation[crate::names::PARALLELISM], "3");
}

#[test]
fn a_record_reads_as_it_was_written() {
    let record = Record {
        spec: spec("upgrade: {rollback: {deadline: 1m30s}}"),
        image: "i".to_owned(),
        start: Start { standby: false, from: Some("s3://b/sp-1".to_owned()) },
        generation: 9,
    };
    let child = super::record(OF, Revision(1), &record);
    assert_eq!(read_record(&child.object["data"]).unwrap(), record);
    assert!(read_record(&json!({"spec": {}})).is_err());
}

#[test]
fn the_users_template_is_laid_over_ours() {
    let extra = "worker:\n  podTemplate:\n    metadata: {annotations: {team: a}}\n    spec:\n      nodeSelector: {disk: fast}\n      containers:\n      - {name: worker, env: [{name: RUST_LOG, value: debug}], resources: {limits: {cpu: '4'}}}\n      - {name: sidecar, image: side}";
    let children = all(spec(extra), Start::default());
    let workers = children.iter().find(|c| c.kind == "StatefulSet").unwrap();
    let pod = workers.object.pointer("/spec/template").unwrap();
    assert_eq!(pod["metadata"]["annotations"]["team"], "a");
    assert_eq!(pod["metadata"]["labels"][crate::names::JOB], "orders");
    assert_eq!(pod["spec"]["nodeSelector"]["disk"], "fast");
    let names: Vec<_> =
        pod["spec"]["containers"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["worker", "sidecar"]);
    let worker = &pod["spec"]["containers"][0];
    let env: Vec<_> = worker["env"].as_array().unwrap().iter().map(|e| e["name"].as_str().unwrap()).collect();
    assert_eq!(env, ["POD_NAME", "POD_IP", "TMPDIR", "RUST_LOG"]);
    assert_eq!(
        (&worker["resources"]["limits"]["cpu"], &worker["resources"]["limits"]["memory"]),
        (&json!("4"), &json!("2Gi"))
    );
    assert_eq!(worker["image"], "streamjob:1");
}

#[test]
fn disks_accounts_and_switches_follow_the_spec() {
    let extra = "worker: {volume: {size: 20Gi, storageClassName: fast}}\nserviceAccountName: own\npodDisruptionBudget: {enabled: false}\nnetworkPolicy: {enabled: false}";
    let children = all(spec(extra), Start::default());
    let kinds: Vec<_> = children.iter().map(|c| c.kind).collect();
    assert_eq!(kinds, ["ControllerRevision", "ConfigMap", "Service", "Job", "StatefulSet", "Service"]);
    let workers = children.iter().find(|c| c.kind == "StatefulSet").unwrap();
    let mut known = workers.object.clone();
    // Kubernetes' type says these where they are not said.
    known["spec"]["volumeClaimTemplates"][0]["apiVersion"] = json!("v1");
    known["spec"]["volumeClaimTemplates"][0]["kind"] = json!("PersistentVolumeClaim");
    assert_eq!(round_trip(workers), known);
    let claim = &workers.object["spec"]["volumeClaimTemplates"][0];
    assert_eq!((&claim["metadata"]["name"], &claim["spec"]["storageClassName"]), (&json!("work"), &json!("fast")));
    assert!(workers.object.pointer("/spec/template/spec/volumes").is_none());
    assert_eq!(workers.object.pointer("/spec/template/spec/serviceAccountName").unwrap(), "own");
}

#[test]
fn a_form_starts_as_its_record_says() {
    let args = |start| {
        let children = all(spec("restore: {claim: Claim}"), start);
        let job = children.iter().find(|c| c.kind == "Job").unwrap();
        let args = job.object.pointer("/spec/template/spec/containers/0/args").unwrap();
        args.as_array().unwrap().iter().map(|a| a.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let has = |args: &[String], what: &str| args.iter().any(|a| a == what);
    let standby = args(Start { standby: true, from: None });
    assert!(has(&standby, "--standby") && has(&standby, "--revision=r7") && has(&standby, "--owner=u-1"));
    assert!(!standby.iter().any(|a| a.starts_with("--from")) && has(&standby, "--claim"));
    let first = args(Start { standby: false, from: Some("auto".to_owned()) });
    assert!(has(&first, "--from=auto") && !has(&first, "--standby"));
}
