use super::DatagenFactory;
use crate::testing::{Harness, barrier, print_rows, rescale, run_source, sorted, table};
use streamjob_core::{DataType, JobId, Schema};
use streamjob_engine::{SourceFactory, SourcePoll};
use streamjob_state::OperatorState;

fn columns() -> Vec<(&'static str, DataType)> {
    vec![
        ("id", DataType::BigInt),
        ("n", DataType::Int),
        ("s", DataType::STRING),
        ("d", DataType::Double),
        ("c", DataType::Decimal(10, 2)),
        ("ok", DataType::Boolean),
        ("ts", DataType::Timestamp(3)),
        ("b", DataType::VarBinary(5)),
    ]
}

const OPTIONS: &[(&str, &str)] = &[
    ("connector", "datagen"),
    ("seed", "7"),
    ("rows-per-second", "1000"),
    ("fields.id.kind", "sequence"),
    ("fields.id.start", "1"),
    ("fields.id.end", "500"),
    ("fields.n.min", "-3"),
    ("fields.n.max", "3"),
    ("fields.n.null-rate", "0.3"),
    ("fields.s.length", "5"),
    ("fields.s.var-len", "true"),
    ("fields.d.min", "0"),
    ("fields.d.max", "1"),
    ("fields.c.min", "1.50"),
    ("fields.c.max", "2.50"),
    ("fields.ts.max-past", "1 h"),
];

fn factory(options: &[(&str, &str)]) -> (DatagenFactory, Schema) {
    let table = table("g", &columns(), options);
    (DatagenFactory::new(&table).unwrap(), table.physical_schema())
}

/// Rows and states of all subtasks behind some polls.
fn run(parallelism: u32, states: &[OperatorState], polls: usize) -> (Vec<String>, Vec<OperatorState>) {
    let (factory, schema) = factory(OPTIONS);
    run_source(&factory, &schema, parallelism, states, polls, 13)
}

#[test]
fn a_seed_makes_the_same_rows_at_every_parallelism() {
    let (one, _) = run(1, &[], usize::MAX);
    assert_eq!(one.len(), 500);
    assert!(one[0].starts_with("1, "), "{}", one[0]);
    assert!(one[499].starts_with("500, "), "{}", one[499]);
    let again = run(1, &[], usize::MAX).0;
    assert_eq!(one, again);
    for parallelism in [2, 3, 7] {
        assert_eq!(sorted(run(parallelism, &[], usize::MAX).0), sorted(one.clone()));
    }
}

#[test]
fn restore_at_another_parallelism_goes_on_exactly() {
    let all = sorted(run(1, &[], usize::MAX).0);
    for (before, between, after) in [(1, 3, 2), (4, 1, 3), (2, 5, 1)] {
        let (mut rows, states) = run(before, &[], 3);
        let (more, states) = run(between, &states, 2);
        rows.extend(more);
        let (rest, states) = run(after, &states, usize::MAX);
        rows.extend(rest);
        assert_eq!(sorted(rows), all);
        assert!(run(2, &states, 5).0.is_empty());
    }
}

