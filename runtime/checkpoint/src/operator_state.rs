//! Operator state in a manifest: a summary for people, and the lists themselves
//! as one piece of content, inline or in a file like any other.

use crate::hash::{from_base64, to_base64};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use streamjob_core::error::ErrorExt;
use streamjob_core::{Error, Result};
use streamjob_state::operator::OperatorList;
use streamjob_state::{FileRef, ListMode, OperatorState, Scope, SnapshotStore};

/// The operator state of one subtask.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OperatorPart {
    /// What is in it.
    pub lists: Vec<ListSummary>,
    /// The content.
    pub data: FileRef,
}

/// One list, for people and checks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListSummary {
    /// Its name.
    pub name: String,
    /// How it is redistributed.
    pub mode: ListMode,
    /// Number of elements.
    pub items: u64,
    /// Bytes of all elements.
    pub bytes: u64,
}

#[derive(Serialize, Deserialize)]
struct Lists(BTreeMap<String, List>);

#[derive(Serialize, Deserialize)]
struct List {
    mode: ListMode,
    items: Vec<String>,
}

/// Writes a subtask's operator state to a checkpoint; `None` when there is none.
pub fn write(store: &dyn SnapshotStore, hint: &str, state: &OperatorState) -> Result<Option<OperatorPart>> {
    if state.is_empty() {
        return Ok(None);
    }
    let summary = |(name, list): (&String, &OperatorList)| ListSummary {
        name: name.clone(),
        mode: list.mode,
        items: list.items.len() as u64,
        bytes: list.items.iter().map(|i| i.len() as u64).sum(),
    };
    let lists = state.lists.iter().map(summary).collect();
    let data = store.write(Scope::Exclusive, hint, &encode(state)?)?;
    Ok(Some(OperatorPart { lists, data }))
}

/// Reads it back, checked.
pub fn read(store: &dyn SnapshotStore, part: &OperatorPart) -> Result<OperatorState> {
    decode(&store.read(&part.data)?)
}

fn encode(state: &OperatorState) -> Result<Vec<u8>> {
    let list = |l: &OperatorList| List { mode: l.mode, items: l.items.iter().map(|i| to_base64(i)).collect() };
    let lists = Lists(state.lists.iter().map(|(name, l)| (name.clone(), list(l))).collect());
    serde_json::to_vec(&lists).internal("cannot write operator state")
}

fn decode(bytes: &[u8]) -> Result<OperatorState> {
    let lists: Lists = serde_json::from_slice(bytes).map_err(|e| {
        Error::user("operator state in the checkpoint is not understood")
            .caused_by(e)
            .fix("use the StreamJob version that wrote it")
    })?;
    let mut state = OperatorState::default();
    for (name, list) in lists.0 {
        let items = list.items.iter().map(|i| from_base64(i)).collect::<Result<Vec<_>>>()?;
        state.set(&name, list.mode, items);
    }
    Ok(state)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::{CheckpointWriter, MemoryStore, Placement, Target};
    use proptest::prelude::*;
    use std::sync::Arc;

    proptest! {
        #[test]
        fn comes_back_inline_and_from_a_file(items: Vec<Vec<u8>>, threshold in prop_oneof![Just(0u64), Just(1 << 20)]) {
            let mut state = OperatorState::default();
            state.set("offsets", ListMode::Split, items.clone());
            state.set("rules", ListMode::Broadcast, vec![b"r".to_vec()]);
            let target = Target::Savepoint { dir: "s".into() };
            let w = CheckpointWriter::new(Arc::new(MemoryStore::new()), target, Placement::files(threshold).unwrap());
            let part = write(&w, "source", &state).unwrap().unwrap();
            prop_assert_eq!(part.data.inline.is_some(), threshold > 0);
            prop_assert_eq!(part.lists[0].items, items.len() as u64);
            prop_assert_eq!(read(&w, &part).unwrap(), state);
            prop_assert!(write(&w, "source", &OperatorState::default()).unwrap().is_none());
        }
    }
}
