//! Every message comes out of MessagePack as it went in.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use super::message::*;
use super::wire::*;
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use streamjob_checkpoint::snapshot_store::Target;
use streamjob_checkpoint::{CheckpointWriter, MemoryStore, Placement, Storage};
use streamjob_core::{Barrier, BarrierKind, Domain, Error, JobId, OperatorUid, StopMode};
use streamjob_engine::deploy::*;
use streamjob_engine::operator::Progress;
use streamjob_engine::testing::MemoryStore as ProcessStore;
use streamjob_state::{
    FileRef, KeyedSnapshot, ListMode, OperatorState, SnapshotFile, SnapshotFormat, StateKind, StateMeta,
};

fn text() -> impl Strategy<Value = String> {
    "\\PC{0,12}"
}

fn task() -> impl Strategy<Value = TaskId> {
    (0usize..1000, any::<u32>()).prop_map(|(vertex, subtask)| TaskId { vertex, subtask })
}

fn error() -> impl Strategy<Value = WireError> {
    let domain = prop_oneof![Just(WireDomain::User), Just(WireDomain::Transient), Just(WireDomain::Internal)];
    (domain, text(), option::of(text())).prop_map(|(domain, message, fix)| WireError { domain, message, fix })
}

fn barrier() -> impl Strategy<Value = Barrier> {
    let kind = prop_oneof![Just(BarrierKind::Checkpoint), Just(BarrierKind::Savepoint)];
    let stop = option::of(prop_oneof![Just(StopMode::Suspend), Just(StopMode::Drain)]);
    (any::<u64>(), any::<i64>(), kind, stop).prop_map(|(id, timestamp_ms, kind, stop)| Barrier {
        id,
        timestamp_ms,
        kind,
        stop,
    })
}

fn operator_state() -> impl Strategy<Value = OperatorState> {
    let mode = prop_oneof![Just(ListMode::Split), Just(ListMode::Union), Just(ListMode::Broadcast)];
    btree_map(text(), (mode, vec(vec(any::<u8>(), 0..20), 0..3)), 0..3).prop_map(|lists| {
        let mut state = OperatorState::default();
        for (name, (mode, items)) in lists {
            state.set(&name, mode, items);
        }
        state
    })
}

/// Content as a backend writes it; `meta` is free JSON.
fn keyed() -> impl Strategy<Value = KeyedSnapshot> {
    let meta = prop_oneof![
        Just(serde_json::Value::Null),
        any::<u64>().prop_map(|n| serde_json::json!({ "level": n, "range": [-1, 2.5], "last": null })),
    ];
    let file = (text(), any::<u64>(), option::of(text()), meta).prop_map(|(name, size, inline, meta)| SnapshotFile {
        file: FileRef { path: format!("shared/{name}"), size, checksum: name.clone(), inline },
        name,
        meta,
    });
    let format = prop_oneof![Just(SnapshotFormat::Canonical), Just(SnapshotFormat::RocksDb)];
    (format, any::<u32>(), any::<u64>(), vec(file, 0..3), text()).prop_map(|(format, group, bytes, files, name)| {
        KeyedSnapshot {
            format,
            group_start: group / 2,
            group_end: group,
            states: vec![StateMeta {
                name,
                kind: StateKind::Map,
                key_schema: "k".into(),
                value_schema: "v".into(),
                version: group,
                ttl: group % 2 == 0,
            }],
            files,
            uploaded_bytes: bytes,
        }
    })
}

fn snapshot() -> impl Strategy<Value = TaskSnapshot> {
    let operator = (text(), option::of(keyed()), operator_state())
        .prop_map(|(uid, keyed, operator)| (OperatorUid(uid), OperatorSnapshot { keyed, operator }));
    (vec(operator, 0..3), option::of(any::<i64>()), any::<[u32; 4]>()).prop_map(|(operators, watermark_ms, t)| {
        let [start_delay, alignment, sync, upload] = t.map(|us| Duration::from_micros(u64::from(us)));
        TaskSnapshot { operators, watermark_ms, timings: PhaseTimings { start_delay, alignment, sync, upload } }
    })
}

fn event() -> impl Strategy<Value = WireEvent> {
    let result = prop_oneof![snapshot().prop_map(Ok), error().prop_map(Err)];
    prop_oneof![
        task().prop_map(WireEvent::Running),
        task().prop_map(WireEvent::Ended),
        (task(), any::<u64>(), result).prop_map(|(task, checkpoint, result)| WireEvent::Snapshot {
            task,
            checkpoint,
            result
        }),
        (task(), any::<u64>()).prop_map(|(task, id)| WireEvent::Published(task, id)),
        task().prop_map(WireEvent::Finished),
        (task(), error()).prop_map(|(task, e)| WireEvent::Failed(task, e)),
        error().prop_map(WireEvent::PeerLost),
    ]
}

