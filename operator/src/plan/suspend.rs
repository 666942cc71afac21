//! The job stops with a savepoint, which the next start goes on from.

use streamjob_crds::status::JobState;

use super::Draft;
use crate::model::{Call, Process, Step};
use crate::names::Revision;
use crate::reasons;

/// How a stop stands.
pub(super) enum Stop {
    /// Under way, or about to be asked for.
    Asked,
    /// Stopped: the savepoint's path, or absent when nobody was there to hear it.
    Done(Option<String>),
    /// The job goes on.
    Failed(String),
    /// It does not run, so that it cannot be asked.
    Cannot,
}

impl Draft<'_> {
    /// Asks a form to stop, or says how that came out. A stop that was asked for is never given up while its outcome is
    /// not known: it may still happen.
    pub(super) fn stop(&mut self, revision: Revision, trigger: &str) -> Stop {
        let Some(form) = self.form(revision) else { return Stop::Done(None) };
        if let Some(entry) = form.trigger(trigger) {
            return match &entry.outcome {
                None => Stop::Asked,
                Some(outcome) => match (&outcome.location, &outcome.failure) {
                    (Some(path), _) => Stop::Done(Some(path.clone())),
                    (None, Some(failure)) => Stop::Failed(failure.message.clone()),
                    (None, None) => Stop::Failed("the coordinator says neither a path nor a reason".to_owned()),
                },
            };
        }
        match form.coordinator {
            // Ended with code 0 after it was asked: stopped. Whether by this or because its input was done, its newest
            // own state is what is gone on from.
            Process::Done => Stop::Done(None),
            Process::Refused(_) | Process::Absent => Stop::Cannot,
            _ if form.runs() => {
                self.steps.push(Step::Ask(revision, trigger.to_owned(), Call::Stop));
                Stop::Asked
            }
            _ if form.job.as_ref().is_some_and(|j| j.state == streamjob_api::JobState::Failed) => Stop::Cannot,
            _ => Stop::Asked,
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
        match self.stop(revision, &operation.trigger_id) {
            Stop::Asked => {
                self.progressing(&reasons::SUSPENDING, "the job stops with a savepoint");
                self.wake_soon();
            }
            Stop::Done(path) => {
                self.intent.operation = None;
                self.intent.resume_from = Some(path.clone().unwrap_or_else(|| "auto".to_owned()));
                self.intent.savepoint = path.or_else(|| self.intent.savepoint.clone());
                self.progressing(&reasons::SUSPENDING, "the job has stopped; its pods go");
            }
            Stop::Failed(why) => {
                self.put_off(&why);
                self.stalled(&reasons::SAVEPOINT_FAILED, why);
            }
            Stop::Cannot => {
                self.intent.operation = None;
                self.progressing(&reasons::SUSPENDING, "the job has failed meanwhile");
            }
        }
    }
}
