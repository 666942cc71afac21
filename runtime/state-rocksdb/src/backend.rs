//! The keyed backend: state operations over cache and database.

use crate::cached::Cached;
use crate::database::Database;
use crate::error::RocksExt;
use crate::files::{group_start, plan};
use crate::flushing::{Flushing, Pending, Work};
use crate::memory::Share;
use crate::options::{CompactionStyle, TtlOfState, cf_options, write_options};
use crate::parts::Parts;
use crate::restore::{Places, restore};
use crate::rows::merged;
use crate::snapshot::{Begun, StateView, Uploads};
use rocksdb::ReadOptions;
use std::collections::HashMap;
use std::ops::{ControlFlow, Range};
use std::path::PathBuf;
use std::sync::Arc;
use streamjob_core::{CheckpointId, Error, Result};
use streamjob_state::heap::snapshot_hint;
use streamjob_state::restore::{group_of, merged_states, prefix_end};
use streamjob_state::ttl::{self, Outcome, Policy};
use streamjob_state::{
    BackendSize, Clock, Entries, FullKeys, KeyedBackend, OpenRequest, PendingSnapshot, SnapshotFormat, SnapshotRequest,
    StateId, StateMeta, StateSpec, compat,
};

/// Up to this many entries are deleted one by one; beyond, by a range tombstone, which is cheap to write but
/// slows reads until it is compacted away.
const DELETE_SINGLY: usize = 128;

struct State {
    meta: StateMeta,
    policy: Policy,
    /// Whether an operator uses it.
    registered: bool,
    /// Its column families, by part; none once it is dropped.
    cfs: Vec<String>,
    filter: Arc<TtlOfState>,
    cache: Cached,
    /// Whether the last batch missed keys in the cache: the next is then looked up as a whole.
    misses: bool,
}

impl State {
    fn cf(&self, part: usize) -> Result<&str> {
        let missing = || Error::internal(format!("state '{}' has no part {part}", self.meta.name));
        self.cfs.get(part).map(String::as_str).ok_or_else(missing)
    }

    /// Column families that may hold keys with this prefix, in key order.
    fn cfs_of(&self, parts: &Parts, prefix: &[u8]) -> Result<Vec<&str>> {
        if prefix.len() < 2 {
            return Ok(self.cfs.iter().map(String::as_str).collect());
        }
        Ok(vec![self.cf(parts.of(prefix)?)?])
    }
}

/// How a factory wants its backends.
pub(crate) struct How {
    /// Of the memory for block cache and memtables.
    pub share: Share,
    /// Bytes of the write-back cache.
    pub cache_budget: usize,
    /// Whether a checkpoint takes only files that the last one has not.
    pub incremental: bool,
    /// Which files are merged.
    pub style: CompactionStyle,
}

pub(crate) struct RocksDbBackend {
    db: Arc<Database>,
    /// The last barrier's flush, until it is known to be done.
    flushing: Option<Arc<Flushing>>,
    how: How,
    groups: Range<u32>,
    parts: Parts,
    clock: Arc<dyn Clock>,
    hint: String,
    dir: PathBuf,
    states: Vec<State>,
    by_name: HashMap<String, StateId>,
    uploads: Uploads,
    scratch: Vec<u8>,
    snapshots: u64,
}

impl RocksDbBackend {
    /// An empty database in the folder of the request, then what it restores.
    pub(crate) fn open(request: &OpenRequest, how: How) -> Result<Self> {
        let mut backend = Self {
            db: Arc::new(Database::open(&request.dir, &how.share)?),
            flushing: None,
            how,
            groups: request.groups.clone(),
            parts: Parts::one(request.groups.clone()),
            clock: Arc::clone(&request.clock),
            hint: snapshot_hint(&request.uid.0, request.subtask),
            dir: request.dir.clone(),
            states: Vec::new(),
            by_name: HashMap::new(),
            uploads: Uploads::default(),
            scratch: Vec::new(),
            snapshots: 0,
        };
        backend.restore(request)?;
        Ok(backend)
    }

