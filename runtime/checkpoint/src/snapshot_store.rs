//! Where the files of one checkpoint go and come from: names, inline or not,
//! limits, checksums. Backends see it as [`SnapshotStore`].

use crate::hash::{checksum, file_checksum, from_base64, to_base64};
use crate::layout::RESTORED;
use crate::spooled::Spooled;
use crate::store::{ObjectStore, ObjectWrite, Storage, join};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use streamjob_core::error::ErrorExt;
use streamjob_core::{CheckpointId, Error, Result};
use streamjob_state::{Buffered, FileRef, Scope, SnapshotStore, SnapshotWrite};
use uuid::Uuid;

/// Content up to this many bytes comes back inline, by default (`execution.checkpointing.data-inline-threshold`).
pub const DEFAULT_INLINE_THRESHOLD: u64 = 20 * 1024;
/// Largest inline threshold.
pub const MAX_INLINE_THRESHOLD: u64 = 1024 * 1024;
/// Limit of memory storage for one state stream, bytes.
pub const MEMORY_STATE_LIMIT: u64 = 5 * 1024 * 1024;

/// Where content lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Placement {
    /// In files, but up to `inline_threshold` bytes in the manifest.
    Files {
        /// Bytes; 0 to 1 MiB.
        inline_threshold: u64,
    },
    /// All in the manifest; more than `limit` bytes in one stream is an error.
    Memory {
        /// Bytes.
        limit: u64,
    },
}

impl Placement {
    /// Files, with a checked inline threshold.
    pub fn files(inline_threshold: u64) -> Result<Self> {
        if inline_threshold > MAX_INLINE_THRESHOLD {
            return Err(Error::user(format!(
                "the inline threshold is {inline_threshold} bytes, allowed are 0 to {MAX_INLINE_THRESHOLD}"
            ))
            .fix("set execution.checkpointing.data-inline-threshold to at most 1mb"));
        }
        Ok(Placement::Files { inline_threshold })
    }
}

impl Default for Placement {
    fn default() -> Self {
        Placement::Files { inline_threshold: DEFAULT_INLINE_THRESHOLD }
    }
}

/// What one checkpoint's files are named after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// A checkpoint of a lineage: `chk-<id>/…` and `shared/<attempt>/…` below `dir`.
    Checkpoint {
        /// The lineage's folder.
        dir: String,
        /// The checkpoint.
        id: CheckpointId,
        /// The deployment that writes.
        attempt: String,
    },
    /// A savepoint: everything in `dir`.
    Savepoint {
        /// The savepoint's folder.
        dir: String,
    },
}

/// Writes the files of one checkpoint or savepoint.
pub struct CheckpointWriter {
    store: Arc<dyn ObjectStore>,
    target: Target,
    placement: Placement,
    uploaded: AtomicU64,
}

impl CheckpointWriter {
    /// For one checkpoint.
    pub fn new(store: Arc<dyn ObjectStore>, target: Target, placement: Placement) -> Self {
        Self { store, target, placement, uploaded: AtomicU64::new(0) }
    }

    /// Bytes written through this writer, inline ones included.
    pub fn uploaded_bytes(&self) -> u64 {
        self.uploaded.load(Ordering::Relaxed)
    }

