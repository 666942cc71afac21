//! Reads a StreamJob from a file: a YAML manifest, as `kubectl apply` takes it, or
//! a bare `.sql` file. Stricter than the API server: what it does not know is
//! refused, with the line, and all problems are reported at once.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::job::Job;
use crate::path::{FieldPath, Segment};
use crate::storage::Storage;
use crate::streamjob::{StreamJob, StreamJobSpec};
use crate::{API_VERSION, GROUP, MAX_NAME, locate, validate};

/// Annotation of a job that was made from a bare `.sql` file: relative paths in
/// its spec are to be taken from the working directory of the process.
pub const RELATIVE_TO: &str = "streamjob.dev/paths-relative-to";
/// Value of [`RELATIVE_TO`].
pub const WORKING_DIRECTORY: &str = "working-directory";
/// Checkpoint folder of a job that was made from a bare `.sql` file.
pub const LOCAL_CHECKPOINTS: &str = ".streamjob/checkpoints";

/// One problem of a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Line and column, both from 1, where known.
    pub position: Option<(usize, usize)>,
    /// The field, such as `spec.checkpoint.interval`; empty for the file itself.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to change.
    pub fix: String,
}

/// A manifest that cannot be used, with everything that is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ManifestError {
    /// The file.
    pub file: PathBuf,
    /// What is wrong, in the order of the file; never empty.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{}", self.file.display())?;
            if let Some((line, column)) = problem.position {
                write!(f, ":{line}:{column}")?;
            }
            if !problem.path.is_empty() {
                write!(f, ": {}", problem.path)?;
            }
            write!(f, ": {}\n  fix: {}", problem.message, problem.fix)?;
        }
        Ok(())
    }
}

impl ManifestError {
    fn one(
        file: &Path,
        position: Option<(usize, usize)>,
        path: &str,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        let problem = Problem { position, path: path.to_owned(), message: message.into(), fix: fix.into() };
        Self { file: file.to_owned(), problems: vec![problem] }
    }
}

/// Reads the StreamJob in a file: SQL when its name ends in `.sql`, else YAML.
pub fn load(path: &Path) -> Result<StreamJob, ManifestError> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        let fix = match error.kind() {
            std::io::ErrorKind::NotFound => "check the path; it is taken from the working directory",
            std::io::ErrorKind::InvalidData => "save the file as UTF-8 text",
            _ => "make sure that the file can be read",
        };
        ManifestError::one(path, None, "", format!("cannot be read: {error}"), fix)
    })?;
    // Some editors begin a file with a mark of its encoding.
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    match path.extension().is_some_and(|e| e.eq_ignore_ascii_case("sql")) {
        true => from_sql(text, path),
        false => from_yaml(text, path),
    }
}

/// The job of a bare SQL text: named after `file`, defaults everywhere, and
/// checkpoints below the working directory.
pub fn from_sql(text: &str, file: &Path) -> Result<StreamJob, ManifestError> {
    if text.trim().is_empty() {
        return Err(ManifestError::one(file, None, "", "the file is empty", "write SQL statements into it"));
    }
    let name = job_name(&file.file_stem().map(|s| s.to_string_lossy()).unwrap_or_default());
    let mut job =
        StreamJob::new(&name, StreamJobSpec::new(Job::from_sql(text), Storage::file_system(LOCAL_CHECKPOINTS)));
    job.metadata.annotations = Some([(RELATIVE_TO.to_owned(), WORKING_DIRECTORY.to_owned())].into());
    let problems: Vec<_> = validate::validate(&job)
        .into_iter()
        .map(|e| Problem { position: None, path: e.path, message: e.message, fix: e.fix })
        .collect();
    match problems.is_empty() {
        true => Ok(job),
        false => Err(ManifestError { file: file.to_owned(), problems }),
    }
}

