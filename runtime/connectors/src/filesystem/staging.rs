//! Where a sink's files are until their checkpoint is complete, and how they
//! become visible.
//!
//! Local: `.NAME.inprogress` while written, `.NAME.pending` when closed and
//! synced, `.NAME.saved` when a savepoint has it, renamed to `NAME` on commit.
//! Bucket: a local temporary file while written, `_staging/NAME` when closed,
//! `_staging/NAME.saved` when a savepoint has it, copied on the server to `NAME`
//! and then deleted on commit. Committing twice does nothing the second time: the
//! hidden file is gone and the visible one is there; a copy that was made but
//! whose source was not deleted is made again with the same content. Two
//! processes may commit the same part at once, when a worker that was given up is
//! still at it.
//!
//! What a savepoint has is never swept: a restart goes on from a checkpoint, and
//! knows no savepoint that came after it and may be restored years later.

use super::location::Opened;
use super::temporary;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use streamjob_checkpoint::ObjectStore;
use streamjob_checkpoint::store::join;
use streamjob_core::{Error, Result};

const STAGING: &str = "_staging";
/// What hidden names end with, in the order in which a part takes them.
const PENDING: &str = "pending";
const SAVED: &str = "saved";

/// A file system error that names the path; a full disk also says what to do.
pub(super) fn failed(what: &str, path: &Path, e: io::Error) -> Error {
    let message = format!("cannot {what} {}", path.display());
    let error = match e.kind() {
        // Trying again frees no space: somebody has to.
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => Error::user(message)
            .fix("the disk is full: free space there and start the job again; it goes on from its last checkpoint"),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            Error::user(message).fix("let this process's user write to the folder of the table's option 'path'")
        }
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists | ErrorKind::InvalidFilename => Error::user(message)
            .fix("the table's option 'path' must be a folder, or not be there yet; something else is in its place"),
        _ => Error::transient(message),
    };
    error.caused_by(e)
}

fn hidden(dir: &Path, name: &str, end: &str) -> PathBuf {
    dir.join(format!(".{name}.{end}"))
}

fn staged(key: &str, name: &str, end: &str) -> String {
    let name = if end == SAVED { format!("{name}.{SAVED}") } else { name.to_string() };
    join(&join(key, STAGING), &name)
}

fn sync_dir(dir: &Path) -> Result<()> {
    File::open(dir).and_then(|d| d.sync_all()).map_err(|e| failed("sync folder", dir, e))
}

/// Opens the file that a part is written to. Nobody else sees it.
pub(super) fn create(place: &Opened, name: &str) -> Result<(File, PathBuf)> {
    match place {
        Opened::Local(dir) => {
            fs::create_dir_all(dir).map_err(|e| failed("create folder", dir, e))?;
            let path = hidden(dir, name, "inprogress");
            let file = File::create_new(&path).map_err(|e| failed("create", &path, e))?;
            Ok((file, path))
        }
        Opened::Bucket { .. } => temporary::create(),
    }
}

/// Makes a written part durable, still hidden; `saved` when a savepoint will have it.
pub(super) fn seal(place: &Opened, name: &str, file: &File, path: &Path, saved: bool) -> Result<()> {
    let end = if saved { SAVED } else { PENDING };
    match place {
        Opened::Local(dir) => {
            file.sync_all().map_err(|e| failed("sync", path, e))?;
            fs::rename(path, hidden(dir, name, end)).map_err(|e| failed("rename", path, e))?;
            sync_dir(dir)
        }
        Opened::Bucket { store, key, .. } => {
            store.upload(&staged(key, name, end), path)?;
            fs::remove_file(path).map_err(|e| failed("remove", path, e))
        }
    }
}

/// A savepoint will have this part, which was sealed for a checkpoint.
pub(super) fn save(place: &Opened, name: &str) -> Result<()> {
    match place {
        Opened::Local(dir) => {
            rename(&hidden(dir, name, PENDING), &hidden(dir, name, SAVED))?;
            sync_dir(dir)
        }
        Opened::Bucket { store, key, .. } => {
            relocate(store.as_ref(), &staged(key, name, PENDING), &staged(key, name, SAVED)).map(|_| ())
        }
    }
}

