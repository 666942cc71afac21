//! Result rows of windows, gathered into batches.

use super::{WindowAggregate, WindowOutput};
use crate::operator::Output;
use crate::operators::aggregate::scalar::{Scalar, ScalarRef, decode};
use crate::operators::aggregate::{Acc, AggSet, ResultColumn};
use crate::operators::window::LocalZone;
use crate::operators::{EMIT_BYTES, EMIT_ROWS, at};
use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType as ArrowType, SchemaRef, TimeUnit};
use std::sync::Arc;
use streamjob_core::{Batch, Error, Result};

pub(super) struct Emitter {
    output: Vec<WindowOutput>,
    key_types: Vec<ArrowType>,
    columns: Vec<ResultColumn>,
    schema: SchemaRef,
    zone: Option<Arc<dyn LocalZone>>,
    rows: usize,
    /// Of strings and the like.
    bytes: usize,
    key: Vec<Option<Scalar>>,
}

impl Emitter {
    pub(super) fn new(config: &WindowAggregate) -> Result<Self> {
        let schema = config.schema.arrow();
        if schema.fields().len() != config.output.len() {
            return Err(Error::internal(format!(
                "{} window outputs for {} columns",
                config.output.len(),
                schema.fields().len()
            )));
        }
        for (field, output) in schema.fields().iter().zip(&config.output) {
            let known = match output {
                WindowOutput::Key(i) => *i < config.keys.len(),
                WindowOutput::Agg(i) => *i < config.aggs.len(),
                _ => matches!(field.data_type(), ArrowType::Timestamp(TimeUnit::Millisecond, _)),
            };
            if !known {
                return Err(Error::internal(format!("window output {output:?} as {field}")));
            }
        }
        let key_types = config
            .keys
            .iter()
            .map(|i| Ok(at(&config.input.columns, *i)?.ty.data.arrow()))
            .collect::<Result<Vec<_>>>()?;
        Ok(Self {
            output: config.output.clone(),
            columns: schema.fields().iter().map(|f| ResultColumn::new(f.data_type())).collect::<Result<_>>()?,
            key_types,
            schema,
            zone: config.zone.clone(),
            rows: 0,
            bytes: 0,
            key: Vec::new(),
        })
    }

    /// Adds a result row; `key` is its encoded key.
    pub(super) fn push(
        &mut self,
        set: &AggSet,
        mut key: &[u8],
        window: (i64, i64),
        accs: &[Acc],
        out: &mut dyn Output,
    ) -> Result<()> {
        self.key.clear();
        for ty in &self.key_types {
            self.key.push(decode(ty, &mut key)?);
        }
        for (column, output) in self.columns.iter_mut().zip(&self.output) {
            let value = match output {
                WindowOutput::Key(i) => at(&self.key, *i)?.as_ref().map_or(ScalarRef::Null, Scalar::as_ref),
                WindowOutput::Agg(i) => at(accs, *i)?.result(at(&set.calls, *i)?),
                WindowOutput::WindowStart => ScalarRef::Int(window.0),
                WindowOutput::WindowEnd => ScalarRef::Int(window.1),
                WindowOutput::WindowTime => {
                    let last = window.1 - 1;
                    ScalarRef::Int(self.zone.as_deref().map_or(last, |z| z.to_epoch(last)))
                }
            };
            if let ScalarRef::Bytes(value) = value {
                self.bytes += value.len();
            }
            column.push(value)?;
        }
        self.rows += 1;
        if self.rows >= EMIT_ROWS || self.bytes >= EMIT_BYTES { self.flush(out) } else { Ok(()) }
    }

    /// Emits what was gathered.
    pub(super) fn flush(&mut self, out: &mut dyn Output) -> Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let columns = self.columns.iter_mut().map(ResultColumn::finish).collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        (self.rows, self.bytes) = (0, 0);
        out.emit(Batch::inserts(RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?))
    }
}
