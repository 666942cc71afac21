//! What of a checkpoint each worker would need if the job were deployed now. Pure.

use std::collections::{BTreeMap, HashSet};
use streamjob_checkpoint::OperatorEntry;
use streamjob_core::key::key_group_range;
use streamjob_engine::deploy::VertexInfo;
use streamjob_state::{FileRef, SnapshotFormat};

/// A job that stands by, and the checkpoint that it would go on from.
pub struct Ahead<'a> {
    /// The checkpoint's location.
    pub location: &'a str,
    /// Its operators.
    pub operators: &'a [OperatorEntry],
    /// Description of the store that reads its files.
    pub store: String,
    /// Number of key groups.
    pub max_parallelism: u32,
}

/// By worker, the files with key groups of its subtasks, each once. `slots` names the worker of each slot. Canonical files
/// are read row by row and not kept.
pub(super) fn files(ahead: &Ahead<'_>, vertices: &[VertexInfo], slots: &[String]) -> BTreeMap<String, Vec<FileRef>> {
    let mut out: BTreeMap<String, Vec<FileRef>> = BTreeMap::new();
    let mut seen: HashSet<(&str, &str)> = HashSet::new();
    for vertex in vertices {
        let snapshots = ahead.operators.iter().filter(|o| vertex.operators.contains(&o.uid));
        let snapshots: Vec<_> = snapshots.flat_map(|o| &o.subtasks).filter_map(|s| s.keyed.as_ref()).collect();
        for (subtask, worker) in (0..vertex.parallelism).zip(slots) {
            let groups = key_group_range(subtask, vertex.parallelism, ahead.max_parallelism);
            let linked = snapshots.iter().filter(|s| s.format == SnapshotFormat::RocksDb);
            let needed = linked.filter(|s| s.group_start < groups.end && groups.start < s.group_end);
            for file in needed.flat_map(|s| &s.files).map(|f| &f.file) {
                if file.inline.is_none() && seen.insert((worker, &file.path)) {
                    out.entry(worker.clone()).or_default().push(file.clone());
                }
            }
        }
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use streamjob_checkpoint::SubtaskEntry;
    use streamjob_core::OperatorUid;
    use streamjob_state::KeyedSnapshot;
    use streamjob_state::snapshot::SnapshotFile;

    fn keyed(format: SnapshotFormat, groups: std::ops::Range<u32>, files: &[&str]) -> KeyedSnapshot {
        let file = |path: &&str| SnapshotFile {
            name: (*path).into(),
            file: FileRef { path: (*path).into(), size: 1, checksum: "ab".into(), inline: None },
            meta: serde_json::Value::Null,
        };
        KeyedSnapshot {
            format,
            group_start: groups.start,
            group_end: groups.end,
            states: Vec::new(),
            files: files.iter().map(file).collect(),
            uploaded_bytes: 0,
        }
    }

    fn operator(uid: &str, parts: Vec<KeyedSnapshot>) -> OperatorEntry {
        let subtask = |(index, keyed)| SubtaskEntry { index, keyed: Some(keyed), operator: None, watermark_ms: None };
        OperatorEntry {
            uid: OperatorUid(uid.into()),
            name: uid.into(),
            parallelism: parts.len() as u32,
            subtasks: (0..).zip(parts).map(subtask).collect(),
        }
    }

    #[test]
    fn a_worker_gets_what_its_key_groups_need_once() {
        use SnapshotFormat::{Canonical, RocksDb};
        let operators = [
            operator("agg", vec![keyed(RocksDb, 0..64, &["a", "b"]), keyed(RocksDb, 64..128, &["c"])]),
            operator("heap", vec![keyed(Canonical, 0..128, &["d"])]),
            operator("gone", vec![keyed(RocksDb, 0..128, &["e"])]),
        ];
        let vertex = |uids: &[&str], parallelism| VertexInfo {
            name: String::new(),
            operators: uids.iter().map(|u| OperatorUid((*u).into())).collect(),
            parallelism,
            is_source: false,
        };
        let ahead = Ahead { location: "l", operators: &operators, store: String::new(), max_parallelism: 128 };
        let slots = |names: &[&str]| -> Vec<String> { names.iter().map(|n| (*n).to_string()).collect() };
        let table: [(u32, &[&str], &[(&str, &[&str])]); 3] = [
            (2, &["w0", "w1"], &[("w0", &["a", "b"]), ("w1", &["c"])]),
            (1, &["w0"], &[("w0", &["a", "b", "c"])]),
            (4, &["w0", "w0", "w1", "w0"], &[("w0", &["a", "b", "c"]), ("w1", &["c"])]),
        ];
        for (parallelism, workers, expected) in table {
            let vertices = [vertex(&["source"], 1), vertex(&["agg", "heap"], parallelism)];
            let got = files(&ahead, &vertices, &slots(workers));
            let got: Vec<(&str, Vec<&str>)> =
                got.iter().map(|(w, f)| (w.as_str(), f.iter().map(|f| f.path.as_str()).collect())).collect();
            let expected: Vec<_> = expected.iter().map(|(w, f)| (*w, f.to_vec())).collect();
            assert_eq!(got, expected, "{parallelism} on {workers:?}");
        }
    }
}
