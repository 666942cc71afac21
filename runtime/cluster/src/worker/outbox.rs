//! What a worker says, and what it would say of itself to a coordinator that is
//! new. While none is connected, events are kept only in how far each task is:
//! whoever coordinates next learns that, and knows nothing of older checkpoints.

use crate::control::message::{Running, Terms, ToCoordinator};
use crate::control::wire::{WireCommand, WireError, WireEvent};
use parking_lot::Mutex;
use streamjob_engine::deploy::TaskId;
use tokio::sync::mpsc::UnboundedSender;

/// Shared by the worker's thread and its connection.
#[derive(Default)]
pub struct Outbox {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    link: Option<UnboundedSender<ToCoordinator>>,
    running: Option<Running>,
    leaving: bool,
    generation: u64,
}

impl Outbox {
    /// A connection is there: registers over it, and says everything else there from now on.
    pub fn connect(
        &self,
        link: UnboundedSender<ToCoordinator>,
        register: impl FnOnce(Option<Running>, bool) -> ToCoordinator,
    ) {
        let mut inner = self.inner.lock();
        let _ = link.send(register(inner.running.clone(), inner.leaving));
        inner.link = Some(link);
    }

    /// The connection is gone.
    pub fn disconnect(&self) {
        self.inner.lock().link = None;
    }

    /// True while a coordinator listens.
    pub fn is_connected(&self) -> bool {
        self.inner.lock().link.is_some()
    }

    /// A coordinator of this generation speaks. False when a later one has spoken before.
    pub fn hear(&self, generation: u64) -> bool {
        let mut inner = self.inner.lock();
        if generation == 0 {
            return true;
        }
        let in_power = generation >= inner.generation;
        inner.generation = inner.generation.max(generation);
        in_power
    }

    /// An attempt begins here.
    pub fn begin(&self, attempt: &str, generation: u64, terms: Terms, tasks: impl IntoIterator<Item = TaskId>) {
        self.inner.lock().running = Some(Running::new(attempt, generation, terms, tasks));
    }

    /// A command for the attempt is carried out.
    pub fn command(&self, attempt: &str, command: &WireCommand) {
        let mut inner = self.inner.lock();
        if let Some(running) = inner.running.as_mut().filter(|r| r.attempt == attempt) {
            running.told(command);
        }
    }

    /// The attempt goes on under another coordinator.
    pub fn adopted(&self, attempt: &str, generation: u64) {
        let mut inner = self.inner.lock();
        if let Some(running) = inner.running.as_mut().filter(|r| r.attempt == attempt) {
            running.generation = generation;
        }
    }

    /// Something happened in the attempt.
    pub fn event(&self, attempt: &str, event: WireEvent) {
        let mut inner = self.inner.lock();
        if let Some(running) = inner.running.as_mut().filter(|r| r.attempt == attempt) {
            running.note(&event);
        }
        inner.say(ToCoordinator::Event { attempt: attempt.to_string(), event });
    }

    /// The attempt cannot go on here.
    pub fn failed(&self, attempt: &str, error: WireError) {
        let mut inner = self.inner.lock();
        if let Some(running) = inner.running.as_mut().filter(|r| r.attempt == attempt) {
            running.failure.get_or_insert_with(|| error.clone());
        }
        inner.say(ToCoordinator::ShareFailed { attempt: attempt.to_string(), error });
    }

    /// Nothing of the attempt runs here any more.
    pub fn done(&self, attempt: &str) {
        let mut inner = self.inner.lock();
        if inner.running.as_ref().is_some_and(|r| r.attempt == attempt) {
            inner.running = None;
        }
        inner.say(ToCoordinator::Done { attempt: attempt.to_string() });
    }

    /// The worker was asked to end.
    pub fn leave(&self) {
        let mut inner = self.inner.lock();
        inner.leaving = true;
        inner.say(ToCoordinator::Leave);
    }

    /// Says something that is worth nothing later.
    pub fn say(&self, message: ToCoordinator) {
        self.inner.lock().say(message);
    }
}

impl Inner {
    fn say(&self, message: ToCoordinator) {
        if let Some(link) = &self.link {
            let _ = link.send(message);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::control::message::TaskState;
    use crate::control::wire::WireDomain;
    use tokio::sync::mpsc::unbounded_channel;

    fn running(outbox: &Outbox) -> Option<Running> {
        let (link, mut said) = unbounded_channel();
        let mut got = None;
        outbox.connect(link, |running, _| {
            got = running;
            ToCoordinator::Heartbeat
        });
        assert_eq!(said.try_recv(), Ok(ToCoordinator::Heartbeat));
        outbox.disconnect();
        got
    }

    #[test]
    fn a_new_coordinator_learns_how_far_tasks_are() {
        let outbox = Outbox::default();
        assert_eq!(running(&outbox), None);
        let task = |subtask| TaskId { vertex: 0, subtask };
        outbox.begin("a", 3, Terms::default(), [task(0), task(1)]);
        outbox.event("a", WireEvent::Running(task(1)));
        outbox.event("a", WireEvent::Ended(task(1)));
        outbox.event("a", WireEvent::Published(task(1), 4));
        outbox.event("b", WireEvent::Running(task(0)));
        let got = running(&outbox).unwrap();
        assert_eq!((got.attempt.as_str(), got.generation, &got.failure), ("a", 3, &None));
        assert_eq!(
            got.tasks.into_iter().collect::<Vec<_>>(),
            [(task(0), TaskState::Starting), (task(1), TaskState::Ended)]
        );
        // The first failure is the cause.
        for message in ["first", "second"] {
            let error = WireError { domain: WireDomain::Transient, message: message.into(), fix: None };
            outbox.event("a", WireEvent::Failed(task(0), error));
        }
        assert_eq!(running(&outbox).unwrap().failure.unwrap().message, "first");
        outbox.done("b");
        assert!(running(&outbox).is_some());
        outbox.done("a");
        assert_eq!(running(&outbox), None);
    }

    #[test]
    fn who_is_asked_to_end_says_so_to_each_coordinator() {
        let outbox = Outbox::default();
        outbox.leave();
        let (link, mut said) = unbounded_channel();
        outbox.connect(link, |_, leaving| if leaving { ToCoordinator::Leave } else { ToCoordinator::Heartbeat });
        assert_eq!(said.try_recv(), Ok(ToCoordinator::Leave));
    }

    #[test]
    fn a_coordinator_out_of_power_is_not_heard() {
        let outbox = Outbox::default();
        assert!(
            outbox.hear(0) && outbox.hear(4) && outbox.hear(0) && outbox.hear(4) && !outbox.hear(3) && outbox.hear(5)
        );
    }
}
