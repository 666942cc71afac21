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

struct Poll {
    /// Base URL and uid of the pod.
    at: (String, String),
    answer: Arc<Mutex<Option<Arc<JobStatus>>>>,
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

    /// Follows exactly these coordinators of a job, and returns what is known of them.
    pub fn follow(
        &self,
        key: &Key,
        wanted: BTreeMap<Revision, (String, String)>,
    ) -> BTreeMap<Revision, Arc<JobStatus>> {
        let mut polls = self.polls.lock();
        if wanted.is_empty() {
            polls.remove(key);
            return BTreeMap::new();
        }
        let mine = polls.entry(key.clone()).or_default();
        mine.retain(|revision, poll| wanted.get(revision) == Some(&poll.at));
        for (revision, at) in wanted {
            mine.entry(revision).or_insert_with(|| self.start(key.clone(), at));
        }
        mine.iter().filter_map(|(r, poll)| poll.answer.lock().clone().map(|a| (*r, a))).collect()
    }

    /// Follows nothing of a job any more.
    pub fn forget(&self, key: &Key) {
        self.polls.lock().remove(key);
    }

    /// How many coordinators are followed, and how many of them answer.
    pub fn counts(&self) -> (usize, usize) {
        let polls = self.polls.lock();
        let all = polls.values().flat_map(BTreeMap::values);
        all.fold((0, 0), |(n, up), poll| (n + 1, up + usize::from(poll.answer.lock().is_some())))
    }

    fn start(&self, key: Key, at: (String, String)) -> Poll {
        let answer = Arc::new(Mutex::new(None));
        let task = tokio::spawn(poll(self.client.clone(), key, at.0.clone(), answer.clone(), self.changed.clone()));
        Poll { at, answer, task: task.abort_handle() }
    }
}

async fn poll(
    client: Client,
    key: Key,
    base: String,
    answer: Arc<Mutex<Option<Arc<JobStatus>>>>,
    changed: UnboundedSender<Key>,
) {
    let mut pause = RETRY;
    loop {
        let known = answer.lock().as_ref().map(|a| a.version);
        let got = match known {
            None => client.status(&base).await,
            Some(version) => client.next_status(&base, version, HOLD).await,
        };
        let news = match got {
            Ok(status) => {
                pause = RETRY;
                let news = Some(status.version) != known;
                *answer.lock() = Some(Arc::new(status));
                news
            }
            Err(error) => {
                tracing::debug!(namespace = key.0, job = key.1, base, "no answer: {error}");
                let news = answer.lock().take().is_some();
                if !news {
                    tokio::time::sleep(pause).await;
                    pause = pause.saturating_mul(2).min(SLOWEST);
                }
                news
            }
        };
        if news && changed.send(key.clone()).is_err() {
            return;
        }
    }
}
