//! Short hands for the tests of the operators: batches from text, results as text.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use crate::operator::{OperatorFactory, OperatorMetrics};
use crate::testing::{OperatorHarness, print_rows};
use arrow::array::{ArrayRef, Int64Array, RecordBatch, RecordBatchOptions, StringArray, TimestampMillisecondArray};
use arrow::datatypes::{Field, Schema as ArrowSchema};
use std::sync::Arc;
use streamjob_core::{Batch, DataType, Element, LogicalType, Op, Result, Schema};
use streamjob_state::HeapFactory;

/// BIGINT.
pub(crate) fn int() -> DataType {
    DataType::BigInt
}

/// TIMESTAMP(3).
pub(crate) fn timestamp() -> DataType {
    DataType::Timestamp(3)
}

pub(crate) fn schema(columns: &[(&str, DataType)]) -> Schema {
    Schema::new(columns.iter().map(|(n, t)| ((*n).to_string(), LogicalType::new(t.clone()))))
}

/// A BIGINT column.
pub(crate) fn column(values: &[Option<i64>]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

/// A TIMESTAMP(3) column.
pub(crate) fn time_column(values: &[Option<i64>]) -> ArrayRef {
    Arc::new(TimestampMillisecondArray::from(values.to_vec()))
}

/// A STRING column.
pub(crate) fn text_column(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

/// A batch with ops as in `+I -U +U -D`; columns are named a, b, c…
pub(crate) fn changes(ops: &str, columns: Vec<ArrayRef>) -> Batch {
    let ops: Vec<u8> = ops
        .split_whitespace()
        .map(|o| match o {
            "+I" => Op::Insert as u8,
            "-U" => Op::UpdateBefore as u8,
            "+U" => Op::UpdateAfter as u8,
            "-D" => Op::Delete as u8,
            other => panic!("no op {other}"),
        })
        .collect();
    let fields: Vec<Field> = columns
        .iter()
        .enumerate()
        .map(|(i, c)| Field::new(char::from(b'a' + i as u8).to_string(), c.data_type().clone(), true))
        .collect();
    let options = RecordBatchOptions::new().with_row_count(Some(ops.len()));
    let data = RecordBatch::try_new_with_options(Arc::new(ArrowSchema::new(fields)), columns, &options).unwrap();
    if ops.iter().all(|o| *o == 0) { Batch::inserts(data) } else { Batch::changes(data, ops.into()).unwrap() }
}

/// Rows of batches: `+I[1, a]`.
pub(crate) fn rows(batches: &[Batch]) -> Vec<String> {
    batches.iter().flat_map(|b| print_rows(b).unwrap()).collect()
}

/// The harness on the heap backend, with panics for errors.
pub(crate) struct Harness(pub(crate) OperatorHarness);

impl Harness {
    pub(crate) fn new(factory: &dyn OperatorFactory) -> Self {
        let backend = Arc::new(HeapFactory::new());
        Self(OperatorHarness::builder().backend(backend).max_parallelism(8).open(factory).unwrap())
    }

    /// Snapshots all of `old` and restores them into `parallelism` new subtasks.
    pub(crate) fn rescale(old: Vec<Harness>, parallelism: u32, factory: &dyn OperatorFactory) -> Vec<Harness> {
        let store = old[0].0.store();
        let snapshots: Vec<_> = old.into_iter().map(|mut h| h.0.snapshot(1).unwrap()).collect();
        (0..parallelism)
            .map(|i| {
                let builder = OperatorHarness::builder()
                    .backend(Arc::new(HeapFactory::new()))
                    .max_parallelism(8)
                    .parallelism(i, parallelism)
                    .store(store.clone())
                    .restore(snapshots.clone());
                Harness(builder.open(factory).unwrap())
            })
            .collect()
    }

    pub(crate) fn restart(self, factory: &dyn OperatorFactory) -> Self {
        Self::rescale(vec![self], 1, factory).pop().unwrap()
    }

    pub(crate) fn metrics(&self) -> &OperatorMetrics {
        self.0.metrics()
    }

    pub(crate) fn try_batch(&mut self, batch: Batch) -> Result<()> {
        self.0.batch(0, batch)
    }

    pub(crate) fn batch(&mut self, batch: Batch) {
        self.try_batch(batch).unwrap();
    }

    pub(crate) fn batch_on(&mut self, input: usize, batch: Batch) {
        self.0.batch(input, batch).unwrap();
    }

    pub(crate) fn watermark(&mut self, mark: i64) {
        self.0.watermark(mark).unwrap();
    }

    pub(crate) fn tick(&mut self, now: i64) {
        self.0.tick(now).unwrap();
    }

    pub(crate) fn end(&mut self) {
        self.0.end(true).unwrap();
    }

    /// Batches since the last look.
    pub(crate) fn take(&mut self) -> Vec<Batch> {
        let batches = |e| if let Element::Batch(b) = e { Some(b) } else { None };
        self.0.take().into_iter().filter_map(batches).collect()
    }

    pub(crate) fn rows(&mut self) -> Vec<String> {
        rows(&self.take())
    }

    /// What came out, by kind: `rows 3`, `watermark 7`, `idle`.
    pub(crate) fn log(&mut self) -> Vec<String> {
        self.0
            .take()
            .into_iter()
            .map(|e| match e {
                Element::Batch(b) => format!("rows {}", b.num_rows()),
                Element::Watermark(w) => format!("watermark {w}"),
                Element::Idle => "idle".to_string(),
                Element::Active => "active".to_string(),
                other => panic!("{other:?}"),
            })
            .collect()
    }
}
