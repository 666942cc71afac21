//! Objects as files below a folder. "Create if absent" is a hard link of a
//! finished temporary file; "replace if unchanged" compares under a lock file.
//! Every write is temporary file, fsync, rename or link, fsync of the folder;
//! [`FsStore::without_sync`] leaves the fsyncs out. A finished file on the same
//! file system is linked in, not copied.

use super::memory::folder_prefix;
use super::{Conditional, Object, ObjectMeta, ObjectStore, ObjectWrite, check_key, missing};
use crate::hash::{checksum, read_checksum};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use streamjob_core::{Error, Result};
use uuid::Uuid;

/// Temporary and lock files live here, out of every listing.
const INTERNAL: &str = ".streamjob-tmp";
/// Tries of a write whose folder a concurrent delete keeps pruning.
const PRUNE_RACES: u32 = 200;
/// A temporary file this old has no writer any more.
const STALE_TEMPORARY: Duration = Duration::from_secs(24 * 3600);

/// A folder of a local or mounted file system.
#[derive(Debug)]
pub struct FsStore {
    root: PathBuf,
    sync: bool,
}

impl FsStore {
    /// Opens a folder, which is created if it is not there.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self> {
        let root = root.into();
        let root = std::path::absolute(&root).map_err(|e| io_error("resolve", &root, e))?;
        let store = Self { root, sync: true };
        store.remove_stale_temporaries();
        Ok(store)
    }

    /// Leaves it to the operating system when content reaches the disk: a machine that crashes may lose what was written
    /// shortly before, which processes that die do not.
    #[must_use]
    pub fn without_sync(mut self) -> Self {
        self.sync = false;
        self
    }

    fn path(&self, key: &str) -> Result<PathBuf> {
        check_key(key)?;
        Ok(self.root.join(key))
    }

    fn internal(&self) -> Result<PathBuf> {
        let dir = self.root.join(INTERNAL);
        fs::create_dir_all(&dir).map_err(|e| io_error("create folder", &dir, e))?;
        Ok(dir)
    }

    /// Leftovers of killed writers; best effort, since they harm nobody.
    fn remove_stale_temporaries(&self) {
        for entry in fs::read_dir(self.root.join(INTERNAL)).into_iter().flatten().flatten() {
            let age = entry.metadata().and_then(|m| m.modified()).ok().and_then(|t| t.elapsed().ok());
            let temporary = entry.file_name().to_string_lossy().starts_with("tmp-");
            if temporary && age.is_some_and(|a| a > STALE_TEMPORARY) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    fn temporary(&self, write: impl FnOnce(&mut File) -> io::Result<()>) -> Result<Temporary> {
        let (temporary, mut file) = self.new_temporary()?;
        write(&mut file).and_then(|()| self.settle(&file)).map_err(|e| io_error("write", &temporary.0, e))?;
        Ok(temporary)
    }

    fn new_temporary(&self) -> Result<(Temporary, File)> {
        let temporary = Temporary(self.internal()?.join(format!("tmp-{}", Uuid::new_v4().simple())));
        let file = File::create_new(&temporary.0).map_err(|e| io_error("write", &temporary.0, e))?;
        Ok((temporary, file))
    }

    /// Waits until a file or folder is on the disk, where that is wanted.
    fn settle(&self, file: &File) -> io::Result<()> {
        if self.sync { file.sync_all() } else { Ok(()) }
    }

    /// A second name of a finished file, as durable as a copy; `None` where it must be copied: from another file system,
    /// of another user, or where links are not known.
    fn linked(&self, local: &Path) -> Result<Option<Temporary>> {
        let temporary = Temporary(self.internal()?.join(format!("tmp-{}", Uuid::new_v4().simple())));
        if !fs::symlink_metadata(local).is_ok_and(|m| m.is_file()) || fs::hard_link(local, &temporary.0).is_err() {
            return Ok(None);
        }
        let file = File::open(&temporary.0).map_err(|e| io_error("read", &temporary.0, e))?;
        // Unreferenced files go by their age, which is that of the upload.
        if file.set_modified(SystemTime::now()).is_err() {
            return Ok(None);
        }
        self.settle(&file).map_err(|e| io_error("write", &temporary.0, e))?;
        Ok(Some(temporary))
    }

    /// Runs `place` with the target's folder in place; again when a concurrent delete pruned the folder.
    fn in_folder(&self, target: &Path, place: impl Fn() -> io::Result<()>) -> Result<(), (io::Error, PathBuf)> {
        let parent = target.parent().unwrap_or(&self.root).to_path_buf();
        let mut unsettled: Vec<&Path> = Vec::new();
        let mut tries = 0;
        loop {
            tries += 1;
            // A folder that is made here once stays on the list, also when it is pruned and another one makes it again.
            let found = if self.sync { changed_by_making(&parent) } else { Vec::new() };
            if found.len() > unsettled.len() {
                unsettled = found;
            }
            match fs::create_dir_all(&parent) {
                Ok(()) => {}
                // Pruned while it was being made: either kind, unless a file stands there for good.
                Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::AlreadyExists) && tries < PRUNE_RACES => {
                    std::thread::yield_now();
                    continue;
                }
                // Never "already exists", which means something else of the target.
                Err(e) if e.kind() == ErrorKind::AlreadyExists => {
                    return Err((ErrorKind::NotADirectory.into(), parent));
                }
                Err(e) => return Err((e, parent)),
            }
            match place() {
                Ok(()) => {}
                Err(e) if e.kind() == ErrorKind::NotFound && tries < PRUNE_RACES => continue,
                Err(e) => return Err((e, target.to_path_buf())),
            }
            // The name must survive a crash as the content does, and so must those of new folders above it.
            for dir in unsettled {
                match File::open(dir).and_then(|d| d.sync_all()) {
                    // Deleted again already.
                    Err(e) if e.kind() == ErrorKind::NotFound => {}
                    synced => synced.map_err(|e| (e, dir.to_path_buf()))?,
                }
            }
            return Ok(());
        }
    }

    fn replace(&self, target: &Path, temporary: &Temporary) -> Result<()> {
        self.in_folder(target, || fs::rename(&temporary.0, target)).map_err(|(e, p)| io_error("write", &p, e))
    }

    fn copy_in(&self, source: &Path, target: &Path) -> Result<()> {
        let mut file = File::open(source).map_err(|e| io_error("read", source, e))?;
        let temporary = self.temporary(|f| io::copy(&mut file, f).map(|_| ()))?;
        self.replace(target, &temporary)
    }

    /// Holds the lock of a key; released when dropped, also by a crash.
    fn lock(&self, key: &str) -> Result<File> {
        let path = self.internal()?.join(format!("lock-{}", checksum(key.as_bytes())));
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|e| io_error("open", &path, e))?;
        file.lock().map_err(|e| io_error("lock", &path, e))?;
        Ok(file)
    }

    fn visit(&self, dir: &Path, out: &mut Vec<ObjectMeta>) -> Result<()> {
        let entries = match fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(()),
            Err(e) => return Err(io_error("list", dir, e)),
        };
        for entry in entries {
            let entry = entry.map_err(|e| io_error("list", dir, e))?;
            let path = entry.path();
            if path == self.root.join(INTERNAL) {
                continue;
            }
            let meta = match fs::metadata(&path) {
                Ok(meta) => meta,
                Err(e) if e.kind() == ErrorKind::NotFound => continue,
                Err(e) => return Err(io_error("look at", &path, e)),
            };
            if meta.is_dir() {
                self.visit(&path, out)?;
            } else if let Some(key) = path.strip_prefix(&self.root).ok().and_then(Path::to_str) {
                out.push(object_meta(key, &meta));
            }
        }
        Ok(())
    }
}

