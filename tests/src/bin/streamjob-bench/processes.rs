//! Processes of the bench: started with their output in files, killed when dropped.

use crate::logs;
use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use streamjob_core::error::ErrorExt;
use streamjob_core::{Error, Result};

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(300);

/// A process in the background.
pub struct Process {
    child: Child,
    out: PathBuf,
    err: PathBuf,
}

impl Process {
    /// Starts it; its output goes to `NAME-N.out` and `.err` in `dir`.
    pub fn spawn(dir: &Path, name: &str, mut command: Command) -> Result<Self> {
        static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let n = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let (out, err) = (dir.join(format!("{name}-{n}.out")), dir.join(format!("{name}-{n}.err")));
        let create = |path: &Path| File::create(path).transient(format!("cannot write {}", path.display()));
        command.current_dir(dir).stdin(Stdio::null()).stdout(create(&out)?).stderr(create(&err)?);
        let child = command.spawn().transient(format!("cannot start {name}"))?;
        Ok(Self { child, out, err })
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// False when it has ended; it still has to be waited for.
    pub fn running(&self) -> bool {
        let status = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        let state = status.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().next());
        !matches!(state, None | Some("Z" | "X"))
    }

    /// Its standard error so far.
    pub fn err(&self) -> Result<String> {
        std::fs::read_to_string(&self.err).transient(format!("cannot read {}", self.err.display()))
    }

    /// Bytes on standard error so far.
    pub fn err_len(&self) -> usize {
        std::fs::metadata(&self.err).map_or(0, |m| usize::try_from(m.len()).unwrap_or(usize::MAX))
    }

    /// Bytes on standard output so far.
    pub fn out_len(&self) -> u64 {
        std::fs::metadata(&self.out).map_or(0, |m| m.len())
    }

    /// Waits for a text on standard error behind byte `from`; the time of its line.
    pub fn until(&mut self, from: usize, text: &str) -> Result<f64> {
        let begun = Instant::now();
        loop {
            let log = self.err()?;
            if let Some((at, _)) = logs::find(&log, from, text) {
                return Ok(at);
            }
            let ended = self.child.try_wait().transient("a process cannot be asked for its state")?;
            if ended.is_some() || begun.elapsed() > PATIENCE {
                let tail: Vec<&str> = log.lines().rev().take(20).collect();
                let tail: Vec<&str> = tail.into_iter().rev().collect();
                return Err(Error::internal(format!("no '{text}' ({ended:?}): {}", tail.join("\n"))));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// SIGKILL; does not wait for the end.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
    }

    /// SIGTERM.
    pub fn terminate(&self) -> Result<()> {
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().transient("cannot send a signal")?;
        Ok(())
    }

    /// Waits for the end. Errors unless it ends with code 0.
    pub fn end(&mut self) -> Result<()> {
        let status = self.child.wait().transient("cannot wait for a process")?;
        if status.success() { Ok(()) } else { Err(Error::internal(format!("ended with {status}: {}", self.err()?))) }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The binary that stands beside this one.
pub fn streamjob(args: &[&str]) -> Result<Command> {
    let own = std::env::current_exe().transient("this program does not know where it is")?;
    let binary = own.with_file_name("streamjob");
    if !binary.is_file() {
        return Err(Error::user(format!("{} is missing", binary.display())).fix("make bench builds it"));
    }
    let mut command = Command::new(binary);
    command.args(args).env_remove("RUST_LOG");
    // Else the AWS library asks the network who this machine is.
    command.env("AWS_EC2_METADATA_DISABLED", "true");
    Ok(command)
}

/// A port that nobody listens on now.
pub fn free_port() -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").transient("no free port")?;
    Ok(listener.local_addr().transient("no free port")?.port())
}
