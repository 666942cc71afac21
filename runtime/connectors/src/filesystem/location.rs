//! The `path` option: a local path, `file:` URL, or `s3://bucket/key`.

use crate::config::ConnectorConfig;
use std::path::PathBuf;
use std::sync::Arc;
use streamjob_checkpoint::ObjectStore;
use streamjob_core::table::TableDef;
use streamjob_core::{Error, Result};

/// A place, not opened yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Location {
    Local(PathBuf),
    Bucket { bucket: String, key: String },
}

/// A place that can be used.
pub(super) enum Opened {
    Local(PathBuf),
    Bucket { store: Arc<dyn ObjectStore>, key: String, url: String },
}

impl Opened {
    /// For messages.
    pub(super) fn describe(&self) -> String {
        match self {
            Opened::Local(path) => path.display().to_string(),
            Opened::Bucket { url, .. } => url.clone(),
        }
    }
}

impl Location {
    pub(super) fn of(table: &TableDef) -> Result<Self> {
        let text = table.options.require(&table.name, "path")?.trim();
        let bad = |why: String| {
            Error::user(format!("table {}: option 'path' = '{text}' {why}", table.name))
                .fix("give a local path, file:///path, or s3://bucket/prefix")
        };
        if text.is_empty() {
            return Err(bad("is empty".into()));
        }
        if let Some((scheme, rest)) = text.split_once("://") {
            return match scheme {
                "s3" | "s3a" | "s3p" => {
                    let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
                    if bucket.is_empty() {
                        return Err(bad("names no bucket".into()));
                    }
                    Ok(Location::Bucket { bucket: bucket.into(), key: key.trim_matches('/').into() })
                }
                "file" => Ok(Location::Local(rest.strip_prefix("localhost").unwrap_or(rest).into())),
                other => Err(bad(format!("has the unknown scheme '{other}'"))),
            };
        }
        Ok(Location::Local(text.strip_prefix("file:").unwrap_or(text).into()))
    }

    pub(super) fn open(&self, config: &ConnectorConfig) -> Result<Opened> {
        match self {
            Location::Local(path) => {
                let path = std::path::absolute(path)
                    .map_err(|e| Error::user(format!("cannot resolve {}", path.display())).caused_by(e))?;
                Ok(Opened::Local(path))
            }
            Location::Bucket { bucket, key } => {
                let store = (config.open_bucket)(bucket)?;
                Ok(Opened::Bucket { store, key: key.clone(), url: format!("s3://{bucket}/{key}") })
            }
        }
    }
}
