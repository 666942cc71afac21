//! What the loader takes, what it refuses, and what it says then.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::path::Path;
use std::time::Duration;

use streamjob_crds::load::{LOCAL_CHECKPOINTS, RELATIVE_TO, from_yaml};
use streamjob_crds::upgrade::RestorePoint;
use streamjob_crds::{
    JobSource, ManifestError, RestartPolicy, StorageOptions, StreamJob, load, rules, validate, validate_update,
};

const EXAMPLE: &str = "\
apiVersion: streamjob.dev/v1alpha1
kind: StreamJob
metadata: {name: order-count, namespace: shop}
spec:
  parallelism: 2
  job:
    sql: |
      CREATE TABLE order_behavior (uid BIGINT, item BIGINT, amount DOUBLE)
        WITH ('connector'='kafka', 'topic'='order_behavior', 'properties.bootstrap.servers'='kafka:9092', 'format'='json');
      CREATE TABLE order_cnt (uid BIGINT PRIMARY KEY NOT ENFORCED, cnt BIGINT)
        WITH ('connector'='upsert-kafka', 'topic'='order_cnt', 'properties.bootstrap.servers'='kafka:9092', 'key.format'='json', 'value.format'='json');
      INSERT INTO order_cnt SELECT uid, COUNT(*) AS cnt FROM order_behavior GROUP BY uid;
  stateBackend: {type: RocksDB}
  checkpoint:
    interval: 30s
    storage:
      type: S3
      s3: {bucket: checkpoints, prefix: shop, credentialsSecretRef: {name: checkpoints-s3}}
";

fn parse(text: &str) -> Result<StreamJob, ManifestError> {
    from_yaml(text, Path::new("job.yaml"))
}

/// A manifest with these fields in its spec besides a job and a storage.
fn with(spec: &str) -> String {
    let mut lines = String::new();
    for line in spec.lines() {
        lines.push_str(&format!("  {line}\n"));
    }
    let job = if spec.starts_with("job:") { "" } else { "  job: {sql: SELECT 1}\n" };
    let checkpoint = if spec.contains("checkpoint:") { "" } else { "  checkpoint: {storage: {type: Memory}}\n" };
    format!(
        "apiVersion: streamjob.dev/v1alpha1\nkind: StreamJob\nmetadata: {{name: x}}\nspec:\n{job}{checkpoint}{lines}"
    )
}

fn storage(block: &str) -> String {
    with(&format!("checkpoint:\n  storage: {block}"))
}

fn checkpoint(fields: &str) -> String {
    with(&format!("checkpoint: {{storage: {{type: Memory}}, {fields}}}"))
}

