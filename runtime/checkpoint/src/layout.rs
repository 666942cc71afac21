//! Names in checkpoint storage (`<root>/<namespace>/<job name>/…`), and nothing else.

use crate::store::join;
use streamjob_core::{CheckpointId, Error, JobId, Result};

/// The manifest's file name.
pub const METADATA: &str = "_metadata";
/// Mark in front of paths of files that belong to another lineage or a savepoint: no checkpoint may refer to them.
pub const RESTORED: &str = "restored/";

/// The folder of a job name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobPaths {
    dir: String,
}

impl JobPaths {
    /// Errors (User) on names that cannot be folders.
    pub fn new(namespace: &str, name: &str) -> Result<Self> {
        for (what, value) in [("namespace", namespace), ("job name", name)] {
            let bad = value.is_empty()
                || value.len() > 253
                || value.starts_with('.')
                || value.chars().any(|c| c == '/' || c == '\\' || c.is_control());
            if bad {
                return Err(Error::user(format!("'{value}' cannot be the {what} of a job in checkpoint storage"))
                    .fix("use letters, digits, '-', '_' and '.', not starting with '.'"));
            }
        }
        Ok(Self { dir: join(namespace, name) })
    }

    /// `<namespace>/<job name>`.
    pub fn dir(&self) -> &str {
        &self.dir
    }

    /// The one mutable object.
    pub fn head(&self) -> String {
        join(&self.dir, "head")
    }

    /// Folder of generation records.
    pub fn generations(&self) -> String {
        join(&self.dir, "generations")
    }

    /// Record of one generation.
    pub fn generation(&self, generation: u64) -> String {
        format!("{}/generations/{generation}", self.dir)
    }

    /// Folder of savepoints.
    pub fn savepoints(&self) -> String {
        join(&self.dir, "savepoints")
    }

    /// Folder of one lineage.
    pub fn lineage(&self, job: &JobId) -> LineagePaths {
        LineagePaths { dir: join(&self.dir, job.as_str()) }
    }
}

/// The folder of one lineage of state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineagePaths {
    dir: String,
}

impl LineagePaths {
    /// Over a folder's key.
    pub fn at(dir: impl Into<String>) -> Self {
        Self { dir: dir.into() }
    }

    /// The folder's key.
    pub fn dir(&self) -> &str {
        &self.dir
    }

    /// Folder of one checkpoint.
    pub fn checkpoint(&self, id: CheckpointId) -> String {
        join(&self.dir, &format!("chk-{id}"))
    }

    /// Manifest of one checkpoint.
    pub fn manifest(&self, id: CheckpointId) -> String {
        join(&self.dir, &manifest_path(id))
    }

    /// Folder of epoch records.
    pub fn epochs(&self) -> String {
        join(&self.dir, "epochs")
    }

    /// Record of one epoch.
    pub fn epoch(&self, id: CheckpointId) -> String {
        join(&self.dir, &format!("epochs/{id}"))
    }

    /// Folder of shared files.
    pub fn shared(&self) -> String {
        join(&self.dir, "shared")
    }
}

/// Manifest of a checkpoint relative to its lineage.
pub fn manifest_path(id: CheckpointId) -> String {
    format!("chk-{id}/{METADATA}")
}

/// What an object of a lineage is, by its path relative to the lineage's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// `chk-<id>/_metadata`.
    Manifest(CheckpointId),
    /// Another file of `chk-<id>/`.
    Exclusive(CheckpointId),
    /// `shared/<attempt>/<creator>-…`.
    Shared {
        /// The deployment that wrote it.
        attempt: String,
        /// The checkpoint for which it was written.
        creator: CheckpointId,
    },
    /// `epochs/<id>`.
    Epoch(CheckpointId),
    /// Not ours.
    Unknown,
}

impl Place {
    /// Parses a path relative to the lineage's folder.
    pub fn of(path: &str) -> Self {
        let mut parts = path.splitn(3, '/');
        let place = match (parts.next(), parts.next(), parts.next()) {
            (Some("epochs"), Some(id), None) => id.parse().ok().map(Place::Epoch),
            (Some("shared"), Some(attempt), Some(name)) => name
                .split_once('-')
                .and_then(|(id, _)| id.parse().ok())
                .map(|creator| Place::Shared { attempt: attempt.to_string(), creator }),
            (Some(chk), Some(file), rest) => chk
                .strip_prefix("chk-")
                .and_then(|id| id.parse().ok())
                .map(|id| if file == METADATA && rest.is_none() { Place::Manifest(id) } else { Place::Exclusive(id) }),
            _ => None,
        };
        place.unwrap_or(Place::Unknown)
    }
}

/// Folder name of a new savepoint: `savepoint-<6 hex of the job id>-<12 hex>`.
pub fn savepoint_name(job: &JobId) -> String {
    let short: String = job.as_str().chars().take(6).collect();
    let unique: String = uuid::Uuid::new_v4().simple().to_string().chars().take(12).collect();
    format!("savepoint-{short}-{unique}")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn places_are_recognised() {
        let table = [
            ("chk-3/_metadata", Place::Manifest(3)),
            ("chk-3/op-1", Place::Exclusive(3)),
            ("chk-3/sub/_metadata", Place::Exclusive(3)),
            ("shared/a/12-x.sst-9", Place::Shared { attempt: "a".into(), creator: 12 }),
            ("shared/a/x", Place::Unknown),
            ("epochs/3", Place::Epoch(3)),
            ("epochs/x", Place::Unknown),
            ("readme", Place::Unknown),
        ];
        for (path, place) in table {
            assert_eq!(Place::of(path), place, "{path}");
        }
    }

    #[test]
    fn the_layout_is_the_documented_one() {
        let job = JobPaths::new("shop", "order-count").unwrap();
        let id = JobId::from_random(0xabc);
        let lineage = job.lineage(&id);
        assert_eq!(job.head(), "shop/order-count/head");
        assert_eq!(job.generation(4), "shop/order-count/generations/4");
        assert_eq!(lineage.manifest(3), format!("shop/order-count/{id}/chk-3/_metadata"));
        assert_eq!(lineage.epoch(3), format!("shop/order-count/{id}/epochs/3"));
        assert!(savepoint_name(&id).starts_with("savepoint-000000-"));
        for bad in ["", "a/b", "..", "a\nb"] {
            assert!(JobPaths::new("ns", bad).is_err(), "{bad:?}");
        }
    }
}
