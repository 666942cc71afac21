//! The S3 store against a server in the process: conditions, multipart, copies,
//! retries, and the errors of everything that is commonly wrong.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use streamjob_checkpoint::restore::{load, resolve};
use streamjob_checkpoint::store::{open, probe};
use streamjob_checkpoint::*;
use streamjob_core::{Domain, OperatorUid};
use streamjob_state::{KeyedSnapshot, ListMode, OperatorState, Scope, SnapshotFile, SnapshotFormat, SnapshotStore};
use support::{Conditions, config, serve};

fn store(server: &support::Server) -> Arc<dyn ObjectStore> {
    open("s3://bucket/some/prefix", &server.config).unwrap()
}

#[test]
fn objects_conditions_listing_copy() {
    let server = serve(Conditions::Honoured);
    let s = store(&server);
    assert_eq!(s.url("a/b"), "s3://bucket/some/prefix/a/b");
    assert!(s.get("a/b").unwrap().is_none());
    assert!(s.head("a/b").unwrap().is_none());
    let Conditional::Done(tag) = s.put_if_absent("a/b", b"one").unwrap() else { panic!() };
    assert_eq!(s.put_if_absent("a/b", b"two").unwrap(), Conditional::Lost);
    assert_eq!(s.put_if_match("a/b", b"two", "\"0123456789abcdef0123456789abcdef\"").unwrap(), Conditional::Lost);
    assert_eq!(s.put_if_match("none", b"two", &tag).unwrap(), Conditional::Lost);
    let Conditional::Done(tag2) = s.put_if_match("a/b", b"two", &tag).unwrap() else { panic!() };
    let object = s.get("a/b").unwrap().unwrap();
    assert_eq!((object.bytes.as_slice(), &object.etag), (&b"two"[..], &tag2));
    s.copy("a/b", "a/c d/ü").unwrap();
    s.put("z", b"").unwrap();
    assert_eq!(s.head("a/c d/ü").unwrap().unwrap().size, 3);
    let keys = |dir| s.list(dir).unwrap().into_iter().map(|o| o.key).collect::<Vec<_>>();
    assert_eq!(keys(""), ["a/b", "a/c d/ü", "z"]);
    assert_eq!(keys("a"), ["a/b", "a/c d/ü"]);
    assert_eq!(s.list_dirs("").unwrap(), ["a"]);
    assert_eq!(s.list_dirs("a").unwrap(), ["c d"]);
    s.delete("z").unwrap();
    s.delete("z").unwrap();
    assert_eq!(keys("").len(), 2);
    assert!(s.put("../x", b"").is_err());
}

#[test]
fn large_files_go_up_in_parts_and_come_back_whole() {
    let server = serve(Conditions::Honoured);
    let s = store(&server);
    let dir = tempfile::tempdir().unwrap();
    let (local, back) = (dir.path().join("up"), dir.path().join("down"));
    let content: Vec<u8> = (0..20_000_001u32).map(|i| ((i * 31) >> 3) as u8).collect();
    std::fs::write(&local, &content).unwrap();
    s.upload("big", &local).unwrap();
    assert_eq!(server.counts.parts.load(Ordering::SeqCst), 3);
    assert_eq!(s.download("big", &back).unwrap(), 20_000_001);
    assert_eq!(
        s.checksum("big").unwrap().unwrap(),
        FsStore::open(dir.path()).unwrap().checksum("up").unwrap().unwrap()
    );
    assert!(s.checksum("nothing").unwrap().is_none());
    assert!(std::fs::read(&back).unwrap() == content);
    s.copy("big", "copy").unwrap();
    assert_eq!(s.head("copy").unwrap().unwrap().size, 20_000_001);
    let e = s.download("nothing", &back).unwrap_err();
    assert!(e.message().contains("s3://bucket/some/prefix/nothing does not exist"), "{e}");
}