/// Manifest, field, a piece of the message or the fix.
fn bad() -> Vec<(String, &'static str, &'static str)> {
    let head =
        |head: &str| format!("{head}\nspec: {{job: {{sql: SELECT 1}}, checkpoint: {{storage: {{type: Memory}}}}}}");
    vec![
        // The head.
        (head("kind: StreamJob\nmetadata: {name: x}"), "apiVersion", "required and missing"),
        (
            head("apiVersion: apps/v1\nkind: StreamJob\nmetadata: {name: x}"),
            "apiVersion",
            "write apiVersion: streamjob.dev/v1alpha1",
        ),
        (head("apiVersion: streamjob.dev/v2\nkind: StreamJob\nmetadata: {name: x}"), "apiVersion", "not a version"),
        (
            head("apiVersion: streamjob.dev/v1alpha1\nkind: FlinkDeployment\nmetadata: {name: x}"),
            "kind",
            "FlinkDeployment",
        ),
        (head("apiVersion: streamjob.dev/v1alpha1\nkind: StreamJob"), "metadata", "required and missing"),
        (
            head("apiVersion: streamjob.dev/v1alpha1\nkind: StreamJob\nmetadata: {}"),
            "metadata.name",
            "required and missing",
        ),
        (
            head("apiVersion: streamjob.dev/v1alpha1\nkind: StreamJob\nmetadata: {name: My_Job}"),
            "metadata.name",
            "not allowed",
        ),
        (
            head("apiVersion: streamjob.dev/v1alpha1\nkind: StreamJob\nmetadata: {name: a.b}"),
            "metadata.name",
            "not allowed",
        ),
        (
            head(&format!(
                "apiVersion: streamjob.dev/v1alpha1\nkind: StreamJob\nmetadata: {{name: {}}}",
                "x".repeat(41)
            )),
            "metadata.name",
            "at most 40",
        ),
        (
            head("apiVersion: streamjob.dev/v1alpha1\nkind: StreamJob\nmetadata: {name: x, lables: {}}"),
            "metadata.lables",
            "did you mean labels?",
        ),
        (
            "apiVersion: streamjob.dev/v1alpha1\nkind: StreamJob\nmetadata: {name: x}".to_owned(),
            "spec",
            "required and missing",
        ),
        ("".to_owned(), "", "empty"),
        ("- a\n- b".to_owned(), "", "expected a mapping"),
        ("a: [1".to_owned(), "", "not valid YAML"),
        ("a: 1\na: 2".to_owned(), "", "not valid YAML"),
        (with("job: !sql x"), "spec.job", "tag !sql"),
        ("kind: ConfigMap\n---\nkind: Secret".to_owned(), "kind", "ConfigMap, Secret"),
        (format!("{EXAMPLE}---\n{EXAMPLE}"), "kind", "2 documents are StreamJobs"),
        // Fields.
        (with("paralelism: 2"), "spec.paralelism", "did you mean parallelism?"),
        (with("max_parallelism: 2"), "spec.max_parallelism", "did you mean maxParallelism?"),
        (with("interval: 30s"), "spec.interval", "did you mean spec.checkpoint.interval?"),
        (with("flurb: 30s"), "spec.flurb", "known fields here: checkpoint"),
        (with("parallelism: two"), "spec.parallelism", "expected a whole number"),
        (with("parallelism: 1.5"), "spec.parallelism", "expected a whole number"),
        (with("parallelism: 0"), "spec.parallelism", "from 1 to 32768"),
        (with("parallelism: -3"), "spec.parallelism", "out of range"),
        (with("parallelism: 99999999999"), "spec.parallelism", "out of range"),
        (with("parallelism:"), "spec.parallelism", "has no value"),
        (with("maxParallelism: 32769"), "spec.maxParallelism", "out of range"),
        (with("parallelism: 129"), "spec.parallelism", rules::PARALLELISM.message),
        (with("state: running"), "spec.state", "did you mean Running?"),
        (with("image: ''"), "spec.image", "at least 1"),
        (with("image: a b"), "spec.image", "not allowed"),
        (with("imagePullSecrets: [{name: a}, {name: a}]"), "spec.imagePullSecrets[1].name", "twice"),
        (with("imagePullSecrets: [{}]"), "spec.imagePullSecrets[0].name", "required"),
        (with("imagePullSecrets: a"), "spec.imagePullSecrets", "expected a list"),
        (
            with("configuration: {table.exec.state.ttl: 1000}"),
            "spec.configuration[\"table.exec.state.ttl\"]",
            "put it in quotes: \"1000\"",
        ),
        (
            with("checkpoint: {interval: 1, storage: {type: Memory}}"),
            "spec.checkpoint.interval",
            "expected a duration, found the number 1",
        ),
        (with("networkPolicy: off"), "spec.networkPolicy", "expected a mapping"),
        (with("networkPolicy: {enabled: 'no'}"), "spec.networkPolicy.enabled", "true or false"),
        // The job.
        (with("job: {}"), "spec.job", rules::ONE_JOB.message),
        (
            with("image: i\njob: {sql: SELECT 1, program: {}}").replace("  job: {sql: SELECT 1}\n", ""),
            "spec.job",
            rules::ONE_JOB.message,
        ),
        (with("job: {program: {}}"), "spec.image", rules::PROGRAM_IMAGE.message),
        (with("job: {sql: ''}"), "spec.job.sql", "at least 1"),
        (with("job: {sql: 5}"), "spec.job.sql", "expected a string"),
        (with("job: {sqlFrom: {configMapKeyRef: {name: x}}}"), "spec.job.sqlFrom.configMapKeyRef.key", "required"),
        // Checkpoints.
        (with("checkpoint: {}"), "spec.checkpoint.storage", "required"),
        (storage("{}"), "spec.checkpoint.storage.type", "required"),
        (storage("{type: s3}"), "spec.checkpoint.storage.type", "did you mean S3?"),
        (storage("{type: S3}"), "spec.checkpoint.storage.s3", rules::STORAGE_S3.message),
        (storage("{type: Memory, s3: {bucket: abc}}"), "spec.checkpoint.storage.s3", rules::STORAGE_S3.message),
        (storage("{type: FileSystem}"), "spec.checkpoint.storage.fileSystem", rules::STORAGE_FILE_SYSTEM.message),
        (
            storage("{type: Memory, fileSystem: {path: /x}}"),
            "spec.checkpoint.storage.fileSystem",
            rules::STORAGE_FILE_SYSTEM.message,
        ),
        (storage("{type: S3, s3: {bucket: Not_A_Bucket}}"), "spec.checkpoint.storage.s3.bucket", "not allowed"),
        (
            storage("{type: S3, s3: {bucket: abc, endpoint: minio}}"),
            "spec.checkpoint.storage.s3.endpoint",
            "at least 8",
        ),
        (storage("{type: S3, s3: {bucket: abc, prefix: /a}}"), "spec.checkpoint.storage.s3.prefix", "not allowed"),
        (
            storage("{type: FileSystem, fileSystem: {path: x, volume: {type: NFS, nfs: {server: s, path: /}}}}"),
            "spec.checkpoint.storage.fileSystem.path",
            rules::VOLUME_PATH.message,
        ),
        (
            storage("{type: FileSystem, fileSystem: {path: /x, volume: {type: NFS}}}"),
            "spec.checkpoint.storage.fileSystem.volume.nfs",
            rules::VOLUME_NFS.message,
        ),
        (
            storage("{type: FileSystem, fileSystem: {path: /x, volume: {type: PersistentVolumeClaim}}}"),
            "spec.checkpoint.storage.fileSystem.volume.persistentVolumeClaim",
            rules::VOLUME_CLAIM.message,
        ),
        (checkpoint("interval: 1 fortnight"), "spec.checkpoint.interval", "is not a duration"),
        (checkpoint("interval: 30"), "spec.checkpoint.interval", "expected a duration, found the number 30"),
        (checkpoint("interval: '30'"), "spec.checkpoint.interval", "with its unit"),
        (checkpoint("interval: 0s"), "spec.checkpoint.interval", rules::INTERVAL.message),
        (checkpoint("timeout: 0ms"), "spec.checkpoint.timeout", rules::TIMEOUT.message),
        (checkpoint("mode: ExactlyTwice"), "spec.checkpoint.mode", "did you mean ExactlyOnce?"),
        (
            checkpoint("unaligned: {enabled: true}, maxConcurrent: 2"),
            "spec.checkpoint.maxConcurrent",
            rules::UNALIGNED_CONCURRENT.message,
        ),
        (
            checkpoint("unaligned: {enabled: true}, mode: AtLeastOnce"),
            "spec.checkpoint.mode",
            rules::UNALIGNED_MODE.message,
        ),
        (checkpoint("retained: 0"), "spec.checkpoint.retained", "from 1 to 1000"),
        (checkpoint("storag: x"), "spec.checkpoint.storag", "did you mean storage?"),
        // The rest.
        (with("upgrade: {mode: Stateless}"), "spec.upgrade.acceptStateLoss", rules::STATE_LOSS.message),
        (with("upgrade: {rollback: {deadline: 0s}}"), "spec.upgrade.rollback.deadline", rules::DEADLINE.message),
        (with("restore: {from: latest}"), "spec.restore.from", rules::RESTORE_FROM.message),
        (with("restore: {nonce: -1}"), "spec.restore.nonce", "out of range"),
        (with("stateBackend: {type: hashmap}"), "spec.stateBackend.type", "write one of RocksDB, Heap"),
        (with("stateBackend: {memory: 1G}"), "spec.stateBackend.memory", "is not a size"),
        (with("savepoint: {schedule: 61 * * * *}"), "spec.savepoint.schedule", "not a valid minute"),
        (with("savepoint: {schedule: sometimes}"), "spec.savepoint.schedule", "is not a schedule"),
        (with("restart: {fixedDelay: {}}"), "spec.restart.fixedDelay", rules::FIXED_DELAY.message),
        (with("restart: {failureRate: {}}"), "spec.restart.failureRate", rules::FAILURE_RATE.message),
        (
            with("restart: {strategy: FailureRate, failureRate: {window: 0s}}"),
            "spec.restart.failureRate.window",
            rules::WINDOW.message,
        ),
        (
            with("restart: {strategy: None, exponentialDelay: {}}"),
            "spec.restart.exponentialDelay",
            rules::EXPONENTIAL_DELAY.message,
        ),
        (
            with("restart: {exponentialDelay: {initialDelay: 2m}}"),
            "spec.restart.exponentialDelay.maxDelay",
            "below initialDelay",
        ),
        (with("worker: {slots: 0}"), "spec.worker.slots", "from 1 to 256"),
        (
            with("worker: {resources: {requests: {memory: 1 GB}}}"),
            "spec.worker.resources.requests.memory",
            "not a Kubernetes quantity",
        ),
        (
            with("worker: {resources: {requests: {cpu: 0.5}}}"),
            "spec.worker.resources.requests.cpu",
            "put it in quotes: \"0.5\"",
        ),
        (with("worker: {volume: {}}"), "spec.worker.volume.size", "required"),
        (
            with("worker: {podTemplate: {spec: {containers: worker}}}"),
            "spec.worker.podTemplate",
            "not a part of a pod template",
        ),
    ]
}

