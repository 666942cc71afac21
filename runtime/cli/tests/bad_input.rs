//! Whatever is given wrongly: the binary ends with code 2, names the field,
//! option or file and the fix, and loses nothing. Every case starts from a job
//! with retained checkpoints, breaks one thing, mends it, and goes on.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use support::s3::{self, Conditions, Meta, S3};
use support::{Done, Running, run};

const MANIFEST: &str = "apiVersion: streamjob.dev/v1alpha1
kind: StreamJob
metadata: {name: orders}
spec:
  parallelism: 1
  checkpoint:
    interval: 50ms
    storage: {type: FileSystem, fileSystem: {path: chk}}
  configuration: {execution.checkpointing.data-inline-threshold: 0b}
  job:
    sql: |
      CREATE TABLE behavior (uid BIGINT, item INT)
        WITH ('connector'='filesystem', 'path'='in', 'format'='csv', 'source.monitor-interval'='20 ms');
      CREATE TABLE order_cnt (uid BIGINT, cnt BIGINT) WITH ('connector'='print');
      INSERT INTO order_cnt SELECT uid, COUNT(*) FROM behavior GROUP BY uid;
";

/// A folder with a job that was suspended behind a checkpoint of 100 counts.
struct Fixture {
    dir: tempfile::TempDir,
}

type Files = BTreeMap<PathBuf, Vec<u8>>;

impl Fixture {
    fn new() -> Self {
        let fixture = Self { dir: tempfile::tempdir().unwrap() };
        fs::create_dir(fixture.path("in")).unwrap();
        let lines: String = (0..200).map(|i| format!("{},{i}\n", i % 100)).collect();
        fixture.write("in/a.csv", &lines);
        fixture.write("job.yaml", MANIFEST);
        let mut job = Running::start(fixture.dir.path(), &["run", "job.yaml", "--no-rest"]);
        job.until("all counts", |r| r.out().lines().count() == 300);
        let before = job.err().matches(" completed in ").count();
        job.until("more checkpoints", |r| r.err().matches(" completed in ").count() > before + 2);
        job.signal("TERM");
        job.end().ok("first run");
        fixture
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// The manifest with something else in one place.
    fn manifest(&self, from: &str, to: &str) {
        assert!(MANIFEST.contains(from), "{from}");
        self.write("job.yaml", &MANIFEST.replacen(from, to, 1));
    }

    fn run(&self, args: &[&str]) -> Done {
        run(self.dir.path(), args)
    }

    /// Everything that checkpoints consist of; the head moves with every start.
    fn files(&self) -> Files {
        let mut files = Files::new();
        collect(&self.path("chk"), &mut files);
        files.retain(|p, _| {
            let text = p.display().to_string();
            text.contains("/chk-") || text.contains("/shared/") || text.contains("/epochs/")
        });
        assert!(files.len() >= 4, "{:?}", files.keys());
        files
    }

    /// Folders of the checkpoints, by number.
    fn checkpoints(&self) -> Vec<PathBuf> {
        let mut all: Vec<(u64, PathBuf)> = Vec::new();
        for path in self.files().keys().filter(|p| p.ends_with("_metadata")) {
            let folder = path.parent().unwrap();
            let number = folder.file_name().unwrap().to_str().unwrap().strip_prefix("chk-").unwrap();
            all.push((number.parse().unwrap(), folder.to_path_buf()));
        }
        all.sort();
        all.into_iter().map(|(_, p)| p).collect()
    }

    /// The mended job goes on where it was: nothing is counted again, one more line is.
    fn resumes(&self, what: &str) {
        self.write("job.yaml", MANIFEST);
        static LINES: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let n = LINES.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.write(&format!("in/.{n}"), "7,0\n");
        fs::rename(self.path(&format!("in/.{n}")), self.path(&format!("in/more-{n}.csv"))).unwrap();
        let mut job = Running::start(self.dir.path(), &["run", "job.yaml", "--no-rest"]);
        job.until(&format!("count after {what}"), |r| r.out().contains("+U[7, "));
        job.signal("TERM");
        let done = job.end().ok(what);
        assert!(done.err.contains("resumes from checkpoint"), "{what}: {}", done.err);
        assert_eq!(done.out.lines().count(), 2, "{what}: {}", done.out);
    }
}

fn collect(dir: &Path, files: &mut Files) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            collect(&entry.path(), files);
        } else {
            files.insert(entry.path(), fs::read(entry.path()).unwrap());
        }
    }
}

