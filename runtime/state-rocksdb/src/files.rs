//! What a checkpoint says about each SST file, and the plan of a restore: which
//! files are needed, in which part of the backend they go, which can be linked and
//! which have to be copied row by row. Pure.

use crate::parts::Parts;
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
    /// First and one past the last key group of the part that it is of; `None` where the snapshot is one part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<(u32, u32)>,
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

/// How a part of a snapshot in RocksDB's format is restored.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Source {
    /// Index of the snapshot in the request.
    pub snapshot: usize,
    /// Key groups to take from it.
    pub groups: Range<u32>,
    /// Files in order of ingestion.
    pub files: Vec<Needed>,
    /// Part of the backend that the files go into.
    pub part: usize,
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

/// The files of a snapshot that hold keys of `groups`, by part: its key groups among them, and its files in order of
/// ingestion. In order of key groups.
pub(crate) fn needed(snapshot: &KeyedSnapshot, groups: &Range<u32>) -> Result<Vec<(Range<u32>, Vec<Needed>)>> {
    let mut parts: BTreeMap<(u32, u32), Vec<Needed>> = BTreeMap::new();
    for file in &snapshot.files {
        let damaged =
            || Error::transient(format!("the checkpoint's description of state file {} is damaged", file.name));
        let meta: FileMeta = serde_json::from_value(file.meta.clone()).map_err(|e| damaged().caused_by(e))?;
        let smallest = from_hex(&meta.smallest).ok_or_else(damaged)?;
        let largest = from_hex(&meta.largest).ok_or_else(damaged)?;
        let (from, to) = meta.part.unwrap_or((snapshot.group_start, snapshot.group_end));
        let (start, end) = (group_start(groups.start.max(from)), group_start(groups.end.min(to)));
        if smallest < end && largest >= start {
            let file = Needed { file: file.clone(), meta, smallest, largest };
            parts.entry((from, to)).or_default().push(file);
        }
    }
    let own = |(from, to): (u32, u32)| groups.start.max(from)..groups.end.min(to);
    let mut out: Vec<_> =
        parts.into_iter().map(|(part, files)| (own(part), files)).filter(|(own, _)| !own.is_empty()).collect();
    for (_, files) in &mut out {
        files.sort_by_key(|f| f.meta.order);
    }
    Ok(out)
}

/// A backend has at most so many parts.
const MOST_PARTS: usize = 16;

