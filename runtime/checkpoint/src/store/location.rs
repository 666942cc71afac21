//! From a location as a user writes it to a store: `s3://bucket/prefix`,
//! `file:///path`, a plain path, `memory:`.

use super::{FsStore, MemoryStore, ObjectStore, S3Config, S3Store};
use std::sync::Arc;
use streamjob_core::{Error, Result};

/// Opens the store of a location.
pub fn open(location: &str, s3: &S3Config) -> Result<Arc<dyn ObjectStore>> {
    open_with(location, s3, true)
}

fn open_with(location: &str, s3: &S3Config, sync: bool) -> Result<Arc<dyn ObjectStore>> {
    let folder = |path: &str| -> Result<Arc<dyn ObjectStore>> {
        let store = FsStore::open(path)?;
        Ok(Arc::new(if sync { store } else { store.without_sync() }))
    };
    let trimmed = location.trim();
    if trimmed.is_empty() {
        return Err(Error::user("the checkpoint location is empty")
            .fix("set checkpoint.storage (execution.checkpointing.dir) to s3://bucket/prefix or a folder"));
    }
    if let Some((scheme, rest)) = trimmed.split_once("://") {
        return match scheme {
            // s3a and s3p are how Flink's users write it.
            "s3" | "s3a" | "s3p" => {
                let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
                Ok(Arc::new(S3Store::open(bucket, prefix, s3)?))
            }
            "file" => folder(rest.strip_prefix("localhost").unwrap_or(rest)),
            other => Err(Error::user(format!("checkpoint location '{location}' has the unknown scheme '{other}'"))
                .fix("known are s3://bucket/prefix, file:///path and plain paths")),
        };
    }
    if let Some(rest) = trimmed.strip_prefix("file:") {
        return folder(rest);
    }
    if trimmed == "memory:" {
        return Ok(Arc::new(MemoryStore::new()));
    }
    folder(trimmed)
}

/// Checkpoint storage of a job: its root, and how to open other places that a user may name.
#[derive(Clone)]
pub struct Storage {
    /// The root below which namespaces and jobs lie.
    pub root: Arc<dyn ObjectStore>,
    s3: S3Config,
    sync: bool,
}

/// A folder in some store.
#[derive(Clone)]
pub struct Located {
    /// The store.
    pub store: Arc<dyn ObjectStore>,
    /// The folder's key, without slashes around it; may be empty.
    pub dir: String,
    /// True when it is the job's own storage.
    pub own: bool,
}

impl Storage {
    /// Opens the root at a location.
    pub fn open(location: &str, s3: S3Config) -> Result<Self> {
        Ok(Self { root: open(location, &s3)?, s3, sync: true })
    }

    /// The same without waiting for the disk in folders: see [`FsStore::without_sync`].
    pub fn open_without_sync(location: &str, s3: S3Config) -> Result<Self> {
        Ok(Self { root: open_with(location, &s3, false)?, s3, sync: false })
    }

    /// Over a store that is already open.
    pub fn over(root: Arc<dyn ObjectStore>) -> Self {
        Self { root, s3: S3Config::default(), sync: true }
    }

    /// Over a store that is already open, with the S3 settings for other places.
    pub fn with_s3(root: Arc<dyn ObjectStore>, s3: S3Config) -> Self {
        Self { root, s3, sync: true }
    }

    /// The store with this root: the job's own, or another one opened with the same access.
    pub fn at_root(&self, root: &str) -> Result<Arc<dyn ObjectStore>> {
        let root = normalise(root)?;
        if root == self.root.url("").trim_end_matches('/') {
            return Ok(self.root.clone());
        }
        open_with(&root, &self.s3, self.sync)
    }

    /// Checkpoint storage with this root, reached in the same way.
    pub fn beside(&self, root: &str) -> Result<Self> {
        Ok(Self { root: self.at_root(root)?, ..self.clone() })
    }

    /// Finds the folder that a user named by location; own storage is recognised by its prefix.
    pub fn locate(&self, location: &str) -> Result<Located> {
        let location = normalise(location)?;
        let root = self.root.url("");
        let root = root.trim_end_matches('/');
        if let Some(rest) = location.strip_prefix(root)
            && (rest.is_empty() || rest.starts_with('/'))
        {
            return Ok(Located { store: self.root.clone(), dir: rest.trim_matches('/').to_string(), own: true });
        }
        Ok(Located { store: open_with(&location, &self.s3, self.sync)?, dir: String::new(), own: false })
    }
}

/// One spelling per place: no trailing slash, `s3://` for its aliases, absolute paths without `file:`.
fn normalise(location: &str) -> Result<String> {
    let l = location.trim().trim_end_matches('/');
    for scheme in ["s3a://", "s3p://", "s3://"] {
        if let Some(rest) = l.strip_prefix(scheme) {
            return Ok(format!("s3://{rest}"));
        }
    }
    if l.starts_with("memory:") || (l.contains("://") && !l.starts_with("file://")) {
        return Ok(l.to_string());
    }
    let path = l.strip_prefix("file://").or_else(|| l.strip_prefix("file:")).unwrap_or(l);
    let path = std::path::absolute(path)
        .map_err(|e| Error::user(format!("'{location}' is not a usable path")).caused_by(e))?;
    Ok(path.display().to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn own_storage_is_recognised_in_every_spelling() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().to_str().unwrap();
        let storage = Storage::open(root, S3Config::default()).unwrap();
        for spelling in [format!("{root}/ns/job"), format!("file://{root}/ns/job/"), format!("file:{root}/ns/job")] {
            let l = storage.locate(&spelling).unwrap();
            assert!(l.own, "{spelling}");
            assert_eq!(l.dir, "ns/job");
        }
        let other = storage.locate(&format!("{root}-other/x")).unwrap();
        assert!(!other.own);
    }

    #[test]
    fn unknown_schemes_are_refused_by_name() {
        let e = open("hdfs://nn/x", &S3Config::default()).err().unwrap();
        assert!(e.to_string().contains("'hdfs'"), "{e}");
    }
}
