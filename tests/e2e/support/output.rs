//! The oracle: reads what a job has committed and says whether every row of its input counts exactly once.

use super::job::{PARTS, STEP};
use super::storage::Storage;
use super::{PATIENCE, gap};
use k8s_openapi::jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::{Duration, Instant};

/// Longest list of numbers in a message.
const SHOWN: usize = 5;

/// What a job has committed.
#[derive(Debug, Default)]
pub struct Output {
    /// Number of a row, when it was made, by which version.
    pub seen: Vec<(u64, i64, String)>,
    /// Rows before this number, part → count and sum.
    totals: Vec<(u64, u64, u64, u128)>,
    read: HashSet<String>,
}

/// What was found right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judged {
    /// All rows up to this one are there once, and all totals that can be.
    pub complete: u64,
    /// Rows.
    pub rows: usize,
    /// Totals.
    pub totals: usize,
}

impl Output {
    /// Reads the objects that are new since the last time.
    pub async fn read(&mut self, storage: &Storage) -> Result<(), String> {
        for key in storage.keys("out/").await? {
            if !is_committed(&key) || self.read.contains(&key) {
                continue;
            }
            let text = storage.text(&key).await?;
            self.take(&key, &text)?;
            self.read.insert(key);
        }
        Ok(())
    }

    /// Takes the lines of one object.
    fn take(&mut self, key: &str, text: &str) -> Result<(), String> {
        for line in text.lines() {
            let fields: Vec<&str> = line.split(',').map(|f| f.trim_matches('"')).collect();
            self.line(key, &fields).ok_or_else(|| format!("{key} holds a line that is not of this job: {line}"))?;
        }
        Ok(())
    }

    fn line(&mut self, key: &str, fields: &[&str]) -> Option<()> {
        let time = |text: &str| text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond);
        match fields {
            [id, made, version] if key.contains("/seen/") => {
                self.seen.push((id.parse().ok()?, time(made)?, (*version).to_owned()));
            }
            [up_to, part, count, total] if key.contains("/totals/") => {
                let up_to = u64::try_from(time(up_to)?).ok()?;
                self.totals.push((up_to, part.parse().ok()?, count.parse().ok()?, total.parse().ok()?));
            }
            _ => return None,
        }
        Some(())
    }

    /// Says what is wrong with it. What is missing at the end is not wrong: it may still come.
    pub fn judge(&self) -> Result<Judged, String> {
        let mut ids = BTreeSet::new();
        let twice: Vec<u64> = self.seen.iter().map(|r| r.0).filter(|id| !ids.insert(*id)).collect();
        if !twice.is_empty() {
            return Err(format!("{} rows are there twice, such as {:?}", twice.len(), shown(twice)));
        }
        let mut totals = BTreeMap::new();
        for (up_to, part, count, total) in &self.totals {
            if totals.insert((*up_to, *part), ()).is_some() {
                return Err(format!("the total of part {part} before row {up_to} is there twice"));
            }
            let right = rows_of(*part, *up_to);
            if (*count, *total) != right {
                return Err(format!(
                    "part {part} has {count} rows with sum {total} before row {up_to}; right is {} with {}",
                    right.0, right.1
                ));
            }
        }
        let complete = (1..).take_while(|id| ids.contains(id)).last().unwrap_or(0);
        let whole = |up_to: &u64| (0..PARTS).all(|part| totals.contains_key(&(*up_to, part)));
        let steps = (1..).map(|n| n * STEP).take_while(whole).last().unwrap_or(0);
        // A step that ends at row n speaks of the rows before it, and is complete when a later one was read.
        let complete = complete.min(steps + STEP);
        Ok(Judged { complete, rows: self.seen.len(), totals: self.totals.len() })
    }

    /// The largest row that there is.
    pub fn newest(&self) -> u64 {
        let totals = self.totals.iter().map(|t| t.0.saturating_sub(1)).max();
        self.seen.iter().map(|r| r.0).max().max(totals).unwrap_or(0)
    }

    /// What is missing up to this row, for a message.
    fn missing(&self, up_to: u64) -> String {
        let ids: HashSet<u64> = self.seen.iter().map(|r| r.0).collect();
        let rows: Vec<u64> = (1..=up_to).filter(|id| !ids.contains(id)).collect();
        let there: HashSet<(u64, u64)> = self.totals.iter().map(|t| (t.0, t.1)).collect();
        let steps = (1..=up_to / STEP).map(|n| n * STEP);
        let totals: Vec<(u64, u64)> =
            steps.flat_map(|s| (0..PARTS).map(move |p| (s, p))).filter(|t| !there.contains(t)).collect();
        format!(
            "{} rows, such as {:?}, and {} totals, such as {:?}, are missing up to row {up_to}",
            rows.len(),
            shown(rows),
            totals.len(),
            shown(totals)
        )
    }

    /// Times when rows were made.
    pub fn times(&self) -> Vec<i64> {
        self.seen.iter().map(|r| r.1).collect()
    }

    /// Longest time without rows between two moments.
    pub fn gap(&self, from_ms: i64, to_ms: i64) -> gap::Gap {
        gap::longest(&self.times(), from_ms, to_ms)
    }
}

