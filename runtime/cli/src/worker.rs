//! `worker`: runs tasks for a coordinator, planning the job again from its description.

use crate::args::WorkerArgs;
use crate::plan::Recorder;
use crate::report::Failure;
use crate::run::remove_leftovers;
use crate::settings::{self, Place, expand_backend};
use crate::signals::Signals;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use streamjob_cluster::control::Timing;
use streamjob_cluster::control::message::JobDescription;
use streamjob_cluster::worker::{LOCAL_FILES, Leave, Planned, Planner, WorkerConfig, run_worker};
use streamjob_core::error::ErrorExt;
use streamjob_core::options::Options;
use streamjob_core::{Error, Result};
use streamjob_engine::net::Tls;
use streamjob_sql::{PlanContext, plan_script};
use streamjob_state::SystemClock;

/// Runs a worker to its end.
pub fn run(args: &WorkerArgs) -> Result<(), Failure> {
    let signals = Signals::listen()?;
    let name = name(args.id.as_deref())?;
    let planner = Scripts { worker: name.clone(), begun: AtomicBool::new(false) };
    let config = WorkerConfig {
        coordinator: args.coordinator.clone(),
        name,
        slots: args.slots,
        bind: args.bind.clone(),
        advertise: args.advertise.clone(),
        http: args.http.clone(),
        tls: args.tls.as_deref().map(Tls::read).transpose()?,
        planner: Arc::new(planner),
        timing: Timing::default(),
        watchdog: WorkerConfig::WATCHDOG,
        grace: WorkerConfig::GRACE,
    };
    let (leave, asked) = Leave::new();
    signals.set_worker(leave);
    Ok(run_worker(config, asked)?)
}

/// Part of a folder's name, so of letters that fit there.
fn name(wish: Option<&str>) -> Result<String> {
    let Some(wish) = wish else {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let host: String = host.chars().filter(|c| fits(*c)).take(63).collect();
        let host = if host.is_empty() { "worker".to_string() } else { host };
        return Ok(format!("{host}-{}", std::process::id()));
    };
    if wish.is_empty() || wish.len() > 128 || wish.starts_with('.') || !wish.chars().all(fits) {
        return Err(Error::user(format!("--id '{wish}' cannot be a worker's name"))
            .fix("give up to 128 letters, digits, dashes, dots and underscores, not starting with a dot"));
    }
    Ok(wish.to_string())
}

fn fits(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

/// Plans SQL scripts as the coordinator did.
struct Scripts {
    worker: String,
    begun: AtomicBool,
}

impl Planner for Scripts {
    fn plan(&self, job: &JobDescription) -> Result<Planned> {
        let mut given = Options::default();
        for (key, value) in &job.options {
            given.set(key, value).map_err(|e| e.context("the coordinator's options"))?;
        }
        let connectors = Recorder::new(&given)?;
        let context = PlanContext { connectors: &connectors, options: given, now_ms: job.planned_ms };
        let planned = plan_script(&job.sql, &context)?;
        let mut options = planned.options;
        connectors.use_options(&options)?;
        expand_backend(&mut options)?;
        let work_dir = settings::work_dir(&options, &job.namespace, &job.name)?.join(&self.worker);
        // Of an earlier process of this name; later attempts of this one have folders of their own.
        let from_local = options.bool("execution.state-recovery.from-local");
        if !self.begun.swap(true, Ordering::SeqCst) {
            remove_leftovers(&work_dir, from_local.then_some(LOCAL_FILES));
        }
        std::fs::create_dir_all(&work_dir).transient(format!("cannot create the folder {}", work_dir.display()))?;
        Ok(Planned {
            graph: Arc::new(planned.graph),
            backend: settings::backend(&options)?,
            storage: settings::storage(&options, &Place::of(&options))?,
            work_dir,
            clock: Arc::new(SystemClock),
            from_local,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_into_a_path() {
        assert_eq!(name(Some("worker-0.a_b")).unwrap(), "worker-0.a_b");
        for bad in ["", "..", "a/b", "a b", &"x".repeat(129)] {
            assert!(name(Some(bad)).unwrap_err().to_string().contains("--id"), "{bad}");
        }
        assert!(name(None).unwrap().ends_with(&std::process::id().to_string()));
    }
}
