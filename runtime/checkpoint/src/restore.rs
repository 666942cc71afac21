//! What to start from. The source is a typed value; storage alone decides, and a
//! job is refused rather than started empty by mistake (streamjob-api.md rule 1).

use crate::layout::{LineagePaths, METADATA, Place, RESTORED};
use crate::lineage::{Claim, Claimed, EpochRecord, Head, HeadVersion, Job, new_job_id};
use crate::manifest::Manifest;
use crate::retention::ClaimMode;
use crate::snapshot_store::CheckpointReader;
use crate::store::{ObjectStore, Storage, join};
use crate::verify::verify;
use std::fmt;
use std::sync::Arc;
use streamjob_core::{CheckpointId, Error, Result};

/// Where a job's state comes from (`restore.from`, `--from`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RestoreFrom {
    /// Own state if there is any, else empty; refused when another owner's state is there.
    Auto,
    /// The newest verified checkpoint under this name, whoever wrote it.
    Latest,
    /// Empty, as a new lineage.
    None,
    /// This checkpoint or savepoint.
    Path(String),
}

impl RestoreFrom {
    /// `auto`, `latest` and `none` in any case; everything else is a path.
    pub fn parse(text: &str) -> Self {
        match text.trim().to_ascii_lowercase().as_str() {
            "auto" => RestoreFrom::Auto,
            "latest" => RestoreFrom::Latest,
            "none" => RestoreFrom::None,
            _ => RestoreFrom::Path(text.trim().to_string()),
        }
    }
}

impl fmt::Display for RestoreFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RestoreFrom::Auto => f.write_str("Auto"),
            RestoreFrom::Latest => f.write_str("Latest"),
            RestoreFrom::None => f.write_str("None"),
            RestoreFrom::Path(p) => f.write_str(p),
        }
    }
}

/// A checkpoint or savepoint to start from, verified.
#[derive(Clone)]
pub struct RestorePoint {
    /// Its manifest. From another lineage or a savepoint, file paths carry a mark in front: new checkpoints must not
    /// build on such files, and [`crate::Lineage::publish`] refuses one that does.
    pub manifest: Manifest,
    /// Location of its folder.
    pub location: String,
    /// Reads its files; give it to `KeyedBackend`s.
    pub reader: CheckpointReader,
    /// The job goes on in the lineage that it belongs to.
    pub same_lineage: bool,
}

/// A checkpoint that was passed over, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Its manifest's location.
    pub location: String,
    /// What is wrong with it.
    pub reason: String,
}

/// What to start from, decided on what storage held.
pub struct Decision {
    /// For [`Job::take_over`].
    pub claim: Claim,
    /// What to restore; `None` to start empty.
    pub point: Option<RestorePoint>,
    /// The number of the next checkpoint.
    pub next_id: CheckpointId,
    /// Newer checkpoints that cannot be used.
    pub skipped: Vec<Skipped>,
    /// Complete checkpoints of the lineage that goes on, oldest first, for retention.
    pub completed: Vec<EpochRecord>,
}

impl Decision {
    /// With [`ClaimMode::Claim`], what is restored from elsewhere becomes the job's own, together with the head.
    pub fn own(&mut self, mode: ClaimMode) {
        let Some(point) = self.point.as_ref().filter(|p| mode == ClaimMode::Claim && !p.same_lineage) else { return };
        let claimed = Claimed { checkpoint: point.manifest.checkpoint, location: point.location.clone() };
        if !self.claim.claimed.contains(&claimed) {
            self.claim.claimed.push(claimed);
        }
    }
}

/// Decides. `deep` verifies checksums of all files, not only their presence and size.
pub fn resolve(job: &Job, owner: &str, from: &RestoreFrom, deep: bool) -> Result<Decision> {
    // The head first: whatever is published after this moves it, and the claim then fails.
    let seen = job.head()?;
    let empty = |seen: Option<HeadVersion>| Decision {
        claim: Claim {
            seen,
            job_id: new_job_id(),
            base: 0,
            same_lineage: false,
            began_from: None,
            claimed: Vec::new(),
            revision: String::new(),
        },
        point: None,
        next_id: 1,
        skipped: Vec::new(),
        completed: Vec::new(),
    };
    match (from, &seen) {
        (RestoreFrom::None, _) => Ok(empty(seen)),
        (RestoreFrom::Auto, None) if has_checkpoints(job)? => Err(head_is_gone(job)),
        (RestoreFrom::Auto, None) => Ok(empty(seen)),
        (RestoreFrom::Path(path), _) => from_path(job, seen, path, deep),
        (RestoreFrom::Latest, None) => Err(no_state(job, "nobody ever ran under this name")),
        (RestoreFrom::Auto | RestoreFrom::Latest, Some(version)) => {
            let lineage = job.paths.lineage(&version.head.job_id);
            let epochs = job.epochs(&lineage, Some(&version.head))?;
            if epochs.is_empty() {
                // It ended before its first checkpoint: what it was to begin from is its state, not nothing.
                if let Some(path) = version.head.began_from.clone() {
                    if *from == RestoreFrom::Auto && version.head.owner != owner {
                        return Err(retained_state_found(job, &version.head, owner));
                    }
                    let claimed = version.head.claimed.clone();
                    let mut decision = from_path(job, seen, &path, deep)?;
                    decision.claim.claimed = claimed;
                    return Ok(decision);
                }
                return match from {
                    _ if version.head.latest.is_some() => Err(no_records(job, &version.head)),
                    RestoreFrom::Latest => Err(no_state(job, "no checkpoint was ever completed")),
                    _ => Ok(empty(seen)),
                };
            }
            if *from == RestoreFrom::Auto && version.head.owner != owner {
                return Err(retained_state_found(job, &version.head, owner));
            }
            newest_verified(job, version, &lineage, epochs, deep)
        }
    }
}

