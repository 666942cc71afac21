//! The blackhole connector: takes everything, keeps nothing.

use crate::options;
use streamjob_core::table::TableDef;
use streamjob_core::{Batch, Result};
use streamjob_engine::operator::OperatorMetrics;
use streamjob_engine::{Operator, OperatorContext, OperatorFactory, Output, SinkFactory, TaskInfo};
use streamjob_state::OperatorState;

pub(crate) struct BlackholeFactory {
    parallelism: Option<u32>,
}

impl BlackholeFactory {
    pub(crate) fn new(table: &TableDef) -> Result<Self> {
        options::check(table, &["connector", "sink.parallelism"])?;
        Ok(Self { parallelism: options::positive(table, "sink.parallelism")? })
    }
}

impl OperatorFactory for BlackholeFactory {
    fn create(&self, _info: &TaskInfo) -> Result<Box<dyn Operator>> {
        Ok(Box::new(Blackhole))
    }
}

impl SinkFactory for BlackholeFactory {
    fn accepts_updates(&self) -> bool {
        true
    }

    /// As the original's, which asks for all kinds of rows but this.
    fn wants_update_before(&self) -> bool {
        false
    }

    fn parallelism(&self) -> Option<u32> {
        self.parallelism
    }
}

struct Blackhole;

impl Operator for Blackhole {
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
        OperatorMetrics::add(&ctx.metrics.rows_out, batch.num_rows() as u64);
        Ok(())
    }
}
