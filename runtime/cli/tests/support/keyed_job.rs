//! A job whose output hangs on the numbers of its rows and on nothing else: kills,
//! restarts and rescales may not change a row of it.

use super::{Running, rows};
use std::path::Path;
use std::time::Duration;

/// The job's sinks.
const SINKS: [&str; 3] = ["picked", "sums", "users"];

/// Everything hangs on the number of a row, nothing on the clock: `picked` is a row for a row, `sums` fires all the
/// time, `users` has every key until the end.
pub fn script(settings: &str, keys: u64, rate: u64, rows: u64, out: &str) -> String {
    let sink = |name: &str, columns: &str| {
        format!(
            "CREATE TABLE {name} ({columns}) WITH ('connector'='filesystem', 'path'='{out}/{name}', 'format'='csv');\n"
        )
    };
    let mut sql = settings.to_string();
    sql += &format!(
        "CREATE TABLE ids (id BIGINT, uid AS MOD(id * 48271, {keys}), amount AS MOD(id * 7, 1000),
                           ts AS TO_TIMESTAMP_LTZ(id, 3), WATERMARK FOR ts AS ts)
           WITH ('connector'='datagen', 'seed'='7', 'rows-per-second'='{rate}', 'fields.id.kind'='sequence',
                 'fields.id.start'='1', 'fields.id.end'='{rows}');\n"
    );
    sql += &sink("picked", "id BIGINT, uid BIGINT");
    sql += &sink("sums", "starts TIMESTAMP_LTZ(3), part BIGINT, cnt BIGINT, total BIGINT");
    sql += &sink("users", "uid BIGINT, cnt BIGINT, total BIGINT, first_id BIGINT, last_id BIGINT");
    sql + "EXECUTE STATEMENT SET BEGIN
         INSERT INTO picked SELECT id, uid FROM ids WHERE MOD(id, 10) = 0;
         INSERT INTO sums SELECT window_start, MOD(uid, 50), COUNT(*), SUM(amount)
           FROM TABLE(TUMBLE(TABLE ids, DESCRIPTOR(ts), INTERVAL '10' SECOND))
           GROUP BY window_start, window_end, MOD(uid, 50);
         INSERT INTO users SELECT uid, COUNT(*), SUM(amount), MIN(id), MAX(id)
           FROM TABLE(TUMBLE(TABLE ids, DESCRIPTOR(ts), INTERVAL '1' DAY)) GROUP BY window_start, window_end, uid;
       END;\n"
}

/// What a run that nobody disturbs writes, by sink.
pub fn undisturbed(keys: u64, rows_in: u64) -> Vec<Vec<String>> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("job.sql"), script("", keys, 1_000_000_000, rows_in, "out")).unwrap();
    let job = Running::start(dir.path(), &["run", "job.sql", "--no-rest", "-p", "2"]);
    job.end_within(Duration::from_secs(600)).ok("undisturbed");
    SINKS.iter().map(|sink| rows(&dir.path().join("out").join(sink))).collect()
}

/// Panics unless the sinks below `out` hold exactly that.
pub fn compare(out: &Path, expected: &[Vec<String>]) {
    for (sink, expected) in SINKS.iter().zip(expected) {
        let got = rows(&out.join(sink));
        let first = got.iter().zip(expected).find(|(a, b)| a != b);
        assert!(
            got == *expected,
            "{sink} has {} rows, an undisturbed run {}; first difference {first:?}",
            got.len(),
            expected.len()
        );
    }
}
