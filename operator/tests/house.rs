//! The stages that decide are pure, and files are small.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::path::{Path, PathBuf};

fn files(dir: &Path, all: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, all);
        } else if path.extension().is_some_and(|e| e == "rs") {
            all.push(path);
        }
    }
}

#[test]
fn what_decides_has_no_client_no_clock_and_no_runtime() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all = Vec::new();
    files(&src, &mut all);
    let mut seen = 0;
    for path in all {
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.lines().count() <= 420, "{}: ask whether it is two", path.display());
        let stage = path.strip_prefix(&src).unwrap().to_str().unwrap().to_owned();
        if ["plan", "build", "validate", "status", "model", "names"].iter().any(|s| stage.starts_with(s)) {
            seen += 1;
            for word in ["kube::Client", "tokio", "async ", "SystemTime", "Timestamp::now", "std::fs", "std::env"] {
                assert!(!text.contains(word), "{stage}: {word}");
            }
        }
    }
    assert!(seen >= 12, "the stages are somewhere else");
}
