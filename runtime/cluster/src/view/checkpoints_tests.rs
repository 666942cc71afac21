#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use super::*;
use streamjob_api::CheckpointType;
use streamjob_core::OperatorUid;
use streamjob_engine::deploy::{OperatorSnapshot, PhaseTimings};
use streamjob_state::{FileRef, KeyedSnapshot, SnapshotFile, SnapshotFormat};

fn info(id: u64, status: CheckpointStatus) -> CheckpointInfo {
    CheckpointInfo {
        id,
        status,
        is_savepoint: false,
        checkpoint_type: CheckpointType::Checkpoint,
        trigger_timestamp: 1000,
        latest_ack_timestamp: None,
        end_to_end_duration: (status != CheckpointStatus::InProgress).then_some(10 * id),
        state_size: (status == CheckpointStatus::Completed).then_some(id),
        checkpointed_size: (status == CheckpointStatus::Completed).then_some(1),
        num_subtasks: 3,
        num_acknowledged_subtasks: 0,
        external_path: None,
        failure_timestamp: None,
        failure_message: None,
    }
}

fn snapshot(size: u64, uploaded_bytes: u64, sync_ms: u64) -> TaskSnapshot {
    let file = |size| SnapshotFile {
        name: "f".into(),
        file: FileRef { path: "p".into(), size, checksum: String::new(), inline: None },
        meta: serde_json::Value::Null,
    };
    let keyed = KeyedSnapshot {
        format: SnapshotFormat::Canonical,
        group_start: 0,
        group_end: 1,
        states: vec![],
        files: vec![file(size), file(1)],
        uploaded_bytes,
    };
    let ms = Duration::from_millis;
    TaskSnapshot {
        operators: vec![(OperatorUid("o".into()), OperatorSnapshot { keyed: Some(keyed), ..Default::default() })],
        watermark_ms: None,
        timings: PhaseTimings { start_delay: ms(1), alignment: ms(2), sync: ms(sync_ms), upload: ms(4) },
    }
}

const fn task(vertex: usize, subtask: u32) -> TaskId {
    TaskId { vertex, subtask }
}

#[test]
fn each_task_has_its_part() {
    let mut log = CheckpointLog::default();
    log.started(info(7, CheckpointStatus::InProgress), vec![1, 2]);
    log.acknowledged(7, task(1, 0), &snapshot(100, 50, 3), 1020);
    log.acknowledged(8, task(1, 0), &snapshot(100, 50, 3), 1020);
    let details = log.details(7).unwrap();
    assert_eq!(details.info.num_acknowledged_subtasks, 1);
    assert_eq!(details.tasks["0"].status, CheckpointStatus::InProgress);
    let second = &details.tasks["1"];
    assert_eq!((second.state_size, second.checkpointed_size, second.num_acknowledged_subtasks), (101, 50, 1));
    log.acknowledged(7, task(1, 1), &snapshot(300, 0, 5), 1040);
    log.acknowledged(7, task(0, 0), &snapshot(0, 0, 0), 1010);
    let subtasks = log.subtasks(7, 1).unwrap();
    assert_eq!((subtasks.task.status, subtasks.task.end_to_end_duration), (CheckpointStatus::Completed, Some(40)));
    let ack = subtasks.subtasks[1].ack.unwrap();
    assert_eq!(
        (ack.checkpoint.sync, ack.checkpoint.asynchronous, ack.alignment.duration, ack.start_delay),
        (5, 4, 2, 1)
    );
    let summary = subtasks.summary.unwrap();
    assert_eq!((summary.checkpoint_duration.sync.min, summary.checkpoint_duration.sync.max), (3, 5));
    assert!(log.subtasks(7, 2).is_none() && log.subtasks(9, 0).is_none());
    // The end keeps what the tasks said.
    log.ended(info(7, CheckpointStatus::Failed));
    let seen = log.checkpoints();
    assert_eq!((seen.history[0].latest_ack_timestamp, seen.history[0].num_acknowledged_subtasks), (Some(1040), 3));
    assert_eq!(seen.latest.failed.unwrap().num_acknowledged_subtasks, 3);
    assert_eq!((seen.counts.in_progress, seen.counts.failed, seen.summary), (0, 1, None));
    assert_eq!(log.status().0.failed_in_a_row, 1);
}

#[test]
fn what_was_found_in_storage_stands_behind_what_is_new() {
    let mut log = CheckpointLog::default();
    for id in 20..25 {
        log.started(info(id, CheckpointStatus::InProgress), vec![1]);
        log.ended(info(id, CheckpointStatus::Completed));
    }
    let savepoint = CheckpointInfo { is_savepoint: true, ..info(12, CheckpointStatus::Completed) };
    let mut found: Vec<_> = (10..22).filter(|id| *id != 12).map(|id| info(id, CheckpointStatus::Completed)).collect();
    found.push(savepoint);
    log.found(found);
    let seen = log.checkpoints();
    let ids: Vec<u64> = seen.history.iter().map(|i| i.id).collect();
    assert_eq!(ids, (15..25).rev().collect::<Vec<_>>());
    assert_eq!((seen.latest.completed.unwrap().id, seen.latest.savepoint.unwrap().id), (24, 12));
    assert_eq!((seen.counts.completed, seen.counts.total, log.status().0.completed), (15, 15, 5));
    assert_eq!(seen.summary.unwrap().state_size.max, 24);
    // Nobody knows the parts of a coordinator before.
    assert!(log.details(15).unwrap().tasks.is_empty());
}
