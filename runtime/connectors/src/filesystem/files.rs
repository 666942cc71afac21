//! The files that a source reads. Names that begin with `.` or `_` are hidden,
//! as in Flink: sinks keep what is not committed yet under such names.

use super::location::Opened;
use super::temporary;
use regex::Regex;
use std::fs::{self, File};
use std::io::{ErrorKind, Seek, SeekFrom};
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

/// All files at a place, sorted by path. Errors (User) when there is nothing at that path.
pub(super) fn list(place: &Opened, pattern: Option<&Regex>) -> Result<Vec<FileMeta>> {
    let mut files = Vec::new();
    match place {
        Opened::Local(root) => visit(root, true, &mut files)?,
        Opened::Bucket { store, key, url } => {
            let single = if key.is_empty() { None } else { store.head(key)? };
            match single {
                Some(object) => files.push(FileMeta { path: object.key, size: object.size }),
                None => {
                    let objects = store.list(key)?;
                    if objects.is_empty() {
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

fn missing(path: impl std::fmt::Display) -> Error {
    Error::user(format!("there is no file or folder {path}")).fix("check the table's option 'path'")
}

fn visit(path: &Path, root: bool, files: &mut Vec<FileMeta>) -> Result<()> {
    let failed = |e: std::io::Error| Error::user(format!("cannot read {}", path.display())).caused_by(e);
    let meta = match fs::metadata(path) {
        Ok(meta) => meta,
        Err(e) if e.kind() == ErrorKind::NotFound && root => return Err(missing(path.display())),
        // Renamed or removed since it was listed.
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(failed(e)),
    };
    if !meta.is_dir() {
        files.push(FileMeta { path: path.display().to_string(), size: meta.len() });
        return Ok(());
    }
    for entry in fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if !hidden(&entry.file_name().to_string_lossy()) {
            visit(&entry.path(), false, files)?;
        }
    }
    Ok(())
}

/// Opens a file at a byte offset. Objects are first copied to a local temporary
/// file, which has no name any more once it is open.
pub(super) fn open(place: &Opened, path: &str, offset: u64) -> Result<File> {
    let gone = |e: std::io::Error| match e.kind() {
        ErrorKind::NotFound => Error::user(format!("{path} is gone, but has not been read to its end")).caused_by(e),
        _ => Error::user(format!("cannot read {path}")).caused_by(e),
    };
    let mut file = match place {
        Opened::Local(_) => File::open(path).map_err(gone)?,
        Opened::Bucket { store, .. } => {
            // Locked while it is fetched.
            let (_held, local) = temporary::create()?;
            let opened = store.download(path, &local).and_then(|_| File::open(&local).map_err(gone));
            let _ = fs::remove_file(&local);
            opened?
        }
    };
    let size = file.metadata().map_err(gone)?.len();
    if size < offset {
        return Err(Error::user(format!("{path} has {size} bytes, but was read up to byte {offset} before"))
            .fix("files must not change once they are read; restore the file, or start without the checkpoint"));
    }
    file.seek(SeekFrom::Start(offset)).map_err(gone)?;
    Ok(file)
}
