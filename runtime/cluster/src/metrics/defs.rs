//! The list of all metrics. A row here is in the docs at once; a test sees that
//! every row is printed, and nothing else.

use std::fmt::Write;

/// What a metric is about. Its labels follow from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The coordinator's process.
    Coordinator,
    /// The job.
    Job,
    /// A subtask.
    Task,
    /// An operator in a subtask.
    Operator,
}

impl Scope {
    /// What stands between the prefix and the metric's name.
    pub fn path(self) -> &'static str {
        match self {
            Scope::Coordinator => "jobmanager",
            Scope::Job => "jobmanager_job",
            Scope::Task => "taskmanager_job_task",
            Scope::Operator => "taskmanager_job_task_operator",
        }
    }

    /// Its labels.
    pub fn labels(self) -> &'static [&'static str] {
        match self {
            Scope::Coordinator => &[],
            Scope::Job => &["job_id", "job_name"],
            Scope::Task => &["job_name", "task_name", "subtask_index", "worker"],
            Scope::Operator => &["job_name", "task_name", "operator_name", "subtask_index", "worker"],
        }
    }
}

/// A metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Def {
    /// What it is about.
    pub scope: Scope,
    /// Its name, without prefix and scope.
    pub name: &'static str,
    /// Unit of its values.
    pub unit: &'static str,
    /// Flink has it under this name.
    pub flink: bool,
    /// One sentence.
    pub doc: &'static str,
}

macro_rules! defs {
    ($($id:ident: $scope:ident $name:literal $unit:literal $flink:literal $doc:literal;)*) => {
        $(
            #[doc = $doc]
            pub static $id: Def = Def { scope: Scope::$scope, name: $name, unit: $unit, flink: $flink, doc: $doc };
        )*
        /// All metrics.
        pub static DEFS: &[&Def] = &[$(&$id),*];
    };
}

