use super::{files_table, local, read_all};
use crate::filesystem::FileSourceFactory;
use crate::testing::{Harness, barrier, print_rows, rescale};
use std::collections::BTreeSet;
use std::fs;
use std::sync::atomic::Ordering;
use streamjob_core::table::TableDef;
use streamjob_engine::{SourceFactory, SourcePoll};
use streamjob_state::OperatorState;

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

/// The batches of a table, by their rows.
fn batches(table: &TableDef) -> Vec<usize> {
    let harness = Harness::new(0, 1);
    let mut source = FileSourceFactory::new(table, &local()).unwrap().create(&harness.info).unwrap();
    source.open(&mut harness.ctx(), &OperatorState::default()).unwrap();
    let mut sizes = Vec::new();
    loop {
        match harness.poll(source.as_mut(), 8192).unwrap() {
            SourcePoll::Rows(batch) => sizes.push(batch.num_rows()),
            SourcePoll::Wait(_) => {}
            SourcePoll::End => return sizes,
        }
    }
}

#[test]
fn batches_of_long_rows_are_small() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("long.csv");
    let table = files_table(file.to_str().unwrap(), &[]);
    for (length, rows, expected) in
        [(300_000, 10, vec![4, 4, 2]), (3 << 20, 3, vec![1, 1, 1]), (10, 10_000, vec![8192, 1808])]
    {
        fs::write(&file, (0..rows).map(|i| format!("{i},{}\n", "x".repeat(length))).collect::<String>()).unwrap();
        assert_eq!(batches(&table), expected, "rows of {length} bytes");
    }
}

#[test]
fn a_megabyte_of_bad_rows_lets_commands_through() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("bad.csv");
    fs::write(&file, "1,2,3\n".repeat(300_000) + "1,a\n").unwrap();
    let table = files_table(file.to_str().unwrap(), &[("csv.ignore-parse-errors", "true")]);
    let harness = Harness::new(0, 1);
    let mut source = FileSourceFactory::new(&table, &local()).unwrap().create(&harness.info).unwrap();
    source.open(&mut harness.ctx(), &OperatorState::default()).unwrap();
    assert!(matches!(harness.poll(source.as_mut(), 10).unwrap(), SourcePoll::Wait(_)));
    assert_eq!(harness.drain(source.as_mut(), &table.physical_schema(), 10).unwrap(), ["1, a"]);
    assert_eq!(harness.metrics.rows_skipped.load(Ordering::Relaxed), 300_000);
}

/// Rows of small files share batches, and a position between them is as good as any.
#[test]
fn many_small_files_are_read_once_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    for i in 0..300 {
        fs::write(dir.path().join(format!("{i:03}.csv")), format!("{i},x\n")).unwrap();
    }
    let table = files_table(dir.path().to_str().unwrap(), &[]);
    let schema = table.physical_schema();
    let factory = FileSourceFactory::new(&table, &local()).unwrap();
    let harness = Harness::new(0, 1);
    let mut source = factory.create(&harness.info).unwrap();
    source.open(&mut harness.ctx(), &OperatorState::default()).unwrap();
    let total = source.progress().total.unwrap();
    assert_eq!(total, (10 * 4) + (90 * 5) + (200 * 6));
    let SourcePoll::Rows(batch) = harness.poll(source.as_mut(), 100).unwrap() else { panic!("no rows") };
    let mut rows = print_rows(&batch, &schema);
    let done = source.progress().done;
    assert!(done > 0 && done < total);
    let state = source.snapshot(&barrier(1), &mut harness.ctx()).unwrap();
    let mut source = factory.create(&harness.info).unwrap();
    source.open(&mut harness.ctx(), &state).unwrap();
    assert_eq!((source.progress().done, source.progress().total), (done, Some(total)));
    rows.extend(harness.drain(source.as_mut(), &schema, 8192).unwrap());
    assert_eq!(rows, (0..300).map(|i| format!("{i}, x")).collect::<Vec<_>>());
    assert_eq!(source.progress().done, total);
}
