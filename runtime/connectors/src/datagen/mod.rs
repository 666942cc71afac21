//! The datagen connector with Flink's options and a `seed`. A value is a function
//! of seed, field and row number, so that the rows do not depend on parallelism,
//! restarts or speed.

mod options;
mod source;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests;
mod value;

pub(crate) use source::DatagenFactory;
