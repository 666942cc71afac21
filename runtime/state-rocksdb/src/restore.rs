//! Fills an empty database from snapshots of any backend and any parallelism.

use crate::database::Database;
use crate::error::{RocksExt, create_dir, remove_dir};
use crate::ffi;
use crate::files::{Source, plan};
use crate::options::write_options;
use crate::reader::{RocksDbReader, download};
use crate::snapshot::Uploaded;
use rocksdb::WriteBatch;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use streamjob_core::{Error, Result};
use streamjob_state::restore::read_canonical;
use streamjob_state::{FileRef, KeyedSnapshot, NativeReader, SnapshotFormat, SnapshotStore, StateMeta};

const BATCH_BYTES: usize = 2 << 20;

/// Restores all snapshots into `db`, whose column families exist; `cfs` gives their names by state.
/// Background compactions of the database must be off until this returns. Gives the database's files that are of the
/// lineage's own checkpoints: the next one can refer to them.
pub(crate) fn restore(
    db: &Database,
    cfs: &HashMap<String, String>,
    snapshots: &[KeyedSnapshot],
    groups: &Range<u32>,
    store: &dyn SnapshotStore,
    dir: &Path,
) -> Result<Uploaded> {
    let mut linked = HashMap::new();
    let mut copies = Copies { db, cfs, batch: WriteBatch::default() };
    for source in plan(snapshots, groups)? {
        if source.link {
            linked.extend(link(db, cfs, &source, store, &dir.join("restore"))?);
        } else if let Some(snapshot) = snapshots.get(source.snapshot) {
            let visit = &mut |meta: &StateMeta, key: &[u8], stored: &[u8]| copies.put(meta, key, stored);
            RocksDbReader.read(snapshot, store, &source.groups, &dir.join("restore"), visit)?;
        }
    }
    for snapshot in snapshots.iter().filter(|s| s.format == SnapshotFormat::Canonical) {
        let visit = &mut |meta: &StateMeta, key: &[u8], stored: &[u8]| copies.put(meta, key, stored);
        read_canonical(snapshot, store, groups, visit)?;
    }
    copies.flush()?;
    Ok(names(db, linked))
}

/// Names of linked files in the database, by their inodes.
fn names(db: &Database, mut linked: HashMap<u64, FileRef>) -> Uploaded {
    let entries = std::fs::read_dir(db.dir()).into_iter().flatten().flatten();
    entries
        .filter_map(|e| Some((e.file_name().into_string().ok()?, linked.remove(&e.metadata().ok()?.ino())?)))
        .collect()
}

/// Where files lie that later checkpoints of the same lineage may refer to (see `Scope::Shared`).
const SHARED: &str = "shared/";

/// Links a snapshot's files into the database and deletes the foreign key groups in them.
fn link(
    db: &Database,
    cfs: &HashMap<String, String>,
    source: &Source,
    store: &dyn SnapshotStore,
    dir: &Path,
) -> Result<HashMap<u64, FileRef>> {
    create_dir(dir)?;
    let outcome = (|| {
        let mut by_state: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
        let mut linked = HashMap::new();
        for (needed, (state, path)) in source.files.iter().zip(download(&source.files, store, dir)?) {
            if needed.file.file.path.starts_with(SHARED)
                && let Ok(meta) = std::fs::metadata(&path)
            {
                linked.insert(meta.ino(), needed.file.file.clone());
            }
            by_state.entry(state).or_default().push(path);
        }
        for (state, paths) in by_state {
            ffi::ingest(db.get()?, db.cf(cf_of(cfs, &state)?)?, &paths)?;
        }
        for (state, ranges) in source.clips() {
            let cf = db.cf(cf_of(cfs, state)?)?;
            for (from, to) in ranges {
                db.get()?
                    .delete_range_cf_opt(cf, &from, &to, &write_options())
                    .rocks(format!("cannot clip state '{state}'"))?;
            }
        }
        Ok(linked)
    })();
    remove_dir(dir);
    outcome
}

fn cf_of<'a>(cfs: &'a HashMap<String, String>, state: &str) -> Result<&'a str> {
    cfs.get(state).map(String::as_str).ok_or_else(|| {
        Error::transient(format!("a state file holds state '{state}', which its checkpoint does not list"))
            .fix("restore from an older checkpoint or savepoint")
    })
}

struct Copies<'a> {
    db: &'a Database,
    cfs: &'a HashMap<String, String>,
    batch: WriteBatch,
}

impl Copies<'_> {
    fn put(&mut self, meta: &StateMeta, key: &[u8], stored: &[u8]) -> Result<()> {
        let cf = self.db.cf(cf_of(self.cfs, &meta.name)?)?;
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
