//! What is refused, with the construct, its place and the cure.

use super::{TABLES, plan};

#[test]
fn refusals_name_construct_place_and_cure() {
    for (sql, error) in [
        (
            "SELECT k FROM plain JOIN orders ON k = uid",
            "line 1, column 26: JOIN is not supported (join in the source system",
        ),
        ("SELECT k FROM plain LEFT JOIN orders ON k = uid", "LEFT JOIN is not supported"),
        ("SELECT k FROM plain, orders", "line 1, column 22: a join (comma in FROM) is not supported"),
        ("SELECT k FROM plain ORDER BY k", "line 1, column 30: ORDER BY is not supported"),
        ("SELECT k FROM plain LIMIT 10", "LIMIT or OFFSET is not supported"),
        (
            "SELECT k, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v) FROM plain",
            "line 1, column 11: an OVER window is not supported",
        ),
        (
            "SELECT k FROM plain WHERE v IN (SELECT qty FROM orders)",
            "line 1, column 27: IN (SELECT …) is not supported",
        ),
        ("SELECT k FROM plain WHERE EXISTS (SELECT 1)", "EXISTS (SELECT …) is not supported"),
        ("SELECT (SELECT 1), v FROM plain", "a scalar subquery is not supported"),
        ("SELECT k, v FROM plain INTERSECT SELECT k, v FROM plain", "INTERSECT is not supported"),
        ("SELECT k, COUNT(*) FROM plain GROUP BY GROUPING SETS ((k), ())", "GROUPING SETS is not supported"),
        ("SELECT k, COUNT(*) FROM plain GROUP BY ROLLUP (k)", "ROLLUP is not supported"),
        ("SELECT k, x FROM plain CROSS JOIN UNNEST(a) AS t (x)", "CROSS JOIN UNNEST is not supported"),
        ("SELECT k, x FROM plain, LATERAL TABLE(f(k)) AS t (x)", "a join (comma in FROM) is not supported"),
        (
            "SELECT window_start, 1 FROM TABLE(SESSION(TABLE orders, DESCRIPTOR(ot), INTERVAL '1' HOUR))",
            "a SESSION window is not supported",
        ),
        (
            "SELECT window_start, 1 FROM TABLE(SESSION(TABLE orders PARTITION BY uid, DESCRIPTOR(ot), INTERVAL '1' HOUR))",
            "a SESSION window is not supported",
        ),
        (
            "SELECT window_start, 1 FROM TABLE(TUMBLE(TABLE orders PARTITION BY uid, DESCRIPTOR(ot), INTERVAL '1' HOUR))",
            "line 1, column 42: PARTITION BY in TUMBLE is not supported",
        ),
        (
            "SELECT JSON_VALUE(k, '$.a' NULL ON ERROR NULL ON EMPTY), v FROM plain",
            "line 1, column 47: syntax error: expected at most one ON EMPTY, then at most one ON ERROR",
        ),
        (
            "SELECT window_start, 1 FROM TABLE(TUMBLE(TABLE plain, DESCRIPTOR(ts), INTERVAL '1' HOUR))",
            "line 1, column 55: The window function requires the timecol is a time attribute type, but is TIMESTAMP(3)",
        ),
        (
            "SELECT window_start, 1 FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ott), INTERVAL '1' HOUR))",
            "column 'ott' not found in the table of TUMBLE (did you mean 'ot'?)",
        ),
        ("SELECT window_start, 1 FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ot)))", "TUMBLE needs its SIZE argument"),
        (
            "SELECT window_start, 1 FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ot), INTERVAL '1' MONTH))",
            "SIZE of TUMBLE must be an interval of days",
        ),
        (
            "SELECT window_start, 1 FROM TABLE(TUMBLE(orders, DESCRIPTOR(ot), INTERVAL '1' HOUR))",
            "the first argument of TUMBLE is a table (write TABLE orders)",
        ),
        (
            "SELECT window_start, COUNT(*) FROM TABLE(HOP(TABLE orders, DESCRIPTOR(ot), INTERVAL '3' SECOND, INTERVAL '10' SECOND)) GROUP BY window_start, window_end",
            "integral multiple of slide, but got size 10000 ms and slide 3000 ms",
        ),
        (
            "SELECT window_start, COUNT(*) FROM TABLE(TUMBLE(TABLE clicks, DESCRIPTOR(p), INTERVAL '1' HOUR)) GROUP BY window_start, window_end",
            "processing time",
        ),
        ("SELECT k, v FROM plan", "line 1, column 18: table or view 'plan' does not exist (did you mean 'plain'?)"),
        ("SELECT k, vv FROM plain", "line 1, column 11: "),
        (
            "SELECT v, COUNT(*) FROM plain GROUP BY k",
            "line 1, column 8: Expression 'v' is not being grouped (add it to GROUP BY, or aggregate it)",
        ),
        ("SELECT k, SUM(COUNT(*)) FROM plain GROUP BY k", "line 1, column 15: Aggregate expressions cannot be nested"),
        (
            "SELECT k, v FROM plain WHERE COUNT(*) > 1",
            "line 1, column 30: Aggregate expression is illegal in WHERE clause",
        ),
        ("SELECT k, v FROM plain WHERE v", "line 1, column 30: WHERE clause must be a condition"),
        (
            "SELECT k, SUM(k) FROM plain GROUP BY k",
            "line 1, column 11: Cannot apply 'SUM' to arguments of type 'SUM(<STRING>)'",
        ),
        ("SELECT k, COLLECT(v) FROM plain GROUP BY k", "aggregate function COLLECT is not supported"),
        (
            "SELECT k, v, f FROM plain",
            "Column types of query result and sink for 'default_catalog.default_database.counts' do not match.\nCause: Different number of columns.\n\nQuery schema: [k: STRING, v: INT, f: DOUBLE]\nSink schema:  [k: STRING, n: BIGINT]",
        ),
        ("SELECT k, f FROM plain", "Cause: Incompatible types for sink column 'n' at position 2."),
        ("SELECT k, v FROM plain UNION ALL SELECT k FROM plain", "Column count mismatch in UNION ALL"),
        (
            "SELECT k, v FROM plain UNION ALL SELECT v, v FROM plain",
            "Type mismatch in column 1 of UNION ALL: STRING, INT",
        ),
        (
            "SELECT * FROM MATCHED MATCH_RECOGNIZE (ORDER BY ts MEASURES A.v AS x PATTERN (A) DEFINE A AS v > 1)",
            "MATCH_RECOGNIZE is not supported",
        ),
    ] {
        // Tables first, so that places count from the INSERT's own line.
        let script = format!("{}INSERT INTO counts\n{sql}", TABLES.replace('\n', " "));
        let found =
            plan(&script).err().unwrap_or_else(|| panic!("planned: {sql}")).to_string().replace("line 2,", "line 1,");
        assert!(found.contains(error), "{sql}\n found: {found}\n wanted: {error}");
        assert!(found.starts_with("line "), "{sql}\n without place: {found}");
    }
}

