//! Whole scripts against fake connectors: plans as goldens, refusals as tables,
//! and the corpus that real Flink recorded.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use crate::{PlanContext, PlannedJob, explain_script, plan_script};
use std::sync::Arc;
use streamjob_core::options::Options;
use streamjob_core::table::TableDef;
use streamjob_core::{Error, Result};
use streamjob_engine::{Connectors, NodeKind, Operator, OperatorFactory, SinkFactory, Source, SourceFactory, TaskInfo};

/// Sources are bounded; sinks differ by their `connector`.
pub struct Fake;

struct FakeSource {
    parallelism: Option<u32>,
    bounded: bool,
    columns: usize,
}

impl SourceFactory for FakeSource {
    fn create(&self, _info: &TaskInfo) -> Result<Box<dyn Source>> {
        Err(Error::internal("a fake"))
    }
    fn bounded(&self) -> bool {
        self.bounded
    }
    fn parallelism(&self) -> Option<u32> {
        self.parallelism
    }
    /// Refuses what is no narrower list of its columns, as a connector that reads by place would have to.
    fn project(&self, columns: &[usize]) -> Option<Arc<dyn SourceFactory>> {
        assert!(columns.len() < self.columns && columns.iter().all(|c| *c < self.columns), "{columns:?}");
        Some(Arc::new(Self { columns: columns.len(), ..*self }))
    }
}

struct FakeSink {
    updates: bool,
    before: bool,
    parallelism: Option<u32>,
}

impl OperatorFactory for FakeSink {
    fn create(&self, _info: &TaskInfo) -> Result<Box<dyn Operator>> {
        Err(Error::internal("a fake"))
    }
}

impl SinkFactory for FakeSink {
    fn accepts_updates(&self) -> bool {
        self.updates
    }
    fn wants_update_before(&self) -> bool {
        self.before
    }
    fn parallelism(&self) -> Option<u32> {
        self.parallelism
    }
}

fn number(table: &TableDef, key: &str) -> Option<u32> {
    table.options.get(key).and_then(|v| v.parse().ok())
}

impl Connectors for Fake {
    fn source(&self, table: &TableDef) -> Result<Arc<dyn SourceFactory>> {
        let bounded = table.options.require(&table.name, "connector")? != "datagen";
        let columns = table.physical_schema().columns.len();
        Ok(Arc::new(FakeSource { parallelism: number(table, "scan.parallelism"), bounded, columns }))
    }
    fn sink(&self, table: &TableDef) -> Result<Arc<dyn SinkFactory>> {
        let (updates, before) = match table.options.require(&table.name, "connector")? {
            "print" | "blackhole" => (true, true),
            "upsert" => (true, false),
            "filesystem" => (false, false),
            other => return Err(Error::user(format!("table {}: connector '{other}' is not known", table.name))),
        };
        Ok(Arc::new(FakeSink { updates, before, parallelism: number(table, "sink.parallelism") }))
    }
}

pub const TABLES: &str = "
CREATE TABLE orders (id INT NOT NULL, uid STRING, amount DECIMAL(10, 2), qty INT, r ROW<a INT, b STRING>, ot TIMESTAMP(3),
  WATERMARK FOR ot AS ot - INTERVAL '5' SECOND) WITH ('connector' = 'filesystem');
CREATE TABLE plain (k STRING, v INT, big BIGINT, ts TIMESTAMP(3), f DOUBLE) WITH ('connector' = 'datagen');
CREATE TABLE clicks (ms BIGINT, who STRING, ts AS TO_TIMESTAMP_LTZ(ms, 3), p AS PROCTIME(),
  WATERMARK FOR ts AS ts) WITH ('connector' = 'filesystem');
