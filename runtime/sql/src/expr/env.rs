//! What binding takes from the session: time zone and clock.

use super::ExprContext;
use super::zone::Zone;
use std::time::{SystemTime, UNIX_EPOCH};
use streamjob_core::Result;

/// Session settings that expressions depend on.
#[derive(Debug, Clone, Copy)]
pub struct Env {
    /// `table.local-time-zone`.
    pub zone: Zone,
    /// What CURRENT_TIMESTAMP reads.
    pub clock: Clock,
}

/// Source of the current time.
#[derive(Debug, Clone, Copy)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// Always these milliseconds since the epoch.
    Fixed(i64),
}

impl Clock {
    /// Milliseconds since the epoch.
    pub fn now_ms(self) -> i64 {
        match self {
            Clock::Fixed(ms) => ms,
            Clock::System => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX)),
        }
    }
}

impl Env {
    /// From the context that the planner gives.
    pub fn new(ctx: &ExprContext<'_>) -> Result<Self> {
        let clock = if ctx.start_time_ms > 0 { Clock::Fixed(ctx.start_time_ms) } else { Clock::System };
        Ok(Self { zone: Zone::session(ctx.options)?, clock })
    }

    /// What the name of a call ends with that depends on the zone: calls of other zones are other calls.
    pub fn mark(&self) -> String {
        match self.zone {
            Zone::Fixed(0) => String::new(),
            zone => format!(" in {zone:?}"),
        }
    }
}
