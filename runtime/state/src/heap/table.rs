//! One state on the heap: a point table, or where entries are scanned, ordered
//! shards by key group, shared with running snapshots and copied when written
//! to; and its time to live.

use super::pending::Frozen;
use super::shard::Shard;
use crate::backend::{StateKind, StateSpec};
use crate::compat;
use crate::point::{Entries, FullKeys, Known, PointTable};
use crate::restore::group_of;
use crate::snapshot::StateMeta;
use crate::ttl::{self, Outcome, Policy};
use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use streamjob_core::{Error, Result};

/// Estimated bytes of an entry beyond its key and value: two boxes and their place in the map.
const ENTRY_OVERHEAD: u64 = 64;
/// Entries that each access to a state with time to live pays for checking.
const CLEANUP_CREDIT: usize = 5;

pub(super) struct Table {
    pub meta: StateMeta,
    /// Whether an operator uses it.
    pub registered: bool,
    pub policy: Policy,
    groups: Range<u32>,
    content: Content,
    scratch: Vec<u8>,
    credit: usize,
    next_sweep: usize,
    /// No entry has an older stamp, and none that was seen since the sweep began its round.
    oldest: i64,
    oldest_seen: i64,
}

/// The entries.
enum Content {
    Points(PointTable),
    Ordered { shards: Vec<Arc<Shard>>, entries: u64, bytes: u64 },
}

impl Content {
    fn get(&mut self, shard: usize, key: &[u8]) -> Option<&[u8]> {
        match self {
            Self::Points(points) => match points.get(key) {
                Known::Stored(stored) => Some(stored),
                Known::No | Known::Absent => None,
            },
            Self::Ordered { shards, .. } => shards.get(shard).and_then(|s| s.get(key)),
        }
    }

    fn set(&mut self, shard: usize, key: &[u8], stored: &[u8]) -> Result<()> {
        let (shards, entries, bytes) = match self {
            Self::Points(points) => return points.set(key, Some(stored)),
            Self::Ordered { shards, entries, bytes } => (shards, entries, bytes),
        };
        let Some(shard) = shards.get_mut(shard) else { return Ok(()) };
        match Arc::make_mut(shard).set(key, stored) {
            Some(old) => *bytes = *bytes + stored.len() as u64 - old as u64,
            None => {
                *entries += 1;
                *bytes += (key.len() + stored.len()) as u64;
            }
        }
        Ok(())
    }

    fn remove(&mut self, shard: usize, key: &[u8]) -> Result<()> {
        let (shards, entries, bytes) = match self {
            Self::Points(points) => return points.set(key, None),
            Self::Ordered { shards, entries, bytes } => (shards, entries, bytes),
        };
        let Some(shard) = shards.get_mut(shard).filter(|s| s.get(key).is_some()) else { return Ok(()) };
        if let Some(old) = Arc::make_mut(shard).remove(key) {
            *entries -= 1;
            *bytes -= (key.len() + old) as u64;
        }
        Ok(())
    }

    /// Entries of a key group whose key starts with `prefix`, in key order.
    fn range<'a>(
        &'a self,
        shard: usize,
        group: u32,
        prefix: &'a [u8],
    ) -> Box<dyn Iterator<Item = (&'a [u8], &'a [u8])> + 'a> {
        match self {
            Self::Points(points) if prefix.len() < 2 => {
                let mut all = points.range(&(group as u16).to_be_bytes());
                all.retain(|(k, _)| k.starts_with(prefix));
                Box::new(all.into_iter())
            }
            Self::Points(points) => Box::new(points.range(prefix).into_iter()),
            Self::Ordered { shards, .. } => Box::new(shards.get(shard).into_iter().flat_map(|s| s.range(prefix))),
        }
    }

    /// Entries of a key group in no particular order.
    fn group(&self, shard: usize) -> Box<dyn Iterator<Item = (&[u8], &[u8])> + '_> {
        match self {
            Self::Points(points) => Box::new(points.group(shard)),
            Self::Ordered { shards, .. } => Box::new(shards.get(shard).into_iter().flat_map(|s| s.range(&[]))),
        }
    }

    fn group_len(&self, shard: usize) -> usize {
        match self {
            Self::Points(points) => points.group_len(shard),
            Self::Ordered { shards, .. } => shards.get(shard).map_or(0, |s| s.len()),
        }
    }
}

