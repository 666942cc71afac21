//! A declared table: what CREATE TABLE said, resolved, as connectors need it.

use crate::error::{Error, Result};
use crate::types::{LogicalType, Schema};
use std::collections::BTreeMap;

/// A table of the catalog.
#[derive(Debug, Clone, PartialEq)]
pub struct TableDef {
    /// Its name.
    pub name: String,
    /// All columns in declared order.
    pub columns: Vec<ColumnDef>,
    /// WATERMARK FOR.
    pub watermark: Option<WatermarkDef>,
    /// PRIMARY KEY … NOT ENFORCED; empty without one.
    pub primary_key: Vec<String>,
    /// PARTITIONED BY; empty without.
    pub partition_keys: Vec<String>,
    /// The WITH options.
    pub options: TableOptions,
}

/// A declared column.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnDef {
    /// Its name.
    pub name: String,
    /// Its type; of a computed column, that of its expression.
    pub ty: LogicalType,
    /// Where its values come from.
    pub kind: ColumnKind,
}

/// Where a column's values come from.
#[derive(Debug, Clone, PartialEq)]
pub enum ColumnKind {
    /// Stored in the outside system.
    Physical,
    /// Computed from others on read: the SQL text.
    Computed(String),
    /// The connector's metadata under this key.
    Metadata {
        /// The key.
        key: String,
        /// True when it is read only.
        is_virtual: bool,
    },
}

/// WATERMARK FOR `column` AS `expr`.
#[derive(Debug, Clone, PartialEq)]
pub struct WatermarkDef {
    /// The time attribute.
    pub column: String,
    /// The SQL text of the expression.
    pub expr: String,
}

impl TableDef {
    /// The columns that a format reads and writes: physical ones, in order.
    pub fn physical_schema(&self) -> Schema {
        Schema::new(
            self.columns.iter().filter(|c| c.kind == ColumnKind::Physical).map(|c| (c.name.clone(), c.ty.clone())),
        )
    }
}

/// The WITH options of one table. A connector takes what it knows; what is left
/// over is refused by [`TableOptions::finish`] with the nearest known name.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TableOptions(pub BTreeMap<String, String>);

impl TableOptions {
    /// The raw text of an option.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// The text of an option that must be there.
    pub fn require(&self, table: &str, key: &str) -> Result<&str> {
        self.get(key).ok_or_else(|| {
            Error::user(format!("table {table}: option '{key}' is missing")).fix(format!("add '{key}' = '…' to WITH"))
        })
    }

    /// Parses an option; `expected` says in words what is allowed.
    pub fn parse<T>(
        &self,
        table: &str,
        key: &str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>> {
        let Some(text) = self.get(key) else { return Ok(None) };
        parse(text).map(Some).ok_or_else(|| {
            Error::user(format!("table {table}: option '{key}' = '{text}' is not valid"))
                .fix(format!("give {expected}"))
        })
    }

    /// Refuses options outside `known` (a name ending in `.` or `#` is a prefix or pattern, see
    /// [`crate::options::matches_known`]), suggesting the nearest.
    pub fn finish(&self, table: &str, known: &[&str]) -> Result<()> {
        for key in self.0.keys() {
            if !crate::options::matches_known(key, known) {
                let error = Error::user(format!("table {table}: unknown option '{key}'"));
                return Err(match crate::options::nearest(key, known.iter().copied()) {
                    Some(near) => error.fix(format!("did you mean '{near}'?")),
                    None => error.fix(format!("known options: {}", known.join(", "))),
                });
            }
        }
        Ok(())
    }
}
