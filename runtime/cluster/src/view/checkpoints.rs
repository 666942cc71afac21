//! The account of checkpoints: counts, the newest of each kind, a bounded
//! history with each task's part. Pure.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use streamjob_api::{
    AlignmentStats, CheckpointCounts, CheckpointDetails, CheckpointInfo, CheckpointStatus, CheckpointSummary,
    CheckpointTotals, Checkpoints, LatestCheckpoints, PhaseStats, PointStatus, RestoredCheckpoint, StatsSummary,
    SubtaskAck, SubtaskAlignment, SubtaskCheckpoint, SubtaskPhases, SubtasksSummary, TaskCheckpoint,
    TaskCheckpointDetails,
};
use streamjob_core::CheckpointId;
use streamjob_engine::deploy::{TaskId, TaskSnapshot};

/// Checkpoints that the history keeps.
pub const HISTORY: usize = 10;

/// See the module.
#[derive(Debug, Default)]
pub struct CheckpointLog {
    counts: CheckpointCounts,
    /// Of this process.
    totals: CheckpointTotals,
    latest: LatestCheckpoints,
    /// Newest first.
    history: VecDeque<Entry>,
}

#[derive(Debug)]
struct Entry {
    info: CheckpointInfo,
    /// Subtasks by vertex.
    parallelism: Vec<u32>,
    acks: BTreeMap<TaskId, SubtaskAck>,
}

impl CheckpointLog {
    /// State was restored.
    pub fn restored(&mut self, restored: RestoredCheckpoint) {
        self.counts.restored += 1;
        self.latest.restored = Some(restored);
    }

    /// A checkpoint of vertices with so many subtasks was triggered.
    pub fn started(&mut self, info: CheckpointInfo, parallelism: Vec<u32>) {
        self.counts.total += 1;
        self.counts.in_progress += 1;
        self.history.push_front(Entry { info, parallelism, acks: BTreeMap::new() });
        self.history.truncate(HISTORY);
    }

    /// A task answered.
    pub fn acknowledged(&mut self, id: CheckpointId, task: TaskId, snapshot: &TaskSnapshot, now_ms: i64) {
        let Some(entry) = self.history.iter_mut().find(|e| e.info.id == id) else { return };
        let ack = ack(snapshot, entry.info.trigger_timestamp, now_ms);
        if entry.acks.insert(task, ack).is_none() {
            entry.info.num_acknowledged_subtasks += 1;
        }
        entry.info.latest_ack_timestamp = entry.info.latest_ack_timestamp.max(Some(now_ms));
    }

    /// A checkpoint ended. What its tasks said before is kept.
    pub fn ended(&mut self, mut info: CheckpointInfo) {
        self.counts.in_progress = self.counts.in_progress.saturating_sub(1);
        if let Some(entry) = self.history.iter_mut().find(|e| e.info.id == info.id) {
            info.num_acknowledged_subtasks = info.num_acknowledged_subtasks.max(entry.info.num_acknowledged_subtasks);
            info.latest_ack_timestamp = info.latest_ack_timestamp.max(entry.info.latest_ack_timestamp);
            entry.info = info.clone();
        }
        if info.status == CheckpointStatus::Completed {
            self.counts.completed += 1;
            self.totals.completed += 1;
            self.totals.failed_in_a_row = 0;
            let latest = if info.is_savepoint { &mut self.latest.savepoint } else { &mut self.latest.completed };
            *latest = Some(info);
        } else {
            self.counts.failed += 1;
            self.totals.failed += 1;
            self.totals.failed_in_a_row += 1;
            self.latest.failed = Some(info);
        }
    }

    /// Completed ones that a coordinator before has left in storage, in any order. What is known already stays.
    pub fn found(&mut self, infos: Vec<CheckpointInfo>) {
        for info in infos {
            if self.history.iter().any(|e| e.info.id == info.id) {
                continue;
            }
            self.counts.total += 1;
            self.counts.completed += 1;
            let latest = if info.is_savepoint { &mut self.latest.savepoint } else { &mut self.latest.completed };
            if latest.as_ref().is_none_or(|known| known.id < info.id) {
                *latest = Some(info.clone());
            }
            self.history.push_back(Entry { info, parallelism: Vec::new(), acks: BTreeMap::new() });
        }
        self.history.make_contiguous().sort_by_key(|entry| std::cmp::Reverse(entry.info.id));
        self.history.truncate(HISTORY);
    }

    /// `GET …/checkpoints`.
    pub fn checkpoints(&self) -> Checkpoints {
        Checkpoints {
            counts: self.counts.clone(),
            summary: self.summary(),
            latest: self.latest.clone(),
            history: self.history.iter().map(|e| e.info.clone()).collect(),
        }
    }

    fn summary(&self) -> Option<CheckpointSummary> {
        let completed = || self.history.iter().map(|e| &e.info).filter(|i| i.status == CheckpointStatus::Completed);
        Some(CheckpointSummary {
            checkpointed_size: StatsSummary::of(completed().filter_map(|i| i.checkpointed_size))?,
            state_size: StatsSummary::of(completed().filter_map(|i| i.state_size))?,
            end_to_end_duration: StatsSummary::of(completed().filter_map(|i| i.end_to_end_duration))?,
        })
    }

