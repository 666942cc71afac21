//! All aggregate calls of an operator together: the maps that DISTINCT and
//! retractable MIN and MAX need beside the accumulators (calls over the same
//! column share one), and the row-wise view of a batch's argument columns.

use super::scalar::{Reader, ScalarRef};
use super::seen::Seen;
use super::{Acc, AggCall, Method, Resolved, ResultColumn};
use crate::operators::column;
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::DataType as ArrowType;
use streamjob_core::{Batch, Error, Result, Schema};
use streamjob_state::{StateKind, StateSpec, Ttl};

/// What a map of values and their counts is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MapKind {
    /// Seen values.
    Distinct,
    /// Values in ascending order.
    Min,
    /// Values in descending order: their bytes are inverted.
    Max,
}

/// A map state: key ++ value → count.
#[derive(Debug, Clone)]
pub struct MapSpec {
    /// What for.
    pub kind: MapKind,
    /// The argument column.
    pub arg: usize,
    /// The filter column of its calls.
    pub filter: Option<usize>,
    /// The argument's carrier.
    pub arg_type: ArrowType,
    /// State name, from its kind, column and filter.
    pub name: String,
    pub(super) arg_text: String,
}

impl MapSpec {
    /// XORed to every byte of a value.
    pub fn mask(&self) -> u8 {
        if self.kind == MapKind::Max { 0xFF } else { 0 }
    }
}

/// The resolved calls of one operator.
#[derive(Debug, Clone)]
pub struct AggSet {
    /// In output order.
    pub calls: Vec<Resolved>,
    /// Maps beside the accumulators.
    pub maps: Vec<MapSpec>,
    /// Which map a call uses.
    pub map_of: Vec<Option<usize>>,
}

impl AggSet {
    /// Resolves the calls. `retracts`: input has updates or deletes.
    pub fn new(calls: &[AggCall], input: &Schema, retracts: bool) -> Result<Self> {
        let mut set = Self { calls: Vec::new(), maps: Vec::new(), map_of: Vec::new() };
        for call in calls {
            let resolved = call.resolve(input, retracts)?;
            let kind = match resolved.method {
                Method::Extreme { max } if retracts && !call.monotonic => {
                    Some(if max { MapKind::Max } else { MapKind::Min })
                }
                _ if resolved.call.distinct => Some(MapKind::Distinct),
                _ => None,
            };
            let map = match (kind, resolved.call.arg, &resolved.arg_type) {
                (Some(kind), Some(arg), Some(arg_type)) => {
                    Some(set.map(kind, arg, resolved.call.filter, arg_type, input))
                }
                _ => None,
            };
            set.map_of.push(map);
            set.calls.push(resolved);
        }
        Ok(set)
    }

    fn map(&mut self, kind: MapKind, arg: usize, filter: Option<usize>, ty: &ArrowType, input: &Schema) -> usize {
        if let Some(i) = self.maps.iter().position(|m| m.kind == kind && m.arg == arg && m.filter == filter) {
            return i;
        }
        let name_of = |i: usize| input.columns.get(i).map_or("", |c| c.name.as_str());
        let label = match kind {
            MapKind::Distinct => "distinct",
            MapKind::Min => "min",
            MapKind::Max => "max",
        };
        let filter_text = filter.map_or(String::new(), |f| format!("-where-{}", name_of(f)));
        let mut name = format!("{label}-{}{filter_text}", name_of(arg));
        // Column names of intermediate rows may repeat.
        if self.maps.iter().any(|m| m.name == name) {
            name = format!("{name}-{arg}");
        }
        self.maps.push(MapSpec {
            kind,
            arg,
            filter,
            arg_type: ty.clone(),
            name,
            arg_text: input.columns.get(arg).map_or(String::new(), |c| format!("{} {}", c.name, c.ty.data)),
        });
        self.maps.len() - 1
    }

    /// Fresh accumulators of all calls, appended to `accs`.
    pub fn init(&self, accs: &mut Vec<Acc>) {
        accs.extend(self.calls.iter().map(Acc::new));
    }

    /// Reads the accumulators of all calls, appended to `accs`.
    pub fn decode(&self, bytes: &mut &[u8], accs: &mut Vec<Acc>) -> Result<()> {
        for call in &self.calls {
            accs.push(Acc::decode(call, bytes).map_err(|e| e.context(format!("state of {call}")))?);
        }
        Ok(())
    }

    /// One result column per call.
    pub fn result_columns(&self) -> Result<Vec<ResultColumn>> {
        self.calls.iter().map(|c| ResultColumn::new(&c.result_type)).collect()
    }

