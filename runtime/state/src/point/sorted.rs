//! Records in the order of their keys: what goes into a database or a snapshot.

use super::arena::Frozen;
use super::record;
use crate::restore::group_of;
use std::ops::Range;
use streamjob_core::Result;

/// The records written in `epoch`, each key once; `None` for those to be deleted.
pub(super) fn dirty<'a>(records: impl Iterator<Item = &'a [u8]>, epoch: u8) -> Vec<(&'a [u8], Option<&'a [u8]>)> {
    let written =
        |r: &&[u8]| record::flags(r) & (record::LIVE | record::MOVED) == record::LIVE && record::epoch(r) == epoch;
    let absent = |r: &[u8]| record::flags(r) & record::ABSENT != 0;
    let mut all: Vec<(u16, u128, &[u8])> = records
        .filter(written)
        .map(|r| {
            let key = record::key(r);
            (group_of(key).unwrap_or(0) as u16, order(key), r)
        })
        .collect();
    all.sort_unstable_by(|(ga, a, ra), (gb, b, rb)| {
        (ga, a).cmp(&(gb, b)).then_with(|| record::key(ra).cmp(record::key(rb)))
    });
    all.dedup_by(|(_, _, a), (_, _, b)| record::key(a) == record::key(b));
    all.into_iter().map(|(_, _, r)| (record::key(r), if absent(r) { None } else { Some(record::value(r)) })).collect()
}

impl Frozen {
    /// Calls `visit` with each key group's entries in turn, from the first, sorted by key.
    pub fn visit(&self, groups: Range<u32>, visit: &mut dyn FnMut(&[u8], &[u8]) -> Result<()>) -> Result<()> {
        let valued = |r: &&[u8]| record::flags(r) & (record::LIVE | record::ABSENT | record::MOVED) == record::LIVE;
        let group = |r: &[u8]| group_of(record::key(r)).unwrap_or(0).wrapping_sub(groups.start) as usize;
        let mut sizes = vec![0usize; groups.len() + 1];
        for record in self.records().filter(valued) {
            if let Some(size) = sizes.get_mut(group(record) + 1) {
                *size += 1;
            }
        }
        let mut ends = sizes;
        ends.iter_mut().fold(0, |sum, size| {
            *size += sum;
            *size
        });
        let total = ends.last().copied().unwrap_or(0);
        let mut by_group: Vec<&[u8]> = vec![&[]; total];
        let mut next = ends.clone();
        for record in self.records().filter(valued) {
            if let Some(at) = next.get_mut(group(record)) {
                if let Some(place) = by_group.get_mut(*at) {
                    *place = record;
                }
                *at += 1;
            }
        }
        let mut sorted: Vec<(u128, &[u8])> = Vec::new();
        for (from, to) in ends.iter().zip(ends.iter().skip(1)) {
            sorted.clear();
            sorted.extend(by_group.get(*from..*to).unwrap_or_default().iter().map(|r| (order(record::key(r)), *r)));
            sorted.sort_unstable_by(|(a, ra), (b, rb)| a.cmp(b).then_with(|| record::key(ra).cmp(record::key(rb))));
            for (_, record) in &sorted {
                visit(record::key(record), record::value(record))?;
            }
        }
        Ok(())
    }
}

/// The first bytes of a key behind its group, as a number of the same order.
fn order(full: &[u8]) -> u128 {
    let mut first = [0; 16];
    let key = full.get(2..).unwrap_or(&[]);
    let key = key.get(..16).unwrap_or(key);
    if let Some(to) = first.get_mut(..key.len()) {
        to.copy_from_slice(key);
    }
    u128::from_be_bytes(first)
}
