//! Carries out what the checkpoint decisions say: barriers out, tasks' parts in,
//! the manifest written on a storage thread, results told to those who asked.

use super::{Coordinator, Ending, Pending, StorageDone, StorageResult};
use crate::coordinator::JobOutcome;
use crate::coordinator::attempt::Attempt;
use crate::coordinator::found::checkpoint_type;
use crate::coordinator::ledger::{Finished, Written};
use crate::coordinator::snapshots::Collected;
use std::sync::Arc;
use streamjob_api::{CheckpointInfo, CheckpointStatus, FailureCause, TriggerOutcome};
use streamjob_checkpoint::coordinator::{FailureReason, RequestId, RequestKind, materialize_message};
use streamjob_checkpoint::{Kind, Publish};
use streamjob_core::{Barrier, BarrierKind, CheckpointId, Error, Result, StopMode};
use streamjob_engine::deploy::{TaskCommand, TaskId, TaskSnapshot};
use streamjob_state::{SnapshotFormat, SnapshotStore};

impl Coordinator {
    pub(super) fn on_snapshot(
        &mut self,
        task: TaskId,
        id: CheckpointId,
        result: Result<TaskSnapshot>,
    ) -> Option<JobOutcome> {
        match result {
            Ok(snapshot) => {
                self.view.checkpoint_acknowledged(id, task, &snapshot, self.now());
                if let Some(pending) = self.pending.get_mut(&id) {
                    pending.collected.add(task, snapshot);
                }
                self.discard_late(id);
                let (_, actions) = self.decisions.ack(&task, id);
                self.perform(actions)
            }
            Err(error) => {
                let vertices = self.attempt.as_ref().map(|a| a.deployment().vertices().to_vec()).unwrap_or_default();
                let vertex = vertices.get(task.vertex);
                let name = vertex.map_or("", |v| v.name.as_str());
                let parallelism = vertex.map_or(1, |v| v.parallelism);
                let message = materialize_message(id, name, task.subtask, parallelism, &error);
                self.declined = Some(error);
                self.discard_late(id);
                let (reason, now) = (FailureReason::CheckpointAsyncException, self.ticks());
                let actions = self.decisions.decline(id, reason, &message, now);
                self.perform(actions)
            }
        }
    }

    pub(super) fn trigger(&mut self, id: CheckpointId, kind: RequestKind) -> Option<JobOutcome> {
        // What went before it in the same breath may have started the tasks anew, and it was given up.
        self.decisions.progress(id)?;
        let now = self.now();
        match self.open_checkpoint(id, &kind, now) {
            Ok(command) => {
                let tasks = self.task_count();
                let kind = self.pending.get(&id).map_or(Kind::Checkpoint, |p| p.kind);
                self.view.checkpoint_started(info(id, kind, now, tasks));
                if let Some(attempt) = &self.attempt {
                    if attempt.all_ended() && matches!(self.ending, Ending::Final(_)) {
                        self.ending = Ending::Final(Some(id));
                    }
                    attempt.deployment().send(command);
                }
                None
            }
            Err(e) => {
                let actions = self.decisions.trigger_failed(id, FailureReason::IoException, &e.chain(), self.ticks());
                self.declined = Some(e);
                self.perform(actions)
            }
        }
    }

    pub(super) fn open_checkpoint(&mut self, id: CheckpointId, kind: &RequestKind, now: i64) -> Result<TaskCommand> {
        let (slot, kind, stop, format) = match kind {
            RequestKind::Checkpoint => {
                let format = SnapshotFormat::RocksDb;
                (self.names.checkpoint(id, &self.attempt_id), Kind::Checkpoint, None, format)
            }
            RequestKind::StopCheckpoint(mode) => {
                let slot = self.names.checkpoint(id, &self.attempt_id);
                (slot, Kind::StopCheckpoint, Some(*mode), SnapshotFormat::RocksDb)
            }
            RequestKind::Savepoint { target, format, stop } => {
                let kind = if stop.is_some() { Kind::StopSavepoint } else { Kind::Savepoint };
                (self.names.savepoint(target.as_deref())?, kind, *stop, *format)
            }
        };
        let writer = Arc::new(slot.writer(self.settings.placement()?));
        let ended = self.attempt.as_ref().is_some_and(Attempt::all_ended);
        let barrier = Barrier {
            id,
            timestamp_ms: now,
            kind: if kind.is_savepoint() { BarrierKind::Savepoint } else { BarrierKind::Checkpoint },
            stop,
        };
        let store: Arc<dyn SnapshotStore> = writer.clone();
        let drained = ended || stop == Some(StopMode::Drain);
        self.pending.insert(
            id,
            Pending {
                kind,
                stop,
                drained,
                triggered_ms: now,
                attempt: self.attempt_id.clone(),
                parallelism: self.parallelism,
                slot,
                writer,
                collected: Collected::default(),
                written: None,
            },
        );
        Ok(TaskCommand::Trigger { barrier, store, format })
    }

