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
        let mut p = json!({"name": name, "in": place, "required": place == "path", "schema": {"type": "string"}});
        if !meaning.is_empty() {
            p["description"] = meaning.into();
        }
        p
    };
    let mut parameters: Vec<Value> = in_path(route.path).map(|name| parameter(name, "path", "")).collect();
    parameters.extend(route.query.iter().map(|(name, meaning)| parameter(name, "query", meaning)));
    let content = |schema: schemars::Schema| json!({"application/json": {"schema": schema}});
    let (status, schema) = route.answer;
    let mut good = json!({"description": "done"});
    if status == 202 {
        good["description"] = "accepted".into();
    }
    if let Some(schema) = schema {
        good["content"] = content(schema(generator));
    }
    let mut responses = Map::new();
    responses.insert(status.to_string(), good);
    let errors = content(generator.subschema_for::<ErrorResponse>());
    responses.insert("default".into(), json!({"description": "what went wrong", "content": errors}));
    let mut operation = json!({"summary": route.summary, "responses": responses});
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if let Some(body) = route.body {
        operation["requestBody"] = json!({"required": false, "content": content(body(generator))});
    }
    operation
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
