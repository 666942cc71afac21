//! Leadership: one operator acts, by a Lease.
//!
//! A holder is judged by whether its lease changes as seen from here, on the clock of this process: clocks of machines
//! need not agree. Who cannot renew in time stops being the leader before another one may become it, and the process ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use kube::{Api, Client};
use parking_lot::Mutex;
use tokio::sync::watch;

/// A lease that did not change for this long is free.
const DURATION: Duration = Duration::from_secs(15);
/// Who could not renew for this long leads no more.
const DEADLINE: Duration = Duration::from_secs(10);
/// Between two renewals.
const RENEW: Duration = Duration::from_secs(5);
/// Between two looks at somebody else's lease, and after an error.
const RETRY: Duration = Duration::from_secs(2);

/// Until when this process may act. One that was halted, or starved, finds out before it writes that its time is over,
/// also when its election has not come to look yet.
#[derive(Debug, Default)]
pub struct Tenure {
    always: bool,
    renewed: Mutex<Option<Instant>>,
}

impl Tenure {
    /// Without an election: for ever. Else not before the lease is held.
    pub fn new(always: bool) -> Arc<Self> {
        Arc::new(Self { always, renewed: Mutex::default() })
    }

    /// Whether it may act now.
    pub fn holds(&self) -> bool {
        self.always || self.renewed.lock().is_some_and(|at| at.elapsed() < DEADLINE)
    }

    fn renewed(&self, at: Option<Instant>) {
        *self.renewed.lock() = at;
    }
}

/// Takes part in an election.
pub struct Candidate {
    api: Api<Lease>,
    name: String,
    identity: String,
    tenure: Arc<Tenure>,
    seen: Option<Seen>,
}

/// A lease as it was when it changed last.
struct Seen {
    version: Option<String>,
    since: Instant,
}

/// What to do about a lease.
#[derive(Debug, PartialEq, Eq)]
enum Turn {
    /// It is ours, or nobody's, or its holder is gone: take it.
    Take,
    /// Somebody holds it.
    Wait,
}

fn judge(identity: &str, lease: &LeaseSpec, unchanged_for: Duration) -> Turn {
    match lease.holder_identity.as_deref() {
        None | Some("") => Turn::Take,
        Some(holder) if holder == identity => Turn::Take,
        _ if unchanged_for >= DURATION => Turn::Take,
        _ => Turn::Wait,
    }
}

impl Candidate {
    /// A candidate. `identity`: of this pod; a container that is started again in it holds the same lease.
    pub fn new(client: Client, namespace: &str, name: &str, identity: String, tenure: Arc<Tenure>) -> Self {
        Self { api: Api::namespaced(client, namespace), name: name.to_owned(), identity, tenure, seen: None }
    }

    /// Becomes the leader some time, tells so over `leads`, and stays it until it cannot renew (returns false) or `stop`
    /// is set (gives the lease away and returns true).
    pub async fn run(mut self, leads: watch::Sender<bool>, mut stop: watch::Receiver<bool>) -> bool {
        let mut renewed = Instant::now();
        let mut leading = false;
        loop {
            let begun = Instant::now();
            let turn = tokio::time::timeout(RENEW, self.turn()).await;
            match turn {
                Ok(Ok(true)) => {
                    renewed = begun;
                    self.tenure.renewed(Some(begun));
                    if !leading {
                        tracing::info!(identity = self.identity, "leads");
                        leading = true;
                        leads.send_replace(true);
                    }
                }
                Ok(Ok(false)) if leading => {
                    tracing::error!("somebody else took the lease");
                    self.tenure.renewed(None);
                    leads.send_replace(false);
                    return false;
                }
                Ok(Ok(false)) => {}
                Ok(Err(error)) => tracing::warn!("the lease cannot be renewed: {}", crate::jobs::causes(&error)),
                Err(_) => tracing::warn!("the lease cannot be renewed: the API server does not answer"),
            }
            if leading && renewed.elapsed() >= DEADLINE {
                tracing::error!("the lease could not be renewed for {} s", DEADLINE.as_secs());
                leads.send_replace(false);
                return false;
            }
            let healthy = leading && renewed.elapsed() < RENEW;
            let pause = tokio::time::sleep(if healthy { RENEW } else { RETRY });
            let stopped = tokio::select! {
                () = pause => false,
                _ = stop.wait_for(|s| *s) => true,
            };
            if stopped {
                if leading {
                    self.tenure.renewed(None);
                    self.give_away().await;
                }
                return true;
            }
        }
    }

