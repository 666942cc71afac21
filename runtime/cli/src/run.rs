//! `run` and `coordinator`: one job from its file to its end, its tasks in this process or on workers.

use crate::args::{CoordinatorArgs, LOCAL_CHECKPOINTS, RunArgs};
use crate::jobs::{Entry, JOBS, Registration};
use crate::live::{Figures, Live};
use crate::log;
use crate::plan::{Recorder, plan};
use crate::report::Failure;
use crate::settings::{self, LOCAL_STATE};
use crate::signals::Signals;
use crate::summary::{Footer, Header, again};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use streamjob_api::{CheckpointInfo, TriggerKind};
use streamjob_checkpoint::restore::RestoreFrom;
use streamjob_checkpoint::{Storage, history};
use streamjob_cluster::control::{PoolConfig, PoolDeployer, Timing, WorkerPool};
use streamjob_cluster::{Called, JobOutcome, JobView, Past, Prepared, RunningJob};
use streamjob_core::{Error, Result};
use streamjob_engine::net::Tls;
use streamjob_state::{Clock, SystemClock};

/// Time between two looks at the job.
const TICK: Duration = Duration::from_millis(200);
/// Clients fetch what they wait for within this time after the end.
const LINGER: Duration = Duration::from_millis(1000);
/// A savepoint no older than this at the end was taken to stop the job.
const RECENT_MS: i64 = 5000;

/// `run`: a job in this process.
pub fn run(args: &RunArgs) -> Result<(), Failure> {
    execute(args, None)
}

/// `coordinator`: a job on workers.
pub fn coordinator(args: &CoordinatorArgs) -> Result<(), Failure> {
    execute(&args.run(), Some(args))
}

/// Runs a job to its end.
fn execute(args: &RunArgs, workers: Option<&CoordinatorArgs>) -> Result<(), Failure> {
    let signals = Signals::listen()?;
    let prepared = settings::prepare(&args.job)?;
    let connectors = Recorder::new(&prepared.options)?;
    let planned = plan(&args.job, &prepared, &connectors)?;
    connectors.use_options(&planned.options)?;
    let mut warnings = prepared.warnings.clone();
    warnings.extend(planned.warnings.clone());
    let (sources, sinks) = (connectors.describe(&planned.sources), connectors.describe(&planned.sinks));
    let mut settings = prepared.settings(&args.start, planned, &mut warnings)?;
    for warning in &warnings {
        warn(warning);
    }
    let file = args.job.file.display().to_string();
    let mut entry = Entry {
        name: settings.name.clone(),
        namespace: settings.namespace.clone(),
        pid: std::process::id(),
        address: None,
        file: file.clone(),
    };
    let stands_by = workers.is_some_and(|w| w.standby);
    // Where somebody else decides which process runs the job, two of them may meet in one folder.
    let managed = stands_by || workers.is_some_and(|w| w.revision.is_some());
    let mut registration = if managed { None } else { Some(Registration::new(Path::new(JOBS), &entry)?) };
    if let Some(args) = workers {
        if let Some(owner) = &args.owner {
            settings.owner.clone_from(owner);
        }
        settings.revision = args.revision.clone().unwrap_or_default();
    }
    let pool = workers.map(listen).transpose()?;
    match &pool {
        // Workers keep working files; this process has none.
        Some(pool) => {
            settings.deployer = Arc::new(PoolDeployer::new(pool.clone(), prepared.description(&settings)?));
        }
        None => remove_leftovers(&settings.work_dir, None),
    }
    let memory = settings.memory_storage;
    let delete_on_cancel = settings.delete_on_cancel();
    let storage =
        if memory { "memory".to_string() } else { settings.storage.root.url("").trim_end_matches('/').to_string() };
    let mut header = Header {
        job: settings.name.clone(),
        file: file.clone(),
        sources,
        sinks,
        parallelism: settings.parallelism,
        backend: settings.backend.name().to_string(),
        checkpoints: storage.clone(),
        rest: None,
        workers: pool.as_ref().map(|p| p.address().to_string()),
        start: String::new(),
    };
    let from = settings.restore.clone();
    let (script, store) = (settings.script.clone(), settings.storage.clone());
    // Nobody looks at the screen of a managed process, and what passes will be tried again.
    let not_started = if managed { Failure::One } else { Failure::NotStarted };
    let waiting = Prepared::new(settings).map_err(not_started)?;
    let view = waiting.view().clone();
    signals.set_job(view.clone());
    header.rest = waiting.rest_address().map(|a| a.to_string());
    let Some(job) = start(waiting, stands_by, from, &header).map_err(not_started)? else {
        return Ok(());
    };
    let started = Instant::now();
    header.start = job.start_message().to_string();
    entry.address = header.rest.clone();
    if let Some(registration) = &mut registration {
        registration.write(&entry)?;
    }
    log::note(&header.text());
    show(&job, &view);
    // Whoever asked for the end may start the job again at once.
    drop(registration);
    linger(&job, &view);
    let outcome = job.wait();
    let over = !matches!(outcome, JobOutcome::Failed(_) | JobOutcome::Suspended { .. });
    if let Some(pool) = pool.filter(|_| over) {
        pool.end();
    }
    let default_storage = std::path::absolute(LOCAL_CHECKPOINTS).is_ok_and(|p| p.display().to_string() == storage);
    let deleted = delete_on_cancel && matches!(outcome, JobOutcome::Canceled);
    let has_checkpoints = !memory && !deleted;
    // Those that were found in storage are not this run's.
    let (mut checkpoints, status) = (view.checkpoints(), view.status(SystemClock.now_ms()));
    (checkpoints.counts.completed, checkpoints.counts.failed) =
        (status.checkpoints.completed, status.checkpoints.failed);
    let footer = Footer {
        outcome: &outcome,
        ran: started.elapsed(),
        figures: Figures::of(&view.operators()),
        restarts: status.restarts,
        checkpoints,
        job: &header.job,
        again: again(&args.job),
        storage: has_checkpoints.then_some(storage.as_str()),
        default_storage,
    };
    match &outcome {
        JobOutcome::AlreadyFinished { checkpoint } if !managed => {
            same_script(&store, checkpoint, &script, &footer.again)?
        }
        _ => {}
    }
    log::note(&footer.text());
    match outcome {
        JobOutcome::Failed(e) => Err(Failure::One(e)),
        _ => Ok(()),
    }
}

