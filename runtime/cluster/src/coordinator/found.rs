//! Checkpoints of coordinators before this one, read from their manifests, so
//! that the history outlives a coordinator. On a thread of its own: a job does
//! not start later for it.

use crate::view::JobView;
use streamjob_api::{CheckpointInfo, CheckpointStatus, CheckpointType};
use streamjob_checkpoint::history::recent;
use streamjob_checkpoint::lineage::Job;
use streamjob_checkpoint::{Kind, Manifest};

/// Manifests that are read.
const READ: usize = 10;

/// Reads them and tells the view.
pub fn find(job: Job, view: JobView) {
    let work = move || match recent(&job, READ) {
        Ok(found) => view.checkpoints_found(found.iter().map(|(location, m)| info(location, m)).collect()),
        Err(e) => tracing::warn!("the checkpoint history before this start is not known: {e}"),
    };
    if let Err(e) = std::thread::Builder::new().name("history".into()).spawn(work) {
        tracing::warn!("the checkpoint history before this start is not known: {e}");
    }
}

fn info(location: &str, m: &Manifest) -> CheckpointInfo {
    // Tasks are not counted in a manifest; operators without state are not even named there.
    let subtasks = 0;
    CheckpointInfo {
        id: m.checkpoint,
        status: CheckpointStatus::Completed,
        is_savepoint: m.kind.is_savepoint(),
        checkpoint_type: checkpoint_type(m.kind),
        trigger_timestamp: m.created_at_ms,
        latest_ack_timestamp: None,
        end_to_end_duration: Some(m.duration_ms),
        state_size: Some(m.sizes.state),
        checkpointed_size: Some(m.sizes.uploaded),
        num_subtasks: subtasks,
        num_acknowledged_subtasks: subtasks,
        external_path: Some(location.to_string()),
        failure_timestamp: None,
        failure_message: None,
    }
}

/// The kind in Flink's words.
pub fn checkpoint_type(kind: Kind) -> CheckpointType {
    match kind {
        Kind::Checkpoint | Kind::StopCheckpoint => CheckpointType::Checkpoint,
        Kind::Savepoint => CheckpointType::Savepoint,
        Kind::StopSavepoint => CheckpointType::SyncSavepoint,
    }
}
