//! A throw-away database over the files of one snapshot, to read its rows.

use crate::error::{RocksExt, create_dir, remove_dir};
use crate::ffi;
use crate::options::{CompactionStyle, cf_options, db_options};
use rocksdb::{DB, ReadOptions};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use streamjob_core::{Error, Result};
use streamjob_state::StateMeta;

pub(crate) struct Scratch {
    db: Option<DB>,
    dir: PathBuf,
    states: Vec<String>,
}

impl Scratch {
    /// Opens it in `dir`, which is created, and removed on drop. `files` are (state, path) in order of ingestion.
    pub fn open(dir: &Path, states: &[StateMeta], files: &[(String, PathBuf)]) -> Result<Self> {
        create_dir(dir)?;
        let mut scratch =
            Self { db: None, dir: dir.to_path_buf(), states: states.iter().map(|s| s.name.clone()).collect() };
        let mut options = cf_options(None, None, CompactionStyle::default());
        options.set_disable_auto_compactions(true);
        let mut db = DB::open(&db_options(None)?, dir).rocks("cannot open a database to read a snapshot")?;
        let mut by_state: BTreeMap<&str, Vec<PathBuf>> = BTreeMap::new();
        for (state, path) in files {
            by_state.entry(state).or_default().push(path.clone());
        }
        for (i, state) in scratch.states.iter().enumerate() {
            db.create_cf(cf_name(i), &options).rocks("cannot create a column family")?;
            let cf = db.cf_handle(&cf_name(i)).ok_or_else(|| Error::internal("a column family is gone"))?;
            ffi::ingest(&db, cf, by_state.remove(state.as_str()).as_deref().unwrap_or_default())?;
        }
        if let Some((state, _)) = by_state.pop_first() {
            return Err(Error::transient(format!(
                "a state file holds state '{state}', which its checkpoint does not list"
            )));
        }
        scratch.db = Some(db);
        Ok(scratch)
    }

    /// Visits a state's rows in `[from, to)`, in key order.
    pub fn visit(
        &self,
        state: usize,
        from: &[u8],
        to: &[u8],
        visit: &mut dyn FnMut(&[u8], &[u8]) -> Result<()>,
    ) -> Result<()> {
        let db = self.db.as_ref().ok_or_else(|| Error::internal("the scratch database is closed"))?;
        let cf = db.cf_handle(&cf_name(state)).ok_or_else(|| Error::internal("a column family is gone"))?;
        let mut options = ReadOptions::default();
        options.set_iterate_upper_bound(to);
        options.fill_cache(false);
        options.set_readahead_size(1 << 20);
        let mut rows = db.raw_iterator_cf_opt(cf, options);
        rows.seek(from);
        while let Some((key, stored)) = rows.item() {
            visit(key, stored)?;
            rows.next();
        }
        rows.status().rocks("cannot read a snapshot")
    }
}

fn cf_name(state: usize) -> String {
    format!("s{state}")
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(self.db.take());
        remove_dir(&self.dir);
    }
}
