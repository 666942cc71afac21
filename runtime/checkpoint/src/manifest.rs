//! The manifest of a checkpoint or savepoint (`_metadata`): what it holds, where
//! it lies, how to restore it. Two JSON values: a header line (format, version,
//! length and checksum of the body), then the body. Written once, never changed.

use crate::hash::checksum;
use crate::operator_state::OperatorPart;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use streamjob_core::error::ErrorExt;
use streamjob_core::{CheckpointId, Error, JobId, OperatorUid, Result};
use streamjob_state::{FileRef, KeyedSnapshot};

/// Name of the format in the header.
pub const FORMAT: &str = "streamjob-manifest";
/// Newest version of the format that this program reads, and the one it writes.
pub const VERSION: u32 = 1;

/// Why the snapshot was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// A checkpoint: owned and retired by the coordinator.
    Checkpoint,
    /// A savepoint: owned by the user.
    Savepoint,
    /// The savepoint behind which the job stopped.
    StopSavepoint,
    /// The checkpoint behind which the job stopped.
    StopCheckpoint,
}

impl Kind {
    /// True for both kinds of savepoints.
    pub fn is_savepoint(self) -> bool {
        matches!(self, Kind::Savepoint | Kind::StopSavepoint)
    }

    /// "savepoint" or "checkpoint".
    pub fn word(self) -> &'static str {
        if self.is_savepoint() { "savepoint" } else { "checkpoint" }
    }

    /// True when the job stopped behind it.
    pub fn stops(self) -> bool {
        matches!(self, Kind::StopSavepoint | Kind::StopCheckpoint)
    }
}

/// Everything about one checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Namespace of the job.
    pub namespace: String,
    /// Job name.
    pub job: String,
    /// The lineage of state.
    pub job_id: JobId,
    /// Number of the checkpoint.
    pub checkpoint: CheckpointId,
    /// Checkpoint or savepoint.
    pub kind: Kind,
    /// True when the end of event time went before it (`--drain`, or the input ended): nothing pending is left in it.
    #[serde(default)]
    pub drained: bool,
    /// Generation of the coordinator that wrote it.
    pub generation: u64,
    /// Deployment whose tasks wrote it.
    pub attempt: String,
    /// Who the job belongs to.
    pub owner: String,
    /// Trigger time, milliseconds since the Unix epoch.
    pub created_at_ms: i64,
    /// From trigger to manifest, milliseconds.
    pub duration_ms: u64,
    /// Default number of subtasks.
    pub parallelism: u32,
    /// Number of key groups.
    pub max_parallelism: u32,
    /// Name of the state backend.
    pub backend: String,
    /// Program and version that wrote it.
    pub written_by: String,
    /// Digest of the job's script; empty where that is not known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub script: String,
    /// Where this lineage was restored from, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restored_from: Option<String>,
    /// The savepoint's location at the time of writing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub savepoint_path: Option<String>,
    /// Bytes.
    #[serde(default)]
    pub sizes: Sizes,
    /// Options in force, by canonical name; never secrets.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
    /// The operators.
    pub operators: Vec<OperatorEntry>,
}

/// How large a checkpoint is, bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sizes {
    /// All state that it refers to.
    pub state: u64,
    /// What was uploaded for it.
    pub uploaded: u64,
}

/// One operator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OperatorEntry {
    /// Its stable name.
    pub uid: OperatorUid,
    /// Its name for people.
    pub name: String,
    /// Its number of subtasks.
    pub parallelism: u32,
    /// Its subtasks, by index.
    pub subtasks: Vec<SubtaskEntry>,
}

/// One subtask of an operator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SubtaskEntry {
    /// Index.
    pub index: u32,
    /// Keyed state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keyed: Option<KeyedSnapshot>,
    /// Operator state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<OperatorPart>,
    /// Watermark at the barrier, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watermark_ms: Option<i64>,
}

