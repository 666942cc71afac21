//! Firing: from the slices of a window to its results.

use super::{SLICE, TOTAL, WindowOperator, WindowSource, prefix};
use crate::operator::Output;
use crate::operators::aggregate::scalar::{decode, decode_i64};
use crate::operators::aggregate::{Acc, AggSet};
use crate::operators::at_mut;
use crate::operators::window::{WindowKind, WindowSpec};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::ControlFlow;
use streamjob_core::{Error, Result};
use streamjob_state::{KeyedBackend, StateId};

/// Times of operator state: little-endian, any number per item.
pub(in crate::operators) fn read_times(items: &[Vec<u8>]) -> Result<Vec<i64>> {
    let mut times = BTreeSet::new();
    for item in items {
        let (chunks, rest) = item.as_chunks::<8>();
        if !rest.is_empty() {
            return Err(Error::internal("the watermarks or times in operator state are cut"));
        }
        times.extend(chunks.iter().map(|c| i64::from_le_bytes(*c)));
    }
    Ok(times.into_iter().collect())
}

/// Reads a stored pane; gives the window start of an attached one.
pub(super) fn read_pane(set: &AggSet, attached: bool, mut bytes: &[u8], accs: &mut Vec<Acc>) -> Result<i64> {
    let start = if attached { decode_i64(&mut bytes)? } else { 0 };
    set.decode(&mut bytes, accs)?;
    Ok(start)
}

type Entry = (Vec<u8>, Vec<u8>);

