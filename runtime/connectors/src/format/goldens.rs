//! Formats against what Flink recorded: the goldens that read a file and print it unchanged.

use super::{Format, Place, Step};
use crate::testing::{print_rows, table};
use std::fs;
use std::path::{Path, PathBuf};
use streamjob_core::{Batch, Column, DataType, LogicalType, Result};

fn goldens() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/goldens")
}

fn read(file: &str, format: &str, columns: &[(&str, DataType)], options: &[(&str, &str)]) -> Result<Vec<String>> {
    let mut all = vec![("format", format)];
    all.extend_from_slice(options);
    let table = table("t", columns, &all);
    let (format, _) = Format::of(&table)?;
    let schema = table.physical_schema();
    let mut decoder = format.decoder(&schema)?;
    let text = fs::read(goldens().join("data").join(file)).unwrap();
    let (mut at, mut line) = (0, 1);
    while at < text.len() {
        let place = Place { file, line, first: line == 1 };
        let Step::Record { bytes, lines, .. } = decoder.step(&text[at..], true, place)? else {
            panic!("incomplete at the end")
        };
        at += bytes;
        line += lines;
    }
    Ok(print_rows(&Batch::inserts(decoder.take()?), &schema))
}

#[test]
fn files_are_read_as_flink_reads_them() {
    use DataType::{Boolean, Double, Int};
    const S: DataType = DataType::STRING;
    let ty = LogicalType::new;
    let row = |fields: &[(&str, DataType)]| {
        DataType::Row(fields.iter().map(|(n, t)| Column { name: n.to_string(), ty: ty(t.clone()) }).collect())
    };
    let ignore = ("csv.ignore-parse-errors", "true");
    let mess = [("id", Int), ("s", S), ("d", Double), ("b", Boolean)];
    let strict = [("csv.field-delimiter", ";"), ("csv.quote-character", "'"), ("csv.allow-comments", "true")];
    let lenient = [strict[0], strict[1], strict[2], ignore];
    let address = row(&[("city", S), ("zip", Int)]);
    let people = [
        ("id", Int),
        ("user", row(&[("name", S), ("address", address)])),
        ("tags", DataType::Array(Box::new(ty(S)))),
        ("attrs", DataType::Map(Box::new(ty(S)), Box::new(ty(Int)))),
        ("ok", Boolean),
        ("amount", DataType::Decimal(10, 2)),
        ("ts", DataType::Timestamp(3)),
    ];
    let types = [
        ("i", DataType::BigInt),
        ("dc", DataType::Decimal(5, 1)),
        ("d", DataType::Date),
        ("t", DataType::Time(0)),
        ("b", Boolean),
        ("a", DataType::Array(Box::new(ty(Int)))),
        ("r", row(&[("x", Int), ("y", S)])),
    ];
    let gaps = [("id", Int), ("s", S), ("n", Int), ("d", Double)];
    let iso = [
        ("id", Int),
        ("ts", DataType::Timestamp(3)),
        ("lt", DataType::TimestampLtz(3)),
        ("d", DataType::Date),
        ("t", DataType::Time(0)),
    ];
    let pairs = [("id", Int), ("k", S), ("v", Int), ("more", S)];
    let named = [("id", Int), ("name", S)];
    let loose = [
        ("id", Int),
        ("ts", DataType::Timestamp(3)),
        ("t", DataType::Time(0)),
        ("d", DataType::Date),
        ("b", DataType::VarBinary(i32::MAX as u32)),
        ("s", S),
    ];
    let mut loose_csv = loose.to_vec();
    loose_csv.truncate(5);
    loose_csv.push(("n", DataType::Decimal(5, 1)));
    loose_csv.push(("r", row(&[("x", Int), ("y", Int)])));
    let scalars = [
        ("id", Int),
        ("v", S),
        ("a", DataType::Array(Box::new(ty(S)))),
        ("r", row(&[("x", S)])),
        ("m", DataType::Map(Box::new(ty(S)), Box::new(ty(S)))),
    ];
    let cases: &[(&str, &str, &str, &[(&str, DataType)], &[(&str, &str)])] = &[
        ("format_csv_types", "types.csv", "csv", &types, &[]),
        ("format_csv_null_empty", "gaps.csv", "csv", &gaps, &[("csv.null-literal", "")]),
        ("format_csv_empty_number", "gaps.csv", "csv", &gaps, &[]),
        ("format_csv_options", "mess.csv", "csv", &mess, &lenient),
        ("format_csv_strict", "mess.csv", "csv", &mess, &strict),
        ("format_csv_fewer", "pairs.csv", "csv", &pairs, &[("csv.null-literal", "NULL"), ignore]),
        ("format_csv_narrow", "pairs.csv", "csv", &pairs[..2], &[]),
        (
            "format_csv_tab",
            "tabs.csv",
            "csv",
            &[("id", Int), ("a", S), ("b", S)],
            &[("csv.field-delimiter", "\\t"), ("csv.escape-character", "\\")],
        ),
        (
            "format_csv_no_quote",
            "tabs.csv",
            "csv",
            &[("a", S), ("b", S)],
            &[("csv.field-delimiter", "|"), ("csv.disable-quote-character", "true"), ignore],
        ),
        ("format_json", "nested.json", "json", &people, &[]),
        ("format_json_missing", "nested.json", "json", &people, &[("json.fail-on-missing-field", "true")]),
        ("format_json_broken", "broken.json", "json", &named, &[]),
        ("format_json_ignore", "broken.json", "json", &named, &[("json.ignore-parse-errors", "true")]),
        ("format_json_loose", "loose.json", "json", &loose, &[("json.ignore-parse-errors", "true")]),
        ("format_csv_loose", "loose.csv", "csv", &loose_csv, &[ignore]),
        ("format_json_text", "scalars.json", "json", &scalars, &[]),
        ("format_json_iso", "iso.json", "json", &iso, &[("json.timestamp-format.standard", "ISO-8601")]),
    ];
    for (golden, file, format, columns, options) in cases {
        let expected = fs::read_to_string(goldens().join("sql").join(format!("{golden}.expected"))).unwrap();
        match read(file, format, columns, options) {
            Ok(rows) => {
                let printed: String = rows.iter().map(|r| format!("+I[{r}]\n")).collect();
                assert_eq!(printed, expected, "{golden}");
            }
            Err(e) => assert!(expected.starts_with("ERROR"), "{golden}: {e}"),
        }
    }
}
