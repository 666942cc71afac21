//! How much memory there is for state on the heap when nobody says: half of
//! what this process may have, so that the error comes before the kernel does.

use std::fs;

/// Half of the smallest limit: machine, container (cgroup v2 or v1), address space. `None` when none is known.
pub fn heap_limit() -> Option<u64> {
    let read = |path: &str| fs::read_to_string(path).ok();
    let limits = [
        read("/proc/meminfo").and_then(|t| machine(&t)),
        read("/sys/fs/cgroup/memory.max").and_then(|t| t.trim().parse().ok()),
        read("/sys/fs/cgroup/memory/memory.limit_in_bytes").and_then(|t| t.trim().parse().ok()),
        read("/proc/self/limits").and_then(|t| address_space(&t)),
    ];
    limits.into_iter().flatten().min().map(|bytes| bytes / 2)
}

/// `MemTotal:       24634568 kB`
fn machine(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|l| l.strip_prefix("MemTotal:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kb| kb << 10)
}

/// `Max address space         unlimited            unlimited            bytes`
fn address_space(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|l| l.strip_prefix("Max address space"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_tables_are_read() {
        assert_eq!(machine("MemTotal:       24634568 kB\nMemFree: 1 kB\n"), Some(24_634_568 << 10));
        assert_eq!(machine("MemFree: 1 kB\n"), None);
        let line =
            "Max cpu time              unlimited            unlimited            seconds\nMax address space         ";
        assert_eq!(address_space(&format!("{line}1048576              unlimited            bytes\n")), Some(1 << 20));
        assert_eq!(address_space(&format!("{line}unlimited            unlimited            bytes\n")), None);
    }

    #[test]
    fn this_machine_has_a_limit() {
        assert!(!cfg!(target_os = "linux") || heap_limit().is_some_and(|b| b > 1 << 20));
    }
}