impl Table {
    pub fn new(meta: StateMeta, policy: Policy, groups: Range<u32>) -> Self {
        let content = match meta.kind {
            StateKind::Value | StateKind::Aggregating => Content::Points(PointTable::new(groups.clone(), false)),
            StateKind::List | StateKind::Map | StateKind::Timer => {
                let shards = groups.clone().map(|_| Arc::new(Shard::default())).collect();
                Content::Ordered { shards, entries: 0, bytes: 0 }
            }
        };
        Self {
            meta,
            registered: false,
            policy,
            groups,
            content,
            scratch: Vec::new(),
            credit: 0,
            next_sweep: 0,
            oldest: i64::MAX,
            oldest_seen: i64::MAX,
        }
    }

    pub fn memory(&self) -> u64 {
        match &self.content {
            Content::Points(points) => points.memory(),
            Content::Ordered { entries, bytes, .. } => bytes + entries * ENTRY_OVERHEAD,
        }
    }

    pub fn entries(&self) -> u64 {
        match &self.content {
            Content::Points(points) => points.len(),
            Content::Ordered { entries, .. } => *entries,
        }
    }

    /// The content as of now, for a snapshot.
    pub fn freeze(&mut self) -> Frozen {
        match &mut self.content {
            Content::Points(points) => Frozen::Points(points.freeze()),
            Content::Ordered { shards, .. } => Frozen::Ordered(shards.clone()),
        }
    }

    /// Looks up the keys of a point state; `room` for new values. `None` for an ordered one.
    pub fn resolve(&mut self, keys: &FullKeys, window: Range<usize>, room: usize) -> Result<bool> {
        let now = self.policy.now();
        self.clean_some(now, window.len())?;
        let room = room + Entries::overhead(&self.policy);
        match &mut self.content {
            Content::Points(points) => points.resolve(keys, window, room).map(|_| true),
            Content::Ordered { .. } => Ok(false),
        }
    }

