//! What the tests of sources and sinks share.

mod race;
mod sink;
mod source;

use super::FileSourceFactory;
use crate::config::ConnectorConfig;
use crate::testing::{Harness, table};
use std::sync::Arc;
use streamjob_checkpoint::MemoryStore;
use streamjob_core::DataType;
use streamjob_core::table::TableDef;
use streamjob_engine::SourceFactory;
use streamjob_state::OperatorState;

pub fn columns() -> [(&'static str, DataType); 2] {
    [("id", DataType::Int), ("s", DataType::STRING)]
}

pub fn files_table(path: &str, more: &[(&str, &str)]) -> TableDef {
    let mut options = vec![("connector", "filesystem"), ("path", path), ("format", "csv")];
    options.extend_from_slice(more);
    table("t", &columns(), &options)
}

pub fn local() -> ConnectorConfig {
    ConnectorConfig::default()
}

pub fn in_memory() -> (ConnectorConfig, Arc<MemoryStore>) {
    let store = Arc::new(MemoryStore::new());
    let (mut config, opened) = (ConnectorConfig::default(), store.clone());
    config.open_bucket = Arc::new(move |bucket| {
        assert_eq!(bucket, "b");
        Ok(opened.clone())
    });
    (config, store)
}

/// Everything that a table has, read by one subtask.
pub fn read_all(table: &TableDef, config: &ConnectorConfig) -> Vec<String> {
    let harness = Harness::new(0, 1);
    let mut source = FileSourceFactory::new(table, config).unwrap().create(&harness.info).unwrap();
    source.open(&mut harness.ctx(), &OperatorState::default()).unwrap();
    harness.drain(source.as_mut(), &table.physical_schema(), 100).unwrap()
}
