//! What a task is made from, and how it is opened on its own thread: backends
//! restored, then sources and operators, so that all tasks restore in parallel.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use streamjob_core::{Error, Result};
use streamjob_state::{BackendFactory, Clock, OpenRequest, OperatorState};

use super::barriers::Barriers;
use super::chain_run::{Slot, SlotStatus};
use super::events::Events;
use super::io::IoPool;
use super::run::Task;
use super::source::SourceSlot;
use super::times::TaskClock;
use super::watermarks::Watermarks;
use crate::deploy::TaskId;
use crate::exchange::{Inbox, TaskOutput};
use crate::graph::NodeKind;
use crate::local::Halt;
use crate::operator::{OperatorContext, TaskInfo};

/// An operator that takes this long to open is told of.
const SLOW: Duration = Duration::from_millis(200);

/// All that a task needs to start.
pub(crate) struct TaskSetup {
    pub id: TaskId,
    pub slots: Vec<SlotSetup>,
    pub inbox: Arc<Inbox>,
    /// Input of the first operator that each channel feeds.
    pub inputs: Vec<usize>,
    /// Where each outgoing edge goes, and the linger.
    pub output: TaskOutput,
    pub aligned: bool,
    pub backend: Arc<dyn BackendFactory>,
    pub clock: Arc<dyn Clock>,
    pub events: Arc<Events>,
    pub io: Arc<IoPool>,
    pub halt: Arc<Halt>,
    pub times: Arc<TaskClock>,
}

/// One node of the chain.
pub(crate) struct SlotSetup {
    pub info: TaskInfo,
    pub kind: NodeKind,
    /// How to open its keyed backend, for operators that declare keyed state.
    pub keyed: Option<OpenRequest>,
    pub restored: OperatorState,
    pub status: Arc<SlotStatus>,
}

impl TaskSetup {
    /// Folders that the backends work in; the runtime removes them.
    pub(crate) fn dirs(&self) -> Vec<PathBuf> {
        self.slots.iter().filter_map(|s| s.keyed.as_ref()).map(|k| k.dir.clone()).collect()
    }

    /// Opens everything.
    pub(crate) fn open(self) -> Result<Task> {
        let mut source = None;
        let mut slots = Vec::with_capacity(self.slots.len());
        for setup in self.slots {
            let name = setup.info.name.clone();
            open_slot(setup, self.backend.as_ref(), &self.clock, &mut source, &mut slots)
                .map_err(|e| e.context(name))?;
        }
        let channels = self.inbox.channels();
        Ok(Task {
            id: self.id,
            source,
            slots,
            output: self.output,
            inputs: self.inputs,
            barriers: Barriers::new(channels, self.aligned),
            watermarks: Watermarks::new(channels),
            triggers: Default::default(),
            early: Vec::new(),
            uploads: Default::default(),
            ended: false,
            suspended: None,
            next_tick: Instant::now() + Duration::from_millis(100),
            inbox: self.inbox,
            events: self.events,
            io: self.io,
            halt: self.halt,
            times: self.times,
            clock: self.clock,
        })
    }
}

fn open_slot(
    setup: SlotSetup,
    backend: &dyn BackendFactory,
    clock: &Arc<dyn Clock>,
    source: &mut Option<SourceSlot>,
    slots: &mut Vec<Slot>,
) -> Result<()> {
    match setup.kind {
        NodeKind::Source(factory) => {
            if source.is_some() || !slots.is_empty() {
                return Err(Error::internal("a source stands behind another node in its chain"));
            }
            let mut opened = SourceSlot {
                source: factory.create(&setup.info)?,
                info: setup.info,
                status: setup.status,
                clock: clock.clone(),
            };
            opened.with(|s, ctx| s.open(ctx, &setup.restored))?;
            *source = Some(opened);
        }
        NodeKind::Operator(factory) => {
            let keyed = match setup.keyed {
                Some(request) => {
                    let (begun, restored) = (Instant::now(), !request.restore.is_empty());
                    let opened = backend.open(request)?;
                    if restored {
                        let (name, subtask, ms) =
                            (&setup.info.name, setup.info.subtask + 1, begun.elapsed().as_millis());
                        tracing::info!("state of {name} ({subtask}/{}) restored in {ms} ms", setup.info.parallelism);
                    }
                    Some(opened)
                }
                None => None,
            };
            let operator = factory.create(&setup.info)?;
            let mut slot = Slot { info: setup.info, operator, keyed, status: setup.status, clock: clock.clone() };
            let begun = Instant::now();
            slot.with(|op, ctx: &mut OperatorContext<'_>| op.open(ctx, &setup.restored))?;
            let took = begun.elapsed();
            if took >= SLOW {
                let (name, subtask) = (&slot.info.name, slot.info.subtask + 1);
                tracing::info!("{name} ({subtask}/{}) opened in {} ms", slot.info.parallelism, took.as_millis());
            }
            slots.push(slot);
        }
    }
    Ok(())
}
