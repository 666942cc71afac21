//! Objects of a job, rendered. Pure: the same inputs make the same objects.
//!
//! Those of a form are owned by its record, a ControllerRevision, and the record by the StreamJob: a form goes with one
//! call, all goes with the StreamJob. A form's pods are rendered once, when it is made: a newer operator that would
//! render them otherwise restarts nothing.

mod form;
mod merge;
mod pods;
mod shared;

use serde_json::{Value, json};
use streamjob_crds::API_VERSION;
use xxhash_rust::xxh3::xxh3_64;

use crate::model::{Record, Shape};
use crate::names::{INPUTS, Names, Revision};

pub use form::{form, read_record, record};
pub use pods::REST;
pub use shared::shared;

/// An object that is to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Child {
    /// API group and version.
    pub api_version: &'static str,
    /// Kind.
    pub kind: &'static str,
    /// Name.
    pub name: String,
    /// The whole object.
    pub object: Value,
}

/// Whose object it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// API group and version.
    pub api_version: &'static str,
    /// Kind.
    pub kind: &'static str,
    /// Name.
    pub name: String,
    /// Uid.
    pub uid: String,
}

/// Whose job it is.
#[derive(Clone, Copy, Debug)]
pub struct Of<'a> {
    /// Name of the StreamJob.
    pub name: &'a str,
    /// Its namespace.
    pub namespace: &'a str,
    /// Its uid.
    pub uid: &'a str,
}

impl Of<'_> {
    /// The StreamJob as an owner.
    pub fn owner(&self) -> Owner {
        Owner { api_version: API_VERSION, kind: "StreamJob", name: self.name.to_owned(), uid: self.uid.to_owned() }
    }
}

/// A form that is rendered.
#[derive(Clone, Copy, Debug)]
pub struct Rendering<'a> {
    /// Whose job.
    pub of: Of<'a>,
    /// Which form.
    pub revision: Revision,
    /// What it is.
    pub record: &'a Record,
    /// Its shape.
    pub shape: Shape,
    /// Uid of its record.
    pub record_uid: &'a str,
}

/// What cannot be rendered: a pod template that does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}; write the fields of a Kubernetes pod template, metadata and spec")]
pub struct BuildError {
    field: &'static str,
    message: String,
}

/// Labels of an object.
fn labels(of: Of<'_>, revision: Option<Revision>, component: Option<&str>) -> Value {
    let mut labels = json!({
        "app.kubernetes.io/name": "streamjob",
        "app.kubernetes.io/instance": of.name,
        "app.kubernetes.io/managed-by": "streamjob-operator",
        crate::names::JOB: of.name,
    });
    if let Some(map) = labels.as_object_mut() {
        map.extend(revision.map(|r| (crate::names::REVISION.to_owned(), json!(r.to_string()))));
        map.extend(component.map(|c| (crate::names::COMPONENT.to_owned(), json!(c))));
    }
    labels
}

/// Puts metadata and a hash of everything in it on an object.
fn child(
    (api_version, kind): (&'static str, &'static str),
    name: String,
    namespace: &str,
    owner: &Owner,
    labels: Value,
    body: Value,
) -> Child {
    let mut object = json!({
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": labels,
            "ownerReferences": [{
                "apiVersion": owner.api_version, "kind": owner.kind, "name": owner.name, "uid": owner.uid,
                "controller": true, "blockOwnerDeletion": true,
            }],
        },
    });
    if let (Some(object), Value::Object(body)) = (object.as_object_mut(), body) {
        object.extend(body);
    }
    let hash = format!("{:016x}", xxh3_64(object.to_string().as_bytes()));
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("annotations".to_owned(), json!({INPUTS: hash}));
    }
    Child { api_version, kind, name, object }
}

impl Child {
    /// The hash of what it was rendered from.
    pub fn inputs(&self) -> Option<&str> {
        self.object.pointer("/metadata/annotations")?.get(INPUTS)?.as_str()
    }
}

impl Rendering<'_> {
    fn names(&self) -> Names<'_> {
        Names(self.of.name)
    }

    /// The record as an owner.
    fn owner(&self) -> Owner {
        Owner {
            api_version: "apps/v1",
            kind: "ControllerRevision",
            name: self.names().form(self.revision),
            uid: self.record_uid.to_owned(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests;
