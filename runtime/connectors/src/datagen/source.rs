//! The datagen source. Rows are dealt out in lanes: lane l makes the rows l,
//! l + LANES, l + 2·LANES, … and belongs to subtask l mod parallelism. How far
//! each lane is, is a union list, so that any parallelism goes on exactly.

use super::options::DatagenOptions;
use super::value::Row;
use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use streamjob_core::error::ErrorExt;
use streamjob_core::table::TableDef;
use streamjob_core::{Barrier, Batch, Error, Result, Schema};
use streamjob_engine::{OperatorContext, Progress, Source, SourceFactory, SourcePoll, TaskInfo};
use streamjob_state::{ListMode, OperatorState};

const POSITIONS: &str = "lanes";
const MAX_ROWS: u64 = 8192;
/// What the rows of a batch aim at, bytes.
const MAX_BYTES: u64 = 1 << 20;

pub(crate) struct DatagenFactory {
    options: Arc<DatagenOptions>,
    schema: Schema,
}

impl DatagenFactory {
    pub(crate) fn new(table: &TableDef) -> Result<Self> {
        Ok(Self { options: Arc::new(DatagenOptions::new(table)?), schema: table.physical_schema() })
    }
}

impl SourceFactory for DatagenFactory {
    fn create(&self, info: &TaskInfo) -> Result<Box<dyn Source>> {
        let share = self.options.rows_per_second as f64 / f64::from(info.parallelism.max(1));
        let width: u64 = self.options.fields.iter().map(|(_, g)| g.width()).sum();
        Ok(Box::new(Datagen {
            options: self.options.clone(),
            max_rows: (MAX_BYTES / width.max(1)).clamp(1, MAX_ROWS),
            schema: self.schema.arrow(),
            seed: self.options.seed.unwrap_or_else(|| own_seed(info)),
            lanes: u64::from(info.max_parallelism.max(info.parallelism).max(1)),
            next: VecDeque::new(),
            finished: Vec::new(),
            made: 0,
            share,
            // The first row is due at once.
            tokens: 1.0,
            filled_ms: 0,
        }))
    }

    fn bounded(&self) -> bool {
        self.options.rows.is_some()
    }

    fn parallelism(&self) -> Option<u32> {
        self.options.parallelism
    }

    fn project(&self, columns: &[usize]) -> Option<Arc<dyn SourceFactory>> {
        let fields = columns.iter().map(|c| self.options.fields.get(*c).cloned()).collect::<Option<_>>()?;
        let schema = columns.iter().map(|c| self.schema.columns.get(*c).cloned()).collect::<Option<_>>()?;
        Some(Arc::new(Self {
            options: Arc::new(DatagenOptions { fields, ..(*self.options).clone() }),
            schema: Schema { columns: schema },
        }))
    }
}

/// Another one for every lineage and table, the same on every worker: a checkpoint has one.
fn own_seed(info: &TaskInfo) -> u64 {
    streamjob_core::key::hash(format!("{}\0{}", info.job_id, info.uid).as_bytes())
}

/// Progress of a lane, in a checkpoint.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Lane {
    /// Number of lanes in all.
    lanes: u64,
    /// The lane's next row.
    next: u64,
    /// Seed that the rows are made with.
    seed: u64,
}

struct Datagen {
    options: Arc<DatagenOptions>,
    /// Rows of a batch.
    max_rows: u64,
    schema: SchemaRef,
    seed: u64,
    lanes: u64,
    /// Next rows of this subtask's lanes, in ascending order.
    next: VecDeque<u64>,
    /// Next rows of lanes that are at the end.
    finished: Vec<u64>,
    made: u64,
    /// Rows a second of this subtask.
    share: f64,
    tokens: f64,
    filled_ms: i64,
}

impl Datagen {
    fn ended(&self, row: u64) -> bool {
        self.options.rows.is_some_and(|rows| row >= rows)
    }

    fn push(&mut self, row: u64) {
        if self.ended(row) {
            self.finished.push(row);
        } else if self.next.back().is_none_or(|last| *last <= row) {
            // Lanes that are equally far on take turns.
            self.next.push_back(row);
        } else {
            let at = self.next.partition_point(|next| *next <= row);
            self.next.insert(at, row);
        }
    }

    /// Rows of all lanes in turn, as often as `allowed` has space for, while the lanes are equally far on.
    fn rounds(&mut self, allowed: u64, now_ms: i64, rows: &mut Vec<Row>) {
        let (Some(first), Some(last)) = (self.next.front().copied(), self.next.back().copied()) else { return };
        let lanes = self.next.len() as u64;
        // No lane may come to its end here.
        let until_end = self.options.rows.unwrap_or(u64::MAX).saturating_sub(last).saturating_sub(1) / self.lanes;
        let rounds = (allowed / lanes).min(until_end);
        if last - first >= self.lanes || rounds == 0 {
            return;
        }
        for round in 0..rounds {
            let step = round * self.lanes;
            rows.extend(self.next.iter().map(|number| Row { number: number + step, now_ms }));
        }
        self.next.iter_mut().for_each(|number| *number += rounds * self.lanes);
    }