/// What a heap backend's state goes through.
#[test]
fn what_is_written_in_pieces_goes_up_in_parts_as_it_comes() {
    let server = serve(Conditions::Honoured);
    let s = store(&server);
    let counts = |c: &std::sync::atomic::AtomicUsize| c.load(Ordering::SeqCst);
    let piece: Vec<u8> = (0..1_000_000u32).map(|i| ((i * 31) >> 3) as u8).collect();
    let mut object = s.create("state").unwrap();
    for i in 1..=100 {
        object.write_all(&piece).unwrap();
        // What has not begun to go up is held in memory: never more than two parts and the one that is being filled.
        assert!(counts(&server.counts.parts) + 3 >= i * piece.len() / (8 << 20), "after {i} pieces");
    }
    object.finish().unwrap();
    assert_eq!((counts(&server.counts.parts), counts(&server.counts.puts)), (12, 0));
    assert!(s.get("state").unwrap().unwrap().bytes == piece.repeat(100));
    // Small ones are one request; none at all is left of what is dropped.
    let mut small = s.create("small").unwrap();
    small.write_all(&piece).unwrap();
    small.finish().unwrap();
    assert_eq!((counts(&server.counts.parts), counts(&server.counts.puts)), (12, 1));
    let mut dropped = s.create("dropped").unwrap();
    dropped.write_all(&piece.repeat(30)).unwrap();
    assert_eq!(counts(&server.counts.aborts), 0);
    drop(dropped);
    assert_eq!(counts(&server.counts.aborts), 1);
    assert!(s.head("dropped").unwrap().is_none());
    assert_eq!(s.head("small").unwrap().unwrap().size, 1_000_000);
}

#[test]
fn an_upload_whose_last_answer_is_lost_has_come_through() {
    let server = serve(Conditions::Honoured);
    let s = store(&server);
    let mut object = s.create("state").unwrap();
    object.write_all(&vec![7; 20_000_000]).unwrap();
    server.counts.lost_completions.store(1, Ordering::SeqCst);
    object.finish().unwrap();
    assert_eq!(s.head("state").unwrap().unwrap().size, 20_000_000);
    assert_eq!(server.counts.aborts.load(Ordering::SeqCst), 0);
    // An upload that somebody aborted has not; it is not the job's fault either.
    let mut object = s.create("other").unwrap();
    object.write_all(&vec![7; 20_000_000]).unwrap();
    server.counts.forgotten_uploads.store(1, Ordering::SeqCst);
    let e = object.finish().unwrap_err();
    assert_eq!(e.domain(), Domain::Transient);
    assert!(e.to_string().contains("CompleteMultipartUpload"), "{e}");
}

#[test]
fn an_honest_server_passes_the_probe_and_one_that_ignores_conditions_is_refused() {
    let server = serve(Conditions::Honoured);
    let s = store(&server);
    probe(s.as_ref(), "shop").unwrap();
    assert!(s.list("").unwrap().is_empty(), "the probe cleans up");

    let server = serve(Conditions::Ignored);
    let e = probe(store(&server).as_ref(), "shop").unwrap_err();
    assert_eq!(e.domain(), Domain::User);
    for word in ["s3://bucket/some/prefix", server.config.endpoint.as_ref().unwrap(), "If-None-Match", "versitygw"] {
        assert!(e.to_string().contains(word), "{e}");
    }
}

#[test]
fn overload_is_retried() {
    let server = serve(Conditions::Honoured);
    server.counts.failures.store(2, Ordering::SeqCst);
    store(&server).put("a", b"x").unwrap();
    assert_eq!(server.counts.puts.load(Ordering::SeqCst), 3);
    server.counts.failures.store(100, Ordering::SeqCst);
    let e = store(&server).put("a", b"x").unwrap_err();
    assert_eq!(e.domain(), Domain::Transient);
    assert!(e.to_string().contains("overloaded"), "{e}");
}

#[test]
fn what_is_commonly_wrong_is_told_apart() {
    let server = serve(Conditions::Honoured);
    let put = |location: &str, config: &S3Config| open(location, config).unwrap().put("k", b"x").unwrap_err();

    let e = put("s3://nowhere", &server.config);
    assert_eq!(e.domain(), Domain::User);
    assert!(
        e.to_string().contains("no bucket 'nowhere'") && e.to_string().contains("checkpoint.storage.s3.bucket"),
        "{e}"
    );

    let e = put("s3://bucket", &S3Config { secret_key: Some("wrong".into()), ..server.config.clone() });
    assert_eq!(e.domain(), Domain::User);
    assert!(e.to_string().contains("credentials are not accepted"), "{e}");

    // A port that nobody listens on.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let endpoint = format!("http://127.0.0.1:{port}");
    let e = put("s3://bucket", &S3Config { attempts: 2, ..config(&endpoint) });
    assert_eq!(e.domain(), Domain::Transient);
    for word in ["PutObject", "s3://bucket/k", &endpoint, "cannot connect", "refused", "checkpoint.storage.s3.endpoint"]
    {
        assert!(e.to_string().contains(word), "{word}: {e}");
    }

    // Accepts and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let slow = S3Config { attempts: 2, attempt_timeout: Duration::from_millis(200), ..config(&endpoint) };
    let e = put("s3://bucket", &slow);
    assert_eq!(e.domain(), Domain::Transient);
    assert!(e.to_string().contains("no answer in time"), "{e}");

    let e = open("s3://bucket", &config("localhost:9000")).err().unwrap();
    assert!(e.to_string().contains("has no scheme"), "{e}");
    assert!(open("s3://", &server.config).is_err());
}

