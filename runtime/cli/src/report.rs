//! How failures are told, and with which exit code the process ends.

use crate::log;
use std::process::ExitCode;
use streamjob_core::{Domain, Error};
use streamjob_crds::ManifestError;

/// Why a verb did not do what it was asked to.
#[derive(Debug)]
pub enum Failure {
    /// One error.
    One(Error),
    /// A job that could not be started with what it was given; a place that cannot be reached counts as given wrongly.
    NotStarted(Error),
    /// A manifest with everything that is wrong with it.
    Manifest(ManifestError),
    /// Already told; only the code counts.
    Told(Domain),
}

impl From<Error> for Failure {
    fn from(e: Error) -> Self {
        Failure::One(e)
    }
}

impl From<ManifestError> for Failure {
    fn from(e: ManifestError) -> Self {
        Failure::Manifest(e)
    }
}

impl Failure {
    /// 2 when the user can correct it, else 1.
    pub fn code(&self) -> u8 {
        let domain = match self {
            Failure::One(e) => e.domain(),
            Failure::NotStarted(e) if e.domain() == Domain::Internal => Domain::Internal,
            Failure::Manifest(_) | Failure::NotStarted(_) => Domain::User,
            Failure::Told(domain) => *domain,
        };
        match domain {
            Domain::User => 2,
            Domain::Transient | Domain::Internal => 1,
        }
    }

    /// The lines for standard error.
    pub fn text(&self) -> String {
        match self {
            Failure::One(e) | Failure::NotStarted(e) => error_text(e),
            Failure::Manifest(e) => manifest_text(e),
            Failure::Told(_) => String::new(),
        }
    }
}

/// Tells a failure and gives its exit code.
pub fn fail(failure: &Failure) -> ExitCode {
    let text = failure.text();
    if !text.is_empty() {
        log::error(&text);
    }
    ExitCode::from(failure.code())
}

fn error_text(error: &Error) -> String {
    let mut text = format!("error: {}\n", error.chain());
    if let Some(fix) = error.nearest_fix() {
        text.push_str(&format!("  fix: {fix}\n"));
    }
    if error.domain() == Domain::Internal {
        text.push_str("  this is a defect of streamjob; please report it\n");
    }
    text
}

fn manifest_text(error: &ManifestError) -> String {
    let mut text = String::new();
    for problem in &error.problems {
        text.push_str(&format!("error: {}", error.file.display()));
        if let Some((line, column)) = problem.position {
            text.push_str(&format!(":{line}:{column}"));
        }
        if !problem.path.is_empty() {
            text.push_str(&format!(": {}", problem.path));
        }
        text.push_str(&format!(": {}\n  fix: {}\n", problem.message, problem.fix));
    }
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn exit_codes_follow_the_domain() {
        let manifest = streamjob_crds::load(Path::new("no such file.yaml")).unwrap_err();
        let table = [
            (Failure::One(Error::user("x")), 2),
            (Failure::One(Error::transient("x")), 1),
            (Failure::One(Error::internal("x")), 1),
            (Failure::NotStarted(Error::user("x")), 2),
            (Failure::NotStarted(Error::transient("x")), 2),
            (Failure::NotStarted(Error::internal("x")), 1),
            (Failure::Manifest(manifest), 2),
            (Failure::Told(Domain::User), 2),
            (Failure::Told(Domain::Transient), 1),
        ];
        for (failure, code) in table {
            assert_eq!(failure.code(), code, "{failure:?}");
        }
    }

    #[test]
    fn the_text_has_message_causes_and_fix() {
        let e = Error::transient("cannot write").caused_by(std::io::Error::other("disk full")).fix("free space");
        assert_eq!(Failure::One(e).text(), "error: cannot write: disk full\n  fix: free space\n");
        let wrapped = Error::transient("the task failed").caused_by(Error::user("bad row").fix("correct it"));
        assert!(Failure::One(wrapped).text().contains("fix: correct it"));
    }

    #[test]
    fn all_problems_of_a_manifest_are_told() {
        let text = "apiVersion: streamjob.dev/v1alpha1\nkind: StreamJob\nmetadata: {name: x}\nspec:\n  parallelism: 0\n  wat: 1\n";
        let e = streamjob_crds::load::from_yaml(text, Path::new("job.yaml")).unwrap_err();
        let text = Failure::Manifest(e).text();
        assert!(text.contains("job.yaml:5:") && text.contains("spec.parallelism"), "{text}");
        assert!(text.contains("spec.wat") && text.matches("fix: ").count() >= 3, "{text}");
    }
}