    /// Rows that the rate allows now.
    fn allowed(&mut self, now_ms: i64) -> u64 {
        let passed = now_ms.saturating_sub(self.filled_ms).max(0);
        self.filled_ms = now_ms;
        // What was not used for a second is lost: no burst after a stall.
        self.tokens = (self.tokens + self.share * passed as f64 / 1000.0).min(self.share.max(1.0));
        self.tokens as u64
    }
}

impl Source for Datagen {
    fn open(&mut self, ctx: &mut OperatorContext<'_>, restored: &OperatorState) -> Result<()> {
        let items = restored.items(POSITIONS).iter().map(|item| serde_json::from_slice(item));
        let positions: Vec<Lane> = items.collect::<Result<_, _>>().internal("a datagen position cannot be read")?;
        let (subtask, parallelism) = (u64::from(ctx.info.subtask), u64::from(ctx.info.parallelism.max(1)));
        if let Some(first) = positions.first() {
            self.lanes = first.lanes.max(1);
            // The seed of the lineage that it began in goes on; a given one must be the same.
            if self.options.seed.is_some() && first.seed != self.seed {
                return Err(Error::user("datagen: option 'seed' differs from that of the restored checkpoint")
                    .fix("set it back, or start without the checkpoint"));
            }
            self.seed = first.seed;
            let lanes = self.lanes;
            for p in positions.iter().filter(|p| (p.next % lanes) % parallelism == subtask) {
                self.push(p.next);
                self.made += p.next / lanes;
            }
        } else {
            for lane in (0..self.lanes).filter(|lane| lane % parallelism == subtask) {
                self.push(lane);
            }
        }
        self.filled_ms = ctx.clock.now_ms();
        Ok(())
    }

    fn poll(&mut self, max_rows: usize, ctx: &mut OperatorContext<'_>) -> Result<SourcePoll> {
        if self.next.is_empty() {
            return Ok(SourcePoll::End);
        }
        let now_ms = ctx.clock.now_ms();
        let allowed = self.allowed(now_ms).min((max_rows as u64).clamp(1, self.max_rows));
        if allowed == 0 {
            let wait = ((1.0 - self.tokens) / self.share * 1000.0).ceil().clamp(1.0, 1000.0);
            return Ok(SourcePoll::Wait(Duration::from_millis(wait as u64)));
        }
        let epoch = self.options.epoch_ms.filter(|_| self.options.fields.iter().any(|(_, g)| g.tells_time()));
        let mut rows = Vec::with_capacity(allowed as usize);
        if epoch.is_none() {
            self.rounds(allowed, now_ms, &mut rows);
        }
        while (rows.len() as u64) < allowed {
            let Some(number) = self.next.pop_front() else { break };
            let at = |epoch: i64| {
                let rate = self.options.rows_per_second.max(1);
                let ms = match number.checked_mul(1000) {
                    Some(n) => n / rate,
                    None => u64::try_from(u128::from(number) * 1000 / u128::from(rate)).unwrap_or(u64::MAX),
                };
                epoch.saturating_add(i64::try_from(ms).unwrap_or(i64::MAX))
            };
            rows.push(Row { number, now_ms: epoch.map_or(now_ms, at) });
            self.push(number.saturating_add(self.lanes));
        }
        self.tokens -= rows.len() as f64;
        self.made += rows.len() as u64;
        let fields = self.options.fields.iter();
        let columns = fields.map(|(field, g)| g.column(self.seed, *field, &rows)).collect::<Result<Vec<_>>>()?;
        let count = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        let data = RecordBatch::try_new_with_options(self.schema.clone(), columns, &count)?;
        Ok(SourcePoll::Rows(Batch::inserts(data)))
    }

    fn snapshot(&mut self, _barrier: &Barrier, _ctx: &mut OperatorContext<'_>) -> Result<OperatorState> {
        let rows = self.next.iter().copied().chain(self.finished.iter().copied());
        let lane = |next| serde_json::to_vec(&Lane { lanes: self.lanes, next, seed: self.seed });
        let items = rows.map(lane).collect::<Result<_, _>>().internal("a datagen position")?;
        let mut state = OperatorState::default();
        state.set(POSITIONS, ListMode::Union, items);
        Ok(state)
    }

    fn progress(&self) -> Progress {
        let lanes = (self.next.len() + self.finished.len()) as u128;
        // This subtask's share, by its share of the lanes.
        let total = self.options.rows.map(|rows| (u128::from(rows) * lanes / u128::from(self.lanes)) as u64);
        Progress { done: self.made, total }
    }
}
