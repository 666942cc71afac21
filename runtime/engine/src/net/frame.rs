//! The wire format between two workers: a fixed header, then a payload. Pure.
//!
//! Both sides plan the same graph, so schemas are never sent: a batch is an Arrow
//! IPC record batch message without one, its op column at the end.

use arrow::array::{AsArray, RecordBatch, RecordBatchOptions};
use arrow::buffer::{Buffer, MutableBuffer};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, UInt8Type};
use arrow::ipc::reader::read_record_batch;
use arrow::ipc::writer::{DictionaryTracker, IpcDataGenerator, IpcWriteContext, IpcWriteOptions};
use arrow::ipc::{MetadataVersion, root_as_message};
use std::collections::HashMap;
use std::sync::Arc;
use streamjob_core::{Barrier, BarrierKind, Batch, Element, Error, Result, StopMode};

/// Bytes of a header.
pub(crate) const HEADER: usize = 32;
/// Largest payload that is accepted.
pub(crate) const MAX_PAYLOAD: usize = 256 << 20;
/// Buffers start at multiples of this within a payload.
const ALIGNMENT: usize = 64;

/// One producer subtask's way to one consumer subtask over one edge of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ChannelId {
    /// Index of the edge.
    pub edge: u32,
    /// Producing subtask.
    pub producer: u32,
    /// Consuming subtask.
    pub consumer: u32,
}

/// What a frame is. The numbers are part of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// Rows without an op column.
    Inserts = 1,
    /// Rows with one.
    Changes = 2,
    /// A watermark.
    Watermark = 3,
    /// A checkpoint barrier.
    Barrier = 4,
    /// The channel is idle.
    Idle = 5,
    /// The channel's end.
    End = 6,
    /// Room for so many more bytes and control elements, from consumer to producer.
    Credit = 7,
    /// Nothing more comes, and that is right.
    Bye = 8,
    /// The channel is no longer idle.
    Active = 9,
}

impl Kind {
    fn of(number: u8) -> Option<Self> {
        use Kind::{Active, Barrier, Bye, Changes, Credit, End, Idle, Inserts, Watermark};
        [Inserts, Changes, Watermark, Barrier, Idle, End, Credit, Bye, Active].into_iter().find(|k| *k as u8 == number)
    }
}

/// A frame's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// What follows.
    pub kind: Kind,
    /// Whose it is.
    pub channel: ChannelId,
    /// Of the attempt that sent it.
    pub attempt: u64,
    /// Bytes that follow.
    pub length: usize,
    /// CRC-32C of the payload.
    pub crc: u32,
}

/// A whole frame, ready to be sent.
pub(crate) fn frame(kind: Kind, channel: ChannelId, attempt: u64, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER + payload.len());
    out.extend([kind as u8, 0, 0, 0]);
    for n in [channel.edge, channel.producer, channel.consumer] {
        out.extend(n.to_le_bytes());
    }
    out.extend(attempt.to_le_bytes());
    out.extend((payload.len() as u32).to_le_bytes());
    out.extend(crc32c::crc32c(payload).to_le_bytes());
    out.extend(payload);
    out
}

/// Errors (User) when a receiver would not take a payload of so many bytes: batches are cut, but a row cannot be.
pub(crate) fn check_size(length: usize) -> Result<()> {
    if length <= MAX_PAYLOAD {
        return Ok(());
    }
    Err(Error::user(format!(
        "a row of {length} bytes is too large to be sent to another worker, which takes {MAX_PAYLOAD} bytes"
    ))
    .fix("make its values smaller, or drop the columns that are not needed before the first GROUP BY"))
}

/// Reads a header. Errors are Transient: what stands there is not ours or was damaged on the way.
pub(crate) fn header(bytes: &[u8; HEADER]) -> Result<Header> {
    let word = |at: usize| {
        let mut word = [0; 4];
        word.iter_mut().zip(bytes.iter().skip(at)).for_each(|(to, from)| *to = *from);
        u32::from_le_bytes(word)
    };
    let first = bytes.first().copied().unwrap_or_default();
    let kind = Kind::of(first).ok_or_else(|| bad(format!("frame kind {first}")))?;
    let length = word(24) as usize;
    if length > MAX_PAYLOAD {
        return Err(bad(format!("a payload of {length} bytes, at most {MAX_PAYLOAD} are accepted")));
    }
    Ok(Header {
        kind,
        channel: ChannelId { edge: word(4), producer: word(8), consumer: word(12) },
        attempt: u64::from(word(16)) | u64::from(word(20)) << 32,
        length,
        crc: word(28),
    })
}

/// Checks a payload against its header.
pub(crate) fn check(header: &Header, payload: &[u8]) -> Result<()> {
    let crc = crc32c::crc32c(payload);
    if crc == header.crc {
        return Ok(());
    }
    Err(bad(format!("a payload with checksum {crc:08x}, its header says {:08x}", header.crc)))
}

fn bad(what: String) -> Error {
    Error::transient(format!("a peer sent {what}")).fix("all workers must run the same version of streamjob")
}

