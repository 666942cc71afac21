//! State of an operator that belongs to no key: source positions, pending
//! output, broadcast maps. Small; redistributed whole when the parallelism changes.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How a named list is dealt out to a new set of subtasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ListMode {
    /// Elements are split evenly, in order.
    Split,
    /// Every subtask gets every element.
    Union,
    /// Every subtask holds the same elements, and gets them.
    Broadcast,
}

/// The named lists of one subtask.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct OperatorState {
    /// Lists by name.
    pub lists: BTreeMap<String, OperatorList>,
}

/// One list with its mode.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OperatorList {
    /// How it is redistributed.
    pub mode: ListMode,
    /// Its elements, opaque.
    pub items: Vec<Vec<u8>>,
}

impl OperatorState {
    /// True without lists.
    pub fn is_empty(&self) -> bool {
        self.lists.is_empty()
    }

    /// Adds or replaces a list.
    pub fn set(&mut self, name: &str, mode: ListMode, items: Vec<Vec<u8>>) {
        self.lists.insert(name.to_string(), OperatorList { mode, items });
    }

    /// Elements of a list; empty when there is none.
    pub fn items(&self, name: &str) -> &[Vec<u8>] {
        self.lists.get(name).map_or(&[], |l| l.items.as_slice())
    }
}

/// Deals the states of `old.len()` subtasks out to `parallelism` new ones.
/// Split lists keep their order: subtask i gets a contiguous run, sizes differ by at most one.
pub fn redistribute(old: &[OperatorState], parallelism: u32) -> Vec<OperatorState> {
    let p = parallelism.max(1) as usize;
    let mut new = vec![OperatorState::default(); p];
    let names: BTreeMap<&String, ListMode> =
        old.iter().flat_map(|s| s.lists.iter().map(|(n, l)| (n, l.mode))).collect();
    for (name, mode) in names {
        let lists = old.iter().filter_map(|s| s.lists.get(name));
        match mode {
            ListMode::Union => {
                let all: Vec<Vec<u8>> = lists.flat_map(|l| l.items.iter().cloned()).collect();
                new.iter_mut().for_each(|s| s.set(name, mode, all.clone()));
            }
            ListMode::Broadcast => {
                let copies: Vec<_> = lists.collect();
                for (i, s) in new.iter_mut().enumerate() {
                    if let Some(copy) = copies.get(i % copies.len().max(1)) {
                        s.set(name, mode, copy.items.clone());
                    }
                }
            }
            ListMode::Split => {
                let all: Vec<Vec<u8>> = lists.flat_map(|l| l.items.iter().cloned()).collect();
                let (base, extra) = (all.len() / p, all.len() % p);
                let mut rest = all.into_iter();
                for (i, s) in new.iter_mut().enumerate() {
                    let take = base + usize::from(i < extra);
                    s.set(name, mode, rest.by_ref().take(take).collect());
                }
            }
        }
    }
    new
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn split_keeps_every_element_once(lists: Vec<Vec<Vec<u8>>>, p in 1u32..9) {
            let old: Vec<OperatorState> = lists.iter().map(|items| {
                let mut s = OperatorState::default();
                s.set("l", ListMode::Split, items.clone());
                s
            }).collect();
            let new = redistribute(&old, p);
            prop_assert_eq!(new.len(), p as usize);
            let before: Vec<_> = lists.concat();
            let after: Vec<_> = new.iter().flat_map(|s| s.items("l").to_vec()).collect();
            prop_assert_eq!(before, after);
            let sizes: Vec<_> = new.iter().map(|s| s.items("l").len()).collect();
            prop_assert!(sizes.iter().max().unwrap_or(&0) - sizes.iter().min().unwrap_or(&0) <= 1);
        }

        #[test]
        fn union_gives_everyone_everything(lists: Vec<Vec<Vec<u8>>>, p in 1u32..9) {
            let old: Vec<OperatorState> = lists.iter().map(|items| {
                let mut s = OperatorState::default();
                s.set("u", ListMode::Union, items.clone());
                s
            }).collect();
            for s in redistribute(&old, p) {
                prop_assert_eq!(s.items("u").to_vec(), lists.concat());
            }
        }
    }
}
