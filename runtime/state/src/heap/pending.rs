//! The background part of a heap snapshot: writes the frozen shards as one
//! canonical file, without expired entries.

use super::shard::Shard;
use crate::canonical::{self, Writer};
use crate::snapshot::{KeyedSnapshot, PendingSnapshot, Scope, SnapshotFile, SnapshotFormat, SnapshotStore, StateMeta};
use crate::ttl::Policy;
use std::ops::Range;
use std::sync::Arc;
use streamjob_core::{Error, Result};

pub(super) struct FrozenState {
    pub meta: StateMeta,
    pub policy: Policy,
    pub now: Option<i64>,
    pub shards: Vec<Arc<Shard>>,
}

pub(super) struct HeapPending {
    pub states: Vec<FrozenState>,
    pub groups: Range<u32>,
    pub store: Arc<dyn SnapshotStore>,
    pub hint: String,
}

impl PendingSnapshot for HeapPending {
    fn complete(self: Box<Self>) -> Result<KeyedSnapshot> {
        let metas: Vec<StateMeta> = self.states.iter().map(|s| s.meta.clone()).collect();
        let mut writer = Writer::new(Vec::new(), &metas)?;
        for (index, state) in self.states.into_iter().enumerate() {
            let index = u16::try_from(index).map_err(|_| Error::internal("more than 65,535 states in one operator"))?;
            // Each shard is released when it is written, so that later writes need not copy it.
            for shard in state.shards {
                for (key, stored) in shard.range(&[]) {
                    if !state.policy.expired(stored, state.now) {
                        writer.push(index, key, stored)?;
                    }
                }
            }
        }
        let (bytes, totals) = writer.finish()?;
        let mut files = Vec::new();
        let mut uploaded_bytes = 0;
        if totals.entries > 0 {
            let file = self.store.write(Scope::Exclusive, &self.hint, &bytes)?;
            uploaded_bytes = file.size;
            files.push(SnapshotFile {
                name: canonical::FILE_NAME.to_string(),
                file,
                meta: serde_json::json!({ "entries": totals.entries }),
            });
        }
        Ok(KeyedSnapshot {
            format: SnapshotFormat::Canonical,
            group_start: self.groups.start,
            group_end: self.groups.end,
            states: metas,
            files,
            uploaded_bytes,
        })
    }
}
