//! A snapshot store and a clock that live in memory.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};

use parking_lot::Mutex;
use streamjob_core::error::ErrorExt;
use streamjob_core::{Error, Result};
use streamjob_state::{Buffered, Clock, FileRef, Scope, SnapshotStore, SnapshotWrite};

/// Files in a map. Writes can be made to fail.
#[derive(Default)]
pub struct MemoryStore {
    state: Mutex<Files>,
}

#[derive(Default)]
struct Files {
    next: u64,
    files: HashMap<String, Vec<u8>>,
    fail: Option<String>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on every write fails with this message; `None` heals it.
    pub fn fail_writes(&self, message: Option<&str>) {
        self.state.lock().fail = message.map(str::to_string);
    }

    /// Number of files.
    pub fn len(&self) -> usize {
        self.state.lock().files.len()
    }

    /// True without files.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl SnapshotStore for MemoryStore {
    fn write(&self, _scope: Scope, hint: &str, bytes: &[u8]) -> Result<FileRef> {
        let mut state = self.state.lock();
        if let Some(message) = &state.fail {
            return Err(Error::transient(message.clone()));
        }
        state.next += 1;
        let path = format!("{}-{hint}", state.next);
        state.files.insert(path.clone(), bytes.to_vec());
        Ok(FileRef {
            path,
            size: bytes.len() as u64,
            checksum: format!("{:016x}", streamjob_core::key::hash(bytes)),
            inline: None,
        })
    }

    fn create<'a>(&'a self, scope: Scope, hint: &str) -> Result<Box<dyn SnapshotWrite + 'a>> {
        Ok(Buffered::new(self, scope, hint))
    }

    fn upload(&self, scope: Scope, hint: &str, local: &Path) -> Result<FileRef> {
        let bytes = std::fs::read(local).transient(format!("cannot read {}", local.display()))?;
        self.write(scope, hint, &bytes)
    }

    fn read(&self, file: &FileRef) -> Result<Vec<u8>> {
        let state = self.state.lock();
        state
            .files
            .get(&file.path)
            .cloned()
            .ok_or_else(|| Error::transient(format!("no file {} in the memory store", file.path)))
    }

    fn download(&self, file: &FileRef, to: &Path) -> Result<()> {
        let bytes = self.read(file)?;
        std::fs::write(to, bytes).transient(format!("cannot write {}", to.display()))
    }
}

/// A clock that stands still until it is moved.
#[derive(Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// Shows `now_ms`.
    pub fn at(now_ms: i64) -> Self {
        Self(AtomicI64::new(now_ms))
    }

    /// Sets the time.
    pub fn set(&self, now_ms: i64) {
        self.0.store(now_ms, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}
