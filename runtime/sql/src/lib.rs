//! Flink-dialect SQL to job graphs. A script is split and parsed ([`parser`]),
//! its tables resolved ([`catalog`]), its queries bound to a relational plan with
//! Flink's types and changelog rules ([`plan`]), and lowered to the engine's
//! operators ([`lower`]). Runs nothing itself.

pub mod catalog;
mod docs;
pub mod explain;
pub mod expr;
mod job;
pub mod lower;
pub mod parser;
pub mod plan;
pub mod position;
#[cfg(test)]
mod tests;
mod values;

pub use docs::functions_page;
pub use job::{PlanContext, PlannedJob, explain_script, plan_script};
