//! What the test jobs are made of: a source with splits, a stamp, a keyed count, a sink that publishes by checkpoint.

use super::{GROUPS, Gate, KEYS, Ledger};
use crate::connector::SourceFactory;
use crate::operator::{Operator, OperatorContext, OperatorFactory, Output, Source, SourcePoll, TaskInfo};
use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::datatypes::Int64Type;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;
use streamjob_core::key::{self, KeyRows};
use streamjob_core::{Barrier, Batch, CheckpointId, Result};
use streamjob_state::{
    BackendFactory, KeyedBackend, ListMode, OpenRequest, OperatorState, StateId, StateKind, StateSpec,
};

pub(super) fn key_of(split: i64, n: i64) -> i64 {
    (split * 7 + n) % KEYS
}

pub(super) fn encode<T: serde::Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).unwrap()
}

pub(super) fn decode<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> T {
    serde_json::from_slice(bytes).unwrap()
}

pub(super) fn batch(rows: &[(i64, i64)]) -> Batch {
    let keys: ArrayRef = Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.0)));
    let values: ArrayRef = Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.1)));
    Batch::inserts(RecordBatch::try_from_iter([("k", keys), ("v", values)]).unwrap())
}

pub(super) fn rows(batch: &Batch) -> Vec<(i64, i64)> {
    let column = |i: usize| batch.data.column(i).as_primitive::<Int64Type>().values().to_vec();
    column(0).into_iter().zip(column(1)).collect()
}

#[derive(Clone, serde::Serialize, serde::Deserialize)]
pub(super) struct Split {
    pub(super) id: i64,
    pub(super) next: i64,
    pub(super) end: i64,
}

#[derive(Clone)]
pub(super) struct SplitSource {
    pub(super) splits: Vec<i64>,
    pub(super) batch: usize,
    pub(super) limit: Arc<AtomicI64>,
    pub(super) polled: Arc<AtomicI64>,
    pub(super) snapshots_taken: Arc<AtomicU64>,
    pub(super) stuck: Option<Arc<Gate>>,
}

pub(super) struct SplitReader {
    config: SplitSource,
    splits: Vec<Split>,
}

impl SourceFactory for SplitSource {
    fn create(&self, _: &TaskInfo) -> Result<Box<dyn Source>> {
        Ok(Box::new(SplitReader { config: self.clone(), splits: Vec::new() }))
    }
    fn bounded(&self) -> bool {
        true
    }
}

impl Source for SplitReader {
    fn open(&mut self, ctx: &mut OperatorContext<'_>, restored: &OperatorState) -> Result<()> {
        let all = self.config.splits.iter().enumerate();
        self.splits = if restored.lists.contains_key("splits") {
            restored.items("splits").iter().map(|i| decode(i)).collect()
        } else {
            all.filter(|(i, _)| *i as u32 % ctx.info.parallelism == ctx.info.subtask)
                .map(|(i, end)| Split { id: i as i64, next: 0, end: *end })
                .collect()
        };
        Ok(())
    }

    fn poll(&mut self, _: usize, _: &mut OperatorContext<'_>) -> Result<SourcePoll> {
        if let Some(gate) = &self.config.stuck {
            gate.pass();
        }
        let limit = self.config.limit.load(Ordering::SeqCst);
        if self.splits.iter().all(|s| s.next >= s.end) {
            return Ok(SourcePoll::End);
        }
        let Some(split) = self.splits.iter_mut().find(|s| s.next < s.end.min(limit)) else {
            return Ok(SourcePoll::Wait(Duration::from_millis(1)));
        };
        let to = (split.next + self.config.batch as i64).min(split.end).min(limit);
        let rows: Vec<_> = (split.next..to).map(|n| (key_of(split.id, n), n)).collect();
        split.next = to;
        self.config.polled.fetch_add(rows.len() as i64, Ordering::SeqCst);
        Ok(SourcePoll::Rows(batch(&rows)))
    }

    fn snapshot(&mut self, _: &Barrier, _: &mut OperatorContext<'_>) -> Result<OperatorState> {
        self.config.snapshots_taken.fetch_add(1, Ordering::SeqCst);
        let mut state = OperatorState::default();
        state.set("splits", ListMode::Split, self.splits.iter().map(encode).collect());
        Ok(state)
    }
}

pub(super) struct Stamp {
    pub(super) idle_at: Option<i64>,
}

impl OperatorFactory for Stamp {
    fn create(&self, _: &TaskInfo) -> Result<Box<dyn Operator>> {
        Ok(Box::new(Stamp { idle_at: self.idle_at }))
    }
}

impl Operator for Stamp {
    fn open(&mut self, _: &mut OperatorContext<'_>, _: &OperatorState) -> Result<()> {
        Ok(())
    }
    fn on_batch(&mut self, _: usize, batch: Batch, _: &mut OperatorContext<'_>, out: &mut dyn Output) -> Result<()> {
        let last = rows(&batch).last().unwrap().1;
        if self.idle_at.is_some_and(|at| last >= at) {
            return out.idle();
        }
        out.emit(batch)?;
        out.watermark(last)
    }
}

