//! Places in the user's script, and errors that carry them.

use datafusion_expr::sqlparser::ast::{Expr, Spanned};
use datafusion_expr::sqlparser::parser::ParserError;
use datafusion_expr::sqlparser::tokenizer::{Location, Span, TokenWithSpan};
use std::fmt;
use streamjob_core::Error;

/// A place in the script, from line 1 and column 1; line 0 when it is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, PartialOrd, Ord)]
pub struct Position {
    /// Line, from 1.
    pub line: u64,
    /// Column in characters, from 1.
    pub column: u64,
}

impl Position {
    /// Where a span starts.
    pub fn of(span: Span) -> Self {
        Self { line: span.start.line, column: span.start.column }
    }

    /// Where an expression starts.
    pub fn of_expr(expr: &Expr) -> Self {
        Self::of(expr.span())
    }

    /// Where a token starts.
    pub fn of_token(token: &TokenWithSpan) -> Self {
        Self::of(token.span)
    }

    /// True when it names a place.
    pub fn known(self) -> bool {
        self.line > 0
    }

    /// The same place, or `other` when this one is not known.
    #[must_use]
    pub fn or(self, other: Position) -> Position {
        if self.known() { self } else { other }
    }

    /// A user error at this place.
    pub fn error(self, message: impl fmt::Display) -> Error {
        if self.known() { Error::user(format!("{self}: {message}")) } else { Error::user(message.to_string()) }
    }

    /// Puts this place before an error's message, unless the message starts with a place already.
    pub fn locate(self, error: Error) -> Error {
        if !self.known() || error.message().starts_with("line ") { error } else { error.context(self) }
    }
}

impl From<Location> for Position {
    fn from(l: Location) -> Self {
        Self { line: l.line, column: l.column }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// Turns a parser error, which carries its place at the end of its text, into ours.
pub fn from_parser(error: ParserError) -> Error {
    let text = match error {
        ParserError::TokenizerError(t) | ParserError::ParserError(t) => t,
        ParserError::RecursionLimitExceeded => {
            return Error::user("an expression or query is nested too deeply").fix("split it by views");
        }
    };
    let (message, position) = split_position(&text);
    let message = message
        .replace("Expected: ", "expected ")
        .replace(", found: ", ", found ")
        .replace("found EOF", "found the end of the script");
    position.error(format!("syntax error: {message}"))
}

/// Makes a parser error of ours carry a place the way sqlparser does.
pub fn parser_error(message: impl fmt::Display, position: Position) -> ParserError {
    ParserError::ParserError(format!("{message} at Line: {}, Column: {}", position.line, position.column))
}

fn split_position(text: &str) -> (&str, Position) {
    let parse = || {
        let (message, place) = text.rsplit_once("at Line: ")?;
        let (line, column) = place.split_once(", Column: ")?;
        Some((message.trim_end(), Position { line: line.trim().parse().ok()?, column: column.trim().parse().ok()? }))
    };
    parse().unwrap_or((text, Position::default()))
}
