use super::*;
use crate::format::{Decoder, Encoder, Outcome, Place, Step};
use crate::testing::{print_rows, table};
use proptest::prelude::*;
use streamjob_core::{Batch, Column, DataType, LogicalType, Result, Schema};

const INT: DataType = DataType::Int;
const STRING: DataType = DataType::STRING;

fn ty(data: DataType) -> LogicalType {
    LogicalType::new(data)
}

fn row(fields: &[(&str, DataType)]) -> DataType {
    DataType::Row(fields.iter().map(|(n, t)| Column { name: n.to_string(), ty: ty(t.clone()) }).collect())
}

fn make(data: DataType, options: &[(&str, &str)]) -> (JsonOptions, Schema) {
    let table = table("t", &[("a", data)], options);
    (JsonOptions::new(&table).unwrap(), table.physical_schema())
}

fn read(text: &str, data: DataType, options: &[(&str, &str)]) -> Result<(Batch, Schema, usize)> {
    let (options, schema) = make(data, options);
    let mut decoder = JsonDecoder::new(options, &schema)?;
    let (mut at, mut line, mut skipped) = (0, 1, 0);
    while at < text.len() {
        let place = Place { file: "f.json", line, first: line == 1 };
        let Step::Record { bytes, lines, outcome } = decoder.step(&text.as_bytes()[at..], true, place)? else {
            panic!("incomplete at the end")
        };
        at += bytes;
        line += lines;
        skipped += usize::from(outcome == Outcome::Skipped);
    }
    Ok((Batch::inserts(decoder.take()?), schema, skipped))
}

fn rows(text: &str, data: DataType, options: &[(&str, &str)]) -> Vec<String> {
    let (batch, schema, _) = read(text, data, options).unwrap();
    print_rows(&batch, &schema)
}

#[test]
fn values_are_read_as_flink_reads_them() {
    let array = DataType::Array(Box::new(ty(INT)));
    let map = DataType::Map(Box::new(ty(STRING)), Box::new(ty(INT)));
    let nested = row(&[("x", INT), ("y", row(&[("z", STRING)]))]);
    for (data, value, expected) in [
        (INT, "1", "1"),
        (INT, "\" 6 \"", "6"),
        (INT, "3.9", "3"),
        (INT, "null", "null"),
        (DataType::Boolean, "\"true\"", "true"),
        (DataType::Decimal(38, 18), "0.123456789012345678", "0.123456789012345678"),
        (DataType::Decimal(10, 2), "1e3", "1000.00"),
        (DataType::Decimal(10, 2), "\"3.456\"", "3.46"),
        (STRING, "\"é\\u0041\\t\\\"\"", "éA\t\""),
        (STRING, "7", "7"),
        (STRING, "1.50", "1.50"),
        (STRING, "1e5", "1e5"),
        (STRING, "{\"a\" : [1, \" x\", 1.50, 1e5]}", "{\"a\":[1,\" x\",1.5,100000.0]}"),
        (STRING, "{\"b\": \"\\u00e9\\/\\n\", \"a\": {}, \"b\": 2 }", "{\"b\":2,\"a\":{}}"),
        (STRING, "[\"\\u00e9\\/\\n\"]", "[\"é/\\n\"]"),
        (STRING, "\"a\tb\"", "a\tb"),
        (DataType::Double, "1.5e3", "1500.0"),
        (DataType::Timestamp(3), "\"2024-01-01 10:00:01\"", "2024-01-01T10:00:01"),
        (array, "[1, null, \"3\"]", "[1, null, 3]"),
        (map, "{\"k\": 1, \"n\": null, \"k\": 2}", "{n=null, k=2}"),
        (nested.clone(), "{\"y\": {\"z\": \"q\"}, \"more\": [1]}", "+I[null, +I[q]]"),
        (nested, "null", "null"),
    ] {
        assert_eq!(rows(&format!("{{\"a\": {value}}}\n"), data, &[]), [expected], "{value}");
    }
    assert_eq!(rows("{}\r\n\n{\"a\": 1}", INT, &[]), ["null", "1"]);
    let iso = [("json.timestamp-format.standard", "ISO-8601")];
    assert_eq!(rows("{\"a\": \"2024-01-01T10:00:00Z\"}", DataType::TimestampLtz(3), &iso), ["2024-01-01T10:00:00Z"]);
}

