//! Reads snapshots in RocksDB's format row by row: for other backends, and for
//! restores that cannot link the files.

use crate::error::{create_dir, remove_dir};
use crate::files::{Needed, group_start, needed};
use crate::parallel::in_parallel;
use crate::scratch::Scratch;
use std::ops::Range;
use std::path::{Path, PathBuf};
use streamjob_core::{Error, Result};
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

/// Brings files into `dir`; gives (state, path) in the same order. Errors name the file.
pub(crate) fn download(files: &[Needed], store: &dyn SnapshotStore, dir: &Path) -> Result<Vec<(String, PathBuf)>> {
    in_parallel(files.len(), |i| {
        let file = files.get(i).ok_or_else(|| Error::internal("a file beyond the last"))?;
        let path = dir.join(format!("{i:06}.sst"));
        store.download(&file.file.file, &path).map_err(|e| e.context(format!("state file {}", file.file.name)))?;
        Ok((file.meta.state.clone(), path))
    })
}
