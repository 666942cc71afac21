//! Snapshots: the flushed files are hard-linked, and uploaded without those that
//! the last completed checkpoint already has, or read and written in canonical
//! format.

use crate::database::Database;
use crate::error::{create_dir, remove_dir};
use crate::files::{FileMeta, group_start, to_hex};
use crate::parallel::in_parallel;
use crate::parts::Parts;
use crate::scratch::Scratch;
use rocksdb::LiveFile;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use streamjob_core::error::ErrorExt;
use streamjob_core::{CheckpointId, Error, Result};
use streamjob_state::canonical::{FILE_NAME, Writer};
use streamjob_state::ttl::Policy;
use streamjob_state::{
    FileRef, KeyedSnapshot, PendingSnapshot, Scope, SnapshotFile, SnapshotFormat, SnapshotStore, StateMeta,
};

/// By name of the SST file in its database.
pub(crate) type Uploaded = HashMap<String, FileRef>;

/// Which files checkpoints have uploaded: an SST file's name is never used twice by one database.
#[derive(Default)]
pub(crate) struct Uploads {
    completed: Arc<Uploaded>,
    running: BTreeMap<CheckpointId, Arc<Mutex<Option<Uploaded>>>>,
}

impl Uploads {
    /// Checkpoints build upon what the database was restored from.
    pub fn restored(&mut self, files: Uploaded) {
        self.completed = Arc::new(files);
    }

    /// What checkpoints build upon now.
    pub fn completed(&self) -> Arc<Uploaded> {
        Arc::clone(&self.completed)
    }

    pub fn begin(&mut self, id: CheckpointId) -> Arc<Mutex<Option<Uploaded>>> {
        Arc::clone(self.running.entry(id).or_default())
    }

    /// From now on, checkpoints build upon this one.
    pub fn complete(&mut self, id: CheckpointId) {
        if let Some(files) = self.running.remove(&id) {
            if let Some(files) = files.lock().unwrap_or_else(PoisonError::into_inner).take() {
                self.completed = Arc::new(files);
            }
            self.running = self.running.split_off(&id);
        }
    }

    pub fn abort(&mut self, id: CheckpointId) {
        self.running.remove(&id);
    }
}

/// One state as a snapshot sees it.
pub(crate) struct StateView {
    pub meta: StateMeta,
    /// Its column families, by part.
    pub cfs: Vec<String>,
    pub policy: Policy,
}

/// A live file of one of our states.
struct Live {
    name: String,
    meta: FileMeta,
    local: PathBuf,
    known: Option<FileRef>,
}

/// A snapshot as fixed at its barrier.
pub(crate) struct Begun {
    pub native: bool,
    pub store: Arc<dyn SnapshotStore>,
    pub states: Vec<StateView>,
    /// The times at which entries are expired or not, by state.
    pub now: Vec<Option<i64>>,
    pub groups: Range<u32>,
    pub hint: String,
    pub folder: PathBuf,
    /// What it builds upon, and where it tells what it has uploaded.
    pub upon: Option<(Arc<Uploaded>, Arc<Mutex<Option<Uploaded>>>)>,
}

impl Begun {
    /// All column families.
    pub fn cfs(&self) -> impl Iterator<Item = &str> {
        self.states.iter().flat_map(|s| &s.cfs).map(String::as_str)
    }
}

/// Links the files of a database whose memtables are flushed.
pub(crate) fn begin(db: &Database, parts: &Parts, request: Begun) -> Result<Box<dyn PendingSnapshot>> {
    remove_dir(&request.folder);
    create_dir(&request.folder)?;
    let folder = Folder(request.folder);
    let mut by_cf = HashMap::new();
    for state in &request.states {
        for (cf, groups) in state.cfs.iter().zip(parts.iter()) {
            by_cf.insert(cf.as_str(), (state.meta.name.as_str(), (groups.start, groups.end)));
        }
    }
    let several = parts.several();
    let files = db.with_live_files(|live| {
        let mut files = Vec::new();
        for file in in_ingestion_order(live) {
            let Some((state, part)) = by_cf.get(file.column_family_name.as_str()) else { continue };
            let name = file.name.trim_start_matches('/').to_string();
            let known = request.upon.as_ref().and_then(|(known, _)| known.get(&name)).cloned();
            let local = folder.0.join(&name);
            if known.is_none() {
                std::fs::hard_link(db.dir().join(&name), &local).transient(format!("cannot link state file {name}"))?;
            }
            let meta = FileMeta {
                state: (*state).to_string(),
                level: file.level,
                order: files.len() as u32,
                smallest: to_hex(file.start_key.as_deref().unwrap_or_default()),
                largest: to_hex(file.end_key.as_deref().unwrap_or_default()),
                entries: file.num_entries,
                part: several.then_some(*part),
            };
            files.push(Live { name, meta, local, known });
        }
        Ok(files)
    })?;
    if request.native {
        Ok(Box::new(Native {
            files,
            states: request.states.into_iter().map(|s| s.meta).collect(),
            groups: request.groups,
            store: request.store,
            scope: if request.upon.is_some() { Scope::Shared } else { Scope::Exclusive },
            // `…-state.arrow` → `…`
            hint: request.hint.trim_end_matches(FILE_NAME).to_string(),
            done: request.upon.map(|(_, done)| done),
            _folder: folder,
        }))
    } else {
        Ok(Box::new(Canonical {
            files,
            now: request.now,
            states: request.states,
            parts: parts.clone(),
            groups: request.groups,
            store: request.store,
            hint: request.hint,
            folder,
        }))
    }
}