/// The entries under a prefix: what follows the prefix, and the value.
fn entries(backend: &mut dyn KeyedBackend, state: StateId, prefix: &[u8]) -> Result<Vec<Entry>> {
    let mut found = Vec::new();
    backend.scan(state, prefix, &mut |key, value| {
        found.push((key.get(prefix.len()..).unwrap_or(&[]).to_vec(), value.to_vec()));
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(found)
}

impl WindowOperator {
    /// Emits the results of the window that ends at `end` and removes state that no later window needs.
    pub(super) fn fire(
        &mut self,
        end: i64,
        groups: &BTreeSet<u16>,
        backend: &mut dyn KeyedBackend,
        out: &mut dyn Output,
    ) -> Result<()> {
        let window = match &self.config.source {
            WindowSource::Time { window, .. } => Some(*window),
            WindowSource::Attached { .. } => None,
        };
        for group in groups {
            match window {
                None => self.fire_slice(end, *group, None, backend, out)?,
                Some(w) => match w.kind {
                    WindowKind::Tumble { .. } => self.fire_slice(end, *group, Some(w), backend, out)?,
                    WindowKind::Hop { .. } => self.fire_hop(end, *group, w, backend, out)?,
                    WindowKind::Cumulate { .. } => self.fire_cumulate(end, *group, w, backend, out)?,
                },
            }
        }
        let through = match window.map(|w| w.kind) {
            Some(WindowKind::Hop { size, slide }) => end - size + slide,
            _ => end,
        };
        self.pending.forget(through);
        Ok(())
    }

    fn remove(&self, prefix: &[u8], backend: &mut dyn KeyedBackend) -> Result<()> {
        backend.delete_prefix(self.state, prefix)?;
        self.maps.iter().try_for_each(|m| backend.delete_prefix(*m, prefix))
    }

    /// A window of one slice.
    fn fire_slice(
        &mut self,
        end: i64,
        group: u16,
        window: Option<WindowSpec>,
        backend: &mut dyn KeyedBackend,
        out: &mut dyn Output,
    ) -> Result<()> {
        let prefix = prefix(group, end, SLICE);
        let mut accs = Vec::with_capacity(self.set.calls.len());
        let Self { set, emitter, state, .. } = self;
        backend.scan(*state, &prefix, &mut |key, value| {
            accs.clear();
            let attached = read_pane(set, window.is_none(), value, &mut accs)?;
            let start = window.map_or(attached, |w| w.start(end));
            emitter.push(set, key.get(prefix.len()..).unwrap_or(&[]), (start, end), &accs, out)?;
            Ok(ControlFlow::Continue(()))
        })?;
        self.remove(&prefix, backend)
    }

    /// Merges the slices of a HOP window; the oldest is in no later one.
    fn fire_hop(
        &mut self,
        end: i64,
        group: u16,
        window: WindowSpec,
        backend: &mut dyn KeyedBackend,
        out: &mut dyn Output,
    ) -> Result<()> {
        let (start, slide) = (window.start(end), window.slice());
        let mut merged: BTreeMap<Vec<u8>, Vec<Acc>> = BTreeMap::new();
        let mut seen: HashSet<Entry> = HashSet::new();
        let mut slice = start + slide;
        while slice <= end {
            let prefix = prefix(group, slice, SLICE);
            for (key, value) in entries(backend, self.state, &prefix)? {
                let mut accs = Vec::with_capacity(self.set.calls.len());
                read_pane(&self.set, false, &value, &mut accs)?;
                let target = merged.entry(key.clone()).or_insert_with(|| {
                    let mut fresh = Vec::with_capacity(accs.len());
                    self.set.init(&mut fresh);
                    fresh
                });
                self.merge(target, &accs)?;
                for map in 0..self.maps.len() {
                    for value in self.values(map, &prefix, &key, backend)? {
                        let mut tagged = vec![map as u8];
                        tagged.extend_from_slice(&key);
                        if seen.insert((tagged, value.clone())) {
                            self.see(map, &value, target)?;
                        }
                    }
                }
            }
            slice += slide;
        }
        for (key, accs) in &merged {
            self.emitter.push(&self.set, key, (start, end), accs, out)?;
        }
        self.remove(&prefix(group, start + slide, SLICE), backend)
    }

    /// Merges the newest slice into the running total and emits all of it.
    fn fire_cumulate(
        &mut self,
        end: i64,
        group: u16,
        window: WindowSpec,
        backend: &mut dyn KeyedBackend,
        out: &mut dyn Output,
    ) -> Result<()> {
        let (start, last) = (window.start(end), window.last_end(end));
        let (slice, total) = (prefix(group, end, SLICE), prefix(group, last, TOTAL));
        let mut totals: BTreeMap<Vec<u8>, Vec<Acc>> = BTreeMap::new();
        for (key, value) in entries(backend, self.state, &total)? {
            let mut accs = Vec::with_capacity(self.set.calls.len());
            read_pane(&self.set, false, &value, &mut accs)?;
            totals.insert(key, accs);
        }
        for (key, value) in entries(backend, self.state, &slice)? {
            let mut accs = Vec::with_capacity(self.set.calls.len());
            read_pane(&self.set, false, &value, &mut accs)?;
            let target = totals.entry(key.clone()).or_insert_with(|| {
                let mut fresh = Vec::with_capacity(accs.len());
                self.set.init(&mut fresh);
                fresh
            });
            self.merge(target, &accs)?;
            let mut full = total.clone();
            full.extend_from_slice(&key);
            for (map, state) in self.maps.iter().enumerate() {
                for value in self.values(map, &slice, &key, backend)? {
                    let mut entry = full.clone();
                    entry.extend_from_slice(&value);
                    if backend.get(*state, &entry)?.is_none() {
                        self.see(map, &value, target)?;
                        if end != last {
                            backend.put(*state, &entry, &1i64.to_le_bytes())?;
                        }
                    }
                }
            }
            if end != last {
                let mut bytes = Vec::with_capacity(64);
                target.iter().for_each(|a| a.encode(&mut bytes));
                backend.put(self.state, &full, &bytes)?;
            }
        }
        for (key, accs) in &totals {
            self.emitter.push(&self.set, key, (start, end), accs, out)?;
        }
        self.remove(&slice, backend)?;
        if end == last { self.remove(&total, backend) } else { Ok(()) }
    }

    /// Merges the accumulators of calls without DISTINCT.
    fn merge(&self, target: &mut [Acc], source: &[Acc]) -> Result<()> {
        let calls = self.set.calls.iter().zip(&self.set.map_of);
        for ((acc, other), (call, map)) in target.iter_mut().zip(source).zip(calls) {
            if map.is_none() {
                acc.merge(call, other)?;
            }
        }
        Ok(())
    }

    /// The distinct values of a key in a slice, encoded.
    fn values(&self, map: usize, prefix: &[u8], key: &[u8], backend: &mut dyn KeyedBackend) -> Result<Vec<Vec<u8>>> {
        let Some(state) = self.maps.get(map) else { return Ok(Vec::new()) };
        let full = [prefix, key].concat();
        Ok(entries(backend, *state, &full)?.into_iter().map(|(value, _)| value).collect())
    }

    /// Shows a distinct value to the calls of its map.
    fn see(&self, map: usize, value: &[u8], accs: &mut [Acc]) -> Result<()> {
        let Some(spec) = self.set.maps.get(map) else { return Ok(()) };
        let Some(value) = decode(&spec.arg_type, &mut &*value)? else { return Ok(()) };
        for (i, call) in self.set.calls.iter().enumerate() {
            if self.set.map_of.get(i).copied().flatten() == Some(map) {
                at_mut(accs, i)?.update(call, value.as_ref())?;
            }
        }
        Ok(())
    }
}
