//! The API described: OpenAPI 3.0 and a table for people, from the table of routes.

use super::routes::{Route, routes};
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};
use std::fmt::Write;
use streamjob_api::ErrorResponse;

/// The OpenAPI document.
pub fn document() -> Value {
    let mut generator = SchemaSettings::openapi3().into_generator();
    let mut paths = Map::new();
    for route in routes() {
        let entry = paths.entry(route.path).or_insert_with(|| json!({}));
        if let Some(methods) = entry.as_object_mut() {
            methods.insert(route.method.to_string(), operation(&route, &mut generator));
        }
    }
    let schemas = generator.take_definitions(true);
    json!({
        "openapi": "3.0.3",
        "info": {
            "title": "streamjob",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "REST API of a job's coordinator. A job is named by its id or its name.",
        },
        "paths": paths,
        "components": {"schemas": schemas},
    })
}

/// The document as text, for docs/openapi.json.
pub fn document_text() -> String {
    format!("{:#}\n", document())
}

fn operation(route: &Route, generator: &mut SchemaGenerator) -> Value {
    let parameter = |name: &str, place: &str, meaning: &str| {
        let p = json!({"name": name, "in": place, "required": place == "path", "schema": {"type": "string"}});
        with(p, (!meaning.is_empty()).then(|| ("description", meaning.into())))
    };
    let mut parameters: Vec<Value> = in_path(route.path).map(|name| parameter(name, "path", "")).collect();
    parameters.extend(route.query.iter().map(|(name, meaning)| parameter(name, "query", meaning)));
    let content = |schema: schemars::Schema| json!({"application/json": {"schema": schema}});
    let (status, schema) = route.answer;
    let good = json!({"description": if status == 202 { "accepted" } else { "done" }});
    let good = with(good, schema.map(|schema| ("content", content(schema(generator)))));
    let mut responses = Map::new();
    responses.insert(status.to_string(), good);
    let errors = content(generator.subschema_for::<ErrorResponse>());
    responses.insert("default".into(), json!({"description": "what went wrong", "content": errors}));
    let operation = json!({"summary": route.summary, "responses": responses});
    let operation = with(operation, (!parameters.is_empty()).then(|| ("parameters", parameters.into())));
    let body = route.body.map(|body| json!({"required": false, "content": content(body(generator))}));
    with(operation, body.map(|body| ("requestBody", body)))
}

/// An object with one more entry, if there is one.
fn with(mut object: Value, entry: Option<(&str, Value)>) -> Value {
    if let (Some(object), Some((key, value))) = (object.as_object_mut(), entry) {
        object.insert(key.to_string(), value);
    }
    object
}

/// Names between braces.
fn in_path(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

/// A Markdown table of all paths.
pub fn table() -> String {
    let mut out = String::from("| Method and path | What |\n|---|---|\n");
    for route in routes() {
        let query: Vec<&str> = route.query.iter().map(|(name, _)| *name).collect();
        let query = if query.is_empty() { String::new() } else { format!(" Query: `{}`.", query.join("`, `")) };
        // Writing to a String does not fail.
        let _ = writeln!(out, "| `{} {}` | {}{query} |", route.method.to_uppercase(), route.path, route.summary);
    }
    out
}
