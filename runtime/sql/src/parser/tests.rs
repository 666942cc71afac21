//! Tables of good and bad scripts.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use super::ddl::*;
use super::*;

fn one(sql: &str) -> Statement {
    let mut all = parse_script(sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
    assert_eq!(all.len(), 1, "{sql}");
    all.remove(0).statement
}

fn table(sql: &str) -> CreateTable {
    let Statement::CreateTable(t) = one(sql) else { panic!("{sql}") };
    *t
}

#[test]
fn splits_a_script_with_positions() {
    let sql = "-- first; not a statement\nSET 'a;b' = 'it''s';\n/* ; */ CREATE TABLE `t;1` (a INT); ;\n  INSERT INTO t\nSELECT 1";
    let all = parse_script(sql).unwrap();
    let at: Vec<_> = all.iter().map(|s| (s.position.line, s.position.column)).collect();
    assert_eq!(at, [(2, 1), (3, 9), (4, 3)]);
    assert_eq!(all[0].statement, Statement::Set { key: "a;b".into(), value: "it's".into() });
    let Statement::CreateTable(t) = &all[1].statement else { panic!() };
    assert_eq!(t.name.parts, ["t;1"]);
}

#[test]
fn reads_every_part_of_create_table() {
    let t = table(
        "CREATE TEMPORARY TABLE IF NOT EXISTS default_catalog.default_database.t (
            id BIGINT NOT NULL COMMENT 'the id',
            name STRING,
            r ROW<a INT, b ARRAY<STRING>>,
            part INT METADATA FROM 'partition' VIRTUAL,
            m STRING METADATA,
            upper_name AS UPPER(name) COMMENT 'shouted',
            ts TIMESTAMP(3),
            WATERMARK FOR ts AS ts - INTERVAL '5' SECOND,
            CONSTRAINT pk PRIMARY KEY (id, name) NOT ENFORCED
         ) COMMENT 'a table' PARTITIONED BY (name) WITH ('connector' = 'print', 'print-identifier' = 'x')",
    );
    assert!(t.temporary && t.if_not_exists);
    assert_eq!(t.name.text(), "default_catalog.default_database.t");
    assert_eq!(t.columns.len(), 7);
    assert!(
        matches!(&t.columns[3].kind, ColumnSyntaxKind::Metadata { key: Some(k), is_virtual: true, .. } if k == "partition")
    );
    assert!(matches!(&t.columns[4].kind, ColumnSyntaxKind::Metadata { key: None, is_virtual: false, .. }));
    assert!(matches!(&t.columns[5].kind, ColumnSyntaxKind::Computed(e) if e.to_string() == "UPPER(name)"));
    assert_eq!(t.watermark.unwrap().expr.to_string(), "ts - INTERVAL '5' SECOND");
    assert_eq!(t.primary_key.unwrap().len(), 2);
    assert_eq!(t.partition_keys[0].value, "name");
    assert_eq!(t.options[1], ("print-identifier".into(), "x".into()));
    let t =
        table("CREATE TABLE a (id INT PRIMARY KEY NOT ENFORCED) WITH () LIKE b (EXCLUDING ALL OVERWRITING OPTIONS)");
    assert_eq!(t.primary_key.unwrap()[0].value, "id");
    assert_eq!(
        t.like.unwrap().options,
        [(LikeAction::Excluding, LikeFeature::All), (LikeAction::Overwriting, LikeFeature::Options)]
    );
}

