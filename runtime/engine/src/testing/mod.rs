//! For tests of operators and of the runtime: one operator run alone, a keyed
//! backend and a snapshot store in memory, a clock moved by hand, and the kernels
//! of the exchange to be measured alone. Not used by jobs.

mod backend;
mod harness;
pub mod kernels;
mod store;

pub use backend::MemoryBackends;
pub use harness::{OperatorHarness, print_rows};
pub use store::{ManualClock, MemoryStore};
