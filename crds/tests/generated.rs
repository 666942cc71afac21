//! The generated files in git are those that the types give, and the schema keeps
//! its promises: described, bounded, free of what the API server dislikes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use streamjob_crds::{crd, reference, rules};

fn definitions() -> [(&'static str, &'static Value); 2] {
    [("streamjobs", crd::stream_job().unwrap()), ("streamjobsnapshots", crd::stream_job_snapshot().unwrap())]
}

fn committed() -> Vec<(PathBuf, String)> {
    let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<_> = definitions()
        .into_iter()
        .map(|(name, crd)| (crate_dir.join(format!("manifests/{name}.yaml")), crd::yaml(crd).unwrap()))
        .collect();
    files.push((crate_dir.join("../docs/streamjob-reference.md"), reference::page().unwrap()));
    files
}

#[test]
fn committed_files_are_current() {
    let update = std::env::var_os("UPDATE_CRDS").is_some_and(|v| v == "1");
    for (path, expected) in committed() {
        if update {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &expected).unwrap();
            continue;
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        let line = found.lines().zip(expected.lines()).take_while(|(a, b)| a == b).count() + 1;
        assert!(
            found == expected,
            "{} differs from the types at line {line}; regenerate: UPDATE_CRDS=1 cargo test --release -p streamjob-crds",
            path.display()
        );
    }
}

/// Calls `visit` with every property below `node`: path, schema, class inherited.
fn walk(node: &Value, path: &str, visit: &mut impl FnMut(&str, &Value)) {
    if let Some(Value::Object(properties)) = node.get("properties") {
        for (name, field) in properties {
            let path = format!("{path}.{name}");
            visit(&path, field);
            walk(field, &path, visit);
        }
    }
    for (inner, mark) in [("items", "[]"), ("additionalProperties", "{}")] {
        if let Some(inner) = node.get(inner) {
            let path = format!("{path}{mark}");
            visit(&path, inner);
            walk(inner, &path, visit);
        }
    }
}

fn each_property(mut visit: impl FnMut(&str, &Value)) -> usize {
    let mut count = 0;
    for (name, definition) in definitions() {
        walk(crd::schema(definition).unwrap(), name, &mut |path, field| {
            count += 1;
            visit(path, field);
        });
    }
    count
}

#[test]
fn every_field_is_described() {
    let count = each_property(|path, field| {
        if path.ends_with(']') || path.ends_with('}') {
            return;
        }
        let text = field.get("description").and_then(Value::as_str).unwrap_or("");
        assert!(text.len() > 10, "{path} has no description");
        assert!(!text.contains('\n'), "{path} has a line break in its description");
    });
    assert!(count > 150, "only {count} fields seen: the walk is broken");
}

#[test]
fn every_field_of_a_spec_has_a_class_of_change() {
    fn classed(node: &Value, path: &str, inherited: bool) {
        for (name, field) in node.get("properties").and_then(Value::as_object).unwrap_or(&Map::new()) {
            let path = format!("{path}.{name}");
            let has = reference::split_class(field["description"].as_str().unwrap()).1.is_some();
            assert!(has || inherited, "{path} has no class of change");
            classed(field, &path, true);
        }
    }
    for (name, definition) in definitions() {
        classed(&crd::schema(definition).unwrap()["properties"]["spec"], name, false);
    }
}

#[test]
fn everything_is_bounded() {
    each_property(|path, field| {
        let has = |key: &str| field.get(key).is_some();
        if field.get("x-kubernetes-int-or-string").is_some() {
            assert!(has("maxLength") && has("pattern"), "{path} is not bounded");
            return;
        }
        match field.get("type").and_then(Value::as_str) {
            Some("string") => assert!(has("maxLength") || has("enum") || has("format"), "{path} is not bounded"),
            Some("array") => assert!(has("maxItems") && has("items"), "{path} is not bounded"),
            Some("integer") => assert!(has("minimum"), "{path} is not bounded"),
            Some("object") if has("additionalProperties") => {
                assert!(has("maxProperties"), "{path} is not bounded")
            }
            Some("object") => {
                assert!(has("properties") || has("x-kubernetes-preserve-unknown-fields"), "{path} is open")
            }
            Some("boolean") => {}
            other => panic!("{path} has the type {other:?}"),
        }
        for key in ["nullable", "anyOf", "oneOf", "allOf", "$ref", "title"] {
            assert!(!has(key), "{path} has {key}");
        }
        if let Some(format) = field.get("format").and_then(Value::as_str) {
            assert!(["int32", "int64", "date-time"].contains(&format), "{path}: the API server warns about {format}");
        }
        if let Some(pattern) = field.get("pattern").and_then(Value::as_str) {
            regex::Regex::new(pattern).unwrap();
        }
    });
}

