//! Ctrl-C and SIGTERM: the first suspends the job behind a checkpoint, the
//! second cancels it, the third ends the process.

use crate::log;
use std::sync::{Arc, Mutex};
use streamjob_cluster::{JobView, Request};
use streamjob_core::Result;
use streamjob_core::error::ErrorExt;

/// The job that signals are for; none while it is still being started.
#[derive(Clone, Default)]
pub struct Signals {
    job: Arc<Mutex<Option<JobView>>>,
}

impl Signals {
    /// Listens from now on, on a thread of its own.
    pub fn listen() -> Result<Self> {
        let signals = Self::default();
        let job = signals.job.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.transient("cannot listen for signals")?;
        // Registered before this returns: from here on no signal ends the process by itself.
        let stops = {
            let _inside = runtime.enter();
            Stops::register().transient("cannot listen for signals")?
        };
        let thread = std::thread::Builder::new().name("signals".into());
        thread.spawn(move || runtime.block_on(serve(stops, &job))).transient("cannot listen for signals")?;
        Ok(signals)
    }

    /// The job runs.
    pub fn set_job(&self, view: JobView) {
        if let Ok(mut job) = self.job.lock() {
            *job = Some(view);
        }
    }
}

async fn serve(mut stops: Stops, job: &Mutex<Option<JobView>>) {
    let mut received = 0;
    while stops.next().await.is_some() {
        received += 1;
        let view = job.lock().ok().and_then(|j| j.clone());
        let Some(view) = view else {
            // Nothing runs yet, so nothing is lost.
            log::note("ended before the job started");
            std::process::exit(1);
        };
        match received {
            1 => {
                log::note("stopping behind a last checkpoint; press Ctrl-C again to stop without one");
                view.request(Request::Suspend);
            }
            2 => {
                log::note("stopping now; once more ends the process");
                view.request(Request::Cancel);
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
}

#[cfg(unix)]
impl Stops {
    fn register() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) -> Option<()> {
        tokio::select! {
            got = self.interrupt.recv() => got,
            got = self.terminate.recv() => got,
        }
    }
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
