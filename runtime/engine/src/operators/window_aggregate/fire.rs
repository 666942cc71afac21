//! Firing: from the slices of a window to its results.

use super::panes::{Panes, read_pane, walk};
use super::{SLICE, TOTAL, WindowOperator, WindowSource, prefix};
use crate::operator::Output;
use crate::operators::aggregate::Acc;
use crate::operators::aggregate::scalar::decode;
use crate::operators::at_mut;
use crate::operators::window::{WindowKind, WindowSpec};
use std::collections::{BTreeSet, HashSet};
use std::ops::ControlFlow;
use streamjob_core::Result;
use streamjob_state::KeyedBackend;

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
        let ends = (1..=(end - start) / slide.max(1)).map(|i| start + i * slide);
        let prefixes: Vec<Vec<u8>> = ends.map(|slice| prefix(group, slice, SLICE)).collect();
        let slices: Vec<Panes> =
            prefixes.iter().map(|p| Panes::read(backend, self.state, p)).collect::<Result<Vec<_>>>()?;
        let (mut accs, mut other) = (Vec::new(), Vec::new());
        let mut seen: HashSet<(usize, Vec<u8>)> = HashSet::new();
        walk(&slices, &mut |key, same| {
            accs.clear();
            self.set.init(&mut accs);
            seen.clear();
            for (slice, entry) in same {
                let (Some(panes), Some(prefix)) = (slices.get(*slice), prefixes.get(*slice)) else { continue };
                other.clear();
                read_pane(&self.set, false, panes.value(*entry), &mut other)?;
                self.merge(&mut accs, &other)?;
                for map in 0..self.maps.len() {
                    for value in self.values(map, prefix, key, backend)? {
                        if seen.insert((map, value.clone())) {
                            self.see(map, &value, &mut accs)?;
                        }
                    }
                }
            }
            self.emitter.push(&self.set, key, (start, end), &accs, out)
        })?;
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
        let sources = [Panes::read(backend, self.state, &total)?, Panes::read(backend, self.state, &slice)?];
        let (mut accs, mut other, mut full, mut bytes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        walk(&sources, &mut |key, same| {
            accs.clear();
            for (source, entry) in same {
                let Some(panes) = sources.get(*source) else { continue };
                if *source == 0 {
                    read_pane(&self.set, false, panes.value(*entry), &mut accs)?;
                    continue;
                }
                if accs.is_empty() {
                    self.set.init(&mut accs);
                }
                other.clear();
                read_pane(&self.set, false, panes.value(*entry), &mut other)?;
                self.merge(&mut accs, &other)?;
                full.clear();
                full.extend_from_slice(&total);
                full.extend_from_slice(key);
                self.see_all(&slice, key, &full, end != last, &mut accs, backend)?;
                if end != last {
                    bytes.clear();
                    accs.iter().for_each(|a| a.encode(&mut bytes));
                    backend.put(self.state, &full, &bytes)?;
                }
            }
            self.emitter.push(&self.set, key, (start, end), &accs, out)
        })?;
        self.remove(&slice, backend)?;
        if end == last { self.remove(&total, backend) } else { Ok(()) }
    }

    /// Shows the distinct values of a key in a slice that are new to its total, which keeps them if it is to go on.
    fn see_all(
        &self,
        slice: &[u8],
        key: &[u8],
        total: &[u8],
        keep: bool,
        accs: &mut [Acc],
        backend: &mut dyn KeyedBackend,
    ) -> Result<()> {
        for (map, state) in self.maps.iter().enumerate() {
            for value in self.values(map, slice, key, backend)? {
                let entry = [total, value.as_slice()].concat();
                if backend.get(*state, &entry)?.is_none() {
                    self.see(map, &value, accs)?;
                    if keep {
                        backend.put(*state, &entry, &1i64.to_le_bytes())?;
                    }
                }
            }
        }
        Ok(())
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
        let panes = Panes::read(backend, *state, &full)?;
        Ok((0..panes.len()).map(|i| panes.key(i).to_vec()).collect())
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
