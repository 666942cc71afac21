use super::{FileSinkFactory, FileSourceFactory};
use crate::config::ConnectorConfig;
use crate::testing::{Harness, NoOutput, barrier, info, print_rows, rescale, table};
use arrow::array::{Int32Array, RecordBatch, StringArray};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use streamjob_checkpoint::{MemoryStore, ObjectStore};
use streamjob_core::table::TableDef;
use streamjob_core::{Batch, DataType, Schema};
use streamjob_engine::{Operator, OperatorFactory, SourceFactory, SourcePoll};
use streamjob_state::OperatorState;

fn columns() -> [(&'static str, DataType); 2] {
    [("id", DataType::Int), ("s", DataType::STRING)]
}

fn files_table(path: &str, more: &[(&str, &str)]) -> TableDef {
    let mut options = vec![("connector", "filesystem"), ("path", path), ("format", "csv")];
    options.extend_from_slice(more);
    table("t", &columns(), &options)
}

fn local() -> ConnectorConfig {
    ConnectorConfig::default()
}

fn in_memory() -> (ConnectorConfig, Arc<MemoryStore>) {
    let store = Arc::new(MemoryStore::new());
    let (mut config, opened) = (ConnectorConfig::default(), store.clone());
    config.open_bucket = Arc::new(move |bucket| {
        assert_eq!(bucket, "b");
        Ok(opened.clone())
    });
    (config, store)
}

/// Everything that a table has, read by one subtask.
fn read_all(table: &TableDef, config: &ConnectorConfig) -> Vec<String> {
    let harness = Harness::new(0, 1);
    let mut source = FileSourceFactory::new(table, config).unwrap().create(&harness.info).unwrap();
    source.open(&mut harness.ctx(), &OperatorState::default()).unwrap();
    harness.drain(source.as_mut(), &table.physical_schema(), 100).unwrap()
}

const NASTY: &str = "1,a\n2,\"b\nc\"\r\n3,\"d\"\"e\"\n# 4\n\n5,é😀\n6,last";

#[test]
fn resuming_at_every_row_equals_a_straight_read() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["a.csv", "sub/b.csv", "c.csv"] {
        fs::create_dir_all(dir.path().join("sub")).unwrap();
        fs::write(dir.path().join(name), NASTY).unwrap();
    }
    fs::write(dir.path().join("_hidden.csv"), "bad").unwrap();
    fs::write(dir.path().join(".part.inprogress"), "bad").unwrap();
    let table = files_table(dir.path().to_str().unwrap(), &[("csv.allow-comments", "true")]);
    let schema = table.physical_schema();
    let factory = FileSourceFactory::new(&table, &local()).unwrap();
    let straight = read_all(&table, &local());
    assert_eq!(straight.len(), 15);
    assert!(straight.contains(&"2, b\nc".to_string()));
    for stop in 0..=15 {
        for parallelism in [1, 2, 3] {
            let harness = Harness::new(0, 1);
            let mut source = factory.create(&harness.info).unwrap();
            source.open(&mut harness.ctx(), &OperatorState::default()).unwrap();
            let mut rows = Vec::new();
            while rows.len() < stop {
                let SourcePoll::Rows(batch) = harness.poll(source.as_mut(), 1).unwrap() else { panic!("no rows") };
                rows.extend(print_rows(&batch, &schema));
            }
            let state = source.snapshot(&barrier(1), &mut harness.ctx()).unwrap();
            // A file that came later is not part of a bounded input.
            fs::write(dir.path().join("z.csv"), "9,z").unwrap();
            for (subtask, state) in rescale(&[state], parallelism).iter().enumerate() {
                let harness = Harness::new(subtask as u32, parallelism);
                let mut source = factory.create(&harness.info).unwrap();
                source.open(&mut harness.ctx(), state).unwrap();
                rows.extend(harness.drain(source.as_mut(), &schema, 2).unwrap());
                let progress = source.progress();
                assert_eq!(Some(progress.done), progress.total);
            }
            fs::remove_file(dir.path().join("z.csv")).unwrap();
            rows.sort();
            let mut expected = straight.clone();
            expected.sort();
            assert_eq!(rows, expected, "stopped after {stop} rows, resumed with {parallelism}");
        }
    }
}

