//! The receiving side of a connection: frames become elements in the inboxes of
//! the tasks here; what a task has taken becomes credit for its producer.

use super::frame::{self, ChannelId, Header, Kind};
use super::wire::{Hello, Reader, Stream, Writer, answer, read_frame};
use super::{CONTROL_CREDIT, WINDOW};
use crate::exchange::{Credit, Inbox};
use arrow::buffer::MutableBuffer;
use arrow::datatypes::SchemaRef;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use streamjob_core::{Error, Result};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;

/// How long a peer waits for this worker to deploy the same attempt.
const ATTEMPT_PATIENCE: Duration = Duration::from_secs(30);

/// Where frames of one attempt go.
pub(crate) struct Routes {
    /// By edge of the plan.
    pub edges: Vec<EdgeRoute>,
    /// Told when a peer is lost.
    pub on_lost: Arc<dyn Fn(Error) + Send + Sync>,
    /// Where the attempt stands here.
    pub phase: watch::Sender<Phase>,
}

/// Where an attempt stands in this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Tasks run.
    Running,
    /// All ended in peace: peers may still send, and end when they like.
    Done,
    /// Cancelled or failed: connections are cut, so that peers notice.
    Cut,
}

/// One edge's end here.
pub(crate) struct EdgeRoute {
    /// Schema of its rows.
    pub schema: SchemaRef,
    /// By consuming subtask, for those that run here.
    pub consumers: HashMap<u32, Arc<Inbox>>,
    /// First channel of the edge in each consumer's inbox.
    pub first_channel: usize,
    /// One channel a consumer instead of one a producer.
    pub forward: bool,
}

impl Routes {
    fn deliver(&self, header: &Header, payload: MutableBuffer, credits: &mut Credits) -> Result<()> {
        let channel = header.channel;
        let unknown = || Error::transient(format!("a peer sent rows for an unknown channel {channel:?}"));
        let edge = self.edges.get(channel.edge as usize).ok_or_else(unknown)?;
        let inbox = edge.consumers.get(&channel.consumer).ok_or_else(unknown)?;
        let index = edge.first_channel + if edge.forward { 0 } else { channel.producer as usize };
        let element = frame::decode(header.kind, payload.into(), &edge.schema)?;
        inbox.deliver(index, element, frame::HEADER + header.length, credits.of(channel));
        Ok(())
    }
}

/// Which attempts have tasks here.
pub(crate) struct Attempts {
    known: Mutex<HashMap<String, Arc<Routes>>>,
    changed: watch::Sender<u64>,
}

impl Attempts {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { known: Mutex::default(), changed: watch::Sender::new(0) })
    }

    pub(crate) fn attach(&self, attempt: &str, routes: Arc<Routes>) {
        self.known.lock().insert(attempt.to_string(), routes);
        self.changed.send_modify(|n| *n += 1);
    }

    pub(crate) fn detach(&self, attempt: &str) {
        self.known.lock().remove(attempt);
        self.changed.send_modify(|n| *n += 1);
    }

    /// Waits until the attempt is deployed here; `None` when it is not in time.
    async fn wait(&self, attempt: &str) -> Option<Arc<Routes>> {
        let mut changed = self.changed.subscribe();
        let look = async {
            loop {
                if let Some(routes) = self.known.lock().get(attempt).cloned() {
                    return Some(routes);
                }
                changed.changed().await.ok()?;
            }
        };
        tokio::time::timeout(ATTEMPT_PATIENCE, look).await.ok().flatten()
    }
}