#[test]
fn no_default_in_a_status() {
    each_property(|path, field| {
        // One stands for "nobody has looked yet", so that what waits for the operator waits.
        if path == "streamjobs.status" {
            assert_eq!(field["default"], json!({"observedGeneration": -1}));
        } else if path.contains(".status") {
            assert!(field.get("default").is_none(), "{path} would be written by the API server");
        }
    });
}

#[test]
fn every_rule_is_in_the_yaml() {
    for ((_, definition), rules) in definitions().into_iter().zip([rules::STREAM_JOB, rules::SNAPSHOT]) {
        let schema = crd::schema(definition).unwrap();
        for rule in rules {
            let node = rule.at.split('.').filter(|k| !k.is_empty()).fold(schema, |n, key| &n["properties"][key]);
            let expected = json!({"rule": rule.cel, "message": rule.cel_message()});
            let found = node["x-kubernetes-validations"].as_array().unwrap();
            assert!(found.contains(&expected), "{rule:?}");
            assert!(!rule.cel.contains('\n') && rule.cel_message().len() < 2048, "{rule:?}");
        }
        let text = crd::yaml(definition).unwrap();
        assert_eq!(text.matches("- message:").count(), rules.len(), "a rule is missing or doubled");
    }
}

#[test]
fn defaults_of_the_schema_are_those_of_the_types() {
    /// What the API server does.
    fn fill(value: &mut Value, schema: &Value) {
        let (Value::Object(map), Some(Value::Object(properties))) = (value, schema.get("properties")) else {
            return;
        };
        for (name, field) in properties {
            if let (false, Some(default)) = (map.contains_key(name), field.get("default")) {
                map.insert(name.clone(), default.clone());
            }
            if let Some(inner) = map.get_mut(name) {
                fill(inner, field);
            }
        }
    }
    let minimal = json!({
        "apiVersion": "streamjob.dev/v1alpha1", "kind": "StreamJob", "metadata": {"name": "x"},
        "spec": {"job": {"sql": "SELECT 1"}, "checkpoint": {"storage": {"type": "Memory"}}},
    });
    let typed: streamjob_crds::StreamJob = serde_json::from_value(minimal.clone()).unwrap();
    let mut filled = minimal;
    fill(&mut filled, crd::schema(crd::stream_job().unwrap()).unwrap());
    assert_eq!(serde_json::to_value(&typed).unwrap()["spec"], filled["spec"]);

    let spec = streamjob_crds::StreamJobSpec::new(
        streamjob_crds::Job::from_sql("SELECT 1"),
        serde_json::from_value(json!({"type": "Memory"})).unwrap(),
    );
    assert_eq!(typed.spec, spec);

    let minimal = json!({"jobRef": {"name": "x"}});
    let typed: streamjob_crds::StreamJobSnapshotSpec = serde_json::from_value(minimal.clone()).unwrap();
    let mut filled = minimal;
    fill(&mut filled, &crd::schema(crd::stream_job_snapshot().unwrap()).unwrap()["properties"]["spec"]);
    assert_eq!(serde_json::to_value(&typed).unwrap(), filled);
}

#[test]
fn names_columns_and_subresources() {
    let crd = crd::stream_job().unwrap();
    assert_eq!(crd["metadata"]["name"], "streamjobs.streamjob.dev");
    assert_eq!(crd["spec"]["names"]["shortNames"], json!(["sj"]));
    assert_eq!(crd["spec"]["names"]["categories"], json!(["streaming"]));
    assert_eq!(crd["spec"]["scope"], "Namespaced");
    let version = &crd["spec"]["versions"][0];
    assert_eq!(
        version["subresources"],
        json!({"status": {}, "scale": {
            "specReplicasPath": ".spec.parallelism", "statusReplicasPath": ".status.parallelism", "labelSelectorPath": ".status.selector",
        }})
    );
    let columns: Vec<_> =
        version["additionalPrinterColumns"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
    assert_eq!(
        columns,
        ["STATE", "READY", "PARALLELISM", "LAST CHECKPOINT", "RESTARTS", "AGE", "IMAGE", "SAVEPOINT", "MESSAGE"]
    );
    let snapshot = crd::stream_job_snapshot().unwrap();
    assert_eq!(snapshot["metadata"]["name"], "streamjobsnapshots.streamjob.dev");
    assert_eq!(snapshot["spec"]["names"]["shortNames"], json!(["sjs"]));
}

/// The API server judges a default by the rules before it fills it, and refuses
/// the definition when a rule then misses a field.
#[test]
fn defaults_of_objects_are_complete() {
    each_property(|path, field| {
        let (Some(Value::Object(default)), Some(Value::Object(properties))) =
            (field.get("default"), field.get("properties"))
        else {
            return;
        };
        for (name, inner) in properties {
            assert!(inner.get("default").is_none() || default.contains_key(name), "{path}: its default lacks {name}");
        }
    });
}
