//! StreamJob → [`ValidJob`]: everything later stages need, resolved. Decides
//! nothing about the cluster, and never changes the object.

use streamjob_crds::streamjob::DesiredState;
use streamjob_crds::upgrade::RestorePoint;
use streamjob_crds::{JobSource, StreamJob, StreamJobSpec};

/// A StreamJob whose spec holds, with its defaults resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidJob {
    /// Name.
    pub name: String,
    /// Namespace.
    pub namespace: String,
    /// Uid: the owner of the state, as the runtime is told.
    pub uid: String,
    /// Generation of the spec.
    pub generation: i64,
    /// The spec.
    pub spec: StreamJobSpec,
    /// The image, after defaults.
    pub image: String,
}

/// Why it is not valid: fields and fixes, one a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(pub String);

/// Judges it. `image` is the chart's runtime image.
pub fn validate(job: &StreamJob, image: &str) -> Result<ValidJob, Invalid> {
    let found = streamjob_crds::validate(job);
    if !found.is_empty() {
        return Err(Invalid(found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")));
    }
    match job.spec.job.source() {
        Ok(JobSource::Sql(_)) => {}
        Ok(JobSource::SqlFrom(_)) => {
            return Err(Invalid("spec.job.sqlFrom: is not built yet; put the script into spec.job.sql".to_owned()));
        }
        Ok(JobSource::Program(_)) => {
            return Err(Invalid("spec.job.program: is not built yet; use spec.job.sql".to_owned()));
        }
        Err(error) => return Err(Invalid(error.to_string())),
    }
    if job.spec.checkpoint.storage.kind == streamjob_crds::storage::StorageType::Memory {
        let fix = "use S3, or FileSystem with a volume that all pods see";
        return Err(Invalid(format!(
            "spec.checkpoint.storage.type: Memory is lost with the coordinator's pod, and an upgrade could not go on from it; {fix}"
        )));
    }
    let need = |value: &Option<String>, what: &str| {
        value.clone().ok_or_else(|| Invalid(format!("metadata.{what}: is missing; the API server sets it")))
    };
    Ok(ValidJob {
        name: need(&job.metadata.name, "name")?,
        namespace: need(&job.metadata.namespace, "namespace")?,
        uid: need(&job.metadata.uid, "uid")?,
        generation: job.metadata.generation.unwrap_or(0),
        image: job.spec.image.clone().unwrap_or_else(|| image.to_owned()),
        spec: job.spec.clone(),
    })
}

impl ValidJob {
    /// Whether it shall run.
    pub fn shall_run(&self) -> bool {
        self.spec.state == DesiredState::Running
    }

    /// What a first start, or one with a raised nonce, starts from.
    pub fn restore_from(&self) -> String {
        match self.spec.restore.point() {
            RestorePoint::Auto => "auto".to_owned(),
            RestorePoint::Latest => "latest".to_owned(),
            RestorePoint::None => "none".to_owned(),
            RestorePoint::Path(path) => path.to_owned(),
        }
    }
}

/// The part of a spec that a running form cannot take without being made anew. The specs themselves are compared, not a
/// hash of their text: a field that a newer operator adds, with its default, is no change.
pub fn frozen(spec: &StreamJobSpec) -> StreamJobSpec {
    let mut frozen = spec.clone();
    frozen.state = DesiredState::default();
    frozen.parallelism = 1;
    frozen.upgrade = streamjob_crds::upgrade::Upgrade::default();
    frozen.savepoint = streamjob_crds::savepoint::Savepoint::default();
    let nonce = frozen.restore.nonce;
    frozen.restore = streamjob_crds::upgrade::Restore { nonce, ..Default::default() };
    frozen.pod_disruption_budget = streamjob_crds::pods::Toggle::default();
    frozen.network_policy = streamjob_crds::pods::Toggle::default();
    frozen
}
