//! RocksDB's and the file system's errors in ours. Both are the outside world's: disks fill up and files get lost.

use std::fmt::Display;
use std::path::Path;
use streamjob_core::{Error, Result};

/// Gives a RocksDB error its context.
pub(crate) trait RocksExt<T> {
    fn rocks(self, context: impl Display) -> Result<T>;
}

impl<T> RocksExt<T> for std::result::Result<T, rocksdb::Error> {
    fn rocks(self, context: impl Display) -> Result<T> {
        self.map_err(|e| failed(&context, e))
    }
}

/// RocksDB tells a full disk by a subcode that its C interface drops; the text has it.
fn failed(context: &dyn Display, e: rocksdb::Error) -> Error {
    let message = format!("RocksDB: {context}");
    let full = ["No space left on device", "Disk quota exceeded", "File too large"];
    if full.iter().any(|text| e.as_ref().contains(text)) {
        return Error::user(message).caused_by(e).fix(
            "the disk of the working state is full: free space there, or set state.backend.rocksdb.localdir to a larger one, \
             and start the job again; it goes on from its last checkpoint",
        );
    }
    Error::transient(message).caused_by(e)
}

pub(crate) fn create_dir(dir: &Path) -> Result<()> {
    use std::io::ErrorKind::{AlreadyExists, InvalidFilename, NotADirectory, PermissionDenied, ReadOnlyFilesystem};
    std::fs::create_dir_all(dir).map_err(|e| {
        let message = format!("cannot create the state folder {}", dir.display());
        // No restart makes these another place.
        let stays = matches!(
            e.kind(),
            AlreadyExists | InvalidFilename | NotADirectory | PermissionDenied | ReadOnlyFilesystem
        );
        let error = if stays { Error::user(message) } else { Error::transient(message) };
        error.caused_by(e).fix(
            "state.backend.rocksdb.localdir must be a folder that this process can write to, on a disk that is large enough",
        )
    })
}

/// Removes a folder and all in it; what cannot be removed is only worth a warning.
pub(crate) fn remove_dir(dir: &Path) {
    match std::fs::remove_dir_all(dir) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            tracing::warn!(dir = %dir.display(), error = %e, "cannot remove a folder of local state");
        }
        _ => {}
    }
}
