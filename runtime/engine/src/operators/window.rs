//! Which windows a time belongs to. All arithmetic is on local milliseconds: of a
//! TIMESTAMP as it is, of a TIMESTAMP_LTZ in the session's zone.

use std::fmt::Debug;
use streamjob_core::{Error, Result};

/// A time zone, for windows over TIMESTAMP_LTZ.
pub trait LocalZone: Debug + Send + Sync {
    /// Wall-clock milliseconds of an instant.
    fn to_local(&self, epoch_ms: i64) -> i64;
    /// The instant of wall-clock milliseconds; the earlier one when clocks show them twice.
    fn to_epoch(&self, local_ms: i64) -> i64;
    /// When clocks show this for the last time: the later one of two instants, and the moment of the change for what
    /// they skip. Rises with the wall clock, so that windows close in their order.
    fn last_instant(&self, local_ms: i64) -> i64;
}

/// A zone with one offset from UTC, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FixedOffset(pub i64);

impl LocalZone for FixedOffset {
    fn to_local(&self, epoch_ms: i64) -> i64 {
        epoch_ms.saturating_add(self.0)
    }
    fn to_epoch(&self, local_ms: i64) -> i64 {
        local_ms.saturating_sub(self.0)
    }
    fn last_instant(&self, local_ms: i64) -> i64 {
        self.to_epoch(local_ms)
    }
}

/// A window function with its intervals, milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowKind {
    /// TUMBLE: one after the other.
    Tumble {
        /// Length.
        size: i64,
    },
    /// HOP: every `slide`, `size` long.
    Hop {
        /// Length.
        size: i64,
        /// Distance of two starts.
        slide: i64,
    },
    /// CUMULATE: growing by `step` up to `size`, then from the start again.
    Cumulate {
        /// Largest length.
        size: i64,
        /// Growth.
        step: i64,
    },
}

/// A window function with its offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowSpec {
    /// The function.
    pub kind: WindowKind,
    /// Shift of all windows against the epoch, milliseconds; negative is allowed.
    pub offset: i64,
}

impl WindowSpec {
    /// Windows without offset.
    pub fn new(kind: WindowKind) -> Self {
        Self { kind, offset: 0 }
    }

    /// Length of the longest window.
    pub fn size(&self) -> i64 {
        match self.kind {
            WindowKind::Tumble { size } | WindowKind::Hop { size, .. } | WindowKind::Cumulate { size, .. } => size,
        }
    }

    /// Distance of two window ends: the length of a slice.
    pub fn slice(&self) -> i64 {
        match self.kind {
            WindowKind::Tumble { size } => size,
            WindowKind::Hop { slide, .. } => slide,
            WindowKind::Cumulate { step, .. } => step,
        }
    }

    /// Checks what the original checks. `sliced`: for an aggregation, which needs sizes that are multiples.
    pub fn validate(&self, sliced: bool) -> Result<()> {
        if self.size() <= 0 || self.slice() <= 0 {
            return Err(Error::user("the intervals of a window function must be positive"));
        }
        match self.kind {
            WindowKind::Hop { size, slide } if sliced && size % slide != 0 => Err(Error::user(format!(
                "HOP table function based aggregate requires size must be an integral multiple of slide, but got \
                 size {size} ms and slide {slide} ms"
            ))),
            WindowKind::Cumulate { size, step } if size % step != 0 => Err(Error::user(format!(
                "CUMULATE table function based aggregate requires maxSize must be an integral multiple of step, but \
                 got maxSize {size} ms and step {step} ms"
            ))),
            _ => Ok(()),
        }
    }

    fn floor(&self, local: i64, length: i64) -> i64 {
        local.saturating_sub(local.saturating_sub(self.offset).rem_euclid(length.max(1)))
    }

    /// End of the slice of a time: the end of its first window.
    pub fn slice_end(&self, local: i64) -> i64 {
        self.floor(local, self.slice()).saturating_add(self.slice())
    }

