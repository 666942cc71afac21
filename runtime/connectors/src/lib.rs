//! The connectors that a table's `connector` option can name: datagen,
//! nexmark, filesystem, print and blackhole, with the formats csv, json and raw. Every
//! option of a table is checked when its source or sink is planned.

mod blackhole;
mod config;
mod datagen;
mod filesystem;
mod format;
mod nexmark;
mod options;
mod print;
#[cfg(test)]
#[allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod testing;

pub use config::{BucketOpener, ConnectorConfig, LineWriter};
pub use format::decode;

use std::sync::Arc;
use streamjob_core::options::nearest;
use streamjob_core::table::TableDef;
use streamjob_core::{Error, Result};
use streamjob_engine::{Connectors, SinkFactory, SourceFactory};

/// All connectors, by the name that the `connector` option gives.
const NAMES: [&str; 5] = ["blackhole", "datagen", "filesystem", "nexmark", "print"];

/// The built-in connectors.
pub struct StandardConnectors {
    config: ConnectorConfig,
}

impl StandardConnectors {
    /// With settings of this process (S3 access, where print writes to).
    pub fn new(config: ConnectorConfig) -> Self {
        Self { config }
    }
}

impl Connectors for StandardConnectors {
    fn source(&self, table: &TableDef) -> Result<Arc<dyn SourceFactory>> {
        match table.options.require(&table.name, "connector")? {
            "datagen" => Ok(Arc::new(datagen::DatagenFactory::new(table)?)),
            "nexmark" => Ok(Arc::new(nexmark::NexmarkFactory::new(table)?)),
            "filesystem" => Ok(Arc::new(filesystem::FileSourceFactory::new(table, &self.config)?)),
            name @ ("print" | "blackhole") => {
                Err(Error::user(format!("table {}: connector '{name}' cannot be read from", table.name))
                    .fix("read from a table with connector 'filesystem' or 'datagen'"))
            }
            other => Err(unknown(table, other)),
        }
    }

    fn sink(&self, table: &TableDef) -> Result<Arc<dyn SinkFactory>> {
        match table.options.require(&table.name, "connector")? {
            "print" => Ok(Arc::new(print::PrintFactory::new(table, &self.config)?)),
            "blackhole" => Ok(Arc::new(blackhole::BlackholeFactory::new(table)?)),
            "filesystem" => Ok(Arc::new(filesystem::FileSinkFactory::new(table, &self.config)?)),
            name @ ("datagen" | "nexmark") => {
                Err(Error::user(format!("table {}: connector '{name}' cannot be written to", table.name))
                    .fix("write to a table with connector 'filesystem', 'print' or 'blackhole'"))
            }
            other => Err(unknown(table, other)),
        }
    }
}

fn unknown(table: &TableDef, name: &str) -> Error {
    let known = NAMES.join(", ");
    let fix = match nearest(name, NAMES) {
        Some(near) => format!("did you mean '{near}'? known are {known}"),
        None => format!("known are {known}"),
    };
    Error::user(format!("table {}: there is no connector '{name}'", table.name)).fix(fix)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::testing::table;

    fn refusal(options: &[(&str, &str)], sink: bool) -> String {
        let connectors = StandardConnectors::new(ConnectorConfig::default());
        let table = table("t", &[("a", streamjob_core::DataType::Int)], options);
        let error = if sink { connectors.sink(&table).err() } else { connectors.source(&table).err() };
        error.expect("it must be refused").to_string()
    }

    #[test]
    fn what_is_not_known_is_refused_by_name() {
        for (options, sink, parts) in [
            (&[("connector", "carrier-pigeon")][..], false, &["'carrier-pigeon'", "blackhole, datagen"][..]),
            (&[("connector", "filesytem")], true, &["did you mean 'filesystem'"]),
            (&[], false, &["'connector' is missing"]),
            (&[("connector", "print")], false, &["'print' cannot be read"]),
            (&[("connector", "datagen")], true, &["'datagen' cannot be written"]),
            (&[("connector", "print"), ("colour", "red")], true, &["unknown option 'colour'"]),
            (&[("connector", "print"), ("print-identifer", "x")], true, &["did you mean 'print-identifier'"]),
            (&[("connector", "filesystem"), ("format", "csv")], false, &["'path' is missing"]),
            (&[("connector", "filesystem"), ("path", "/x")], false, &["'format' is missing"]),
            (&[("connector", "filesystem"), ("path", "/x"), ("format", "xsv")], false, &["'xsv'", "csv"]),
            (
                &[("connector", "filesystem"), ("path", "/x"), ("format", "csv"), ("csv.field-delimiter", "||")],
                false,
                &["'csv.field-delimiter' = '||'", "single character"],
            ),
            (
                &[("connector", "filesystem"), ("path", "/x"), ("format", "json"), ("csv.null-literal", "")],
                false,
                &["unknown option 'csv.null-literal'"],
            ),
            (&[("connector", "filesystem"), ("path", "hdfs://x/y"), ("format", "csv")], false, &["'hdfs'"]),
        ] {
            let text = refusal(options, sink);
            for part in parts {
                assert!(text.contains(part), "{text} should contain {part}");
            }
        }
    }
}
