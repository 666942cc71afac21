//! Combinations of options that are allowed and hardly meant.

use crate::settings::Place;
use streamjob_core::options::Options;

/// A line for each.
pub fn options(options: &Options, place: &Place) -> Vec<String> {
    let mut out = Vec::new();
    let heap = options.text("state.backend.type").is_some_and(|b| b.eq_ignore_ascii_case("hashmap"));
    let incremental =
        options.explicit("execution.checkpointing.incremental").is_some_and(|v| v.eq_ignore_ascii_case("true"));
    if heap && incremental {
        out.push("incremental checkpoints have no effect on heap state: each holds all of it; use state.backend.type = rocksdb".into());
    }
    let duration = |key: &str| options.duration(key).unwrap_or_default();
    let interval = duration("execution.checkpointing.interval");
    let pause = duration("execution.checkpointing.min-pause");
    if interval.is_zero() {
        out.push("periodic checkpoints are off (execution.checkpointing.interval is 0): after a failure the job starts from its last savepoint or from the beginning".into());
    } else if pause > interval {
        out.push(format!(
            "execution.checkpointing.min-pause ({} ms) is above the interval ({} ms): checkpoints are taken by the pause",
            pause.as_millis(),
            interval.as_millis()
        ));
    }
    let concurrent = options.int("execution.checkpointing.max-concurrent-checkpoints").unwrap_or(1);
    if concurrent > 1 && !pause.is_zero() {
        out.push(format!(
            "execution.checkpointing.max-concurrent-checkpoints = {concurrent} has no effect: with a min-pause, periodic checkpoints never overlap"
        ));
    }
    if *place == Place::Memory {
        out.push("checkpoints are kept in memory: at most 5 MiB a state, and gone when this process ends".into());
        if let Some(dir) = options.explicit("execution.checkpointing.dir") {
            out.push(format!("execution.checkpointing.dir = '{dir}' has no effect with memory storage; set execution.checkpointing.storage = filesystem to use it"));
        }
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn odd_combinations_are_told_and_plain_ones_not() {
        let at = Place::At("x".into());
        let table: [(&[(&str, &str)], &Place, &[&str]); 7] = [
            (&[], &at, &[]),
            (&[("state.backend.type", "hashmap")], &at, &[]),
            (
                &[("state.backend.type", "hashmap"), ("execution.checkpointing.incremental", "true")],
                &at,
                &["incremental"],
            ),
            (&[("execution.checkpointing.min-pause", "2 min")], &at, &["by the pause"]),
            (&[("execution.checkpointing.interval", "0 ms")], &at, &["are off"]),
            (
                &[
                    ("execution.checkpointing.min-pause", "1 s"),
                    ("execution.checkpointing.max-concurrent-checkpoints", "2"),
                ],
                &at,
                &["never overlap"],
            ),
            (&[("execution.checkpointing.dir", "/x")], &Place::Memory, &["in memory", "'/x' has no effect"]),
        ];
        for (set, place, parts) in table {
            let mut o = Options::default();
            for (k, v) in set {
                o.set(k, v).unwrap();
            }
            let lines = options(&o, place);
            assert_eq!(lines.len(), parts.len(), "{lines:?}");
            for (line, part) in lines.iter().zip(parts) {
                assert!(line.contains(part), "{line}");
            }
        }
    }
}
