//! Where a job's tasks are started: in this process, or on workers.

use super::digest::digest;
use super::message::{Deploy, JobDescription};
use super::pool::{Plan, WorkerInfo, WorkerPool};
use crossbeam_channel::{Receiver, never};
use std::sync::Arc;
use streamjob_core::{Error, Result};
use streamjob_engine::chain::chain;
use streamjob_engine::deploy::{DeployRequest, Deployment};

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
    /// Starts the tasks, on behalf of the coordinator of this generation.
    fn deploy(&self, request: DeployRequest, generation: u64) -> Result<Box<dyn Deployment>>;
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

    fn deploy(&self, request: DeployRequest, _: u64) -> Result<Box<dyn Deployment>> {
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

    fn deploy(&self, request: DeployRequest, generation: u64) -> Result<Box<dyn Deployment>> {
        let plan = chain(&request.graph, request.parallelism, request.max_parallelism, request.chaining)?;
        let vertices: Vec<_> = plan.vertices.into_iter().map(|v| v.info).collect();
        let restore_store = request
            .restore_store
            .description()
            .ok_or_else(|| Error::internal("the restore source cannot be reached from other processes"))?;
        let mut job = self.job.clone();
        job.parallelism = request.parallelism;
        job.max_parallelism = request.max_parallelism;
        let deploy = Deploy {
            attempt: request.attempt,
            generation,
            digest: digest(&request.graph),
            job,
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
}