#[test]
fn scripts_are_refused() {
    for (sql, error) in [
        ("", "the script has no INSERT statement"),
        (
            "SELECT 1",
            "line 1, column 1: a query at the top of a script has no sink for its rows (INSERT INTO a table with 'connector' = 'print')",
        ),
        (
            "INSERT INTO nowhere SELECT 1",
            "line 1, column 13: table or view 'nowhere' does not exist (declare it by CREATE TABLE before)",
        ),
        (
            "SET 'parallelism.defalt' = '1'",
            "line 1, column 1: unknown option 'parallelism.defalt' (did you mean 'parallelism.default'?)",
        ),
        ("CREATE TABLE t (a INT, a INT)", "line 1, column 24: column 'a' of table 't' is declared twice"),
        ("CREATE TABLE t (a INT); CREATE TABLE t (b INT)", "table or view 't' exists already"),
        ("CREATE TABLE t (a INT, b AS c + 1)", "line 1, column 29: "),
        ("CREATE TABLE t (a TIMESTAMP(6), WATERMARK FOR a AS a)", "but the time field type is TIMESTAMP(6)"),
        ("CREATE TABLE t (a INT, PRIMARY KEY (b) NOT ENFORCED)", "primary key column 'b' is not a column"),
        ("CREATE TABLE t (a INT) PARTITIONED BY (b)", "partition column 'b' is not a column"),
        ("CREATE TABLE t (a INT) LIKE u", "table or view 'u' does not exist"),
        ("DROP TABLE nothing", "table or view 'nothing' does not exist"),
        ("CREATE VIEW v AS SELECT 1 AS a; DROP TABLE v", "'v' is a view, not a table (use DROP VIEW)"),
        ("CREATE VIEW v AS SELECT 1 AS a; INSERT INTO v SELECT 1", "'v' is a view and takes no rows"),
        ("CREATE VIEW v (a, b) AS SELECT 1", "List of column aliases must have same degree as table"),
        (
            "CREATE TABLE t (a INT, m STRING METADATA) WITH ('connector' = 'print'); INSERT INTO t SELECT 1, 'x'",
            "metadata column 'm' is not supported",
        ),
        (
            "CREATE TABLE t (a INT) WITH ('connector' = 'pigeon'); INSERT INTO t SELECT 1",
            "line 1, column 1: table t: connector 'pigeon' is not known",
        ),
        ("CREATE TABLE other.t (a INT)", "catalog or database of 'other.t' does not exist"),
    ] {
        let found = plan(sql).err().unwrap_or_else(|| panic!("planned: {sql}")).to_string();
        assert!(found.contains(error), "{sql}\n found: {found}\n wanted: {error}");
    }
}

