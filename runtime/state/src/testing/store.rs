//! Checkpoint storage in memory, with faults on request.

use crate::snapshot::{Buffered, FileRef, Scope, SnapshotStore, SnapshotWrite};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use streamjob_core::{Error, Result};

/// Keeps files in memory by path; a path is never used twice.
#[derive(Debug, Default)]
pub struct MemoryStore {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    files: BTreeMap<String, Vec<u8>>,
    next: u64,
    fail_writes: bool,
}

impl MemoryStore {
    /// Paths of all files.
    pub fn paths(&self) -> Vec<String> {
        self.inner.lock().unwrap().files.keys().cloned().collect()
    }

    /// Loses a file.
    pub fn remove(&self, path: &str) {
        self.inner.lock().unwrap().files.remove(path);
    }

    /// Flips a bit in the middle of a file.
    pub fn damage(&self, path: &str) {
        if let Some(bytes) = self.inner.lock().unwrap().files.get_mut(path) {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        }
    }

    /// Makes every write fail from now on, or work again.
    pub fn fail_writes(&self, fail: bool) {
        self.inner.lock().unwrap().fail_writes = fail;
    }
}

impl SnapshotStore for MemoryStore {
    fn write(&self, scope: Scope, hint: &str, bytes: &[u8]) -> Result<FileRef> {
        let mut inner = self.inner.lock().unwrap();
        if inner.fail_writes {
            return Err(Error::transient(format!("cannot write {hint}: the test store is told to fail")));
        }
        let folder = if scope == Scope::Shared { "shared" } else { "own" };
        let path = format!("{folder}/{}-{hint}", inner.next);
        inner.next += 1;
        inner.files.insert(path.clone(), bytes.to_vec());
        let checksum = format!("{:016x}", xxhash_rust::xxh3::xxh3_64(bytes));
        Ok(FileRef { path, size: bytes.len() as u64, checksum, inline: None })
    }

    fn create<'a>(&'a self, scope: Scope, hint: &str) -> Result<Box<dyn SnapshotWrite + 'a>> {
        Ok(Buffered::new(self, scope, hint))
    }

    fn upload(&self, scope: Scope, hint: &str, local: &Path) -> Result<FileRef> {
        let bytes = std::fs::read(local)
            .map_err(|e| Error::transient(format!("cannot read {}", local.display())).caused_by(e))?;
        self.write(scope, hint, &bytes)
    }

    fn read(&self, file: &FileRef) -> Result<Vec<u8>> {
        let inner = self.inner.lock().unwrap();
        let bytes = inner
            .files
            .get(&file.path)
            .ok_or_else(|| Error::transient(format!("checkpoint file {} is missing", file.path)))?;
        let checksum = format!("{:016x}", xxhash_rust::xxh3::xxh3_64(bytes));
        if bytes.len() as u64 != file.size || checksum != file.checksum {
            return Err(Error::transient(format!("checkpoint file {} is damaged", file.path)));
        }
        Ok(bytes.clone())
    }

    fn download(&self, file: &FileRef, to: &Path) -> Result<()> {
        let bytes = self.read(file)?;
        std::fs::write(to, bytes).map_err(|e| Error::transient(format!("cannot write {}", to.display())).caused_by(e))
    }
}