    /// `GET …/checkpoints/details/:id`.
    pub fn details(&self, id: CheckpointId) -> Option<CheckpointDetails> {
        let entry = self.history.iter().find(|e| e.info.id == id)?;
        let vertices = 0..entry.parallelism.len();
        Some(CheckpointDetails {
            info: entry.info.clone(),
            tasks: vertices.filter_map(|v| Some((v.to_string(), entry.task(v)?))).collect(),
        })
    }

    /// `GET …/checkpoints/details/:id/subtasks/:vertex`.
    pub fn subtasks(&self, id: CheckpointId, vertex: usize) -> Option<TaskCheckpointDetails> {
        let entry = self.history.iter().find(|e| e.info.id == id)?;
        let subtask = |index| {
            let ack = entry.acks.get(&TaskId { vertex, subtask: index }).copied();
            let status = if ack.is_some() { "completed" } else { "pending_or_failed" };
            SubtaskCheckpoint { index, status: status.into(), ack }
        };
        let parallelism = *entry.parallelism.get(vertex)?;
        Some(TaskCheckpointDetails {
            task: entry.task(vertex)?,
            summary: entry.summary(vertex),
            subtasks: (0..parallelism).map(subtask).collect(),
        })
    }

    /// The newest completed checkpoint and savepoint, and counts, for the status.
    pub fn status(&self) -> (CheckpointTotals, Option<PointStatus>, Option<PointStatus>) {
        let point = |info: &CheckpointInfo| PointStatus {
            id: info.id,
            location: info.external_path.clone().unwrap_or_default(),
            triggered_at: info.trigger_timestamp,
            duration: info.end_to_end_duration.unwrap_or(0),
            state_size: info.state_size.unwrap_or(0),
            checkpointed_size: info.checkpointed_size.unwrap_or(0),
        };
        (self.totals, self.latest.completed.as_ref().map(point), self.latest.savepoint.as_ref().map(point))
    }
}

impl Entry {
    fn acks(&self, vertex: usize) -> impl Iterator<Item = &SubtaskAck> + Clone {
        self.acks.iter().filter(move |(task, _)| task.vertex == vertex).map(|(_, ack)| ack)
    }

    fn task(&self, vertex: usize) -> Option<TaskCheckpoint> {
        let num_subtasks = *self.parallelism.get(vertex)?;
        let acks = self.acks(vertex);
        let num_acknowledged_subtasks = u32::try_from(acks.clone().count()).unwrap_or(u32::MAX);
        let status = match self.info.status {
            _ if num_acknowledged_subtasks == num_subtasks => CheckpointStatus::Completed,
            CheckpointStatus::Failed => CheckpointStatus::Failed,
            _ => CheckpointStatus::InProgress,
        };
        Some(TaskCheckpoint {
            id: self.info.id,
            status,
            latest_ack_timestamp: acks.clone().map(|a| a.ack_timestamp).max(),
            end_to_end_duration: acks.clone().map(|a| a.end_to_end_duration).max(),
            state_size: acks.clone().map(|a| a.state_size).sum(),
            checkpointed_size: acks.map(|a| a.checkpointed_size).sum(),
            num_subtasks,
            num_acknowledged_subtasks,
        })
    }

    fn summary(&self, vertex: usize) -> Option<SubtasksSummary> {
        let of = |get: fn(&SubtaskAck) -> u64| StatsSummary::of(self.acks(vertex).map(get));
        Some(SubtasksSummary {
            checkpointed_size: of(|a| a.checkpointed_size)?,
            state_size: of(|a| a.state_size)?,
            end_to_end_duration: of(|a| a.end_to_end_duration)?,
            checkpoint_duration: PhaseStats {
                sync: of(|a| a.checkpoint.sync)?,
                asynchronous: of(|a| a.checkpoint.asynchronous)?,
            },
            alignment: AlignmentStats { duration: of(|a| a.alignment.duration)? },
            start_delay: of(|a| a.start_delay)?,
        })
    }
}

/// A task's answer in figures. Sizes are those of keyed state's files and of the operator state's elements.
fn ack(snapshot: &TaskSnapshot, triggered_ms: i64, now_ms: i64) -> SubtaskAck {
    let ms = |d: Duration| u64::try_from(d.as_millis()).unwrap_or(u64::MAX);
    let keyed = || snapshot.operators.iter().filter_map(|(_, part)| part.keyed.as_ref());
    let lists = snapshot.operators.iter().flat_map(|(_, part)| part.operator.lists.values());
    let operator: u64 = lists.flat_map(|l| &l.items).map(|i| i.len() as u64).sum();
    let t = &snapshot.timings;
    SubtaskAck {
        ack_timestamp: now_ms,
        end_to_end_duration: u64::try_from(now_ms - triggered_ms).unwrap_or(0),
        state_size: operator + keyed().flat_map(|k| &k.files).map(|f| f.file.size).sum::<u64>(),
        checkpointed_size: operator + keyed().map(|k| k.uploaded_bytes).sum::<u64>(),
        checkpoint: SubtaskPhases { sync: ms(t.sync), asynchronous: ms(t.upload) },
        alignment: SubtaskAlignment { duration: ms(t.alignment) },
        start_delay: ms(t.start_delay),
    }
}

#[cfg(test)]
#[path = "checkpoints_tests.rs"]
mod tests;
