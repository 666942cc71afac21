//! The json format with Flink's `json.*` options: one object a line.

mod decode;
mod encode;
mod line;
mod options;
mod plain;
mod rewrite;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests;

pub(super) use decode::JsonDecoder;
pub(super) use encode::JsonEncoder;
pub(crate) use options::JsonOptions;
pub(super) use options::OPTIONS;
