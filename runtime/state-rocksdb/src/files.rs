//! What a checkpoint says about each SST file, and the plan of a restore: which
//! files are needed, which snapshots can be linked, which have to be copied row
//! by row. Pure.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::Range;
use streamjob_core::{Error, Result};
use streamjob_state::snapshot::SnapshotFile;
use streamjob_state::{KeyedSnapshot, SnapshotFormat};

/// The `meta` of a file in a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileMeta {
    /// Name of the state.
    pub state: String,
    /// Level in the tree.
    pub level: i32,
    /// Place in the order of ingestion: older data first.
    pub order: u32,
    /// Smallest key, range tombstones included; hex.
    pub smallest: String,
    /// Largest key, likewise. May be the exclusive end of a range tombstone.
    pub largest: String,
    /// Entries.
    pub entries: u64,
}

pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u32> = text.chars().map(|c| c.to_digit(16)).collect::<Option<_>>()?;
    digits.chunks(2).map(|pair| if let [hi, lo] = pair { Some((hi * 16 + lo) as u8) } else { None }).collect()
}

/// The first possible key of a key group.
pub(crate) fn group_start(group: u32) -> Vec<u8> {
    match u16::try_from(group) {
        Ok(group) => group.to_be_bytes().to_vec(),
        Err(_) => vec![0xFF; 3],
    }
}

/// A file that a restore needs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Needed {
    pub file: SnapshotFile,
    pub meta: FileMeta,
    pub smallest: Vec<u8>,
    pub largest: Vec<u8>,
}

/// How a snapshot in RocksDB's format is restored.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Source {
    /// Index of the snapshot in the request.
    pub snapshot: usize,
    /// Key groups to take from it.
    pub groups: Range<u32>,
    /// Files in order of ingestion.
    pub files: Vec<Needed>,
    /// True when the files go into the database as they are; else their rows are copied.
    pub link: bool,
}

impl Source {
    /// Per state, the ranges `[from, to)` of foreign keys in its files.
    pub fn clips(&self) -> BTreeMap<&str, Vec<(Vec<u8>, Vec<u8>)>> {
        let (start, end) = (group_start(self.groups.start), group_start(self.groups.end));
        let mut bounds: BTreeMap<&str, (&[u8], &[u8])> = BTreeMap::new();
        for f in &self.files {
            let b = bounds.entry(&f.meta.state).or_insert((&f.smallest, &f.largest));
            b.0 = b.0.min(&f.smallest);
            b.1 = b.1.max(&f.largest);
        }
        let mut clips = BTreeMap::new();
        for (state, (smallest, largest)) in bounds {
            let mut ranges = Vec::new();
            if smallest < start.as_slice() {
                ranges.push((smallest.to_vec(), start.clone()));
            }
            if largest >= end.as_slice() {
                ranges.push((end.clone(), [largest, &[0]].concat()));
            }
            if !ranges.is_empty() {
                clips.insert(state, ranges);
            }
        }
        clips
    }
}

/// The files of a snapshot that hold keys of `groups`, in order of ingestion.
pub(crate) fn needed(snapshot: &KeyedSnapshot, groups: &Range<u32>) -> Result<Vec<Needed>> {
    let (start, end) = (group_start(groups.start), group_start(groups.end));
    let mut files = Vec::new();
    for file in &snapshot.files {
        let damaged =
            || Error::transient(format!("the checkpoint's description of state file {} is damaged", file.name));
        let meta: FileMeta = serde_json::from_value(file.meta.clone()).map_err(|e| damaged().caused_by(e))?;
        let smallest = from_hex(&meta.smallest).ok_or_else(damaged)?;
        let largest = from_hex(&meta.largest).ok_or_else(damaged)?;
        if smallest < end && largest >= start {
            files.push(Needed { file: file.clone(), meta, smallest, largest });
        }
    }
    files.sort_by_key(|f| f.meta.order);
    Ok(files)
}

