//! The part of a snapshot between the barrier and the upload: what the caches
//! held at the barrier goes into the database, memtables become files, and the
//! files are linked. An I/O thread does it while the task goes on; a task that
//! needs the database as it is behind the barrier does it itself, or waits.

use crate::database::Database;
use crate::parts::Parts;
use crate::snapshot::{Begun, begin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use streamjob_core::{Error, Result};
use streamjob_state::point::Dirty;
use streamjob_state::{KeyedSnapshot, PendingSnapshot};

/// What is to be done.
pub(crate) struct Work {
    pub db: Arc<Database>,
    /// By state: its column families by part, and what is dirty.
    pub dirty: Vec<(Vec<String>, Dirty)>,
    pub parts: Parts,
    pub begun: Begun,
}

impl Work {
    fn write(&self) -> Result<()> {
        for (cfs, dirty) in &self.dirty {
            let sorted = dirty.sorted();
            for (part, own) in self.parts.cut(&sorted, |(key, _)| key) {
                let cf = cfs.get(part).ok_or_else(|| Error::internal(format!("a state has no part {part}")))?;
                self.db.write(cf, own.iter().copied())?;
            }
        }
        Ok(())
    }
}

enum Phase {
    Ready(Box<Work>),
    /// The upload that follows, until it is taken; what kept it from being one.
    Linked(Option<Result<Box<dyn PendingSnapshot>>>),
}

/// Shared by the backend and the snapshot.
pub(crate) struct Flushing {
    phase: Mutex<Phase>,
    done: AtomicBool,
    /// The caches' content is not in the database and never will be.
    lost: AtomicBool,
}

impl Flushing {
    pub fn new(work: Work) -> Arc<Self> {
        let phase = Mutex::new(Phase::Ready(Box::new(work)));
        Arc::new(Self { phase, done: AtomicBool::new(false), lost: AtomicBool::new(false) })
    }

    /// True when nothing is left to be done.
    pub fn is_done(&self) -> bool {
        self.done.load(Ordering::Acquire)
    }

    /// Does what is left to be done, or waits for whoever does it.
    fn run(&self) -> std::sync::MutexGuard<'_, Phase> {
        let mut phase = self.phase.lock().unwrap_or_else(PoisonError::into_inner);
        if let Phase::Ready(_) = &*phase
            && let Phase::Ready(work) = std::mem::replace(&mut *phase, Phase::Linked(None))
        {
            let linked = work.write().inspect_err(|_| self.lost.store(true, Ordering::Release)).and_then(|()| {
                let cfs: Vec<&str> = work.begun.cfs().collect();
                work.db.flush(&cfs)?;
                begin(&work.db, &work.parts, work.begun)
            });
            *phase = Phase::Linked(Some(linked));
            self.done.store(true, Ordering::Release);
        }
        phase
    }

    /// Returns when the database holds what the caches held. Errors when it could not be written.
    pub fn settle(&self) -> Result<()> {
        drop(self.run());
        if self.lost.load(Ordering::Acquire) {
            return Err(Error::transient("state of the last barrier could not be written into the local database"));
        }
        Ok(())
    }
}

/// A snapshot whose flush may still have to be done.
pub(crate) struct Pending(pub Arc<Flushing>);

impl PendingSnapshot for Pending {
    fn complete(self: Box<Self>) -> Result<KeyedSnapshot> {
        let linked = match &mut *self.0.run() {
            Phase::Linked(linked) => linked.take(),
            Phase::Ready(_) => None,
        };
        linked.unwrap_or_else(|| Err(Error::internal("a snapshot was completed twice")))?.complete()
    }
}
