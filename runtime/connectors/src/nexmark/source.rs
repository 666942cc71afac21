//! The nexmark source. Events are dealt out in blocks of neighbours: lane l has the blocks
//! l, l + LANES, l + 2·LANES, … and belongs to subtask l mod parallelism. How far each lane
//! is, is a union list, so that any parallelism goes on exactly.

use super::columns::Maker;
use super::event::{Kind, Made, Model};
use super::options::NexmarkOptions;
use super::schema::{Declared, Field, declared};
use arrow::array::{RecordBatch, RecordBatchOptions};
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
/// What the events of a batch aim at, bytes.
const MAX_BYTES: u64 = 1 << 20;
/// Events of a block. Few, so that subtasks are never far apart in event time.
const BLOCK: u64 = 256;

pub(crate) struct NexmarkFactory {
    options: NexmarkOptions,
    columns: Arc<[Declared]>,
    schema: Schema,
    maker: Arc<Maker>,
}

impl NexmarkFactory {
    pub(crate) fn new(table: &TableDef) -> Result<Self> {
        let options = NexmarkOptions::new(table)?;
        let columns = declared(table)?.into();
        let maker = Arc::new(Maker::new(Model::new(options.clone())));
        Ok(Self { options, columns, schema: table.physical_schema(), maker })
    }
}

impl SourceFactory for NexmarkFactory {
    fn create(&self, info: &TaskInfo) -> Result<Box<dyn Source>> {
        Ok(Box::new(Nexmark {
            maker: self.maker.clone(),
            columns: self.columns.clone(),
            schema: self.schema.arrow(),
            lanes: u64::from(info.max_parallelism.max(info.parallelism).max(1)),
            next: VecDeque::new(),
            finished: Vec::new(),
            made: 0,
            max_rows: max_rows(&self.options, &self.columns),
            batch: Made::default(),
            origin: (0, 0),
        }))
    }

    fn bounded(&self) -> bool {
        self.options.events.is_some()
    }

    fn parallelism(&self) -> Option<u32> {
        self.options.parallelism
    }
}

/// Progress of a lane, in a checkpoint.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Lane {
    /// Number of lanes in all.
    lanes: u64,
    /// Events of a block.
    block: u64,
    /// The lane's next event.
    next: u64,
    /// Seed that the events are made with.
    seed: u64,
}

struct Nexmark {
    maker: Arc<Maker>,
    columns: Arc<[Declared]>,
    schema: Arc<arrow::datatypes::Schema>,
    lanes: u64,
    /// Next events of this subtask's lanes, in ascending order.
    next: VecDeque<u64>,
    /// Next events of lanes that are at the end.
    finished: Vec<u64>,
    made: u64,
    /// Events of a batch.
    max_rows: u64,
    /// The events of the batch that is made; kept for its memory.
    batch: Made,
    /// An event of all subtasks, and the time at which it was due.
    origin: (u64, i64),
}

/// Only what pads an event can be long.
fn max_rows(o: &NexmarkOptions, columns: &[Declared]) -> u64 {
    let padded = columns.iter().map(|column| match column {
        Declared::Row(kind, fields, _) if fields.contains(&Field::Extra) => match kind {
            Kind::Person => o.persons * o.person_size,
            Kind::Auction => o.auctions * o.auction_size,
            Kind::Bid => o.bids * o.bid_size,
        },
        _ => 0,
    });
    let average = padded.sum::<u64>() / (o.persons + o.auctions + o.bids);
    (MAX_BYTES / average.max(1)).clamp(1, MAX_ROWS)
}

impl Nexmark {
    fn options(&self) -> &NexmarkOptions {
        &self.maker.model.options
    }

    fn push(&mut self, event: u64) {
        if self.options().events.is_some_and(|events| event >= events) {
            self.finished.push(event);
        } else {
            let at = self.next.partition_point(|next| *next <= event);
            self.next.insert(at, event);
        }
    }

    /// The first event that is not due yet.
    fn limit(&self, now_ms: i64) -> u64 {
        if !self.options().limited {
            return u64::MAX;
        }
        let (event, since_ms) = self.origin;
        let passed = u128::try_from(now_ms.saturating_sub(since_ms)).unwrap_or(0);
        let due = passed * u128::from(self.options().rate) / 1000;
        event.saturating_add(u64::try_from(due).unwrap_or(u64::MAX)).saturating_add(1)
    }

