//! The pods of a form: restricted pod security, probes, storage credentials by
//! reference, and the place for working files.

use serde_json::{Value, json};
use streamjob_crds::StorageOptions;
use streamjob_crds::storage::{SharedVolume, SharedVolumeType};
use streamjob_crds::streamjob::ImagePullPolicy;

use super::merge::merge;
use super::{BuildError, Rendering, labels};

/// Port of the coordinator for workers.
pub const CONTROL: u16 = 6123;
/// Port of a worker for rows.
pub const EXCHANGE: u16 = 6124;
/// Port of the coordinator's REST API.
pub const REST: u16 = 8081;
/// Port of a worker's probes and metrics.
pub const HTTP: u16 = 8082;
/// Where working files lie.
const WORK: &str = "/var/lib/streamjob";
/// Where the manifest is mounted.
const MANIFEST: &str = "/etc/streamjob";
/// Who runs it: nobody in particular, but not root.
const USER: i64 = 65532;
/// How long a pod stays on a node that does not answer: whatever it still does there is fenced in storage.
const LOST_NODE: i64 = 15;

/// The coordinator's pod.
pub fn coordinator(r: &Rendering<'_>) -> Result<Value, BuildError> {
    let start = &r.record.start;
    let mut args = vec![
        "coordinator".to_owned(),
        "--log-format=json".to_owned(),
        format!("--job={MANIFEST}/job.yaml"),
        format!("--bind=0.0.0.0:{CONTROL}"),
        format!("--owner={}", r.of.uid),
        format!("--revision={}", r.revision),
        format!("--set=rest.port={REST}"),
        "--set=rest.bind-address=0.0.0.0".to_owned(),
    ];
    args.extend(start.standby.then(|| "--standby".to_owned()));
    args.extend(start.from.as_ref().map(|from| format!("--from={from}")));
    let restore = &r.record.spec.restore;
    args.extend(restore.allow_non_restored_state.then(|| "--allow-non-restored-state".to_owned()));
    args.extend((restore.claim == streamjob_crds::ClaimMode::Claim).then(|| "--claim".to_owned()));
    let container = json!({
        "name": "coordinator",
        "args": args,
        "ports": [{"name": "control", "containerPort": CONTROL}, {"name": "rest", "containerPort": REST}],
        "resources": r.record.spec.coordinator.resources().to_requirements(),
        "startupProbe": probe("/health/live", REST, 2, 60),
        "livenessProbe": probe("/health/live", REST, 10, 6),
        "readinessProbe": probe("/health/ready", REST, 2, 3),
    });
    let mut ours = pod(r, "coordinator", container, vec![json!({"name": "work", "emptyDir": {}})]);
    if let Some(spec) = ours.get_mut("spec").and_then(Value::as_object_mut) {
        // Its container is started again at once where it is; on another node when this one is lost. A refusal (code 2)
        // is tried again at the kubelet's growing distance, at most every five minutes: what is wrong may lie outside.
        spec.insert("restartPolicy".to_owned(), json!("OnFailure"));
        spec.insert("terminationGracePeriodSeconds".to_owned(), json!(60));
    }
    merge(ours, r.record.spec.coordinator.pod_template.as_ref(), "spec.coordinator.podTemplate")
}