    /// One look, and the renewal if it is our turn. True: the lease is ours.
    async fn turn(&mut self) -> Result<bool, kube::Error> {
        let Some(mut lease) = self.api.get_opt(&self.name).await? else {
            let metadata = ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() };
            let lease = Lease { metadata, spec: Some(self.spec(None)) };
            return won(self.api.create(&PostParams::default(), &lease).await);
        };
        let version = lease.metadata.resource_version.clone();
        if self.seen.as_ref().is_none_or(|s| s.version != version) {
            self.seen = Some(Seen { version, since: Instant::now() });
        }
        let unchanged = self.seen.as_ref().map_or(Duration::ZERO, |s| s.since.elapsed());
        let before = lease.spec.take().unwrap_or_default();
        if judge(&self.identity, &before, unchanged) == Turn::Wait {
            return Ok(false);
        }
        lease.spec = Some(self.spec(Some(&before)));
        // It carries its version: of two who take it at once, one wins.
        won(self.api.replace(&self.name, &PostParams::default(), &lease).await)
    }

    fn spec(&self, before: Option<&LeaseSpec>) -> LeaseSpec {
        let now = MicroTime(Timestamp::now());
        let mine = before.filter(|b| b.holder_identity.as_deref() == Some(&self.identity));
        let transitions = before.and_then(|b| b.lease_transitions).unwrap_or(0);
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(DURATION.as_secs()).ok(),
            acquire_time: mine.and_then(|m| m.acquire_time.clone()).or_else(|| Some(now.clone())),
            renew_time: Some(now),
            lease_transitions: Some(if mine.is_some() { transitions } else { transitions.saturating_add(1) }),
            ..LeaseSpec::default()
        }
    }

    /// So that a successor need not wait.
    async fn give_away(&self) {
        let given = async {
            let mut lease = self.api.get(&self.name).await?;
            if let Some(spec) = lease.spec.as_mut().filter(|s| s.holder_identity.as_deref() == Some(&self.identity)) {
                spec.holder_identity = None;
                self.api.replace(&self.name, &PostParams::default(), &lease).await?;
            }
            Ok::<_, kube::Error>(())
        };
        if let Ok(Err(error)) = tokio::time::timeout(RETRY, given).await {
            tracing::warn!("the lease could not be given away: {error}");
        }
    }
}

/// Whether we wrote it; a conflict means that somebody else did.
fn won(written: Result<Lease, kube::Error>) -> Result<bool, kube::Error> {
    match written {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_did_not_renew_in_time_may_not_act() {
        let tenure = Tenure::new(false);
        assert!(!tenure.holds() && Tenure::new(true).holds());
        tenure.renewed(Some(Instant::now()));
        assert!(tenure.holds());
        tenure.renewed(Instant::now().checked_sub(DEADLINE));
        assert!(!tenure.holds());
    }

    #[test]
    fn a_lease_is_taken_when_it_is_free_or_its_holder_is_silent() {
        let held = |by: Option<&str>| LeaseSpec { holder_identity: by.map(str::to_owned), ..LeaseSpec::default() };
        let table = [
            (held(None), 0, Turn::Take),
            (held(Some("")), 0, Turn::Take),
            (held(Some("me")), 0, Turn::Take),
            (held(Some("you")), 0, Turn::Wait),
            (held(Some("you")), 14, Turn::Wait),
            (held(Some("you")), 15, Turn::Take),
        ];
        for (lease, seconds, want) in table {
            assert_eq!(judge("me", &lease, Duration::from_secs(seconds)), want, "{lease:?} {seconds}");
        }
        const { assert!(DEADLINE.as_secs() < DURATION.as_secs()) };
    }
}