#[test]
fn subtasks_share_the_files() {
    let dir = tempfile::tempdir().unwrap();
    for i in 0..20 {
        fs::write(dir.path().join(format!("f{i}.csv")), format!("{i},x\n")).unwrap();
    }
    let table = files_table(dir.path().to_str().unwrap(), &[]);
    let factory = FileSourceFactory::new(&table, &local()).unwrap();
    let mut rows = Vec::new();
    for subtask in 0..3 {
        let harness = Harness::new(subtask, 3);
        let mut source = factory.create(&harness.info).unwrap();
        source.open(&mut harness.ctx(), &OperatorState::default()).unwrap();
        let part = harness.drain(source.as_mut(), &table.physical_schema(), 7).unwrap();
        assert!(!part.is_empty());
        rows.extend(part);
    }
    assert_eq!(rows.len(), 20);
    assert_eq!(rows.iter().collect::<BTreeSet<_>>().len(), 20);
}

#[test]
fn a_watched_folder_gives_new_files_once() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a.csv"), "1,a\n").unwrap();
    let table = files_table(dir.path().to_str().unwrap(), &[("source.monitor-interval", "1 s")]);
    let schema = table.physical_schema();
    let factory = FileSourceFactory::new(&table, &local()).unwrap();
    assert!(!factory.bounded());
    let harness = Harness::new(0, 1);
    let mut source = factory.create(&harness.info).unwrap();
    source.open(&mut harness.ctx(), &OperatorState::default()).unwrap();
    let mut rows = Vec::new();
    for round in 0..20 {
        if round == 5 {
            fs::write(dir.path().join("0.csv"), "2,b\n").unwrap();
        }
        if round == 10 {
            let state = source.snapshot(&barrier(1), &mut harness.ctx()).unwrap();
            source = factory.create(&harness.info).unwrap();
            source.open(&mut harness.ctx(), &state).unwrap();
            fs::write(dir.path().join("c.csv"), "3,c\n").unwrap();
        }
        if let SourcePoll::Rows(batch) = harness.poll(source.as_mut(), 10).unwrap() {
            rows.extend(print_rows(&batch, &schema));
        }
    }
    assert_eq!(rows, ["1, a", "2, b", "3, c"]);
}

#[test]
fn what_cannot_be_read_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let open = |table: &TableDef, state: &OperatorState| {
        let harness = Harness::new(0, 1);
        let mut source = FileSourceFactory::new(table, &local()).unwrap().create(&harness.info).unwrap();
        let opened = source.open(&mut harness.ctx(), state);
        opened.and_then(|()| harness.drain(source.as_mut(), &table.physical_schema(), 9)).unwrap_err().to_string()
    };
    let none = OperatorState::default();
    let missing = dir.path().join("no_such.csv");
    let error = open(&files_table(missing.to_str().unwrap(), &[]), &none);
    assert!(error.contains("no_such.csv") && error.contains("'path'"), "{error}");

    fs::write(dir.path().join("x.csv.gz"), "x").unwrap();
    let error = open(&files_table(dir.path().to_str().unwrap(), &[]), &none);
    assert!(error.contains("x.csv.gz") && error.contains("compressed"), "{error}");

    let bad = dir.path().join("bad.csv");
    fs::write(&bad, "1,a\n2,b\nthree,c\n").unwrap();
    let table = files_table(bad.to_str().unwrap(), &[]);
    let error = open(&table, &none);
    assert!(error.contains("bad.csv, line 3, column 'id'"), "{error}");

    // The line number survives a restore.
    let harness = Harness::new(0, 1);
    let mut source = FileSourceFactory::new(&table, &local()).unwrap().create(&harness.info).unwrap();
    source.open(&mut harness.ctx(), &none).unwrap();
    assert!(matches!(harness.poll(source.as_mut(), 2).unwrap(), SourcePoll::Rows(_)));
    let state = source.snapshot(&barrier(1), &mut harness.ctx()).unwrap();
    let error = open(&table, &state);
    assert!(error.contains("line 3, column 'id'"), "{error}");

    fs::write(&bad, "1").unwrap();
    let error = open(&table, &state);
    assert!(error.contains("bad.csv has 1 bytes, but was read up to byte 8"), "{error}");
}

#[test]
fn bad_rows_are_skipped_and_counted_on_request() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("x.csv");
    fs::write(&file, "id,s\n1,a\n1,2,3\n2,b\n").unwrap();
    let options = [("csv.ignore-parse-errors", "true"), ("csv.skip-header", "true")];
    let table = files_table(file.to_str().unwrap(), &options);
    let harness = Harness::new(0, 1);
    let mut source = FileSourceFactory::new(&table, &local()).unwrap().create(&harness.info).unwrap();
    source.open(&mut harness.ctx(), &OperatorState::default()).unwrap();
    let rows = harness.drain(source.as_mut(), &table.physical_schema(), 9).unwrap();
    assert_eq!(rows, ["1, a", "2, b"]);
    assert_eq!(harness.metrics.rows_skipped.load(Ordering::Relaxed), 1);
}

