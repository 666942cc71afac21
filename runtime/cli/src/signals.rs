//! Ctrl-C, SIGTERM and a closed terminal: the first suspends the job behind a checkpoint, the
//! second cancels it, the third ends the process. A worker hands its tasks back
//! first, then ends.

use crate::log;
use std::sync::{Arc, Mutex};
use streamjob_cluster::worker::Leave;
use streamjob_cluster::{JobView, Request};
use streamjob_core::Result;
use streamjob_core::error::ErrorExt;

/// What signals are for; nothing while it is still being started.
#[derive(Clone, Default)]
pub struct Signals {
    target: Arc<Mutex<Option<Target>>>,
}

#[derive(Clone)]
enum Target {
    Job(JobView),
    Worker(Leave),
}

impl Signals {
    /// Listens from now on, on a thread of its own.
    pub fn listen() -> Result<Self> {
        let signals = Self::default();
        let target = signals.target.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.transient("cannot listen for signals")?;
        // Registered before this returns: from here on no signal ends the process by itself.
        let stops = {
            let _inside = runtime.enter();
            Stops::register().transient("cannot listen for signals")?
        };
        let thread = std::thread::Builder::new().name("signals".into());
        thread.spawn(move || runtime.block_on(serve(stops, &target))).transient("cannot listen for signals")?;
        Ok(signals)
    }

    /// The job runs.
    pub fn set_job(&self, view: JobView) {
        self.set(Target::Job(view));
    }

    /// The worker runs.
    pub fn set_worker(&self, leave: Leave) {
        self.set(Target::Worker(leave));
    }

    fn set(&self, new: Target) {
        if let Ok(mut target) = self.target.lock() {
            *target = Some(new);
        }
    }
}

async fn serve(mut stops: Stops, target: &Mutex<Option<Target>>) {
    let mut received = 0;
    while stops.next().await.is_some() {
        received += 1;
        let known = target.lock().ok().and_then(|t| t.clone());
        let Some(known) = known else {
            // Nothing runs yet, so nothing is lost.
            log::note("ended before the job started");
            std::process::exit(1);
        };
        match (received, known) {
            (1, Target::Job(view)) => {
                log::note("stopping behind a last checkpoint; press Ctrl-C again to stop without one");
                view.request(Request::Suspend);
            }
            (2, Target::Job(view)) => {
                log::note("stopping now; once more ends the process");
                view.request(Request::Cancel);
            }
            (1, Target::Worker(leave)) => {
                log::note("handing the tasks back; press Ctrl-C again to end at once");
                leave.ask();
            }
            _ => {
                log::end_live_line();
                std::process::exit(1);
            }
        }
    }
}

#[cfg(unix)]
struct Stops {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    /// The terminal is closed; `None` where that is not to end the process (nohup).
    hangup: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Stops {
    fn register() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: if ignores_hangup() { None } else { Some(signal(SignalKind::hangup())?) },
        })
    }

    async fn next(&mut self) -> Option<()> {
        tokio::select! {
            got = self.interrupt.recv() => got,
            got = self.terminate.recv() => got,
            got = async {
                match &mut self.hangup {
                    Some(hangup) => hangup.recv().await,
                    None => std::future::pending().await,
                }
            } => got,
        }
    }
}

/// Whether this process was started to outlive its terminal: SIGHUP, the first signal, is ignored.
#[cfg(unix)]
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

#[cfg(not(unix))]
struct Stops;

#[cfg(not(unix))]
impl Stops {
    fn register() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> Option<()> {
        tokio::signal::ctrl_c().await.ok()
    }
}
