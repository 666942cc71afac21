//! Checkpoints: storage, manifests, fencing, restore, retention, and the
//! coordinator's decisions. The coordinator process (cluster crate) drives it so:
//!
//! 1. `Storage::open(location, S3Config)`, then [`store::probe`] once: conditional writes work, or the job does not start.
//! 2. `Job::open(&storage, namespace, name)`; [`restore::resolve`] with the owner and [`RestoreFrom`] gives a [`Decision`].
//! 3. [`plan::plan`] compares the new job with `decision.point`'s manifest; `check` refuses before anything is touched.
//! 4. `decision.own(mode)` says whose the restore point is from now on; `job.take_over(owner, &decision.claim, now)` takes the generation: a [`Lineage`], or `Moved` (go to 2).
//! 5. `Collector::start` for that lineage; `Coordinator::new(config, decision.next_id)`.
//! 6. Deploy tasks with `point.reader` as restore store; `coordinator.tasks_running(true, now)` when all run.
//! 7. Sleep until `next_deadline`, call `tick`; carry out every [`coordinator::Action`]:
//!    - `Trigger`: `lineage.checkpoint(id, attempt)` or `lineage.savepoint(target)` is the [`Slot`]; `slot.writer(placement)` is
//!      the `SnapshotStore` of the barrier. Task answers go to `ack` and `decline`.
//!    - `Finalize`: build the [`Manifest`] ([`operator_state::write`] for operator state), `measure`, `lineage.publish`;
//!      then `completed` (Done), `finalize_failed` (Failed, Taken), stop (Fenced), or `finalize_unknown` and restart (Unknown).
//!    - `Complete`: tell the tasks if `notify`; `collector.completed`, then `collector.plan(…)` and `Sweep::run` in the background.
//!    - `Abort`: tell the tasks; sweep. `FailJob`: restart by the restart strategy.
//! 8. At the end of a job that is cancelled and keeps no checkpoints, [`collector::delete_all`].
//!
//! Beside a coordinator: [`history`], [`verify`], [`fsck`] look into storage, [`dispose`] deletes a savepoint.

pub mod collector;
pub mod coordinator;
pub mod dispose;
pub mod fsck;
pub mod gc;
mod hash;
pub mod history;
pub mod layout;
pub mod lineage;
mod local;
pub mod manifest;
pub mod operator_state;
pub mod plan;
pub mod restore;
pub mod retention;
pub mod snapshot_store;
mod spooled;
pub mod store;
#[cfg(test)]
#[allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod testing;
#[cfg(test)]
mod tests;
pub mod verify;

pub use collector::Collector;
pub use coordinator::{Action, Coordinator, FailureReason, RequestKind};
pub use lineage::{Job, Lineage, Publish, Slot, TakeOver};
pub use local::LocalFiles;
pub use manifest::{Kind, Manifest, OperatorEntry, Sizes, SubtaskEntry};
pub use operator_state::OperatorPart;
pub use plan::{NewJob, NewOperator, RestorePlan};
pub use restore::{Decision, RestoreFrom, RestorePoint};
pub use retention::{ClaimMode, Retention};
pub use snapshot_store::{CheckpointReader, CheckpointWriter, Placement, Target};
pub use store::{Conditional, FsStore, MemoryStore, ObjectStore, S3Config, S3Store, Storage};
