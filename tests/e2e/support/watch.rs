//! A job's object as the API server tells of it: every state that it was in is seen, so that short ones are not missed.

use super::{Job, PATIENCE, Space, now_ms};
use futures::StreamExt;
use kube::api::{Patch, PatchParams};
use kube::runtime::watcher::{self, Event};
use kube::{Api, ResourceExt};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use streamjob_crds::status::{Condition, JobState, UpgradeOutcome};
use streamjob_crds::{StreamJob, StreamJobStatus};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Who applies manifests.
const MANAGER: &str = "e2e";

/// What was seen of the object, and when.
#[derive(Clone, Debug)]
pub struct Sight {
    pub at_ms: i64,
    /// Absent when it is gone.
    pub job: Option<StreamJob>,
}

/// Watches one StreamJob until it is dropped.
pub struct Watched {
    pub api: Api<StreamJob>,
    pub name: String,
    seen: Arc<Mutex<Vec<Sight>>>,
    news: watch::Receiver<usize>,
    /// Generation of what was applied last: what is older is not looked at any more.
    applied: AtomicI64,
    task: JoinHandle<()>,
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Watched {
    /// Begins to watch.
    pub fn new(space: &Space, name: &str) -> Self {
        let api: Api<StreamJob> = space.api();
        let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
        let mut events = watcher::watcher(api.clone(), config).boxed();
        let seen: Arc<Mutex<Vec<Sight>>> = Arc::default();
        let (told, news) = watch::channel(0);
        let own = seen.clone();
        let task = tokio::spawn(async move {
            while let Some(event) = events.next().await {
                let job = match event {
                    Ok(Event::Apply(job) | Event::InitApply(job)) => Some(job),
                    Ok(Event::Delete(_)) => None,
                    Ok(Event::Init | Event::InitDone) => continue,
                    Err(error) => {
                        eprintln!("watch: {error}");
                        continue;
                    }
                };
                let mut seen = own.lock().unwrap();
                seen.push(Sight { at_ms: now_ms(), job });
                let _ = told.send(seen.len());
            }
        });
        Self { api, name: name.to_owned(), seen, news, applied: AtomicI64::new(0), task }
    }

    /// Applies a manifest.
    pub async fn apply(&self, job: &Job) -> StreamJob {
        self.try_apply(job).await.unwrap_or_else(|e| panic!("{} is not accepted: {e}", self.name))
    }

    /// Applies a manifest, which may be refused.
    pub async fn try_apply(&self, job: &Job) -> Result<StreamJob, String> {
        let params = PatchParams::apply(MANAGER).force().validation_strict();
        let applied = self.api.patch(&job.name, &params, &Patch::Apply(&job.manifest)).await.map_err(|e| match e {
            kube::Error::Api(status) => status.message,
            other => other.to_string(),
        })?;
        self.applied.store(applied.metadata.generation.unwrap_or(0), Ordering::SeqCst);
        Ok(applied)
    }

    /// All that was seen so far.
    pub fn history(&self) -> Vec<Sight> {
        self.seen.lock().unwrap().clone()
    }

    /// How much was seen so far: where to begin to look.
    pub fn mark(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    /// Waits for a sight, from `mark` on, that a condition holds for. Panics with how things stand.
    pub async fn until_since(&self, mark: usize, what: &str, holds: impl Fn(&Sight) -> bool) -> Sight {
        let mut news = self.news.clone();
        let begun = tokio::time::Instant::now();
        let mut next = mark;
        loop {
            {
                let seen = self.seen.lock().unwrap();
                if let Some(found) = seen.iter().skip(next).find(|s| holds(s)) {
                    return found.clone();
                }
                next = seen.len();
            }
            let left = PATIENCE.saturating_sub(begun.elapsed());
            if tokio::time::timeout(left, news.changed()).await.is_err() {
                panic!("no {what} within {PATIENCE:?}; {}", self.story());
            }
        }
    }

    /// As [`Self::until_since`], of what is true now or will be.
    pub async fn until(&self, what: &str, holds: impl Fn(&StreamJob, &StreamJobStatus) -> bool) -> StreamJob {
        let mark = self.mark().saturating_sub(1);
        self.status_since(mark, what, holds).await
    }

    /// As [`Self::until_since`], with the status of the object.
    pub async fn status_since(
        &self,
        mark: usize,
        what: &str,
        holds: impl Fn(&StreamJob, &StreamJobStatus) -> bool,
    ) -> StreamJob {
        let applied = self.applied.load(Ordering::SeqCst);
        let holds = |s: &Sight| {
            let job = s.job.as_ref().filter(|j| j.metadata.generation >= Some(applied));
            job.is_some_and(|j| j.status.as_ref().is_some_and(|status| holds(j, status)))
        };
        self.until_since(mark, what, holds).await.job.unwrap()
    }

    /// Waits until it runs as its spec asks, with a completed checkpoint.
    pub async fn until_running(&self) -> StreamJob {
        self.until("running job with a checkpoint", |job, status| {
            is_current(job, status)
                && is_ready(status)
                && status.state == Some(JobState::Running)
                && has_checkpoint(status)
        })
        .await
    }

    /// Waits until somebody has to do something: the condition Stalled, for the present spec.
    pub async fn until_stalled(&self) -> Condition {
        let stalled = |s: &StreamJobStatus| condition(s, "Stalled").filter(|c| c.status.as_str() == "True").cloned();
        let job = self.until("stalled job", |job, s| is_current(job, s) && stalled(s).is_some()).await;
        stalled(job.status.as_ref().unwrap()).unwrap()
    }

    /// Waits for the end of an upgrade that began after `mark`.
    pub async fn until_upgraded(&self, mark: usize) -> (UpgradeOutcome, StreamJob) {
        let outcome = |s: &StreamJobStatus| s.upgrade.as_ref().filter(|u| u.phase.is_none()).and_then(|u| u.outcome);
        let job =
            self.status_since(mark, "end of the upgrade", |job, s| is_current(job, s) && outcome(s).is_some()).await;
        (outcome(job.status.as_ref().unwrap()).unwrap(), job)
    }

    /// What happened, one line a change that counts.
    pub fn story(&self) -> String {
        let seen = self.history();
        let first = seen.first().map_or(0, |s| s.at_ms);
        let mut lines: Vec<String> = Vec::new();
        for sight in &seen {
            let line = sight.job.as_ref().map_or_else(|| "gone".to_owned(), told);
            if lines.last().is_none_or(|l| !l.ends_with(&line)) {
                lines.push(format!("  {:>8.2} s  {line}", (sight.at_ms - first) as f64 / 1000.0));
            }
        }
        format!("{} was seen so:\n{}", self.name, lines.join("\n"))
    }
}

fn told(job: &StreamJob) -> String {
    let Some(s) = &job.status else { return format!("generation {:?}, no status", job.metadata.generation) };
    let state = s.state.map_or("-", JobState::as_str);
    let upgrade = s.upgrade.as_ref().map(|u| {
        let phase = u.phase.map(|p| p.to_string()).unwrap_or_default();
        let outcome = u.outcome.map(|o| o.to_string()).unwrap_or_default();
        format!(" upgrade {}→{} {phase}{outcome}", text(u.from.as_ref()), text(u.to.as_ref()))
    });
    let operation = s.operation.as_ref().map(|o| {
        let failure = o.failure.as_ref().map(|f| format!(" ({f})")).unwrap_or_default();
        format!(" {} {}{failure}", o.kind, o.trigger_id)
    });
    let ready = condition(s, "Ready").map(|c| format!(" Ready={} {}: {}", c.status, c.reason, c.message));
    format!(
        "gen {:?}/{:?} {state} {}{}{}{}",
        job.metadata.generation.unwrap_or(0),
        s.observed_generation.unwrap_or(0),
        text(s.revision.as_ref()),
        upgrade.unwrap_or_default(),
        operation.unwrap_or_default(),
        ready.unwrap_or_default()
    )
}

fn text(of: Option<&String>) -> &str {
    of.map_or("-", String::as_str)
}

/// A condition by its type.
pub fn condition<'a>(status: &'a StreamJobStatus, kind: &str) -> Option<&'a Condition> {
    status.conditions.iter().find(|c| c.kind == kind)
}

/// Whether a condition holds.
pub fn holds(status: &StreamJobStatus, kind: &str) -> bool {
    condition(status, kind).is_some_and(|c| c.status.as_str() == "True")
}

/// Whether the status speaks of the present spec.
pub fn is_current(job: &StreamJob, status: &StreamJobStatus) -> bool {
    status.observed_generation == job.metadata.generation
}

/// Whether the job is as its spec asks.
pub fn is_ready(status: &StreamJobStatus) -> bool {
    holds(status, "Ready")
}

/// Whether there is a completed checkpoint.
pub fn has_checkpoint(status: &StreamJobStatus) -> bool {
    status.checkpoint.as_ref().is_some_and(|c| c.latest.is_some())
}

/// Pods of a job: name and uid, by name.
pub async fn pods(space: &Space, job: &str) -> Vec<(String, String)> {
    let api: Api<k8s_openapi::api::core::v1::Pod> = space.api();
    let list = api.list(&kube::api::ListParams::default().labels(&format!("streamjob.dev/job={job}"))).await.unwrap();
    let mut pods: Vec<_> = list.iter().map(|p| (p.name_any(), p.uid().unwrap_or_default())).collect();
    pods.sort();
    pods
}
