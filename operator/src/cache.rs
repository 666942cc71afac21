//! What the cluster holds, as watches tell it. Each watch waits by itself after an
//! error, so that one that is refused does not hold up the others.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use k8s_openapi::api::apps::v1::{ControllerRevision, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::core::{DeserializeGuard, PartialObjectMeta};
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, Resource, ResourceExt};
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use streamjob_crds::StreamJob;
use tokio::sync::mpsc::UnboundedSender;

use crate::jobs::Key;
use crate::names::JOB;
use crate::observe::{Meta, Objects};

/// A StreamJob, or why it cannot be read.
pub type Guarded = DeserializeGuard<StreamJob>;

/// A watch that has not been heard of for this long does not work.
const SILENCE: Duration = Duration::from_secs(120);

/// Which watches work, and what else keeps this process from its work.
#[derive(Default)]
pub struct Watches(Mutex<BTreeMap<String, Watch>>, Mutex<Option<String>>);

#[derive(Default)]
struct Watch {
    /// The first list is complete.
    ready: bool,
    /// The first error since it worked last.
    failing: Option<(Instant, String)>,
    errors: u64,
}

impl Watches {
    fn begin(&self, name: &str) {
        self.0.lock().entry(name.to_owned()).or_default();
    }

    fn worked(&self, name: &str, ready: bool) {
        if let Some(watch) = self.0.lock().get_mut(name) {
            watch.failing = None;
            watch.ready |= ready;
        }
    }

    fn failed(&self, name: &str, error: &watcher::Error) {
        let text = crate::jobs::causes(error);
        tracing::warn!(watch = name, "a watch failed, and is tried again: {text}");
        if let Some(watch) = self.0.lock().get_mut(name) {
            watch.errors += 1;
            let since = watch.failing.take().map_or_else(Instant::now, |(since, _)| since);
            watch.failing = Some((since, text));
        }
    }

    /// What keeps this process from its work; absent when nothing does any more.
    pub fn hindered(&self, why: Option<String>) {
        *self.1.lock() = why;
    }

    /// Why this process cannot do its work; empty when it can.
    pub fn troubles(&self) -> Vec<String> {
        let watches = self.0.lock();
        let trouble = |(name, w): (&String, &Watch)| match &w.failing {
            Some((since, why)) if !w.ready || since.elapsed() > SILENCE => Some(format!("watch of {name}: {why}")),
            _ if !w.ready => Some(format!("watch of {name}: the first list is not there yet")),
            _ => None,
        };
        watches.iter().filter_map(trouble).chain(self.1.lock().clone()).collect()
    }

    /// Errors of each watch so far.
    pub fn errors(&self) -> Vec<(String, u64)> {
        self.0.lock().iter().map(|(name, w)| (name.clone(), w.errors)).collect()
    }
}

/// The caches of one namespace, or of all.
pub struct Cache {
    /// The StreamJobs.
    pub jobs: Store<Guarded>,
    records: Store<ControllerRevision>,
    coordinators: Store<Job>,
    workers: Store<StatefulSet>,
    pods: Store<Pod>,
    config_maps: Store<PartialObjectMeta<ConfigMap>>,
    services: Store<PartialObjectMeta<Service>>,
    accounts: Store<PartialObjectMeta<ServiceAccount>>,
    budgets: Store<PartialObjectMeta<PodDisruptionBudget>>,
    policies: Store<PartialObjectMeta<NetworkPolicy>>,
}

/// Starts one watch; what it tells of goes to `changed`.
struct Starter<'a> {
    client: &'a Client,
    namespace: Option<&'a str>,
    watches: &'a Arc<Watches>,
    changed: &'a UnboundedSender<Key>,
}