/// A worker's pod. Its disk is a claim when the spec asks for one.
pub fn worker(r: &Rendering<'_>) -> Result<Value, BuildError> {
    let spec = &r.record.spec.worker;
    let args = [
        "worker".to_owned(),
        "--log-format=json".to_owned(),
        format!("--coordinator={}:{CONTROL}", r.names().coordinator(r.revision)),
        "--id=$(POD_NAME)".to_owned(),
        format!("--slots={}", spec.slots),
        format!("--bind=0.0.0.0:{EXCHANGE}"),
        format!("--advertise=$(POD_IP):{EXCHANGE}"),
        format!("--http=0.0.0.0:{HTTP}"),
    ];
    let field = |name: &str, path: &str| json!({"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}});
    let container = json!({
        "name": "worker",
        "args": args,
        "env": [field("POD_NAME", "metadata.name"), field("POD_IP", "status.podIP")],
        "ports": [{"name": "exchange", "containerPort": EXCHANGE}, {"name": "http", "containerPort": HTTP}],
        "resources": spec.resources().to_requirements(),
        "livenessProbe": probe("/health/live", HTTP, 10, 6),
        "readinessProbe": probe("/health/ready", HTTP, 2, 3),
    });
    let volumes = if spec.volume.is_some() { Vec::new() } else { vec![json!({"name": "work", "emptyDir": {}})] };
    let mut ours = pod(r, "worker", container, volumes);
    if let Some(pod) = ours.get_mut("spec").and_then(Value::as_object_mut) {
        pod.insert("terminationGracePeriodSeconds".to_owned(), json!(60));
        pod.insert(
            "topologySpreadConstraints".to_owned(),
            json!(["kubernetes.io/hostname", "topology.kubernetes.io/zone"].map(|key| json!({
                "maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": labels(r.of, Some(r.revision), Some("worker"))},
            }))),
        );
    }
    merge(ours, spec.pod_template.as_ref(), "spec.worker.podTemplate")
}

fn probe(path: &str, port: u16, period: u32, failures: u32) -> Value {
    json!({
        "httpGet": {"path": path, "port": port},
        "periodSeconds": period, "timeoutSeconds": 5, "failureThreshold": failures,
    })
}

/// What both have.
fn pod(r: &Rendering<'_>, component: &str, mut container: Value, mut volumes: Vec<Value>) -> Value {
    let spec = &r.record.spec;
    let mut mounts = vec![json!({"name": "work", "mountPath": WORK})];
    if component == "coordinator" {
        volumes.push(json!({"name": "manifest", "configMap": {"name": r.names().form(r.revision)}}));
        mounts.push(json!({"name": "manifest", "mountPath": MANIFEST, "readOnly": true}));
    }
    let mut sources = Vec::new();
    match spec.checkpoint.storage.options() {
        Ok(StorageOptions::S3(s3)) => {
            let secret = s3.credentials_secret_ref.as_ref();
            sources.extend(secret.map(|s| json!({"secretRef": {"name": s.name}})));
        }
        Ok(StorageOptions::FileSystem(folder)) => {
            if let Some(volume) = &folder.volume {
                volumes.push(shared_volume(volume));
                mounts.push(json!({"name": "checkpoints", "mountPath": folder.local_path()}));
            }
        }
        Ok(StorageOptions::Memory) | Err(_) => {}
    }
    if let Some(container) = container.as_object_mut() {
        container.insert("image".to_owned(), json!(r.record.image));
        if let Some(policy) = spec.image_pull_policy {
            let policy = match policy {
                ImagePullPolicy::Always => "Always",
                ImagePullPolicy::IfNotPresent => "IfNotPresent",
                ImagePullPolicy::Never => "Never",
            };
            container.insert("imagePullPolicy".to_owned(), json!(policy));
        }
        if !sources.is_empty() {
            container.insert("envFrom".to_owned(), json!(sources));
        }
        // The root is read-only: what is staged on its way to storage lies with the working files.
        let temporary = json!({"name": "TMPDIR", "value": WORK});
        match container.get_mut("env").and_then(Value::as_array_mut) {
            Some(env) => env.push(temporary),
            None => {
                container.insert("env".to_owned(), json!([temporary]));
            }
        }
        container.insert("workingDir".to_owned(), json!(WORK));
        container.insert("volumeMounts".to_owned(), json!(mounts));
        container.insert("terminationMessagePolicy".to_owned(), json!("FallbackToLogsOnError"));
        container.insert(
            "securityContext".to_owned(),
            json!({
                "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
                "capabilities": {"drop": ["ALL"]},
            }),
        );
    }
    let lost =
        |key: &str| json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": LOST_NODE});
    let mut pod = json!({
        "serviceAccountName": spec.service_account_name.clone().unwrap_or_else(|| r.names().account()),
        "automountServiceAccountToken": false,
        "enableServiceLinks": false,
        "securityContext": {
            "runAsNonRoot": true, "runAsUser": USER, "runAsGroup": USER, "fsGroup": USER,
            "fsGroupChangePolicy": "OnRootMismatch", "seccompProfile": {"type": "RuntimeDefault"},
        },
        "tolerations": [lost("node.kubernetes.io/not-ready"), lost("node.kubernetes.io/unreachable")],
        "containers": [container],
    });
    if let (Some(pod), false) = (pod.as_object_mut(), volumes.is_empty()) {
        pod.insert("volumes".to_owned(), json!(volumes));
    }
    if let (Some(pod), false) = (pod.as_object_mut(), spec.image_pull_secrets.is_empty()) {
        pod.insert("imagePullSecrets".to_owned(), json!(spec.image_pull_secrets));
    }
    json!({"metadata": {"labels": labels(r.of, Some(r.revision), Some(component))}, "spec": pod})
}

fn shared_volume(volume: &SharedVolume) -> Value {
    match volume.kind {
        SharedVolumeType::PersistentVolumeClaim => {
            let claim = volume.persistent_volume_claim.as_ref().map(|c| c.claim_name.clone());
            json!({"name": "checkpoints", "persistentVolumeClaim": {"claimName": claim}})
        }
        SharedVolumeType::Nfs => {
            let (server, path) = volume.nfs.as_ref().map(|n| (n.server.clone(), n.path.clone())).unwrap_or_default();
            json!({"name": "checkpoints", "nfs": {"server": server, "path": path}})
        }
    }
}
