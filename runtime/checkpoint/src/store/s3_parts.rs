//! Large S3 objects go up in parts: out of a local file, or as they are written, when only some parts are in memory.

use super::ObjectWrite;
use super::s3::{S3Store, Waiting};
use super::s3_error::Failure;
use aws_sdk_s3::operation::upload_part::UploadPartError;
use aws_sdk_s3::primitives::{ByteStream, Length};
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use futures::StreamExt;
use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::path::Path;
use streamjob_core::{Error, Result};

const PART_SIZE: u64 = 8 << 20;
const MAX_PARTS: u64 = 10_000;
/// Parts of one file under way at once.
const PARALLEL_PARTS: usize = 4;
/// Parts under way of an object that is being written, beside the one that is being filled: all of them in memory.
const PARALLEL_HELD: usize = 2;
/// How many parts of an object whose size is not known are of one size: some servers want no other, and all have a
/// highest number of parts, which objects beyond 16 GB keep to by parts of twice the size, and so on.
const PARTS_OF_ONE_SIZE: u64 = 2_000;

/// A multipart upload under way. Dropped before it is complete, it is aborted: its parts cost money until then.
struct Upload<'a> {
    store: &'a S3Store,
    key: String,
    id: String,
    complete: bool,
}

impl<'a> Upload<'a> {
    /// Of the object with this full key.
    fn begin(store: &'a S3Store, key: &str) -> Result<Self> {
        let request = store.client.create_multipart_upload().bucket(&store.bucket).key(key);
        let created = store.run(request.send())?.map_err(|e| store.fail("CreateMultipartUpload", key, e))?;
        let id = created.upload_id().ok_or_else(|| {
            Error::transient(format!("the S3 server at {} began an upload without an id", store.place.endpoint))
        })?;
        Ok(Self { store, key: key.to_string(), id: id.to_string(), complete: false })
    }

    /// Sends one part; the first has the number 1.
    fn part(
        &self,
        number: u64,
        body: impl Future<Output = Result<ByteStream>> + Send + 'static,
    ) -> impl Future<Output = std::result::Result<CompletedPart, PartError>> + Send + 'static {
        let request = self.store.client.upload_part().bucket(&self.store.bucket).key(&self.key).upload_id(&self.id);
        let number = i32::try_from(number).unwrap_or(i32::MAX);
        async move {
            let body = body.await.map_err(PartError::Body)?;
            match request.part_number(number).body(body).send().await {
                Ok(part) => Ok(CompletedPart::builder().part_number(number).set_e_tag(part.e_tag).build()),
                Err(e) => Err(PartError::Request(Box::new(e))),
            }
        }
    }

    fn part_failed(&self, e: PartError) -> Error {
        match e {
            PartError::Request(e) => self.store.fail("UploadPart", &self.key, *e),
            PartError::Body(e) => e,
        }
    }

    /// Makes the parts an object of `size` bytes.
    fn complete(&mut self, parts: Vec<CompletedPart>, size: u64) -> Result<()> {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let request = self.store.client.complete_multipart_upload().bucket(&self.store.bucket).key(&self.key);
        match self.store.run(request.upload_id(&self.id).multipart_upload(parts).send())? {
            Ok(_) => {}
            // The answer to an earlier try was lost: then the upload is no more, since the object is there.
            Err(e) if Failure::of(&e).is_missing_key() && self.is_there(size)? => {}
            Err(e) => return Err(self.store.fail("CompleteMultipartUpload", &self.key, e)),
        }
        self.complete = true;
        Ok(())
    }

    fn is_there(&self, size: u64) -> Result<bool> {
        let request = self.store.client.head_object().bucket(&self.store.bucket).key(&self.key);
        match self.store.run(request.send())? {
            Ok(head) => Ok(head.content_length().and_then(|n| u64::try_from(n).ok()) == Some(size)),
            Err(e) if Failure::of(&e).is_missing_key() => Ok(false),
            Err(e) => Err(self.store.fail("HeadObject", &self.key, e)),
        }
    }
}

impl Drop for Upload<'_> {
    fn drop(&mut self) {
        if self.complete {
            return;
        }
        let request = self.store.client.abort_multipart_upload().bucket(&self.store.bucket).key(&self.key);
        match self.store.run(request.upload_id(&self.id).send()) {
            // Completed after all, or aborted by an earlier try.
            Ok(Err(e)) if Failure::of(&e).is_missing_key() => {}
            Ok(Err(e)) => tracing::warn!("{}", self.store.fail("AbortMultipartUpload", &self.key, e)),
            Ok(Ok(_)) | Err(_) => {}
        }
    }
}

