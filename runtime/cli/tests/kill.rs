//! Exactly-once against the worst: the process is killed with SIGKILL at random
//! moments and started again until its input is done. The committed output must
//! be that of a run that nobody disturbed, row for row. On heap and RocksDB;
//! files and checkpoints in folders and on S3.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use support::s3::{Conditions, Meta, S3};
use support::{Random, Running, parts, rows, run, seed};

/// Rows of the generated input, made at so many a second: the time in which kills can land.
const ROWS: u64 = 160_000;
const RATE: u64 = 20_000;
/// Rows of the input that lies in files, which is read as fast as it goes.
const LINES: u64 = 200_000;
const KILLS: usize = 10;

/// The job's sinks.
const SINKS: [&str; 3] = ["big", "sums", "copies"];

fn script(input: &Path, out: &str, options: &[(&str, String)]) -> String {
    let mut sql: String = options.iter().map(|(k, v)| format!("SET '{k}' = '{v}';\n")).collect();
    let sink = |name: &str, columns: &str, size: &str| {
        format!(
            "CREATE TABLE {name} ({columns}) WITH ('connector'='filesystem', 'path'='{out}/{name}', 'format'='csv', \
             'sink.rolling-policy.file-size'='{size}');\n"
        )
    };
    sql += &format!(
        "CREATE TABLE orders (id BIGINT, uid INT, amount INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '0.05' SECOND)
           WITH ('connector'='datagen', 'seed'='7', 'rows-per-second'='{RATE}', 'fields.id.kind'='sequence',
                 'fields.id.start'='1', 'fields.id.end'='{ROWS}', 'fields.uid.min'='0', 'fields.uid.max'='999',
                 'fields.amount.min'='0', 'fields.amount.max'='1000');
         CREATE TABLE lines (id BIGINT, text STRING)
           WITH ('connector'='filesystem', 'path'='{}', 'format'='csv');\n",
        input.display()
    );
    sql += &sink("big", "id BIGINT, uid INT, amount INT", "128mb");
    sql += &sink("sums", "uid INT, starts TIMESTAMP(3), cnt BIGINT, total BIGINT", "16kb");
    sql += &sink("copies", "id BIGINT, text STRING", "256kb");
    sql + "EXECUTE STATEMENT SET BEGIN
         INSERT INTO big SELECT id, uid, amount FROM orders WHERE amount > 500;
         INSERT INTO sums SELECT uid, window_start, COUNT(*), SUM(amount)
           FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ts), INTERVAL '0.2' SECOND)) GROUP BY uid, window_start, window_end;
         INSERT INTO copies SELECT id, UPPER(text) FROM lines WHERE MOD(id, 3) <> 0;
       END;\n"
}

/// Files to read, and what an undisturbed run makes of everything.
struct Reference {
    dir: tempfile::TempDir,
    rows: Vec<Vec<String>>,
}

impl Reference {
    fn input(&self) -> PathBuf {
        self.dir.path().join("lines")
    }
}

fn reference() -> &'static Reference {
    static REFERENCE: OnceLock<Reference> = OnceLock::new();
    REFERENCE.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let input = dir.path().join("lines");
        std::fs::create_dir(&input).unwrap();
        for file in 0..4u64 {
            let lines: String =
                (0..LINES).filter(|i| i % 4 == file).map(|i| format!("{i},\"line {i}, of file {file}\"\n")).collect();
            std::fs::write(input.join(format!("{file}.csv")), lines).unwrap();
        }
        let options = [("execution.checkpointing.interval", "1 s".to_string())];
        std::fs::write(dir.path().join("job.sql"), script(&input, "out", &options)).unwrap();
        run(dir.path(), &["run", "job.sql", "--no-rest", "-p", "2"]).ok("undisturbed");
        let rows: Vec<_> = SINKS.iter().map(|sink| rows(&dir.path().join("out").join(sink))).collect();
        // The reference itself, by what is known of the input.
        let counted: u64 = rows[1].iter().map(|r| r.split(',').nth(2).unwrap().parse::<u64>().unwrap()).sum();
        assert_eq!(counted, ROWS);
        assert_eq!(rows[2].len() as u64, LINES - LINES.div_ceil(3));
        assert!(rows[0].len() as u64 > ROWS / 3 && (rows[0].len() as u64) < ROWS * 2 / 3, "{}", rows[0].len());
        Reference { dir, rows }
    })
}

/// When a process is killed.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// So many milliseconds after its start: most likely before its first checkpoint.
    Early(u64),
    /// So many milliseconds after its first checkpoint.
    Late(u64),
}

