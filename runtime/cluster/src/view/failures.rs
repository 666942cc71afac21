//! The last failures of the job. Pure.

use std::collections::VecDeque;
use streamjob_api::{ExceptionHistory, ExceptionInfo, FailureStatus, JobExceptions};
use streamjob_core::{Domain, Error};

/// Failures that are kept, as in Flink.
pub const KEPT: usize = 16;

/// Where a failure happened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// `name (subtask/parallelism)`.
    pub task: Option<String>,
    /// Exchange address of the worker.
    pub endpoint: Option<String>,
    /// Name of the worker.
    pub worker: Option<String>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Failures {
    /// Newest first.
    entries: VecDeque<ExceptionInfo>,
    forgotten: bool,
}

impl Failures {
    /// The job failed.
    pub fn add(&mut self, error: &Error, place: Place, now_ms: i64) {
        self.entries.push_front(ExceptionInfo {
            name: domain(error.domain()).to_string(),
            stacktrace: error.to_string(),
            timestamp: now_ms,
            task: place.task,
            endpoint: place.endpoint,
            worker: place.worker,
        });
        self.forgotten |= self.entries.len() > KEPT;
        self.entries.truncate(KEPT);
    }

    /// `GET …/exceptions`.
    pub fn exceptions(&self, max: usize) -> JobExceptions {
        let newest = self.entries.front();
        JobExceptions {
            root: newest.map(|e| e.stacktrace.clone()),
            timestamp: newest.map(|e| e.timestamp),
            history: ExceptionHistory {
                entries: self.entries.iter().take(max).cloned().collect(),
                truncated: self.forgotten || self.entries.len() > max,
            },
        }
    }

    /// The newest.
    pub fn last(&self) -> Option<FailureStatus> {
        self.entries.front().map(|e| FailureStatus {
            domain: e.name.clone(),
            message: e.stacktrace.clone(),
            timestamp: e.timestamp,
            task: e.task.clone(),
            worker: e.worker.clone(),
        })
    }
}

fn domain(domain: Domain) -> &'static str {
    match domain {
        Domain::User => "User",
        Domain::Transient => "Transient",
        Domain::Internal => "Internal",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_come_first_and_no_more_than_asked_for() {
        let mut f = Failures::default();
        assert_eq!(f.exceptions(9), JobExceptions::default());
        for n in 0..KEPT {
            f.add(&Error::transient(format!("e{n}")), Place::default(), n as i64);
        }
        assert!(!f.exceptions(KEPT).history.truncated);
        let place = Place { task: Some("t (1/2)".into()), endpoint: None, worker: Some("w".into()) };
        f.add(&Error::user("bad").fix("mend it"), place, 99);
        let told = f.exceptions(2);
        assert!(told.root.unwrap().contains("mend it"));
        assert_eq!((told.timestamp, told.history.entries.len(), told.history.truncated), (Some(99), 2, true));
        assert_eq!(f.exceptions(100).history.entries.len(), KEPT);
        let last = f.last().unwrap();
        assert_eq!((last.domain.as_str(), last.worker.as_deref()), ("User", Some("w")));
    }
}
