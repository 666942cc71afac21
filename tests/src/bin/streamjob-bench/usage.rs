//! What a child process has used, from /proc.

use crate::processes::Process;
use std::time::Duration;
use streamjob_core::Result;

/// Between two looks. What is written within the last one is missed.
const LOOK: Duration = Duration::from_millis(5);
/// The kernel's clock ticks a second, as /proc tells times on every architecture.
const TICKS: f64 = 100.0;

/// What a process used.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    /// User and system time of all its threads.
    pub cpu: Duration,
    /// Largest resident memory, bytes.
    pub peak: u64,
    /// Bytes given to `write`, files and everything else.
    pub written: u64,
}

impl Usage {
    /// Looks at a process until it ends. Errors unless it ends with code 0.
    pub fn of(mut process: Process) -> Result<Self> {
        let pid = process.id();
        let before = waited_for();
        let mut usage = Self::default();
        while process.running() {
            usage.peak = field(pid, "status", "VmHWM:").map_or(usage.peak, |kib| kib << 10);
            usage.written = field(pid, "io", "wchar:").unwrap_or(usage.written);
            std::thread::sleep(LOOK);
        }
        process.end()?;
        usage.cpu = waited_for().saturating_sub(before);
        Ok(usage)
    }
}

/// CPU time of all children that have ended.
fn waited_for() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Behind the name, which may hold anything: state is field 3, cutime and cstime are 16 and 17.
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().skip(13).take(2);
    Duration::from_secs_f64(fields.filter_map(|f| f.parse::<f64>().ok()).sum::<f64>() / TICKS)
}

/// Resident memory of a process, bytes.
pub fn resident(pid: u32) -> u64 {
    field(pid, "status", "VmRSS:").unwrap_or(0) << 10
}

fn field(pid: u32, file: &str, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/{file}")).ok()?;
    let line = text.lines().find_map(|l| l.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}
