//! The files that a source reads. Names that begin with `.` or `_` are hidden,
//! as in Flink: sinks keep what is not committed yet under such names.

use super::location::Opened;
use super::temporary;
use regex::Regex;
use std::fmt::Display;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Seek, SeekFrom};
use std::path::Path;
use streamjob_core::{Error, Result};

/// A file that can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileMeta {
    /// Absolute path, or key in its bucket.
    pub path: String,
    /// Bytes.
    pub size: u64,
}

/// Whether a place was looked at before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listing {
    /// What is not there now may be misspelt.
    First,
    /// It was there: what is not there now may come back, and is waited for.
    Again,
}

/// All files at a place, sorted by path. Errors (User) when there is nothing at that path and never was.
pub(super) fn list(place: &Opened, pattern: Option<&Regex>, listing: Listing) -> Result<Vec<FileMeta>> {
    let mut files = Vec::new();
    match place {
        Opened::Local(root) => visit(root, Some(listing), &mut files)?,
        Opened::Bucket { store, key, url } => {
            let single = if key.is_empty() { None } else { store.head(key)? };
            match single {
                Some(object) => files.push(FileMeta { path: object.key, size: object.size }),
                None => {
                    let objects = store.list(key)?;
                    // A bucket has no folders: one whose objects were taken away is as good as none.
                    if objects.is_empty() && listing == Listing::First {
                        return Err(missing(url));
                    }
                    let below = |path: &str| path.get(key.len()..).unwrap_or("").trim_matches('/').to_string();
                    let shown = objects.into_iter().filter(|o| !below(&o.key).split('/').any(hidden));
                    files.extend(shown.map(|o| FileMeta { path: o.key, size: o.size }));
                }
            }
        }
    }
    if let Some(pattern) = pattern {
        files.retain(|f| pattern.is_match(&f.path));
    }
    for file in &files {
        let compressed = ["gz", "gzip", "bz2", "xz", "zst", "deflate"];
        if file.path.rsplit_once('.').is_some_and(|(_, end)| compressed.contains(&end)) {
            return Err(Error::user(format!("{}: compressed files are not supported", file.path))
                .fix("unpack it, or leave it out by 'source.path.regex-pattern'"));
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn hidden(name: &str) -> bool {
    name.starts_with(['.', '_'])
}

fn missing(path: impl Display) -> Error {
    Error::user(format!("there is no file or folder {path}")).fix("check the table's option 'path'")
}

/// The error of reading a file or folder: what nobody has to change may be over after a restart.
pub(super) fn failed(path: impl Display, e: io::Error) -> Error {
    use ErrorKind::{InvalidFilename, IsADirectory, NotADirectory, PermissionDenied};
    let message = format!("cannot read {path}");
    let error = match e.kind() {
        PermissionDenied => Error::user(message).fix("let this process's user read it"),
        IsADirectory | NotADirectory | InvalidFilename => {
            Error::user(message).fix("check the table's option 'path', and what lies there")
        }
        _ => Error::transient(message),
    };
    error.caused_by(e)
}

/// Adds the files at and below `path`; `root` is set for the table's own path.
fn visit(path: &Path, root: Option<Listing>, files: &mut Vec<FileMeta>) -> Result<()> {
    // Below the root: renamed or removed since it was listed.
    let gone = |e: &io::Error| e.kind() == ErrorKind::NotFound && root.is_none();
    let meta = match fs::metadata(path) {
        Ok(meta) => meta,
        Err(e) if e.kind() == ErrorKind::NotFound && root == Some(Listing::First) => {
            return Err(missing(path.display()));
        }
        Err(e) if e.kind() == ErrorKind::NotFound && root == Some(Listing::Again) => {
            tracing::warn!("{} is not there at the moment; it is looked for again", path.display());
            return Ok(());
        }
        Err(e) if gone(&e) => return Ok(()),
        Err(e) => return Err(failed(path.display(), e)),
    };
    if !meta.is_dir() {
        files.push(FileMeta { path: path.display().to_string(), size: meta.len() });
        return Ok(());
    }
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(e) if gone(&e) => return Ok(()),
        Err(e) => return Err(failed(path.display(), e)),
    };
    for entry in entries {
        let entry = entry.map_err(|e| failed(path.display(), e))?;
        if !hidden(&entry.file_name().to_string_lossy()) {
            visit(&entry.path(), None, files)?;
        }
    }
    Ok(())
}

/// Opens a file at a byte offset. Objects are first copied to a local temporary
/// file, which has no name any more once it is open.
pub(super) fn open(place: &Opened, path: &str, offset: u64) -> Result<File> {
    let mut file = match place {
        Opened::Local(root) => File::open(path).map_err(|e| match e.kind() {
            // The folder itself may come back.
            ErrorKind::NotFound if root == Path::new(path) || root.exists() => {
                Error::user(format!("{path} is gone, but has not been read to its end"))
                    .fix("restore the file, or start without the checkpoint")
                    .caused_by(e)
            }
            _ => failed(path, e),
        })?,
        Opened::Bucket { store, .. } => {
            // Locked while it is fetched.
            let (_held, local) = temporary::create()?;
            let opened = store.download(path, &local).and_then(|_| File::open(&local).map_err(|e| failed(path, e)));
            let _ = fs::remove_file(&local);
            opened?
        }
    };
    let size = file.metadata().map_err(|e| failed(path, e))?.len();
    if size < offset {
        return Err(Error::user(format!("{path} has {size} bytes, but was read up to byte {offset} before"))
            .fix("files must not change once they are read; restore the file, or start without the checkpoint"));
    }
    file.seek(SeekFrom::Start(offset)).map_err(|e| failed(path, e))?;
    Ok(file)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use streamjob_core::Domain;

    #[test]
    fn what_may_be_over_after_a_restart_does_not_end_the_job() {
        // By number: many have no kind of their own.
        for (code, name, domain) in [
            (5, "EIO", Domain::Transient),
            (13, "EACCES", Domain::User),
            (20, "ENOTDIR", Domain::User),
            (21, "EISDIR", Domain::User),
            (23, "ENFILE", Domain::Transient),
            (24, "EMFILE", Domain::Transient),
            (110, "ETIMEDOUT", Domain::Transient),
            (116, "ESTALE", Domain::Transient),
            (2, "ENOENT", Domain::Transient),
        ] {
            let error = failed("/data/x.csv", io::Error::from_raw_os_error(code));
            assert_eq!(error.domain(), domain, "{name}");
            assert!(error.to_string().contains("/data/x.csv"), "{error}");
        }
    }

    #[test]
    fn a_folder_that_was_there_may_come_back() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("in");
        let place = Opened::Local(root.clone());
        assert_eq!(list(&place, None, Listing::First).unwrap_err().domain(), Domain::User);
        assert!(list(&place, None, Listing::Again).unwrap().is_empty());
        let file = root.join("x.csv").display().to_string();
        assert_eq!(open(&place, &file, 0).unwrap_err().domain(), Domain::Transient);
        fs::create_dir(&root).unwrap();
        assert_eq!(open(&place, &file, 0).unwrap_err().domain(), Domain::User);
        assert!(list(&place, None, Listing::First).unwrap().is_empty());
    }
}
