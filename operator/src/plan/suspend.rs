//! The job stops with a savepoint, which the next start goes on from.

use streamjob_crds::status::JobState;

use super::Draft;
use crate::model::{Call, Process, Step};
use crate::names::Revision;
use crate::reasons;

/// How it stands with a savepoint or a stop that is asked for.
pub(super) enum Asked {
    /// Or about to be asked for.
    UnderWay,
    /// Taken or stopped, and at which path; without one the form has stopped, and nobody was there to hear where.
    Done(Option<String>),
    /// The job goes on.
    Failed(String),
    /// It does not run, so that it cannot be asked.
    Cannot,
}

impl Draft<'_> {
    /// Asks a form for a savepoint or to stop, or says how that came out. A stop that was asked for is never given up
    /// while its outcome is not known: it may still happen.
    pub(super) fn ask_for_state(&mut self, revision: Revision, trigger: &str, call: Call) -> Asked {
        let Some(form) = self.form(revision) else { return Asked::Done(None) };
        if let Some(entry) = form.trigger(trigger) {
            return match &entry.outcome {
                None => Asked::UnderWay,
                Some(outcome) => match (&outcome.location, &outcome.failure) {
                    (Some(path), _) => Asked::Done(Some(path.clone())),
                    (None, Some(failure)) => Asked::Failed(failure.message.clone()),
                    (None, None) => Asked::Failed("the coordinator says neither a path nor a reason".to_owned()),
                },
            };
        }
        match form.coordinator {
            // Ended with code 0 after it was asked: stopped. Whether by this or because its input was done, its newest
            // own state is what is gone on from.
            Process::Done => Asked::Done(None),
            Process::Refused(_) | Process::Absent => Asked::Cannot,
            _ if form.runs() => {
                self.steps.push(Step::Ask(revision, trigger.to_owned(), call));
                Asked::UnderWay
            }
            _ if form.job.as_ref().is_some_and(|j| j.state == streamjob_api::JobState::Failed) => Asked::Cannot,
            _ => Asked::UnderWay,
        }
    }

    pub(super) fn suspend(&mut self, revision: Revision) {
        let Some(operation) = self.intent.operation.clone() else { return };
        self.state = JobState::Suspending;
        self.say(format!("stop {revision} with a savepoint, then remove its pods"));
        if let Some(why) = operation.failure {
            if self.job.shall_run() {
                self.intent.operation = None;
                return;
            }
            self.stalled(&reasons::SAVEPOINT_FAILED, why);
            let generation = self.job.generation;
            return self.try_again(|n| format!("suspend-{revision}-g{generation}-{n}"), self.savepoint_limit());
        }
        match self.ask_for_state(revision, &operation.trigger_id, Call::Stop) {
            Asked::UnderWay => {
                self.progressing(&reasons::SUSPENDING, "the job stops with a savepoint");
                self.wake_soon();
            }
            Asked::Done(path) => {
                self.intent.operation = None;
                self.intent.resume_from = Some(path.clone().unwrap_or_else(|| "auto".to_owned()));
                self.intent.savepoint = path.or_else(|| self.intent.savepoint.clone());
                self.progressing(&reasons::SUSPENDING, "the job has stopped; its pods go");
            }
            Asked::Failed(why) => {
                self.put_off(&why);
                self.stalled(&reasons::SAVEPOINT_FAILED, why);
            }
            Asked::Cannot => {
                self.intent.operation = None;
                self.progressing(&reasons::SUSPENDING, "the job has failed meanwhile");
            }
        }
    }
}