impl ObjectStore for FsStore {
    fn describe(&self) -> String {
        format!("folder {}", self.root.display())
    }

    fn url(&self, key: &str) -> String {
        self.root.join(key).display().to_string()
    }

    fn put(&self, key: &str, bytes: &[u8]) -> Result<String> {
        let target = self.path(key)?;
        let temporary = self.temporary(|f| f.write_all(bytes))?;
        self.replace(&target, &temporary)?;
        Ok(checksum(bytes))
    }

    fn create<'a>(&'a self, key: &str) -> Result<Box<dyn ObjectWrite + 'a>> {
        let target = self.path(key)?;
        let (temporary, file) = self.new_temporary()?;
        Ok(Box::new(Growing { store: self, target, temporary, file }))
    }

    fn put_if_absent(&self, key: &str, bytes: &[u8]) -> Result<Conditional> {
        let target = self.path(key)?;
        if target.exists() {
            return Ok(Conditional::Lost);
        }
        let temporary = self.temporary(|f| f.write_all(bytes))?;
        match self.in_folder(&target, || fs::hard_link(&temporary.0, &target)) {
            Ok(()) => Ok(Conditional::Done(checksum(bytes))),
            Err((e, _)) if e.kind() == ErrorKind::AlreadyExists => Ok(Conditional::Lost),
            // A file system without hard links: the lock file orders the creators.
            Err((e, _))
                if matches!(e.raw_os_error(), Some(libc::EPERM | libc::EOPNOTSUPP | libc::ENOSYS | libc::EMLINK)) =>
            {
                let _lock = self.lock(key)?;
                if target.exists() {
                    return Ok(Conditional::Lost);
                }
                self.replace(&target, &temporary)?;
                Ok(Conditional::Done(checksum(bytes)))
            }
            Err((e, path)) => Err(io_error("create", &path, e)),
        }
    }

    fn put_if_match(&self, key: &str, bytes: &[u8], etag: &str) -> Result<Conditional> {
        let target = self.path(key)?;
        let temporary = self.temporary(|f| f.write_all(bytes))?;
        let _lock = self.lock(key)?;
        match self.get(key)? {
            Some(current) if current.etag == etag => {
                self.replace(&target, &temporary)?;
                Ok(Conditional::Done(checksum(bytes)))
            }
            _ => Ok(Conditional::Lost),
        }
    }

    fn get(&self, key: &str) -> Result<Option<Object>> {
        let path = self.path(key)?;
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(Object { etag: checksum(&bytes), bytes })),
            Err(e) if absent(&e) => Ok(None),
            Err(e) => Err(io_error("read", &path, e)),
        }
    }

    fn checksum(&self, key: &str) -> Result<Option<(u64, String)>> {
        let path = self.path(key)?;
        match File::open(&path).and_then(|mut file| read_checksum(&mut file)) {
            Ok(found) => Ok(Some(found)),
            Err(e) if absent(&e) => Ok(None),
            Err(e) => Err(io_error("read", &path, e)),
        }
    }

    fn head(&self, key: &str) -> Result<Option<ObjectMeta>> {
        let path = self.path(key)?;
        match fs::metadata(&path) {
            Ok(meta) if meta.is_file() => Ok(Some(object_meta(key, &meta))),
            Ok(_) => Ok(None),
            Err(e) if absent(&e) => Ok(None),
            Err(e) => Err(io_error("look at", &path, e)),
        }
    }

    fn list(&self, dir: &str) -> Result<Vec<ObjectMeta>> {
        let mut out = Vec::new();
        self.visit(&self.root.join(dir.trim_matches('/')), &mut out)?;
        let prefix = folder_prefix(dir);
        out.retain(|o| o.key.starts_with(&prefix));
        out.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(out)
    }

    fn list_dirs(&self, dir: &str) -> Result<Vec<String>> {
        let dir = self.root.join(dir.trim_matches('/'));
        let entries = match fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(e) if absent(&e) => return Ok(Vec::new()),
            Err(e) => return Err(io_error("list", &dir, e)),
        };
        let mut names: Vec<String> = entries
            .flatten()
            .filter(|e| e.path().is_dir())
            .filter_map(|e| e.file_name().into_string().ok())
            .filter(|n| n != INTERNAL)
            .collect();
        names.sort();
        Ok(names)
    }

    fn delete(&self, key: &str) -> Result<()> {
        let path = self.path(key)?;
        match fs::remove_file(&path) {
            Ok(()) => {}
            Err(e) if absent(&e) => {}
            Err(e) => return Err(io_error("delete", &path, e)),
        }
        // Empty folders go too; one that is not empty refuses by itself.
        let mut parent = path.parent();
        while let Some(dir) = parent.filter(|d| *d != self.root && d.starts_with(&self.root)) {
            if fs::remove_dir(dir).is_err() {
                break;
            }
            parent = dir.parent();
        }
        Ok(())
    }

    fn upload(&self, key: &str, local: &Path) -> Result<()> {
        let target = self.path(key)?;
        if let Some(linked) = self.linked(local)? {
            return self.replace(&target, &linked);
        }
        self.copy_in(local, &target)
    }

    fn download(&self, key: &str, to: &Path) -> Result<u64> {
        let path = self.path(key)?;
        let mut source = match File::open(&path) {
            Ok(file) => file,
            Err(e) if absent(&e) => return Err(missing(self, key)),
            Err(e) => return Err(io_error("read", &path, e)),
        };
        // A file that is there may be a link of the object from an earlier download, so it is replaced and never written
        // into; anything else, which may be a device, is written into and never replaced.
        if fs::metadata(to).is_ok_and(|m| m.is_file()) {
            let to = fs::canonicalize(to).map_err(|e| io_error("look at", to, e))?;
            let beside = Temporary(to.with_file_name(format!(".tmp-{}", Uuid::new_v4().simple())));
            let size = link_or_copy(&path, &mut source, &beside.0)?;
            fs::rename(&beside.0, &to).map_err(|e| io_error("write", &to, e))?;
            return Ok(size);
        }
        link_or_copy(&path, &mut source, to)
    }

    fn copy(&self, from: &str, to: &str) -> Result<()> {
        let source = self.path(from)?;
        if !source.is_file() {
            return Err(missing(self, from));
        }
        // Two files: what is copied here is meant to outlive damage to the other.
        self.copy_in(&source, &self.path(to)?)
    }
}

