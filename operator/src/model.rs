//! Plain data between the stages: what was seen, what is meant, what is to be done.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use serde::{Deserialize, Serialize};
use streamjob_crds::status::{JobState, OperationStatus, RevisionRef, UpgradeOutcome, UpgradeStatus};
use streamjob_crds::{StreamJobSpec, StreamJobStatus};

use crate::names::Revision;

/// How a form starts. A tagged form of it stands in the form's record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Start {
    /// It stands by until it is told to go.
    pub standby: bool,
    /// Else: `auto`, `latest`, `none` or a path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

/// One version of a job, as it was when it was made. Never changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The spec.
    pub spec: StreamJobSpec,
    /// The image that is run, after defaults.
    pub image: String,
    /// How it starts.
    pub start: Start,
    /// Generation of the StreamJob that it was made from.
    pub generation: i64,
}

/// A pod, or the few pods that follow each other, of a coordinator.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Process {
    /// There is no object for it.
    #[default]
    Absent,
    /// It is on its way.
    Starting,
    /// Its container runs.
    Up,
    /// It cannot start, or failed: reason in one word, message. Kubernetes goes on trying.
    Trouble(String, String),
    /// It ended with code 2: what it was given has to be corrected.
    Refused(String),
    /// It ended with code 0.
    Done,
}

/// The workers of a form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workers {
    /// How many are asked for; absent when there is no object for them.
    pub wanted: Option<u32>,
    /// How many are ready.
    pub ready: u32,
    /// Why one of them is not.
    pub trouble: Option<String>,
}

/// What was seen of a form.
#[derive(Clone, Debug, PartialEq)]
pub struct Form {
    /// Its record.
    pub record: Record,
    /// Parallelism in its manifest; absent when there is none yet.
    pub parallelism: Option<u32>,
    /// Its coordinator.
    pub coordinator: Process,
    /// Its workers.
    pub workers: Workers,
    /// What its coordinator answers; absent when it does not.
    pub job: Option<streamjob_api::JobStatus>,
}

impl Form {
    /// A form of which nothing but the record is there.
    pub fn of(record: Record) -> Self {
        let workers = Workers::default();
        Self { record, parallelism: None, coordinator: Process::Absent, workers, job: None }
    }

    /// Whether there is more of it than its record.
    pub fn has_objects(&self) -> bool {
        self.coordinator != Process::Absent || self.workers.wanted.is_some() || self.parallelism.is_some()
    }

    /// Whether its job runs.
    pub fn runs(&self) -> bool {
        self.job.as_ref().is_some_and(|j| j.standby.is_none() && j.state == streamjob_api::JobState::Running)
    }

    /// Why it could not begin if it were told to, while it stands by.
    pub fn hindrance(&self) -> Option<&String> {
        self.job.as_ref().and_then(|j| j.standby.as_ref()).and_then(|s| s.error.as_ref())
    }

    /// A trigger that its coordinator knows.
    pub fn trigger(&self, id: &str) -> Option<&streamjob_api::TriggerEntry> {
        self.job.as_ref().and_then(|j| j.triggers.iter().find(|t| t.trigger_id == id))
    }
}

/// All that was seen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    /// When deletion was asked for.
    pub deleting: Option<Timestamp>,
    /// The escape annotation is set.
    pub force_delete: bool,
    /// Our finalizer is on the object.
    pub finalizer: bool,
    /// Its status.
    pub status: StreamJobStatus,
    /// Its forms, by number.
    pub forms: BTreeMap<Revision, Form>,
    /// Objects of somebody else under names that we need: kind and name.
    pub foreign: Vec<String>,
    /// Hashes of the objects that all forms share are as they should be, with this form in power.
    pub shared: Option<Revision>,
}

/// What is meant: the part of status that plans go on from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Intent {
    /// The form in power.
    pub revision: Option<Revision>,
    /// The highest number given.
    pub last: Revision,
    /// The upgrade under way, or the last one.
    pub upgrade: Option<UpgradeStatus>,
    /// What is asked of a coordinator.
    pub operation: Option<OperationStatus>,
    /// What the next start goes on from.
    pub resume_from: Option<String>,
    /// The last form that completed a checkpoint.
    pub stable: Option<RevisionRef>,
    /// The newest savepoint's path.
    pub savepoint: Option<String>,
}

impl Intent {
    /// As it stands in a status. A number that cannot be read is taken as absent; the numbers of forms that are there
    /// are never given again, whatever the status says.
    pub fn of(status: &StreamJobStatus, forms: &BTreeMap<Revision, Form>) -> Self {
        let told = status.last_revision.and_then(|n| u64::try_from(n).ok()).map_or(Revision(0), Revision);
        let seen = forms.keys().next_back().copied().unwrap_or_default();
        Self {
            revision: status.revision.as_deref().and_then(|r| r.parse().ok()),
            last: told.max(seen),
            upgrade: status.upgrade.clone(),
            operation: status.operation.clone(),
            resume_from: status.resume_from.clone(),
            stable: status.last_stable_spec.clone(),
            savepoint: status.savepoint.as_ref().and_then(|s| s.latest.as_ref()).and_then(|l| l.path.clone()),
        }
    }

    /// The next number, which is given from here on.
    pub fn allot(&mut self) -> Revision {
        self.last = self.last.next();
        self.last
    }

