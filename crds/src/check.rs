//! Compares a document with the schema of a definition: unknown fields, types,
//! missing fields, bounds. Reports all that is wrong, with the fix; decides
//! nothing about rules that span several fields.

use regex::Regex;
use serde_json::{Map, Value};

use crate::path::FieldPath;
use crate::pods::QUANTITY_PATTERN;
use crate::{duration, schedule, size};

/// One thing that does not fit the schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Where.
    pub path: FieldPath,
    /// Whether the key itself is wrong, not its value.
    pub at_key: bool,
    /// What is wrong.
    pub message: String,
    /// What to change.
    pub fix: String,
}

/// All that does not fit in `value`, which lies at `path`.
pub fn check(value: &Value, schema: &Value, path: &FieldPath) -> Vec<Mismatch> {
    let mut checker = Checker { root: schema, base: path, found: Vec::new() };
    checker.any(value, schema, path);
    checker.found
}

struct Checker<'a> {
    root: &'a Value,
    base: &'a FieldPath,
    found: Vec<Mismatch>,
}

impl Checker<'_> {
    fn report(&mut self, path: &FieldPath, message: String, fix: impl Into<String>) {
        self.found.push(Mismatch { path: path.clone(), at_key: false, message, fix: fix.into() });
    }

    fn any(&mut self, value: &Value, schema: &Value, path: &FieldPath) {
        if schema.get("x-kubernetes-int-or-string") == Some(&Value::Bool(true)) {
            match value {
                Value::String(text) => self.string(text, schema, path),
                Value::Number(n) if n.is_i64() || n.is_u64() => {}
                other => self.wrong_type("a string or a whole number", other, path),
            }
            return;
        }
        match (schema.get("type").and_then(Value::as_str), value) {
            (Some("object"), Value::Object(map)) => self.object(map, schema, path),
            (Some("array"), Value::Array(list)) => self.array(list, schema, path),
            (Some("string"), Value::String(text)) => self.string(text, schema, path),
            (Some("boolean"), Value::Bool(_)) | (None, _) => {}
            (Some("integer"), Value::Number(n)) if n.is_i64() || n.is_u64() => self.number(value, schema, path),
            (Some("number"), Value::Number(_)) => self.number(value, schema, path),
            (Some("object"), other) => self.wrong_type("a mapping of fields", other, path),
            (Some("array"), other) => self.wrong_type("a list", other, path),
            (Some("string"), other) => {
                let pattern = schema.get("pattern").and_then(Value::as_str);
                match (other, pattern.and_then(form)) {
                    // In quotes it would still be wrong.
                    (Value::Number(n), Some((kind, fix))) if !pattern.is_some_and(|p| matches(p, &n.to_string())) => {
                        self.report(path, format!("expected {kind}, found the number {n}"), fix);
                    }
                    _ => self.wrong_type("a string", other, path),
                }
            }
            (Some("boolean"), other) => self.wrong_type("true or false", other, path),
            (Some("integer" | "number"), other) => self.wrong_type("a whole number", other, path),
            (Some(_), _) => {}
        }
    }

    fn wrong_type(&mut self, expected: &str, found: &Value, path: &FieldPath) {
        let (found, fix) = match found {
            Value::Null => {
                return self.report(path, format!("has no value; expected {expected}"), "give it a value or remove it");
            }
            Value::Bool(b) => (format!("the boolean {b}"), format!("\"{b}\"")),
            Value::Number(n) => (format!("the number {n}"), format!("\"{n}\"")),
            Value::String(s) => (format!("the string {s:?}"), String::new()),
            Value::Array(_) => ("a list".to_owned(), String::new()),
            Value::Object(_) => ("a mapping".to_owned(), String::new()),
        };
        let fix = match expected.starts_with("a string") && !fix.is_empty() {
            true => format!("put it in quotes: {fix}"),
            false => format!("write {expected} here"),
        };
        self.report(path, format!("expected {expected}, found {found}"), fix);
    }

    fn object(&mut self, map: &Map<String, Value>, schema: &Value, path: &FieldPath) {
        if schema.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(true)) {
            return;
        }
        if let Some(limit) = limit(schema, "maxProperties").filter(|l| map.len() as u64 > *l) {
            self.report(path, format!("has {} entries, at most {limit} are allowed", map.len()), "remove some");
        }
        let properties = schema.get("properties").and_then(Value::as_object);
        let additional = schema.get("additionalProperties");
        if let Some(Value::Array(required)) = schema.get("required") {
            for name in required.iter().filter_map(Value::as_str).filter(|n| !map.contains_key(*n)) {
                let what = properties
                    .and_then(|p| p.get(name))
                    .and_then(|s| s.get("description"))
                    .and_then(Value::as_str)
                    .unwrap_or("");
                let what = what.split(". ").next().unwrap_or("").trim_end_matches('.');
                let fix = if what.is_empty() { format!("add {name}") } else { format!("add {name}: {what}") };
                self.report(&path.key(name), "is required and missing".to_owned(), fix);
            }
        }
        for (name, value) in map {
            match (properties.and_then(|p| p.get(name)), additional) {
                (Some(inner), _) | (None, Some(inner @ Value::Object(_))) => self.any(value, inner, &path.key(name)),
                (None, _) if properties.is_none() => {}
                (None, _) => self.unknown(name, properties, path),
            }
        }
    }

    fn unknown(&mut self, name: &str, known: Option<&Map<String, Value>>, path: &FieldPath) {
        let known: Vec<&str> = known.into_iter().flat_map(|k| k.keys()).map(String::as_str).collect();
        let mut places = Vec::new();
        find_fields(self.root, name, self.base, &mut places);
        let fix = match (nearest(name, &known), places.first()) {
            (Some(near), _) => format!("did you mean {near}?"),
            (None, Some(place)) => format!("did you mean {place}?"),
            (None, None) => format!("remove it; known fields here: {}", known.join(", ")),
        };
        let path = path.key(name);
        self.found.push(Mismatch { path, at_key: true, message: "unknown field".to_owned(), fix });
    }

    fn array(&mut self, list: &[Value], schema: &Value, path: &FieldPath) {
        if let Some(limit) = limit(schema, "maxItems").filter(|l| list.len() as u64 > *l) {
            self.report(path, format!("has {} entries, at most {limit} are allowed", list.len()), "remove some");
        }
        if let Some(limit) = limit(schema, "minItems").filter(|l| (list.len() as u64) < *l) {
            self.report(path, format!("has {} entries, at least {limit} are needed", list.len()), "add some");
        }
        if let Some(items) = schema.get("items") {
            for (index, item) in list.iter().enumerate() {
                self.any(item, items, &path.index(index));
            }
        }
        let keys = schema.get("x-kubernetes-list-map-keys").and_then(Value::as_array);
        if let Some(key) = keys.and_then(|k| k.first()).and_then(Value::as_str) {
            let mut seen = Vec::new();
            for (index, name) in list.iter().enumerate().filter_map(|(i, v)| Some((i, v.get(key)?.as_str()?))) {
                if seen.contains(&name) {
                    self.report(
                        &path.index(index).key(key),
                        format!("{name:?} stands in the list twice"),
                        "remove one of the two",
                    );
                }
                seen.push(name);
            }
        }
    }

    fn string(&mut self, text: &str, schema: &Value, path: &FieldPath) {
        if let Some(Value::Array(values)) = schema.get("enum") {
            let names: Vec<&str> = values.iter().filter_map(Value::as_str).collect();
            if !names.contains(&text) {
                let fix = match nearest(text, &names) {
                    Some(near) => format!("did you mean {near}? Allowed: {}", names.join(", ")),
                    None => format!("write one of {}", names.join(", ")),
                };
                self.report(path, format!("{text:?} is not a value of this field"), fix);
            }
            return;
        }
        let length = text.chars().count() as u64;
        let pattern = schema.get("pattern").and_then(Value::as_str);
        if let Some((kind, fix)) = pattern.and_then(form) {
            let fits = limit(schema, "maxLength").is_none_or(|l| length <= l);
            if !fits || !pattern.is_some_and(|p| matches(p, text)) {
                self.report(path, format!("{text:?} is not {kind}"), fix);
            }
            return;
        }
        if let Some(limit) = limit(schema, "maxLength").filter(|l| length > *l) {
            self.report(path, format!("has {length} characters, at most {limit} are allowed"), "shorten it");
        } else if let Some(limit) = limit(schema, "minLength").filter(|l| length < *l) {
            self.report(
                path,
                format!("has {length} characters, at least {limit} are needed"),
                "give it a value or remove it",
            );
        } else if let Some(pattern) = pattern.filter(|p| !matches(p, text)) {
            self.report(
                path,
                format!("{text:?} has a form that is not allowed here"),
                format!("it must match {pattern}"),
            );
        }
    }

    fn number(&mut self, value: &Value, schema: &Value, path: &FieldPath) {
        let Some(number) = value.as_f64() else { return };
        let low = schema.get("minimum").and_then(Value::as_f64);
        let high = schema.get("maximum").and_then(Value::as_f64);
        if low.is_some_and(|l| number < l) || high.is_some_and(|h| number > h) {
            let fix = match (low, high) {
                (Some(low), Some(high)) => format!("write a number from {low} to {high}"),
                (Some(low), None) => format!("write a number of at least {low}"),
                (_, high) => format!("write a number of at most {}", high.unwrap_or_default()),
            };
            self.report(path, format!("{value} is out of range"), fix);
        }
    }
}

