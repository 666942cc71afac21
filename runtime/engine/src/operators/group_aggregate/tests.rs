#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
use super::*;
use crate::operators::aggregate::AggFunction as F;
use crate::operators::testkit::{Harness, changes, column as col, int, schema, text_column};
use arrow::array::{ArrayRef, BooleanArray};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use streamjob_core::DataType;

/// Key `k`, value `v`.
fn grouped(aggs: Vec<AggCall>, retracts: bool) -> GroupAggregate {
    let mut out = vec![("k", int())];
    out.extend(aggs.iter().map(|a| ("x", a.result.data.clone())));
    GroupAggregate {
        input: schema(&[("k", int()), ("v", int()), ("p", DataType::Boolean)]),
        schema: schema(&out),
        keys: vec![0],
        aggs,
        generate_update_before: true,
        input_retracts: retracts,
        state_ttl: None,
    }
}

fn call(function: F) -> AggCall {
    AggCall::new(function, Some(1), DataType::BigInt)
}

fn count_star() -> AggCall {
    AggCall::new(F::CountStar, None, DataType::BigInt)
}

type Row = (Option<i64>, Option<i64>, bool);

fn batch(rows: &[(&str, Row)]) -> Batch {
    let ops: Vec<&str> = rows.iter().map(|r| r.0).collect();
    let p: ArrayRef = Arc::new(BooleanArray::from(rows.iter().map(|r| r.1.2).collect::<Vec<_>>()));
    changes(
        &ops.join(" "),
        vec![
            col(&rows.iter().map(|r| r.1.0).collect::<Vec<_>>()),
            col(&rows.iter().map(|r| r.1.1).collect::<Vec<_>>()),
            p,
        ],
    )
}

fn row(k: i64, v: i64) -> Row {
    (Some(k), Some(v), true)
}

#[test]
fn each_row_is_one_update_and_an_unchanged_result_is_none() {
    let mut h = Harness::new(&grouped(vec![call(F::Sum), call(F::Count).distinct()], false));
    h.batch(batch(&[
        ("+I", row(1, 5)),
        ("+I", row(1, 5)),
        ("+I", (Some(1), None, true)),
        ("+I", (None, None, true)),
        ("+I", row(2, 1)),
    ]));
    assert_eq!(h.rows(), ["+I[1, 5, 1]", "-U[1, 5, 1]", "+U[1, 10, 1]", "+I[null, null, 0]", "+I[2, 1, 1]"]);
    h.batch(batch(&[("+I", row(1, 0)), ("+I", row(2, 0)), ("+I", row(2, 0))]));
    assert_eq!(h.rows(), ["-U[1, 10, 1]", "+U[1, 10, 2]", "-U[2, 1, 1]", "+U[2, 1, 2]"]);
}

#[test]
fn without_update_before_and_with_ttl_every_row_updates() {
    let mut config = grouped(vec![call(F::Max)], false);
    config.generate_update_before = false;
    let mut h = Harness::new(&config);
    h.batch(batch(&[("+I", row(1, 5)), ("+I", row(1, 4)), ("+I", row(1, 6))]));
    assert_eq!(h.rows(), ["+I[1, 5]", "+U[1, 6]"]);
    config.state_ttl = Some(Duration::from_millis(100));
    let mut h = Harness::new(&config);
    h.batch(batch(&[("+I", row(1, 5)), ("+I", row(1, 4))]));
    h.tick(50);
    h.batch(batch(&[("+I", row(1, 3))]));
    h.tick(140);
    h.batch(batch(&[("+I", row(1, 3))]));
    assert_eq!(h.rows(), ["+I[1, 5]", "+U[1, 5]", "+U[1, 5]", "+U[1, 5]"]);
    h.tick(300);
    h.batch(batch(&[("+I", row(1, 1))]));
    assert_eq!(h.rows(), ["+I[1, 1]"]);
}

