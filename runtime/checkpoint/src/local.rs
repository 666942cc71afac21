//! State files that lie on this machine's disk already: hard links of what this
//! worker uploaded or downloaded for the newest checkpoint, so that a restart
//! does not fetch them again. Named after their content, taken only when size and
//! checksum are those of the manifest; whatever does not fit comes from storage.

use crate::hash::file_checksum;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;
use streamjob_core::error::ErrorExt;
use streamjob_core::{CheckpointId, Result};
use streamjob_state::{FileRef, Scope, SnapshotStore, SnapshotWrite};

/// Numbers files that are on their way.
static PART: AtomicU64 = AtomicU64::new(0);

/// The local files of one job on one worker. Holds what the last completed checkpoint and those under way refer to.
pub struct LocalFiles {
    dir: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// By name. `None` for a file of an earlier process, whose content is not known to be right.
    known: HashMap<String, Option<Stamp>>,
    /// By checkpoint, the names that it needs.
    needed: BTreeMap<CheckpointId, HashSet<String>>,
    /// Names that a restore brought, until a checkpoint says what is needed of them.
    restored: HashSet<String>,
}

/// A file that still has the stamp that it was verified with still has its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    size: u64,
    inode: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let meta = fs::metadata(path).ok()?;
        Some(Self { size: meta.len(), inode: meta.ino(), modified: meta.modified().ok() })
    }
}

/// Why a file is kept.
#[derive(Clone, Copy)]
enum For {
    Checkpoint(CheckpointId),
    Restore,
}

/// The file's name here; `None` for content that is in the manifest.
fn name(file: &FileRef) -> Option<String> {
    let plain = !file.checksum.is_empty() && file.checksum.bytes().all(|b| b.is_ascii_hexdigit());
    (file.inline.is_none() && plain).then(|| format!("{}-{}", file.checksum, file.size))
}

impl LocalFiles {
    /// In `dir`, which is created; what an earlier process left there is used. It must be on the file system of the
    /// backends' working folders.
    pub fn open(dir: PathBuf) -> Result<Arc<Self>> {
        fs::create_dir_all(&dir).transient(format!("cannot create the folder {}", dir.display()))?;
        let entries = fs::read_dir(&dir).transient(format!("cannot list {}", dir.display()))?;
        let names = entries.flatten().filter_map(|e| e.file_name().into_string().ok());
        let known = names.map(|name| (name, None)).collect();
        Ok(Arc::new(Self { dir, state: Mutex::new(State { known, ..State::default() }) }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A store of one checkpoint that also keeps here what it uploads. Savepoints are left alone.
    pub fn writing(self: &Arc<Self>, id: CheckpointId, store: Arc<dyn SnapshotStore>) -> Arc<dyn SnapshotStore> {
        if store.self_contained() { store } else { Arc::new(Writing { store, local: self.clone(), id }) }
    }

    /// A restore source that is asked only for what is not here.
    pub fn reading(self: &Arc<Self>, store: Arc<dyn SnapshotStore>) -> Arc<dyn SnapshotStore> {
        Arc::new(Reading { store, local: self.clone(), here: Counted::default(), there: Counted::default() })
    }

    /// A task has acknowledged a checkpoint with these files, new and old ones.
    pub fn acknowledged<'a>(&self, id: CheckpointId, files: impl Iterator<Item = &'a FileRef>) {
        self.lock().needed.entry(id).or_default().extend(files.filter_map(name));
    }

    /// The checkpoint is complete: files that neither it nor a later one needs are removed.
    pub fn completed(&self, id: CheckpointId) {
        let mut state = self.lock();
        state.needed = state.needed.split_off(&id);
        state.restored.clear();
        self.prune(&mut state);
    }

    /// Fetches what of these files is not here, for a restore to come; what an earlier list named and this one does not
    /// goes. How many files were fetched. `stop` calls it off between two files.
    pub fn fetch(&self, files: &[FileRef], store: &dyn SnapshotStore, stop: impl Fn() -> bool) -> Result<usize> {
        let wanted: HashSet<String> = files.iter().filter_map(name).collect();
        let mut state = self.lock();
        state.restored = wanted;
        self.prune(&mut state);
        drop(state);
        let mut fetched = 0;
        for file in files {
            let Some(name) = name(file) else { continue };
            let stamp = self.lock().known.get(&name).copied().flatten();
            if stamp.is_some() && stamp == Stamp::of(&self.dir.join(&name)) {
                continue;
            }
            if stop() {
                break;
            }
            // A list that was called off may still be at the same file.
            let part = self.dir.join(format!("{name}.{}", PART.fetch_add(1, Relaxed)));
            let arrived = store.download(file, &part);
            if arrived.is_ok() {
                self.keep(file, &part, For::Restore);
                fetched += 1;
            }
            let _ = fs::remove_file(&part);
            arrived?;
        }
        Ok(fetched)
    }

    /// Removes what nothing refers to.
    fn prune(&self, state: &mut State) {
        let State { known, needed, restored } = state;
        known.retain(|name, _| {
            let stays = restored.contains(name) || needed.values().any(|names| names.contains(name));
            if !stays {
                let _ = fs::remove_file(self.dir.join(name));
            }
            stays
        });
    }

    /// The job is over.
    pub fn remove(&self) {
        *self.lock() = State::default();
        let _ = fs::remove_dir_all(&self.dir);
    }

    /// Links a file in whose content was just found right.
    fn keep(&self, file: &FileRef, path: &Path, why: For) {
        let Some(name) = name(file) else { return };
        let mut state = self.lock();
        match why {
            For::Checkpoint(id) => state.needed.entry(id).or_default().insert(name.clone()),
            For::Restore => state.restored.insert(name.clone()),
        };
        let own = self.dir.join(&name);
        let stamp = state.known.get(&name).copied().flatten();
        if stamp.is_some() && Stamp::of(&own) == stamp {
            return;
        }
        // What lies there under this name may be anything.
        let _ = fs::remove_file(&own);
        match fs::hard_link(path, &own) {
            Ok(()) => {
                let stamp = Stamp::of(&own);
                state.known.insert(name, stamp);
            }
            // Another disk, most likely: the file is then fetched when it is needed.
            Err(e) => tracing::debug!("{} is not kept: {e}", path.display()),
        }
    }

    /// Links a file to `to`. False when it is not here, or not what the manifest says.
    fn take(&self, file: &FileRef, to: &Path) -> bool {
        let Some(name) = name(file) else { return false };
        let Some(stamp) = self.lock().known.get(&name).copied() else { return false };
        let own = self.dir.join(&name);
        let now = Stamp::of(&own);
        if stamp.is_none() || stamp != now {
            let right = file_checksum(&own).is_ok_and(|(size, sum)| size == file.size && sum == file.checksum);
            if !right {
                tracing::warn!("{} is damaged; {} is read from storage", own.display(), file.path);
                self.lock().known.remove(&name);
                let _ = fs::remove_file(&own);
                return false;
            }
        }
        let _ = fs::remove_file(to);
        if fs::hard_link(&own, to).is_err() {
            return false;
        }
        let mut state = self.lock();
        state.known.insert(name.clone(), now);
        state.restored.insert(name);
        true
    }
}

struct Writing {
    store: Arc<dyn SnapshotStore>,
    local: Arc<LocalFiles>,
    id: CheckpointId,
}

impl SnapshotStore for Writing {
    fn write(&self, scope: Scope, hint: &str, bytes: &[u8]) -> Result<FileRef> {
        self.store.write(scope, hint, bytes)
    }

    fn create<'a>(&'a self, scope: Scope, hint: &str) -> Result<Box<dyn SnapshotWrite + 'a>> {
        self.store.create(scope, hint)
    }

