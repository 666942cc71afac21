//! The jobs that run from this folder: one file each under `.streamjob/jobs`,
//! locked by its process while it lives. A file without a lock is stale, however
//! its process ended.

use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use streamjob_core::error::ErrorExt;
use streamjob_core::{Error, Result};

/// Where the files lie.
pub const JOBS: &str = ".streamjob/jobs";
/// Readers hold a lock for an instant; a starter tries again for this long.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(10);

/// What the file says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Job name.
    pub name: String,
    /// Namespace.
    pub namespace: String,
    /// Its process.
    pub pid: u32,
    /// REST address, once it listens.
    pub address: Option<String>,
    /// The file that it runs.
    pub file: String,
}

/// The file of a job in this process. Dropping it removes the file.
pub struct Registration {
    path: PathBuf,
    file: File,
}

impl Registration {
    /// Registers a job below `folder`. User error while another process runs a job of that name.
    pub fn new(folder: &Path, entry: &Entry) -> Result<Self> {
        fs::create_dir_all(folder).map_err(|e| {
            Error::user(format!("cannot create the folder {}", folder.display()))
                .caused_by(e)
                .fix("run from a folder that this process can write to, and in which .streamjob is a folder")
        })?;
        let path = folder.join(format!("{}.{}.json", entry.namespace, entry.name));
        for _ in 0..TRIES {
            let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path);
            let file = file.transient(format!("cannot open {}", path.display()))?;
            match file.try_lock() {
                // The file may have been removed between open and lock.
                Ok(()) if same_file(&file, &path) => {
                    let mut registration = Self { path, file };
                    registration.write(entry)?;
                    return Ok(registration);
                }
                Ok(()) | Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
                Err(TryLockError::Error(e)) => return Err(e).transient(format!("cannot lock {}", path.display())),
            }
        }
        let who = read(&path).map(|e| format!(" (process {})", e.pid)).unwrap_or_default();
        Err(Error::user(format!("the job '{}' already runs from this folder{who}", entry.name))
            .fix(format!("stop it with `streamjob stop {}`, or run from another folder", entry.name)))
    }

    /// Writes the entry anew.
    pub fn write(&mut self, entry: &Entry) -> Result<()> {
        let text = serde_json::to_string_pretty(entry).internal("cannot write the job's entry")?;
        let result = self.file.set_len(0).and_then(|()| self.file.rewind());
        let result = result.and_then(|()| self.file.write_all(text.as_bytes())).and_then(|()| self.file.flush());
        result.transient(format!("cannot write {}", self.path.display()))
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        // Still locked, so nobody else can have made it theirs.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(unix)]
fn same_file(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), fs::metadata(path)) {
        (Ok(a), Ok(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
        _ => false,
    }
}

#[cfg(not(unix))]
fn same_file(_file: &File, path: &Path) -> bool {
    path.exists()
}

fn read(path: &Path) -> Option<Entry> {
    let mut text = String::new();
    File::open(path).ok()?.read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

/// Jobs whose processes live, by name.
pub fn running(folder: &Path) -> Vec<Entry> {
    let mut out = Vec::new();
    for file in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = file.path();
        if path.extension().is_none_or(|e| e != "json") {
            continue;
        }
        let Ok(handle) = File::open(&path) else { continue };
        if matches!(handle.try_lock_shared(), Err(TryLockError::WouldBlock)) {
            out.extend(read(&path));
        }
    }
    out.sort_by(|a, b| (&a.name, &a.namespace).cmp(&(&b.name, &b.namespace)));
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn entry(name: &str) -> Entry {
        Entry { name: name.into(), namespace: "default".into(), pid: 7, address: None, file: "a.sql".into() }
    }

    #[test]
    fn a_job_is_there_while_its_process_holds_it() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(running(dir.path()), []);
        let mut mine = Registration::new(dir.path(), &entry("a")).unwrap();
        let later = Entry { address: Some("127.0.0.1:1".into()), ..entry("a") };
        mine.write(&later).unwrap();
        assert_eq!(running(dir.path()), [later]);
        let e = Registration::new(dir.path(), &entry("a")).err().unwrap();
        assert!(e.message().contains("process 7"), "{e}");
        drop(mine);
        assert_eq!(running(dir.path()), []);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_of_a_killed_process_is_stale() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("default.a.json"), serde_json::to_string(&entry("a")).unwrap()).unwrap();
        fs::write(dir.path().join("torn.json"), "{").unwrap();
        assert_eq!(running(dir.path()), []);
        let mine = Registration::new(dir.path(), &entry("a")).unwrap();
        assert_eq!(running(dir.path()).len(), 1);
        drop(mine);
    }
}