CREATE TABLE counts (k STRING, n BIGINT) WITH ('connector' = 'print');
CREATE TABLE files (k STRING, n BIGINT) WITH ('connector' = 'filesystem');
CREATE TABLE upserts (k STRING, n BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('connector' = 'upsert');
CREATE TABLE windows (s TIMESTAMP(3), e TIMESTAMP(3), n BIGINT) WITH ('connector' = 'filesystem');
";

pub fn plan(sql: &str) -> Result<PlannedJob> {
    plan_with(sql, Options::default())
}

fn plan_with(sql: &str, options: Options) -> Result<PlannedJob> {
    plan_script(sql, &PlanContext { connectors: &Fake, options, now_ms: 0 })
}

fn explained(sql: &str) -> String {
    plan(&format!("{TABLES}{sql}")).unwrap_or_else(|e| panic!("{sql}\n{e}")).explain
}

#[test]
fn plans() {
    for (name, sql) in [
        ("project_filter", "INSERT INTO counts SELECT UPPER(k), CAST(v AS BIGINT) + 1 FROM plain WHERE v > 3"),
        ("cast_to_sink", "INSERT INTO counts SELECT k, v FROM plain"),
        ("insert_columns", "INSERT INTO counts (n) SELECT big FROM plain"),
        ("group_print", "INSERT INTO counts SELECT uid, COUNT(*) FROM orders GROUP BY uid"),
        ("group_upsert", "INSERT INTO upserts SELECT uid, COUNT(*) FROM orders GROUP BY uid"),
        ("group_upsert_having", "INSERT INTO upserts SELECT uid, COUNT(*) FROM orders GROUP BY uid HAVING COUNT(*) > 1"),
        (
            "group_expressions",
            "INSERT INTO counts SELECT CASE WHEN COUNT(*) > 1 THEN UPPER(k) ELSE 'x' END, SUM(v) * 2 + COUNT(DISTINCT v) FILTER (WHERE f > 1.0)
             FROM plain p WHERE p.v > 0 GROUP BY p.k, UPPER(k) HAVING MAX(plain_v) > 1 OR MIN(p.v) < 3"
                .replace("plain_v", "v")
                .as_str(),
        ),
        ("group_global", "INSERT INTO counts SELECT 'all', COUNT(*) FROM plain"),
        ("group_of_group", "INSERT INTO upserts SELECT CAST(n AS STRING), COUNT(*) FROM (SELECT uid, COUNT(*) AS n FROM orders GROUP BY uid) GROUP BY n"),
        ("distinct", "INSERT INTO counts SELECT DISTINCT k, big FROM plain"),
        ("union", "INSERT INTO counts SELECT k, v FROM plain UNION ALL SELECT uid, qty FROM orders UNION ALL SELECT 'c', big FROM plain"),
        ("union_distinct", "INSERT INTO counts SELECT k, big FROM plain UNION SELECT k, big FROM plain"),
        ("values", "INSERT INTO counts VALUES ('a', 1), (NULL, 2), ('long', 3)"),
        ("select_without_from", "INSERT INTO counts SELECT 'a', 1"),
        (
            "tumble",
            "INSERT INTO windows SELECT window_start, window_end, COUNT(*) FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ot), INTERVAL '1' HOUR))
             WHERE qty > 0 GROUP BY window_start, window_end",
        ),
        (
            "hop_keyed_time",
            "CREATE TABLE out (u STRING, t TIMESTAMP(3), s INT) WITH ('connector' = 'filesystem');
             INSERT INTO out SELECT uid, window_time, SUM(qty) FROM HOP(DATA => TABLE orders, TIMECOL => DESCRIPTOR(ot), SLIDE => INTERVAL '5' MINUTES, SIZE => INTERVAL '10' MINUTES, `OFFSET` => INTERVAL '1' MINUTE) AS w
             GROUP BY uid, window_time, window_end, w.window_start HAVING SUM(qty) > 1",
        ),
        (
            "window_attached_filter",
            "INSERT INTO windows SELECT window_start, window_end, COUNT(*) FROM TABLE(CUMULATE(TABLE orders, DESCRIPTOR(ot), INTERVAL '1' HOUR, INTERVAL '1' DAY))
             WHERE window_start > TIMESTAMP '2020-01-01 00:00:00' GROUP BY window_start, window_end",
        ),
        (
            "window_again",
            "INSERT INTO windows SELECT window_start, window_end, MAX(c) FROM (
               SELECT uid, window_start, window_end, COUNT(*) AS c FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ot), INTERVAL '1' HOUR)) GROUP BY uid, window_start, window_end)
             GROUP BY window_start, window_end",
        ),
        (
            "window_cascade",
            "INSERT INTO windows SELECT window_start, window_end, SUM(c) FROM TABLE(TUMBLE(
               (SELECT window_time AS rt, COUNT(*) AS c FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ot), INTERVAL '1' HOUR)) GROUP BY window_start, window_end, window_time),
               DESCRIPTOR(rt), INTERVAL '1' DAY)) GROUP BY window_start, window_end",
        ),
        (
            "window_rows",
            "INSERT INTO windows SELECT window_start, window_end, qty FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ot), INTERVAL '1' HOUR))",
        ),
        ("window_start_only", "CREATE TABLE o (s TIMESTAMP(3), n BIGINT) WITH ('connector' = 'print');
             INSERT INTO o SELECT window_start, COUNT(*) FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ot), INTERVAL '1' HOUR)) GROUP BY window_start"),
        (
            "window_distinct",
            "INSERT INTO windows SELECT DISTINCT window_start, window_end, CAST(qty AS BIGINT) FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ot), INTERVAL '1' HOUR))",
        ),
        (
            "window_ltz",
            "INSERT INTO windows SELECT window_start, window_end, COUNT(who) FROM TABLE(TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '1' DAY)) GROUP BY window_start, window_end",
        ),
        (
            "old_window",
            "INSERT INTO windows SELECT TUMBLE_START(ot, INTERVAL '1' HOUR), TUMBLE_END(ot, INTERVAL '1' HOUR), COUNT(*) FROM orders WHERE qty > 1 GROUP BY TUMBLE(ot, INTERVAL '1' HOUR), uid",
        ),
        (
            "view_and_with",
            "CREATE VIEW v (a, b) AS SELECT uid, qty FROM orders WHERE qty > 1;
             INSERT INTO counts WITH w AS (SELECT a, b FROM v), x (p, q) AS (SELECT b, a FROM w) SELECT q, CAST(p AS BIGINT) FROM x WHERE p < 9",
        ),
        (
            "statement_set",
            "EXECUTE STATEMENT SET BEGIN INSERT INTO counts SELECT uid, COUNT(*) FROM orders GROUP BY uid;
             INSERT INTO files SELECT uid, qty FROM orders; INSERT INTO counts SELECT uid, COUNT(*) FROM orders GROUP BY uid; END",
        ),
        (
            "not_null_and_parallelism",
            "SET 'parallelism.default' = '2';
             CREATE TABLE s (k STRING, n BIGINT NOT NULL, PRIMARY KEY (k) NOT ENFORCED) WITH ('connector' = 'print', 'sink.parallelism' = '3');
             INSERT INTO s SELECT uid, COUNT(*) FROM orders GROUP BY uid",
        ),
        ("current_watermark", "INSERT INTO windows SELECT ot, CURRENT_WATERMARK(o.ot), id FROM orders AS o WHERE ot > CURRENT_WATERMARK(ot) OR CURRENT_WATERMARK(ot) IS NULL"),
        ("star_and_row", "CREATE TABLE s (a INT, b STRING, id INT, uid STRING) WITH ('connector' = 'print');
             INSERT INTO s SELECT r.a, o.r.b, sub.* FROM (SELECT r, id, uid FROM orders) AS o, LATERAL_FREE"
            .replace(", sub.* FROM (SELECT r, id, uid FROM orders) AS o, LATERAL_FREE", ", o.id, o.uid FROM (SELECT * FROM orders) AS o").as_str()),
    ] {
        insta::assert_snapshot!(name, explained(sql));
    }
}

