//! Makes backends; what they share is here.

use crate::backend::{How, RocksDbBackend};
use crate::memory::SharedMemory;
use crate::options::CompactionStyle;
use std::sync::Arc;
use streamjob_core::{Error, Result};
use streamjob_state::{BackendFactory, KeyedBackend, OpenRequest};

/// Makes RocksDB backends that share one block cache and one limit for memtables.
pub struct RocksDbFactory {
    memory: Arc<SharedMemory>,
    incremental: bool,
    style: CompactionStyle,
}

impl Default for RocksDbFactory {
    fn default() -> Self {
        Self::new()
    }
}

impl RocksDbFactory {
    /// A factory with incremental checkpoints. Use one per process.
    pub fn new() -> Self {
        Self { memory: SharedMemory::new(), incremental: true, style: CompactionStyle::default() }
    }

    /// Whether checkpoints build upon the last completed one, or upload every file each time.
    #[must_use]
    pub fn incremental(mut self, incremental: bool) -> Self {
        self.incremental = incremental;
        self
    }

    /// How files are merged; a job may go on with another.
    #[must_use]
    pub fn compaction(mut self, style: CompactionStyle) -> Self {
        self.style = style;
        self
    }
}

impl BackendFactory for RocksDbFactory {
    fn name(&self) -> &'static str {
        "rocksdb"
    }

    /// Two fifths of the memory budget become write-back cache, the rest block cache and memtables.
    fn open(&self, request: OpenRequest) -> Result<Box<dyn KeyedBackend>> {
        let budget = usize::try_from(request.memory_budget).unwrap_or(usize::MAX);
        let cache_budget = budget / 5 * 2;
        let share = self.memory.join(budget - cache_budget);
        let how = How { share, cache_budget, incremental: self.incremental, style: self.style };
        let backend = RocksDbBackend::open(&request, how);
        let context = |e: Error| e.context(format!("state of operator '{}', subtask {}", request.uid, request.subtask));
        Ok(Box::new(backend.map_err(context)?))
    }
}
