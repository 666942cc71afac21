//! For tests of operators and of the runtime: one operator run alone, a keyed
//! backend and a snapshot store in memory, and a clock moved by hand. Not used
//! by jobs.

mod backend;
mod harness;
mod store;

pub use backend::MemoryBackends;
pub use harness::{OperatorHarness, print_rows};
pub use store::{ManualClock, MemoryStore};