    /// Begins the file of this name in storage.
    pub(crate) fn begin(&self, path: &str) -> Result<Box<dyn ObjectWrite + '_>> {
        self.store.create(&join(self.dir(), path))
    }

    /// Counts a file that was written.
    pub(crate) fn count(&self, size: u64) {
        self.uploaded.fetch_add(size, Ordering::Relaxed);
    }

    fn dir(&self) -> &str {
        match &self.target {
            Target::Checkpoint { dir, .. } | Target::Savepoint { dir } => dir,
        }
    }

    /// A name that was never used: relative to [`Self::dir`].
    pub(crate) fn name(&self, scope: Scope, hint: &str) -> String {
        let hint: String = hint
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '_' })
            .skip_while(|c| *c == '.')
            .take(80)
            .collect();
        let unique = Uuid::new_v4().simple();
        match (&self.target, scope) {
            (Target::Savepoint { .. }, _) => format!("{hint}-{unique}"),
            (Target::Checkpoint { id, .. }, Scope::Exclusive) => format!("chk-{id}/{hint}-{unique}"),
            // The creator's id lets garbage collection tell pending files from abandoned ones.
            (Target::Checkpoint { id, attempt, .. }, Scope::Shared) => {
                format!("shared/{attempt}/{id}-{hint}-{unique}")
            }
        }
    }

    /// True for content that goes inline; an error beyond the memory limit.
    fn inline(&self, hint: &str, size: u64) -> Result<bool> {
        match self.placement {
            Placement::Files { inline_threshold } => Ok(size <= inline_threshold),
            Placement::Memory { limit } if size > limit => Err(memory_limit_error(hint, size, limit)),
            Placement::Memory { .. } => Ok(true),
        }
    }
}

/// The original's text, and what to change.
fn memory_limit_error(hint: &str, size: u64, limit: u64) -> Error {
    Error::user(format!(
        "Size of the state is larger than the maximum permitted memory-backed state. Size={size}, maxSize={limit}."
    ))
    .fix(format!(
        "state stream '{hint}' is too large to be kept in the coordinator: set checkpoint.storage to type FileSystem or S3 \
         (SQL: SET 'execution.checkpointing.storage' = 'filesystem' and 'execution.checkpointing.dir' = 's3://bucket/prefix' \
         or a folder)"
    ))
}

/// A store as it goes from the coordinator to a worker. Savepoints and restore sources may lie at another root than the
/// job's own storage, so each names its root.
#[derive(Serialize, Deserialize)]
enum Description {
    /// Writes one checkpoint.
    Writer { root: String, target: Target, placement: Placement },
    /// Reads a restore source.
    Reader { root: String, dir: String },
}

/// Makes the store that [`SnapshotStore::description`] tells of, on this process's own access to the storage.
pub fn described(storage: &Storage, description: &str) -> Result<Arc<dyn SnapshotStore>> {
    // The coordinator has used the place before it told of it.
    let at = |root: &str| storage.at_root(root).inspect(|store| store.has_worked());
    Ok(match serde_json::from_str(description).internal("the coordinator's description of a store")? {
        Description::Writer { root, target, placement } => {
            Arc::new(CheckpointWriter::new(at(&root)?, target, placement))
        }
        Description::Reader { root, dir } => Arc::new(CheckpointReader::new(at(&root)?, dir)),
    })
}

impl SnapshotStore for CheckpointWriter {
    fn description(&self) -> Option<String> {
        let root = self.store.url("");
        let description = Description::Writer { root, target: self.target.clone(), placement: self.placement };
        serde_json::to_string(&description).ok()
    }

    fn self_contained(&self) -> bool {
        matches!(self.target, Target::Savepoint { .. })
    }

    fn write(&self, scope: Scope, hint: &str, bytes: &[u8]) -> Result<FileRef> {
        let size = bytes.len() as u64;
        let checksum = checksum(bytes);
        let inline = self.inline(hint, size)?;
        self.uploaded.fetch_add(size, Ordering::Relaxed);
        if inline {
            return Ok(FileRef { path: String::new(), size, checksum, inline: Some(to_base64(bytes)) });
        }
        let path = self.name(scope, hint);
        self.store.put(&join(self.dir(), &path), bytes)?;
        Ok(FileRef { path, size, checksum, inline: None })
    }