/// Errors (User) when it was another script that has finished: this one has not run.
fn same_script(storage: &Storage, checkpoint: &str, script: &str, again: &str) -> Result<()> {
    let finished = history::inspect(storage, checkpoint)?.script;
    if finished.is_empty() || finished == script {
        return Ok(());
    }
    Err(Error::user(format!("the job has finished, but with another script: this one was not run (see {checkpoint})"))
        .fix(format!(
            "run it from the start with {again} --from none, or give it a name of its own with SET 'pipeline.name' = '…'"
        )))
}

/// Begins the job, at once or when it is told to; `None` when there is nothing to do.
fn start(job: Prepared, stands_by: bool, from: RestoreFrom, header: &Header) -> Result<Option<RunningJob>> {
    if stands_by {
        let rest = header.rest.as_deref().unwrap_or("off");
        log::note(&format!("{} stands by: POST /jobs/{}/go to {rest} begins it", header.job, header.job));
        return Ok(match job.stand_by()? {
            Called::Running(job) => Some(job),
            Called::Stopped(savepoint) => nothing_left(header, &savepoint),
            Called::Off => None,
        });
    }
    match job.past()? {
        Past::Stopped(savepoint) => Ok(nothing_left(header, &savepoint)),
        Past::Ran => job.begin(RestoreFrom::Auto).map(Some),
        Past::None => job.begin(from).map(Some),
    }
}

fn nothing_left(header: &Header, savepoint: &str) -> Option<RunningJob> {
    log::note(&format!("{} was stopped with savepoint {savepoint}: nothing is left to do", header.job));
    None
}

/// Listens for workers.
fn listen(args: &CoordinatorArgs) -> Result<Arc<WorkerPool>> {
    let tls = args.tls.as_deref().map(Tls::read).transpose()?;
    let config = PoolConfig { bind: args.bind.clone(), tls, timing: Timing::default() };
    Ok(Arc::new(WorkerPool::start(config)?))
}

/// Shows the job until it has ended.
fn show(job: &RunningJob, view: &JobView) {
    let mut live = Live::new(view.clone());
    while !job.wait_timeout(TICK) {
        live.tick(SystemClock.now_ms());
    }
}

/// The REST API ends with the job; whoever stopped it still asks where its state is, and whoever follows the status
/// for the end.
fn linger(job: &RunningJob, view: &JobView) {
    let savepoint = view.checkpoints().latest.savepoint;
    let recent = |s: &CheckpointInfo| {
        let ended = s.trigger_timestamp + i64::try_from(s.end_to_end_duration.unwrap_or(0)).unwrap_or(0);
        SystemClock.now_ms() - ended < RECENT_MS
    };
    let now = SystemClock.now_ms();
    let stopped = view.status(now).triggers.iter().any(|t| t.kind == TriggerKind::Stop && t.outcome.is_some());
    let asked_for = stopped || savepoint.as_ref().is_some_and(recent) || view.is_followed(now);
    if job.rest_address().is_some() && asked_for {
        std::thread::sleep(LINGER);
    }
}

fn warn(text: &str) {
    if log::is_json() {
        tracing::warn!("{text}");
    } else {
        log::note(&format!("warning: {text}"));
    }
}

/// Working files of a killed run: state is always restored from a checkpoint. Only in the folder that is ours;
/// in a folder that the user names, other processes may be at work.
/// `spared` stays.
pub fn remove_leftovers(work_dir: &Path, spared: Option<&str>) {
    let ours = std::path::absolute(LOCAL_STATE).is_ok_and(|root| work_dir.starts_with(root));
    if !ours {
        return;
    }
    for entry in std::fs::read_dir(work_dir).into_iter().flatten().flatten() {
        if spared.is_some_and(|name| entry.file_name() == name) {
            continue;
        }
        let path = entry.path();
        let removed = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        if let Err(e) = removed {
            tracing::warn!("cannot remove the old working files in {}: {e}", path.display());
        }
    }
}
