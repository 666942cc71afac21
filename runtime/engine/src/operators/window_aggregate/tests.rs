#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
use super::*;
use crate::operators::aggregate::AggFunction as F;
use crate::operators::testkit::{Harness, changes, column as col, int, schema, text_column, time_column, timestamp};
use crate::operators::window::FixedOffset;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering::Relaxed;
use streamjob_core::DataType;
use streamjob_core::element::MAX_WATERMARK;

/// Key `k`, time `ts`, value `v`: COUNT(*), SUM(v), MIN(v), COUNT(DISTINCT v), LAST_VALUE(v)-free so that order is no matter.
fn windowed(kind: WindowKind, offset: i64, distinct: bool) -> WindowAggregate {
    let mut aggs = vec![
        AggCall::new(F::CountStar, None, DataType::BigInt),
        AggCall::new(F::Sum, Some(2), DataType::BigInt),
        AggCall::new(F::Min, Some(2), DataType::BigInt),
    ];
    if distinct {
        aggs.push(AggCall::new(F::Count, Some(2), DataType::BigInt).distinct());
        aggs.push(AggCall::new(F::Sum, Some(2), DataType::BigInt).distinct());
    }
    let mut output = vec![WindowOutput::Key(0), WindowOutput::WindowStart, WindowOutput::WindowEnd];
    let mut names = vec![("k", int()), ("window_start", timestamp()), ("window_end", timestamp())];
    for i in 0..aggs.len() {
        output.push(WindowOutput::Agg(i));
        names.push((["n", "s", "m", "d", "e"][i], int()));
    }
    WindowAggregate {
        input: schema(&[("k", int()), ("ts", timestamp()), ("v", int())]),
        keys: vec![0],
        source: WindowSource::Time { column: 1, window: WindowSpec { kind, offset } },
        zone: None,
        aggs,
        output,
        schema: schema(&names),
    }
}

type Row = (Option<i64>, i64, Option<i64>);

fn batch(rows: &[Row]) -> Batch {
    changes(
        &vec!["+I"; rows.len()].join(" "),
        vec![
            col(&rows.iter().map(|r| r.0).collect::<Vec<_>>()),
            time_column(&rows.iter().map(|r| Some(r.1)).collect::<Vec<_>>()),
            col(&rows.iter().map(|r| r.2).collect::<Vec<_>>()),
        ],
    )
}

fn ms(t: i64) -> String {
    let array = time_column(&[Some(t)]);
    arrow::util::display::array_value_to_string(&array, 0).unwrap()
}

#[test]
fn tumble_fires_at_its_last_millisecond_and_drops_late_rows() {
    let mut h = Harness::new(&windowed(WindowKind::Tumble { size: 10 }, 0, false));
    h.batch(batch(&[(Some(1), 3, Some(5)), (Some(1), 9, None), (None, 12, Some(1))]));
    h.watermark(8);
    assert_eq!(h.log(), ["watermark 8"]);
    h.watermark(9);
    assert_eq!(h.0.rows().unwrap(), [format!("+I[1, {}, {}, 2, 5, 5]", ms(0), ms(10))]);
    h.batch(batch(&[(Some(1), 9, Some(5)), (Some(1), 10, None)]));
    assert_eq!(h.metrics().late_rows_dropped.load(Relaxed), 1);
    h.watermark(MAX_WATERMARK);
    let mut rows = h.rows();
    rows.sort();
    assert_eq!(
        rows,
        [format!("+I[1, {}, {}, 1, null, null]", ms(10), ms(20)), format!("+I[null, {}, {}, 1, 1, 1]", ms(10), ms(20))]
    );
    assert_eq!(h.0.keyed().unwrap().size().entries, 0);
}

