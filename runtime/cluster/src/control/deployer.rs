//! Where a job's tasks are started: in this process, or on workers.

use super::adoption::{Candidate, difference};
use super::ahead::Ahead;
use super::digest::digest;
use super::message::{Deploy, JobDescription, Terms};
use super::pool::{Plan, WorkerInfo, WorkerPool};
use crossbeam_channel::{Receiver, Sender, never};
use std::sync::Arc;
use streamjob_core::{Error, Result};
use streamjob_engine::JobGraph;
use streamjob_engine::chain::chain;
use streamjob_engine::deploy::{DeployRequest, Deployment, TaskEvent, VertexInfo};

/// Who deploys, and from what.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// The coordinator's generation.
    pub generation: u64,
    /// Location of what is restored; `None` to start empty.
    pub restored_from: Option<String>,
}

/// Tasks that were running and are this coordinator's now.
pub struct Adopted {
    /// How far they are, and what is under way.
    pub candidate: Candidate,
    /// The tasks.
    pub deployment: Box<dyn Deployment>,
}

/// Starts attempts.
pub trait Deployer: Send + Sync {
    /// What is missing for a job that needs this many slots; `None` when nothing is.
    fn missing(&self, slots: u32) -> Option<String>;
    /// Gets a message whenever the answer of [`Self::missing`] may have changed.
    fn changed(&self) -> Receiver<()>;
    /// Workers that are there; none when tasks run in this process.
    fn workers(&self) -> Vec<WorkerInfo> {
        Vec::new()
    }
    /// At the next start of tasks, only so many workers take part, if they have the slots: the others are about to go.
    fn keep(&self, _workers: Option<u32>) {}
    /// Has workers fetch the files that they will need if the tasks are started now. The same checkpoint is told once.
    fn fetch_ahead(&self, _graph: &JobGraph, _parallelism: u32, _chaining: bool, _ahead: &Ahead<'_>) {}
    /// Starts the tasks.
    fn deploy(&self, request: DeployRequest, origin: Origin) -> Result<Box<dyn Deployment>>;

    /// True when tasks go on when this process ends.
    fn outlives(&self) -> bool {
        false
    }

    /// Tasks that run already, left by another coordinator of the job. With a hindrance when they were deployed for
    /// anything else than this plan.
    fn running(&self, _graph: &JobGraph) -> Option<Candidate> {
        None
    }

    /// Takes over tasks that run. Their events go to `events` from now on; `None` when they are not all there any more.
    fn adopt(
        &self,
        _attempt: &str,
        _vertices: Vec<VertexInfo>,
        _events: Sender<TaskEvent>,
        _generation: u64,
    ) -> Option<Adopted> {
        None
    }
}

/// In this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct LocalDeployer;

impl Deployer for LocalDeployer {
    fn missing(&self, _: u32) -> Option<String> {
        None
    }

    fn changed(&self) -> Receiver<()> {
        never()
    }

    fn deploy(&self, request: DeployRequest, _: Origin) -> Result<Box<dyn Deployment>> {
        streamjob_engine::deploy_local(request)
    }
}

/// On the workers of a pool.
pub struct PoolDeployer {
    pool: Arc<WorkerPool>,
    job: JobDescription,
}

impl PoolDeployer {
    /// Workers plan `job`; it must come to the same plan as the one that is deployed.
    pub fn new(pool: Arc<WorkerPool>, job: JobDescription) -> Self {
        Self { pool, job }
    }
}

impl Deployer for PoolDeployer {
    fn missing(&self, slots: u32) -> Option<String> {
        let (there, each) = self.pool.slots();
        (there < slots).then(|| format!("the job needs {slots} slots, {there} are there ({each})"))
    }

    fn changed(&self) -> Receiver<()> {
        self.pool.changed()
    }

    fn workers(&self) -> Vec<WorkerInfo> {
        self.pool.workers()
    }

    fn keep(&self, workers: Option<u32>) {
        self.pool.keep(workers);
    }

    fn fetch_ahead(&self, graph: &JobGraph, parallelism: u32, chaining: bool, ahead: &Ahead<'_>) {
        // A plan that cannot be is refused when it is deployed.
        let Ok(plan) = chain(graph, parallelism, ahead.max_parallelism, chaining) else { return };
        let vertices: Vec<_> = plan.vertices.into_iter().map(|v| v.info).collect();
        self.pool.fetch_ahead(&self.job, &vertices, ahead);
    }

    fn deploy(&self, request: DeployRequest, origin: Origin) -> Result<Box<dyn Deployment>> {
        let plan = chain(&request.graph, request.parallelism, request.max_parallelism, request.chaining)?;
        let vertices: Vec<_> = plan.vertices.into_iter().map(|v| v.info).collect();
        let restore_store = request
            .restore_store
            .description()
            .ok_or_else(|| Error::internal("the restore source cannot be reached from other processes"))?;
        let mut job = self.job.clone();
        job.parallelism = request.parallelism;
        job.max_parallelism = request.max_parallelism;
        let terms = Terms {
            job,
            digest: digest(&request.graph),
            configured: self.job.parallelism,
            restored_from: origin.restored_from,
        };
        let deploy = Deploy {
            attempt: request.attempt,
            job_id: request.job_id,
            generation: origin.generation,
            terms,
            worker: 0,
            assignment: Vec::new(),
            peers: Vec::new(),
            restore: request.restore,
            restore_store,
            memory_budget: request.memory_budget,
            aligned: request.aligned,
            chaining: request.chaining,
            linger_us: u64::try_from(request.linger.as_micros()).unwrap_or(u64::MAX),
        };
        let slots = vertices.iter().map(|v| v.parallelism).max().unwrap_or(0);
        let deployment = self.pool.deploy(Plan { deploy, slots, vertices, events: request.events })?;
        Ok(Box::new(deployment))
    }

    fn outlives(&self) -> bool {
        true
    }

    fn running(&self, graph: &JobGraph) -> Option<Candidate> {
        let mut candidate = self.pool.candidate()?;
        if candidate.hindrance.is_none() {
            candidate.hindrance = difference(&candidate.terms, &self.job, &digest(graph));
        }
        Some(candidate)
    }

    fn adopt(
        &self,
        attempt: &str,
        vertices: Vec<VertexInfo>,
        events: Sender<TaskEvent>,
        generation: u64,
    ) -> Option<Adopted> {
        let (candidate, deployment) = self.pool.adopt(attempt, vertices, events, generation)?;
        Some(Adopted { candidate, deployment: Box::new(deployment) })
    }
}