/// Plans the restore of the RocksDB snapshots among `snapshots`. A snapshot is clean when its needed files
/// hold nothing outside its own key groups; clean ones cannot overlap each other and are all linked. After
/// an earlier rescale, files may still hold foreign keys behind range tombstones: such a snapshot is linked
/// only when nothing else is, and copied otherwise.
pub(crate) fn plan(snapshots: &[KeyedSnapshot], groups: &Range<u32>) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    for (index, snapshot) in snapshots.iter().enumerate() {
        if snapshot.format != SnapshotFormat::RocksDb {
            continue;
        }
        let own = groups.start.max(snapshot.group_start)..groups.end.min(snapshot.group_end);
        if own.is_empty() {
            continue;
        }
        let files = needed(snapshot, &own)?;
        if files.is_empty() {
            continue;
        }
        let (start, end) = (group_start(snapshot.group_start), group_start(snapshot.group_end));
        let clean = files.iter().all(|f| f.smallest >= start && f.largest < end);
        sources.push(Source { snapshot: index, groups: own, files, link: clean });
    }
    if sources.iter().all(|s| !s.link) {
        let size = |s: &Source| s.files.iter().map(|f| f.file.file.size).sum::<u64>();
        if let Some(largest) = sources.iter_mut().max_by_key(|s| size(s)) {
            largest.link = true;
        }
    }
    // Links first: they go into an empty database.
    sources.sort_by_key(|s| !s.link);
    Ok(sources)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use streamjob_state::FileRef;

    fn file(state: &str, order: u32, smallest: &[u8], largest: &[u8]) -> SnapshotFile {
        let meta = FileMeta {
            state: state.into(),
            level: 0,
            order,
            smallest: to_hex(smallest),
            largest: to_hex(largest),
            entries: 1,
        };
        SnapshotFile {
            name: format!("{order}.sst"),
            file: FileRef { path: "p".into(), size: u64::from(order) + 1, checksum: String::new(), inline: None },
            meta: serde_json::to_value(meta).unwrap(),
        }
    }

    fn snapshot(groups: Range<u32>, files: Vec<SnapshotFile>) -> KeyedSnapshot {
        KeyedSnapshot {
            format: SnapshotFormat::RocksDb,
            group_start: groups.start,
            group_end: groups.end,
            states: vec![],
            files,
            uploaded_bytes: 0,
        }
    }

    #[test]
    fn clean_snapshots_are_linked_and_dirty_ones_copied() {
        let clean = snapshot(0..4, vec![file("s", 1, &[0, 3, 9], &[0, 3, 10]), file("s", 0, &[0, 0, 1], &[0, 1, 5])]);
        let dirty = snapshot(4..8, vec![file("s", 0, &[0, 0], &[0, 9])]);
        let plan1 = plan(&[dirty.clone(), clean.clone()], &(1..8)).unwrap();
        assert_eq!(
            plan1.iter().map(|s| (s.snapshot, s.link, s.files.len())).collect::<Vec<_>>(),
            [(1, true, 2), (0, false, 1)]
        );
        assert_eq!(plan1[0].files[0].file.name, "0.sst");
        assert_eq!(plan1[0].clips()["s"], [(vec![0, 0, 1], vec![0, 1])]);
        // Alone, it is linked, and clipped on both sides.
        let plan2 = plan(&[dirty], &(0..8)).unwrap();
        assert!(plan2[0].link && plan2[0].groups == (4..8));
        assert_eq!(plan2[0].clips()["s"], [(vec![0, 0], vec![0, 4]), (vec![0, 8], vec![0, 9, 0])]);
        // Files without own keys are not read, foreign snapshots not at all.
        let plan3 = plan(std::slice::from_ref(&clean), &(2..3)).unwrap();
        assert!(plan3.is_empty());
        assert!(plan(&[clean], &(4..5)).unwrap().is_empty());
    }

    #[test]
    fn damaged_descriptions_are_named() {
        let mut s = snapshot(0..4, vec![file("s", 1, &[0, 3], &[0, 3])]);
        s.files[0].meta["smallest"] = "0g".into();
        assert!(plan(&[s], &(0..4)).unwrap_err().to_string().contains("1.sst"));
        assert_eq!(from_hex(&to_hex(&[0, 255, 16])), Some(vec![0, 255, 16]));
        assert_eq!(from_hex("abc"), None);
    }
}