/// More keys than are held in memory between batches, each in every batch.
#[test]
fn panes_beyond_the_buffer_are_read_back() {
    const KEYS: i64 = 20_000;
    let mut h = Harness::new(&windowed(WindowKind::Tumble { size: 10 }, 0, true));
    for v in 0..3 {
        for keys in [0..KEYS / 2, KEYS / 2..KEYS] {
            h.batch(batch(&keys.map(|k| (Some(k), 5, Some(v))).collect::<Vec<_>>()));
        }
    }
    assert!(h.0.keyed().unwrap().size().entries > 0, "nothing was written");
    h.watermark(9);
    let rows = h.0.rows().unwrap();
    assert_eq!(rows.len() as i64, KEYS);
    let ends = format!(", {}, {}, 3, 3, 0, 3, 3]", ms(0), ms(10));
    assert!(rows.iter().all(|r| r.ends_with(&ends)), "{:?}", rows.iter().find(|r| !r.ends_with(&ends)));
    assert_eq!(h.0.keyed().unwrap().size().entries, 0);
}

#[test]
fn results_with_long_keys_come_in_batches_of_bounded_size() {
    const KEYS: usize = 1500;
    let mut config = windowed(WindowKind::Tumble { size: 10 }, 0, false);
    config.input = schema(&[("k", DataType::STRING), ("ts", timestamp()), ("v", int())]);
    config.schema.columns[0].ty = config.input.columns[0].ty.clone();
    let mut h = Harness::new(&config);
    let keys: Vec<String> = (0..KEYS).map(|k| format!("{k:020000}")).collect();
    let keys: Vec<Option<&str>> = keys.iter().map(|k| Some(k.as_str())).collect();
    let columns = vec![text_column(&keys), time_column(&vec![Some(5); KEYS]), col(&vec![Some(1); KEYS])];
    h.batch(changes(&"+I ".repeat(KEYS), columns));
    h.watermark(9);
    let batches = h.take();
    assert_eq!(batches.iter().map(Batch::num_rows).sum::<usize>(), KEYS);
    let largest = batches.iter().map(|b| b.bytes().unwrap()).max().unwrap();
    assert!(largest <= crate::operators::EMIT_BYTES + 100_000, "{largest}");
}

#[test]
fn zone_shifts_the_firing_and_null_time_fails() {
    let mut config = windowed(WindowKind::Tumble { size: 100 }, 0, false);
    config.zone = Some(Arc::new(FixedOffset(30)));
    config.output[1] = WindowOutput::WindowTime;
    let mut h = Harness::new(&config);
    h.batch(batch(&[(Some(1), 69, Some(1)), (Some(1), 70, Some(2))]));
    h.watermark(68);
    assert!(h.take().is_empty());
    h.watermark(69);
    assert_eq!(h.rows(), [format!("+I[1, {}, {}, 1, 1, 1]", ms(69), ms(100))]);
    let bad = changes("+I", vec![col(&[Some(1)]), time_column(&[None]), col(&[None])]);
    assert!(h.try_batch(bad).unwrap_err().message().starts_with("RowTime field should not be null"));
}

#[test]
fn attached_windows_group_by_the_inputs_windows() {
    let mut config = windowed(WindowKind::Tumble { size: 1 }, 0, true);
    config.input = schema(&[("k", int()), ("window_start", timestamp()), ("v", int()), ("window_end", timestamp())]);
    config.source = WindowSource::Attached { start: 1, end: 3 };
    let mut h = Harness::new(&config);
    let rows = |rows: &[(i64, i64, i64)]| {
        let (s, e): (Vec<_>, Vec<_>) = rows.iter().map(|r| (Some(r.0), Some(r.1))).unzip();
        let v: Vec<_> = rows.iter().map(|r| Some(r.2)).collect();
        let k = vec![Some(1); rows.len()];
        changes(&vec!["+I"; rows.len()].join(" "), vec![col(&k), time_column(&s), col(&v), time_column(&e)])
    };
    h.batch(rows(&[(0, 10, 1), (0, 20, 1), (0, 10, 1), (5, 15, 4)]));
    h = h.restart(&config);
    h.watermark(9);
    h.batch(rows(&[(0, 10, 1), (0, 20, 2)]));
    h.watermark(19);
    assert_eq!(h.metrics().late_rows_dropped.load(Relaxed), 1);
    assert_eq!(
        h.rows(),
        [
            format!("+I[1, {}, {}, 2, 2, 1, 1, 1]", ms(0), ms(10)),
            format!("+I[1, {}, {}, 1, 4, 4, 1, 4]", ms(5), ms(15)),
            format!("+I[1, {}, {}, 2, 3, 1, 2, 3]", ms(0), ms(20)),
        ]
    );
}