    fn restore(&mut self, request: &OpenRequest) -> Result<()> {
        if request.restore.is_empty() {
            return Ok(());
        }
        let (parts, sources) = plan(&request.restore, &self.groups)?;
        self.parts = parts;
        for meta in merged_states(&request.restore)? {
            self.add(meta, None, true)?;
        }
        let places = Places { states: &self.by_name, parts: &self.parts };
        let from = (request.restore.as_slice(), sources.as_slice());
        let linked = restore(&self.db, &places, from, &self.groups, &*request.store, &self.dir)?;
        self.uploads.restored(linked);
        for cf in self.states.iter().flat_map(|s| &s.cfs) {
            self.db
                .get()?
                .set_options_cf(self.db.cf(cf)?, &[("disable_auto_compactions", "false")])
                .rocks("cannot start compactions")?;
        }
        Ok(())
    }

    fn add(&mut self, meta: StateMeta, ttl: Option<streamjob_state::Ttl>, restoring: bool) -> Result<StateId> {
        let id = u16::try_from(self.states.len())
            .map(StateId)
            .map_err(|_| Error::internal("more than 65,535 states in one operator"))?;
        let filter = TtlOfState::new(ttl);
        let mut options =
            cf_options(Some(&self.how.share), Some((Arc::clone(&filter), Arc::clone(&self.clock))), self.how.style);
        options.set_disable_auto_compactions(restoring);
        let cfs: Vec<String> = self.parts.iter().enumerate().map(|(part, _)| Parts::cf(id.0, part)).collect();
        self.settle_flush()?;
        let db = Arc::get_mut(&mut self.db).ok_or_else(|| Error::internal("the state database is in use"))?;
        for cf in &cfs {
            db.create_cf(cf, &options)?;
        }
        self.by_name.insert(meta.name.clone(), id);
        let cache = Cached::new(meta.kind, self.groups.clone());
        let policy = Policy::new(ttl, Arc::clone(&self.clock));
        self.states.push(State { meta, policy, registered: !restoring, cfs, filter, cache, misses: false });
        let limit = self.how.cache_budget / self.states.len().max(1);
        self.states.iter_mut().for_each(|s| s.cache.set_limit(limit));
        Ok(id)
    }

    /// Drops restored states that no operator has registered, and forgets their names; the others keep their numbers.
    fn drop_unregistered(&mut self) -> Result<()> {
        let unused = |s: &State| !s.registered && !s.cfs.is_empty();
        if !self.states.iter().any(unused) {
            return Ok(());
        }
        self.settle_flush()?;
        let db = Arc::get_mut(&mut self.db).ok_or_else(|| Error::internal("the state database is in use"))?;
        for state in self.states.iter_mut().filter(|s| unused(s)) {
            for cf in state.cfs.drain(..) {
                db.drop_cf(&cf)?;
            }
            self.by_name.remove(&state.meta.name);
        }
        Ok(())
    }

    fn state(&mut self, id: StateId) -> Result<&mut State> {
        self.states.get_mut(usize::from(id.0)).ok_or_else(|| unregistered(id))
    }

    fn check_group(&self, id: StateId, key: &[u8]) -> Result<()> {
        let group = group_of(key)?;
        if self.groups.contains(&group) {
            return Ok(());
        }
        let name = self.states.get(usize::from(id.0)).map_or("?", |s| s.meta.name.as_str());
        Err(Error::internal(format!(
            "state '{name}': key group {group} is not of this subtask, which has {:?}",
            self.groups
        )))
    }

    /// Returns when the database holds all up to the last barrier.
    fn settle_flush(&mut self) -> Result<()> {
        if let Some(flushing) = self.flushing.take() {
            flushing.settle()?;
            for state in &mut self.states {
                if let Cached::Points { table, .. } = &mut state.cache {
                    table.written();
                }
            }
        }
        Ok(())
    }

    /// Looks up keys in the cache, and those that it does not know in the database.
    fn load(&mut self, id: StateId, keys: &FullKeys, window: Range<usize>, room: usize) -> Result<usize> {
        let state = self.states.get_mut(usize::from(id.0)).ok_or_else(|| unregistered(id))?;
        let Cached::Points { table, .. } = &mut state.cache else { return Ok(0) };
        let added = table.resolve(keys, window.clone(), room + Entries::overhead(&state.policy))?;
        let mut misses: Vec<(&[u8], usize)> =
            added.iter().map(|i| (keys.key(window.start + *i as usize), *i as usize)).collect();
        misses.sort_unstable();
        for (part, own) in self.parts.cut(&misses, |(key, _)| key) {
            let name = state.cfs.get(part).ok_or_else(|| Error::internal(format!("a state has no part {part}")))?;
            let read = self.db.get()?.batched_multi_get_cf(self.db.cf(name)?, own.iter().map(|(k, _)| *k), true);
            for ((_, position), outcome) in own.iter().zip(read) {
                if let Some(stored) = outcome.rocks("cannot read state")? {
                    table.fill(*position, Some(&stored))?;
                }
            }
        }
        Ok(added.len())
    }

