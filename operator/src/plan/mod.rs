//! (what is asked, what was seen, now) → what to do. Pure: a state machine over
//! the intent in status, made anew from observations each time.

mod delete;
mod rescale;
mod start;
mod steady;
mod suspend;
mod upgrade;

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use streamjob_crds::status::{JobState, OperationKind, OperationStatus, UpgradePhase};

use crate::model::{Form, Intent, Observed, Plan, Process, Record, Shape, Start, Step, Verdict, after, stamp};
use crate::names::Revision;
use crate::reasons::{self, Reason};
use crate::validate::{ValidJob, frozen};

/// Between two tries of what failed: doubled each time, up to [`RETRY_MAX`].
const RETRY: Duration = Duration::from_secs(10);
/// Longest time between two tries.
const RETRY_MAX: Duration = Duration::from_secs(300);
/// How long an upgrade waits for workers of the new form beside those of the old one.
const SURGE: Duration = Duration::from_secs(60);
/// Long-polls tell of changes; this is for what they cannot tell.
const LOOK: Duration = Duration::from_secs(5);

/// What to do for `job`.
pub fn plan(job: &ValidJob, seen: &Observed, now: Timestamp) -> Plan {
    let made = draft(job, seen, now);
    if made.intent == Intent::of(&seen.status, &seen.forms) {
        return made;
    }
    // What is told with an intent is what will be told when it is carried out: one write instead of two.
    let then = Observed { status: crate::status::status(job, seen, &made, now), ..seen.clone() };
    let next = draft(job, &then, now);
    if next.intent != made.intent {
        return made;
    }
    Plan { words: next.words, verdict: next.verdict, state: next.state, ..made }
}

fn draft(job: &ValidJob, seen: &Observed, now: Timestamp) -> Plan {
    let mut draft = Draft::new(job, seen, now);
    draft.decide();
    draft.finish()
}

/// A plan in the making.
struct Draft<'a> {
    job: &'a ValidJob,
    seen: &'a Observed,
    now: Timestamp,
    intent: Intent,
    steps: Vec<Step>,
    wake: Option<Duration>,
    verdict: Verdict,
    state: JobState,
    words: Vec<String>,
}

impl<'a> Draft<'a> {
    fn new(job: &'a ValidJob, seen: &'a Observed, now: Timestamp) -> Self {
        let intent = Intent::of(&seen.status, &seen.forms);
        let state = JobState::Pending;
        Self {
            job,
            seen,
            now,
            intent,
            steps: Vec::new(),
            wake: None,
            verdict: Verdict::Steady,
            state,
            words: Vec::new(),
        }
    }

    fn decide(&mut self) {
        if self.seen.deleting.is_some() {
            return self.delete();
        }
        if self.owes() != self.seen.finalizer {
            self.steps.push(if self.seen.finalizer { Step::Release } else { Step::Hold });
        }
        if let Some(name) = self.seen.foreign.first() {
            let message = format!("{name} is there and belongs to somebody else; delete it, or rename the job");
            return self.stalled(&reasons::NAME_TAKEN, message);
        }
        let kind = self.intent.operation.as_ref().map(|o| o.kind);
        match (self.phase(), kind, self.intent.revision) {
            (Some(UpgradePhase::RollBack), ..) => self.start(),
            (Some(phase), ..) => self.upgrade(phase),
            (None, Some(OperationKind::Start), _) => self.start(),
            (None, Some(OperationKind::Stop), Some(r)) => self.suspend(r),
            (None, Some(OperationKind::Rescale), Some(r)) => self.rescale(r),
            // What asks a form that is not known any more is dropped.
            (None, Some(_), _) => self.intent.operation = None,
            (None, None, Some(r)) if self.intent.resume_from.is_some() => self.stopped(r),
            (None, None, Some(r)) => self.steady(r),
            (None, None, None) => self.first(),
        }
        self.collect();
    }

    /// Forms that nothing speaks of go, and of what could not take over only the record stays.
    fn collect(&mut self) {
        let upgrade = self.intent.upgrade.as_ref().filter(|u| u.phase.is_none());
        let left = upgrade.and_then(|u| u.to.as_deref()).and_then(|r| r.parse().ok());
        let busy = self.intent.operation.as_ref().and_then(|o| o.revision.parse().ok());
        let left = left.filter(|l| Some(*l) != self.intent.revision && Some(*l) != busy);
        if let Some(left) = left.filter(|l| self.intent.speaks_of(*l) && self.form(*l).is_some_and(Form::has_objects)) {
            self.steps.push(Step::Clear(left));
        }
        let gone = self.seen.forms.keys().filter(|r| !self.intent.speaks_of(**r));
        self.steps.extend(gone.map(|r| Step::Forget(*r)));
    }

    fn finish(mut self) -> Plan {
        if self.intent != Intent::of(&self.seen.status, &self.seen.forms) {
            self.steps.clear();
        }
        let Self { intent, steps, wake, verdict, state, words, .. } = self;
        Plan { intent, steps, wake, verdict, state, words }
    }