    pub(super) fn task_count(&self) -> u32 {
        self.attempt.as_ref().map_or(0, |a| u32::try_from(a.tasks().len()).unwrap_or(u32::MAX))
    }

    pub(super) fn finalize(&mut self, id: CheckpointId) -> Option<JobOutcome> {
        self.decisions.progress(id)?;
        let (Some(mut ledger), Some(pending)) = (self.ledger.take(), self.pending.get_mut(&id)) else {
            return self.failed(Error::internal(format!("checkpoint {id} cannot be written down")));
        };
        let finished = Finished {
            id,
            kind: pending.kind,
            drained: pending.drained,
            triggered_ms: pending.triggered_ms,
            attempt: pending.attempt.clone(),
            parallelism: pending.parallelism,
            slot: pending.slot.clone(),
            collected: std::mem::take(&mut pending.collected),
        };
        let (writer, settings, done) = (pending.writer.clone(), self.settings.clone(), self.storage.0.clone());
        let work = move || {
            let (outcome, written) = ledger.publish(&settings, &writer, finished);
            let _ = done.send(StorageDone { ledger: Box::new(ledger), result: StorageResult { id, outcome, written } });
        };
        if let Err(e) = std::thread::Builder::new().name("storage".into()).spawn(work) {
            return Some(JobOutcome::Failed(Error::transient("cannot start a storage thread").caused_by(e)));
        }
        None
    }

    pub(super) fn on_storage(&mut self, done: StorageDone) -> Option<JobOutcome> {
        self.ledger = Some(*done.ledger);
        self.on_published(done.result)
    }

    pub(super) fn on_published(&mut self, result: StorageResult) -> Option<JobOutcome> {
        let StorageResult { id, outcome, written } = result;
        let now = self.ticks();
        match outcome {
            Publish::Done => {
                if let (Some(written), Some(pending)) = (&written, self.pending.get(&id)) {
                    self.report_complete(id, pending, written, self.now());
                }
                if let Some(pending) = self.pending.get_mut(&id) {
                    pending.written = written;
                }
                let actions = self.decisions.completed(id, now);
                self.perform(actions)
            }
            Publish::Taken(e) | Publish::Failed(e) => {
                let actions = self.decisions.finalize_failed(id, &e.chain(), now);
                self.declined = Some(e);
                self.perform(actions)
            }
            Publish::Fenced(e) => {
                // Another coordinator may count it in.
                self.pending.remove(&id);
                Some(JobOutcome::Failed(e))
            }
            Publish::Unknown(e) => {
                self.doubt(id, &e);
                self.failed(e)
            }
        }
    }

    pub(super) fn report_complete(&self, id: CheckpointId, pending: &Pending, written: &Written, now: i64) {
        let duration = u64::try_from(now - pending.triggered_ms).unwrap_or(0);
        tracing::info!(
            "{} {id} completed in {duration} ms: {} bytes of state, {} bytes uploaded, {}",
            pending.kind.word(),
            written.sizes.state,
            written.sizes.uploaded,
            written.location
        );
        let mut info = info(id, pending.kind, pending.triggered_ms, self.task_count());
        info.status = CheckpointStatus::Completed;
        info.num_acknowledged_subtasks = info.num_subtasks;
        info.end_to_end_duration = Some(duration);
        info.state_size = Some(written.sizes.state);
        info.checkpointed_size = Some(written.sizes.uploaded);
        info.external_path = Some(written.location.clone());
        self.view.checkpoint_ended(info);
    }

    pub(super) fn report_failed(&self, id: CheckpointId, pending: &Pending, reason: FailureReason, message: &str) {
        let mut info = info(id, pending.kind, pending.triggered_ms, self.task_count());
        info.status = CheckpointStatus::Failed;
        info.failure_timestamp = Some(self.now());
        info.end_to_end_duration = u64::try_from(self.now() - pending.triggered_ms).ok();
        info.failure_message = Some(format!("{}: {message}", reason.text().trim_end_matches('.')));
        self.view.checkpoint_ended(info);
    }

