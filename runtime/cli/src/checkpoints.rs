//! `checkpoint list|inspect|verify|fsck`: looks into storage; changes nothing. `savepoint --dispose` deletes one there.

use crate::args::{CheckpointCommand, FsckArgs, HistoryArgs, PointArgs, StorageArgs};
use crate::reference::print;
use crate::report::Failure;
use crate::settings::s3_config;
use crate::units;
use serde_json::{Value, json};
use std::time::Duration;
use streamjob_checkpoint::history::{self, Entry};
use streamjob_checkpoint::verify::Damage;
use streamjob_checkpoint::{Job, Kind, Manifest, Storage, dispose, fsck};
use streamjob_core::error::ErrorExt;
use streamjob_core::options::Options;
use streamjob_core::{Domain, Error, Result};

/// Carries out a verb.
pub fn run(command: &CheckpointCommand) -> Result<(), Failure> {
    match command {
        CheckpointCommand::List(args) => Ok(list(args)?),
        CheckpointCommand::Inspect(args) => Ok(inspect(args)?),
        CheckpointCommand::Verify(args) => verify(args),
        CheckpointCommand::Fsck(args) => fsck(args),
    }
}

/// How storage is reached.
fn options(set: &[(String, String)]) -> Result<Options> {
    let mut options = Options::default();
    for (key, value) in set {
        options.set(key, value).map_err(|e| e.context("--set"))?;
    }
    Ok(options)
}

fn open(at: &StorageArgs) -> Result<Storage> {
    let local = !at.storage.contains("://") || at.storage.starts_with("file:");
    let path = at.storage.strip_prefix("file://").unwrap_or(&at.storage);
    if local && at.storage != "memory:" && !std::path::Path::new(path).is_dir() {
        return Err(Error::user(format!("there is no checkpoint storage at {}", at.storage))
            .fix("give --storage as the job does (checkpoint.storage, execution.checkpointing.dir), or call this from the folder that the job ran from"));
    }
    Storage::open(&at.storage, s3_config(&options(&at.set)?)?)
}

/// The named job, or the only one that is there.
fn job(storage: &Storage, at: &StorageArgs) -> Result<(Job, String)> {
    let there = history::jobs(storage)?;
    let names: Vec<&String> = there.iter().filter(|(ns, _)| *ns == at.namespace).map(|(_, name)| name).collect();
    let name = match (&at.job, names.as_slice()) {
        (Some(name), names) if names.contains(&name) => name.clone(),
        (None, [only]) => (*only).clone(),
        (None, []) => {
            return Err(Error::user(format!(
                "{} holds no checkpoints of namespace {}",
                storage.root.describe(),
                at.namespace
            ))
            .fix("give --storage and --namespace as the job has them"));
        }
        (None, several) => {
            let list = several.iter().map(|s| s.as_str()).collect::<Vec<_>>().join(", ");
            return Err(Error::user(format!("several jobs have checkpoints in {}", storage.root.describe()))
                .fix(format!("name one with --job: {list}")));
        }
        (Some(name), names) => {
            let list = names.iter().map(|s| s.as_str()).collect::<Vec<_>>().join(", ");
            return Err(Error::user(format!("no checkpoints of a job '{name}' in {}", storage.root.describe()))
                .fix(format!("jobs with checkpoints there: {}", if list.is_empty() { "none" } else { &list })));
        }
    };
    Ok((Job::open(storage, &at.namespace, &name)?, name))
}

fn kind(kind: Kind) -> &'static str {
    if kind.is_savepoint() { "savepoint" } else { "checkpoint" }
}

fn status(e: &Entry) -> &'static str {
    match (e.problem.is_some() || !e.complete, e.retained) {
        (true, _) => "damaged",
        (false, true) => "ok",
        (false, false) => "not owned",
    }
}

