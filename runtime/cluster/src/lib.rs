//! The coordinator of a job and its REST API. In one process today: the
//! coordinator speaks to its tasks only by the messages of
//! `streamjob_engine::deploy`, so that they can live elsewhere.

pub mod coordinator;
pub mod rest;
pub mod restart;
pub mod settings;
pub mod view;

pub use coordinator::{JobOutcome, RunningJob, start};
pub use settings::JobSettings;
pub use streamjob_checkpoint::restore::RestoreFrom;
pub use view::{JobView, Request};