#[test]
fn retractions() {
    let mut h = Harness::new(&grouped(vec![count_star(), call(F::Min), call(F::Max)], true));
    h.batch(batch(&[("-D", row(9, 1)), ("-U", row(8, 1))]));
    assert!(h.take().is_empty(), "retraction of an unknown key");
    h.batch(batch(&[("+I", row(1, 5)), ("+I", row(1, 3)), ("+I", row(1, 7))]));
    h.take();
    h.batch(batch(&[("-U", row(1, 3)), ("+U", row(1, 6)), ("-D", row(1, 7))]));
    assert_eq!(
        h.rows(),
        ["-U[1, 3, 3, 7]", "+U[1, 2, 5, 7]", "-U[1, 2, 5, 7]", "+U[1, 3, 5, 7]", "-U[1, 3, 5, 7]", "+U[1, 2, 5, 6]"]
    );
    h.batch(batch(&[("-D", row(1, 5)), ("-D", row(1, 6)), ("+I", row(1, 2)), ("+I", row(1, 9))]));
    assert_eq!(
        h.rows(),
        ["-U[1, 2, 5, 6]", "+U[1, 1, 6, 6]", "-D[1, 1, 6, 6]", "+I[1, 1, 2, 2]", "-U[1, 1, 2, 2]", "+U[1, 2, 2, 9]"]
    );
    h.batch(batch(&[("-D", row(1, 9)), ("-D", row(1, 2))]));
    assert_eq!(h.rows(), ["-U[1, 2, 2, 9]", "+U[1, 1, 2, 2]", "-D[1, 1, 2, 2]"]);
    assert_eq!(h.0.keyed().unwrap().size().entries, 0);
}

#[test]
fn a_deleted_group_leaves_no_values_behind() {
    // Deletes that do not fit the inserts, as after an expiry upstream.
    for cut in [1, 9] {
        let mut h = Harness::new(&grouped(vec![call(F::Count).distinct(), call(F::Min)], true));
        let rows = ["+I 5", "+I 6", "-D 7", "-D 7", "+I 6"].map(|t| {
            let (op, v) = t.split_once(' ').unwrap();
            (op, row(1, v.parse().unwrap()))
        });
        rows.chunks(cut).for_each(|c| h.batch(batch(c)));
        let rows = h.rows();
        assert_eq!(rows.last().unwrap(), "+I[1, 1, 6]", "{rows:?}");
        h.batch(batch(&[("+I", row(1, 5)), ("-D", row(1, 5))]));
        assert_eq!(h.rows().last().unwrap(), "+U[1, 1, 6]");
    }
}

#[test]
fn distinct_rows_and_one_global_group() {
    let mut config = grouped(vec![], false);
    let mut h = Harness::new(&config);
    h.batch(batch(&[("+I", row(1, 5)), ("+I", row(1, 6)), ("+I", row(2, 6))]));
    h.batch(batch(&[("+I", row(1, 5)), ("+I", (None, None, true))]));
    assert_eq!(h.rows(), ["+I[1]", "+I[2]", "+I[null]"]);
    config = grouped(vec![count_star()], true);
    config.keys = vec![];
    config.schema = schema(&[("n", int())]);
    let mut h = Harness::new(&config);
    h.batch(batch(&[("+I", row(1, 5)), ("+I", row(2, 6)), ("-D", row(1, 5)), ("-D", row(2, 6))]));
    assert_eq!(h.rows(), ["+I[1]", "-U[1]", "+U[2]", "-U[2]", "+U[1]", "-D[1]"]);
}

#[test]
fn strings_and_lists() {
    let config = GroupAggregate {
        input: schema(&[("k", DataType::STRING), ("v", DataType::STRING)]),
        schema: schema(&[("k", DataType::STRING), ("l", DataType::STRING), ("m", DataType::STRING)]),
        keys: vec![0],
        aggs: vec![
            AggCall::new(F::ListAgg { delimiter: "; ".into() }, Some(1), DataType::STRING),
            AggCall::new(F::Max, Some(1), DataType::STRING),
        ],
        generate_update_before: false,
        input_retracts: false,
        state_ttl: None,
    };
    let mut h = Harness::new(&config);
    let k = [Some("a"), Some("a"), None, Some("a")];
    h.batch(changes("+I +I +I +I", vec![text_column(&k), text_column(&[Some("x"), Some("é"), Some(""), None])]));
    assert_eq!(h.rows(), ["+I[a, x, x]", "+U[a, x; é, é]", "+I[null, , ]"]);
    h = h.restart(&config);
    h.batch(changes("+I", vec![text_column(&[Some("a")]), text_column(&[Some("b")])]));
    assert_eq!(h.rows(), ["+U[a, x; é; b, é]"]);
}

