//! Keyed and operator state: the API that operators use, the heap backend, time
//! to live, and snapshots. RocksDB hangs on the same traits in its own crate.

pub mod backend;
pub mod canonical;
pub mod clock;
pub mod compat;
pub mod heap;
pub mod operator;
pub mod point;
pub mod restore;
pub mod snapshot;
pub mod testing;
pub mod timers;
pub mod ttl;
pub mod typed;

pub use backend::{
    BackendFactory, BackendSize, Clock, KeyedBackend, OpenRequest, SnapshotRequest, StateId, StateKind, StateSpec, Ttl,
    TtlUpdate, TtlVisibility,
};
pub use clock::SystemClock;
pub use heap::HeapFactory;
pub use operator::{ListMode, OperatorState};
pub use point::{Entries, FullKeys};
pub use restore::{NativeReader, overlapping};
pub use snapshot::{
    Buffered, FileRef, KeyedSnapshot, PendingSnapshot, Scope, SnapshotFile, SnapshotFormat, SnapshotStore,
    SnapshotWrite, StateMeta,
};
pub use timers::{Timer, TimerService, timer_spec};
pub use typed::{AggregatingState, ListState, MapState, StateValue, ValueState, key_prefix};
