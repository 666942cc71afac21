//! Objects of a job, as Kubernetes tells of them → what was seen. Pure: where the
//! objects come from (a cache, or a fresh look) is the caller's.

mod lost;
mod pods;

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::{ControllerRevision, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use streamjob_api::JobStatus;
use streamjob_crds::StreamJob;

use crate::build::{self, Of};
use crate::model::{Form, Observed};
use crate::names::{self, Names, Revision};

pub use lost::lost;
pub use pods::address;

/// Metadata of an object of which nothing else matters.
#[derive(Clone, Debug)]
pub struct Meta {
    /// Kind.
    pub kind: &'static str,
    /// Metadata.
    pub metadata: ObjectMeta,
}

/// All objects that carry the label of one job.
#[derive(Clone, Debug, Default)]
pub struct Objects {
    /// Records of forms.
    pub records: Vec<Arc<ControllerRevision>>,
    /// Coordinators.
    pub coordinators: Vec<Arc<Job>>,
    /// Workers.
    pub workers: Vec<Arc<StatefulSet>>,
    /// Pods of both.
    pub pods: Vec<Arc<Pod>>,
    /// Config maps, services, accounts, budgets and policies.
    pub others: Vec<Meta>,
}

/// The form that an object belongs to.
pub fn revision(meta: &ObjectMeta) -> Option<Revision> {
    meta.labels.as_ref()?.get(names::REVISION)?.parse().ok()
}

/// `coordinator` or `worker`.
fn component(meta: &ObjectMeta) -> Option<&str> {
    meta.labels.as_ref()?.get(names::COMPONENT).map(String::as_str)
}

/// Whether an object belongs to this owner, and to nobody else.
pub fn owned(meta: &ObjectMeta, uid: &str) -> bool {
    let owners = meta.owner_references.as_deref().unwrap_or_default();
    owners.iter().any(|o| o.controller == Some(true) && o.uid == uid)
}

impl Objects {
    /// Metadata of an object, if it is there.
    pub fn find(&self, kind: &str, name: &str) -> Option<&ObjectMeta> {
        let named = |meta: &ObjectMeta| meta.name.as_deref() == Some(name);
        match kind {
            "ControllerRevision" => self.records.iter().map(|o| &o.metadata).find(|m| named(m)),
            "Job" => self.coordinators.iter().map(|o| &o.metadata).find(|m| named(m)),
            "StatefulSet" => self.workers.iter().map(|o| &o.metadata).find(|m| named(m)),
            _ => self.others.iter().find(|m| m.kind == kind && named(&m.metadata)).map(|m| &m.metadata),
        }
    }

    /// Uid of the record of a form.
    pub fn record_uid(&self, revision: Revision) -> Option<&str> {
        self.records.iter().find(|r| r.revision == Some(number(revision))).and_then(|r| r.metadata.uid.as_deref())
    }

    /// The objects that forms share.
    pub fn shared(&self) -> impl Iterator<Item = &Meta> {
        self.others.iter().filter(|m| revision(&m.metadata).is_none())
    }
}

/// The number of a form, as its record holds it.
pub fn number(revision: Revision) -> i64 {
    i64::try_from(revision.0).unwrap_or(i64::MAX)
}

/// What was seen. `answers`: of the coordinators, by form. `foreign`: objects of somebody else under names that we need.
pub fn observe(
    job: &StreamJob,
    objects: &Objects,
    answers: &BTreeMap<Revision, Arc<JobStatus>>,
    foreign: Vec<String>,
) -> Observed {
    let meta = &job.metadata;
    let uid = meta.uid.as_deref().unwrap_or_default();
    let mut forms = BTreeMap::new();
    for record in objects.records.iter().filter(|r| owned(&r.metadata, uid) && r.metadata.deletion_timestamp.is_none())
    {
        let Some(revision) = revision(&record.metadata) else { continue };
        let Ok(told) = build::read_record(&record.data.0) else { continue };
        forms.insert(revision, form(objects, revision, told, answers.get(&revision)));
    }
    let annotation = meta.annotations.as_ref().and_then(|a| a.get(names::FORCE_DELETE));
    let shared = forms.keys().rev().copied().find(|r| shares(job, objects, uid, *r));
    Observed {
        deleting: meta.deletion_timestamp.as_ref().map(|t| t.0),
        force_delete: annotation.is_some_and(|a| a == "true"),
        finalizer: meta.finalizers.as_ref().is_some_and(|f| f.iter().any(|f| f == names::FINALIZER)),
        status: job.status.clone().unwrap_or_default(),
        forms,
        foreign,
        shared,
    }
}

fn form(objects: &Objects, revision: Revision, record: crate::model::Record, answer: Option<&Arc<JobStatus>>) -> Form {
    let mut form = Form::of(record);
    let alive = |m: &ObjectMeta| self::revision(m) == Some(revision) && m.deletion_timestamp.is_none();
    let manifest = objects.others.iter().find(|m| m.kind == "ConfigMap" && alive(&m.metadata));
    let annotations = manifest.and_then(|m| m.metadata.annotations.as_ref());
    form.parallelism = annotations.and_then(|a| a.get(names::PARALLELISM)).and_then(|p| p.parse().ok());
    form.job = answer.map(|a| (**a).clone());
    let pods = || objects.pods.iter().map(Arc::as_ref).filter(|p| self::revision(&p.metadata) == Some(revision));
    if let Some(job) = objects.coordinators.iter().find(|j| alive(&j.metadata)) {
        let mine: Vec<&Pod> = pods().filter(|p| component(&p.metadata) == Some("coordinator")).collect();
        form.coordinator = pods::coordinator(job, &mine, form.job.is_some());
    }
    if let Some(set) = objects.workers.iter().find(|s| alive(&s.metadata)) {
        let mine: Vec<&Pod> = pods().filter(|p| component(&p.metadata) == Some("worker")).collect();
        form.workers = pods::workers(set, &mine);
    }
    form
}

/// Whether the shared objects are as they are to be with this form in power, and no other of ours is there.
fn shares(job: &StreamJob, objects: &Objects, uid: &str, power: Revision) -> bool {
    let (name, namespace) =
        (job.metadata.name.as_deref().unwrap_or_default(), job.metadata.namespace.as_deref().unwrap_or_default());
    let wanted = build::shared(Of { name, namespace, uid }, &job.spec, power);
    let right = |child: &build::Child| {
        let annotations = objects.find(child.kind, &child.name).and_then(|m| m.annotations.as_ref());
        annotations.and_then(|a| a.get(names::INPUTS)).map(String::as_str) == child.inputs()
    };
    wanted.iter().all(right) && surplus(objects, uid, &wanted).next().is_none()
}

/// Shared objects of ours that are not wanted any more.
pub fn surplus<'a>(
    objects: &'a Objects,
    uid: &'a str,
    wanted: &'a [build::Child],
) -> impl Iterator<Item = &'a Meta> + 'a {
    objects.shared().filter(move |m| {
        let there = |c: &build::Child| c.kind == m.kind && Some(&c.name) == m.metadata.name.as_ref();
        owned(&m.metadata, uid) && m.metadata.deletion_timestamp.is_none() && !wanted.iter().any(there)
    })
}

/// The record's name of a form.
pub fn record_name(job: &str, revision: Revision) -> String {
    Names(job).form(revision)
}

/// Where the coordinators of a job answer: base URL and pod, by form.
pub fn coordinators(objects: &Objects) -> BTreeMap<Revision, (String, String)> {
    let mut found = BTreeMap::new();
    let forms = objects.coordinators.iter().filter_map(|j| revision(&j.metadata));
    for form in forms {
        let pods = objects.pods.iter().map(Arc::as_ref);
        let pods =
            pods.filter(|p| revision(&p.metadata) == Some(form) && component(&p.metadata) == Some("coordinator"));
        if let Some(at) = address(pods) {
            found.insert(form, at);
        }
    }
    found
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests;