    /// How long to wait for an event that is not due.
    fn wait(&self, event: u64, limit: u64) -> Duration {
        let ms = u128::from(event - limit + 1) * 1000 / u128::from(self.options().rate);
        Duration::from_millis(ms.clamp(1, 1000) as u64)
    }

    /// Takes events from the lanes, in order of their numbers, into `batch`.
    fn fill(&mut self, rows: u64, limit: u64) {
        let mut batch = std::mem::take(&mut self.batch);
        batch.clear();
        while (batch.rows as u64) < rows {
            let Some(first) = self.next.pop_front_if(|next| *next < limit) else { break };
            let end = (first / BLOCK).saturating_add(1).saturating_mul(BLOCK);
            let last = end.min(limit).min(self.options().events.unwrap_or(u64::MAX));
            let count = (last - first).min(rows - batch.rows as u64);
            self.maker.model.make(first, count, &mut batch);
            let next = first + count;
            if next < end {
                self.push(next);
            } else {
                self.push(next.saturating_add((self.lanes - 1) * BLOCK));
            }
        }
        self.made += batch.rows as u64;
        self.batch = batch;
    }
}

impl Source for Nexmark {
    fn open(&mut self, ctx: &mut OperatorContext<'_>, restored: &OperatorState) -> Result<()> {
        let items = restored.items(POSITIONS).iter().map(|item| serde_json::from_slice(item));
        let positions: Vec<Lane> = items.collect::<Result<_, _>>().internal("a nexmark position cannot be read")?;
        let (subtask, parallelism) = (u64::from(ctx.info.subtask), u64::from(ctx.info.parallelism.max(1)));
        if let Some(first) = positions.first() {
            if first.seed != self.options().seed {
                return Err(Error::user("nexmark: option 'seed' differs from that of the restored checkpoint")
                    .fix("set it back, or start without the checkpoint"));
            }
            if first.block != BLOCK {
                return Err(Error::internal(format!("nexmark positions by {} events", first.block)));
            }
            self.lanes = first.lanes.max(1);
        }
        let lanes = self.lanes;
        let starts: Vec<u64> = match positions.as_slice() {
            [] => (0..lanes).map(|lane| lane * BLOCK).collect(),
            _ => positions.iter().map(|p| p.next).collect(),
        };
        for next in starts.iter().copied().filter(|next| (next / BLOCK % lanes) % parallelism == subtask) {
            self.push(next);
            self.made += next / BLOCK / lanes * BLOCK + next % BLOCK;
        }
        self.origin = (starts.into_iter().min().unwrap_or(0), ctx.clock.now_ms());
        Ok(())
    }

    fn poll(&mut self, max_rows: usize, ctx: &mut OperatorContext<'_>) -> Result<SourcePoll> {
        let Some(front) = self.next.front().copied() else { return Ok(SourcePoll::End) };
        let limit = self.limit(ctx.clock.now_ms());
        if front >= limit {
            return Ok(SourcePoll::Wait(self.wait(front, limit)));
        }
        self.fill((max_rows as u64).clamp(1, self.max_rows), limit);
        let columns = self.columns.iter().map(|declared| self.maker.column(declared, &self.batch));
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let count = RecordBatchOptions::new().with_row_count(Some(self.batch.rows));
        let data = RecordBatch::try_new_with_options(self.schema.clone(), columns, &count)?;
        Ok(SourcePoll::Rows(Batch::inserts(data)))
    }

    fn snapshot(&mut self, _barrier: &Barrier, _ctx: &mut OperatorContext<'_>) -> Result<OperatorState> {
        let nexts = self.next.iter().copied().chain(self.finished.iter().copied());
        let (lanes, seed) = (self.lanes, self.options().seed);
        let lane = |next| serde_json::to_vec(&Lane { lanes, block: BLOCK, next, seed });
        let items = nexts.map(lane).collect::<Result<_, _>>().internal("a nexmark position")?;
        let mut state = OperatorState::default();
        state.set(POSITIONS, ListMode::Union, items);
        Ok(state)
    }

    fn progress(&self) -> Progress {
        let lanes = (self.next.len() + self.finished.len()) as u128;
        // This subtask's share, by its share of the lanes.
        let total = self.options().events.map(|events| (u128::from(events) * lanes / u128::from(self.lanes)) as u64);
        Progress { done: self.made, total }
    }
}
