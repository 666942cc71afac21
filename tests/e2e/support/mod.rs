//! What all tests share.

pub mod audit;
pub mod cluster;
pub mod gap;
pub mod job;
pub mod kill;
pub mod kubectl;
pub mod operator;
pub mod output;
pub mod space;
pub mod storage;
pub mod watch;

pub use job::Job;
pub use space::{Space, alone, beside};

/// Longest wait for anything; generous, because the machine may be under load. A hang becomes a failure that tells how
/// things stood.
pub const PATIENCE: std::time::Duration = std::time::Duration::from_secs(240);

/// A setting of the environment, or what holds in the test cluster.
pub fn setting(name: &str, default: &str) -> String {
    std::env::var(name).ok().filter(|v| !v.is_empty()).unwrap_or_else(|| default.to_owned())
}

/// Milliseconds since the epoch.
pub fn now_ms() -> i64 {
    k8s_openapi::jiff::Timestamp::now().as_millisecond()
}