#[test]
fn bad_manifests_name_the_field_and_the_fix() {
    for (text, path, piece) in bad() {
        let error = parse(&text).map(|j| j.spec).expect_err(&text);
        let found = error.problems.iter().any(|p| p.path == path && format!("{} {}", p.message, p.fix).contains(piece));
        assert!(found, "expected {path}: …{piece}… for\n{text}\nfound\n{error}");
        assert_eq!(error.problems.len(), 1, "more than one problem for\n{text}\nfound\n{error}");
        assert!(error.problems.iter().all(|p| !p.fix.is_empty()));
    }
}

/// A rule that the API server checks and the loader does not would be a trap.
#[test]
fn every_rule_of_an_object_has_a_bad_manifest() {
    let bad = bad();
    for rule in rules::STREAM_JOB.iter().filter(|r| r.scope == rules::Scope::Object && r.field != "metadata.name") {
        assert!(bad.iter().any(|(_, path, piece)| *path == rule.field && *piece == rule.message), "{rule:?}");
    }
}

#[test]
fn the_example_loads_with_its_defaults() {
    let job = parse(EXAMPLE).unwrap();
    assert_eq!(job.metadata.name.as_deref(), Some("order-count"));
    assert_eq!(job.metadata.namespace.as_deref(), Some("shop"));
    let spec = &job.spec;
    assert!(matches!(spec.job.source(), Ok(JobSource::Sql(sql)) if sql.starts_with("CREATE TABLE order_behavior")));
    assert_eq!((spec.parallelism, spec.max_parallelism, spec.worker_pods()), (2, 128, 2));
    let checkpoint = &spec.checkpoint;
    assert_eq!(checkpoint.interval(), Duration::from_secs(30));
    assert_eq!(checkpoint.timeout(), Duration::from_secs(600));
    assert_eq!(checkpoint.min_pause(), Duration::ZERO);
    assert_eq!((checkpoint.max_concurrent, checkpoint.tolerable_failures, checkpoint.retained), (1, 0, 3));
    assert_eq!(checkpoint.unaligned_after(), None);
    let Ok(StorageOptions::S3(s3)) = checkpoint.storage.options() else { panic!("not S3") };
    assert_eq!((s3.bucket.as_str(), s3.prefix.as_deref(), s3.path_style), ("checkpoints", Some("shop"), false));
    assert!(spec.state_backend.incremental && spec.state_backend.local_recovery);
    assert_eq!((spec.state_backend.ttl(), spec.state_backend.memory()), (None, None));
    assert!(spec.upgrade.surge && spec.network_policy.enabled && spec.pod_disruption_budget.enabled);
    assert_eq!(spec.upgrade.rollback.deadline(), Some(Duration::from_secs(600)));
    assert_eq!(spec.savepoint.history.max_age(), Some(Duration::from_secs(7 * 86_400)));
    assert_eq!(spec.savepoint.history.max_count, 10);
    assert!(
        matches!(spec.restart.policy(), RestartPolicy::ExponentialDelay { initial, .. } if initial == Duration::from_secs(1))
    );
    assert_eq!(spec.restore.point(), RestorePoint::Auto);
    assert_eq!(validate(&job), []);
}

