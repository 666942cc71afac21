//! What a pool knows at one moment: who is there, the attempt that counts and
//! who takes part in it, and what follows from that for workers that leave.

use super::adoption::Candidate;
use super::message::{Running, ToCoordinator, ToWorker};
use super::registry::{ConnectionId, Registry};
use super::remote::Member;
use crossbeam_channel::Sender;
use std::collections::BTreeMap;
use streamjob_core::Error;
use streamjob_engine::deploy::TaskEvent;
use tokio::sync::mpsc::UnboundedSender;

/// How a worker is reached.
pub(super) type Link = UnboundedSender<Result<ToWorker, tonic::Status>>;

pub(super) fn tell(link: &Link, message: ToWorker) {
    // A broken connection is noticed where it is served.
    let _ = link.send(Ok(message));
}

/// See the module.
pub(super) struct State {
    pub registry: Registry<Link>,
    pub generation: u64,
    pub attempt: Option<Attempt>,
    /// Workers of the last assignment, by slot.
    pub before: Vec<String>,
    /// Who was told to fetch files, over which connection, and of which checkpoint.
    pub fetching: (String, BTreeMap<String, ConnectionId>),
    /// How many workers take part in the next attempt; all when absent.
    pub keep: Option<u32>,
    /// The job is over.
    pub over: bool,
}

impl State {
    /// The coordinator learns of a worker that is to end while it is needed.
    pub fn tell_of_leaving(&self, worker: &str) {
        let Some(attempt) = &self.attempt else { return };
        let needed = |m: &Member| !m.done && !m.lost && m.unfinished > 0;
        let leaving = self.registry.iter().any(|(name, w)| name == worker && w.leaving.is_some());
        if leaving && attempt.members.get(worker).is_some_and(needed) {
            let _ = attempt.events.send(TaskEvent::Leaving(worker.to_string()));
        }
    }

    /// Slots of a worker in which the attempt that counts runs.
    pub fn used(&self, worker: &str) -> u32 {
        let member = self.attempt.as_ref().and_then(|a| a.members.get(worker));
        if member.is_none_or(|m| m.done || m.lost) {
            return 0;
        }
        u32::try_from(self.before.iter().filter(|w| *w == worker).count()).unwrap_or(u32::MAX)
    }

    pub fn candidate(&self) -> Option<Candidate> {
        Candidate::among(self.registry.iter().filter_map(|(name, w)| Some((name.as_str(), w.running.as_ref()?))))
    }
}

/// The attempt that counts.
pub(super) struct Attempt {
    pub id: String,
    pub events: Sender<TaskEvent>,
    pub members: BTreeMap<String, Member>,
}

impl Attempt {
    /// The member, when the message came over the connection that it was deployed on.
    pub fn member(&mut self, attempt: &str, worker: &str, connection: ConnectionId) -> Option<&mut Member> {
        let same = self.id == attempt;
        self.members.get_mut(worker).filter(|m| same && m.connection == connection && !m.lost)
    }

    /// A worker is gone; tells the coordinator when that hurts.
    pub fn lose(&mut self, worker: &str, connection: ConnectionId, why: &str) {
        let Some(member) = self.members.get_mut(worker).filter(|m| m.connection == connection && !m.lost) else {
            return;
        };
        member.lost = true;
        if !member.done && member.unfinished > 0 {
            let _ = self.events.send(TaskEvent::PeerLost(Error::transient(format!("worker {worker} is lost: {why}"))));
        }
    }
}

/// What a worker says of tasks that another coordinator left there.
pub(super) fn follow(running: &mut Option<Running>, message: &ToCoordinator) {
    let same = |attempt: &String, running: &Option<Running>| running.as_ref().is_some_and(|r| r.attempt == *attempt);
    match message {
        ToCoordinator::Event { attempt, event } if same(attempt, running) => {
            running.iter_mut().for_each(|r| r.note(event));
        }
        ToCoordinator::ShareFailed { attempt, error } if same(attempt, running) => {
            running.iter_mut().for_each(|r| r.fail(error));
        }
        ToCoordinator::Done { attempt } if same(attempt, running) => *running = None,
        _ => {}
    }
}

/// Lets those go that want to leave and run nothing of the attempt that counts.
pub(super) fn dismiss(state: &State) {
    for (name, worker) in state.registry.iter().filter(|(_, w)| w.leaving.is_some()) {
        // Whether what another coordinator left there is gone on with is not decided yet.
        if state.attempt.is_none() && worker.running.is_some() {
            continue;
        }
        let member = state.attempt.as_ref().and_then(|a| a.members.get(name));
        let needed = member.is_some_and(|m| m.connection == worker.connection && !m.done && !m.lost);
        if !needed {
            tell(&worker.link, ToWorker::Shutdown);
        }
    }
}