#[test]
fn changes_meet_sinks() {
    for (sql, error) in [
        (
            "INSERT INTO files SELECT k, COUNT(*) FROM plain GROUP BY k",
            "Table sink 'default_catalog.default_database.files' doesn't support consuming update changes which is produced by node GroupAggregate(groupBy=[k], select=[k, COUNT(*)",
        ),
        (
            "INSERT INTO files SELECT DISTINCT k, big FROM plain",
            "update changes which is produced by node GroupAggregate(groupBy=[k, big], select=[k, big])",
        ),
        (
            "INSERT INTO files SELECT MAX(k), n FROM (SELECT k, COUNT(*) AS n FROM plain GROUP BY k) GROUP BY n",
            "update and delete changes which is produced by node GroupAggregate(groupBy=[n]",
        ),
        (
            "CREATE TABLE s (k STRING, n BIGINT, PRIMARY KEY (n) NOT ENFORCED) WITH ('connector' = 'print');
             INSERT INTO s SELECT k, COUNT(*) FROM plain GROUP BY k",
            "Primary key: [n], upsert key: [k]",
        ),
        (
            "CREATE TABLE s (k STRING, n BIGINT) WITH ('connector' = 'print', 'sink.parallelism' = '3');
             INSERT INTO s SELECT k, COUNT(*) FROM plain GROUP BY k",
            "has a configured parallelism of 3, while the input parallelism is 1",
        ),
    ] {
        let found = plan(&format!("{TABLES}{sql}")).err().unwrap_or_else(|| panic!("planned: {sql}")).to_string();
        assert!(found.contains(error), "{sql}\n found: {found}\n wanted: {error}");
    }
}

#[test]
fn what_the_engine_would_refuse_is_refused_with_its_place() {
    for (sql, error) in [
        (
            "INSERT INTO counts SELECT k, COUNT(DISTINCT ROW(k, v)) FROM plain GROUP BY k",
            "line 1, column 30: COUNT(DISTINCT",
        ),
        (
            "INSERT INTO counts SELECT 'a', CARDINALITY(FIRST_VALUE(ARRAY[v])) FROM plain",
            "line 1, column 44: FIRST_VALUE(",
        ),
        (
            "INSERT INTO windows SELECT TUMBLE_START(ot, INTERVAL '2' HOUR), TUMBLE_END(ot, INTERVAL '1' HOUR), COUNT(*)
             FROM orders GROUP BY TUMBLE(ot, INTERVAL '1' HOUR)",
            "line 1, column 28: Call to auxiliary group function 'TUMBLE_START' must have matching call to group function \
             'TUMBLE' in GROUP BY clause",
        ),
        (
            "INSERT INTO upserts SELECT UPPER(uid), n FROM (SELECT uid, COUNT(*) AS n FROM orders GROUP BY uid)",
            "Primary key: [k], upsert key: []",
        ),
        (
            "INSERT INTO upserts SELECT uid, n FROM (SELECT uid, COUNT(*) AS n FROM orders GROUP BY uid) UNION ALL SELECT 'x', 1",
            "Primary key: [k], upsert key: []",
        ),
        ("EXPLAIN INSERT INTO counts SELECT k, v FROM plain", "use `streamjob explain`"),
    ] {
        // The tables stand behind line 1.
        let script = format!("{sql};");
        let tables = TABLES.replace('\n', " ");
        let e = plan(&format!("{tables}\n{script}")).err().unwrap_or_else(|| panic!("accepted: {sql}")).to_string();
        assert!(e.replace("line 2,", "line 1,").contains(error), "{sql}\n{e}");
    }
    for sql in [
        "INSERT INTO upserts SELECT CAST(id AS STRING), n FROM (SELECT id, COUNT(*) AS n FROM orders GROUP BY id)",
        "INSERT INTO upserts SELECT 'all', COUNT(*) FROM orders",
        "INSERT INTO counts TABLE upserts",
        "CREATE OR REPLACE VIEW v AS SELECT k, big FROM plain; INSERT INTO counts TABLE v",
        "INSERT INTO windows SELECT tumble_start(o.ot, INTERVAL '1' hour), TUMBLE_END(ot, INTERVAL '1' HOUR), COUNT(*)
         FROM orders AS o GROUP BY TUMBLE(ot, INTERVAL '1' HOUR)",
    ] {
        assert!(plan(&format!("{TABLES}{sql}")).is_ok(), "{sql}\n{}", plan(&format!("{TABLES}{sql}")).err().unwrap());
    }
}
