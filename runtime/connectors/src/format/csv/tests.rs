use super::*;
use crate::format::{Decoder, Encoder, Outcome, Place, Step};
use crate::testing::{print_rows, table};
use proptest::prelude::*;
use streamjob_core::{Batch, DataType, Result, Schema};

const INT: DataType = DataType::Int;
const STRING: DataType = DataType::STRING;

fn make(columns: &[DataType], options: &[(&str, &str)]) -> (CsvOptions, Schema) {
    let names: Vec<String> = (0..columns.len()).map(|i| format!("c{i}")).collect();
    let columns: Vec<(&str, DataType)> = names.iter().map(String::as_str).zip(columns.iter().cloned()).collect();
    let table = table("t", &columns, options);
    (CsvOptions::new(&table).unwrap(), table.physical_schema())
}

/// Rows as print shows them, and how many records were skipped.
fn read(text: &[u8], columns: &[DataType], options: &[(&str, &str)]) -> Result<(Vec<String>, usize)> {
    let (options, schema) = make(columns, options);
    let mut decoder = CsvDecoder::new(options, &schema)?;
    let (mut at, mut line, mut skipped) = (0, 1, 0);
    while at < text.len() {
        let place = Place { file: "f.csv", line, first: line == 1 };
        let Step::Record { bytes, lines, outcome } = decoder.step(&text[at..], true, place)? else {
            panic!("incomplete at the end")
        };
        at += bytes;
        line += lines;
        skipped += usize::from(outcome == Outcome::Skipped);
    }
    let batch = Batch::inserts(decoder.take()?);
    Ok((print_rows(&batch, &schema), skipped))
}

fn rows(text: &str, columns: &[DataType], options: &[(&str, &str)]) -> Vec<String> {
    read(text.as_bytes(), columns, options).unwrap().0
}

#[test]
fn fields_are_split_as_jackson_does() {
    for (text, expected) in [
        ("1,a\n", &["1, a"][..]),
        ("1,a", &["1, a"]),
        ("1,a\r\n2,b\r\n", &["1, a", "2, b"]),
        ("1,a\r2,b", &["1, a", "2, b"]),
        ("1,\"a,b\"\n", &["1, a,b"]),
        ("1,\"a\"\"b\"\n", &["1, a\"b"]),
        ("1,\"a\r\nb\"\n2,c\n", &["1, a\r\nb", "2, c"]),
        ("1,\"\"\n2,\n", &["1, ", "2, "]),
        ("1,a\"b\"\n", &["1, a\"b\""]),
        ("1, a \n", &["1,  a "]),
        ("1,\"a\" \n", &["1, a"]),
        ("+1,é😀\n", &["1, é😀"]),
        ("\"7\",\"\"\"\"\n", &["7, \""]),
    ] {
        assert_eq!(rows(text, &[INT, STRING], &[]), expected, "{text:?}");
    }
}

#[test]
fn options_change_the_reading() {
    let tab = [("csv.field-delimiter", "\\t"), ("csv.escape-character", "\\")];
    assert_eq!(rows("1\tback\\\\slash\\tx\n", &[INT, STRING], &tab), ["1, back\\slash\tx"]);
    let null = [("csv.null-literal", "NULL")];
    assert_eq!(rows("NULL,NULL\n1,\n2,\"NULL\"\n", &[INT, STRING], &null), ["null, null", "1, ", "2, null"]);
    let empty = [("csv.null-literal", "")];
    assert_eq!(rows(",\n1,\"\"\n", &[INT, STRING], &empty), ["null, null", "1, null"]);
    let header = [("csv.skip-header", "true")];
    assert_eq!(rows("id,name\n1,a\n", &[INT, STRING], &header), ["1, a"]);
    // Its line ends are those of records.
    assert_eq!(rows("id,name\r1,a\r2,b", &[INT, STRING], &header), ["1, a", "2, b"]);
    assert_eq!(rows("id,name\r\n1,a\r\n", &[INT, STRING], &header), ["1, a"]);
    assert_eq!(rows("id,\"the\nname\"\n1,a\n", &[INT, STRING], &header), ["1, a"]);
    let error = read(b"id,\"name\n1,a\n", &[INT, STRING], &header).unwrap_err().to_string();
    assert!(error.contains("line 1") && error.contains("never closed"), "{error}");
    let off = [("csv.disable-quote-character", "true")];
    assert_eq!(rows("1,\"a\"\n", &[INT, STRING], &off), ["1, \"a\""]);
    let comments = [("csv.allow-comments", "true")];
    for end in ["\n", "\r\n", "\r"] {
        let text = ["# x,y,z", "", "1,a", "  ", "#", "2,b", " # c"].join(end);
        assert_eq!(rows(&text, &[INT, STRING], &comments), ["1, a", "2, b"], "{text:?}");
    }
}

#[test]
fn types_are_read_as_flink_reads_them() {
    let array = DataType::Array(Box::new(streamjob_core::LogicalType::new(INT)));
    for (ty, text, expected) in [
        (DataType::Boolean, "TRUE", "true"),
        (DataType::Boolean, "yes", "false"),
        (DataType::TinyInt, " -128 ", "-128"),
        (DataType::BigInt, "-9223372036854775808", "-9223372036854775808"),
        (DataType::Double, "1E3", "1000.0"),
        (DataType::Decimal(5, 1), "1.25", "1.3"),
        (DataType::Decimal(5, 1), "99999.9", "null"),
        (DataType::Date, "1969-12-31", "1969-12-31"),
        (DataType::Time(0), "10:11:12", "10:11:12"),
        (DataType::Timestamp(3), "2024-01-01 10:00:00.5", "2024-01-01T10:00:00.500"),
        (DataType::TimestampLtz(3), "2024-01-01 10:00:00Z", "2024-01-01T10:00:00Z"),
        (DataType::VarBinary(9), "AQI=", "[1, 2]"),
        (array.clone(), "1;2;3", "[1, 2, 3]"),
        (array.clone(), "", "[]"),
    ] {
        assert_eq!(rows(&format!("{text}\n"), std::slice::from_ref(&ty), &[]), [expected], "{text} as {ty}");
    }
}

