//! The SQL docs say what the code does: generated pages are current, what is
//! listed as refused is refused in those words, and examples are accepted.
//! `UPDATE_DOCS=1` writes the generated parts anew.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::PathBuf;
use streamjob_connectors::{ConnectorConfig, StandardConnectors};
use streamjob_core::Result;
use streamjob_core::options::Options;
use streamjob_sql::{PlanContext, functions_page, plan_script};
use streamjob_tests::goldens;

/// Lines `NAME: text` of one section of goldens/differences.txt.
fn section(title: &str) -> Vec<(&'static str, &'static str)> {
    let text = include_str!("goldens/differences.txt");
    let (_, rest) = text.split_once(&format!("## {title}\n")).expect("the section");
    let body = rest.split("\n## ").next().unwrap_or_default();
    body.lines().filter(|l| !l.trim().is_empty()).map(|l| l.split_once(": ").expect("NAME: text")).collect()
}

fn plan(sql: &str) -> Result<()> {
    let connectors = StandardConnectors::new(ConnectorConfig::default());
    plan_script(sql, &PlanContext { connectors: &connectors, options: Options::default(), now_ms: 0 }).map(drop)
}

fn page(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name)
}

/// Compares a page with what it must be, or writes it.
fn must_be(name: &str, wanted: &str) {
    let path = page(name);
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    if std::env::var_os("UPDATE_DOCS").is_some() && found != wanted {
        return std::fs::write(&path, wanted).unwrap();
    }
    assert!(found == wanted, "docs/{name} is not current: run the test with UPDATE_DOCS=1 and look at the change");
}

#[test]
fn the_page_of_functions_is_current() {
    must_be("sql-functions.md", &functions_page());
}

#[test]
fn the_page_of_options_is_current() {
    must_be("options.md", &streamjob_core::options::markdown());
}

/// Compares the generated part of a page, from a line that says what it is made from, or writes it.
fn part_must_be(name: &str, made_from: &str, wanted: &str) {
    const END: &str = "<!-- end -->\n";
    let begin = format!("<!-- made from {made_from} -->\n");
    let text = std::fs::read_to_string(page(name)).unwrap();
    let (before, rest) = text.split_once(&begin).expect("the beginning of the generated part");
    let (_, after) = rest.split_once(END).expect("the end of the generated part");
    must_be(name, &format!("{before}{begin}{wanted}{END}{after}"));
}

#[test]
fn the_description_of_the_rest_api_is_current() {
    must_be("openapi.json", &streamjob_cluster::rest::document_text());
    part_must_be("rest.md", "runtime/cluster/src/rest/routes.rs", &streamjob_cluster::rest::table());
}

#[test]
fn the_page_of_metrics_is_current() {
    part_must_be("metrics.md", "runtime/cluster/src/metrics/defs.rs", &streamjob_cluster::metrics::page());
}

#[test]
fn the_table_of_differences_is_current() {
    let mut table = String::from("| What | Golden |\n|---|---|\n");
    for (name, reason) in section("Different on purpose") {
        let mut reason = reason.to_string();
        if let Some(first) = reason.get(..1) {
            reason.replace_range(..1, &first.to_uppercase());
        }
        table.push_str(&format!("| {reason}. | `{name}` |\n"));
    }
    part_must_be("sql.md", "tests/goldens/differences.txt", &table);
}

#[test]
fn what_is_refused_is_named_with_its_place() {
    let refused = section("Refused by name");
    assert!(refused.len() > 5);
    let text = std::fs::read_to_string(page("sql.md")).unwrap();
    let goldens = goldens().unwrap();
    for (name, construct) in refused {
        let golden = goldens.iter().find(|g| g.name == name).unwrap_or_else(|| panic!("no golden {name}"));
        let error = plan(&golden.sql).expect_err(name).to_string();
        assert!(error.starts_with("line "), "{name}: no place in {error}");
        assert!(error.contains(construct) && error.contains("not supported"), "{name}: not {construct} in {error}");
        let word = construct.trim_start_matches("an ").trim_start_matches("a ");
        assert!(text.to_lowercase().contains(&word.to_lowercase()), "docs/sql.md does not name {word}");
    }
}

#[test]
fn examples_of_the_sql_page_are_accepted() {
    let text = std::fs::read_to_string(page("sql.md")).unwrap();
    let examples: Vec<&str> =
        text.split("```sql\n").skip(1).map(|part| part.split("```").next().unwrap_or_default()).collect();
    assert!(examples.len() >= 4, "{} examples", examples.len());
    for example in examples {
        plan(example).unwrap_or_else(|e| panic!("{e}\n{example}"));
    }
}
