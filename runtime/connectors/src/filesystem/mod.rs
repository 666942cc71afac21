//! The filesystem connector: files of a folder or bucket as a table.

mod files;
mod location;
mod positions;
mod reader;
mod sink;
mod source;
mod staging;
mod temporary;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests;

pub(crate) use sink::FileSinkFactory;
pub(crate) use source::FileSourceFactory;

/// Options of both directions, and of sinks and sources: a table may be used as both.
const OPTIONS: &[&str] = &[
    "connector",
    "path",
    "format",
    "source.monitor-interval",
    "source.path.regex-pattern",
    "scan.parallelism",
    "scan.watermark.idle-timeout",
    "sink.parallelism",
    "sink.rolling-policy.file-size",
    "sink.rolling-policy.rollover-interval",
    "sink.rolling-policy.check-interval",
    "sink.rolling-policy.inactivity-interval",
];

/// These and the format's.
fn known(format: &[&'static str]) -> Vec<&'static str> {
    OPTIONS.iter().chain(format).copied().collect()
}
