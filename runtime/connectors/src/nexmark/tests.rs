use super::NexmarkFactory;
use crate::testing::{Harness, run_source, sorted, table};
use proptest::prelude::*;
use std::collections::BTreeMap;
use streamjob_core::{Column, DataType, LogicalType, Schema};
use streamjob_engine::{SourceFactory, SourcePoll};
use streamjob_state::OperatorState;

fn fields(all: &[(&str, DataType)]) -> DataType {
    let column = |(name, ty): &(&str, DataType)| Column { name: name.to_string(), ty: LogicalType::new(ty.clone()) };
    DataType::Row(all.iter().map(column).collect())
}

fn columns() -> Vec<(&'static str, DataType)> {
    const I: DataType = DataType::BigInt;
    const S: DataType = DataType::STRING;
    const T: DataType = DataType::Timestamp(3);
    let person = [
        ("id", I),
        ("name", S),
        ("emailAddress", S),
        ("creditCard", S),
        ("city", S),
        ("state", S),
        ("dateTime", T),
        ("extra", S),
    ];
    let auction = [
        ("id", I),
        ("itemName", S),
        ("description", S),
        ("initialBid", I),
        ("reserve", I),
        ("dateTime", T),
        ("expires", T),
        ("seller", I),
        ("category", I),
        ("extra", S),
    ];
    let bid = [("auction", I), ("bidder", I), ("price", I), ("channel", S), ("url", S), ("dateTime", T), ("extra", S)];
    vec![
        ("event_type", DataType::Int),
        ("person", fields(&person)),
        ("auction", fields(&auction)),
        ("bid", fields(&bid)),
    ]
}

type Options = Vec<(&'static str, &'static str)>;

fn options(more: &[(&'static str, &'static str)]) -> Options {
    let mut all = vec![("connector", "nexmark"), ("events.num", "5000"), ("seed", "7"), ("next-event.rate", "1000")];
    all.retain(|(key, _)| more.iter().all(|(k, _)| k != key));
    all.extend(more);
    all
}

fn factory(columns: &[(&str, DataType)], options: &[(&str, &str)]) -> (NexmarkFactory, Schema) {
    let table = table("events", columns, options);
    (NexmarkFactory::new(&table).unwrap(), table.physical_schema())
}

/// Rows and states of all subtasks behind some polls.
fn run(
    options: &Options,
    parallelism: u32,
    states: &[OperatorState],
    polls: usize,
) -> (Vec<String>, Vec<OperatorState>) {
    let (factory, schema) = factory(&columns(), options);
    run_source(&factory, &schema, parallelism, states, polls, 101)
}

/// The fields of a printed event: of its one ROW that is not NULL.
fn event(row: &str) -> (usize, Vec<&str>) {
    let (kind, rest) = row.split_once(", ").unwrap();
    let inner = rest.split_once("+I[").unwrap().1.split_once(']').unwrap().0;
    (kind.parse().unwrap(), inner.split(", ").collect())
}

#[test]
fn events_are_the_same_at_any_parallelism_and_after_a_restore() {
    for more in [&[][..], &[("rate.limited", "true")]] {
        let options = options(more);
        let all = sorted(run(&options, 1, &[], usize::MAX).0);
        assert_eq!(all.len(), 5000);
        assert_eq!(sorted(run(&options, 4, &[], usize::MAX).0), all);
        for (before, between, after) in [(1, 1, 1), (2, 3, 1), (4, 1, 7)] {
            let (mut rows, states) = run(&options, before, &[], 3);
            let (more, states) = run(&options, between, &states, 2);
            rows.extend(more);
            let (rest, states) = run(&options, after, &states, usize::MAX);
            rows.extend(rest);
            assert_eq!(sorted(rows), all);
            assert!(run(&options, 2, &states, 5).0.is_empty());
        }
    }
}

/// Flink's twin of the generator (tests/flink/Nexmark.java) makes the same: who changes one changes both.
#[test]
fn events_are_those_of_other_releases() {
    let rows = run(&options(&[]), 1, &[], usize::MAX).0;
    assert_eq!(streamjob_core::key::hash(rows.join("\n").as_bytes()), 5_207_897_140_357_406_056);
}