defs! {
    WORKERS: Coordinator "numRegisteredTaskManagers" "workers" true "Workers that are there.";
    SLOTS: Coordinator "taskSlotsTotal" "slots" true "Slots of all workers.";
    FREE_SLOTS: Coordinator "taskSlotsAvailable" "slots" true "Slots that run nothing.";
    RUNNING_JOBS: Coordinator "numRunningJobs" "jobs" true "1 until the job has ended.";
    GENERATION: Job "generation" "number" false "Generation of the coordinator; a successor's is higher.";
    PARALLELISM: Job "parallelism" "subtasks" false "Parallelism of the deployed tasks; 0 while none are deployed.";
    RESTARTS: Job "numRestarts" "restarts" true "Restarts after failures since the start of the process.";
    UPTIME: Job "uptime" "ms" true "Time since all tasks run; 0 while they do not.";
    COMPLETED: Job "numberOfCompletedCheckpoints" "checkpoints" true "Completed checkpoints and savepoints, with those found in storage.";
    FAILED: Job "numberOfFailedCheckpoints" "checkpoints" true "Failed checkpoints and savepoints since the start of the process.";
    IN_PROGRESS: Job "numberOfInProgressCheckpoints" "checkpoints" true "Checkpoints and savepoints under way.";
    TOTAL: Job "totalNumberOfCheckpoints" "checkpoints" true "All of them.";
    LAST_DURATION: Job "lastCheckpointDuration" "ms" true "From trigger to completion of the last completed checkpoint.";
    LAST_SIZE: Job "lastCheckpointSize" "bytes" true "What the last completed checkpoint uploaded.";
    LAST_FULL_SIZE: Job "lastCheckpointFullSize" "bytes" true "All state that the last completed checkpoint refers to.";
    LAST_ID: Job "lastCompletedCheckpointId" "number" true "Number of the last completed checkpoint.";
    LAST_RESTORE: Job "lastCheckpointRestoreTimestamp" "ms since the epoch" true "When state was restored last.";
    LAST_OUTAGE: Job "lastRescaleOutage" "ms" false "How long no task ran during the last rescale.";
    RECORDS_IN: Task "numRecordsIn" "rows" true "Rows in (of a source: rows read), since the task's start.";
    RECORDS_OUT: Task "numRecordsOut" "rows" true "Rows out of its last operator (of a sink: rows written), since the task's start.";
    RECORDS_IN_RATE: Task "numRecordsInPerSecond" "rows/s" true "Rows in, over the last seconds.";
    RECORDS_OUT_RATE: Task "numRecordsOutPerSecond" "rows/s" true "Rows out, over the last seconds.";
    BYTES_IN: Task "numBytesIn" "bytes" true "Bytes of rows taken from input channels; between workers with their frames.";
    BYTES_OUT: Task "numBytesOut" "bytes" true "Bytes of rows given to output channels; between workers with their frames.";
    BUSY_RATE: Task "busyTimeMsPerSecond" "ms/s" true "Work, over the last seconds.";
    IDLE_RATE: Task "idleTimeMsPerSecond" "ms/s" true "Waiting for input, over the last seconds.";
    BACKPRESSURED_RATE: Task "backPressuredTimeMsPerSecond" "ms/s" true "Waiting for space downstream, over the last seconds.";
    BUSY: Task "accumulateBusyTimeMs" "ms" true "Work, since the task's start.";
    IDLE: Task "accumulateIdleTimeMs" "ms" true "Waiting for input, since the task's start.";
    BACKPRESSURED: Task "accumulateBackPressuredTimeMs" "ms" true "Waiting for space downstream, since the task's start.";
    QUEUED_BYTES: Task "inputQueueBytes" "bytes" false "What waits in input channels.";
    QUEUED_ROWS: Task "inputQueueRecords" "rows" false "What waits in input channels.";
    IN_FLIGHT: Task "outputInFlightBytes" "bytes" false "Rows for tasks on other workers that are queued, on their way, or not given back as credit.";
    CREDIT_WAIT: Task "outputCreditWaitMs" "ms" false "Waiting for credit of tasks on other workers, since the task's start.";
    OP_RECORDS_IN: Operator "numRecordsIn" "rows" true "Rows in (of a source: rows read), since the task's start.";
    OP_RECORDS_OUT: Operator "numRecordsOut" "rows" true "Rows out (of a sink: rows written), since the task's start.";
    OP_LATE: Operator "numLateRecordsDropped" "rows" true "Rows dropped because they came after their window closed.";
    OP_SKIPPED: Operator "numRecordsSkipped" "rows" false "Bad input rows skipped on request.";
    OP_WATERMARK_IN: Operator "currentInputWatermark" "ms since the epoch" true "Watermark that it has got; not there before the first, and of sources.";
    OP_WATERMARK_OUT: Operator "currentOutputWatermark" "ms since the epoch" true "Watermark that it has sent; not there before the first, and of sinks.";
}

/// The table of all metrics, for docs/metrics.md.
pub fn page() -> String {
    let mut out = String::new();
    for (scope, title) in [
        (Scope::Coordinator, "The coordinator"),
        (Scope::Job, "The job"),
        (Scope::Task, "Subtasks"),
        (Scope::Operator, "Operators in subtasks"),
    ] {
        let labels: Vec<String> = scope.labels().iter().map(|l| format!("`{l}`")).collect();
        let labels = if labels.is_empty() { "none".to_string() } else { labels.join(", ") };
        // Writing to a String does not fail.
        let _ = writeln!(
            out,
            "## {title}\n\nLabels: {labels}.\n\n| Metric | Unit | Meaning | In Flink |\n|---|---|---|---|"
        );
        for def in DEFS.iter().filter(|d| d.scope == scope) {
            let flink = if def.flink { "yes" } else { "no" };
            let _ = writeln!(out, "| `flink_{}_{}` | {} | {} | {flink} |", scope.path(), def.name, def.unit, def.doc);
        }
        out.push('\n');
    }
    out
}
