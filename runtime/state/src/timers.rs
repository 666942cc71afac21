//! Timers: a Timer state is the truth, an ordered set in memory finds what is
//! due. Event and processing time are two services on two states.
//!
//! Full key: `group (2 bytes) ++ time (8 bytes, big-endian, sign flipped) ++ key`;
//! the value is empty. A timer is its (time, key): registering it twice is one timer.

use crate::backend::{KeyedBackend, StateId, StateKind, StateSpec};
use std::collections::BTreeSet;
use std::ops::{ControlFlow, Range};
use streamjob_core::{Error, Result};

/// A due timer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timer {
    /// When it is due, milliseconds.
    pub time: i64,
    /// Key group of its key.
    pub group: u16,
    /// Canonical key bytes.
    pub key: Vec<u8>,
}

/// The timers of one operator in one subtask and one time domain.
#[derive(Debug)]
pub struct TimerService {
    state: StateId,
    groups: Range<u32>,
    due: BTreeSet<Timer>,
    full: Vec<u8>,
}

/// Declares a Timer state. `key_schema` is that of the operator's other states.
pub fn timer_spec(name: &str, key_schema: &str) -> StateSpec {
    StateSpec {
        name: name.to_string(),
        kind: StateKind::Timer,
        key_schema: key_schema.to_string(),
        value_schema: String::new(),
        version: 1,
        ttl: None,
    }
}

impl TimerService {
    /// Registers the state and reads the restored timers.
    pub fn open(backend: &mut dyn KeyedBackend, spec: &StateSpec, groups: Range<u32>) -> Result<Self> {
        let state = backend.register(spec)?;
        let mut due = BTreeSet::new();
        for group in groups.clone() {
            let group = u16::try_from(group).map_err(|_| Error::internal(format!("key group {group} is too large")))?;
            backend.scan(state, &group.to_be_bytes(), &mut |full, _| {
                due.insert(parse(full)?);
                Ok(ControlFlow::Continue(()))
            })?;
        }
        Ok(Self { state, groups, due, full: Vec::new() })
    }

    fn write_full(&mut self, timer: &Timer) {
        self.full.clear();
        self.full.extend_from_slice(&timer.group.to_be_bytes());
        self.full.extend_from_slice(&flip(timer.time).to_be_bytes());
        self.full.extend_from_slice(&timer.key);
    }

    /// Registers a timer; true when it is new.
    pub fn register(&mut self, backend: &mut dyn KeyedBackend, group: u16, time: i64, key: &[u8]) -> Result<bool> {
        if !self.groups.contains(&u32::from(group)) {
            return Err(Error::internal(format!(
                "timer for key group {group} in a subtask that has {:?}",
                self.groups
            )));
        }
        let timer = Timer { time, group, key: key.to_vec() };
        if self.due.contains(&timer) {
            return Ok(false);
        }
        self.write_full(&timer);
        backend.put(self.state, &self.full, &[])?;
        self.due.insert(timer);
        Ok(true)
    }

    /// Deletes a timer; true when there was one.
    pub fn delete(&mut self, backend: &mut dyn KeyedBackend, group: u16, time: i64, key: &[u8]) -> Result<bool> {
        let timer = Timer { time, group, key: key.to_vec() };
        if !self.due.contains(&timer) {
            return Ok(false);
        }
        self.write_full(&timer);
        backend.delete(self.state, &self.full)?;
        self.due.remove(&timer);
        Ok(true)
    }

    /// Removes and gives the timers due at `up_to_ms` or before, ordered by time, then key group, then key.
    pub fn pop_due(&mut self, backend: &mut dyn KeyedBackend, up_to_ms: i64) -> Result<Vec<Timer>> {
        let mut popped = Vec::new();
        while self.due.first().is_some_and(|t| t.time <= up_to_ms) {
            let Some(timer) = self.due.pop_first() else { break };
            self.write_full(&timer);
            backend.delete(self.state, &self.full)?;
            popped.push(timer);
        }
        Ok(popped)
    }

    /// When the next timer is due.
    pub fn next_time(&self) -> Option<i64> {
        self.due.first().map(|t| t.time)
    }

    /// Number of timers.
    pub fn len(&self) -> usize {
        self.due.len()
    }

    /// True without timers.
    pub fn is_empty(&self) -> bool {
        self.due.is_empty()
    }
}

fn flip(time: i64) -> u64 {
    (time as u64) ^ (1 << 63)
}

fn parse(full: &[u8]) -> Result<Timer> {
    let split =
        full.split_first_chunk::<2>().and_then(|(g, rest)| rest.split_first_chunk::<8>().map(|(t, k)| (g, t, k)));
    let (group, time, key) = split.ok_or_else(|| Error::transient("a timer in the state is damaged"))?;
    Ok(Timer {
        time: (u64::from_be_bytes(*time) ^ (1 << 63)) as i64,
        group: u16::from_be_bytes(*group),
        key: key.to_vec(),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::heap::HeapFactory;
    use crate::testing::Bench;

    #[test]
    fn due_timers_come_ordered_and_survive_a_restore() {
        let bench = Bench::new();
        let factory = HeapFactory::new();
        let spec = timer_spec("timers", "k");
        let mut b = bench.open(&factory, 0..4, vec![]).unwrap();
        let mut t = TimerService::open(&mut *b, &spec, 0..4).unwrap();
        for (group, time, key) in [(3, 5, "c"), (0, -7, "a"), (1, 5, "b"), (2, i64::MAX, "z"), (2, 6, "d")] {
            assert!(t.register(&mut *b, group, time, key.as_bytes()).unwrap());
        }
        assert!(!t.register(&mut *b, 3, 5, b"c").unwrap());
        assert!(t.delete(&mut *b, 2, 6, b"d").unwrap());
        assert!(!t.delete(&mut *b, 2, 6, b"d").unwrap());
        assert!(t.register(&mut *b, 9, 5, b"c").is_err());

        let snapshot = bench.snapshot(&mut *b, 1).unwrap();
        let mut halves = Vec::new();
        for groups in [0..2u32, 2..4] {
            let mut b = bench.open(&factory, groups.clone(), vec![snapshot.clone()]).unwrap();
            let mut t = TimerService::open(&mut *b, &spec, groups).unwrap();
            halves.push(t.pop_due(&mut *b, 5).unwrap());
            assert!(t.pop_due(&mut *b, 5).unwrap().is_empty());
        }
        let keys: Vec<Vec<(i64, &[u8])>> =
            halves.iter().map(|h| h.iter().map(|t| (t.time, t.key.as_slice())).collect()).collect();
        assert_eq!(keys, [vec![(-7, b"a".as_slice()), (5, b"b")], vec![(5, b"c".as_slice())]]);

        assert_eq!(t.next_time(), Some(-7));
        assert_eq!(t.pop_due(&mut *b, i64::MAX).unwrap().len(), 4);
        assert!(t.is_empty() && TimerService::open(&mut *b, &spec, 0..4).unwrap().is_empty());
    }
}
