//! Keys of one batch: full state keys (key group, key, sub key), each distinct
//! one once, so that state is read and written once per key and batch.

use crate::operator::OperatorContext;
use hashbrown::HashTable;
use streamjob_core::{Error, Result, key};
use streamjob_state::KeyedBackend;

/// Distinct byte keys, numbered in order of first appearance.
#[derive(Debug, Default)]
pub struct KeyTable {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    hashes: Vec<u64>,
    table: HashTable<u32>,
}

impl KeyTable {
    /// Number of keys.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// True without keys.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Forgets the keys, keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.hashes.clear();
        self.table.clear();
    }

    /// Key number `index`; empty beyond the last.
    pub fn key(&self, index: usize) -> &[u8] {
        key_at(&self.bytes, &self.ends, index)
    }

    /// All keys in order.
    pub fn keys(&self) -> Vec<&[u8]> {
        (0..self.len()).map(|i| self.key(i)).collect()
    }

    /// The number of a key with the given hash, new or old, and whether it is new.
    pub fn intern(&mut self, hash: u64, key: &[u8]) -> (usize, bool) {
        let Self { bytes, ends, hashes, table } = self;
        if let Some(i) = table.find(hash, |i| key_at(bytes, ends, *i as usize) == key) {
            return (*i as usize, false);
        }
        let index = ends.len();
        bytes.extend_from_slice(key);
        ends.push(bytes.len());
        hashes.push(hash);
        table.insert_unique(hash, index as u32, |i| hashes.get(*i as usize).copied().unwrap_or(0));
        (index, true)
    }

    /// The number of a key, if it is there.
    pub fn find(&self, hash: u64, key: &[u8]) -> Option<usize> {
        self.table.find(hash, |i| self.key(*i as usize) == key).map(|i| *i as usize)
    }
}

fn key_at<'a>(bytes: &'a [u8], ends: &[usize], index: usize) -> &'a [u8] {
    let start = index.checked_sub(1).and_then(|i| ends.get(i)).copied().unwrap_or(0);
    ends.get(index).and_then(|end| bytes.get(start..*end)).unwrap_or(&[])
}

/// Writes the key group of `key` (with its hash) to `out`, replacing what is there.
pub fn start_key(out: &mut Vec<u8>, hash: u64, groups: u32) {
    out.clear();
    out.extend(key::key_group(hash, groups).to_be_bytes());
}

/// The operator's keyed state.
pub fn backend<'b>(ctx: &'b mut OperatorContext<'_>) -> Result<&'b mut dyn KeyedBackend> {
    match ctx.keyed.as_mut() {
        Some(backend) => Ok(&mut **backend),
        None => Err(Error::internal(format!("operator {} has no keyed state", ctx.info.uid))),
    }
}
