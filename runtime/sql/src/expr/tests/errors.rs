//! What is refused, and what the message says.

use super::{run, table};
use streamjob_core::options::Options;

#[test]
fn messages_name_the_place_and_the_cure() {
    let (scope, batch) = table(&[
        ("i", "INT", vec!["7".into()]),
        ("s", "STRING", vec!["abc".into()]),
        ("amount", "DECIMAL(10, 2)", vec!["1.25".into()]),
        ("ts", "TIMESTAMP(3)", vec!["2024-01-01".into()]),
    ]);
    for (text, parts) in [
        ("amuont + 1", &["line 1, column 1", "Column 'amuont' not found", "did you mean 'amount'"][..]),
        ("i + other.x", &["line 1, column 5", "Table 'other' not found"]),
        ("tab.amonut", &["Column 'amonut' not found in table 'tab'", "did you mean 'amount'"]),
        ("1 + UPER(s)", &["line 1, column 5", "No match found for function signature UPER(<STRING>)", "UPPER"]),
        ("UPPER(i)", &["Cannot apply 'UPPER' to arguments of type 'UPPER(<INT>)'", "UPPER(text)"]),
        ("UPPER(s, s)", &["Invalid number of arguments to function 'UPPER'. Was expecting 1 arguments, found 2"]),
        ("s = 3", &["implicit type conversion between VARCHAR and INTEGER is not supported now"]),
        ("s + 1", &["cannot apply '+' to arguments of type '<STRING> + <INT>'"]),
        ("ts - ts", &["TIMESTAMPDIFF"]),
        ("CASE WHEN i THEN 1 END", &["WHEN takes BOOLEAN"]),
        ("CASE WHEN TRUE THEN 1 ELSE 'x' END", &["no common type: INT, CHAR(1)"]),
        ("CASE WHEN TRUE THEN NULL END", &["all branches of CASE are NULL"]),
        ("COALESCE(i, s)", &["COALESCE have no common type"]),
        ("i AND TRUE", &["AND takes BOOLEAN"]),
        ("CAST(i AS TIMESTAMP(3))", &["cannot cast INT to TIMESTAMP(3)", "TO_TIMESTAMP_LTZ"]),
        ("RAND(1)", &["RAND with a seed is not supported"]),
        ("ARRAY_SORT(ARRAY[i])", &["line 1, column 1", "function ARRAY_SORT is not supported"]),
        ("REGEXP(s, 'a*+b')", &["possessive quantifier"]),
        ("REGEXP(s, '(')", &["regular expression '(' is not valid", "docs/sql-functions.md"]),
        ("(i, s) = (1, 'a', 2)", &["a row of 2 values is compared with one of 3"]),
        ("ts > CAST(ts AS DATE)", &["implicit type conversion between TIMESTAMP_WITHOUT_TIME_ZONE and DATE"]),
        ("1e400", &["numeric literal '1e400' is out of range"]),
        ("TIMESTAMP '2024-01-01 24:00:00'", &["Illegal TIMESTAMP literal"]),
        ("'a' 'b'", &["line 1, column 5", "String literal continued on same line"]),
        ("REGEXP(s, '(?=x)')", &["look-around is not supported"]),
        ("REGEXP(s, '(a)\\1')", &["back reference"]),
        ("DATE_FORMAT(ts, 'yyyy XXX')", &["letter 'X'"]),
        ("DATE '2024-02-30'", &["Illegal DATE literal"]),
        ("INTERVAL '1' PARSEC", &["line 1"]),
        ("99999999999999999999", &["out of range"]),
        ("ARRAY[1, 2][0]", &["index starting at 1"]),
        ("s.x", &["has no field 'x'"]),
        ("MAP[1]", &["at least 2 arguments"]),
        ("MAP[1, 2, 3]", &["even number"]),
        ("EXISTS (SELECT 1)", &["subquery"]),
    ] {
        let error = match run(text, &scope, &batch, &Options::default()) {
            Ok((bound, values)) => panic!("{text} gave {} {values:?}", bound.ty),
            Err(e) => e.to_string(),
        };
        for part in parts {
            assert!(error.contains(part), "{text}: {error} lacks {part}");
        }
    }
}

#[test]
fn failures_at_run_time() {
    let (scope, batch) =
        table(&[("i", "INT", vec!["7".into(), "0".into()]), ("s", "STRING", vec!["12".into(), "abc".into()])]);
    for (text, message) in [
        ("1 / i", "/ by zero"),
        ("MOD(i, i)", "/ by zero"),
        ("1.5 / i", "Division by zero"),
        ("CAST(s AS INT)", "For input string: 'abc'. Invalid character found."),
        ("CAST(s AS DOUBLE)", "For input string: \"abc\""),
        ("CAST(s AS BOOLEAN)", "Cannot parse '12' as BOOLEAN."),
        ("CAST(s AS DATE)", "For input string: 'abc'."),
        ("CAST(s AS TIMESTAMP(3))", "Text '12' could not be parsed at index 0"),
        ("ELEMENT(ARRAY[i, i])", "Array has more than one element."),
    ] {
        let error = run(text, &scope, &batch, &Options::default()).map(|_| ()).unwrap_err();
        assert_eq!(error.message(), message, "{text}");
        assert_eq!(error.domain(), streamjob_core::Domain::User, "{text}");
    }
    // Rows that AND, OR, CASE and COALESCE do not need are not computed.
    for (text, expected) in [
        ("i <> 0 AND 14 / i > 1", ["true", "false"]),
        ("i = 0 OR 14 / i > 1", ["true", "true"]),
        ("CASE WHEN i = 0 THEN -1 ELSE 14 / i END", ["2", "-1"]),
        ("IF(i = 0, 0, 14 / i)", ["2", "0"]),
        ("COALESCE(NULLIF(i, 7), 14 / i)", ["2", "0"]),
        ("CASE WHEN s = 'abc' THEN 0 ELSE CAST(s AS INT) END", ["12", "0"]),
    ] {
        let (_, values) = run(text, &scope, &batch, &Options::default()).unwrap();
        assert_eq!(values, expected, "{text}");
    }
}
