//! Between the tasks' snapshots and the manifest: collects what tasks send for
//! a checkpoint, writes it down, and turns a manifest back into restore state.

use std::collections::BTreeMap;
use streamjob_checkpoint::{CheckpointReader, OperatorEntry, OperatorPart, SubtaskEntry, operator_state};
use streamjob_core::{OperatorUid, Result};
use streamjob_engine::JobGraph;
use streamjob_engine::deploy::{OperatorRestore, RestoreState, TaskId, TaskSnapshot};
use streamjob_state::SnapshotStore;

/// What has come in for one checkpoint.
#[derive(Default)]
pub struct Collected {
    tasks: BTreeMap<TaskId, TaskSnapshot>,
}

impl Collected {
    /// Takes a task's part.
    pub fn add(&mut self, task: TaskId, snapshot: TaskSnapshot) {
        self.tasks.insert(task, snapshot);
    }

    /// The manifest's operator entries, in the graph's order; operators without any state are left out.
    /// Operator state beyond the inline threshold is written to `store`.
    pub fn into_operators(self, graph: &JobGraph, store: &dyn SnapshotStore) -> Result<Vec<OperatorEntry>> {
        let mut by_uid: BTreeMap<OperatorUid, BTreeMap<u32, SubtaskEntry>> = BTreeMap::new();
        for (task, snapshot) in self.tasks {
            for (uid, part) in snapshot.operators {
                let hint = format!("{uid}-{}-operator", task.subtask);
                let operator: Option<OperatorPart> = operator_state::write(store, &hint, &part.operator)?;
                let entry = SubtaskEntry {
                    index: task.subtask,
                    keyed: part.keyed,
                    operator,
                    watermark_ms: snapshot.watermark_ms,
                };
                by_uid.entry(uid).or_default().insert(task.subtask, entry);
            }
        }
        let mut operators = Vec::new();
        for node in &graph.nodes {
            let Some(subtasks) = by_uid.remove(&node.uid) else { continue };
            let subtasks: Vec<SubtaskEntry> = subtasks.into_values().collect();
            if subtasks.iter().all(|s| s.keyed.is_none() && s.operator.is_none()) {
                continue;
            }
            operators.push(OperatorEntry {
                uid: node.uid.clone(),
                name: node.name.clone(),
                parallelism: u32::try_from(subtasks.len()).unwrap_or(u32::MAX),
                subtasks,
            });
        }
        Ok(operators)
    }
}

/// State to deploy from, out of a manifest's entries.
pub fn restore_state(operators: &[OperatorEntry], reader: &CheckpointReader) -> Result<RestoreState> {
    let mut restore = RestoreState::default();
    for operator in operators {
        let mut state = OperatorRestore::default();
        for subtask in &operator.subtasks {
            state.keyed.extend(subtask.keyed.clone());
            state.operator.push(match &subtask.operator {
                Some(part) => operator_state::read(reader, part)?,
                None => Default::default(),
            });
        }
        restore.operators.insert(operator.uid.clone(), state);
    }
    Ok(restore)
}
