//! Uids of state: they stay where the meaning stays.

use super::{TABLES, plan};
use std::collections::{BTreeMap, BTreeSet};
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

/// The uids of what has state between sources and each sink.
fn by_sink(sql: &str) -> BTreeMap<String, BTreeSet<String>> {
    let graph = plan(&format!("{TABLES}{sql}")).unwrap_or_else(|e| panic!("{sql}\n{e}")).graph;
    let states = states(&graph);
    let mut all = BTreeMap::new();
    for (sink, node) in graph.nodes.iter().enumerate() {
        let Some(name) = node.name.strip_prefix("Sink: ") else { continue };
        let (mut todo, mut found) = (vec![sink], BTreeSet::new());
        while let Some(id) = todo.pop() {
            found.extend(Some(graph.nodes[id].uid.0.clone()).filter(|u| states.contains_key(u)));
            todo.extend(graph.edges.iter().filter(|e| e.to == id).map(|e| e.from));
        }
        assert!(all.insert(name.to_string(), found).is_none(), "{sql}");
    }
    all
}

/// Tables for one more INSERT of each kind.
const MORE: &str = "CREATE TABLE a_counts (k STRING, n BIGINT) WITH ('connector' = 'print');
CREATE TABLE a_windows (s TIMESTAMP(3), e TIMESTAMP(3), n BIGINT) WITH ('connector' = 'filesystem');
CREATE VIEW per_uid AS SELECT uid, COUNT(*) AS n FROM orders GROUP BY uid;
CREATE VIEW per_hour AS SELECT window_start, window_end, COUNT(*) AS n
  FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ot), INTERVAL '1' HOUR)) GROUP BY window_start, window_end;
";

#[test]
fn a_twin_in_front_shares_the_state_and_moves_none() {
    for (old, twin) in [
        ("INSERT INTO upserts SELECT * FROM per_uid", "INSERT INTO a_counts SELECT * FROM per_uid"),
        (
            "INSERT INTO upserts SELECT * FROM per_uid",
            "INSERT INTO a_counts SELECT uid, n * 2 FROM per_uid WHERE n > 1",
        ),
        (
            "INSERT INTO upserts SELECT uid, COUNT(*) FROM orders GROUP BY uid",
            "INSERT INTO a_counts SELECT o.uid AS u, COUNT(*) AS c FROM orders AS o GROUP BY o.uid",
        ),
        (
            "INSERT INTO counts SELECT DISTINCT k, big FROM plain",
            "INSERT INTO a_counts SELECT DISTINCT k, big FROM plain",
        ),
        ("INSERT INTO windows SELECT * FROM per_hour", "INSERT INTO a_windows SELECT * FROM per_hour WHERE n > 1"),
        (
            "INSERT INTO windows SELECT ot, CURRENT_WATERMARK(ot), id FROM orders",
            "INSERT INTO a_windows SELECT CURRENT_WATERMARK(ot), ot, qty FROM orders",
        ),
        ("INSERT INTO counts VALUES ('a', 1)", "INSERT INTO a_counts VALUES ('a', 1)"),
    ] {
        let before = by_sink(&format!("{MORE}{old}"));
        let after = by_sink(&format!("{MORE}{twin}; {old}"));
        assert_eq!(after.len(), 2, "{after:?}");
        for (sink, uids) in &before {
            assert!(!uids.is_empty(), "{old}");
            assert_eq!(&after[sink], uids, "{twin}; {old}");
        }
        // One state for both, and nothing more.
        assert!(after.values().all(|uids| before.values().any(|b| b == uids)), "{after:?}");
    }
}