fn list(args: &HistoryArgs) -> Result<()> {
    let storage = open(&args.at)?;
    let (job, name) = job(&storage, &args.at)?;
    let entries = history::list(&job)?;
    if args.at.json {
        let list: Vec<Value> = entries
            .iter()
            .map(|e| {
                json!({
                    "id": e.id, "kind": kind(e.kind), "jobId": e.job_id.as_str(), "location": e.location,
                    "createdAt": e.created_at_ms, "durationMs": e.duration_ms, "stateSize": e.size,
                    "complete": e.complete, "retained": e.retained, "problem": e.problem,
                })
            })
            .collect();
        return print_json(&json!({"namespace": args.at.namespace, "job": name, "checkpoints": list}));
    }
    let head = ["ID", "KIND", "TIME", "DURATION", "SIZE", "STATUS", "LOCATION"];
    let mut rows = vec![head.map(str::to_string).to_vec()];
    for e in &entries {
        rows.push(vec![
            e.id.to_string(),
            kind(e.kind).into(),
            units::time(e.created_at_ms),
            units::span(Duration::from_millis(e.duration_ms)),
            units::bytes(e.size),
            status(e).into(),
            e.location.clone(),
        ]);
    }
    let mut text = units::table(&rows);
    for e in entries.iter().filter(|e| e.problem.is_some()) {
        text.push_str(&format!("{}: {}\n", e.location, e.problem.as_deref().unwrap_or_default()));
    }
    if entries.is_empty() {
        text = format!("job {name} has completed no checkpoint\n");
    }
    print(&text)
}

/// The number that `list` shows, as `7` or `chk-7`.
fn number(args: &PointArgs) -> Option<u64> {
    args.path.as_ref().and_then(|path| path.strip_prefix("chk-").unwrap_or(path).parse().ok())
}

/// The path that is given, or the newest retained one of the job, or the one of a number.
fn point(storage: &Storage, args: &PointArgs) -> Result<String> {
    let number = number(args);
    if let (Some(path), None) = (&args.path, number) {
        return Ok(path.clone());
    }
    let (job, name) = job(storage, &args.at)?;
    if let Some(number) = number {
        let found = history::list(&job)?.into_iter().rev().find(|e| e.id == number);
        return found.map(|e| e.location).ok_or_else(|| {
            Error::user(format!("job {name} has no checkpoint or savepoint of number {number}"))
                .fix("`streamjob checkpoint list` shows what is there")
        });
    }
    let newest = history::list(&job)?.into_iter().rev().find(|e| e.retained && !e.kind.is_savepoint());
    newest.map(|e| e.location).ok_or_else(|| {
        Error::user(format!("job {name} has no retained checkpoint"))
            .fix("`streamjob checkpoint list` shows what is there")
    })
}

/// With a path the storage is only for server-side settings, and need not exist.
fn open_for(args: &PointArgs) -> Result<Storage> {
    match &args.path {
        Some(_) if number(args).is_none() && args.at.storage == crate::args::LOCAL_CHECKPOINTS => {
            Storage::open(&args.at.storage, s3_config(&options(&args.at.set)?)?)
        }
        _ => open(&args.at),
    }
}

fn inspect(args: &PointArgs) -> Result<()> {
    let storage = open_for(args)?;
    let path = point(&storage, args)?;
    let manifest = history::inspect(&storage, &path)?;
    if args.at.json {
        return print_json(&serde_json::to_value(&manifest).internal("cannot write the manifest")?);
    }
    print(&describe(&path, &manifest))
}

fn describe(path: &str, m: &Manifest) -> String {
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut row = |name: &str, value: String| rows.push(vec![name.to_string(), value]);
    row("location", path.to_string());
    row("job", format!("{}/{} ({})", m.namespace, m.job, m.job_id));
    row("number", format!("{} ({}{})", m.checkpoint, kind(m.kind), if m.drained { ", drained" } else { "" }));
    row(
        "time",
        format!("{}, took {}", units::time(m.created_at_ms), units::span(Duration::from_millis(m.duration_ms))),
    );
    row("parallelism", format!("{} of at most {}", m.parallelism, m.max_parallelism));
    row("backend", m.backend.clone());
    row("size", format!("{} of state, {} uploaded", units::bytes(m.sizes.state), units::bytes(m.sizes.uploaded)));
    row("written by", format!("{}, owner {}, generation {}", m.written_by, m.owner, m.generation));
    if let Some(from) = &m.restored_from {
        row("restored from", from.clone());
    }
    let mut text = units::table(&rows);
    text.push('\n');
    let mut rows =
        vec![["OPERATOR", "UID", "SUBTASKS", "KEYED", "OPERATOR STATE", "WATERMARK"].map(str::to_string).to_vec()];
    for o in &m.operators {
        let keyed = o.subtasks.iter().filter(|s| s.keyed.is_some()).count();
        let own = o.subtasks.iter().filter(|s| s.operator.is_some()).count();
        let watermark = o.subtasks.iter().map(|s| s.watermark_ms).min().flatten();
        rows.push(vec![
            o.name.clone(),
            o.uid.to_string(),
            o.parallelism.to_string(),
            format!("{keyed} of {}", o.parallelism),
            format!("{own} of {}", o.parallelism),
            watermark.map_or("-".into(), units::time),
        ]);
    }
    text.push_str(&units::table(&rows));
    if !m.options.is_empty() {
        text.push_str("\noptions\n");
        for (key, value) in &m.options {
            text.push_str(&format!("  {key} = {value}\n"));
        }
    }
    text
}