fn figures() -> impl Strategy<Value = TaskFigures> {
    let channel = any::<([u32; 2], [u64; 3])>().prop_map(|(id, n)| ChannelFigures {
        edge: id[0],
        consumer: id[1],
        in_flight_bytes: n[0],
        credit_wait_nanos: n[1],
        sent_bytes: n[2],
    });
    (option::of(text()), any::<[u64; 7]>(), option::of(any::<i64>()), vec(channel, 0..3)).prop_map(
        |(endpoint, n, watermark_out_ms, channels)| TaskFigures {
            endpoint,
            idle_nanos: n[0],
            backpressured_nanos: n[1],
            busy_nanos: n[2],
            bytes_in: n[3],
            bytes_out: n[4],
            queued_rows: n[5],
            queued_bytes: n[6],
            watermark_out_ms,
            channels,
        },
    )
}

fn status() -> impl Strategy<Value = WireStatus> {
    let more = (option::of(any::<i64>()), option::of(any::<u64>()), option::of(figures()));
    (task(), text(), any::<[u64; 5]>(), any::<[bool; 2]>(), more).prop_map(
        |(task, name, n, is, (watermark_ms, total, figures))| WireStatus {
            task,
            uid: OperatorUid(name.clone()),
            name,
            is_source: is[0],
            is_sink: is[1],
            rows_in: n[0],
            rows_out: n[1],
            late_rows_dropped: n[2],
            rows_skipped: n[3],
            watermark_ms,
            progress: Progress { done: n[4], total },
            figures,
        },
    )
}

fn running() -> impl Strategy<Value = Running> {
    let state = prop_oneof![
        Just(TaskState::Starting),
        Just(TaskState::Running),
        Just(TaskState::Ended),
        Just(TaskState::Finished)
    ];
    (
        text(),
        any::<[u64; 2]>(),
        terms(),
        btree_map(task(), state, 0..4),
        btree_set(any::<u64>(), 0..3),
        option::of(error()),
    )
        .prop_map(|(attempt, n, terms, tasks, open, failure)| Running {
            attempt,
            generation: n[0],
            ending: terms.restored_from.is_some(),
            terms,
            tasks,
            open,
            newest: n[1],
            failure,
        })
}

fn terms() -> impl Strategy<Value = Terms> {
    let job = (text(), text(), btree_map(text(), text(), 0..3), any::<i64>(), any::<[u32; 2]>()).prop_map(
        |(name, sql, options, planned_ms, n)| JobDescription {
            namespace: name.clone(),
            name,
            sql,
            options,
            planned_ms,
            parallelism: n[0],
            max_parallelism: n[1],
        },
    );
    (job, text(), any::<u32>(), option::of(text())).prop_map(|(job, digest, configured, restored_from)| Terms {
        job,
        digest,
        configured,
        restored_from,
    })
}

fn to_coordinator() -> impl Strategy<Value = ToCoordinator> {
    let register =
        (any::<[u32; 2]>(), text(), text(), option::of(running())).prop_map(|(n, worker, exchange, running)| {
            let binary = BINARY.to_string();
            let process = format!("{worker} {exchange}");
            ToCoordinator::Register(Register {
                protocol: n[0],
                binary,
                worker,
                process,
                slots: n[1],
                exchange,
                leaving: running.is_some(),
                running,
            })
        });
    prop_oneof![
        register,
        Just(ToCoordinator::Heartbeat),
        Just(ToCoordinator::Leave),
        (text(), event()).prop_map(|(attempt, event)| ToCoordinator::Event { attempt, event }),
        (text(), vec(status(), 0..3)).prop_map(|(attempt, operators)| ToCoordinator::Status { attempt, operators }),
        (text(), error()).prop_map(|(attempt, error)| ToCoordinator::ShareFailed { attempt, error }),
        text().prop_map(|attempt| ToCoordinator::Done { attempt }),
    ]
}

fn deploy() -> impl Strategy<Value = Deploy> {
    let restore = vec((text(), vec(keyed(), 0..2), vec(operator_state(), 0..2)), 0..3).prop_map(|operators| {
        let one = |(uid, keyed, operator)| (OperatorUid(uid), OperatorRestore { keyed, operator });
        RestoreState { operators: operators.into_iter().map(one).collect::<HashMap<_, _>>() }
    });
    (text(), any::<[u64; 3]>(), terms(), vec(vec(0usize..9, 0..4), 0..4), vec(text(), 0..3), restore, any::<bool>())
        .prop_map(|(attempt, n, terms, assignment, peers, restore, flag)| Deploy {
            restore_store: attempt.clone(),
            attempt,
            job_id: JobId::from_random(n[0].into()),
            generation: n[0],
            terms,
            worker: assignment.len(),
            assignment,
            peers,
            restore,
            memory_budget: n[1],
            aligned: flag,
            chaining: !flag,
            linger_us: n[2],
        })
}

