#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use super::super::Received;
use super::*;
use crate::graph::Exchange;
use crate::testing::print_rows;
use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use proptest::prelude::*;

const LONG: Duration = Duration::from_secs(3600);

fn batch(range: std::ops::Range<i64>, op: Option<Op>) -> Batch {
    let n = range.clone().count();
    let column: ArrayRef = Arc::new(Int64Array::from_iter_values(range));
    let data = RecordBatch::try_from_iter([("a", column)]).unwrap();
    match op {
        None => Batch::inserts(data),
        Some(op) => Batch::changes(data, UInt8Array::from(vec![op as u8; n])).unwrap(),
    }
}

fn output(inbox: &Arc<Inbox>, linger: Duration) -> TaskOutput {
    let target = Target { consumer: Consumer::Here(inbox.clone()), channel: 0 };
    TaskOutput::new(vec![(Partitioner::new(&Exchange::Forward, 0, 1, 128), vec![target])], linger)
}

fn received(inbox: &Inbox) -> Vec<String> {
    let mut out = Vec::new();
    while let (Received::Element(_, e), _) = inbox.receive(Instant::now()) {
        out.push(match e {
            Element::Batch(b) => print_rows(&b).unwrap().join(" "),
            Element::Watermark(w) => format!("W{w}"),
            Element::End { drained } => format!("End {drained}"),
            other => format!("{other:?}"),
        });
    }
    out
}

#[test]
fn slivers_are_gathered_and_control_stays_behind_them() {
    let inbox = Arc::new(Inbox::new(1));
    let mut out = output(&inbox, LONG);
    out.emit(batch(0..1, None)).unwrap();
    out.emit(batch(1..2, Some(Op::Delete))).unwrap();
    out.emit(batch(0..0, None)).unwrap();
    out.watermark(10).unwrap();
    out.watermark(20).unwrap();
    assert!(received(&inbox).is_empty() && out.due().is_some());
    // a row behind a watermark stays behind it
    out.emit(batch(2..3, None)).unwrap();
    assert_eq!(received(&inbox), ["+I[0] -D[1]", "W20"]);
    out.broadcast(&Element::End { drained: true }).unwrap();
    assert_eq!(received(&inbox), ["+I[2]", "End true"]);
    assert!(out.due().is_none());
    out.watermark(20).unwrap();
    out.watermark(30).unwrap();
    assert_eq!(received(&inbox), ["W30"]);
}

#[test]
fn without_linger_nothing_is_held() {
    let inbox = Arc::new(Inbox::new(1));
    let mut out = output(&inbox, Duration::ZERO);
    out.emit(batch(0..1, None)).unwrap();
    out.emit(batch(1..2, None)).unwrap();
    assert_eq!(received(&inbox), ["+I[0]", "+I[1]"]);
    assert!(out.due().is_none());
}

#[test]
fn a_slice_counts_its_own_bytes_only() {
    let large = batch(0..100_000, None);
    assert!(large.slice(5, 10).bytes().unwrap() < 200);
}

#[test]
fn large_results_go_in_pieces() {
    for (rows, bytes, piece) in [
        (1, 1, 1),
        (8_192, 100_000, 8_192),
        (16_384, 1 << 20, 16_384),
        (16_385, 1 << 20, TARGET_ROWS),
        (8_192, LARGE_BYTES, 8_192),
        (8_192, 512 << 20, 16),
        (100_000, 200 << 20, 500),
        (3, 900 << 20, 1),
    ] {
        assert_eq!(piece_rows(rows, bytes), piece, "{rows} rows of {bytes} bytes");
    }
}

#[test]
fn rows_for_one_consumer_wake_an_idle_channel_at_all() {
    let inboxes = [Arc::new(Inbox::new(1)), Arc::new(Inbox::new(1))];
    let targets = inboxes.iter().map(|i| Target { consumer: Consumer::Here(i.clone()), channel: 0 }).collect();
    let mut out = TaskOutput::new(vec![(Partitioner::new(&Exchange::Rebalance, 0, 2, 128), targets)], Duration::ZERO);
    let got = || inboxes.iter().map(|i| received(i)).collect::<Vec<_>>();
    out.idle().unwrap();
    out.idle().unwrap();
    assert_eq!(got(), [["Idle"], ["Idle"]]);
    out.emit(batch(0..1, None)).unwrap();
    out.active().unwrap();
    let mut got = got();
    got.sort();
    assert_eq!(got, [vec!["Active"], vec!["Active", "+I[0]"]]);
}

proptest! {
    #[test]
    fn rows_keep_their_order_whatever_their_batches(sizes in prop::collection::vec(0i64..20_000, 0..12)) {
        let inbox = Arc::new(Inbox::new(1));
        let mut out = output(&inbox, LONG);
        let mut next = 0;
        let mut got = Vec::new();
        let mut take = || while let (Received::Element(_, Element::Batch(b)), _) = inbox.receive(Instant::now()) {
            assert!(b.num_rows() <= 2 * TARGET_ROWS + SLIVER_ROWS);
            let column = arrow::array::AsArray::as_primitive::<arrow::datatypes::Int64Type>(b.data.column(0).as_ref()).clone();
            got.extend(column.values().iter().copied());
        };
        for size in sizes {
            // In pieces that fit the queue: nobody reads while this thread sends.
            out.emit(batch(next..next + size, None)).unwrap();
            next += size;
            take();
        }
        out.flush().unwrap();
        take();
        prop_assert_eq!(got, (0..next).collect::<Vec<_>>());
    }
}
