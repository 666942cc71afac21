//! One pass over one job: look, decide, write down what is meant, do it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use kube::core::DeserializeGuard;
use kube::runtime::events::{Event, EventType, Recorder};
use kube::{Api, Client, Resource, ResourceExt};
use parking_lot::Mutex;
use serde_json::json;
use streamjob_api::JobStatus;
use streamjob_crds::{API_VERSION, StreamJob, StreamJobStatus};

use crate::act::{ActError, Actor};
use crate::apply::{ApplyError, Hands, sort};
use crate::cache::{Cache, Guarded, Watches};
use crate::jobs::{self, CallError, Follower, Key};
use crate::judge::{Judgement, judge};
use crate::lease::Tenure;
use crate::look;
use crate::metrics::Metrics;
use crate::model::Step;
use crate::names::{Revision, STATUS_MANAGER};
use crate::observe::{self, Objects};
use crate::reasons;

/// Passes that follow each other at once: intent, record, objects, and so on.
const ROUNDS: usize = 8;
/// A name that somebody else has is looked at again after this time.
const FOREIGN: Duration = Duration::from_secs(30);
/// After a coordinator did not take a request.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// Why a pass was not completed.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// A call to the API server.
    #[error("{0}")]
    Kube(String),
    /// The object that was planned from is not the newest one.
    #[error("{0} has changed meanwhile")]
    Conflict(String),
    /// The API server refuses what the spec makes.
    #[error("{0}")]
    Refused(String),
    /// This process may not lead any more.
    #[error("leadership is in doubt; nothing is written")]
    Doubt,
    /// It took too long.
    #[error("a pass took more than {} s", .0.as_secs())]
    Late(Duration),
    /// A bug.
    #[error("a pass ended by a panic: {0}")]
    Panic(String),
}

impl From<ApplyError> for ReconcileError {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Conflict(what) => Self::Conflict(what),
            ApplyError::Doubt(_) => Self::Doubt,
            ApplyError::Refused { .. } => Self::Refused(error.to_string()),
            other => Self::Kube(jobs::causes(&other)),
        }
    }
}

impl From<kube::Error> for ReconcileError {
    fn from(error: kube::Error) -> Self {
        sort("StreamJob".to_owned(), error).into()
    }
}

/// What is remembered of a job between passes. Nothing that must outlive the process.
#[derive(Default)]
pub struct Memory {
    /// The version that we wrote last, until the cache has caught up.
    wrote: Option<String>,
    /// What belongs to somebody else, as it was found.
    foreign: Vec<String>,
    /// What the API server refused.
    refused: Option<String>,
    /// Passes that failed in a row.
    failures: u32,
}

/// What every pass needs.
pub struct Reconciler {
    /// Talks to the API server.
    pub client: Client,
    /// Talks to coordinators.
    pub jobs: jobs::Client,
    /// Follows them.
    pub follower: Follower,
    /// What the cluster holds.
    pub cache: Cache,
    /// Tells people.
    pub recorder: Recorder,
    /// The runtime image of jobs that name none.
    pub image: String,
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// Whether this process may write.
    pub tenure: Arc<Tenure>,
    /// Where it is told what keeps this process from its work.
    pub watches: Arc<Watches>,
    /// What is remembered of each job.
    pub memory: Mutex<HashMap<Key, Memory>>,
}

/// A job as it was seen.
struct View {
    job: StreamJob,
    objects: Objects,
    answers: BTreeMap<Revision, Arc<JobStatus>>,
}

impl Reconciler {
    fn remember<T>(&self, key: &Key, with: impl FnOnce(&mut Memory) -> T) -> T {
        with(self.memory.lock().entry(key.clone()).or_default())
    }

    fn may_write(&self) -> Result<(), ReconcileError> {
        if self.tenure.holds() { Ok(()) } else { Err(ReconcileError::Doubt) }
    }

    /// The job is gone.
    pub fn forget(&self, key: &Key) {
        self.memory.lock().remove(key);
        self.follower.forget(key);
    }

    /// How long to wait after a pass that failed: doubled each time. A conflict is no failure.
    pub fn backoff(&self, key: &Key, error: &ReconcileError) -> Duration {
        if matches!(error, ReconcileError::Conflict(_)) {
            return Duration::from_millis(100);
        }
        let failures = self.remember(key, |m| {
            m.failures = m.failures.saturating_add(1);
            m.failures
        });
        Duration::from_millis(500).saturating_mul(1 << failures.min(9)).min(Duration::from_secs(120))
    }

    /// One pass. Returns when to look again, even if nothing happens.
    pub async fn reconcile(&self, key: &Key, cached: &Guarded) -> Result<Option<Duration>, ReconcileError> {
        let begun = Instant::now();
        let done = self.pass(key, cached).await;
        self.metrics.reconciled(&done, begun.elapsed());
        if done.is_ok() {
            self.remember(key, |m| m.failures = 0);
        }
        done
    }