#[test]
fn bad_rows_name_file_line_column_and_option() {
    for (text, parts) in [
        ("1,a\nx,b\n", &["f.csv, line 2, column 'c0' (field 1)", "'x' is not an INT"][..]),
        ("1,a\n,b\n", &["line 2", "'' is not an INT", "'csv.null-literal' = ''"]),
        ("1,a,z\n", &["f.csv, line 1", "3 fields", "2 columns"]),
        ("1,\"a\nb\"\n2\n", &["line 3", "1 fields"]),
        ("1,\"a\"x\n", &["line 1, column 'c1' (field 2)", "closing quote"]),
        ("1,\"a\n", &["line 1, column 'c1'", "never closed"]),
        ("99999999999,a\n", &["'99999999999' is not an INT"]),
    ] {
        let error = read(text.as_bytes(), &[INT, STRING], &[]).unwrap_err().to_string();
        for part in parts.iter().chain(&["csv.ignore-parse-errors"]) {
            assert!(error.contains(part), "{error} should contain {part}");
        }
    }
}

#[test]
fn bad_rows_are_skipped_or_null_on_request() {
    let options = [("csv.ignore-parse-errors", "true")];
    let text = b"1,a\nx,b\n1,2,3\n4\n5,\"q\"z\n6,c\n";
    let (rows, skipped) = read(text, &[INT, STRING], &options).unwrap();
    assert_eq!(rows, ["1, a", "null, b", "4, null", "6, c"]);
    assert_eq!(skipped, 2);
}

fn write(options: CsvOptions, schema: &Schema, batch: &Batch) -> Vec<u8> {
    let mut encoder = CsvEncoder::new(options, schema).unwrap();
    let mut out = Vec::new();
    for row in 0..batch.num_rows() {
        encoder.encode(&batch.data, row, &mut out).unwrap();
    }
    out
}

fn strings(values: &[(Option<String>, Option<String>)]) -> (Schema, Batch) {
    use arrow::array::{RecordBatch, StringArray};
    let (_, schema) = make(&[STRING, STRING], &[]);
    let first: StringArray = values.iter().map(|v| v.0.clone()).collect();
    let second: StringArray = values.iter().map(|v| v.1.clone()).collect();
    let data = RecordBatch::try_new(schema.arrow(), vec![std::sync::Arc::new(first), std::sync::Arc::new(second)]);
    (schema, Batch::inserts(data.unwrap()))
}

#[test]
fn texts_are_quoted_as_jackson_quotes_them() {
    for (text, written) in [
        ("abcdefghijklmnopqrstuvwx", "abcdefghijklmnopqrstuvwx"),
        ("abcdefghijklmnopqrstuvwxy", "\"abcdefghijklmnopqrstuvwxy\""),
        ("a+b", "\"a+b\""),
        ("a-b", "a-b"),
        ("a:b", "a:b"),
        ("", ""),
        ("quo\"te", "\"quo\"\"te\""),
        ("日本語", "日本語"),
        ("a\r\nb", "\"a\r\nb\""),
    ] {
        let (schema, batch) = strings(&[(Some(text.to_string()), None)]);
        let (options, _) = make(&[STRING, STRING], &[]);
        assert_eq!(String::from_utf8(write(options, &schema, &batch)).unwrap(), format!("{written},\n"));
    }
}

/// Texts full of what csv treats specially.
fn nasty() -> impl Strategy<Value = Option<String>> {
    proptest::option::of(proptest::string::string_regex("[a,;\"'\\\\\r\n\t #é😀N~]{0,30}").unwrap())
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        values in proptest::collection::vec((nasty(), nasty()), 0..8),
        delimiter in proptest::sample::select(vec![",", ";", "\\t", "|"]),
        escape: bool,
    ) {
        // A null literal that is no value.
        let mut options = vec![("csv.field-delimiter", delimiter), ("csv.null-literal", "~~NULL~~")];
        if escape {
            options.push(("csv.escape-character", "\\"));
        }
        let (schema, batch) = strings(&values);
        let written = write(make(&[STRING, STRING], &options).0, &schema, &batch);
        let (back, _) = read(&written, &[STRING, STRING], &options).unwrap();
        prop_assert_eq!(back, print_rows(&batch, &schema));
    }

    #[test]
    fn a_record_needs_all_its_bytes(values in proptest::collection::vec((nasty(), nasty()), 1..4)) {
        let (schema, batch) = strings(&values);
        let (options, _) = make(&[STRING, STRING], &[]);
        let written = write(options.clone(), &schema, &batch);
        let mut record = super::record::Record::new(&options);
        let whole = record.read(&written, true, &options).unwrap();
        for cut in 0..whole.bytes.saturating_sub(1) {
            prop_assert_eq!(record.read(&written[..cut], false, &options), None);
        }
        prop_assert_eq!(record.read(&written, false, &options).or(Some(whole)), Some(whole));
    }
}
