//! What a manifest may say but a local run cannot do, refused by name. Fields
//! that are about pods alone have no meaning here and are passed over.

use super::explicit::Explicit;
use streamjob_core::{Error, Result};
use streamjob_crds::streamjob::DesiredState;
use streamjob_crds::{JobSource, RestartPolicy, StreamJob};

/// Refuses the first field that cannot be obeyed.
pub fn check(job: &StreamJob, explicit: &Explicit) -> Result<()> {
    let spec = &job.spec;
    match spec.job.source() {
        Ok(JobSource::Sql(_)) => {}
        Ok(JobSource::SqlFrom(key)) => {
            return Err(refused("spec.job.sqlFrom", &format!("it names the ConfigMap '{}' of a cluster", key.name))
                .fix("write the SQL into spec.job.sql, or run the .sql file itself"));
        }
        Ok(JobSource::Program(_)) => {
            return Err(refused("spec.job.program", "the program is in a container image")
                .fix("run the program itself, or write the job as spec.job.sql"));
        }
        Err(e) => return Err(Error::user(format!("{}: {}", e.path, e.message)).fix(e.fix)),
    }
    if spec.state == DesiredState::Suspended {
        return Err(refused("spec.state: Suspended", "the manifest says that the job shall not run")
            .fix("write state: Running, or remove the field"));
    }
    if spec.checkpoint.unaligned.enabled {
        return Err(refused("spec.checkpoint.unaligned.enabled", "unaligned checkpoints are not built yet")
            .fix("write enabled: false, or remove the field"));
    }
    if spec.savepoint.schedule.is_some() {
        return Err(refused("spec.savepoint.schedule", "only the operator takes savepoints by schedule")
            .fix("remove the field, and call `streamjob savepoint` when one is wanted"));
    }
    let RestartPolicy::ExponentialDelay { multiplier, reset_after, .. } = spec.restart.policy() else { return Ok(()) };
    let block = "spec.restart.exponentialDelay";
    let changed = |field: &str, differs: bool| explicit.has(&format!("{block}.{field}")) && differs;
    if changed("multiplierPercent", (multiplier - 1.5).abs() > 1e-9) {
        return Err(
            refused(&format!("{block}.multiplierPercent"), "the factor is fixed").fix("write 150, or remove the field")
        );
    }
    if changed("resetAfter", reset_after.as_secs() != 3600) {
        return Err(refused(&format!("{block}.resetAfter"), "the time is fixed").fix("write 1h, or remove the field"));
    }
    Ok(())
}

fn refused(field: &str, why: &str) -> Error {
    Error::user(format!("{field} cannot be used by `streamjob run`: {why}"))
}
