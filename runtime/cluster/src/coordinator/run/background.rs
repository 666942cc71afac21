//! Deletions: nothing waits for them while the job runs.

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use std::time::Duration;

/// Work on threads of its own.
pub(super) struct Background {
    /// Each piece of work holds a clone until it has ended.
    alive: (Sender<()>, Receiver<()>),
}

impl Default for Background {
    fn default() -> Self {
        Self { alive: bounded(0) }
    }
}

impl Background {
    /// Begins; a machine without another thread leaves the files to the next time.
    pub(super) fn run(&self, name: &str, work: impl FnOnce() + Send + 'static) {
        let alive = self.alive.0.clone();
        let work = move || {
            work();
            drop(alive);
        };
        if let Err(e) = std::thread::Builder::new().name(name.into()).spawn(work) {
            tracing::warn!("cannot start a thread to delete files: {e}");
        }
    }

    /// Waits for all of it, at most so long. False when some is still under way.
    pub(super) fn settle(&mut self, longest: Duration) -> bool {
        let (ours, ended) = std::mem::take(self).alive;
        drop(ours);
        matches!(ended.recv_timeout(longest), Err(RecvTimeoutError::Disconnected))
    }
}
