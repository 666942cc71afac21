//! A form is in power and nothing is under way: whether something is to begin.

use std::time::Duration;

use streamjob_crds::status::{JobState, OperationKind, RevisionRef, UpgradeOutcome, UpgradePhase, UpgradeStatus};

use super::{Draft, shorten};
use crate::model::{Form, Process, Shape, after, stamp};
use crate::names::Revision;
use crate::reasons;

/// A rescale waits this long for workers before it says that there is no room.
pub(super) const RESCALE: Duration = Duration::from_secs(300);

impl Draft<'_> {
    pub(super) fn steady(&mut self, revision: Revision) {
        let Some(form) = self.form(revision) else {
            // Somebody deleted its record, and with it all its objects. Its own state is in storage.
            return self.begin_start("auto".to_owned());
        };
        let over = form.coordinator == Process::Done;
        if !self.job.shall_run() && !over {
            return self.begin_suspend(revision, form);
        }
        if self.is_asked_for(form) {
            self.keep(revision, form);
            let wanted = self.job.spec.parallelism;
            let told = form.job.as_ref().map(|j| j.parallelism.wanted);
            if !over && form.runs() && told != Some(wanted) {
                self.begin_rescale(revision, wanted);
            }
        } else if self.was_refused() {
            self.keep(revision, form);
            let (outcome, message) = self.intent.upgrade.clone().map(|u| (u.outcome, u.message)).unwrap_or_default();
            let rolled_back = outcome == Some(UpgradeOutcome::RolledBack);
            let reason = if rolled_back { &reasons::ROLLED_BACK } else { &reasons::UPGRADE_REFUSED };
            self.stalled(reason, message.unwrap_or_else(|| reason.meaning.to_owned()));
            if let Some(again) = self.intent.upgrade.as_ref().and_then(|u| u.deadline.clone()) {
                self.wake_at(again.0);
            }
            if rolled_back {
                self.state = JobState::RolledBack;
            }
        } else if over {
            self.begin_start("auto".to_owned());
        } else {
            self.begin_upgrade(revision);
        }
    }

    /// Keeps it as it is, and says how it is.
    fn keep(&mut self, revision: Revision, form: &Form) {
        let over = form.coordinator == Process::Done;
        let parallelism = form.parallelism.unwrap_or(self.job.spec.parallelism);
        let mut shape = Self::shape(&form.record, parallelism);
        if over {
            shape = Shape { workers: 0, ..shape };
        }
        self.ensure(revision, form, shape);
        self.share(revision);
        self.prove(revision, form);
        self.state = JobState::Running;
        match (&form.coordinator, &form.job) {
            (Process::Done, _) => self.state = JobState::Finished,
            (Process::Refused(message), _) => {
                self.state = JobState::Failed;
                self.stalled(&reasons::START_REFUSED, shorten(message));
            }
            (_, Some(job)) if job.state == streamjob_api::JobState::Failed => {
                self.state = JobState::Failed;
                self.stalled(&reasons::JOB_FAILED, self.failure(form));
            }
            (_, Some(_)) if form.runs() => {}
            (Process::Trouble(_, message), _) => {
                self.state = JobState::Failing;
                self.progressing(&reasons::RECOVERING, shorten(message));
            }
            _ => {
                self.state = JobState::Failing;
                let trouble = form.workers.trouble.clone();
                self.progressing(
                    &reasons::RECOVERING,
                    trouble.unwrap_or_else(|| reasons::RECOVERING.meaning.to_owned()),
                );
            }
        }
    }

    /// Remembers a form that has completed a checkpoint.
    pub(super) fn prove(&mut self, revision: Revision, form: &Form) {
        let name = crate::names::Names(&self.job.name).form(revision);
        let proven = form.job.as_ref().is_some_and(|j| j.standby.is_none() && j.checkpoints.completed > 0);
        if proven && self.intent.stable.as_ref().and_then(|s| s.name.as_ref()) != Some(&name) {
            self.intent.stable = Some(RevisionRef { name: Some(name), generation: Some(form.record.generation) });
        }
    }

    fn begin_upgrade(&mut self, from: Revision) {
        let to = self.intent.allot();
        // Only what is to be tried again has a deadline left.
        let before = self.intent.upgrade.as_ref().filter(|u| u.deadline.is_some()).and_then(|u| u.attempt);
        self.intent.upgrade = Some(UpgradeStatus {
            from: Some(from.to_string()),
            to: Some(to.to_string()),
            attempt: Some(before.unwrap_or(0).saturating_add(1)),
            phase: Some(UpgradePhase::Prepare),
            started_at: Some(stamp(self.now)),
            deadline: Some(after(self.now, self.job.spec.upgrade.rollback.deadline.get())),
            ..UpgradeStatus::default()
        });
        self.state = JobState::Upgrading;
        self.progressing(&reasons::UPGRADING, format!("{to} is about to be prepared beside {from}"));
    }

    fn begin_rescale(&mut self, revision: Revision, parallelism: u32) {
        let trigger = format!("scale-{revision}-g{}-1", self.job.generation);
        let mut operation = self.operation(OperationKind::Rescale, revision, trigger, RESCALE);
        operation.parallelism = i32::try_from(parallelism).ok();
        self.intent.operation = Some(operation);
        self.state = JobState::Rescaling;
        self.progressing(&reasons::RESCALING, format!("the parallelism becomes {parallelism}"));
    }

    fn begin_suspend(&mut self, revision: Revision, form: &Form) {
        self.state = JobState::Suspending;
        if form.runs() {
            let trigger = format!("suspend-{revision}-g{}-1", self.job.generation);
            self.intent.operation =
                Some(self.operation(OperationKind::Stop, revision, trigger, self.savepoint_limit()));
            return self.progressing(&reasons::SUSPENDING, "the job is about to stop with a savepoint");
        }
        let gone = matches!(form.coordinator, Process::Refused(_) | Process::Absent)
            || form.job.as_ref().is_some_and(|j| j.state == streamjob_api::JobState::Failed);
        if gone {
            // No task runs and none will: its newest state is what a savepoint would hold.
            self.intent.resume_from = Some("auto".to_owned());
            return self
                .progressing(&reasons::SUSPENDING, "the job does not run; it will go on from its newest checkpoint");
        }
        self.keep(revision, form);
        self.state = JobState::Suspending;
        self.stalled(&reasons::CANNOT_SAVEPOINT, reasons::CANNOT_SAVEPOINT.meaning);
    }
}
