//! Where a worker's exchange listens and how others find it.

use std::net::{SocketAddr, ToSocketAddrs, UdpSocket};
use streamjob_core::error::ErrorExt;
use streamjob_core::{Error, Result};

/// Address to listen on. Without a wish: the one that this machine reaches the coordinator from, so that workers on one
/// machine are not open to the outside.
pub fn bind(wish: Option<&str>, coordinator: &str) -> String {
    match (wish, outward(coordinator)) {
        (Some(wish), _) => wish.to_string(),
        (None, Some(address)) => SocketAddr::new(address.ip(), 0).to_string(),
        // The coordinator's name may not resolve yet.
        (None, None) => "0.0.0.0:0".into(),
    }
}

/// Address to tell others, for an exchange that listens on `bound`.
pub fn advertise(wish: Option<&str>, bound: SocketAddr, coordinator: &str) -> Result<String> {
    if let Some(wish) = wish {
        let port = wish.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
        return match port {
            // The port is known only now.
            Some(0) => Ok(wish.trim_end_matches('0').to_string() + &bound.port().to_string()),
            Some(_) => Ok(wish.to_string()),
            None => Err(Error::user(format!("--advertise {wish} has no port"))
                .fix("give host:port; port 0 for the one of --bind")),
        };
    }
    if !bound.ip().is_unspecified() {
        return Ok(bound.to_string());
    }
    match outward(coordinator) {
        Some(address) => Ok(SocketAddr::new(address.ip(), bound.port()).to_string()),
        None => Err(Error::transient(format!(
            "cannot tell by which address other workers reach this one: {coordinator} does not resolve"
        ))
        .fix("give --advertise host:port")),
    }
}

/// The own address on the way to another one. Nothing is sent.
fn outward(to: &str) -> Option<SocketAddr> {
    let to = to.to_socket_addrs().ok()?.next()?;
    let any: SocketAddr = if to.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect(to).ok()?;
    socket.local_addr().ok()
}

/// Refuses what cannot be an address.
pub fn check(coordinator: &str) -> Result<()> {
    let (host, port) = coordinator.rsplit_once(':').unwrap_or((coordinator, ""));
    port.parse::<u16>()
        .user(format!("--coordinator {coordinator} is not an address"))
        .map_err(|e| e.fix("give host:port"))?;
    if host.is_empty() {
        return Err(Error::user(format!("--coordinator {coordinator} names no host")).fix("give host:port"));
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn workers_on_one_machine_stay_on_it() {
        assert_eq!(bind(None, "127.0.0.1:6123"), "127.0.0.1:0");
        assert_eq!(bind(Some("0.0.0.0:7000"), "127.0.0.1:6123"), "0.0.0.0:7000");
    }

    #[test]
    fn what_is_told_can_be_reached() {
        let at = |text: &str| text.parse().unwrap();
        let table = [
            (None, "127.0.0.1:5", Some("127.0.0.1:5")),
            (None, "0.0.0.0:5", Some("127.0.0.1:5")),
            (Some("w-0.workers:9"), "0.0.0.0:5", Some("w-0.workers:9")),
            (Some("w-0.workers:0"), "0.0.0.0:5", Some("w-0.workers:5")),
            (Some("w-0.workers"), "0.0.0.0:5", None),
        ];
        for (wish, bound, expected) in table {
            assert_eq!(advertise(wish, at(bound), "127.0.0.1:1").ok().as_deref(), expected, "{wish:?} {bound}");
        }
    }

    #[test]
    fn addresses_need_host_and_port() {
        assert!(check("localhost:6123").is_ok() && check("[::1]:6123").is_ok());
        for bad in ["localhost", ":6123", "localhost:x", "localhost:99999"] {
            assert!(check(bad).unwrap_err().to_string().contains("host:port"), "{bad}");
        }
    }
}