    /// The forms that something here speaks of; all others can go.
    pub fn speaks_of(&self, revision: Revision) -> bool {
        let parsed = |r: &Option<String>| r.as_deref().and_then(|r| r.parse().ok()) == Some(revision);
        self.revision == Some(revision)
            || self.upgrade.as_ref().is_some_and(|u| {
                // What could not take over is remembered, so that it is not tried again and again.
                let failed = matches!(u.outcome, Some(UpgradeOutcome::Refused | UpgradeOutcome::RolledBack));
                let under_way = u.phase.is_some();
                (parsed(&u.to) && (under_way || failed)) || (parsed(&u.from) && under_way)
            })
            || self.operation.as_ref().is_some_and(|o| o.revision.parse() == Ok(revision))
    }
}

/// What can be asked of a coordinator. Each carries its trigger id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// Begin, from this.
    Go(String),
    /// Stop with a savepoint.
    Stop,
    /// Stop behind a checkpoint.
    StopBehindCheckpoint,
    /// Take a savepoint, and go on.
    Savepoint,
    /// Take a checkpoint now.
    Checkpoint,
    /// End, with checkpoints deleted where the spec says so.
    Cancel,
    /// This parallelism, on so many workers: what is about to be removed gets no tasks.
    Rescale(Shape),
}

/// What the objects of a form are to be like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Parallelism in the manifest.
    pub parallelism: u32,
    /// Worker pods.
    pub workers: u32,
}

/// One thing to do. All of them may be done twice.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Write down a form.
    Record(Revision, Box<Record>),
    /// Make the objects of a form, or put them into this shape.
    Ensure(Revision, Shape),
    /// The objects that all forms share, leading to this form.
    Share(Revision),
    /// Ask its coordinator, under this trigger id.
    Ask(Revision, String, Call),
    /// Remove the objects of a form; its record stays.
    Clear(Revision),
    /// Remove a form with its record.
    Forget(Revision),
    /// Hold the deletion of the StreamJob.
    Hold,
    /// Let the deletion go on.
    Release,
}

impl Step {
    /// Whether something is lost by it: then it is only done when the object that was planned from is the newest one.
    pub fn destroys(&self) -> bool {
        matches!(self, Self::Clear(_) | Self::Forget(_) | Self::Release)
    }

    /// For logs.
    pub fn in_words(&self) -> String {
        match self {
            Self::Record(r, record) => format!("write down {r}, of generation {}", record.generation),
            Self::Ensure(r, shape) => {
                format!("make {r} with parallelism {} and {} workers", shape.parallelism, shape.workers)
            }
            Self::Share(r) => format!("lead the shared objects to {r}"),
            Self::Ask(r, id, Call::Go(from)) => format!("ask {r} to go from {from} ({id})"),
            Self::Ask(r, id, Call::Checkpoint) => format!("ask {r} for a checkpoint ({id})"),
            Self::Ask(r, _, Call::Cancel) => format!("ask {r} to end and to delete its checkpoints"),
            Self::Ask(r, id, Call::Stop) => format!("ask {r} to stop with a savepoint ({id})"),
            Self::Ask(r, id, Call::StopBehindCheckpoint) => format!("ask {r} to stop behind a checkpoint ({id})"),
            Self::Ask(r, id, Call::Savepoint) => format!("ask {r} for a savepoint ({id})"),
            Self::Ask(r, id, Call::Rescale(shape)) => format!("ask {r} for parallelism {} ({id})", shape.parallelism),
            Self::Clear(r) => format!("remove the objects of {r}"),
            Self::Forget(r) => format!("remove {r}"),
            Self::Hold => "hold the deletion of the job".to_owned(),
            Self::Release => "let the deletion of the job go on".to_owned(),
        }
    }
}

/// How things stand, for conditions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As the spec asks.
    Steady,
    /// On the way.
    Progressing(&'static crate::reasons::Reason, String),
    /// Not on the way: somebody has to do something.
    Stalled(&'static crate::reasons::Reason, String),
}

/// What to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What is meant from here on. When it is not what stands in status, there are no steps.
    pub intent: Intent,
    /// What to do now, in this order.
    pub steps: Vec<Step>,
    /// Look again after this time, even if nothing happens.
    pub wake: Option<Duration>,
    /// How things stand.
    pub verdict: Verdict,
    /// For people and columns.
    pub state: JobState,
    /// What will be done, in words.
    pub words: Vec<String>,
}

impl Plan {
    /// Whether it decides something or something is lost by it. Such a plan must be made from a look at the cluster
    /// itself: one that was made from a cache is made again before it is carried out.
    pub fn needs_live_look(&self, seen: &Observed) -> bool {
        self.intent != Intent::of(&seen.status, &seen.forms) || self.steps.iter().any(Step::destroys)
    }
}

/// A time as Kubernetes writes it: whole seconds, so that what is read back equals what was written.
pub fn stamp(at: Timestamp) -> Time {
    Time(Timestamp::from_second(at.as_second()).unwrap_or(at))
}

/// `at` plus `span`.
pub fn after(at: Timestamp, span: Duration) -> Time {
    let seconds = i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
    stamp(Timestamp::from_second(at.as_second().saturating_add(seconds)).unwrap_or(Timestamp::MAX))
}
