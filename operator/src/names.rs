//! Names of a job's objects: one place, so that no two parts disagree.

use std::fmt;
use std::str::FromStr;

/// The number of a form of a job: `r7`. It is what the runtime gets as `--revision`. No form has 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

impl Revision {
    /// The number after this one.
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "r{}", self.0)
    }
}

impl FromStr for Revision {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.strip_prefix('r').and_then(|n| n.parse().ok());
        number.map(Self).ok_or_else(|| format!("{text:?} is not the name of a form, such as r7"))
    }
}

/// Names of the objects of one StreamJob. A job's name has at most 40 characters, so all of them are labels too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names<'a>(pub &'a str);

impl Names<'_> {
    /// The service that leads to the REST API of the form in power.
    pub fn rest(&self) -> String {
        format!("{}-rest", self.0)
    }

    /// The service account of the pods, unless the spec names one.
    pub fn account(&self) -> String {
        self.0.to_owned()
    }

    /// The disruption budget of the workers.
    pub fn budget(&self) -> String {
        format!("{}-worker", self.0)
    }

    /// The network policy of all pods.
    pub fn policy(&self) -> String {
        self.0.to_owned()
    }

    /// The record of a form, and its ConfigMap.
    pub fn form(&self, revision: Revision) -> String {
        format!("{}-{revision}", self.0)
    }

    /// The coordinator of a form: a Job, and the service through which its workers find it.
    pub fn coordinator(&self, revision: Revision) -> String {
        format!("{}-{revision}-coordinator", self.0)
    }

    /// The workers of a form: a StatefulSet. Kubernetes adds ten letters of a hash for a label of its pods, so the name
    /// has to be short.
    pub fn workers(&self, revision: Revision) -> String {
        format!("{}-{revision}-w", self.0)
    }
}

/// Who applies objects.
pub const FIELD_MANAGER: &str = "streamjob-operator";
/// Who writes status.
pub const STATUS_MANAGER: &str = "streamjob-operator-status";
/// Holds a job's deletion until its last savepoint is taken.
pub const FINALIZER: &str = "streamjob.dev/savepoint";
/// `"true"`: delete without the savepoint that cannot be taken.
pub const FORCE_DELETE: &str = "streamjob.dev/force-delete";
/// Hash of what an object was rendered from.
pub const INPUTS: &str = "streamjob.dev/inputs";
/// Parallelism in a form's manifest.
pub const PARALLELISM: &str = "streamjob.dev/parallelism";
/// Label: name of the StreamJob.
pub const JOB: &str = "streamjob.dev/job";
/// Label: form of the job.
pub const REVISION: &str = "streamjob.dev/revision";
/// Label: `coordinator` or `worker`.
pub const COMPONENT: &str = "app.kubernetes.io/component";

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_reads_as_it_is_written() {
        for number in [0, 1, 42, u64::MAX] {
            assert_eq!(Revision(number).to_string().parse::<Revision>().unwrap(), Revision(number));
        }
        for wrong in ["", "r", "7", "r-1", "rx", "r1 "] {
            assert!(wrong.parse::<Revision>().unwrap_err().contains("r7"), "{wrong}");
        }
    }

    #[test]
    fn every_name_fits_a_label() {
        let job = "j".repeat(streamjob_crds::MAX_NAME);
        let (names, r) = (Names(&job), Revision(999_999));
        for name in [names.rest(), names.budget(), names.form(r), names.coordinator(r)] {
            assert!(name.len() <= 63, "{name}");
        }
        assert!(names.workers(r).len() + "-0123456789".len() <= 63);
    }
}
