//! Every reason that a condition can give, in one table.

/// A reason: what conditions, events and metrics call it, and what it means.
#[derive(Debug, PartialEq, Eq)]
pub struct Reason {
    /// CamelCase word.
    pub name: &'static str,
    /// What it means and what to do.
    pub meaning: &'static str,
}

macro_rules! reasons {
    ($($ident:ident = $name:literal, $meaning:literal;)+) => {
        $(#[doc = $meaning] pub static $ident: Reason = Reason { name: $name, meaning: $meaning };)+
        /// All of them.
        pub static ALL: &[&Reason] = &[$(&$ident),+];
    };
}

reasons! {
    STEADY = "AsAsked", "The job is as the spec asks.";
    STARTING = "Starting", "Pods start, tasks are deployed.";
    UPGRADING = "Upgrading", "A new version of the job takes over.";
    ROLLING_BACK = "RollingBack", "The new version did not prove itself; the old one returns.";
    RESCALING = "Rescaling", "The parallelism changes.";
    SUSPENDING = "Suspending", "The job stops with a savepoint.";
    SUSPENDED = "Suspended", "The job is stopped, as the spec asks.";
    FINISHED = "Finished", "All input is done.";
    RECOVERING = "Recovering", "The job or its coordinator failed and is being restarted.";
    DELETING = "Deleting", "What is owed before the job goes is done: its last savepoint, or the deletion of its checkpoints.";
    INVALID_SPEC = "InvalidSpec", "The spec is not valid; the job that runs is left as it is. The message names the field and the fix.";
    NAME_TAKEN = "NameTaken", "An object of somebody else has a name that the job needs. Delete or rename it, or rename the job.";
    APPLY_REFUSED = "ApplyRefused", "The API server refuses an object of the job, such as by a quota or a policy; it is tried again. Mend what the message names.";
    UNREADABLE = "Unreadable", "The object cannot be read as a StreamJob; the message names the place. Correct it.";
    START_REFUSED = "StartRefused", "The coordinator refuses to start and says why. Correct the field that it names.";
    NOT_STARTED = "NotStarted", "The job did not start in time; it starts as soon as what the message names is mended.";
    UPGRADE_REFUSED = "UpgradeRefused", "The new version cannot take over; the old one goes on. Correct what the message names.";
    ROLLED_BACK = "RolledBack", "The new version did not complete a checkpoint in time; the old one runs again. Correct the spec.";
    UNPROVEN = "Unproven", "The new version does not complete a checkpoint, and rollback is switched off. Correct the spec.";
    NO_ROOM = "NoRoom", "Worker pods cannot be placed. Add nodes, or lower parallelism or the workers' resources.";
    RESCALE_REFUSED = "RescaleRefused", "The parallelism could not be changed; it is tried again.";
    SAVEPOINT_FAILED = "SavepointFailed", "The savepoint could not be taken; the job goes on, and it is tried again.";
    CANNOT_SAVEPOINT = "CannotSavepoint", "The job does not run, so no savepoint can be taken; the wish is held until it does.";
    JOB_FAILED = "JobFailed", "The job failed for good by its restart strategy.";
    RUNNING = "Running", "The job runs.";
    NOT_RUNNING = "NotRunning", "The job does not run.";
    COMPLETING = "Completing", "Checkpoints complete.";
    FAILING = "Failing", "Checkpoints fail.";
    NONE_YET = "NoneYet", "There is no checkpoint yet.";
    NOT_ROLLED_BACK = "NotRolledBack", "The version that is asked for was not rolled back.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_words_that_the_api_takes_and_no_two_are_alike() {
        let mut names: Vec<_> = ALL.iter().map(|r| r.name).collect();
        assert!(ALL.iter().all(|r| r.name.chars().all(|c| c.is_ascii_alphanumeric()) && r.meaning.ends_with('.')));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
    }
}
