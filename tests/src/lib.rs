//! Runs SQL scripts in process, the way `streamjob run` does, under full control
//! of how far the input may be read. For tests only.

mod gate;
mod golden;
mod job;
pub mod kernels;

pub use gate::{Gate, GatedConnectors};
pub use golden::{Golden, goldens};
pub use job::{Backend, Bench, Start, checkpoint, end, quiesce, stop};
