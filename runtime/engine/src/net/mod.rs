//! The exchange between workers of one job: one connection for each pair and
//! direction, with many channels on it, credits for each, frames that carry the
//! attempt they belong to. Knows nothing of who runs what.

pub(crate) mod frame;
mod incoming;
mod outgoing;
mod tls;
mod wire;

pub(crate) use frame::ChannelId;
pub(crate) use incoming::{EdgeRoute, Phase, Routes};
pub(crate) use outgoing::Outgoing;
pub use outgoing::Traffic;
pub use tls::{TLS_NAME, Tls};

use incoming::Attempts;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use streamjob_core::error::ErrorExt;
use streamjob_core::{Error, Result, key};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use wire::{Hello, Stream};

/// Bytes that a channel may have on its way and in the consumer's queue.
pub(crate) const WINDOW: u32 = 1 << 20;
/// Barriers, watermarks and the like that a channel may have on its way.
pub(crate) const CONTROL_CREDIT: u32 = 256;
/// Threads that move and decode frames.
const THREADS: usize = 2;
/// How long a peer may take to be reached.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);

/// How a process takes part in the exchange.
#[derive(Clone)]
pub struct NetworkConfig {
    /// Address and port to listen on; port 0 for any.
    pub bind: String,
    /// Mutual TLS; `None` for plain TCP.
    pub tls: Option<Tls>,
}

/// One process's end of the exchange.
pub struct Network {
    runtime: Option<Runtime>,
    address: SocketAddr,
    tls: Option<Tls>,
    attempts: Arc<Attempts>,
}

impl Network {
    /// Listens. Errors: User for an address that cannot be used.
    pub fn start(config: NetworkConfig) -> Result<Arc<Self>> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("exchange")
            .enable_all()
            .build()
            .transient("cannot start the exchange's threads")?;
        let acceptor = config.tls.as_ref().map(Tls::acceptor).transpose()?;
        let listener = runtime.block_on(TcpListener::bind(&config.bind)).map_err(|e| {
            Error::user(format!("cannot listen on {} for other workers", config.bind))
                .caused_by(e)
                .fix("give another address or port, or 0 for any free port")
        })?;
        let address = listener.local_addr().transient("the exchange has no address")?;
        let attempts = Attempts::new();
        let served = attempts.clone();
        runtime.spawn(async move {
            loop {
                let Ok((tcp, _)) = listener.accept().await else {
                    // Out of file handles, most likely: others go first.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                };
                let (acceptor, attempts) = (acceptor.clone(), served.clone());
                tokio::spawn(async move {
                    let _ = tcp.set_nodelay(true);
                    let stream: Stream = match acceptor {
                        None => Box::new(tcp),
                        Some(acceptor) => match acceptor.accept(tcp).await {
                            Ok(stream) => Box::new(stream),
                            Err(e) => return tracing::warn!("exchange: refused a connection: {e}"),
                        },
                    };
                    incoming::serve(stream, attempts).await;
                });
            }
        });
        Ok(Arc::new(Self { runtime: Some(runtime), address, tls: config.tls, attempts }))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on, frames of the attempt go to these inboxes.
    pub(crate) fn attach(&self, attempt: &str, routes: Arc<Routes>) {
        self.attempts.attach(attempt, routes);
    }

    /// The attempt is over here.
    pub(crate) fn detach(&self, attempt: &str) {
        self.attempts.detach(attempt);
    }

    /// Connects to a peer in the background; what is pushed meanwhile waits. `on_lost` hears of a broken connection.
    pub(crate) fn connect(
        &self,
        attempt: &str,
        (me, peer): (u32, u32),
        address: String,
        on_lost: Arc<dyn Fn(Error) + Send + Sync>,
    ) -> Result<Arc<Outgoing>> {
        let outgoing = Outgoing::new(format!("{peer} ({address})"), tag(attempt));
        let hello = Hello { attempt: attempt.to_string(), from: me, to: peer };
        let connector = self.tls.as_ref().map(Tls::connector).transpose()?;
        let served = outgoing.clone();
        let runtime = self.runtime.as_ref().ok_or_else(|| Error::internal("the exchange is closed"))?;
        runtime.spawn(async move {
            let stream = open(&address, connector, &hello).await;
            if let Err(e) = served.serve(stream).await {
                on_lost(e);
            }
        });
        Ok(outgoing)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // Not waiting: this may run on one of its own threads.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn open(address: &str, tls: Option<tokio_rustls::TlsConnector>, hello: &Hello) -> Result<Stream> {
    let connect = async {
        loop {
            match TcpStream::connect(address).await {
                Ok(tcp) => return Ok::<_, Error>(tcp),
                // A pod's name may not resolve yet.
                Err(e) => {
                    tracing::debug!("exchange: {address}: {e}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    };
    let tcp = tokio::time::timeout(CONNECT_PATIENCE, connect)
        .await
        .map_err(|_| Error::transient(format!("no connection within {} s", CONNECT_PATIENCE.as_secs())))??;
    let _ = tcp.set_nodelay(true);
    let mut stream: Stream = match tls {
        None => Box::new(tcp),
        Some(connector) => {
            Box::new(connector.connect(tls::server_name(), tcp).await.transient("the TLS handshake failed")?)
        }
    };
    hello.send(&mut stream).await?;
    Ok(stream)
}

/// What every frame of an attempt carries.
pub(crate) fn tag(attempt: &str) -> u64 {
    key::hash(attempt.as_bytes())
}

#[cfg(test)]
pub(crate) mod tests;
