//! The life of a task: its loop, its commands, its part in checkpoints, and how
//! its end or failure is reported.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use streamjob_core::{Barrier, CheckpointId, Element, Error, Result, StopMode};
use streamjob_state::backend::SnapshotRequest;
use streamjob_state::{Clock, SnapshotFormat, SnapshotStore};

use super::barriers::{Barriers, Step};
use super::chain_run::{self, Slot, SlotSnapshot};
use super::events::Events;
use super::io::{IoPool, guarded};
use super::setup::TaskSetup;
use super::source::SourceSlot;
use super::times::TaskClock;
use super::watermarks::{Change, Watermarks};
use crate::deploy::{OperatorSnapshot, PhaseTimings, TaskCommand, TaskEvent, TaskId, TaskSnapshot};
use crate::exchange::{Inbox, Received, TaskOutput};
use crate::local::Halt;

/// How often operators are ticked.
const TICK: Duration = Duration::from_millis(100);

/// How a task came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// Told to: all is done.
    Finished,
    /// Cancelled, or another task failed.
    Halted,
}

/// A running task.
pub(crate) struct Task {
    pub(super) id: TaskId,
    pub(super) source: Option<SourceSlot>,
    pub(super) slots: Vec<Slot>,
    pub(super) output: TaskOutput,
    pub(super) inputs: Vec<usize>,
    pub(super) inbox: Arc<Inbox>,
    pub(super) barriers: Barriers,
    pub(super) watermarks: Watermarks,
    /// Checkpoints whose barrier has not been here yet.
    pub(super) triggers: BTreeMap<CheckpointId, Trigger>,
    /// Barriers that came over the network before their trigger did; their channels are blocked until it is here.
    pub(super) early: Vec<(usize, Barrier)>,
    /// Set when a checkpoint is given up, so that its upload stops.
    pub(super) uploads: BTreeMap<CheckpointId, Arc<AtomicBool>>,
    /// The end is passed on: only barriers and commands follow.
    pub(super) ended: bool,
    /// Behind the barrier of a suspending stop: nothing is read or emitted.
    pub(super) suspended: Option<CheckpointId>,
    pub(super) next_tick: Instant,
    pub(super) events: Arc<Events>,
    pub(super) io: Arc<IoPool>,
    pub(super) halt: Arc<Halt>,
    pub(super) times: Arc<TaskClock>,
    pub(super) clock: Arc<dyn Clock>,
}

/// Where a checkpoint goes.
pub(crate) struct Trigger {
    store: Arc<dyn SnapshotStore>,
    format: SnapshotFormat,
}

/// The body of a task's thread: opens, runs, cleans up, and reports how it went.
pub(crate) fn run_task(setup: TaskSetup) {
    let (id, dirs) = (setup.id, setup.dirs());
    let (events, inbox, halt) = (setup.events.clone(), setup.inbox.clone(), setup.halt.clone());
    let result = guarded("task", || {
        let mut task = setup.open()?;
        task.events.send(TaskEvent::Running(id));
        if task.source.is_some() { task.run_source() } else { task.run_operators() }
    });
    for dir in dirs {
        match std::fs::remove_dir_all(&dir) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                tracing::warn!(dir = %dir.display(), error = %e, "cannot remove working files");
            }
            _ => {}
        }
    }
    match result {
        Ok(Ending::Finished) => inbox.close(),
        // What fails while everything is being stopped fails because of that.
        Ok(Ending::Halted) => inbox.wait_cancelled(),
        Err(_) if halt.is_halted() => inbox.wait_cancelled(),
        Err(error) => {
            events.send(TaskEvent::Failed(id, error));
            halt.halt(false);
            return;
        }
    }
    events.send(TaskEvent::Finished(id));
}

impl Task {
    fn run_operators(&mut self) -> Result<Ending> {
        loop {
            let deadline = match (self.output.due(), self.quiet()) {
                (Some(due), true) => due,
                (Some(due), false) => due.min(self.next_tick),
                (None, false) => self.next_tick,
                (None, true) => Instant::now() + Duration::from_secs(60),
            };
            let (received, waited) = self.inbox.receive(deadline);
            self.times.add_idle(waited);
            if let Some(ending) = self.handle(received)? {
                return Ok(ending);
            }
            self.keep_house()?;
        }
    }

    /// True when nothing may be read or emitted any more.
    pub(super) fn quiet(&self) -> bool {
        self.ended || self.suspended.is_some()
    }

