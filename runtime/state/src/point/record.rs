//! The layout of a record: what one entry is in memory.
//!
//! Small records: `flags, epoch, key length, value length` (a byte each), key,
//! value. Large ones: `flags, epoch, 0, 0`, both lengths in four bytes, key,
//! value. A record's space may be larger than what it holds.

/// Records up to this size have small headers.
pub(super) const SMALL: usize = 256;
const SMALL_HEAD: usize = 4;
const LARGE_HEAD: usize = 12;

/// The record is one; 0 marks free space.
pub(super) const LIVE: u8 = 1;
/// The key has no value: deleted, never there, or not yet set.
pub(super) const ABSENT: u8 = 2;
/// The entry has moved; the first eight bytes behind the flags and the epoch say where to.
pub(super) const MOVED: u8 = 4;
/// Used since the eviction last came by.
pub(super) const USED: u8 = 8;

/// Space that a record needs.
pub(super) fn space(key: usize, value: usize) -> usize {
    let small = SMALL_HEAD + key + value;
    if small <= SMALL { small } else { LARGE_HEAD + key + value }
}

fn head(record: &[u8]) -> usize {
    if record.len() <= SMALL { SMALL_HEAD } else { LARGE_HEAD }
}

#[inline]
fn lengths(record: &[u8]) -> (usize, usize) {
    if record.len() <= SMALL {
        match record {
            [_, _, key, value, ..] => (usize::from(*key), usize::from(*value)),
            _ => (0, 0),
        }
    } else {
        let at = |from: usize| {
            let bytes = record.get(from..).and_then(|r| r.first_chunk::<4>());
            bytes.map_or(0, |b| u32::from_le_bytes(*b) as usize)
        };
        (at(4), at(8))
    }
}

#[inline]
pub(super) fn flags(record: &[u8]) -> u8 {
    record.first().copied().unwrap_or(0)
}

#[inline]
pub(super) fn set_flags(record: &mut [u8], flags: u8) {
    if let Some(first) = record.first_mut() {
        *first = flags;
    }
}

/// When it was last written.
#[inline]
pub(super) fn epoch(record: &[u8]) -> u8 {
    record.get(1).copied().unwrap_or(0)
}

#[inline]
pub(super) fn set_epoch(record: &mut [u8], epoch: u8) {
    if let Some(second) = record.get_mut(1) {
        *second = epoch;
    }
}

#[inline]
pub(super) fn key(record: &[u8]) -> &[u8] {
    let (key, _) = lengths(record);
    let head = head(record);
    record.get(head..head + key).unwrap_or(&[])
}

/// True for a record of this key.
#[inline]
pub(super) fn holds(record: &[u8], wanted: &[u8]) -> bool {
    let (len, _) = lengths(record);
    if len != wanted.len() {
        return false;
    }
    let head = head(record);
    let Some(own) = record.get(head..head + len) else { return false };
    same(own, wanted)
}

/// Short keys are compared as two overlapping words: a call of `memcmp` costs more than both.
#[inline]
fn same(a: &[u8], b: &[u8]) -> bool {
    match (a.first_chunk::<8>(), b.first_chunk::<8>(), a.last_chunk::<8>(), b.last_chunk::<8>()) {
        (Some(a0), Some(b0), Some(a1), Some(b1)) if a.len() <= 16 => {
            u64::from_le_bytes(*a0) == u64::from_le_bytes(*b0) && u64::from_le_bytes(*a1) == u64::from_le_bytes(*b1)
        }
        _ => a == b,
    }
}

#[inline]
pub(super) fn value(record: &[u8]) -> &[u8] {
    let (key, value) = lengths(record);
    let from = head(record) + key;
    record.get(from..from + value).unwrap_or(&[])
}

#[inline]
pub(super) fn value_mut(record: &mut [u8]) -> &mut [u8] {
    let (key, value) = lengths(record);
    let from = head(record) + key;
    record.get_mut(from..from + value).unwrap_or(&mut [])
}

/// True when a value of this length fits behind the key.
pub(super) fn fits(record: &[u8], value: usize) -> bool {
    let (key, _) = lengths(record);
    let small = record.len() <= SMALL;
    head(record) + key + value <= record.len() && (!small || value <= usize::from(u8::MAX))
}

/// Writes header and key of a new record without a value.
pub(super) fn begin(record: &mut [u8], key: &[u8], epoch: u8) {
    set_flags(record, LIVE | ABSENT | USED);
    set_epoch(record, epoch);
    let head = head(record);
    let mut lens = [0; 10];
    if head == SMALL_HEAD {
        lens[0] = key.len() as u8;
    } else if let Some(at) = lens.get_mut(2..6) {
        at.copy_from_slice(&(key.len() as u32).to_le_bytes());
    }
    if let (Some(to), Some(from)) = (record.get_mut(2..head), lens.get(..head - 2)) {
        to.copy_from_slice(from);
    }
    if let Some(to) = record.get_mut(head..head + key.len()) {
        to.copy_from_slice(key);
    }
}

/// Replaces the value by one that fits.
pub(super) fn set_value(record: &mut [u8], value: &[u8]) {
    let (key, _) = lengths(record);
    let head = head(record);
    if head == SMALL_HEAD {
        if let Some(len) = record.get_mut(3) {
            *len = value.len() as u8;
        }
    } else if let Some(len) = record.get_mut(8..12) {
        len.copy_from_slice(&(value.len() as u32).to_le_bytes());
    }
    if let Some(to) = record.get_mut(head + key..head + key + value.len()) {
        to.copy_from_slice(value);
    }
    set_flags(record, flags(record) & !ABSENT);
}

/// Leaves the record as a sign to where the entry is now.
pub(super) fn forward(record: &mut [u8], to: u64) {
    set_flags(record, LIVE | MOVED);
    if let Some(at) = record.get_mut(2..10) {
        at.copy_from_slice(&to.to_le_bytes());
    }
}

/// Where a moved entry is.
pub(super) fn forwarded(record: &[u8]) -> u64 {
    record.get(2..).and_then(|r| r.first_chunk::<8>()).map_or(0, |b| u64::from_le_bytes(*b))
}
