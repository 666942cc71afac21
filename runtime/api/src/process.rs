//! The coordinator's process and its workers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Body of every answer that is not 2xx.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorResponse {
    /// What went wrong.
    pub errors: Vec<String>,
}

/// `GET /config`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ServerConfig {
    /// Version of the program.
    #[serde(rename = "streamjob-version")]
    pub version: String,
    /// Job name.
    pub job: String,
    /// Options that were set, by canonical name, without secrets.
    pub options: BTreeMap<String, String>,
}

/// Entry of `GET /jobmanager/config`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConfigEntry {
    /// Option, by canonical name.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// `GET /overview`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClusterOverview {
    /// Registered workers; 0 in a job of one process.
    pub taskmanagers: u32,
    /// Their slots.
    #[serde(rename = "slots-total")]
    pub slots_total: u32,
    /// Those that run nothing.
    #[serde(rename = "slots-available")]
    pub slots_available: u32,
    /// 1 while the job has not ended.
    #[serde(rename = "jobs-running")]
    pub jobs_running: u32,
    /// 1 when it has finished.
    #[serde(rename = "jobs-finished")]
    pub jobs_finished: u32,
    /// 1 when it was cancelled.
    #[serde(rename = "jobs-cancelled")]
    pub jobs_cancelled: u32,
    /// 1 when it failed.
    #[serde(rename = "jobs-failed")]
    pub jobs_failed: u32,
    /// Version of the program.
    #[serde(rename = "streamjob-version")]
    pub version: String,
}

/// `GET /taskmanagers`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TaskManagers {
    /// Registered workers, by name; empty in a job of one process.
    pub taskmanagers: Vec<TaskManager>,
}

/// A worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TaskManager {
    /// Its name.
    pub id: String,
    /// Where its exchange listens.
    pub path: String,
    /// When it was last heard.
    #[serde(rename = "timeSinceLastHeartbeat")]
    pub last_heartbeat: i64,
    /// Its slots.
    #[serde(rename = "slotsNumber")]
    pub slots: u32,
    /// Those that run nothing.
    #[serde(rename = "freeSlots")]
    pub free_slots: u32,
    /// It was asked to end.
    pub leaving: bool,
}

/// `GET /health/live` and `/health/ready`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Health {
    /// `true` with status 200, `false` with 503.
    pub ok: bool,
    /// Why, in words.
    pub reason: String,
}
