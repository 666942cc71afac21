//! One long poll a coordinator: its newest answer is at hand, and a change of it
//! leads to a look at its job within milliseconds. A settled job costs nothing.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use streamjob_api::JobStatus;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::AbortHandle;

use super::Client;
use crate::names::Revision;

/// How long a coordinator holds an answer that has not changed.
const HOLD: Duration = Duration::from_secs(30);
/// Between two tries while it does not answer, doubled up to [`SLOWEST`].
const RETRY: Duration = Duration::from_millis(100);
/// The longest time between two tries.
const SLOWEST: Duration = Duration::from_secs(1);

/// A job: namespace and name.
pub type Key = (String, String);

/// What is known of a coordinator.
#[derive(Clone)]
enum Known {
    /// It was not asked yet.
    Unasked,
    /// It does not answer.
    Silent,
    /// Its newest answer.
    Answer(Arc<JobStatus>),
}

impl Known {
    fn version(&self) -> Option<u64> {
        match self {
            Self::Answer(status) => Some(status.version),
            Self::Unasked | Self::Silent => None,
        }
    }
}

struct Poll {
    /// Base URL and uid of the pod.
    at: (String, String),
    known: Arc<Mutex<Known>>,
    task: AbortHandle,
}

impl Drop for Poll {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Follows coordinators.
pub struct Follower {
    client: Client,
    polls: Mutex<HashMap<Key, BTreeMap<Revision, Poll>>>,
    changed: UnboundedSender<Key>,
}

impl Follower {
    /// Tells of changes over `changed`.
    pub fn new(client: Client, changed: UnboundedSender<Key>) -> Self {
        Self { client, polls: Mutex::default(), changed }
    }

    /// Follows exactly these coordinators of a job, and returns their answers; absent while one was not asked yet.
    pub fn follow(
        &self,
        key: &Key,
        wanted: BTreeMap<Revision, (String, String)>,
    ) -> Option<BTreeMap<Revision, Arc<JobStatus>>> {
        let mut polls = self.polls.lock();
        if wanted.is_empty() {
            polls.remove(key);
            return Some(BTreeMap::new());
        }
        let mine = polls.entry(key.clone()).or_default();
        mine.retain(|revision, poll| wanted.get(revision) == Some(&poll.at));
        for (revision, at) in wanted {
            mine.entry(revision).or_insert_with(|| self.start(key.clone(), at));
        }
        let mut answers = BTreeMap::new();
        for (revision, poll) in mine {
            match poll.known.lock().clone() {
                Known::Unasked => return None,
                Known::Silent => {}
                Known::Answer(answer) => {
                    answers.insert(*revision, answer);
                }
            }
        }
        Some(answers)
    }

    /// Follows nothing of a job any more.
    pub fn forget(&self, key: &Key) {
        self.polls.lock().remove(key);
    }

    /// How many coordinators are followed, and how many of them answer.
    pub fn counts(&self) -> (usize, usize) {
        let polls = self.polls.lock();
        let all = polls.values().flat_map(BTreeMap::values);
        all.fold((0, 0), |(n, up), poll| (n + 1, up + usize::from(poll.known.lock().version().is_some())))
    }

    fn start(&self, key: Key, at: (String, String)) -> Poll {
        let known = Arc::new(Mutex::new(Known::Unasked));
        let task = tokio::spawn(poll(self.client.clone(), key, at.0.clone(), known.clone(), self.changed.clone()));
        Poll { at, known, task: task.abort_handle() }
    }
}

async fn poll(client: Client, key: Key, base: String, known: Arc<Mutex<Known>>, changed: UnboundedSender<Key>) {
    let mut pause = RETRY;
    loop {
        let before = known.lock().version();
        let got = match before {
            None => client.status(&base).await,
            Some(version) => client.next_status(&base, version, HOLD).await,
        };
        let news = match got {
            Ok(status) => {
                pause = RETRY;
                let news = Some(status.version) != before;
                *known.lock() = Known::Answer(Arc::new(status));
                news
            }
            Err(error) => {
                tracing::debug!(namespace = key.0, job = key.1, base, "no answer: {error}");
                let silent = matches!(std::mem::replace(&mut *known.lock(), Known::Silent), Known::Silent);
                if silent {
                    tokio::time::sleep(pause).await;
                    pause = pause.saturating_mul(2).min(SLOWEST);
                }
                !silent
            }
        };
        if news && changed.send(key.clone()).is_err() {
            return;
        }
    }
}
