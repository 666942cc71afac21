//! CSV and JSON to rows: 8,192 records of a BIGINT, an INT, a DOUBLE and a STRING of 40.
//!
//! Bounds: a parser that keeps nothing. csv-core finds the fields of the same bytes;
//! serde_json, typed, does 1.13 GB/s on records of 243 bytes (4.6 M/s) and is the bare
//! loop of JSON. `filesystem` is wanted within a factor of two of them.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use std::fmt::Write;
use streamjob_core::table::{ColumnDef, ColumnKind, TableDef, TableOptions};
use streamjob_core::{DataType, LogicalType};
use streamjob_tests::kernels::{Numbers, ROWS};

fn main() {
    divan::main();
}

fn table(format: &str) -> TableDef {
    let column = |name: &str, ty| ColumnDef { name: name.into(), ty: LogicalType::new(ty), kind: ColumnKind::Physical };
    TableDef {
        name: "read".into(),
        columns: vec![
            column("id", DataType::BigInt),
            column("uid", DataType::Int),
            column("amount", DataType::Double),
            column("note", DataType::STRING),
        ],
        watermark: None,
        primary_key: Vec::new(),
        partition_keys: Vec::new(),
        options: TableOptions([("format".to_string(), format.to_string())].into()),
    }
}

fn records(write: impl Fn(&mut String, i64, u64, f64, &str)) -> String {
    let (mut numbers, mut text) = (Numbers::new(1), String::new());
    for _ in 0..ROWS {
        let note = format!("{:040x}", numbers.another());
        write(
            &mut text,
            numbers.another().cast_signed(),
            numbers.below(1000),
            numbers.below(100_000) as f64 / 7.0,
            &note,
        );
    }
    text
}

fn csv() -> String {
    records(|text, id, uid, amount, note| writeln!(text, "{id},{uid},{amount},{note}").unwrap())
}

fn json() -> String {
    records(|text, id, uid, amount, note| {
        writeln!(text, r#"{{"id":{id},"uid":{uid},"amount":{amount},"note":"{note}"}}"#).unwrap();
    })
}

#[divan::bench]
fn csv_bare_csv_core(bencher: Bencher) {
    let text = csv();
    let (mut out, mut ends) = (vec![0; 1024], vec![0; 16]);
    bencher.counter(BytesCount::of_str(&text)).bench_local(|| {
        let (mut reader, mut rest, mut fields) = (csv_core::Reader::new(), text.as_bytes(), 0);
        loop {
            let (result, read, _, found) = reader.read_record(rest, &mut out, &mut ends);
            rest = &rest[read..];
            fields += found;
            if result == csv_core::ReadRecordResult::End {
                return fields;
            }
        }
    });
}

#[divan::bench]
fn csv_decode(bencher: Bencher) {
    let (text, table) = (csv(), table("csv"));
    bencher
        .counter(BytesCount::of_str(&text))
        .bench_local(|| streamjob_connectors::decode(&table, text.as_bytes(), ROWS).unwrap());
}

#[derive(serde::Deserialize)]
struct Record<'a> {
    id: i64,
    uid: i32,
    amount: f64,
    note: &'a str,
}

#[divan::bench]
fn json_bare_serde_json(bencher: Bencher) {
    let text = json();
    bencher.counter(BytesCount::of_str(&text)).bench_local(|| {
        for line in text.lines() {
            let record: Record = serde_json::from_str(line).unwrap();
            black_box((record.id, record.uid, record.amount, record.note));
        }
    });
}

#[divan::bench]
fn json_decode(bencher: Bencher) {
    let (text, table) = (json(), table("json"));
    bencher
        .counter(BytesCount::of_str(&text))
        .bench_local(|| streamjob_connectors::decode(&table, text.as_bytes(), ROWS).unwrap());
}
