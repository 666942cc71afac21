//! How far a source's files are read. What is asked after every batch costs no
//! walk over all of them: there may be very many.

use super::files::FileMeta;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How far a file is read; also the form in the checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileState {
    pub path: String,
    pub size: u64,
    /// Byte at which the next record begins.
    pub offset: u64,
    /// Line of the next record, from 1.
    pub line: u64,
    pub done: bool,
}

/// The files of one subtask.
#[derive(Debug, Default)]
pub(super) struct Positions {
    /// By path.
    files: BTreeMap<String, FileState>,
    /// Paths of those that are not read to their end.
    left: BTreeSet<String>,
    /// Sums over all files.
    read: u64,
    size: u64,
}

impl Positions {
    /// Adds a file; false when it is known.
    pub(super) fn add(&mut self, FileMeta { path, size }: FileMeta) -> bool {
        let new = !self.files.contains_key(&path);
        if new {
            self.restore(FileState { path, size, offset: 0, line: 1, done: false });
        }
        new
    }

    /// Takes a file over from a checkpoint.
    pub(super) fn restore(&mut self, file: FileState) {
        self.read += file.offset;
        self.size += file.size;
        if !file.done {
            self.left.insert(file.path.clone());
        }
        self.files.insert(file.path.clone(), file);
    }

    /// The first file, by path, that is not read to its end.
    pub(super) fn next(&self) -> Option<&FileState> {
        self.files.get(self.left.first()?)
    }

    /// Notes how far a file is.
    pub(super) fn note(&mut self, path: &str, offset: u64, line: u64, done: bool) {
        let Some(file) = self.files.get_mut(path) else { return };
        let size = file.size.max(offset);
        self.read = self.read - file.offset + offset;
        self.size = self.size - file.size + size;
        (file.offset, file.line, file.size, file.done) = (offset, line, size, done);
        if done {
            self.left.remove(path);
        }
    }

    /// All files, by path.
    pub(super) fn iter(&self) -> impl Iterator<Item = &FileState> {
        self.files.values()
    }

    /// Bytes read, and in all.
    pub(super) fn bytes(&self) -> (u64, u64) {
        (self.read, self.size)
    }
}
