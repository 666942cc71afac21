//! The StreamJob is being deleted. Its objects go by their owners; only the
//! savepoint that it asked for, or the deletion of its checkpoints, is owed, up to a deadline.

use streamjob_crds::Retention;
use streamjob_crds::status::{JobState, OperationKind};

use super::Draft;
use super::suspend::Asked;
use crate::model::{Call, Process, Step, after};
use crate::names::Revision;
use crate::reasons;

impl Draft<'_> {
    pub(super) fn delete(&mut self) {
        self.state = JobState::Deleting;
        let Some(since) = self.seen.deleting else { return };
        if !self.seen.finalizer {
            return self.progressing(&reasons::DELETING, "the objects of the job go");
        }
        let last = after(since, self.savepoint_limit().saturating_mul(2)).0;
        let stopped = self.intent.resume_from.is_some() && self.intent.operation.is_none();
        let Some(revision) = self.intent.revision.filter(|_| !stopped) else { return self.release() };
        if self.seen.force_delete || !self.owes() || self.now >= last {
            return self.release();
        }
        self.wake_at(last);
        if !self.job.spec.savepoint.on_delete {
            return self.cancel(revision);
        }
        self.say(format!("stop {revision} with a savepoint, then let the deletion go on"));
        let operation = self.intent.operation.clone().filter(|o| o.kind == OperationKind::Stop);
        let Some(operation) = operation else {
            if self.form(revision).is_none() {
                return self.release();
            }
            self.intent.operation = Some(self.operation(
                OperationKind::Stop,
                revision,
                format!("delete-{revision}-1"),
                self.savepoint_limit(),
            ));
            return self.progressing(&reasons::DELETING, reasons::DELETING.meaning);
        };
        if let Some(why) = operation.failure {
            self.stalled(
                &reasons::SAVEPOINT_FAILED,
                format!("{why}; to delete without: annotate {}=true", crate::names::FORCE_DELETE),
            );
            return self.try_again(|n| format!("delete-{revision}-{n}"), self.savepoint_limit());
        }
        self.progressing(&reasons::DELETING, reasons::DELETING.meaning);
        match self.ask_for_state(revision, &operation.trigger_id, Call::Stop) {
            Asked::UnderWay => self.wake_soon(),
            Asked::Failed(why) => self.put_off(&why),
            Asked::Done(path) => {
                self.intent.operation = None;
                self.intent.resume_from = Some(path.clone().unwrap_or_else(|| "auto".to_owned()));
                self.intent.savepoint = path.or_else(|| self.intent.savepoint.clone());
            }
            Asked::Cannot => self.release(),
        }
    }

    /// Whether something outside the cluster is to be done before the job goes.
    pub(super) fn owes(&self) -> bool {
        let spec = &self.job.spec;
        spec.savepoint.on_delete || spec.checkpoint.retention == Retention::DeleteOnCancellation
    }

    /// The coordinator deletes its checkpoints as it is canceled. That the job is being deleted is the intent.
    fn cancel(&mut self, revision: Revision) {
        let Some(form) = self.form(revision) else { return self.release() };
        if matches!(form.coordinator, Process::Done | Process::Absent | Process::Refused(_)) {
            return self.release();
        }
        self.say(format!("cancel {revision}, which deletes its checkpoints, then let the deletion go on"));
        self.progressing(&reasons::DELETING, "the job ends and deletes its checkpoints");
        self.wake_soon();
        let power = form.job.as_ref().is_some_and(|j| j.generation > 0 && !j.state.is_terminal());
        if power {
            self.steps.push(Step::Ask(revision, format!("cancel-{revision}"), Call::Cancel));
        }
    }

    fn release(&mut self) {
        self.steps.push(Step::Release);
        self.progressing(&reasons::DELETING, "the deletion goes on");
    }
}
