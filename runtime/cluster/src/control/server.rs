//! The control RPC's server: one task for each worker's connection.

use super::MAX_MESSAGE;
use super::crew::{Link, tell};
use super::message::{ToCoordinator, ToWorker};
use super::registry::ConnectionId;
use super::rpc::control_server::{Control, ControlServer};
use super::shared::Shared;
use super::wire::WireError;
use std::future::Future;
use std::net::TcpListener;
use std::sync::Arc;
use streamjob_core::Result;
use streamjob_core::error::ErrorExt;
use streamjob_engine::net::Tls;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};
use tonic::{Request, Response, Status, Streaming};

/// Serves until it is dropped. Must be called inside of a runtime.
pub(super) fn serve(
    listener: TcpListener,
    tls: Option<&Tls>,
    shared: Arc<Shared>,
) -> Result<impl Future<Output = Result<(), tonic::transport::Error>> + Send + use<>> {
    let listener = tokio::net::TcpListener::from_std(listener).transient("cannot listen for workers")?;
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let mut server = Server::builder().http2_adaptive_window(Some(true));
    if let Some(tls) = tls {
        let config = ServerTlsConfig::new()
            .identity(Identity::from_pem(&tls.cert, &tls.key))
            .client_ca_root(Certificate::from_pem(&tls.ca));
        server = server.tls_config(config).user("the files for TLS cannot be used")?;
    }
    let service = ControlServer::new(Service { shared }).max_decoding_message_size(MAX_MESSAGE);
    Ok(server.serve_with_incoming(service, incoming))
}

struct Service {
    shared: Arc<Shared>,
}

#[tonic::async_trait]
impl Control for Service {
    type AttachStream = UnboundedReceiverStream<Result<ToWorker, Status>>;

    async fn attach(&self, request: Request<Streaming<ToCoordinator>>) -> Result<Response<Self::AttachStream>, Status> {
        let mut inbound = request.into_inner();
        let first = tokio::time::timeout(self.shared.timing.timeout, inbound.message());
        let Ok(Some(ToCoordinator::Register(register))) =
            first.await.map_err(|_| Status::deadline_exceeded("nothing was said"))?
        else {
            return Err(Status::invalid_argument("a worker registers first"));
        };
        let (link, outbox) = mpsc::unbounded_channel();
        let worker = register.worker.clone();
        match self.shared.register(register, link.clone()) {
            Ok(connection) => {
                tokio::spawn(attend(self.shared.clone(), worker, connection, inbound, link));
            }
            Err(e) => {
                tracing::warn!("a worker is refused: {e}");
                tell(&link, ToWorker::Refuse { error: WireError::from(&e) });
            }
        }
        Ok(Response::new(UnboundedReceiverStream::new(outbox)))
    }
}

/// Serves a worker's connection to its end.
async fn attend(
    shared: Arc<Shared>,
    worker: String,
    connection: ConnectionId,
    mut inbound: Streaming<ToCoordinator>,
    link: Link,
) {
    let mut heartbeat = tokio::time::interval(shared.timing.heartbeat);
    let why = loop {
        tokio::select! {
            message = inbound.message() => match message {
                Ok(Some(message)) => {
                    if !shared.receive(&worker, connection, message) {
                        break "its connection was replaced".to_string();
                    }
                }
                Ok(None) => break "it closed its connection".into(),
                Err(e) => break format!("its connection broke: {}", e.message()),
            },
            () = link.closed() => break "its connection broke".into(),
            _ = heartbeat.tick() => {
                if !shared.is_current(&worker, connection) {
                    break "its connection counts no longer".into();
                }
                tell(&link, ToWorker::Heartbeat);
            }
        }
    };
    shared.broken(&worker, connection, &why);
}
