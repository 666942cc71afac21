//! Object storage as checkpoints need it: named byte objects, conditional
//! writes, whole-file transfer. Blocking; implementations retry what is worth
//! retrying and say what to check in their errors.
//!
//! Keys are relative to the store's root, `/`-separated, without `.` and `..`.

mod fs;
mod location;
mod memory;
mod probe;
mod s3;
mod s3_error;
mod s3_parts;

pub use fs::FsStore;
pub use location::{Located, Storage, open};
pub use memory::MemoryStore;
pub use probe::{probe, probe_conditions};
pub use s3::{S3Config, S3Store};

use std::path::Path;
use streamjob_core::{Error, Result};

/// An object's content with its version tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// The content.
    pub bytes: Vec<u8>,
    /// Changes whenever the content does.
    pub etag: String,
}

/// What a listing tells of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectMeta {
    /// Key, relative to the store's root.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// Time of the last write, milliseconds since the Unix epoch.
    pub modified_ms: i64,
}

/// Outcome of a conditional write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conditional {
    /// Written; the new version tag.
    Done(String),
    /// The condition did not hold: nothing was written by this call. (After a lost
    /// response, an earlier try of the same call may have been; compare the content.)
    Lost,
}

/// An object under way. Dropped unfinished, it leaves nothing. Errors of its writes carry the store's own ones.
pub trait ObjectWrite: std::io::Write {
    /// Puts the object in its place.
    fn finish(self: Box<Self>) -> Result<()>;
}

/// An object held in memory until it is complete.
pub(crate) struct Whole<'a, S: ?Sized> {
    store: &'a S,
    key: String,
    bytes: Vec<u8>,
}

impl<'a, S: ObjectStore + ?Sized> Whole<'a, S> {
    pub fn new(store: &'a S, key: &str) -> Box<Self> {
        Box::new(Self { store, key: key.to_string(), bytes: Vec::new() })
    }
}

impl<S: ?Sized> std::io::Write for Whole<'_, S> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<S: ObjectStore + ?Sized> ObjectWrite for Whole<'_, S> {
    fn finish(self: Box<Self>) -> Result<()> {
        self.store.put(&self.key, &self.bytes).map(|_| ())
    }
}

/// A place for objects.
pub trait ObjectStore: Send + Sync {
    /// Told by who knows that this place has worked with the same settings: what fails from now on may pass.
    fn has_worked(&self) {}
    /// For messages: scheme, place and endpoint.
    fn describe(&self) -> String;
    /// The location of a key as a user would write it: `s3://bucket/prefix/key` or a path.
    fn url(&self, key: &str) -> String;
    /// Writes an object, replacing what is there. Never leaves it half-written.
    fn put(&self, key: &str, bytes: &[u8]) -> Result<String>;
    /// Begins an object that is written piece by piece, as [`ObjectStore::put`] writes one.
    fn create<'a>(&'a self, key: &str) -> Result<Box<dyn ObjectWrite + 'a>>;
    /// Writes an object that must not exist yet.
    fn put_if_absent(&self, key: &str, bytes: &[u8]) -> Result<Conditional>;
    /// Replaces an object whose version tag is `etag`.
    fn put_if_match(&self, key: &str, bytes: &[u8], etag: &str) -> Result<Conditional>;
    /// Reads an object; `None` when there is none.
    fn get(&self, key: &str) -> Result<Option<Object>>;
    /// Size and checksum of an object's content; `None` when there is none. Stores that can read it in pieces do.
    fn checksum(&self, key: &str) -> Result<Option<(u64, String)>> {
        Ok(self.get(key)?.map(|o| (o.bytes.len() as u64, crate::hash::checksum(&o.bytes))))
    }
    /// Size and time of an object; `None` when there is none.
    fn head(&self, key: &str) -> Result<Option<ObjectMeta>>;
    /// All objects below the folder `dir` (`""` for all), at any depth, by key.
    fn list(&self, dir: &str) -> Result<Vec<ObjectMeta>>;
    /// Names of the folders directly below `dir`, sorted.
    fn list_dirs(&self, dir: &str) -> Result<Vec<String>>;
    /// Removes an object; no error when there is none.
    fn delete(&self, key: &str) -> Result<()>;
    /// Writes a local file's content as an object.
    fn upload(&self, key: &str, local: &Path) -> Result<()>;
    /// Writes an object's content to a local file (replaced if there); its size. User error when there is no such object.
    fn download(&self, key: &str, to: &Path) -> Result<u64>;
    /// Copies within the store, on the server's side.
    fn copy(&self, from: &str, to: &str) -> Result<()>;
}

/// Joins two key parts; an empty one adds no slash.
pub fn join(dir: &str, name: &str) -> String {
    match (dir.trim_end_matches('/'), name.trim_start_matches('/')) {
        ("", n) => n.to_string(),
        (d, "") => d.to_string(),
        (d, n) => format!("{d}/{n}"),
    }
}

/// Refuses keys that could leave the root.
pub(crate) fn check_key(key: &str) -> Result<()> {
    let bad =
        key.is_empty() || key.split('/').any(|p| p.is_empty() || p == "." || p == "..") || key.contains(['\0', '\\']);
    if bad {
        return Err(Error::user(format!("'{key}' is not a valid name in checkpoint storage"))
            .fix("names are separated by single slashes and contain no '.', '..' or backslash parts"));
    }
    Ok(())
}

/// The error of reading what is not there.
pub(crate) fn missing(store: &dyn ObjectStore, key: &str) -> Error {
    Error::user(format!("{} does not exist", store.url(key))).fix(
        "it may have been deleted or not copied along; `streamjob checkpoint verify` lists what a checkpoint needs",
    )
}