/// A new lineage that begins with the state of a checkpoint or savepoint.
fn from_path(job: &Job, seen: Option<HeadVersion>, path: &str, deep: bool) -> Result<Decision> {
    let point = load(&job.storage, path)?;
    require_intact(&point, deep)?;
    let base = point.manifest.checkpoint;
    let began_from = Some(point.location.clone());
    Ok(Decision {
        claim: Claim {
            seen,
            job_id: new_job_id(),
            base,
            same_lineage: false,
            began_from,
            claimed: Vec::new(),
            revision: String::new(),
        },
        point: Some(mark_foreign(point)),
        next_id: base + 1,
        skipped: Vec::new(),
        completed: Vec::new(),
    })
}

/// Reads the manifest of a checkpoint or savepoint by the location of its folder or of `_metadata` itself. Not verified.
pub fn load(storage: &Storage, path: &str) -> Result<RestorePoint> {
    find(storage, path)?.ok_or_else(|| no_manifest(path))
}

/// [`load`]; `None` where there is no manifest.
pub(crate) fn find(storage: &Storage, path: &str) -> Result<Option<RestorePoint>> {
    let trimmed = path.trim().trim_end_matches('/');
    let folder = trimmed.strip_suffix(METADATA).filter(|f| f.is_empty() || f.ends_with('/')).unwrap_or(trimmed);
    let folder = folder.trim_end_matches('/');
    let (parent, name) = match folder.rsplit_once('/') {
        Some((parent, name)) if !parent.ends_with('/') && !parent.is_empty() => (parent.to_string(), name),
        Some((parent, name)) => (format!("{parent}/"), name),
        None => (".".to_string(), folder),
    };
    let at = storage.locate(&parent)?;
    find_at(&at.store, &at.dir, &join(&at.dir, name))
}

fn no_manifest(path: &str) -> Error {
    Error::user(format!("Cannot find meta data file '_metadata' in directory {path}"))
        .fix("give the folder of one checkpoint (…/chk-7) or savepoint (…/savepoint-…), or its _metadata file; `streamjob checkpoint list` shows them")
}

/// Reads the manifest in `folder` (a key), whose lineage, if it is a checkpoint, is the folder `parent`.
fn find_at(store: &Arc<dyn ObjectStore>, parent: &str, folder: &str) -> Result<Option<RestorePoint>> {
    let key = join(folder, METADATA);
    let Some(object) = store.get(&key)? else { return Ok(None) };
    let manifest = Manifest::decode(&store.url(&key), &object.bytes)?;
    let dir = if manifest.kind.is_savepoint() { folder } else { parent };
    Ok(Some(RestorePoint {
        location: store.url(folder),
        reader: CheckpointReader::new(store.clone(), dir),
        manifest,
        same_lineage: false,
    }))
}

/// Reads the manifest that an epoch record names.
pub fn load_epoch(job: &Job, lineage: &LineagePaths, epoch: &EpochRecord) -> Result<RestorePoint> {
    if epoch.kind.is_savepoint() {
        return load(&job.storage, &epoch.manifest);
    }
    let folder = lineage.checkpoint(epoch.epoch);
    let found = find_at(job.store(), lineage.dir(), &folder)?;
    let mut point = found.ok_or_else(|| no_manifest(&job.store().url(&folder)))?;
    point.same_lineage = true;
    Ok(point)
}

