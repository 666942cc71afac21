//! The part of a deployment that other workers run: which tasks are here, and
//! the connections to those that are not.

use super::{Halt, Wiring};
use crate::chain::ChainPlan;
use crate::deploy::{ChannelFigures, DeployRequest, Share, TaskEvent, TaskId};
use crate::exchange::Consumer;
use crate::graph::Exchange;
use crate::net::{ChannelId, EdgeRoute, Outgoing, Phase, Routes, Traffic};
use crate::task::Events;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use streamjob_core::{Error, Result};
use tokio::sync::watch;

/// This process's connections of one attempt.
pub(crate) struct Peers {
    share: Share,
    attempt: String,
    routes: Arc<Routes>,
    /// By peer.
    outgoing: Mutex<HashMap<usize, Arc<Outgoing>>>,
    on_lost: Arc<dyn Fn(Error) + Send + Sync>,
}

/// True when the task runs here.
pub(super) fn is_here(share: Option<&Share>, vertex: usize, subtask: u32) -> bool {
    share.is_none_or(|s| worker_of(s, vertex, subtask) == Some(s.worker))
}

fn worker_of(share: &Share, vertex: usize, subtask: u32) -> Option<usize> {
    share.assignment.get(vertex)?.get(subtask as usize).copied()
}

/// The assignment names a worker for every task, and addresses for all of them.
fn check(share: &Share, plan: &ChainPlan) -> Result<()> {
    let fits = plan.vertices.len() == share.assignment.len()
        && plan.vertices.iter().zip(&share.assignment).all(|(v, a)| v.info.parallelism as usize == a.len())
        && share.assignment.iter().flatten().all(|w| *w < share.peers.len());
    if fits {
        return Ok(());
    }
    Err(Error::internal("the coordinator's assignment does not fit the plan made here"))
}

impl Peers {
    /// Opens this attempt to peers. What they lose halts the tasks here.
    pub(super) fn open(
        share: Share,
        request: &DeployRequest,
        plan: &ChainPlan,
        wiring: &Wiring,
        events: &Arc<Events>,
        halt: &Arc<Halt>,
    ) -> Result<Arc<Self>> {
        check(&share, plan)?;
        let mut edges = Vec::with_capacity(plan.edges.len());
        for (edge, first_channel) in plan.edges.iter().zip(&wiring.first_channel) {
            let producer = plan.vertices.get(edge.from).and_then(|v| v.nodes.last());
            let node = producer.and_then(|n| request.graph.nodes.get(*n));
            let node = node.ok_or_else(|| Error::internal("an edge without a producer"))?;
            let inboxes = wiring.inboxes.get(edge.to).into_iter().flatten().zip(0u32..);
            edges.push(EdgeRoute {
                schema: node.schema.arrow(),
                consumers: inboxes
                    .filter(|(_, subtask)| is_here(Some(&share), edge.to, *subtask))
                    .map(|(wired, subtask)| (subtask, wired.inbox.clone()))
                    .collect(),
                first_channel: *first_channel,
                forward: edge.exchange == Exchange::Forward,
            });
        }
        let (events, halted) = (events.clone(), Arc::downgrade(halt));
        let on_lost: Arc<dyn Fn(Error) + Send + Sync> = Arc::new(move |error| {
            if let Some(halt) = halted.upgrade().filter(|h| !h.is_halted()) {
                events.send(TaskEvent::PeerLost(error));
                halt.halt(false);
            }
        });
        let routes = Arc::new(Routes { edges, on_lost: on_lost.clone(), phase: watch::Sender::new(Phase::Running) });
        share.network.attach(&request.attempt, routes.clone());
        Ok(Arc::new(Self { share, attempt: request.attempt.clone(), routes, outgoing: Mutex::default(), on_lost }))
    }

    /// The way to a consumer that runs elsewhere; `None` when it runs here.
    pub(super) fn way(&self, vertex: usize, channel: ChannelId) -> Result<Option<Consumer>> {
        let missing = || Error::internal("a consumer that no worker runs");
        let peer = worker_of(&self.share, vertex, channel.consumer).ok_or_else(missing)?;
        if peer == self.share.worker {
            return Ok(None);
        }
        let mut outgoing = self.outgoing.lock();
        let connection = match outgoing.get(&peer) {
            Some(connection) => connection.clone(),
            None => {
                let address = self.share.peers.get(peer).cloned().ok_or_else(missing)?;
                let ends = (number(self.share.worker)?, number(peer)?);
                let connection = self.share.network.connect(&self.attempt, ends, address, self.on_lost.clone())?;
                outgoing.insert(peer, connection.clone());
                connection
            }
        };
        Ok(Some(Consumer::There(connection, channel)))
    }

    /// All tasks here have ended in peace.
    pub(super) fn done(&self) {
        self.routes.phase.send_if_modified(|p| std::mem::replace(p, Phase::Done) == Phase::Running);
        self.outgoing.lock().values().for_each(|o| o.bye());
    }

    /// The job stops: peers notice.
    pub(crate) fn cut(&self) {
        self.routes.phase.send_if_modified(|p| *p == Phase::Running && std::mem::replace(p, Phase::Cut) != Phase::Cut);
        self.outgoing.lock().values().for_each(|o| o.halt());
    }

    /// Where this worker's exchange listens.
    pub(super) fn endpoint(&self) -> Option<String> {
        self.share.peers.get(self.share.worker).cloned()
    }

    /// Figures of all channels to other workers, by producing vertex and subtask.
    pub(super) fn channels(&self, edges: &[usize]) -> HashMap<TaskId, Vec<ChannelFigures>> {
        let mut found: HashMap<TaskId, Vec<ChannelFigures>> = HashMap::new();
        let outgoing: Vec<_> = self.outgoing.lock().values().cloned().collect();
        for (subtask, figures) in outgoing.iter().flat_map(|o| o.channels()) {
            if let Some(vertex) = edges.get(figures.edge as usize) {
                found.entry(TaskId { vertex: *vertex, subtask }).or_default().push(figures);
            }
        }
        found.values_mut().for_each(|c| c.sort_by_key(|c| (c.edge, c.consumer)));
        found
    }

    /// By peer: what waits to be sent, and how long producers waited.
    pub(super) fn traffic(&self) -> Vec<(usize, Traffic)> {
        self.outgoing.lock().iter().map(|(peer, o)| (*peer, o.traffic())).collect()
    }
}

impl Drop for Peers {
    fn drop(&mut self) {
        self.cut();
        self.share.network.detach(&self.attempt);
    }
}

fn number(worker: usize) -> Result<u32> {
    u32::try_from(worker).map_err(|_| Error::internal("more than 4 billion workers"))
}
