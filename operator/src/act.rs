//! Carries out the steps of a plan. Each of them may be carried out twice.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::json;
use streamjob_crds::StreamJob;

use crate::apply::{ApplyError, Hands, sort};
use crate::build::{self, Of, Rendering};
use crate::jobs::{self, CallError};
use crate::lease::Tenure;
use crate::model::{Observed, Shape, Step};
use crate::names::{FINALIZER, PARALLELISM, Revision};
use crate::observe::{self, Meta, Objects};
use crate::validate::ValidJob;

/// Why a step was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    /// An object.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// The spec cannot be rendered.
    #[error(transparent)]
    Build(#[from] build::BuildError),
    /// A coordinator.
    #[error("coordinator of {revision}: {source}")]
    Call {
        /// Which.
        revision: Revision,
        /// Why.
        source: CallError,
    },
}

/// Everything that a step needs.
pub struct Actor<'a> {
    /// Talks to the API server.
    pub client: &'a Client,
    /// Talks to coordinators.
    pub jobs: &'a jobs::Client,
    /// Whether this process may write.
    pub tenure: &'a Tenure,
    /// The job.
    pub job: &'a ValidJob,
    /// What was seen of it.
    pub seen: &'a Observed,
    /// Its objects.
    pub objects: &'a Objects,
    /// The version of the StreamJob that was planned from.
    pub version: Option<&'a str>,
    /// Its finalizers.
    pub finalizers: &'a [String],
}

impl Actor<'_> {
    fn hands(&self) -> Hands<'_> {
        Hands { client: self.client, namespace: &self.job.namespace, tenure: self.tenure }
    }

    fn of(&self) -> Of<'_> {
        Of { name: &self.job.name, namespace: &self.job.namespace, uid: &self.job.uid }
    }

    /// Carries out one step.
    pub async fn act(&self, step: &Step) -> Result<(), ActError> {
        match step {
            Step::Record(revision, record) => {
                let child = build::record(self.of(), *revision, record);
                self.hands().make(&child, &self.job.uid).await?;
                Ok(())
            }
            Step::Ensure(revision, shape) => self.ensure(*revision, *shape).await,
            Step::Share(revision) => self.share(*revision).await,
            Step::Ask(revision, id, call) => {
                let Some((base, _)) = observe::coordinators(self.objects).remove(revision) else { return Ok(()) };
                let asked = self.jobs.ask(&base, &self.job.name, id, call).await;
                asked.map_err(|source| ActError::Call { revision: *revision, source })
            }
            Step::Clear(revision) => {
                for meta in self.objects_of(*revision) {
                    self.hands().remove(&meta).await?;
                }
                Ok(())
            }
            Step::Forget(revision) => {
                let name = observe::record_name(&self.job.name, *revision);
                if let Some(meta) = self.objects.find("ControllerRevision", &name) {
                    self.hands().remove(&Meta { kind: "ControllerRevision", metadata: meta.clone() }).await?;
                }
                Ok(())
            }
            Step::Hold | Step::Release => self.finalize(matches!(step, Step::Hold)).await,
        }
    }

    /// The objects of a form but its record; pods go with their owners.
    fn objects_of(&self, revision: Revision) -> Vec<Meta> {
        let mine = |m: &ObjectMeta| observe::revision(m) == Some(revision);
        let kinds = |kind: &'static str, m: &ObjectMeta| Meta { kind, metadata: m.clone() };
        let o = self.objects;
        let jobs = o.coordinators.iter().map(|j| kinds("Job", &j.metadata));
        let sets = o.workers.iter().map(|s| kinds("StatefulSet", &s.metadata));
        let all = jobs.chain(sets).chain(o.others.iter().cloned());
        all.filter(|m| mine(&m.metadata) && m.metadata.deletion_timestamp.is_none()).collect()
    }

    async fn ensure(&self, revision: Revision, shape: Shape) -> Result<(), ActError> {
        let Some((form, uid)) = self.seen.forms.get(&revision).zip(self.objects.record_uid(revision)) else {
            return Ok(());
        };
        let children =
            build::form(&Rendering { of: self.of(), revision, record: &form.record, shape, record_uid: uid })?;
        for child in &children {
            let there = self.objects.find(child.kind, &child.name).filter(|m| m.deletion_timestamp.is_none());
            match (there, child.kind) {
                (None, _) => {
                    self.hands().make(child, uid).await?;
                }
                (Some(there), _) if !observe::owned(there, uid) => {
                    return Err(ApplyError::Foreign(format!("{} {}", child.kind, child.name)).into());
                }
                // What was rendered stays as it was: a newer operator that would render it otherwise restarts nothing.
                (Some(there), "ConfigMap") if parallelism(there) != Some(shape.parallelism) => {
                    self.hands().apply(child).await?;
                }
                (Some(_), "StatefulSet") if form.workers.wanted != Some(shape.workers) => {
                    self.hands().scale(&child.name, shape.workers).await?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    async fn share(&self, power: Revision) -> Result<(), ActError> {
        let wanted = build::shared(self.of(), &self.job.spec, power);
        for child in &wanted {
            match self.objects.find(child.kind, &child.name) {
                None => {
                    self.hands().make(child, &self.job.uid).await?;
                }
                Some(there) if !observe::owned(there, &self.job.uid) => {
                    return Err(ApplyError::Foreign(format!("{} {}", child.kind, child.name)).into());
                }
                Some(there) => {
                    let inputs = there.annotations.as_ref().and_then(|a| a.get(crate::names::INPUTS));
                    if inputs.map(String::as_str) != child.inputs() {
                        self.hands().apply(child).await?;
                    }
                }
            }
        }
        for meta in observe::surplus(self.objects, &self.job.uid, &wanted) {
            self.hands().remove(meta).await?;
        }
        Ok(())
    }

    /// Sets or takes our finalizer, of exactly the object that was seen.
    async fn finalize(&self, hold: bool) -> Result<(), ActError> {
        let mut finalizers: Vec<&str> =
            self.finalizers.iter().map(String::as_str).filter(|f| *f != FINALIZER).collect();
        if hold {
            finalizers.push(FINALIZER);
        }
        let patch = json!({"metadata": {"finalizers": finalizers, "resourceVersion": self.version}});
        let api: Api<StreamJob> = Api::namespaced(self.client.clone(), &self.job.namespace);
        match api.patch(&self.job.name, &PatchParams::default(), &Patch::Merge(&patch)).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            Err(error) => Err(sort(format!("StreamJob {}", self.job.name), error).into()),
        }
    }
}

fn parallelism(meta: &ObjectMeta) -> Option<u32> {
    meta.annotations.as_ref()?.get(PARALLELISM)?.parse().ok()
}
