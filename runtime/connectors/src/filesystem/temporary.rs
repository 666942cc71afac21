//! Temporary files of this machine: what a sink writes before it goes to a
//! bucket, and what a source fetches from one. Each is locked as long as its
//! process has it open, which tells it from those of killed ones.

use super::staging::failed;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use streamjob_core::Result;
use uuid::Uuid;

const START: &str = "streamjob-object-";

/// A new file, locked until it is closed.
pub(super) fn create() -> Result<(File, PathBuf)> {
    loop {
        let path = std::env::temp_dir().join(format!("{START}{}", Uuid::new_v4().simple()));
        let file = File::create_new(&path).map_err(|e| failed("create", &path, e))?;
        file.lock().map_err(|e| failed("lock", &path, e))?;
        // Between creation and lock somebody may have taken it for a leftover.
        if path.exists() {
            return Ok((file, path));
        }
    }
}

/// Removes those in `dir` that no living process has open; best effort, since they harm nobody.
pub(super) fn sweep(dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if !entry.file_name().to_string_lossy().starts_with(START) {
            continue;
        }
        let file = File::options().write(true).open(entry.path());
        if let Ok(file) = file.and_then(|f| f.try_lock().map(|()| f).map_err(Into::into)) {
            let _ = fs::remove_file(entry.path());
            drop(file);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn only_temporary_files_that_nobody_has_open_are_swept() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let held = File::create_new(at("streamjob-object-held")).unwrap();
        held.lock().unwrap();
        for name in ["streamjob-object-left", "other"] {
            fs::write(at(name), "x").unwrap();
        }
        let names = || {
            let mut all: Vec<String> =
                fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
            all.sort();
            all
        };
        sweep(dir.path());
        assert_eq!(names(), ["other", "streamjob-object-held"]);
        drop(held);
        sweep(dir.path());
        assert_eq!(names(), ["other"]);
    }
}
