//! What the runtime does for every row between two tasks, to be measured alone.

use crate::exchange::{Partitioner, Routed};
use crate::graph::Exchange;
use crate::net::frame::{self, ChannelId, HEADER};
use arrow::datatypes::SchemaRef;
use streamjob_core::{Batch, Element, Error, Result};

/// The hash exchange's dealing out of rows.
pub struct HashExchange(Partitioner);

impl HashExchange {
    /// Deals rows out by these key columns.
    pub fn new(columns: &[usize], outputs: usize, max_parallelism: u32) -> Self {
        Self(Partitioner::new(&Exchange::Hash(columns.to_vec()), 0, outputs, max_parallelism))
    }

    /// The outputs that get rows, each with its own.
    pub fn route(&mut self, batch: Batch) -> Result<Vec<(usize, Batch)>> {
        Ok(match self.0.route(batch)? {
            Routed::One(output, batch) => vec![(output, batch)],
            Routed::All(batch) => vec![(0, batch)],
            Routed::Parts(parts) => parts,
        })
    }
}

/// An element as the bytes that go to another worker.
pub fn encode_frame(element: &Element) -> Result<Vec<u8>> {
    let (kind, payload) = frame::encode(element)?;
    Ok(frame::frame(kind, ChannelId { edge: 0, producer: 0, consumer: 0 }, 0, &payload))
}

/// The element of such bytes; `schema` is that of its rows.
pub fn decode_frame(bytes: &[u8], schema: &SchemaRef) -> Result<Element> {
    let (header, payload) = bytes.split_first_chunk::<HEADER>().ok_or_else(|| Error::transient("half a frame"))?;
    let header = frame::header(header)?;
    let mut buffer = frame::buffer(payload.len());
    buffer.as_slice_mut().copy_from_slice(payload);
    frame::check(&header, buffer.as_slice())?;
    frame::decode(header.kind, buffer.into(), schema)
}
