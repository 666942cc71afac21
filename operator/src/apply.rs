//! Makes, changes and removes objects by server-side apply, and never takes one
//! that belongs to somebody else.

use kube::api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, Preconditions};
use kube::core::GroupVersionKind;
use kube::{Api, Client};
use serde_json::json;

use crate::build::Child;
use crate::lease::Tenure;
use crate::names::FIELD_MANAGER;
use crate::observe::{Meta, owned};

/// Why an object could not be made or removed.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// It is there and belongs to somebody else.
    #[error("{0} is there and belongs to somebody else")]
    Foreign(String),
    /// The API server refuses what the spec makes of it: trying again does not help.
    #[error("the API server refuses {object}: {message}")]
    Refused {
        /// Kind and name.
        object: String,
        /// Its words.
        message: String,
    },
    /// The object has changed meanwhile: look again.
    #[error("{0} has changed meanwhile")]
    Conflict(String),
    /// This process may not lead any more.
    #[error("leadership is in doubt; {0} is left alone")]
    Doubt(String),
    /// The call failed.
    #[error("{object}: {source}")]
    Call {
        /// Kind and name.
        object: String,
        /// Why.
        source: kube::Error,
    },
}

/// An error of a call, by what follows from it.
pub fn sort(object: String, error: kube::Error) -> ApplyError {
    match &error {
        kube::Error::Api(status) if status.code == 409 => ApplyError::Conflict(object),
        kube::Error::Api(status) if matches!(status.code, 400 | 403 | 422) => {
            ApplyError::Refused { object, message: status.message.clone() }
        }
        _ => ApplyError::Call { object, source: error },
    }
}

/// What the API calls each kind that we make.
fn resource(kind: &str) -> ApiResource {
    let (group, version, plural) = match kind {
        "ControllerRevision" => ("apps", "v1", "controllerrevisions"),
        "StatefulSet" => ("apps", "v1", "statefulsets"),
        "Job" => ("batch", "v1", "jobs"),
        "Service" => ("", "v1", "services"),
        "ConfigMap" => ("", "v1", "configmaps"),
        "ServiceAccount" => ("", "v1", "serviceaccounts"),
        "PodDisruptionBudget" => ("policy", "v1", "poddisruptionbudgets"),
        "NetworkPolicy" => ("networking.k8s.io", "v1", "networkpolicies"),
        _ => ("", "v1", "pods"),
    };
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural)
}

/// Works on the objects of one namespace.
pub struct Hands<'a> {
    /// The client.
    pub client: &'a Client,
    /// The namespace.
    pub namespace: &'a str,
    /// Whether this process may write: asked before each call, for it may have been halted in between.
    pub tenure: &'a Tenure,
}

impl Hands<'_> {
    fn api(&self, kind: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), self.namespace, &resource(kind))
    }

    fn may(&self, object: &str) -> Result<(), ApplyError> {
        if self.tenure.holds() { Ok(()) } else { Err(ApplyError::Doubt(object.to_owned())) }
    }

    /// Makes an object that was not seen. Looks first whether somebody else has one of that name.
    pub async fn make(&self, child: &Child, owner: &str) -> Result<DynamicObject, ApplyError> {
        let what = format!("{} {}", child.kind, child.name);
        let there = self.api(child.kind).get_metadata_opt(&child.name).await.map_err(|e| sort(what.clone(), e))?;
        if let Some(there) = there {
            if !owned(&there.metadata, owner) {
                return Err(ApplyError::Foreign(what));
            }
            if there.metadata.deletion_timestamp.is_some() {
                return Err(ApplyError::Conflict(what));
            }
        }
        self.apply(child).await
    }

    /// Puts an object of ours into the shape that it is to have.
    pub async fn apply(&self, child: &Child) -> Result<DynamicObject, ApplyError> {
        self.may(&child.name)?;
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let made = self.api(child.kind).patch(&child.name, &params, &Patch::Apply(&child.object)).await;
        made.map_err(|e| sort(format!("{} {}", child.kind, child.name), e))
    }

    /// Sets how many pods a StatefulSet has; everything else of it stays as it was made.
    pub async fn scale(&self, name: &str, replicas: u32) -> Result<(), ApplyError> {
        self.may(name)?;
        let patch = json!({"spec": {"replicas": replicas}});
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let done = self.api("StatefulSet").patch(name, &params, &Patch::Merge(&patch)).await;
        done.map(|_| ()).map_err(|e| sort(format!("StatefulSet {name}"), e))
    }

    /// Removes exactly this object; what it owns follows.
    pub async fn remove(&self, object: &Meta) -> Result<(), ApplyError> {
        let name = object.metadata.name.as_deref().unwrap_or_default();
        let same = Preconditions { uid: object.metadata.uid.clone(), resource_version: None };
        let params = DeleteParams::background().preconditions(same);
        self.delete(object.kind, name, &params).await
    }

    /// Removes a pod whose node will not say that it has ended.
    pub async fn drop_pod(&self, name: &str) -> Result<(), ApplyError> {
        self.delete("Pod", name, &DeleteParams::default().grace_period(0)).await
    }

    async fn delete(&self, kind: &str, name: &str, params: &DeleteParams) -> Result<(), ApplyError> {
        self.may(name)?;
        match self.api(kind).delete(name, params).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            Err(error) => Err(sort(format!("{kind} {name}"), error)),
        }
    }

    /// Whether an object of this kind and name is there and belongs to somebody else.
    pub async fn is_foreign(&self, what: &str, owners: &[&str]) -> Result<bool, kube::Error> {
        let Some((kind, name)) = what.split_once(' ') else { return Ok(false) };
        let there = self.api(kind).get_metadata_opt(name).await?;
        Ok(there.is_some_and(|o| !owners.iter().any(|uid| owned(&o.metadata, uid))))
    }
}
