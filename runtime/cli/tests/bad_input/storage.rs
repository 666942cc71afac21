//! Storage that refuses, lies, is slow or is full.

use crate::support::s3::{self, Conditions, Meta, S3};
use crate::support::suspended::{Suspended, check};
use crate::support::{self, Done, Running};
use std::fs;
use std::net::TcpListener;
use std::path::Path;

/// Arguments that put the checkpoints on S3.
fn on_s3(options: &[(&str, String)]) -> Vec<String> {
    let mut args: Vec<String> = ["run", "job.yaml", "--no-rest"].map(str::to_string).to_vec();
    let dir = ("execution.checkpointing.dir", "s3://bucket/jobs".to_string());
    for (key, value) in options.iter().chain([&dir]) {
        args.extend(["--set".to_string(), format!("{key}={value}")]);
    }
    args
}

fn run_on(fixture: &Suspended, options: &[(&str, String)]) -> Done {
    let args = on_s3(options);
    fixture.run(&args.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn storage_on_s3_that_cannot_be_used_is_named() {
    let fixture = Suspended::new();
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
    let fixture = Suspended::new();
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
