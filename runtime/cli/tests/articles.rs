//! What the articles on Flink's state report, on the real binary: 000's job that
//! fails at the limit of memory storage, and 004's experiments (numbering after a
//! restore, savepoints of full and incremental mode, heap out of memory).
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use streamjob_checkpoint::restore::load;
use streamjob_checkpoint::{S3Config, Storage};
use streamjob_state::{SnapshotFormat, SnapshotStore, canonical};
use support::{Running, rows, run};

/// 000's query; `keys` different users, each twice.
fn order_cnt(keys: u64, sink: &str) -> String {
    let half = |table: &str| {
        format!(
            "CREATE TABLE {table} (uid BIGINT, item STRING) WITH ('connector'='datagen', 'seed'='1', 'rows-per-second'='10000000',
               'fields.uid.kind'='sequence', 'fields.uid.start'='1', 'fields.uid.end'='{keys}', 'fields.item.length'='1');\n"
        )
    };
    half("morning")
        + &half("evening")
        + &format!(
            "CREATE VIEW order_behavior AS SELECT * FROM morning UNION ALL SELECT * FROM evening;
             CREATE TABLE order_cnt (uid BIGINT PRIMARY KEY NOT ENFORCED, cnt BIGINT) WITH ('connector'='{sink}');
             INSERT INTO order_cnt SELECT uid, COUNT(*) AS cnt FROM order_behavior GROUP BY uid;\n"
        )
}

#[test]
fn article_000_the_limit_of_memory_storage_and_its_cure() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("order_cnt.sql"), order_cnt(1_200_000, "blackhole")).unwrap();
    let job = |extra: &[&str]| {
        let mut args = vec!["run", "order_cnt.sql", "--no-rest", "--set", "state.backend.type=hashmap"];
        args.extend(extra);
        run(dir.path(), &args)
    };
    // As in the article: heap state, no storage configured but memory.
    let failed = job(&["--set", "execution.checkpointing.storage=jobmanager"]);
    assert_eq!(failed.code, Some(2), "{}", failed.err);
    let error = failed.err.lines().find(|l| l.starts_with("error: ")).unwrap();
    let (before, after) = error
        .split_once("Size of the state is larger than the maximum permitted memory-backed state. Size=")
        .unwrap_or_else(|| panic!("{error}"));
    let (size, after) = after.split_once(", maxSize=5242880.").unwrap_or_else(|| panic!("{error}"));
    assert!(size.parse::<u64>().unwrap() > 5_242_880, "{size}");
    assert!(before.contains("Could not materialize checkpoint 1 for operator GroupAggregate(uid)"), "{before}");
    assert!(after.contains("CHECKPOINT_ASYNC_EXCEPTION"), "{after}");
    let fix = failed.err.lines().find(|l| l.starts_with("  fix: ")).unwrap();
    for part in
        ["type FileSystem or S3", "SET 'execution.checkpointing.storage' = 'filesystem'", "execution.checkpointing.dir"]
    {
        assert!(fix.contains(part), "{fix}");
    }
    assert_eq!(failed.err.lines().filter(|l| l.starts_with("error: ")).count(), 1, "told once: {}", failed.err);
    // The cure, as the fix says it.
    let cured =
        job(&["--set", "execution.checkpointing.storage=filesystem", "--set", "execution.checkpointing.dir=chk"]);
    let cured = cured.ok("with files");
    assert!(cured.err.contains("2,400,000 rows in"), "{}", cured.err);
    let list = run(dir.path(), &["checkpoint", "list", "--storage", "chk", "--json"]).ok("list");
    let list: Value = serde_json::from_str(&list.out).unwrap();
    let last = list["checkpoints"].as_array().unwrap().last().unwrap().clone();
    assert!(last["complete"].as_bool().unwrap() && last["stateSize"].as_u64().unwrap() > 5_242_880, "{last}");
}

/// A job without end over a folder: its state rests once all lines are counted.
fn counting(dir: &Path, keys: u64) {
    std::fs::create_dir(dir.join("in")).unwrap();
    let lines: String = (0..keys * 3).map(|i| format!("{},item {i}\n", i % keys)).collect();
    std::fs::write(dir.join("in/orders.csv"), lines).unwrap();
    let sql = "CREATE TABLE order_behavior (uid BIGINT, item STRING)
           WITH ('connector'='filesystem', 'path'='in', 'format'='csv', 'source.monitor-interval'='50 ms');
         CREATE TABLE order_cnt (uid BIGINT PRIMARY KEY NOT ENFORCED, cnt BIGINT) WITH ('connector'='print');
         INSERT INTO order_cnt SELECT uid, COUNT(*) AS cnt FROM order_behavior GROUP BY uid;\n";
    std::fs::write(dir.join("job.sql"), sql).unwrap();
}

