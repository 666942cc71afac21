//! Where the working state of a job lives.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration::Duration;
use crate::size::Size;

/// Where the working state of the job lives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct StateBackend {
    /// `RocksDB` (state on the worker's disk, larger than memory) or `Heap` (state in the worker's memory). Change: stateful.
    #[serde(rename = "type")]
    pub kind: StateBackendType,
    /// Upload only the files that are not yet in the last completed checkpoint. Without effect on `Heap`. Change: stateful.
    pub incremental: bool,
    /// Keep a copy of the newest checkpoint on the worker's disk, to restart without reading the storage. Change: stateful.
    pub local_recovery: bool,
    /// Memory of the state backend in one worker: block cache and write buffers of RocksDB, upper limit of Heap. Default: a share of the worker's memory. Change: stateful.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Size>,
    /// State of SQL operators that was not touched for so long is dropped; 0s keeps it for ever. Change: stateful.
    pub ttl: Duration,
}

/// Kinds of state backends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum StateBackendType {
    /// On disk.
    #[default]
    RocksDB,
    /// In memory.
    Heap,
}

impl Default for StateBackend {
    fn default() -> Self {
        Self {
            kind: StateBackendType::default(),
            incremental: true,
            local_recovery: true,
            memory: None,
            ttl: Duration::from_secs(0),
        }
    }
}

impl StateBackend {
    /// Idle time after which state is dropped, if there is a limit.
    pub fn ttl(&self) -> Option<std::time::Duration> {
        (!self.ttl.is_zero()).then(|| self.ttl.get())
    }

    /// Memory of the backend in one worker, in bytes, if the manifest sets it.
    pub fn memory(&self) -> Option<u64> {
        self.memory.as_ref().map(Size::bytes)
    }
}
