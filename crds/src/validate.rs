//! Judges a typed StreamJob: the bounds of the schema, the CEL rules, and what
//! neither can say. For users without an API server, for overrides on a command
//! line, and for objects that were stored before a rule existed.

use std::fmt;

use serde_json::{Value, json};

use crate::checkpoint::CheckpointMode;
use crate::duration::Duration;
use crate::path::FieldPath;
use crate::restart::RestartStrategy;
use crate::rules::{self, Rule};
use crate::storage::{FileSystemStorage, SharedVolumeType, StorageType};
use crate::streamjob::StreamJob;
use crate::upgrade::{RestorePoint, UpgradeMode};
use crate::{check, crd, schedule};

/// One field that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct FieldError {
    /// The field, such as `spec.checkpoint.interval`.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to change.
    pub fix: String,
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.path, self.message, self.fix)
    }
}

/// All that is wrong with a StreamJob; empty when nothing is.
pub fn validate(job: &StreamJob) -> Vec<FieldError> {
    let mut found = match serde_json::to_value(job) {
        Ok(document) => schema_problems(&document),
        Err(error) => vec![internal(error.to_string())],
    }
    .into_iter()
    .map(|m| FieldError { path: m.path.to_string(), message: m.message, fix: m.fix })
    .collect::<Vec<_>>();
    found.extend(cross_field(job));
    found
}

/// All that forbids the change from `old` to `new`.
pub fn validate_update(old: &StreamJob, new: &StreamJob) -> Vec<FieldError> {
    let (before, after) = (old.spec.restore.nonce, new.spec.restore.nonce);
    let has_state = old.status.as_ref().is_some_and(|s| {
        s.checkpoint.as_ref().is_some_and(|c| c.latest.is_some())
            || s.savepoint.as_ref().is_some_and(|p| p.latest.is_some())
            || s.restore.as_ref().is_some_and(|r| r.path.is_some())
    });
    let starts_empty = new.spec.restore.point() == RestorePoint::None && after > before;
    let mut found = Vec::new();
    let mut broken = |violated: bool, rule: &Rule| found.extend(violated.then(|| rule.error()));
    broken(after < before, &rules::NONCE);
    broken(old.spec.max_parallelism != new.spec.max_parallelism && has_state && !starts_empty, &rules::MAX_PARALLELISM);
    found
}

/// What in a document (metadata and spec) does not fit the schema.
pub(crate) fn schema_problems(document: &Value) -> Vec<check::Mismatch> {
    let spec = match crd::stream_job().map(|d| crd::schema(d).and_then(|s| s.pointer("/properties/spec"))) {
        Ok(Some(spec)) => spec,
        Ok(None) => return vec![internal("the definition has no schema of spec".to_owned())],
        Err(error) => return vec![internal(error.to_string())],
    };
    let root = json!({
        "type": "object",
        "required": ["metadata", "spec"],
        "properties": {"apiVersion": {}, "kind": {}, "metadata": metadata_schema(), "spec": spec, "status": {}},
    });
    check::check(document, &root, &FieldPath::default())
}

fn internal(message: String) -> check::Mismatch {
    check::Mismatch {
        path: FieldPath::default(),
        at_key: false,
        message,
        fix: "this is a fault of StreamJob itself; please report it".to_owned(),
    }
}

/// The API server has its own schema of metadata; this is the part that users write.
fn metadata_schema() -> Value {
    let strings = json!({"type": "object", "additionalProperties": {"type": "string"}});
    let name = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
    json!({
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": {
                "type": "string", "minLength": 1, "maxLength": crate::MAX_NAME, "pattern": name,
                "description": "the name of the job: lower-case letters, digits and dashes (RFC 1123)",
            },
            "namespace": {"type": "string", "minLength": 1, "maxLength": 63, "pattern": name},
            "labels": strings,
            "annotations": strings,
            // What the API server adds, for manifests that come from it.
            "creationTimestamp": {}, "deletionGracePeriodSeconds": {}, "deletionTimestamp": {}, "finalizers": {},
            "generateName": {}, "generation": {}, "managedFields": {}, "ownerReferences": {}, "resourceVersion": {},
            "selfLink": {}, "uid": {},
        },
    })
}

