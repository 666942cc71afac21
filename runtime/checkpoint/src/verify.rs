//! Whether everything that a manifest refers to is in storage, unchanged.

use crate::manifest::Manifest;
use crate::snapshot_store::{CheckpointReader, check, file_key};
use std::collections::{HashMap, HashSet};
use streamjob_core::Result;
use streamjob_state::SnapshotStore;

/// What is wrong with one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Where it should lie.
    pub location: String,
    /// What is wrong.
    pub problem: String,
}

/// Looks for every file: there, with its size; with `deep` also its checksum, which reads everything.
/// Inline content is always checked. Storage errors are errors, findings are not.
pub fn verify(reader: &CheckpointReader, manifest: &Manifest, deep: bool) -> Result<Vec<Damage>> {
    let store = reader.store().as_ref();
    let mut damages = Vec::new();
    let mut seen = HashSet::new();
    let mut wanted = Vec::new();
    for file in manifest.files() {
        if file.inline.is_some() {
            if let Err(e) = reader.read(file) {
                damages.push(Damage { location: "inline content".into(), problem: e.message().to_string() });
            }
        } else if seen.insert(&file.path) {
            wanted.push(file);
        }
    }
    // One listing instead of a request a file.
    let there: HashMap<String, u64> = if wanted.is_empty() {
        HashMap::new()
    } else {
        store.list(reader.dir())?.into_iter().map(|o| (o.key, o.size)).collect()
    };
    for file in wanted {
        let key = file_key(reader.dir(), file);
        let location = store.url(&key);
        let problem = match there.get(&key) {
            None => Some("missing".to_string()),
            Some(size) if *size != file.size => Some(format!("has {size} bytes, its checkpoint says {}", file.size)),
            Some(_) if deep => match store.checksum(&key)? {
                None => Some("missing".to_string()),
                Some((size, sum)) => check(&location, file, size, &sum).err().map(|e| e.message().to_string()),
            },
            Some(_) => None,
        };
        damages.extend(problem.map(|problem| Damage { location, problem }));
    }
    Ok(damages)
}
