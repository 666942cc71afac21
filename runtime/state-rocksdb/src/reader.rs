//! Reads snapshots in RocksDB's format row by row: for other backends, and for
//! restores that cannot link the files.

use crate::error::{create_dir, remove_dir};
use crate::files::{Needed, group_start, needed};
use crate::scratch::Scratch;
use std::ops::Range;
use std::path::{Path, PathBuf};
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
        let files = needed(snapshot, &own)?;
        if files.is_empty() {
            return Ok(());
        }
        create_dir(dir)?;
        let outcome = (|| {
            let local = download(&files, store, dir)?;
            let scratch = Scratch::open(&dir.join("db"), &snapshot.states, &local)?;
            let (from, to) = (group_start(own.start), group_start(own.end));
            for (i, meta) in snapshot.states.iter().enumerate() {
                scratch.visit(i, &from, &to, &mut |key, stored| visit(meta, key, stored))?;
            }
            Ok(())
        })();
        remove_dir(dir);
        outcome
    }
}

/// Brings files into `dir`; gives (state, path) in the same order. Errors name the file.
pub(crate) fn download(files: &[Needed], store: &dyn SnapshotStore, dir: &Path) -> Result<Vec<(String, PathBuf)>> {
    let mut local = Vec::with_capacity(files.len());
    for (i, f) in files.iter().enumerate() {
        let path = dir.join(format!("{i:06}.sst"));
        store.download(&f.file.file, &path).map_err(|e| e.context(format!("state file {}", f.file.name)))?;
        local.push((f.meta.state.clone(), path));
    }
    Ok(local)
}
