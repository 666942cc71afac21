//! Two processes publish the same part.

use super::in_memory;
use crate::filesystem::location::Opened;
use crate::filesystem::staging;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use streamjob_checkpoint::store::ObjectWrite;
use streamjob_checkpoint::{Conditional, MemoryStore, ObjectStore};
use streamjob_core::Result;

/// Before it copies, another process does the same and removes the source.
struct Overtaken(Arc<MemoryStore>);

impl ObjectStore for Overtaken {
    fn describe(&self) -> String {
        self.0.describe()
    }
    fn url(&self, key: &str) -> String {
        self.0.url(key)
    }
    fn put(&self, key: &str, bytes: &[u8]) -> Result<String> {
        self.0.put(key, bytes)
    }
    fn create<'a>(&'a self, key: &str) -> Result<Box<dyn ObjectWrite + 'a>> {
        self.0.create(key)
    }
    fn put_if_absent(&self, key: &str, bytes: &[u8]) -> Result<Conditional> {
        self.0.put_if_absent(key, bytes)
    }
    fn put_if_match(&self, key: &str, bytes: &[u8], etag: &str) -> Result<Conditional> {
        self.0.put_if_match(key, bytes, etag)
    }
    fn get(&self, key: &str) -> Result<Option<streamjob_checkpoint::store::Object>> {
        self.0.get(key)
    }
    fn head(&self, key: &str) -> Result<Option<streamjob_checkpoint::store::ObjectMeta>> {
        self.0.head(key)
    }
    fn list(&self, dir: &str) -> Result<Vec<streamjob_checkpoint::store::ObjectMeta>> {
        self.0.list(dir)
    }
    fn list_dirs(&self, dir: &str) -> Result<Vec<String>> {
        self.0.list_dirs(dir)
    }
    fn delete(&self, key: &str) -> Result<()> {
        self.0.delete(key)
    }
    fn upload(&self, key: &str, local: &Path) -> Result<()> {
        self.0.upload(key, local)
    }
    fn download(&self, key: &str, to: &Path) -> Result<u64> {
        self.0.download(key, to)
    }
    fn copy(&self, from: &str, to: &str) -> Result<()> {
        self.0.copy(from, to)?;
        self.0.delete(from)?;
        self.0.copy(from, to)
    }
}

#[test]
fn an_object_may_be_published_by_another_process_meanwhile() {
    let (_, store) = in_memory();
    store.put("out/_staging/part-1", b"1,a\n").unwrap();
    let place = Opened::Bucket { store: Arc::new(Overtaken(store.clone())), key: "out".into(), url: String::new() };
    assert!(staging::publish(&place, "part-1", 4).unwrap());
    let keys: Vec<String> = store.list("").unwrap().into_iter().map(|o| o.key).collect();
    assert_eq!(keys, ["out/part-1"]);
}

#[test]
fn files_may_be_published_by_two_processes_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..300).map(|i| format!("part-{i}")).collect();
    for name in &names {
        fs::write(dir.path().join(format!(".{name}.pending")), "1,a\n").unwrap();
    }
    let place = Opened::Local(dir.path().to_path_buf());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| assert!(names.iter().all(|name| staging::publish(&place, name, 4).unwrap())));
        }
    });
    assert!(names.iter().all(|name| dir.path().join(name).exists()));
}
