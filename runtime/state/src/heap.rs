//! The `hashmap` backend: all state in memory, snapshots in canonical format.
//!
//! A barrier only takes a reference to every chunk of a table; a chunk is copied
//! when it is written to while the snapshot still needs it. Its own snapshot format is
//! the canonical one, whatever is asked for.

mod limit;
mod pending;
mod shard;
mod table;

use crate::backend::{
    BackendFactory, BackendSize, Clock, KeyedBackend, OpenRequest, SnapshotRequest, StateId, StateSpec,
};
use crate::canonical;
use crate::compat;
use crate::point::{Entries, FullKeys};
use crate::restore::{NativeReader, merged_states, read_canonical};
use crate::snapshot::{PendingSnapshot, SnapshotFormat, StateMeta};
use crate::ttl::Policy;
use limit::{Limit, Share};
use pending::{FrozenState, HeapPending};
use std::collections::HashMap;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use streamjob_core::{CheckpointId, Error, OperatorUid, Result};
use table::Table;

/// Makes heap backends.
#[derive(Clone, Default)]
pub struct HeapFactory {
    native: Vec<Arc<dyn NativeReader>>,
    limit: Option<Arc<Limit>>,
}

impl HeapFactory {
    /// A factory that restores canonical snapshots.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets its backends restore another backend's own format too.
    #[must_use]
    pub fn with_native_reader(mut self, reader: Arc<dyn NativeReader>) -> Self {
        self.native.push(reader);
        self
    }

    /// Lets all its backends together hold at most so many bytes. Keys, values and their places in the maps
    /// count; while a snapshot is written, what changes meanwhile is held twice and does not.
    #[must_use]
    pub fn limited(mut self, bytes: u64) -> Self {
        self.limit = Some(Arc::new(Limit::new(bytes)));
        self
    }
}

impl BackendFactory for HeapFactory {
    fn name(&self) -> &'static str {
        "hashmap"
    }

    fn open(&self, request: OpenRequest) -> Result<Box<dyn KeyedBackend>> {
        let mut backend = HeapBackend {
            groups: request.groups.clone(),
            clock: Arc::clone(&request.clock),
            hint: snapshot_hint(&request.uid.0, request.subtask),
            tables: Vec::new(),
            by_name: HashMap::new(),
            share: Share::new(self.limit.clone()),
            uid: request.uid.clone(),
        };
        for meta in merged_states(&request.restore)? {
            backend.add(meta, Policy::new(None, Arc::clone(&request.clock)))?;
        }
        for snapshot in &request.restore {
            let HeapBackend { tables, by_name, share, uid, .. } = &mut backend;
            let visit = &mut |meta: &StateMeta, key: &[u8], stored: &[u8]| {
                let table = by_name.get(&meta.name).and_then(|id| tables.get_mut(usize::from(id.0)));
                table.ok_or_else(|| unknown_in_snapshot(&meta.name))?.set_stored(key, stored)?;
                share.report(tables.iter().map(Table::memory).sum(), uid)
            };
            if snapshot.format == SnapshotFormat::Canonical {
                read_canonical(snapshot, &*request.store, &request.groups, &request.dir, visit)?;
                continue;
            }
            let reader = self.native.iter().find(|r| r.format() == snapshot.format).ok_or_else(|| {
                Error::user(format!(
                    "the hashmap state backend cannot restore the {:?} files of operator '{}'",
                    snapshot.format, request.uid
                ))
                .fix("restore with the rocksdb backend, or take a canonical savepoint first")
            })?;
            reader.read(snapshot, &*request.store, &request.groups, &request.dir.join("restore"), visit)?;
        }
        Ok(Box::new(backend))
    }
}

/// The recognisable part of a state file's name: uid, made fit for a path, and subtask.
pub fn snapshot_hint(uid: &str, subtask: u32) -> String {
    let clean: String =
        uid.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).take(60).collect();
    let hash = xxhash_rust::xxh3::xxh3_64(uid.as_bytes()) as u32;
    format!("{clean}-{hash:08x}-{subtask}-{}", canonical::FILE_NAME)
}

fn unknown_in_snapshot(name: &str) -> Error {
    Error::transient(format!("a state file holds state '{name}', which its checkpoint does not list"))
        .fix("restore from an older checkpoint or savepoint")
}

