//! The contract of a keyed state backend: an ordered byte map per named state.
//!
//! A full key is `key group (2 bytes, big-endian) ++ key ++ sub key`, where key
//! is the canonical, self-delimiting encoding of `streamjob_core::key`, so that
//! all entries of one key are one contiguous range. Values are opaque bytes.
//! Typed views (value, list, map, aggregating, timers) are built on top.

use crate::point::{Entries, FullKeys};
use crate::snapshot::{KeyedSnapshot, PendingSnapshot, SnapshotFormat, SnapshotStore};
use std::ops::{ControlFlow, Range};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use streamjob_core::{CheckpointId, OperatorUid, Result};

/// Wall clock in milliseconds since the Unix epoch; replaced in tests.
pub trait Clock: Send + Sync {
    /// Now.
    fn now_ms(&self) -> i64;
}

/// Index of a registered state within its backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StateId(pub u16);

/// What a state's entries mean; part of its identity in a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum StateKind {
    /// One value per key.
    Value,
    /// Elements per key, in order of their sequence number.
    List,
    /// Entries per key, in byte order of their sub keys.
    Map,
    /// One accumulator per key.
    Aggregating,
    /// Timers: `group ++ time ++ key`.
    Timer,
}

/// When an entry's time to live starts again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TtlUpdate {
    /// On creation and every write (default).
    OnCreateAndWrite,
    /// On reads too.
    OnReadAndWrite,
}

/// Whether an expired entry that still lies there is returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TtlVisibility {
    /// Never (default).
    NeverReturnExpired,
    /// Until it is cleaned up.
    ReturnExpiredIfNotCleanedUp,
}

/// Time to live of a state's entries, in processing time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ttl {
    /// Entries older than this are expired.
    pub ttl: Duration,
    /// When the age starts again.
    pub update: TtlUpdate,
    /// What reads of expired entries give.
    pub visibility: TtlVisibility,
}

/// Declares a state.
#[derive(Debug, Clone, PartialEq)]
pub struct StateSpec {
    /// Name, unique within its operator.
    pub name: String,
    /// What its entries mean.
    pub kind: StateKind,
    /// Description of the key columns, for compatibility checks: `uid BIGINT`.
    pub key_schema: String,
    /// Description of the value's fields, for compatibility checks.
    pub value_schema: String,
    /// Version of the value's byte format.
    pub version: u32,
    /// Time to live; `None` for ever.
    pub ttl: Option<Ttl>,
}

/// Keyed state of one operator in one subtask. Used by that subtask's thread only.
pub trait KeyedBackend: Send {
    /// Makes a state usable. The same name again gives the same id. Errors (User)
    /// when restored state of that name has another kind, schema or a newer version, naming the state and both.
    /// Operators register when they open: restored state that nobody has registered at the first snapshot is dropped,
    /// which the plan of the restore has allowed.
    fn register(&mut self, spec: &StateSpec) -> Result<StateId>;

    /// The value under a full key.
    fn get(&mut self, state: StateId, key: &[u8]) -> Result<Option<Vec<u8>>>;

    /// The values under many full keys, in their order. Backends on disk sort and batch the misses.
    fn get_many(&mut self, state: StateId, keys: &[&[u8]]) -> Result<Vec<Option<Vec<u8>>>> {
        keys.iter().map(|k| self.get(state, k)).collect()
    }

    /// Looks up a window of a batch's keys in a state of kind `Value` or `Aggregating`; their values are then read and
    /// changed in place, by position within the window. A new value is expected to have about `room` bytes. Windows
    /// of some hundred keys keep what is looked up in the processor's cache. `None` where the backend or the kind has
    /// no such access: [`KeyedBackend::get_many`] and [`KeyedBackend::put`] do.
    fn entries(
        &mut self,
        state: StateId,
        keys: &FullKeys,
        window: Range<usize>,
        room: usize,
    ) -> Result<Option<Entries<'_>>> {
        let _ = (state, keys, window, room);
        Ok(None)
    }

    /// Sets the value under a full key.
    fn put(&mut self, state: StateId, key: &[u8], value: &[u8]) -> Result<()>;

    /// Removes a full key; no error when it is not there.
    fn delete(&mut self, state: StateId, key: &[u8]) -> Result<()>;

    /// Visits the entries whose full key starts with `prefix`, in key order (byte order of full keys),
    /// until the visitor breaks. The visitor gets full key and value.
    fn scan(
        &mut self,
        state: StateId,
        prefix: &[u8],
        visit: &mut dyn FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>>,
    ) -> Result<()>;

    /// Removes all entries whose full key starts with `prefix`.
    fn delete_prefix(&mut self, state: StateId, prefix: &[u8]) -> Result<()>;

    /// The synchronous part of a snapshot: fixes the content as of now. The rest runs elsewhere.
    fn snapshot(&mut self, request: &SnapshotRequest) -> Result<Box<dyn PendingSnapshot>>;

    /// The checkpoint is complete: its files may be built upon.
    fn checkpoint_complete(&mut self, id: CheckpointId);

    /// The checkpoint will never complete.
    fn checkpoint_aborted(&mut self, id: CheckpointId);

    /// Bytes held in memory and on local disk.
    fn size(&self) -> BackendSize;
}

/// What a backend holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BackendSize {
    /// Bytes in memory.
    pub memory: u64,
    /// Bytes on the local disk.
    pub disk: u64,
    /// Entries, where cheaply known.
    pub entries: u64,
}

/// Asks for a snapshot.
pub struct SnapshotRequest {
    /// The checkpoint.
    pub checkpoint: CheckpointId,
    /// Canonical (savepoints, any backend) or the backend's own.
    pub format: SnapshotFormat,
    /// Where files go.
    pub store: Arc<dyn SnapshotStore>,
}

/// Opens a backend, empty or restored.
pub struct OpenRequest {
    /// The operator.
    pub uid: OperatorUid,
    /// Subtask index, for names and messages.
    pub subtask: u32,
    /// Key groups of this subtask.
    pub groups: Range<u32>,
    /// Number of key groups of the job.
    pub max_parallelism: u32,
    /// An empty folder of this subtask's own for working files; created by the backend when needed, removed by the runtime.
    pub dir: PathBuf,
    /// Every snapshot that overlaps the key groups; the backend takes only its own groups of them.
    pub restore: Vec<KeyedSnapshot>,
    /// Reads the restored files.
    pub store: Arc<dyn SnapshotStore>,
    /// Memory this backend may use, bytes.
    pub memory_budget: u64,
    /// The clock of time to live.
    pub clock: Arc<dyn Clock>,
}

/// Makes backends of one kind: `hashmap` or `rocksdb`.
pub trait BackendFactory: Send + Sync {
    /// Its name in options and manifests.
    fn name(&self) -> &'static str;
    /// Opens a backend for one subtask; restored state is complete when this returns.
    fn open(&self, request: OpenRequest) -> Result<Box<dyn KeyedBackend>>;
}
