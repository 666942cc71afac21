//! A deployment whose tasks run in workers.

use super::registry::ConnectionId;
use super::shared::Shared;
use super::wire::{WireCommand, WireStatus};
use std::sync::Arc;
use std::time::Duration;
use streamjob_engine::deploy::{Deployment, OperatorStatus, TaskCommand, VertexInfo};

/// How long tasks may take to end. After that the attempt is left to itself: it can publish nothing,
/// and its worker's own watchdog ends it.
const JOIN_TIMEOUT: Duration = Duration::from_secs(30);

/// A worker that takes part in an attempt.
pub(super) struct Member {
    /// The connection that it was deployed over.
    pub connection: ConnectionId,
    /// Tasks whose threads are not through.
    pub unfinished: usize,
    /// It runs subtasks of a source.
    pub has_sources: bool,
    /// All its threads have ended.
    pub done: bool,
    /// It is gone.
    pub lost: bool,
    /// Its figures as last reported.
    pub operators: Vec<WireStatus>,
}

impl Member {
    pub fn new(connection: ConnectionId, unfinished: usize, has_sources: bool) -> Self {
        Self { connection, unfinished, has_sources, done: false, lost: false, operators: Vec::new() }
    }
}

/// See the module. Dropping it cancels the tasks, unless they were let go.
pub(crate) struct RemoteDeployment {
    shared: Arc<Shared>,
    attempt: String,
    vertices: Vec<VertexInfo>,
    detached: bool,
}

impl RemoteDeployment {
    pub(super) fn new(shared: Arc<Shared>, attempt: String, vertices: Vec<VertexInfo>) -> Self {
        Self { shared, attempt, vertices, detached: false }
    }
}

impl Deployment for RemoteDeployment {
    fn vertices(&self) -> &[VertexInfo] {
        &self.vertices
    }

    fn send(&self, command: TaskCommand) {
        match WireCommand::of(&command) {
            Ok(command) => self.shared.command(&self.attempt, &command),
            Err(e) => self.shared.fail(&self.attempt, e),
        }
    }

    fn status(&self) -> Vec<OperatorStatus> {
        self.shared.operators(&self.attempt).into_iter().map(OperatorStatus::from).collect()
    }

    fn detach(mut self: Box<Self>) {
        self.shared.let_go(&self.attempt);
        self.detached = true;
    }

    fn join(self: Box<Self>) {
        let open = self.shared.await_end(&self.attempt, JOIN_TIMEOUT);
        if !open.is_empty() {
            tracing::warn!(
                "the tasks on {} do not end within {} s; their attempt counts no longer",
                open.join(", "),
                JOIN_TIMEOUT.as_secs()
            );
        }
    }
}

impl Drop for RemoteDeployment {
    fn drop(&mut self) {
        if !self.detached {
            self.shared.forget(&self.attempt);
        }
    }
}