fn verify(args: &PointArgs) -> Result<(), Failure> {
    let storage = open_for(args)?;
    let path = point(&storage, args)?;
    let (checked, damages) = history::verify_path(&storage, &path, true)?;
    let files = checked.manifest.files().count();
    if args.at.json {
        let list: Vec<Value> = damages.iter().map(|d| json!({"location": d.location, "problem": d.problem})).collect();
        print_json(&json!({"location": checked.location, "files": files, "damages": list}))?;
    } else if damages.is_empty() {
        print(&format!("ok: {}: {files} files, sizes and checksums right\n", checked.location))?;
    } else {
        for d in &damages {
            print(&format!("damaged: {}: {}\n", d.location, d.problem))?;
        }
    }
    if damages.is_empty() { Ok(()) } else { Err(Failure::Told(Domain::User)) }
}

fn fsck(args: &FsckArgs) -> Result<(), Failure> {
    let storage = open(&args.at)?;
    let (job, name) = job(&storage, &args.at)?;
    let report = fsck::job(&job, args.deep)?;
    if args.at.json {
        let damages = |list: &[Damage]| -> Vec<Value> {
            list.iter().map(|d| json!({"location": d.location, "problem": d.problem})).collect()
        };
        let orphans: Vec<Value> =
            report.orphans.iter().map(|o| json!({"location": o.location, "size": o.size})).collect();
        print_json(&json!({
            "namespace": args.at.namespace, "job": name, "checkpoints": report.points,
            "missing": damages(&report.missing), "unreadable": damages(&report.unreadable),
            "orphans": orphans, "unknown": report.unknown,
        }))?;
    } else {
        let mut text = String::new();
        for d in &report.unreadable {
            text.push_str(&format!("unreadable: {}: {}\n", d.location, d.problem));
        }
        for d in &report.missing {
            text.push_str(&format!("missing: {}: {}\n", d.location, d.problem));
        }
        for o in &report.orphans {
            text.push_str(&format!("orphan: {}: {}\n", o.location, units::bytes(o.size)));
        }
        for location in &report.unknown {
            text.push_str(&format!("unknown: {location}\n"));
        }
        if report.is_whole() {
            let left: u64 = report.orphans.iter().map(|o| o.size).sum();
            text.push_str(&format!(
                "ok: {name}: {} checkpoints and savepoints, nothing missing; {} orphans of {}\n",
                report.points,
                report.orphans.len(),
                units::bytes(left)
            ));
        }
        print(&text)?;
    }
    if report.is_whole() { Ok(()) } else { Err(Failure::Told(Domain::User)) }
}

/// `savepoint --dispose`.
pub fn dispose(path: &str, storage: &str, set: &[(String, String)]) -> Result<()> {
    let storage = Storage::open(storage, s3_config(&options(set)?)?)?;
    let swept = dispose::savepoint(&storage, path)?;
    print(&format!("disposed of {path}: {} files, {}\n", swept.objects, units::bytes(swept.bytes)))
}

fn print_json(value: &Value) -> Result<()> {
    let mut text = serde_json::to_string_pretty(value).internal("cannot write JSON")?;
    text.push('\n');
    print(&text)
}
