//! Copies files of a restore source into the checkpoint that still refers to them,
//! so that a lineage depends on nothing outside its folder (claim mode NoClaim), and
//! a savepoint on nothing outside its own.

use crate::layout::RESTORED;
use crate::lineage::{Lineage, Slot};
use crate::manifest::Manifest;
use crate::restore::RestorePoint;
use crate::snapshot_store::{CheckpointReader, Target, file_key};
use crate::store::{ObjectStore, join};
use std::collections::HashMap;
use std::sync::Arc;
use streamjob_core::{CheckpointId, Error, Result};
use streamjob_state::FileRef;
use uuid::Uuid;

/// Knows the restore source, and what has been copied from it already.
pub struct Localizer {
    lineage: CheckpointReader,
    source: Option<Source>,
    copied: HashMap<String, (CheckpointId, String)>,
}

struct Source {
    reader: CheckpointReader,
    own: bool,
}

impl Localizer {
    /// For a job that writes `lineage`, restored from `point` if any.
    pub fn new(lineage: &Lineage, point: Option<&RestorePoint>) -> Self {
        let source = point.filter(|p| !p.same_lineage).map(|p| Source { reader: p.reader.clone(), own: p.own_store });
        let lineage = CheckpointReader::new(lineage.store().clone(), lineage.paths().dir());
        Self { lineage, source, copied: HashMap::new() }
    }

    /// Copies what the manifest refers to outside its slot, and corrects the references. Returns the bytes copied.
    pub fn localize(&mut self, slot: &Slot, manifest: &mut Manifest) -> Result<u64> {
        let mut bytes = 0;
        let mut here: HashMap<String, String> = HashMap::new();
        for file in manifest.files_mut().filter(|f| !f.path.is_empty()) {
            let foreign = file.path.starts_with(RESTORED);
            let outside = match &slot.target {
                Target::Checkpoint { .. } => foreign,
                Target::Savepoint { .. } => file.path.contains('/'),
            };
            if !outside {
                continue;
            }
            if let Some(path) = here.get(&file.path).or_else(|| match &slot.target {
                Target::Checkpoint { .. } => self.copied.get(&file.path).map(|(_, p)| p),
                Target::Savepoint { .. } => None,
            }) {
                file.path.clone_from(path);
                continue;
            }
            let path = self.copy(slot, file, foreign)?;
            bytes += file.size;
            here.insert(file.path.clone(), path.clone());
            if let Target::Checkpoint { id, .. } = &slot.target {
                self.copied.insert(file.path.clone(), (*id, path.clone()));
            }
            file.path = path;
        }
        Ok(bytes)
    }

    /// Copies made for a checkpoint that did not come about are made again.
    pub fn forget(&mut self, id: CheckpointId) {
        self.copied.retain(|_, (by, _)| *by != id);
    }

    fn copy(&self, slot: &Slot, file: &FileRef, foreign: bool) -> Result<String> {
        let name = file.path.rsplit('/').next().unwrap_or("file");
        let short: String = name.chars().take(60).collect();
        let unique = Uuid::new_v4().simple();
        let (dir, path) = match &slot.target {
            Target::Checkpoint { dir, id, attempt } => (dir, format!("shared/{attempt}/{id}-{short}-{unique}")),
            Target::Savepoint { dir } => (dir, format!("{short}-{unique}")),
        };
        let to = join(dir, &path);
        match (&self.source, foreign) {
            (Some(s), true) => {
                let from = file_key(s.reader.dir(), file);
                transfer(s.reader.store(), &from, s.own && slot.own, slot, &to)?;
            }
            (None, true) => {
                return Err(Error::internal(format!("{} has no restore source", file.path)));
            }
            // The lineage's own file, for a savepoint.
            (_, false) => {
                let from = file_key(self.lineage.dir(), file);
                transfer(self.lineage.store(), &from, slot.own, slot, &to)?;
            }
        }
        Ok(path)
    }
}

/// Within one store on the server's side, else over a local temporary file.
fn transfer(from: &Arc<dyn ObjectStore>, key: &str, same: bool, slot: &Slot, to: &str) -> Result<()> {
    if same {
        return slot.store.copy(key, to);
    }
    let local = Temporary(std::env::temp_dir().join(format!("streamjob-copy-{}", Uuid::new_v4().simple())));
    from.download(key, &local.0)?;
    slot.store.upload(to, &local.0)
}

struct Temporary(std::path::PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
