//! Makes the CustomResourceDefinitions: kube's derived schema, put into the form
//! that the API server keeps without change, plus the CEL rules.

use std::sync::OnceLock;

use kube::CustomResourceExt;
use serde_json::{Map, Value, json};

use crate::path::{FieldPath, Segment};
use crate::rules::{self, Rule};
use crate::{StreamJob, StreamJobSnapshot};

/// A definition that could not be made; this is an error in the types themselves.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the definition of {kind} cannot be made: {message}")]
pub struct CrdError {
    kind: String,
    message: String,
}

/// The definition of StreamJob.
pub fn stream_job() -> Result<&'static Value, CrdError> {
    static CACHE: OnceLock<Result<Value, CrdError>> = OnceLock::new();
    CACHE
        .get_or_init(|| build("StreamJob", serde_json::to_value(StreamJob::crd()), rules::STREAM_JOB))
        .as_ref()
        .map_err(Clone::clone)
}

/// The definition of StreamJobSnapshot.
pub fn stream_job_snapshot() -> Result<&'static Value, CrdError> {
    static CACHE: OnceLock<Result<Value, CrdError>> = OnceLock::new();
    CACHE
        .get_or_init(|| build("StreamJobSnapshot", serde_json::to_value(StreamJobSnapshot::crd()), rules::SNAPSHOT))
        .as_ref()
        .map_err(Clone::clone)
}

/// The OpenAPI schema inside a definition.
pub fn schema(definition: &Value) -> Option<&Value> {
    definition.pointer(SCHEMA)
}

/// A definition as YAML text, with a header that says where it comes from. Keys
/// are sorted, so the text depends on nothing but the types.
pub fn yaml(definition: &Value) -> Result<String, serde_yaml::Error> {
    let body = serde_yaml::to_string(&sorted(definition, true))?;
    Ok(format!(
        "# Generated from the types in crds/src by UPDATE_CRDS=1 cargo test --release -p streamjob-crds. Do not edit.\n{body}"
    ))
}

const SCHEMA: &str = "/spec/versions/0/schema/openAPIV3Schema";

fn build(kind: &str, crd: Result<Value, serde_json::Error>, rules: &[Rule]) -> Result<Value, CrdError> {
    let error = |message: String| CrdError { kind: kind.to_owned(), message };
    let mut crd = crd.map_err(|e| error(e.to_string()))?;
    let schema = crd.pointer_mut(SCHEMA).ok_or_else(|| error("it has no schema".to_owned()))?;
    tidy(schema);
    for rule in rules {
        let node = node_mut(schema, &FieldPath::dotted(rule.at))
            .ok_or_else(|| error(format!("no field {} for a rule", rule.at)))?;
        let list = node.entry("x-kubernetes-validations").or_insert_with(|| json!([]));
        if let Value::Array(list) = list {
            list.push(json!({"rule": rule.cel, "message": rule.cel_message()}));
        }
    }
    // What waits for a job by its conditions must not take one that nobody has looked at yet for done.
    if let Some(status) = schema.pointer_mut("/properties/status").filter(|_| kind == "StreamJob") {
        status["default"] = json!({"observedGeneration": -1});
    }
    Ok(crd)
}

/// The schema node of a field, through objects only.
fn node_mut<'a>(schema: &'a mut Value, path: &FieldPath) -> Option<&'a mut Map<String, Value>> {
    let mut node = schema;
    for segment in &path.0 {
        let Segment::Key(key) = segment else {
            return None;
        };
        node = node.get_mut("properties")?.get_mut(key)?;
    }
    node.as_object_mut()
}

/// Puts a schema into the API server's own form: no formats that it warns about,
/// no null, whole numbers as integers, one-line descriptions. Defaults of objects
/// stay complete: the API server judges a default by the rules before it fills it.
fn tidy(schema: &mut Value) {
    let Value::Object(node) = schema else { return };
    node.remove("nullable");
    node.remove("title");
    if let Some(Value::String(description)) = node.get_mut("description") {
        *description = description.split_whitespace().collect::<Vec<_>>().join(" ");
    }
    if let Some(Value::String(format)) = node.get_mut("format") {
        match format.as_str() {
            "uint" | "uint64" | "int" => "int64".clone_into(format),
            "uint8" | "uint16" | "uint32" | "int8" | "int16" => "int32".clone_into(format),
            _ => {}
        }
    }
    for bound in ["minimum", "maximum"] {
        // serde_json prints 1.0 where the API server prints 1.
        if let Some(number) = node.get(bound).and_then(Value::as_f64)
            && number.fract() == 0.0
            && number.abs() < 9_007_199_254_740_992.0
            && let Ok(whole) = format!("{number:.0}").parse::<i64>()
        {
            node.insert(bound.to_owned(), whole.into());
        }
    }
    if let Some(Value::Array(required)) = node.get_mut("required") {
        required.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
    }
    if let Some(Value::Object(properties)) = node.get_mut("properties") {
        properties.values_mut().for_each(tidy);
    }
    for inner in ["items", "additionalProperties"] {
        if let Some(inner) = node.get_mut(inner) {
            tidy(inner);
        }
    }
}

/// Keys in alphabetical order, but the four of an object's head in their usual one.
fn sorted(value: &Value, head: bool) -> serde_yaml::Value {
    match value {
        Value::Object(map) => {
            let rank = |key: &str| match key {
                "apiVersion" if head => 0,
                "kind" if head => 1,
                "metadata" if head => 2,
                _ => 3,
            };
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by(|(a, _), (b, _)| rank(a).cmp(&rank(b)).then_with(|| a.cmp(b)));
            let entries = entries.into_iter().map(|(k, v)| (serde_yaml::Value::String(k.clone()), sorted(v, false)));
            serde_yaml::Value::Mapping(entries.collect())
        }
        Value::Array(list) => serde_yaml::Value::Sequence(list.iter().map(|v| sorted(v, false)).collect()),
        Value::String(text) => serde_yaml::Value::String(text.clone()),
        Value::Bool(flag) => serde_yaml::Value::Bool(*flag),
        Value::Null => serde_yaml::Value::Null,
        Value::Number(number) => number.as_i64().map_or_else(
            || serde_yaml::Value::Number(number.as_f64().unwrap_or_default().into()),
            |n| serde_yaml::Value::Number(n.into()),
        ),
    }
}