#[test]
fn state_is_described() {
    let filtered = call(F::Count).distinct().filter(2);
    let config = grouped(vec![count_star(), call(F::Sum), call(F::Min), filtered], true);
    let text = |config: &GroupAggregate| -> Vec<String> {
        let specs = config.keyed_states();
        specs.iter().map(|s| format!("{} ({}) -> ({})", s.name, s.key_schema, s.value_schema)).collect()
    };
    assert_eq!(
        text(&config),
        [
            "accumulators (k BIGINT) -> (rows BIGINT, COUNT(*) BIGINT, SUM(v) BIGINT, MIN(v) BIGINT, \
             COUNT(DISTINCT v) FILTER (WHERE p) BIGINT)",
            "min-v (k BIGINT) -> (v BIGINT, count BIGINT)",
            "distinct-v-where-p (k BIGINT) -> (v BIGINT, count BIGINT)",
        ]
    );
    // Over inserts one state stands for all calls over a column.
    let distinct = || call(F::Count).distinct();
    let config = grouped(vec![distinct().filter(2), call(F::Sum).distinct(), distinct()], false);
    assert_eq!(text(&config).last().unwrap(), "distinct-v (k BIGINT, v BIGINT) -> (seen by p, all)");
    assert_eq!(config.keyed_states().len(), 2);
}

/// More calls than a state has bits, each with a filter of its own, over restarts.
#[test]
fn distinct_calls_with_many_filters_see_values_for_themselves() {
    const FILTERS: usize = 70;
    let mut config = grouped((0..FILTERS).map(|f| call(F::Count).distinct().filter(2 + f)).collect(), false);
    let mut columns = vec![("k", int()), ("v", int())];
    columns.extend((0..FILTERS).map(|_| ("p", DataType::Boolean)));
    config.input = schema(&columns);
    assert_eq!(config.keyed_states().len(), 3);
    let mut h = Harness::new(&config);
    // Filter f lets values through that are multiples of f + 1; every value comes twice.
    for (i, v) in (0..200).chain(0..200).enumerate() {
        let mut row = vec![col(&[Some(1)]), col(&[Some(v)])];
        row.extend((0..FILTERS as i64).map(|f| Arc::new(BooleanArray::from(vec![v % (f + 1) == 0])) as ArrayRef));
        h.batch(changes("+I", row));
        if i == 50 {
            h = h.restart(&config);
        }
    }
    let counts: Vec<String> = (1..=FILTERS).map(|f| (0..200).step_by(f).count().to_string()).collect();
    assert_eq!(h.rows().last().unwrap(), &format!("+U[1, {}]", counts.join(", ")));
}

#[test]
fn a_value_that_expired_is_counted_again() {
    let mut config = grouped(vec![count_star(), call(F::Count).distinct(), call(F::Count).distinct().filter(2)], false);
    config.state_ttl = Some(Duration::from_millis(100));
    config.generate_update_before = false;
    let mut h = Harness::new(&config);
    h.batch(batch(&[("+I", row(1, 5)), ("+I", (Some(1), Some(6), false))]));
    h.tick(60);
    h.batch(batch(&[("+I", row(1, 5)), ("+I", (Some(1), Some(7), false))]));
    h.tick(120);
    h.batch(batch(&[("+I", row(1, 5)), ("+I", (Some(1), Some(6), true))]));
    assert_eq!(
        h.rows(),
        ["+I[1, 1, 1, 1]", "+U[1, 2, 2, 1]", "+U[1, 3, 2, 1]", "+U[1, 4, 3, 1]", "+U[1, 5, 3, 1]", "+U[1, 6, 4, 2]"]
    );
}

