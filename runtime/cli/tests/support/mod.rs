//! The real binary, started as a shell would: to its end, or in the background
//! where it can be killed. Every process started here is ended by its own id.
#![allow(dead_code)]

pub mod fleet;
pub mod keyed_job;
pub mod proxy;
pub mod s3;
pub mod suspended;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Longest wait for anything; a hang becomes a failure with the log in it.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// The binary in `dir`, without the caller's own settings.
pub fn command(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_streamjob"));
    command.current_dir(dir).args(args).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AWS_") || name == "RUST_LOG" {
            command.env_remove(name);
        }
    }
    // Else the AWS library asks the network who this machine is.
    command.env("AWS_EC2_METADATA_DISABLED", "true");
    command
}

/// A process that has ended.
#[derive(Debug)]
pub struct Done {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Done {
    /// Panics with everything that was told unless the code is 0.
    pub fn ok(self, what: &str) -> Self {
        assert_eq!(self.code, Some(0), "{what}: {}\n{}", self.err, self.out);
        self
    }
}

/// Runs to the end.
pub fn run(dir: &Path, args: &[&str]) -> Done {
    Running::start(dir, args).end()
}

/// A process in the background; killed when dropped.
pub struct Running {
    child: Child,
    out: PathBuf,
    err: PathBuf,
}

impl Running {
    pub fn start(dir: &Path, args: &[&str]) -> Self {
        Self::spawn(dir, command(dir, args))
    }

    /// With a command of the caller's; its output goes to files in `dir`.
    pub fn spawn(dir: &Path, mut command: Command) -> Self {
        static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let n = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let file = |end: &str| dir.join(format!("run-{n}.{end}"));
        let (out, err) = (file("out"), file("err"));
        command.stdout(File::create(&out).unwrap()).stderr(File::create(&err).unwrap());
        Self { child: command.spawn().unwrap(), out, err }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn err(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.err).unwrap()).into_owned()
    }

    /// The end of standard error, for messages.
    fn tail(&self) -> String {
        let err = self.err();
        let lines: Vec<&str> = err.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }

    pub fn out(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.out).unwrap()).into_owned()
    }

    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits until `condition` holds; panics when the process ends before, or after a long time.
    pub fn until(&mut self, what: &str, mut condition: impl FnMut(&Self) -> bool) {
        let begun = Instant::now();
        while !condition(self) {
            let ended = self.child.try_wait().unwrap();
            // What it did last may have made the condition true.
            assert!(ended.is_none() || condition(self), "it ended before {what} ({ended:?}): {}", self.tail());
            assert!(begun.elapsed() < PATIENCE, "no {what}: {}", self.tail());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for a text on standard error.
    pub fn until_told(&mut self, text: &str) {
        self.until(&format!("'{text}'"), |r| r.err().contains(text));
    }

    /// SIGKILL. False when the process had ended before.
    pub fn kill(mut self) -> bool {
        let alive = self.child.try_wait().unwrap().is_none();
        let _ = self.child.kill();
        let status = self.child.wait().unwrap();
        alive && killed(status)
    }

    /// SIGKILL, whether it still runs or not; what it told stays.
    pub fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Sends a signal by name, such as TERM.
    pub fn signal(&self, name: &str) {
        let done = Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status().unwrap();
        assert!(done.success());
    }

    /// Waits for the end.
    pub fn end(self) -> Done {
        self.end_within(PATIENCE)
    }

    /// Waits for the end, so long at most.
    pub fn end_within(mut self, patience: Duration) -> Done {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(begun.elapsed() < patience, "it does not end: {}", self.tail());
            std::thread::sleep(Duration::from_millis(5));
        };
        Done { code: status.code(), out: self.out(), err: self.err() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn killed(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt;
    status.signal() == Some(9)
}

/// All committed rows of a filesystem sink, sorted; `dir` may lie in an S3 server's folder.
pub fn rows(dir: &Path) -> Vec<String> {
    let mut rows = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with("part-") {
            rows.extend(fs::read_to_string(entry.path()).unwrap().lines().map(str::to_string));
        }
    }
    rows.sort();
    rows
}

/// Number of committed files of a sink.
pub fn parts(dir: &Path) -> usize {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.filter(|e| e.file_name().to_string_lossy().starts_with("part-")).count()
}

/// Random numbers from a seed (splitmix64).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

/// A seed of this moment, or the one in the environment variable STREAMJOB_SEED, to repeat a failure.
pub fn seed() -> u64 {
    let given = std::env::var("STREAMJOB_SEED").ok().and_then(|s| s.parse().ok());
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    given.unwrap_or_else(|| u64::from(now.subsec_nanos()) ^ now.as_secs())
}
