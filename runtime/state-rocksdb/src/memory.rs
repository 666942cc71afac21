//! One block cache for all databases of a process, with all memtables charged
//! to it, so that the sum of the backends' budgets bounds their memory.

use rocksdb::{Cache, WriteBufferManager};
use std::sync::{Arc, Mutex, PoisonError};

/// Shared by all backends of a factory; grows and shrinks with them.
pub(crate) struct SharedMemory {
    state: Mutex<usize>,
    pub cache: Cache,
    pub buffers: WriteBufferManager,
}

/// A backend's part of the shared memory; given back on drop.
pub(crate) struct Share {
    memory: Arc<SharedMemory>,
    bytes: usize,
}

const LEAST: usize = 1 << 20;

impl SharedMemory {
    pub fn new() -> Arc<Self> {
        let cache = Cache::new_lru_cache(LEAST);
        let buffers = WriteBufferManager::new_write_buffer_manager_with_cache(LEAST / 2, false, cache.clone());
        Arc::new(Self { state: Mutex::new(0), cache, buffers })
    }

    pub fn join(self: &Arc<Self>, bytes: usize) -> Share {
        self.resize(|total| total.saturating_add(bytes));
        Share { memory: Arc::clone(self), bytes }
    }

    fn resize(&self, change: impl FnOnce(usize) -> usize) {
        let mut total = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *total = change(*total);
        let bytes = (*total).max(LEAST);
        self.cache.clone().set_capacity(bytes);
        self.buffers.set_buffer_size(bytes / 2);
    }

    #[cfg(test)]
    pub fn total(&self) -> usize {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Share {
    pub fn memory(&self) -> &SharedMemory {
        &self.memory
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.memory.resize(|total| total.saturating_sub(self.bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_follows_the_shares() {
        let memory = SharedMemory::new();
        let a = memory.join(3 << 20);
        let b = memory.join(2 << 20);
        assert_eq!(memory.total(), 5 << 20);
        drop(a);
        assert_eq!(memory.total(), 2 << 20);
        drop(b);
        assert_eq!(memory.total(), 0);
    }
}
