//! The process: caches, leadership, the queue of jobs to look at, shutdown.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use kube::Client;
use kube::runtime::applier;
use kube::runtime::controller::{self, Action};
use kube::runtime::events::{Recorder, Reporter};
use kube::runtime::reflector::ObjectRef;
use parking_lot::Mutex;
use streamjob_crds::status::ConditionStatus;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::UnboundedReceiverStream;

use crate::cache::{Cache, Guarded, Watches};
use crate::http::{self, Health};
use crate::jobs::{self, Follower, Key};
use crate::lease::{Candidate, Tenure};
use crate::metrics::{Metrics, Snapshot};
use crate::reconcile::{ReconcileError, Reconciler};

/// Passes at once.
const CONCURRENCY: u16 = 16;
/// A pass that takes longer is given up.
const PASS: Duration = Duration::from_secs(60);
/// Passes under way get this long when the process is asked to end.
const GRACE: Duration = Duration::from_secs(10);

/// What the process is told.
#[derive(Clone, Debug)]
pub struct Options {
    /// Namespaces to look at; empty: all.
    pub namespaces: Vec<String>,
    /// The runtime image of jobs that name none.
    pub image: String,
    /// Where probes and metrics are served.
    pub bind: SocketAddr,
    /// Namespace and name of the lease; absent: lead without one.
    pub lease: Option<(String, String)>,
    /// Who holds it.
    pub identity: String,
}

/// Why the process ends.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The cluster cannot be reached at all.
    #[error("cannot talk to a cluster: {0}; set KUBECONFIG, or run it in a pod with a service account")]
    Client(String),
    /// The port.
    #[error("--bind: {0}")]
    Bind(std::io::Error),
    /// Another one leads now.
    #[error("leadership is lost; another process may act from here on")]
    Lost,
    /// A part ended that should not.
    #[error("{0} ended; this is a bug")]
    Ended(&'static str),
}

/// Runs until `stop` is set, or something is wrong.
pub async fn run(options: Options, stop: watch::Receiver<bool>) -> Result<(), RunError> {
    let client = Client::try_default().await.map_err(|e| RunError::Client(jobs::causes(&e)))?;
    let calls = jobs::Client::new().map_err(|e| RunError::Client(jobs::causes(&e)))?;
    let (watches, metrics) = (Arc::new(Watches::default()), Metrics::new());
    let health = Arc::new(Health {
        watches: watches.clone(),
        metrics: metrics.clone(),
        beat: Mutex::new(Instant::now()),
        snapshot: Mutex::new(None),
    });
    let served = tokio::spawn(http::serve(options.bind, health.clone()));

    let scopes: Vec<Option<&str>> = match options.namespaces.as_slice() {
        [] => vec![None],
        some => some.iter().map(|n| Some(n.as_str())).collect(),
    };
    let reporter = Reporter { controller: "streamjob-operator".to_owned(), instance: Some(options.identity.clone()) };
    let tenure = Tenure::new(options.lease.is_none());
    let mut parts = Vec::new();
    for scope in scopes {
        let (changed, news) = mpsc::unbounded_channel();
        let cache = Cache::start(&client, scope, &watches, &changed);
        let reconciler = Arc::new(Reconciler {
            client: client.clone(),
            jobs: calls.clone(),
            follower: Follower::new(calls.clone(), changed),
            cache,
            recorder: Recorder::new(client.clone(), reporter.clone()),
            image: options.image.clone(),
            metrics: metrics.clone(),
            tenure: tenure.clone(),
            watches: watches.clone(),
            memory: Mutex::default(),
        });
        parts.push((reconciler, news));
    }
    let counted: Vec<_> = parts.iter().map(|(r, _)| r.clone()).collect();
    let errors = watches.clone();
    *health.snapshot.lock() = Some(Box::new(move || snapshot(&counted, &errors)));

    let (leads, leading) = watch::channel(options.lease.is_none());
    let election = match options.lease.clone() {
        Some((namespace, name)) => {
            let candidate = Candidate::new(client.clone(), &namespace, &name, options.identity.clone(), tenure.clone());
            tokio::spawn(candidate.run(leads, stop.clone()))
        }
        None => {
            let mut stop = stop.clone();
            tokio::spawn(async move {
                let stopped = stop.wait_for(|s| *s).await.is_ok();
                drop(leads);
                stopped
            })
        }
    };
    tokio::spawn({
        let mut leading = leading.clone();
        let metrics = metrics.clone();
        async move {
            loop {
                metrics.leads(*leading.borrow_and_update());
                if leading.changed().await.is_err() {
                    return;
                }
            }
        }
    });
    tokio::spawn(async move {
        let mut every = tokio::time::interval(Duration::from_secs(5));
        loop {
            every.tick().await;
            health.beat();
        }
    });
    let loops: Vec<_> =
        parts.into_iter().map(|(r, news)| tokio::spawn(lead(r, news, leading.clone(), stop.clone()))).collect();

    tokio::select! {
        held = election => match held {
            // Asked to end: passes under way are completed first.
            Ok(true) => {
                let _ = tokio::time::timeout(GRACE, futures::future::join_all(loops)).await;
                Ok(())
            }
            Ok(false) => Err(RunError::Lost),
            Err(_) => Err(RunError::Ended("the election")),
        },
        end = served => match end {
            Ok(Err(error)) => Err(RunError::Bind(error)),
            _ => Err(RunError::Ended("the HTTP server")),
        },
    }
}

