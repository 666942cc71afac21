//! MessagePack with named fields, as tonic's codec: messages are plain serde types.

use bytes::{Buf, BufMut};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::marker::PhantomData;
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

/// The codec. One for each pair of message types.
pub struct MessagePack<E, D>(PhantomData<(E, D)>);

impl<E, D> Default for MessagePack<E, D> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

/// Writes messages.
pub struct Writer<T>(PhantomData<T>);

/// Reads messages.
pub struct Reader<T>(PhantomData<T>);

impl<E, D> Codec for MessagePack<E, D>
where
    E: Serialize + Send + 'static,
    D: DeserializeOwned + Send + 'static,
{
    type Encode = E;
    type Decode = D;
    type Encoder = Writer<E>;
    type Decoder = Reader<D>;

    fn encoder(&mut self) -> Writer<E> {
        Writer(PhantomData)
    }

    fn decoder(&mut self) -> Reader<D> {
        Reader(PhantomData)
    }
}

impl<T: Serialize> Encoder for Writer<T> {
    type Item = T;
    type Error = Status;

    fn encode(&mut self, item: T, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        rmp_serde::encode::write_named(&mut buffer.writer(), &item)
            .map_err(|e| Status::internal(format!("a message cannot be written: {e}")))
    }
}

impl<T: DeserializeOwned> Decoder for Reader<T> {
    type Item = T;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<T>, Status> {
        rmp_serde::decode::from_read(buffer.reader())
            .map(Some)
            .map_err(|e| Status::invalid_argument(format!("a peer sent a message that cannot be read: {e}")))
    }
}