    /// `COUNT(*) BIGINT, SUM(amount) DOUBLE`.
    pub fn value_schema(&self) -> String {
        self.calls.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }

    /// Declares the map states, each name behind `prefix`.
    pub fn map_states(&self, prefix: &str, kind: StateKind, key_schema: &str, ttl: Option<Ttl>) -> Vec<StateSpec> {
        let states = self.maps.iter().map(|m| StateSpec {
            name: format!("{prefix}{}", m.name),
            kind,
            key_schema: key_schema.to_string(),
            value_schema: format!("{}, count BIGINT", m.arg_text),
            version: 1,
            ttl,
        });
        states.collect()
    }
}

/// `a BIGINT, b STRING`, for key schemas.
pub fn describe_columns(schema: &Schema, indices: &[usize]) -> Result<String> {
    let parts = indices
        .iter()
        .map(|i| {
            let c = schema.columns.get(*i).ok_or_else(|| Error::internal(format!("key column {i} is not there")))?;
            Ok(format!("{} {}", c.name, c.ty.data))
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(parts.join(", "))
}

/// The arguments and filters of a batch.
pub struct RowInputs<'a> {
    calls: Vec<Input<'a>>,
}

struct Input<'a> {
    /// `None` where only its presence matters.
    arg: Option<Reader<'a>>,
    /// Which rows the call sees; `None` for all.
    sees: Option<Vec<bool>>,
}

impl<'a> RowInputs<'a> {
    /// Binds the calls to a batch. `seen`: where DISTINCT calls without a map see a new value.
    pub(crate) fn new(set: &AggSet, batch: &'a Batch, seen: &Seen) -> Result<Self> {
        let calls = set.calls.iter().enumerate().map(|(i, call)| {
            let counts = call.method == Method::Count;
            let arg = call.call.arg;
            let sees = match seen.of_call(i) {
                Some((bits, bit)) => Some(bits.iter().map(|b| b >> bit & 1 == 1).collect()),
                None => rows_seen(call.call.filter, arg.filter(|_| counts), batch)?,
            };
            let arg = arg.filter(|_| !counts).map(|i| column(batch, i).and_then(Reader::new)).transpose()?;
            Ok(Input { arg, sees })
        });
        Ok(Self { calls: calls.collect::<Result<_>>()? })
    }

    /// Whether call `call` sees row `row`; for COUNT, whether it counts it.
    #[inline]
    pub fn sees(&self, call: usize, row: usize) -> bool {
        self.calls.get(call).is_some_and(|i| i.sees.as_ref().is_none_or(|s| s.get(row).copied().unwrap_or(false)))
    }

    /// The value that call `call` sees in row `row`; NULL where it does not see the row. COUNT sees 1.
    pub fn get(&self, call: usize, row: usize) -> ScalarRef<'a> {
        match self.calls.get(call) {
            Some(input) if self.sees(call, row) => input.arg.as_ref().map_or(ScalarRef::Int(1), |arg| arg.get(row)),
            _ => ScalarRef::Null,
        }
    }
}

/// The rows where a BOOLEAN column, if there is one, is TRUE, and another, if there is one, not NULL; `None` for all.
pub(super) fn rows_seen(filter: Option<usize>, present: Option<usize>, batch: &Batch) -> Result<Option<Vec<bool>>> {
    let mut rows: Option<Vec<bool>> = None;
    if let Some(filter) = filter {
        let array = column(batch, filter)?;
        let values = array.as_boolean_opt().ok_or_else(|| Error::internal("a filter that is not BOOLEAN"))?;
        rows = Some(match values.nulls() {
            None => values.values().iter().collect(),
            Some(nulls) => (values.values() & nulls.inner()).iter().collect(),
        });
    }
    if let Some(nulls) = present.map(|p| column(batch, p)).transpose()?.and_then(|array| array.logical_nulls()) {
        rows = Some(match rows {
            None => nulls.iter().collect(),
            Some(rows) => rows.iter().zip(nulls.iter()).map(|(a, b)| *a && b).collect(),
        });
    }
    Ok(rows)
}

/// For each row: whether map `map` sees a value there.
pub fn map_rows(map: &MapSpec, batch: &Batch) -> Result<(ArrayRef, Vec<bool>)> {
    let seen = rows_seen(map.filter, Some(map.arg), batch)?;
    Ok((column(batch, map.arg)?.clone(), seen.unwrap_or_else(|| vec![true; batch.num_rows()])))
}