fn to_worker() -> impl Strategy<Value = ToWorker> {
    let trigger = (barrier(), text()).prop_map(|(barrier, store)| WireCommand::Trigger {
        barrier,
        store,
        format: SnapshotFormat::Canonical,
    });
    let command = prop_oneof![
        trigger,
        any::<u64>().prop_map(WireCommand::Complete),
        any::<u64>().prop_map(WireCommand::Abort),
        Just(WireCommand::Finish),
        Just(WireCommand::Cancel)
    ];
    prop_oneof![
        any::<u64>().prop_map(|generation| ToWorker::Welcome { generation }),
        error().prop_map(|error| ToWorker::Refuse { error }),
        deploy().prop_map(|d| ToWorker::Deploy(Box::new(d))),
        (deploy(), any::<u64>()).prop_map(|(d, size)| {
            let file = FileRef { path: d.attempt, size, checksum: d.restore_store.clone(), inline: None };
            ToWorker::Fetch(Box::new(Fetch { job: d.terms.job, store: d.restore_store, files: vec![file] }))
        }),
        (text(), command).prop_map(|(attempt, command)| ToWorker::Command { attempt, command }),
        Just(ToWorker::Heartbeat),
        Just(ToWorker::Shutdown),
    ]
}

fn again<T: Serialize + DeserializeOwned>(message: &T) -> T {
    rmp_serde::from_slice(&rmp_serde::to_vec_named(message).unwrap()).unwrap()
}

proptest! {
    #[test]
    fn messages_arrive_as_they_were_sent(up in to_coordinator(), down in to_worker()) {
        prop_assert_eq!(&again(&up), &up);
        prop_assert_eq!(&again(&down), &down);
    }

    #[test]
    fn events_mean_the_same_on_the_other_side(event in event()) {
        let told = TaskEvent::from(event.clone());
        prop_assert_eq!(WireEvent::from(told), event);
    }

    #[test]
    fn figures_mean_the_same_on_the_other_side(status in status()) {
        prop_assert_eq!(WireStatus::from(OperatorStatus::from(status.clone())), status);
    }

    #[test]
    fn garbage_is_an_error_and_no_panic(bytes in vec(any::<u8>(), 0..200)) {
        let _ = rmp_serde::from_slice::<ToCoordinator>(&bytes);
        let _ = rmp_serde::from_slice::<ToWorker>(&bytes);
    }
}

#[test]
fn an_older_worker_can_still_be_told_that_it_is_one() {
    #[derive(Serialize)]
    struct Older {
        protocol: u32,
        binary: &'static str,
        worker: &'static str,
        gone: u32,
    }
    #[derive(Serialize)]
    enum Said {
        Register(Older),
    }
    let older = Said::Register(Older { protocol: 0, binary: "0.0.1", worker: "w", gone: 1 });
    let bytes = rmp_serde::to_vec_named(&older).unwrap();
    let ToCoordinator::Register(got) = rmp_serde::from_slice(&bytes).unwrap() else { panic!("not a registration") };
    assert_eq!((got.protocol, got.binary.as_str(), got.worker.as_str()), (0, "0.0.1", "w"));
}

#[test]
fn errors_keep_domain_causes_and_fix() {
    let cause = std::io::Error::other("disk full");
    let e = Error::user("cannot write x").caused_by(cause).fix("free space");
    let there = Error::from(again(&WireError::from(&e)));
    assert_eq!((there.domain(), there.message()), (Domain::User, "cannot write x: disk full"));
    assert_eq!(there.to_string(), e.to_string());
}

#[test]
fn a_trigger_takes_its_store_along() {
    let memory = Arc::new(MemoryStore::new());
    let storage = Storage::over(memory.clone());
    let target = Target::Checkpoint { dir: "ns/j/l".into(), id: 7, attempt: "a".into() };
    let writer = CheckpointWriter::new(memory.clone(), target, Placement::files(0).unwrap());
    let barrier = Barrier { id: 7, timestamp_ms: 1, kind: BarrierKind::Checkpoint, stop: None };
    let format = SnapshotFormat::Canonical;
    let command = TaskCommand::Trigger { barrier, store: Arc::new(writer), format };
    let there = again(&WireCommand::of(&command).unwrap()).command(&storage).unwrap();
    let TaskCommand::Trigger { barrier: b, store, .. } = there else { panic!("another command") };
    assert_eq!(b, barrier);
    let file = store.write(streamjob_state::Scope::Shared, "x", b"abc").unwrap();
    assert!(file.path.starts_with("shared/a/7-x-"), "{}", file.path);
    assert_eq!(store.read(&file).unwrap(), b"abc");

    let local = TaskCommand::Trigger { barrier, store: Arc::new(ProcessStore::new()), format };
    assert_eq!(WireCommand::of(&local).unwrap_err().domain(), Domain::Internal);
}
