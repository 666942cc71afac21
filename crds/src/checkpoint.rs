//! When and how checkpoints are taken, and how many are kept.

use std::time::Duration as Span;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration::Duration;
use crate::storage::Storage;

/// When checkpoints are taken, where they lie and how long they are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Checkpoint {
    /// Where checkpoints and savepoints lie. Change: stateful.
    pub storage: Storage,
    /// Time from the start of one checkpoint to the start of the next. Change: rolling.
    #[serde(default = "defaults::interval")]
    pub interval: Duration,
    /// `ExactlyOnce` or `AtLeastOnce`. The latter never holds back a channel, and may apply records twice after a failure. Change: rolling.
    #[serde(default)]
    pub mode: CheckpointMode,
    /// A checkpoint that takes longer is given up and counts as failed. Change: rolling.
    #[serde(default = "defaults::timeout")]
    pub timeout: Duration,
    /// Shortest time between the end of a checkpoint and the start of the next; savepoints are exempt. Change: rolling.
    #[serde(default = "defaults::zero")]
    pub min_pause: Duration,
    /// How many checkpoints may be under way at once. Change: rolling.
    #[serde(default = "defaults::max_concurrent")]
    #[schemars(range(min = 1, max = 64))]
    pub max_concurrent: u32,
    /// How many checkpoints in a row may fail before the job is restarted. Change: rolling.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub tolerable_failures: u32,
    /// Unaligned checkpoints: barriers overtake queued records, which become part of the checkpoint. Change: rolling.
    #[serde(default)]
    pub unaligned: Unaligned,
    /// How many completed checkpoints are kept. Change: rolling.
    #[serde(default = "defaults::retained")]
    #[schemars(range(min = 1, max = 1000))]
    pub retained: u32,
    /// What happens to the checkpoints when the job is cancelled or the resource deleted: `RetainOnCancellation` or `DeleteOnCancellation`. Savepoints are always kept. Change: rolling.
    #[serde(default)]
    pub retention: Retention,
}

/// The guarantee of a checkpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CheckpointMode {
    /// Each record counts once.
    #[default]
    ExactlyOnce,
    /// Each record counts once or more.
    AtLeastOnce,
}

/// What happens to checkpoints when the job ends for good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Retention {
    /// They stay.
    #[default]
    RetainOnCancellation,
    /// They are deleted.
    DeleteOnCancellation,
}

/// Unaligned checkpoints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Unaligned {
    /// Whether barriers may overtake records. Needs `mode: ExactlyOnce` and `maxConcurrent: 1`. Change: rolling.
    pub enabled: bool,
    /// How long a checkpoint stays aligned before barriers overtake; 0s starts unaligned. Change: rolling.
    pub aligned_timeout: Duration,
}

impl Default for Unaligned {
    fn default() -> Self {
        Self { enabled: false, aligned_timeout: defaults::zero() }
    }
}

mod defaults {
    use crate::duration::Duration;

    pub fn interval() -> Duration {
        Duration::from_secs(60)
    }
    pub fn timeout() -> Duration {
        Duration::from_secs(600)
    }
    pub fn zero() -> Duration {
        Duration::from_secs(0)
    }
    pub fn max_concurrent() -> u32 {
        1
    }
    pub fn retained() -> u32 {
        3
    }
}

impl Checkpoint {
    /// Checkpoints with the default options in this storage.
    pub fn new(storage: Storage) -> Self {
        Self {
            storage,
            interval: defaults::interval(),
            mode: CheckpointMode::default(),
            timeout: defaults::timeout(),
            min_pause: defaults::zero(),
            max_concurrent: defaults::max_concurrent(),
            tolerable_failures: 0,
            unaligned: Unaligned::default(),
            retained: defaults::retained(),
            retention: Retention::default(),
        }
    }

    /// Time between the starts of two checkpoints; never shorter than the pause.
    pub fn interval(&self) -> Span {
        self.interval.get().max(self.min_pause.get())
    }

    /// Time after which a checkpoint is given up.
    pub fn timeout(&self) -> Span {
        self.timeout.get()
    }

    /// Shortest time between the end of one checkpoint and the start of the next.
    pub fn min_pause(&self) -> Span {
        self.min_pause.get()
    }

    /// `None` when checkpoints are aligned; else how long one stays aligned (zero: not at all).
    pub fn unaligned_after(&self) -> Option<Span> {
        self.unaligned.enabled.then(|| self.unaligned.aligned_timeout.get())
    }
}
