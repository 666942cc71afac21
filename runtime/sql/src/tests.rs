//! Whole scripts against fake connectors: plans as goldens.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod corpus;
mod refusals;
mod uids;

use crate::{PlanContext, PlannedJob, explain_script, plan_script};
use std::sync::Arc;
use streamjob_core::options::Options;
use streamjob_core::table::TableDef;
use streamjob_core::{Error, Result};
use streamjob_engine::chain::chain;
use streamjob_engine::{
    Connectors, Exchange, NodeKind, Operator, OperatorFactory, SinkFactory, Source, SourceFactory, TaskInfo,
};

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
        (
            "reused",
            "CREATE TABLE others (k STRING, n BIGINT) WITH ('connector' = 'print');
             CREATE VIEW v AS SELECT uid, COUNT(*) AS n FROM orders WHERE qty > 1 GROUP BY uid;
             INSERT INTO upserts SELECT * FROM v; INSERT INTO counts SELECT UPPER(uid), n FROM v;
             INSERT INTO others SELECT * FROM v UNION ALL SELECT * FROM v",
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

#[test]
fn changes_into_a_sink_of_fixed_parallelism_stay_in_order_at_any_parallelism() {
    let exchange = |sink: &str, parallelism: u32| {
        let sql = format!(
            "{TABLES}CREATE TABLE s (k STRING, n BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('connector' = 'print', 'sink.parallelism' = '2');
             CREATE TABLE bare (k STRING, n BIGINT) WITH ('connector' = 'print', 'sink.parallelism' = '2');
             CREATE TABLE one (k STRING, n BIGINT) WITH ('connector' = 'print', 'sink.parallelism' = '1');
             SET 'parallelism.default' = '2'; INSERT INTO {sink} SELECT k, COUNT(*) FROM plain GROUP BY k"
        );
        let graph = plan(&sql).unwrap().graph;
        let cut = chain(&graph, parallelism, 128, true).map_err(|e| e.to_string())?;
        // The last edge leads to the sink, when that is not chained.
        let sink = cut.vertices.iter().position(|v| v.info.name.contains("Sink")).unwrap();
        let into = cut.edges.iter().find(|e| e.to == sink).unwrap();
        Ok::<_, String>(match cut.vertices[sink].info.name.starts_with("Sink") {
            true => into.exchange.clone(),
            false => Exchange::Forward,
        })
    };
    assert_eq!(exchange("s", 2), Ok(Exchange::Forward));
    assert_eq!(exchange("s", 4), Ok(Exchange::Hash(vec![0])));
    assert_eq!(exchange("s", 1), Ok(Exchange::Hash(vec![0])));
    assert_eq!(exchange("bare", 2), Ok(Exchange::Forward));
    let refused = exchange("bare", 4).unwrap_err();
    assert!(refused.contains("Sink: bare has a parallelism of 2") && refused.contains("PRIMARY KEY"), "{refused}");
    assert_eq!(exchange("one", 4), Ok(Exchange::Global));
    assert_eq!(exchange("one", 1), Ok(Exchange::Forward));
}

#[test]
fn changes_in_a_union_of_several_parallelisms_stay_in_order_at_any_parallelism() {
    let sql = format!(
        "{TABLES}INSERT INTO counts SELECT k, COUNT(*) FROM plain GROUP BY k UNION ALL SELECT 'all', COUNT(*) FROM plain"
    );
    let graph = plan(&sql).unwrap().graph;
    for parallelism in [1, 4] {
        let cut = chain(&graph, parallelism, 128, true).unwrap();
        let union = cut.vertices.iter().position(|v| v.info.name.starts_with("Union")).unwrap();
        assert_eq!(cut.vertices[union].info.parallelism, 1);
        assert!(cut.edges.iter().filter(|e| e.to == union).all(|e| e.exchange == Exchange::Global), "{:?}", cut.edges);
    }
}