/// Waits until everything that a running job has committed up to now is complete, with some rows behind it, and judges
/// all that is there. Panics with what is wrong.
pub async fn settle(storage: &Storage, output: &mut Output) -> Judged {
    let begun = Instant::now();
    let mut target = None;
    loop {
        output.read(storage).await.unwrap_or_else(|e| panic!("the output cannot be read: {e}"));
        let judged = output.judge().unwrap_or_else(|e| panic!("the output is wrong: {e}"));
        let target = *target.get_or_insert_with(|| output.newest() + STEP);
        if judged.complete >= target {
            return judged;
        }
        assert!(begun.elapsed() < PATIENCE, "the output stays incomplete: {}", output.missing(target));
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Judges what a stopped job has committed: everything is there but the last few rows, which wait in its state.
pub async fn judge_stopped(storage: &Storage, output: &mut Output) -> Judged {
    output.read(storage).await.unwrap_or_else(|e| panic!("the output cannot be read: {e}"));
    output.judge().unwrap_or_else(|e| panic!("the output is wrong: {e}"))
}

/// Whether an object is output. What waits for its checkpoint lies in folders whose names begin with `_`.
fn is_committed(key: &str) -> bool {
    let hidden = |part: &str| part.starts_with(['_', '.']);
    let name = key.rsplit('/').next().unwrap_or_default();
    name.starts_with("part-") && !key.split('/').any(hidden)
}

/// Number and sum of the rows of a part before row `up_to`.
fn rows_of(part: u64, up_to: u64) -> (u64, u128) {
    let first = if part == 0 { PARTS } else { part };
    if up_to <= first {
        return (0, 0);
    }
    let count = (up_to - 1 - first) / PARTS + 1;
    let last = first + (count - 1) * PARTS;
    (count, u128::from(first + last) * u128::from(count) / 2)
}

fn shown<T>(mut all: Vec<T>) -> Vec<T> {
    all.truncate(SHOWN);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a job has committed that nothing went wrong with.
    fn right(rows: u64) -> Output {
        let seen = (1..=rows).map(|id| (id, id.cast_signed(), "v1".to_owned())).collect();
        let mut totals = Vec::new();
        for up_to in (1..=rows / STEP).map(|n| n * STEP) {
            for part in 0..PARTS {
                let rows = (1..up_to).filter(|id| id % PARTS == part);
                totals.push((up_to, part, rows.clone().count() as u64, rows.map(u128::from).sum()));
            }
        }
        Output { seen, totals, read: HashSet::new() }
    }

    #[test]
    fn what_is_right_is_judged_right() {
        let judged = right(3500).judge().unwrap();
        assert_eq!(judged, Judged { complete: 3500, rows: 3500, totals: 60 });
    }

    #[test]
    fn a_row_that_is_there_twice_is_found() {
        let mut output = right(3500);
        output.seen.push(output.seen[1233].clone());
        assert!(output.judge().unwrap_err().contains("1 rows are there twice, such as [1234]"));
    }

    #[test]
    fn a_row_that_is_lost_stays_incomplete_for_ever() {
        let mut output = right(3500);
        output.seen.remove(1233);
        assert_eq!(output.judge().unwrap().complete, 1233);
        assert!(output.missing(3500).starts_with("1 rows, such as [1234], and 0 totals"), "{}", output.missing(3500));
    }

    #[test]
    fn totals_that_are_wrong_missing_or_there_twice_are_found() {
        let mut output = right(3500);
        output.totals[45].2 -= 1;
        assert!(output.judge().unwrap_err().contains("part 5 has 149 rows"), "{}", output.judge().unwrap_err());
        let mut output = right(3500);
        output.totals.push(output.totals[7]);
        assert!(output.judge().unwrap_err().contains("part 7 before row 1000 is there twice"));
        let mut output = right(3500);
        output.totals.remove(25);
        assert_eq!(output.judge().unwrap().complete, 2 * STEP);
        assert!(output.missing(3500).contains("1 totals, such as [(2000, 5)]"), "{}", output.missing(3500));
    }

    #[test]
    fn lines_are_read_and_others_are_not_taken() {
        let mut output = Output::default();
        output.take("e2e/x/out/seen/part-1", "7,\"2026-01-02 03:04:05.678Z\",v2\n").unwrap();
        output.take("e2e/x/out/totals/part-1", "\"1970-01-01 00:00:14Z\",13,700,4902100\n").unwrap();
        assert_eq!(output.seen, [(7, 1_767_323_045_678, "v2".to_owned())]);
        assert_eq!(output.totals, [(14_000, 13, 700, 4_902_100)]);
        assert!(output.judge().is_ok());
        assert!(is_committed("e2e/x/out/seen/part-1") && !is_committed("e2e/x/out/seen/_staging/part-1"));
        assert!(output.take("e2e/x/out/seen/part-2", "7,now,v2\n").unwrap_err().contains("7,now,v2"));
    }
}
