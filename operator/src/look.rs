//! A fresh look at one job: past the caches, for what must not be decided from old
//! news.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{ConfigMap, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::ListParams;
use kube::core::PartialObjectMeta;
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use streamjob_api::JobStatus;

use crate::cache::Guarded;
use crate::jobs::{self, Key};
use crate::names::{JOB, Revision};
use crate::observe::{self, Meta, Objects};

/// The job as it is; absent when it is gone.
pub async fn job(client: &Client, key: &Key) -> Result<Option<Guarded>, kube::Error> {
    Api::<Guarded>::namespaced(client.clone(), &key.0).get_opt(&key.1).await
}

/// Its objects.
pub async fn objects(client: &Client, key: &Key) -> Result<Objects, kube::Error> {
    let (records, coordinators, workers, pods, config_maps, services, accounts, budgets, policies) = futures::try_join!(
        list(client, key),
        list(client, key),
        list(client, key),
        list(client, key),
        list::<PartialObjectMeta<ConfigMap>>(client, key),
        list::<PartialObjectMeta<Service>>(client, key),
        list::<PartialObjectMeta<ServiceAccount>>(client, key),
        list::<PartialObjectMeta<PodDisruptionBudget>>(client, key),
        list::<PartialObjectMeta<NetworkPolicy>>(client, key),
    )?;
    let mut others = Vec::new();
    metas(&mut others, "ConfigMap", config_maps);
    metas(&mut others, "Service", services);
    metas(&mut others, "ServiceAccount", accounts);
    metas(&mut others, "PodDisruptionBudget", budgets);
    metas(&mut others, "NetworkPolicy", policies);
    Ok(Objects { records, coordinators, workers, pods, others })
}

/// What its coordinators answer now.
pub async fn answers(client: &jobs::Client, objects: &Objects) -> BTreeMap<Revision, Arc<JobStatus>> {
    let asked = observe::coordinators(objects).into_iter().map(|(revision, (base, _))| async move {
        client.status(&base).await.ok().map(|answer| (revision, Arc::new(answer)))
    });
    futures::future::join_all(asked).await.into_iter().flatten().collect()
}

async fn list<K>(client: &Client, (namespace, job): &Key) -> Result<Vec<Arc<K>>, kube::Error>
where
    K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug,
{
    let api: Api<K> = Api::namespaced(client.clone(), namespace);
    let found = api.list(&ListParams::default().labels(&format!("{JOB}={job}"))).await?;
    Ok(found.items.into_iter().map(Arc::new).collect())
}

fn metas<K>(all: &mut Vec<Meta>, kind: &'static str, found: Vec<Arc<PartialObjectMeta<K>>>) {
    all.extend(found.into_iter().map(|o| Meta { kind, metadata: o.metadata.clone() }));
}