#[test]
fn good_manifests_load() {
    let full = with(
        "image: registry/job:1\n\
         imagePullSecrets: [{name: a}, {name: b}]\n\
         state: Suspended\n\
         maxParallelism: 32768\n\
         upgrade: {mode: Stateless, acceptStateLoss: true, surge: false, rollback: {enabled: false}}\n\
         restore: {from: 's3://b/x/savepoints/savepoint-1', nonce: 3, claim: Claim, allowNonRestoredState: true}\n\
         stateBackend: {type: Heap, memory: 64mb, ttl: 30 d}\n\
         savepoint: {schedule: '0 3 * * *', onDelete: true, history: {maxAge: 0s, maxCount: 3}}\n\
         restart: {strategy: FixedDelay, fixedDelay: {attempts: 5, delay: 10 s}}\n\
         coordinator: {resources: {limits: {cpu: 1, memory: 1Gi}}}\n\
         worker:\n\
         \x20 slots: 2\n\
         \x20 volume: {size: 20Gi}\n\
         \x20 podTemplate: {spec: {nodeSelector: {disk: ssd}, containers: [{name: worker, env: [{name: A, value: b}]}]}}\n\
         configuration: {table.exec.state.ttl: '1 d'}\n\
         serviceAccountName: jobs\n\
         networkPolicy: {enabled: false}\n\
         checkpoint:\n\
         \x20 interval: 1 min\n\
         \x20 minPause: 90s\n\
         \x20 unaligned: {enabled: true, alignedTimeout: 500ms}\n\
         \x20 storage: {type: FileSystem, fileSystem: {path: /data, volume: {type: NFS, nfs: {server: s, path: /x}}}}",
    );
    let job = parse(&full).unwrap();
    assert_eq!(validate(&job), []);
    assert_eq!(job.spec.checkpoint.interval(), Duration::from_secs(90));
    assert_eq!(job.spec.checkpoint.unaligned_after(), Some(Duration::from_millis(500)));
    assert_eq!(job.spec.state_backend.memory(), Some(64 << 20));
    assert_eq!(job.spec.restore.point(), RestorePoint::Path("s3://b/x/savepoints/savepoint-1"));
    assert_eq!(job.spec.coordinator.resources().limits["cpu"].0, "1");
    assert_eq!(job.spec.restart.policy(), RestartPolicy::FixedDelay { attempts: 5, delay: Duration::from_secs(10) });
    assert!(job.spec.worker.pod_template.as_ref().unwrap().spec().is_ok());

    // What is loaded, written and loaded again is the same.
    let text = serde_yaml::to_string(&job).unwrap();
    assert_eq!(parse(&text).unwrap(), job);

    // A manifest as kubectl prints it.
    let printed = format!("{EXAMPLE}status: {{state: Running, somethingNew: 1}}\n")
        .replace("namespace: shop", "uid: u, creationTimestamp: null, generation: 2");
    assert!(parse(&printed).unwrap().status.is_none());

    // One StreamJob among other documents, an anchor, a merge key.
    let several = format!("kind: ConfigMap\n---\n{EXAMPLE}---\n");
    assert_eq!(parse(&several).unwrap(), parse(EXAMPLE).unwrap());
    let merged = with("coordinator: &c {resources: {limits: {cpu: 1}}}\nworker: {<<: *c, slots: 3}");
    assert_eq!(parse(&merged).unwrap().spec.worker.slots, 3);
}