fn newest_verified(
    job: &Job,
    version: &HeadVersion,
    lineage: &LineagePaths,
    epochs: Vec<EpochRecord>,
    deep: bool,
) -> Result<Decision> {
    let mut skipped = Vec::new();
    let newest = epochs.last().map_or(0, |e| e.epoch);
    if let Some(lost) = version.head.latest.as_ref().filter(|l| l.epoch > newest) {
        skipped.push(Skipped { location: lost.manifest.clone(), reason: "its epoch record is missing".into() });
    }
    for epoch in epochs.iter().rev() {
        let found = load_epoch(job, lineage, epoch).and_then(|p| require_intact(&p, deep).map(|()| p));
        let point = match found {
            Ok(point) => point,
            // Storage that does not answer proves nothing about the checkpoint.
            Err(e) if e.domain() != streamjob_core::Domain::User => return Err(e),
            Err(e) => {
                skipped.push(Skipped { location: epoch.manifest.clone(), reason: e.message().to_string() });
                continue;
            }
        };
        let point = if point.same_lineage { point } else { mark_foreign(point) };
        let base = epoch.epoch;
        let completed = epochs.iter().filter(|e| e.epoch <= base).cloned().collect();
        return Ok(Decision {
            claim: Claim {
                seen: Some(version.clone()),
                job_id: version.head.job_id.clone(),
                base,
                same_lineage: true,
                began_from: version.head.began_from.clone(),
                claimed: version.head.claimed.clone(),
                revision: String::new(),
            },
            point: Some(point),
            next_id: highest_number(job, lineage)?.max(base) + 1,
            skipped,
            completed,
        });
    }
    let reasons: Vec<String> = skipped.iter().map(|s| format!("{}: {}", s.location, s.reason)).collect();
    Err(Error::user(format!(
        "none of the {} checkpoints of {} can be used: {}",
        reasons.len(),
        job.paths.dir(),
        reasons.join("; ")
    ))
    .fix("restore from a savepoint by its path (restore.from: PATH, --from PATH), or accept the loss with restore.from: None"))
}

/// Highest number that a manifest or epoch record of the lineage has.
fn highest_number(job: &Job, lineage: &LineagePaths) -> Result<CheckpointId> {
    let prefix = format!("{}/", lineage.dir());
    let objects = job.store().list(lineage.dir())?;
    let numbers = objects.iter().filter_map(|o| o.key.strip_prefix(&prefix)).filter_map(|path| match Place::of(path) {
        Place::Manifest(id) | Place::Epoch(id) => Some(id),
        _ => None,
    });
    Ok(numbers.max().unwrap_or(0))
}

fn require_intact(point: &RestorePoint, deep: bool) -> Result<()> {
    let damages = verify(&point.reader, &point.manifest, deep)?;
    let Some(first) = damages.first() else { return Ok(()) };
    Err(Error::user(format!(
        "{} cannot be restored: {} of its files are damaged, the first is {}: {}",
        point.location,
        damages.len(),
        first.location,
        first.problem
    ))
    .fix("restore from another checkpoint or savepoint: `streamjob checkpoint list` shows them"))
}

fn mark_foreign(mut point: RestorePoint) -> RestorePoint {
    for file in point.manifest.files_mut().filter(|f| !f.path.is_empty() && !f.path.starts_with(RESTORED)) {
        file.path = format!("{RESTORED}{}", file.path);
    }
    point
}

/// Whether any lineage has an epoch record.
fn has_checkpoints(job: &Job) -> Result<bool> {
    let prefix = format!("{}/", job.paths.dir());
    let objects = job.store().list(job.paths.dir())?;
    let of_lineage = |key: &str| Some(Place::of(key.strip_prefix(&prefix)?.split_once('/')?.1));
    Ok(objects.iter().any(|o| matches!(of_lineage(&o.key), Some(Place::Epoch(_)))))
}

fn head_is_gone(job: &Job) -> Error {
    Error::user(format!(
        "{} is gone, and there are checkpoints beside where it was: which of them is the newest state is not known",
        job.store().url(&job.paths.head())
    ))
    .fix("continue one of them by its path (restore.from: PATH, --from PATH), or start empty and leave them where they are with restore.from: None (--from none)")
}

fn no_records(job: &Job, head: &Head) -> Error {
    Error::user(format!(
        "{} says that checkpoint {} is the newest, and no epoch record of its lineage {} is there",
        job.store().url(&job.paths.head()),
        head.latest.as_ref().map_or(0, |l| l.epoch),
        head.job_id
    ))
    .fix("restore the folder from a backup; or continue a savepoint by its path (restore.from: PATH, --from PATH), or accept the loss with restore.from: None (--from none)")
}

fn no_state(job: &Job, why: &str) -> Error {
    Error::user(format!("there is no state of {} to continue: {why}", job.paths.dir()))
        .fix("check namespace, job name and checkpoint.storage; or start with restore.from: Auto (or None)")
}

fn retained_state_found(job: &Job, head: &Head, owner: &str) -> Error {
    let latest = head.latest.as_ref().map_or_else(String::new, |l| format!(", newest checkpoint {}", l.epoch));
    Error::user(format!(
        "RetainedStateFound: {} holds state that belongs to {} (generation {}{latest}), and this job belongs to {owner}",
        job.store().url(job.paths.dir()),
        head.owner,
        head.generation
    ))
    .fix("to continue that state and fence its owner, set restore.from: Latest (--from latest); to start empty and leave it where it is, restore.from: None (--from none)")
}