    /// Sends what has waited long enough, and ticks.
    pub(super) fn keep_house(&mut self) -> Result<()> {
        let now = Instant::now();
        if self.output.due().is_some_and(|due| due <= now) {
            self.output.flush()?;
        }
        if self.next_tick <= now && !self.quiet() {
            self.next_tick = now + TICK;
            chain_run::tick(&mut self.slots, &mut self.output)?;
        }
        Ok(())
    }

    /// Acts on what the inbox gave. `Some` ends the task.
    pub(super) fn handle(&mut self, received: Received) -> Result<Option<Ending>> {
        match received {
            Received::Halted => return Ok(Some(Ending::Halted)),
            Received::Timeout => {}
            Received::Element(channel, element) => self.element(channel, element)?,
            Received::Command(command) => return self.command(*command.0),
        }
        Ok(None)
    }

    fn element(&mut self, channel: usize, element: Element) -> Result<()> {
        let change = match element {
            Element::Batch(batch) => {
                let input = self.inputs.get(channel).copied().unwrap_or(0);
                return chain_run::feed(&mut self.slots, input, batch, &mut self.output);
            }
            Element::Barrier(barrier) => return self.barrier(channel, &barrier),
            Element::Watermark(watermark) => self.watermarks.on_watermark(channel, watermark),
            Element::Idle => self.watermarks.on_idle(channel),
            Element::Active => self.watermarks.on_active(channel),
            Element::End { drained } => self.watermarks.on_end(channel, drained),
        };
        let Change { active, watermark, idle, ended } = change;
        if active {
            chain_run::active(&mut self.slots, &mut self.output)?;
        }
        if let Some(watermark) = watermark {
            chain_run::watermark(&mut self.slots, watermark, &mut self.output)?;
        }
        if idle {
            chain_run::idle(&mut self.slots, &mut self.output)?;
        }
        if let Some(drained) = ended {
            chain_run::end(&mut self.slots, drained, &mut self.output)?;
            self.output.broadcast(&Element::End { drained })?;
            self.ended = true;
            self.events.send(TaskEvent::Ended(self.id));
        }
        Ok(())
    }

    fn barrier(&mut self, channel: usize, barrier: &Barrier) -> Result<()> {
        if !self.triggers.contains_key(&barrier.id) && !self.barriers.is_over(barrier.id) {
            self.early.push((channel, *barrier));
            self.inbox.set_blocked(channel, true);
            return Ok(());
        }
        let outcome = self.barriers.on_barrier(channel, barrier, Instant::now());
        if outcome.unblock {
            self.unblock();
        }
        if outcome.block {
            self.inbox.set_blocked(channel, true);
        }
        for old in outcome.superseded {
            self.triggers.remove(&old);
            let error = Error::transient(format!("checkpoint {old} was overtaken by checkpoint {}", barrier.id));
            self.events.send(TaskEvent::Snapshot { task: self.id, checkpoint: old, result: Err(error) });
        }
        match outcome.step {
            Step::Wait => Ok(()),
            Step::Aligned(since) => self.checkpoint(barrier, since.elapsed()),
        }
    }

    /// Lets all channels go on but those that wait for a trigger.
    fn unblock(&self) {
        self.inbox.unblock_all();
        self.early.iter().for_each(|(channel, _)| self.inbox.set_blocked(*channel, true));
    }

    /// The trigger or the end of a checkpoint is here: its barriers count now.
    fn meet_early(&mut self, id: CheckpointId) -> Result<()> {
        let (now, later): (Vec<_>, Vec<_>) = self.early.drain(..).partition(|(_, b)| b.id == id);
        self.early = later;
        for (channel, barrier) in now {
            self.inbox.set_blocked(channel, false);
            self.barrier(channel, &barrier)?;
        }
        Ok(())
    }

