//! What people write: manifests, arguments, SQL, rows.

use crate::support::suspended::{Suspended, check, problem};
use std::fs;

/// What is wrong: in the manifest (this in place of that), or in the arguments.
enum Wrong {
    Manifest(&'static str, &'static str),
    Arguments(&'static [&'static str]),
}

use Wrong::{Arguments, Manifest};

#[test]
fn what_is_written_wrongly_is_named_with_its_fix() {
    let fixture = Suspended::new();
    fixture.write("torn.yaml", "apiVersion: [");
    fixture.write("other.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n");
    fixture.write("in.sql", "INSERT INTO t SELECT 1");
    let table: Vec<(&str, Wrong, &[&str])> = vec![
        (
            "unknown option",
            Arguments(&["--set", "execution.checkpointing.intervall=1 s"]),
            &["--set", "did you mean 'execution.checkpointing.interval'"],
        ),
        (
            "unknown option in configuration",
            Manifest("execution.checkpointing.data-inline-threshold: 0b", "state.backend.typ: rocksdb"),
            &["spec.configuration.state.backend.typ", "did you mean 'state.backend.type'"],
        ),
        (
            "unknown option in SET",
            Manifest("CREATE TABLE behavior", "SET 'pipeline.max-paralellism' = '4';\n      CREATE TABLE behavior"),
            &["pipeline.max-paralellism", "did you mean 'pipeline.max-parallelism'"],
        ),
        (
            "unknown option of a table",
            Manifest("'path'='in'", "'path'='in', 'csv.field-delimeter'=';'"),
            &["behavior", "csv.field-delimeter", "did you mean 'csv.field-delimiter'"],
        ),
        (
            "unknown connector",
            Manifest("'connector'='print'", "'connector'='prnt'"),
            &["order_cnt", "did you mean 'print'"],
        ),
        (
            "wrong type of an option",
            Arguments(&["--set", "parallelism.default=many"]),
            &["--set", "parallelism.default", "many", "whole number"],
        ),
        (
            "wrong type of a field",
            Manifest("parallelism: 1", "parallelism: many"),
            &["job.yaml:5:", "spec.parallelism", "many"],
        ),
        (
            "no duration",
            Manifest("interval: 50ms", "interval: soon"),
            &["job.yaml:7:", "spec.checkpoint.interval", "soon"],
        ),
        ("interval too short", Manifest("interval: 50ms", "interval: 5ms"), &["interval", "5", "10"]),
        (
            "no choice",
            Manifest("parallelism: 1", "stateBackend: {type: Rocks}"),
            &["spec.stateBackend.type", "Rocks", "RocksDB"],
        ),
        (
            "no choice of an option",
            Arguments(&["--set", "execution.checkpointing.mode=TWICE"]),
            &["execution.checkpointing.mode", "TWICE", "EXACTLY_ONCE"],
        ),
        (
            "unknown field",
            Manifest("parallelism: 1", "paralelism: 1"),
            &["job.yaml:5:", "spec.paralelism", "parallelism"],
        ),
        (
            "missing field",
            Manifest("storage: {type: FileSystem, fileSystem: {path: chk}}", "retained: 2"),
            &["spec.checkpoint.storage"],
        ),
        (
            "not built yet",
            Manifest("interval: 50ms", "unaligned: {enabled: true}"),
            &["spec.checkpoint.unaligned.enabled", "remove the field"],
        ),
        (
            "parallelism over the key groups",
            Arguments(&["--parallelism", "200"]),
            &["parallelism 200", "max parallelism 128"],
        ),
        (
            "SQL that cannot be read",
            Manifest("INSERT INTO order_cnt SELECT", "INSERT INTO order_cnt SELEKT"),
            &["job.yaml", "line 4", "column 23"],
        ),
        (
            "unknown column",
            Manifest("SELECT uid, COUNT(*)", "SELECT user_id, COUNT(*)"),
            &["user_id", "line 4", "column 30"],
        ),
        ("unknown table", Manifest("FROM behavior", "FROM behaviour"), &["behaviour", "line 4"]),
        ("unknown function", Manifest("COUNT(*)", "CUONT(uid)"), &["CUONT", "line 4", "column 35"]),
        (
            "construct that is not built",
            Manifest("FROM behavior GROUP", "FROM behavior MATCH_RECOGNIZE (PATTERN (A) DEFINE A AS TRUE) GROUP"),
            &["line 4"],
        ),
        ("too few columns", Manifest("SELECT uid, COUNT(*)", "SELECT uid"), &["order_cnt", "column"]),
        (
            "wrong column type",
            Manifest("(uid BIGINT, cnt BIGINT)", "(uid BIGINT, cnt DATE)"),
            &["order_cnt", "cnt", "DATE"],
        ),
        (
            "updates into files",
            Manifest("'connector'='print'", "'connector'='filesystem', 'path'='out', 'format'='csv'"),
            &["order_cnt", "update"],
        ),
        ("input that is not there", Manifest("'path'='in'", "'path'='inn'"), &["inn", "path"]),
        (
            "state of another key type",
            Manifest(
                "SELECT uid, COUNT(*) FROM behavior GROUP BY uid",
                "SELECT CAST(uid AS BIGINT), n FROM (SELECT CAST(uid AS STRING) AS uid, COUNT(*) AS n FROM behavior GROUP BY CAST(uid AS STRING))",
            ),
            &["GroupAggregate", "restore", "allow-non-restored-state"],
        ),
        (
            "state that nobody takes",
            Manifest("COUNT(*)", "SUM(item)"),
            &["GroupAggregate(uid)", "allowNonRestoredState"],
        ),
        (
            "state that does not fit",
            Manifest("(uid BIGINT, item INT)", "(uid INT, item INT)"),
            &["GroupAggregate(uid)", "'accumulators'", "(uid BIGINT)", "(uid INT)", "from: None"],
        ),
        (
            "max parallelism changed",
            Manifest("parallelism: 1", "maxParallelism: 64"),
            &["maximum parallelism (128)", "(64)", "maxParallelism"],
        ),
        (
            "a restore source that is not there",
            Arguments(&["--from", "chk/default/orders/none/chk-1"]),
            &["_metadata", "chk/default/orders/none/chk-1", "checkpoint list"],
        ),
        (
            "a file in place of the checkpoints' folder",
            Arguments(&["--set", "execution.checkpointing.dir=job.yaml"]),
            &["job.yaml", "folder"],
        ),
        (
            "a bucket without keys",
            Arguments(&["--set", "s3.access-key=x"]),
            &["s3.secret-key", "AWS_SECRET_ACCESS_KEY"],
        ),
        (
            "an endpoint without scheme",
            Arguments(&["--set", "execution.checkpointing.dir=s3://b/x", "--set", "s3.endpoint=localhost:9000"]),
            &["localhost:9000", "http://"],
        ),
        ("an unknown kind of storage", Arguments(&["--set", "execution.checkpointing.dir=gs://b/x"]), &["gs", "s3://"]),
    ];
    let mut problems = Vec::new();
    for (what, wrong, says) in table {
        let before = fixture.files();
        let done = match wrong {
            Manifest(from, to) => {
                fixture.manifest(from, to);
                fixture.run(&["run", "job.yaml", "--no-rest"])
            }
            Arguments(more) => {
                let mut args = vec!["run", "job.yaml", "--no-rest"];
                args.extend(more);
                fixture.run(&args)
            }
        };
        problems.extend(problem(what, &done, says));
        assert!(done.code.is_some() && fixture.files() == before, "{what}: the checkpoints are touched: {}", done.err);
        fixture.resumes(what);
    }
    let others: [(&[&str], &[&str]); 8] = [
        (&["run", "nothing.yaml"], &["nothing.yaml"]),
        (&["run", "torn.yaml"], &["torn.yaml", "YAML"]),
        (&["run", "other.yaml"], &["other.yaml", "StreamJob"]),
        (&["run", "in.sql", "--no-rest"], &["in.sql", "'t'", "line 1"]),
        (&["checkpoint", "list", "--storage", "nowhere"], &["nowhere", "--storage"]),
        (&["checkpoint", "list", "--storage", "chk", "--job", "other"], &["'other'", "orders"]),
        (&["savepoint", "orders", "--address", "127.0.0.1:1"], &["orders", "127.0.0.1:1", "streamjob list"]),
        (&["stop", "--address", "what:ever:1"], &["what:ever:1", "HOST:PORT"]),
    ];
    for (args, says) in others {
        problems.extend(problem(&args.join(" "), &fixture.run(args), says));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    fixture.resumes("everything");
}

#[test]
fn a_bad_row_is_named_by_file_line_and_column() {
    let table: [(&str, &[&str]); 4] = [
        ("1,1\n2,two\n", &["bad.csv", "line 2", "column 'item'", "field 2", "'two'"]),
        ("1,1\n\n3,3,3\n", &["bad.csv", "line 2"]),
        ("1,1\n1,2,3\n", &["bad.csv", "line 2", "3"]),
        ("1,\"open\n", &["bad.csv", "line 1"]),
    ];
    for (rows, says) in table {
        let fixture = Suspended::new();
        let before = fixture.files();
        fixture.write("in/bad.csv", rows);
        let done = fixture.run(&["run", "job.yaml", "--no-rest"]);
        check(rows, &done, says);
        assert!(done.err.contains("csv.ignore-parse-errors"), "{rows}: {}", done.err);
        let after = fixture.files();
        let newest = before.keys().rfind(|p| p.ends_with("_metadata")).unwrap();
        assert!(after.contains_key(newest), "{rows}");
        fs::remove_file(fixture.path("in/bad.csv")).unwrap();
        fixture.resumes(rows);
    }
}
