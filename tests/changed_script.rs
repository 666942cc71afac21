//! A script that changed between a savepoint and the start from it: what was
//! computed before goes on where it was.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use streamjob_cluster::RestoreFrom;
use streamjob_core::StopMode;
use streamjob_tests::{Backend, Bench, Gate, Start, end, quiesce, stop};

const TABLES: &str = "
CREATE TABLE events (id INT, k STRING, v INT, ts TIMESTAMP(3))
  WITH ('connector' = 'filesystem', 'path' = '${DATA}/events.csv', 'format' = 'csv', 'csv.null-literal' = 'NULL');
CREATE TABLE old_sink (k STRING, n BIGINT) WITH ('connector' = 'print', 'print-identifier' = 'old');
CREATE TABLE new_sink (k STRING, n BIGINT) WITH ('connector' = 'print', 'print-identifier' = 'new');
CREATE VIEW by_key AS SELECT k, COUNT(*) AS n FROM events GROUP BY k;
";

#[test]
fn a_twin_in_front_shares_the_state_and_the_old_sink_goes_on() {
    let tables = TABLES.replace("${DATA}", concat!(env!("CARGO_MANIFEST_DIR"), "/goldens/data"));
    let old = "INSERT INTO old_sink SELECT * FROM by_key;";
    let whole = Bench::new().unwrap();
    let start = |from: RestoreFrom| Start { backend: Backend::Heap, parallelism: 1, from, workers: 0, options: vec![] };
    let all = whole.run(&format!("{tables}{old}"), &start(RestoreFrom::None)).unwrap();

    let bench = Bench::new().unwrap();
    let gate = Gate::after(5);
    let job = bench.start(&format!("{tables}{old}"), &start(RestoreFrom::None), &gate).unwrap();
    quiesce(&job, &gate, || bench.lines().len()).unwrap();
    let savepoint = stop(job, StopMode::Suspend).unwrap().expect("stopped before its end");
    let before = bench.lines().len();
    assert!(before > 0 && before < all.len(), "{before} of {} lines", all.len());

    let both = format!("{tables}INSERT INTO new_sink SELECT * FROM by_key; {old}");
    end(bench.start(&both, &start(RestoreFrom::Path(savepoint)), &Gate::open()).unwrap()).unwrap();
    let lines = bench.lines();
    let of = |sink: &str| lines.iter().filter(|l| l.starts_with(sink)).cloned().collect::<Vec<_>>();
    // The old sink as if nothing had been, the new one from here on.
    assert_eq!(of("old"), all);
    let new: Vec<String> = all.iter().skip(before).map(|l| l.replacen("old", "new", 1)).collect();
    assert_eq!(of("new"), new);
}
