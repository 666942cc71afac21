//! One deployment of the job's tasks, and how far each of them is.

use crate::control::message::TaskState;
use std::collections::{BTreeMap, BTreeSet};
use streamjob_engine::deploy::{Deployment, TaskId};

/// Running tasks with the progress that the coordinator needs to know.
pub struct Attempt {
    deployment: Box<dyn Deployment>,
    tasks: BTreeSet<TaskId>,
    starting: BTreeSet<TaskId>,
    unended: BTreeSet<TaskId>,
    unfinished: BTreeSet<TaskId>,
    unpublished: Option<(u64, BTreeSet<TaskId>)>,
}

impl Attempt {
    /// Just deployed: no task has reported yet.
    pub fn new(deployment: Box<dyn Deployment>) -> Self {
        let tasks: BTreeSet<TaskId> = deployment
            .vertices()
            .iter()
            .enumerate()
            .flat_map(|(vertex, v)| (0..v.parallelism).map(move |subtask| TaskId { vertex, subtask }))
            .collect();
        Self {
            deployment,
            starting: tasks.clone(),
            unended: tasks.clone(),
            unfinished: tasks.clone(),
            unpublished: None,
            tasks,
        }
    }

    /// Running already: these tasks, this far.
    pub fn adopted(deployment: Box<dyn Deployment>, tasks: &BTreeMap<TaskId, TaskState>) -> Self {
        let mut attempt = Self::new(deployment);
        attempt.starting.retain(|t| tasks.get(t).is_none_or(|s| *s == TaskState::Starting));
        attempt.unended.retain(|t| tasks.get(t).is_none_or(|s| *s < TaskState::Ended));
        attempt
    }

    /// True when every task runs, or has run.
    pub fn all_running(&self) -> bool {
        self.starting.is_empty()
    }

    /// Leaves the tasks to the next coordinator.
    pub fn detach(self) {
        self.deployment.detach();
    }

    /// The deployment.
    pub fn deployment(&self) -> &dyn Deployment {
        self.deployment.as_ref()
    }

    /// All tasks.
    pub fn tasks(&self) -> &BTreeSet<TaskId> {
        &self.tasks
    }

    /// A task runs. True when it was the last one to start.
    pub fn running(&mut self, task: TaskId) -> bool {
        self.starting.remove(&task) && self.starting.is_empty()
    }

    /// A task's input ended. True when it was the last one.
    pub fn ended(&mut self, task: TaskId) -> bool {
        self.unended.remove(&task) && self.unended.is_empty()
    }

    /// True when every task's input ended.
    pub fn all_ended(&self) -> bool {
        self.unended.is_empty()
    }

    /// A task's thread is through. True when it was the last one.
    pub fn finished(&mut self, task: TaskId) -> bool {
        self.unfinished.remove(&task) && self.unfinished.is_empty()
    }

    /// Waits from now on for all tasks to publish this checkpoint.
    pub fn await_published(&mut self, checkpoint: u64) {
        self.unpublished = Some((checkpoint, self.tasks.clone()));
    }

    /// A task has published. True when it was the last one of the awaited checkpoint.
    pub fn published(&mut self, task: TaskId, checkpoint: u64) -> bool {
        match &mut self.unpublished {
            Some((awaited, tasks)) if *awaited == checkpoint => tasks.remove(&task) && tasks.is_empty(),
            _ => false,
        }
    }

    /// Ends all tasks and waits for their threads.
    pub fn join(self) {
        self.deployment.join();
    }
}