#[test]
fn reads_inserts_sets_views_and_explain() {
    let all = parse_script(
        "EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1; INSERT INTO b (x, y) SELECT 1, CASE WHEN true THEN 1 END; END;
         BEGIN STATEMENT SET; INSERT INTO c VALUES (1), (2); END;
         INSERT INTO d (SELECT 1);",
    )
    .unwrap();
    let inserts: Vec<_> = all
        .iter()
        .map(|s| match &s.statement {
            Statement::Insert(i) => (i.table.text(), i.columns.len()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(inserts, [("a".into(), 0), ("b".into(), 2), ("c".into(), 0), ("d".into(), 0)]);
    let Statement::CreateView(v) = one("CREATE TEMPORARY VIEW v (a, b COMMENT 'x') COMMENT 'c' AS SELECT 1, 2") else {
        panic!()
    };
    assert_eq!(v.columns.len(), 2);
    assert!(matches!(
        one("EXPLAIN CHANGELOG_MODE, ESTIMATED_COST INSERT INTO a SELECT 1"),
        Statement::Explain(Explained::Inserts(_))
    ));
    assert!(matches!(one("EXPLAIN PLAN FOR SELECT 1"), Statement::Explain(Explained::Query(_))));
    assert!(matches!(
        one("EXPLAIN STATEMENT SET BEGIN INSERT INTO a SELECT 1; INSERT INTO a SELECT 2; END"),
        Statement::Explain(Explained::Inserts(i)) if i.len() == 2
    ));
    assert_eq!(one("RESET 'a'"), Statement::Reset(Some("a".into())));
    assert_eq!(one("RESET;"), Statement::Reset(None));
    assert!(matches!(one("DROP TEMPORARY VIEW IF EXISTS v"), Statement::Drop { view: true, if_exists: true, .. }));
}

#[test]
fn queries_keep_flinks_syntax() {
    for query in [
        "SELECT `a b`, x FROM t WHERE x <> 1 AND y != 2",
        "SELECT * FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' HOUR))",
        "SELECT * FROM TABLE(HOP(DATA => TABLE t, TIMECOL => DESCRIPTOR(ts), SLIDE => INTERVAL '5' MINUTES, SIZE => INTERVAL '10' MINUTES)) AS w",
        "SELECT * FROM TUMBLE(TABLE db.t, DESCRIPTOR(ts), INTERVAL '1' HOUR)",
        "SELECT MAP['a', 1]['a'], ARRAY[1, 2][1], ROW(1, 'x'), CAST(x AS ROW<a INT, b ARRAY<STRING>>), TRY_CAST(y AS TIMESTAMP_LTZ(3)) FROM t",
        "SELECT CAST(x AS MAP<STRING, INT>), CAST(x AS TIMESTAMP(3) WITH LOCAL TIME ZONE), CAST(x AS DECIMAL(5, 2)), CAST(x AS STRING)",
        "SELECT COUNT(*) FILTER (WHERE x > 1), COUNT(DISTINCT y) FROM t GROUP BY z HAVING COUNT(*) > 1",
        "SELECT FLOOR(ts TO DAY), EXTRACT(HOUR FROM ts), TIMESTAMPADD(MINUTE, 1, ts), DATE '2020-01-01', TIMESTAMP '2020-01-01 00:00:00'",
        "SELECT TRIM(BOTH 'x' FROM y), POSITION('a' IN b), SUBSTRING(c FROM 1 FOR 2), OVERLAY(a PLACING b FROM 1 FOR 2), x IS NOT TRUE",
        "WITH a (x) AS (SELECT 1), b AS (SELECT x FROM a) SELECT x FROM b UNION ALL (SELECT 2)",
        "VALUES (1, 'a'), (2, 'b')",
        "SELECT a.b.c, t.* FROM (VALUES (1)) AS t (x)",
        "SELECT 'a'\n -- more\n 'b' AS c FROM t",
        "SELECT x'45F0ab', U&'\\00e9', 1.5, 1e3, .5",
    ] {
        assert!(matches!(one(query), Statement::Query(_)), "{query}");
    }
}

#[test]
fn errors_carry_line_and_column() {
    for (sql, error) in [
        ("SELEC 1", "line 1, column 1: syntax error: expected a statement, found SELEC"),
        (
            "SET 'a' = 'b'\nSET 'c' = 'd'",
            "line 2, column 1: syntax error: expected ';' or the end of the statement, found SET",
        ),
        (
            "SET a = b",
            "line 1, column 5: syntax error: expected an option in single quotes after SET, found a (write SET 'key' = 'value')",
        ),
        (
            "CREATE TABLE t (\n  a INT,\n  b STRNG\n)",
            "line 3, column 5: syntax error: unknown data type STRNG; did you mean STRING?",
        ),
        (
            "CREATE TABLE t (a INT b INT)",
            "line 1, column 23: syntax error: expected ',' or ')' behind a column, found b",
        ),
        (
            "CREATE TABLE t (order INT)",
            "line 1, column 17: syntax error: expected a column, found the reserved word order (write `order`)",
        ),
        (
            "CREATE TABLE t (a INT, PRIMARY KEY (a))",
            "line 1, column 39: a primary key is never checked by a stream (write PRIMARY KEY … NOT ENFORCED)",
        ),
        (
            "CREATE TABLE t (a INT) WITH ('a' = 1)",
            "line 1, column 36: syntax error: expected its value in single quotes, found 1",
        ),
        (
            "CREATE TABLE t (a INT) WITH ('a' = '1', 'a' = '2')",
            "line 1, column 41: option 'a' is given twice (keep one)",
        ),
        ("CREATE TABLE t AS SELECT 1", "line 1, column 16: CREATE TABLE … AS SELECT is not supported"),
        ("CREATE TABLE t (a INT UNIQUE)", "line 1, column 23: constraint UNIQUE is not supported"),
        ("CREATE FUNCTION f AS 'x'", "line 1, column 1: CREATE FUNCTION is not supported (use the built-in functions"),
        ("CREATE CATALOG c", "line 1, column 1: CREATE CATALOG is not supported"),
        ("\n USE CATALOG c", "line 2, column 2: statement USE is not supported"),
        (
            "ALTER TABLE t RENAME TO u",
            "line 1, column 1: statement ALTER is not supported (change the CREATE TABLE statement)",
        ),
        ("SELECT \"a\" FROM t", "line 1, column 8: syntax error: unexpected double quotes around \"a\""),
        ("SELECT 'abc", "line 1, column 8: syntax error: Unterminated string literal"),
        ("SELECT * FROM t /*+ OPTIONS('a'='b') */", "line 1, column 17: a hint (/*+ … */) is not supported"),
        ("INSERT OVERWRITE t SELECT 1", "line 1, column 1: INSERT OVERWRITE is not supported"),
        (
            "EXECUTE STATEMENT SET BEGIN\nINSERT INTO a SELECT 1;",
            "line 1, column 1: syntax error: the statement set is not closed",
        ),
        ("EXECUTE STATEMENT SET BEGIN END", "line 1, column 1: the statement set is empty"),
        (
            "EXECUTE STATEMENT SET BEGIN SELECT 1; END",
            "line 1, column 29: syntax error: expected INSERT or END in the statement set, found SELECT",
        ),
        (
            "INSERT INTO t\nSELECT a FROM\nWHERE x",
            "line 3, column 1: syntax error: expected a table, found the reserved word WHERE (write `WHERE`)",
        ),
        (
            "SELECT b,\n  a 'x' FROM t",
            "line 2, column 3: syntax error: Expecting alias, found character literal 'x' (quote names by backticks)",
        ),
        ("SELECT 1 FROM (SELECT 1 AS 'x')", "line 1, column 23: syntax error: Expecting alias"),
        ("SELECT 1 FROM t 'x'", "line 1, column 15: syntax error: Expecting alias"),
        ("SELECT 'a' 'b' FROM t", "line 1, column 12: syntax error: String literal continued on same line"),
        ("INSERT INTO t SELECT a,, b FROM t", "line 1, column 24: syntax error: "),
        ("INSERT INTO t SELECT CAST(a AS FOO<INT>) FROM t", "line 1, column 32: syntax error: unknown data type FOO"),
    ] {
        let found = parse_script(sql).expect_err(sql).to_string();
        assert!(found.starts_with(error), "{sql}\n found: {found}\n wanted: {error}");
    }
}