#[test]
fn all_problems_come_at_once_with_their_lines() {
    let text = with(
        "parallelism: 200\ncheckpoint:\n  intervall: 5s\n  timeout: soon\n  storage: {type: S3}\nrestart: {fixedDelay: {}}",
    );
    let error = parse(&text).unwrap_err();
    let found: Vec<_> = error.problems.iter().map(|p| (p.position.unwrap().0, p.path.as_str())).collect();
    assert_eq!(
        found,
        [
            (6, "spec.parallelism"),
            (8, "spec.checkpoint.intervall"),
            (9, "spec.checkpoint.timeout"),
            (10, "spec.checkpoint.storage.s3"),
            (11, "spec.restart.fixedDelay"),
        ],
        "{error}"
    );
    let shown = error.to_string();
    assert!(
        shown.contains("job.yaml:8:5: spec.checkpoint.intervall: unknown field\n  fix: did you mean interval?"),
        "{shown}"
    );
    assert!(shown.contains("job.yaml:9:14: spec.checkpoint.timeout"), "{shown}");
}

#[test]
fn a_sql_file_is_a_manifest() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("Order Count.sql");
    std::fs::write(&path, "SELECT 1;").unwrap();
    let job = load(&path).unwrap();
    assert_eq!(job.metadata.name.as_deref(), Some("order-count"));
    assert_eq!(job.metadata.annotations.as_ref().unwrap()[RELATIVE_TO], "working-directory");
    assert!(matches!(job.spec.job.source(), Ok(JobSource::Sql("SELECT 1;"))));
    let Ok(StorageOptions::FileSystem(folder)) = job.spec.checkpoint.storage.options() else { panic!("not a folder") };
    assert!(folder.is_relative());
    assert_eq!(folder.local_path(), LOCAL_CHECKPOINTS);

    std::fs::write(&path, " \n").unwrap();
    assert!(load(&path).unwrap_err().to_string().contains("empty"));
    std::fs::write(&path, "x".repeat(600_000)).unwrap();
    assert_eq!(load(&path).unwrap_err().problems[0].path, "spec.job.sql");
    std::fs::write(&path, [0xff, 0xfe]).unwrap();
    assert!(load(&path).unwrap_err().to_string().contains("UTF-8"));
    let error = load(&dir.path().join("none.yaml")).unwrap_err();
    assert!(error.to_string().contains("none.yaml: cannot be read"), "{error}");

    let path = dir.path().join("job.yaml");
    std::fs::write(&path, EXAMPLE).unwrap();
    assert_eq!(load(&path).unwrap(), parse(EXAMPLE).unwrap());
}