/// The rules of the API that span several fields, and those that CEL cannot say.
pub(crate) fn cross_field(job: &StreamJob) -> Vec<FieldError> {
    let spec = &job.spec;
    let mut found = Vec::new();
    let mut broken = |violated: bool, rule: &Rule| found.extend(violated.then(|| rule.error()));

    broken(spec.job.source().is_err(), &rules::ONE_JOB);
    broken(spec.job.program.is_some() && spec.image.is_none(), &rules::PROGRAM_IMAGE);
    broken(spec.parallelism > spec.max_parallelism, &rules::PARALLELISM);

    let upgrade = &spec.upgrade;
    broken(upgrade.mode == UpgradeMode::Stateless && !upgrade.accept_state_loss, &rules::STATE_LOSS);
    broken(upgrade.rollback.deadline.is_zero(), &rules::DEADLINE);
    broken(matches!(spec.restore.point(), RestorePoint::Path(path) if !path.contains('/')), &rules::RESTORE_FROM);

    let checkpoint = &spec.checkpoint;
    let storage = &checkpoint.storage;
    broken((storage.kind == StorageType::S3) != storage.s3.is_some(), &rules::STORAGE_S3);
    broken((storage.kind == StorageType::FileSystem) != storage.file_system.is_some(), &rules::STORAGE_FILE_SYSTEM);
    if let Some(FileSystemStorage { volume: Some(volume), .. }) = &storage.file_system {
        broken(storage.file_system.as_ref().is_some_and(FileSystemStorage::is_relative), &rules::VOLUME_PATH);
        let claim = volume.kind == SharedVolumeType::PersistentVolumeClaim;
        broken(claim != volume.persistent_volume_claim.is_some(), &rules::VOLUME_CLAIM);
        broken((volume.kind == SharedVolumeType::Nfs) != volume.nfs.is_some(), &rules::VOLUME_NFS);
    }
    broken(checkpoint.interval.is_zero(), &rules::INTERVAL);
    broken(checkpoint.timeout.is_zero(), &rules::TIMEOUT);
    let unaligned = checkpoint.unaligned.enabled;
    broken(unaligned && checkpoint.max_concurrent != 1, &rules::UNALIGNED_CONCURRENT);
    broken(unaligned && checkpoint.mode != CheckpointMode::ExactlyOnce, &rules::UNALIGNED_MODE);

    let restart = &spec.restart;
    let chosen = restart.strategy;
    broken(restart.fixed_delay.is_some() && chosen != RestartStrategy::FixedDelay, &rules::FIXED_DELAY);
    broken(restart.failure_rate.is_some() && chosen != RestartStrategy::FailureRate, &rules::FAILURE_RATE);
    broken(restart.failure_rate.as_ref().is_some_and(|r| r.window.is_zero()), &rules::WINDOW);
    broken(
        restart.exponential_delay.is_some() && chosen != RestartStrategy::ExponentialDelay,
        &rules::EXPONENTIAL_DELAY,
    );

    found.extend(beyond_cel(job));
    found
}

/// What CEL cannot say: the ranges of a cron expression, the comparison of
/// durations in both styles, the types of a pod template.
fn beyond_cel(job: &StreamJob) -> Vec<FieldError> {
    let spec = &job.spec;
    let mut found = Vec::new();
    let mut report = |path: &str, message: String, fix: &str| {
        found.push(FieldError { path: path.to_owned(), message, fix: fix.to_owned() });
    };
    if let Some(Err(message)) = spec.savepoint.schedule.as_ref().map(schedule::Schedule::when) {
        report("spec.savepoint.schedule", message, schedule::FIX);
    }
    if let Some(delay) = &spec.restart.exponential_delay
        && delay.max_delay.get() < delay.initial_delay.get()
    {
        let (max, initial): (&Duration, &Duration) = (&delay.max_delay, &delay.initial_delay);
        let message = format!("maxDelay {max} is below initialDelay {initial}");
        report("spec.restart.exponentialDelay.maxDelay", message, "raise maxDelay or lower initialDelay");
    }
    let templates = [
        ("spec.coordinator.podTemplate", &spec.coordinator.pod_template),
        ("spec.worker.podTemplate", &spec.worker.pod_template),
    ];
    for (path, template) in templates {
        if let Some(Err(message)) = template.as_ref().map(crate::pods::PodTemplate::spec) {
            report(
                path,
                format!("is not a part of a pod template: {message}"),
                "write the fields of a Kubernetes pod template, metadata and spec",
            );
        }
    }
    found
}