#[test]
fn a_whole_life_on_s3() {
    let server = serve(Conditions::Honoured);
    let storage = Storage::open("s3://bucket/jobs", server.config.clone()).unwrap();
    let job = Job::open(&storage, "shop", "order-count").unwrap();
    let mut location = String::new();
    for (round, from) in [RestoreFrom::Auto, RestoreFrom::Auto].iter().enumerate() {
        let d = resolve(&job, "me", from, true).unwrap();
        let TakeOver::Done(mut lineage) = job.take_over("me", &d.claim, 1).unwrap() else { panic!() };
        let mut collector = Collector::start(&job, &lineage, &d, 2).unwrap();
        collector.add_attempt("a");
        assert_eq!(d.next_id, 1 + 4 * round as u64);
        for id in d.next_id..d.next_id + 4 {
            let slot = lineage.checkpoint(id, "a");
            let m = manifest(&job, &lineage, &slot, id);
            assert!(matches!(lineage.publish(&slot, &m, 1), Publish::Done));
            collector.completed(&m, &[]);
            collector.plan(&[], id + 1, 1).run(&lineage).unwrap();
            location = slot.location.clone();
        }
        assert_eq!(collector.retained().len(), 2);
    }
    let entries = history::list(&job).unwrap();
    assert_eq!(
        entries.iter().map(|e| (e.id, e.complete, e.retained)).collect::<Vec<_>>(),
        [(7, true, true), (8, true, true)]
    );
    let point = load(&storage, &format!("{location}/_metadata")).unwrap();
    let part = point.manifest.operators[0].subtasks[0].operator.as_ref().unwrap();
    assert_eq!(operator_state::read(&point.reader, part).unwrap().items("offsets"), [b"8".to_vec()]);
    let file = &point.manifest.operators[0].subtasks[0].keyed.as_ref().unwrap().files[0].file;
    assert_eq!(point.reader.read(file).unwrap(), vec![8u8; 30_000]);
    assert!(verify::verify(&point.reader, &point.manifest, true).unwrap().is_empty());
}

fn manifest(job: &Job, lineage: &Lineage, slot: &Slot, id: u64) -> Manifest {
    let writer = slot.writer(Placement::default());
    let file = writer.write(Scope::Shared, "state.arrow", &vec![id as u8; 30_000]).unwrap();
    let mut state = OperatorState::default();
    state.set("offsets", ListMode::Split, vec![id.to_string().into_bytes()]);
    let head = lineage.head();
    let mut m = Manifest {
        namespace: "shop".into(),
        job: "order-count".into(),
        job_id: head.job_id.clone(),
        checkpoint: id,
        kind: Kind::Checkpoint,
        drained: false,
        generation: head.generation,
        attempt: "a".into(),
        owner: head.owner.clone(),
        created_at_ms: id as i64,
        duration_ms: 1,
        parallelism: 1,
        max_parallelism: 128,
        backend: "hashmap".into(),
        written_by: job.paths().dir().to_string(),
        script: String::new(),
        restored_from: None,
        savepoint_path: None,
        sizes: Sizes::default(),
        options: BTreeMap::new(),
        operators: vec![OperatorEntry {
            uid: OperatorUid("o".into()),
            name: "o".into(),
            parallelism: 1,
            subtasks: vec![SubtaskEntry {
                index: 0,
                keyed: Some(KeyedSnapshot {
                    format: SnapshotFormat::Canonical,
                    group_start: 0,
                    group_end: 128,
                    states: vec![],
                    files: vec![SnapshotFile { name: "state.arrow".into(), file, meta: serde_json::Value::Null }],
                    uploaded_bytes: 30_000,
                }),
                operator: operator_state::write(&writer, "offsets", &state).unwrap(),
                watermark_ms: None,
            }],
        }],
    };
    m.measure();
    m
}
