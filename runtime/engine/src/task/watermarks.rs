//! The watermark of a task with many input channels: the smallest over those
//! that are active. Pure.
//!
//! Idle channels hold nothing back, and a watermark does not wake them. A channel
//! that has sent the largest watermark is out of the count while others are left;
//! one that ended by suspension holds its last watermark, since nothing more may
//! be concluded. When every channel that is left is idle, the largest of their
//! watermarks holds, whatever the order in which they became idle.

use std::cmp::{max, min};
use streamjob_core::element::MAX_WATERMARK;

#[derive(Debug, Clone, Copy)]
struct Channel {
    watermark: i64,
    idle: bool,
    ended: Option<bool>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Watermarks {
    channels: Vec<Channel>,
    combined: i64,
    idle: bool,
}

/// What an element changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Change {
    /// Not all channels are idle any more. Comes before the watermark.
    pub active: bool,
    /// The combined watermark rose to this.
    pub watermark: Option<i64>,
    /// All channels became idle.
    pub idle: bool,
    /// All channels have ended: true when all of them drained.
    pub ended: Option<bool>,
}

impl Watermarks {
    pub(crate) fn new(channels: usize) -> Self {
        Self {
            channels: vec![Channel { watermark: i64::MIN, idle: false, ended: None }; channels],
            combined: i64::MIN,
            idle: false,
        }
    }

    /// The combined watermark; `None` before the first.
    pub(crate) fn combined(&self) -> Option<i64> {
        (self.combined > i64::MIN).then_some(self.combined)
    }

    /// A watermark came.
    pub(crate) fn on_watermark(&mut self, channel: usize, watermark: i64) -> Change {
        self.set(channel, |c| c.watermark = max(c.watermark, watermark));
        self.update()
    }

    /// The channel became idle.
    pub(crate) fn on_idle(&mut self, channel: usize) -> Change {
        self.set(channel, |c| c.idle = true);
        self.update()
    }

    /// The channel is no longer idle.
    pub(crate) fn on_active(&mut self, channel: usize) -> Change {
        self.set(channel, |c| c.idle = false);
        self.update()
    }

    /// The channel ended.
    pub(crate) fn on_end(&mut self, channel: usize, drained: bool) -> Change {
        self.set(channel, |c| c.ended = Some(drained));
        let mut change = self.update();
        if self.channels.iter().all(|c| c.ended.is_some()) {
            change.idle = false;
            change.ended = Some(self.channels.iter().all(|c| c.ended == Some(true)));
        }
        change
    }

    fn set(&mut self, channel: usize, f: impl FnOnce(&mut Channel)) {
        if let Some(c) = self.channels.get_mut(channel) {
            f(c);
        }
    }

    fn update(&mut self) -> Change {
        let left = || self.channels.iter().filter(|c| c.ended != Some(true) && c.watermark != MAX_WATERMARK);
        let active = left().filter(|c| !c.idle).map(|c| c.watermark).reduce(min);
        let all_idle = active.is_none() && left().next().is_some();
        let value = active
            .or_else(|| left().map(|c| c.watermark).reduce(max))
            .or_else(|| self.channels.iter().map(|c| c.watermark).reduce(min));
        let mut change = Change::default();
        if let Some(value) = value.filter(|v| *v > self.combined) {
            self.combined = value;
            change.watermark = Some(value);
        }
        change.idle = all_idle && !self.idle;
        change.active = self.idle && !all_idle;
        self.idle = all_idle;
        change
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;

    /// Runs `channel:event` words; events: a number, `i`dle, `a`ctive, `e`nd drained, `s`uspended. Gives what changed.
    fn run(channels: usize, script: &str) -> String {
        let mut w = Watermarks::new(channels);
        let mut out = Vec::new();
        for word in script.split(' ') {
            let (c, event) = word.split_once(':').unwrap();
            let c = c.parse().unwrap();
            let change = match event {
                "a" => w.on_active(c),
                "i" => w.on_idle(c),
                "e" => w.on_end(c, true),
                "s" => w.on_end(c, false),
                "max" => w.on_watermark(c, MAX_WATERMARK),
                n => w.on_watermark(c, n.parse().unwrap()),
            };
            if change.active {
                out.push("active".into());
            }
            if let Some(v) = change.watermark {
                out.push(if v == MAX_WATERMARK { "max".into() } else { v.to_string() });
            }
            if change.idle {
                out.push("idle".into());
            }
            if let Some(drained) = change.ended {
                out.push(format!("end {drained}"));
            }
        }
        out.join(" ")
    }

    #[test]
    fn table() {
        for (channels, script, expected) in [
            (1, "0:5 0:5 0:4 0:9", "5 9"),
            (2, "0:5 1:3 1:7 0:6", "3 5 6"),
            // idle channels hold nothing back; the combined watermark never falls
            (2, "0:5 1:i 0:8 1:a 1:2 0:9 1:10", "5 8 9"),
            // a watermark does not wake one: its source says when it is active again
            (2, "0:5 1:i 1:6 0:8 0:9", "5 8 9"),
            // all idle: the largest, in either order
            (2, "0:100 1:50 0:i 1:i", "50 100 idle"),
            (2, "0:100 1:50 1:i 0:i", "50 100 idle"),
            (2, "0:i 1:i 0:i 0:a 0:i", "idle active idle"),
            // an active channel holds back what its watermark has not reached
            (2, "0:5 1:i 1:a 0:8 1:6", "5 6"),
            // ended drained: max first, then out of the count
            (2, "0:max 0:e 1:5 1:max 1:e", "5 max end true"),
            // an idle source beside an ended one must not bring the end of time
            (2, "0:max 0:e 1:5 1:i", "5 idle"),
            (2, "0:3 1:5 0:i 1:i 0:max 0:e 1:a 1:7", "3 5 idle active 7"),
            // suspended: nothing is concluded
            (2, "0:5 1:9 0:s 1:s", "5 end false"),
            (2, "0:5 1:9 1:max 1:e 0:s", "5 end false"),
            (1, "0:i 0:max 0:e", "idle active max end true"),
        ] {
            assert_eq!(run(channels, script), expected, "{script}");
        }
    }
}
