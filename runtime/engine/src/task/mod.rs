//! One subtask of a chained vertex, on a thread of its own: takes elements from
//! its inbox or its source, runs them through its operators, and takes part in
//! checkpoints. Decides nothing about when to checkpoint.
//!
//! Protocol between tasks: a channel carries rows, watermarks and barriers, then
//! one `End`; barriers go on after `End` until the job finishes, so that ended
//! tasks take part in the final checkpoint like all others.

mod barriers;
mod chain_run;
mod events;
mod io;
mod run;
mod setup;
mod source;
mod times;
mod watermarks;

pub(crate) use chain_run::SlotStatus;
pub(crate) use events::Events;
pub(crate) use io::IoPool;
pub(crate) use run::run_task;
pub(crate) use setup::{SlotSetup, TaskSetup};
pub(crate) use times::{TaskClock, nanos};
