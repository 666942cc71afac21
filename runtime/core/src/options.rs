//! The option registry: canonical name, deprecated names, type, default and
//! doc of every runtime option, and how their values are written. A `SET` in
//! SQL, a manifest's `configuration` and `--set` all end here; docs/options.md
//! is generated from it.

mod registry;
mod value;

pub use registry::{OptionDef, OptionKind, REGISTRY, Support, find, markdown};
pub use value::{parse_bool, parse_duration, parse_memory_size};

use crate::error::{Error, Result};
use std::collections::BTreeMap;
use std::time::Duration;

/// Options that were set, by canonical name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Options {
    values: BTreeMap<&'static str, String>,
}

impl Options {
    /// Sets an option by its canonical or a deprecated name. Returns a warning
    /// for the log when the option has no effect or the name is an old one.
    /// Errors (User) on an unknown name (nearest suggested), on a value that does not parse, and on what the runtime cannot do.
    pub fn set(&mut self, key: &str, value: &str) -> Result<Option<String>> {
        let Some(def) = find(key) else {
            let error = Error::user(format!("unknown option '{key}'"));
            let names = REGISTRY.iter().flat_map(|d| std::iter::once(d.key).chain(d.deprecated.iter().copied()));
            return Err(match nearest(key, names) {
                Some(near) => error.fix(format!("did you mean '{near}'?")),
                None => error.fix("`streamjob options` lists them all"),
            });
        };
        def.kind.check(value).map_err(|expected| {
            Error::user(format!("option '{key}' = '{value}' is not valid")).fix(format!("give {expected}"))
        })?;
        let warning = match def.support {
            Support::Yes if def.key != key => Some(format!("option '{key}' is the old name of '{}'", def.key)),
            Support::Yes => None,
            Support::Ignored(why) => Some(format!("option '{key}' has no effect: {why}")),
            Support::No(why) if def.default.is_some_and(|d| d.eq_ignore_ascii_case(value)) => {
                let _ = why;
                None
            }
            Support::No(why) => {
                return Err(Error::user(format!("option '{key}' = '{value}' is not supported: {why}")).fix("remove it"));
            }
        };
        self.values.insert(def.key, value.to_string());
        Ok(warning)
    }

    /// Back to the default.
    pub fn reset(&mut self, key: &str) {
        if let Some(def) = find(key) {
            self.values.remove(def.key);
        }
    }

    /// Back to the defaults.
    pub fn reset_all(&mut self) {
        self.values.clear();
    }

    /// What was set, by canonical name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.values.iter().map(|(k, v)| (*k, v.as_str()))
    }

    /// The set value of an option, as written.
    pub fn explicit(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }

    /// The set or default value of an option, as written. `None` when neither is there.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.explicit(key).or_else(|| find(key).and_then(|d| d.default))
    }

    /// A duration option. Values were checked when set.
    pub fn duration(&self, key: &str) -> Option<Duration> {
        self.text(key).and_then(parse_duration)
    }

    /// A size option in bytes.
    pub fn bytes(&self, key: &str) -> Option<u64> {
        self.text(key).and_then(parse_memory_size)
    }

    /// A boolean option; false when it has no value.
    pub fn bool(&self, key: &str) -> bool {
        self.text(key).and_then(parse_bool).unwrap_or(false)
    }

    /// A whole-number option.
    pub fn int(&self, key: &str) -> Option<i64> {
        self.text(key).and_then(|t| t.trim().parse().ok())
    }
}

/// The name in `known` nearest to `name`, if one is near enough to be a slip.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|k| (strsim::jaro_winkler(&name.to_lowercase(), &k.to_lowercase()), k))
        .filter(|(score, _)| *score > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, k)| k)
}

/// True when `key` is in `known`. An entry that ends in `.` allows every key below
/// it; a `#` stands for one dotted part (`fields.#.kind`).
pub fn matches_known(key: &str, known: &[&str]) -> bool {
    known.iter().any(|k| {
        if k.ends_with('.') {
            return key.starts_with(k) && key.len() > k.len();
        }
        match k.split_once('#') {
            None => *k == key,
            Some((head, tail)) => key.len() > head.len() + tail.len() && key.starts_with(head) && key.ends_with(tail),
        }
    })
}
