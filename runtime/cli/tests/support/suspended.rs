//! A job that was suspended behind a checkpoint, to break one thing of it, mend it, and go on.

use super::{Done, Running, run};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

pub const MANIFEST: &str = "apiVersion: streamjob.dev/v1alpha1
kind: StreamJob
metadata: {name: orders}
spec:
  parallelism: 1
  checkpoint:
    interval: 50ms
    storage: {type: FileSystem, fileSystem: {path: chk}}
  configuration: {execution.checkpointing.data-inline-threshold: 0b}
  job:
    sql: |
      CREATE TABLE behavior (uid BIGINT, item INT)
        WITH ('connector'='filesystem', 'path'='in', 'format'='csv', 'source.monitor-interval'='20 ms');
      CREATE TABLE order_cnt (uid BIGINT, cnt BIGINT) WITH ('connector'='print');
      INSERT INTO order_cnt SELECT uid, COUNT(*) FROM behavior GROUP BY uid;
";

/// A folder with a job that was suspended behind a checkpoint of 100 counts.
pub struct Suspended {
    pub dir: tempfile::TempDir,
}

pub type Files = BTreeMap<PathBuf, Vec<u8>>;

impl Suspended {
    pub fn new() -> Self {
        let suspended = Self { dir: tempfile::tempdir().unwrap() };
        fs::create_dir(suspended.path("in")).unwrap();
        let lines: String = (0..200).map(|i| format!("{},{i}\n", i % 100)).collect();
        suspended.write("in/a.csv", &lines);
        suspended.write("job.yaml", MANIFEST);
        let mut job = Running::start(suspended.dir.path(), &["run", "job.yaml", "--no-rest"]);
        job.until("all counts", |r| r.out().lines().count() == 300);
        let before = job.err().matches(" completed in ").count();
        job.until("more checkpoints", |r| r.err().matches(" completed in ").count() > before + 2);
        job.signal("TERM");
        job.end().ok("first run");
        suspended
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// The manifest with something else in one place.
    pub fn manifest(&self, from: &str, to: &str) {
        assert!(MANIFEST.contains(from), "{from}");
        self.write("job.yaml", &MANIFEST.replacen(from, to, 1));
    }

    pub fn run(&self, args: &[&str]) -> Done {
        run(self.dir.path(), args)
    }

    /// Everything that checkpoints consist of; the head moves with every start.
    pub fn files(&self) -> Files {
        let mut files = Files::new();
        collect(&self.path("chk"), &mut files);
        files.retain(|p, _| {
            let text = p.display().to_string();
            text.contains("/chk-") || text.contains("/shared/") || text.contains("/epochs/")
        });
        assert!(files.len() >= 4, "{:?}", files.keys());
        files
    }

    /// Folders of the checkpoints, by number.
    pub fn checkpoints(&self) -> Vec<PathBuf> {
        let mut all: Vec<(u64, PathBuf)> = Vec::new();
        for path in self.files().keys().filter(|p| p.ends_with("_metadata")) {
            let folder = path.parent().unwrap();
            let number = folder.file_name().unwrap().to_str().unwrap().strip_prefix("chk-").unwrap();
            all.push((number.parse().unwrap(), folder.to_path_buf()));
        }
        all.sort();
        all.into_iter().map(|(_, p)| p).collect()
    }

    /// The mended job goes on where it was: nothing is counted again, one more line is.
    pub fn resumes(&self, what: &str) {
        self.write("job.yaml", MANIFEST);
        static LINES: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let n = LINES.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.write(&format!("in/.{n}"), "7,0\n");
        fs::rename(self.path(&format!("in/.{n}")), self.path(&format!("in/more-{n}.csv"))).unwrap();
        let mut job = Running::start(self.dir.path(), &["run", "job.yaml", "--no-rest"]);
        job.until(&format!("count after {what}"), |r| r.out().contains("+U[7, "));
        job.signal("TERM");
        let done = job.end().ok(what);
        assert!(done.err.contains("resumes from checkpoint"), "{what}: {}", done.err);
        assert_eq!(done.out.lines().count(), 2, "{what}: {}", done.out);
    }
}

fn collect(dir: &Path, files: &mut Files) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            collect(&entry.path(), files);
        } else {
            files.insert(entry.path(), fs::read(entry.path()).unwrap());
        }
    }
}

/// What is missing: code 2, an error with its fix, and all these parts in what is told.
pub fn problem(what: &str, done: &Done, says: &[&str]) -> Option<String> {
    // A syntax error says what was expected, which is its fix.
    let fixed = done.err.contains("  fix: ") || done.err.contains("syntax error: expected");
    let told = done.err.contains("error: ") && fixed && !done.err.contains("panicked");
    let unsaid: Vec<&&str> = says.iter().filter(|part| !done.err.contains(**part)).collect();
    let fine = done.code == Some(2) && told && unsaid.is_empty();
    (!fine).then(|| format!("{what}: code {:?}, should say {unsaid:?}:\n{}\n", done.code, done.err))
}

pub fn check(what: &str, done: &Done, says: &[&str]) {
    if let Some(problem) = problem(what, done, says) {
        panic!("{problem}");
    }
}
