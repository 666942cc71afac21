//! Names of things that outlive a process: job ids, operator uids, checkpoint ids.

use serde::{Deserialize, Serialize};
use std::fmt;

/// One lineage of state: 32 lower-case hex digits. Starting from empty begins a new one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(String);

impl JobId {
    /// From 16 random bytes.
    pub fn from_random(bytes: u128) -> Self {
        Self(format!("{bytes:032x}"))
    }

    /// Parses 32 hex digits.
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == 32 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)))
            .then(|| Self(text.to_string()))
    }

    /// The hex digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Stable name of an operator across versions of a job: the user's hint, or
/// derived from the normalised sub-plan. State is found by it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OperatorUid(pub String);

impl fmt::Display for OperatorUid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Number of a checkpoint or savepoint within a job name; starts at 1, gaps are normal.
pub type CheckpointId = u64;
