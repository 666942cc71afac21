//! Reads one file in blocks and decodes records from it, with an exact position
//! behind every record.

use super::files;
use super::location::Opened;
use crate::format::{Decoder, Outcome, Place, Step};
use std::fs::File;
use std::io::Read;
use streamjob_core::{Error, Result};

const BLOCK: usize = 1 << 20;
/// A record longer than this is an unclosed quote or not text at all.
const LONGEST_RECORD: usize = 64 << 20;

pub(super) struct FileReader {
    file: File,
    path: String,
    buffer: Vec<u8>,
    /// Bytes of the buffer that are consumed.
    at: usize,
    end: bool,
    /// Position of the next record.
    pub offset: u64,
    /// Its line, from 1.
    pub line: u64,
}

impl FileReader {
    /// Opens a file at a record's start.
    pub(super) fn open(place: &Opened, path: &str, offset: u64, line: u64) -> Result<Self> {
        let file = files::open(place, path, offset)?;
        Ok(Self { file, path: path.to_string(), buffer: Vec::new(), at: 0, end: false, offset, line })
    }

    /// Decodes until there are `max_rows` rows or `max_bytes` are read, but for the record that exceeds them (true), or
    /// the file ends (false). Adds skipped records to `skipped`.
    pub(super) fn read(
        &mut self,
        decoder: &mut dyn Decoder,
        max_rows: usize,
        max_bytes: u64,
        skipped: &mut u64,
    ) -> Result<bool> {
        let until = self.offset.saturating_add(max_bytes);
        while decoder.rows() < max_rows && self.offset < until {
            let input = self.buffer.get(self.at..).unwrap_or_default();
            if input.is_empty() {
                if self.end {
                    return Ok(false);
                }
                self.fill()?;
                continue;
            }
            let place = Place { file: &self.path, line: self.line, first: self.line == 1 };
            match decoder.step(input, self.end, place)? {
                Step::Record { bytes, lines, outcome } => {
                    self.at += bytes;
                    self.offset += bytes as u64;
                    self.line += lines;
                    *skipped += u64::from(outcome == Outcome::Skipped);
                }
                Step::Incomplete if self.end => {
                    return Err(Error::internal(format!("{}: the last record does not end", self.path)));
                }
                Step::Incomplete => self.fill()?,
            }
        }
        Ok(true)
    }

    fn fill(&mut self) -> Result<()> {
        self.buffer.drain(..self.at);
        self.at = 0;
        let kept = self.buffer.len();
        if kept > LONGEST_RECORD {
            return Err(Error::user(format!("{}, line {}: a record is longer than 64 MiB", self.path, self.line))
                .fix("a quote may never be closed, or the file may not be text"));
        }
        self.buffer.resize(kept + BLOCK, 0);
        let free = self.buffer.get_mut(kept..).unwrap_or_default();
        let read = loop {
            match self.file.read(free) {
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        let read = read.map_err(|e| files::failed(&self.path, e))?;
        self.buffer.truncate(kept + read);
        self.end = read == 0;
        // A byte order mark is not part of the first field.
        if self.offset == 0 && kept == 0 && self.buffer.starts_with(&[0xef, 0xbb, 0xbf]) {
            self.at = 3;
            self.offset = 3;
        }
        Ok(())
    }
}
