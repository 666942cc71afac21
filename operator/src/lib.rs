//! The operator: makes clusters do what StreamJobs ask for.
//!
//! A reconcile goes through stages, and only the first and the last two touch the world:
//! [`cache`] or [`look`] → [`observe`] → [`validate`] → [`plan`] → [`build`] → [`apply`] → [`act`]. The middle ones are
//! pure functions over plain data ([`judge`] puts them together), so that a simulated world can drive them through every
//! fault. Around them: [`controller`] (queue, leadership, shutdown), [`reconcile`] (one pass), [`jobs`] (coordinators).
//!
//! What holds for all of it:
//! - Intent before action: what will be done stands in status before it is done. A plan that changes the intent does
//!   nothing else; the next one acts on it. Whoever comes after a crash finds what to go on with.
//! - Forms stand side by side. A form is one version of a job's spec with a number that is never given twice; its objects
//!   belong to its record, and go with it.
//! - Nothing starts empty unless the user said so. Every start but the first one carries what it goes on from.
//! - The operator has no access to checkpoint storage.

pub mod act;
pub mod apply;
pub mod build;
pub mod cache;
pub mod controller;
pub mod events;
pub mod http;
pub mod jobs;
pub mod judge;
pub mod lease;
pub mod look;
pub mod metrics;
pub mod model;
pub mod names;
pub mod observe;
pub mod plan;
pub mod reasons;
pub mod reconcile;
pub mod status;
pub mod validate;