/// The patterns that have a name, with what to write.
fn form(pattern: &str) -> Option<(&'static str, &'static str)> {
    match pattern {
        duration::PATTERN => Some(("a duration", duration::FIX)),
        size::PATTERN => Some(("a size", size::FIX)),
        QUANTITY_PATTERN => Some(("a Kubernetes quantity", "write one such as 500m, 2 or 1Gi")),
        _ if pattern == schedule::pattern() => Some(("a schedule", schedule::FIX)),
        _ => None,
    }
}

fn limit(schema: &Value, name: &str) -> Option<u64> {
    schema.get(name).and_then(Value::as_u64)
}

fn matches(pattern: &str, text: &str) -> bool {
    // A pattern that does not compile is an error of ours, found by a test; it
    // must not keep a user from running a job.
    Regex::new(pattern).map_or(true, |regex| regex.is_match(text))
}

/// The known name that a wrong one was probably meant to be.
pub fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let plain = |s: &str| s.to_lowercase().replace(['-', '_', '.'], "");
    let wanted = plain(name);
    known
        .iter()
        .map(|candidate| (strsim::osa_distance(&wanted, &plain(candidate)), *candidate))
        .filter(|(distance, _)| *distance <= (wanted.chars().count() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Where in the schema a field of this name exists.
fn find_fields(schema: &Value, name: &str, path: &FieldPath, places: &mut Vec<FieldPath>) {
    let Some(Value::Object(properties)) = schema.get("properties") else {
        return;
    };
    for (key, inner) in properties.iter().filter(|(k, _)| path.0.is_empty().then_some(k.as_str()) != Some("status")) {
        if key == name {
            places.push(path.key(key));
        }
        find_fields(inner, name, &path.key(key), places);
    }
}