/// An object that is written piece by piece.
struct Growing<'a> {
    store: &'a FsStore,
    target: PathBuf,
    temporary: Temporary,
    file: File,
}

impl Write for Growing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let own = |e| io::Error::other(io_error("write", &self.temporary.0, e));
        self.file.write(bytes).map_err(|e| if e.kind() == ErrorKind::Interrupted { e } else { own(e) })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl ObjectWrite for Growing<'_> {
    fn finish(self: Box<Self>) -> Result<()> {
        self.store.settle(&self.file).map_err(|e| io_error("write", &self.temporary.0, e))?;
        self.store.replace(&self.target, &self.temporary)
    }
}

/// No second copy where both are on one disk: nobody writes into a file that is there. The size.
fn link_or_copy(path: &Path, source: &mut File, to: &Path) -> Result<u64> {
    if fs::hard_link(path, to).is_ok() {
        return Ok(source.metadata().map_err(|e| io_error("read", path, e))?.len());
    }
    let mut target = File::create(to).map_err(|e| io_error("write", to, e))?;
    io::copy(source, &mut target).map_err(|e| io_error("write", to, e))
}

/// The folders whose content a new name in `dir` changes: itself, and as far as they are missing those above it, up to
/// the first that is there.
fn changed_by_making(dir: &Path) -> Vec<&Path> {
    let mut changed = Vec::new();
    for dir in dir.ancestors() {
        changed.push(dir);
        if dir.is_dir() {
            break;
        }
    }
    changed
}

