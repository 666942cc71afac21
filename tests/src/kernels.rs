//! What is done for every row, to be measured alone: by instructions
//! (`tests/instructions`), and by time (`make bench-kernels`).

use arrow::array::{Float64Array, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use std::sync::Arc;
use streamjob_core::error::ErrorExt;
use streamjob_core::{Batch, Element, OperatorUid, Result};
use streamjob_engine::testing::kernels::{HashExchange, decode_frame, encode_frame};
use streamjob_engine::testing::{ManualClock, MemoryStore};
use streamjob_state::{BackendFactory, FullKeys, KeyedBackend, OpenRequest, StateId, StateKind, StateSpec};

/// Rows of a batch, as sources make them.
pub const ROWS: usize = 8192;
/// Key groups.
pub const GROUPS: u32 = 128;
/// Keys that are looked up together.
const WINDOW: usize = 256;

/// Numbers without a pattern, the same in every run.
pub struct Numbers(u64);

impl Numbers {
    /// Those of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Another one (splitmix64).
    pub fn another(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Another one below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.another() % end.max(1)
    }
}

/// The columns of [`batch`].
pub fn schema() -> SchemaRef {
    let field = |name, ty| Field::new(name, ty, false);
    Arc::new(Schema::new(vec![
        field("uid", DataType::Int64),
        field("item", DataType::Int64),
        field("amount", DataType::Float64),
    ]))
}

/// Rows of 24 bytes: a key of so many, and two values.
pub fn batch(numbers: &mut Numbers, keys: u64) -> Result<Batch> {
    let uid: Int64Array = (0..ROWS).map(|_| numbers.below(keys).cast_signed()).collect();
    let item: Int64Array = (0..ROWS).map(|_| numbers.another().cast_signed()).collect();
    let amount: Float64Array = (0..ROWS).map(|_| numbers.below(1 << 50) as f64).collect();
    let columns: Vec<arrow::array::ArrayRef> = vec![Arc::new(uid), Arc::new(item), Arc::new(amount)];
    Ok(Batch::inserts(RecordBatch::try_new(schema(), columns).internal("rows of a kernel")?))
}

/// Batches of the same kind, but of different rows.
pub fn batches(number: usize, keys: u64) -> Result<Vec<Batch>> {
    let mut numbers = Numbers::new(7);
    (0..number).map(|_| batch(&mut numbers, keys)).collect()
}

/// Hash and partition by the first column, to four subtasks.
pub fn exchange() -> HashExchange {
    HashExchange::new(&[0], 4, GROUPS)
}

/// A batch to the bytes of a frame and back; its rows.
pub fn over_the_wire(batch: &Batch, schema: &SchemaRef) -> Result<usize> {
    let bytes = encode_frame(&Element::Batch(batch.clone()))?;
    Ok(match decode_frame(&bytes, schema)? {
        Element::Batch(batch) => batch.num_rows(),
        _ => 0,
    })
}

/// An empty keyed backend of all key groups, which works in `dir` and may use so much memory.
pub fn open(factory: &dyn BackendFactory, dir: &std::path::Path, memory: u64) -> Result<Box<dyn KeyedBackend>> {
    factory.open(OpenRequest {
        uid: OperatorUid("kernel".into()),
        subtask: 0,
        groups: 0..GROUPS,
        max_parallelism: GROUPS,
        dir: dir.to_path_buf(),
        restore: Vec::new(),
        store: Arc::new(MemoryStore::new()),
        memory_budget: memory,
        clock: Arc::new(ManualClock::at(0)),
    })
}

/// A count for each key, as `COUNT(*) … GROUP BY uid` holds it: looked up in windows, changed in place.
pub struct Counts {
    backend: Box<dyn KeyedBackend>,
    state: StateId,
    keys: FullKeys,
}

impl Counts {
    /// None yet.
    pub fn new(mut backend: Box<dyn KeyedBackend>) -> Result<Self> {
        let state = backend.register(&StateSpec {
            name: "counts".into(),
            kind: StateKind::Aggregating,
            key_schema: "uid BIGINT".into(),
            value_schema: "BIGINT".into(),
            version: 1,
            ttl: None,
        })?;
        Ok(Self { backend, state, keys: FullKeys::default() })
    }

    /// Counts the rows of a batch by its first column; the sum of the counts as each row sees it.
    pub fn add(&mut self, batch: &Batch) -> Result<u64> {
        let columns = batch.data.columns().get(..1).unwrap_or_default();
        self.keys.encode(columns, batch.num_rows(), GROUPS)?;
        let mut sum = 0;
        for start in (0..self.keys.len()).step_by(WINDOW) {
            let window = start..self.keys.len().min(start + WINDOW);
            let Some(mut entries) = self.backend.entries(self.state, &self.keys, window.clone(), 8)? else {
                return Ok(0);
            };
            for at in 0..window.len() {
                match entries.get_mut(at)?.and_then(|v| v.first_chunk_mut::<8>()) {
                    Some(value) => {
                        let count = u64::from_le_bytes(*value) + 1;
                        *value = count.to_le_bytes();
                        sum += count;
                    }
                    None => {
                        entries.set(at, &1u64.to_le_bytes())?;
                        sum += 1;
                    }
                }
            }
        }
        Ok(sum)
    }

    /// The backend.
    pub fn backend(&mut self) -> &mut dyn KeyedBackend {
        self.backend.as_mut()
    }
}
