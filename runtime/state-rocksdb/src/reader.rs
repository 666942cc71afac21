//! Reads snapshots in RocksDB's format row by row: for other backends, and for
//! restores that cannot link the files.

use crate::error::{create_dir, remove_dir};
use crate::files::{Needed, group_start, needed};
use crate::scratch::Scratch;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use streamjob_core::Result;
use streamjob_state::{KeyedSnapshot, NativeReader, SnapshotFormat, SnapshotStore, canonical};

/// Lets the heap backend restore what the RocksDB backend wrote.
#[derive(Debug, Clone, Copy, Default)]
pub struct RocksDbReader;

impl NativeReader for RocksDbReader {
    fn format(&self) -> SnapshotFormat {
        SnapshotFormat::RocksDb
    }

    fn read(
        &self,
        snapshot: &KeyedSnapshot,
        store: &dyn SnapshotStore,
        groups: &Range<u32>,
        dir: &Path,
        visit: canonical::Visit<'_>,
    ) -> Result<()> {
        let own = groups.start.max(snapshot.group_start)..groups.end.min(snapshot.group_end);
        if own.is_empty() {
            return Ok(());
        }
        let parts = needed(snapshot, &own)?;
        if parts.is_empty() {
            return Ok(());
        }
        create_dir(dir)?;
        let outcome = (|| {
            let mut scratches = Vec::with_capacity(parts.len());
            for (part, (groups, files)) in parts.iter().enumerate() {
                let dir = dir.join(format!("part-{part}"));
                create_dir(&dir)?;
                let local = download(files, store, &dir)?;
                scratches.push((groups, Scratch::open(&dir.join("db"), &snapshot.states, &local)?));
            }
            for (i, meta) in snapshot.states.iter().enumerate() {
                for (groups, scratch) in &scratches {
                    let (from, to) = (group_start(groups.start), group_start(groups.end));
                    scratch.visit(i, &from, &to, &mut |key, stored| visit(meta, key, stored))?;
                }
            }
            Ok(())
        })();
        remove_dir(dir);
        outcome
    }
}

/// Files that one restore fetches at a time.
const DOWNLOADS: usize = 4;

/// Brings files into `dir`; gives (state, path) in the same order. Errors name the file.
pub(crate) fn download(files: &[Needed], store: &dyn SnapshotStore, dir: &Path) -> Result<Vec<(String, PathBuf)>> {
    let path = |i: usize| dir.join(format!("{i:06}.sst"));
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(None));
    let fetch = || {
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            let Some(f) = files.get(i) else { return };
            if let Err(e) = store.download(&f.file.file, &path(i)) {
                // The others end after the file that they are at.
                next.store(files.len(), Ordering::Relaxed);
                let e = e.context(format!("state file {}", f.file.name));
                failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(e);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..DOWNLOADS.min(files.len()) {
            scope.spawn(fetch);
        }
        fetch();
    });
    match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(e) => Err(e),
        None => Ok(files.iter().enumerate().map(|(i, f)| (f.meta.state.clone(), path(i))).collect()),
    }
}
