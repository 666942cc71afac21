//! A worker's share of one attempt: planned again, compared, and started.

use super::{LOCAL_FILES, Planner};
use crate::control::digest::digest;
use crate::control::message::Deploy;
use crate::control::wire::WireCommand;
use crossbeam_channel::{Receiver, unbounded};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use streamjob_checkpoint::snapshot_store::described;
use streamjob_checkpoint::{LocalFiles, Storage};
use streamjob_core::{Error, Result};
use streamjob_engine::deploy::{DeployRequest, Deployment, Share as EngineShare, TaskCommand, TaskEvent, TaskId};
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
    local: Option<Arc<LocalFiles>>,
}

impl Share {
    /// For the tasks, on this process's own access to storage.
    pub fn command(&self, command: WireCommand) -> Result<TaskCommand> {
        let command = command.command(&self.storage)?;
        let Some(local) = &self.local else { return Ok(command) };
        Ok(match command {
            TaskCommand::Trigger { barrier, store, format } => {
                TaskCommand::Trigger { barrier, store: local.writing(barrier.id, store), format }
            }
            TaskCommand::Complete(id) => {
                local.completed(id);
                TaskCommand::Complete(id)
            }
            other => other,
        })
    }

    /// Notes what a task tells.
    pub fn heard(&self, event: &TaskEvent) {
        if let (Some(local), TaskEvent::Snapshot { checkpoint, result: Ok(snapshot), .. }) = (&self.local, event) {
            let keyed = snapshot.operators.iter().filter_map(|(_, o)| o.keyed.as_ref());
            local.acknowledged(*checkpoint, keyed.flat_map(|k| &k.files).map(|f| &f.file));
        }
    }
}

/// The local files of the job, over all attempts of this process.
#[derive(Default)]
pub struct Local(Option<(PathBuf, Arc<LocalFiles>)>);

impl Local {
    /// Those of this working folder.
    pub fn of(&mut self, work_dir: &Path) -> Option<Arc<LocalFiles>> {
        let dir = work_dir.join(LOCAL_FILES);
        match &self.0 {
            Some((known, files)) if *known == dir => return Some(files.clone()),
            _ => {}
        }
        match LocalFiles::open(dir.clone()) {
            Ok(files) => {
                self.0 = Some((dir, files.clone()));
                Some(files)
            }
            Err(e) => {
                tracing::warn!("nothing is kept for a restart: {e}");
                None
            }
        }
    }

    /// The job is over.
    pub fn remove(&mut self) {
        if let Some((_, files)) = self.0.take() {
            files.remove();
        }
    }
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
pub fn start(planner: &dyn Planner, network: Arc<Network>, local: &mut Local, deploy: Deploy) -> Result<Share> {
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
    let local = if planned.from_local { local.of(&planned.work_dir) } else { None };
    let mut restore_store = described(&planned.storage, &deploy.restore_store)?;
    if let Some(local) = &local {
        restore_store = local.reading(restore_store);
    }
    let (sender, events) = unbounded();
    let request = DeployRequest {
        graph: planned.graph,
        job: deploy.terms.job.name,
        job_id: deploy.job_id,
        parallelism: deploy.terms.job.parallelism,
        max_parallelism: deploy.terms.job.max_parallelism,
        attempt: deploy.attempt.clone(),
        backend: planned.backend,
        work_dir: planned.work_dir,
        memory_budget: deploy.memory_budget,
        restore: deploy.restore,
        restore_store,
        clock: planned.clock,
        aligned: deploy.aligned,
        chaining: deploy.chaining,
        linger: Duration::from_micros(deploy.linger_us),
        events: sender,
        share: Some(EngineShare { worker: deploy.worker, assignment: deploy.assignment, peers: deploy.peers, network }),
    };
    let deployment = streamjob_engine::deploy_local(request)?;
    Ok(Share { attempt: deploy.attempt, storage: planned.storage, deployment, events, unfinished, local })
}