/// What a batch query over the surviving rows gives, by key.
fn expected(rows: &[Row]) -> BTreeMap<String, String> {
    let mut groups: BTreeMap<Option<i64>, Vec<&Row>> = BTreeMap::new();
    rows.iter().for_each(|r| groups.entry(r.0).or_default().push(r));
    let show = |v: Option<i64>| v.map_or("null".to_string(), |v| v.to_string());
    groups
        .into_iter()
        .map(|(k, rows)| {
            let v: Vec<i64> = rows.iter().filter_map(|r| r.1).collect();
            let f: Vec<i64> = rows.iter().filter(|r| r.2).filter_map(|r| r.1).collect();
            let distinct: BTreeSet<i64> = v.iter().copied().collect();
            let distinct_f: BTreeSet<i64> = f.iter().copied().collect();
            let sum: i64 = v.iter().sum();
            let cells = [
                rows.len().to_string(),
                v.len().to_string(),
                show((!v.is_empty()).then_some(sum)),
                show((!v.is_empty()).then(|| sum / v.len() as i64)),
                show(v.iter().min().copied()),
                show(v.iter().max().copied()),
                distinct.len().to_string(),
                show((!distinct.is_empty()).then(|| distinct.iter().sum())),
                distinct_f.len().to_string(),
                show(f.iter().max().copied()),
            ];
            (show(k), cells.join(", "))
        })
        .collect()
}

fn all_calls() -> Vec<AggCall> {
    vec![
        count_star(),
        call(F::Count),
        call(F::Sum),
        call(F::Avg),
        call(F::Min),
        call(F::Max),
        call(F::Count).distinct(),
        call(F::Sum).distinct(),
        call(F::Count).distinct().filter(2),
        call(F::Max).filter(2),
    ]
}

/// Folds a changelog, checking that each `-U` and `-D` takes away what is there.
fn fold(view: &mut BTreeMap<String, String>, lines: &[String]) -> std::result::Result<(), String> {
    for line in lines {
        let (op, rest) = line.split_at(2);
        let (k, cells) = rest[1..rest.len() - 1].split_once(", ").unwrap();
        let old = if op == "+I" || op == "+U" {
            view.insert(k.to_string(), cells.to_string())
        } else {
            let old = view.remove(k);
            if old.as_deref() != Some(cells) {
                return Err(format!("{line} takes away {old:?}"));
            }
            continue;
        };
        if op == "+I" && old.is_some() {
            return Err(format!("{line} over {old:?}"));
        }
    }
    Ok(())
}