    fn upload(&self, scope: Scope, hint: &str, path: &Path) -> Result<FileRef> {
        let file = self.store.upload(scope, hint, path)?;
        self.local.keep(&file, path, For::Checkpoint(self.id));
        Ok(file)
    }

    fn description(&self) -> Option<String> {
        self.store.description()
    }

    fn read(&self, file: &FileRef) -> Result<Vec<u8>> {
        self.store.read(file)
    }

    fn download(&self, file: &FileRef, to: &Path) -> Result<()> {
        self.store.download(file, to)
    }
}

#[derive(Default)]
struct Counted {
    files: AtomicU64,
    bytes: AtomicU64,
}

impl Counted {
    fn add(&self, file: &FileRef) {
        self.files.fetch_add(1, Relaxed);
        self.bytes.fetch_add(file.size, Relaxed);
    }
}

/// Tells when it is dropped, which is when all tasks have their state.
struct Reading {
    store: Arc<dyn SnapshotStore>,
    local: Arc<LocalFiles>,
    here: Counted,
    there: Counted,
}

impl Drop for Reading {
    fn drop(&mut self) {
        let (here, there) = (self.here.files.load(Relaxed), self.there.files.load(Relaxed));
        if here + there > 0 {
            tracing::info!(
                "state restored: {here} files ({} bytes) were here, {there} ({} bytes) came from storage",
                self.here.bytes.load(Relaxed),
                self.there.bytes.load(Relaxed)
            );
        }
    }
}

impl SnapshotStore for Reading {
    fn write(&self, scope: Scope, hint: &str, bytes: &[u8]) -> Result<FileRef> {
        self.store.write(scope, hint, bytes)
    }

    fn create<'a>(&'a self, scope: Scope, hint: &str) -> Result<Box<dyn SnapshotWrite + 'a>> {
        self.store.create(scope, hint)
    }

    fn upload(&self, scope: Scope, hint: &str, path: &Path) -> Result<FileRef> {
        self.store.upload(scope, hint, path)
    }

    fn self_contained(&self) -> bool {
        self.store.self_contained()
    }

    fn description(&self) -> Option<String> {
        self.store.description()
    }

    fn read(&self, file: &FileRef) -> Result<Vec<u8>> {
        self.store.read(file)
    }

    fn download(&self, file: &FileRef, to: &Path) -> Result<()> {
        if file.inline.is_some() {
            return self.store.download(file, to);
        }
        if self.local.take(file, to) {
            self.here.add(file);
            return Ok(());
        }
        self.store.download(file, to)?;
        self.there.add(file);
        self.local.keep(file, to, For::Restore);
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests;
