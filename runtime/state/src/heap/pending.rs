//! The background part of a heap snapshot: writes the frozen shards as one
//! canonical file, without expired entries.

use super::shard::Shard;
use crate::canonical::{self, Writer};
use crate::point;
use crate::snapshot::{KeyedSnapshot, PendingSnapshot, Scope, SnapshotFile, SnapshotFormat, SnapshotStore, StateMeta};
use crate::ttl::Policy;
use std::ops::Range;
use std::sync::Arc;
use streamjob_core::{Error, Result};

/// A state's entries as of a barrier.
pub(super) enum Frozen {
    Points(point::Frozen),
    Ordered(Vec<Arc<Shard>>),
}

pub(super) struct FrozenState {
    pub meta: StateMeta,
    pub policy: Policy,
    pub now: Option<i64>,
    pub content: Frozen,
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
        let mut writer = Writer::new(self.store.create(Scope::Exclusive, &self.hint)?, &metas)?;
        for (index, state) in self.states.into_iter().enumerate() {
            let index = u16::try_from(index).map_err(|_| Error::internal("more than 65,535 states in one operator"))?;
            let mut push = |key: &[u8], stored: &[u8]| {
                if state.policy.expired(stored, state.now) { Ok(()) } else { writer.push(index, key, stored) }
            };
            match state.content {
                Frozen::Points(points) => points.visit(self.groups.clone(), &mut push)?,
                // Each shard is released when it is written, so that later writes need not copy it.
                Frozen::Ordered(shards) => {
                    for shard in shards {
                        shard.range(&[]).try_for_each(|(key, stored)| push(key, stored))?;
                    }
                }
            }
        }
        let (file, totals) = writer.finish()?;
        let mut files = Vec::new();
        let mut uploaded_bytes = 0;
        if totals.entries > 0 {
            let file = file.finish()?;
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
