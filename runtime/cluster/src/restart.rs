//! Decides whether and when a failed job starts again. Pure: time is given.

use std::collections::VecDeque;
use std::time::Duration;

/// Restart strategies, as Flink names them.
#[derive(Debug, Clone, PartialEq)]
pub enum RestartStrategy {
    /// Never.
    None,
    /// A number of times, with a fixed pause.
    FixedDelay {
        /// Restarts in all.
        attempts: u32,
        /// Pause.
        delay: Duration,
    },
    /// As long as failures are rare.
    FailureRate {
        /// Failures allowed within the window.
        max_failures: u32,
        /// The window.
        window: Duration,
        /// Pause.
        delay: Duration,
    },
    /// Ever longer pauses, back to the first one after a healthy while.
    ExponentialDelay {
        /// First pause.
        initial: Duration,
        /// Longest pause.
        max: Duration,
        /// Growth.
        multiplier: f64,
        /// Healthy time after which the pause is the first one again.
        reset_after: Duration,
        /// Restarts before giving up; `None` without end.
        attempts: Option<u32>,
    },
}

impl std::fmt::Display for RestartStrategy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ms = Duration::as_millis;
        match self {
            RestartStrategy::None => f.write_str("no restart"),
            RestartStrategy::FixedDelay { attempts, delay } => {
                write!(f, "fixed delay of {} ms, {attempts} times", ms(delay))
            }
            RestartStrategy::FailureRate { max_failures, window, delay } => {
                write!(f, "delay of {} ms, {max_failures} failures in {} ms", ms(delay), ms(window))
            }
            RestartStrategy::ExponentialDelay { initial, max, multiplier, attempts, .. } => {
                write!(f, "exponential delay from {} ms to {} ms, times {multiplier}", ms(initial), ms(max))?;
                attempts.map_or(Ok(()), |n| write!(f, ", {n} times"))
            }
        }
    }
}

impl Default for RestartStrategy {
    fn default() -> Self {
        RestartStrategy::ExponentialDelay {
            initial: Duration::from_secs(1),
            max: Duration::from_secs(60),
            multiplier: 1.5,
            reset_after: Duration::from_secs(3600),
            attempts: None,
        }
    }
}

/// Remembers failures and applies the strategy.
#[derive(Debug)]
pub struct Restarts {
    strategy: RestartStrategy,
    failures: VecDeque<i64>,
    in_a_row: u32,
    last_failure_ms: Option<i64>,
    next_delay: Duration,
    total: u64,
}

impl Restarts {
    /// Without failures so far.
    pub fn new(strategy: RestartStrategy) -> Self {
        let next_delay = match &strategy {
            RestartStrategy::ExponentialDelay { initial, .. } => *initial,
            _ => Duration::ZERO,
        };
        Self { strategy, failures: VecDeque::new(), in_a_row: 0, last_failure_ms: None, next_delay, total: 0 }
    }

    /// Restarts granted so far.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The job failed at `now_ms`: the pause before it starts again, or why it does not.
    pub fn on_failure(&mut self, now_ms: i64) -> Result<Duration, String> {
        let decision = self.decide(now_ms);
        self.last_failure_ms = Some(now_ms);
        if decision.is_ok() {
            self.total += 1;
        }
        decision
    }

    fn decide(&mut self, now_ms: i64) -> Result<Duration, String> {
        match self.strategy.clone() {
            RestartStrategy::None => Err("restarts are switched off (restart-strategy.type is none)".into()),
            RestartStrategy::FixedDelay { attempts, delay } => {
                self.in_a_row += 1;
                if self.in_a_row > attempts {
                    return Err(format!(
                        "it failed after {attempts} restarts (restart-strategy.fixed-delay.attempts = {attempts})"
                    ));
                }
                Ok(delay)
            }
            RestartStrategy::FailureRate { max_failures, window, delay } => {
                self.failures.push_back(now_ms);
                let start = now_ms - millis(window);
                while self.failures.front().is_some_and(|t| *t < start) {
                    self.failures.pop_front();
                }
                if self.failures.len() > max_failures as usize {
                    return Err(format!("it failed more than {max_failures} times within {window:?}"));
                }
                Ok(delay)
            }
            RestartStrategy::ExponentialDelay { initial, max, multiplier, reset_after, attempts } => {
                if self.last_failure_ms.is_some_and(|t| now_ms - t >= millis(reset_after)) {
                    self.next_delay = initial;
                    self.in_a_row = 0;
                }
                self.in_a_row += 1;
                if let Some(limit) = attempts.filter(|limit| self.in_a_row > *limit) {
                    return Err(format!("it failed after {limit} restarts"));
                }
                let delay = self.next_delay.min(max);
                self.next_delay = delay.mul_f64(multiplier).min(max);
                Ok(delay)
            }
        }
    }
}

fn millis(d: Duration) -> i64 {
    i64::try_from(d.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    #[test]
    fn none_never_restarts() {
        assert!(Restarts::new(RestartStrategy::None).on_failure(0).is_err());
    }

    #[test]
    fn fixed_delay_gives_up_after_its_attempts() {
        let mut r = Restarts::new(RestartStrategy::FixedDelay { attempts: 2, delay: secs(3) });
        assert_eq!(r.on_failure(0), Ok(secs(3)));
        assert_eq!(r.on_failure(1), Ok(secs(3)));
        assert!(r.on_failure(2).is_err());
        assert_eq!(r.total(), 2);
    }

    #[test]
    fn failure_rate_forgets_old_failures() {
        let mut r = Restarts::new(RestartStrategy::FailureRate { max_failures: 1, window: secs(10), delay: secs(1) });
        assert!(r.on_failure(0).is_ok());
        assert!(r.on_failure(20_000).is_ok());
        assert!(r.on_failure(21_000).is_err());
    }

    #[test]
    fn exponential_delay_grows_to_its_limit_and_resets() {
        let mut r = Restarts::new(RestartStrategy::ExponentialDelay {
            initial: secs(1),
            max: secs(3),
            multiplier: 2.0,
            reset_after: secs(100),
            attempts: None,
        });
        let delays: Vec<_> = [0, 1_000, 2_000, 3_000, 200_000].map(|t| r.on_failure(t)).into();
        assert_eq!(delays, [1, 2, 3, 3, 1].map(|s| Ok(secs(s))));
    }
}
