//! Starts a job while nothing else of it runs: for the first time, after it was
//! suspended, and as the end of a rollback.

use streamjob_crds::status::{JobState, OperationKind, UpgradeOutcome};

use super::{Draft, shorten};
use crate::model::{Call, Form, Process, Record, Start, Step};
use crate::names::Revision;
use crate::reasons;

impl Draft<'_> {
    /// There is nothing yet.
    pub(super) fn first(&mut self) {
        if !self.job.shall_run() {
            self.state = JobState::Suspended;
            return;
        }
        let from = self.job.restore_from();
        self.begin_start(from);
    }

    /// It was stopped.
    pub(super) fn stopped(&mut self, revision: Revision) {
        self.state = JobState::Suspended;
        let Some(form) = self.form(revision) else { return self.resume() };
        if form.has_objects() {
            self.steps.push(Step::Clear(revision));
            return self.progressing(&reasons::SUSPENDING, "the pods of the job go");
        }
        if self.job.shall_run() {
            self.resume();
        }
    }

    fn resume(&mut self) {
        if !self.job.shall_run() {
            return;
        }
        let before = self.intent.revision.and_then(|r| self.form(r)).and_then(|f| f.record.spec.restore.nonce);
        let again = self.job.spec.restore.nonce > before;
        let from = self.intent.resume_from.clone().filter(|_| !again).unwrap_or_else(|| self.job.restore_from());
        self.begin_start(from);
    }

    /// Means to start a new form from here.
    pub(super) fn begin_start(&mut self, from: String) {
        let revision = self.intent.allot();
        let limit = self.job.spec.upgrade.rollback.deadline.get();
        let mut operation = self.operation(OperationKind::Start, revision, format!("start-{revision}"), limit);
        operation.from = Some(from);
        self.intent.operation = Some(operation);
        self.state = JobState::Starting;
        self.progressing(&reasons::STARTING, "the job is about to start");
    }

    /// A start is under way, or a rollback, which ends with one.
    pub(super) fn start(&mut self) {
        let Some(operation) = self.intent.operation.clone() else { return };
        let (Ok(revision), from) = (operation.revision.parse::<Revision>(), operation.from.clone()) else { return };
        let rolls_back = self.phase().is_some();
        self.state = if rolls_back { JobState::RollingBack } else { JobState::Starting };
        let reason = if rolls_back { &reasons::ROLLING_BACK } else { &reasons::STARTING };
        self.say(format!("start {revision} from {}", from.as_deref().unwrap_or("auto")));

        // While nothing of it was seen to run, another spec is a new try from the same point. What a rollback returns
        // to is given up for a spec that the user has meanwhile changed only if it cannot start itself.
        if let Some(form) = self.form(revision) {
            let refused =
                matches!(form.coordinator, Process::Refused(_)) || refusal(form, &operation.trigger_id).is_some();
            let given_up = form.job.as_ref().is_some_and(|j| j.state == streamjob_api::JobState::Failed);
            let late = self.now >= operation.deadline.0;
            let smaller = form.parallelism.is_some_and(|p| p > self.job.spec.parallelism);
            // What a refusal asks the user to change may be how it starts, not what.
            let told_how = refused && form.record.spec.restore != self.job.spec.restore;
            let changed = (late && smaller && !rolls_back)
                || (told_how && !rolls_back)
                || !self.is_asked_for(form) && (!rolls_back || (refused && !self.was_refused()));
            if form.runs() || form.coordinator == Process::Done {
                return self.started(revision);
            }
            let power = form.job.as_ref().is_some_and(|j| j.generation > 0);
            if changed && !power && (idle(form) || refusal(form, &operation.trigger_id).is_some()) {
                let nonce = self.job.spec.restore.nonce > form.record.spec.restore.nonce;
                let never = self.intent.revision.is_none();
                let from = if nonce || never { self.job.restore_from() } else { self.once_more(from) };
                self.end_upgrade(UpgradeOutcome::RolledBack);
                return self.begin_start(from);
            }
            if changed && power && (late || given_up) {
                // It has taken power, so that its own newest state is what to go on from.
                self.intent.revision = Some(revision);
                return self.begin_start("auto".to_owned());
            }
            let stands_by = form.job.as_ref().is_some_and(|j| j.standby.is_some());
            if stands_by && form.trigger(&operation.trigger_id).is_none() {
                let call = Call::Go(from.clone().unwrap_or_else(|| "auto".to_owned()));
                self.steps.push(Step::Ask(revision, operation.trigger_id.clone(), call));
            }
            match &form.coordinator {
                _ if refusal(form, &operation.trigger_id).is_some() => {
                    let why = refusal(form, &operation.trigger_id).unwrap_or_default();
                    self.stalled(&reasons::START_REFUSED, shorten(&why));
                }
                Process::Refused(message) => self.stalled(&reasons::START_REFUSED, shorten(message)),
                _ if given_up => self.stalled(&reasons::JOB_FAILED, self.failure(form)),
                coordinator => {
                    let why = match coordinator {
                        Process::Trouble(_, message) => Some(message),
                        _ => form.workers.trouble.as_ref(),
                    };
                    let why = why.map_or_else(|| format!("{revision} starts"), |w| shorten(w));
                    if late {
                        self.stalled(&reasons::NOT_STARTED, why);
                    } else {
                        self.progressing(reason, why);
                    }
                }
            }
        } else {
            self.progressing(reason, format!("{revision} starts"));
        }
        if !rolls_back
            && !self.job.shall_run()
            && self.form(revision).is_none_or(|f| idle(f) || refusal(f, &operation.trigger_id).is_some())
        {
            return self.take_back(revision);
        }

        // The old workers make room, and what did not prove itself goes before its successor comes.
        let upgrade = self.intent.upgrade.clone().filter(|u| u.phase.is_some());
        let others = self.seen.forms.iter().filter(|(r, f)| **r != revision && f.has_objects());
        self.steps.extend(others.map(|(r, _)| Step::Clear(*r)));
        let stable = upgrade.and_then(|u| u.from).and_then(|r| r.parse().ok()).and_then(|r| self.form(r));
        // Never started by its arguments: a pod of it that comes back late would take power from its successor.
        let start = Start { standby: true, from: None };
        let record = |draft: &Self| match stable {
            Some(old) => Record { start, ..old.record.clone() },
            None => draft.record(start),
        };
        self.make(revision, record, true);
        self.share(revision);
        self.wake_soon();
    }

    /// What another form starts from, after one whose process may have run for a while without being seen: the newest
    /// own state, where the start was to go on from that.
    fn once_more(&self, from: Option<String>) -> String {
        let resumes = self.intent.resume_from.is_some() && self.intent.resume_from == from;
        from.filter(|_| !resumes).unwrap_or_else(|| "auto".to_owned())
    }

    /// Suspended before anything of the new form ran.
    fn take_back(&mut self, revision: Revision) {
        let from = self.intent.operation.take().and_then(|o| o.from);
        let from = self.once_more(from);
        self.intent.revision = Some(revision);
        self.intent.resume_from = Some(from);
        self.state = JobState::Suspended;
    }

    fn started(&mut self, revision: Revision) {
        self.intent.revision = Some(revision);
        self.intent.operation = None;
        self.intent.resume_from = None;
        self.end_upgrade(UpgradeOutcome::RolledBack);
    }

    /// Ends an upgrade that is under way.
    pub(super) fn end_upgrade(&mut self, outcome: UpgradeOutcome) {
        if let Some(upgrade) = self.intent.upgrade.as_mut().filter(|u| u.phase.is_some()) {
            upgrade.phase = None;
            upgrade.deadline = None;
            upgrade.outcome = Some(outcome);
        }
    }

    /// Why a job failed, in its own words.
    pub(super) fn failure(&self, form: &Form) -> String {
        let told = form.job.as_ref().and_then(|j| j.last_failure.as_ref()).map(|f| f.message.as_str());
        shorten(told.unwrap_or("the job failed and does not say why"))
    }

    /// Whether the spec asks for exactly what the last upgrade could not do.
    pub(super) fn was_refused(&self) -> bool {
        let Some(upgrade) = &self.intent.upgrade else { return false };
        let failed = matches!(upgrade.outcome, Some(UpgradeOutcome::Refused | UpgradeOutcome::RolledBack))
            || upgrade.phase == Some(streamjob_crds::status::UpgradePhase::RollBack);
        let to = upgrade.to.as_deref().and_then(|r| r.parse().ok()).and_then(|r| self.form(r));
        let again = upgrade.phase.is_none() && upgrade.deadline.as_ref().is_some_and(|d| self.now >= d.0);
        // How it takes over may be what had to be changed.
        let same = |form: &Form| {
            let (then, now) = (&form.record.spec, &self.job.spec);
            self.is_asked_for(form) && then.upgrade == now.upgrade && then.restore == now.restore
        };
        failed && !again && to.is_some_and(same)
    }
}

/// Whether its coordinator neither runs nor is about to.
fn idle(form: &Form) -> bool {
    matches!(form.coordinator, Process::Refused(_) | Process::Trouble(..) | Process::Absent)
}

/// Why it would not go.
fn refusal(form: &Form, trigger: &str) -> Option<String> {
    let outcome = form.trigger(trigger).and_then(|t| t.outcome.as_ref());
    outcome.and_then(|o| o.failure.as_ref()).map(|f| f.message.clone())
}
