use super::*;
use std::path::Path;

const SQL: &str = "INSERT INTO t SELECT 1";

fn manifest(spec: &str) -> String {
    format!(
        "apiVersion: streamjob.dev/v1alpha1\nkind: StreamJob\nmetadata: {{name: x}}\nspec:\n  job: {{sql: \"{SQL}\"}}\n{spec}"
    )
}

const FOLDER: &str = "  checkpoint: {storage: {type: FileSystem, fileSystem: {path: /c}}}\n";

fn args(set: &[(&str, &str)], parallelism: Option<u32>) -> JobArgs {
    let set = set.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    JobArgs { file: "job.yaml".into(), over: crate::args::OverlayArgs { parallelism, set } }
}

fn prepare_text(text: &str, args: &JobArgs) -> Result<Prepared> {
    let job = streamjob_crds::load::from_yaml(text, Path::new("job.yaml")).unwrap();
    prepared(job, Explicit::of_text(text), args)
}

/// What the planner does: SET below the options that it is given.
fn with_script(prepared: &Prepared, script: &[(&str, &str)]) -> Options {
    let mut options = Options::default();
    for (k, v) in script {
        options.set(k, v).unwrap();
    }
    for (k, v) in prepared.options.iter() {
        options.set(k, v).unwrap();
    }
    place::expand_backend(&mut options).unwrap();
    options
}

#[test]
fn stronger_places_win() {
    let interval = "execution.checkpointing.interval";
    let field = "  checkpoint: {interval: 10s, storage: {type: Memory}}\n";
    let plain = "  checkpoint: {storage: {type: Memory}}\n";
    let configured = "  configuration: {execution.checkpointing.interval: 20s}\n";
    let set: &[(&str, &str)] = &[(interval, "5 s")];
    let script: &[(&str, &str)] = &[(interval, "40 s")];
    let table = [
        (format!("{field}{configured}"), set, script, 5),
        (format!("{field}{configured}"), &[], script, 10),
        (format!("{plain}{configured}"), &[], script, 20),
        (plain.to_string(), &[], script, 40),
        (plain.to_string(), &[], &[], 60),
    ];
    for (spec, set, script, seconds) in table {
        let p = prepare_text(&manifest(&spec), &args(set, None)).unwrap();
        let got = with_script(&p, script).duration(interval).unwrap();
        assert_eq!(got.as_secs(), seconds, "{spec} {set:?} {script:?}");
    }
}

#[test]
fn an_overruled_configuration_is_told() {
    let spec = "  checkpoint: {interval: 10s, storage: {type: Memory}}\n  configuration: {execution.checkpointing.interval: 20s, parallelism.default: \"1\"}\n  parallelism: 1\n";
    let p = prepare_text(&manifest(spec), &args(&[], None)).unwrap();
    assert_eq!(p.warnings.len(), 1, "{:?}", p.warnings);
    assert!(p.warnings[0].contains("spec.checkpoint.interval sets it"), "{:?}", p.warnings);
}

#[test]
fn parallelism_of_the_arguments_wins_everywhere() {
    let script: &[(&str, &str)] = &[("table.exec.resource.default-parallelism", "7"), ("parallelism.default", "6")];
    let table: [(&str, JobArgs, u32); 5] = [
        ("", args(&[], None), 7),
        ("  parallelism: 3\n", args(&[], None), 3),
        ("  parallelism: 3\n", args(&[], Some(4)), 4),
        ("  parallelism: 3\n", args(&[("parallelism.default", "5")], None), 5),
        ("  parallelism: 3\n", args(&[("table.exec.resource.default-parallelism", "2")], None), 2),
    ];
    for (spec, args, expected) in table {
        let p = prepare_text(&manifest(&format!("{FOLDER}{spec}")), &args).unwrap();
        assert_eq!(parallelism(&with_script(&p, script)), expected, "{spec} {args:?}");
    }
}