    /// Writes a state's dirty entries into the database.
    fn flush(&mut self, id: StateId) -> Result<()> {
        self.settle_flush()?;
        let state = self.states.get_mut(usize::from(id.0)).ok_or_else(|| unregistered(id))?;
        let dirty = state.cache.dirty_sorted();
        if dirty.is_empty() {
            return Ok(());
        }
        for (part, own) in self.parts.cut(&dirty, |(key, _)| key) {
            self.db.write(state.cf(part)?, own.iter().copied())?;
        }
        state.cache.mark_clean();
        Ok(())
    }

    fn write(&mut self, id: StateId, key: &[u8], stored: Option<&[u8]>) -> Result<()> {
        let state = self.state(id)?;
        state.cache.write(key, stored)?;
        if state.cache.must_flush() { self.flush(id) } else { Ok(()) }
    }

    /// Turns a stored value that was read into what the reader gets; restarts or ends its life where due.
    fn settle(
        &mut self,
        id: StateId,
        key: &[u8],
        stored: Option<Vec<u8>>,
        now: Option<i64>,
    ) -> Result<Option<Vec<u8>>> {
        let Some(mut stored) = stored else { return Ok(None) };
        let (len, refresh, expired) = match self.state(id)?.policy.read(&stored, now)? {
            Outcome::Live { value, refresh } => (Some(value.len()), refresh, false),
            Outcome::Expired(value) => (value.map(<[u8]>::len), false, true),
        };
        if refresh && let Some(now) = now {
            ttl::restamp(&mut stored, now);
            self.write(id, key, Some(&stored))?;
        } else if expired {
            self.write(id, key, None)?;
        }
        Ok(len.map(|len| {
            stored.truncate(len);
            stored
        }))
    }

    /// Stamps entries that were written before time to live was switched on.
    fn stamp_all(&mut self, id: StateId) -> Result<()> {
        let state = self.states.get(usize::from(id.0)).ok_or_else(|| unregistered(id))?;
        let Some(now) = state.policy.now() else { return Ok(()) };
        for cf in &state.cfs {
            let mut rows = self.db.get()?.raw_iterator_cf_opt(self.db.cf(cf)?, ReadOptions::default());
            rows.seek_to_first();
            let mut chunk: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
            let write = |chunk: &[(Vec<u8>, Vec<u8>)]| {
                self.db.write(cf, chunk.iter().map(|(k, v)| (k.as_slice(), Some(v.as_slice()))))
            };
            while let Some((key, stored)) = rows.item() {
                let mut stored = stored.to_vec();
                ttl::restamp(&mut stored, now);
                chunk.push((key.to_vec(), stored));
                if chunk.len() >= 4096 {
                    write(&chunk)?;
                    chunk.clear();
                }
                rows.next();
            }
            rows.status().rocks("cannot read state")?;
            write(&chunk)?;
        }
        Ok(())
    }
}

impl Drop for RocksDbBackend {
    /// A snapshot that still waits for the flush gets its files before the folder goes.
    fn drop(&mut self) {
        if self.flushing.as_ref().is_some_and(|f| Arc::strong_count(f) > 1) {
            let _ = self.settle_flush();
        }
    }
}

fn unregistered(id: StateId) -> Error {
    Error::internal(format!("state number {} is not registered", id.0))
}

impl KeyedBackend for RocksDbBackend {
    fn register(&mut self, spec: &StateSpec) -> Result<StateId> {
        let Some(&id) = self.by_name.get(&spec.name) else {
            return self.add(compat::meta_of(spec), spec.ttl, false);
        };
        let clock = Arc::clone(&self.clock);
        let state = self.state(id)?;
        let fit = compat::check(&state.meta, spec)?;
        state.meta = compat::meta_of(spec);
        state.policy = Policy::new(spec.ttl, clock);
        state.registered = true;
        if fit.ttl_starts {
            self.flush(id)?;
            self.stamp_all(id)?;
        }
        self.state(id)?.filter.set(spec.ttl);
        Ok(id)
    }

