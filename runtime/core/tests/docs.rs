//! docs/options.md in git is what the registry gives.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;
use streamjob_core::options::markdown;

#[test]
fn the_options_page_is_current() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/options.md");
    if std::env::var_os("UPDATE_DOCS").is_some_and(|v| v == "1") {
        std::fs::write(&page, markdown()).unwrap();
    }
    let found = std::fs::read_to_string(&page).unwrap();
    assert!(
        found == markdown(),
        "docs/options.md is old; regenerate: UPDATE_DOCS=1 cargo test --release -p streamjob-core"
    );
}
