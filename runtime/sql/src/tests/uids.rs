//! Uids of state: they stay where the meaning stays.

use super::{TABLES, plan};

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