#[test]
fn values_keep_to_their_options() {
    let rows = run(1, &[], usize::MAX).0;
    let mut nulls = 0;
    let mut lengths = std::collections::BTreeSet::new();
    for row in &rows {
        let parts: Vec<&str> = row.splitn(8, ", ").collect();
        match parts[1] {
            "null" => nulls += 1,
            n => assert!((-3..=3).contains(&n.parse::<i32>().unwrap()), "{row}"),
        }
        lengths.insert(parts[2].len());
        assert!((0.0..=1.0).contains(&parts[3].parse::<f64>().unwrap()), "{row}");
        assert!((1.5..=2.5).contains(&parts[4].parse::<f64>().unwrap()), "{row}");
        assert!(parts[6].starts_with("2023-12-31T") || parts[6].starts_with("2024-01-01T00:00"), "{row}");
    }
    assert!((100..200).contains(&nulls), "{nulls} of 500 are null");
    assert_eq!(lengths.into_iter().collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
}

/// Without a seed there is one for each lineage, that all workers know; a checkpoint goes on with its own in another one.
#[test]
fn without_a_seed_lineages_differ_but_a_restore_goes_on() {
    let unseeded: Vec<_> = OPTIONS.iter().filter(|(k, _)| *k != "seed").copied().collect();
    let read = |lineage: u128, parallelism: u32, states: &[OperatorState]| {
        let (mut texts, mut before) = (Vec::new(), Vec::new());
        for subtask in 0..parallelism {
            // Each worker plans for itself.
            let (factory, schema) = factory(&unseeded);
            let mut harness = Harness::new(subtask, parallelism);
            harness.info.job_id = JobId::from_random(lineage);
            let mut source = factory.create(&harness.info).unwrap();
            let state = rescale(states, parallelism)[subtask as usize].clone();
            source.open(&mut harness.ctx(), &state).unwrap();
            before.push(source.snapshot(&barrier(1), &mut harness.ctx()).unwrap());
            let rows = harness.drain(source.as_mut(), &schema, 100).unwrap();
            texts.extend(rows.iter().map(|r| r.split(", ").nth(2).unwrap().to_string()));
        }
        (sorted(texts), before)
    };
    let (first, states) = read(1, 2, &[]);
    assert_eq!(first, read(1, 1, &[]).0);
    assert_ne!(first, read(2, 2, &[]).0);
    assert_eq!(first, read(3, 2, &states).0);
    assert_eq!(first, read(3, 3, &states).0);
}

/// Without the columns that tell time, rows are made lanes at a time: they are the same, restored or not.
#[test]
fn columns_that_are_left_out_change_no_other() {
    let (whole, schema) = factory(OPTIONS);
    let columns = [2, 0, 4];
    let kept = Schema { columns: columns.iter().map(|c| schema.columns[*c].clone()).collect() };
    let cut = |row: &String| {
        let cells: Vec<&str> = row.split(", ").collect();
        columns.map(|c| cells[c]).join(", ")
    };
    let full: Vec<String> = run(1, &[], usize::MAX).0.iter().map(cut).collect();
    let some = whole.project(&columns).unwrap();
    for (parallelism, max_rows) in [(1, 8192), (1, 300), (3, 100), (3, 8192), (128, 50)] {
        let mut rows = Vec::new();
        for subtask in 0..parallelism {
            let harness = Harness::new(subtask, parallelism);
            let mut source = some.create(&harness.info).unwrap();
            source.open(&mut harness.ctx(), &OperatorState::default()).unwrap();
            loop {
                match harness.poll(source.as_mut(), max_rows).unwrap() {
                    SourcePoll::Rows(batch) => rows.extend(print_rows(&batch, &kept)),
                    SourcePoll::Wait(_) => {}
                    SourcePoll::End => break,
                }
                let state = source.snapshot(&barrier(1), &mut harness.ctx()).unwrap();
                source = some.create(&harness.info).unwrap();
                source.open(&mut harness.ctx(), &state).unwrap();
            }
        }
        if parallelism == 1 {
            assert_eq!(rows, full, "polls of {max_rows}");
        }
        assert_eq!(sorted(rows), sorted(full.clone()), "{parallelism} subtasks, polls of {max_rows}");
    }
}

#[test]
fn wrong_options_are_refused_by_name() {
    for (option, part) in [
        (("fields.x.min", "1"), "no column 'x'"),
        (("fields.ok.min", "1"), "does not apply to type BOOLEAN"),
        (("fields.n.min", "9"), "'fields.n.min' is larger"),
        (("fields.n.max", "99999999999"), "'fields.n.max' = '99999999999'"),
        (("fields.b.length", "6"), "'fields.b.length' exceeds"),
        (("fields.n.kind", "serial"), "random or sequence"),
        (("fields.d.kind", "sequence"), "'fields.d.min' does not apply"),
        (("fields.s.start", "1"), "'fields.s.start' does not apply"),
        (("fields.n.null-rate", "2"), "a number from 0 to 1"),
        (("rows-per-second", "0"), "'rows-per-second'"),
        (("number-of-row", "5"), "did you mean 'number-of-rows'"),
    ] {
        let mut options: Vec<_> = OPTIONS.iter().filter(|(k, _)| *k != option.0).copied().collect();
        options.push(option);
        let error = DatagenFactory::new(&table("g", &columns(), &options)).err().expect(option.0).to_string();
        assert!(error.contains(part), "{error} should contain {part}");
    }
}

#[test]
fn batches_of_long_rows_are_small() {
    for (length, expected) in [("10", 8192), ("100000", 10), ("3000000", 1)] {
        let options = [("connector", "datagen"), ("rows-per-second", "1000000"), ("fields.s.length", length)];
        let table = table("g", &[("s", DataType::STRING)], &options);
        let factory = DatagenFactory::new(&table).unwrap();
        let harness = Harness::new(0, 1);
        let mut source = factory.create(&harness.info).unwrap();
        source.open(&mut harness.ctx(), &OperatorState::default()).unwrap();
        let SourcePoll::Rows(batch) = harness.poll(source.as_mut(), 8192).unwrap() else { panic!("no rows") };
        assert_eq!(batch.num_rows(), expected, "rows of {length} bytes");
    }
}