/// Removes its file when dropped (a link or rename has taken the content by then).
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn absent(e: &io::Error) -> bool {
    matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn object_meta(key: &str, meta: &fs::Metadata) -> ObjectMeta {
    let modified = meta.modified().unwrap_or(SystemTime::UNIX_EPOCH).duration_since(UNIX_EPOCH);
    ObjectMeta {
        key: key.to_string(),
        size: meta.len(),
        modified_ms: modified.map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX)),
    }
}

fn io_error(verb: &str, path: &Path, e: io::Error) -> Error {
    let message = format!("checkpoint storage: cannot {verb} {}", path.display());
    match e.kind() {
        // Trying again frees no space: somebody has to.
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => Error::user(message)
            .caused_by(e)
            .fix("the disk is full: free space there, or set checkpoint.storage.fileSystem.path to a larger one"),
        ErrorKind::PermissionDenied => Error::user(message)
            .caused_by(e)
            .fix("let this process's user read and write the folder of checkpoint.storage.fileSystem.path"),
        ErrorKind::ReadOnlyFilesystem => Error::user(message)
            .caused_by(e)
            .fix("the file system is mounted read-only: set checkpoint.storage.fileSystem.path to a writable one"),
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => Error::user(message)
            .caused_by(e)
            .fix("a file stands where a folder is needed: check checkpoint.storage.fileSystem.path"),
        _ => Error::transient(message).caused_by(e),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn uploads_are_links_of_their_own_age_and_copies_are_files() {
        let dir = tempfile::tempdir().unwrap();
        let store = FsStore::open(dir.path().join("store")).unwrap();
        let local = dir.path().join("local");
        fs::write(&local, "content").unwrap();
        File::open(&local).unwrap().set_modified(UNIX_EPOCH).unwrap();
        store.upload("a/b", &local).unwrap();
        let inode = |path: PathBuf| fs::metadata(path).unwrap().ino();
        assert_eq!(inode(dir.path().join("store/a/b")), inode(local.clone()));
        assert!(store.head("a/b").unwrap().unwrap().modified_ms > 0);
        store.copy("a/b", "a/c").unwrap();
        assert_ne!(inode(dir.path().join("store/a/c")), inode(local.clone()));
        // A second upload takes the place of the first; the local name goes, the content stays.
        store.upload("a/b", &local).unwrap();
        fs::remove_file(&local).unwrap();
        for key in ["a/b", "a/c"] {
            assert_eq!(store.get(key).unwrap().unwrap().bytes, b"content");
        }
        assert_eq!(store.list("").unwrap().len(), 2);
        assert_eq!(fs::read_dir(dir.path().join("store").join(INTERNAL)).unwrap().count(), 0);
    }

    #[test]
    fn new_folders_are_settled_up_to_the_first_that_was_there() {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| dir.path().join(path);
        fs::create_dir(at("a")).unwrap();
        let changed = |path: &str| changed_by_making(&at(path)).into_iter().map(Path::to_path_buf).collect::<Vec<_>>();
        assert_eq!(changed("a"), [at("a")]);
        assert_eq!(changed("a/b/c"), [at("a/b/c"), at("a/b"), at("a")]);
    }

    #[test]
    fn what_is_downloaded_again_replaces_the_file_and_leaves_the_object_alone() {
        let dir = tempfile::tempdir().unwrap();
        let store = FsStore::open(dir.path().join("store")).unwrap();
        store.put("a", b"content").unwrap();
        store.put("b", b"other").unwrap();
        let (to, link) = (dir.path().join("to"), dir.path().join("link"));
        std::os::unix::fs::symlink(&to, &link).unwrap();
        for (key, to, content) in
            [("a", &to, "content"), ("a", &to, "content"), ("b", &link, "other"), ("b", &to, "other")]
        {
            assert_eq!(store.download(key, to).unwrap(), content.len() as u64);
            assert_eq!(fs::read_to_string(to).unwrap(), content);
            assert_eq!(store.get("a").unwrap().unwrap().bytes, b"content");
        }
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3, "no temporary file is left");
    }

    #[test]
    fn a_link_of_another_file_is_followed() {
        let dir = tempfile::tempdir().unwrap();
        let store = FsStore::open(dir.path().join("store")).unwrap();
        let (file, link) = (dir.path().join("file"), dir.path().join("link"));
        fs::write(&file, "content").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        store.upload("a", &link).unwrap();
        fs::remove_file(&file).unwrap();
        assert_eq!(store.get("a").unwrap().unwrap().bytes, b"content");
    }
}
