//! Restore points that became the job's own (claim mode Claim), until they are disposed of. The head remembers them,
//! so that a coordinator that starts later disposes of them, too.

use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use streamjob_core::CheckpointId;

/// A checkpoint or savepoint that the job was started from and owns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claimed {
    /// Its number.
    pub checkpoint: CheckpointId,
    /// Location of its folder.
    pub location: String,
}

/// Those that are left. Shared by all clones of a lineage: what a sweep beside the coordinator disposed of is no longer
/// in the head that the coordinator writes next.
#[derive(Clone, Default)]
pub(crate) struct Claims(Arc<Mutex<Vec<Claimed>>>);

impl Claims {
    pub fn new(claimed: Vec<Claimed>) -> Self {
        Self(Arc::new(Mutex::new(claimed)))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Claimed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn left(&self) -> Vec<Claimed> {
        self.lock().clone()
    }

    pub fn disposed_of(&self, claimed: &Claimed) {
        self.lock().retain(|c| c != claimed);
    }
}
