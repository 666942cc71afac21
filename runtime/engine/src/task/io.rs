//! The threads that complete snapshots in the background, shared by all tasks
//! of a deployment, so that uploads neither stop operators nor grow with them.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crossbeam_channel::{Receiver, Sender, unbounded};
use streamjob_core::error::ErrorExt;
use streamjob_core::{Error, Result};

type Job = Box<dyn FnOnce() + Send>;

/// A small pool; its threads end when it is dropped and their current job is done.
pub(crate) struct IoPool {
    jobs: Sender<Job>,
}

impl IoPool {
    /// Starts `threads` threads.
    pub(crate) fn start(threads: usize) -> Result<Self> {
        let (jobs, queue) = unbounded::<Job>();
        for i in 0..threads.max(1) {
            let queue: Receiver<Job> = queue.clone();
            std::thread::Builder::new()
                .name(format!("upload-{i}"))
                .spawn(move || {
                    for job in queue {
                        // The job reports its own panic; the thread goes on.
                        let _ = catch_unwind(AssertUnwindSafe(job));
                    }
                })
                .transient("cannot start an upload thread")?;
        }
        Ok(Self { jobs })
    }

    /// Queues a job.
    pub(crate) fn run(&self, job: impl FnOnce() + Send + 'static) -> Result<()> {
        self.jobs.send(Box::new(job)).map_err(|_| Error::internal("the upload threads are gone"))
    }
}

/// Runs `f`; a panic becomes an Internal error.
pub(crate) fn guarded<T>(what: &str, f: impl FnOnce() -> Result<T>) -> Result<T> {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(result) => result,
        Err(payload) => {
            let text = payload
                .downcast_ref::<&str>()
                .map(|s| (*s).to_string())
                .or_else(|| payload.downcast_ref::<String>().cloned())
                .unwrap_or_else(|| "no message".into());
            Err(Error::internal(format!("{what} panicked: {text}")))
        }
    }
}
