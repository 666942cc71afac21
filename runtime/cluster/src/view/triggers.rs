//! Operations that clients asked for, by the clients' ids. The same id again is
//! a retry and gets the first one's outcome. Pure.

use std::collections::{BTreeMap, VecDeque};
use streamjob_api::{FailureCause, Progress, QueueStatus, TriggerEntry, TriggerKind, TriggerOutcome, TriggerStatus};

/// Outcomes that are remembered.
const REMEMBERED: usize = 1000;
/// Those that the status tells.
const TOLD: usize = 10;

/// What became of filing a trigger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filed {
    /// It is new: carry it out.
    New,
    /// A retry: nothing to do.
    Known,
    /// The id belongs to another kind of operation.
    Other(TriggerKind),
}

/// See the module.
#[derive(Debug, Default)]
pub struct Triggers {
    known: BTreeMap<String, (TriggerKind, Option<TriggerOutcome>)>,
    /// Oldest first.
    order: VecDeque<String>,
}

impl Triggers {
    /// Files a trigger under a client's id.
    pub fn file(&mut self, id: &str, kind: TriggerKind) -> Filed {
        match self.known.get(id) {
            Some((known, _)) if *known == kind => return Filed::Known,
            Some((other, _)) => return Filed::Other(*other),
            None => {}
        }
        self.known.insert(id.to_string(), (kind, None));
        self.order.push_back(id.to_string());
        if self.order.len() > REMEMBERED
            && let Some(old) = self.order.pop_front()
        {
            self.known.remove(&old);
        }
        Filed::New
    }

    /// The outcome. False for an unknown id.
    pub fn close(&mut self, id: &str, outcome: TriggerOutcome) -> bool {
        self.known.get_mut(id).map(|slot| slot.1 = Some(outcome)).is_some()
    }

    /// Fails all that have no outcome.
    pub fn fail_open(&mut self, message: &str) {
        for (_, outcome) in self.known.values_mut().filter(|s| s.1.is_none()) {
            let failure = FailureCause { class: "JOB_ENDED".into(), message: message.to_string() };
            *outcome = Some(TriggerOutcome { failure: Some(failure), ..TriggerOutcome::default() });
        }
    }

    /// What was asked for under an id and how far it is.
    pub fn status(&self, id: &str) -> Option<(TriggerKind, TriggerStatus)> {
        let (kind, outcome) = self.known.get(id)?;
        Some((*kind, TriggerStatus { status: QueueStatus { id: progress(outcome) }, operation: outcome.clone() }))
    }

    /// The last ones, newest first.
    pub fn last(&self) -> Vec<TriggerEntry> {
        let entry = |id: &String| {
            self.known.get(id).map(|(kind, outcome)| TriggerEntry {
                trigger_id: id.clone(),
                kind: *kind,
                status: progress(outcome),
                outcome: outcome.clone(),
            })
        };
        self.order.iter().rev().take(TOLD).filter_map(entry).collect()
    }
}

fn progress(outcome: &Option<TriggerOutcome>) -> Progress {
    if outcome.is_some() { Progress::Completed } else { Progress::InProgress }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_one_operation() {
        let mut t = Triggers::default();
        assert_eq!(t.file("a", TriggerKind::Savepoint), Filed::New);
        assert_eq!(t.file("a", TriggerKind::Savepoint), Filed::Known);
        assert_eq!(t.file("a", TriggerKind::Stop), Filed::Other(TriggerKind::Savepoint));
        let outcome = TriggerOutcome { checkpoint_id: Some(3), ..Default::default() };
        assert!(t.close("a", outcome.clone()) && !t.close("b", outcome.clone()));
        assert_eq!(t.file("a", TriggerKind::Savepoint), Filed::Known);
        assert_eq!(t.status("a").unwrap().1.operation, Some(outcome));
        assert!(t.status("b").is_none());
    }

    #[test]
    fn the_end_of_the_job_fails_what_is_open_and_old_ones_are_forgotten() {
        let mut t = Triggers::default();
        for n in 0..=REMEMBERED {
            t.file(&n.to_string(), TriggerKind::Checkpoint);
        }
        assert!(t.status("0").is_none());
        t.close("1", TriggerOutcome::default());
        t.fail_open("gone");
        assert_eq!(t.status("1").unwrap().1.operation, Some(TriggerOutcome::default()));
        assert_eq!(t.status("2").unwrap().1.operation.unwrap().failure.unwrap().message, "gone");
        let last = t.last();
        assert_eq!((last.len(), last[0].trigger_id.as_str()), (TOLD, "1000"));
    }
}