#[test]
fn fields_become_options() {
    let spec = "  maxParallelism: 64
  stateBackend: {type: Heap, incremental: false, memory: 1Gi, ttl: 1h}
  checkpoint: {mode: AtLeastOnce, timeout: 1m, minPause: 2s, maxConcurrent: 2, tolerableFailures: 4, retained: 5, retention: DeleteOnCancellation, storage: {type: S3, s3: {bucket: bucket, prefix: a/b, endpoint: 'http://h:9000', region: eu, pathStyle: true}}}
  restart: {strategy: FixedDelay}
";
    let p = prepare_text(&manifest(spec), &args(&[], None)).unwrap();
    let o = with_script(&p, &[]);
    for (key, value) in [
        ("pipeline.max-parallelism", "64"),
        ("state.backend.type", "hashmap"),
        ("execution.checkpointing.incremental", "false"),
        ("state.backend.rocksdb.memory.fixed-per-slot", "1073741824"),
        ("taskmanager.memory.task.heap.size", "1073741824"),
        ("table.exec.state.ttl", "3600000 ms"),
        ("execution.checkpointing.mode", "AT_LEAST_ONCE"),
        ("execution.checkpointing.timeout", "60000 ms"),
        ("execution.checkpointing.min-pause", "2000 ms"),
        ("execution.checkpointing.max-concurrent-checkpoints", "2"),
        ("execution.checkpointing.tolerable-failed-checkpoints", "4"),
        ("execution.checkpointing.num-retained", "5"),
        ("execution.checkpointing.externalized-checkpoint-retention", "DELETE_ON_CANCELLATION"),
        ("execution.checkpointing.dir", "s3://bucket/a/b"),
        ("s3.endpoint", "http://h:9000"),
        ("s3.region", "eu"),
        ("s3.path.style.access", "true"),
        ("restart-strategy.type", "fixed-delay"),
        ("restart-strategy.fixed-delay.attempts", "10"),
    ] {
        assert_eq!(o.explicit(key), Some(value), "{key}");
    }
    assert_eq!(o.explicit("execution.checkpointing.interval"), None);
    assert_eq!(Place::of(&o), Place::At("s3://bucket/a/b".into()));
}

#[test]
fn storage_comes_from_the_strongest_place() {
    let at = |text: &str| Place::At(text.into());
    let memory = "  checkpoint: {storage: {type: Memory}}\n";
    let dir = ("execution.checkpointing.dir", "/s");
    let table: [(&str, &[(&str, &str)], &[(&str, &str)], Place, &str); 7] = [
        (FOLDER, &[], &[dir], at("/c"), "rocksdb"),
        (FOLDER, &[("state.checkpoints.dir", "/a")], &[], at("/a"), "rocksdb"),
        (memory, &[], &[dir], Place::Memory, "rocksdb"),
        (memory, &[("execution.checkpointing.dir", "/a")], &[], at("/a"), "rocksdb"),
        (FOLDER, &[("state.backend", "jobmanager")], &[], Place::Memory, "hashmap"),
        (FOLDER, &[], &[("state.backend", "jobmanager")], at("/c"), "hashmap"),
        (memory, &[], &[("state.backend", "filesystem")], Place::Memory, "hashmap"),
    ];
    for (spec, set, script, place, backend) in table {
        let p = prepare_text(&manifest(spec), &args(set, None)).unwrap();
        let o = with_script(&p, script);
        assert_eq!((Place::of(&o), o.text("state.backend.type")), (place, Some(backend)), "{spec} {set:?} {script:?}");
    }
}

fn bare(script: &[(&str, &str)]) -> Options {
    let job = streamjob_crds::load::from_sql(SQL, Path::new("My Job.sql")).unwrap();
    let p = prepared(job, Explicit::default(), &args(&[], None)).unwrap();
    assert_eq!(p.name, "my-job");
    with_script(&p, script)
}

#[test]
fn a_bare_script_has_only_its_sets() {
    let o = bare(&[]);
    assert_eq!(o.iter().count(), 0);
    assert_eq!(Place::of(&o), Place::At(".streamjob/checkpoints".into()));
    let o = bare(&[("state.backend", "jobmanager")]);
    assert_eq!((Place::of(&o), o.text("state.backend.type")), (Place::Memory, Some("hashmap")));
    let o = bare(&[("state.backend", "filesystem"), ("state.checkpoints.dir", "file:///x")]);
    assert_eq!((Place::of(&o), o.text("state.backend.type")), (Place::At("file:///x".into()), Some("hashmap")));
}

#[test]
fn what_a_local_run_cannot_do_is_refused_by_name() {
    let base = "apiVersion: streamjob.dev/v1alpha1\nkind: StreamJob\nmetadata: {name: x}\nspec:\n";
    let job = format!("  job: {{sql: \"{SQL}\"}}\n");
    let table = [
        (format!("{base}  job: {{sqlFrom: {{configMapKeyRef: {{name: m, key: k}}}}}}\n{FOLDER}"), "spec.job.sqlFrom"),
        (format!("{base}  image: i\n  job: {{program: {{args: [a]}}}}\n{FOLDER}"), "spec.job.program"),
        (format!("{base}{job}{FOLDER}  state: Suspended\n"), "spec.state: Suspended"),
        (
            format!("{base}{job}  checkpoint: {{unaligned: {{enabled: true}}, storage: {{type: Memory}}}}\n"),
            "spec.checkpoint.unaligned.enabled",
        ),
        (format!("{base}{job}{FOLDER}  savepoint: {{schedule: 6h}}\n"), "spec.savepoint.schedule"),
        (
            format!("{base}{job}{FOLDER}  restart: {{exponentialDelay: {{multiplierPercent: 200}}}}\n"),
            "exponentialDelay.multiplierPercent",
        ),
        (
            format!("{base}{job}{FOLDER}  restart: {{exponentialDelay: {{resetAfter: 2h}}}}\n"),
            "exponentialDelay.resetAfter",
        ),
    ];
    for (text, name) in table {
        let e = prepare_text(&text, &args(&[], None)).err().unwrap_or_else(|| panic!("not refused: {text}"));
        assert!(e.message().contains(name), "{e}");
        assert_eq!(e.domain(), streamjob_core::Domain::User);
        assert!(e.fix_text().is_some(), "{e}");
    }
}