/// The nearest RFC 1123 name to a file name.
fn job_name(stem: &str) -> String {
    let mut name = String::new();
    for c in stem.to_lowercase().chars() {
        match c {
            'a'..='z' | '0'..='9' => name.push(c),
            _ if name.is_empty() || name.ends_with('-') => {}
            _ => name.push('-'),
        }
    }
    let name: String = name.chars().take(MAX_NAME).collect();
    match name.trim_end_matches('-') {
        "" => "job".to_owned(),
        name => name.to_owned(),
    }
}

/// The one StreamJob in a YAML text; `file` is for messages.
pub fn from_yaml(text: &str, file: &Path) -> Result<StreamJob, ManifestError> {
    let (index, mut document) = choose(text, file)?;
    let at = |path: &FieldPath, at_key| locate::locate(text, index, path, at_key);

    let mut problems = head_problems(&document);
    // What the API server fills in is no concern of ours, and may hold nulls.
    if let Some(map) = document.as_object_mut() {
        map.remove("status");
        if let Some(Value::Object(metadata)) = map.get_mut("metadata") {
            metadata.retain(|_, v| !v.is_null());
        }
    }
    problems.extend(validate::schema_problems(&document).into_iter().map(|m| (m.path, m.at_key, m.message, m.fix)));

    // Cross-field rules are judged on what is left without the wrong fields, so
    // that one run reports everything; what they say about a wrong field is noise.
    for (path, ..) in &problems {
        path.remove(&mut document);
    }
    let bad: Vec<FieldPath> = problems.iter().map(|(path, ..)| path.clone()).collect();
    let job = serde_json::from_value::<StreamJob>(with_head(document));
    match &job {
        Ok(job) => {
            let rules =
                validate::cross_field(job).into_iter().map(|e| (FieldPath::dotted(&e.path), false, e.message, e.fix));
            problems.extend(rules.filter(|(path, ..)| !bad.iter().any(|b| b.overlaps(path))));
        }
        Err(error) if problems.is_empty() => {
            problems.push((
                FieldPath::default(),
                false,
                error.to_string(),
                "correct the field that the message names".to_owned(),
            ));
        }
        Err(_) => {}
    }
    let mut problems: Vec<Problem> = problems
        .into_iter()
        .map(|(path, at_key, message, fix)| Problem {
            position: at(&path, at_key),
            path: path.to_string(),
            message,
            fix,
        })
        .collect();
    problems.sort_by_key(|p| p.position);
    match job {
        Ok(job) if problems.is_empty() => Ok(job),
        _ => Err(ManifestError { file: file.to_owned(), problems }),
    }
}

type Found = (FieldPath, bool, String, String);

/// The document that is the StreamJob, with its index in the file.
fn choose(text: &str, file: &Path) -> Result<(usize, Value), ManifestError> {
    let mut documents = Vec::new();
    for (index, reader) in serde_yaml::Deserializer::from_str(text).enumerate() {
        let value =
            serde_yaml::Value::deserialize(reader).and_then(|mut v| v.apply_merge().map(|()| v)).map_err(|error| {
                let position = error.location().map(|l| (l.line(), l.column()));
                ManifestError::one(
                    file,
                    position,
                    "",
                    format!("is not valid YAML: {error}"),
                    "correct the syntax; check indentation and quotes",
                )
            })?;
        let json = to_json(value, &FieldPath::default()).map_err(|(path, message)| {
            let position = locate::locate(text, index, &path, true);
            ManifestError::one(file, position, &path.to_string(), message, "write a plain key or value")
        })?;
        if !json.is_null() {
            documents.push((index, json));
        }
    }
    let kind = |d: &Value| d.get("kind").and_then(Value::as_str).unwrap_or("none").to_owned();
    let total = documents.len();
    let kinds: Vec<String> = documents.iter().map(|(_, d)| kind(d)).collect();
    if total > 1 {
        documents.retain(|(_, d)| kind(d) == "StreamJob");
    }
    let found = documents.len();
    match (documents.pop(), found) {
        (Some(document), 1) => Ok(document),
        (_, 0) if total == 0 => {
            Err(ManifestError::one(file, None, "", "the file is empty", "write a StreamJob manifest into it"))
        }
        (_, 0) => Err(ManifestError::one(
            file,
            None,
            "kind",
            format!("none of the {total} documents is a StreamJob; their kinds are {}", kinds.join(", ")),
            "add one of kind: StreamJob",
        )),
        (_, several) => Err(ManifestError::one(
            file,
            None,
            "kind",
            format!("{several} documents are StreamJobs; exactly one can be run"),
            "put each into a file of its own",
        )),
    }
}

