//! JSON_VALUE, JSON_QUERY, JSON_EXISTS, IS JSON.

mod document;

use super::super::BoundExpr;
use super::super::args::Args;
use super::super::build::{try_bools, try_strings};
use super::site::{FunctionDef, Site, def};
use crate::parser::json::{IS_JSON, JSON_VALUE_ON};
use document::{Json, Path, parse};
use std::sync::Arc;
use streamjob_core::{DataType, Error, LogicalType, Result};

/// The functions of this module.
pub const FUNCTIONS: &[FunctionDef] = &[
    def(
        "JSON_VALUE",
        "JSON_VALUE(json, path [RETURNING type])",
        (2, 2),
        "The scalar at a path, as STRING or the type; NULL without one.",
        |s| at_path(&s, scalar),
    ),
    def(
        JSON_VALUE_ON,
        "JSON_VALUE(json, path [RETURNING type] [{NULL | ERROR | DEFAULT x} ON EMPTY] [{NULL | ERROR | DEFAULT x} ON ERROR])",
        (6, 6),
        "As JSON_VALUE, with a say in what is given where nothing is found (in a `lax` path), or something else is wrong.",
        json_value_on,
    ),
    def(
        "JSON_QUERY",
        "JSON_QUERY(json, path)",
        (2, 2),
        "The array or object at a path as text; NULL without one.",
        |s| at_path(&s, |value| matches!(value, Json::Array(_) | Json::Object(_)).then(|| value.text())),
    ),
    def(
        "JSON_EXISTS",
        "JSON_EXISTS(json, path)",
        (2, 2),
        "True when there is something at a path that is not null.",
        |s| {
            let paths = Paths::new(&s)?;
            Ok(s.fallible(s.result(DataType::Boolean), vec![s.str(0)?, s.str(1)?], move |a| {
                let document = a.str(0)?;
                try_bools(a.rows, |r| match (document.get(r), paths.get(a, r)?) {
                    (Some(text), Some(path)) => Ok(Some(
                        parse(text).is_some_and(|json| path.find(&json).is_some_and(|found| *found != Json::Null)),
                    )),
                    _ => Ok(None),
                })
            }))
        },
    ),
    def(
        IS_JSON,
        "text IS [NOT] JSON [VALUE | OBJECT | ARRAY | SCALAR]",
        (2, 2),
        "True when the text is JSON, of that kind; false for NULL.",
        is_json,
    ),
];

/// For the docs.
pub const NOTE: &str = "A path is `$` with keys `.key` or `['key']` and indexes `[0]`, perhaps behind `lax` or `strict` (the \
default). Refused by name: wildcards (`*`), `..`, slices, lists of indexes, negative indexes, filters and functions. Not \
supported either: JSON_QUERY with WRAPPER, RETURNING, ON EMPTY or ON ERROR, and JSON_EXISTS with ON ERROR; they give NULL \
(FALSE) where something is wrong, as Flink does by default. What stands behind the first JSON value of a text is ignored, as \
in Flink.";

fn is_json(s: Site) -> Result<BoundExpr> {
    let fits: fn(&Json) -> bool = match s.literal_str(1).as_deref() {
        Some("OBJECT") => |json| matches!(json, Json::Object(_)),
        Some("ARRAY") => |json| matches!(json, Json::Array(_)),
        Some("SCALAR") => |json| !matches!(json, Json::Object(_) | Json::Array(_)),
        _ => |_| true,
    };
    Ok(s.total(LogicalType::not_null(DataType::Boolean), vec![s.str(0)?], move |a| {
        let text = a.str(0)?;
        try_bools(a.rows, |r| Ok(Some(text.get(r).and_then(parse).is_some_and(|json| fits(&json)))))
    }))
}

/// The text of a scalar.
fn scalar(value: &Json) -> Option<String> {
    match value {
        Json::Null | Json::Array(_) | Json::Object(_) => None,
        Json::Text(text) => Some(text.clone()),
        other => Some(other.text()),
    }
}

/// What happens where JSON_VALUE has no value.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Otherwise {
    Null,
    Error,
    Default,
}

impl Otherwise {
    /// The behaviour that argument `i` names.
    fn of(s: &Site, i: usize) -> Result<Self> {
        Ok(match s.literal_str(i).as_deref() {
            Some("ERROR") => Self::Error,
            Some("DEFAULT") => Self::Default,
            Some("NULL") => Self::Null,
            _ => return Err(s.mismatch()),
        })
    }
}

fn json_value_on(s: Site) -> Result<BoundExpr> {
    let paths = Paths::new(&s)?;
    let (on_empty, on_error) = (Otherwise::of(&s, 2)?, Otherwise::of(&s, 4)?);
    let anything = |_: &DataType| true;
    let args =
        vec![s.str(0)?, s.str(1)?, s.coerce(3, DataType::STRING, anything)?, s.coerce(5, DataType::STRING, anything)?];
    Ok(s.fallible(LogicalType::new(DataType::STRING), args, move |a| {
        let (document, empty, error) = (a.str(0)?, a.str(2)?, a.str(3)?);
        try_strings(a.rows, |r| {
            let (Some(text), Some(path)) = (document.get(r), paths.get(a, r)?) else { return Ok(None) };
            let json = parse(text);
            if let Some(value) = json.as_ref().and_then(|json| path.find(json)).and_then(scalar) {
                return Ok(Some(value));
            }
            // A lax path finds nothing where a strict one goes wrong; no path leads into null.
            let (otherwise, default, message) = if path.lax && json != Some(Json::Null) {
                (on_empty, &empty, "Empty result of JSON_VALUE function is not allowed")
            } else {
                (on_error, &error, "JSON_VALUE finds no scalar at its path")
            };
            match otherwise {
                Otherwise::Null => Ok(None),
                Otherwise::Default => Ok(default.get(r).map(str::to_string)),
                Otherwise::Error => Err(Error::user(message).fix("use DEFAULT x or NULL instead of ERROR")),
            }
        })
    }))
}

fn at_path(s: &Site, pick: fn(&Json) -> Option<String>) -> Result<BoundExpr> {
    let paths = Paths::new(s)?;
    Ok(s.fallible(LogicalType::new(DataType::STRING), vec![s.str(0)?, s.str(1)?], move |a| {
        let document = a.str(0)?;
        try_strings(a.rows, |r| match (document.get(r), paths.get(a, r)?) {
            // What is no JSON gives NULL: NULL ON ERROR is the default.
            (Some(text), Some(path)) => Ok(parse(text).and_then(|json| path.find(&json).and_then(pick))),
            _ => Ok(None),
        })
    }))
}

/// The paths of a call: compiled once for a literal.
struct Paths(Option<Arc<Path>>);

impl Paths {
    fn new(s: &Site) -> Result<Self> {
        Ok(Paths(match s.literal_str(1) {
            Some(text) => Some(Arc::new(Path::compile(&text)?)),
            None => None,
        }))
    }

    fn get(&self, args: &Args, row: usize) -> Result<Option<Arc<Path>>> {
        if let Some(path) = &self.0 {
            return Ok(Some(Arc::clone(path)));
        }
        match args.str(1)?.get(row) {
            None => Ok(None),
            Some(text) => Path::compile(text).map(|p| Some(Arc::new(p))),
        }
    }
}
