//! The connection to the coordinator: made again whenever it breaks, with a
//! heartbeat of its own, on its own thread, so that busy tasks never stop it.

use super::WorkerConfig;
use super::outbox::Outbox;
use crate::control::MAX_MESSAGE;
use crate::control::message::{BINARY, PROTOCOL, Register, ToCoordinator, ToWorker};
use crate::control::rpc::control_client::ControlClient;
use crossbeam_channel::Sender;
use std::sync::Arc;
use std::time::{Duration, Instant};
use streamjob_core::error::ErrorExt;
use streamjob_core::{Error, Result};
use streamjob_engine::net::TLS_NAME;
use tokio::sync::mpsc::unbounded_channel;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

/// First and longest pause between two tries.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// Between two lines that say that the coordinator is away.
const TELL: Duration = Duration::from_secs(10);

/// What comes from the connection.
pub enum FromLink {
    /// From the coordinator.
    Message(ToWorker),
    /// It is of no use to go on.
    Failed(Error),
}

/// A connection that lives as long as this.
pub struct Link {
    runtime: Option<tokio::runtime::Runtime>,
}

impl Link {
    /// Connects in the background. `exchange` is where others find this worker's exchange.
    pub fn start(
        config: &WorkerConfig,
        exchange: String,
        outbox: Arc<Outbox>,
        inbox: Sender<FromLink>,
    ) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("link")
            .enable_all()
            .build()
            .transient("cannot start the control thread")?;
        let connector = Connector {
            endpoint: endpoint(config)?,
            config: config.clone(),
            process: uuid::Uuid::new_v4().simple().to_string(),
            exchange,
            outbox,
            inbox,
        };
        runtime.spawn(connector.run());
        Ok(Self { runtime: Some(runtime) })
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Last words are on their way.
            runtime.shutdown_timeout(Duration::from_millis(100));
        }
    }
}

fn endpoint(config: &WorkerConfig) -> Result<Endpoint> {
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    let endpoint = Channel::from_shared(format!("{scheme}://{}", config.coordinator))
        .user(format!("--coordinator {} is not an address", config.coordinator))?
        .connect_timeout(config.timing.timeout)
        .tcp_nodelay(true)
        .http2_adaptive_window(true);
    let Some(tls) = &config.tls else { return Ok(endpoint) };
    let tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(&tls.ca))
        .identity(Identity::from_pem(&tls.cert, &tls.key))
        .domain_name(TLS_NAME);
    endpoint.tls_config(tls).user("the files for TLS cannot be used")
}

struct Connector {
    endpoint: Endpoint,
    config: WorkerConfig,
    process: String,
    exchange: String,
    outbox: Arc<Outbox>,
    inbox: Sender<FromLink>,
}

/// How a connection ended.
enum End {
    /// Worth another try.
    Broken(String),
    /// Of no use to try again.
    Fatal(Error),
}