proptest! {
    /// Random changelogs (inserts, and deletes of rows that are there) in random batches, with restarts.
    #[test]
    fn folded_changes_equal_the_aggregate_of_the_surviving_rows(
        steps in prop::collection::vec(
            ((prop::option::weighted(0.9, 0i64..3), prop::option::weighted(0.8, -4i64..4), any::<bool>()), any::<u16>(), 0u8..10),
            1..120,
        ),
        retracts: bool,
    ) {
        let config = grouped(all_calls(), retracts);
        let mut h = Harness::new(&config);
        let (mut live, mut waiting, mut view): (Vec<Row>, Vec<(&str, Row)>, BTreeMap<String, String>) = Default::default();
        for (new, pick, what) in steps {
            if retracts && what < 4 && !live.is_empty() {
                let gone = live.swap_remove(usize::from(pick) % live.len());
                waiting.push((if what < 2 { "-D" } else { "-U" }, gone));
            } else {
                live.push(new);
                waiting.push(("+I", new));
            }
            if what >= 8 {
                h.batch(batch(&waiting));
                waiting.clear();
                if what == 9 && pick % 4 == 0 {
                    let rows = h.rows();
                    prop_assert_eq!(fold(&mut view, &rows), Ok(()));
                    h = h.restart(&config);
                }
            }
        }
        h.batch(batch(&waiting));
        let rows = h.rows();
        prop_assert_eq!(fold(&mut view, &rows), Ok(()));
        prop_assert_eq!(view, expected(&live));
    }

    /// The steps do not depend on how rows are cut into batches.
    #[test]
    fn batches_do_not_show(
        rows in prop::collection::vec((prop::option::weighted(0.9, 0i64..3), prop::option::weighted(0.8, -4i64..4), any::<bool>()), 1..40),
        cut in 1usize..10,
        undo in 0usize..40,
    ) {
        let config = grouped(all_calls(), true);
        let mut changes: Vec<(&str, Row)> = rows.iter().map(|r| ("+I", *r)).collect();
        changes.extend(rows.iter().take(undo).map(|r| ("-D", *r)));
        let (mut one, mut many) = (Harness::new(&config), Harness::new(&config));
        one.batch(batch(&changes));
        changes.chunks(cut).for_each(|c| many.batch(batch(c)));
        prop_assert_eq!(one.rows(), many.rows());
    }

    /// Without `-U` rows the changes are the others of the same input, in the same order: calls with bounded values and
    /// with strings, with and without a time to live, in any batches, over restarts.
    #[test]
    fn update_before_is_all_that_can_be_left_out(
        rows in prop::collection::vec((prop::option::weighted(0.9, 0i64..5), prop::option::weighted(0.8, "[ab]{0,3}"), any::<bool>()), 1..60),
        cut in 1usize..20,
        ttl: bool,
    ) {
        let text = |f| AggCall::new(f, Some(1), DataType::STRING);
        let calls = vec![
            count_star(),
            AggCall::new(F::Count, Some(1), DataType::BigInt),
            AggCall::new(F::Sum, Some(0), DataType::BigInt).filter(2),
            AggCall::new(F::Avg, Some(0), DataType::BigInt),
            text(F::FirstValue), text(F::LastValue), text(F::Min), text(F::Max).filter(2),
        ];
        for calls in [calls.clone(), calls[..4].to_vec(), calls[4..5].to_vec()] {
            let mut config = grouped(calls.clone(), false);
            config.input = schema(&[("k", int()), ("v", DataType::STRING), ("p", DataType::Boolean)]);
            config.state_ttl = ttl.then(|| Duration::from_secs(3600));
            let all = |config: &GroupAggregate| {
                let mut h = Harness::new(config);
                let mut seen = Vec::new();
                for (i, chunk) in rows.chunks(cut).enumerate() {
                    let keys: Vec<Option<i64>> = chunk.iter().map(|r| r.0).collect();
                    let texts: Vec<Option<&str>> = chunk.iter().map(|r| r.1.as_deref()).collect();
                    let p: ArrayRef = Arc::new(BooleanArray::from(chunk.iter().map(|r| r.2).collect::<Vec<_>>()));
                    h.batch(changes(&vec!["+I"; chunk.len()].join(" "), vec![col(&keys), text_column(&texts), p]));
                    if i % 2 == 1 {
                        seen.extend(h.rows());
                        h = h.restart(config);
                    }
                }
                seen.extend(h.rows());
                seen
            };
            let with: Vec<String> = all(&config).into_iter().filter(|r| !r.starts_with("-U")).collect();
            config.generate_update_before = false;
            prop_assert_eq!(all(&config), with);
        }
    }
}

/// Every row's version holds the list so far: of a full batch that would be more than a gigabyte.
#[test]
fn lists_that_grow_with_every_row_come_in_batches_of_bounded_size() {
    const ROWS: usize = 3000;
    let mut config =
        grouped(vec![AggCall::new(F::ListAgg { delimiter: ",".into() }, Some(1), DataType::STRING)], false);
    config.input = schema(&[("k", int()), ("v", DataType::STRING), ("p", DataType::Boolean)]);
    config.generate_update_before = false;
    let mut h = Harness::new(&config);
    let text = "y".repeat(39);
    let p: ArrayRef = Arc::new(BooleanArray::from(vec![true; ROWS]));
    let columns = vec![col(&vec![Some(1); ROWS]), text_column(&vec![Some(text.as_str()); ROWS]), p];
    h.batch(changes(&"+I ".repeat(ROWS), columns));
    let batches = h.take();
    assert_eq!(batches.iter().map(Batch::num_rows).sum::<usize>(), ROWS);
    let largest = batches.iter().map(|b| b.bytes().unwrap()).max().unwrap();
    assert!(largest <= 4 * crate::operators::EMIT_BYTES, "{largest}");
}
