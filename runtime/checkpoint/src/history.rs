//! What lies in storage under a job name, for `list`, `inspect` and `verify`.

use crate::layout::{JobPaths, METADATA, Place};
use crate::lineage::{EpochRecord, Head, Job, is_valid};
use crate::manifest::{Kind, Manifest};
use crate::restore::{RestorePoint, load, load_epoch};
use crate::store::{ObjectMeta, Storage, join};
use crate::verify::{Damage, verify};
use std::collections::BTreeSet;
use streamjob_core::{CheckpointId, Domain, JobId, Result};

/// A checkpoint or savepoint in storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number.
    pub id: CheckpointId,
    /// Checkpoint or savepoint.
    pub kind: Kind,
    /// Its lineage.
    pub job_id: JobId,
    /// Its folder, as `--from` takes it.
    pub location: String,
    /// Trigger time, milliseconds since the Unix epoch.
    pub created_at_ms: i64,
    /// From trigger to manifest, milliseconds.
    pub duration_ms: u64,
    /// Bytes of state.
    pub size: u64,
    /// Every file is there with its size.
    pub complete: bool,
    /// Part of the job's history: `Latest` may choose it.
    pub retained: bool,
    /// What is wrong with it.
    pub problem: Option<String>,
}

/// Job names below a root, as (namespace, job name), sorted.
pub fn jobs(storage: &Storage) -> Result<Vec<(String, String)>> {
    let mut out = Vec::new();
    for namespace in storage.root.list_dirs("")? {
        for name in storage.root.list_dirs(&namespace)? {
            let Ok(paths) = JobPaths::new(&namespace, &name) else { continue };
            if storage.root.head(&paths.head())?.is_some() {
                out.push((namespace.clone(), name));
            }
        }
    }
    Ok(out)
}

/// All checkpoints and savepoints of a job name, by time. Unreadable manifests are entries with a problem.
pub fn list(job: &Job) -> Result<Vec<Entry>> {
    let head = job.head()?.map(|h| h.head);
    let mut out = Vec::new();
    for name in job.store().list_dirs(job.paths().dir())? {
        if let Some(id) = JobId::parse(&name) {
            list_lineage(job, &id, head.as_ref(), &mut out)?;
        }
    }
    for name in job.store().list_dirs(&job.paths().savepoints())? {
        let folder = join(&job.paths().savepoints(), &name);
        if job.store().head(&join(&folder, METADATA))?.is_some() {
            out.push(entry(job, &folder, None, &BTreeSet::new())?);
        }
    }
    out.sort_by_key(|a| (a.created_at_ms, a.id));
    Ok(out)
}

fn list_lineage(job: &Job, id: &JobId, head: Option<&Head>, out: &mut Vec<Entry>) -> Result<()> {
    let lineage = job.paths().lineage(id);
    let valid: BTreeSet<_> = job.epochs(&lineage, head)?.into_iter().map(|e| e.epoch).collect();
    for object in crate::gc::objects(job.store().as_ref(), lineage.dir())? {
        if let Place::Manifest(number) = Place::of(&object.key) {
            out.push(entry(job, &lineage.checkpoint(number), Some((id, number)), &valid)?);
        }
    }
    Ok(())
}

fn entry(
    job: &Job,
    folder: &str,
    known: Option<(&JobId, CheckpointId)>,
    valid: &BTreeSet<CheckpointId>,
) -> Result<Entry> {
    let location = job.store().url(folder);
    match load(&job.storage, &location) {
        Ok(point) => {
            let damages = verify(&point.reader, &point.manifest, false)?;
            let m = point.manifest;
            Ok(Entry {
                id: m.checkpoint,
                retained: m.kind.is_savepoint() || valid.contains(&m.checkpoint),
                kind: m.kind,
                job_id: m.job_id,
                location,
                created_at_ms: m.created_at_ms,
                duration_ms: m.duration_ms,
                size: m.sizes.state,
                complete: damages.is_empty(),
                problem: damages.first().map(|d| format!("{}: {}", d.location, d.problem)),
            })
        }
        Err(e) if e.domain() == Domain::User => Ok(Entry {
            id: known.map_or(0, |(_, n)| n),
            kind: if known.is_some() { Kind::Checkpoint } else { Kind::Savepoint },
            job_id: known.map_or_else(|| JobId::from_random(0), |(id, _)| id.clone()),
            location,
            created_at_ms: 0,
            duration_ms: 0,
            size: 0,
            complete: false,
            retained: known.is_some_and(|(_, n)| valid.contains(&n)),
            problem: Some(e.message().to_string()),
        }),
        Err(e) => Err(e),
    }
}

/// The manifest at a location (folder or `_metadata`).
pub fn inspect(storage: &Storage, path: &str) -> Result<Manifest> {
    Ok(load(storage, path)?.manifest)
}

/// Checks every file of the checkpoint or savepoint at a location; with `deep` their checksums.
pub fn verify_path(storage: &Storage, path: &str, deep: bool) -> Result<(RestorePoint, Vec<Damage>)> {
    let point = load(storage, path)?;
    let damages = verify(&point.reader, &point.manifest, deep)?;
    Ok((point, damages))
}

/// Manifests of the job's present lineage, newest first: at most `limit` checkpoints and as many savepoints. What was
/// retired, or cannot be read, is left out; no file but manifests is looked at.
pub fn recent(job: &Job, limit: usize) -> Result<Vec<(String, Manifest)>> {
    let Some(head) = job.head()?.map(|h| h.head) else { return Ok(Vec::new()) };
    let lineage = job.paths().lineage(&head.job_id);
    let store = job.store().as_ref();
    let number = |key: &str| key.rsplit('/').next().and_then(|n| n.parse::<CheckpointId>().ok());
    let mut epochs: Vec<_> =
        store.list(&lineage.epochs())?.into_iter().filter_map(|o| Some((number(&o.key)?, o.key))).collect();
    epochs.sort_unstable_by(|a, b| b.cmp(a));
    let mut out = Vec::new();
    let mut take = |loaded: Result<RestorePoint>| match loaded {
        Ok(point) if point.manifest.job_id == head.job_id => {
            out.push((point.location, point.manifest));
            Ok(())
        }
        Ok(_) => Ok(()),
        Err(e) if e.domain() == Domain::User => Ok(()),
        Err(e) => Err(e),
    };
    for (_, key) in epochs.iter().take(limit) {
        let Some(object) = store.get(key)? else { continue };
        let Ok(record) = serde_json::from_slice::<EpochRecord>(&object.bytes) else { continue };
        if is_valid(&record, &head) {
            take(load_epoch(job, &lineage, &record))?;
        }
    }
    // Their names are random: the newest are those whose manifests were written last.
    let manifest = |o: &ObjectMeta| o.key.strip_suffix(METADATA).is_some_and(|folder| folder.ends_with('/'));
    let mut savepoints: Vec<_> =
        store.list(&job.paths().savepoints())?.into_iter().filter(manifest).map(|o| (o.modified_ms, o.key)).collect();
    savepoints.sort_unstable_by(|a, b| b.cmp(a));
    for (_, key) in savepoints.iter().take(limit) {
        take(load(&job.storage, &store.url(key)))?;
    }
    // A stop's savepoint has an epoch, too.
    out.sort_by(|a: &(String, Manifest), b| (b.1.checkpoint, &b.0).cmp(&(a.1.checkpoint, &a.0)));
    out.dedup_by(|a, b| a.1.checkpoint == b.1.checkpoint);
    Ok(out)
}
