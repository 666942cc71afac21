//! A keyed backend in ordered maps: the contract of `KeyedBackend` in its
//! shortest form, to test operators and the runtime without a real backend.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use streamjob_core::error::ErrorExt;
use streamjob_core::{CheckpointId, Error, Result};
use streamjob_state::backend::{BackendSize, SnapshotRequest};
use streamjob_state::snapshot::SnapshotFile;
use streamjob_state::{
    BackendFactory, KeyedBackend, KeyedSnapshot, OpenRequest, PendingSnapshot, Scope, SnapshotFormat, SnapshotStore,
    StateId, StateMeta, StateSpec,
};

/// Makes backends that live in maps. Time to live is refused.
#[derive(Debug, Default, Clone, Copy)]
pub struct MemoryBackends;

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

struct MemoryBackend {
    groups: std::ops::Range<u32>,
    ids: HashMap<String, StateId>,
    states: Vec<(StateMeta, Map)>,
    restored: BTreeMap<String, (StateMeta, Map)>,
}

#[derive(Serialize, Deserialize)]
struct Content {
    states: Vec<(StateMeta, Vec<(Vec<u8>, Vec<u8>)>)>,
}

impl BackendFactory for MemoryBackends {
    fn name(&self) -> &'static str {
        "memory-test"
    }

    fn open(&self, request: OpenRequest) -> Result<Box<dyn KeyedBackend>> {
        let mut restored: BTreeMap<String, (StateMeta, Map)> = BTreeMap::new();
        for file in request.restore.iter().flat_map(|s| &s.files) {
            let bytes = request.store.read(&file.file)?;
            let content: Content = serde_json::from_slice(&bytes).internal("snapshot of the test backend")?;
            for (meta, entries) in content.states {
                let (_, map) = restored.entry(meta.name.clone()).or_insert_with(|| (meta, Map::new()));
                map.extend(
                    entries.into_iter().filter(|(key, _)| group(key).is_some_and(|g| request.groups.contains(&g))),
                );
            }
        }
        Ok(Box::new(MemoryBackend { groups: request.groups, ids: HashMap::new(), states: Vec::new(), restored }))
    }
}

fn group(key: &[u8]) -> Option<u32> {
    key.first_chunk::<2>().map(|b| u32::from(u16::from_be_bytes(*b)))
}

impl MemoryBackend {
    fn map(&mut self, state: StateId) -> Result<&mut Map> {
        self.states
            .get_mut(usize::from(state.0))
            .map(|(_, map)| map)
            .ok_or_else(|| Error::internal(format!("state {} is not registered", state.0)))
    }
}

impl KeyedBackend for MemoryBackend {
    fn register(&mut self, spec: &StateSpec) -> Result<StateId> {
        if let Some(id) = self.ids.get(&spec.name) {
            return Ok(*id);
        }
        if spec.ttl.is_some() {
            return Err(Error::user(format!("state {:?}: the test backend has no time to live", spec.name))
                .fix("use the heap backend"));
        }
        let meta = StateMeta {
            name: spec.name.clone(),
            kind: spec.kind,
            key_schema: spec.key_schema.clone(),
            value_schema: spec.value_schema.clone(),
            version: spec.version,
            ttl: false,
        };
        let map = match self.restored.remove(&spec.name) {
            Some((old, map)) if old == meta => map,
            Some((old, _)) => return Err(Error::user(format!("state {:?} is {meta:?} but was {old:?}", spec.name))),
            None => Map::new(),
        };
        let id = StateId(self.states.len() as u16);
        self.states.push((meta, map));
        self.ids.insert(spec.name.clone(), id);
        Ok(id)
    }

    fn get(&mut self, state: StateId, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.map(state)?.get(key).cloned())
    }

    fn put(&mut self, state: StateId, key: &[u8], value: &[u8]) -> Result<()> {
        match group(key) {
            Some(g) if self.groups.contains(&g) => {}
            other => return Err(Error::internal(format!("key group {other:?} is not in {:?}", self.groups))),
        }
        self.map(state)?.insert(key.to_vec(), value.to_vec());
        Ok(())
    }

    fn delete(&mut self, state: StateId, key: &[u8]) -> Result<()> {
        self.map(state)?.remove(key);
        Ok(())
    }

    fn scan(
        &mut self,
        state: StateId,
        prefix: &[u8],
        visit: &mut dyn FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        for (key, value) in self.map(state)?.range(prefix.to_vec()..).take_while(|(k, _)| k.starts_with(prefix)) {
            if visit(key, value)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn delete_prefix(&mut self, state: StateId, prefix: &[u8]) -> Result<()> {
        self.map(state)?.retain(|k, _| !k.starts_with(prefix));
        Ok(())
    }

    fn snapshot(&mut self, request: &SnapshotRequest) -> Result<Box<dyn PendingSnapshot>> {
        // States that no one registered again stay in the next snapshot.
        let states = self
            .states
            .iter()
            .chain(self.restored.values())
            .map(|(meta, map)| (meta.clone(), map.iter().map(|(k, v)| (k.clone(), v.clone())).collect()))
            .collect();
        Ok(Box::new(Pending {
            content: Content { states },
            groups: self.groups.clone(),
            checkpoint: request.checkpoint,
            store: request.store.clone(),
        }))
    }

    fn checkpoint_complete(&mut self, _id: CheckpointId) {}

    fn checkpoint_aborted(&mut self, _id: CheckpointId) {}

    fn size(&self) -> BackendSize {
        let entries = self.states.iter().map(|(_, map)| map.len() as u64).sum();
        let memory = self.states.iter().flat_map(|(_, m)| m).map(|(k, v)| (k.len() + v.len()) as u64).sum();
        BackendSize { memory, disk: 0, entries }
    }
}

struct Pending {
    content: Content,
    groups: std::ops::Range<u32>,
    checkpoint: CheckpointId,
    store: Arc<dyn SnapshotStore>,
}

impl PendingSnapshot for Pending {
    fn complete(self: Box<Self>) -> Result<KeyedSnapshot> {
        let bytes = serde_json::to_vec(&self.content).internal("snapshot of the test backend")?;
        let hint = format!("chk-{}-{}", self.checkpoint, self.groups.start);
        let file = self.store.write(Scope::Exclusive, &hint, &bytes)?;
        Ok(KeyedSnapshot {
            format: SnapshotFormat::Canonical,
            group_start: self.groups.start,
            group_end: self.groups.end,
            states: self.content.states.into_iter().map(|(meta, _)| meta).collect(),
            files: vec![SnapshotFile { name: "state.json".into(), file, meta: serde_json::Value::Null }],
            uploaded_bytes: bytes.len() as u64,
        })
    }
}
