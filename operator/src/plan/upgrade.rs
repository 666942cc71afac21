//! A new form takes over: Prepare, Savepoint, Switch, Verify, Retire; and what
//! leads to RollBack, which is a start (see `start`).

use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use streamjob_crds::UpgradeMode;
use streamjob_crds::status::{JobState, OperationKind, UpgradeOutcome, UpgradePhase, UpgradeStatus};

use super::suspend::Asked;
use super::{Draft, LOOK, SURGE, pause, shorten};
use crate::model::{Call, Form, Process, Start, Step, after};
use crate::names::Revision;
use crate::reasons;

impl Draft<'_> {
    pub(super) fn upgrade(&mut self, phase: UpgradePhase) {
        let Some(upgrade) = self.intent.upgrade.clone() else { return };
        let parse = |r: &Option<String>| r.as_deref().and_then(|r| r.parse::<Revision>().ok());
        let (Some(from), Some(to)) = (parse(&upgrade.from), parse(&upgrade.to)) else {
            self.intent.upgrade = None;
            return;
        };
        self.state = if phase == UpgradePhase::Savepoint { JobState::Savepointing } else { JobState::Upgrading };
        self.progressing(&reasons::UPGRADING, format!("{phase}: {to} takes over from {from}"));
        match phase {
            UpgradePhase::Prepare => self.prepare(&upgrade, from, to),
            UpgradePhase::Savepoint => self.savepoint(from, to),
            UpgradePhase::Switch => self.switch(&upgrade, from, to),
            UpgradePhase::Verify => self.verify(&upgrade, to),
            UpgradePhase::Retire => self.retire(from),
            UpgradePhase::RollBack => {}
        }
    }

    fn prepare(&mut self, upgrade: &UpgradeStatus, from: Revision, to: Revision) {
        self.say(format!("start {to} in standby beside {from} and check that the state fits"));
        let Some(old) = self.form(from) else {
            self.end_upgrade(UpgradeOutcome::Abandoned);
            return;
        };
        let new = self.form(to);
        if !self.job.shall_run() || new.is_some_and(|f| !self.is_asked_for(f)) {
            // Nothing was touched.
            return self.end_upgrade(UpgradeOutcome::Abandoned);
        }
        self.make(to, |draft| draft.record(Start { standby: true, from: None }), self.job.spec.upgrade.surge);
        self.share(from);
        self.wake_soon();
        let late = upgrade.deadline.as_ref().is_some_and(|d| self.now >= d.0);
        let Some(new) = new else { return };
        if let Process::Refused(message) = &new.coordinator {
            return self.refuse(message);
        }
        let preflight = new.job.as_ref().and_then(|j| j.standby.as_ref());
        let Some(preflight) = preflight else {
            let why = match &new.coordinator {
                Process::Trouble(_, message) => message.clone(),
                _ => "its coordinator does not answer".to_owned(),
            };
            if late {
                return self.refuse_for_now(&format!("{to} did not start in time: {why}"));
            }
            return self.tell_when_slow(upgrade, format!("Prepare: {why}"));
        };
        let stateless = self.job.spec.upgrade.mode == UpgradeMode::Stateless || self.starts_anew(old, new);
        if !stateless && !preflight.fits {
            let why = preflight.error.clone().unwrap_or_else(|| "the state does not fit".to_owned());
            return match (preflight.passing, late) {
                (true, true) => self.refuse_for_now(&why),
                (true, false) => self.tell_when_slow(upgrade, format!("Prepare: {why}")),
                (false, _) => self.refuse(&why),
            };
        }
        if !stateless && preflight.location.is_none() && self.has_state() {
            return self.refuse("storage holds no state of this job any more, but there was some; see checkpoint.storage, or start anew with restore.from and a higher restore.nonce");
        }
        let slots = new.job.as_ref().map_or((0, 0), |j| (j.workers.slots, j.workers.slots_wanted));
        let patience = upgrade.started_at.as_ref().map(|s| after(s.0, SURGE).0);
        if self.job.spec.upgrade.surge && slots.0 < slots.1 && patience.is_some_and(|p| self.now < p) {
            return self.tell_when_slow(upgrade, format!("Prepare: {} of {} slots are there", slots.0, slots.1));
        }
        self.leave(old, from, to, stateless);
    }

    /// Says what is waited for when it takes longer than usual: each telling is a write.
    fn tell_when_slow(&mut self, upgrade: &UpgradeStatus, message: String) {
        let usual = upgrade.started_at.as_ref().is_some_and(|s| self.now < after(s.0, LOOK).0);
        if !usual {
            self.progressing(&reasons::UPGRADING, message);
        }
    }

    /// How the old form is left.
    fn leave(&mut self, old: &Form, from: Revision, to: Revision, stateless: bool) {
        let over = old.coordinator == Process::Done;
        if over || !old.runs() || (stateless && self.job.spec.upgrade.mode == UpgradeMode::Stateless) {
            return self.begin_switch(to, None);
        }
        if self.job.spec.upgrade.mode == UpgradeMode::LastCheckpoint {
            return self.begin_switch(to, None);
        }
        let trigger = format!("savepoint-{from}-{to}");
        self.intent.operation = Some(self.operation(OperationKind::Savepoint, from, trigger, self.savepoint_limit()));
        self.enter(UpgradePhase::Savepoint, self.savepoint_limit());
    }

    /// A raised nonce asks for `restore.from`.
    fn starts_anew(&self, old: &Form, new: &Form) -> bool {
        new.record.spec.restore.nonce > old.record.spec.restore.nonce
    }

    /// A savepoint while the old form runs, however long it takes; then a checkpoint behind which it stops, which is short.
    fn savepoint(&mut self, from: Revision, to: Revision) {
        self.say(format!("take a savepoint of {from}, then stop it; if that fails it goes on"));
        let trigger = format!("stop-{from}-{to}");
        let stop = self.operation(OperationKind::StopBehindCheckpoint, from, trigger, self.savepoint_limit());
        let operation = self.intent.operation.clone().unwrap_or_else(|| stop.clone());
        let stops = operation.kind != OperationKind::Savepoint;
        let call = if stops { Call::StopBehindCheckpoint } else { Call::Savepoint };
        match self.ask_for_state(from, &operation.trigger_id, call) {
            Asked::UnderWay => self.wake_soon(),
            Asked::Done(Some(path)) if !stops => {
                self.intent.operation = Some(stop);
                self.intent.savepoint = Some(path.clone());
                if let Some(upgrade) = &mut self.intent.upgrade {
                    upgrade.savepoint_path = Some(path);
                }
            }
            Asked::Done(path) => self.begin_switch(to, path),
            // It failed for good meanwhile: the newest checkpoint is all that there is.
            Asked::Cannot => self.begin_switch(to, None),
            Asked::Failed(why) => {
                let what = if stops { "the stop" } else { "the savepoint" };
                self.refuse_for_now(&format!("{what} failed, and {from} goes on; it is tried again: {why}"));
            }
        }
    }

    /// The old form is left behind, with its end at this checkpoint, or at its newest state.
    fn begin_switch(&mut self, to: Revision, path: Option<String>) {
        let old = self.intent.revision.and_then(|r| self.form(r));
        let anew = old.zip(self.form(to)).is_some_and(|(old, new)| self.starts_anew(old, new));
        let last = old.and_then(|f| f.job.as_ref()).and_then(|j| j.last_checkpoint.as_ref());
        let stopped = last.filter(|s| Some(&s.location) == path.as_ref()).map(|s| s.triggered_at);
        let from = if anew {
            self.job.restore_from()
        } else if self.job.spec.upgrade.mode == UpgradeMode::Stateless {
            "none".to_owned()
        } else {
            "auto".to_owned()
        };
        // From a start that is not from the old form's own newest state, only a path leads back.
        let newest = self.seen.status.checkpoint.as_ref().and_then(|c| c.latest.as_ref()).and_then(|l| l.path.clone());
        let back = path.or(newest).filter(|_| from != "auto");
        let mut operation = self.operation(OperationKind::Go, to, format!("go-{to}"), self.proof());
        operation.from = Some(from);
        self.intent.operation = Some(operation);
        self.intent.revision = Some(to);
        self.enter(UpgradePhase::Switch, self.proof());
        if let Some(upgrade) = &mut self.intent.upgrade {
            upgrade.rollback_path = back;
            upgrade.stopped_at = stopped.and_then(|ms| Timestamp::from_millisecond(ms).ok()).map(MicroTime);
        }
    }

    fn switch(&mut self, upgrade: &UpgradeStatus, from: Revision, to: Revision) {
        let operation = self.intent.operation.clone();
        let start = operation.as_ref().and_then(|o| o.from.clone()).unwrap_or_else(|| "auto".to_owned());
        let trigger = operation.map_or_else(|| format!("go-{to}"), |o| o.trigger_id);
        self.say(format!("tell {to} to go, from {start}"));
        let Some(new) = self.form(to) else {
            return self.roll_back("its record was deleted");
        };
        self.make(to, |draft| draft.record(Start { standby: true, from: None }), true);
        self.share(to);
        self.wake_soon();
        if new.runs() || new.coordinator == Process::Done {
            self.intent.operation = None;
            return self.enter(UpgradePhase::Verify, self.proof());
        }
        let failure = new.trigger(&trigger).and_then(|t| t.outcome.as_ref()).and_then(|o| o.failure.clone());
        if let Some(failure) = failure {
            return self.roll_back(&failure.message);
        }
        if let Some(why) = self.lost(upgrade, new) {
            return self.roll_back(&why);
        }
        if let Some(job) = &new.job {
            if new.trigger(&trigger).is_none() && job.standby.is_some() {
                self.steps.push(Step::Ask(to, trigger, Call::Go(start)));
            }
            if job.workers.slots < job.workers.slots_wanted && self.form(from).is_some_and(Form::has_objects) {
                self.steps.push(Step::Clear(from));
            }
        }
    }

    /// Whether the new form has failed, or its time is over.
    fn lost(&self, upgrade: &UpgradeStatus, new: &Form) -> Option<String> {
        if let Process::Refused(message) = &new.coordinator {
            return Some(message.clone());
        }
        if new.job.as_ref().is_some_and(|j| j.state == streamjob_api::JobState::Failed) {
            return Some(self.failure(new));
        }
        if upgrade.deadline.as_ref().is_some_and(|d| self.now < d.0) {
            return None;
        }
        let told = new.job.as_ref().and_then(|j| j.last_failure.as_ref()).map(|f| f.message.clone());
        let trouble = match &new.coordinator {
            Process::Trouble(_, message) => Some(message.clone()),
            _ => new.hindrance().or(new.workers.trouble.as_ref()).cloned(),
        };
        let cause = told.or(trouble).map(|c| format!(": {c}")).unwrap_or_default();
        Some(format!("it completed no checkpoint within upgrade.rollback.deadline{cause}"))
    }

    fn verify(&mut self, upgrade: &UpgradeStatus, to: Revision) {
        self.say(format!("wait until {to} has completed a checkpoint, then remove the old pods"));
        let Some(new) = self.form(to) else { return self.roll_back("its record was deleted") };
        self.make(to, |draft| draft.record(Start { standby: true, from: None }), true);
        self.share(to);
        self.prove(to, new);
        let proven = new.job.as_ref().is_some_and(|j| j.standby.is_none() && j.checkpoints.completed > 0);
        // All input is done: its last checkpoint was its proof.
        if proven || new.coordinator == Process::Done {
            self.measure(new);
            return self.enter(UpgradePhase::Retire, self.proof());
        }
        if let Some(why) = self.lost(upgrade, new) {
            return self.roll_back(&why);
        }
        // It need not wait for the interval to prove itself.
        let trigger = format!("verify-{to}");
        if new.runs() && new.trigger(&trigger).is_none() {
            self.steps.push(Step::Ask(to, trigger, Call::Checkpoint));
        }
        if let Some(deadline) = &upgrade.deadline {
            self.wake_at(deadline.0);
        }
    }

    /// How long no record was read, when both versions tell.
    fn measure(&mut self, new: &Form) {
        let ran = new.job.as_ref().and_then(|j| j.timestamps.get(&streamjob_api::JobState::Running)).copied();
        if let Some(upgrade) = &mut self.intent.upgrade {
            let stopped = upgrade.stopped_at.as_ref().map(|s| s.0.as_millisecond());
            let outage = ran.zip(stopped).map(|(ran, stopped)| ran.saturating_sub(stopped).max(0));
            upgrade.outage = outage.and_then(|ms| format!("{ms}ms").parse().ok());
        }
    }

    fn retire(&mut self, from: Revision) {
        self.say(format!("remove what is left of {from}"));
        if self.form(from).is_some() {
            self.steps.push(Step::Forget(from));
        } else {
            self.end_upgrade(UpgradeOutcome::Completed);
        }
    }

    /// The old form goes on; nothing of it was touched, or it refused to stop.
    fn refuse(&mut self, why: &str) {
        self.intent.operation = None;
        self.end_upgrade(UpgradeOutcome::Refused);
        self.note(why);
        self.stalled(&reasons::UPGRADE_REFUSED, shorten(why));
    }

    /// The old form goes on, and the same is tried again later: storage, or an image, may be better then. What is wrong
    /// with a spec stays wrong.
    fn refuse_for_now(&mut self, why: &str) {
        self.refuse(why);
        let now = self.now;
        if let Some(upgrade) = &mut self.intent.upgrade {
            upgrade.deadline = Some(after(now, pause(upgrade.attempt.unwrap_or(1))));
        }
    }

    /// The new form did not prove itself.
    fn roll_back(&mut self, why: &str) {
        let changed = self.intent.revision.and_then(|r| self.form(r)).is_some_and(|f| !self.is_asked_for(f));
        let back = self.intent.upgrade.as_ref().and_then(|u| u.rollback_path.clone());
        if !self.job.spec.upgrade.rollback.enabled && !changed {
            return self.stalled(&reasons::UNPROVEN, shorten(why));
        }
        self.note(why);
        self.begin_start(back.unwrap_or_else(|| "auto".to_owned()));
        if self.job.spec.upgrade.rollback.enabled {
            self.state = JobState::RollingBack;
            self.enter(UpgradePhase::RollBack, self.proof());
            self.progressing(&reasons::ROLLING_BACK, shorten(why));
        } else {
            self.end_upgrade(UpgradeOutcome::Abandoned);
        }
    }

    fn note(&mut self, why: &str) {
        if let Some(upgrade) = &mut self.intent.upgrade {
            upgrade.message = Some(shorten(why));
        }
    }

    fn enter(&mut self, phase: UpgradePhase, limit: std::time::Duration) {
        let now = self.now;
        if let Some(upgrade) = &mut self.intent.upgrade {
            upgrade.phase = Some(phase);
            upgrade.deadline = Some(after(now, limit));
        }
    }

    fn proof(&self) -> std::time::Duration {
        self.job.spec.upgrade.rollback.deadline.get()
    }
}
