//! Which fields a manifest writes itself. The typed manifest cannot tell: its
//! defaults are filled in.

use serde::Deserialize;
use serde_yaml::Value;
use std::path::Path;

/// The fields that are there. A bare script has none.
#[derive(Debug, Default)]
pub struct Explicit(Option<Value>);

impl Explicit {
    /// Of a file that has been loaded before; a bare script, or a file that changed since, has none.
    pub fn of_file(path: &Path) -> Self {
        if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("sql")) {
            return Self(None);
        }
        std::fs::read_to_string(path).map_or(Self(None), |text| Self::of_text(&text))
    }

    /// Of a YAML text: its StreamJob.
    pub fn of_text(text: &str) -> Self {
        let mut documents: Vec<Value> = Vec::new();
        for reader in serde_yaml::Deserializer::from_str(text) {
            if let Ok(mut value) = Value::deserialize(reader)
                && value.apply_merge().is_ok()
                && !value.is_null()
            {
                documents.push(value);
            }
        }
        let is_job = |v: &Value| v.get("kind").and_then(Value::as_str) == Some("StreamJob");
        Self(documents.into_iter().find(is_job))
    }

    /// True when there is a manifest at all.
    pub fn is_manifest(&self) -> bool {
        self.0.is_some()
    }

    /// True when the field `a.b.c` is written, and not null.
    pub fn has(&self, path: &str) -> bool {
        let mut node = self.0.as_ref();
        for part in path.split('.') {
            node = node.and_then(|v| v.get(part));
        }
        node.is_some_and(|v| !v.is_null())
    }
}
