//! The corpus that real Flink recorded: what it accepts is planned.

use super::plan;

/// Scripts of the corpus that Flink runs and that are out of our scope.
fn out_of_scope() -> Vec<&'static str> {
    let text = include_str!("../../../../tests/goldens/differences.txt");
    let (_, refused) = text.split_once("## Refused by name\n").unwrap();
    refused.lines().filter_map(|l| l.split_once(": ")).map(|(name, _)| name).collect()
}

/// Scripts of the corpus that fail only when they run, or in a connector.
const FAILS_LATER: &[&str] = &[
    "cast_fail_",
    "cast_sink_not_null",
    "format_",
    "number_div_zero",
    "string_json_fail_",
    "window_null_time",
    "error_csv_option_value",
    "error_missing_option",
    "error_source_missing_file",
    "error_unknown_format",
    "error_unknown_option",
    "error_unknown_connector",
];

#[test]
fn what_flink_accepts_is_planned_and_what_it_refuses_is_refused() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/goldens/sql");
    let (mut wrong, mut checked) = (Vec::new(), 0);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    for path in files.iter().filter(|p| p.extension().is_some_and(|e| e == "sql")) {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let Ok(expected) = std::fs::read_to_string(path.with_extension("expected")) else { continue };
        checked += 1;
        let result = plan(&std::fs::read_to_string(path).unwrap());
        let out_of_scope = out_of_scope().contains(&name.as_str());
        match (expected.starts_with("ERROR"), &result) {
            (false, Err(e)) if !out_of_scope => wrong.push(format!("{name}: {e}")),
            (false, Ok(_)) if out_of_scope => wrong.push(format!("{name}: is planned, take it off the list")),
            (true, Ok(_)) if !FAILS_LATER.iter().any(|p| name.starts_with(p)) => {
                wrong.push(format!("{name}: planned, but Flink says {}", expected.lines().nth(1).unwrap_or("")));
            }
            _ => {}
        }
    }
    assert!(checked > 60, "{checked} scripts");
    assert!(wrong.is_empty(), "{} of {checked}\n{}", wrong.len(), wrong.join("\n"));
}
