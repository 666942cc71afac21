//! A model test: random operations on a job's subtasks, compared with ordered
//! maps, through checkpoints, restores and rescales in any mix.

use super::{Bench, GROUPS, entries, spec};
use crate::backend::{BackendFactory, KeyedBackend, StateId, StateKind};
use crate::point::FullKeys;
use crate::snapshot::{KeyedSnapshot, PendingSnapshot, SnapshotFormat};
use std::collections::BTreeMap;
use streamjob_core::key::{key_group_range, owner};

/// One step of a script: four bytes of any value, so that any generator can make and shrink them.
pub type Step = (u8, u8, u8, u8);

type Model = BTreeMap<(usize, Vec<u8>), Vec<u8>>;

const STATES: [(&str, StateKind); 3] =
    [("value", StateKind::Value), ("map", StateKind::Map), ("a/odd name: ü", StateKind::List)];

struct Job<'a> {
    // Dropped in this order: the bench removes the folders of the others.
    tasks: Vec<(Box<dyn KeyedBackend>, Vec<StateId>)>,
    pending: Option<(u64, Vec<Box<dyn PendingSnapshot>>, Model)>,
    bench: Bench,
    factories: &'a [&'a dyn BackendFactory],
    factory: usize,
    now: Model,
    completed: Option<(Vec<KeyedSnapshot>, Model)>,
    checkpoint: u64,
}

/// Runs a script. With several factories, a restore may change the backend. Panics where a backend differs
/// from the model.
pub fn run_model(factories: &[&dyn BackendFactory], memory_budget: u64, script: &[Step]) {
    let mut bench = Bench::new();
    bench.memory_budget = memory_budget;
    let mut job = Job {
        bench,
        factories,
        factory: 0,
        tasks: Vec::new(),
        now: Model::new(),
        pending: None,
        completed: None,
        checkpoint: 0,
    };
    job.start(1, vec![]);
    for step in script {
        job.step(*step);
    }
    job.finish_pending();
    job.check();
    if let Some((snapshots, model)) = job.completed.clone() {
        job.now = model;
        job.start(3, snapshots);
        job.check();
    }
}

/// A short key from a small set, so that operations meet: group, then up to three bytes of three letters.
fn key(b: u8, c: u8) -> Vec<u8> {
    let letters = [0x00, 0x61, 0xFF];
    let mut key = vec![0, b % GROUPS as u8];
    let mut rest = c;
    for _ in 0..c % 4 {
        key.push(letters[usize::from(rest % 3)]);
        rest /= 3;
    }
    key
}

