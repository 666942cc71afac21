//! Who is there: registered workers, their slots, and when they were last heard.
//! Pure: time is given. `L` is how a worker is reached.

use super::assign::Offer;
use super::message::{BINARY, PROTOCOL, Register, Running};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use streamjob_core::Error;

/// Number of a connection; a worker that comes back has another one.
pub type ConnectionId = u64;

/// The registered workers, by name.
pub struct Registry<L> {
    workers: BTreeMap<String, Worker<L>>,
    next: ConnectionId,
}

/// One of them.
pub struct Worker<L> {
    /// Its connection.
    pub connection: ConnectionId,
    /// How it is reached.
    pub link: L,
    /// Random per process.
    pub process: String,
    /// Slots.
    pub slots: u32,
    /// Where its exchange listens.
    pub exchange: String,
    /// What it ran when it registered.
    pub running: Option<Running>,
    /// Since when it is asked to end; it takes nothing new then.
    pub leaving: Option<Instant>,
    heard: Instant,
}

/// A worker came.
pub struct Registered<L> {
    /// Its connection from now on.
    pub connection: ConnectionId,
    /// The one that it takes the place of, and whether that was another process.
    pub replaced: Option<(Worker<L>, bool)>,
}

impl<L> Worker<L> {
    /// How long ago it was heard.
    pub fn silent(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.heard)
    }
}

impl<L> Default for Registry<L> {
    fn default() -> Self {
        Self { workers: BTreeMap::new(), next: 1 }
    }
}

impl<L> Registry<L> {
    /// Takes a worker in. Errors (User) for one of another version.
    pub fn register(&mut self, register: Register, link: L, now: Instant) -> Result<Registered<L>, Error> {
        check(&register)?;
        let connection = self.next;
        self.next += 1;
        let worker = Worker {
            connection,
            link,
            process: register.process.clone(),
            slots: register.slots,
            exchange: register.exchange,
            running: register.running,
            leaving: register.leaving.then_some(now),
            heard: now,
        };
        let replaced = self.workers.insert(register.worker, worker);
        let replaced = replaced.map(|old| {
            let other = old.process != register.process;
            (old, other)
        });
        Ok(Registered { connection, replaced })
    }

    /// The worker of a connection, if that is still its connection.
    pub fn get_mut(&mut self, worker: &str, connection: ConnectionId) -> Option<&mut Worker<L>> {
        self.workers.get_mut(worker).filter(|w| w.connection == connection)
    }

    /// The worker of a connection, if that is still its connection.
    pub fn get(&self, worker: &str, connection: ConnectionId) -> Option<&Worker<L>> {
        self.workers.get(worker).filter(|w| w.connection == connection)
    }

    /// What workers ran when they registered counts no longer.
    pub fn forget_running(&mut self) {
        self.workers.values_mut().for_each(|w| w.running = None);
    }

    /// Something came from a worker. False for a connection that no longer counts.
    pub fn heard(&mut self, worker: &str, connection: ConnectionId, now: Instant) -> bool {
        self.get_mut(worker, connection).map(|w| w.heard = now).is_some()
    }

    /// A connection broke. The worker, if that was still its connection.
    pub fn remove(&mut self, worker: &str, connection: ConnectionId) -> Option<Worker<L>> {
        self.get(worker, connection)?;
        self.workers.remove(worker)
    }

    /// Takes out whoever has been silent for too long.
    pub fn expire(&mut self, now: Instant, timeout: Duration) -> Vec<(String, Worker<L>)> {
        self.workers.extract_if(.., |_, w| now.saturating_duration_since(w.heard) >= timeout).collect()
    }

    /// All workers by name.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Worker<L>)> {
        self.workers.iter()
    }

    /// Who can take subtasks.
    pub fn offers(&self) -> Vec<Offer> {
        let takes = self.workers.iter().filter(|(_, w)| w.leaving.is_none() && w.slots > 0);
        takes.map(|(name, w)| Offer { worker: name.clone(), slots: w.slots }).collect()
    }
}

fn check(register: &Register) -> Result<(), Error> {
    if register.protocol == PROTOCOL && register.binary == BINARY {
        return Ok(());
    }
    Err(Error::user(format!(
        "worker {} runs version {} (protocol {}), the coordinator runs {BINARY} (protocol {PROTOCOL})",
        register.worker, register.binary, register.protocol
    ))
    .fix("run coordinator and workers from the same image"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;

    pub(crate) fn worker(name: &str, process: &str) -> Register {
        Register {
            protocol: PROTOCOL,
            binary: BINARY.into(),
            worker: name.into(),
            process: process.into(),
            slots: 2,
            exchange: "h:1".into(),
            running: None,
            leaving: false,
        }
    }

    #[test]
    fn other_versions_are_refused_with_both_versions_named() {
        let mut registry = Registry::default();
        for wrong in [
            Register { protocol: PROTOCOL + 1, ..worker("w", "p") },
            Register { binary: "0.0.9".into(), ..worker("w", "p") },
        ] {
            let e = registry.register(wrong.clone(), (), Instant::now()).err().unwrap();
            for part in [wrong.binary.as_str(), BINARY, "same image"] {
                assert!(e.to_string().contains(part), "{e}");
            }
        }
        assert!(registry.offers().is_empty());
    }

    #[test]
    fn a_worker_that_comes_back_takes_its_own_place() {
        let mut registry = Registry::default();
        let now = Instant::now();
        let first = registry.register(worker("w", "p"), 1, now).unwrap();
        assert!(first.replaced.is_none());
        let again = registry.register(worker("w", "p"), 2, now).unwrap();
        assert!(matches!(again.replaced, Some((_, false))));
        let other = registry.register(worker("w", "q"), 3, now).unwrap();
        assert!(matches!(other.replaced, Some((_, true))));
        // The old connections count no longer, also when they break only now.
        assert!(!registry.heard("w", first.connection, now) && registry.remove("w", again.connection).is_none());
        assert_eq!(registry.offers().len(), 1);
        assert!(registry.remove("w", other.connection).is_some());
        assert!(registry.offers().is_empty());
    }

    #[test]
    fn silence_counts_from_the_last_word() {
        let mut registry = Registry::default();
        let (start, second, timeout) = (Instant::now(), Duration::from_secs(1), Duration::from_secs(10));
        let a = registry.register(worker("a", "p"), (), start).unwrap();
        registry.register(worker("b", "q"), (), start).unwrap();
        assert!(registry.heard("a", a.connection, start + 5 * second));
        assert!(registry.expire(start + 9 * second, timeout).is_empty());
        let lost: Vec<_> = registry.expire(start + 10 * second, timeout).into_iter().map(|l| l.0).collect();
        assert_eq!(lost, ["b"]);
        assert_eq!(registry.expire(start + 15 * second, timeout).len(), 1);
    }

    #[test]
    fn who_leaves_takes_nothing_new() {
        let mut registry = Registry::default();
        let a = registry.register(worker("a", "p"), (), Instant::now()).unwrap();
        registry.get_mut("a", a.connection).unwrap().leaving = Some(Instant::now());
        assert!(registry.offers().is_empty());
    }
}
