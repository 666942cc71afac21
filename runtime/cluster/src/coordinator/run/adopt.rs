//! The first start of tasks: those that an earlier coordinator left running are
//! gone on with, without a rewind, when all of them are there, they were deployed
//! for what this coordinator was told, and storage shows that nobody else has
//! published since. Else the job is restored.

use super::Coordinator;
use crate::control::message::TaskState;
use crate::control::{Adopted, Candidate};
use crate::coordinator::JobOutcome;
use crate::coordinator::attempt::Attempt;
use crate::coordinator::ledger::Ledger;
use crossbeam_channel::{select, unbounded};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use streamjob_api::JobState;
use streamjob_core::{CheckpointId, Error, Result};
use streamjob_engine::chain::chain;
use streamjob_engine::deploy::{TaskCommand, TaskEvent, VertexInfo};

/// Workers look for a new coordinator about once a second: how long the first of them is awaited when others wait for tasks.
const FIRST: Duration = Duration::from_millis(1500);
/// How long the other workers of an attempt are awaited. Whoever is away for longer counts as lost anyway.
const ALL: Duration = Duration::from_secs(10);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(20);

/// What to do about tasks that may be running.
enum Look {
    /// Go on with these.
    Adopt(Candidate, Vec<VertexInfo>),
    /// More workers may come.
    Wait,
    /// Restore; the attempt that is not gone on with, and why.
    Restore(Option<(String, String)>),
}

impl Coordinator {
    /// Goes on with running tasks, or starts them. The job's outcome when it ends over that.
    pub(super) fn begin(&mut self) -> Option<JobOutcome> {
        match self.adopt_or_await_slots() {
            Ok(Some(outcome)) => Some(outcome),
            Ok(None) if self.attempt.is_some() => self.go_on(),
            Ok(None) => match self.deploy() {
                Ok(()) => None,
                Err(e) => self.failed(e),
            },
            Err(e) => self.failed(e),
        }
    }

    fn adopt_or_await_slots(&mut self) -> Result<Option<JobOutcome>> {
        let may = self.settings.deployer.outlives() && self.ledger.as_ref().is_some_and(Ledger::may_continue);
        let mut refused = None;
        if may && let Some(outcome) = self.adopt_running(FIRST, &mut refused)? {
            return Ok(Some(outcome));
        }
        if self.attempt.is_some() {
            return Ok(None);
        }
        if let Some(outcome) = self.await_slots()? {
            return Ok(Some(outcome));
        }
        // Those that came meanwhile may run something, too.
        if may { self.adopt_running(Duration::ZERO, &mut refused) } else { Ok(None) }
    }

    /// Takes running tasks over, if there are any; an outcome when a client ended the wait for them.
    /// `refused` is an attempt that was looked at before.
    fn adopt_running(&mut self, first: Duration, refused: &mut Option<String>) -> Result<Option<JobOutcome>> {
        let (since, changed) = (Instant::now(), self.settings.deployer.changed());
        loop {
            self.view.pulse().beat();
            match self.look(since.elapsed(), first, refused.as_deref())? {
                Look::Adopt(candidate, vertices) => {
                    if self.adopt(&candidate, vertices) {
                        return Ok(None);
                    }
                }
                Look::Wait => {}
                Look::Restore(why) => {
                    if let Some((attempt, why)) = why {
                        tracing::info!("the tasks that run already are not gone on with: {why}");
                        *refused = Some(attempt);
                    }
                    return Ok(None);
                }
            }
            let request = select! {
                recv(changed) -> _ => None,
                recv(self.requests) -> request => request.ok(),
                default(LOOK) => None,
            };
            if let Some(outcome) = request.and_then(|r| self.while_waiting(r)) {
                return Ok(Some(outcome));
            }
        }
    }