impl SubtaskEntry {
    /// True without state.
    pub fn is_empty(&self) -> bool {
        self.operator.is_none() && self.keyed.as_ref().is_none_or(|k| k.files.is_empty())
    }
}

#[derive(Serialize, Deserialize)]
struct Header {
    format: String,
    version: u32,
    length: u64,
    checksum: String,
}

impl Manifest {
    /// References to files and inline content, in order.
    pub fn files(&self) -> impl Iterator<Item = &FileRef> {
        self.operators.iter().flat_map(|o| &o.subtasks).flat_map(|s| {
            let keyed = s.keyed.iter().flat_map(|k| k.files.iter().map(|f| &f.file));
            keyed.chain(s.operator.iter().map(|o| &o.data))
        })
    }

    /// The same, to be changed.
    pub fn files_mut(&mut self) -> impl Iterator<Item = &mut FileRef> {
        self.operators.iter_mut().flat_map(|o| &mut o.subtasks).flat_map(|s| {
            let keyed = s.keyed.iter_mut().flat_map(|k| k.files.iter_mut().map(|f| &mut f.file));
            keyed.chain(s.operator.iter_mut().map(|o| &mut o.data))
        })
    }

    /// Fills in `sizes`: all files once, and what the backends uploaded plus the operator state.
    pub fn measure(&mut self) {
        let mut seen = std::collections::HashSet::new();
        let state = self.files().filter(|f| f.path.is_empty() || seen.insert(f.path.clone())).map(|f| f.size).sum();
        let uploaded =
            self.operators.iter().flat_map(|o| &o.subtasks).map(|s| {
                s.keyed.as_ref().map_or(0, |k| k.uploaded_bytes) + s.operator.as_ref().map_or(0, |o| o.data.size)
            });
        self.sizes = Sizes { state, uploaded: uploaded.sum() };
    }

    /// The operator of that uid.
    pub fn operator(&self, uid: &OperatorUid) -> Option<&OperatorEntry> {
        self.operators.iter().find(|o| o.uid == *uid)
    }

