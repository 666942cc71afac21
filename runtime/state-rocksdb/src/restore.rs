//! Fills an empty database from snapshots of any backend and any parallelism.

use crate::database::Database;
use crate::error::{RocksExt, create_dir, remove_dir};
use crate::ffi;
use crate::files::Source;
use crate::options::write_options;
use crate::parts::Parts;
use crate::reader::{RocksDbReader, download};
use crate::snapshot::Uploaded;
use rocksdb::WriteBatch;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use streamjob_core::{Error, Result};
use streamjob_state::restore::read_canonical;
use streamjob_state::{FileRef, KeyedSnapshot, NativeReader, SnapshotFormat, SnapshotStore, StateId, StateMeta};

const BATCH_BYTES: usize = 2 << 20;

/// Where states lie: their numbers by name, and the parts.
pub(crate) struct Places<'a> {
    pub states: &'a HashMap<String, StateId>,
    pub parts: &'a Parts,
}

impl Places<'_> {
    fn cf(&self, state: &str, part: usize) -> Result<String> {
        let id = self.states.get(state).ok_or_else(|| {
            Error::transient(format!("a state file holds state '{state}', which its checkpoint does not list"))
                .fix("restore from an older checkpoint or savepoint")
        })?;
        Ok(Parts::cf(id.0, part))
    }
}

/// Restores all snapshots into `db`, whose column families exist, as `sources` plan it.
/// Background compactions of the database must be off until this returns. Gives the database's files that are of the
/// lineage's own checkpoints: the next one can refer to them.
pub(crate) fn restore(
    db: &Database,
    places: &Places<'_>,
    (snapshots, sources): (&[KeyedSnapshot], &[Source]),
    groups: &Range<u32>,
    store: &dyn SnapshotStore,
    dir: &Path,
) -> Result<Uploaded> {
    let mut linked = Linked { folder: dir.join("links"), files: HashMap::new() };
    let mut copies = Copies { db, places, batch: WriteBatch::default() };
    for (n, source) in sources.iter().enumerate() {
        if source.link {
            link(db, places, source, store, &linked.folder.join(n.to_string()), &mut linked.files)?;
        } else if let Some(snapshot) = snapshots.get(source.snapshot) {
            let visit = &mut |meta: &StateMeta, key: &[u8], stored: &[u8]| copies.put(meta, key, stored);
            RocksDbReader.read(snapshot, store, &source.groups, &dir.join("restore"), visit)?;
        }
    }
    for snapshot in snapshots.iter().filter(|s| s.format == SnapshotFormat::Canonical) {
        let visit = &mut |meta: &StateMeta, key: &[u8], stored: &[u8]| copies.put(meta, key, stored);
        read_canonical(snapshot, store, groups, &dir.join("restore"), visit)?;
    }
    copies.flush()?;
    Ok(linked.names(db))
}

/// What was brought here to be linked into the database, by inode. The files stay as long as this does: an inode whose
/// last name is gone may be another file's next, where a file was copied since it could not be linked.
struct Linked {
    folder: PathBuf,
    files: HashMap<u64, FileRef>,
}

impl Linked {
    /// Names in the database. Parts may have links of one file.
    fn names(&self, db: &Database) -> Uploaded {
        let entries = std::fs::read_dir(db.dir()).into_iter().flatten().flatten();
        let known = |e: &std::fs::DirEntry| self.files.get(&e.metadata().ok()?.ino()).cloned();
        entries.filter_map(|e| Some((e.file_name().into_string().ok()?, known(&e)?))).collect()
    }
}

impl Drop for Linked {
    fn drop(&mut self) {
        remove_dir(&self.folder);
    }
}

/// Where files lie that later checkpoints of the same lineage may refer to (see `Scope::Shared`).
const SHARED: &str = "shared/";

/// Links a snapshot's files into the database and deletes the foreign key groups in them.
fn link(
    db: &Database,
    places: &Places<'_>,
    source: &Source,
    store: &dyn SnapshotStore,
    dir: &Path,
    linked: &mut HashMap<u64, FileRef>,
) -> Result<()> {
    create_dir(dir)?;
    let mut by_state: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for (needed, (state, path)) in source.files.iter().zip(download(&source.files, store, dir)?) {
        if needed.file.file.path.starts_with(SHARED)
            && let Ok(meta) = std::fs::metadata(&path)
        {
            linked.insert(meta.ino(), needed.file.file.clone());
        }
        by_state.entry(state).or_default().push(path);
    }
    for (state, paths) in by_state {
        ffi::ingest(db.get()?, db.cf(&places.cf(&state, source.part)?)?, &paths)?;
    }
    for (state, ranges) in source.clips() {
        let cf = db.cf(&places.cf(state, source.part)?)?;
        for (from, to) in ranges {
            db.get()?
                .delete_range_cf_opt(cf, &from, &to, &write_options())
                .rocks(format!("cannot clip state '{state}'"))?;
        }
    }
    Ok(())
}

struct Copies<'a> {
    db: &'a Database,
    places: &'a Places<'a>,
    batch: WriteBatch,
}

impl Copies<'_> {
    fn put(&mut self, meta: &StateMeta, key: &[u8], stored: &[u8]) -> Result<()> {
        let cf = self.db.cf(&self.places.cf(&meta.name, self.places.parts.of(key)?)?)?;
        self.batch.put_cf(cf, key, stored);
        if self.batch.size_in_bytes() >= BATCH_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        let batch = std::mem::take(&mut self.batch);
        if batch.is_empty() {
            return Ok(());
        }
        self.db.get()?.write_opt(batch, &write_options()).rocks("cannot write restored state")
    }
}