/// What is wrong with `apiVersion` and `kind`.
fn head_problems(document: &Value) -> Vec<Found> {
    let Value::Object(map) = document else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut report = |key: &str, message: String| {
        let wanted = if key == "kind" { "StreamJob" } else { API_VERSION };
        found.push((FieldPath::default().key(key), false, message, format!("write {key}: {wanted}")));
    };
    match map.get("apiVersion") {
        Some(Value::String(version)) if version == API_VERSION => {}
        Some(Value::String(version)) if version.starts_with(GROUP) => {
            report("apiVersion", format!("{version:?} is not a version that this release knows"))
        }
        Some(Value::String(version)) => report("apiVersion", format!("{version:?} is not an API of StreamJob")),
        Some(_) => report("apiVersion", "is not a string".to_owned()),
        None => report("apiVersion", "is required and missing".to_owned()),
    }
    match map.get("kind") {
        Some(Value::String(kind)) if kind == "StreamJob" => {}
        Some(Value::String(kind)) => report("kind", format!("{kind:?} is not a kind that can be run")),
        Some(_) => report("kind", "is not a string".to_owned()),
        None => report("kind", "is required and missing".to_owned()),
    }
    found
}

/// kube's types want the head to be there, right or wrong.
fn with_head(mut document: Value) -> Value {
    if let Value::Object(map) = &mut document {
        map.insert("apiVersion".to_owned(), API_VERSION.into());
        map.insert("kind".to_owned(), "StreamJob".into());
    }
    document
}

/// YAML as JSON; what JSON cannot say is refused.
fn to_json(value: serde_yaml::Value, path: &FieldPath) -> Result<Value, (FieldPath, String)> {
    use serde_yaml::Value as Yaml;
    Ok(match value {
        Yaml::Null => Value::Null,
        Yaml::Bool(flag) => flag.into(),
        Yaml::String(text) => text.into(),
        Yaml::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(n), ..) => n.into(),
            (_, Some(n), _) => n.into(),
            (.., Some(n)) if n.is_finite() => n.into(),
            _ => {
                return Err((path.clone(), format!("{number} is not a number that can be used")));
            }
        },
        Yaml::Sequence(list) => {
            let items = list.into_iter().enumerate().map(|(i, v)| to_json(v, &path.index(i)));
            Value::Array(items.collect::<Result<_, _>>()?)
        }
        Yaml::Mapping(entries) => {
            let mut map = Map::new();
            for (key, value) in entries {
                let key = match key {
                    Yaml::String(key) => key,
                    Yaml::Number(key) => key.to_string(),
                    Yaml::Bool(key) => key.to_string(),
                    _ => return Err((path.clone(), "a key is not a string".to_owned())),
                };
                let value = to_json(value, &path.key(&key))?;
                map.insert(key, value);
            }
            Value::Object(map)
        }
        Yaml::Tagged(tagged) => {
            let parent = path.0.last().map(|s| matches!(s, Segment::Key(_)));
            let hint = if parent == Some(true) { " of this field" } else { "" };
            return Err((path.clone(), format!("the tag {}{hint} is not supported", tagged.tag)));
        }
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn names_files() {
        for (stem, name) in [
            ("orders", "orders"),
            ("Order Count_v2", "order-count-v2"),
            ("__x__", "x"),
            ("été", "t"),
            ("", "job"),
            ("...", "job"),
            ("a-very-long-name-that-goes-on-and-on-and-x-on", "a-very-long-name-that-goes-on-and-on-and"),
        ] {
            assert_eq!(job_name(stem), name, "{stem}");
        }
    }
}