/// Kills and starts until the input is done; `out` is the folder of the sinks.
fn torture(dir: &Path, backend: &str, at: &str, s3: Option<&S3>) {
    let expected = reference();
    let seed = seed();
    println!("{backend} at {at}: STREAMJOB_SEED={seed}");
    let mut random = Random(seed);
    let mut options = vec![
        ("state.backend.type", backend.to_string()),
        ("execution.checkpointing.interval", "120 ms".into()),
        ("execution.checkpointing.dir", format!("{at}/c")),
        ("state.backend.rocksdb.memory.fixed-per-slot", "32 mb".into()),
    ];
    options.extend(s3.map(S3::options).unwrap_or_default());
    std::fs::write(dir.join("job.sql"), script(&expected.input(), &format!("{at}/out"), &options)).unwrap();
    // Temporary files in the test's folder too.
    let tmp = dir.join("tmp");
    std::fs::create_dir(&tmp).unwrap();
    let start = || {
        let mut command = support::command(dir, &["run", "job.sql", "--no-rest", "-p", "2"]);
        command.env("TMPDIR", &tmp);
        Running::spawn(dir, command)
    };
    let (mut before, mut after) = (0, 0);
    for n in 0..KILLS {
        let moment = match n {
            0 => Moment::Early(random.below(100)),
            1 => Moment::Late(random.below(300)),
            _ if random.below(3) == 0 => Moment::Early(random.below(150)),
            _ => Moment::Late(random.below(500)),
        };
        let mut job = start();
        let begun = Instant::now();
        let wait = |ms: u64| std::thread::sleep(Duration::from_millis(ms).saturating_sub(begun.elapsed()));
        match moment {
            Moment::Early(ms) => wait(ms),
            Moment::Late(ms) => {
                job.until_told("completed in");
                std::thread::sleep(Duration::from_millis(ms));
            }
        }
        let told = job.err();
        assert!(job.kill(), "{moment:?}, kill {n}: the job had ended: {told}");
        if told.contains("completed in") { after += 1 } else { before += 1 }
    }
    let last = start().end().ok("after the kills");
    assert!(last.err.contains("resumes from checkpoint"), "{}", last.err);
    println!("{backend} at {at}: {before} kills before and {after} after the process's first checkpoint");
    assert!(before > 0 && after > 0, "kills before and after a checkpoint: {before}, {after}");
    let out = s3.map_or_else(|| dir.join("out"), |s3| s3.bucket.join("out"));
    for (sink, expected) in SINKS.iter().zip(&expected.rows) {
        let got = rows(&out.join(sink));
        assert!(parts(&out.join(sink)) > 2, "{sink} should have several files");
        let first = got.iter().zip(expected).find(|(a, b)| a != b);
        assert!(
            got == *expected,
            "{sink} has {} rows, an undisturbed run {}; first difference {first:?}",
            got.len(),
            expected.len()
        );
    }
    // Killed processes leave temporary files behind; the next one removes them.
    let left: Vec<_> = std::fs::read_dir(&tmp).unwrap().map(|e| e.unwrap().file_name()).collect();
    let left: Vec<_> = left.iter().filter(|n| n.to_string_lossy().starts_with("streamjob-sink-")).collect();
    assert!(left.is_empty(), "left behind: {left:?}");
    // What is in storage at the end is whole, and a further run has nothing to do.
    let again = start().end().ok("once more");
    assert!(again.err.contains("nothing to do"), "{}", again.err);
}

#[test]
fn heap_in_folders() {
    let dir = tempfile::tempdir().unwrap();
    torture(dir.path(), "hashmap", ".", None);
}

#[test]
fn rocksdb_in_folders() {
    let dir = tempfile::tempdir().unwrap();
    torture(dir.path(), "rocksdb", ".", None);
}

#[test]
fn heap_on_s3() {
    let dir = tempfile::tempdir().unwrap();
    let Some(s3) = S3::gateway(dir.path(), Meta::Kept) else { return };
    torture(dir.path(), "hashmap", "s3://bucket", Some(&s3));
}

#[test]
fn rocksdb_on_s3() {
    let dir = tempfile::tempdir().unwrap();
    let Some(s3) = S3::gateway(dir.path(), Meta::Kept) else { return };
    torture(dir.path(), "rocksdb", "s3://bucket", Some(&s3));
}

#[test]
fn heap_on_s3_within_the_test() {
    let dir = tempfile::tempdir().unwrap();
    let s3 = S3::within(Conditions::Honoured);
    torture(dir.path(), "hashmap", "s3://bucket", Some(&s3));
}