    /// End of the last window that holds the slice ending at `slice_end`.
    pub fn last_end(&self, slice_end: i64) -> i64 {
        match self.kind {
            WindowKind::Tumble { .. } => slice_end,
            WindowKind::Hop { size, slide } => slice_end.saturating_add(size - slide),
            WindowKind::Cumulate { size, .. } => self.floor(slice_end.saturating_sub(1), size).saturating_add(size),
        }
    }

    /// Start of the window that ends at `end`.
    pub fn start(&self, end: i64) -> i64 {
        match self.kind {
            WindowKind::Tumble { size } | WindowKind::Hop { size, .. } => end.saturating_sub(size),
            WindowKind::Cumulate { size, .. } => self.floor(end.saturating_sub(1), size),
        }
    }

    /// Start and end of every window of a time, in the original's order: HOP from the latest, CUMULATE from the shortest.
    pub fn windows(&self, local: i64, mut visit: impl FnMut(i64, i64)) {
        match self.kind {
            WindowKind::Tumble { size } => {
                let start = self.floor(local, size);
                visit(start, start.saturating_add(size));
            }
            WindowKind::Hop { size, slide } => {
                let mut start = self.floor(local, slide);
                while start > local.saturating_sub(size) {
                    visit(start, start.saturating_add(size));
                    start -= slide.max(1);
                }
            }
            WindowKind::Cumulate { size, step } => {
                let start = self.floor(local, size);
                let mut end = self.slice_end(local);
                while end <= start.saturating_add(size) {
                    visit(start, end);
                    end += step.max(1);
                }
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(spec: WindowSpec, t: i64) -> Vec<(i64, i64)> {
        let mut windows = vec![];
        spec.windows(t, |s, e| windows.push((s, e)));
        windows
    }

    #[test]
    fn windows_of_a_time() {
        let spec = WindowSpec::new;
        assert_eq!(all(spec(WindowKind::Tumble { size: 10 }), -1), [(-10, 0)]);
        assert_eq!(all(WindowSpec { kind: WindowKind::Tumble { size: 10 }, offset: 3 }, 2), [(-7, 3)]);
        assert_eq!(all(spec(WindowKind::Hop { size: 10, slide: 5 }), 7), [(5, 15), (0, 10)]);
        assert_eq!(all(spec(WindowKind::Hop { size: 5, slide: 10 }), 7), []);
        assert_eq!(all(spec(WindowKind::Hop { size: 7, slide: 3 }), 6), [(6, 13), (3, 10), (0, 7)]);
        assert_eq!(all(spec(WindowKind::Cumulate { size: 20, step: 5 }), 12), [(0, 15), (0, 20)]);
        assert!(spec(WindowKind::Hop { size: 7, slide: 3 }).validate(true).is_err());
        assert!(spec(WindowKind::Hop { size: 7, slide: 3 }).validate(false).is_ok());
        assert!(spec(WindowKind::Cumulate { size: 7, step: 3 }).validate(false).is_err());
        assert!(spec(WindowKind::Tumble { size: 0 }).validate(false).is_err());
    }

    proptest! {
        #[test]
        fn slices_agree_with_windows(t in -5000i64..5000, slice in 1i64..50, n in 1i64..6, offset in -60i64..60, hop: bool) {
            let size = slice * n;
            let kind = if hop { WindowKind::Hop { size, slide: slice } } else { WindowKind::Cumulate { size, step: slice } };
            let spec = WindowSpec { kind, offset };
            let mut windows = all(spec, t);
            windows.sort_by_key(|w| w.1);
            let s = spec.slice_end(t);
            let ends: Vec<i64> = (0..).map(|i| s + i * slice).take_while(|e| *e <= spec.last_end(s)).collect();
            prop_assert_eq!(windows.iter().map(|w| w.1).collect::<Vec<_>>(), ends);
            for (start, end) in windows {
                prop_assert!(start <= t && t < end);
                prop_assert_eq!(spec.start(end), start);
            }
        }
    }
}