/// Last printed count of every key.
fn counts(text: &str) -> BTreeMap<u64, u64> {
    let mut counts = BTreeMap::new();
    // With several subtasks the number of one stands before the row: `2> +I[1, 1]`.
    let rows = text.lines().map(|l| l.split_once("> ").map_or(l, |(_, row)| row));
    for line in rows.filter(|l| l.starts_with("+I[") || l.starts_with("+U[")) {
        let (key, count) = line[3..line.len() - 1].split_once(", ").unwrap();
        counts.insert(key.parse().unwrap(), count.parse().unwrap());
    }
    counts
}

fn start(dir: &Path, args: &[&str]) -> Running {
    let mut all = vec!["run", "job.sql", "--set", "rest.port=0", "--set", "execution.checkpointing.interval=100 ms"];
    all.extend(args);
    Running::start(dir, &all)
}

/// Numbers of the checkpoints that a run's log tells of, and the location of each.
fn completed(log: &str) -> Vec<(u64, String)> {
    let told = log.lines().filter_map(|l| l.split_once("INFO checkpoint ").map(|(_, rest)| rest));
    let told = told.filter(|l| l.contains(" completed in "));
    told.map(|l| (l.split(' ').next().unwrap().parse().unwrap(), l.rsplit(", ").next().unwrap().to_string())).collect()
}

#[test]
fn article_004_numbers_go_on_from_the_restored_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    counting(dir.path(), 1000);
    let keep = ["--set", "execution.checkpointing.num-retained=100", "--set", "execution.checkpointing.interval=20 ms"];
    let mut job = start(dir.path(), &keep);
    job.until("checkpoint 43", |r| completed(&r.err()).iter().any(|(id, _)| *id == 43));
    job.signal("TERM");
    let done = job.end().ok("suspended");
    let all = completed(&done.err);
    let (_, chk_43) = all.iter().find(|(id, _)| *id == 43).unwrap();
    assert!(chk_43.ends_with("/chk-43"), "{chk_43}");
    let (last, _) = all.last().unwrap();
    assert!(*last > 43, "the end took a checkpoint of its own: {last}");
    assert_eq!(counts(&done.out), (0..1000).map(|k| (k, 3)).collect());
    // `auto` and `latest`: behind the last one of all.
    let mut next = *last;
    for from in ["auto", "latest"] {
        let mut job = start(dir.path(), &["--from", from, keep[0], keep[1]]);
        job.until_told("completed in");
        let told = job.err();
        assert!(told.contains(&format!("resumes from checkpoint {next} ")), "{from}: {told}");
        assert_eq!(completed(&told)[0].0, next + 1, "{from}");
        job.signal("TERM");
        let done = job.end().ok(from);
        assert_eq!(counts(&done.out), BTreeMap::new(), "{from}: nothing is counted again");
        next = completed(&done.err).last().unwrap().0;
    }
    // By its path: chk-43 → chk-44, in a lineage of its own; by the folder and by _metadata.
    for path in [chk_43.clone(), format!("{chk_43}/_metadata")] {
        let mut job = start(dir.path(), &["--from", &path, keep[0], keep[1]]);
        job.until_told("completed in");
        let told = job.err();
        assert!(told.contains("resumes from checkpoint 43 "), "{told}");
        let (id, location) = completed(&told)[0].clone();
        assert_eq!(id, 44);
        assert_ne!(Path::new(&location).parent(), Path::new(chk_43).parent());
        job.signal("TERM");
        assert_eq!(counts(&job.end().ok("44").out), BTreeMap::new());
    }
    assert!(Path::new(chk_43).join("_metadata").is_file(), "what was restored from is left alone");
}

type Entries = BTreeMap<(String, String, Vec<u8>), Vec<u8>>;

/// Every entry of keyed state in a savepoint: operator, state, key → value; and its bytes of state.
fn entries(location: &str) -> (Entries, u64) {
    let storage = Storage::open(location.rsplit_once('/').unwrap().0, S3Config::default()).unwrap();
    let point = load(&storage, location).unwrap();
    let mut entries = Entries::new();
    for operator in &point.manifest.operators {
        for keyed in operator.subtasks.iter().filter_map(|s| s.keyed.as_ref()) {
            assert_eq!(keyed.format, SnapshotFormat::Canonical);
            for file in &keyed.files {
                let bytes = point.reader.read(&file.file).unwrap();
                canonical::read(std::io::Cursor::new(bytes), &file.name, &(0..32_768), &mut |state, key, value| {
                    let at = (operator.uid.to_string(), state.name.clone(), key.to_vec());
                    assert!(entries.insert(at, value.to_vec()).is_none(), "an entry twice");
                    Ok(())
                })
                .unwrap();
            }
        }
    }
    (entries, point.manifest.sizes.state)
}

