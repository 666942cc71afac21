//! The real binary on small real input: rows, files, exit codes.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn streamjob(dir: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_streamjob"));
    command.current_dir(dir).args(args);
    for name in ["RUST_LOG", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"] {
        command.env_remove(name);
    }
    command.output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

const SQL: &str = "
CREATE TABLE orders (uid BIGINT, item STRING) WITH ('connector'='filesystem', 'path'='orders.csv', 'format'='csv');
CREATE TABLE counts (uid BIGINT, cnt BIGINT) WITH ('connector'='print');
INSERT INTO counts SELECT uid, COUNT(*) AS cnt FROM orders GROUP BY uid;
";
const LAST: &str = "INSERT INTO counts SELECT uid, COUNT(*) AS cnt FROM orders GROUP BY uid;";

/// A folder with a job, `counts.sql`, and its input.
fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("orders.csv"), "1,a\n2,b\n1,c\n1,d\n").unwrap();
    std::fs::write(dir.path().join("counts.sql"), SQL).unwrap();
    dir
}

#[test]
fn a_script_runs_to_its_end_and_prints_its_rows() {
    let dir = folder();
    let output = streamjob(dir.path(), &["run", "counts.sql", "--set", "rest.port=0"]);
    assert!(output.status.success(), "{}", err(&output));
    let mut rows: Vec<_> = out(&output).lines().map(str::to_string).collect();
    rows.sort();
    assert_eq!(rows, ["+I[1, 1]", "+I[2, 1]", "+U[1, 2]", "+U[1, 3]", "-U[1, 1]", "-U[1, 2]"]);
    let told = err(&output);
    for part in ["orders (filesystem) → counts (print)", "rocksdb", "finished after", "4 rows in", "checkpoint list"]
    {
        assert!(told.contains(part), "'{part}' is missing in\n{told}");
    }
    // The end is a checkpoint that can be looked at and that the next run finds.
    let list = streamjob(dir.path(), &["checkpoint", "list", "--json"]);
    assert!(list.status.success(), "{}", err(&list));
    let list: serde_json::Value = serde_json::from_str(&out(&list)).unwrap();
    assert_eq!(list["job"], "counts");
    let last = list["checkpoints"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((last["complete"].as_bool(), last["retained"].as_bool()), (Some(true), Some(true)));
    let location = last["location"].as_str().unwrap();
    let number = last["id"].to_string();
    for verb in ["inspect", "verify"] {
        for one in [location, &number, &format!("chk-{number}")] {
            let got = streamjob(dir.path(), &["checkpoint", verb, one]);
            assert!(got.status.success() && out(&got).contains(location), "{verb}: {}{}", out(&got), err(&got));
        }
    }
    let got = streamjob(dir.path(), &["checkpoint", "inspect", "99"]);
    assert!(got.status.code() == Some(2) && err(&got).contains("no checkpoint or savepoint of number 99"));
    assert!(out(&streamjob(dir.path(), &["checkpoint", "list"])).contains("LOCATION"));
    let again = streamjob(dir.path(), &["run", "counts.sql", "--no-rest"]);
    assert!(again.status.success(), "{}", err(&again));
    assert_eq!(out(&again), "");
    // Another script under that name is not taken for done.
    std::fs::write(dir.path().join("counts.sql"), SQL.replace("COUNT(*)", "COUNT(*) + 100")).unwrap();
    let other = streamjob(dir.path(), &["run", "counts.sql", "--no-rest"]);
    assert_eq!(other.status.code(), Some(2), "{}", err(&other));
    for part in ["with another script", "--from none", "pipeline.name"] {
        assert!(err(&other).contains(part), "{}", err(&other));
    }
    let anew =
        streamjob(dir.path(), &["run", "counts.sql", "--no-rest", "--from", "none", "--set", "state.backend=hashmap"]);
    assert_eq!(out(&anew).lines().count(), 6, "{}", err(&anew));
}

#[test]
fn a_manifest_runs_too() {
    let dir = folder();
    let sql = SQL.replace('\n', "\n      ");
    let text = format!(
        "apiVersion: streamjob.dev/v1alpha1\nkind: StreamJob\nmetadata: {{name: order-count}}\nspec:\n  parallelism: 2\n  job:\n    sql: |{sql}\n  stateBackend: {{type: Heap}}\n  checkpoint: {{storage: {{type: FileSystem, fileSystem: {{path: chk}}}}}}\n"
    );
    std::fs::write(dir.path().join("job.yaml"), text).unwrap();
    let output = streamjob(dir.path(), &["run", "job.yaml", "--no-rest"]);
    assert!(output.status.success(), "{}", err(&output));
    assert_eq!(out(&output).lines().count(), 6, "{}", out(&output));
    assert!(err(&output).contains("hashmap"), "{}", err(&output));
    assert!(dir.path().join("chk/default/order-count/head").is_file());
    let list = streamjob(dir.path(), &["checkpoint", "list", "--storage", "chk"]);
    assert!(list.status.success(), "{}", err(&list));
}

#[test]
fn json_logs_are_json_lines() {
    let dir = folder();
    let output = streamjob(dir.path(), &["run", "counts.sql", "--no-rest", "--log-format", "json"]);
    assert!(output.status.success(), "{}", err(&output));
    for line in err(&output).lines() {
        assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "{line}");
    }
}

