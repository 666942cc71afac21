//! Why a checkpoint did not come about: the field's 24 reasons, which of them are
//! found before anything is triggered, and which count toward the tolerable failures.

use std::fmt;

macro_rules! reasons {
    ($($variant:ident $name:literal $flags:tt $text:literal;)*) => {
        /// Why a checkpoint was refused, declined or given up.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum FailureReason {
            $(#[doc = $text] $variant,)*
        }

        impl FailureReason {
            /// All of them.
            pub const ALL: &'static [FailureReason] = &[$(FailureReason::$variant,)*];

            /// Name as in logs and the REST API.
            pub const fn name(self) -> &'static str {
                match self { $(FailureReason::$variant => $name,)* }
            }

            /// A sentence for people.
            pub const fn text(self) -> &'static str {
                match self { $(FailureReason::$variant => $text,)* }
            }

            const fn flags(self) -> (bool, bool) {
                match self { $(FailureReason::$variant => reasons!(@ $flags),)* }
            }
        }
    };
    (@ [P]) => { (true, false) };
    (@ [C]) => { (false, true) };
    (@ [PC]) => { (true, true) };
    (@ []) => { (false, false) };
}

reasons! {
    PeriodicSchedulerShutdown "PERIODIC_SCHEDULER_SHUTDOWN" [P] "Periodic checkpoint scheduler is shut down.";
    TooManyCheckpointRequests "TOO_MANY_CHECKPOINT_REQUESTS" [P] "The maximum number of queued checkpoint requests exceeded.";
    MinimumTimeBetweenCheckpoints "MINIMUM_TIME_BETWEEN_CHECKPOINTS" [P] "The minimum time between checkpoints is still pending. Checkpoint will be triggered after the minimum time.";
    NotAllRequiredTasksRunning "NOT_ALL_REQUIRED_TASKS_RUNNING" [P] "Not all required tasks are currently running.";
    IoException "IO_EXCEPTION" [PC] "An Exception occurred while triggering the checkpoint. IO-problem detected.";
    BlockingOutputExist "BLOCKING_OUTPUT_EXIST" [P] "Blocking output edge exists in running tasks.";
    CheckpointAsyncException "CHECKPOINT_ASYNC_EXCEPTION" [C] "Asynchronous task checkpoint failed.";
    ChannelStateSharedStreamException "CHANNEL_STATE_SHARED_STREAM_EXCEPTION" [] "The checkpoint was aborted due to exception of other subtasks sharing the ChannelState file.";
    CheckpointExpired "CHECKPOINT_EXPIRED" [C] "Checkpoint expired before completing.";
    CheckpointSubsumed "CHECKPOINT_SUBSUMED" [] "Checkpoint has been subsumed.";
    CheckpointDeclined "CHECKPOINT_DECLINED" [C] "Checkpoint was declined.";
    CheckpointDeclinedTaskNotReady "CHECKPOINT_DECLINED_TASK_NOT_READY" [] "Checkpoint was declined (tasks not ready).";
    CheckpointDeclinedTaskClosing "CHECKPOINT_DECLINED_TASK_CLOSING" [] "Checkpoint was declined (task is closing).";
    CheckpointDeclinedSubsumed "CHECKPOINT_DECLINED_SUBSUMED" [] "Checkpoint was canceled because a barrier from newer checkpoint was received.";
    CheckpointDeclinedOnCancellationBarrier "CHECKPOINT_DECLINED_ON_CANCELLATION_BARRIER" [] "Task received cancellation from one of its inputs.";
    CheckpointDeclinedInputEndOfStream "CHECKPOINT_DECLINED_INPUT_END_OF_STREAM" [] "Checkpoint was declined because one input stream is finished.";
    CheckpointCoordinatorShutdown "CHECKPOINT_COORDINATOR_SHUTDOWN" [] "CheckpointCoordinator shutdown.";
    CheckpointCoordinatorSuspend "CHECKPOINT_COORDINATOR_SUSPEND" [] "Checkpoint Coordinator is suspending.";
    JobFailoverRegion "JOB_FAILOVER_REGION" [] "FailoverRegion is restarting.";
    TaskFailure "TASK_FAILURE" [] "Task has failed.";
    TaskCheckpointFailure "TASK_CHECKPOINT_FAILURE" [] "Task local checkpoint failure.";
    UnknownTaskCheckpointNotificationFailure "UNKNOWN_TASK_CHECKPOINT_NOTIFICATION_FAILURE" [] "Unknown task for the checkpoint to notify.";
    FinalizeCheckpointFailure "FINALIZE_CHECKPOINT_FAILURE" [C] "Failure to finalize checkpoint.";
    TriggerCheckpointFailure "TRIGGER_CHECKPOINT_FAILURE" [] "Failure to trigger Checkpoint.";
}

impl FailureReason {
    /// Found before the checkpoint exists at any task.
    pub const fn preflight(self) -> bool {
        self.flags().0
    }

    /// Counts toward `checkpoint.tolerableFailures`.
    pub const fn counted(self) -> bool {
        self.flags().1
    }
}

impl fmt::Display for FailureReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name(), self.text())
    }
}

/// Message of a decline: the original's wrapping around the task's own error.
pub fn materialize_message(
    checkpoint: streamjob_core::CheckpointId,
    operator: &str,
    subtask: u32,
    parallelism: u32,
    error: &streamjob_core::Error,
) -> String {
    format!(
        "Could not materialize checkpoint {checkpoint} for operator {operator} ({}/{parallelism}): {}",
        subtask + 1,
        error.chain()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_features_a5() {
        let with = |f: fn(FailureReason) -> bool| -> Vec<&str> {
            FailureReason::ALL.iter().filter(|r| f(**r)).map(|r| r.name()).collect()
        };
        assert_eq!(FailureReason::ALL.len(), 24);
        assert_eq!(
            with(FailureReason::preflight),
            [
                "PERIODIC_SCHEDULER_SHUTDOWN",
                "TOO_MANY_CHECKPOINT_REQUESTS",
                "MINIMUM_TIME_BETWEEN_CHECKPOINTS",
                "NOT_ALL_REQUIRED_TASKS_RUNNING",
                "IO_EXCEPTION",
                "BLOCKING_OUTPUT_EXIST"
            ]
        );
        assert_eq!(
            with(FailureReason::counted),
            [
                "IO_EXCEPTION",
                "CHECKPOINT_ASYNC_EXCEPTION",
                "CHECKPOINT_EXPIRED",
                "CHECKPOINT_DECLINED",
                "FINALIZE_CHECKPOINT_FAILURE"
            ]
        );
    }

    #[test]
    fn decline_text() {
        let e = streamjob_core::Error::user("Size of the state …").fix("told once, with the job's failure");
        let text = materialize_message(3, "GroupAggregate", 0, 2, &e);
        assert_eq!(text, "Could not materialize checkpoint 3 for operator GroupAggregate (1/2): Size of the state …");
    }
}