/// What is missing: code 2, an error with its fix, and all these parts in what is told.
fn problem(what: &str, done: &Done, says: &[&str]) -> Option<String> {
    // A syntax error says what was expected, which is its fix.
    let fixed = done.err.contains("  fix: ") || done.err.contains("syntax error: expected");
    let told = done.err.contains("error: ") && fixed && !done.err.contains("panicked");
    let unsaid: Vec<&&str> = says.iter().filter(|part| !done.err.contains(**part)).collect();
    let fine = done.code == Some(2) && told && unsaid.is_empty();
    (!fine).then(|| format!("{what}: code {:?}, should say {unsaid:?}:\n{}\n", done.code, done.err))
}

fn check(what: &str, done: &Done, says: &[&str]) {
    if let Some(problem) = problem(what, done, says) {
        panic!("{problem}");
    }
}

/// What is wrong: in the manifest (this in place of that), or in the arguments.
enum Wrong {
    Manifest(&'static str, &'static str),
    Arguments(&'static [&'static str]),
}

use Wrong::{Arguments, Manifest};

#[test]
fn what_is_written_wrongly_is_named_with_its_fix() {
    let fixture = Fixture::new();
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
fn a_job_runs_once_in_a_folder() {
    let fixture = Fixture::new();
    let mut job = Running::start(fixture.dir.path(), &["run", "job.yaml", "--no-rest"]);
    job.until_told("all tasks are running");
    let second = fixture.run(&["run", "job.yaml", "--no-rest"]);
    check("second run", &second, &["orders", &format!("process {}", job.pid()), "streamjob stop orders"]);
    job.signal("TERM");
    job.end().ok("first run");
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
        let fixture = Fixture::new();
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

#[test]
fn damaged_checkpoints_are_named_and_passed_over() {
    let fixture = Fixture::new();
    for _ in 0..2 {
        fixture.resumes("more checkpoints");
    }
    let checkpoints = fixture.checkpoints();
    let newest = checkpoints.last().unwrap();
    let metadata = newest.join("_metadata");
    let whole = fs::read(&metadata).unwrap();
    let from = newest.display().to_string();
    let restore = ["run", "job.yaml", "--no-rest", "--from", &from];
    // A manifest that was cut off, in the body and in the header; one that was changed.
    let mut changed = whole.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    for (what, bytes) in
        [("cut", &whole[..whole.len() / 2]), ("cut early", &whole[..20]), ("changed", &changed[..]), ("empty", &[])]
    {
        fs::write(&metadata, bytes).unwrap();
        for args in [&restore[..], &["checkpoint", "inspect", &from], &["checkpoint", "verify", &from]] {
            check(what, &fixture.run(args), &[&metadata.display().to_string(), "checkpoint list"]);
        }
        let list = fixture.run(&["checkpoint", "list", "--storage", "chk"]).ok(what);
        assert!(list.out.contains("damaged") && list.out.contains(&from), "{what}: {}", list.out);
    }
    // By itself the job passes it over, and says so.
    let mut job = Running::start(fixture.dir.path(), &["run", "job.yaml", "--no-rest"]);
    job.until_told("all tasks are running");
    let told = job.err();
    assert!(told.contains("is passed over") && told.contains(&from), "{told}");
    assert!(told.contains("resumes from checkpoint"), "{told}");
    drop(job);
    fs::write(&metadata, &whole).unwrap();

    // All of them: refused, and nothing starts empty by mistake.
    let all: Files = fixture.files().into_iter().filter(|(p, _)| p.ends_with("_metadata")).collect();
    for path in all.keys() {
        fs::write(path, "torn").unwrap();
    }
    let done = fixture.run(&["run", "job.yaml", "--no-rest"]);
    check("all torn", &done, &["none of the", "can be used", "_metadata", "--from"]);
    for (path, bytes) in &all {
        fs::write(path, bytes).unwrap();
    }
    // What was passed over once is not taken up again: the line that it had counted is read again.
    let mut job = Running::start(fixture.dir.path(), &["run", "job.yaml", "--no-rest"]);
    job.until("the counts of an older checkpoint", |r| r.out().contains("+U[7, 4]"));
    job.signal("TERM");
    let done = job.end().ok("torn manifests");
    assert!(done.err.contains("resumes from checkpoint"), "{}", done.err);
    fixture.resumes("torn manifests");
}

#[test]
fn damaged_state_files_are_named() {
    let fixture = Fixture::new();
    let newest = fixture.checkpoints().last().unwrap().display().to_string();
    let inspect = fixture.run(&["checkpoint", "inspect", &newest, "--json"]).ok("inspect");
    let manifest: serde_json::Value = serde_json::from_str(&inspect.out).unwrap();
    let text = manifest.to_string();
    // Files of keyed state that this checkpoint refers to; all in place now.
    let files = fixture.files();
    let name = |p: &Path| p.file_name().unwrap().to_str().unwrap().to_string();
    let state: Vec<&PathBuf> = files
        .keys()
        .filter(|p| {
            text.contains(&format!("{}\"", name(p)))
                && !p.ends_with("_metadata")
                && !p.display().to_string().contains("/epochs/")
        })
        .collect();
    assert!(!state.is_empty(), "{text}");
    let restore = ["run", "job.yaml", "--no-rest", "--from", &newest];
    for path in state {
        let whole = &files[path];
        let mut flipped = whole.clone();
        let middle = flipped.len() / 2;
        flipped[middle] ^= 0x40;
        let at = path.display().to_string();
        fs::write(path, &flipped).unwrap();
        check("flipped", &fixture.run(&restore), &[&at, "checksum", "checkpoint list"]);
        let verify = fixture.run(&["checkpoint", "verify", &newest]);
        assert_eq!(verify.code, Some(2));
        assert!(verify.out.contains("damaged: ") && verify.out.contains(&at), "{}", verify.out);
        fs::write(path, &whole[..middle]).unwrap();
        check("shortened", &fixture.run(&restore), &[&at, "bytes"]);
        fs::remove_file(path).unwrap();
        check("removed", &fixture.run(&restore), &[&at, "missing"]);
        fs::write(path, whole).unwrap();
    }
    fixture.run(&["checkpoint", "verify", &newest]).ok("mended");
    fixture.resumes("damaged state files");
}

/// Arguments that put the checkpoints on S3.
fn on_s3(options: &[(&str, String)]) -> Vec<String> {
    let mut args: Vec<String> = ["run", "job.yaml", "--no-rest"].map(str::to_string).to_vec();
    let dir = ("execution.checkpointing.dir", "s3://bucket/jobs".to_string());
    for (key, value) in options.iter().chain([&dir]) {
        args.extend(["--set".to_string(), format!("{key}={value}")]);
    }
    args
}

fn run_on(fixture: &Fixture, options: &[(&str, String)]) -> Done {
    let args = on_s3(options);
    fixture.run(&args.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn storage_on_s3_that_cannot_be_used_is_named() {
    let fixture = Fixture::new();
    // Nobody listens.
    let endpoint = format!("http://127.0.0.1:{}", s3::free_port());
    let few = ("s3.attempts.maximum", "2".to_string());
    let mut options = s3::options(&endpoint);
    options.push(few.clone());
    check("refused", &run_on(&fixture, &options), &["s3://bucket", &endpoint, "cannot connect", "storage.s3.endpoint"]);
    // Somebody listens and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let mut options = s3::options(&endpoint);
    options.extend([few.clone(), ("s3.connection.timeout", "300 ms".into())]);
    check("slow", &run_on(&fixture, &options), &["s3://bucket", &endpoint, "no answer in time", "slow"]);
    drop(silent);
    // Wrong keys, no bucket.
    let server = S3::within(Conditions::Honoured);
    let mut options = server.options();
    options.retain(|(k, _)| *k != "s3.secret-key");
    options.push(("s3.secret-key", "wrong".into()));
    check("wrong key", &run_on(&fixture, &options), &["credentials are not accepted", "secret key"]);
    let mut args = on_s3(&server.options());
    args.extend(["--set".to_string(), "execution.checkpointing.dir=s3://nowhere".into()]);
    let done = fixture.run(&args.iter().map(String::as_str).collect::<Vec<_>>());
    check("no bucket", &done, &["no bucket 'nowhere'", "create the bucket"]);
    // Rows for a bucket that is not there.
    fixture.write(
        "sink.sql",
        "CREATE TABLE a (id INT) WITH ('connector'='datagen', 'number-of-rows'='10');
         CREATE TABLE b (id INT) WITH ('connector'='filesystem', 'path'='s3://nowhere/out', 'format'='csv');
         INSERT INTO b SELECT id FROM a;",
    );
    let mut args = vec!["run".to_string(), "sink.sql".into(), "--no-rest".into()];
    args.extend(server.options().iter().flat_map(|(k, v)| ["--set".to_string(), format!("{k}={v}")]));
    let done = fixture.run(&args.iter().map(String::as_str).collect::<Vec<_>>());
    check("no bucket of a sink", &done, &["no bucket 'nowhere'"]);
    fixture.resumes("S3");
}

#[test]
fn a_store_that_ignores_conditional_writes_is_refused_by_name() {
    let fixture = Fixture::new();
    let liar = S3::within(Conditions::Ignored);
    let says = ["s3://bucket/jobs", liar.endpoint.as_str(), "If-None-Match", "two coordinators"];
    check("in the test", &run_on(&fixture, &liar.options()), &says);
    if let Some(real) = S3::gateway(fixture.dir.path(), Meta::Dropped) {
        let done = run_on(&fixture, &real.options());
        check(
            "versitygw --nometa",
            &done,
            &["s3://bucket/jobs", &real.endpoint, "cannot be used", "conditional writes"],
        );
    }
    fixture.resumes("a store that ignores conditions");
}

/// A disk of 600 KiB that is gone when the shell ends: in a mount namespace of its own, as the user's own root if need be.
fn with_small_disk(dir: &Path, script: &str) -> Option<Done> {
    let tries: [&[&str]; 2] = [&["-m"], &["-Urm"]];
    let able = |args: &&&[&str]| {
        let mut command = std::process::Command::new("unshare");
        let test = "mount -t tmpfs -o size=64k none /mnt";
        command.args(**args).args(["sh", "-c", test]).output().is_ok_and(|o| o.status.success())
    };
    let Some(args) = tries.iter().find(able) else {
        let text = "no small disk can be mounted here (unshare -m or -Urm)";
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{text}");
        eprintln!("SKIPPED: {text}");
        return None;
    };
    fs::create_dir_all(dir.join("disk")).unwrap();
    let script = format!("set -u; mount -t tmpfs -o size=600k none disk\n{script}");
    let mut command = support::command(dir, &[]);
    let job = command.get_program().to_owned();
    command = {
        let mut shell = std::process::Command::new("unshare");
        shell.args(*args).args(["sh", "-c", &script]).current_dir(dir).env("STREAMJOB", job);
        shell
    };
    Some(Running::spawn(dir, command).end())
}

#[test]
fn a_full_disk_is_named_and_the_job_goes_on_with_more_room() {
    // Many rows have the same time, so the watermark stays behind it: else the first of a window's last millisecond
    // makes the others late.
    // Rows into a full disk; checkpoints onto one; RocksDB's working files on one.
    let cases = [
        ("sink", "execution.checkpointing.dir=chk", "disk/out", "state.backend.type=hashmap", "cannot write"),
        (
            "checkpoints",
            "execution.checkpointing.dir=disk/chk",
            "out",
            "state.backend.type=hashmap",
            "checkpoint storage",
        ),
        ("state", "execution.checkpointing.dir=chk", "out", "state.backend.rocksdb.localdir=disk/state", "RocksDB"),
    ];
    for (what, chk, out, backend, says) in cases {
        let dir = tempfile::tempdir().unwrap();
        fs::write(
            dir.path().join("job.sql"),
            format!(
                "SET 'execution.checkpointing.interval' = '50 ms';
                 SET 'state.backend.rocksdb.memory.fixed-per-slot' = '16 mb';
                 CREATE TABLE a (id BIGINT, text STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '0.001' SECOND)
                   WITH ('connector'='datagen', 'seed'='3', 'rows-per-second'='20000', 'fields.id.kind'='sequence',
                         'fields.id.start'='1', 'fields.id.end'='20000', 'fields.text.length'='100');
                 CREATE TABLE b (id BIGINT, text STRING) WITH ('connector'='filesystem', 'path'='{out}', 'format'='csv');
                 INSERT INTO b SELECT id, text FROM TABLE(TUMBLE(TABLE a, DESCRIPTOR(ts), INTERVAL '0.5' SECOND))
                   GROUP BY id, text, window_start, window_end;"
            ),
        )
        .unwrap();
        let run = format!("\"$STREAMJOB\" run job.sql --no-rest --set {chk} --set {backend}");
        let script = format!(
            "{run}; echo \"first $?\"; mount -o remount,size=64m disk; {run}; echo \"second $?\"; cat {out}/part-* | wc -l; \
             cat {out}/part-* | sort -u | wc -l"
        );
        let Some(done) = with_small_disk(dir.path(), &script) else { return };
        assert_eq!(
            done.out.split_whitespace().collect::<Vec<_>>(),
            ["first", "2", "second", "0", "20000", "20000"],
            "{what}: {}",
            done.err
        );
        let first = done.err.split("\nfinished after").next().unwrap();
        for part in ["error: ", "  fix: ", "disk", "full", "No space left on device", says] {
            assert!(first.contains(part), "{what} should say '{part}': {}", done.err);
        }
    }
}

#[test]
fn a_taken_port_is_passed_over() {
    let fixture = Fixture::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let mut job = Running::start(fixture.dir.path(), &["run", "job.yaml", "--set", &format!("rest.port={port}")]);
    job.until_told("all tasks are running");
    let told = job.err();
    let rest = told.lines().find(|l| l.starts_with("rest ")).unwrap();
    let used: u16 = rest.rsplit(':').next().unwrap().trim().parse().unwrap();
    assert!(used > port && used <= port + 100, "{rest}");
    let list = fixture.run(&["list"]).ok("list");
    assert!(list.out.contains(&format!("127.0.0.1:{used}")) && list.out.contains("RUNNING"), "{}", list.out);
    fixture.run(&["cancel", "orders"]).ok("cancel");
    let done = job.end().ok("canceled");
    assert!(done.err.contains("canceled after"), "{}", done.err);
}

#[test]
fn signals_end_the_job_behind_a_checkpoint() {
    for signal in ["TERM", "INT"] {
        let fixture = Fixture::new();
        let mut job = Running::start(
            fixture.dir.path(),
            &["run", "job.yaml", "--no-rest", "--set", "execution.checkpointing.interval=1h"],
        );
        job.until_told("all tasks are running");
        fixture.write("in/.b", "7,0\n");
        fs::rename(fixture.path("in/.b"), fixture.path("in/b.csv")).unwrap();
        job.until("the new row", |r| r.out().contains("+U[7, 3]"));
        job.signal(signal);
        let done = job.end().ok(signal);
        for part in [
            "stopping behind a last checkpoint",
            "suspended after",
            "checkpoint   ",
            "resume       streamjob run job.yaml",
        ] {
            assert!(done.err.contains(part), "{signal}: {}", done.err);
        }
        // That row is in it: it is not counted again.
        fixture.resumes(signal);
    }
}