    fn create<'a>(&'a self, scope: Scope, hint: &str) -> Result<Box<dyn SnapshotWrite + 'a>> {
        match self.placement {
            Placement::Files { .. } => Ok(Box::new(Spooled::new(self, scope, hint))),
            Placement::Memory { .. } => Ok(Buffered::new(self, scope, hint)),
        }
    }

    fn upload(&self, scope: Scope, hint: &str, local: &Path) -> Result<FileRef> {
        let size = std::fs::metadata(local).transient(format!("cannot read {}", local.display()))?.len();
        if self.inline(hint, size)? {
            let bytes = std::fs::read(local).transient(format!("cannot read {}", local.display()))?;
            return self.write(scope, hint, &bytes);
        }
        let (size, checksum) = file_checksum(local)?;
        let path = self.name(scope, hint);
        self.store.upload(&join(self.dir(), &path), local)?;
        self.uploaded.fetch_add(size, Ordering::Relaxed);
        Ok(FileRef { path, size, checksum, inline: None })
    }

    fn read(&self, file: &FileRef) -> Result<Vec<u8>> {
        read(self.store.as_ref(), self.dir(), file)
    }

    fn download(&self, file: &FileRef, to: &Path) -> Result<()> {
        download(self.store.as_ref(), self.dir(), file, to)
    }
}

/// Reads the files of a restore source; writing through it is an error.
#[derive(Clone)]
pub struct CheckpointReader {
    store: Arc<dyn ObjectStore>,
    dir: String,
}

impl CheckpointReader {
    /// Files lie relative to `dir`: a lineage's folder, or a savepoint's.
    pub fn new(store: Arc<dyn ObjectStore>, dir: impl Into<String>) -> Self {
        Self { store, dir: dir.into() }
    }

    /// The store.
    pub fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    /// The folder's key.
    pub fn dir(&self) -> &str {
        &self.dir
    }
}

impl SnapshotStore for CheckpointReader {
    fn description(&self) -> Option<String> {
        serde_json::to_string(&Description::Reader { root: self.store.url(""), dir: self.dir.clone() }).ok()
    }

    fn write(&self, _: Scope, hint: &str, _: &[u8]) -> Result<FileRef> {
        Err(Error::internal(format!("'{hint}' was to be written into a restore source")))
    }

    fn create<'a>(&'a self, _: Scope, hint: &str) -> Result<Box<dyn SnapshotWrite + 'a>> {
        Err(Error::internal(format!("'{hint}' was to be written into a restore source")))
    }

    fn upload(&self, _: Scope, hint: &str, _: &Path) -> Result<FileRef> {
        Err(Error::internal(format!("'{hint}' was to be written into a restore source")))
    }

    fn read(&self, file: &FileRef) -> Result<Vec<u8>> {
        read(self.store.as_ref(), &self.dir, file)
    }

    fn download(&self, file: &FileRef, to: &Path) -> Result<()> {
        download(self.store.as_ref(), &self.dir, file, to)
    }
}

/// Key of a referenced file below the folder it is relative to.
pub(crate) fn file_key(dir: &str, file: &FileRef) -> String {
    join(dir, file.path.strip_prefix(RESTORED).unwrap_or(&file.path))
}

fn read(store: &dyn ObjectStore, dir: &str, file: &FileRef) -> Result<Vec<u8>> {
    let (bytes, place) = match &file.inline {
        Some(text) => (from_base64(text)?, "inline content".to_string()),
        None => {
            let key = file_key(dir, file);
            let object = store.get(&key)?.ok_or_else(|| crate::store::missing(store, &key))?;
            (object.bytes, store.url(&key))
        }
    };
    check(&place, file, bytes.len() as u64, &checksum(&bytes))?;
    Ok(bytes)
}

fn download(store: &dyn ObjectStore, dir: &str, file: &FileRef, to: &Path) -> Result<()> {
    if file.inline.is_some() {
        let bytes = read(store, dir, file)?;
        return std::fs::write(to, bytes).transient(format!("cannot write {}", to.display()));
    }
    let key = file_key(dir, file);
    store.download(&key, to)?;
    let (size, sum) = file_checksum(to)?;
    check(&store.url(&key), file, size, &sum)
}