    pub(super) fn complete(
        &mut self,
        id: CheckpointId,
        notify: bool,
        request: Option<RequestId>,
    ) -> Option<JobOutcome> {
        let pending = self.pending.remove(&id)?;
        self.declined = None;
        let location = pending.slot.location.clone();
        let stop = request.and_then(|r| Some((self.stops_next.remove(&r)?, self.triggers.remove(&r)?)));
        let ends = match &mut self.ending {
            Ending::Final(Some(last)) => *last == id,
            Ending::Stop { request: wanted, behind, .. } if request == Some(*wanted) => {
                *behind = Some((pending.kind, location.clone()));
                true
            }
            Ending::Suspend { request: wanted, .. } => request.is_some() && request == *wanted,
            Ending::Rescale(wanted) => request == Some(wanted.request),
            _ => false,
        };
        if let Some(attempt) = &mut self.attempt {
            if ends {
                attempt.await_published(id);
            }
            if notify {
                attempt.deployment().send(TaskCommand::Complete(id));
            }
        }
        // A stop is done, too: from here on the job ends behind it, or fails with the path in its error.
        if let Some(request) = request {
            self.close(request, completed(id, location));
        }
        if let Some(written) = pending.written {
            self.retire(written);
        }
        stop.and_then(|(mode, trigger)| self.request(trigger, RequestKind::StopCheckpoint(mode)))
    }

    /// The oldest checkpoints give way to this one. After the tasks have heard of it, and by what is under way now: whatever
    /// is triggered from here on builds on this one or a newer one.
    fn retire(&mut self, written: Written) {
        let mut pending: Vec<CheckpointId> = self.decisions.pending().collect();
        let next_id = self.decisions.next_id();
        if self.overlapping {
            // Between tasks a barrier can overtake what this coordinator tells: the next one may still build on the last.
            pending.push(next_id);
        }
        let now = self.now();
        if let Some(ledger) = &mut self.ledger {
            let sweeper = ledger.retire(written, &pending, next_id, now);
            self.background.run("sweep", move || sweeper.run());
        }
    }

    pub(super) fn abort(
        &mut self,
        id: CheckpointId,
        reason: FailureReason,
        message: &str,
        request: Option<RequestId>,
    ) -> Option<JobOutcome> {
        tracing::warn!("checkpoint {id} failed: {}: {message}", reason.text().trim_end_matches('.'));
        if let Some(attempt) = &self.attempt {
            attempt.deployment().send(TaskCommand::Abort(id));
        }
        if let Some(request) = request {
            self.close(request, failure(reason, message));
        }
        // Without one no barrier was sent.
        let pending = self.pending.remove(&id);
        if let Some(pending) = &pending {
            self.report_failed(id, pending, reason, message);
            if pending.kind.is_savepoint() {
                self.discard(id, pending.slot.clone());
            }
        }
        match &self.ending {
            Ending::Stop { request: wanted, behind: None, .. } if request == Some(*wanted) => {
                if pending.is_none() {
                    return self.carry_on();
                }
                // Tasks may have stopped behind the barrier already: the job goes on by a restart.
                self.ending = Ending::No;
                self.failed(Error::transient(format!("the stop failed: {message}")))
            }
            Ending::Final(Some(last)) if *last == id => {
                self.ending = Ending::Final(None);
                if reason.counted() { self.request_final() } else { None }
            }
            Ending::Suspend { request: wanted, .. } if request.is_some() && request == *wanted => {
                Some(JobOutcome::Suspended { checkpoint: None })
            }
            Ending::Rescale(wanted) if request == Some(wanted.request) => {
                let (trigger, parallelism) = (wanted.trigger.clone(), wanted.parallelism);
                self.without_checkpoint(trigger, parallelism, failure(reason, message))
            }
            _ => None,
        }
    }

    pub(super) fn close(&mut self, request: RequestId, outcome: TriggerOutcome) {
        self.stops_next.remove(&request);
        if let Some(trigger) = self.triggers.remove(&request) {
            self.view.close_trigger(&trigger, outcome);
        }
    }
}

fn info(id: CheckpointId, kind: Kind, triggered_ms: i64, tasks: u32) -> CheckpointInfo {
    CheckpointInfo {
        id,
        status: CheckpointStatus::InProgress,
        is_savepoint: kind.is_savepoint(),
        checkpoint_type: checkpoint_type(kind),
        trigger_timestamp: triggered_ms,
        latest_ack_timestamp: None,
        end_to_end_duration: None,
        state_size: None,
        checkpointed_size: None,
        num_subtasks: tasks,
        num_acknowledged_subtasks: 0,
        external_path: None,
        failure_timestamp: None,
        failure_message: None,
    }
}

pub(super) fn completed(id: CheckpointId, location: String) -> TriggerOutcome {
    TriggerOutcome { checkpoint_id: Some(id), location: Some(location), ..TriggerOutcome::default() }
}

pub(super) fn failure(reason: FailureReason, message: &str) -> TriggerOutcome {
    let cause = FailureCause { class: reason.name().to_string(), message: message.to_string() };
    TriggerOutcome { failure: Some(cause), ..TriggerOutcome::default() }
}