    fn phase(&self) -> Option<UpgradePhase> {
        self.intent.upgrade.as_ref().and_then(|u| u.phase)
    }

    fn form(&self, revision: Revision) -> Option<&'a Form> {
        self.seen.forms.get(&revision)
    }

    /// Whether a form is what the spec asks for.
    fn is_asked_for(&self, form: &Form) -> bool {
        frozen(&form.record.spec) == frozen(&self.job.spec)
    }

    /// A new form of the spec, as it is now.
    fn record(&self, start: Start) -> Record {
        Record { spec: self.job.spec.clone(), image: self.job.image.clone(), start, generation: self.job.generation }
    }

    fn shape(form: &Record, parallelism: u32) -> Shape {
        Shape { parallelism, workers: form.spec.worker.pods(parallelism) }
    }

    /// Makes a form as its record says, or writes the record down first.
    fn make(&mut self, revision: Revision, record: impl FnOnce(&Self) -> Record, workers: bool) {
        match self.form(revision) {
            None => {
                let record = record(self);
                self.steps.push(Step::Record(revision, Box::new(record)));
            }
            Some(form) => {
                // A coordinator reads its manifest once: another parallelism is a rescale, when it runs.
                let parallelism = form.parallelism.unwrap_or(self.job.spec.parallelism);
                let mut shape = Self::shape(&form.record, parallelism);
                if !workers {
                    shape.workers = 0;
                }
                self.ensure(revision, form, shape);
            }
        }
    }

    /// Makes the objects of a form when they are not there, or not like this.
    fn ensure(&mut self, revision: Revision, form: &Form, shape: Shape) {
        let there = form.coordinator != Process::Absent
            && form.parallelism == Some(shape.parallelism)
            && form.workers.wanted == Some(shape.workers);
        if !there {
            self.steps.push(Step::Ensure(revision, shape));
        }
    }

    /// The shared objects lead to this form.
    fn share(&mut self, revision: Revision) {
        if self.seen.shared != Some(revision) {
            self.steps.push(Step::Share(revision));
        }
    }

    fn progressing(&mut self, reason: &'static Reason, message: impl Into<String>) {
        self.verdict = Verdict::Progressing(reason, message.into());
    }

    fn stalled(&mut self, reason: &'static Reason, message: impl Into<String>) {
        self.verdict = Verdict::Stalled(reason, message.into());
    }

    fn say(&mut self, words: impl Into<String>) {
        self.words.push(words.into());
    }

    /// Looks again at `at`, at the earliest in a second.
    fn wake_at(&mut self, at: Timestamp) {
        let seconds = at.as_second().saturating_sub(self.now.as_second()).max(1);
        let span = Duration::from_secs(u64::try_from(seconds).unwrap_or(1));
        self.wake = Some(self.wake.map_or(span, |w| w.min(span)));
    }

    fn wake_soon(&mut self) {
        self.wake = Some(self.wake.map_or(LOOK, |w| w.min(LOOK)));
    }

    /// Something that will be asked of a coordinator.
    fn operation(&self, kind: OperationKind, revision: Revision, trigger: String, limit: Duration) -> OperationStatus {
        OperationStatus {
            kind,
            revision: revision.to_string(),
            trigger_id: trigger,
            from: None,
            parallelism: None,
            started_at: stamp(self.now),
            deadline: after(self.now, limit),
            attempt: 1,
            failure: None,
        }
    }

    /// The operation's try failed; it will be tried again.
    fn put_off(&mut self, why: &str) {
        let now = self.now;
        if let Some(operation) = &mut self.intent.operation {
            operation.failure = Some(shorten(why));
            operation.deadline = after(now, pause(operation.attempt));
        }
    }

    /// The next try of an operation that failed, when it is time.
    fn try_again(&mut self, trigger: impl FnOnce(i32) -> String, limit: Duration) {
        let now = self.now;
        let Some(operation) = &mut self.intent.operation else { return };
        if now >= operation.deadline.0 {
            operation.attempt = operation.attempt.saturating_add(1);
            operation.trigger_id = trigger(operation.attempt);
            operation.failure = None;
            operation.started_at = stamp(now);
            operation.deadline = after(now, limit);
        } else {
            let at = operation.deadline.0;
            self.wake_at(at);
        }
    }

    /// Whether there is state that must not be left behind.
    fn has_state(&self) -> bool {
        let s = &self.seen.status;
        s.checkpoint.as_ref().is_some_and(|c| c.latest.is_some())
            || s.savepoint.as_ref().is_some_and(|p| p.latest.is_some())
            || s.restore.as_ref().is_some_and(|r| r.path.is_some())
    }

    /// Time that a savepoint may take.
    fn savepoint_limit(&self) -> Duration {
        self.job.spec.checkpoint.timeout().saturating_add(Duration::from_secs(60))
    }
}

/// How long after this try the next one is made.
fn pause(attempt: i32) -> Duration {
    RETRY.saturating_mul(1 << attempt.clamp(1, 10).unsigned_abs().saturating_sub(1)).min(RETRY_MAX)
}

/// A message that a status can hold.
fn shorten(text: &str) -> String {
    text.chars().take(1000).collect()
}