enum PartError {
    Request(Box<aws_sdk_s3::error::SdkError<UploadPartError, aws_sdk_s3::config::http::HttpResponse>>),
    Body(Error),
}

/// Sends a local file of this size as the object with this full key.
pub(super) fn upload_file(store: &S3Store, key: &str, local: &Path, size: u64) -> Result<()> {
    let part_size = PART_SIZE.max(size.div_ceil(MAX_PARTS));
    let mut upload = Upload::begin(store, key)?;
    let parts: Vec<_> = (0..size.div_ceil(part_size))
        .map(|n| {
            let offset = n * part_size;
            let length = part_size.min(size - offset);
            let file = local.to_path_buf();
            upload.part(n + 1, async move {
                let body = ByteStream::read_from().path(&file).offset(offset).length(Length::Exact(length));
                let unreadable = || Error::transient(format!("cannot read {}", file.display()));
                body.build().await.map_err(|e| unreadable().caused_by(e))
            })
        })
        .collect();
    let sent = store.run(async move {
        let mut stream = futures::stream::iter(parts).buffered(PARALLEL_PARTS);
        let mut done = Vec::new();
        while let Some(part) = stream.next().await {
            done.push(part?);
        }
        Ok(done)
    })?;
    let parts = sent.map_err(|e| upload.part_failed(e))?;
    upload.complete(parts, size)
}

/// An object that goes up as it is written: in one request when it is small, else part by part.
pub(super) struct Streamed<'a> {
    store: &'a S3Store,
    /// In full.
    key: String,
    held: Vec<u8>,
    begun: Option<Begun<'a>>,
}

struct Begun<'a> {
    upload: Upload<'a>,
    under_way: VecDeque<Waiting<std::result::Result<CompletedPart, PartError>>>,
    parts: Vec<CompletedPart>,
    size: u64,
}

impl<'a> Streamed<'a> {
    pub fn new(store: &'a S3Store, key: String) -> Box<Self> {
        Box::new(Self { store, key, held: Vec::new(), begun: None })
    }

    /// Bytes of the part that is being filled.
    fn part_size(&self) -> usize {
        let before = self.begun.as_ref().map_or(0, |b| (b.parts.len() + b.under_way.len()) as u64);
        usize::try_from(PART_SIZE << (before / PARTS_OF_ONE_SIZE).min(8)).unwrap_or(usize::MAX)
    }

    fn send_held(&mut self) -> Result<()> {
        let begun = match &mut self.begun {
            Some(begun) => begun,
            none => {
                let upload = Upload::begin(self.store, &self.key)?;
                none.insert(Begun { upload, under_way: VecDeque::new(), parts: Vec::new(), size: 0 })
            }
        };
        begun.send(Bytes::from(std::mem::take(&mut self.held)))
    }
}

impl Begun<'_> {
    fn send(&mut self, part: Bytes) -> Result<()> {
        self.await_all_but(PARALLEL_HELD - 1)?;
        self.size += part.len() as u64;
        let number = (self.parts.len() + self.under_way.len()) as u64 + 1;
        let sent = self.upload.part(number, async move { Ok(ByteStream::from(part)) });
        self.under_way.push_back(Waiting::start(&self.upload.store.handle, sent));
        Ok(())
    }

    fn await_all_but(&mut self, left: usize) -> Result<()> {
        while self.under_way.len() > left
            && let Some(oldest) = self.under_way.pop_front()
        {
            self.parts.push(oldest.wait()?.map_err(|e| self.upload.part_failed(e))?);
        }
        Ok(())
    }
}

impl Drop for Begun<'_> {
    /// A part that arrives after the upload was aborted would stay.
    fn drop(&mut self) {
        for part in self.under_way.drain(..) {
            let _ = part.wait();
        }
    }
}

impl io::Write for Streamed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.held.len() >= self.part_size() {
            self.send_held().map_err(io::Error::other)?;
        }
        let room = self.part_size().saturating_sub(self.held.len());
        let piece = bytes.get(..room).unwrap_or(bytes);
        self.held.extend_from_slice(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl ObjectWrite for Streamed<'_> {
    fn finish(mut self: Box<Self>) -> Result<()> {
        if self.begun.is_none() {
            return self.store.put_whole(&self.key, Bytes::from(std::mem::take(&mut self.held)));
        }
        self.send_held()?;
        let Some(mut begun) = self.begun.take() else { return Ok(()) };
        begun.await_all_but(0)?;
        let parts = std::mem::take(&mut begun.parts);
        begun.upload.complete(parts, begun.size)
    }
}
