#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use super::*;
use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use std::sync::Arc;
use streamjob_core::{Barrier, BarrierKind, Batch};

fn rows(n: usize) -> Element {
    let column: ArrayRef = Arc::new(Int64Array::from(vec![0; n]));
    Element::Batch(Batch::inserts(RecordBatch::try_from_iter([("a", column)]).unwrap()))
}

fn barrier(id: u64) -> Element {
    Element::Barrier(Barrier { id, timestamp_ms: 0, kind: BarrierKind::Checkpoint, stop: None })
}

fn now() -> Instant {
    Instant::now()
}

/// `channel:what` of all that is ready.
fn drain(inbox: &Inbox) -> Vec<String> {
    let mut out = Vec::new();
    loop {
        match inbox.receive(now()).0 {
            Received::Element(c, Element::Batch(b)) => out.push(format!("{c}:{}", b.num_rows())),
            Received::Element(c, Element::Watermark(w)) => out.push(format!("{c}:W{w}")),
            Received::Element(c, Element::Barrier(b)) => out.push(format!("{c}:B{}", b.id)),
            Received::Element(c, e) => out.push(format!("{c}:{e:?}")),
            Received::Command(_) => out.push("command".into()),
            Received::Timeout => return out,
            Received::Halted => return vec!["halted".into()],
        }
    }
}

#[test]
fn order_within_a_channel_and_turns_between_channels() {
    let inbox = Inbox::new(2);
    for e in [rows(1), Element::Watermark(5), barrier(1), rows(2)] {
        inbox.push(0, e, 1).unwrap();
    }
    inbox.push(1, rows(7), 1).unwrap();
    inbox.push(1, rows(8), 1).unwrap();
    inbox.command(TaskCommand::Complete(1));
    assert_eq!(drain(&inbox), ["command", "0:1", "1:7", "0:W5", "1:8", "0:B1", "0:2"]);
    assert_eq!((inbox.load().rows, inbox.load().bytes), (0, 0));
}

#[test]
fn blocked_channels_wait() {
    let inbox = Inbox::new(2);
    inbox.set_blocked(0, true);
    inbox.push(0, rows(1), 1).unwrap();
    inbox.push(1, rows(2), 1).unwrap();
    assert_eq!(drain(&inbox), ["1:2"]);
    inbox.unblock_all();
    assert_eq!(drain(&inbox), ["0:1"]);
}

#[test]
fn adjacent_watermarks_are_one() {
    let inbox = Inbox::new(1);
    for w in [1, 3, 2] {
        inbox.push(0, Element::Watermark(w), 0).unwrap();
    }
    assert_eq!(drain(&inbox), ["0:W3"]);
}

#[test]
fn a_full_channel_holds_batches_back_but_not_barriers() {
    let inbox = Arc::new(Inbox::new(2));
    inbox.push(0, rows(CHANNEL_ROWS), 1).unwrap();
    inbox.push(0, barrier(1), 0).unwrap();
    inbox.push(1, rows(1), CHANNEL_BYTES * 9).unwrap();
    let producer = {
        let inbox = inbox.clone();
        std::thread::spawn(move || inbox.push(0, rows(1), 1).map(|_| ()))
    };
    // Whatever the producer's timing: its row comes after the barrier, once there is space.
    let mut seen = Vec::new();
    while seen.len() < 4 {
        seen.extend(drain(&inbox));
    }
    producer.join().unwrap().unwrap();
    let channel0: Vec<_> = seen.iter().filter(|s| s.starts_with('0')).cloned().collect();
    assert_eq!(channel0, [format!("0:{CHANNEL_ROWS}"), "0:B1".into(), "0:1".into()]);
}

#[test]
fn halting_wakes_a_waiting_producer_and_closing_lets_it_go() {
    for close in [false, true] {
        let inbox = Arc::new(Inbox::new(1));
        inbox.push(0, rows(CHANNEL_ROWS), 1).unwrap();
        let producer = {
            let inbox = inbox.clone();
            std::thread::spawn(move || inbox.push(0, rows(1), 1).is_ok())
        };
        if close {
            inbox.close()
        } else {
            inbox.halt(true)
        }
        assert_eq!(producer.join().unwrap(), close);
        if !close {
            assert_eq!(drain(&inbox), ["halted"]);
            inbox.wait_cancelled();
        }
    }
}