struct HeapBackend {
    groups: Range<u32>,
    clock: Arc<dyn Clock>,
    hint: String,
    tables: Vec<Table>,
    by_name: HashMap<String, StateId>,
    share: Share,
    uid: OperatorUid,
}

impl HeapBackend {
    /// Tells the common limit what is held now.
    fn account(&mut self) -> Result<()> {
        self.share.report(self.tables.iter().map(Table::memory).sum(), &self.uid)
    }

    fn add(&mut self, meta: StateMeta, policy: Policy) -> Result<StateId> {
        let id = u16::try_from(self.tables.len())
            .map(StateId)
            .map_err(|_| Error::internal("more than 65,535 states in one operator"))?;
        self.by_name.insert(meta.name.clone(), id);
        self.tables.push(Table::new(meta, policy, self.groups.clone()));
        Ok(id)
    }

    /// Empties restored tables that no operator has registered, and forgets their names; the others keep their numbers.
    fn drop_unregistered(&mut self) -> Result<()> {
        let HeapBackend { tables, by_name, clock, groups, .. } = self;
        let named = by_name.len();
        by_name.retain(|_, id| tables.get(usize::from(id.0)).is_some_and(|t| t.registered));
        if by_name.len() == named {
            return Ok(());
        }
        for table in tables.iter_mut().filter(|t| !t.registered) {
            *table = Table::new(table.meta.clone(), Policy::new(None, Arc::clone(clock)), groups.clone());
        }
        self.account()
    }

    fn table(&mut self, state: StateId) -> Result<&mut Table> {
        self.tables
            .get_mut(usize::from(state.0))
            .ok_or_else(|| Error::internal(format!("state number {} is not registered", state.0)))
    }
}

impl KeyedBackend for HeapBackend {
    fn register(&mut self, spec: &StateSpec) -> Result<StateId> {
        let policy = Policy::new(spec.ttl, Arc::clone(&self.clock));
        let id = match self.by_name.get(&spec.name) {
            Some(&id) => {
                self.table(id)?.adopt(spec, policy)?;
                id
            }
            None => self.add(compat::meta_of(spec), policy)?,
        };
        self.table(id)?.registered = true;
        Ok(id)
    }

    fn get(&mut self, state: StateId, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.table(state)?.get(key)
    }

    fn put(&mut self, state: StateId, key: &[u8], value: &[u8]) -> Result<()> {
        self.table(state)?.put(key, value)?;
        self.account()
    }

    fn delete(&mut self, state: StateId, key: &[u8]) -> Result<()> {
        self.table(state)?.delete(key)?;
        self.account()
    }

    fn entries(
        &mut self,
        state: StateId,
        keys: &FullKeys,
        window: Range<usize>,
        room: usize,
    ) -> Result<Option<Entries<'_>>> {
        if !self.table(state)?.resolve(keys, window, room)? {
            return Ok(None);
        }
        self.account()?;
        Ok(self.table(state)?.resolved())
    }

    fn scan(
        &mut self,
        state: StateId,
        prefix: &[u8],
        visit: &mut dyn FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        self.table(state)?.scan(prefix, visit)
    }

    fn delete_prefix(&mut self, state: StateId, prefix: &[u8]) -> Result<()> {
        self.table(state)?.delete_prefix(prefix)?;
        self.account()
    }

    fn snapshot(&mut self, request: &SnapshotRequest) -> Result<Box<dyn PendingSnapshot>> {
        self.drop_unregistered()?;
        let states = self
            .tables
            .iter_mut()
            .filter(|t| t.registered)
            .map(|t| FrozenState {
                content: t.freeze(),
                meta: t.meta.clone(),
                policy: t.policy.clone(),
                now: t.policy.now(),
            })
            .collect();
        Ok(Box::new(HeapPending {
            states,
            groups: self.groups.clone(),
            store: Arc::clone(&request.store),
            hint: self.hint.clone(),
        }))
    }

    fn checkpoint_complete(&mut self, _id: CheckpointId) {}

    fn checkpoint_aborted(&mut self, _id: CheckpointId) {}

    fn size(&self) -> BackendSize {
        BackendSize {
            memory: self.tables.iter().map(Table::memory).sum(),
            disk: 0,
            entries: self.tables.iter().map(Table::entries).sum(),
        }
    }
}

#[cfg(test)]
#[path = "heap/tests.rs"]
mod tests;