    async fn pass(&self, key: &Key, cached: &Guarded) -> Result<Option<Duration>, ReconcileError> {
        let job = match &cached.0 {
            Ok(job) => job.clone(),
            Err(error) => {
                self.unreadable(key, cached, &error.error).await?;
                return Ok(None);
            }
        };
        let foreign = self.still_foreign(key, &job).await?;
        let objects = self.cache.objects(key);
        let answers = self.follower.follow(key, observe::coordinators(&objects));
        // After a start of this process a job that runs must not look as if it did not.
        let mut live = self.behind(key, &job) || answers.is_none();
        let mut view = View { job, objects, answers: answers.unwrap_or_default() };
        if live {
            let Some(fresh) = self.look(key).await? else { return Ok(None) };
            view = fresh;
        }
        for _ in 0..ROUNDS {
            // What follows an intent is planned from the same look: it is as old as the intent's write took.
            let seen = observe::observe(&view.job, &view.objects, &view.answers, foreign.clone());
            let refused = self.remember(key, |m| m.refused.clone());
            let now = Timestamp::now();
            let judgement = judge(&view.job, &seen, &self.image, refused.as_deref(), now);
            let acts = judgement.plan.as_ref().is_some_and(|p| !p.steps.is_empty() || p.needs_live_look(&seen));
            if acts && !live {
                let Some(fresh) = self.look(key).await? else { return Ok(None) };
                view = fresh;
                live = true;
                continue;
            }
            if judgement.status != seen.status {
                self.write(key, &mut view.job, &seen.status, &judgement.status).await?;
            }
            let Judgement { job: Some(valid), plan: Some(plan), .. } = judgement else { return Ok(None) };
            let meant = plan.needs_live_look(&seen) && plan.steps.is_empty();
            let actor = Actor {
                client: &self.client,
                jobs: &self.jobs,
                tenure: &self.tenure,
                job: &valid,
                seen: &seen,
                objects: &view.objects,
                version: view.job.metadata.resource_version.as_deref(),
                finalizers: view.job.finalizers(),
            };
            let mut wake = plan.wake;
            for step in &plan.steps {
                if let Some(again) = self.step(key, &actor, step).await? {
                    wake = Some(wake.map_or(again, |w| w.min(again)));
                }
            }
            self.remember(key, |m| m.refused = None);
            wake = [wake, self.drop_lost(key, &view.objects, now).await?].into_iter().flatten().min();
            if meant {
                continue;
            }
            if !plan.steps.iter().any(|s| matches!(s, Step::Record(..))) {
                return Ok(if foreign.is_empty() { wake } else { Some(FOREIGN) });
            }
            let Some(fresh) = self.look(key).await? else { return Ok(None) };
            view = fresh;
        }
        Ok(Some(Duration::from_secs(1)))
    }

    /// Whether the cache does not show what we wrote last.
    fn behind(&self, key: &Key, cached: &StreamJob) -> bool {
        self.remember(key, |m| {
            if m.wrote.is_some() && m.wrote == cached.metadata.resource_version {
                m.wrote = None;
            }
            m.wrote.is_some()
        })
    }

    async fn look(&self, key: &Key) -> Result<Option<View>, ReconcileError> {
        let (job, objects) = futures::try_join!(look::job(&self.client, key), look::objects(&self.client, key))?;
        let Some(DeserializeGuard(Ok(job))) = job else { return Ok(None) };
        let answers = look::answers(&self.jobs, &objects).await;
        self.remember(key, |m| {
            let cached = self.cache.job(key).and_then(|j| j.resource_version());
            if cached == job.metadata.resource_version {
                m.wrote = None;
            }
        });
        Ok(Some(View { job, objects, answers }))
    }

    /// Writes the status, of exactly the object that was planned from, and tells people of it.
    async fn write(
        &self,
        key: &Key,
        job: &mut StreamJob,
        before: &StreamJobStatus,
        status: &StreamJobStatus,
    ) -> Result<(), ReconcileError> {
        self.may_write()?;
        let meta = json!({"resourceVersion": job.metadata.resource_version, "uid": job.metadata.uid});
        let patch = json!({"apiVersion": API_VERSION, "kind": "StreamJob", "metadata": meta, "status": status});
        let api: Api<StreamJob> = Api::namespaced(self.client.clone(), &key.0);
        let params = PatchParams::apply(STATUS_MANAGER).force();
        let written = match api.patch_status(&key.1, &params, &Patch::Apply(&patch)).await {
            Ok(written) => written,
            Err(error) => {
                if error.to_string().contains("field not declared in schema") {
                    self.outdated(job, &error).await;
                }
                return Err(error.into());
            }
        };
        self.watches.hindered(None);
        self.remember(key, |m| m.wrote.clone_from(&written.metadata.resource_version));
        tracing::info!(
            namespace = key.0,
            job = key.1,
            state = status.state.map(streamjob_crds::status::JobState::as_str),
            plan = status.plan.join("; "),
            "status written"
        );
        for event in crate::events::events(before, status) {
            self.may_write()?;
            if let Err(error) = self.recorder.publish(&event, &job.object_ref(&())).await {
                tracing::warn!(namespace = key.0, job = key.1, "an event was not published: {error}");
            }
        }
        *job = written;
        Ok(())
    }

