//! Uids of state: they stay where the meaning stays.

use super::{TABLES, plan};
use std::collections::BTreeMap;
use streamjob_engine::{JobGraph, NodeKind};

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

/// What has state, by its uid: the schemas under which it is kept.
fn states(graph: &JobGraph) -> BTreeMap<String, String> {
    let state = |kind: &NodeKind| match kind {
        NodeKind::Source(_) => Some("source".to_string()),
        NodeKind::Operator(o) => {
            let keyed = o.keyed_states();
            (o.has_operator_state() || !keyed.is_empty()).then(|| format!("{keyed:?}"))
        }
    };
    graph.nodes.iter().filter_map(|n| Some((n.uid.0.clone(), state(&n.kind)?))).collect()
}

#[test]
fn columns_that_are_not_used_change_no_uid_and_no_state() {
    for sql in [
        "INSERT INTO c SELECT a, SUM(b) FROM t GROUP BY a",
        "INSERT INTO c SELECT UPPER(a), SUM(b) FROM t WHERE b > 1 GROUP BY UPPER(a)",
        "INSERT INTO c SELECT a, SUM(b) FROM (SELECT * FROM t WHERE b > 1) GROUP BY a",
        "INSERT INTO c SELECT UPPER(p), SUM(q) FROM (SELECT a AS p, b AS q FROM t) GROUP BY UPPER(p)",
        "CREATE VIEW v AS SELECT * FROM t; INSERT INTO c SELECT a, COUNT(*) FROM v GROUP BY a",
        "INSERT INTO c SELECT 'all', COUNT(*) FROM t",
        "INSERT INTO c SELECT DISTINCT a, b FROM t",
        "INSERT INTO c SELECT a, b FROM t UNION SELECT a, b FROM t WHERE b > 1",
        "INSERT INTO c SELECT a, SUM(b) FROM (SELECT * FROM t UNION ALL SELECT * FROM t) GROUP BY a",
        "INSERT INTO c SELECT MAX(a), n FROM (SELECT a, SUM(b) AS n FROM t GROUP BY a) GROUP BY n",
        "INSERT INTO w SELECT window_start, COUNT(*), SUM(b) FROM TABLE(TUMBLE(TABLE e, DESCRIPTOR(ts), INTERVAL '1' HOUR))
         GROUP BY window_start, window_end",
        "INSERT INTO w SELECT window_start, b, MAX(b) FROM TABLE(TUMBLE(TABLE e, DESCRIPTOR(ts), INTERVAL '1' HOUR)) WHERE a <> 'x'
         GROUP BY b, window_start, window_end",
        "INSERT INTO w SELECT TUMBLE_START(ts, INTERVAL '1' HOUR), COUNT(*), 1 FROM e GROUP BY TUMBLE(ts, INTERVAL '1' HOUR)",
        "INSERT INTO w SELECT DISTINCT window_start, 1, b FROM TABLE(TUMBLE(TABLE e, DESCRIPTOR(ts), INTERVAL '1' HOUR))",
        "INSERT INTO w SELECT window_start, SUM(n), 1 FROM TABLE(TUMBLE(
           (SELECT window_time AS rt, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE e, DESCRIPTOR(ts), INTERVAL '1' HOUR))
            GROUP BY window_start, window_end, window_time), DESCRIPTOR(rt), INTERVAL '1' DAY)) GROUP BY window_start, window_end",
        "INSERT INTO w SELECT window_start, 1, SUM(b) FROM (SELECT * FROM TABLE(HOP(
           (SELECT * FROM e), DESCRIPTOR(ts), INTERVAL '1' HOUR, INTERVAL '2' HOUR))) GROUP BY window_start, window_end",
        "INSERT INTO w SELECT CURRENT_WATERMARK(ts), 1, b FROM e",
        "INSERT INTO w SELECT MAX(CURRENT_WATERMARK(ts)), COUNT(*), b FROM e WHERE a <> 'x' GROUP BY b",
    ] {
        let of = |more: &[&str; 3]| {
            let [front, between, behind] = more;
            let script = format!(
                "CREATE TABLE t ({front} a STRING, {between} b INT {behind}) WITH ('connector' = 'filesystem');
                 CREATE TABLE e ({front} a STRING, {between} b INT, ts TIMESTAMP(3) {behind}, WATERMARK FOR ts AS ts)
                   WITH ('connector' = 'filesystem');
                 CREATE TABLE c (k STRING, n BIGINT) WITH ('connector' = 'print');
                 CREATE TABLE w (s TIMESTAMP(3), n BIGINT, m INT) WITH ('connector' = 'print'); {sql}"
            );
            states(&plan(&script).unwrap_or_else(|e| panic!("{sql}\n{e}")).graph)
        };
        let base = of(&["", "", ""]);
        assert!(base.len() > 1, "{sql}: {base:?}");
        for more in [["x INT,", "", ""], ["", "x INT,", ""], ["", "", ", x INT"], ["x INT, y AS x + 1,", "z INT,", ""]] {
            assert_eq!(of(&more), base, "{more:?} {sql}");
        }
    }
}

#[test]
fn what_stands_behind_a_name_counts() {
    let of = |columns: &str| {
        uids(&format!("INSERT INTO counts SELECT MAX(uid), SUM(x - y) FROM (SELECT {columns}, uid FROM orders)"))
    };
    let base = of("qty AS x, id AS y");
    assert_eq!(of("id AS y, qty AS x"), base);
    assert_ne!(of("id AS x, qty AS y"), base);
}