    fn look(&self, waited: Duration, first: Duration, refused: Option<&str>) -> Result<Look> {
        let s = &self.settings;
        let Some(candidate) = s.deployer.running(&s.graph).filter(|c| refused != Some(c.attempt.as_str())) else {
            return Ok(if waited < first { Look::Wait } else { Look::Restore(None) });
        };
        let verdict = self.ledger.as_ref().map(|l| l.adoptable(&candidate.attempt, &candidate.terms));
        let verdict = verdict.and_then(std::result::Result::err);
        if let Some(why) = candidate.hindrance.clone().or(verdict) {
            return Ok(Look::Restore(Some((candidate.attempt, why))));
        }
        let chaining = s.options.bool("pipeline.operator-chaining.enabled");
        let plan = chain(&s.graph, candidate.terms.job.parallelism, s.max_parallelism, chaining)?;
        let vertices: Vec<VertexInfo> = plan.vertices.into_iter().map(|v| v.info).collect();
        Ok(match candidate.missing(&vertices) {
            None => Look::Adopt(candidate, vertices),
            Some(_) if waited < self.patience(candidate.terms.job.parallelism)? => Look::Wait,
            Some(task) => {
                let name = vertices.get(task.vertex).map_or("", |v| v.name.as_str());
                Look::Restore(Some((candidate.attempt, format!("nothing was heard of {name} ({})", task.subtask + 1))))
            }
        })
    }

    /// How long the rest of an attempt is awaited. When all slots that it takes are here, its workers are: what they do not
    /// run was never started, as when a coordinator ends in the middle of a rescale.
    pub(super) fn patience(&self, parallelism: u32) -> Result<Duration> {
        let missing = self.settings.deployer.missing(self.slots(parallelism)?);
        Ok(if missing.is_some() { ALL } else { FIRST })
    }

    /// False when the tasks are not all there any more.
    fn adopt(&mut self, candidate: &Candidate, vertices: Vec<VertexInfo>) -> bool {
        let Some(ledger) = &mut self.ledger else { return false };
        // Events from now on come here.
        self.events = unbounded();
        let (deployer, events) = (self.settings.deployer.clone(), self.events.0.clone());
        let Some(adopted) = deployer.adopt(&candidate.attempt, vertices, events, ledger.generation()) else {
            return false;
        };
        let Adopted { candidate, deployment } = adopted;
        let unpublished = ledger.adopt(&candidate.attempt, &candidate.terms);
        let attempt = Attempt::adopted(deployment, &candidate.tasks);
        self.parallelism = candidate.terms.job.parallelism;
        self.attempt_id = candidate.attempt;
        self.refuse_rescaling(&Error::transient("tasks that ran already are gone on with").fix("try again"));
        // Barriers of the other coordinator's checkpoints may still be under way: their numbers are not used again.
        self.decisions.skip_past(candidate.newest);
        self.decisions.set_tasks(attempt.tasks().iter().copied());
        for command in settle(&candidate.open, unpublished) {
            attempt.deployment().send(command);
        }
        tracing::info!("{} tasks go on where they are (attempt {})", attempt.tasks().len(), self.attempt_id);
        let slots = vertices_wide(attempt.deployment().vertices());
        self.view.set_wanted(self.parallelism, slots);
        self.view.deployed(attempt.deployment().vertices(), self.parallelism, self.now());
        for (task, state) in &candidate.tasks {
            match state {
                TaskState::Starting => {}
                TaskState::Running | TaskState::Ended => self.view.task_event(&TaskEvent::Running(*task), self.now()),
                TaskState::Finished => self.view.task_event(&TaskEvent::Finished(*task), self.now()),
            }
        }
        self.attempt = Some(attempt);
        true
    }

    /// Adopted tasks may be anywhere between their start and their end.
    fn go_on(&mut self) -> Option<JobOutcome> {
        let attempt = self.attempt.as_ref()?;
        if !attempt.all_running() {
            return None;
        }
        tracing::info!("all tasks are running");
        let ended = attempt.all_ended();
        self.view.set_state(JobState::Running, self.now());
        let actions = self.decisions.tasks_running(true, self.ticks());
        self.perform(actions).or_else(|| if ended { self.input_done() } else { None })
    }
}

/// Slots that they take: subtasks of different vertices share one.
fn vertices_wide(vertices: &[VertexInfo]) -> u32 {
    vertices.iter().map(|v| v.parallelism).max().unwrap_or(0)
}

/// What the tasks did not hear any more: that a checkpoint is complete, and that others will never be.
fn settle(open: &BTreeSet<CheckpointId>, unpublished: Option<CheckpointId>) -> Vec<TaskCommand> {
    let given_up = open.iter().filter(|id| Some(**id) != unpublished).map(|id| TaskCommand::Abort(*id));
    given_up.chain(unpublished.map(TaskCommand::Complete)).collect()
}