impl Job<'_> {
    fn start(&mut self, parallelism: u32, restore: Vec<KeyedSnapshot>) {
        self.tasks.clear();
        let factory = self.factories[self.factory % self.factories.len()];
        for i in 0..parallelism {
            let groups = key_group_range(i, parallelism, GROUPS);
            let mut backend = self.bench.open(factory, groups, restore.clone()).unwrap();
            let ids = STATES.iter().map(|(n, k)| backend.register(&spec(n, *k)).unwrap()).collect();
            self.tasks.push((backend, ids));
        }
    }

    fn task(&mut self, state: usize, key: &[u8]) -> (&mut dyn KeyedBackend, StateId) {
        let task = owner(u16::from(key[1]), self.tasks.len() as u32, GROUPS) as usize;
        let (backend, ids) = &mut self.tasks[task];
        (&mut **backend, ids[state])
    }

    fn step(&mut self, (op, a, b, c): Step) {
        let state = usize::from(a) % STATES.len();
        let k = key(b, c);
        match op % 18 {
            0..=4 => {
                let value = vec![c ^ b; usize::from(a / 3)];
                let (backend, id) = self.task(state, &k);
                backend.put(id, &k, &value).unwrap();
                self.now.insert((state, k), value);
            }
            5 | 6 => {
                let (backend, id) = self.task(state, &k);
                backend.delete(id, &k).unwrap();
                self.now.remove(&(state, k));
            }
            7 => {
                let want = self.now.get(&(state, k.clone())).cloned();
                let (backend, id) = self.task(state, &k);
                assert_eq!(backend.get(id, &k).unwrap(), want, "get {k:?}");
            }
            8 => {
                let keys: Vec<Vec<u8>> = (0..8u8).map(|i| key(b, c.wrapping_add(i))).collect();
                let want: Vec<_> = keys.iter().map(|k| self.now.get(&(state, k.clone())).cloned()).collect();
                let refs: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
                let (backend, id) = self.task(state, &k);
                assert_eq!(backend.get_many(id, &refs).unwrap(), want, "get_many {keys:?}");
            }
            9 | 10 => {
                let want = self.slice(state, &k);
                let (backend, id) = self.task(state, &k);
                assert_eq!(entries(backend, id, &k), want, "scan {k:?}");
            }
            11 => {
                let (backend, id) = self.task(state, &k);
                backend.delete_prefix(id, &k).unwrap();
                self.now.retain(|(s, key), _| *s != state || !key.starts_with(&k));
            }
            12 => {
                self.finish_pending();
                self.checkpoint += 1;
                let format = if a % 4 == 0 { SnapshotFormat::Canonical } else { SnapshotFormat::RocksDb };
                let request = self.bench.request(self.checkpoint, format);
                let parts = self.tasks.iter_mut().map(|(b, _)| b.snapshot(&request).unwrap()).collect();
                self.pending = Some((self.checkpoint, parts, self.now.clone()));
            }
            13 => self.finish_pending(),
            14 => {
                if let Some((id, _, _)) = self.pending.take() {
                    self.tasks.iter_mut().for_each(|(b, _)| b.checkpoint_aborted(id));
                }
            }
            15 | 16 => self.in_place(state, (a, b, c)),
            _ => {
                self.check();
                self.pending = None;
                if let Some((snapshots, model)) = self.completed.clone() {
                    self.now = model;
                    self.factory += usize::from(a);
                    self.start(1 + u32::from(b % 5), snapshots);
                }
            }
        }
    }

    /// Keys of one group, some twice, in two windows: read, changed in place, replaced, removed.
    fn in_place(&mut self, state: usize, (a, b, c): (u8, u8, u8)) {
        let keys: Vec<Vec<u8>> = (0..12u8).map(|i| key(b, c.wrapping_add(i % 9))).collect();
        let mut full = FullKeys::default();
        keys.iter().for_each(|k| full.push_full(k));
        for window in [0..5, 5..12] {
            let mut now = std::mem::take(&mut self.now);
            let (backend, id) = self.task(state, &keys[0]);
            let found = backend.entries(id, &full, window.clone(), usize::from(a)).unwrap();
            if let Some(mut found) = found {
                for (at, k) in keys[window].iter().enumerate() {
                    let at_key = (state, k.clone());
                    assert_eq!(found.get(at).unwrap(), now.get(&at_key).map(Vec::as_slice), "in place {k:?}");
                    match a.wrapping_add(at as u8) % 5 {
                        0 => {
                            found.remove(at).unwrap();
                            now.remove(&at_key);
                        }
                        1 => {
                            let value = found.get_mut(at).unwrap();
                            assert_eq!(value.as_deref(), now.get(&at_key).map(Vec::as_slice));
                            if let (Some(value), Some(old)) = (value, now.get_mut(&at_key)) {
                                value.fill(b);
                                old.fill(b);
                            }
                        }
                        2 | 3 => {
                            let value = vec![c; usize::from(a ^ at as u8)];
                            found.set(at, &value).unwrap();
                            now.insert(at_key, value);
                        }
                        _ => {}
                    }
                }
            }
            self.now = now;
        }
    }

    fn finish_pending(&mut self) {
        let Some((id, parts, model)) = self.pending.take() else { return };
        let done = parts.into_iter().map(|p| p.complete().unwrap()).collect();
        self.tasks.iter_mut().for_each(|(b, _)| b.checkpoint_complete(id));
        self.completed = Some((done, model));
    }

    fn slice(&self, state: usize, prefix: &[u8]) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let all = self.now.iter().filter(|((s, k), _)| *s == state && k.starts_with(prefix));
        all.map(|((_, k), v)| (k.clone(), v.clone())).collect()
    }

    fn check(&mut self) {
        for state in 0..STATES.len() {
            let mut got = BTreeMap::new();
            for (backend, ids) in &mut self.tasks {
                got.extend(entries(&mut **backend, ids[state], &[]));
            }
            assert_eq!(got, self.slice(state, &[]), "content of state {}", STATES[state].0);
        }
    }
}