/// Compares what was read with what the manifest says.
pub(crate) fn check(place: &str, file: &FileRef, size: u64, sum: &str) -> Result<()> {
    let fix = "the file was changed or damaged after it was written: restore from another checkpoint or savepoint \
               (`streamjob checkpoint list`), or bring the file back from a backup";
    if size != file.size {
        return Err(Error::user(format!("{place} has {size} bytes, its checkpoint says {}", file.size)).fix(fix));
    }
    if sum != file.checksum {
        return Err(Error::user(format!("{place} has checksum {sum}, its checkpoint says {}", file.checksum)).fix(fix));
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::{FsStore, MemoryStore};
    use std::io::Write as _;

    fn writer(store: &Arc<MemoryStore>, placement: Placement) -> CheckpointWriter {
        let target = Target::Checkpoint { dir: "ns/j/l".into(), id: 7, attempt: "a1".into() };
        CheckpointWriter::new(store.clone(), target, placement)
    }

    #[test]
    fn content_up_to_the_threshold_is_inline() {
        let store = Arc::new(MemoryStore::new());
        let w = writer(&store, Placement::default());
        let small = w.write(Scope::Exclusive, "s", &vec![7; 20_480]).unwrap();
        assert!(small.inline.is_some() && small.path.is_empty());
        assert!(store.list("").unwrap().is_empty());
        let large = w.write(Scope::Exclusive, "op 1/keyed", &vec![7; 20_481]).unwrap();
        assert!(large.path.starts_with("chk-7/op_1_keyed-"), "{}", large.path);
        let shared = w.write(Scope::Shared, "000012.sst", &vec![7; 20_481]).unwrap();
        assert!(shared.path.starts_with("shared/a1/7-000012.sst-"), "{}", shared.path);
        for (f, n) in [(small, 20_480), (large, 20_481), (shared, 20_481)] {
            assert_eq!(w.read(&f).unwrap(), vec![7; n]);
        }
        assert_eq!(w.uploaded_bytes(), 20_480 + 2 * 20_481);
        assert!(Placement::files(1 << 20).is_ok());
        assert!(Placement::files((1 << 20) + 1).is_err());
    }

    #[test]
    fn a_file_written_in_pieces_is_as_one_written_whole() {
        let dir = tempfile::tempdir().unwrap();
        let stores: [Arc<dyn ObjectStore>; 3] = [
            Arc::new(MemoryStore::new()),
            Arc::new(FsStore::open(dir.path().join("a")).unwrap()),
            Arc::new(FsStore::open(dir.path().join("b")).unwrap().without_sync()),
        ];
        for store in stores {
            let target = Target::Checkpoint { dir: "ns/j/l".into(), id: 7, attempt: "a1".into() };
            for size in [0usize, 20_480, 20_481, 1 << 20, (1 << 20) + 1, 3_000_000] {
                let w = CheckpointWriter::new(store.clone(), target.clone(), Placement::default());
                let content: Vec<u8> = (0..size).map(|i| (i * 31 % 251) as u8).collect();
                let mut pieces = w.create(Scope::Exclusive, "s").unwrap();
                content.chunks(70_000).for_each(|c| pieces.write_all(c).unwrap());
                let file = pieces.finish().unwrap();
                let whole = w.write(Scope::Exclusive, "s", &content).unwrap();
                assert_eq!((file.size, &file.checksum, &file.inline), (whole.size, &whole.checksum, &whole.inline));
                assert_eq!(w.read(&file).unwrap(), content);
                assert_eq!(w.uploaded_bytes(), 2 * size as u64);
            }
            let before = store.list("").unwrap().len();
            let w = CheckpointWriter::new(store.clone(), target.clone(), Placement::default());
            w.create(Scope::Exclusive, "s").unwrap().write_all(&[7; 2_000_000]).unwrap();
            assert_eq!(store.list("").unwrap().len(), before, "unfinished, it leaves nothing");
        }
        let left = std::fs::read_dir(dir.path().join("a/.streamjob-tmp")).unwrap();
        assert_eq!(left.count(), 0);
    }

    #[test]
    fn memory_storage_has_the_original_limit_and_text() {
        let store = Arc::new(MemoryStore::new());
        let w = writer(&store, Placement::Memory { limit: MEMORY_STATE_LIMIT });
        assert!(w.write(Scope::Shared, "s", &vec![0; 5_242_880]).unwrap().inline.is_some());
        let e = w.write(Scope::Shared, "s", &vec![0; 6_150_807]).unwrap_err();
        assert_eq!(
            e.message(),
            "Size of the state is larger than the maximum permitted memory-backed state. Size=6150807, maxSize=5242880."
        );
        for word in ["checkpoint.storage", "execution.checkpointing.storage", "execution.checkpointing.dir"] {
            assert!(e.fix_text().unwrap().contains(word));
        }
        assert!(w.write(Scope::Shared, "s", &vec![0; 5_242_881]).is_err());
        assert!(store.list("").unwrap().is_empty());
    }

    #[test]
    fn a_savepoint_keeps_everything_in_its_folder() {
        let store = Arc::new(MemoryStore::new());
        let target = Target::Savepoint { dir: "ns/j/savepoints/savepoint-1".into() };
        let w = CheckpointWriter::new(store.clone(), target, Placement::files(0).unwrap());
        let f = w.write(Scope::Shared, "state", b"xyz").unwrap();
        assert!(!f.path.contains('/'));
        assert_eq!(store.list("ns/j/savepoints/savepoint-1").unwrap().len(), 1);
        // Moved by copying the folder.
        store.copy(&join("ns/j/savepoints/savepoint-1", &f.path), &join("elsewhere", &f.path)).unwrap();
        assert_eq!(CheckpointReader::new(store, "elsewhere").read(&f).unwrap(), b"xyz");
    }

    #[test]
    fn changed_content_is_noticed() {
        let store = Arc::new(MemoryStore::new());
        let w = writer(&store, Placement::files(0).unwrap());
        let dir = tempfile::tempdir().unwrap();
        let local = dir.path().join("f");
        std::fs::write(&local, b"hello").unwrap();
        let f = w.upload(Scope::Shared, "f", &local).unwrap();
        let to = dir.path().join("g");
        w.download(&f, &to).unwrap();
        assert_eq!(std::fs::read(&to).unwrap(), b"hello");
        let key = join("ns/j/l", &f.path);
        store.put(&key, b"jello").unwrap();
        for e in [w.read(&f).unwrap_err(), w.download(&f, &to).unwrap_err()] {
            assert!(e.message().contains("checksum") && e.message().contains(&f.path), "{e}");
        }
        store.put(&key, b"hell").unwrap();
        assert!(w.read(&f).unwrap_err().message().contains("has 4 bytes"));
        store.delete(&key).unwrap();
        assert!(w.read(&f).unwrap_err().message().contains("does not exist"));
    }

    #[test]
    fn a_described_store_lies_where_the_original_does() {
        let (own, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let root = |dir: &tempfile::TempDir| dir.path().to_str().unwrap().to_string();
        let here = Storage::open(&root(&own), Default::default()).unwrap();
        let there = Storage::open(&root(&other), Default::default()).unwrap();
        // Another process's access to the same storage.
        let worker = Storage::open(&root(&own), Default::default()).unwrap();
        for storage in [&here, &there] {
            let target = Target::Savepoint { dir: "sp".into() };
            let writer = CheckpointWriter::new(storage.root.clone(), target, Placement::files(0).unwrap());
            let again = described(&worker, &writer.description().unwrap()).unwrap();
            assert!(again.self_contained());
            let file = again.write(Scope::Shared, "state", b"xyz").unwrap();
            let reader = CheckpointReader::new(storage.root.clone(), "sp");
            assert_eq!(reader.read(&file).unwrap(), b"xyz");
            let reader = described(&worker, &reader.description().unwrap()).unwrap();
            assert_eq!(reader.read(&file).unwrap(), b"xyz");
        }
        assert!(described(&worker, "{}").is_err());
    }
}
