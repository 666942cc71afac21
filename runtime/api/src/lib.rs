//! Plain data of a job's REST API, shared by the process that serves it and
//! those that call it. Paths and field names follow Flink's where the meaning is
//! the same; a field that this runtime cannot fill is left out, not sent empty.
//! Times are milliseconds since the Unix epoch, durations milliseconds, sizes bytes.

mod checkpoints;
mod exceptions;
mod job;
mod metrics;
mod process;
mod resources;
mod status;
mod triggers;
mod vertices;

pub use checkpoints::*;
pub use exceptions::*;
pub use job::*;
pub use metrics::*;
pub use process::*;
pub use resources::*;
pub use status::*;
pub use triggers::*;
pub use vertices::*;