    /// The bytes of `_metadata`.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let body = serde_json::to_vec_pretty(self).internal("cannot write the manifest")?;
        let header = Header {
            format: FORMAT.to_string(),
            version: VERSION,
            length: body.len() as u64,
            checksum: checksum(&body),
        };
        let mut out = serde_json::to_vec(&header).internal("cannot write the manifest's header")?;
        out.push(b'\n');
        out.extend_from_slice(&body);
        Ok(out)
    }

    /// Reads `_metadata`. `location` names it in errors (User): torn, changed, newer, not a manifest.
    pub fn decode(location: &str, bytes: &[u8]) -> Result<Self> {
        let other = "restore from another checkpoint or savepoint: `streamjob checkpoint list` shows them";
        let end = bytes.iter().position(|b| *b == b'\n').unwrap_or(bytes.len());
        let (head, rest) = bytes.split_at(end);
        let header: Header =
            serde_json::from_slice(head).ok().filter(|h: &Header| h.format == FORMAT).ok_or_else(|| {
                Error::user(format!("{location} is not a manifest of StreamJob, or its first line is damaged"))
                    .fix(format!("give the folder of a checkpoint or savepoint that StreamJob wrote, or {other}"))
            })?;
        if header.version == 0 || header.version > VERSION {
            return Err(Error::user(format!(
                "{location} is written in version {} of the manifest format, and this program reads up to {VERSION}",
                header.version
            ))
            .fix("use the StreamJob version that wrote it, or a newer one"));
        }
        let body = rest.get(1..).unwrap_or(&[]);
        if body.len() as u64 != header.length {
            return Err(Error::user(format!(
                "{location} is torn: {} bytes of {} are there",
                body.len(),
                header.length
            ))
            .fix(other));
        }
        if checksum(body) != header.checksum {
            return Err(Error::user(format!("{location} is damaged: its checksum is not the one it was written with"))
                .fix(other));
        }
        serde_json::from_slice(body).map_err(|e| {
            Error::user(format!("{location} has a manifest that this program does not understand"))
                .caused_by(e)
                .fix("use the StreamJob version that wrote it")
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;
    use streamjob_state::snapshot::SnapshotFile;
    use streamjob_state::{SnapshotFormat, StateKind, StateMeta};

    /// A manifest with one keyed operator over the given files.
    pub(crate) fn sample(id: CheckpointId, files: Vec<FileRef>) -> Manifest {
        let files = files.into_iter().enumerate();
        Manifest {
            namespace: "shop".into(),
            job: "order-count".into(),
            job_id: JobId::from_random(1),
            checkpoint: id,
            kind: Kind::Checkpoint,
            drained: false,
            generation: 1,
            attempt: "a1".into(),
            owner: "me".into(),
            created_at_ms: 1000,
            duration_ms: 5,
            parallelism: 1,
            max_parallelism: 128,
            backend: "hashmap".into(),
            written_by: "streamjob test".into(),
            script: String::new(),
            restored_from: None,
            savepoint_path: None,
            sizes: Sizes::default(),
            options: BTreeMap::new(),
            operators: vec![OperatorEntry {
                uid: OperatorUid("group".into()),
                name: "GroupAggregate".into(),
                parallelism: 1,
                subtasks: vec![SubtaskEntry {
                    index: 0,
                    keyed: Some(KeyedSnapshot {
                        format: SnapshotFormat::Canonical,
                        group_start: 0,
                        group_end: 128,
                        states: vec![StateMeta {
                            name: "cnt".into(),
                            kind: StateKind::Aggregating,
                            key_schema: "uid BIGINT".into(),
                            value_schema: "cnt BIGINT".into(),
                            version: 1,
                            ttl: false,
                        }],
                        files: files
                            .map(|(i, file)| SnapshotFile { name: format!("{i}"), file, meta: serde_json::Value::Null })
                            .collect(),
                        uploaded_bytes: 3,
                    }),
                    operator: None,
                    watermark_ms: Some(-1),
                }],
            }],
        }
    }

    #[test]
    fn round_trip_and_sizes() {
        let file = |path: &str| FileRef { path: path.into(), size: 10, checksum: "0".into(), inline: None };
        let mut m = sample(3, vec![file("a"), file("b"), file("a")]);
        m.measure();
        assert_eq!(m.sizes, Sizes { state: 20, uploaded: 3 });
        let bytes = m.encode().unwrap();
        assert_eq!(Manifest::decode("x", &bytes).unwrap(), m);
        assert_eq!(m.files().count(), 3);
    }

    #[test]
    fn a_newer_version_and_foreign_files_are_told_apart() {
        let bytes = sample(3, vec![]).encode().unwrap();
        let text = String::from_utf8(bytes).unwrap().replacen("\"version\":1", "\"version\":2", 1);
        let e = Manifest::decode("s3://b/chk-3/_metadata", text.as_bytes()).unwrap_err();
        assert!(e.message().contains("version 2") && e.message().contains("s3://b/chk-3/_metadata"), "{e}");
        for foreign in
            [&b"Ig-\0\0"[..], b"{}", b"", b"{\"format\":\"x\",\"version\":1,\"length\":0,\"checksum\":\"\"}\n"]
        {
            let e = Manifest::decode("f", foreign).unwrap_err();
            assert!(e.message().contains("not a manifest"), "{e}");
        }
    }

    proptest! {
        #[test]
        fn no_damage_goes_unnoticed(at in 0usize..10_000, bit in 0u8..8) {
            let bytes = sample(3, vec![]).encode().unwrap();
            let at = at % bytes.len();
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << bit;
            let e = Manifest::decode("chk-3/_metadata", &damaged).unwrap_err();
            prop_assert!(e.message().contains("chk-3/_metadata") && e.fix_text().is_some());
            let torn = &bytes[..at];
            prop_assert!(Manifest::decode("chk-3/_metadata", torn).is_err());
        }
    }
}
