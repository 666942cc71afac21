//! Manifests that are wrong. Each is refused by the API server with the field and the fix, or taken and shown as Stalled
//! with both; none of them ends the operator or stops other jobs.

use crate::support::watch::Watched;
use crate::support::{Job, Space, beside};
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use streamjob_crds::StreamJob;

/// A manifest that is wrong: its name in messages, what is changed in a good one (place, value; null removes), and what
/// the message must contain: the field, then what to do or what is allowed.
type Bad = (&'static str, &'static [(&'static str, fn() -> Value)], &'static [&'static str]);

/// Refused by the API server.
const REFUSED: &[Bad] = &[
    ("no spec", &[("/spec", || Value::Null)], &["spec: Required value"]),
    ("no job", &[("/spec/job", || Value::Null)], &["spec.job: Required value"]),
    ("no storage", &[("/spec/checkpoint", || Value::Null)], &["spec.checkpoint: Required value"]),
    (
        "no storage type",
        &[("/spec/checkpoint/storage/type", || Value::Null)],
        &["spec.checkpoint.storage.type: Required value"],
    ),
    ("a long name", &[("/metadata/name", || json!("a-name-that-is-much-longer-than-forty-letters"))], &["at most 40"]),
    ("a name with a dot", &[("/metadata/name", || json!("a.b"))], &["lower-case letters, digits and dashes"]),
    ("capitals in the name", &[("/metadata/name", || json!("Orders"))], &["metadata.name", "lower case alphanumeric"]),
    ("a misspelt field", &[("/spec/paralelism", || json!(2))], &["spec.paralelism", "field not declared in schema"]),
    (
        "a misspelt field below",
        &[("/spec/checkpoint/intervall", || json!("1s"))],
        &["spec.checkpoint.intervall", "field not declared in schema"],
    ),
    (
        "a field of Flink's",
        &[("/spec/flinkVersion", || json!("v2_2"))],
        &["spec.flinkVersion", "field not declared in schema"],
    ),
    ("parallelism 0", &[("/spec/parallelism", || json!(0))], &["spec.parallelism", "greater than or equal to 1"]),
    ("parallelism as a text", &[("/spec/parallelism", || json!("2"))], &["spec.parallelism", "expected numeric"]),
    ("half a parallelism", &[("/spec/parallelism", || json!(1.5))], &["spec.parallelism", "must be of type integer"]),
    (
        "parallelism above key groups",
        &[("/spec/parallelism", || json!(200))],
        &["spec.parallelism", "parallelism is above maxParallelism", "lower spec.parallelism"],
    ),
    (
        "too many key groups",
        &[("/spec/maxParallelism", || json!(40_000))],
        &["spec.maxParallelism", "less than or equal to 32768"],
    ),
    (
        "a state in small letters",
        &[("/spec/state", || json!("running"))],
        &["spec.state", "supported values: \"Running\", \"Suspended\""],
    ),
    ("an image with a blank", &[("/spec/image", || json!("my image"))], &["spec.image", "should match"]),
    (
        "two kinds of job",
        &[("/spec/job/program", || json!({}))],
        &["spec.job", "exactly one of sql, sqlFrom and program", "keep one of the three"],
    ),
    ("no kind of job", &[("/spec/job/sql", || Value::Null)], &["spec.job", "exactly one of sql, sqlFrom and program"]),
    (
        "a program without an image",
        &[("/spec/job", || json!({"program": {}}))],
        &["a program job needs the image", "set spec.image"],
    ),
    (
        "an unknown upgrade mode",
        &[("/spec/upgrade", || json!({"mode": "last-state"}))],
        &["spec.upgrade.mode", "supported values: \"Savepoint\", \"LastCheckpoint\", \"Stateless\""],
    ),
    (
        "state thrown away unasked",
        &[("/spec/upgrade", || json!({"mode": "Stateless"}))],
        &["spec.upgrade", "throws the state away", "acceptStateLoss: true"],
    ),
    (
        "a deadline of nothing",
        &[("/spec/upgrade", || json!({"rollback": {"deadline": "0s"}}))],
        &["spec.upgrade.rollback.deadline", "must not be zero"],
    ),
    (
        "a deadline without a unit",
        &[("/spec/upgrade", || json!({"rollback": {"deadline": "ten minutes"}}))],
        &["spec.upgrade.rollback.deadline", "should match"],
    ),
    (
        "a restore point that is no word",
        &[("/spec/restore", || json!({"from": "Newest"}))],
        &["spec.restore", "Auto, Latest, None"],
    ),
    (
        "a state backend of Flink's",
        &[("/spec/stateBackend", || json!({"type": "hashmap"}))],
        &["spec.stateBackend.type", "supported values: \"RocksDB\", \"Heap\""],
    ),
    (
        "S3 without its block",
        &[("/spec/checkpoint/storage/s3", || Value::Null)],
        &["spec.checkpoint.storage", "type: S3 needs it"],
    ),
    (
        "a folder with S3's block",
        &[("/spec/checkpoint/storage/type", || json!("FileSystem"))],
        &["spec.checkpoint.storage", "make spec.checkpoint.storage.type and the block below it agree"],
    ),
    (
        "a relative folder",
        &[("/spec/checkpoint/storage", || json!({"type": "FileSystem", "fileSystem": {"path": "checkpoints"}}))],
        &["absolute path", "start it with a slash"],
    ),
    (
        "a claim without its name",
        &[(
            "/spec/checkpoint/storage",
            || json!({"type": "FileSystem", "fileSystem": {"path": "/c", "volume": {"type": "PersistentVolumeClaim"}}}),
        )],
        &["persistentVolumeClaim", "make type and the block below it agree"],
    ),
    (
        "a bucket with capitals",
        &[("/spec/checkpoint/storage/s3/bucket", || json!("Checkpoints"))],
        &["spec.checkpoint.storage.s3.bucket", "should match"],
    ),
    (
        "a prefix with a slash before it",
        &[("/spec/checkpoint/storage/s3/prefix", || json!("/shop"))],
        &["spec.checkpoint.storage.s3.prefix", "should match"],
    ),
    (
        "an endpoint without a scheme",
        &[("/spec/checkpoint/storage/s3/endpoint", || json!("minio:9000"))],
        &["spec.checkpoint.storage.s3.endpoint", "should match"],
    ),
    (
        "an interval of nothing",
        &[("/spec/checkpoint/interval", || json!("0s"))],
        &["spec.checkpoint.interval", "must not be zero", "write a time above zero"],
    ),
    (
        "an interval as a number",
        &[("/spec/checkpoint/interval", || json!(30))],
        &["spec.checkpoint.interval", "expected string"],
    ),
    (
        "a timeout of nothing",
        &[("/spec/checkpoint/timeout", || json!("0ms"))],
        &["spec.checkpoint.timeout", "must not be zero"],
    ),
    (
        "nothing retained",
        &[("/spec/checkpoint/retained", || json!(0))],
        &["spec.checkpoint.retained", "greater than or equal to 1"],
    ),
    (
        "unaligned, two at a time",
        &[("/spec/checkpoint/unaligned", || json!({"enabled": true})), ("/spec/checkpoint/maxConcurrent", || json!(2))],
        &["spec.checkpoint", "one at a time", "set spec.checkpoint.maxConcurrent: 1"],
    ),
    (
        "unaligned, at least once",
        &[
            ("/spec/checkpoint/unaligned", || json!({"enabled": true})),
            ("/spec/checkpoint/mode", || json!("AtLeastOnce")),
        ],
        &["spec.checkpoint", "need mode ExactlyOnce"],
    ),
    (
        "a restart block of another strategy",
        &[("/spec/restart", || json!({"strategy": "FixedDelay", "failureRate": {}}))],
        &["spec.restart", "the block failureRate has no effect", "set spec.restart.strategy: FailureRate"],
    ),
    (
        "an unknown restart strategy",
        &[("/spec/restart", || json!({"strategy": "Never"}))],
        &["spec.restart.strategy", "supported values: \"ExponentialDelay\", \"FixedDelay\", \"FailureRate\", \"None\""],
    ),
    ("no slots", &[("/spec/worker/slots", || json!(0))], &["spec.worker.slots", "greater than or equal to 1"]),
    (
        "memory that is no quantity",
        &[("/spec/worker/resources/limits/memory", || json!("2 GB"))],
        &["spec.worker.resources.limits.memory", "should match"],
    ),
    ("a volume without a size", &[("/spec/worker/volume", || json!({}))], &["spec.worker.volume.size: Required value"]),
    (
        "a number as an option's value",
        &[("/spec/configuration", || json!({"table.exec.state.ttl": 1000}))],
        &["spec.configuration.table.exec.state.ttl", "expected string"],
    ),
    (
        "a pull secret twice",
        &[("/spec/imagePullSecrets", || json!([{"name": "a"}, {"name": "a"}]))],
        &["spec.imagePullSecrets", "uplicate"],
    ),
    (
        "a service account with capitals",
        &[("/spec/serviceAccountName", || json!("Me"))],
        &["spec.serviceAccountName", "should match"],
    ),
];

/// Taken by the API server; the operator says what is wrong.
const STALLED: &[Bad] = &[
    ("a script that is not SQL", &[("/spec/job/sql", || json!("SELEC 1"))], &["SELEC"]),
    (
        "a script that does nothing",
        &[("/spec/job/sql", || json!("CREATE TABLE t (a INT) WITH ('connector' = 'datagen');"))],
        &["INSERT"],
    ),
    (
        "an unknown connector",
        &[("/spec/job/sql", || {
            json!(
                "CREATE TABLE a (x INT) WITH ('connector' = 'datagn'); CREATE TABLE b (x INT) WITH ('connector' = 'print'); INSERT INTO b SELECT x FROM a;"
            )
        })],
        &["datagn", "datagen"],
    ),
    (
        "an unknown column",
        &[("/spec/job/sql", || {
            json!(
                "CREATE TABLE a (x INT) WITH ('connector' = 'datagen'); CREATE TABLE b (x INT) WITH ('connector' = 'print'); INSERT INTO b SELECT y FROM a;"
            )
        })],
        &["y"],
    ),
    (
        "an unknown option",
        &[("/spec/configuration", || json!({"table.exec.state.tll": "1 h"}))],
        &["table.exec.state.tll", "table.exec.state.ttl"],
    ),
    (
        "an option's value that does not fit",
        &[("/spec/configuration", || json!({"table.exec.state.ttl": "soon"}))],
        &["table.exec.state.ttl"],
    ),
    (
        "a script elsewhere",
        &[("/spec/job", || json!({"sqlFrom": {"configMapKeyRef": {"name": "a", "key": "b"}}}))],
        &["spec.job.sqlFrom", "spec.job.sql"],
    ),
    (
        "a program",
        &[("/spec/job", || json!({"program": {}})), ("/spec/image", || json!("localhost/none:1"))],
        &["spec.job.program"],
    ),
    (
        "state in memory",
        &[("/spec/checkpoint/storage", || json!({"type": "Memory"}))],
        &["spec.checkpoint.storage.type", "use S3"],
    ),
    (
        "a schedule with a month 13",
        &[("/spec/savepoint", || json!({"schedule": "0 0 1 13 *"}))],
        &["spec.savepoint.schedule"],
    ),
    (
        "delays the wrong way round",
        &[(
            "/spec/restart",
            || json!({"strategy": "ExponentialDelay", "exponentialDelay": {"initialDelay": "1m", "maxDelay": "1s"}}),
        )],
        &["spec.restart.exponentialDelay.maxDelay", "raise maxDelay"],
    ),
    (
        "a pod template that is none",
        &[("/spec/worker/podTemplate", || json!({"spec": {"containers": "all"}}))],
        &["spec.worker.podTemplate", "Kubernetes pod template"],
    ),
    (
        "a bucket that is not there",
        &[("/spec/checkpoint/storage/s3/bucket", || json!("no-such-bucket"))],
        &["no-such-bucket"],
    ),
    (
        "a savepoint that is not there",
        &[("/spec/restore", || json!({"from": "s3://streamjob/none/savepoint-1"}))],
        &["s3://streamjob/none/savepoint-1"],
    ),
];

fn bad(space: &Space, name: &str, edits: &[(&str, fn() -> Value)]) -> Job {
    edits.iter().fold(space.job(name), |job, (place, value)| job.with(place, value()))
}

#[test]
fn the_api_server_refuses_with_field_and_fix() {
    beside("bad_manifests::refused", async |space| {
        let api: Api<StreamJob> = space.api();
        // Nothing is stored; else it is judged as ever.
        let params = PatchParams::apply("e2e").force().validation_strict().dry_run();
        let good = space.job("good");
        api.patch(&good.name, &params, &Patch::Apply(&good.manifest))
            .await
            .expect("the manifest that all others are made of");
        let mut wrong = Vec::new();
        for (what, edits, told) in REFUSED {
            let job = bad(space, "bad", edits);
            let name = job.manifest["metadata"]["name"].as_str().unwrap().to_owned();
            match api.patch(&name, &params, &Patch::Apply(&job.manifest)).await {
                Ok(_) => wrong.push(format!("{what}: it is accepted")),
                Err(kube::Error::Api(status)) => {
                    let missing: Vec<_> = told.iter().filter(|t| !status.message.contains(**t)).collect();
                    if !missing.is_empty() {
                        wrong.push(format!("{what}: {missing:?} is not in: {}", status.message));
                    }
                }
                Err(error) => wrong.push(format!("{what}: {error}")),
            }
        }
        assert!(REFUSED.len() + STALLED.len() >= 40);
        assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), REFUSED.len(), wrong.join("\n"));
    });
}

#[test]
fn what_the_api_server_takes_is_shown_as_stalled_with_field_and_fix() {
    beside("bad_manifests::stalled", async |space| {
        let mut wrong = Vec::new();
        let jobs: Vec<_> =
            STALLED.iter().zip(1..).map(|((_, edits, _), n)| bad(space, &format!("bad-{n}"), edits)).collect();
        let mut watched = Vec::new();
        for job in &jobs {
            let watch = Watched::new(space, &job.name);
            watch.apply(job).await;
            watched.push(watch);
        }
        for ((what, _, told), watch) in STALLED.iter().zip(&watched) {
            let stalled = watch.until_stalled().await;
            let missing: Vec<_> = told.iter().filter(|t| !stalled.message.contains(**t)).collect();
            if missing.is_empty() {
                println!("{what}: {}: {}", stalled.reason, stalled.message);
            } else {
                wrong.push(format!("{what}: {missing:?} is not in: {}: {}", stalled.reason, stalled.message));
            }
        }
        assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), STALLED.len(), wrong.join("\n"));
        // A wrong one that is put right runs, and all this did nothing to others.
        let good = space.job("bad-1");
        watched[0].apply(&good).await;
        watched[0].until_running().await;
    });
}
