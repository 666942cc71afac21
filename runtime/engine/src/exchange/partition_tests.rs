#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use super::*;
use crate::testing::print_rows;
use arrow::array::{Int64Array, RecordBatch, StringArray, UInt8Array};
use proptest::prelude::*;
use std::sync::Arc;

fn batch(keys: &[Option<i64>], text: bool) -> Batch {
    let key: ArrayRef = if text {
        Arc::new(StringArray::from_iter(keys.iter().map(|k| k.map(|k| k.to_string()))))
    } else {
        Arc::new(Int64Array::from(keys.to_vec()))
    };
    let seq: ArrayRef = Arc::new(Int64Array::from_iter_values(0..keys.len() as i64));
    let data = RecordBatch::try_from_iter_with_nullable([("k", key, true), ("seq", seq, false)]).unwrap();
    let ops = UInt8Array::from_iter_values((0..keys.len()).map(|i| (i % 4) as u8));
    Batch::changes(data, ops).unwrap()
}

fn parts(routed: Routed, outputs: usize) -> Vec<Vec<String>> {
    let mut rows = vec![Vec::new(); outputs];
    match routed {
        Routed::One(o, b) => rows[o] = print_rows(&b).unwrap(),
        Routed::All(b) => rows.fill(print_rows(&b).unwrap()),
        Routed::Parts(parts) => parts.iter().for_each(|(o, b)| rows[*o] = print_rows(b).unwrap()),
    }
    rows
}

proptest! {
    #[test]
    fn hash_sends_every_row_to_its_owner_in_order(
        keys: Vec<Option<i64>>, outputs in 1usize..9, groups in 9u32..300, text: bool,
    ) {
        let b = batch(&keys, text);
        let mut p = Partitioner::new(&Exchange::Hash(vec![0]), 0, outputs, groups);
        let got = parts(p.route(b.clone()).unwrap(), outputs);
        // The canonical way, row by row: also what the BIGINT fast path must equal.
        let encoded = KeyRows::encode(&[b.data.column(0).clone()], keys.len()).unwrap();
        let mut expected = vec![Vec::new(); outputs];
        for (row, text) in print_rows(&b).unwrap().into_iter().enumerate() {
            let group = key::key_group(key::hash(encoded.row(row)), groups);
            expected[key::owner(group, outputs as u32, groups) as usize].push(text);
        }
        prop_assert_eq!(got, expected);
    }
}

#[test]
fn other_exchanges() {
    let b = batch(&[Some(1), Some(2)], false);
    let outputs = |exchange: Exchange, subtask, n| {
        let mut p = Partitioner::new(&exchange, subtask, n, 128);
        (0..4)
            .map(|_| match p.route(b.clone()).unwrap() {
                Routed::One(o, _) => o as i64,
                Routed::All(_) => -1,
                Routed::Parts(_) => -2,
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(outputs(Exchange::Rebalance, 1, 3), [1, 2, 0, 1]);
    assert_eq!(outputs(Exchange::Broadcast, 0, 3), [-1; 4]);
    assert_eq!(outputs(Exchange::Broadcast, 0, 1), [0; 4]);
    assert_eq!(outputs(Exchange::Global, 2, 3), [0; 4]);
    assert_eq!(outputs(Exchange::Forward, 2, 1), [0; 4]);
    assert_eq!(outputs(Exchange::Hash(vec![0]), 0, 1), [0; 4]);
    assert_eq!(outputs(Exchange::Hash(vec![]), 0, 3).len(), 4);
}

#[test]
fn a_missing_key_column_is_an_error() {
    let mut p = Partitioner::new(&Exchange::Hash(vec![7]), 0, 2, 128);
    assert!(p.route(batch(&[Some(1)], false)).unwrap_err().to_string().contains("key column 7 of 2"));
}