/// Makes a sealed part of `size` bytes visible, if it is not yet. False when it is neither hidden nor visible.
///
/// It is looked for in the order of the names that it takes, so that none is missed that another process moves on
/// meanwhile.
pub(super) fn publish(place: &Opened, name: &str, size: u64) -> Result<bool> {
    let check = |at: &dyn Fn() -> String, found: Option<u64>| match found {
        Some(found) if found != size => Err(Error::user(format!(
            "the output {} of a complete checkpoint has {found} bytes instead of {size}",
            at()
        ))
        .fix("it was changed by somebody else; restore or remove it, or start from another checkpoint")),
        found => Ok(found.is_some()),
    };
    match place {
        Opened::Local(dir) => {
            let visible = dir.join(name);
            let there = |path: &Path| check(&|| path.display().to_string(), size_of(path)?);
            for end in [PENDING, SAVED] {
                let hidden = hidden(dir, name, end);
                if there(&hidden)? && rename(&hidden, &visible)? {
                    return sync_dir(dir).map(|()| true);
                }
            }
            let published = there(&visible)?;
            // The folder may be gone with all that was in it.
            if published {
                sync_dir(dir)?;
            }
            Ok(published)
        }
        Opened::Bucket { store, key, .. } => {
            let visible = join(key, name);
            let there = |key: &str| check(&|| store.url(key), store.head(key)?.map(|o| o.size));
            for end in [PENDING, SAVED] {
                let hidden = staged(key, name, end);
                if there(&hidden)? && relocate(store.as_ref(), &hidden, &visible)? {
                    return Ok(true);
                }
            }
            there(&visible)
        }
    }
}

/// Renames a file. False when another process has done so.
fn rename(from: &Path, to: &Path) -> Result<bool> {
    match fs::rename(from, to) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
        Err(e) => Err(failed("rename", from, e)),
    }
}

/// Copies an object and deletes it. False when another process has done so.
fn relocate(store: &dyn ObjectStore, from: &str, to: &str) -> Result<bool> {
    match store.copy(from, to) {
        Ok(()) => store.delete(from).map(|()| true),
        // Whoever has deleted it has copied it before.
        Err(e) => store.head(from)?.map_or(Ok(false), |_| Err(e)),
    }
}

/// Bytes of a file; `None` when there is none.
fn size_of(path: &Path) -> Result<Option<u64>> {
    match fs::metadata(path) {
        Ok(meta) => Ok(Some(meta.len())),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(failed("look at", path, e)),
    }
}

/// Removes hidden parts of earlier attempts whose names begin with `prefix`: those never sealed, and with
/// `keep` also those sealed for checkpoints that it does not want.
pub(super) fn sweep(place: &Opened, prefix: &str, attempt: &str, keep: Option<&dyn Fn(&str) -> bool>) -> Result<()> {
    let old = |name: &str| name.strip_prefix(prefix).is_some_and(|rest| !rest.starts_with(attempt));
    match place {
        Opened::Local(dir) => {
            let entries = match fs::read_dir(dir) {
                Ok(entries) => entries,
                Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
                Err(e) => return Err(failed("list", dir, e)),
            };
            for entry in entries.flatten() {
                let file = entry.file_name();
                let Some(name) = file.to_str().and_then(|n| n.strip_prefix('.')) else { continue };
                let remove = match name.rsplit_once('.') {
                    Some((name, "inprogress")) => old(name),
                    Some((name, PENDING)) => old(name) && keep.is_some_and(|keep| !keep(name)),
                    _ => false,
                };
                if remove {
                    match fs::remove_file(entry.path()) {
                        Err(e) if e.kind() != ErrorKind::NotFound => return Err(failed("remove", &entry.path(), e)),
                        _ => {}
                    }
                }
            }
        }
        Opened::Bucket { store, key, .. } => {
            temporary::sweep(&std::env::temp_dir());
            let Some(keep) = keep else { return Ok(()) };
            for object in store.list(&join(key, STAGING))? {
                let name = object.key.rsplit('/').next().unwrap_or_default();
                if old(name) && !name.ends_with(SAVED) && !keep(name) {
                    store.delete(&object.key)?;
                }
            }
        }
    }
    Ok(())
}
