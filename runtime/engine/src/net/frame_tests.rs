#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use super::*;
use arrow::array::{Decimal128Array, Int64Array, ListArray, StringArray, UInt8Array};
use proptest::prelude::*;

const CHANNEL: ChannelId = ChannelId { edge: 3, producer: 70_000, consumer: 5 };

/// As a reader would get it.
fn over_the_wire(element: &Element, schema: &SchemaRef) -> Result<Element> {
    let (kind, payload) = encode(element)?;
    let bytes = frame(kind, CHANNEL, 0xFEED_0000_BEEF, &payload);
    let header = header(bytes[..HEADER].try_into().unwrap())?;
    assert_eq!((header.channel, header.attempt, header.length), (CHANNEL, 0xFEED_0000_BEEF, bytes.len() - HEADER));
    let mut buffer = buffer(header.length);
    buffer.as_slice_mut().copy_from_slice(&bytes[HEADER..]);
    check(&header, buffer.as_slice())?;
    decode(header.kind, buffer.into(), schema)
}

fn rows(numbers: Vec<Option<i64>>, texts: Vec<Option<String>>) -> RecordBatch {
    let decimals = numbers.iter().map(|n| n.map(i128::from)).collect::<Decimal128Array>();
    let lists = ListArray::from_iter_primitive::<arrow::datatypes::Int64Type, _, _>(
        numbers.iter().map(|n| n.map(|n| vec![Some(n), None])),
    );
    RecordBatch::try_from_iter([
        ("n", Arc::new(Int64Array::from(numbers)) as arrow::array::ArrayRef),
        ("s", Arc::new(StringArray::from(texts))),
        ("d", Arc::new(decimals)),
        ("l", Arc::new(lists)),
    ])
    .unwrap()
}

proptest! {
    #[test]
    fn batches_come_back_equal(rows_in: Vec<(Option<i64>, Option<String>, u8)>, from in 0usize..3, changes: bool) {
        let (numbers, (texts, ops)): (Vec<_>, (Vec<_>, Vec<_>)) =
            rows_in.into_iter().map(|(n, s, o)| (n, (s, o % 4))).unzip();
        let data = rows(numbers, texts);
        let schema = data.schema();
        let batch = if changes { Batch::changes(data, UInt8Array::from(ops)).unwrap() } else { Batch::inserts(data) };
        // Slices too: only their own rows go over the wire.
        let from = from.min(batch.num_rows());
        let batch = batch.slice(from, batch.num_rows() - from);
        let Element::Batch(back) = over_the_wire(&Element::Batch(batch.clone()), &schema).unwrap() else { panic!() };
        prop_assert_eq!(back.data, batch.data);
        prop_assert_eq!(back.ops, batch.ops);
    }

    #[test]
    fn noise_is_an_error_and_never_a_panic(bytes: [u8; HEADER], payload: Vec<u8>, kind in 1u8..10) {
        let _ = header(&bytes);
        let schema = rows(vec![], vec![]).schema();
        let _ = decode(Kind::of(kind).unwrap(), Buffer::from(payload), &schema);
    }
}

#[test]
fn control_elements_come_back_equal() {
    let schema = rows(vec![], vec![]).schema();
    let barrier = |kind, stop| Element::Barrier(Barrier { id: 7, timestamp_ms: -5, kind, stop });
    for element in [
        Element::Watermark(i64::MIN),
        Element::Watermark(i64::MAX),
        Element::Idle,
        Element::Active,
        Element::End { drained: true },
        Element::End { drained: false },
        barrier(BarrierKind::Checkpoint, None),
        barrier(BarrierKind::Savepoint, Some(StopMode::Drain)),
        barrier(BarrierKind::Savepoint, Some(StopMode::Suspend)),
    ] {
        assert_eq!(format!("{:?}", over_the_wire(&element, &schema).unwrap()), format!("{element:?}"));
    }
    assert_eq!(read_credit(&credit(1 << 20, 3)).unwrap(), (1 << 20, 3));
}

#[test]
fn damage_is_noticed() {
    let (kind, payload) = encode(&Element::Watermark(1)).unwrap();
    let bytes = frame(kind, CHANNEL, 1, &payload);
    let good = header(bytes[..HEADER].try_into().unwrap()).unwrap();
    assert!(check(&good, &[1, 2, 3]).unwrap_err().to_string().contains("checksum"));
    let mut bad: [u8; HEADER] = bytes[..HEADER].try_into().unwrap();
    bad[0] = 99;
    assert!(header(&bad).unwrap_err().to_string().contains("frame kind 99"));
    let mut long: [u8; HEADER] = bytes[..HEADER].try_into().unwrap();
    long[27] = 0xFF;
    assert!(header(&long).unwrap_err().to_string().contains("at most"));
    assert!(read_credit(&[1]).is_err());
}

/// What the sender lets pass the receiver takes, and no restart makes a row smaller.
#[test]
fn a_row_that_no_worker_takes_is_the_users() {
    check_size(MAX_PAYLOAD).unwrap();
    let error = check_size(MAX_PAYLOAD + 1).unwrap_err();
    assert_eq!(error.domain(), streamjob_core::Domain::User);
    assert!(error.message().contains("268435457 bytes is too large"), "{error}");
}
