//! The print connector: each row as a line, as Flink prints it: `+I[1, foo]`,
//! with `identifier:subtask> ` before it where these are set.

use crate::config::{ConnectorConfig, LineWriter};
use crate::options;
use streamjob_core::table::TableDef;
use streamjob_core::text::write_print_value;
use streamjob_core::{Batch, Error, Result, Schema};
use streamjob_engine::operator::OperatorMetrics;
use streamjob_engine::{Operator, OperatorContext, OperatorFactory, Output, SinkFactory, TaskInfo};
use streamjob_state::OperatorState;

pub(crate) struct PrintFactory {
    schema: Schema,
    identifier: String,
    out: LineWriter,
    parallelism: Option<u32>,
}

impl PrintFactory {
    pub(crate) fn new(table: &TableDef, config: &ConnectorConfig) -> Result<Self> {
        options::check(table, &["connector", "print-identifier", "standard-error", "sink.parallelism"])?;
        let to_error = options::flag(table, "standard-error")?;
        Ok(Self {
            schema: table.physical_schema(),
            identifier: table.options.get("print-identifier").unwrap_or("").to_string(),
            out: if to_error { config.error_output.clone() } else { config.output.clone() },
            parallelism: options::positive(table, "sink.parallelism")?,
        })
    }
}

impl OperatorFactory for PrintFactory {
    fn create(&self, info: &TaskInfo) -> Result<Box<dyn Operator>> {
        Ok(Box::new(Print {
            schema: self.schema.clone(),
            prefix: prefix(&self.identifier, info.subtask, info.parallelism),
            out: self.out.clone(),
            text: String::new(),
        }))
    }
}

impl SinkFactory for PrintFactory {
    fn accepts_updates(&self) -> bool {
        true
    }

    fn wants_update_before(&self) -> bool {
        true
    }

    fn parallelism(&self) -> Option<u32> {
        self.parallelism
    }
}

fn prefix(identifier: &str, subtask: u32, parallelism: u32) -> String {
    match (identifier.is_empty(), parallelism > 1) {
        (true, false) => String::new(),
        (true, true) => format!("{}> ", subtask + 1),
        (false, false) => format!("{identifier}> "),
        (false, true) => format!("{identifier}:{}> ", subtask + 1),
    }
}

struct Print {
    schema: Schema,
    prefix: String,
    out: LineWriter,
    text: String,
}

impl Operator for Print {
    fn open(&mut self, _ctx: &mut OperatorContext<'_>, _restored: &OperatorState) -> Result<()> {
        Ok(())
    }

    fn on_batch(
        &mut self,
        _input: usize,
        batch: Batch,
        ctx: &mut OperatorContext<'_>,
        _out: &mut dyn Output,
    ) -> Result<()> {
        let columns: Vec<_> = self.schema.columns.iter().zip(batch.data.columns()).collect();
        if columns.len() != self.schema.columns.len() {
            return Err(Error::internal("a batch has fewer columns than its sink"));
        }
        self.text.clear();
        for row in 0..batch.num_rows() {
            self.text.push_str(&self.prefix);
            self.text.push_str(batch.op(row)?.short());
            self.text.push('[');
            for (i, (column, array)) in columns.iter().enumerate() {
                if i > 0 {
                    self.text.push_str(", ");
                }
                write_print_value(&mut self.text, array.as_ref(), row, &column.ty)?;
            }
            self.text.push_str("]\n");
        }
        (self.out)(&self.text).map_err(|e| match e.kind() {
            // As in `streamjob run … | head`: no restart brings the reader back.
            std::io::ErrorKind::BrokenPipe => Error::user("nobody reads the output of the print connector any more")
                .fix("a job ends with the program that its rows are piped into; write to a file to keep them all"),
            _ => Error::transient("the print connector cannot write to its output").caused_by(e),
        })?;
        OperatorMetrics::add(&ctx.metrics.rows_out, batch.num_rows() as u64);
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::testing::{Harness, capture, info, table};
    use arrow::array::{Int32Array, RecordBatch, StringArray, UInt8Array};
    use std::sync::Arc;
    use streamjob_core::DataType;

    #[test]
    fn lines_as_flink_prints_them() {
        for (identifier, parallelism, start) in
            [("", 1, ""), ("", 2, "2> "), ("out", 1, "out> "), ("out", 2, "out:2> ")]
        {
            let (config, printed) = capture();
            let columns = [("a", DataType::Int), ("b", DataType::STRING)];
            let options = [("connector", "print"), ("print-identifier", identifier)];
            let table = table("t", &columns, &options);
            let factory = PrintFactory::new(&table, &config).unwrap();
            let mut sink = factory.create(&info(parallelism - 1, parallelism)).unwrap();
            let harness = Harness::new(parallelism - 1, parallelism);
            let data = RecordBatch::try_new(
                table.physical_schema().arrow(),
                vec![
                    Arc::new(Int32Array::from(vec![Some(1), None])),
                    Arc::new(StringArray::from(vec![Some("foo, \"x\""), None])),
                ],
            )
            .unwrap();
            let batch = Batch::changes(data, UInt8Array::from(vec![0, 1])).unwrap();
            harness.batch(sink.as_mut(), batch).unwrap();
            let expected = format!("{start}+I[1, foo, \"x\"]\n{start}-U[null, null]\n");
            assert_eq!(*printed.lock().unwrap(), expected);
        }
    }
}