#[test]
fn article_004_savepoints_of_all_modes_and_backends_are_equal() {
    const KEYS: u64 = 20_000;
    let modes = [
        ("incremental", "state.backend.type=rocksdb", "execution.checkpointing.incremental=true"),
        ("full", "state.backend.type=rocksdb", "execution.checkpointing.incremental=false"),
        ("heap", "state.backend.type=hashmap", "execution.checkpointing.incremental=true"),
    ];
    let mut savepoints = Vec::new();
    for (mode, backend, incremental) in modes {
        let dir = tempfile::tempdir().unwrap();
        counting(dir.path(), KEYS);
        let settings = ["--set", backend, "--set", incremental];
        let mut job = start(dir.path(), &settings);
        job.until("all counts", |r| r.out().lines().count() as u64 >= KEYS * 5);
        let (before, _) = completed(&job.err()).last().cloned().unwrap_or_default();
        job.until("a checkpoint of all", |r| completed(&r.err()).last().is_some_and(|(id, _)| *id > before));
        let savepoint = run(dir.path(), &["savepoint"]).ok(mode).out.trim().to_string();
        run(dir.path(), &["cancel"]).ok(mode);
        job.end().ok(mode);
        let (entries, size) = entries(&savepoint);
        assert_eq!(entries.len() as u64, KEYS, "{mode}");
        savepoints.push((mode, savepoint, entries, size, dir));
    }
    let (_, _, expected, size, _) = &savepoints[0];
    for (mode, _, entries, bytes, _) in &savepoints {
        assert!(entries == expected, "{mode} holds other entries than {}", savepoints[0].0);
        // 004's finding: the same size in both modes.
        assert!(bytes.abs_diff(*size) * 100 <= *size, "{mode}: {bytes} bytes, {} has {size}", savepoints[0].0);
    }
    // Each goes on with another backend: one more line a key makes four.
    for ((_, savepoint, _, _, dir), (mode, backend, incremental)) in savepoints.iter().zip(modes.iter().cycle().skip(1))
    {
        let lines: String = (0..KEYS).map(|k| format!("{k},more\n")).collect();
        std::fs::write(dir.path().join("in/.more"), lines).unwrap();
        std::fs::rename(dir.path().join("in/.more"), dir.path().join("in/z.csv")).unwrap();
        let mut job = start(dir.path(), &["--from", savepoint, "--set", backend, "--set", incremental, "-p", "2"]);
        job.until("the new counts", |r| r.out().lines().count() as u64 >= KEYS * 2);
        job.signal("TERM");
        let done = job.end().ok(mode);
        assert!(counts(&done.out) == (0..KEYS).map(|k| (k, 4)).collect(), "restored by {mode}");
    }
}

#[test]
fn article_004_heap_out_of_memory_ends_clearly_and_goes_on_with_rocksdb() {
    const KEYS: u64 = 300_000;
    let dir = tempfile::tempdir().unwrap();
    let write = |backend: &str| {
        let text = format!(
            "apiVersion: streamjob.dev/v1alpha1
kind: StreamJob
metadata: {{name: big}}
spec:
  stateBackend: {{type: {backend}, memory: 16Mi}}
  checkpoint:
    interval: 100ms
    storage: {{type: FileSystem, fileSystem: {{path: chk}}}}
  job:
    sql: |
      CREATE TABLE texts (id BIGINT, text STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector'='datagen', 'seed'='5', 'rows-per-second'='100000',
        'fields.id.kind'='sequence', 'fields.id.start'='1', 'fields.id.end'='{KEYS}', 'fields.text.length'='200');
      CREATE TABLE seen (id BIGINT, cnt BIGINT, text STRING) WITH ('connector'='filesystem', 'path'='out', 'format'='csv');
      INSERT INTO seen SELECT id, COUNT(*), text FROM TABLE(TUMBLE(TABLE texts, DESCRIPTOR(ts), INTERVAL '1' DAY))
        GROUP BY id, text, window_start, window_end;
"
        );
        std::fs::write(dir.path().join("job.yaml"), text).unwrap();
        run(dir.path(), &["run", "job.yaml", "--no-rest"])
    };
    let heap = write("Heap");
    assert_eq!(heap.code, Some(2), "{}", heap.err);
    for part in
        ["out of memory for state on the heap", "of at most 16777216", "use RocksDB", "stateBackend.type: RocksDB"]
    {
        assert!(heap.err.contains(part), "{part}: {}", heap.err);
    }
    let (last, location) = completed(&heap.err).last().cloned().expect("a checkpoint before the end");
    run(dir.path(), &["checkpoint", "verify", &location]).ok("the last checkpoint");
    // The same limit, on disk: more state than memory.
    let rocksdb = write("RocksDB").ok("RocksDB");
    assert!(rocksdb.err.contains(&format!("resumes from checkpoint {last} ")), "{}", rocksdb.err);
    let rows = rows(&dir.path().join("out"));
    let start = |row: &str| row.splitn(3, ',').take(2).map(|f| f.parse().unwrap()).collect::<Vec<u64>>();
    let mut seen: Vec<Vec<u64>> = rows.iter().map(|r| start(r)).collect();
    seen.sort_unstable();
    assert!(
        seen == (1..=KEYS).map(|id| vec![id, 1]).collect::<Vec<_>>(),
        "every row counted once, in {} rows",
        rows.len()
    );
}
