//! How elements go from task to task inside one process: an inbox a task,
//! bounded channels into it, and on the other side partitioners that deal
//! batches out and gather slivers.

mod inbox;
mod output;
mod partition;

pub(crate) use inbox::{Credit, Inbox, Received};
pub(crate) use output::{Consumer, OutputMeter, Target, TaskOutput};
pub(crate) use partition::{Partitioner, Routed};