#[test]
fn typed_objects_are_judged_too() {
    let mut job = parse(EXAMPLE).unwrap();
    job.spec.parallelism = 0;
    job.spec.checkpoint.storage.s3 = None;
    job.metadata.name = None;
    let paths: Vec<_> = validate(&job).into_iter().map(|e| e.path).collect();
    assert_eq!(paths, ["metadata.name", "spec.parallelism", "spec.checkpoint.storage.s3"]);
}

#[test]
fn updates_keep_key_groups_and_nonce() {
    let old = parse(EXAMPLE).unwrap();
    let mut new = old.clone();
    new.spec.max_parallelism = 256;
    assert_eq!(validate_update(&old, &new), [], "no state yet");

    let mut old = old;
    old.status = Some(serde_json::from_value(serde_json::json!({"checkpoint": {"latest": {"id": 1}}})).unwrap());
    assert_eq!(validate_update(&old, &new), [rules::MAX_PARALLELISM.error()]);
    new.spec.restore.from = "None".to_owned();
    new.spec.restore.nonce = Some(1);
    assert_eq!(validate_update(&old, &new), [], "a new lineage");

    let mut older = new.clone();
    older.spec.restore.nonce = None;
    assert_eq!(validate_update(&new, &older), [rules::NONCE.error()]);
}

/// The API server may be newer than this code.
#[test]
fn types_tolerate_what_they_do_not_know() {
    let mut value = serde_json::to_value(parse(EXAMPLE).unwrap()).unwrap();
    value["spec"]["newField"] = 1.into();
    value["spec"]["checkpoint"]["storage"]["newer"] = serde_json::json!({});
    assert!(serde_json::from_value::<StreamJob>(value).is_ok());
}

#[test]
fn messages_read_well() {
    let text = with(
        "checkpoint:\n  storage: {type: FileSystem, fileSystem: {path: x}}\n  unaligned: {enabled: true}\n  maxConcurrent: 4\nstateBackend: {type: rocksdb}",
    );
    insta::assert_snapshot!(parse(&text).unwrap_err(), @r#"
    job.yaml:9:20: spec.checkpoint.maxConcurrent: unaligned checkpoints run one at a time
      fix: set spec.checkpoint.maxConcurrent: 1 or spec.checkpoint.unaligned.enabled: false
    job.yaml:10:24: spec.stateBackend.type: "rocksdb" is not a value of this field
      fix: did you mean RocksDB? Allowed: RocksDB, Heap
    "#);
}
