//! The inbox of one task: a bounded queue per channel and its commands, under
//! one lock. The task waits in one place for rows, commands and time.
//!
//! Batches wait for space (back pressure); barriers, watermarks, idleness and
//! the end keep their place in the queue but never wait, so that a checkpoint
//! reaches every consumer even when one is full.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use streamjob_core::{Element, Error, Result};

use crate::deploy::TaskCommand;

/// Rows that wait in one channel: four full batches.
pub(crate) const CHANNEL_ROWS: usize = 32_768;
/// Bytes that wait in one channel.
pub(crate) const CHANNEL_BYTES: usize = 4 << 20;

/// What a task gets when it asks its inbox.
#[derive(Debug)]
pub(crate) enum Received {
    /// A command; these come first.
    Command(TaskCommandBox),
    /// The next element of a channel.
    Element(usize, Element),
    /// The deadline passed.
    Timeout,
    /// The job is cancelled or has failed: stop.
    Halted,
}

/// A command; boxed to keep [`Received`] small and printable.
pub(crate) struct TaskCommandBox(pub Box<TaskCommand>);

impl std::fmt::Debug for TaskCommandBox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TaskCommand")
    }
}

/// See the module.
pub(crate) struct Inbox {
    state: Mutex<State>,
    /// The task waits here.
    ready: Condvar,
    /// Producers wait here, one condition a channel.
    space: Vec<Condvar>,
    /// True while the task waits: producers then send what they hold.
    hungry: AtomicBool,
}

struct State {
    channels: Vec<Channel>,
    commands: VecDeque<TaskCommand>,
    /// Where the fair search for the next element starts.
    next: usize,
    /// The job stops: nothing goes in or out.
    halted: bool,
    /// [`TaskCommand::Cancel`] or the deployment's end was seen.
    cancelled: bool,
    /// The task has ended in peace: what still comes is dropped.
    closed: bool,
    /// Since when the task waits here; `None` while it works.
    waiting: Option<Instant>,
    /// Bytes of rows that the task has taken.
    taken_bytes: u64,
}

/// What an inbox holds and has given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Load {
    /// Rows that wait in all channels.
    pub rows: usize,
    /// Bytes that wait in all channels.
    pub bytes: usize,
    /// Bytes of rows that the task has taken.
    pub taken_bytes: u64,
    /// How long the task has been waiting here now.
    pub waiting: Duration,
}

#[derive(Default)]
struct Channel {
    queue: VecDeque<(Element, usize)>,
    rows: usize,
    bytes: usize,
    blocked: bool,
    /// Of a producer in another process.
    credit: Option<Arc<dyn Credit>>,
}

/// Tells a producer in another process that there is room again.
pub(crate) trait Credit: Send + Sync {
    /// An element of so many bytes was taken; never blocks.
    fn taken(&self, bytes: usize, control: bool);
}

fn is_control(element: &Element) -> bool {
    !matches!(element, Element::Batch(_))
}

impl Channel {
    /// Appends. Of adjacent watermarks, and of adjacent words on idleness, only the newest matters; so control
    /// elements cannot pile up.
    fn put(&mut self, element: Element, bytes: usize) {
        let merged = match (&element, self.queue.back_mut()) {
            (Element::Watermark(new), Some((Element::Watermark(old), _))) => {
                *old = (*old).max(*new);
                true
            }
            (Element::Idle | Element::Active, Some((old @ (Element::Idle | Element::Active), _))) => {
                *old = element.clone();
                true
            }
            _ => false,
        };
        if merged {
            if let Some(credit) = &self.credit {
                credit.taken(0, true);
            }
            return;
        }
        self.rows += rows_of(&element);
        self.bytes += bytes;
        self.queue.push_back((element, bytes));
    }
}

fn rows_of(element: &Element) -> usize {
    match element {
        Element::Batch(b) => b.num_rows(),
        _ => 0,
    }
}

impl Inbox {
    pub(crate) fn new(channels: usize) -> Self {
        Self {
            state: Mutex::new(State {
                channels: (0..channels).map(|_| Channel::default()).collect(),
                commands: VecDeque::new(),
                next: 0,
                halted: false,
                cancelled: false,
                closed: false,
                waiting: None,
                taken_bytes: 0,
            }),
            ready: Condvar::new(),
            space: (0..channels).map(|_| Condvar::new()).collect(),
            hungry: AtomicBool::new(false),
        }
    }

    /// Number of channels.
    pub(crate) fn channels(&self) -> usize {
        self.space.len()
    }

    /// True while the task has nothing to do.
    pub(crate) fn is_hungry(&self) -> bool {
        self.hungry.load(Ordering::Relaxed)
    }

    /// Puts an element of `bytes` into a channel; a batch waits for space. Returns how long it waited.
    /// Errors when the job stops.
    pub(crate) fn push(&self, channel: usize, element: Element, bytes: usize) -> Result<Duration> {
        let rows = rows_of(&element);
        let mut waited = Duration::ZERO;
        let mut state = self.state.lock();
        loop {
            if state.halted {
                return Err(halted());
            }
            if state.closed {
                return Ok(waited);
            }
            let Some(c) = state.channels.get(channel) else {
                return Err(Error::internal(format!("no channel {channel} of {}", state.channels.len())));
            };
            let fits = c.rows + rows <= CHANNEL_ROWS && c.bytes + bytes <= CHANNEL_BYTES;
            // An oversized batch goes in alone.
            if rows == 0 || c.rows == 0 || fits {
                break;
            }
            let Some(space) = self.space.get(channel) else { return Err(halted()) };
            let start = Instant::now();
            space.wait(&mut state);
            waited += start.elapsed();
        }
        if let Some(c) = state.channels.get_mut(channel) {
            c.put(element, bytes);
            let wake = !c.blocked;
            drop(state);
            if wake {
                self.ready.notify_one();
            }
        }
        Ok(waited)
    }

