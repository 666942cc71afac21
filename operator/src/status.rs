//! (plan, what was seen) → status. Pure: the same facts make the same status, so
//! that a settled job is written never. Times of conditions move with their status only.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use streamjob_crds::status::{
    CheckpointInfo, CheckpointStatus, Condition, ConditionStatus, JobStatus, RestoreStatus, SavepointInfo,
    SavepointStatus, UpgradeOutcome,
};
use streamjob_crds::{Duration, StreamJobStatus};

use crate::model::{Form, Intent, Observed, Plan, Verdict, stamp};
use crate::names;
use crate::reasons::{self, Reason};
use crate::validate::{Invalid, ValidJob};

/// The status that is right now.
pub fn status(job: &ValidJob, seen: &Observed, plan: &Plan, now: Timestamp) -> StreamJobStatus {
    let intent = &plan.intent;
    let mut status = seen.status.clone();
    status.observed_generation = Some(job.generation);
    status.state = Some(plan.state);
    status.revision = intent.revision.map(|r| r.to_string());
    status.last_revision = (intent.last.0 > 0).then(|| i64::try_from(intent.last.0).unwrap_or(i64::MAX));
    status.upgrade.clone_from(&intent.upgrade);
    status.operation.clone_from(&intent.operation);
    status.resume_from.clone_from(&intent.resume_from);
    status.last_stable_spec.clone_from(&intent.stable);
    status.plan = plan.words.iter().map(|w| w.chars().take(1024).collect()).collect();
    if let Some(path) = &intent.savepoint {
        savepoint(&mut status, path, now);
    }
    let form = intent.revision.and_then(|r| seen.forms.get(&r));
    status.image = form.map(|f| f.record.image.clone()).or(status.image);
    status.selector = Some(format!("{}={},{}=worker", names::JOB, job.name, names::COMPONENT));
    let stopped = intent.resume_from.is_some();
    // Checkpoints that complete within an upgrade are told with its next phase: it takes seconds, and each telling is a write.
    let within =
        intent.upgrade.as_ref().is_some_and(|u| u.phase.is_some()) && *intent == Intent::of(&seen.status, &seen.forms);
    if !within {
        status.parallelism = match form {
            _ if stopped => Some(0),
            Some(form) => running(form).map_or(status.parallelism, |j| i32::try_from(j.parallelism.now).ok()),
            None => Some(0),
        };
        if let Some(answer) = form.and_then(running).filter(|_| !stopped) {
            facts(&mut status, answer);
        }
    }
    conditions(&mut status, job.generation, plan, form.filter(|_| !stopped), now);
    status
}

/// The status of a job whose spec does not hold: what runs is left alone.
pub fn invalid(seen: &StreamJobStatus, generation: i64, why: &Invalid, now: Timestamp) -> StreamJobStatus {
    let mut status = seen.clone();
    status.observed_generation = Some(generation);
    let message: String = why.0.chars().take(4000).collect();
    let mut set = |kind, holds, reason: &Reason, text: &str| {
        put(&mut status.conditions, kind, holds, reason, text, generation, now);
    };
    set("Ready", ConditionStatus::False, &reasons::INVALID_SPEC, &message);
    set("Reconciling", ConditionStatus::False, &reasons::INVALID_SPEC, &message);
    set("Stalled", ConditionStatus::True, &reasons::INVALID_SPEC, &message);
    status
}

/// The conditions of an object that cannot be read as a StreamJob.
pub fn unreadable(status: &mut StreamJobStatus, generation: i64, message: &str, now: Timestamp) {
    for (kind, holds) in
        [("Ready", ConditionStatus::False), ("Reconciling", ConditionStatus::False), ("Stalled", ConditionStatus::True)]
    {
        put(&mut status.conditions, kind, holds, &reasons::UNREADABLE, message, generation, now);
    }
}

/// What a coordinator that holds a generation answers.
fn running(form: &Form) -> Option<&streamjob_api::JobStatus> {
    form.job.as_ref().filter(|j| j.standby.is_none() && j.generation > 0)
}

fn savepoint(status: &mut StreamJobStatus, path: &str, now: Timestamp) {
    let latest = status.savepoint.as_ref().and_then(|s| s.latest.as_ref()).and_then(|l| l.path.as_deref());
    if latest == Some(path) {
        return;
    }
    let info = SavepointInfo { path: Some(path.to_owned()), time: Some(stamp(now)), ..SavepointInfo::default() };
    let mut history = status.savepoint.take().map(|s| s.history).unwrap_or_default();
    history.insert(0, info.clone());
    history.truncate(50);
    status.savepoint = Some(SavepointStatus { latest: Some(info), history });
}

