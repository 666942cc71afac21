//! Which output gets which row. Rows of one key keep their order; a batch that
//! goes to one output alone is passed on untouched.

use arrow::array::{Array, ArrayRef, AsArray, UInt32Array};
use arrow::compute::{take, take_record_batch};
use arrow::datatypes::{DataType, Int64Type};
use streamjob_core::key::{self, KeyRows};
use streamjob_core::{Batch, Error, Result};

use crate::graph::Exchange;

/// Where a batch goes.
#[derive(Debug)]
pub(crate) enum Routed {
    /// Untouched, to one output.
    One(usize, Batch),
    /// Untouched, to every output.
    All(Batch),
    /// Parts, each to its output; none is empty.
    Parts(Vec<(usize, Batch)>),
}

/// Deals batches out over `outputs` subtasks.
pub(crate) struct Partitioner {
    kind: Kind,
    outputs: usize,
}

enum Kind {
    /// The one output that there is, or subtask 0.
    First,
    Rebalance {
        next: usize,
    },
    Broadcast,
    Hash(HashPartitioner),
}

struct HashPartitioner {
    columns: Vec<usize>,
    /// Owner of every key group.
    owners: Vec<u32>,
    /// Row indices per output, kept for their memory.
    lists: Vec<Vec<u32>>,
}

impl Partitioner {
    /// For subtask `subtask` of the producer.
    pub(crate) fn new(exchange: &Exchange, subtask: u32, outputs: usize, max_parallelism: u32) -> Self {
        let kind = match exchange {
            Exchange::Broadcast => Kind::Broadcast,
            _ if outputs <= 1 => Kind::First,
            Exchange::Forward | Exchange::Global => Kind::First,
            // Producers start at different consumers, so that few batches are spread too.
            Exchange::Rebalance => Kind::Rebalance { next: subtask as usize % outputs.max(1) },
            Exchange::Hash(columns) | Exchange::ForwardOrHash(columns) => Kind::Hash(HashPartitioner {
                columns: columns.clone(),
                owners: (0..max_parallelism).map(|g| key::owner(g as u16, outputs as u32, max_parallelism)).collect(),
                lists: vec![Vec::new(); outputs],
            }),
        };
        Self { kind, outputs }
    }

    /// Deals one batch out.
    pub(crate) fn route(&mut self, batch: Batch) -> Result<Routed> {
        match &mut self.kind {
            Kind::First => Ok(Routed::One(0, batch)),
            Kind::Broadcast if self.outputs == 1 => Ok(Routed::One(0, batch)),
            Kind::Broadcast => Ok(Routed::All(batch)),
            Kind::Rebalance { next } => {
                let output = *next;
                *next = (*next + 1) % self.outputs;
                Ok(Routed::One(output, batch))
            }
            Kind::Hash(hash) => hash.route(batch),
        }
    }
}

impl HashPartitioner {
    fn route(&mut self, batch: Batch) -> Result<Routed> {
        self.lists.iter_mut().for_each(Vec::clear);
        let columns = self
            .columns
            .iter()
            .map(|c| {
                let columns = batch.data.columns();
                columns
                    .get(*c)
                    .cloned()
                    .ok_or_else(|| Error::internal(format!("key column {c} of {} columns", columns.len())))
            })
            .collect::<Result<Vec<ArrayRef>>>()?;
        let mut row = 0u32;
        let (owners, lists) = (&self.owners, &mut self.lists);
        let groups = owners.len() as u32;
        let mut add = |hash: u64| {
            let owner = owners.get(usize::from(key::key_group(hash, groups))).copied().unwrap_or(0);
            if let Some(list) = lists.get_mut(owner as usize) {
                list.push(row);
            }
            row += 1;
        };
        match columns.as_slice() {
            [column] if column.data_type() == &DataType::Int64 => hash_int64(column, &mut add),
            _ => KeyRows::encode(&columns, batch.num_rows())?.iter().for_each(|k| add(key::hash(k))),
        }

        let mut used = self.lists.iter().enumerate().filter(|(_, l)| !l.is_empty());
        if let (Some((only, _)), None) = (used.next(), used.next()) {
            return Ok(Routed::One(only, batch));
        }
        // One take for all outputs, then slices: measured fastest at every batch size.
        let indices = UInt32Array::from(self.lists.concat());
        let sorted = Batch {
            data: take_record_batch(&batch.data, &indices)?,
            ops: match &batch.ops {
                Some(ops) => Some(take(ops, &indices, None)?.as_primitive().clone()),
                None => None,
            },
        };
        let mut offset = 0;
        let mut parts = Vec::new();
        for (output, list) in self.lists.iter().enumerate() {
            if !list.is_empty() {
                parts.push((output, sorted.slice(offset, list.len())));
                offset += list.len();
            }
        }
        Ok(Routed::Parts(parts))
    }
}

/// The canonical encoding of one BIGINT column, without a buffer for all rows.
fn hash_int64(column: &ArrayRef, add: &mut impl FnMut(u64)) {
    let array = column.as_primitive::<Int64Type>();
    let null = key::hash(&[0]);
    for (row, value) in array.values().iter().enumerate() {
        if array.is_null(row) {
            add(null);
            continue;
        }
        let [b0, b1, b2, b3, b4, b5, b6, b7] = ((*value as u64) ^ (1 << 63)).to_be_bytes();
        add(key::hash(&[1, b0, b1, b2, b3, b4, b5, b6, b7]));
    }
}

#[cfg(test)]
#[path = "partition_tests.rs"]
mod tests;
