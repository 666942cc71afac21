//! Values of WITH options that several connectors share.

use std::str::FromStr;
use streamjob_core::options::parse_bool;
use streamjob_core::table::TableDef;
use streamjob_core::{Error, Result};

/// `true` or `false`; false when it is not set.
pub(crate) fn flag(table: &TableDef, key: &str) -> Result<bool> {
    Ok(table.options.parse(&table.name, key, "true or false", parse_bool)?.unwrap_or(false))
}

/// A whole number of at least 1.
pub(crate) fn positive<T: FromStr + PartialOrd + From<u8>>(table: &TableDef, key: &str) -> Result<Option<T>> {
    table
        .options
        .parse(&table.name, key, "a whole number of at least 1", |t| t.trim().parse().ok().filter(|n| *n >= T::from(1)))
}

/// Refuses options outside of `known`, and PARTITIONED BY, which no connector here supports.
pub(crate) fn check(table: &TableDef, known: &[&str]) -> Result<()> {
    if !table.partition_keys.is_empty() {
        return Err(Error::user(format!("table {}: PARTITIONED BY is not supported", table.name))
            .fix("remove it, and declare one table per folder"));
    }
    table.options.finish(&table.name, known)
}
