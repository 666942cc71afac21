//! The sending side of a connection: tasks put frames into its queue as far as
//! the consumers' credit goes, one writer sends them, credits come back on the
//! same connection.
//!
//! Rows wait for byte credit, channel by channel, so a slow consumer holds back
//! its own producers only. Barriers, watermarks and ends have a credit of their
//! own and pass a channel that is out of bytes as far as order allows.

use super::frame::{self, ChannelId, HEADER, Kind};
use super::wire::{Reader, Stream, Writer, read_frame};
use super::{CONTROL_CREDIT, WINDOW};
use crate::deploy::ChannelFigures;
use crate::task::nanos;
use parking_lot::{Condvar, Mutex};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use streamjob_core::{Element, Error, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;

/// How long a peer may take to end its side.
const LINGER: Duration = Duration::from_secs(5);

/// See the module.
pub(crate) struct Outgoing {
    peer: String,
    attempt: u64,
    state: Mutex<State>,
    /// Producers wait here for credit.
    credit: Condvar,
    /// The writer waits here for frames.
    wake: Notify,
    waited_nanos: AtomicU64,
}

#[derive(Default)]
struct State {
    queue: Vec<Vec<u8>>,
    queued_bytes: usize,
    rooms: HashMap<ChannelId, Room>,
    end: Option<End>,
}

/// What a consumer still takes.
struct Room {
    bytes: i64,
    controls: i64,
    waited_nanos: u64,
    /// Since when its producer waits now.
    waiting: Option<Instant>,
    /// Frames of rows.
    sent_bytes: u64,
}

impl Room {
    fn new() -> Self {
        Self {
            bytes: i64::from(WINDOW),
            controls: i64::from(CONTROL_CREDIT),
            waited_nanos: 0,
            waiting: None,
            sent_bytes: 0,
        }
    }
}

enum End {
    /// The job stops.
    Halted,
    /// The connection broke.
    Lost(String),
    /// All is sent.
    Bye,
}

/// Figures of a connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes that wait to be sent.
    pub queued_bytes: usize,
    /// How long producers have waited for credit, nanoseconds.
    pub credit_wait_nanos: u64,
}

impl Outgoing {
    pub(crate) fn new(peer: String, attempt: u64) -> Arc<Self> {
        Arc::new(Self {
            peer,
            attempt,
            state: Mutex::default(),
            credit: Condvar::new(),
            wake: Notify::new(),
            waited_nanos: AtomicU64::new(0),
        })
    }

