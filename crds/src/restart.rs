//! How often and how fast a failed job is restarted. `strategy` says which block
//! of options counts; ratios are whole percents, because the API has no floats.

use std::time::Duration as Span;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration::Duration;

/// How a failed job is restarted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Restart {
    /// `ExponentialDelay`, `FixedDelay`, `FailureRate` or `None` (the first failure ends the job). Change: live.
    pub strategy: RestartStrategy,
    /// Options of `strategy: FixedDelay`. Change: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fixed_delay: Option<FixedDelay>,
    /// Options of `strategy: FailureRate`. Change: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_rate: Option<FailureRate>,
    /// Options of `strategy: ExponentialDelay`. Change: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exponential_delay: Option<ExponentialDelay>,
}

/// Kinds of restart strategies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RestartStrategy {
    /// Wait longer after each failure.
    #[default]
    ExponentialDelay,
    /// Wait the same time, a limited number of times.
    FixedDelay,
    /// Restart until failures come too often.
    FailureRate,
    /// Never restart.
    None,
}

/// The same delay after each failure, a limited number of times.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct FixedDelay {
    /// How many restarts are tried before the job fails. Change: live.
    #[schemars(range(min = 1, max = 2_147_483_647))]
    pub attempts: u32,
    /// Time between a failure and the restart. Change: live.
    pub delay: Duration,
}

/// Restart until failures come too often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct FailureRate {
    /// How many failures within `window` are tolerated. Change: live.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_failures: u32,
    /// Time over which failures are counted. Change: live.
    pub window: Duration,
    /// Time between a failure and the restart. Change: live.
    pub delay: Duration,
}

/// A delay that grows with each failure and shrinks back after quiet time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ExponentialDelay {
    /// Delay after the first failure. Change: live.
    pub initial_delay: Duration,
    /// The delay never grows above this. Change: live.
    pub max_delay: Duration,
    /// The delay is multiplied by this many percent after each failure: 150 means one and a half. Change: live.
    #[schemars(range(min = 100, max = 10_000))]
    pub multiplier_percent: u32,
    /// After so long without a failure the delay starts again at `initialDelay`. Change: live.
    pub reset_after: Duration,
    /// The delay is varied at random by up to this many percent, so that jobs do not restart in step. Change: live.
    #[schemars(range(min = 0, max = 100))]
    pub jitter_percent: u32,
}

impl Default for FixedDelay {
    fn default() -> Self {
        Self { attempts: 10, delay: Duration::from_secs(1) }
    }
}

impl Default for FailureRate {
    fn default() -> Self {
        Self { max_failures: 3, window: Duration::from_secs(300), delay: Duration::from_secs(1) }
    }
}

impl Default for ExponentialDelay {
    fn default() -> Self {
        Self {
            initial_delay: Duration::from_secs(1),
            max_delay: Duration::from_secs(60),
            multiplier_percent: 150,
            reset_after: Duration::from_secs(3600),
            jitter_percent: 10,
        }
    }
}

/// The strategy in force, with its options resolved.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RestartPolicy {
    /// The first failure ends the job.
    None,
    /// A fixed number of restarts.
    FixedDelay {
        /// Restarts before the job fails.
        attempts: u32,
        /// Delay before each.
        delay: Span,
    },
    /// Restarts until failures come too often.
    FailureRate {
        /// Failures tolerated within the window.
        max_failures: u32,
        /// The window.
        window: Span,
        /// Delay before each restart.
        delay: Span,
    },
    /// Growing delays, without an end.
    ExponentialDelay {
        /// First delay.
        initial: Span,
        /// Longest delay.
        max: Span,
        /// Factor per failure, at least 1.
        multiplier: f64,
        /// Quiet time after which the delay starts anew.
        reset_after: Span,
        /// Random variation, 0 to 1.
        jitter: f64,
    },
}

impl Restart {
    /// The strategy in force, with its options.
    pub fn policy(&self) -> RestartPolicy {
        match self.strategy {
            RestartStrategy::None => RestartPolicy::None,
            RestartStrategy::FixedDelay => {
                let o = self.fixed_delay.clone().unwrap_or_default();
                RestartPolicy::FixedDelay { attempts: o.attempts, delay: o.delay.get() }
            }
            RestartStrategy::FailureRate => {
                let o = self.failure_rate.clone().unwrap_or_default();
                RestartPolicy::FailureRate {
                    max_failures: o.max_failures,
                    window: o.window.get(),
                    delay: o.delay.get(),
                }
            }
            RestartStrategy::ExponentialDelay => {
                let o = self.exponential_delay.clone().unwrap_or_default();
                RestartPolicy::ExponentialDelay {
                    initial: o.initial_delay.get(),
                    max: o.max_delay.get().max(o.initial_delay.get()),
                    multiplier: f64::from(o.multiplier_percent) / 100.0,
                    reset_after: o.reset_after.get(),
                    jitter: f64::from(o.jitter_percent) / 100.0,
                }
            }
        }
    }
}