#[test]
fn state_is_described_and_bad_sizes_are_refused() {
    let config = windowed(WindowKind::Hop { size: 10, slide: 5 }, 1, true);
    let specs = config.keyed_states();
    assert_eq!(specs[0].key_schema, "slice_end TIMESTAMP(3), part TINYINT, k BIGINT");
    assert_eq!(
        specs[0].value_schema,
        "HOP(5 ms, 10 ms) OFFSET 1 ms, COUNT(*) BIGINT, SUM(v) BIGINT, MIN(v) BIGINT, COUNT(DISTINCT v) BIGINT, \
         SUM(DISTINCT v) BIGINT"
    );
    assert_eq!(specs[1].name, "windows-distinct-v");
    let bad = windowed(WindowKind::Hop { size: 10, slide: 3 }, 0, false);
    let info = TaskInfo {
        job: String::new(),
        job_id: streamjob_core::JobId::from_random(0),
        uid: streamjob_core::OperatorUid(String::new()),
        name: String::new(),
        subtask: 0,
        parallelism: 1,
        max_parallelism: 1,
        attempt: String::new(),
    };
    let Err(e) = bad.create(&info) else { panic!("accepted") };
    assert!(e.message().contains("integral multiple of slide"), "{e}");
}

#[derive(Debug, Clone)]
enum Step {
    Rows(Vec<Row>),
    Advance(i64),
    /// One subtask alone: its watermarks come over other channels.
    Ahead(usize, i64),
    Restart,
    Rescale(u32),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let row = (prop::option::weighted(0.8, 0i64..4), 0i64..120, prop::option::weighted(0.8, 0i64..5));
    let step = prop_oneof![
        4 => prop::collection::vec(row, 1..12).prop_map(Step::Rows),
        3 => (1i64..25).prop_map(Step::Advance),
        1 => (0usize..4, 1i64..25).prop_map(|(task, by)| Step::Ahead(task, by)),
        1 => Just(Step::Restart),
        1 => (1u32..4).prop_map(Step::Rescale),
    ];
    prop::collection::vec(step, 1..14)
}

fn kinds() -> impl Strategy<Value = WindowKind> {
    prop_oneof![
        (1i64..30).prop_map(|size| WindowKind::Tumble { size }),
        (1i64..12, 1i64..5).prop_map(|(slide, n)| WindowKind::Hop { size: slide * n, slide }),
        (1i64..12, 1i64..5).prop_map(|(step, n)| WindowKind::Cumulate { size: step * n, step }),
    ]
}

/// The naive model of a key group: every row in all its windows that have not fired.
#[derive(Default)]
struct Model {
    windows: BTreeMap<(i64, i64, Option<i64>), Vec<Option<i64>>>,
    late: u64,
    watermark: Option<i64>,
}

impl Model {
    fn row(&mut self, spec: WindowSpec, row: &Row) {
        let mut kept = false;
        spec.windows(row.1, |start, end| {
            if self.watermark.is_none_or(|w| end - 1 > w) {
                self.windows.entry((end, start, row.0)).or_default().push(row.2);
                kept = true;
            }
        });
        self.late += u64::from(!kept);
    }