impl Starter<'_> {
    fn watch<K>(&self, what: &str, of_job: bool) -> Store<K>
    where
        K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>,
        K: Clone + DeserializeOwned + std::fmt::Debug + Send + Sync + 'static,
    {
        let api: Api<K> = match self.namespace {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        };
        let name = self.namespace.map_or_else(|| what.to_owned(), |n| format!("{what} in {n}"));
        let config = if of_job { watcher::Config::default().labels(JOB) } else { watcher::Config::default() };
        let (store, writer) = reflector::store();
        let (watches, changed) = (self.watches.clone(), self.changed.clone());
        watches.begin(&name);
        let stream = watcher(api, config).modify(|o: &mut K| o.meta_mut().managed_fields = None).default_backoff();
        let stream = stream.reflect(writer).inspect({
            let (watches, name) = (watches.clone(), name.clone());
            move |event| match event {
                Ok(event) => watches.worked(&name, matches!(event, watcher::Event::InitDone)),
                Err(error) => watches.failed(&name, error),
            }
        });
        tokio::spawn(async move {
            let mut objects = std::pin::pin!(stream.touched_objects());
            while let Some(object) = objects.next().await {
                let Ok(object) = object else { continue };
                let job = if of_job { object.labels().get(JOB).cloned() } else { Some(object.name_any()) };
                let key = object.namespace().zip(job);
                if key.is_some_and(|key| changed.send(key).is_err()) {
                    return;
                }
            }
        });
        store
    }
}

impl Cache {
    /// Starts all watches. They go on for as long as the receiver of `changed` lives.
    pub fn start(
        client: &Client,
        namespace: Option<&str>,
        watches: &Arc<Watches>,
        changed: &UnboundedSender<Key>,
    ) -> Self {
        let s = Starter { client, namespace, watches, changed };
        Self {
            jobs: s.watch("streamjobs", false),
            records: s.watch("controllerrevisions", true),
            coordinators: s.watch("jobs", true),
            workers: s.watch("statefulsets", true),
            pods: s.watch("pods", true),
            config_maps: s.watch("configmaps", true),
            services: s.watch("services", true),
            accounts: s.watch("serviceaccounts", true),
            budgets: s.watch("poddisruptionbudgets", true),
            policies: s.watch("networkpolicies", true),
        }
    }

    /// Returns when every cache is filled.
    pub async fn filled(&self) -> Result<(), reflector::store::WriterDropped> {
        self.jobs.wait_until_ready().await?;
        self.records.wait_until_ready().await?;
        self.coordinators.wait_until_ready().await?;
        self.workers.wait_until_ready().await?;
        self.pods.wait_until_ready().await?;
        self.config_maps.wait_until_ready().await?;
        self.services.wait_until_ready().await?;
        self.accounts.wait_until_ready().await?;
        self.budgets.wait_until_ready().await?;
        self.policies.wait_until_ready().await
    }

    /// The StreamJob of a key, if it is there.
    pub fn job(&self, key: &Key) -> Option<Arc<Guarded>> {
        self.jobs.get(&ObjectRef::new(&key.1).within(&key.0))
    }

    /// The objects of a job.
    pub fn objects(&self, key: &Key) -> Objects {
        let mut others = Vec::new();
        metas(&mut others, "ConfigMap", &self.config_maps, key);
        metas(&mut others, "Service", &self.services, key);
        metas(&mut others, "ServiceAccount", &self.accounts, key);
        metas(&mut others, "PodDisruptionBudget", &self.budgets, key);
        metas(&mut others, "NetworkPolicy", &self.policies, key);
        Objects {
            records: of(&self.records, key),
            coordinators: of(&self.coordinators, key),
            workers: of(&self.workers, key),
            pods: of(&self.pods, key),
            others,
        }
    }
}

fn of<K>(store: &Store<K>, (namespace, job): &Key) -> Vec<Arc<K>>
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    store.state_filter(|o| o.meta().namespace.as_ref() == Some(namespace) && o.labels().get(JOB) == Some(job))
}

fn metas<K>(all: &mut Vec<Meta>, kind: &'static str, store: &Store<PartialObjectMeta<K>>, key: &Key)
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    all.extend(of(store, key).iter().map(|o| Meta { kind, metadata: o.metadata.clone() }));
}
