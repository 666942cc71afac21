//! The csv format with Flink's `csv.*` options.

mod decode;
mod encode;
mod options;
mod record;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests;

pub(super) use decode::CsvDecoder;
pub(super) use encode::CsvEncoder;
pub(crate) use options::CsvOptions;
pub(super) use options::OPTIONS;