#[test]
fn explain_statements() {
    let ctx = PlanContext { connectors: &Fake, options: Options::default(), now_ms: 0 };
    let text = explain_script(&format!("{TABLES} EXPLAIN CHANGELOG_MODE SELECT uid, COUNT(*) AS n FROM orders GROUP BY uid; EXPLAIN INSERT INTO files SELECT k, v FROM plain"), &ctx).unwrap();
    insta::assert_snapshot!("explain_statements", text);
    let without = explain_script(&format!("{TABLES} INSERT INTO files SELECT k, v FROM plain"), &ctx).unwrap();
    assert!(text.ends_with(&without), "{without}");
}

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
        ("SELECT k, f FROM plain", "Cause: Incompatible types for sink column 'n' at position 1."),
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
fn options_come_from_the_manifest_first() {
    let mut manifest = Options::default();
    manifest.set("parallelism.default", "4").unwrap();
    let sql = format!(
        "{TABLES}SET 'parallelism.default' = '2'; SET 'state.backend' = 'hashmap'; SET 'pipeline.name' = 'n';
         SET 'table.exec.state.ttl' = '1 h'; RESET 'table.exec.state.ttl'; INSERT INTO files SELECT k, v FROM plain"
    );
    let job = plan_with(&sql, manifest).unwrap();
    assert_eq!(job.options.text("parallelism.default"), Some("4"));
    assert_eq!(job.options.text("state.backend.type"), Some("hashmap"));
    assert_eq!(job.options.explicit("table.exec.state.ttl"), None);
    assert_eq!(job.name.as_deref(), Some("n"));
    assert!(job.warnings.iter().any(|w| w.contains("the manifest or --set has '4'")), "{:?}", job.warnings);
    assert!(job.warnings.iter().any(|w| w.contains("old name of 'state.backend.type'")), "{:?}", job.warnings);
    assert!(!job.bounded);
    assert_eq!((job.sources, job.sinks), (vec!["plain".to_string()], vec!["files".to_string()]));
}

fn uids(sql: &str) -> Vec<String> {
    plan(&format!("{TABLES}{sql}"))
        .unwrap()
        .graph
        .nodes
        .iter()
        .map(|n| n.uid.0.clone())
        .filter(|u| u.contains("aggregate"))
        .collect()
}

