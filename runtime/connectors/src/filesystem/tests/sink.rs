use super::{files_table, in_memory, local, read_all};
use crate::config::ConnectorConfig;
use crate::filesystem::FileSinkFactory;
use crate::testing::{Harness, NoOutput, barrier, info, rescale, savepoint};
use arrow::array::{Int32Array, RecordBatch, StringArray};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use streamjob_checkpoint::{MemoryStore, ObjectStore};
use streamjob_core::table::TableDef;
use streamjob_core::{Batch, JobId, Schema};
use streamjob_engine::{Operator, OperatorFactory};
use streamjob_state::OperatorState;

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
        Self::of(1, table, config, attempt, restored)
    }

    /// A sink of this lineage.
    fn of(lineage: u128, table: &TableDef, config: &ConnectorConfig, attempt: &str, restored: &OperatorState) -> Self {
        let mut info = info(0, 1);
        info.attempt = attempt.to_string();
        info.job_id = JobId::from_random(lineage);
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

    fn savepoint(&mut self, id: u64) -> OperatorState {
        self.op.snapshot(&savepoint(id), &mut self.harness.ctx(), &mut NoOutput).unwrap()
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
fn changed_output_of_a_complete_checkpoint_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let table = files_table(dir.path().to_str().unwrap(), &[]);
    let mut sink = Sink::open(&table, &local(), "a1", &OperatorState::default());
    sink.write(&[1]);
    let state = sink.barrier(1);
    for entry in fs::read_dir(dir.path()).unwrap() {
        fs::write(entry.unwrap().path(), "1").unwrap();
    }
    let harness = Harness::new(0, 1);
    let mut op = FileSinkFactory::new(&table, &local()).unwrap().create(&harness.info).unwrap();
    let error = op.open(&mut harness.ctx(), &state).unwrap_err().to_string();
    assert!(error.contains("part-") && error.contains("has 1 bytes instead of 10"), "{error}");
}

/// A consumer takes what is visible out of the folder: `take` does so.
fn taken_away(table: &TableDef, config: &ConnectorConfig, take: &dyn Fn()) {
    let mut sink = Sink::open(table, config, "a1", &OperatorState::default());
    sink.write(&[1]);
    let state = sink.barrier(1);
    sink.complete(1);
    take();
    drop(sink);
    let mut sink = Sink::open(table, config, "a2", &state);
    sink.write(&[2]);
    let save = sink.savepoint(2);
    // A job that was started from the savepoint publishes what it has, and this one finds it gone.
    let other = Sink::of(2, table, config, "b1", &save);
    assert_eq!(visible(table, config), [2]);
    take();
    sink.barrier(3);
    sink.complete(3);
    drop((sink, other));
}

#[test]
fn visible_files_may_be_taken_away() {
    let dir = tempfile::tempdir().unwrap();
    let take = || {
        for entry in fs::read_dir(dir.path()).unwrap().map(Result::unwrap) {
            if entry.file_name().to_string_lossy().starts_with("part-") {
                fs::remove_file(entry.path()).unwrap();
            }
        }
    };
    taken_away(&files_table(dir.path().to_str().unwrap(), &[]), &local(), &take);
}

#[test]
fn the_whole_folder_may_be_taken_away() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let table = files_table(out.to_str().unwrap(), &[]);
    let mut sink = Sink::open(&table, &local(), "a1", &OperatorState::default());
    sink.write(&[1]);
    let state = sink.barrier(1);
    sink.complete(1);
    drop(sink);
    fs::remove_dir_all(&out).unwrap();
    let mut sink = Sink::open(&table, &local(), "a2", &state);
    sink.write(&[2]);
    sink.barrier(2);
    sink.complete(2);
    assert_eq!(visible(&table, &local()), [2]);
}

#[test]
fn visible_objects_may_be_taken_away() {
    let (config, store) = in_memory();
    let take = || names(&store).iter().filter(|n| !n.contains("_staging")).for_each(|n| store.delete(n).unwrap());
    taken_away(&files_table("s3://b/out", &[]), &config, &take);
}

