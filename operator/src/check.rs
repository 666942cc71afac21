//! Judges manifests as the operator would, without a cluster.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use k8s_openapi::jiff::Timestamp;
use streamjob_operator::judge::judge;
use streamjob_operator::model::Observed;

/// Prints a line for each file that is good, and every field and fix for those that are not.
pub fn check(files: &[PathBuf]) -> ExitCode {
    let mut bad = false;
    for file in files {
        let found = match streamjob_crds::load(file) {
            Err(error) => Some(error.to_string()),
            Ok(mut job) => {
                // What only the API server sets.
                job.metadata.uid.get_or_insert_with(String::new);
                job.metadata.namespace.get_or_insert_with(|| "default".to_owned());
                let judged = judge(&job, &Observed::default(), "", None, Timestamp::now());
                let stalled = judged.status.conditions.into_iter().find(|c| c.reason == "InvalidSpec");
                stalled.map(|c| format!("{}: {}", file.display(), c.message))
            }
        };
        let _ = match found {
            Some(why) => {
                bad = true;
                writeln!(std::io::stderr(), "error: {why}")
            }
            None => writeln!(std::io::stdout(), "{}: good", file.display()),
        };
    }
    if bad { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
