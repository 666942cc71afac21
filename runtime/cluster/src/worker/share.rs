//! A worker's share of one attempt: planned again, compared, and started.

use super::Planner;
use crate::control::digest::digest;
use crate::control::message::Deploy;
use crossbeam_channel::{Receiver, unbounded};
use std::sync::Arc;
use std::time::Duration;
use streamjob_checkpoint::Storage;
use streamjob_checkpoint::snapshot_store::described;
use streamjob_core::{Error, Result};
use streamjob_engine::deploy::{DeployRequest, Deployment, Share as EngineShare, TaskEvent, TaskId};
use streamjob_engine::net::Network;

/// Running tasks of an attempt.
pub struct Share {
    /// The attempt.
    pub attempt: String,
    /// Access to checkpoint storage, as the job's options say.
    pub storage: Storage,
    /// The tasks.
    pub deployment: Box<dyn Deployment>,
    /// What they tell.
    pub events: Receiver<TaskEvent>,
    /// Tasks whose threads are not through.
    pub unfinished: usize,
}

/// The tasks that a deployment gives to its worker.
pub fn tasks(deploy: &Deploy) -> Vec<TaskId> {
    let of_vertex = |(vertex, subtasks): (usize, &Vec<usize>)| {
        let own = (0u32..).zip(subtasks).filter(|(_, w)| **w == deploy.worker);
        own.map(|(subtask, _)| TaskId { vertex, subtask }).collect::<Vec<_>>()
    };
    deploy.assignment.iter().enumerate().flat_map(of_vertex).collect()
}

/// Plans the job and starts the share.
pub fn start(planner: &dyn Planner, network: Arc<Network>, deploy: Deploy) -> Result<Share> {
    let planned = planner.plan(&deploy.terms.job)?;
    let own = digest(&planned.graph);
    if own != deploy.terms.digest {
        return Err(Error::internal(format!(
            "this worker plans the job differently from the coordinator (plan {own}, there {})",
            deploy.terms.digest
        ))
        .fix("run coordinator and workers from the same image, with the same files in reach"));
    }
    let unfinished = tasks(&deploy).len();
    let (sender, events) = unbounded();
    let request = DeployRequest {
        graph: planned.graph,
        job: deploy.terms.job.name,
        parallelism: deploy.terms.job.parallelism,
        max_parallelism: deploy.terms.job.max_parallelism,
        attempt: deploy.attempt.clone(),
        backend: planned.backend,
        work_dir: planned.work_dir,
        memory_budget: deploy.memory_budget,
        restore: deploy.restore,
        restore_store: described(&planned.storage, &deploy.restore_store)?,
        clock: planned.clock,
        aligned: deploy.aligned,
        chaining: deploy.chaining,
        linger: Duration::from_micros(deploy.linger_us),
        events: sender,
        share: Some(EngineShare { worker: deploy.worker, assignment: deploy.assignment, peers: deploy.peers, network }),
    };
    let deployment = streamjob_engine::deploy_local(request)?;
    Ok(Share { attempt: deploy.attempt, storage: planned.storage, deployment, events, unfinished })
}
