//! One state on the heap: its shards by key group, shared with running
//! snapshots and copied when written to, and its time to live.

use super::shard::Shard;
use crate::backend::StateSpec;
use crate::compat;
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
    pub policy: Policy,
    groups: Range<u32>,
    shards: Vec<Arc<Shard>>,
    entries: u64,
    bytes: u64,
    scratch: Vec<u8>,
    credit: usize,
    next_sweep: usize,
}

impl Table {
    pub fn new(meta: StateMeta, policy: Policy, groups: Range<u32>) -> Self {
        let shards = groups.clone().map(|_| Arc::new(Shard::new(meta.kind))).collect();
        Self { meta, policy, groups, shards, entries: 0, bytes: 0, scratch: Vec::new(), credit: 0, next_sweep: 0 }
    }

    pub fn memory(&self) -> u64 {
        self.bytes + self.entries * ENTRY_OVERHEAD
    }

    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// The content as of now, for a snapshot.
    pub fn freeze(&self) -> Vec<Arc<Shard>> {
        self.shards.clone()
    }

    /// Takes over a declaration that restored state was found to fit.
    pub fn adopt(&mut self, spec: &StateSpec, policy: Policy) -> Result<()> {
        let fit = compat::check(&self.meta, spec)?;
        self.meta = compat::meta_of(spec);
        self.policy = policy;
        if fit.ttl_starts {
            self.stamp_all();
        }
        Ok(())
    }

    fn stamp_all(&mut self) {
        let Some(now) = self.policy.now() else { return };
        for i in 0..self.shards.len() {
            let Some(shard) = self.shards.get(i) else { continue };
            let stamped: Vec<(Vec<u8>, Vec<u8>)> = shard
                .iter()
                .map(|(k, v)| {
                    let mut v = v.to_vec();
                    ttl::restamp(&mut v, now);
                    (k.to_vec(), v)
                })
                .collect();
            for (k, v) in stamped {
                self.set_in(i, &k, &v);
            }
        }
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

    fn set_in(&mut self, shard: usize, key: &[u8], stored: &[u8]) {
        let Some(shard) = self.shards.get_mut(shard) else { return };
        match Arc::make_mut(shard).set(key, stored) {
            Some(old) => self.bytes = self.bytes + stored.len() as u64 - old as u64,
            None => {
                self.entries += 1;
                self.bytes += (key.len() + stored.len()) as u64;
            }
        }
    }

    fn remove_in(&mut self, shard: usize, key: &[u8]) {
        let Some(shard) = self.shards.get_mut(shard) else { return };
        if shard.get(key).is_none() {
            return;
        }
        if let Some(old) = Arc::make_mut(shard).remove(key) {
            self.entries -= 1;
            self.bytes -= (key.len() + old) as u64;
        }
    }

    /// Sets a stored value, as restored.
    pub fn set_stored(&mut self, key: &[u8], stored: &[u8]) -> Result<()> {
        let i = self.index(key)?;
        self.set_in(i, key, stored);
        Ok(())
    }

    pub fn get(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let now = self.policy.now();
        self.clean_some(now);
        let i = self.index(key)?;
        let Some(stored) = self.shards.get(i).and_then(|s| s.get(key)) else { return Ok(None) };
        match self.policy.read(stored, now)? {
            Outcome::Live { value, refresh: false } => Ok(Some(value.to_vec())),
            Outcome::Live { value, refresh: true } => {
                let value = value.to_vec();
                self.put(key, &value)?;
                Ok(Some(value))
            }
            Outcome::Expired(value) => {
                let value = value.map(<[u8]>::to_vec);
                self.remove_in(i, key);
                Ok(value)
            }
        }
    }

    pub fn put(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let i = self.index(key)?;
        let now = self.policy.now();
        self.clean_some(now);
        let mut stored = std::mem::take(&mut self.scratch);
        stored.clear();
        ttl::encode(value, now, &mut stored);
        self.set_in(i, key, &stored);
        self.scratch = stored;
        Ok(())
    }

    pub fn delete(&mut self, key: &[u8]) -> Result<()> {
        let i = self.index(key)?;
        self.remove_in(i, key);
        Ok(())
    }

    /// Shards that may hold keys with this prefix.
    fn shards_of(&self, prefix: &[u8]) -> Result<Range<usize>> {
        if prefix.len() >= 2 {
            return self.index(prefix).map(|i| i..i + 1);
        }
        Ok(0..self.shards.len())
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
        'shards: for shard in self.shards.get(range).unwrap_or_default() {
            for (key, stored) in shard.range(prefix) {
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
            let Some(shard) = self.shards.get(i) else { continue };
            let keys: Vec<Vec<u8>> = shard.range(prefix).map(|(k, _)| k.to_vec()).collect();
            for key in keys {
                self.remove_in(i, &key);
            }
        }
        Ok(())
    }

    /// Incremental cleanup: every access earns a few entries' worth of checking, and a key group is
    /// swept when its size is earned.
    fn clean_some(&mut self, now: Option<i64>) {
        if now.is_none() || self.shards.is_empty() {
            return;
        }
        self.credit += CLEANUP_CREDIT;
        for _ in 0..self.shards.len() {
            let i = self.next_sweep % self.shards.len();
            let Some(shard) = self.shards.get(i) else { return };
            if shard.len() > self.credit {
                return;
            }
            self.next_sweep = i + 1;
            if shard.len() == 0 {
                continue;
            }
            self.credit = 0;
            let expired: Vec<Vec<u8>> =
                shard.iter().filter(|(_, v)| self.policy.expired(v, now)).map(|(k, _)| k.to_vec()).collect();
            for key in expired {
                self.remove_in(i, &key);
            }
            return;
        }
        self.credit = 0;
    }
}