/// Serves one connection from greeting to end.
pub(crate) async fn serve(mut stream: Stream, attempts: Arc<Attempts>) {
    let hello = match Hello::receive(&mut stream).await {
        Ok(hello) => hello,
        Err(e) => {
            tracing::warn!("exchange: refused a connection: {e}");
            let _ = answer(&mut stream, &e.to_string()).await;
            return;
        }
    };
    let Some(routes) = attempts.wait(&hello.attempt).await else {
        let _ = answer(&mut stream, &format!("attempt {} is not deployed here", hello.attempt)).await;
        return;
    };
    if answer(&mut stream, "").await.is_err() {
        return;
    }
    let (mut reader, mut writer) = tokio::io::split(stream);
    let (credits_in, credits_out) = unbounded_channel();
    let mut credits = Credits { attempt: super::tag(&hello.attempt), out: credits_in, channels: HashMap::new() };
    let mut phase = routes.phase.subscribe();
    let result = tokio::select! {
        read = read(&mut reader, &routes, &mut credits, &hello) => read,
        sent = send_credits(credits_out, &mut writer) => sent,
        _ = phase.wait_for(|p| *p == Phase::Cut) => Ok(()),
    };
    let _ = writer.shutdown().await;
    match result {
        Err(e) if *routes.phase.borrow() == Phase::Running => {
            (routes.on_lost)(Error::transient(format!("the connection from worker {} is lost: {e}", hello.from)));
        }
        _ => {}
    }
}

async fn read(reader: &mut Reader, routes: &Routes, credits: &mut Credits, hello: &Hello) -> Result<()> {
    loop {
        let Some((header, payload)) = read_frame(reader).await? else {
            return Err(Error::transient("it was closed by the other side"));
        };
        if header.attempt != credits.attempt {
            return Err(Error::transient(format!(
                "a frame of attempt {:016x} in a connection of attempt {}",
                header.attempt, hello.attempt
            )));
        }
        if header.kind == Kind::Bye {
            return Ok(());
        }
        routes.deliver(&header, payload, credits)?;
    }
}

async fn send_credits(mut frames: UnboundedReceiver<Vec<u8>>, writer: &mut Writer) -> Result<()> {
    let lost = |e: std::io::Error| Error::transient("cannot send credit").caused_by(e);
    while let Some(frame) = frames.recv().await {
        writer.write_all(&frame).await.map_err(lost)?;
        while let Ok(frame) = frames.try_recv() {
            writer.write_all(&frame).await.map_err(lost)?;
        }
        writer.flush().await.map_err(lost)?;
    }
    // The reader decides when the connection ends.
    std::future::pending().await
}

/// The channels of one connection.
struct Credits {
    attempt: u64,
    out: UnboundedSender<Vec<u8>>,
    channels: HashMap<ChannelId, Arc<ChannelCredit>>,
}

impl Credits {
    fn of(&mut self, channel: ChannelId) -> Arc<dyn Credit> {
        let (attempt, out) = (self.attempt, &self.out);
        let credit = self.channels.entry(channel).or_insert_with(|| {
            Arc::new(ChannelCredit {
                channel,
                attempt,
                out: out.clone(),
                bytes: AtomicU32::new(0),
                controls: AtomicU32::new(0),
            })
        });
        credit.clone()
    }
}

/// Gathers what was taken from one channel until it is worth a frame.
struct ChannelCredit {
    channel: ChannelId,
    attempt: u64,
    out: UnboundedSender<Vec<u8>>,
    bytes: AtomicU32,
    controls: AtomicU32,
}

impl Credit for ChannelCredit {
    fn taken(&self, bytes: usize, control: bool) {
        // One consumer takes from a channel, so nothing is lost between the two steps.
        let (bytes, controls) = if control {
            (self.bytes.load(Ordering::Relaxed), self.controls.fetch_add(1, Ordering::Relaxed) + 1)
        } else {
            let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
            (self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes, self.controls.load(Ordering::Relaxed))
        };
        if bytes >= WINDOW / 4 || controls >= CONTROL_CREDIT / 4 {
            let bytes = self.bytes.swap(0, Ordering::Relaxed);
            let controls = self.controls.swap(0, Ordering::Relaxed);
            let payload = frame::credit(bytes, controls);
            let _ = self.out.send(frame::frame(Kind::Credit, self.channel, self.attempt, &payload));
        }
    }
}
