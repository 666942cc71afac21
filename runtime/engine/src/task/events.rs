//! Where a task's events go. After the first failure nothing but the ends of
//! the tasks is reported: the job cannot go on.

use crossbeam_channel::Sender;
use parking_lot::Mutex;

use crate::deploy::TaskEvent;

/// Shared by all tasks of a deployment.
pub(crate) struct Events {
    // The lock makes "nothing after a failure" hold across threads.
    state: Mutex<(Sender<TaskEvent>, bool)>,
}

impl Events {
    pub(crate) fn new(sender: Sender<TaskEvent>) -> Self {
        Self { state: Mutex::new((sender, false)) }
    }

    /// Reports an event. One that nobody wants any more is dropped.
    pub(crate) fn send(&self, event: TaskEvent) {
        let mut state = self.state.lock();
        let (sender, failed) = &mut *state;
        if *failed && !matches!(event, TaskEvent::Finished(_)) {
            return;
        }
        *failed |= matches!(event, TaskEvent::Failed(..));
        if sender.send(event).is_err() {
            tracing::debug!("the coordinator is gone");
        }
    }
}
