//! Another parallelism: more workers first, then the redeployment from a
//! checkpoint, fewer workers last. No pod is restarted.

use streamjob_crds::status::JobState;

use super::steady::RESCALE;
use super::{Draft, shorten};
use crate::model::{Call, Process, Shape, Step};
use crate::names::Revision;
use crate::reasons;

impl Draft<'_> {
    pub(super) fn rescale(&mut self, revision: Revision) {
        let Some(operation) = self.intent.operation.clone() else { return };
        let target = operation.parallelism.and_then(|p| u32::try_from(p).ok()).unwrap_or(self.job.spec.parallelism);
        let Some(form) = self.form(revision) else {
            self.intent.operation = None;
            return;
        };
        self.state = JobState::Rescaling;
        self.say(format!("change the parallelism to {target}"));
        let entry = form.trigger(&operation.trigger_id);
        let under_way = entry.is_some_and(|e| e.outcome.is_none());
        let job = form.job.as_ref();
        let there = form.runs() && job.is_some_and(|j| j.parallelism.now == target && j.parallelism.wanted == target);
        let moot = self.job.spec.parallelism != target || !self.job.shall_run() || !self.is_asked_for(form);
        if !under_way && (there || moot || matches!(form.coordinator, Process::Done | Process::Refused(_))) {
            self.intent.operation = None;
            return;
        }
        if let Some(why) = operation.failure {
            self.stalled(&reasons::RESCALE_REFUSED, why);
            let generation = self.job.generation;
            return self.try_again(|n| format!("scale-{revision}-g{generation}-{n}"), RESCALE);
        }
        if let Some(failure) = entry.and_then(|e| e.outcome.as_ref()).and_then(|o| o.failure.as_ref()) {
            self.put_off(&failure.message);
            return self.stalled(&reasons::RESCALE_REFUSED, shorten(&failure.message));
        }
        let now = job.map_or(target, |j| j.parallelism.now.max(j.parallelism.wanted));
        let workers = form.record.spec.worker.pods(target.max(now));
        // A coordinator that is replaced meanwhile starts at the new parallelism: the manifest says so from here on.
        self.ensure(revision, form, Shape { parallelism: target, workers });
        self.share(revision);
        let slots = job.map_or(0, |j| j.workers.slots);
        if form.runs() && entry.is_none() && slots >= target {
            self.steps.push(Step::Ask(
                revision,
                operation.trigger_id,
                Call::Rescale(Self::shape(&form.record, target)),
            ));
        }
        match &form.workers.trouble {
            Some(trouble) if self.now >= operation.deadline.0 => self.stalled(&reasons::NO_ROOM, trouble.clone()),
            Some(trouble) => self.progressing(&reasons::RESCALING, trouble.clone()),
            None => self.progressing(&reasons::RESCALING, format!("the parallelism becomes {target}")),
        }
        self.wake_soon();
    }
}