/// A savepoint outlives the restart from the checkpoint before it.
fn savepoints_stay_whole(table: &TableDef, config: &ConnectorConfig) {
    let seen = || visible(table, config);
    let mut sink = Sink::open(table, config, "a1", &OperatorState::default());
    sink.write(&[1]);
    let tenth = sink.barrier(10);
    sink.complete(10);
    // Sealed for a checkpoint that is given up.
    sink.write(&[2]);
    sink.barrier(11);
    sink.op.checkpoint_aborted(11, &mut sink.harness.ctx()).unwrap();
    sink.write(&[3]);
    let twelfth = sink.savepoint(12);
    sink.write(&[4]);
    sink.barrier(13);
    drop(sink);
    let sink = Sink::open(table, config, "a2", &tenth);
    assert_eq!(seen(), [1]);
    drop(sink);
    // By its path: another lineage.
    drop(Sink::of(2, table, config, "b1", &twelfth));
    assert_eq!(seen(), [1, 2, 3]);
    drop(Sink::of(3, table, config, "c1", &twelfth));
    assert_eq!(seen(), [1, 2, 3]);
}

/// What a savepoint has and a later checkpoint has published is not published again.
fn savepoints_are_published_once(table: &TableDef, config: &ConnectorConfig) {
    let seen = || visible(table, config);
    let mut sink = Sink::open(table, config, "a1", &OperatorState::default());
    sink.write(&[1]);
    let first = sink.savepoint(1);
    sink.write(&[2]);
    sink.barrier(2);
    assert!(seen().is_empty());
    sink.complete(2);
    assert_eq!(seen(), [1, 2]);
    drop(sink);
    drop(Sink::of(2, table, config, "b1", &first));
    assert_eq!(seen(), [1, 2]);
}

#[test]
fn a_restart_keeps_the_files_of_savepoints() {
    for protocol in [savepoints_stay_whole, savepoints_are_published_once] {
        let dir = tempfile::tempdir().unwrap();
        protocol(&files_table(dir.path().to_str().unwrap(), &[]), &local());
        assert_eq!(hidden_files(dir.path()), 0);
    }
}

#[test]
fn a_restart_keeps_the_objects_of_savepoints() {
    for protocol in [savepoints_stay_whole, savepoints_are_published_once] {
        let (config, store) = in_memory();
        protocol(&files_table("s3://b/out", &[]), &config);
        assert!(names(&store).iter().all(|n| !n.contains("_staging")));
    }
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

/// Jobs of the same name, in other namespaces or storages, write to the same place.
fn lineages_leave_each_other_alone(table: &TableDef, config: &ConnectorConfig) {
    let seen = || visible(table, config);
    let mut first = Sink::of(1, table, config, "a1", &OperatorState::default());
    first.write(&[1]);
    let checkpoint = first.barrier(1);
    first.write(&(100..30_100).collect::<Vec<_>>());
    let mut second = Sink::of(2, table, config, "b1", &OperatorState::default());
    second.write(&[2]);
    let restored = second.barrier(1);
    drop(second);
    let second = Sink::of(2, table, config, "b2", &restored);
    assert_eq!(seen(), [2]);
    first.barrier(2);
    first.complete(2);
    assert_eq!(seen().len(), 30_002);
    drop((first, second));

    // A start from a checkpoint by its path is another lineage, which finds what that checkpoint has.
    let mut first = Sink::of(1, table, config, "a2", &checkpoint);
    first.write(&[3]);
    let third = first.barrier(3);
    drop(first);
    drop(Sink::of(3, table, config, "c1", &third));
    assert_eq!(seen()[..4], [1, 2, 3, 100]);
}

#[test]
fn lineages_leave_each_others_files_alone() {
    let dir = tempfile::tempdir().unwrap();
    lineages_leave_each_other_alone(&files_table(dir.path().to_str().unwrap(), &[]), &local());
}

#[test]
fn lineages_leave_each_others_objects_alone() {
    let (config, _) = in_memory();
    lineages_leave_each_other_alone(&files_table("s3://b/out", &[]), &config);
}

#[test]
fn objects_that_could_not_be_committed_are_refused() {
    for (path, size, refused) in [("s3://b/out", "4 gb", false), ("s3://b/out", "5 gb", true), ("/out", "5 gb", false)]
    {
        let table = files_table(path, &[("sink.rolling-policy.file-size", size)]);
        let error = FileSinkFactory::new(&table, &local()).err().map(|e| e.to_string());
        assert_eq!(error.is_some(), refused, "{path} with {size}");
        assert!(error.is_none_or(|e| e.contains("'sink.rolling-policy.file-size'") && e.contains("4 gb")));
    }
}