#[test]
fn seeds_differ_and_a_restore_with_another_is_refused() {
    let rows = |seed| run(&options(&[("seed", seed)]), 1, &[], 2);
    assert_ne!(rows("1").0, rows("2").0);
    let (factory, _) = factory(&columns(), &options(&[("seed", "2")]));
    let harness = Harness::new(0, 1);
    let mut source = factory.create(&harness.info).unwrap();
    let error = source.open(&mut harness.ctx(), &rows("1").1[0]).unwrap_err().to_string();
    assert!(error.contains("'seed' differs"), "{error}");
}

#[test]
fn proportions_ids_times_and_sizes_are_as_specified() {
    let rows = run(&options(&[("events.num", "50000"), ("next-event.rate", "100000")]), 1, &[], usize::MAX).0;
    let mut kinds = BTreeMap::new();
    let (mut persons, mut auctions) = (0, 0);
    let (mut hot_auctions, mut hot_bidders, mut hot_channels, mut with_id) = (0, 0, 0, 0);
    let mut bytes = [0; 3];
    for (n, row) in rows.iter().enumerate() {
        let (kind, fields) = event(row);
        *kinds.entry(kind).or_insert(0) += 1;
        let number = |i: usize| fields[i].parse::<usize>().unwrap();
        let offset = n % 50;
        let expected = if offset == 0 {
            0
        } else if offset < 4 {
            1
        } else {
            2
        };
        assert_eq!(kind, expected, "{row}");
        let time = format!("2024-01-01T00:00:00.{:03}", n / 100);
        let time = time.trim_end_matches('0').trim_end_matches('.').trim_end_matches(":00");
        bytes[kind] += fields.iter().filter(|f| !f.starts_with("2024")).map(|f| f.len()).sum::<usize>();
        match kind {
            0 => {
                assert_eq!(number(0), 1000 + persons);
                assert!(fields[2].len() == 17 && fields[3].len() == 19 && fields[5].len() == 2, "{row}");
                persons += 1;
                assert!(fields[6].starts_with(time), "{row}: {time}");
            }
            1 => {
                assert_eq!(number(0), 1000 + auctions);
                assert!(number(4) > number(3) && (10..15).contains(&number(8)), "{row}");
                assert!((1000..1000 + persons + 10).contains(&number(7)), "{row}");
                assert!(fields[6] > fields[5], "{row}");
                auctions += 1;
            }
            _ => {
                let (auction, bidder) = (number(0) - 1000, number(1) - 1000);
                // The hot bidder may be one ahead, as the first of a hundred has no successor yet.
                assert!(auction < auctions + 10 && auction + 100 >= (auctions - 1) / 100 * 100, "{row}");
                assert!(bidder < persons + 10, "{row}");
                hot_auctions += usize::from(auction == (auctions - 1) / 100 * 100);
                hot_bidders += usize::from(bidder == (persons - 1) / 100 * 100 + 1);
                hot_channels += usize::from(!fields[3].starts_with("channel-"));
                with_id += usize::from(fields[4].contains("&channel_id="));
                assert!((100..=100_000_000).contains(&number(2)), "{row}");
                assert_eq!(fields[4].matches('/').count(), 6, "{row}");
                assert!((54..=82).contains(&fields[6].len()), "{row}");
            }
        }
    }
    assert_eq!(kinds, BTreeMap::from([(0, 1000), (1, 3000), (2, 46_000)]));
    let share = |n: usize| n as f64 / 46_000.0;
    assert!((0.49..0.53).contains(&share(hot_auctions)), "{hot_auctions}");
    assert!((0.74..0.77).contains(&share(hot_bidders)), "{hot_bidders}");
    assert!((0.48..0.52).contains(&share(hot_channels)), "{hot_channels}");
    assert!((0.43..0.47).contains(&share(with_id)), "{with_id}");
    // Of persons and auctions all but whole numbers, which are printed longer or shorter than 8 bytes.
    assert!((180..200).contains(&(bytes[0] / 1000)), "{bytes:?}");
    assert!((440..500).contains(&(bytes[1] / 3000)), "{bytes:?}");
}

#[test]
fn only_what_is_declared_is_made_and_it_is_the_same() {
    let bid = fields(&[("extra", DataType::STRING), ("price", DataType::BigInt)]);
    let (some, schema) = factory(&[("bid", bid)], &options(&[]));
    let harness = Harness::new(0, 1);
    let mut source = some.create(&harness.info).unwrap();
    source.open(&mut harness.ctx(), &OperatorState::default()).unwrap();
    let rows = harness.drain(source.as_mut(), &schema, 5000).unwrap();
    let all = run(&options(&[]), 1, &[], usize::MAX).0;
    assert_eq!(rows.len(), all.len());
    for (some, all) in rows.iter().zip(&all) {
        match event(all) {
            (2, fields) => assert_eq!(some, &format!("+I[{}, {}]", fields[6], fields[2])),
            _ => assert_eq!(some, "null"),
        }
    }
}

