//! Test doubles of object stores: one that ignores conditions, one that dies
//! after a number of operations.

use crate::store::{Conditional, MemoryStore, Object, ObjectMeta, ObjectStore, ObjectWrite, Whole};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use streamjob_core::{Error, Result};

/// What an [`IgnoringStore`] gets wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ignore {
    /// `If-None-Match` is ignored.
    Absent,
    /// `If-Match` is ignored.
    Match,
    /// Looks first, writes later.
    Race,
}

/// Answers "done" to conditions that do not hold.
pub struct IgnoringStore {
    inner: MemoryStore,
    ignore: Ignore,
    waiting: AtomicUsize,
}

impl IgnoringStore {
    pub fn new(ignore: Ignore) -> Self {
        Self { inner: MemoryStore::new(), ignore, waiting: AtomicUsize::new(0) }
    }
}

impl ObjectStore for IgnoringStore {
    fn describe(&self) -> String {
        "ignoring store".into()
    }
    fn url(&self, key: &str) -> String {
        format!("ignoring:/{key}")
    }
    fn put(&self, key: &str, bytes: &[u8]) -> Result<String> {
        self.inner.put(key, bytes)
    }
    fn create<'a>(&'a self, key: &str) -> Result<Box<dyn ObjectWrite + 'a>> {
        Ok(Whole::new(self, key))
    }

    fn put_if_absent(&self, key: &str, bytes: &[u8]) -> Result<Conditional> {
        match self.ignore {
            Ignore::Absent => Ok(Conditional::Done(self.inner.put(key, bytes)?)),
            Ignore::Match => self.inner.put_if_absent(key, bytes),
            Ignore::Race => {
                if self.inner.head(key)?.is_some() {
                    return Ok(Conditional::Lost);
                }
                // Gives the other racers time to look, too.
                self.waiting.fetch_add(1, Ordering::SeqCst);
                for _ in 0..200 {
                    if self.waiting.load(Ordering::SeqCst) > 3 {
                        break;
                    }
                    std::thread::sleep(std::time::Duration::from_millis(1));
                }
                Ok(Conditional::Done(self.inner.put(key, bytes)?))
            }
        }
    }
    fn put_if_match(&self, key: &str, bytes: &[u8], etag: &str) -> Result<Conditional> {
        match self.ignore {
            Ignore::Match => Ok(Conditional::Done(self.inner.put(key, bytes)?)),
            _ => self.inner.put_if_match(key, bytes, etag),
        }
    }
    fn get(&self, key: &str) -> Result<Option<Object>> {
        self.inner.get(key)
    }
    fn head(&self, key: &str) -> Result<Option<ObjectMeta>> {
        self.inner.head(key)
    }
    fn list(&self, dir: &str) -> Result<Vec<ObjectMeta>> {
        self.inner.list(dir)
    }
    fn list_dirs(&self, dir: &str) -> Result<Vec<String>> {
        self.inner.list_dirs(dir)
    }
    fn delete(&self, key: &str) -> Result<()> {
        self.inner.delete(key)
    }
    fn upload(&self, key: &str, local: &Path) -> Result<()> {
        self.inner.upload(key, local)
    }
    fn download(&self, key: &str, to: &Path) -> Result<u64> {
        self.inner.download(key, to)
    }
    fn copy(&self, from: &str, to: &str) -> Result<()> {
        self.inner.copy(from, to)
    }
}

/// Works for a number of operations, then fails every one: a crashed process.
pub struct FaultyStore {
    inner: Arc<MemoryStore>,
    left: AtomicI64,
    /// The operation that fails first takes effect all the same (its answer is lost).
    late: bool,
}

impl FaultyStore {
    pub fn new(inner: Arc<MemoryStore>, operations: i64, late: bool) -> Self {
        Self { inner, left: AtomicI64::new(operations), late }
    }

    /// Works for so many more operations.
    pub fn crash_after(&self, operations: i64) {
        self.left.store(operations, Ordering::SeqCst);
    }

    pub fn crashed(&self) -> bool {
        self.left.load(Ordering::SeqCst) < 0
    }

    fn step<T>(&self, operation: impl FnOnce(&MemoryStore) -> Result<T>) -> Result<T> {
        let left = self.left.fetch_sub(1, Ordering::SeqCst);
        if left > 0 {
            return operation(&self.inner);
        }
        if left == 0 && self.late {
            let _ = operation(&self.inner);
        }
        self.left.store(-1, Ordering::SeqCst);
        Err(Error::transient("the process has crashed"))
    }
}

impl ObjectStore for FaultyStore {
    fn describe(&self) -> String {
        "faulty store".into()
    }
    fn url(&self, key: &str) -> String {
        self.inner.url(key)
    }
    fn put(&self, key: &str, bytes: &[u8]) -> Result<String> {
        self.step(|s| s.put(key, bytes))
    }
    fn create<'a>(&'a self, key: &str) -> Result<Box<dyn ObjectWrite + 'a>> {
        Ok(Whole::new(self, key))
    }

    fn put_if_absent(&self, key: &str, bytes: &[u8]) -> Result<Conditional> {
        self.step(|s| s.put_if_absent(key, bytes))
    }
    fn put_if_match(&self, key: &str, bytes: &[u8], etag: &str) -> Result<Conditional> {
        self.step(|s| s.put_if_match(key, bytes, etag))
    }
    fn get(&self, key: &str) -> Result<Option<Object>> {
        self.step(|s| s.get(key))
    }
    fn head(&self, key: &str) -> Result<Option<ObjectMeta>> {
        self.step(|s| s.head(key))
    }
    fn list(&self, dir: &str) -> Result<Vec<ObjectMeta>> {
        self.step(|s| s.list(dir))
    }
    fn list_dirs(&self, dir: &str) -> Result<Vec<String>> {
        self.step(|s| s.list_dirs(dir))
    }
    fn delete(&self, key: &str) -> Result<()> {
        self.step(|s| s.delete(key))
    }
    fn upload(&self, key: &str, local: &Path) -> Result<()> {
        self.step(|s| s.upload(key, local))
    }
    fn download(&self, key: &str, to: &Path) -> Result<u64> {
        self.step(|s| s.download(key, to))
    }
    fn copy(&self, from: &str, to: &str) -> Result<()> {
        self.step(|s| s.copy(from, to))
    }
}