/// Follows the news without acting, until it leads; then looks at every job, and at those of which there is news.
async fn lead(
    reconciler: Arc<Reconciler>,
    mut news: mpsc::UnboundedReceiver<Key>,
    mut leading: watch::Receiver<bool>,
    mut stop: watch::Receiver<bool>,
) {
    loop {
        tokio::select! {
            // Nobody acts on it, and the first look is at everything.
            _ = news.recv() => {}
            led = leading.wait_for(|l| *l) => {
                if led.is_err() {
                    return;
                }
                break;
            }
            _ = stop.wait_for(|s| *s) => return,
        }
    }
    let filled = reconciler.cache.filled();
    tokio::select! {
        filled = filled => if filled.is_err() { return },
        _ = stop.wait_for(|s| *s) => return,
    }
    let all: Vec<Key> = reconciler.cache.jobs.state().iter().map(|j| key(j)).collect();
    tracing::info!(jobs = all.len(), "the caches are filled; every job is looked at");
    let stopped = async move {
        let _ = stop.wait_for(|s| *s).await;
    };
    let queue = futures::stream::iter(all).chain(UnboundedReceiverStream::new(news)).take_until(stopped);
    let queue = queue.map(|(namespace, name)| {
        Ok::<_, std::convert::Infallible>(ObjectRef::<Guarded>::new(&name).within(&namespace))
    });
    let jobs = reconciler.cache.jobs.clone();
    let config = controller::Config::default().concurrency(CONCURRENCY);
    let passes = applier(
        |job: Arc<Guarded>, reconciler: Arc<Reconciler>| Box::pin(guarded(job, reconciler)),
        |job: Arc<Guarded>, error: &ReconcileError, reconciler: Arc<Reconciler>| {
            Action::requeue(reconciler.backoff(&key(&job), error))
        },
        reconciler.clone(),
        jobs,
        queue,
        config,
    );
    passes
        .for_each(|done| {
            match done {
                Ok(_) => {}
                Err(controller::Error::ObjectNotFound(gone)) => {
                    reconciler.forget(&(gone.namespace.clone().unwrap_or_default(), gone.name.clone()));
                }
                Err(controller::Error::ReconcilerFailed(ReconcileError::Conflict(what), job)) => {
                    tracing::debug!(job = %job, "looks again: {what} has changed meanwhile");
                }
                Err(error) => tracing::warn!("{}", jobs::causes(&error)),
            }
            futures::future::ready(())
        })
        .await;
}

fn key(job: &Guarded) -> Key {
    use kube::ResourceExt;
    (job.namespace().unwrap_or_default(), job.name_any())
}

/// A pass that can neither take for ever nor take the process with it.
async fn guarded(job: Arc<Guarded>, reconciler: Arc<Reconciler>) -> Result<Action, ReconcileError> {
    let metrics = reconciler.metrics.clone();
    let pass = tokio::spawn(async move { reconciler.reconcile(&key(&job), &job).await });
    let abort = pass.abort_handle();
    let done = match tokio::time::timeout(PASS, pass).await {
        Ok(Ok(done)) => return done.map(|wake| wake.map_or_else(Action::await_change, Action::requeue)),
        Ok(Err(panic)) => ReconcileError::Panic(panic.to_string()),
        Err(_) => {
            abort.abort();
            ReconcileError::Late(PASS)
        }
    };
    metrics.failed();
    Err(done)
}

fn snapshot(parts: &[Arc<Reconciler>], watches: &Watches) -> Snapshot {
    let (mut states, mut not_ready) = (BTreeMap::new(), BTreeMap::new());
    let mut coordinators = (0, 0);
    for part in parts {
        let (followed, answering) = part.follower.counts();
        coordinators = (coordinators.0 + followed, coordinators.1 + answering);
        for job in part.cache.jobs.state() {
            let namespace = key(&job).0;
            let status = job.0.as_ref().ok().and_then(|j| j.status.as_ref());
            let state = status.and_then(|s| s.state).map_or("Unknown", |s| s.as_str());
            *states.entry((namespace.clone(), state.to_owned())).or_default() += 1;
            let ready = status.and_then(|s| s.conditions.iter().find(|c| c.kind == "Ready"));
            if let Some(ready) = ready.filter(|r| r.status != ConditionStatus::True) {
                *not_ready.entry((namespace, ready.reason.clone())).or_default() += 1;
            }
        }
    }
    Snapshot { states, not_ready, watch_errors: watches.errors(), coordinators }
}