proptest! {
    /// Whatever the proportions: as many of each kind, ids without gaps, nobody named who is more than the lead ahead.
    #[test]
    fn any_proportions_hold(persons in 1usize..4, auctions in 1usize..5, bids in 1usize..9, epochs in 1usize..40, seed: i64) {
        let total = persons + auctions + bids;
        let text = |n: usize| -> &'static str { Box::leak(n.to_string().into_boxed_str()) };
        let options = options(&[
            ("person.proportion", text(persons)),
            ("auction.proportion", text(auctions)),
            ("bid.proportion", text(bids)),
            ("events.num", text(total * epochs)),
            ("seed", Box::leak(seed.to_string().into_boxed_str())),
        ]);
        let (mut of_persons, mut of_auctions, mut of_bids) = (0, 0, 0);
        for row in run(&options, 1, &[], usize::MAX).0 {
            let (kind, fields) = event(&row);
            let number = |i: usize| fields[i].parse::<usize>().unwrap();
            match kind {
                0 => {
                    prop_assert_eq!(number(0), 1000 + of_persons);
                    of_persons += 1;
                }
                1 => {
                    prop_assert_eq!(number(0), 1000 + of_auctions);
                    prop_assert!(number(7) < 1000 + of_persons + 10);
                    of_auctions += 1;
                }
                _ => {
                    prop_assert!(number(0) < 1000 + of_auctions + 10);
                    prop_assert!(number(1) < 1000 + of_persons + 10);
                    of_bids += 1;
                }
            }
        }
        prop_assert_eq!((of_persons, of_auctions, of_bids), (persons * epochs, auctions * epochs, bids * epochs));
    }
}

#[test]
fn wrong_options_and_columns_are_refused_by_name() {
    for (option, part) in [
        (("next-event.rate", "0"), "'next-event.rate'"),
        (("first-event.rate", "5"), "a rate that changes"),
        (("bid.proportion", "0"), "'bid.proportion'"),
        (("bid.avg-size", "1 mb"), "at most 64 kb"),
        (("events.num", "-1"), "'events.num'"),
        (("event.num", "1"), "did you mean 'events.num'"),
        (("rate.shape", "SINE"), "unknown option 'rate.shape'"),
    ] {
        let error =
            NexmarkFactory::new(&table("g", &columns(), &options(&[option]))).err().expect(option.0).to_string();
        assert!(error.contains(part), "{error} should contain {part}");
    }
    let bid = |name, ty| vec![("bid", fields(&[(name, ty)]))];
    for (columns, part) in [
        (vec![("event_typ", DataType::Int)], "did you mean 'event_type'"),
        (vec![("event_type", DataType::BigInt)], "declare it as INT"),
        (vec![("bid", DataType::STRING)], "declare it as ROW"),
        (bid("prize", DataType::BigInt), "did you mean 'price'"),
        (bid("price", DataType::Int), "'bid.price': connector 'nexmark' does not give it as INT"),
        (bid("id", DataType::BigInt), "no column 'bid.id'"),
        (bid("dateTime", DataType::Timestamp(6)), "declare it as TIMESTAMP(3)"),
        (bid("url", DataType::VarChar(9)), "declare it as STRING"),
    ] {
        let error = NexmarkFactory::new(&table("g", &columns, &options(&[]))).err().expect(part).to_string();
        assert!(error.contains(part), "{error} should contain {part}");
    }
}

#[test]
fn batches_of_long_events_are_small() {
    let without: Vec<_> = columns().into_iter().take(1).collect();
    for (columns, size, expected) in [(columns(), "100 b", 8192), (columns(), "64 kb", 17), (without, "64 kb", 8192)] {
        let (factory, _) = factory(&columns, &options(&[("bid.avg-size", size), ("events.num", "10000")]));
        let harness = Harness::new(0, 1);
        let mut source = factory.create(&harness.info).unwrap();
        source.open(&mut harness.ctx(), &OperatorState::default()).unwrap();
        let SourcePoll::Rows(batch) = harness.poll(source.as_mut(), 8192).unwrap() else { panic!("no rows") };
        assert_eq!(batch.num_rows(), expected, "events of {size}");
    }
}