/// Deepest level first; within level 0, which RocksDB lists from new to old, from old to new.
fn in_ingestion_order(mut live: Vec<LiveFile>) -> Vec<LiveFile> {
    live.reverse();
    live.sort_by_key(|f| std::cmp::Reverse(f.level));
    live
}

/// The folder of one snapshot's hard links; removed with it.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        remove_dir(&self.0);
        if let Some(parent) = self.0.parent() {
            let _ = std::fs::remove_dir(parent);
        }
    }
}

struct Native {
    files: Vec<Live>,
    states: Vec<StateMeta>,
    groups: Range<u32>,
    store: Arc<dyn SnapshotStore>,
    scope: Scope,
    hint: String,
    done: Option<Arc<Mutex<Option<Uploaded>>>>,
    _folder: Folder,
}

impl PendingSnapshot for Native {
    fn complete(self: Box<Self>) -> Result<KeyedSnapshot> {
        let new: Vec<&Live> = self.files.iter().filter(|live| live.known.is_none()).collect();
        let mut uploaded = in_parallel(new.len(), |i| {
            let live = new.get(i).ok_or_else(|| Error::internal("a file beyond the last"))?;
            self.store.upload(self.scope, &format!("{}{}", self.hint, live.name), &live.local)
        })?
        .into_iter();
        let uploaded_bytes = uploaded.as_slice().iter().map(|file| file.size).sum();
        let mut files = Vec::with_capacity(self.files.len());
        let mut all = Uploaded::new();
        for live in &self.files {
            let file = live.known.clone().or_else(|| uploaded.next());
            let file = file.ok_or_else(|| Error::internal("a state file that was not uploaded"))?;
            all.insert(live.name.clone(), file.clone());
            let meta = serde_json::to_value(&live.meta).internal("a file description cannot be written")?;
            files.push(SnapshotFile { name: live.name.clone(), file, meta });
        }
        if let Some(done) = &self.done {
            *done.lock().unwrap_or_else(PoisonError::into_inner) = Some(all);
        }
        Ok(KeyedSnapshot {
            format: SnapshotFormat::RocksDb,
            group_start: self.groups.start,
            group_end: self.groups.end,
            states: self.states,
            files,
            uploaded_bytes,
        })
    }
}

struct Canonical {
    files: Vec<Live>,
    states: Vec<StateView>,
    now: Vec<Option<i64>>,
    parts: Parts,
    groups: Range<u32>,
    store: Arc<dyn SnapshotStore>,
    hint: String,
    folder: Folder,
}

impl Canonical {
    /// Writes the file; gives the number of entries.
    fn write(&self, metas: &[StateMeta], path: &Path) -> Result<u64> {
        let mut scratches = Vec::new();
        for (i, groups) in self.parts.iter().enumerate() {
            let own = |f: &&Live| f.meta.part.is_none_or(|part| part == (groups.start, groups.end));
            let files: Vec<_> =
                self.files.iter().filter(own).map(|f| (f.meta.state.clone(), f.local.clone())).collect();
            let (from, to) = (group_start(groups.start), group_start(groups.end));
            scratches.push((from, to, Scratch::open(&self.folder.0.join(format!("db-{i}")), metas, &files)?));
        }
        let failed = |e: std::io::Error| Error::transient(format!("cannot write {}", path.display())).caused_by(e);
        let mut writer = Writer::new(BufWriter::new(File::create(path).map_err(failed)?), metas)?;
        for (i, (state, now)) in self.states.iter().zip(&self.now).enumerate() {
            let index = u16::try_from(i).internal("more than 65,535 states in one operator")?;
            for (from, to, scratch) in &scratches {
                scratch.visit(i, from, to, &mut |key, stored| {
                    if state.policy.expired(stored, *now) { Ok(()) } else { writer.push(index, key, stored) }
                })?;
            }
        }
        let (mut out, totals) = writer.finish()?;
        out.flush().map_err(failed)?;
        Ok(totals.entries)
    }
}

impl PendingSnapshot for Canonical {
    fn complete(self: Box<Self>) -> Result<KeyedSnapshot> {
        let metas: Vec<StateMeta> = self.states.iter().map(|s| s.meta.clone()).collect();
        let path = self.folder.0.join(FILE_NAME);
        let entries = if self.files.is_empty() { 0 } else { self.write(&metas, &path)? };
        let mut files = Vec::new();
        let mut uploaded_bytes = 0;
        if entries > 0 {
            let file = self.store.upload(Scope::Exclusive, &self.hint, &path)?;
            uploaded_bytes = file.size;
            files.push(SnapshotFile {
                name: FILE_NAME.to_string(),
                file,
                meta: serde_json::json!({ "entries": entries }),
            });
        }
        Ok(KeyedSnapshot {
            format: SnapshotFormat::Canonical,
            group_start: self.groups.start,
            group_end: self.groups.end,
            states: metas,
            files,
            uploaded_bytes,
        })
    }
}