    /// Queues an element; waits for credit. Returns how long it waited. Errors when the job stops or the peer is lost.
    pub(crate) fn push(&self, channel: ChannelId, element: &Element) -> Result<Duration> {
        let rows = matches!(element, Element::Batch(_));
        let (kind, payload) = frame::encode(element)?;
        frame::check_size(payload.len())?;
        let bytes = frame::frame(kind, channel, self.attempt, &payload);
        let mut waited = Duration::ZERO;
        let mut state = self.state.lock();
        loop {
            match &state.end {
                None => {}
                Some(End::Halted) => return Err(Error::internal("the job is being stopped")),
                Some(End::Lost(why)) => return Err(self.lost_error(why)),
                Some(End::Bye) => return Ok(waited),
            }
            let room = state.rooms.entry(channel).or_insert_with(Room::new);
            let credit = if rows { &mut room.bytes } else { &mut room.controls };
            // The last piece may overdraw, so that a batch of any size gets through.
            if *credit > 0 {
                *credit -= if rows { i64::try_from(bytes.len()).unwrap_or(i64::MAX) } else { 1 };
                room.sent_bytes += if rows { bytes.len() as u64 } else { 0 };
                room.waited_nanos += nanos(waited);
                room.waiting = None;
                break;
            }
            let start = Instant::now();
            room.waiting.get_or_insert(start);
            self.credit.wait(&mut state);
            waited += start.elapsed();
        }
        state.queued_bytes += bytes.len();
        state.queue.push(bytes);
        drop(state);
        self.wake.notify_one();
        self.waited_nanos.fetch_add(u64::try_from(waited.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        Ok(waited)
    }

    /// True when nothing waits to be sent: gathering more rows would only cost time.
    pub(crate) fn is_drained(&self) -> bool {
        self.state.lock().queue.is_empty()
    }

    /// Figures.
    pub(crate) fn traffic(&self) -> Traffic {
        Traffic {
            queued_bytes: self.state.lock().queued_bytes,
            credit_wait_nanos: self.waited_nanos.load(Ordering::Relaxed),
        }
    }

    /// Figures of each channel, with its producing subtask.
    pub(crate) fn channels(&self) -> Vec<(u32, ChannelFigures)> {
        let state = self.state.lock();
        let of = |(id, room): (&ChannelId, &Room)| {
            let figures = ChannelFigures {
                edge: id.edge,
                consumer: id.consumer,
                in_flight_bytes: u64::try_from(i64::from(WINDOW) - room.bytes).unwrap_or(0),
                credit_wait_nanos: room.waited_nanos + room.waiting.map_or(0, |since| nanos(since.elapsed())),
                sent_bytes: room.sent_bytes,
            };
            (id.producer, figures)
        };
        state.rooms.iter().map(of).collect()
    }

    /// Stops all traffic.
    pub(crate) fn halt(&self) {
        self.end(End::Halted);
    }

    /// All tasks here have ended in peace: what is queued goes out, then the connection ends.
    pub(crate) fn bye(&self) {
        let last = frame::frame(Kind::Bye, ChannelId { edge: 0, producer: 0, consumer: 0 }, self.attempt, &[]);
        {
            let mut state = self.state.lock();
            if state.end.is_none() {
                state.queue.push(last);
            }
        }
        self.end(End::Bye);
    }

    fn end(&self, end: End) {
        {
            let mut state = self.state.lock();
            if state.end.is_none() {
                state.end = Some(end);
            }
        }
        self.credit.notify_all();
        self.wake.notify_one();
    }

    fn lost_error(&self, why: &str) -> Error {
        Error::transient(format!("the connection to worker {} is lost: {why}", self.peer))
    }

    /// Serves the connection to its end. `Err` when it was lost.
    pub(crate) async fn serve(&self, stream: Result<Stream>) -> Result<()> {
        let outcome = match stream {
            Ok(stream) => {
                let (mut reader, mut writer) = tokio::io::split(stream);
                tokio::select! {
                    sent = self.write(&mut writer) => match sent {
                        Ok(true) => linger(&mut reader, &mut writer).await,
                        Ok(false) => Ok(()),
                        Err(e) => Err(e),
                    },
                    read = self.read_credits(&mut reader) => read,
                }
            }
            Err(e) => Err(e),
        };
        let Err(e) = outcome else { return Ok(()) };
        let why = e.to_string();
        let error = self.lost_error(&why);
        self.end(End::Lost(why));
        let over = matches!(self.state.lock().end, Some(End::Halted | End::Bye));
        if over { Ok(()) } else { Err(error) }
    }

    /// Sends until all is sent (true) or the job stops (false).
    async fn write(&self, writer: &mut Writer) -> Result<bool> {
        let lost = |e: std::io::Error| Error::transient("cannot send").caused_by(e);
        loop {
            let (frames, end) = {
                let mut state = self.state.lock();
                state.queued_bytes = 0;
                let end = state.end.as_ref().map(|e| matches!(e, End::Bye));
                (std::mem::take(&mut state.queue), end)
            };
            if end == Some(false) {
                return Ok(false);
            }
            for frame in &frames {
                writer.write_all(frame).await.map_err(lost)?;
            }
            if frames.is_empty() {
                writer.flush().await.map_err(lost)?;
                if end == Some(true) {
                    return Ok(true);
                }
                self.wake.notified().await;
            }
        }
    }

    async fn read_credits(&self, reader: &mut Reader) -> Result<()> {
        loop {
            let Some((header, payload)) = read_frame(reader).await? else {
                return Err(Error::transient("it was closed by the other side"));
            };
            if header.kind != Kind::Credit || header.attempt != self.attempt {
                return Err(Error::transient(format!(
                    "a {:?} frame of {HEADER}+{} bytes came back",
                    header.kind, header.length
                )));
            }
            let (bytes, controls) = frame::read_credit(payload.as_slice())?;
            {
                let mut state = self.state.lock();
                if let Some(room) = state.rooms.get_mut(&header.channel) {
                    room.bytes += i64::from(bytes);
                    room.controls += i64::from(controls);
                }
            }
            self.credit.notify_all();
        }
    }
}

/// Lets the peer read all before the socket goes: closing with credits unread would reset the connection.
async fn linger(reader: &mut Reader, writer: &mut Writer) -> Result<()> {
    let _ = writer.shutdown().await;
    let mut rest = [0; 4096];
    let drained = async { while reader.read(&mut rest).await.is_ok_and(|n| n > 0) {} };
    let _ = tokio::time::timeout(LINGER, drained).await;
    Ok(())
}
