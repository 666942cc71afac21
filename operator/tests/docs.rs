//! The docs name every reason and every figure. `UPDATE_DOCS=1` writes these parts anew.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fmt::Write;
use std::path::Path;

use streamjob_operator::metrics::{Metrics, Snapshot};
use streamjob_operator::reasons;

/// Compares the generated part of a page, from a line that says what it is made from, or writes it.
fn part_must_be(name: &str, made_from: &str, wanted: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name);
    let begin = format!("<!-- made from {made_from} -->\n");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(&begin).expect("the beginning of the generated part");
    let (_, after) = rest.split_once("<!-- end -->\n").expect("the end of the generated part");
    let page = format!("{before}{begin}{wanted}<!-- end -->\n{after}");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    assert!(
        std::fs::read_to_string(&path).unwrap() == page,
        "docs/{name} is not current: run the test with UPDATE_DOCS=1 and look at the change"
    );
}

#[test]
fn every_reason_has_its_row() {
    let mut table = "| Reason | What it means and what to do |\n|---|---|\n".to_owned();
    for reason in reasons::ALL {
        writeln!(table, "| `{}` | {} |", reason.name, reason.meaning).unwrap();
    }
    part_must_be("upgrades.md", "operator/src/reasons.rs", &table);
}

#[test]
fn every_figure_has_its_row() {
    let text = Metrics::new().write(Snapshot::default()).unwrap();
    let mut table = "| Figure | What |\n|---|---|\n".to_owned();
    let mut kind = "";
    for help in text.lines().filter_map(|l| l.strip_prefix("# HELP ")) {
        let (name, what) = help.split_once(' ').unwrap();
        let suffix = format!("# TYPE {name} ");
        kind = text.lines().find_map(|l| l.strip_prefix(suffix.as_str())).unwrap_or(kind);
        let total = if kind == "counter" { "_total" } else { "" };
        writeln!(table, "| `{name}{total}` | {}. |", what.trim_end_matches('.')).unwrap();
    }
    part_must_be("operations.md", "operator/src/metrics.rs", &table);
}