#[test]
fn explain_and_validate_run_nothing() {
    let dir = folder();
    let explain = streamjob(dir.path(), &["explain", "counts.sql"]);
    assert!(explain.status.success() && out(&explain).contains("== Job Graph =="), "{}", err(&explain));
    let validate = streamjob(dir.path(), &["validate", "counts.sql"]);
    assert!(validate.status.success(), "{}", err(&validate));
    assert_eq!(out(&validate), "ok: counts.sql: orders (filesystem) → counts (print)\n");
    assert!(!dir.path().join(".streamjob").exists());
}

#[test]
fn bad_input_ends_with_code_2_and_a_fix() {
    let dir = folder();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    write("empty.sql", "");
    write("syntax.sql", "CREATE TABL t (a INT);");
    write("option.sql", "SET 'parallelism.defalt' = '2'; INSERT INTO t SELECT 1;");
    write("connector.sql", &SQL.replace("filesystem", "filesytem"));
    write("torn.yaml", "apiVersion: [");
    write("unknown.yaml", "apiVersion: streamjob.dev/v1alpha1\nkind: StreamJob\nmetadata: {name: x}\nspec: {wat: 1}\n");
    write("badrow.sql", &SQL.replace("orders.csv", "bad.csv"));
    write("bad.csv", "1,a\nx,b\n");
    write("gone.sql", &SQL.replace("orders.csv", "gone.csv"));
    let into_file = "WITH ('connector'='filesystem', 'path'='taken', 'format'='csv'); INSERT INTO counts SELECT uid, uid FROM orders;";
    write("taken.sql", &SQL.replace("WITH ('connector'='print');", into_file).replace(LAST, ""));
    write("taken", "");
    write("chain.sql", &SQL.replace("COUNT(*)", &format!("COUNT(uid{})", " + 1".repeat(4000))));
    let table: [(&[&str], &str); 18] = [
        (&["run", "taken.sql", "--no-rest"], "must be a folder"),
        (&["run", "chain.sql"], "1000 operators in a row"),
        (
            &["run", "counts.sql", "--no-rest", "--set", "state.backend.rocksdb.localdir=taken/x"],
            "localdir must be a folder",
        ),
        (&["cancel"], "no job runs from this folder"),
        (&["run", "nothing.sql"], "nothing.sql"),
        (&["run", "empty.sql"], "empty"),
        (&["run", "syntax.sql"], "syntax.sql"),
        (&["run", "option.sql"], "parallelism.default"),
        (&["run", "connector.sql"], "did you mean 'filesystem'"),
        (&["run", "torn.yaml"], "not valid YAML"),
        (&["run", "unknown.yaml"], "spec.wat"),
        (&["run", "badrow.sql", "--no-rest"], "bad.csv"),
        (&["run", "gone.sql", "--no-rest"], "gone.csv"),
        (&["run", "counts.sql", "--set", "paralelism.default=2"], "did you mean 'parallelism.default'"),
        (&["run", "counts.sql", "--parallelism", "200"], "max parallelism 128"),
        (&["run", "counts.sql", "--no-rest", "--from", "no/such/chk-1"], "_metadata"),
        (&["checkpoint", "list", "--storage", "nowhere"], "no checkpoint storage at nowhere"),
        (&["savepoint", "x", "--address", "127.0.0.1:1"], "no job 'x' runs"),
    ];
    for (args, part) in table {
        let output = streamjob(dir.path(), args);
        let told = err(&output);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {told}");
        // A syntax error says what was expected, which is its fix.
        assert!(told.contains("error: ") && (told.contains("fix: ") || part == "syntax.sql"), "{args:?}: {told}");
        assert!(told.contains(part), "{args:?} should name '{part}': {told}");
    }
}

#[test]
fn reference_pages_are_printed() {
    let dir = tempfile::tempdir().unwrap();
    for (args, part) in [
        (&["options", "--markdown"][..], "| `execution.checkpointing.interval` |"),
        (&["options", "min-pause"], "execution.checkpointing.min-pause"),
        (&["functions"], "`"),
        (&["crds"], "kind: CustomResourceDefinition"),
        (&["version"], "streamjob 0."),
        (&["list"], "no job runs"),
        (&["--help"], "Exit codes"),
    ] {
        let output = streamjob(dir.path(), args);
        assert!(output.status.success(), "{args:?}: {}", err(&output));
        assert!(out(&output).contains(part), "{args:?}: {}", out(&output));
    }
}

/// `streamjob run … | head -5`.
#[test]
fn a_job_ends_when_nobody_reads_its_rows_any_more() {
    let dir = tempfile::tempdir().unwrap();
    let sql = "CREATE TABLE s (a INT) WITH ('connector'='datagen', 'rows-per-second'='1000');
        CREATE TABLE o (a INT) WITH ('connector'='print');
        INSERT INTO o SELECT a FROM s;";
    std::fs::write(dir.path().join("job.sql"), sql).unwrap();
    let mut job = Command::new(env!("CARGO_BIN_EXE_streamjob"))
        .current_dir(dir.path())
        .args(["run", "job.sql", "--no-rest"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(job.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("+I["), "{line}");
    let output = job.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", err(&output));
    assert!(err(&output).contains("nobody reads the output"), "{}", err(&output));
}