#[test]
fn records_may_cross_blocks() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("big.csv");
    let text: String = (0..60_000).map(|i| format!("{i},\"row\n{i} {}\"\n", "x".repeat(i % 90))).collect();
    assert!(text.len() > 3 << 20);
    fs::write(&file, &text).unwrap();
    let table = files_table(file.to_str().unwrap(), &[]);
    let rows = read_all(&table, &local());
    assert_eq!(rows.len(), 60_000);
    assert_eq!(rows[59_999], format!("59999, row\n59999 {}", "x".repeat(59_999 % 90)));
}

fn batch(schema: &Schema, ids: &[i32]) -> Batch {
    let texts: StringArray = ids.iter().map(|i| Some(format!("row {i}"))).collect();
    let data = RecordBatch::try_new(schema.arrow(), vec![Arc::new(Int32Array::from(ids.to_vec())), Arc::new(texts)]);
    Batch::inserts(data.unwrap())
}

/// A sink of one subtask and what it needs.
struct Sink {
    op: Box<dyn Operator>,
    harness: Harness,
    schema: Schema,
}

impl Sink {
    fn open(table: &TableDef, config: &ConnectorConfig, attempt: &str, restored: &OperatorState) -> Self {
        let mut info = info(0, 1);
        info.attempt = attempt.to_string();
        let harness = Harness::with(info);
        let mut op = FileSinkFactory::new(table, config).unwrap().create(&harness.info).unwrap();
        op.open(&mut harness.ctx(), restored).unwrap();
        Self { op, harness, schema: table.physical_schema() }
    }

    fn write(&mut self, ids: &[i32]) {
        let batch = batch(&self.schema, ids);
        self.harness.batch(self.op.as_mut(), batch).unwrap();
    }

    fn barrier(&mut self, id: u64) -> OperatorState {
        self.op.snapshot(&barrier(id), &mut self.harness.ctx(), &mut NoOutput).unwrap()
    }

    fn complete(&mut self, id: u64) {
        self.op.checkpoint_complete(id, &mut self.harness.ctx()).unwrap();
    }
}

/// Rows of all visible files.
fn visible(table: &TableDef, config: &ConnectorConfig) -> Vec<i32> {
    let mut ids: Vec<i32> =
        read_all(table, config).iter().map(|r| r.split(',').next().unwrap().parse().unwrap()).collect();
    ids.sort_unstable();
    ids
}

fn hidden_files(dir: &Path) -> usize {
    fs::read_dir(dir).unwrap().filter(|e| e.as_ref().unwrap().file_name().to_string_lossy().starts_with('.')).count()
}

fn names(store: &MemoryStore) -> Vec<String> {
    store.list("").unwrap().into_iter().map(|o| o.key).collect()
}

/// The protocol, on any place: nothing early, nothing twice, nothing lost.
fn protocol(table: &TableDef, config: &ConnectorConfig, leftovers: &dyn Fn() -> usize) {
    let seen = || visible(table, config);
    let mut sink = Sink::open(table, config, "a1", &OperatorState::default());
    sink.write(&[1, 2]);
    let first = sink.barrier(1);
    sink.write(&[3]);
    sink.complete(1);
    assert_eq!(seen(), [1, 2]);
    // Checkpoint 2 is aborted: its rows belong to checkpoint 3, and wait for it.
    sink.barrier(2);
    sink.op.checkpoint_aborted(2, &mut sink.harness.ctx()).unwrap();
    sink.write(&[4]);
    let third = sink.barrier(3);
    assert_eq!(seen(), [1, 2]);
    sink.write(&[5]);
    drop(sink);

    // Killed after 3 was complete, before it was published; 5 is replayed by the source.
    let mut sink = Sink::open(table, config, "a2", &third);
    assert_eq!(seen(), [1, 2, 3, 4]);
    assert_eq!(leftovers(), 0);
    sink.write(&[5]);
    let fourth = sink.barrier(4);
    sink.complete(4);
    sink.complete(4);
    drop(sink);
    assert_eq!(seen(), [1, 2, 3, 4, 5]);

    // Killed after publishing: publishing again changes nothing.
    let mut sink = Sink::open(table, config, "a3", &fourth);
    assert_eq!(seen(), [1, 2, 3, 4, 5]);
    sink.write(&[6]);
    sink.barrier(5);
    drop(sink);
    // Checkpoint 5 never completed: its sealed file is removed.
    let sink = Sink::open(table, config, "a4", &fourth);
    assert_eq!(seen(), [1, 2, 3, 4, 5]);
    assert_eq!(leftovers(), 0);
    drop(sink);
    // From an older checkpoint: what it has is visible already.
    drop(Sink::open(table, config, "a5", &first));
    assert_eq!(seen(), [1, 2, 3, 4, 5]);
}

