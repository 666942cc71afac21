//! Disposes of single checkpoints and savepoints: of their own files, and of nothing else that lies beside them.

use crate::collector::paths;
use crate::gc::{self, Swept};
use crate::layout::{METADATA, Place, RESTORED};
use crate::lineage::Job;
use crate::manifest::Manifest;
use crate::restore::{RestorePoint, load};
use crate::store::{Storage, join};
use std::collections::HashSet;
use streamjob_core::{Error, Result};

/// Deletes a savepoint by its location. Errors (User) when it is none, or when it is what its job would go on from.
/// `storage` is where the job is looked for if the savepoint does not lie in the job's folder.
pub fn savepoint(storage: &Storage, path: &str) -> Result<Swept> {
    let point = load(storage, path)?;
    if !point.manifest.kind.is_savepoint() {
        return Err(Error::user(format!("{} is a checkpoint, not a savepoint", point.location))
            .fix("checkpoints belong to their job, which deletes them when newer ones are there"));
    }
    let Manifest { namespace, job, .. } = &point.manifest;
    let home = match point.location.rsplit_once(&format!("/{namespace}/{job}/savepoints/")) {
        Some((root, name)) if !name.contains('/') => storage.beside(root)?,
        _ => storage.clone(),
    };
    if let Some(why) = needed_by(&Job::open(&home, namespace, job)?, &point)? {
        return Err(Error::user(format!("{} is still needed: {why}", point.location)).fix(
            "start the job and let it complete a checkpoint, which it then goes on from; or give it other state by --from",
        ));
    }
    dispose_point(&point)
}

/// Why a job would go on from this savepoint.
fn needed_by(job: &Job, point: &RestorePoint) -> Result<Option<String>> {
    let Some(head) = job.head()?.map(|h| h.head) else { return Ok(None) };
    let name = job.paths().dir();
    let epochs = job.epochs(&job.paths().lineage(&head.job_id), Some(&head))?;
    let newest = epochs.last();
    if newest
        .is_some_and(|e| e.manifest.strip_suffix(METADATA).map(|f| f.trim_end_matches('/')) == Some(&point.location))
    {
        return Ok(Some(format!("the job {name} stopped behind it and has no newer checkpoint")));
    }
    if newest.is_none() && head.began_from.as_ref() == Some(&point.location) {
        return Ok(Some(format!("the job {name} was started from it and has no checkpoint of its own yet")));
    }
    Ok(None)
}

/// Data first, the manifest last: what is half disposed of can be disposed of again.
pub(crate) fn dispose_point(point: &RestorePoint) -> Result<Swept> {
    let store = point.reader.store().as_ref();
    let dir = point.reader.dir();
    if dir.is_empty() && point.manifest.kind.is_savepoint() {
        return Err(Error::internal("a savepoint's folder is the whole store"));
    }
    let objects = gc::objects(store, dir)?;
    let own = paths(&point.manifest);
    let own: HashSet<_> = own.iter().map(|p| p.strip_prefix(RESTORED).unwrap_or(p)).collect();
    if point.manifest.kind.is_savepoint() {
        // What else lies in the folder is somebody's.
        let (manifest, others): (Vec<_>, Vec<_>) = objects.into_iter().partition(|o| o.key == METADATA);
        let data = others.into_iter().filter(|o| own.contains(o.key.as_str()));
        let garbage: Vec<_> = data.chain(manifest).map(|o| gc::Garbage { path: o.key, size: o.size }).collect();
        return gc::delete(store, dir, &garbage);
    }
    let id = point.manifest.checkpoint;
    // Its files are its own as far as no other manifest of that lineage refers to them.
    let mut others = HashSet::new();
    for object in &objects {
        match Place::of(&object.key) {
            Place::Manifest(other) if other != id => {
                let key = join(dir, &object.key);
                if let Some(o) = store.get(&key)? {
                    others.extend(paths(&Manifest::decode(&store.url(&key), &o.bytes)?));
                }
            }
            _ => {}
        }
    }
    let mut garbage = Vec::new();
    for order in 0..3 {
        for o in objects.iter().filter(|o| !others.contains(&o.key)) {
            let its = match Place::of(&o.key) {
                Place::Exclusive(i) => order == 0 && i == id,
                Place::Shared { .. } => order == 0 && own.contains(o.key.as_str()),
                Place::Epoch(i) => order == 1 && i == id,
                Place::Manifest(i) => order == 2 && i == id,
                Place::Unknown => false,
            };
            if its {
                garbage.push(gc::Garbage { path: o.key.clone(), size: o.size });
            }
        }
    }
    gc::delete(store, dir, &garbage)
}
