//! Names of tables and columns, and the words that need backticks to be one.

use crate::position::{Position, parser_error};
use datafusion_expr::sqlparser::ast::{
    Ident, ObjectName, Query, Select, SelectItem, Spanned, TableFactor, Visit, Visitor,
};
use datafusion_expr::sqlparser::parser::{Parser, ParserError};
use datafusion_expr::sqlparser::tokenizer::{Token, Word};
use std::ops::ControlFlow;
use streamjob_core::{Error, Result};

/// A table's name, perhaps with catalog and database, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableName {
    /// One to three parts.
    pub parts: Vec<String>,
    /// Its first part.
    pub position: Position,
}

impl TableName {
    /// The parts with dots between.
    pub fn text(&self) -> String {
        self.parts.join(".")
    }
}

/// Reads `[catalog.[database.]]name`.
pub fn table_name(parser: &mut Parser) -> Result<TableName, ParserError> {
    let position = Position::of_token(parser.peek_token_ref());
    let mut parts = vec![identifier(parser, "a name")?.value];
    while parts.len() < 3 && parser.consume_token(&Token::Period) {
        parts.push(identifier(parser, "a name")?.value);
    }
    Ok(TableName { parts, position })
}

/// A name; reserved words need backticks.
pub(super) fn identifier(parser: &mut Parser, what: &str) -> Result<Ident, ParserError> {
    let token = parser.next_token();
    let position = Position::of_token(&token);
    match &token.token {
        Token::Word(Word { value, quote_style: None, .. })
            if RESERVED.binary_search(&value.to_ascii_uppercase().as_str()).is_ok() =>
        {
            Err(parser_error(format!("expected {what}, found the reserved word {value} (write `{value}`)"), position))
        }
        Token::Word(Word { value, quote_style, .. }) => {
            let mut ident = Ident::with_span(token.span, value.clone());
            ident.quote_style = *quote_style;
            Ok(ident)
        }
        other => Err(parser_error(format!("expected {what}, found {other}"), position)),
    }
}

/// sqlparser takes any word as a table's name: `FROM WHERE x` would read a table WHERE.
pub fn refuse_reserved_tables(query: &Query) -> Result<()> {
    struct Reserved;
    impl Visitor for Reserved {
        type Break = Error;
        fn pre_visit_relation(&mut self, name: &ObjectName) -> ControlFlow<Error> {
            match name.0.first().and_then(|p| p.as_ident()) {
                // UNNEST is refused by its own name later.
                Some(i)
                    if i.quote_style.is_none()
                        && !i.value.eq_ignore_ascii_case("UNNEST")
                        && RESERVED.binary_search(&i.value.to_ascii_uppercase().as_str()).is_ok() =>
                {
                    let at = Position::of(i.span);
                    ControlFlow::Break(at.error(format!(
                        "syntax error: expected a table, found the reserved word {} (write `{}`)",
                        i.value, i.value
                    )))
                }
                _ => ControlFlow::Continue(()),
            }
        }
    }
    match query.visit(&mut Reserved) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

/// sqlparser takes a text as an alias: `SELECT a 'b'`.
pub fn refuse_text_aliases(query: &Query) -> Result<()> {
    struct Aliases;
    impl Aliases {
        fn check(alias: &Ident, place: Position) -> ControlFlow<Error> {
            if alias.quote_style != Some('\'') {
                return ControlFlow::Continue(());
            }
            let error =
                place.error(format!("syntax error: Expecting alias, found character literal '{}'", alias.value));
            ControlFlow::Break(error.fix("quote names by backticks"))
        }
    }
    impl Visitor for Aliases {
        type Break = Error;
        fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<Error> {
            for item in &select.projection {
                if let SelectItem::ExprWithAlias { expr, alias } = item {
                    Self::check(alias, Position::of_expr(expr))?;
                }
            }
            ControlFlow::Continue(())
        }
        fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<Error> {
            match factor {
                TableFactor::Table { alias: Some(alias), .. } | TableFactor::Derived { alias: Some(alias), .. } => {
                    Self::check(&alias.name, Position::of(factor.span()))
                }
                _ => ControlFlow::Continue(()),
            }
        }
    }
    match query.visit(&mut Aliases) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

/// Words that name a column or table only in backticks, sorted.
const RESERVED: &[&str] = &[
    "ABS",
    "ALL",
    "ALTER",
    "AND",
    "ANY",
    "ARE",
    "ARRAY",
    "AS",
    "AT",
    "AVG",
    "BEGIN",
    "BETWEEN",
    "BIGINT",
    "BINARY",
    "BOOLEAN",
    "BOTH",
    "BY",
    "CALL",
    "CARDINALITY",
    "CASE",
    "CAST",
    "CEIL",
    "CHAR",
    "CHARACTER",
    "CHECK",
    "COALESCE",
    "COLLECT",
    "COLUMN",
    "COMMIT",
    "CONSTRAINT",
    "COUNT",
    "CREATE",
    "CROSS",
    "CUBE",
    "CURRENT",
    "CURRENT_DATE",
    "CURRENT_TIME",
    "CURRENT_TIMESTAMP",
    "DATE",
    "DAY",
    "DECIMAL",
    "DEFAULT",
    "DELETE",
    "DESCRIBE",
    "DISTINCT",
    "DOUBLE",
    "DROP",
    "ELSE",
    "END",
    "EXCEPT",
    "EXECUTE",
    "EXISTS",
    "EXPLAIN",
    "EXTRACT",
    "FALSE",
    "FETCH",
    "FILTER",
    "FLOAT",
    "FLOOR",
    "FOR",
    "FROM",
    "FULL",
    "FUNCTION",
    "GROUP",
    "GROUPING",
    "HAVING",
    "HOUR",
    "IN",
    "INNER",
    "INSERT",
    "INT",
    "INTEGER",
    "INTERSECT",
    "INTERVAL",
    "INTO",
    "IS",
    "JOIN",
    "LATERAL",
    "LEADING",
    "LEFT",
    "LIKE",
    "LIMIT",
    "LOCAL",
    "LOCALTIME",
    "LOCALTIMESTAMP",
    "LOWER",
    "MATCH_RECOGNIZE",
    "MAX",
    "MERGE",
    "MIN",
    "MINUTE",
    "MONTH",
    "MULTISET",
    "NATURAL",
    "NONE",
    "NOT",
    "NULL",
    "NULLIF",
    "NUMERIC",
    "OFFSET",
    "ON",
    "OR",
    "ORDER",
    "OUTER",
    "OVER",
    "PARTITION",
    "POSITION",
    "PRIMARY",
    "RANGE",
    "RANK",
    "REAL",
    "RIGHT",
    "ROLLUP",
    "ROW",
    "ROWS",
    "SECOND",
    "SELECT",
    "SET",
    "SMALLINT",
    "SOME",
    "SUM",
    "TABLE",
    "TABLESAMPLE",
    "THEN",
    "TIME",
    "TIMESTAMP",
    "TINYINT",
    "TO",
    "TRAILING",
    "TRUE",
    "UNION",
    "UNIQUE",
    "UNKNOWN",
    "UNNEST",
    "UPDATE",
    "UPPER",
    "USER",
    "USING",
    "VALUE",
    "VALUES",
    "VARBINARY",
    "VARCHAR",
    "WHEN",
    "WHERE",
    "WINDOW",
    "WITH",
    "YEAR",
];

#[cfg(test)]
mod tests {
    #[test]
    fn reserved_words_are_sorted() {
        assert!(super::RESERVED.is_sorted());
    }
}
