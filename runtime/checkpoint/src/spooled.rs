//! A checkpoint's file that is written piece by piece: held in memory while it may
//! still go inline, then written into storage as it comes.

use crate::hash::digest;
use crate::snapshot_store::{CheckpointWriter, MAX_INLINE_THRESHOLD};
use crate::store::ObjectWrite;
use std::io;
use streamjob_core::Result;
use streamjob_state::{FileRef, Scope, SnapshotStore, SnapshotWrite};
use xxhash_rust::xxh3::Xxh3;

/// See the module.
pub(crate) struct Spooled<'a> {
    writer: &'a CheckpointWriter,
    scope: Scope,
    hint: String,
    held: Vec<u8>,
    file: Option<Begun<'a>>,
}

/// The file in storage.
struct Begun<'a> {
    path: String,
    object: Box<dyn ObjectWrite + 'a>,
    hash: Xxh3,
    size: u64,
}

impl<'a> Spooled<'a> {
    pub fn new(writer: &'a CheckpointWriter, scope: Scope, hint: &str) -> Self {
        Self { writer, scope, hint: hint.to_string(), held: Vec::new(), file: None }
    }

    fn begin(&mut self) -> Result<()> {
        let path = self.writer.name(self.scope, &self.hint);
        let object = self.writer.begin(&path)?;
        self.file = Some(Begun { path, object, hash: Xxh3::new(), size: 0 });
        Ok(())
    }
}

impl Begun<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.object.write_all(bytes)?;
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
        Ok(())
    }
}

impl io::Write for Spooled<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.file.is_none() && self.held.len() + bytes.len() > MAX_INLINE_THRESHOLD as usize {
            self.begin().map_err(io::Error::other)?;
            let held = std::mem::take(&mut self.held);
            self.file.iter_mut().try_for_each(|f| f.write(&held))?;
        }
        match &mut self.file {
            Some(file) => file.write(bytes)?,
            None => self.held.extend_from_slice(bytes),
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl SnapshotWrite for Spooled<'_> {
    fn finish(self: Box<Self>) -> Result<FileRef> {
        let Some(file) = self.file else { return self.writer.write(self.scope, &self.hint, &self.held) };
        file.object.finish()?;
        self.writer.count(file.size);
        Ok(FileRef { path: file.path, size: file.size, checksum: digest(&file.hash), inline: None })
    }
}
