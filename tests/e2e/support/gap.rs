//! How long a job gave no output. Each committed row says when it was made, so this is the largest distance between
//! two rows next to each other in time, over all files: the way in which Flink's operator was measured. Rows that were
//! made and taken back do not count. Figures are printed, never asserted.

use std::fmt;

/// A time without rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    pub millis: i64,
    /// When it began.
    pub at_ms: i64,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} s", self.millis as f64 / 1000.0)
    }
}

/// The longest one that begins in this span. `times` may be in any order.
pub fn longest(times: &[i64], from_ms: i64, to_ms: i64) -> Gap {
    let mut times = times.to_vec();
    times.sort_unstable();
    let pairs = times.windows(2).map(|pair| Gap { millis: pair[1] - pair[0], at_ms: pair[0] });
    let within = pairs.filter(|gap| gap.at_ms + gap.millis >= from_ms && gap.at_ms <= to_ms);
    within.max_by_key(|gap| gap.millis).unwrap_or(Gap { millis: 0, at_ms: from_ms })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_gap_of_the_span_is_found() {
        let times = [100, 0, 5000, 110, 5010, 5200, 5210];
        assert_eq!(longest(&times, 0, 9000), Gap { millis: 4890, at_ms: 110 });
        assert_eq!(longest(&times, 5005, 9000), Gap { millis: 190, at_ms: 5010 });
        // It began before the span and reaches into it.
        assert_eq!(longest(&times, 3000, 4000).millis, 4890);
        assert_eq!(longest(&[], 3, 4).millis, 0);
    }
}