    /// The entries that were resolved.
    pub fn resolved(&mut self) -> Option<Entries<'_>> {
        match &mut self.content {
            Content::Points(points) => Some(Entries::new(points, &self.policy)),
            Content::Ordered { .. } => None,
        }
    }

    /// Takes over a declaration that restored state was found to fit.
    pub fn adopt(&mut self, spec: &StateSpec, policy: Policy) -> Result<()> {
        let fit = compat::check(&self.meta, spec)?;
        self.meta = compat::meta_of(spec);
        self.policy = policy;
        if fit.ttl_starts {
            self.stamp_all()?;
        }
        Ok(())
    }

    fn stamp_all(&mut self) -> Result<()> {
        let Some(now) = self.policy.now() else { return Ok(()) };
        self.oldest = self.oldest.min(now);
        for i in 0..self.groups.len() {
            let restamped = |(k, v): (&[u8], &[u8])| {
                let mut v = v.to_vec();
                ttl::restamp(&mut v, now);
                (k.to_vec(), v)
            };
            let stamped: Vec<(Vec<u8>, Vec<u8>)> = self.content.group(i).map(restamped).collect();
            for (k, v) in stamped {
                self.content.set(i, &k, &v)?;
            }
        }
        Ok(())
    }

    fn index(&self, key: &[u8]) -> Result<usize> {
        let group = group_of(key)?;
        if !self.groups.contains(&group) {
            return Err(Error::internal(format!(
                "state '{}': key group {group} is not of this subtask, which has {:?}",
                self.meta.name, self.groups
            )));
        }
        Ok((group - self.groups.start) as usize)
    }

    /// Sets a stored value, as restored.
    pub fn set_stored(&mut self, key: &[u8], stored: &[u8]) -> Result<()> {
        let i = self.index(key)?;
        if let Ok((_, Some(stamp))) = ttl::decode(stored) {
            self.oldest = self.oldest.min(stamp);
        }
        self.content.set(i, key, stored)
    }

    pub fn get(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let now = self.policy.now();
        self.clean_some(now, 1)?;
        let i = self.index(key)?;
        let Some(stored) = self.content.get(i, key) else { return Ok(None) };
        match self.policy.read(stored, now)? {
            Outcome::Live { value, refresh: false } => Ok(Some(value.to_vec())),
            Outcome::Live { value, refresh: true } => {
                let value = value.to_vec();
                self.put(key, &value)?;
                Ok(Some(value))
            }
            Outcome::Expired(value) => {
                let value = value.map(<[u8]>::to_vec);
                self.content.remove(i, key)?;
                Ok(value)
            }
        }
    }

    pub fn put(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let i = self.index(key)?;
        let now = self.policy.now();
        self.clean_some(now, 1)?;
        let mut stored = std::mem::take(&mut self.scratch);
        stored.clear();
        ttl::encode(value, now, &mut stored);
        let outcome = self.content.set(i, key, &stored);
        self.scratch = stored;
        outcome
    }

    pub fn delete(&mut self, key: &[u8]) -> Result<()> {
        let i = self.index(key)?;
        self.content.remove(i, key)
    }

    /// Shards that may hold keys with this prefix.
    fn shards_of(&self, prefix: &[u8]) -> Result<Range<usize>> {
        if prefix.len() >= 2 {
            return self.index(prefix).map(|i| i..i + 1);
        }
        Ok(0..self.groups.len())
    }

    pub fn scan(
        &mut self,
        prefix: &[u8],
        visit: &mut dyn FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let now = self.policy.now();
        let mut refreshed: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        let mut expired: Vec<Vec<u8>> = Vec::new();
        let mut outcome = Ok(());
        let range = self.shards_of(prefix)?;
        'shards: for shard in range {
            for (key, stored) in self.content.range(shard, self.groups.start + shard as u32, prefix) {
                let value = match self.policy.read(stored, now)? {
                    Outcome::Live { value, refresh } => {
                        if refresh {
                            refreshed.push((key.to_vec(), value.to_vec()));
                        }
                        value
                    }
                    Outcome::Expired(visible) => {
                        expired.push(key.to_vec());
                        match visible {
                            Some(value) => value,
                            None => continue,
                        }
                    }
                };
                match visit(key, value) {
                    Ok(ControlFlow::Continue(())) => {}
                    Ok(ControlFlow::Break(())) => break 'shards,
                    Err(e) => {
                        outcome = Err(e);
                        break 'shards;
                    }
                }
            }
        }
        for (key, value) in refreshed {
            self.put(&key, &value)?;
        }
        for key in expired {
            self.delete(&key)?;
        }
        outcome
    }

    pub fn delete_prefix(&mut self, prefix: &[u8]) -> Result<()> {
        for i in self.shards_of(prefix)? {
            let keys = self.content.range(i, self.groups.start + i as u32, prefix).map(|(k, _)| k.to_vec());
            for key in keys.collect::<Vec<Vec<u8>>>() {
                self.content.remove(i, &key)?;
            }
        }
        Ok(())
    }

    /// Incremental cleanup: every access earns a few entries' worth of checking, and a key group is
    /// swept when its size is earned. As long as nothing can be expired, nothing is swept.
    fn clean_some(&mut self, now: Option<i64>, accesses: usize) -> Result<()> {
        let groups = self.groups.len();
        let Some(time) = now.filter(|_| groups > 0) else { return Ok(()) };
        self.oldest = self.oldest.min(time);
        self.oldest_seen = self.oldest_seen.min(time);
        if !self.policy.past(self.oldest, time) {
            return Ok(());
        }
        self.credit += CLEANUP_CREDIT * accesses;
        for _ in 0..groups {
            if self.next_sweep >= groups {
                self.next_sweep = 0;
                self.oldest = std::mem::replace(&mut self.oldest_seen, time);
                if !self.policy.past(self.oldest, time) {
                    return Ok(());
                }
            }
            let i = self.next_sweep;
            let len = self.content.group_len(i);
            if len > self.credit {
                return Ok(());
            }
            self.next_sweep = i + 1;
            if len == 0 {
                continue;
            }
            self.credit -= len;
            let mut expired: Vec<Vec<u8>> = Vec::new();
            for (key, stored) in self.content.group(i) {
                if self.policy.expired(stored, now) {
                    expired.push(key.to_vec());
                } else if let Ok((_, Some(stamp))) = ttl::decode(stored) {
                    self.oldest_seen = self.oldest_seen.min(stamp);
                }
            }
            for key in expired {
                self.content.remove(i, &key)?;
            }
        }
        self.credit = 0;
        Ok(())
    }
}
