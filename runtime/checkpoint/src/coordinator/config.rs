//! Settings of the checkpoint coordinator, checked and brought into order.

use streamjob_core::{Error, Result};

/// When checkpoints are taken, and how many failures are borne. Times in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Time between periodic checkpoints; `None` for none.
    pub interval_ms: Option<u64>,
    /// First periodic trigger after the start; brought into `min_pause ..= interval` here. Jobs take the interval.
    pub first_delay_ms: u64,
    /// A pending checkpoint this old is given up.
    pub timeout_ms: u64,
    /// Least time from a completion to the next periodic trigger.
    pub min_pause_ms: u64,
    /// Pending checkpoints at a time; savepoints are let through all the same, and do not count.
    pub max_concurrent: usize,
    /// Consecutive counted failures that are borne; one more fails the job.
    pub tolerable_failures: u32,
    /// Unaligned barriers: savepoints then wait for their turn, and `max_concurrent` is 1.
    pub unaligned: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            interval_ms: Some(60_000),
            first_delay_ms: 60_000,
            timeout_ms: 600_000,
            min_pause_ms: 0,
            max_concurrent: 1,
            tolerable_failures: 0,
            unaligned: false,
        }
    }
}

impl Config {
    /// Refuses what cannot work (User, naming the field); raises the interval to the pause.
    pub fn checked(mut self) -> Result<Self> {
        if self.interval_ms.is_some_and(|i| i < 10) {
            return Err(
                Error::user("checkpoint.interval is below 10 ms").fix("set checkpoint.interval to 10ms or more")
            );
        }
        if self.timeout_ms < 10 {
            return Err(Error::user("checkpoint.timeout is below 10 ms").fix("set checkpoint.timeout to 10ms or more"));
        }
        if self.max_concurrent == 0 {
            return Err(Error::user("checkpoint.maxConcurrent is 0").fix("set checkpoint.maxConcurrent to 1 or more"));
        }
        if self.unaligned && self.max_concurrent > 1 {
            return Err(Error::user(format!(
                "checkpoint.maxConcurrent is {} with checkpoint.unaligned",
                self.max_concurrent
            ))
            .fix("set checkpoint.maxConcurrent to 1, or checkpoint.unaligned.enabled to false"));
        }
        if let Some(interval) = self.interval_ms.as_mut() {
            *interval = (*interval).max(self.min_pause_ms);
            self.first_delay_ms = self.first_delay_ms.clamp(self.min_pause_ms, *interval);
        }
        Ok(self)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_raised_to_the_pause() {
        let c = Config { interval_ms: Some(30_000), min_pause_ms: 60_000, ..Config::default() }.checked().unwrap();
        assert_eq!((c.interval_ms, c.first_delay_ms), (Some(60_000), 60_000));
    }

    #[test]
    fn what_cannot_work_is_refused_by_field() {
        let d = Config::default;
        let table = [
            (Config { interval_ms: Some(9), ..d() }, "checkpoint.interval"),
            (Config { timeout_ms: 0, ..d() }, "checkpoint.timeout"),
            (Config { max_concurrent: 0, ..d() }, "checkpoint.maxConcurrent"),
            (Config { max_concurrent: 2, unaligned: true, ..d() }, "checkpoint.unaligned"),
        ];
        for (config, field) in table {
            assert!(config.checked().unwrap_err().message().contains(field));
        }
    }
}