    /// The definition of StreamJob in the cluster lacks a field of this operator's: nothing can be written down, so nothing
    /// is done. Said where people look: at the job, in the log, and by not being ready.
    async fn outdated(&self, job: &StreamJob, error: &kube::Error) {
        let fix = "the CustomResourceDefinition of StreamJob is older than this operator: apply the one of its release \
                   (helm upgrade, or kubectl apply --server-side -f crds/manifests)";
        tracing::error!("{fix}: {error}");
        self.watches.hindered(Some(fix.to_owned()));
        let event = Event {
            type_: EventType::Warning,
            reason: "DefinitionTooOld".to_owned(),
            note: Some(fix.to_owned()),
            action: "Reconcile".to_owned(),
            secondary: None,
        };
        if let Err(error) = self.recorder.publish(&event, &job.object_ref(&())).await {
            tracing::warn!("an event was not published: {error}");
        }
    }

    /// Carries out one step. Returns when to try again what a coordinator did not take.
    async fn step(&self, key: &Key, actor: &Actor<'_>, step: &Step) -> Result<Option<Duration>, ReconcileError> {
        self.may_write()?;
        let (namespace, job) = (&key.0, &key.1);
        tracing::info!(namespace, job, "{}", step.in_words());
        match actor.act(step).await {
            Ok(()) => Ok(None),
            Err(ActError::Call { revision, source }) => {
                let refused = matches!(source, CallError::Refused { .. });
                if refused {
                    tracing::warn!(namespace, job, "{revision} refuses a request: {source}");
                } else {
                    tracing::info!(namespace, job, "{revision} does not answer: {source}");
                }
                Ok(Some(ASK_AGAIN))
            }
            Err(ActError::Build(error)) => Err(ReconcileError::Refused(error.to_string())),
            Err(ActError::Apply(ApplyError::Foreign(what))) => {
                self.remember(key, |m| m.foreign.push(what.clone()));
                Err(ReconcileError::Conflict(what))
            }
            Err(ActError::Apply(error)) => {
                let error = ReconcileError::from(error);
                if let ReconcileError::Refused(why) = &error {
                    self.remember(key, |m| m.refused = Some(why.clone()));
                }
                Err(error)
            }
        }
    }

    /// What was found to be somebody else's and still is.
    async fn still_foreign(&self, key: &Key, job: &StreamJob) -> Result<Vec<String>, ReconcileError> {
        let known = self.remember(key, |m| m.foreign.clone());
        if known.is_empty() {
            return Ok(known);
        }
        let hands = Hands { client: &self.client, namespace: &key.0, tenure: &self.tenure };
        let records = self.cache.objects(key).records;
        let mut owners: Vec<&str> = records.iter().filter_map(|r| r.metadata.uid.as_deref()).collect();
        owners.extend(job.metadata.uid.as_deref());
        let mut left = Vec::new();
        for what in known {
            if hands.is_foreign(&what, &owners).await? {
                left.push(what);
            }
        }
        left.sort();
        left.dedup();
        self.remember(key, |m| m.foreign.clone_from(&left));
        Ok(left)
    }

    /// Lets go of pods whose node is lost.
    async fn drop_lost(
        &self,
        key: &Key,
        objects: &Objects,
        now: Timestamp,
    ) -> Result<Option<Duration>, ReconcileError> {
        let (lost, wake) = observe::lost(objects, now);
        for pod in lost {
            tracing::info!(namespace = key.0, job = key.1, pod, "its node does not answer: the pod is removed");
            let hands = Hands { client: &self.client, namespace: &key.0, tenure: &self.tenure };
            hands.drop_pod(&pod).await?;
        }
        Ok(wake)
    }

    /// An object that is no StreamJob: said once in its status, which leaves everything else of it alone.
    async fn unreadable(&self, key: &Key, object: &Guarded, why: &str) -> Result<(), ReconcileError> {
        self.may_write()?;
        let generation = object.meta().generation.unwrap_or(0);
        let message = format!("{} {why}", reasons::UNREADABLE.meaning);
        let known = self.remember(key, |m| m.refused.replace(format!("{generation} {message}")));
        if known == Some(format!("{generation} {message}")) {
            return Ok(());
        }
        tracing::warn!(namespace = key.0, job = key.1, "cannot be read as a StreamJob: {why}");
        let mut status = StreamJobStatus::default();
        crate::status::unreadable(&mut status, generation, &message, Timestamp::now());
        let patch = json!({"status": {"observedGeneration": generation, "conditions": status.conditions}});
        let api: Api<Guarded> = Api::namespaced(self.client.clone(), &key.0);
        api.patch_status(&key.1, &PatchParams::default(), &Patch::Merge(&patch)).await?;
        Ok(())
    }
}
