//! Objects in process memory: for tests, and for jobs that keep their
//! checkpoints in the coordinator (`checkpoint.storage: {type: Memory}`).

use super::{Conditional, Object, ObjectMeta, ObjectStore, ObjectWrite, Whole, check_key, missing};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use streamjob_core::Result;
use streamjob_core::error::ErrorExt;

#[derive(Debug, Clone)]
struct Entry {
    bytes: Vec<u8>,
    version: u64,
    modified_ms: i64,
}

#[derive(Debug, Default)]
struct Inner {
    objects: BTreeMap<String, Entry>,
    versions: u64,
    fixed_time_ms: Option<i64>,
}

/// Objects that live as long as the store.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<Inner>);

impl MemoryStore {
    /// Empty.
    pub fn new() -> Self {
        Self::default()
    }

    /// Freezes the write times of objects, for tests.
    pub fn set_time_ms(&self, now: i64) {
        self.lock().fixed_time_ms = Some(now);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn write(&mut self, key: &str, bytes: &[u8]) -> String {
        self.versions += 1;
        let entry = Entry {
            bytes: bytes.to_vec(),
            version: self.versions,
            modified_ms: self.fixed_time_ms.unwrap_or_else(now_ms),
        };
        self.objects.insert(key.to_string(), entry);
        self.versions.to_string()
    }
}

/// Wall clock, milliseconds since the Unix epoch.
pub(crate) fn now_ms() -> i64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
}

impl ObjectStore for MemoryStore {
    fn describe(&self) -> String {
        "process memory".to_string()
    }

    fn url(&self, key: &str) -> String {
        format!("memory:/{key}")
    }

    fn put(&self, key: &str, bytes: &[u8]) -> Result<String> {
        check_key(key)?;
        Ok(self.lock().write(key, bytes))
    }

    fn create<'a>(&'a self, key: &str) -> Result<Box<dyn ObjectWrite + 'a>> {
        Ok(Whole::new(self, key))
    }

    fn put_if_absent(&self, key: &str, bytes: &[u8]) -> Result<Conditional> {
        check_key(key)?;
        let mut inner = self.lock();
        if inner.objects.contains_key(key) {
            return Ok(Conditional::Lost);
        }
        Ok(Conditional::Done(inner.write(key, bytes)))
    }

    fn put_if_match(&self, key: &str, bytes: &[u8], etag: &str) -> Result<Conditional> {
        check_key(key)?;
        let mut inner = self.lock();
        match inner.objects.get(key) {
            Some(e) if e.version.to_string() == etag => Ok(Conditional::Done(inner.write(key, bytes))),
            _ => Ok(Conditional::Lost),
        }
    }

    fn get(&self, key: &str) -> Result<Option<Object>> {
        check_key(key)?;
        Ok(self.lock().objects.get(key).map(|e| Object { bytes: e.bytes.clone(), etag: e.version.to_string() }))
    }

    fn head(&self, key: &str) -> Result<Option<ObjectMeta>> {
        check_key(key)?;
        Ok(self.lock().objects.get(key).map(|e| meta(key, e)))
    }

    fn list(&self, dir: &str) -> Result<Vec<ObjectMeta>> {
        let prefix = folder_prefix(dir);
        Ok(self.lock().objects.iter().filter(|(k, _)| k.starts_with(&prefix)).map(|(k, e)| meta(k, e)).collect())
    }

    fn list_dirs(&self, dir: &str) -> Result<Vec<String>> {
        let prefix = folder_prefix(dir);
        let inner = self.lock();
        let names: BTreeSet<&str> = inner
            .objects
            .keys()
            .filter_map(|k| k.strip_prefix(&prefix))
            .filter_map(|rest| rest.split_once('/').map(|(name, _)| name))
            .collect();
        Ok(names.into_iter().map(str::to_string).collect())
    }

    fn delete(&self, key: &str) -> Result<()> {
        check_key(key)?;
        self.lock().objects.remove(key);
        Ok(())
    }

    fn upload(&self, key: &str, local: &Path) -> Result<()> {
        let bytes = std::fs::read(local).transient(format!("cannot read {}", local.display()))?;
        self.put(key, &bytes).map(|_| ())
    }

    fn download(&self, key: &str, to: &Path) -> Result<u64> {
        let object = self.get(key)?.ok_or_else(|| missing(self, key))?;
        std::fs::write(to, &object.bytes).transient(format!("cannot write {}", to.display()))?;
        Ok(object.bytes.len() as u64)
    }

    fn copy(&self, from: &str, to: &str) -> Result<()> {
        let object = self.get(from)?.ok_or_else(|| missing(self, from))?;
        self.put(to, &object.bytes).map(|_| ())
    }
}

fn meta(key: &str, entry: &Entry) -> ObjectMeta {
    ObjectMeta { key: key.to_string(), size: entry.bytes.len() as u64, modified_ms: entry.modified_ms }
}

/// `dir/`, or nothing for the root.
pub(crate) fn folder_prefix(dir: &str) -> String {
    match dir.trim_matches('/') {
        "" => String::new(),
        d => format!("{d}/"),
    }
}
