//! The nexmark connector: persons, auctions and bids of an online auction, after the
//! Nexmark specification, with the options of Flink's connector of that name. An event
//! is a function of seed and event number, so that events do not depend on
//! parallelism, restarts or speed.

mod columns;
mod event;
mod options;
mod schema;
mod source;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests;
mod text;

pub(crate) use source::NexmarkFactory;
