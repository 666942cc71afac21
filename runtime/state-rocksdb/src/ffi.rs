//! What the safe crate lacks: ingesting files of another RocksDB by hard link, and
//! closing without a last flush. The only module with unsafe code.
#![allow(unsafe_code)]

use librocksdb_sys as sys;
use rocksdb::{AsColumnFamilyRef, AsRawPtr, ColumnFamily, DB, Options};
use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use streamjob_core::{Error, Result};

/// Closing a database drops what is not flushed: the checkpoint is the truth, and the files go anyway.
pub(crate) fn close_without_flush(options: &mut Options) {
    // SAFETY: `options` is borrowed and so outlives the call, which sets a plain field.
    unsafe { sys::rocksdb_options_set_avoid_flush_during_shutdown(options.as_raw_ptr(), 1) }
}

/// Ingests files that some RocksDB wrote, keeping their sequence numbers. Older data must come first
/// (deepest level first, level 0 from old to new), and nothing in the database may overlap them.
pub(crate) fn ingest(db: &DB, cf: &ColumnFamily, paths: &[PathBuf]) -> Result<()> {
    if paths.is_empty() {
        return Ok(());
    }
    let names = paths
        .iter()
        .map(|p| CString::new(p.as_os_str().as_bytes()))
        .collect::<std::result::Result<Vec<_>, _>>()
        .map_err(|e| Error::internal("a file name contains a zero byte").caused_by(e))?;
    let pointers: Vec<*const std::ffi::c_char> = names.iter().map(|n| n.as_ptr()).collect();
    let mut message: *mut std::ffi::c_char = std::ptr::null_mut();
    // SAFETY: `db` and `cf` are borrowed and so outlive the call; `names` outlives `pointers`; the options are
    // created and destroyed here; RocksDB copies the paths and keeps none of the pointers.
    unsafe {
        let options = sys::rocksdb_ingestexternalfileoptions_create();
        sys::rocksdb_ingestexternalfileoptions_set_link_files(options, 1);
        sys::rocksdb_ingestexternalfileoptions_set_failed_move_fall_back_to_copy(options, 1);
        sys::rocksdb_ingestexternalfileoptions_set_allow_db_generated_files(options, 1);
        sys::rocksdb_ingestexternalfileoptions_set_snapshot_consistency(options, 0);
        sys::rocksdb_ingestexternalfileoptions_set_allow_blocking_flush(options, 0);
        sys::rocksdb_ingest_external_file_cf(
            db.as_raw_ptr(),
            cf.inner(),
            pointers.as_ptr(),
            pointers.len(),
            options,
            &raw mut message,
        );
        sys::rocksdb_ingestexternalfileoptions_destroy(options);
    }
    if message.is_null() {
        return Ok(());
    }
    // SAFETY: a non-null error is a zero-terminated string that belongs to us and is freed once.
    let text = unsafe {
        let text = CStr::from_ptr(message).to_string_lossy().into_owned();
        sys::rocksdb_free(message.cast());
        text
    };
    Err(Error::transient(format!("RocksDB: cannot take over {} state files: {text}", paths.len())))
}
