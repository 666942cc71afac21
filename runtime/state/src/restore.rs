//! Choosing and reading the snapshots that a subtask restores from, whatever
//! backend wrote them.

use crate::canonical;
use crate::snapshot::{FileRef, KeyedSnapshot, SnapshotFormat, SnapshotStore, StateMeta};
use std::fs::{self, File};
use std::io::Cursor;
use std::ops::Range;
use std::path::Path;
use streamjob_core::error::ErrorExt;
use streamjob_core::{Error, Result};

/// The snapshots that hold any of `groups`: what a new subtask restores from, at any parallelism.
pub fn overlapping(snapshots: &[KeyedSnapshot], groups: &Range<u32>) -> Vec<KeyedSnapshot> {
    snapshots.iter().filter(|s| s.group_start < groups.end && groups.start < s.group_end).cloned().collect()
}

/// Reads snapshots in one backend's own format on behalf of another backend.
pub trait NativeReader: Send + Sync {
    /// The format that it reads.
    fn format(&self) -> SnapshotFormat;

    /// Visits all entries of `groups` with their stored values; sorted by key within a state. `dir` is an
    /// empty scratch folder that may be created, and is removed again.
    fn read(
        &self,
        snapshot: &KeyedSnapshot,
        store: &dyn SnapshotStore,
        groups: &Range<u32>,
        dir: &Path,
        visit: canonical::Visit<'_>,
    ) -> Result<()>;
}

/// Larger files are read from the disk, a batch at a time: else state and file would be in memory together.
const IN_MEMORY: u64 = 16 << 20;

/// Visits the entries of `groups` in a snapshot in canonical format, cut to the snapshot's own groups. `dir` is a
/// scratch folder that may be created; nothing stays in it.
pub fn read_canonical(
    snapshot: &KeyedSnapshot,
    store: &dyn SnapshotStore,
    groups: &Range<u32>,
    dir: &Path,
    visit: canonical::Visit<'_>,
) -> Result<()> {
    let own = groups.start.max(snapshot.group_start)..groups.end.min(snapshot.group_end);
    for file in &snapshot.files {
        if file.file.size <= IN_MEMORY {
            canonical::read(Cursor::new(store.read(&file.file)?), &file.name, &own, visit)?;
        } else {
            canonical::read(downloaded(&file.file, store, dir)?, &file.name, &own, visit)?;
        }
    }
    Ok(())
}

/// A state file, open, whose name in `dir` is gone already.
fn downloaded(file: &FileRef, store: &dyn SnapshotStore, dir: &Path) -> Result<File> {
    let path = dir.join(canonical::FILE_NAME);
    let failed = |what: &str| format!("cannot {what} {} to restore from it", path.display());
    fs::create_dir_all(dir).transient(failed("make the folder of"))?;
    store.download(file, &path)?;
    let opened = File::open(&path).transient(failed("open"));
    fs::remove_file(&path).transient(failed("remove"))?;
    // Not an error where others use the folder.
    let _ = fs::remove_dir(dir);
    opened
}

/// The states of all snapshots, each name once. Errors (Internal) when two snapshots describe one differently.
pub fn merged_states(snapshots: &[KeyedSnapshot]) -> Result<Vec<StateMeta>> {
    let mut merged: Vec<StateMeta> = Vec::new();
    for state in snapshots.iter().flat_map(|s| &s.states) {
        match merged.iter().find(|m| m.name == state.name) {
            None => merged.push(state.clone()),
            Some(m) if m == state => {}
            Some(m) => {
                return Err(Error::internal(format!(
                    "two subtasks' snapshots describe state '{}' differently: {m:?} and {state:?}",
                    state.name
                )));
            }
        }
    }
    Ok(merged)
}

/// Key group of a full key. Errors (Internal) when it is shorter than two bytes.
pub fn group_of(key: &[u8]) -> Result<u32> {
    key.first_chunk::<2>()
        .map(|g| u32::from(u16::from_be_bytes(*g)))
        .ok_or_else(|| Error::internal("a state key has no key group"))
}

/// The smallest byte string above everything that starts with `prefix`; `None` when there is no such.
pub fn prefix_end(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < 0xFF {
            end.push(last + 1);
            return Some(end);
        }
    }
    None
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use streamjob_core::key::key_group_range;

    fn snapshot(groups: Range<u32>) -> KeyedSnapshot {
        KeyedSnapshot {
            format: SnapshotFormat::Canonical,
            group_start: groups.start,
            group_end: groups.end,
            states: Vec::new(),
            files: Vec::new(),
            uploaded_bytes: 0,
        }
    }

    proptest! {
        #[test]
        fn every_group_is_found_exactly_once(g in 1u32..300, old in 1u32..40, new in 1u32..40) {
            let (old, new) = (old.min(g), new.min(g));
            let snapshots: Vec<_> = (0..old).map(|i| snapshot(key_group_range(i, old, g))).collect();
            for i in 0..new {
                let groups = key_group_range(i, new, g);
                let found = overlapping(&snapshots, &groups);
                for group in groups.clone() {
                    prop_assert_eq!(found.iter().filter(|s| (s.group_start..s.group_end).contains(&group)).count(), 1);
                }
                prop_assert!(found.iter().all(|s| groups.clone().any(|g| (s.group_start..s.group_end).contains(&g))));
            }
        }

        #[test]
        fn prefix_end_bounds_the_prefix(prefix: Vec<u8>, tail: Vec<u8>) {
            let inside = [prefix.as_slice(), &tail].concat();
            if let Some(end) = prefix_end(&prefix) {
                prop_assert!(inside < end && !end.starts_with(&prefix));
            } else {
                prop_assert!(prefix.iter().all(|b| *b == 0xFF));
            }
        }
    }
}
