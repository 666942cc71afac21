//! The full state keys of a batch's rows, with their hashes and key groups.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Int32Type, Int64Type};
use streamjob_core::Result;
use streamjob_core::key::{self, KeyRows};

/// Full keys, one a row: key group, then the canonical key.
#[derive(Debug, Default)]
pub struct FullKeys {
    bytes: Vec<u8>,
    /// Length of every key, where all have the same.
    width: Option<usize>,
    /// Else where each ends.
    ends: Vec<usize>,
    hashes: Vec<u64>,
    groups: Vec<u16>,
}

impl FullKeys {
    /// Replaces the content by the keys of these columns; `groups` is the number of key groups.
    pub fn encode(&mut self, columns: &[ArrayRef], rows: usize, groups: u32) -> Result<()> {
        self.bytes.clear();
        self.ends.clear();
        self.hashes.clear();
        self.groups.clear();
        self.width = None;
        match columns {
            [column] if column.null_count() == 0 && column.data_type() == &DataType::Int64 => {
                let values = column.as_primitive::<Int64Type>().values();
                self.fixed(values.iter().map(|v| ((*v as u64) ^ (1 << 63)).to_be_bytes()), groups);
            }
            [column] if column.null_count() == 0 && column.data_type() == &DataType::Int32 => {
                let values = column.as_primitive::<Int32Type>().values();
                self.fixed(values.iter().map(|v| ((*v as u32) ^ (1 << 31)).to_be_bytes()), groups);
            }
            _ => {
                KeyRows::append(columns, rows, 2, &mut self.bytes, &mut self.ends)?;
                let mut start = 0;
                for end in &self.ends {
                    let Some(full) = self.bytes.get_mut(start..*end) else { continue };
                    let Some((group_bytes, key)) = full.split_first_chunk_mut::<2>() else { continue };
                    let hash = key::hash(key);
                    let group = key::key_group(hash, groups);
                    *group_bytes = group.to_be_bytes();
                    self.hashes.push(hash);
                    self.groups.push(group);
                    start = *end;
                }
            }
        }
        Ok(())
    }

    /// Keys that are one value of `N` bytes each.
    fn fixed<const N: usize>(&mut self, values: impl ExactSizeIterator<Item = [u8; N]>, groups: u32) {
        let width = 3 + N;
        self.width = Some(width);
        self.bytes.resize(values.len() * width, 0);
        for (full, value) in self.bytes.chunks_exact_mut(width).zip(values) {
            let Some((group_bytes, key)) = full.split_first_chunk_mut::<2>() else { continue };
            if let Some((first, rest)) = key.split_first_mut() {
                *first = 1;
                rest.copy_from_slice(&value);
            }
            let hash = key::hash(key);
            let group = key::key_group(hash, groups);
            *group_bytes = group.to_be_bytes();
            self.hashes.push(hash);
            self.groups.push(group);
        }
    }

    /// Replaces the content by keys of `groups`, each with a value behind it: those of the given rows.
    pub fn behind(&mut self, groups: &FullKeys, rows: &[usize], values: &KeyRows) {
        self.bytes.clear();
        self.ends.clear();
        self.hashes.clear();
        self.groups.clear();
        self.width = None;
        for row in rows {
            let start = self.bytes.len() + 2;
            self.bytes.extend_from_slice(groups.key(*row));
            self.bytes.extend_from_slice(values.row(*row));
            self.ends.push(self.bytes.len());
            self.hashes.push(key::hash(self.bytes.get(start..).unwrap_or(&[])));
            self.groups.push(groups.groups.get(*row).copied().unwrap_or(0));
        }
    }

    /// Appends a key.
    pub fn push(&mut self, key: &[u8], groups: u32) {
        let hash = key::hash(key);
        let group = key::key_group(hash, groups);
        self.bytes.extend(group.to_be_bytes());
        self.bytes.extend_from_slice(key);
        self.ends.push(self.bytes.len());
        self.hashes.push(hash);
        self.groups.push(group);
    }

    /// Appends a full key as it is.
    pub fn push_full(&mut self, full: &[u8]) {
        self.bytes.extend_from_slice(full);
        self.ends.push(self.bytes.len());
        self.hashes.push(super::hash_of(full));
        self.groups.push(full.first_chunk::<2>().map_or(0, |g| u16::from_be_bytes(*g)));
    }

    /// Number of keys.
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    /// True without keys.
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// Full key number `row`; empty beyond the last.
    #[inline]
    pub fn key(&self, row: usize) -> &[u8] {
        if let Some(width) = self.width {
            return self.bytes.get(row * width..(row + 1) * width).unwrap_or(&[]);
        }
        let start = row.checked_sub(1).and_then(|r| self.ends.get(r)).copied().unwrap_or(0);
        self.ends.get(row).and_then(|end| self.bytes.get(start..*end)).unwrap_or(&[])
    }

    /// The hashes of the keys behind their groups.
    #[inline]
    pub fn hashes(&self) -> &[u64] {
        &self.hashes
    }

    /// The key groups.
    #[inline]
    pub fn groups(&self) -> &[u16] {
        &self.groups
    }
}
