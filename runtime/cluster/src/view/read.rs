//! The answers of REST's paths, made from the view.

use super::{Inner, JobView, ViewSettings};
use streamjob_api::{
    Backpressure, CheckpointDetails, Checkpoints, JobDetails, JobExceptions, JobSummary, ParallelismBounds,
    ResourceRequirements, TaskCheckpointDetails, TaskCounts, VertexRequirements, VertexSubtasks,
};
use streamjob_core::CheckpointId;
use streamjob_engine::deploy::VertexInfo;

impl JobView {
    /// `GET /jobs/overview`.
    pub fn summary(&self, now_ms: i64) -> JobSummary {
        self.inner.lock().summary(&self.settings, now_ms)
    }

    /// `GET /jobs/:jobid`.
    pub fn details(&self, now_ms: i64) -> JobDetails {
        let inner = self.inner.lock();
        let vertices = inner.tasks.details(self.settings.max_parallelism);
        JobDetails {
            summary: inner.summary(&self.settings, now_ms),
            generation: inner.generation,
            max_parallelism: self.settings.max_parallelism,
            now: now_ms,
            timestamps: inner.timestamps.clone(),
            status_counts: TaskCounts::of(vertices.iter().map(|v| v.status)),
            vertices,
            failure: inner.failure.clone(),
        }
    }

    /// `GET …/exceptions`.
    pub fn exceptions(&self, max: usize) -> JobExceptions {
        self.inner.lock().failures.exceptions(max)
    }

    /// `GET …/vertices/:vertexid`. `None` for an unknown vertex.
    pub fn vertex(&self, vertex: usize, now_ms: i64) -> Option<VertexSubtasks> {
        let inner = self.inner.lock();
        let info = inner.tasks.vertices().get(vertex)?;
        Some(VertexSubtasks {
            id: vertex.to_string(),
            name: info.name.clone(),
            parallelism: info.parallelism,
            max_parallelism: self.settings.max_parallelism,
            now: now_ms,
            subtasks: inner.tasks.subtasks(vertex, now_ms, |endpoint| inner.worker_at(endpoint)),
        })
    }

    /// `GET …/backpressure`. `None` for an unknown vertex.
    pub fn backpressure(&self, vertex: usize, now_ms: i64) -> Option<Backpressure> {
        self.inner.lock().tasks.backpressure(vertex, now_ms)
    }

    /// `GET …/resource-requirements`.
    pub fn requirements(&self) -> ResourceRequirements {
        let inner = self.inner.lock();
        let requirement = |(index, v): (usize, &VertexInfo)| {
            let upper = if self.is_fixed(v) { v.parallelism } else { inner.parallelism.0 };
            (index.to_string(), VertexRequirements { parallelism: ParallelismBounds { lower: 1, upper } })
        };
        ResourceRequirements(inner.tasks.vertices().iter().enumerate().map(requirement).collect())
    }

    /// True for a vertex with a parallelism of its own.
    pub fn is_fixed(&self, vertex: &VertexInfo) -> bool {
        vertex.operators.iter().any(|uid| self.settings.fixed.contains(uid))
    }

    /// `GET …/checkpoints`.
    pub fn checkpoints(&self) -> Checkpoints {
        self.inner.lock().checkpoints.checkpoints()
    }

    /// `GET …/checkpoints/details/:id`.
    pub fn checkpoint(&self, id: CheckpointId) -> Option<CheckpointDetails> {
        self.inner.lock().checkpoints.details(id)
    }

    /// `GET …/checkpoints/details/:id/subtasks/:vertexid`.
    pub fn checkpoint_subtasks(&self, id: CheckpointId, vertex: usize) -> Option<TaskCheckpointDetails> {
        self.inner.lock().checkpoints.subtasks(id, vertex)
    }
}

impl Inner {
    fn summary(&self, settings: &ViewSettings, now_ms: i64) -> JobSummary {
        JobSummary {
            jid: self.job_id.to_string(),
            name: settings.name.clone(),
            state: self.state,
            start_time: settings.started_ms,
            end_time: self.ended_ms.unwrap_or(-1),
            duration: self.ended_ms.unwrap_or(now_ms) - settings.started_ms,
            last_modification: self.modified_ms,
            restarts: self.restarts,
            tasks: self.tasks.counts(),
        }
    }
}