#[test]
fn twins_that_cannot_be_shared_take_no_state_of_each_other() {
    let numbered = "SELECT uid, COUNT(*) FROM (SELECT uid, RAND() AS r FROM orders) WHERE r > 0.5 GROUP BY uid";
    let local =
        "SELECT window_start, window_end, COUNT(*) FROM TABLE(TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '1' DAY))
                 GROUP BY window_start, window_end";
    for (old, set, twin) in [
        (format!("INSERT INTO counts {numbered}"), "", format!("INSERT INTO a_counts {numbered}")),
        (
            "INSERT INTO counts SELECT * FROM per_uid".to_string(),
            "SET 'table.exec.state.ttl' = '1 h';",
            "INSERT INTO a_counts SELECT * FROM per_uid".to_string(),
        ),
        (
            format!("INSERT INTO windows {local}"),
            "SET 'table.local-time-zone' = 'Europe/Berlin';",
            format!("INSERT INTO a_windows {local}"),
        ),
    ] {
        let before = by_sink(&format!("{MORE}{old}"));
        let reset = if set.is_empty() { "" } else { "RESET;" };
        let after = by_sink(&format!("{MORE}{set}{twin};{reset}{old}"));
        let (sink, old_uids) = before.iter().next().unwrap();
        let own =
            |uids: &BTreeSet<String>| uids.iter().filter(|u| !u.starts_with("source")).cloned().collect::<Vec<_>>();
        let (new_twin, new_old) = after
            .iter()
            .fold((vec![], vec![]), |(t, o), (name, uids)| if name == sink { (t, own(uids)) } else { (own(uids), o) });
        assert_eq!((new_twin.len(), new_old.len()), (1, 1), "{after:?}");
        assert_ne!(new_twin, new_old, "{after:?}");
        assert!(new_twin.iter().chain(&new_old).all(|u| !old_uids.contains(u)), "a twin took {old_uids:?}: {after:?}");
        // The order of the statements does not matter.
        assert_eq!(by_sink(&format!("{MORE}{old};{set}{twin}")), after);
    }
}

#[test]
fn aggregate_calls_that_nobody_reads_are_not_made() {
    let base = uids("INSERT INTO counts SELECT uid, COUNT(*) FROM orders GROUP BY uid");
    for same in [
        "INSERT INTO counts SELECT uid, n FROM (SELECT uid, COUNT(*) AS n, SUM(qty) AS s FROM orders GROUP BY uid)",
        "INSERT INTO counts SELECT uid, n FROM (SELECT uid, MAX(id) AS m, COUNT(*) AS n FROM orders GROUP BY uid)",
        "CREATE VIEW v (u, s, n) AS SELECT uid, SUM(qty), COUNT(*) FROM orders GROUP BY uid; INSERT INTO counts SELECT u, n FROM v",
        "INSERT INTO counts WITH q (a, b, c) AS (SELECT uid, COUNT(*), SUM(qty) FROM orders GROUP BY uid) SELECT a, b FROM q",
    ] {
        assert_eq!(uids(same), base, "{same}");
    }
    let explained = super::explained(
        "INSERT INTO counts SELECT 'all', COUNT(*) FROM (SELECT uid, COUNT(*) AS n, SUM(qty) AS s FROM orders GROUP BY uid)",
    );
    assert!(explained.contains("GroupAggregate(groupBy=[uid], select=[uid], changelogMode"), "{explained}");
    assert!(!explained.contains("qty"), "{explained}");
}

#[test]
fn an_insert_that_reads_more_of_a_view_moves_no_state_of_another() {
    let view = "CREATE VIEW v AS SELECT uid, COUNT(*) AS n, SUM(qty) AS s FROM orders GROUP BY uid;
                CREATE VIEW w AS SELECT window_start, window_end, COUNT(*) AS n, MAX(qty) AS m
                  FROM TABLE(HOP(TABLE orders, DESCRIPTOR(ot), INTERVAL '1' HOUR, INTERVAL '2' HOUR))
                  GROUP BY window_start, window_end;";
    for (old, more) in [
        ("INSERT INTO upserts SELECT uid, n FROM v", "INSERT INTO a_counts SELECT uid, s FROM v"),
        ("INSERT INTO upserts SELECT uid, n FROM v", "INSERT INTO a_counts SELECT uid, s + n FROM v"),
        (
            "INSERT INTO windows SELECT window_start, window_end, n FROM w",
            "INSERT INTO a_windows SELECT window_start, window_end, m FROM w",
        ),
    ] {
        let before = by_sink(&format!("{MORE}{view}{old}"));
        let after = by_sink(&format!("{MORE}{view}{more}; {old}"));
        for (sink, uids) in &before {
            assert_eq!(&after[sink], uids, "{more}; {old}");
        }
        let all: BTreeSet<_> = after.values().flatten().collect();
        assert_eq!(all.len(), 3, "the source and an aggregate each: {after:?}");
    }
}
