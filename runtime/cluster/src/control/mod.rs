//! The coordinator's side of a job in many processes: who is there (workers and
//! their slots), which of them runs what, and a deployment that lives in them.
//! Decides nothing about checkpoints or restarts.

pub mod adoption;
pub mod ahead;
pub mod assign;
pub mod codec;
mod crew;
pub mod deployer;
pub mod digest;
pub mod message;
#[cfg(test)]
mod message_tests;
pub mod pool;
#[cfg(test)]
mod pool_tests;
pub mod registry;
mod remote;
mod server;
mod shared;
pub mod wire;

pub use adoption::Candidate;
pub use deployer::{Adopted, Deployer, LocalDeployer, Origin, PoolDeployer};
pub use pool::{PoolConfig, WorkerPool};

use std::time::Duration;

/// When a silent peer counts as lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// Between two heartbeats.
    pub heartbeat: Duration,
    /// Silence after which the other side is lost. A broken connection counts at once.
    pub timeout: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self { heartbeat: Duration::from_secs(2), timeout: Duration::from_secs(10) }
    }
}

/// Largest message, bytes: restore state with inline content goes in one.
pub(crate) const MAX_MESSAGE: usize = 1 << 30;

/// The generated client and server.
#[allow(missing_docs, unused_qualifications, clippy::all, clippy::pedantic)]
pub(crate) mod rpc {
    include!(concat!(env!("OUT_DIR"), "/streamjob.control.v1.Control.rs"));
}