    fn get(&mut self, id: StateId, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let state = self.states.get_mut(usize::from(id.0)).ok_or_else(|| unregistered(id))?;
        let now = state.policy.now();
        let stored = match state.cache.get(key) {
            Some(known) => known,
            None => {
                let cf = self.db.cf(state.cf(self.parts.of(key)?)?)?;
                let found = self.db.get()?.get_pinned_cf(cf, key).rocks("cannot read state")?;
                state.cache.remember(key, found.as_deref())?;
                found.map(|v| v.to_vec())
            }
        };
        self.settle(id, key, stored, now)
    }

    fn get_many(&mut self, id: StateId, keys: &[&[u8]]) -> Result<Vec<Option<Vec<u8>>>> {
        let state = self.states.get_mut(usize::from(id.0)).ok_or_else(|| unregistered(id))?;
        let now = state.policy.now();
        let mut found: Vec<Option<Vec<u8>>> = Vec::with_capacity(keys.len());
        let mut misses: Vec<(&[u8], usize)> = Vec::new();
        for (i, key) in keys.iter().enumerate() {
            found.push(state.cache.get(key).unwrap_or_else(|| {
                misses.push((key, i));
                None
            }));
        }
        if !misses.is_empty() {
            misses.sort_unstable();
            let mut sorted: Vec<&[u8]> = misses.iter().map(|(k, _)| *k).collect();
            sorted.dedup();
            let mut places = misses.into_iter().peekable();
            for (part, own) in self.parts.cut(&sorted, |key| key) {
                let cf = self.db.cf(state.cf(part)?)?;
                let read = self.db.get()?.batched_multi_get_cf(cf, own.iter().copied(), true);
                for (key, outcome) in own.iter().zip(read) {
                    let stored = outcome.rocks("cannot read state")?;
                    state.cache.remember(key, stored.as_deref())?;
                    while let Some((_, place)) = places.next_if(|(k, _)| k == key) {
                        if let Some(slot) = found.get_mut(place) {
                            *slot = stored.as_deref().map(<[u8]>::to_vec);
                        }
                    }
                }
            }
        }
        keys.iter().zip(found).map(|(key, stored)| self.settle(id, key, stored, now)).collect()
    }

