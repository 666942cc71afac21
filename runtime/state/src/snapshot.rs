//! What a snapshot of keyed state is made of, and how backends read and write
//! its files without knowing where they lie.

use crate::backend::StateKind;
use serde::{Deserialize, Serialize};
use std::path::Path;
use streamjob_core::Result;

/// Format of a keyed snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SnapshotFormat {
    /// Arrow IPC files sorted by (state, key): read by every backend. Heap checkpoints and all savepoints.
    Canonical,
    /// The SST files of a RocksDB checkpoint.
    RocksDb,
}

/// A file of a checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileRef {
    /// Path below the lineage's folder (`shared/…`, `chk-3/…`) or, in a savepoint, below its own; empty when inline.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// xxh3-64 of the content, 16 hex digits.
    pub checksum: String,
    /// The content itself when it is small or the storage is memory, base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inline: Option<String>,
}

/// One file of a keyed snapshot with what the backend needs to use it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SnapshotFile {
    /// Name the backend knows it by (`000012.sst`, `state.arrow`).
    pub name: String,
    /// Where it lies.
    pub file: FileRef,
    /// Restore order and the like, as the backend writes it.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub meta: serde_json::Value,
}

/// A registered state as a checkpoint remembers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateMeta {
    /// Name within its operator.
    pub name: String,
    /// What its entries mean.
    pub kind: StateKind,
    /// Description of the key columns.
    pub key_schema: String,
    /// Description of the value's fields.
    pub value_schema: String,
    /// Version of the value's byte format.
    pub version: u32,
    /// Whether values carry an expiry stamp.
    pub ttl: bool,
}

/// Keyed state of one operator in one subtask, as a checkpoint holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeyedSnapshot {
    /// How the files are to be read.
    pub format: SnapshotFormat,
    /// First key group.
    pub group_start: u32,
    /// One past the last key group.
    pub group_end: u32,
    /// States in the files.
    pub states: Vec<StateMeta>,
    /// All files, new and shared with earlier checkpoints.
    pub files: Vec<SnapshotFile>,
    /// Bytes that this checkpoint uploaded.
    pub uploaded_bytes: u64,
}

/// The asynchronous part of a snapshot: uploads, run on an I/O thread.
pub trait PendingSnapshot: Send {
    /// Uploads what is missing. Errors name the file; the checkpoint is then declined.
    fn complete(self: Box<Self>) -> Result<KeyedSnapshot>;
}

/// Who a file belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// To this checkpoint or savepoint alone.
    Exclusive,
    /// To the lineage: later checkpoints may refer to it.
    Shared,
}

/// A file of a snapshot under way.
pub trait SnapshotWrite: std::io::Write {
    /// Puts the file in its place. The error is also that of writes before, in the storage's words.
    fn finish(self: Box<Self>) -> Result<FileRef>;
}

/// A file that is held in memory until it is complete, for stores that take content whole.
pub struct Buffered<'a> {
    /// The store.
    pub store: &'a dyn SnapshotStore,
    /// Who the file belongs to.
    pub scope: Scope,
    /// Part of its name.
    pub hint: String,
    /// What was written.
    pub bytes: Vec<u8>,
}

impl<'a> Buffered<'a> {
    /// An empty file.
    pub fn new(store: &'a dyn SnapshotStore, scope: Scope, hint: &str) -> Box<Self> {
        Box::new(Self { store, scope, hint: hint.to_string(), bytes: Vec::new() })
    }
}

impl std::io::Write for Buffered<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl SnapshotWrite for Buffered<'_> {
    fn finish(self: Box<Self>) -> Result<FileRef> {
        self.store.write(self.scope, &self.hint, &self.bytes)
    }
}

/// Checkpoint storage as backends see it: bound to one checkpoint when writing,
/// to one restore source when reading. Blocking; called from task and I/O threads.
pub trait SnapshotStore: Send + Sync {
    /// Writes bytes; small ones come back inline. `hint` is part of the file's name (never used twice).
    /// Memory storage errors beyond its limit with the original's text and what to change.
    fn write(&self, scope: Scope, hint: &str, bytes: &[u8]) -> Result<FileRef>;
    /// Begins a file that is written piece by piece and need not fit into memory where the storage can help it; as
    /// [`SnapshotStore::write`] otherwise. Dropped unfinished, it leaves nothing.
    fn create<'a>(&'a self, scope: Scope, hint: &str) -> Result<Box<dyn SnapshotWrite + 'a>>;
    /// Uploads a local file.
    fn upload(&self, scope: Scope, hint: &str, local: &Path) -> Result<FileRef>;
    /// True when the snapshot may refer to no earlier file (savepoints): backends then upload everything, and
    /// later checkpoints do not build upon it.
    fn self_contained(&self) -> bool {
        false
    }
    /// How another process that sees the same storage makes the same store; `None` when none can.
    fn description(&self) -> Option<String> {
        None
    }
    /// Reads a whole file and checks size and checksum.
    fn read(&self, file: &FileRef) -> Result<Vec<u8>>;
    /// Downloads (or hard-links) a file and checks size and checksum.
    fn download(&self, file: &FileRef, to: &Path) -> Result<()>;
}
