//! What a script consists of, once parsed.

use super::ddl::CreateTable;
use super::names::TableName;
use crate::position::Position;
use datafusion_expr::sqlparser::ast::{Ident, Query};

/// A statement and where it starts.
#[derive(Debug, Clone, PartialEq)]
pub struct Located {
    /// Its first token.
    pub position: Position,
    /// The statement.
    pub statement: Statement,
}

/// What a script may say.
#[derive(Debug, Clone, PartialEq)]
pub enum Statement {
    /// `SET 'key' = 'value'`.
    Set {
        /// The option.
        key: String,
        /// Its value.
        value: String,
    },
    /// `RESET` or `RESET 'key'`.
    Reset(Option<String>),
    /// CREATE TABLE.
    CreateTable(Box<CreateTable>),
    /// CREATE VIEW.
    CreateView(Box<CreateView>),
    /// DROP TABLE or DROP VIEW.
    Drop {
        /// True for a view.
        view: bool,
        /// Its name.
        name: TableName,
        /// IF EXISTS.
        if_exists: bool,
    },
    /// INSERT INTO.
    Insert(Box<Insert>),
    /// EXPLAIN of some inserts, or of a query.
    Explain(Explained),
    /// A query at the top, which has no sink.
    Query(Box<Query>),
}

/// What EXPLAIN explains.
#[derive(Debug, Clone, PartialEq)]
pub enum Explained {
    /// Inserts.
    Inserts(Vec<Insert>),
    /// A query without a sink.
    Query(Box<Query>),
}

/// CREATE VIEW.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateView {
    /// Its name.
    pub name: TableName,
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// Names for its columns; empty for those of the query.
    pub columns: Vec<Ident>,
    /// What it shows.
    pub query: Box<Query>,
}

/// INSERT INTO.
#[derive(Debug, Clone, PartialEq)]
pub struct Insert {
    /// The sink.
    pub table: TableName,
    /// The columns that are given; empty for all.
    pub columns: Vec<Ident>,
    /// What to insert.
    pub query: Box<Query>,
    /// Where it stands.
    pub position: Position,
}