    fn entries(
        &mut self,
        id: StateId,
        keys: &FullKeys,
        window: Range<usize>,
        room: usize,
    ) -> Result<Option<Entries<'_>>> {
        if self.flushing.as_ref().is_some_and(|f| f.is_done()) {
            self.settle_flush()?;
        }
        let state = self.state(id)?;
        if state.cache.is_ordered() {
            return Ok(None);
        }
        if state.cache.must_flush() {
            self.flush(id)?;
        }
        let state = self.state(id)?;
        if let Cached::Points { table, limit } = &mut state.cache {
            table.shrink(*limit as u64);
        }
        if window.start == 0 {
            let all = 0..keys.len();
            let missed = std::mem::take(&mut state.misses) && all != window && self.load(id, keys, all, room)? > 0;
            self.state(id)?.misses = missed;
        }
        if self.load(id, keys, window, room)? > 0 {
            self.state(id)?.misses = true;
        }
        let state = self.state(id)?;
        match &mut state.cache {
            Cached::Points { table, .. } => Ok(Some(Entries::new(table, &state.policy))),
            Cached::Ordered(_) => Ok(None),
        }
    }

    fn put(&mut self, id: StateId, key: &[u8], value: &[u8]) -> Result<()> {
        self.check_group(id, key)?;
        let mut stored = std::mem::take(&mut self.scratch);
        stored.clear();
        self.state(id)?.policy.encode(value, &mut stored);
        let outcome = self.write(id, key, Some(&stored));
        self.scratch = stored;
        outcome
    }

    fn delete(&mut self, id: StateId, key: &[u8]) -> Result<()> {
        self.check_group(id, key)?;
        self.write(id, key, None)
    }

    fn scan(
        &mut self,
        id: StateId,
        prefix: &[u8],
        visit: &mut dyn FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        if !self.state(id)?.cache.is_ordered() {
            self.settle_flush()?;
        }
        let state = self.states.get(usize::from(id.0)).ok_or_else(|| unregistered(id))?;
        let (policy, now) = (state.policy.clone(), state.policy.now());
        let mut refreshed: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        let mut expired: Vec<Vec<u8>> = Vec::new();
        let outcome =
            merged(&self.db, &state.cfs_of(&self.parts, prefix)?, &state.cache, prefix, &mut |key, stored| {
                let value = match policy.read(stored, now)? {
                    Outcome::Live { value, refresh } => {
                        if refresh && let Some(now) = now {
                            let mut stored = stored.to_vec();
                            ttl::restamp(&mut stored, now);
                            refreshed.push((key.to_vec(), stored));
                        }
                        value
                    }
                    Outcome::Expired(visible) => {
                        expired.push(key.to_vec());
                        match visible {
                            Some(value) => value,
                            None => return Ok(ControlFlow::Continue(())),
                        }
                    }
                };
                visit(key, value)
            });
        for (key, stored) in refreshed {
            self.write(id, &key, Some(&stored))?;
        }
        for key in expired {
            self.write(id, &key, None)?;
        }
        outcome
    }

    fn delete_prefix(&mut self, id: StateId, prefix: &[u8]) -> Result<()> {
        if !self.state(id)?.cache.is_ordered() {
            self.settle_flush()?;
        }
        let state = self.states.get_mut(usize::from(id.0)).ok_or_else(|| unregistered(id))?;
        let mut keys: Vec<Vec<u8>> = Vec::new();
        merged(&self.db, &state.cfs_of(&self.parts, prefix)?, &state.cache, prefix, &mut |key, _| {
            keys.push(key.to_vec());
            Ok(if keys.len() > DELETE_SINGLY { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        if keys.len() <= DELETE_SINGLY {
            return keys.iter().try_for_each(|key| self.write(id, key, None));
        }
        self.settle_flush()?;
        let state = self.states.get_mut(usize::from(id.0)).ok_or_else(|| unregistered(id))?;
        let end = prefix_end(prefix).unwrap_or_else(|| group_start(u32::MAX));
        state.cache.forget(prefix);
        for cf in state.cfs_of(&self.parts, prefix)? {
            self.db
                .get()?
                .delete_range_cf_opt(self.db.cf(cf)?, prefix, end.as_slice(), &write_options())
                .rocks("cannot delete state")?;
        }
        Ok(())
    }

    /// Ordered states are written into the database here; point states are fixed as they are, and written by
    /// whoever flushes.
    fn snapshot(&mut self, request: &SnapshotRequest) -> Result<Box<dyn PendingSnapshot>> {
        self.settle_flush()?;
        self.drop_unregistered()?;
        let mut dirty = Vec::new();
        for i in 0..self.states.len() {
            let id = StateId(i as u16);
            let state = self.state(id)?;
            if !state.registered {
                continue;
            }
            match &mut state.cache {
                Cached::Points { table, .. } => dirty.push((state.cfs.clone(), table.take_dirty())),
                Cached::Ordered(_) => self.flush(id)?,
            }
        }
        self.snapshots += 1;
        let states: Vec<StateView> = self
            .states
            .iter()
            .filter(|s| s.registered)
            .map(|s| StateView { meta: s.meta.clone(), cfs: s.cfs.clone(), policy: s.policy.clone() })
            .collect();
        let native = request.format == SnapshotFormat::RocksDb;
        let builds_upon = native && self.how.incremental && !request.store.self_contained();
        let begun = Begun {
            native,
            store: Arc::clone(&request.store),
            now: states.iter().map(|s| s.policy.now()).collect(),
            states,
            groups: self.groups.clone(),
            hint: self.hint.clone(),
            folder: self.dir.join(format!("chk-{}-{}", request.checkpoint, self.snapshots)),
            upon: builds_upon.then(|| (self.uploads.completed(), self.uploads.begin(request.checkpoint))),
        };
        let work = Work { db: Arc::clone(&self.db), dirty, parts: self.parts.clone(), begun };
        let flushing = Flushing::new(work);
        self.flushing = Some(Arc::clone(&flushing));
        Ok(Box::new(Pending(flushing)))
    }

    fn checkpoint_complete(&mut self, id: CheckpointId) {
        self.uploads.complete(id);
    }

    fn checkpoint_aborted(&mut self, id: CheckpointId) {
        self.uploads.abort(id);
    }

    fn size(&self) -> BackendSize {
        let cfs = || self.states.iter().flat_map(|s| &s.cfs);
        let caches: u64 = self.states.iter().map(|s| s.cache.bytes() as u64).sum();
        BackendSize {
            memory: caches + self.db.sum(cfs(), c"rocksdb.cur-size-all-mem-tables"),
            disk: self.db.sum(cfs(), c"rocksdb.total-sst-files-size"),
            entries: self.db.sum(cfs(), c"rocksdb.estimate-num-keys"),
        }
    }
}