    /// Takes an element that came over the network. Never waits: its producer has spent credit on it.
    pub(crate) fn deliver(&self, channel: usize, element: Element, bytes: usize, credit: Arc<dyn Credit>) {
        let mut state = self.state.lock();
        if state.halted {
            return;
        }
        if state.closed {
            return credit.taken(bytes, is_control(&element));
        }
        if let Some(c) = state.channels.get_mut(channel) {
            c.credit = Some(credit);
            c.put(element, bytes);
            let wake = !c.blocked;
            drop(state);
            if wake {
                self.ready.notify_one();
            }
        }
    }

    /// Gives a command to the task.
    pub(crate) fn command(&self, command: TaskCommand) {
        self.state.lock().commands.push_back(command);
        self.ready.notify_one();
    }

    /// Stops all traffic: pushes fail, the task gets [`Received::Halted`].
    pub(crate) fn halt(&self, cancelled: bool) {
        {
            let mut state = self.state.lock();
            state.halted = true;
            state.cancelled |= cancelled;
        }
        self.ready.notify_all();
        self.space.iter().for_each(|s| {
            s.notify_all();
        });
    }

    /// The task ended in peace: what still comes is dropped.
    pub(crate) fn close(&self) {
        {
            let mut state = self.state.lock();
            state.closed = true;
            for c in &mut state.channels {
                let dropped = std::mem::take(c);
                if let Some(credit) = dropped.credit {
                    dropped.queue.iter().for_each(|(e, bytes)| credit.taken(*bytes, is_control(e)));
                }
            }
        }
        self.space.iter().for_each(|s| {
            s.notify_all();
        });
    }

    /// Waits until the job is cancelled; for tasks that stand still because another failed.
    pub(crate) fn wait_cancelled(&self) {
        let mut state = self.state.lock();
        while !state.cancelled {
            self.ready.wait(&mut state);
        }
    }

    /// A channel whose barrier is here gives nothing more until it is unblocked.
    pub(crate) fn set_blocked(&self, channel: usize, blocked: bool) {
        if let Some(c) = self.state.lock().channels.get_mut(channel) {
            c.blocked = blocked;
        }
    }

    /// All channels give again.
    pub(crate) fn unblock_all(&self) {
        self.state.lock().channels.iter_mut().for_each(|c| c.blocked = false);
    }

    /// The next command, without waiting. `Some(Halted)` when the job stops.
    pub(crate) fn try_command(&self) -> Option<Received> {
        let mut state = self.state.lock();
        if state.halted {
            return Some(Received::Halted);
        }
        state.commands.pop_front().map(|c| Received::Command(TaskCommandBox(Box::new(c))))
    }

    /// The next command or element, fair among the channels that are ready; waits until `deadline`.
    /// Also returns how long it waited.
    pub(crate) fn receive(&self, deadline: Instant) -> (Received, Duration) {
        let mut waited = Duration::ZERO;
        let mut state = self.state.lock();
        let received = loop {
            if state.halted {
                break Received::Halted;
            }
            if let Some(command) = state.commands.pop_front() {
                break Received::Command(TaskCommandBox(Box::new(command)));
            }
            if let Some((channel, element)) = self.pop(&mut state) {
                break Received::Element(channel, element);
            }
            let start = Instant::now();
            if start >= deadline {
                break Received::Timeout;
            }
            self.hungry.store(true, Ordering::Relaxed);
            state.waiting = Some(start);
            self.ready.wait_until(&mut state, deadline);
            state.waiting = None;
            self.hungry.store(false, Ordering::Relaxed);
            waited += start.elapsed();
        };
        (received, waited)
    }

    fn pop(&self, state: &mut State) -> Option<(usize, Element)> {
        let n = state.channels.len();
        for i in 0..n {
            let index = (state.next + i) % n;
            let Some(c) = state.channels.get_mut(index) else { continue };
            if c.blocked {
                continue;
            }
            if let Some((element, bytes)) = c.queue.pop_front() {
                c.rows -= rows_of(&element);
                c.bytes -= bytes;
                state.taken_bytes += if is_control(&element) { 0 } else { bytes as u64 };
                if let Some(credit) = &c.credit {
                    credit.taken(bytes, is_control(&element));
                }
                state.next = (index + 1) % n;
                if let Some(space) = self.space.get(index) {
                    space.notify_one();
                }
                return Some((index, element));
            }
        }
        None
    }

    /// What is here now.
    pub(crate) fn load(&self) -> Load {
        let state = self.state.lock();
        Load {
            rows: state.channels.iter().map(|c| c.rows).sum(),
            bytes: state.channels.iter().map(|c| c.bytes).sum(),
            taken_bytes: state.taken_bytes,
            waiting: state.waiting.map(|since| since.elapsed()).unwrap_or_default(),
        }
    }
}

fn halted() -> Error {
    Error::internal("the job is being stopped")
}

#[cfg(test)]
#[path = "inbox_tests.rs"]
mod tests;