pub(super) fn spec() -> StateSpec {
    StateSpec {
        name: "count".into(),
        kind: StateKind::Value,
        key_schema: "k BIGINT".into(),
        value_schema: "n BIGINT".into(),
        version: 1,
        ttl: None,
    }
}

pub(super) struct Count {
    pub(super) final_row: bool,
    pub(super) panic_at: Option<i64>,
    pub(super) ends: Arc<Mutex<Vec<bool>>>,
}

pub(super) struct Counter {
    final_row: bool,
    panic_at: Option<i64>,
    ends: Arc<Mutex<Vec<bool>>>,
    state: Option<StateId>,
    seen: i64,
}

impl OperatorFactory for Count {
    fn create(&self, _: &TaskInfo) -> Result<Box<dyn Operator>> {
        let (final_row, panic_at, ends) = (self.final_row, self.panic_at, self.ends.clone());
        Ok(Box::new(Counter { final_row, panic_at, ends, state: None, seen: 0 }))
    }
    fn keyed_states(&self) -> Vec<StateSpec> {
        vec![spec()]
    }
}

impl Operator for Counter {
    fn open(&mut self, ctx: &mut OperatorContext<'_>, _: &OperatorState) -> Result<()> {
        self.state = Some(ctx.keyed.as_mut().unwrap().register(&spec())?);
        Ok(())
    }

    fn on_batch(&mut self, _: usize, b: Batch, ctx: &mut OperatorContext<'_>, out: &mut dyn Output) -> Result<()> {
        let keys = KeyRows::encode(&[b.data.column(0).clone()], b.num_rows())?;
        let keyed = ctx.keyed.as_mut().unwrap();
        let mut results = Vec::new();
        for (key, (k, v)) in keys.iter().zip(rows(&b)) {
            assert!(self.panic_at != Some(v), "row {v} is poison");
            let mut full = key::key_group(key::hash(key), GROUPS).to_be_bytes().to_vec();
            full.extend(key);
            let old = keyed.get(self.state.unwrap(), &full)?.map_or(0, |v| i64::from_be_bytes(v.try_into().unwrap()));
            keyed.put(self.state.unwrap(), &full, &(old + 1).to_be_bytes())?;
            results.push((k, old + 1));
        }
        self.seen += results.len() as i64;
        out.emit(batch(&results))
    }

    fn on_end(&mut self, drained: bool, _: &mut OperatorContext<'_>, out: &mut dyn Output) -> Result<()> {
        self.ends.lock().push(drained);
        if drained && self.final_row { out.emit(batch(&[(-1, self.seen)])) } else { Ok(()) }
    }
}

pub(super) struct LedgerSink {
    pub(super) ledger: Arc<Ledger>,
}

#[derive(Default)]
pub(super) struct LedgerWriter {
    ledger: Arc<Ledger>,
    current: Vec<(i64, i64)>,
    pending: BTreeMap<CheckpointId, (String, Vec<(i64, i64)>)>,
}

impl OperatorFactory for LedgerSink {
    fn create(&self, _: &TaskInfo) -> Result<Box<dyn Operator>> {
        Ok(Box::new(LedgerWriter { ledger: self.ledger.clone(), ..LedgerWriter::default() }))
    }
    fn has_operator_state(&self) -> bool {
        true
    }
}

impl Operator for LedgerWriter {
    fn open(&mut self, _: &mut OperatorContext<'_>, restored: &OperatorState) -> Result<()> {
        for item in restored.items("pending") {
            let (token, rows): (String, Vec<(i64, i64)>) = decode(item);
            self.ledger.publish(&token, &rows);
        }
        Ok(())
    }
    fn on_batch(&mut self, _: usize, b: Batch, _: &mut OperatorContext<'_>, _: &mut dyn Output) -> Result<()> {
        self.ledger.gate.pass();
        self.current.extend(rows(&b));
        Ok(())
    }
    fn snapshot(
        &mut self,
        barrier: &Barrier,
        ctx: &mut OperatorContext<'_>,
        _: &mut dyn Output,
    ) -> Result<OperatorState> {
        let token = format!("{}-{}-{}", ctx.info.attempt, ctx.info.subtask, barrier.id);
        self.pending.insert(barrier.id, (token, std::mem::take(&mut self.current)));
        let mut state = OperatorState::default();
        state.set("pending", ListMode::Split, self.pending.values().map(encode).collect());
        Ok(state)
    }
    fn checkpoint_complete(&mut self, id: CheckpointId, _: &mut OperatorContext<'_>) -> Result<()> {
        let later = self.pending.split_off(&(id + 1));
        for (token, rows) in std::mem::replace(&mut self.pending, later).into_values() {
            self.ledger.publish(&token, &rows);
        }
        Ok(())
    }
}

/// Another backend with a working folder that the runtime has to remove.
pub(super) struct DirBackends(pub(super) Arc<dyn BackendFactory>);

impl BackendFactory for DirBackends {
    fn name(&self) -> &'static str {
        "dir-test"
    }
    fn open(&self, request: OpenRequest) -> Result<Box<dyn KeyedBackend>> {
        std::fs::create_dir_all(&request.dir).unwrap();
        std::fs::write(request.dir.join("file"), b"x").unwrap();
        self.0.open(request)
    }
}