#[test]
fn uids_of_state_stay_where_the_meaning_stays() {
    let base = uids("INSERT INTO counts SELECT uid, COUNT(*) FROM orders WHERE qty > 1 GROUP BY uid");
    for same in [
        "INSERT INTO counts SELECT uid AS who, COUNT(*) AS n FROM orders WHERE qty > 1 GROUP BY uid",
        "-- moved\n\nINSERT INTO files SELECT k, v FROM plain;\nINSERT INTO upserts\nSELECT o.uid, count(*) FROM orders o WHERE o.qty > 1 GROUP BY o.uid HAVING COUNT(*) > 0",
        "ALTERED INSERT INTO counts SELECT uid, COUNT(*) FROM orders WHERE qty > 1 GROUP BY uid"
            .trim_start_matches("ALTERED "),
    ] {
        assert_eq!(uids(same), base, "{same}");
    }
    for other in [
        "INSERT INTO counts SELECT uid, COUNT(*) FROM orders WHERE qty > 2 GROUP BY uid",
        "INSERT INTO counts SELECT uid, SUM(CAST(qty AS BIGINT)) FROM orders WHERE qty > 1 GROUP BY uid",
        "INSERT INTO counts SELECT CAST(qty AS STRING), COUNT(*) FROM orders WHERE qty > 1 GROUP BY qty",
    ] {
        assert_ne!(uids(other), base, "{other}");
    }
    let twice = uids(
        "INSERT INTO counts SELECT uid, COUNT(*) FROM orders GROUP BY uid; INSERT INTO counts SELECT uid, COUNT(*) FROM orders GROUP BY uid",
    );
    assert_eq!(twice[1], format!("{}-2", twice[0]));
}

/// Scripts of the corpus that Flink runs and that are out of our scope.
fn out_of_scope() -> Vec<&'static str> {
    let text = include_str!("../../../tests/goldens/differences.txt");
    let (_, refused) = text.split_once("## Refused by name\n").unwrap();
    refused.lines().filter_map(|l| l.split_once(": ")).map(|(name, _)| name).collect()
}

/// Scripts of the corpus that fail only when they run, or in a connector.
const FAILS_LATER: &[&str] = &[
    "cast_fail_",
    "cast_sink_not_null",
    "format_",
    "number_div_zero",
    "string_json_fail_",
    "window_null_time",
    "error_csv_option_value",
    "error_missing_option",
    "error_source_missing_file",
    "error_unknown_format",
    "error_unknown_option",
    "error_unknown_connector",
];

#[test]
fn what_flink_accepts_is_planned_and_what_it_refuses_is_refused() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/goldens/sql");
    let (mut wrong, mut checked) = (Vec::new(), 0);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    for path in files.iter().filter(|p| p.extension().is_some_and(|e| e == "sql")) {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let Ok(expected) = std::fs::read_to_string(path.with_extension("expected")) else { continue };
        checked += 1;
        let result = plan(&std::fs::read_to_string(path).unwrap());
        let out_of_scope = out_of_scope().contains(&name.as_str());
        match (expected.starts_with("ERROR"), &result) {
            (false, Err(e)) if !out_of_scope => wrong.push(format!("{name}: {e}")),
            (false, Ok(_)) if out_of_scope => wrong.push(format!("{name}: is planned, take it off the list")),
            (true, Ok(_)) if !FAILS_LATER.iter().any(|p| name.starts_with(p)) => {
                wrong.push(format!("{name}: planned, but Flink says {}", expected.lines().nth(1).unwrap_or("")));
            }
            _ => {}
        }
    }
    assert!(checked > 60, "{checked} scripts");
    assert!(wrong.is_empty(), "{} of {checked}\n{}", wrong.len(), wrong.join("\n"));
}

/// Width of what each source of the statements gives.
fn widths(sql: &str) -> Vec<usize> {
    let nodes = plan(&format!("{TABLES}{sql}")).unwrap_or_else(|e| panic!("{sql}\n{e}")).graph.nodes;
    nodes.iter().filter(|n| matches!(n.kind, NodeKind::Source(_))).map(|n| n.schema.columns.len()).collect()
}

#[test]
fn sources_give_the_columns_that_are_read() {
    for (sql, wanted) in [
        // All columns under other names: those of the sink.
        ("INSERT INTO upserts SELECT * FROM (SELECT k AS a, n AS b FROM files)", vec![2]),
        (
            "CREATE TABLE other (a STRING, b BIGINT) WITH ('connector'='print'); INSERT INTO other SELECT * FROM files",
            vec![2],
        ),
        ("INSERT INTO counts SELECT k, 1 FROM files", vec![1]),
        // One scan for both statements, with what either reads.
        (
            "EXECUTE STATEMENT SET BEGIN INSERT INTO counts SELECT k, v FROM plain; INSERT INTO files SELECT k, big FROM plain; END",
            vec![3],
        ),
        ("INSERT INTO counts SELECT UPPER(k), big FROM plain WHERE f > 1", vec![3]),
    ] {
        assert_eq!(widths(sql), wanted, "{sql}");
    }
}
