//! The exchange between workers of one job: one connection for each pair and
//! direction, with many channels on it, credits for each, frames that carry the
//! attempt they belong to. Knows nothing of who runs what.

mod frame;
mod outgoing;
mod tls;
mod wire;

pub use outgoing::Traffic;
pub use tls::{TLS_NAME, Tls};

/// Bytes that a channel may have on its way and in the consumer's queue.
pub(crate) const WINDOW: u32 = 1 << 20;
/// Barriers, watermarks and the like that a channel may have on its way.
pub(crate) const CONTROL_CREDIT: u32 = 256;

/// One process's end of the exchange.
pub struct Network {}

/// How a process takes part in the exchange.
#[derive(Clone)]
pub struct NetworkConfig {
    /// Address and port to listen on; port 0 for any.
    pub bind: String,
    /// Mutual TLS; `None` for plain TCP.
    pub tls: Option<Tls>,
}