    fn advance(&mut self, mark: i64, distinct: bool) -> Vec<String> {
        if self.watermark.is_some_and(|w| w >= mark) {
            return vec![];
        }
        self.watermark = Some(mark);
        let open = self.windows.split_off(&(mark.saturating_add(2), i64::MIN, None));
        let fired = std::mem::replace(&mut self.windows, open);
        let show = |v: Option<i64>| v.map_or("null".to_string(), |v| v.to_string());
        fired
            .into_iter()
            .map(|((end, start, k), values)| {
                let some: Vec<i64> = values.iter().flatten().copied().collect();
                let set: BTreeSet<i64> = some.iter().copied().collect();
                let sum = |v: Vec<i64>| show((!v.is_empty()).then(|| v.iter().sum()));
                let mut row = format!(
                    "+I[{}, {}, {}, {}, {}, {}",
                    show(k),
                    ms(start),
                    ms(end),
                    values.len(),
                    sum(some.clone()),
                    show(some.iter().min().copied())
                );
                if distinct {
                    row += &format!(", {}, {}", set.len(), sum(set.into_iter().collect()));
                }
                row + "]"
            })
            .collect()
    }
}

fn group_of(row: &Row) -> u16 {
    let keys = KeyRows::encode(&[col(&[row.0])], 1).unwrap();
    key::key_group(key::hash(keys.row(0)), 8)
}

fn owner_of(group: u16, parallelism: u32) -> usize {
    key::owner(group, parallelism, 8) as usize
}

/// A watermark for one subtask: what it emits, and what its key groups should have.
fn advance(
    tasks: &mut [Harness],
    of: usize,
    models: &mut [Model],
    mark: i64,
    distinct: bool,
) -> (Vec<String>, Vec<String>) {
    let parallelism = tasks.len() as u32;
    tasks[of].watermark(mark);
    let mut got = tasks[of].rows();
    let groups = models.iter_mut().enumerate().filter(|(g, _)| owner_of(*g as u16, parallelism) == of);
    let mut expected: Vec<String> = groups.flat_map(|(_, m)| m.advance(mark, distinct)).collect();
    got.sort();
    expected.sort();
    (got, expected)
}

proptest! {
    #[test]
    fn windows_equal_the_model_also_over_restarts(kind in kinds(), offset in -20i64..20, distinct: bool, steps in steps()) {
        let config = windowed(kind, offset, distinct);
        let WindowSource::Time { window: spec, .. } = config.source else { unreachable!() };
        let mut tasks = vec![Harness::new(&config)];
        let mut models: Vec<Model> = (0..8).map(|_| Model::default()).collect();
        let (mut mark, mut late) = (0, 0);
        for step in steps {
            match step {
                Step::Rows(rows) => {
                    rows.iter().for_each(|r| models[usize::from(group_of(r))].row(spec, r));
                    let n = tasks.len() as u32;
                    for (i, t) in tasks.iter_mut().enumerate() {
                        let own: Vec<Row> = rows.iter().filter(|r| owner_of(group_of(r), n) == i).copied().collect();
                        t.batch(batch(&own));
                    }
                }
                Step::Advance(by) => {
                    mark += by;
                    for of in 0..tasks.len() {
                        let (got, expected) = advance(&mut tasks, of, &mut models, mark, distinct);
                        prop_assert_eq!(got, expected);
                    }
                }
                Step::Ahead(of, by) => {
                    let of = of % tasks.len();
                    let (got, expected) = advance(&mut tasks, of, &mut models, mark + by, distinct);
                    prop_assert_eq!(got, expected);
                }
                Step::Restart | Step::Rescale(_) => {
                    let n = if let Step::Rescale(n) = step { n } else { tasks.len() as u32 };
                    late += tasks.iter().map(|t| t.metrics().late_rows_dropped.load(Relaxed)).sum::<u64>();
                    tasks = Harness::rescale(tasks, n, &config);
                }
            }
        }
        for of in 0..tasks.len() {
            let (got, expected) = advance(&mut tasks, of, &mut models, MAX_WATERMARK, distinct);
            prop_assert_eq!(got, expected);
        }
        late += tasks.iter().map(|t| t.metrics().late_rows_dropped.load(Relaxed)).sum::<u64>();
        prop_assert_eq!(late, models.iter().map(|m| m.late).sum::<u64>());
        for t in &mut tasks {
            prop_assert_eq!(t.0.keyed().unwrap().size().entries, 0);
        }
    }
}
