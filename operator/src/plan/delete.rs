//! The StreamJob is being deleted. Its objects go by their owners; only the
//! savepoint that it asked for is owed, up to a deadline.

use streamjob_crds::status::{JobState, OperationKind};

use super::Draft;
use super::suspend::Stop;
use crate::model::{Step, after};
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
        if self.seen.force_delete || !self.job.spec.savepoint.on_delete || self.now >= last {
            return self.release();
        }
        self.wake_at(last);
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
        match self.stop(revision, &operation.trigger_id) {
            Stop::Asked => self.wake_soon(),
            Stop::Failed(why) => self.put_off(&why),
            Stop::Done(path) => {
                self.intent.operation = None;
                self.intent.resume_from = Some(path.clone().unwrap_or_else(|| "auto".to_owned()));
                self.intent.savepoint = path.or_else(|| self.intent.savepoint.clone());
            }
            Stop::Cannot => self.release(),
        }
    }

    fn release(&mut self) {
        self.steps.push(Step::Release);
        self.progressing(&reasons::DELETING, "the deletion goes on");
    }
}
