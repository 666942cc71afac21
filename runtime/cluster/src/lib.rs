//! The coordinator of a job, its REST API, and the workers that run its tasks.
//! The coordinator speaks to tasks only by the messages of
//! `streamjob_engine::deploy`: they run in its own process, or in workers.

pub mod control;
pub mod coordinator;
pub mod metrics;
pub mod rest;
pub mod restart;
pub mod settings;
pub mod view;
pub mod worker;

pub use coordinator::{Called, JobOutcome, Past, Prepared, RunningJob, start};
pub use settings::JobSettings;
pub use streamjob_checkpoint::restore::RestoreFrom;
pub use view::{JobView, Request};