fn millis(at: i64) -> Option<Time> {
    Timestamp::from_millisecond(at).ok().map(stamp)
}

/// A whole number that the API can hold.
fn whole(number: u64) -> Option<i64> {
    Some(i64::try_from(number).unwrap_or(i64::MAX))
}

fn facts(status: &mut StreamJobStatus, answer: &streamjob_api::JobStatus) {
    status.job = Some(JobStatus {
        id: Some(answer.job_id.clone()),
        start_time: millis(answer.started_at),
        restarts: whole(answer.restarts),
        generation: whole(answer.generation),
    });
    let before = status.checkpoint.take().and_then(|c| c.latest);
    let latest = answer.last_checkpoint.as_ref().map(|p| CheckpointInfo {
        id: whole(p.id),
        path: Some(p.location.clone()),
        time: millis(p.triggered_at.saturating_add(i64::try_from(p.duration).unwrap_or(0))),
        size: whole(p.state_size),
        duration: format!("{}ms", p.duration).parse::<Duration>().ok(),
    });
    status.checkpoint = Some(CheckpointStatus {
        latest: latest.or(before),
        count: whole(answer.checkpoints.completed),
        failed: whole(answer.checkpoints.failed),
    });
    if let Some(from) = &answer.restored_from {
        status.restore = Some(RestoreStatus {
            source: Some(if from.is_savepoint { "Path" } else { "Auto" }.to_owned()),
            path: Some(from.external_path.clone()),
            checkpoint: whole(from.id),
            verified_at: millis(from.restore_timestamp),
        });
    }
}

fn conditions(status: &mut StreamJobStatus, generation: i64, plan: &Plan, form: Option<&Form>, now: Timestamp) {
    use ConditionStatus::{False, True, Unknown};
    let mut set = |kind, holds, reason: &Reason, text: &str| {
        put(&mut status.conditions, kind, holds, reason, text, generation, now);
    };
    match &plan.verdict {
        Verdict::Steady => {
            let reason = match plan.state {
                streamjob_crds::status::JobState::Suspended => &reasons::SUSPENDED,
                streamjob_crds::status::JobState::Finished => &reasons::FINISHED,
                _ => &reasons::STEADY,
            };
            set("Ready", True, reason, reason.meaning);
            set("Reconciling", False, reason, reason.meaning);
            set("Stalled", False, reason, reason.meaning);
        }
        Verdict::Progressing(reason, message) => {
            set("Ready", False, reason, message);
            set("Reconciling", True, reason, message);
            set("Stalled", False, reason, message);
        }
        Verdict::Stalled(reason, message) => {
            set("Ready", False, reason, message);
            set("Reconciling", False, reason, message);
            set("Stalled", True, reason, message);
        }
    }
    let runs = form.is_some_and(Form::runs);
    let reason = if runs { &reasons::RUNNING } else { &reasons::NOT_RUNNING };
    set("JobRunning", if runs { True } else { False }, reason, reason.meaning);
    let totals = form.and_then(running).map(|j| j.checkpoints);
    let (holds, reason) = match totals {
        Some(t) if t.failed_in_a_row > 0 => (False, &reasons::FAILING),
        Some(t) if t.completed > 0 => (True, &reasons::COMPLETING),
        _ => (Unknown, &reasons::NONE_YET),
    };
    set("CheckpointsHealthy", holds, reason, reason.meaning);
    let upgrade = plan.intent.upgrade.as_ref().filter(|u| u.outcome == Some(UpgradeOutcome::RolledBack));
    match upgrade {
        Some(u) => {
            set("RolledBack", True, &reasons::ROLLED_BACK, u.message.as_deref().unwrap_or(reasons::ROLLED_BACK.meaning))
        }
        None => set("RolledBack", False, &reasons::NOT_ROLLED_BACK, reasons::NOT_ROLLED_BACK.meaning),
    }
}

fn put(
    all: &mut Vec<Condition>,
    kind: &str,
    holds: ConditionStatus,
    reason: &Reason,
    message: &str,
    generation: i64,
    now: Timestamp,
) {
    let before = all.iter().position(|c| c.kind == kind);
    let since = before.and_then(|i| all.get(i)).filter(|c| c.status == holds).map(|c| c.last_transition_time.clone());
    let condition = Condition {
        kind: kind.to_owned(),
        status: holds,
        observed_generation: Some(generation),
        last_transition_time: since.unwrap_or_else(|| stamp(now)),
        reason: reason.name.to_owned(),
        message: message.chars().take(4000).collect(),
    };
    match before.and_then(|i| all.get_mut(i)) {
        Some(place) => *place = condition,
        None => all.push(condition),
    }
}