#[test]
fn bad_lines_name_file_line_and_place() {
    let nested = row(&[("x", INT)]);
    for (text, data, options, parts) in [
        ("{\"a\": 1}\n{\"a\": \"x\"}\n", INT, &[][..], &["f.json, line 2, column 'a'", "'x' is not an INT"][..]),
        ("{\"a\"\n", INT, &[], &["f.json, line 1, column 4", "not a JSON object"]),
        ("[1]\n", INT, &[], &["f.json, line 1, column 1", "not a JSON object: invalid type: integer `1`"]),
        ("{\"a\": {\"x\": true}}\n", nested.clone(), &[], &["column 'a': field 'x'", "'true' is not an INT"]),
        ("{\"a\": 3}\n", nested, &[], &["column 'a'", "3 is not a ROW"]),
        ("{\"b\": 3}\n", INT, &[("json.fail-on-missing-field", "true")], &["column 'a'", "missing"]),
    ] {
        let error = read(text, data, options).unwrap_err().to_string();
        for part in parts {
            assert!(error.contains(part), "{error} should contain {part}");
        }
    }
}

#[test]
fn bad_lines_are_skipped_or_null_on_request() {
    let options = [("json.ignore-parse-errors", "true")];
    let (batch, schema, skipped) =
        read("{\"a\": 1}\n{\"a\": \"x\"}\n{\"a\"\nnot json\n{\"a\": 2}\n", INT, &options).unwrap();
    assert_eq!(print_rows(&batch, &schema), ["1", "null", "2"]);
    assert_eq!(skipped, 2);
}

#[test]
fn a_line_can_have_several_rows_and_more() {
    assert_eq!(rows("[{\"a\": 1}, {\"a\": 2}]\n[]\n{\"a\": 3} behind {\"a\": 4}\n", INT, &[]), ["1", "2", "3"]);
    let options = [("json.ignore-parse-errors", "true")];
    let (batch, schema, skipped) = read("[{\"a\": 1}, 3, {\"a\": 2}]\n[{\"a\": 5}\n", INT, &options).unwrap();
    assert_eq!((print_rows(&batch, &schema), skipped), (vec!["1".to_string()], 2));
}

fn write(options: JsonOptions, schema: &Schema, batch: &Batch) -> String {
    let mut encoder = JsonEncoder::new(options, schema).unwrap();
    let mut out = Vec::new();
    for row in 0..batch.num_rows() {
        encoder.encode(&batch.data, row, &mut out).unwrap();
    }
    String::from_utf8(out).unwrap()
}

#[test]
fn values_are_written_as_jackson_writes_them() {
    let map = DataType::Map(Box::new(ty(STRING)), Box::new(ty(DataType::Decimal(10, 2))));
    for (data, value, written) in [
        (INT, "1", "1"),
        (INT, "null", "null"),
        (DataType::Double, "1e7", "1.0E7"),
        (DataType::Decimal(10, 2), "20.00", "2E+1"),
        (STRING, "\"q\\\"ü/😀\\u0001\\\\\"", "\"q\\\"ü/\\uD83D\\uDE00\\u0001\\\\\""),
        (DataType::Timestamp(3), "\"2024-01-01 00:00:03.500\"", "\"2024-01-01 00:00:03.5\""),
        (DataType::Time(0), "\"00:00:00\"", "\"00:00:00\""),
        (map, "{\"k\": 10.50, \"n\": null}", "{\"k\":10.5,\"n\":null}"),
        (row(&[("x", INT), ("y", STRING)]), "{\"x\": 1}", "{\"x\":1,\"y\":null}"),
    ] {
        let (batch, schema, _) = read(&format!("{{\"a\": {value}}}"), data.clone(), &[]).unwrap();
        let options = make(data, &[]).0;
        assert_eq!(write(options, &schema, &batch), format!("{{\"a\":{written}}}\n"));
    }
    let (batch, schema, _) = read("{}", INT, &[]).unwrap();
    let options = make(INT, &[("json.encode.ignore-null-fields", "true")]).0;
    assert_eq!(write(options, &schema, &batch), "{}\n");
}

proptest! {
    #[test]
    fn texts_round_trip(values in proptest::collection::vec(proptest::option::of(any::<String>()), 1..6)) {
        use arrow::array::{RecordBatch, StringArray};
        let (options, schema) = make(STRING, &[]);
        let array: StringArray = values.iter().cloned().collect();
        let data = RecordBatch::try_new(schema.arrow(), vec![std::sync::Arc::new(array)]).unwrap();
        let batch = Batch::inserts(data);
        let written = write(options, &schema, &batch);
        let (back, _, _) = read(&written, STRING, &[]).unwrap();
        prop_assert_eq!(back.data, batch.data);
    }
}