/// An element as kind and payload.
pub(crate) fn encode(element: &Element) -> Result<(Kind, Vec<u8>)> {
    Ok(match element {
        Element::Batch(batch) => encode_batch(batch)?,
        Element::Watermark(ms) => (Kind::Watermark, ms.to_le_bytes().to_vec()),
        Element::Barrier(b) => {
            let mut out = b.id.to_le_bytes().to_vec();
            out.extend(b.timestamp_ms.to_le_bytes());
            out.push(u8::from(b.kind == BarrierKind::Savepoint));
            out.push(match b.stop {
                None => 0,
                Some(StopMode::Suspend) => 1,
                Some(StopMode::Drain) => 2,
            });
            (Kind::Barrier, out)
        }
        Element::Idle => (Kind::Idle, Vec::new()),
        Element::Active => (Kind::Active, Vec::new()),
        Element::End { drained } => (Kind::End, vec![u8::from(*drained)]),
    })
}

/// Metadata length, metadata, padding, buffers.
fn encode_batch(batch: &Batch) -> Result<(Kind, Vec<u8>)> {
    let (kind, data) = match &batch.ops {
        None => (Kind::Inserts, batch.data.clone()),
        Some(ops) => {
            let mut columns = batch.data.columns().to_vec();
            columns.push(Arc::new(ops.clone()));
            let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
            let schema = with_ops(&batch.data.schema());
            (Kind::Changes, RecordBatch::try_new_with_options(schema, columns, &options)?)
        }
    };
    let mut dictionaries = DictionaryTracker::new(false);
    let options = IpcWriteOptions::default();
    let (_, encoded) =
        IpcDataGenerator::default().encode(&data, &mut dictionaries, &options, &mut IpcWriteContext::default())?;
    let start = body_start(encoded.ipc_message.len());
    let mut out = Vec::with_capacity(start + encoded.arrow_data.len());
    out.extend((encoded.ipc_message.len() as u32).to_le_bytes());
    out.extend(&encoded.ipc_message);
    out.resize(start, 0);
    out.extend(&encoded.arrow_data);
    Ok((kind, out))
}

fn body_start(metadata: usize) -> usize {
    (4 + metadata).next_multiple_of(ALIGNMENT)
}

fn with_ops(schema: &Schema) -> SchemaRef {
    let mut fields = schema.fields().to_vec();
    fields.push(Arc::new(Field::new("$op", DataType::UInt8, false)));
    Arc::new(Schema::new(fields))
}

/// A payload buffer of this size, aligned for Arrow.
pub(crate) fn buffer(length: usize) -> MutableBuffer {
    MutableBuffer::from_len_zeroed(length)
}

/// The element of a data or control frame. `schema` is that of the edge's rows.
pub(crate) fn decode(kind: Kind, payload: Buffer, schema: &SchemaRef) -> Result<Element> {
    let number = |at: usize| {
        payload.get(at..at + 8).and_then(|b| b.try_into().ok()).map(u64::from_le_bytes).ok_or_else(|| short(kind))
    };
    let byte = |at: usize| payload.get(at).copied().ok_or_else(|| short(kind));
    Ok(match kind {
        Kind::Inserts => Element::Batch(Batch::inserts(decode_batch(&payload, schema.clone())?)),
        Kind::Changes => {
            let all = decode_batch(&payload, with_ops(schema))?;
            let ops = all.columns().last().ok_or_else(|| short(kind))?.as_primitive::<UInt8Type>().clone();
            let columns = all.columns().iter().take(schema.fields().len()).cloned().collect();
            let options = RecordBatchOptions::new().with_row_count(Some(all.num_rows()));
            Element::Batch(Batch::changes(RecordBatch::try_new_with_options(schema.clone(), columns, &options)?, ops)?)
        }
        Kind::Watermark => Element::Watermark(number(0)?.cast_signed()),
        Kind::Barrier => Element::Barrier(Barrier {
            id: number(0)?,
            timestamp_ms: number(8)?.cast_signed(),
            kind: if byte(16)? == 1 { BarrierKind::Savepoint } else { BarrierKind::Checkpoint },
            stop: match byte(17)? {
                0 => None,
                1 => Some(StopMode::Suspend),
                _ => Some(StopMode::Drain),
            },
        }),
        Kind::Idle => Element::Idle,
        Kind::Active => Element::Active,
        Kind::End => Element::End { drained: byte(0)? == 1 },
        Kind::Credit | Kind::Bye => return Err(bad(format!("a {kind:?} frame where an element belongs"))),
    })
}

fn short(kind: Kind) -> Error {
    bad(format!("a {kind:?} frame that is too short"))
}

fn decode_batch(payload: &Buffer, schema: SchemaRef) -> Result<RecordBatch> {
    let length = payload.get(..4).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes);
    let length = length.ok_or_else(|| short(Kind::Inserts))? as usize;
    let metadata = payload.get(4..4 + length).ok_or_else(|| short(Kind::Inserts))?;
    let message = root_as_message(metadata).map_err(|e| bad(format!("rows that cannot be read: {e}")))?;
    let batch = message.header_as_record_batch().ok_or_else(|| bad("a message that is no record batch".into()))?;
    let start = body_start(length);
    if start > payload.len() {
        return Err(short(Kind::Inserts));
    }
    let body = payload.slice(start);
    Ok(read_record_batch(&body, batch, schema, &HashMap::new(), None, &MetadataVersion::V5)?)
}

/// The payload of a credit frame.
pub(crate) fn credit(bytes: u32, controls: u32) -> Vec<u8> {
    [bytes.to_le_bytes(), controls.to_le_bytes()].concat()
}

/// Bytes and control elements of a credit frame.
pub(crate) fn read_credit(payload: &[u8]) -> Result<(u32, u32)> {
    let word = |at: usize| payload.get(at..at + 4).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes);
    word(0).zip(word(4)).ok_or_else(|| short(Kind::Credit))
}

#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
