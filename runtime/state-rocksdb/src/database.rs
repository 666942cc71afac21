//! An open database with the folder it lives in, which goes when it is closed.

use crate::error::{RocksExt, create_dir, remove_dir};
use crate::memory::Share;
use crate::options::{db_options, write_options};
use rocksdb::{ColumnFamily, DB, FlushOptions, LiveFile, Options, WriteBatch};
use std::path::{Path, PathBuf};
use streamjob_core::{Error, Result};

const BATCH_BYTES: usize = 4 << 20;

pub(crate) struct Database {
    db: Option<DB>,
    dir: PathBuf,
}

impl Database {
    /// Opens an empty database below `dir`.
    pub fn open(dir: &Path, share: &Share) -> Result<Self> {
        let dir = dir.join("db");
        remove_dir(&dir);
        create_dir(&dir)?;
        let mut database = Self { db: None, dir };
        let opened = DB::open(&db_options(Some(share))?, &database.dir);
        database.db = Some(opened.rocks(format!("cannot open a database in {}", database.dir.display()))?);
        Ok(database)
    }

    pub fn get(&self) -> Result<&DB> {
        self.db.as_ref().ok_or_else(|| Error::internal("the state database is closed"))
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn cf(&self, name: &str) -> Result<&ColumnFamily> {
        self.get()?.cf_handle(name).ok_or_else(|| Error::internal(format!("column family '{name}' is gone")))
    }

    pub fn create_cf(&mut self, name: &str, options: &Options) -> Result<()> {
        let db = self.db.as_mut().ok_or_else(|| Error::internal("the state database is closed"))?;
        db.create_cf(name, options).rocks("cannot create a column family")
    }

    pub fn drop_cf(&mut self, name: &str) -> Result<()> {
        let db = self.db.as_mut().ok_or_else(|| Error::internal("the state database is closed"))?;
        db.drop_cf(name).rocks("cannot drop a column family")
    }

    /// Writes entries, `None` as deletions, without a log; large sets in several batches.
    pub fn write<'a>(&self, cf: &str, entries: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>) -> Result<()> {
        let (db, cf, options) = (self.get()?, self.cf(cf)?, write_options());
        let mut batch = WriteBatch::default();
        for (key, stored) in entries {
            match stored {
                Some(stored) => batch.put_cf(cf, key, stored),
                None => batch.delete_cf(cf, key),
            }
            if batch.size_in_bytes() >= BATCH_BYTES {
                db.write_opt(std::mem::take(&mut batch), &options).rocks("cannot write state")?;
            }
        }
        if batch.is_empty() {
            return Ok(());
        }
        db.write_opt(batch, &options).rocks("cannot write state")
    }

    /// Moves the memtables of the column families into files.
    pub fn flush(&self, cfs: &[&str]) -> Result<()> {
        let handles = cfs.iter().map(|c| self.cf(c)).collect::<Result<Vec<_>>>()?;
        if handles.is_empty() {
            return Ok(());
        }
        let mut options = FlushOptions::default();
        options.set_wait(true);
        self.get()?.flush_cfs_opt(&handles, &options).rocks("cannot flush state")
    }

    /// Calls `take` with the files that make up the database now; none of them is deleted meanwhile.
    pub fn with_live_files<T>(&self, take: impl FnOnce(Vec<LiveFile>) -> Result<T>) -> Result<T> {
        let db = self.get()?;
        db.disable_file_deletions().rocks("cannot hold the state files")?;
        let outcome = db.live_files().rocks("cannot list the state files").and_then(take);
        db.enable_file_deletions().rocks("cannot release the state files")?;
        outcome
    }

    /// Sum of a property over column families.
    pub fn sum(&self, cfs: impl Iterator<Item = impl AsRef<str>>, property: &std::ffi::CStr) -> u64 {
        cfs.filter_map(|c| self.get().ok()?.property_int_value_cf(self.cf(c.as_ref()).ok()?, property).ok()?).sum()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        drop(self.db.take());
        remove_dir(&self.dir);
        // The subtask's folder too, unless a snapshot still reads from it.
        if let Some(parent) = self.dir.parent() {
            let _ = std::fs::remove_dir(parent);
        }
    }
}
