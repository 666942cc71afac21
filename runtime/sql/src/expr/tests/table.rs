//! Expressions with their types and values.

use super::{run, table};
use crate::expr::{functions_markdown, is_scalar_function};
use streamjob_core::options::Options;

/// Expression, type, values of the two rows (`=` when both are the same).
type Row = (&'static str, &'static str, &'static str, &'static str);

fn check(rows: &[Row], zone: &str) {
    let both = |a: &str, b: &str| vec![a.to_string(), b.to_string()];
    let (scope, batch) = table(&[
        ("t", "TINYINT", both("127", "NULL")),
        ("sm", "SMALLINT", both("32767", "NULL")),
        ("i", "INT", both("7", "NULL")),
        ("big", "BIGINT", both("9223372036854775807", "NULL")),
        ("f", "FLOAT", both("1.5", "NULL")),
        ("d", "DOUBLE", both("2.5", "NULL")),
        ("dec", "DECIMAL(10, 2)", both("1.25", "NULL")),
        ("b", "BOOLEAN", both("true", "NULL")),
        ("s", "STRING", both("hello", "NULL")),
        ("c", "CHAR(3)", both("ab", "NULL")),
        ("dt", "DATE", both("2024-02-29", "NULL")),
        ("tm", "TIME(0)", both("12:34:56", "NULL")),
        ("ts", "TIMESTAMP(3)", both("2024-02-29 23:59:59.999", "NULL")),
        ("us", "TIMESTAMP(6)", both("2024-02-29 23:59:59.123456", "NULL")),
        ("ltz", "TIMESTAMP_LTZ(3)", both("2024-02-29 23:59:59.999", "NULL")),
        ("n", "INT NOT NULL", both("1", "2")),
    ]);
    let mut options = Options::default();
    options.set("table.local-time-zone", zone).unwrap();
    let mut wrong = String::new();
    for (text, ty, first, second) in rows {
        let second = if *second == "=" { first } else { second };
        match run(text, &scope, &batch, &options) {
            Err(e) => wrong.push_str(&format!("{text}: {e}\n")),
            Ok((bound, values)) => {
                if bound.ty.to_string() != *ty || values != [*first, *second] {
                    wrong.push_str(&format!("{text}: {} {values:?}, expected {ty} [{first}, {second}]\n", bound.ty));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn literals() {
    check(
        &[
            ("1", "INT NOT NULL", "1", "="),
            ("2147483648", "BIGINT NOT NULL", "2147483648", "="),
            ("1.50", "DECIMAL(3, 2) NOT NULL", "1.50", "="),
            (".5", "DECIMAL(1, 1) NOT NULL", "0.5", "="),
            ("0.001", "DECIMAL(4, 3) NOT NULL", "0.001", "="),
            ("1e1", "DOUBLE NOT NULL", "10.0", "="),
            ("'it''s'", "CHAR(4) NOT NULL", "it's", "="),
            ("''", "CHAR(0) NOT NULL", "", "="),
            ("U&'\\00fc'", "CHAR(1) NOT NULL", "ü", "="),
            ("X'0A'", "BINARY(1) NOT NULL", "[10]", "="),
            ("TRUE", "BOOLEAN NOT NULL", "true", "="),
            ("DATE '2024-02-29'", "DATE NOT NULL", "2024-02-29", "="),
            ("TIME '10:00:00'", "TIME(0) NOT NULL", "10:00", "="),
            ("TIMESTAMP '2024-01-01 00:00:00'", "TIMESTAMP(0) NOT NULL", "2024-01-01T00:00", "="),
            ("TIMESTAMP '2024-01-01 00:00:00.123456'", "TIMESTAMP(6) NOT NULL", "2024-01-01T00:00:00.123456", "="),
            ("TIMESTAMP '2024-02-29'", "TIMESTAMP(0) NOT NULL", "2024-02-29T00:00", "="),
            ("INTERVAL '1 02:03:04.5' DAY TO SECOND", "INTERVAL DAY TO SECOND(3) NOT NULL", "+1 02:03:04.500", "="),
            ("INTERVAL '-90' MINUTE", "INTERVAL DAY TO SECOND(3) NOT NULL", "-0 01:30:00.000", "="),
            ("INTERVAL '02:03' HOUR TO MINUTE", "INTERVAL DAY TO SECOND(3) NOT NULL", "+0 02:03:00.000", "="),
            ("INTERVAL '1.5' SECOND", "INTERVAL DAY TO SECOND(3) NOT NULL", "+0 00:00:01.500", "="),
            ("INTERVAL '2-3' YEAR TO MONTH", "INTERVAL YEAR TO MONTH NOT NULL", "+2-03", "="),
            ("INTERVAL '13' MONTH", "INTERVAL YEAR TO MONTH NOT NULL", "+1-01", "="),
            ("-2147483648", "INT NOT NULL", "-2147483648", "="),
            ("-2147483649", "BIGINT NOT NULL", "-2147483649", "="),
            ("-(9223372036854775808)", "BIGINT NOT NULL", "-9223372036854775808", "="),
            ("'a'\n  -- on\n 'b''c'\n'd'", "CHAR(5) NOT NULL", "ab'cd", "="),
            ("CAST(NULL AS INT)", "INT", "null", "="),
            ("`i`", "INT", "7", "null"),
            ("tab.i", "INT", "7", "null"),
            ("tab.`n`", "INT NOT NULL", "1", "2"),
        ],
        "UTC",
    );
}

#[test]
fn arithmetic() {
    check(
        &[
            ("t + t", "TINYINT", "-2", "null"),
            ("t + 1", "INT", "128", "null"),
            ("t + sm", "SMALLINT", "-32642", "null"),
            ("i + big", "BIGINT", "-9223372036854775802", "null"),
            ("1 + 2147483647", "INT NOT NULL", "-2147483648", "="),
            ("7 / 2", "INT NOT NULL", "3", "="),
            ("-7 / 2", "INT NOT NULL", "-3", "="),
            ("-7 % 2", "INT NOT NULL", "-1", "="),
            ("(-2147483647 - 1) / -1", "INT NOT NULL", "-2147483648", "="),
            ("i / 2", "INT", "3", "null"),
            ("i * 2.5", "DECIMAL(13, 1)", "17.5", "null"),
            ("1 / 3.0", "DECIMAL(17, 6) NOT NULL", "0.333333", "="),
            ("dec / 3", "DECIMAL(21, 13)", "0.4166666666667", "null"),
            ("dec * dec", "DECIMAL(21, 4)", "1.5625", "null"),
            ("dec - 1", "DECIMAL(13, 2)", "0.25", "null"),
            ("MOD(dec, 0.5)", "DECIMAL(3, 2)", "0.25", "null"),
            ("MOD(i, big)", "BIGINT", "7", "null"),
            ("MOD(big, i)", "INT", "0", "null"),
            ("dec + d", "DOUBLE", "3.75", "null"),
            ("f * 2", "FLOAT", "3.0", "null"),
            ("f + d", "FLOAT", "4.0", "null"),
            ("d + f", "DOUBLE", "4.0", "null"),
            ("d / 0", "DOUBLE", "Infinity", "null"),
            ("-dec", "DECIMAL(10, 2)", "-1.25", "null"),
            ("-t", "TINYINT", "-127", "null"),
            ("+i", "INT", "7", "null"),
            ("i + CAST(NULL AS INT)", "INT", "null", "="),
        ],
        "UTC",
    );
}

#[test]
fn comparison_and_logic() {
    check(
        &[
            ("i = 7", "BOOLEAN", "true", "null"),
            ("i <> 7.0", "BOOLEAN", "false", "null"),
            ("i < dec", "BOOLEAN", "false", "null"),
            ("dec = 1.250", "BOOLEAN", "true", "null"),
            ("big > 1.5", "BOOLEAN", "true", "null"),
            ("d = 2.5", "BOOLEAN", "true", "null"),
            ("PI > 3", "BOOLEAN NOT NULL", "true", "="),
            ("f >= 1", "BOOLEAN", "true", "null"),
            ("CAST('NaN' AS DOUBLE) = CAST('NaN' AS DOUBLE)", "BOOLEAN NOT NULL", "false", "="),
            ("CAST('-0.0' AS DOUBLE) = 0", "BOOLEAN NOT NULL", "true", "="),
            ("s = 'hello'", "BOOLEAN", "true", "null"),
            ("s > 'a'", "BOOLEAN", "true", "null"),
            ("c = 'ab'", "BOOLEAN", "false", "null"),
            ("c = 'ab '", "BOOLEAN", "true", "null"),
            ("b = TRUE", "BOOLEAN", "true", "null"),
            ("dt = '2024-02-29'", "BOOLEAN", "true", "null"),
            ("ts > '2024-01-01 00:00:05'", "BOOLEAN", "true", "null"),
            ("(i, s) = (7, 'hello')", "BOOLEAN", "true", "null"),
            ("(n, i) = (1, CAST(NULL AS INT))", "BOOLEAN", "null", "false"),
            ("(n, i) <> (2, CAST(NULL AS INT))", "BOOLEAN", "true", "null"),
            ("(n, s) IN ((1, CAST(NULL AS STRING)), (1, 'hello'))", "BOOLEAN", "true", "false"),
            ("ts < us", "BOOLEAN", "false", "null"),
            ("ts = ltz", "BOOLEAN", "true", "null"),
            ("ltz > TIMESTAMP '2024-02-29 23:59:59'", "BOOLEAN", "true", "null"),
            ("ts BETWEEN ltz AND CURRENT_TIMESTAMP", "BOOLEAN", "true", "null"),
            ("ltz IN (us, ts)", "BOOLEAN", "true", "null"),
            ("i = NULL", "BOOLEAN", "null", "="),
            ("i IS NULL", "BOOLEAN NOT NULL", "false", "true"),
            ("i IS NOT NULL", "BOOLEAN NOT NULL", "true", "false"),
            ("b IS TRUE", "BOOLEAN NOT NULL", "true", "false"),
            ("b IS NOT FALSE", "BOOLEAN NOT NULL", "true", "true"),
            ("b IS UNKNOWN", "BOOLEAN NOT NULL", "false", "true"),
            ("i IS DISTINCT FROM 7", "BOOLEAN NOT NULL", "false", "true"),
            ("i IS NOT DISTINCT FROM NULL", "BOOLEAN NOT NULL", "false", "true"),
            ("d IS DISTINCT FROM 2.5e0", "BOOLEAN NOT NULL", "false", "true"),
            ("b AND FALSE", "BOOLEAN", "false", "="),
            ("b AND TRUE", "BOOLEAN", "true", "null"),
            ("b OR TRUE", "BOOLEAN", "true", "="),
            ("NOT b", "BOOLEAN", "false", "null"),
            ("NULL OR b", "BOOLEAN", "true", "null"),
            ("i BETWEEN 1 AND 7", "BOOLEAN", "true", "null"),
            ("i NOT BETWEEN 1 AND 7.5", "BOOLEAN", "false", "null"),
            ("i IN (1, 7)", "BOOLEAN", "true", "null"),
            ("i NOT IN (1, NULL)", "BOOLEAN", "null", "="),
            ("i IN (n, 7)", "BOOLEAN", "true", "null"),
            ("s IN ('x', 'hello')", "BOOLEAN", "true", "null"),
            ("d IN (1, 2.5)", "BOOLEAN", "true", "null"),
            ("n IN (2, 3)", "BOOLEAN NOT NULL", "false", "true"),
            ("CASE WHEN i > 1 THEN 1 ELSE 2.5 END", "DECIMAL(11, 1) NOT NULL", "1.0", "2.5"),
            ("CASE n WHEN 1 THEN 'a' WHEN 2 THEN 'bcd' END", "VARCHAR(3)", "a", "bcd"),
            ("CASE WHEN b THEN i END", "INT", "7", "null"),
            ("COALESCE(i, 0)", "INT NOT NULL", "7", "0"),
            ("COALESCE(i, big)", "BIGINT", "7", "null"),
            ("IFNULL(s, 'none')", "STRING NOT NULL", "hello", "none"),
            ("NULLIF(n, 2)", "INT", "1", "null"),
            ("IF(i > 1, 'a', 'bcd')", "VARCHAR(3)", "a", "bcd"),
            ("GREATEST(i, big)", "BIGINT", "9223372036854775807", "null"),
            ("LEAST(n, 2, 3)", "INT NOT NULL", "1", "2"),
            ("TYPEOF(i)", "CHAR(3) NOT NULL", "INT", "="),
        ],
        "UTC",
    );
}

#[test]
fn casts() {
    check(
        &[
            ("CAST(i AS STRING)", "STRING", "7", "null"),
            ("CAST(d AS INT)", "INT", "2", "null"),
            ("CAST(big AS INT)", "INT", "-1", "null"),
            ("CAST(big AS DOUBLE)", "DOUBLE", "9.223372036854776E18", "null"),
            ("CAST(dec AS DECIMAL(5, 1))", "DECIMAL(5, 1)", "1.3", "null"),
            ("CAST(dec AS INT)", "INT", "1", "null"),
            ("CAST(b AS INT)", "INT", "1", "null"),
            ("CAST(i AS BOOLEAN)", "BOOLEAN", "true", "null"),
            ("CAST(b AS STRING)", "STRING", "TRUE", "null"),
            ("CAST(s AS CHAR(7))", "CHAR(7)", "hello  ", "null"),
            ("CAST(s AS VARCHAR(2))", "VARCHAR(2)", "he", "null"),
            ("CAST('a' AS VARCHAR)", "STRING NOT NULL", "a", "="),
            ("CAST(1 AS DECIMAL)", "DECIMAL(10, 0) NOT NULL", "1", "="),
            ("CAST(' 42 ' AS INT)", "INT NOT NULL", "42", "="),
            ("CAST('3.99' AS INT)", "INT NOT NULL", "3", "="),
            ("CAST('1e2' AS DOUBLE)", "DOUBLE NOT NULL", "100.0", "="),
            ("CAST('1e2' AS DECIMAL(10, 2))", "DECIMAL(10, 2) NOT NULL", "100.00", "="),
            ("TRY_CAST(s AS INT)", "INT", "null", "="),
            ("TRY_CAST('12' AS INT)", "INT", "12", "="),
            ("TRY_CAST('inf' AS DOUBLE)", "DOUBLE", "null", "="),
            ("TRY_CAST('-Infinity' AS DOUBLE)", "DOUBLE", "-Infinity", "="),
            ("CAST(ts AS DATE)", "DATE", "2024-02-29", "null"),
            ("CAST(ts AS TIME)", "TIME(0)", "23:59:59", "null"),
            ("CAST(ts AS TIMESTAMP(0))", "TIMESTAMP(0)", "2024-02-29T23:59:59", "null"),
            ("CAST(us AS TIMESTAMP(3))", "TIMESTAMP(3)", "2024-02-29T23:59:59.123", "null"),
            ("CAST(us AS STRING)", "STRING", "2024-02-29 23:59:59.123456", "null"),
            ("CAST(dt AS TIMESTAMP(3))", "TIMESTAMP(3)", "2024-02-29T00:00", "null"),
            ("CAST(tm AS STRING)", "STRING", "12:34:56", "null"),
            ("CAST(s AS BYTES)", "BYTES", "[104, 101, 108, 108, 111]", "null"),
            ("CAST(CAST(s AS BYTES) AS STRING)", "STRING", "hello", "null"),
            ("CAST(ARRAY[1, i] AS ARRAY<STRING>)", "ARRAY<STRING> NOT NULL", "[1, 7]", "[1, null]"),
            ("CAST(ROW(i, s) AS ROW<a BIGINT, b STRING>).a", "BIGINT", "7", "null"),
            ("CAST(MAP['k', i] AS STRING)", "STRING NOT NULL", "{k=7}", "{k=NULL}"),
            ("CAST(INTERVAL '1' DAY AS STRING)", "STRING NOT NULL", "+1 00:00:00.000", "="),
        ],
        "UTC",
    );
}

#[test]
fn texts() {
    check(
        &[
            ("s || '!'", "STRING", "hello!", "null"),
            ("'a' || 'bc'", "CHAR(3) NOT NULL", "abc", "="),
            ("UPPER('a')", "CHAR(1) NOT NULL", "A", "="),
            ("SUBSTRING('abc', 1, 1)", "VARCHAR(3)", "a", "="),
            ("SUBSTRING(s FROM -3 FOR 2)", "STRING", "ll", "null"),
            ("SUBSTRING(s, 2, -1)", "STRING", "null", "="),
            ("CONCAT('a', 'b')", "STRING NOT NULL", "ab", "="),
            ("CONCAT_WS('|', s, 'z')", "STRING NOT NULL", "hello|z", "z"),
            ("LPAD('a', 3, 'b')", "STRING NOT NULL", "bba", "="),
            ("TRIM(BOTH 'ho' FROM s)", "STRING", "ell", "null"),
            ("TRIM('  x ')", "VARCHAR(4) NOT NULL", "x", "="),
            ("POSITION('l' IN s)", "INT", "3", "null"),
            ("LOCATE('l', s, 4)", "INT", "4", "null"),
            ("INSTR(s, 'zz')", "INT", "0", "null"),
            ("s LIKE 'h%'", "BOOLEAN", "true", "null"),
            ("s LIKE '%l_o'", "BOOLEAN", "true", "null"),
            ("s NOT LIKE '%z%'", "BOOLEAN", "true", "null"),
            ("'50%' LIKE '50!%' ESCAPE '!'", "BOOLEAN NOT NULL", "true", "="),
            ("s LIKE s", "BOOLEAN", "true", "null"),
            ("s SIMILAR TO '(hello|x)+'", "BOOLEAN", "true", "null"),
            ("REGEXP(s, '^\\w+$')", "BOOLEAN", "true", "null"),
            ("REGEXP_REPLACE('a1b22', '\\d+', '<$0>')", "STRING NOT NULL", "a<$0>b<$0>", "="),
            ("REGEXP_EXTRACT(s, '(l+)(o)', 2)", "STRING", "o", "null"),
            ("REGEXP_COUNT(s, 'l')", "INT", "2", "null"),
            ("SPLIT_INDEX('a,b,,c', ',', 2)", "STRING", "", "="),
            ("REVERSE(s)", "STRING", "olleh", "null"),
            ("ASCII('é')", "INT NOT NULL", "-61", "="),
            ("MD5(s)", "CHAR(32)", "5d41402abc4b2a76b9719d911017c592", "null"),
            ("SHA1('')", "CHAR(40) NOT NULL", "da39a3ee5e6b4b0d3255bfef95601890afd80709", "="),
            ("FROM_BASE64(TO_BASE64(s))", "STRING", "hello", "null"),
            ("HEX(s)", "STRING", "68656C6C6F", "null"),
            ("DECODE(ENCODE(s, 'UTF-16LE'), 'UTF-16LE')", "STRING", "hello", "null"),
            ("ELT(2, 'a', 'b')", "STRING", "b", "="),
            ("URL_DECODE(URL_ENCODE('a b&ü'))", "STRING", "a b&ü", "="),
            ("PARSE_URL('http://u@h:1/p?a=1#r', 'USERINFO')", "STRING", "u", "="),
            ("JSON_VALUE('{\"n\": 1}', '$.n')", "STRING", "1", "="),
            ("JSON_VALUE('{\"n\": 1}', '$.n' RETURNING INT)", "INT", "1", "="),
            ("JSON_VALUE(s, '$.n')", "STRING", "null", "="),
            ("JSON_QUERY('{\"z\": [1], \"a\": 2}', '$')", "STRING", "{\"a\":2,\"z\":[1]}", "="),
            ("JSON_EXISTS('{\"n\": null}', '$.n')", "BOOLEAN NOT NULL", "false", "="),
            ("CHAR_LENGTH(UUID())", "INT NOT NULL", "36", "="),
        ],
        "UTC",
    );
}

#[test]
fn numbers() {
    check(
        &[
            ("ABS(-7)", "INT NOT NULL", "7", "="),
            ("SIGN(dec)", "DECIMAL(10, 2)", "1.00", "null"),
            ("ROUND(dec, 1)", "DECIMAL(10, 1)", "1.3", "null"),
            ("ROUND(dec)", "DECIMAL(9, 0)", "1", "null"),
            ("ROUND(-1.5)", "DECIMAL(2, 0) NOT NULL", "-2", "="),
            ("ROUND(1255, -1)", "INT NOT NULL", "1260", "="),
            ("ROUND(d)", "DOUBLE", "3.0", "null"),
            ("TRUNCATE(2.58e0, 1)", "DOUBLE NOT NULL", "2.5", "="),
            ("TRUNCATE(-1.29, 1)", "DECIMAL(3, 1) NOT NULL", "-1.2", "="),
            ("FLOOR(-1.5)", "DECIMAL(2, 0) NOT NULL", "-2", "="),
            ("CEIL(d)", "DOUBLE", "3.0", "null"),
            ("FLOOR(i)", "INT", "7", "null"),
            ("POWER(i, 2)", "DOUBLE", "49.0", "null"),
            ("LOG2(8)", "DOUBLE NOT NULL", "3.0", "="),
            ("LOG(3, 9)", "DOUBLE NOT NULL", "2.0", "="),
            ("PI()", "DOUBLE NOT NULL", "3.141592653589793", "="),
            ("BIN(5)", "STRING NOT NULL", "101", "="),
            ("RAND() < 1", "BOOLEAN NOT NULL", "true", "="),
            ("RAND_INTEGER(1)", "INT NOT NULL", "0", "="),
        ],
        "UTC",
    );
}

#[test]
fn times() {
    check(
        &[
            ("EXTRACT(YEAR FROM ts)", "BIGINT", "2024", "null"),
            ("EXTRACT(HOUR FROM tm)", "BIGINT", "12", "null"),
            ("EXTRACT(MICROSECOND FROM us)", "BIGINT", "123456", "null"),
            ("DAYOFWEEK(dt)", "BIGINT", "5", "null"),
            ("WEEK(DATE '2024-12-30')", "BIGINT NOT NULL", "1", "="),
            ("FLOOR(ts TO HOUR)", "TIMESTAMP(3)", "2024-02-29T23:00", "null"),
            ("CEIL(ts TO MONTH)", "TIMESTAMP(3)", "2024-03-01T00:00", "null"),
            ("FLOOR(dt TO YEAR)", "DATE", "2024-01-01", "null"),
            ("dt + INTERVAL '1' DAY", "DATE", "2024-03-01", "null"),
            ("INTERVAL '1' YEAR + dt", "DATE", "2025-02-28", "null"),
            ("ts - INTERVAL '1' MONTH", "TIMESTAMP(3)", "2024-01-29T23:59:59.999", "null"),
            ("ts + INTERVAL '5' SECOND * 2", "TIMESTAMP(3)", "2024-03-01T00:00:09.999", "null"),
            ("us + INTERVAL '1' SECOND", "TIMESTAMP(6)", "2024-03-01T00:00:00.123456", "null"),
            ("tm + INTERVAL '12' HOUR", "TIME(0)", "00:34:56", "null"),
            ("INTERVAL '1' DAY + INTERVAL '1' HOUR", "INTERVAL DAY TO SECOND(3) NOT NULL", "+1 01:00:00.000", "="),
            ("TIMESTAMPADD(MONTH, 1, ts)", "TIMESTAMP(3)", "2024-03-29T23:59:59.999", "null"),
            ("TIMESTAMPADD(WEEK, -1, dt)", "DATE", "2024-02-22", "null"),
            ("TIMESTAMPDIFF(DAY, dt, DATE '2024-03-02')", "INT", "2", "null"),
            ("TIMESTAMPDIFF(MONTH, TIMESTAMP '2024-01-31 00:00:00', ts)", "INT", "1", "null"),
            ("DATE_FORMAT(ts, 'yyyy/MM/dd')", "STRING", "2024/02/29", "null"),
            ("DATE_FORMAT('2024-02-29 01:02:03', 'HH')", "STRING NOT NULL", "01", "="),
            ("TO_TIMESTAMP('2024-01-01')", "TIMESTAMP(3)", "2024-01-01T00:00", "="),
            ("TO_TIMESTAMP('01.02.2024', 'dd.MM.yyyy')", "TIMESTAMP(3)", "2024-02-01T00:00", "="),
            ("TO_TIMESTAMP(s)", "TIMESTAMP(3)", "null", "="),
            ("TO_DATE('2024-2-1')", "DATE", "2024-02-01", "="),
            ("TO_TIMESTAMP_LTZ(1, 0)", "TIMESTAMP_LTZ(3)", "1970-01-01T00:00:01Z", "="),
            ("TO_TIMESTAMP_LTZ(1500)", "TIMESTAMP_LTZ(3)", "1970-01-01T00:00:01.500Z", "="),
            ("FROM_UNIXTIME(0)", "STRING", "1970-01-01 00:00:00", "="),
            ("UNIX_TIMESTAMP('1970-01-01 00:01:00')", "BIGINT NOT NULL", "60", "="),
            ("CONVERT_TZ('2024-07-01 12:00:00', 'UTC', 'Asia/Kolkata')", "STRING", "2024-07-01 17:30:00", "="),
            ("CURRENT_TIMESTAMP", "TIMESTAMP_LTZ(3) NOT NULL", "2024-05-06T07:08:09.123Z", "="),
            ("NOW()", "TIMESTAMP_LTZ(3) NOT NULL", "2024-05-06T07:08:09.123Z", "="),
            ("LOCALTIMESTAMP", "TIMESTAMP(3) NOT NULL", "2024-05-06T07:08:09.123", "="),
            ("CURRENT_DATE", "DATE NOT NULL", "2024-05-06", "="),
            ("LOCALTIME", "TIME(0) NOT NULL", "07:08:09", "="),
            ("UNIX_TIMESTAMP()", "BIGINT NOT NULL", "1714979289", "="),
        ],
        "UTC",
    );
    check(
        &[
            ("ltz", "TIMESTAMP_LTZ(3)", "2024-02-29T23:59:59.999Z", "null"),
            ("CAST(ltz AS STRING)", "STRING", "2024-03-01 08:59:59.999", "null"),
            ("CAST(ltz AS DATE)", "DATE", "2024-03-01", "null"),
            ("CAST(ltz AS TIMESTAMP(3))", "TIMESTAMP(3)", "2024-03-01T08:59:59.999", "null"),
            ("CAST(ts AS TIMESTAMP_LTZ(3))", "TIMESTAMP_LTZ(3)", "2024-02-29T14:59:59.999Z", "null"),
            ("HOUR(ltz)", "BIGINT", "8", "null"),
            ("FLOOR(ltz TO DAY)", "TIMESTAMP_LTZ(3)", "2024-02-29T15:00:00Z", "null"),
            ("CURRENT_DATE", "DATE NOT NULL", "2024-05-06", "="),
            ("LOCALTIMESTAMP", "TIMESTAMP(3) NOT NULL", "2024-05-06T16:08:09.123", "="),
        ],
        "Asia/Tokyo",
    );
}

#[test]
fn collections() {
    check(
        &[
            ("ARRAY[1, 2]", "ARRAY<INT NOT NULL> NOT NULL", "[1, 2]", "="),
            ("ARRAY[i, n]", "ARRAY<INT> NOT NULL", "[7, 1]", "[null, 2]"),
            ("ARRAY[1, 2.5][2]", "DECIMAL(11, 1)", "2.5", "="),
            ("ARRAY[n, 9][n]", "INT", "1", "9"),
            ("ARRAY[1, 2][3]", "INT", "null", "="),
            ("MAP['a', i, 'b', n]", "MAP<CHAR(1) NOT NULL, INT> NOT NULL", "{a=7, b=1}", "{a=null, b=2}"),
            ("MAP['a', 1, 'a', 2]", "MAP<CHAR(1) NOT NULL, INT NOT NULL> NOT NULL", "{a=2}", "="),
            ("MAP['a', i]['a']", "INT", "7", "null"),
            ("MAP['a', i]['zz']", "INT", "null", "="),
            ("ROW(1, 'x')", "ROW<`EXPR$0` INT NOT NULL, `EXPR$1` CHAR(1) NOT NULL> NOT NULL", "+I[1, x]", "="),
            ("(i, s)", "ROW<`EXPR$0` INT, `EXPR$1` STRING> NOT NULL", "+I[7, hello]", "+I[null, null]"),
            ("CARDINALITY(ARRAY[1, i])", "INT NOT NULL", "2", "="),
            ("CARDINALITY(MAP['a', 1])", "INT NOT NULL", "1", "="),
            ("ELEMENT(ARRAY[i])", "INT", "7", "null"),
            ("ARRAY_CONTAINS(ARRAY[1, i], 7)", "BOOLEAN NOT NULL", "true", "false"),
            ("ARRAY_CONTAINS(ARRAY[1, i], NULL)", "BOOLEAN NOT NULL", "false", "true"),
            ("ARRAY_POSITION(ARRAY[1, 2, 7], i)", "INT", "3", "null"),
            ("ARRAY_DISTINCT(ARRAY[1, 2, 1])", "ARRAY<INT NOT NULL> NOT NULL", "[1, 2]", "="),
            ("ARRAY_REVERSE(ARRAY[i, n])", "ARRAY<INT> NOT NULL", "[1, 7]", "[2, null]"),
            ("ARRAY_JOIN(ARRAY['a', s], '-')", "STRING NOT NULL", "a-hello", "a"),
            ("SPLIT(s, 'l')", "ARRAY<STRING>", "[he, , o]", "null"),
            ("STR_TO_MAP('a=1,b=2')", "MAP<STRING, STRING> NOT NULL", "{a=1, b=2}", "="),
        ],
        "UTC",
    );
}

#[test]
fn patterns_of_a_column_keep_their_escape() {
    let texts = |v: &[&str]| v.iter().map(|s| (*s).to_string()).collect::<Vec<_>>();
    let (scope, batch) = table(&[
        ("t", "STRING", texts(&["50%", "50!x", "a_b", "axb", "50%", "NULL", "x"])),
        ("p", "STRING", texts(&["50!%", "50!%", "a!_b", "a!_b", "50!%", "a", "NULL"])),
    ]);
    for (text, wanted) in [
        ("t LIKE p ESCAPE '!'", ["true", "false", "true", "false", "true", "null", "null"]),
        ("t SIMILAR TO p ESCAPE '!'", ["true", "false", "true", "false", "true", "null", "null"]),
        ("t LIKE p", ["false", "true", "false", "false", "false", "null", "null"]),
    ] {
        let (_, values) = run(text, &scope, &batch, &Options::default()).unwrap();
        assert_eq!(values, wanted, "{text}");
    }
    // More patterns than are kept.
    let many: Vec<String> = (0..700).map(|i| format!("{}", i % 350)).collect();
    let (scope, batch) = table(&[("t", "STRING", many.clone()), ("p", "STRING", many)]);
    let (_, values) = run("t LIKE p", &scope, &batch, &Options::default()).unwrap();
    assert!(values.iter().all(|v| v == "true"));
}

#[test]
fn the_registry() {
    assert!(is_scalar_function("upper") && !is_scalar_function("SUM"));
    let page = functions_markdown();
    assert!(page.contains("| `UPPER(text)` | In upper case. |"), "{page}");
    let names = page.lines().filter(|l| l.starts_with("| `")).count();
    assert!(names > 120, "{names} functions");
}