#[test]
fn what_is_about_pods_is_passed_over() {
    let spec = format!(
        "{FOLDER}  image: i\n  worker: {{slots: 4}}\n  serviceAccountName: s\n  upgrade: {{mode: LastCheckpoint}}\n"
    );
    assert!(prepare_text(&manifest(&spec), &args(&[], None)).is_ok());
}

#[test]
fn wrong_options_name_their_place() {
    let spec = format!("{FOLDER}  configuration: {{state.backend.typ: rocksdb}}\n");
    let e = prepare_text(&manifest(&spec), &args(&[], None)).err().unwrap().to_string();
    assert!(e.contains("spec.configuration.state.backend.typ") && e.contains("did you mean"), "{e}");
    let e = prepare_text(&manifest(FOLDER), &args(&[("parallelism.default", "x")], None)).err().unwrap().to_string();
    assert!(e.contains("--set") && e.contains("whole number"), "{e}");
}

#[test]
fn the_restore_source_is_the_strongest_that_is_given() {
    let path = |text: &str| RestoreFrom::Path(text.into());
    let with_path: &[(&str, &str)] = &[("execution.state-recovery.path", "/o")];
    let field = "  restore: {from: Latest}\n";
    let table = [
        (field, with_path, Some("None"), RestoreFrom::None),
        (field, with_path, Some("AUTO"), RestoreFrom::Auto),
        (field, with_path, Some("/p/chk-1"), path("/p/chk-1")),
        (field, with_path, None, RestoreFrom::Latest),
        ("", with_path, None, path("/o")),
        ("", &[], None, RestoreFrom::Auto),
        ("  restore: {allowNonRestoredState: true}\n", with_path, None, path("/o")),
    ];
    for (spec, script, from, expected) in table {
        let p = prepare_text(&manifest(&format!("{FOLDER}{spec}")), &args(&[], None)).unwrap();
        assert_eq!(p.restore(from, &with_script(&p, script)), expected, "{spec} {from:?}");
    }
}

#[test]
fn parallelism_above_the_key_groups_is_refused() {
    assert!(check_parallelism(8, 8).is_ok());
    let e = check_parallelism(9, 8).err().unwrap();
    assert!(e.message().contains("max parallelism 8"), "{e}");
}

#[test]
fn half_a_key_pair_is_refused() {
    let mut o = Options::default();
    o.set("s3.access-key", "a").unwrap();
    assert!(s3_config(&o).err().unwrap().message().contains("s3.secret-key"));
    o.set("s3.secret-key", "b").unwrap();
    assert_eq!(s3_config(&o).unwrap().secret_key.as_deref(), Some("b"));
}

#[test]
fn limits_of_s3_requests_come_from_options() {
    let mut o = Options::default();
    let seconds =
        |c: streamjob_checkpoint::S3Config| (c.connect_timeout.as_secs(), c.attempt_timeout.as_secs(), c.attempts);
    assert_eq!(seconds(s3_config(&o).unwrap()), (5, 60, 5));
    for (key, value) in [
        ("s3.connection.establish.timeout", "2 s"),
        ("fs.s3a.connection.timeout", "3000"),
        ("s3.attempts.maximum", "4"),
    ] {
        o.set(key, value).unwrap();
    }
    assert_eq!(seconds(s3_config(&o).unwrap()), (2, 3, 4));
    o.set("s3.connection.timeout", "0 s").unwrap();
    assert!(s3_config(&o).err().unwrap().message().contains("s3.connection.timeout"));
}

#[test]
fn equal_values_in_other_words_are_the_same() {
    for (key, a, b, same) in [
        ("execution.checkpointing.interval", "1 min", "60000 ms", true),
        ("execution.checkpointing.interval", "1 min", "61 s", false),
        ("state.backend.rocksdb.memory.fixed-per-slot", "1Gi", "1024mb", true),
        ("execution.checkpointing.mode", "exactly_once", "EXACTLY_ONCE", true),
        ("execution.checkpointing.dir", "/a", "/A", false),
    ] {
        assert_eq!(same_value(key, a, b), same, "{key} {a} {b}");
    }
}
