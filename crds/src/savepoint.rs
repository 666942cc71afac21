//! Savepoints that are taken without being asked for, and how long they are kept.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration::Duration;
use crate::schedule::Schedule;

/// Periodic savepoints, their clean-up, and the savepoint on deletion.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Savepoint {
    /// When to take savepoints: a duration between two of them (`6h`), a cron expression of five fields in UTC (`0 3 * * *`), or `@hourly`, `@daily`, `@weekly`, `@monthly`. Default: never. Change: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    /// Which of the savepoints that the operator took are kept. Change: live.
    pub history: SavepointHistory,
    /// Take a savepoint when the resource is deleted, before the job stops. Change: live.
    pub on_delete: bool,
}

/// Limits of the savepoints that the operator took. The newest one always stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SavepointHistory {
    /// Older savepoints are deleted; 0s keeps them for ever. Change: live.
    pub max_age: Duration,
    /// Savepoints beyond this number are deleted, oldest first. Change: live.
    #[schemars(range(min = 1, max = 50))]
    pub max_count: u32,
}

impl Default for SavepointHistory {
    fn default() -> Self {
        Self { max_age: Duration::from_secs(7 * 86_400), max_count: 10 }
    }
}

impl SavepointHistory {
    /// Age above which a savepoint is deleted, if there is such a limit.
    pub fn max_age(&self) -> Option<std::time::Duration> {
        (!self.max_age.is_zero()).then(|| self.max_age.get())
    }
}