    /// The border of a checkpoint is here: flush and snapshot the operators in chain order,
    /// pass the barrier on, and leave the rest to the upload threads.
    pub(super) fn checkpoint(&mut self, barrier: &Barrier, alignment: Duration) -> Result<()> {
        let id = barrier.id;
        let trigger = self.triggers.remove(&id);
        self.triggers = self.triggers.split_off(&id);
        if barrier.stop == Some(StopMode::Suspend) {
            self.suspended = Some(id);
        }
        let Some(Trigger { store, format }) = trigger else {
            let error = Error::internal(format!("barrier of checkpoint {id} came before its trigger"));
            self.events.send(TaskEvent::Snapshot { task: self.id, checkpoint: id, result: Err(error) });
            return self.output.broadcast(&Element::Barrier(*barrier));
        };
        let (started, now_ms) = (Instant::now(), self.clock.now_ms());
        self.output.take_waited();
        let mut snapshots = Vec::with_capacity(self.slots.len() + 1);
        if let Some(source) = &mut self.source {
            let operator = source.with(|s, ctx| s.snapshot(barrier, ctx))?;
            snapshots.push(SlotSnapshot { uid: source.info.uid.clone(), operator, keyed: None });
        }
        let request = SnapshotRequest { checkpoint: id, format, store };
        snapshots.extend(chain_run::snapshot(&mut self.slots, barrier, &request, &mut self.output)?);
        self.output.broadcast(&Element::Barrier(*barrier))?;
        let waited = self.output.take_waited();

        let watermark_ms = if self.source.is_some() { self.source_watermark() } else { self.watermarks.combined() };
        let since_trigger = u64::try_from(now_ms - barrier.timestamp_ms).unwrap_or(0);
        let timings = PhaseTimings {
            start_delay: Duration::from_millis(since_trigger).saturating_sub(alignment),
            alignment,
            sync: started.elapsed().saturating_sub(waited),
            upload: Duration::ZERO,
        };
        let given_up = Arc::new(AtomicBool::new(false));
        self.uploads.insert(id, given_up.clone());
        let (events, halt, task) = (self.events.clone(), self.halt.clone(), self.id);
        self.io.run(move || {
            let started = Instant::now();
            let stop = || given_up.load(Ordering::Relaxed) || halt.is_halted();
            let result = guarded("snapshot upload", || upload(id, snapshots, stop)).map(|operators| TaskSnapshot {
                operators,
                watermark_ms,
                timings: PhaseTimings { upload: started.elapsed(), ..timings },
            });
            events.send(TaskEvent::Snapshot { task, checkpoint: id, result });
        })
    }

    /// What the chain of a source has emitted; for a chain that ends in a sink, what its last operator has seen.
    fn source_watermark(&self) -> Option<i64> {
        self.output.last_watermark().or_else(|| self.slots.last().and_then(|s| s.status.watermark()))
    }

    fn command(&mut self, command: TaskCommand) -> Result<Option<Ending>> {
        match command {
            TaskCommand::Trigger { barrier, store, format } => {
                if !self.barriers.is_aborted(barrier.id) {
                    self.triggers.insert(barrier.id, Trigger { store, format });
                    if self.source.is_some() {
                        self.trigger_source(&barrier)?;
                    }
                    self.meet_early(barrier.id)?;
                }
            }
            TaskCommand::Complete(id) => {
                // A savepoint from before may still be on its way.
                self.uploads.retain(|of, given_up| *of > id || Arc::strong_count(given_up) > 1);
                if let Some(source) = &mut self.source {
                    source.with(|s, _| s.checkpoint_complete(id))?;
                }
                chain_run::complete(&mut self.slots, id)?;
                self.events.send(TaskEvent::Published(self.id, id));
                if self.source.is_some() && self.suspended == Some(id) && !self.ended {
                    self.end_source(false)?;
                }
            }
            TaskCommand::Abort(id) => {
                if let Some(given_up) = self.uploads.remove(&id) {
                    given_up.store(true, Ordering::Relaxed);
                }
                self.triggers.remove(&id);
                if self.barriers.on_abort(id) {
                    self.unblock();
                }
                self.meet_early(id)?;
                if self.suspended == Some(id) {
                    self.suspended = None;
                }
                chain_run::abort(&mut self.slots, id)?;
            }
            TaskCommand::Finish => return Ok(Some(Ending::Finished)),
            TaskCommand::Cancel => return Ok(Some(Ending::Halted)),
        }
        Ok(None)
    }
}

/// The asynchronous part. Stops between operators when the checkpoint is given up.
fn upload(
    id: CheckpointId,
    snapshots: Vec<SlotSnapshot>,
    stop: impl Fn() -> bool,
) -> Result<Vec<(streamjob_core::OperatorUid, OperatorSnapshot)>> {
    let mut operators = Vec::with_capacity(snapshots.len());
    for SlotSnapshot { uid, operator, keyed } in snapshots {
        if stop() {
            return Err(Error::transient(format!("checkpoint {id} was given up")));
        }
        let keyed = match keyed {
            Some(pending) => Some(pending.complete().map_err(|e| e.context(format!("snapshot of {uid}")))?),
            None => None,
        };
        operators.push((uid, OperatorSnapshot { keyed, operator }));
    }
    Ok(operators)
}
