//! Compares what lies in storage under a job name with what its manifests refer to. Changes nothing.

use crate::collector::paths;
use crate::gc;
use crate::layout::{LineagePaths, METADATA, Place};
use crate::lineage::Job;
use crate::restore::{RestorePoint, load, load_epoch};
use crate::store::join;
use crate::verify::{Damage, verify};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use streamjob_core::{Domain, JobId, Result};

/// An object that nothing refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orphan {
    /// Where it lies.
    pub location: String,
    /// Bytes.
    pub size: u64,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Checkpoints and savepoints that were looked at.
    pub points: u64,
    /// Files that complete checkpoints and savepoints refer to and that are not there or damaged.
    pub missing: Vec<Damage>,
    /// Complete checkpoints and savepoints whose manifest is not there or cannot be read.
    pub unreadable: Vec<Damage>,
    /// Objects that no complete checkpoint refers to: leftovers, or of a running job's pending checkpoint.
    pub orphans: Vec<Orphan>,
    /// Objects that are not of the checkpoint layout.
    pub unknown: Vec<String>,
}

impl Report {
    /// Nothing that a complete checkpoint or savepoint needs is missing.
    pub fn is_whole(&self) -> bool {
        self.missing.is_empty() && self.unreadable.is_empty()
    }

    fn add(&mut self, location: &str, point: Result<RestorePoint>, deep: bool) -> Result<Option<RestorePoint>> {
        self.points += 1;
        match point {
            Ok(point) => {
                self.missing.extend(verify(&point.reader, &point.manifest, deep)?);
                Ok(Some(point))
            }
            Err(e) if e.domain() == Domain::User => {
                self.unreadable.push(Damage { location: location.to_string(), problem: e.message().to_string() });
                Ok(None)
            }
            Err(e) => Err(e),
        }
    }
}

/// All lineages and savepoints of a job name; with `deep` every file is read and its checksum compared.
pub fn job(job: &Job, deep: bool) -> Result<Report> {
    let mut report = Report::default();
    for name in job.store().list_dirs(job.paths().dir())? {
        if let Some(id) = JobId::parse(&name) {
            add_lineage(job, &job.paths().lineage(&id), deep, &mut report)?;
        }
    }
    add_savepoints(job, deep, &mut report)?;
    Ok(report)
}

/// One lineage.
pub fn lineage(job: &Job, lineage: &LineagePaths, deep: bool) -> Result<Report> {
    let mut report = Report::default();
    add_lineage(job, lineage, deep, &mut report)?;
    Ok(report)
}

fn add_lineage(job: &Job, lineage: &LineagePaths, deep: bool, report: &mut Report) -> Result<()> {
    let store = job.store().as_ref();
    let head = job.head()?.map(|h| h.head);
    let mut marked = HashSet::new();
    let mut live = BTreeSet::new();
    for epoch in job.epochs(lineage, head.as_ref())? {
        live.insert(epoch.epoch);
        let location = if epoch.kind.is_savepoint() {
            epoch.manifest.clone()
        } else {
            store.url(&lineage.checkpoint(epoch.epoch))
        };
        if let Some(point) = report.add(&location, load_epoch(job, lineage, &epoch), deep)?
            && point.same_lineage
        {
            marked.extend(paths(&point.manifest));
        }
    }
    for o in gc::objects(store, lineage.dir())? {
        let location = store.url(&join(lineage.dir(), &o.key));
        match Place::of(&o.key) {
            _ if marked.contains(&o.key) => {}
            Place::Manifest(id) | Place::Epoch(id) if live.contains(&id) => {}
            Place::Unknown => report.unknown.push(location),
            _ => report.orphans.push(Orphan { location, size: o.size }),
        }
    }
    Ok(())
}

fn add_savepoints(job: &Job, deep: bool, report: &mut Report) -> Result<()> {
    let store = job.store().as_ref();
    let root = job.paths().savepoints();
    let mut folders: BTreeMap<String, Vec<(String, u64)>> = BTreeMap::new();
    for o in gc::objects(store, &root)? {
        match o.key.split_once('/') {
            Some((folder, file)) => folders.entry(folder.to_string()).or_default().push((file.to_string(), o.size)),
            None => report.unknown.push(store.url(&join(&root, &o.key))),
        }
    }
    for (folder, files) in folders {
        let folder = join(&root, &folder);
        let location = store.url(&folder);
        // Without a manifest it was never completed.
        let complete = files.iter().any(|(file, _)| file == METADATA);
        let point = if complete { report.add(&location, load(&job.storage, &location), deep)? } else { None };
        if complete && point.is_none() {
            continue;
        }
        let marked = point.map_or_else(HashSet::new, |p| paths(&p.manifest));
        for (file, size) in files.into_iter().filter(|(file, _)| file != METADATA && !marked.contains(file)) {
            report.orphans.push(Orphan { location: store.url(&join(&folder, &file)), size });
        }
    }
    Ok(())
}
