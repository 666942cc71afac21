//! What the tests of this crate share.

use crate::config::ConnectorConfig;
use std::sync::{Arc, Mutex};
use streamjob_core::table::{ColumnDef, ColumnKind, TableDef, TableOptions};
use streamjob_core::{Barrier, BarrierKind, Batch, DataType, JobId, LogicalType, OperatorUid, Result};
use streamjob_engine::operator::OperatorMetrics;
use streamjob_engine::{Operator, OperatorContext, Output, Source, SourceFactory, SourcePoll, TaskInfo};
use streamjob_state::{Clock, OperatorState};

pub fn table(name: &str, columns: &[(&str, DataType)], options: &[(&str, &str)]) -> TableDef {
    let column = |(name, ty): &(&str, DataType)| ColumnDef {
        name: name.to_string(),
        ty: LogicalType::new(ty.clone()),
        kind: ColumnKind::Physical,
    };
    TableDef {
        name: name.to_string(),
        columns: columns.iter().map(column).collect(),
        watermark: None,
        primary_key: Vec::new(),
        partition_keys: Vec::new(),
        options: TableOptions(options.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect()),
    }
}

pub fn info(subtask: u32, parallelism: u32) -> TaskInfo {
    TaskInfo {
        job: "job".into(),
        job_id: JobId::from_random(1),
        uid: OperatorUid("uid".into()),
        name: "op".into(),
        subtask,
        parallelism,
        max_parallelism: 128,
        attempt: "a1".into(),
    }
}

pub fn capture() -> (ConnectorConfig, Arc<Mutex<String>>) {
    let text = Arc::new(Mutex::new(String::new()));
    let to = text.clone();
    let print = move |t: &str| {
        to.lock().unwrap().push_str(t);
        Ok(())
    };
    (ConnectorConfig { output: Arc::new(print), ..ConnectorConfig::default() }, text)
}

/// A clock that moves on by a second with every look.
#[derive(Default)]
pub struct Ticking(std::sync::atomic::AtomicI64);

impl Clock for Ticking {
    fn now_ms(&self) -> i64 {
        self.0.fetch_add(1000, std::sync::atomic::Ordering::Relaxed)
    }
}

pub struct NoOutput;

impl Output for NoOutput {
    fn emit(&mut self, _batch: Batch) -> Result<()> {
        panic!("a sink emits nothing")
    }
    fn watermark(&mut self, _watermark_ms: i64) -> Result<()> {
        Ok(())
    }
    fn idle(&mut self) -> Result<()> {
        Ok(())
    }
    fn active(&mut self) -> Result<()> {
        Ok(())
    }
}

pub fn barrier(id: u64) -> Barrier {
    Barrier { id, timestamp_ms: 0, kind: BarrierKind::Checkpoint, stop: None }
}

pub fn savepoint(id: u64) -> Barrier {
    Barrier { kind: BarrierKind::Savepoint, ..barrier(id) }
}

/// Runs one subtask by hand.
pub struct Harness {
    pub info: TaskInfo,
    pub metrics: OperatorMetrics,
    pub clock: Arc<dyn Clock>,
}

impl Harness {
    pub fn new(subtask: u32, parallelism: u32) -> Self {
        Self::with(info(subtask, parallelism))
    }

    pub fn with(info: TaskInfo) -> Self {
        Self { info, metrics: OperatorMetrics::default(), clock: Arc::new(Ticking::default()) }
    }

    pub fn ctx(&self) -> OperatorContext<'_> {
        OperatorContext { info: &self.info, keyed: None, clock: &self.clock, metrics: &self.metrics }
    }

    pub fn batch(&self, op: &mut dyn Operator, batch: Batch) -> Result<()> {
        op.on_batch(0, batch, &mut self.ctx(), &mut NoOutput)
    }

    pub fn poll(&self, source: &mut dyn Source, max_rows: usize) -> Result<SourcePoll> {
        source.poll(max_rows, &mut self.ctx())
    }

    /// Rows of a source until it ends, as print shows them.
    pub fn drain(&self, source: &mut dyn Source, schema: &streamjob_core::Schema, max: usize) -> Result<Vec<String>> {
        let mut rows = Vec::new();
        for _ in 0..1_000_000 {
            match self.poll(source, max)? {
                SourcePoll::Rows(batch) => rows.extend(print_rows(&batch, schema)),
                SourcePoll::Wait(_) => {}
                SourcePoll::End => return Ok(rows),
            }
        }
        panic!("the source does not end")
    }
}

/// Runs all subtasks of a source and gives their rows and states. Each makes `polls` polls of up to `max` rows,
/// the second twice as many, and so on: subtasks are not equally far.
pub fn run_source(
    factory: &dyn SourceFactory,
    schema: &streamjob_core::Schema,
    parallelism: u32,
    states: &[OperatorState],
    polls: usize,
    max: usize,
) -> (Vec<String>, Vec<OperatorState>) {
    let restored = match states {
        [] => vec![OperatorState::default(); parallelism as usize],
        states => rescale(states, parallelism),
    };
    let (mut rows, mut after) = (Vec::new(), Vec::new());
    for (subtask, state) in restored.iter().enumerate() {
        let harness = Harness::new(subtask as u32, parallelism);
        let mut source = factory.create(&harness.info).unwrap();
        source.open(&mut harness.ctx(), state).unwrap();
        for _ in 0..polls.saturating_mul(subtask + 1) {
            match harness.poll(source.as_mut(), max).unwrap() {
                SourcePoll::Rows(batch) => rows.extend(print_rows(&batch, schema)),
                SourcePoll::Wait(_) => {}
                SourcePoll::End => break,
            }
        }
        after.push(source.snapshot(&barrier(1), &mut harness.ctx()).unwrap());
    }
    (rows, after)
}

pub fn sorted(mut rows: Vec<String>) -> Vec<String> {
    rows.sort();
    rows
}

pub fn print_rows(batch: &Batch, schema: &streamjob_core::Schema) -> Vec<String> {
    (0..batch.num_rows())
        .map(|row| {
            let values: Vec<String> = schema
                .columns
                .iter()
                .zip(batch.data.columns())
                .map(|(c, a)| streamjob_core::text::print_value(a.as_ref(), row, &c.ty).unwrap())
                .collect();
            values.join(", ")
        })
        .collect()
}

/// What subtasks of a new deployment get from the states of the old ones.
pub fn rescale(states: &[OperatorState], parallelism: u32) -> Vec<OperatorState> {
    streamjob_state::operator::redistribute(states, parallelism)
}