impl Connector {
    async fn run(self) {
        let mut pause = PAUSES.0;
        let mut registered = false;
        let mut told: Option<Instant> = None;
        loop {
            let mut welcomed = false;
            let end = self.session(&mut welcomed).await;
            self.outbox.disconnect();
            registered |= welcomed;
            if welcomed {
                pause = PAUSES.0;
                told = None;
            }
            match end {
                End::Fatal(e) => {
                    let _ = self.inbox.send(FromLink::Failed(e));
                    return;
                }
                End::Broken(why) => {
                    // Certificates that do not fit from the start are a mistake, later ones are perhaps being replaced.
                    if !registered && is_about_certificates(&why) {
                        let _ = self.inbox.send(FromLink::Failed(self.certificate_error(&why)));
                        return;
                    }
                    if told.is_none_or(|at| at.elapsed() >= TELL) {
                        told = Some(Instant::now());
                        tracing::warn!("the coordinator at {} is away, trying again: {why}", self.config.coordinator);
                    }
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    fn certificate_error(&self, why: &str) -> Error {
        Error::user(format!(
            "the coordinator at {} and this worker do not trust each other: {why}",
            self.config.coordinator
        ))
        .fix(format!(
            "give both certificates of the same authority with the name '{TLS_NAME}' (--tls: ca.crt, tls.crt, tls.key)"
        ))
    }

    async fn session(&self, welcomed: &mut bool) -> End {
        let timing = self.config.timing;
        let channel = match self.endpoint.connect().await {
            Ok(channel) => channel,
            Err(e) => return End::Broken(chain_of(&e)),
        };
        let (link, outbound) = unbounded_channel();
        self.outbox.connect(link.clone(), |running, leaving| {
            ToCoordinator::Register(Register {
                protocol: PROTOCOL,
                binary: BINARY.to_string(),
                worker: self.config.name.clone(),
                process: self.process.clone(),
                slots: self.config.slots,
                exchange: self.exchange.clone(),
                running,
                leaving,
            })
        });
        let mut client = ControlClient::new(channel).max_decoding_message_size(MAX_MESSAGE);
        let attach = client.attach(UnboundedReceiverStream::new(outbound));
        let mut inbound = match tokio::time::timeout(timing.timeout, attach).await {
            Ok(Ok(response)) => response.into_inner(),
            Ok(Err(status)) if status.code() == tonic::Code::Unimplemented => {
                return End::Fatal(
                    Error::user(format!("{} is not a coordinator of this version", self.config.coordinator))
                        .fix("give --coordinator the address that the coordinator listens on for workers (its --bind)"),
                );
            }
            Ok(Err(status)) => return End::Broken(chain_of(&status)),
            Err(_) => return End::Broken("it does not answer".into()),
        };
        let mut heartbeat = tokio::time::interval(timing.heartbeat);
        let mut heard = tokio::time::Instant::now();
        loop {
            tokio::select! {
                message = inbound.message() => {
                    heard = tokio::time::Instant::now();
                    match message {
                        Ok(Some(message)) => if let Some(end) = self.take(message, welcomed) { return end; },
                        Ok(None) => return End::Broken("it closed the connection".into()),
                        Err(status) => return End::Broken(chain_of(&status)),
                    }
                }
                _ = heartbeat.tick() => {
                    let _ = link.send(ToCoordinator::Heartbeat);
                }
                () = tokio::time::sleep_until(heard + timing.timeout) => {
                    return End::Broken(format!("nothing was heard of it for {} s", timing.timeout.as_secs_f32()));
                }
            }
        }
    }

    fn take(&self, message: ToWorker, welcomed: &mut bool) -> Option<End> {
        let generation = match &message {
            ToWorker::Heartbeat => return None,
            ToWorker::Refuse { error } => {
                let error = Error::from(error.clone());
                return Some(End::Fatal(
                    error.context(format!("the coordinator at {} refuses this worker", self.config.coordinator)),
                ));
            }
            ToWorker::Welcome { generation } => {
                *welcomed = true;
                *generation
            }
            ToWorker::Deploy(deploy) => deploy.generation,
            ToWorker::Adopt { generation, .. } => *generation,
            ToWorker::Command { .. } | ToWorker::Fetch(_) | ToWorker::Shutdown => 0,
        };
        if !self.outbox.hear(generation) {
            *welcomed = false;
            return Some(End::Broken(format!("it holds generation {generation}, a later coordinator has taken over")));
        }
        let _ = self.inbox.send(FromLink::Message(message));
        None
    }
}

/// The message of an error with all its causes.
fn chain_of(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(c) = cause {
        let line = c.to_string();
        if !text.contains(&line) {
            text.push_str(": ");
            text.push_str(&line);
        }
        cause = c.source();
    }
    text
}

/// TLS failures come as text out of several layers.
fn is_about_certificates(why: &str) -> bool {
    let why = why.to_ascii_lowercase();
    ["certificate", "unknownca", "unknownissuer", "received fatal alert"].iter().any(|part| why.contains(part))
}
