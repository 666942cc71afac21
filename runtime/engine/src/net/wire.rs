//! Reading frames, and who is who at the start of a connection.

use super::frame::{self, HEADER, Header};
use arrow::buffer::MutableBuffer;
use streamjob_core::{Error, Result};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};

/// Version of the frames and the greeting.
pub(crate) const VERSION: u8 = 1;
const MAGIC: [u8; 3] = *b"SJX";

/// A TCP or TLS stream.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}
pub(crate) type Stream = Box<dyn Duplex>;
pub(crate) type Reader = ReadHalf<Stream>;
pub(crate) type Writer = WriteHalf<Stream>;

fn lost(e: std::io::Error) -> Error {
    Error::transient("cannot read").caused_by(e)
}

/// The next frame, checked; `None` at a clean end.
pub(crate) async fn read_frame(reader: &mut Reader) -> Result<Option<(Header, MutableBuffer)>> {
    let mut head = [0; HEADER];
    let (first, rest) = head.split_at_mut(1);
    if reader.read(first).await.map_err(lost)? == 0 {
        return Ok(None);
    }
    reader.read_exact(rest).await.map_err(lost)?;
    let header = frame::header(&head)?;
    let mut payload = frame::buffer(header.length);
    reader.read_exact(payload.as_slice_mut()).await.map_err(lost)?;
    frame::check(&header, payload.as_slice())?;
    Ok(Some((header, payload)))
}

/// What a connection is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hello {
    /// The deployment.
    pub attempt: String,
    /// The worker that connects.
    pub from: u32,
    /// The worker that it wants.
    pub to: u32,
}

impl Hello {
    /// Introduces itself and waits for the answer.
    pub(crate) async fn send(&self, stream: &mut Stream) -> Result<()> {
        let name = self.attempt.as_bytes();
        let length = u8::try_from(name.len()).map_err(|_| Error::internal("an attempt's name has over 255 bytes"))?;
        let mut out = MAGIC.to_vec();
        out.extend([VERSION, length]);
        out.extend(name);
        out.extend(self.from.to_le_bytes());
        out.extend(self.to.to_le_bytes());
        stream.write_all(&out).await.map_err(lost)?;
        stream.flush().await.map_err(lost)?;
        let length = stream.read_u16_le().await.map_err(lost)?;
        let mut text = vec![0; usize::from(length)];
        stream.read_exact(&mut text).await.map_err(lost)?;
        if text.is_empty() {
            return Ok(());
        }
        Err(Error::transient(String::from_utf8_lossy(&text).into_owned()))
    }

    /// Reads who connects.
    pub(crate) async fn receive(stream: &mut Stream) -> Result<Self> {
        let mut head = [0; 5];
        stream.read_exact(&mut head).await.map_err(lost)?;
        let [a, b, c, version, length] = head;
        if [a, b, c] != MAGIC {
            return Err(Error::transient("this port is for other workers of the job"));
        }
        if version != VERSION {
            return Err(Error::transient(format!("exchange protocol {version}, this worker speaks {VERSION}"))
                .fix("all workers must run the same version of streamjob"));
        }
        let mut name = vec![0; usize::from(length)];
        stream.read_exact(&mut name).await.map_err(lost)?;
        let from = stream.read_u32_le().await.map_err(lost)?;
        let to = stream.read_u32_le().await.map_err(lost)?;
        Ok(Self { attempt: String::from_utf8_lossy(&name).into_owned(), from, to })
    }
}

/// Answers a greeting; an empty text is welcome.
pub(crate) async fn answer(stream: &mut Stream, refusal: &str) -> Result<()> {
    let text: String = refusal.chars().take(1000).collect();
    stream.write_u16_le(u16::try_from(text.len()).unwrap_or(0)).await.map_err(lost)?;
    stream.write_all(text.as_bytes()).await.map_err(lost)?;
    stream.flush().await.map_err(lost)
}