#[test]
fn local_files_are_published_exactly_once() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let table = files_table(&format!("file://{}", out.display()), &[]);
    fs::create_dir(&out).unwrap();
    protocol(&table, &local(), &|| hidden_files(&out));
}

#[test]
fn bucket_objects_are_published_exactly_once() {
    let (config, store) = in_memory();
    let table = files_table("s3://b/some/out/", &[]);
    // A sibling folder is not part of the table.
    store.put("some/out2/x", b"99,x\n").unwrap();
    store.put("some/out/_staging/part-of-another-job", b"x").unwrap();
    let staged = || names(&store).iter().filter(|n| n.contains("/_staging/")).count() - 1;
    protocol(&table, &config, &staged);
}

#[test]
fn a_copy_without_its_delete_is_made_again() {
    let (config, store) = in_memory();
    let table = files_table("s3://b/out", &[]);
    let mut sink = Sink::open(&table, &config, "a1", &OperatorState::default());
    sink.write(&[1]);
    let state = sink.barrier(1);
    let staged = names(&store).pop().unwrap();
    store.copy(&staged, &staged.replace("_staging/", "")).unwrap();
    drop(sink);
    drop(Sink::open(&table, &config, "a2", &state));
    assert_eq!(visible(&table, &config), [1]);
    assert_eq!(names(&store).len(), 1);
}

#[test]
fn lost_output_of_a_complete_checkpoint_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let table = files_table(dir.path().to_str().unwrap(), &[]);
    let mut sink = Sink::open(&table, &local(), "a1", &OperatorState::default());
    sink.write(&[1]);
    let state = sink.barrier(1);
    for entry in fs::read_dir(dir.path()).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    let harness = Harness::new(0, 1);
    let mut op = FileSinkFactory::new(&table, &local()).unwrap().create(&harness.info).unwrap();
    let error = op.open(&mut harness.ctx(), &state).unwrap_err().to_string();
    assert!(error.contains("part-") && error.contains("is missing"), "{error}");
}

#[test]
fn a_fresh_start_keeps_sealed_files_and_removes_unfinished_ones() {
    let dir = tempfile::tempdir().unwrap();
    let table = files_table(dir.path().to_str().unwrap(), &[]);
    let mut sink = Sink::open(&table, &local(), "a1", &OperatorState::default());
    sink.write(&[1]);
    let state = sink.barrier(1);
    sink.write(&(0..40_000).collect::<Vec<_>>());
    drop(sink);
    assert_eq!(hidden_files(dir.path()), 2);
    drop(Sink::open(&table, &local(), "a2", &OperatorState::default()));
    assert_eq!(hidden_files(dir.path()), 1);
    assert!(visible(&table, &local()).is_empty());
    drop(Sink::open(&table, &local(), "a3", &state));
    assert_eq!(visible(&table, &local()), [1]);
}

#[test]
fn files_roll_by_size() {
    let dir = tempfile::tempdir().unwrap();
    let table = files_table(dir.path().to_str().unwrap(), &[("sink.rolling-policy.file-size", "1 kb")]);
    let mut sink = Sink::open(&table, &local(), "a1", &OperatorState::default());
    sink.write(&(0..1000).collect::<Vec<_>>());
    sink.barrier(1);
    sink.complete(1);
    assert_eq!(visible(&table, &local()), (0..1000).collect::<Vec<_>>());
    let sizes: Vec<u64> = fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().metadata().unwrap().len()).collect();
    assert!(sizes.len() > 10 && sizes.iter().all(|s| *s < 1100), "{sizes:?}");
}

#[test]
fn rescaled_sinks_publish_everything_once() {
    let dir = tempfile::tempdir().unwrap();
    let table = files_table(dir.path().to_str().unwrap(), &[]);
    let mut sink = Sink::open(&table, &local(), "a1", &OperatorState::default());
    let mut states = Vec::new();
    for id in 1..=5 {
        sink.write(&[id as i32]);
        states = vec![sink.barrier(id)];
    }
    drop(sink);
    let factory = FileSinkFactory::new(&table, &local()).unwrap();
    for (subtask, state) in rescale(&states, 3).iter().enumerate() {
        let mut harness = Harness::new(subtask as u32, 3);
        harness.info.attempt = "a2".into();
        factory.create(&harness.info).unwrap().open(&mut harness.ctx(), state).unwrap();
    }
    assert_eq!(visible(&table, &local()), [1, 2, 3, 4, 5]);
    assert_eq!(hidden_files(dir.path()), 0);
}