/// Plans the restore of the RocksDB snapshots among `snapshots`: the parts of the backend, and what goes into them. A
/// source is clean when its needed files hold nothing outside its own key groups; clean ones cannot overlap each other
/// and share a part. After an earlier rescale, files may still hold foreign keys: such a source gets a part for itself.
/// Where that would make too many parts there is one, the largest source is linked, and others that are not clean are
/// copied.
pub(crate) fn plan(snapshots: &[KeyedSnapshot], groups: &Range<u32>) -> Result<(Parts, Vec<Source>)> {
    let mut found: Vec<(Source, bool)> = Vec::new();
    for (index, snapshot) in snapshots.iter().enumerate() {
        if snapshot.format != SnapshotFormat::RocksDb {
            continue;
        }
        let own = groups.start.max(snapshot.group_start)..groups.end.min(snapshot.group_end);
        if own.is_empty() {
            continue;
        }
        for (groups, files) in needed(snapshot, &own)? {
            let clean = files.iter().all(|f| {
                let (from, to) = f.meta.part.unwrap_or((snapshot.group_start, snapshot.group_end));
                f.smallest >= group_start(from) && f.largest < group_start(to)
            });
            found.push((Source { snapshot: index, groups, files, part: 0, link: true }, clean));
        }
    }
    found.sort_by_key(|(source, _)| source.groups.start);
    let mut starts = Vec::new();
    let mut last_clean = false;
    for (source, clean) in &mut found {
        if starts.is_empty() || !(last_clean && *clean) {
            starts.push(source.groups.start);
        }
        last_clean = *clean;
        source.part = starts.len() - 1;
    }
    if starts.len() <= MOST_PARTS {
        return Ok((Parts::beginning(groups, &starts), found.into_iter().map(|(source, _)| source).collect()));
    }
    let size = |s: &Source| s.files.iter().map(|f| f.file.file.size).sum::<u64>();
    let any_clean = found.iter().any(|(_, clean)| *clean);
    let largest = (0..found.len()).max_by_key(|i| found.get(*i).map_or(0, |(s, _)| size(s)));
    let mut sources: Vec<Source> = Vec::new();
    for (i, (mut source, clean)) in found.into_iter().enumerate() {
        source.part = 0;
        source.link = clean || (!any_clean && Some(i) == largest);
        sources.push(source);
    }
    // Links first: they go into an empty database.
    sources.sort_by_key(|s| !s.link);
    Ok((Parts::one(groups.clone()), sources))
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::single_range_in_vec_init
)]
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
            part: None,
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

    /// Snapshot, part, linked, number of files.
    fn shape(sources: &[Source]) -> Vec<(usize, usize, bool, usize)> {
        sources.iter().map(|s| (s.snapshot, s.part, s.link, s.files.len())).collect()
    }

    fn parts(parts: &Parts) -> Vec<Range<u32>> {
        parts.iter().cloned().collect()
    }

    #[test]
    fn clean_snapshots_share_a_part_and_dirty_ones_have_their_own() {
        let clean = snapshot(0..4, vec![file("s", 1, &[0, 3, 9], &[0, 3, 10]), file("s", 0, &[0, 0, 1], &[0, 1, 5])]);
        let dirty = snapshot(4..8, vec![file("s", 0, &[0, 0], &[0, 9])]);
        let other = snapshot(8..12, vec![file("s", 0, &[0, 8], &[0, 9])]);
        let (p, s) = plan(&[dirty.clone(), clean.clone(), other.clone()], &(1..12)).unwrap();
        assert_eq!(parts(&p), [1..4, 4..8, 8..12]);
        assert_eq!(shape(&s), [(1, 0, true, 2), (0, 1, true, 1), (2, 2, true, 1)]);
        assert_eq!(s[0].files[0].file.name, "0.sst");
        assert_eq!(s[0].clips()["s"], [(vec![0, 0, 1], vec![0, 1])]);
        assert_eq!(s[1].clips()["s"], [(vec![0, 0], vec![0, 4]), (vec![0, 8], vec![0, 9, 0])]);
        let (p, s) = plan(&[clean.clone(), other], &(0..12)).unwrap();
        assert_eq!(parts(&p), [0..12]);
        assert_eq!(shape(&s), [(0, 0, true, 2), (1, 0, true, 1)]);
        let (p, s) = plan(&[dirty], &(0..8)).unwrap();
        assert_eq!((parts(&p), shape(&s)), (vec![0..8], vec![(0, 0, true, 1)]));
        // Files without own keys are not read, foreign snapshots not at all.
        assert!(plan(std::slice::from_ref(&clean), &(2..3)).unwrap().1.is_empty());
        assert!(plan(&[clean], &(4..5)).unwrap().1.is_empty());
    }

    #[test]
    fn parts_of_a_snapshot_stay_apart() {
        let of = |part, order| {
            let mut file = file("s", order, &[0, 0], &[0, 9]);
            file.meta["part"] = serde_json::json!(part);
            file
        };
        let whole = snapshot(0..8, vec![of((4, 8), 0), of((0, 4), 1), of((0, 4), 2)]);
        let (p, s) = plan(std::slice::from_ref(&whole), &(0..8)).unwrap();
        assert_eq!(parts(&p), [0..4, 4..8]);
        assert_eq!(shape(&s), [(0, 0, true, 2), (0, 1, true, 1)]);
        let (p, s) = plan(&[whole], &(5..7)).unwrap();
        assert_eq!((parts(&p), shape(&s)), (vec![5..7], vec![(0, 0, true, 1)]));
        assert_eq!(s[0].groups, 5..7);
    }

    #[test]
    fn too_many_parts_are_one() {
        let dirty = |g: u32| snapshot(g..g + 1, vec![file("s", g, &[0, 0], &[0, 99])]);
        let few: Vec<_> = (0..16).map(dirty).collect();
        assert_eq!(parts(&plan(&few, &(0..16)).unwrap().0).len(), 16);
        let many: Vec<_> = (0..17).map(dirty).collect();
        let (p, s) = plan(&many, &(0..17)).unwrap();
        assert_eq!(parts(&p), [0..17]);
        // The largest by the size of its file.
        assert_eq!(s.iter().map(|s| (s.snapshot, s.link)).collect::<Vec<_>>()[..2], [(16, true), (0, false)]);
        assert!(s.iter().skip(1).all(|s| !s.link && s.part == 0));
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
